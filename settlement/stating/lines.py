"""The lines of a run, partner after partner, out of one reading of its windows: only the lines of one partner are ever in memory."""

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from datetime import UTC

from psycopg import AsyncServerCursor
from psycopg.rows import TupleRow

from clearing.database import statement
from clearing.rules.postings import Account, account_number
from settlement.rules.statement_booked import Booked, adjusted_as, line_of
from settlement.rules.statement_lines import Line, LineKind
from settlement.stating.frame import HOUSE_PARTY, Frame
from settlement.stating.store import Connection, Row, rows

FETCHED = 2_000

Lines = tuple[list[Line], dict[int, int]]
"""The lines of a party, and what those of each window come to."""


class Stream:
    """The entries of some partners, in order of their accounts."""

    def __init__(self, frame: Frame, cursor: AsyncServerCursor[TupleRow]) -> None:
        self._frame, self._rows = frame, aiter(cursor)
        self._next: Booked | None = None

    async def step(self) -> None:
        """Look at the next entry."""
        row = await anext(self._rows, None)
        self._next = None if row is None else Booked(*row)

    async def lines(self, number: int) -> Lines:
        """The lines of this partner; asked for in the order of the partners' numbers."""
        account, found = account_number(number, Account.POSITION), []
        nets = dict.fromkeys(self._frame.windows, 0)
        while self._next is not None and self._next.account == account:
            entry = self._next._replace(at=self._next.at.astimezone(UTC))
            found.append(line_of(entry, self._frame.parties[entry.other or 0].code))
            nets[entry.window] -= entry.amount
            await self.step()
        return found, nets


@asynccontextmanager
async def stream(connection: Connection, frame: Frame, numbers: Iterable[int]) -> AsyncIterator[Stream]:
    """The entries of these partners, sorted by the database and fetched by the thousand; what is sealed cannot change meanwhile."""
    accounts = [account_number(number, Account.POSITION) for number in numbers]
    cursor = AsyncServerCursor[TupleRow](connection, "statement_lines", withhold=True)
    cursor.itersize = FETCHED
    async with cursor:
        async with connection.transaction():
            await rows(connection, "run_patience")
            await cursor.execute(statement("state_lines", "settlement"), _asked(frame) | {"accounts": accounts})
        found = Stream(frame, cursor)
        await found.step()
        yield found


async def house_lines(connection: Connection, frame: Frame) -> Lines:
    """What the house earned, and paid of bonuses: a line for each window, partner and kind."""
    async with connection.transaction():
        await rows(connection, "run_patience")
        found = await rows(connection, "state_house", **_asked(frame))
    nets = dict.fromkeys(frame.windows, 0)
    for row in found:
        nets[row["window_id"]] += row["earned"] - row["funding"]
    return [_house_line(frame, row) for row in found], nets


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
