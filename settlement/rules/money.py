"""Money as whole numbers: decimal text in and out, exactly, and the one rounding to minor units.

Inside, an amount is a count of micros: millionths of the major unit of its currency. Outside it is decimal text in major units. How many
decimals a currency has is data (`Digits`) that the door brings along.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from clearing.rules.units import Ratio

MICRO_DIGITS = 6  # decimals of a micro
MICROS_MAX = 2**63 - 1  # what a column of the books can hold
RATE_DIGITS = 15  # decimals of a rate
_WHOLE_DIGITS = 15
_LONGEST = _WHOLE_DIGITS + 1 + 40  # longer text is no number that anybody means
_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]+))?")

Digits = Mapping[str, int]
"""Currency → decimals of its minor unit: EUR 2, JPY 0, KWD 3."""


class Reason(StrEnum):
    """Why money, or a list of it, is not read. Stable: callers branch on these."""

    HEADER = "header"
    """The first line does not name exactly the columns that are needed, in their order."""
    COLUMNS = "columns"
    """A line has more or fewer fields than the header, or is empty."""
    QUOTING = "quoting"
    """A line is no CSV: a quote that never ends, something between a closing quote and the comma, or a field without end."""
    ENCODING = "encoding"
    """The file is not UTF-8."""
    FILE_SIZE = "file_size"
    """The file is larger than any that is read."""
    EMPTY = "empty"
    """An amount or rate is missing."""
    NOT_DECIMAL = "not_decimal"
    """An amount or rate is not written as digits, or digits, a point and digits: no sign, exponent, separator, blank, NaN."""
    DECIMALS = "decimals"
    """More decimals than are exact."""
    TOO_LARGE = "too_large"
    """Above what the books can hold."""
    PARTY = "party"
    """A party is missing, too long, has blanks around it or characters that nobody sees."""
    SAME_PARTY = "same_party"
    """Debtor and creditor are one."""
    CURRENCY = "currency"
    """No currency has this code."""
    TWICE = "twice"
    """A currency has two rates."""
    RATE_ZERO = "rate_zero"
    """A rate is zero."""
    SETTLEMENT_CURRENCY = "settlement_currency"
    """Not exactly one currency has the rate 1, or the one that was named has another."""
    RATE_MISSING = "rate_missing"
    """The rate set has no rate for a currency."""
    CONTRACT = "contract"
    """A contract says what no contract can, or is another than the one it is compared with."""
    OUT_OF_RANGE = "out_of_range"
    """What is undone, or the days of a delay, lie outside of what there is."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A typed no: the reason to branch on, a sentence for a person, and the line of the file where there is one (from 1)."""

    reason: Reason
    detail: str
    line: int | None = None


def decimal(text: str, digits: int, most: int = MICROS_MAX) -> int | Refused:
    """What `text` says, in units of ten to the minus `digits`. Exact or refused: nothing is rounded.

    One form: ASCII digits, and behind a point at least one and at most `digits` more.
    """
    if not text:
        return Refused(Reason.EMPTY, "an amount is missing")
    found = _DECIMAL.fullmatch(text) if len(text) <= _LONGEST and text.isascii() else None
    if found is None:
        return Refused(Reason.NOT_DECIMAL, f"{text[:40]!a} is not written as a decimal like 1234.56")
    whole, fraction = found[1], found[2] or ""
    if len(fraction) > digits:
        return Refused(Reason.DECIMALS, f"{text} has more than {digits} decimals")
    value = int(whole + fraction.ljust(digits, "0"))
    return value if value <= most else Refused(Reason.TOO_LARGE, f"{text} is above {written(most, digits)}")


def micros(text: str) -> int | Refused:
    """The micros of an amount in major units, to the millionth."""
    return decimal(text, MICRO_DIGITS)


def rate(text: str) -> Ratio | Refused:
    """The exact ratio that a decimal rate is. Zero is no rate."""
    value = decimal(text, RATE_DIGITS, 10 ** (_WHOLE_DIGITS + RATE_DIGITS))
    if isinstance(value, Refused):
        return value
    if value == 0:
        return Refused(Reason.RATE_ZERO, "a rate is above zero")
    exact = Fraction(value, 10**RATE_DIGITS)
    return Ratio(exact.numerator, exact.denominator)


def written(amount: int, digits: int, least: int | None = None) -> str:
    """Units of ten to the minus `digits` as decimal text with all their decimals; zeros at its end only up to `least`, where it is said."""
    whole, rest = divmod(abs(amount), 10**digits)
    if digits == MICRO_DIGITS and least is None:  # by far the most of what is written
        return f"{'-' if amount < 0 else ''}{whole}.{rest:06}"
    fraction = f"{rest:0{digits}}" if digits else ""
    if least is not None:
        fraction = fraction[:least] + fraction[least:].rstrip("0")
    return f"{'-' if amount < 0 else ''}{whole}{'.' if fraction else ''}{fraction}"


def plain(amount: int, digits: int) -> str:
    """Micros as decimal text: the decimals of the currency, and more only where they say something."""
    return written(amount, MICRO_DIGITS, digits)


def major(amount: int) -> str:
    """Micros as decimal text with all six decimals."""
    return written(amount, MICRO_DIGITS)


def minor(amount: Fraction, digits: int) -> Fraction:
    """Micros, not always whole after a conversion, in minor units: exact, not rounded."""
    return amount * Fraction(10**digits, 10**MICRO_DIGITS)


def nearest(amount: Fraction) -> int:
    """The nearest whole number; a half goes away from zero."""
    up = (2 * abs(amount) + 1) // 2
    return up if amount >= 0 else -up


def to_minor(amounts: Mapping[str, Fraction]) -> dict[str, int]:
    """Amounts that add up to zero, rounded to whole numbers that add up to zero: the only rounding of a window's nets.

    Each is rounded down, then one more to each of the largest remainders, among equals to the larger amount, so to who is owed before who
    owes, and only among equal amounts to the name that sorts first. Law: each is less than one away from its exact amount, and what was
    whole stays as it was. Raises ValueError for amounts that do not add up to zero.
    """
    if sum(amounts.values()):
        message = "only amounts that add up to zero are rounded together"
        raise ValueError(message)
    parts = {name: exact.numerator // exact.denominator for name, exact in amounts.items()}
    order = sorted(parts, key=lambda name: (parts[name] - amounts[name], -amounts[name], name))
    for name in order[: -sum(parts.values())]:
        parts[name] += 1
    return parts
