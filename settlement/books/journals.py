"""The journals of a span as text: generic CSV for a general ledger, or beancount, with assertions of what the house keeps as sums.

What was adjusted in the house's fees stands apart: its sums are by the adjustments' own words, and what is left of the kept sum is fees.
"""

from collections.abc import AsyncIterator
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from clearing.ledger.adjust import ADJUSTED
from clearing.rules.postings import Account
from settlement.books.chart import Chart, Connection, rows
from settlement.books.spans import Span, closing, opening
from settlement.rules.journal import (
    WHATS,
    Codes,
    Held,
    Journal,
    bean_balances,
    bean_head,
    bean_of,
    bean_opening,
    csv_head,
    csv_of,
    what_of,
)

FORMATS = ("csv", "beancount")
PAGE = 5_000  # events of the log read at a time


async def export(
    connection: Connection, chart: Chart, span: Span, shape: str, codes: Codes | None = None
) -> AsyncIterator[str]:
    """The journals in one of FORMATS, piece by piece. Inside one snapshot. Law: the same books give the same text."""
    if shape == "csv":
        yield csv_head()
        async for journal in journals(connection, chart, span):
            yield csv_of(journal, codes or Codes())
        return
    last = span.opens_at.date()
    yield bean_head(f"clearing {span.first_code} to {span.last_code}", last, chart.accounts.values())
    yield bean_opening(
        last, _held(chart, await opening(connection, span), await _adjusted(connection, span, span.first))
    )
    async for journal in journals(connection, chart, span):
        yield bean_of(journal)
        last = max(last, journal.day)
    held = _held(chart, await closing(connection, span), await _adjusted(connection, span, span.until))
    for line in bean_balances(last + timedelta(days=1), held):
        yield line


async def journals(connection: Connection, chart: Chart, span: Span) -> AsyncIterator[Journal]:
    """One for each event that booked something, in the order of the log. Days are UTC."""
    for first in range(span.first, span.until, PAGE):
        until = min(first + PAGE, span.until)
        found = await rows(connection, "books_journal", lane=span.lane, first=first, until=until)
        for seq, entries in groupby(found, key=lambda row: int(row["seq"])):
            yield _journal(chart, span.lane, seq, list(entries))


def _journal(chart: Chart, lane: int, seq: int, entries: list[dict[str, Any]]) -> Journal:
    first = entries[0]
    day: date = first["at"].date()
    memo = f"{first['kind']} {first['exchange_id']}"
    lines = tuple([(chart.accounts[row["account"]], row["amount"]) for row in entries])
    reason = first["reason"] or ""
    what = what_of(reason) if first["adjusted"] == ADJUSTED else ""
    return Journal(lane, seq, day, memo, lines, what, reason, first["reference"] or "")


async def _adjusted(connection: Connection, span: Span, until: int) -> dict[str, int]:
    """What adjustments moved of the house's before a place of the log, by what they are."""
    sums = dict.fromkeys(WHATS, 0)
    for row in await rows(connection, "books_adjusted", lane=span.lane, until=until):
        sums[what_of(row["reason"])] += row["amount"]
    return sums


def _held(chart: Chart, balances: dict[int, int], adjusted: dict[str, int]) -> list[Held]:
    """Every account with what it held, those that held nothing too."""
    found: list[Held] = []
    for number, account in chart.accounts.items():
        apart = adjusted if account.kind is Account.FEE else {}
        found.append((account, "", balances.get(number, 0) - sum(apart.values())))
        found += [(account, what, amount) for what, amount in apart.items()]
    return found
