"""What figures on papers are made of: a statement → its subtotals by counterparty → entries, line by line; an invoice → entries of fees.

Signs are those of the books: plus owes the house; on accounts of the house what it gained is below zero. A statement has the other sign,
and what a partner owes by an invoice the house has gained.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from clearing import errors
from settlement.books.chart import HOUSE_CODE, Chart, Connection, Row, rows
from settlement.books.explain import BEGINNING, PAGE, Explained, Part, Place, causes_of, leaves_of
from settlement.books.explain_runs import accounts_of, among, run_read, turned, windows_of
from settlement.reports import jsonl
from settlement.rules.money import MICRO_DIGITS
from settlement.rules.statement_lines import Line, read_record

# --- statements


async def explain_statement(
    connection: Connection,
    chart: Chart,
    lane: int,
    name: str,
    part: str | None = None,
    after: Place = BEGINNING,
    most: int = PAGE,
    reader: str | None = None,
) -> Explained | None:
    """The net of a statement's lines, of those with one counterparty, or of the line of this number. None where there is no such statement.

    Raises errors.NotFound for another's, and for a part that it does not have; errors.ValidationFailed for a part of the house's own, whose
    lines are sums.
    """
    found = await rows(connection, "explain_statement", statement=name)
    if not found or found[0]["content"] is None:
        return None
    if reader not in {None, found[0]["partner"]}:
        raise errors.NotFound
    run, partner = found[0]["run"], found[0]["partner"]
    lines = _lines(found[0]["content"])
    if part is None:
        return _subtotals(name, lines)
    if partner == HOUSE_CODE:
        raise errors.ValidationFailed(f"the house's statement tells sums of entries: ask for {run}:{HOUSE_CODE}")
    chosen = [line for line in lines if line.counterparty == part]
    if not chosen and part.isdecimal():
        chosen = lines[int(part) - 1 : int(part)] if int(part) else []
    if not chosen:
        raise errors.NotFound("the statement has no such line or counterparty")
    read = await run_read(connection, lane, run)
    named = sorted({UUID(line.exchange) for line in chosen})
    entries = await among(connection, lane, read, accounts_of(chart, partner), exchanges=named)
    leaves = leaves_of(chart, sorted(_matched(chosen, entries), key=lambda row: (row["seq"], row["line"])))
    brought = sum(leaf.amount for leaf in leaves if leaf.place <= after)
    left = [leaf for leaf in leaves if leaf.place > after]
    page = tuple(left[:most])
    causes = await causes_of(connection, lane, [leaf.exchange_id for leaf in page])
    figure = -sum(line.net for line in chosen)
    following = page[-1].place if len(left) > most else None
    return Explained(None, figure, brought, page, causes, following)


def _lines(content: bytes) -> list[Line]:
    return [read_record(dict(one.values)) for one in jsonl.read(content).lines]


def _subtotals(name: str, lines: Iterable[Line]) -> Explained:
    sums: dict[str, int] = defaultdict(int)
    for line in lines:
        sums[line.counterparty] -= line.net
    parts = tuple([Part(f"lines with {other}", amount, f"{name}:{other}") for other, amount in sorted(sums.items())])
    return Explained(None, sum(sums.values()), 0, (), (), None, parts=parts)


def _matched(lines: Iterable[Line], entries: Iterable[Row]) -> list[Row]:
    """The entries that these lines are, each once: a line is an entry of its exchange, with the other sign."""
    known: dict[tuple[str, int], list[Row]] = defaultdict(list)
    for row in entries:
        known[str(row["exchange_id"]), row["amount"] or 0].append(row)
    return [known[key].pop(0) for line in lines if known[key := (line.exchange, -line.net)]]


# --- invoices


async def explain_invoice(
    connection: Connection,
    chart: Chart,
    lane: int,
    name: str,
    part: str | None = None,
    after: Place = BEGINNING,
    most: int = PAGE,
    reader: str | None = None,
) -> Explained | None:
    """The gross of an invoice: the fees of its lines, what rounding them once made of it, and its tax; or the net of one line.

    None where there is no such invoice. Raises errors.NotFound for another's, and for a line that it does not have.
    """
    found = await rows(connection, "explain_invoice", invoice=name)
    if not found:
        return None
    if reader not in {None, found[0]["partner"]}:
        raise errors.NotFound
    said, partner = json.loads(found[0]["document"]), found[0]["partner"]
    line = _line(said, part)
    told = await windows_of(connection, lane, found[0]["run"])
    told |= {"after_seq": after[0], "after_line": after[1], "most": most + 1}
    told |= {"kind": line.get("fee"), "returned": line.get("returned")}
    entries = await rows(connection, "explain_fees", **told, partner=partner, corrects=said["corrects"])
    brought, leaves, following = turned(chart, entries, most)
    causes = await causes_of(connection, lane, [leaf.exchange_id for leaf in leaves])
    rounded = _micros(line["net"]) - _micros(line["exact"])
    parts = [Part("rounded to the currency, once for all lines", -rounded)] if rounded else []
    tax = 0 if part else _micros(said["tax"])
    if tax:
        booked = await rows(connection, "explain_booked", lane=lane, names=[], papers=[name])
        parts.append(Part("tax", -tax, str(booked[0]["adjustment_id"]) if booked else None))
    figure = -_micros(line["net"]) - tax
    return Explained(None, figure, brought, leaves, causes, following, parts=tuple(parts), shown_to=partner)


def _line(said: dict[str, Any], part: str | None) -> dict[str, Any]:
    """The line of this number, or the whole document."""
    if part is None:
        return {"net": said["net"], "exact": said["exact"]}
    chosen = [one for one in said["lines"] if str(one["line"]) == part]
    if not chosen:
        raise errors.NotFound("the invoice has no such line")
    found: dict[str, Any] = chosen[0]
    return found


def _micros(text: str) -> int:
    """Millionths of what a document of the house says."""
    whole, _, rest = text.partition(".")
    return int(f"{whole}{rest.ljust(MICRO_DIGITS, '0')}")
