"""Invoices and credit notes for the house's fees: what partners paid by the books, in minor units, with tax. Pure.

Plus: the partner owes. The exact sum of a document is rounded once, a half away from zero, and spread over its lines by largest remainder;
tax is reckoned on the sum of each rate. So lines add up to the net, nets of rates do, and net and tax make the gross, exactly.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import Any, NamedTuple

from settlement.rules.money import MICRO_DIGITS, Refused, decimal, major, minor, nearest, written
from settlement.rules.tax import Side, Tax, TaxTable, Treatment

SCHEMA = "clearing-invoice/1"
SIGN = "plus: the customer owes; minus: it is given back"
INVOICE, CREDIT_NOTE = "invoice", "credit_note"


class Fee(NamedTuple):
    """What a partner paid the house in the exchanges of a kind, millionths. What is given back is below zero."""

    partner: str
    corrects: str
    kind: str
    returned: bool
    bookings: int
    micros: int


@dataclass(frozen=True, slots=True)
class Line:
    """A fee on a document: exact, in minor units, and how it is taxed."""

    fee: Fee
    net: int
    tax: Tax


@dataclass(frozen=True, slots=True)
class Draft:
    """A document that has no number yet. `corrects` is the invoice whose fees it gives back; none: it stands for itself."""

    partner: str
    corrects: str
    table: TaxTable
    lines: tuple[Line, ...]

    @property
    def net(self) -> int:
        """The sum of the lines."""
        return sum(line.net for line in self.lines)

    @property
    def kind(self) -> str:
        """Whether the partner owes, or is given back."""
        return CREDIT_NOTE if self.net < 0 else INVOICE

    @property
    def taxes(self) -> tuple[tuple[Tax, int, int], ...]:
        """For each treatment and rate: what is taxed so, and the tax on it."""
        sums: dict[Tax, int] = {}
        for line in self.lines:
            plain = Tax(line.tax.treatment, line.tax.basis_points, line.tax.reason)
            sums[plain] = sums.get(plain, 0) + line.net
        order = sorted(sums, key=lambda tax: (-tax.basis_points, tax.treatment, tax.reason))
        return tuple([(tax, sums[tax], tax.on(sums[tax])) for tax in order])

    @property
    def tax(self) -> int:
        """The tax of all rates."""
        return sum(tax for _, _, tax in self.taxes)


@dataclass(frozen=True, slots=True)
class Issue:
    """What numbering adds, and what all documents of a run have in common."""

    year: int
    number: int
    issued_on: str
    run: str
    since: str
    until: str
    windows: tuple[str, ...]


def drafts(fees: Iterable[Fee], own: TaxTable, tables: Mapping[str, TaxTable]) -> list[Draft]:
    """One document for each partner, and one more for each earlier invoice that something is given back of, taxed as that one was.

    `tables` are those of the earlier invoices. What comes to nothing has none. Raises KeyError with the partner that the
    table does not name.
    """
    found = []
    for (partner, corrects), group in groupby(sorted(fees), key=lambda fee: (fee.partner, fee.corrects)):
        table = tables[corrects] if corrects else own
        told = list(group)
        nets = spread([minor(Fraction(fee.micros), table.digits) for fee in told])
        taxes = [table.tax_of(partner, fee.kind) for fee in told]
        lines = [Line(fee, net, tax) for fee, net, tax in zip(told, nets, taxes, strict=True)]
        draft = Draft(partner, corrects, table, tuple(lines))
        if draft.net or draft.tax:
            found.append(draft)
    return found


def spread(amounts: Sequence[Fraction]) -> list[int]:
    """Amounts as whole numbers that add up to their sum, rounded once. Law: each is less than one away from its exact amount."""
    parts = [exact.numerator // exact.denominator for exact in amounts]
    order = sorted(range(len(parts)), key=lambda place: (parts[place] - amounts[place], place))
    for place in order[: nearest(sum(amounts, Fraction())) - sum(parts)]:
        parts[place] += 1
    return parts


# --- the document


def name_of(series: str, year: int, number: int) -> str:
    """The number of a document as it is printed."""
    return f"{series}-{year}-{number:06}"


def document(draft: Draft, issue: Issue) -> dict[str, Any]:
    """What is kept, signed and printed."""
    table, name = draft.table, name_of(draft.table.series, issue.year, issue.number)
    return {
        "schema": SCHEMA,
        "sign": SIGN,
        "kind": draft.kind,
        "invoice": name,
        "series": table.series,
        "year": issue.year,
        "number": issue.number,
        "issued_on": issue.issued_on,
        "corrects": draft.corrects or None,
        "run": issue.run,
        "supplied": {"from": issue.since, "until": issue.until, "windows": list(issue.windows)},
        "supplier": _side(table.supplier),
        "customer": {"partner": draft.partner, **_side(table.customers[draft.partner])},
        "tax_table": table.name,
        "currency": table.currency,
        "digits": table.digits,
        "lines": [_line(number, line, table.digits) for number, line in enumerate(draft.lines, 1)],
        "taxes": [
            {**_taxed(tax), "reason": tax.reason, "net": written(net, table.digits), "tax": written(owed, table.digits)}
            for tax, net, owed in draft.taxes
        ],
        "net": written(draft.net, table.digits),
        "tax": written(draft.tax, table.digits),
        "gross": written(draft.net + draft.tax, table.digits),
        "exact": major(sum(line.fee.micros for line in draft.lines)),
        "payment": f"The net is settled by run {issue.run}, or by the one that resumes what it parked. "
        f"The tax is booked under {name} and settled with the window that it falls into.",
    }


def _line(number: int, line: Line, digits: int) -> dict[str, Any]:
    fee = line.fee
    return {
        "line": number,
        "fee": fee.kind,
        "returned": fee.returned,
        "bookings": fee.bookings,
        "exact": major(fee.micros),
        "net": written(line.net, digits),
        **_taxed(line.tax),
    }


def _taxed(tax: Tax) -> dict[str, Any]:
    return {"treatment": tax.treatment.value, "basis_points": tax.basis_points}


def _side(side: Side) -> dict[str, Any]:
    return {"name": side.name, "address": list(side.address), "vat_id": side.vat_id}


def faults_of(said: Mapping[str, Any]) -> list[str]:
    """What does not add up in a document, whoever signed it. Law: of a document of the house, nothing."""
    try:
        return _faults(said)
    except (KeyError, TypeError, ValueError, AttributeError):
        return ["it is no invoice of this schema"]


def _faults(said: Mapping[str, Any]) -> list[str]:
    digits, lines, taxes = said["digits"], said["lines"], said["taxes"]
    net, tax, gross = (_whole(said[name], digits) for name in ("net", "tax", "gross"))
    found = [] if sum(_whole(one["net"], digits) for one in lines) == net else ["its lines do not add up to its net"]
    if spread([minor(Fraction(_whole(one["exact"], MICRO_DIGITS)), digits) for one in lines]) != [
        _whole(one["net"], digits) for one in lines
    ]:
        found.append("a line is not its exact amount, rounded")
    for one in taxes:
        rate = one["treatment"], one["basis_points"]
        taxed = [line for line in lines if (line["treatment"], line["basis_points"]) == rate]
        same = [other for other in taxes if (other["treatment"], other["basis_points"]) == rate]
        if len(same) == 1 and sum(_whole(line["net"], digits) for line in taxed) != _whole(one["net"], digits):
            found.append(f"the lines at {rate[1]} basis points do not add up to what is taxed so")
        if Tax(Treatment(rate[0]), rate[1], "").on(_whole(one["net"], digits)) != _whole(one["tax"], digits):
            found.append(f"the tax at {rate[1]} basis points is not that of its net")
    if sum(_whole(one["net"], digits) for one in taxes) != net:
        found.append("what is taxed does not add up to its net")
    if sum(_whole(one["tax"], digits) for one in taxes) != tax or net + tax != gross:
        found.append("its net and its taxes do not add up to its gross")
    if said["invoice"] != name_of(said["series"], said["year"], said["number"]):
        found.append("its number is not that of its series and year")
    return found


def _whole(text: str, digits: int) -> int:
    """A decimal of so many digits, with or without a minus. Raises ValueError."""
    found = decimal(text.removeprefix("-"), digits)
    if isinstance(found, Refused):
        raise ValueError(found.detail)  # noqa: TRY004 - the text is wrong, not its type
    return -found if text.startswith("-") else found
