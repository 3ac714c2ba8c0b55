"""What the books said at a past instant, read without any lock: balances of accounts, and what one member moved through the house.

Entries are only ever added, and the events of the log are in order of time. So an instant is an edge of the log, found by halving it, and
a balance is the sum of the windows that were over by then and of the entries between there and the edge: counted from whichever end of
the window is nearer. Points in transit belong to no window; their entries are counted from the nearer end of the log.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from clearing import errors
from clearing.database import statement
from clearing.ledger.book import NO_WINDOW

Connection = AsyncConnection[Any]
END = 2**62  # beyond every event of every log


@dataclass(frozen=True, slots=True)
class Edge:
    """The log as it was at an instant: `size` events were at or before it, of `head` until now.

    Settled: something later is in the log already, so nothing can be added at or before the instant any more.
    """

    size: int
    head: int
    settled: bool
    whole: tuple[int, ...]  # windows that were over
    window_id: int | None = None  # the window that the edge cuts in two, its first event, and where it was sealed
    first: int = 0
    until: int | None = None


@dataclass(frozen=True, slots=True)
class Balances:
    """What accounts held, by their number; plus is what was added to them. An account that was never touched holds nothing."""

    edge: Edge
    of: dict[int, int]


@dataclass(frozen=True, slots=True)
class Moved:
    """Points of one account, all in its program's unit: moved for good by an instant, and (`…ing`) under way then.

    Returned and taken back are what reversals gave back to it as a source and took from it as a target. A credit that came after its
    exchange had been reversed is in none of them: a person decides about it.
    """

    sent: int
    received: int
    returned: int
    taken_back: int
    sending: int
    receiving: int
    returning: int
    taking_back: int

    @property
    def net(self) -> int:
        """What the house brought to this account (plus) or took from it (minus), for good."""
        return self.received + self.returned - self.sent - self.taken_back


async def edge(connection: Connection, lane: int, at: datetime) -> Edge:
    """Where the log was at this instant. Reads as many leaves as the size of the log has binary digits."""
    row = await (await connection.execute(statement("log_edge"), {"lane": lane, "at": at})).fetchone()
    if row is None:
        message = f"lane {lane} does not exist: run the migration"
        raise errors.Misconfigured(message)
    size, head, settled, whole, window_id, first, until = row
    return Edge(size, head, settled, tuple(whole), window_id, first or 0, until)


async def balances(connection: Connection, lane: int, accounts: Sequence[int], at: datetime) -> Balances:
    """What these accounts held at this instant. Law: the sum of all their entries whose event is not later."""
    found = await edge(connection, lane, at)
    rows = await (
        await connection.execute(statement("balances_at"), {"lane": lane, "account": list(accounts), **_parts(found)})
    ).fetchall()
    return Balances(found, dict.fromkeys(accounts, 0) | dict(rows))


async def moved(connection: Connection, lane: int, account: UUID, at: datetime) -> Moved:
    """What this member's account moved by this instant."""
    arguments = {"lane": lane, "account": account, "at": at}
    row = await (await connection.execute(statement("member_moved"), arguments)).fetchone()
    return Moved(*row) if row else Moved(0, 0, 0, 0, 0, 0, 0, 0)


def _parts(found: Edge) -> dict[str, Any]:
    """Which kept sums to take, and which entries to add to them or to take from them.

    What goes back from an end takes the kept sum and every entry from the edge on: both are read by one statement, so they agree.
    """
    size, end = found.size, found.head if found.until is None else found.until
    cut_back = found.window_id is not None and size - found.first > end - size
    loose_back = size > found.head - size
    after = END if found.until is None else found.until
    kept = [found.window_id] if cut_back else []
    return {
        "window_id": [*found.whole, *kept, *([NO_WINDOW] if loose_back else [])],
        "cut_window": found.window_id,
        "cut_first": size if cut_back else found.first,
        "cut_until": after if cut_back else size,
        "cut_sign": -1 if cut_back else 1,
        "loose_first": size if loose_back else 0,
        "loose_until": END if loose_back else size,
        "loose_sign": -1 if loose_back else 1,
    }
