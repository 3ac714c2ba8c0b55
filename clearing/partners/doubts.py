"""What a key that was in other hands puts in doubt: everything that it asked for or decided since."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clearing.partners.accounts import bucketed_uuid
from clearing.partners.keys import KeyRow
from clearing.partners.rows import Connection, rows

BEGINNING = -1
"""Before the first place in the log."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MARGIN = timedelta(hours=1)  # an id is made when a request comes, its place in the log when it is written


@dataclass(frozen=True, slots=True)
class Doubt:
    """An event of the log that rests on the key's signature: its place, its exchange, what happened, and when."""

    seq: int
    exchange_id: UUID
    kind: str
    at: datetime


async def doubts(connection: Connection, lane: int, key: KeyRow, most: int, after: int = BEGINNING) -> list[Doubt]:
    """At most so many of them, oldest first, after place `after` of the log; none for a key of which no compromise was said.

    Listed are exchanges, reversals and cancellations that it asked for, and cases that it decided. What it only answered as a program is
    not: the answers of an exchange are in its evidence.
    """
    if key.compromised_since is None:
        return []
    since = max(key.compromised_since, _EPOCH + _MARGIN)
    older = bucketed_uuid(since - _MARGIN, 0, bytes(10))
    found = await rows(
        connection,
        "key_doubts",
        lane=lane,
        after=after,
        older=older,
        since=since,
        key_id=key.public.key_id,
        most=most,
    )
    return [Doubt(**row) for row in found]
