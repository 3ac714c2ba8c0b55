"""Reads lists of obligations and of rates: CSV text becomes rows, or the first reason why it is none, with its line."""

import csv
from collections.abc import Iterator
from datetime import date, datetime
from io import StringIO

from clearing.rules.units import Ratio
from settlement.rules.money import Digits, Reason, Refused, micros, rate
from settlement.rules.netting import Obligation
from settlement.rules.rates import ONE, RateSet

OBLIGATION_COLUMNS = ("debtor", "creditor", "amount", "currency")
RATE_COLUMNS = ("currency", "rate")
PARTY_MAX = 64  # characters

_Line = tuple[int, list[str]]


def read_obligations(text: str, digits: Digits) -> tuple[Obligation, ...] | Refused:
    """The obligations of a list with a header. Amounts are major units, exact to the millionth; a currency is one of `digits`."""
    found = []
    for row in _rows(text, OBLIGATION_COLUMNS):
        one = row if isinstance(row, Refused) else _obligation(row, digits)
        if isinstance(one, Refused):
            return one
        found.append(one)
    return tuple(found)


def read_rates(
    text: str,
    digits: Digits,
    settle_in: str | None = None,
    source: str = "",
    on: date | None = None,
    published_at: datetime | None = None,
) -> RateSet | Refused:
    """The rates of a list with a header: what one unit of each currency is worth in the settlement currency, which has the rate 1.

    The settlement currency is `settle_in`, or else the only one whose rate is 1.
    """
    values: dict[str, Ratio] = {}
    for row in _rows(text, RATE_COLUMNS):
        one = row if isinstance(row, Refused) else _rate(row, digits)
        if isinstance(one, Refused):
            return one
        line, currency, value = one
        if currency in values:
            return Refused(Reason.TWICE, f"{currency} has a rate already", line)
        values[currency] = value
    ones = [currency for currency, value in values.items() if value == ONE]
    if settle_in is None and len(ones) == 1:
        settle_in = ones[0]
    if settle_in is None or settle_in not in ones:
        named = "one currency, and one alone," if settle_in is None else f"{settle_in}, the settlement currency,"
        return Refused(Reason.SETTLEMENT_CURRENCY, f"{named} must have the rate 1")
    return RateSet(settle_in, values, source, on, published_at)


# --- lines


def _rows(text: str, columns: tuple[str, ...]) -> Iterator[_Line | Refused]:
    """Each row with the number of its first line. A refusal is the last that is given."""
    reader, line = csv.reader(StringIO(text, newline=""), strict=True), 1
    try:
        for row in reader:
            if line == 1 and tuple(row) != columns:
                yield Refused(Reason.HEADER, f"the first line must be {','.join(columns)}", line)
                return
            if len(row) != len(columns):
                yield Refused(Reason.COLUMNS, f"{len(columns)} fields are needed, this line has {len(row)}", line)
                return
            if line > 1:
                yield line, row
            line = reader.line_num + 1
    except csv.Error:
        yield Refused(Reason.QUOTING, "this line is not CSV", line)
        return
    if line == 1:
        yield Refused(Reason.HEADER, f"the first line must be {','.join(columns)}", line)


def _obligation(row: _Line, digits: Digits) -> Obligation | Refused:
    line, (debtor, creditor, amount, currency) = row
    for name, party in (("debtor", debtor), ("creditor", creditor)):
        if not party or len(party) > PARTY_MAX or not party.isprintable() or party != party.strip():
            return Refused(Reason.PARTY, f"the {name} must be 1 to {PARTY_MAX} characters that can be seen", line)
    if debtor == creditor:
        return Refused(Reason.SAME_PARTY, "debtor and creditor are the same", line)
    value = micros(amount)
    if isinstance(value, Refused):
        return Refused(value.reason, value.detail, line)
    return _known(currency, digits, line) or Obligation(debtor, creditor, value, currency)


def _rate(row: _Line, digits: Digits) -> tuple[int, str, Ratio] | Refused:
    line, (currency, text) = row
    value = rate(text)
    if isinstance(value, Refused):
        return Refused(value.reason, value.detail, line)
    return _known(currency, digits, line) or (line, currency, value)


def _known(currency: str, digits: Digits, line: int) -> Refused | None:
    if currency in digits:
        return None
    return Refused(Reason.CURRENCY, f"{currency[:10]!a} is no currency code", line)
