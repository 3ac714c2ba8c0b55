"""The lines of a long statement as pages of fixed-width text: what a table of them says, for a tenth of the memory."""

from collections.abc import Iterator, Sequence
from itertools import groupby, islice, zip_longest

from settlement.reports.figures import MINUS, NARROW, grouped
from settlement.rules.statement import Statement, Total
from settlement.rules.statement_lines import MONEY, POINTS, Line

ROWS_A_PAGE = 60

_NAMES = ("line", "at", "kind", "exchange", "reference", "sent", "received", "debit", "credit", "fee", "funding")
_WIDTHS = (7, 19, 10, 36, 24, 12, 12, 20, 20, 17, 17)
_NARROW, _SIGNS = "\u052f", {NARROW, MINUS}  # Latin, Greek, Cyrillic; what figures have
_TEXTS = range(1, 5)  # of the columns, these stand at the left, all others at the right


def pages(statement: Statement) -> Iterator[str]:
    """The text of each page, the names of the columns on top."""
    head = [*_rows(_NAMES), "─" * (sum(_WIDTHS) + len(_WIDTHS) - 1)]
    rows = _all(statement)
    while page := list(islice(rows, ROWS_A_PAGE - len(head))):
        yield "\n".join([*head, *page])


def _all(statement: Statement) -> Iterator[str]:
    """The lines of each counterparty, under its name, above its subtotal."""
    names = {party.code: party.name for party in statement.counterparties}
    totals = {one.name: one for one in statement.figures.by_counterparty}
    for code, lines in groupby(enumerate(statement.lines, 1), key=lambda one: one[1].counterparty):
        yield f"{names[code]} ({code})"
        for number, line in lines:
            yield from _rows(_line(line, number))
        yield from _rows(_sum(totals[code]))
        yield ""


def _line(line: Line, number: int) -> tuple[str, ...]:
    at = line.at.isoformat()[:19].replace("T", " ")
    points = (_unless_zero(getattr(line, column), 0) for column in POINTS)
    money = (_unless_zero(getattr(line, column), 6) for column in MONEY)
    return (str(number), at, line.kind.value, line.exchange, line.reference, *points, *money)


def _sum(total: Total) -> tuple[str, ...]:
    points = (grouped(getattr(total, column), 0) for column in POINTS)
    money = (grouped(getattr(total, column), 6) for column in MONEY)
    return ("", "", "subtotal", f"net {grouped(total.net, 6)}", "", *points, *money)


def _unless_zero(amount: int, digits: int) -> str:
    return grouped(amount, digits) if amount else ""


def _rows(cells: Sequence[str]) -> Iterator[str]:
    """One row; what is wider than its column goes on below."""
    parts = [_parts(cell, width) for cell, width in zip(cells, _WIDTHS, strict=True)]
    for row in zip_longest(*parts, fillvalue=""):
        columns = [
            cell + " " * (width - _width(cell)) if place in _TEXTS else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(row, _WIDTHS, strict=True))
        ]
        yield " ".join(columns).rstrip()


def _parts(cell: str, width: int) -> list[str]:
    """The cell in pieces that fit."""
    if _width(cell) <= width:
        return [cell]
    found = [""]
    for character in cell:
        if _width(found[-1] + character) > width:
            found.append("")
        found[-1] += character
    return found


def _width(text: str) -> int:
    """In columns. Characters of scripts that the fixed-width font lacks come from others, and take up to two."""
    return (
        len(text)
        if text.isascii()
        else sum(2 if character > _NARROW and character not in _SIGNS else 1 for character in text)
    )
