"""The journals of a span as text: generic CSV for a general ledger, or beancount, with assertions of what the house keeps as sums."""

from collections.abc import AsyncIterator, Iterable
from datetime import date, timedelta
from itertools import groupby
from typing import Any

from settlement.books.chart import Chart, Connection, rows
from settlement.books.spans import Span, closing, opening
from settlement.rules.journal import (
    BookAccount,
    Codes,
    Journal,
    bean_balances,
    bean_head,
    bean_of,
    bean_opening,
    csv_head,
    csv_of,
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
    yield bean_opening(last, _held(chart, await opening(connection, span)))
    async for journal in journals(connection, chart, span):
        yield bean_of(journal)
        last = max(last, journal.day)
    for line in bean_balances(last + timedelta(days=1), _held(chart, await closing(connection, span))):
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
    return Journal(lane, seq, day, memo, tuple([(chart.accounts[row["account"]], row["amount"]) for row in entries]))


def _held(chart: Chart, balances: dict[int, int]) -> list[tuple[BookAccount, int]]:
    """Every account with what it held, those that held nothing too."""
    accounts: Iterable[tuple[int, BookAccount]] = chart.accounts.items()
    return [(account, balances.get(number, 0)) for number, account in accounts]
