"""What the books say of the lines of a run: of partners as texts, one partner after the other, out of one reading of its windows."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC

from psycopg import AsyncServerCursor
from psycopg.rows import TupleRow

from clearing.database import statement
from clearing.rules.postings import Account, account_number
from settlement.rules.statement_booked import adjusted_as
from settlement.rules.statement_lines import Line, LineKind
from settlement.stating.frame import HOUSE_PARTY, Frame
from settlement.stating.store import Connection, Row, rows

FETCHED = 8
"""Texts at a time: one has the lines of a partner in 65,536 events of the log."""


class Stream:
    """The entries of some partners, in order of their accounts."""

    def __init__(self, cursor: AsyncServerCursor[TupleRow]) -> None:
        self._rows = aiter(cursor)
        self._next: tuple[int, str] | None = None

    async def step(self) -> None:
        """Look at the next text."""
        row = await anext(self._rows, None)
        self._next = None if row is None else (row[0], row[1])

    async def texts(self, number: int) -> list[str]:
        """The texts of this partner's entries; asked for in the order of the partners' numbers."""
        account, found = account_number(number, Account.POSITION), []
        while self._next is not None and self._next[0] == account:
            found.append(self._next[1])
            await self.step()
        return found


@asynccontextmanager
async def stream(connection: Connection, frame: Frame, numbers: Iterable[int]) -> AsyncIterator[Stream]:
    """The entries of these partners, sorted by the database and fetched a few at a time; what is sealed cannot change meanwhile."""
    accounts = [account_number(number, Account.POSITION) for number in numbers]
    cursor = AsyncServerCursor[TupleRow](connection, "statement_lines", withhold=True)
    cursor.itersize = FETCHED
    async with cursor:
        async with connection.transaction():
            await rows(connection, "run_patience")
            await cursor.execute(statement("state_lines", "settlement"), _asked(frame) | {"accounts": accounts})
        found = Stream(cursor)
        await found.step()
        yield found


async def house_lines(connection: Connection, frame: Frame) -> list[Line]:
    """What the house earned, and paid of bonuses: a line for each window, partner and kind."""
    async with connection.transaction():
        await rows(connection, "run_patience")
        found = await rows(connection, "state_house", **_asked(frame))
    return [_house_line(frame, row) for row in found]


def _house_line(frame: Frame, row: Row) -> Line:
    other = frame.parties[row["other"]] if row["other"] else HOUSE_PARTY
    window, bookings = frame.windows[row["window_id"]].code, row["bookings"]
    return Line(
        kind=adjusted_as(row["reason"]) if row["kind"] is None else LineKind(row["kind"]),
        at=row["at"].astimezone(UTC),
        counterparty=other.code,
        debit=max(-row["earned"], 0),
        credit=max(row["earned"], 0),
        funding=row["funding"],
        reference=f"{window}, {bookings} {'booking' if bookings == 1 else 'bookings'}",
    )


def _asked(frame: Frame) -> dict[str, object]:
    return {"lane": frame.lane, "first": frame.first, "until": frame.until, "windows": list(frame.windows)}
