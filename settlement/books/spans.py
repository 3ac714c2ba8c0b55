"""A span: windows that follow one another, and the part of the log that they are. What belongs to no window is counted by its place."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime

from clearing import errors
from clearing.ledger.book import NO_WINDOW
from settlement.books.chart import Connection, rows

END = 2**62  # beyond every event of every log


@dataclass(frozen=True, slots=True)
class Span:
    """From the first event of one window to the last of another, `until` not included; the last may be open."""

    lane: int
    first: int
    until: int
    before: tuple[int, ...]
    windows: tuple[int, ...]
    first_code: str
    last_code: str
    opens_at: datetime
    closes_at: datetime
    sealed: bool


@asynccontextmanager
async def snapshot(connection: Connection) -> AsyncIterator[None]:
    """One moment of the books for all that is read in it; nothing can be written."""
    async with connection.transaction():
        await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
        yield


async def span_of(connection: Connection, lane: int, first: str | None = None, last: str | None = None) -> Span:
    """The windows from one code to another, both included; none: from the beginning, to now. Raises errors.NotFound."""
    found = await rows(connection, "books_windows", lane=lane)
    codes = [row["code"] for row in found]
    if not found or (first or codes[0]) not in codes or (last or codes[-1]) not in codes:
        raise errors.NotFound("no such window, or it has not begun")
    begin, end = codes.index(first or codes[0]), codes.index(last or codes[-1])
    if begin > end:
        raise errors.ValidationFailed("the last window is before the first")
    within, sealed = found[begin : end + 1], found[end]["sealed_size"]
    return Span(
        lane,
        found[begin]["opened_size"],
        found[end]["head"] if sealed is None else sealed,
        tuple([row["window_id"] for row in found[:begin]]),
        tuple([row["window_id"] for row in within]),
        codes[begin],
        codes[end],
        found[begin]["opens_at"],
        found[end]["closes_at"],
        sealed is not None,
    )


async def opening(connection: Connection, span: Span) -> dict[int, int]:
    """What accounts held before the span: kept sums of the windows before, and entries without a window."""
    told = {"window_id": list(span.before), "sign": 1, "first": 0, "until": span.first}
    return await _balances(connection, span, told)


async def closing(connection: Connection, span: Span) -> dict[int, int]:
    """What accounts held after the span: kept sums, less the entries without a window that came later."""
    told = {"window_id": [*span.before, *span.windows, NO_WINDOW], "sign": -1, "first": span.until, "until": END}
    return await _balances(connection, span, told)


async def of_windows(connection: Connection, span: Span) -> dict[int, int]:
    """What the windows of the span themselves added, by the kept sums: without what is of no window."""
    return await _balances(connection, span, {"window_id": list(span.windows), "sign": 1, "first": 0, "until": 0})


async def _balances(connection: Connection, span: Span, told: dict[str, object]) -> dict[int, int]:
    return {row["account"]: row["balance"] for row in await rows(connection, "books_balances", lane=span.lane, **told)}
