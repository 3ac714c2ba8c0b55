"""Rate sets in: one source's rates of one day, published once, each an exact fraction; and turned into what a run converts with."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from fractions import Fraction

from clearing import errors
from clearing.rules.units import Ratio
from settlement.files.sheets import Row, rows
from settlement.rules.listing import RATE_COLUMNS
from settlement.rules.money import nearest, written

COLUMNS = ("source", "date", "published_at", "currency", "rate")
VALUE_DIGITS = 12  # decimals of a rate that is published

_RATE = re.compile(r"([0-9]{1,9})(?:\.([0-9]{1,9}))?")
_SOURCE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,31}")
_CURRENCY = re.compile(r"[A-Z]{3}")
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")


@dataclass(frozen=True, slots=True)
class RateSet:
    """What a source published: units of each currency for one unit of the source's base (the ECB's is the euro), by currency."""

    source: str
    date: date
    published_at: datetime  # UTC
    rates: tuple[tuple[str, Ratio], ...]


def rate_set(body: bytes) -> RateSet:
    """The one rate set of this table. Raises errors.BodyTooLarge, errors.RequestMalformed or errors.ValidationFailed with the line.

    Every line repeats source, date and instant of publication, so that no line can come from another set unseen. A rate is the
    publisher's decimal, taken exactly: 1.0850 is 10850/10000.
    """
    lines = rows(body, COLUMNS)
    first = lines[0]
    rates: dict[str, Ratio] = {}
    for row in lines:
        if any(row[name] != first[name] for name in COLUMNS[:3]):
            raise row.fault("one table is one set: source, date and published_at are the same on every line")
        if not _CURRENCY.fullmatch(row["currency"]) or row["currency"] in rates:
            raise row.fault("currency: three capital letters, each once")
        rates[row["currency"]] = _rate(row)
    if not _SOURCE.fullmatch(first["source"]):
        raise first.fault("source: 1 to 32 letters, digits, dots, dashes")
    return RateSet(
        first["source"], _day(first), _instant(first), tuple(sorted(rates.items(), key=lambda pair: pair[0]))
    )


def valued(found: RateSet, base: str, unit: str) -> tuple[tuple[str, str], ...]:
    """What one unit of each currency is worth in `unit`, as decimals: what rate sets of the house say. Raises errors.ValidationFailed.

    The table says the other way round how many units one of its `base` is worth. So a value is the rate of `unit` over that of the
    currency, exactly, and rounded once, to the nearest of twelve decimals, a half up; that of `unit` is 1.
    """
    if not _CURRENCY.fullmatch(base):
        raise errors.ValidationFailed("the base is a currency: three capital letters")
    rates = dict(found.rates)
    if rates.setdefault(base, Ratio(1, 1)).num != rates[base].den:
        raise errors.ValidationFailed(f"{base} is the base of the table, and the table has another rate than 1 for it")
    if unit not in rates:
        raise errors.ValidationFailed(f"the table has no rate of {unit}")
    there = rates[unit]
    values = {
        currency: nearest(Fraction(there.num * back.den * 10**VALUE_DIGITS, there.den * back.num))
        for currency, back in sorted(rates.items())
    }
    if nothing := [currency for currency, value in values.items() if not value]:
        raise errors.ValidationFailed(f"one {nothing[0]} is worth less of {unit} than {VALUE_DIGITS} decimals can say")
    return tuple([(currency, written(value, VALUE_DIGITS, 0)) for currency, value in values.items()])


def listed(values: Sequence[tuple[str, str]]) -> bytes:
    """The table that `clearing rates publish` takes."""
    return "".join(f"{','.join(row)}\n" for row in (RATE_COLUMNS, *values)).encode()


def _rate(row: Row) -> Ratio:
    match = _RATE.fullmatch(row["rate"])
    fraction = (match[2] or "") if match else ""
    num = int(match[1] + fraction) if match else 0
    if num == 0:
        raise row.fault("rate: plain decimal text above zero, at most 9 digits before and after the point")
    return Ratio(num, 10 ** len(fraction))


def _day(row: Row) -> date:
    try:
        return date.fromisoformat(row["date"] if _DAY.fullmatch(row["date"]) else "")
    except ValueError:
        raise row.fault("date: a day like 2026-11-20") from None


def _instant(row: Row) -> datetime:
    try:
        found = datetime.fromisoformat(row["published_at"])
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise row.fault("published_at: an instant like 2026-11-20T15:00:00Z")
