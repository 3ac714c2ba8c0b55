"""The statement as CSV (RFC 4180, UTF-8). The first cell of a row says what it is:

H a fact of the statement · C the columns of what follows · D a line · T the totals below their columns · G subtotals per counterparty and
kind · L hashes of the lines · S the signature, in parts that a spreadsheet's cell can hold. Only D, L and S say something of their own.
"""

import csv
import io
import re
from collections.abc import Iterator, Mapping
from decimal import Decimal
from typing import Any

from settlement.reports.claims import Claim, Seen, seen
from settlement.reports.figures import COVER_NAMES, STEP_NAMES
from settlement.reports.seal import Sealed, hash_rows
from settlement.rules.statement_lines import COLUMNS, MONEY, POINTS, canonical, record

CELL_MAX = 30_000  # a cell of a spreadsheet holds 32,767 characters
_TOTALS = ("lines", *POINTS, *MONEY, "net")
_WHOLE = re.compile(r"0|[1-9][0-9]{0,15}")

Row = tuple[str, ...]


def write(sealed: Sealed, said: Mapping[str, Any]) -> bytes:
    """The file; `said` is the header of the seal."""
    text = io.StringIO(newline="")
    rows = csv.writer(text)
    rows.writerows(head(said))
    for number, line in enumerate(sealed.statement.lines, 1):
        values = record(line, number)
        rows.writerow(["D", *(values[name] for name in COLUMNS)])
    rows.writerows(foot(said))
    rows.writerows(("L", first, hashes) for first, hashes in hash_rows(sealed.leaves))
    for part, start in enumerate(range(0, len(sealed.token), CELL_MAX), 1):
        rows.writerow(("S", part, sealed.token[start : start + CELL_MAX]))
    return text.getvalue().encode()


def head(said: Mapping[str, Any]) -> Iterator[Row]:
    """The rows above the lines: facts, opening to closing, what was settled, what is in the payment."""
    for name in ("schema", "sign_rule", "line_rule", "statement"):
        yield "H", name, str(said[name])
    yield "H", "partner", said["partner"]["code"], said["partner"]["name"]
    for one in said["counterparties"]:
        yield "H", "counterparty", one["code"], one["name"]
    for one in said["windows"]:
        yield "H", "window", one["code"], one["opens_at"], one["closes_at"]
    for name in ("currency", "digits", "made_at", "lines", "opening"):
        yield "H", name, str(said[name])
    for name in [name for name in STEP_NAMES if name in said["steps"]]:
        yield "H", f"step {name}", said["steps"][name]
    yield "H", "net", said["net"]
    for one in said["settled"]:
        yield "H", "settled", one["amount"], one["on"], one["reference"]
    yield "H", "closing", said["closing"]
    for one in (said["payment"], *said.get("payments", ())):
        yield from _payment(one)
    if "payments" in said:
        yield "H", "all payments", str(sum(Decimal(one["amount"]) for one in said["payments"]))
    for name in COVER_NAMES if "cover" in said else ():
        yield "H", f"cover {name}", said["cover"][name]
    for one in said.get("waterfalls", ()):
        names = ("run", "contract", "version", "window", "claws_back", "base", "others")
        yield "H", "waterfall", *("" if one[name] is None else str(one[name]) for name in names)
        yield from (("H", "leg", *leg) for leg in one["legs"])
    for name in ("root", "key"):
        yield "H", name, said[name]
    yield "C", *COLUMNS


def _payment(said: Mapping[str, Any] | None) -> Iterator[Row]:
    if said is None:
        return
    yield "H", "payment", said["amount"], said["on"], said["reference"], *([said["with"]] if "with" in said else [])
    for one in said["items"]:
        yield "H", "in this payment", one["amount"], one["what"]
    other = said["converted"]
    if other is not None:
        rate = f"{other['rate']['num']}/{other['rate']['den']}"
        yield "H", "converted", other["amount"], other["currency"], rate, other["source"]


def foot(said: Mapping[str, Any]) -> Iterator[Row]:
    """The rows below the lines: totals, then subtotals."""
    total = {**said["total"], "line": str(said["lines"])}
    yield "T", *(total[name] if name in (*POINTS, *MONEY, "line") else "" for name in COLUMNS)
    yield "C", "subtotal of", "name", *_TOTALS
    for what, of in (("counterparty", "by_counterparty"), ("kind", "by_kind")):
        for one in said[of]:
            yield "G", what, one["name"], *(str(one[name]) for name in _TOTALS)


def read(data: bytes) -> Claim:
    """What a CSV file claims; nothing is believed yet. Raises ValueError for what is no CSV in UTF-8."""
    lines: list[Seen] = []
    hashes: list[tuple[int, str]] = []
    token: list[str] = []
    frame: list[Row] = []
    try:
        for row in csv.reader(io.StringIO(data.decode(), newline=""), strict=True):
            match row:
                case ["D", *cells]:
                    lines.append(_line(cells))
                case ["L", first, text]:
                    hashes.append((int(first) if _WHOLE.fullmatch(first) else 0, text))
                case ["S", _, text]:
                    token.append(text)
                case _:
                    frame.append(tuple(row))
    except csv.Error as fault:
        raise ValueError(str(fault)) from None
    return Claim("CSV", tuple(lines), tuple(hashes), "".join(token), frame=tuple(frame))


def _line(cells: list[str]) -> Seen:
    names = [*COLUMNS, *(f"column {place}" for place in range(len(COLUMNS) + 1, len(cells) + 1))]
    values = {name: _value(name, cell) for name, cell in zip(names, cells, strict=False)}
    return seen(canonical(values), values)


def _value(name: str, cell: str) -> str | int:
    return int(cell) if name in {*POINTS, "line"} and _WHOLE.fullmatch(cell) else cell
