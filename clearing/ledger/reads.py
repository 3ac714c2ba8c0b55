"""What the doors may read of the books, without any lock: exchanges, cases, caps, the head of the log, and proofs from it."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from clearing import errors
from clearing.database import statement
from clearing.ledger import rows
from clearing.ledger.book import TILE_LEVELS
from clearing.ledger.outcomes import ExchangeView, LeafView
from clearing.rules import merkle
from clearing.rules.limits import Budget, Cap, Used
from clearing.rules.postings import Account, account_number

Connection = AsyncConnection[Any]
_LONG_AGO = datetime(2000, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class OpenCase:
    """One line of the review queue."""

    case: int
    exchange_id: UUID
    leg: int
    kind: str
    owner: str
    opened_at: datetime
    due_at: datetime
    detail: str


@dataclass(frozen=True, slots=True)
class Head:
    """The log as it stands: how many events, and the root of all of them."""

    lane: int
    last_at: datetime
    size: int
    root: bytes
    window_id: int


async def exchange(connection: Connection, lane: int, exchange_id: UUID) -> tuple[ExchangeView, LeafView] | None:
    """One exchange with the leaf of its receipt."""
    arguments = {"lane": lane, "exchange_id": exchange_id}
    row = await (await connection.execute(statement("exchange_read"), arguments)).fetchone()
    return rows.known_of(row, lane) if row else None


async def used(connection: Connection, lane: int, account: UUID) -> tuple[Used, ...]:
    """What a member's account has sent, as limits count it."""
    arguments = {"lane": lane, "source_account": [account], "since": _LONG_AGO}
    found = await (await connection.execute(statement("read_sent"), arguments)).fetchall()
    return tuple(Used(*row[1:]) for row in found)


async def budgets(connection: Connection, lane: int, campaigns: Iterable[str]) -> dict[str, Budget]:
    """What these campaigns may spend and have promised; one that was never funded is not among them."""
    arguments = {"lane": lane, "campaign": sorted(set(campaigns))}
    found = await (await connection.execute(statement("read_budgets"), arguments)).fetchall()
    return {campaign: Budget(*row) for campaign, *row in found}


async def of_key(connection: Connection, lane: int, partner: str, idempotency_key: str) -> tuple[UUID, bytes] | None:
    """The exchange or reversal that this key of a partner named before, and the fingerprint that a repeat must equal."""
    arguments = {"lane": lane, "partner": partner, "idempotency_key": idempotency_key}
    row = await (await connection.execute(statement("exchange_of_key"), arguments)).fetchone()
    return (row[0], bytes(row[1])) if row else None


async def cases(connection: Connection, lane: int) -> list[OpenCase]:
    """The open cases, the first due first."""
    found = await (await connection.execute(statement("cases_list"), {"lane": lane})).fetchall()
    return [OpenCase(*row) for row in found]


async def cap(connection: Connection, lane: int, partner_number: int) -> Cap:
    """What a partner may owe, owes and has pending."""
    arguments = {"lane": lane, "account": account_number(partner_number, Account.POSITION)}
    row = await (await connection.execute(statement("cap_read"), arguments)).fetchone()
    return Cap(*row) if row else Cap(0)


async def trial_balance(connection: Connection, lane: int) -> list[tuple[int, int, int]]:
    """Every account with the sums of its debits and of its credits."""
    found = await (await connection.execute(statement("trial_balance"), {"lane": lane})).fetchall()
    return [(account, debits, credits_) for account, debits, credits_ in found]


async def states(connection: Connection, lane: int) -> dict[str, int]:
    """How many exchanges are in each state."""
    return dict(await (await connection.execute(statement("exchange_count"), {"lane": lane})).fetchall())


async def open_orders(connection: Connection, lane: int) -> list[tuple[str, str, int, datetime]]:
    """Program, state, number and oldest of the orders that are not answered."""
    found = await (await connection.execute(statement("orders_open"), {"lane": lane})).fetchall()
    return [(program, state, count, oldest) for program, state, count, oldest in found]


async def head(connection: Connection, lane: int) -> Head:
    """The head of the log."""
    row = await (await connection.execute(statement("lane_head"), {"lane": lane})).fetchone()
    if row is None:
        message = f"lane {lane} does not exist: run the migration"
        raise errors.Misconfigured(message)
    last_at, size, frontier, window_id = row
    return Head(lane, last_at, size, merkle.root(frontier), window_id)


async def inclusion(connection: Connection, lane: int, seq: int, size: int) -> list[bytes]:
    """The audit path of event `seq` in the log of `size` events; reads a few hundred hashes whatever the size of the log."""
    wanted: list[tuple[int, int]] = []

    def note(level: int, place: int) -> bytes:
        wanted.append((level, place))
        return merkle.EMPTY_ROOT

    merkle.inclusion(seq, size, note)
    known = {name: await _subtree(connection, lane, *name) for name in wanted}
    return merkle.inclusion(seq, size, lambda level, place: known[(level, place)])


async def _subtree(connection: Connection, lane: int, level: int, place: int) -> bytes:
    """The hash of a complete subtree, from the nearest level below it that is kept."""
    kept = level - level % TILE_LEVELS
    span = 1 << (level - kept)
    arguments: dict[str, Any] = {"lane": lane, "first": place * span, "last": (place + 1) * span}
    if kept:
        cursor = await connection.execute(statement("tile_hashes"), {**arguments, "level": kept})
    else:
        cursor = await connection.execute(statement("leaf_hashes"), arguments)
    hashes = [row[0] for row in await cursor.fetchall()]
    frontier: list[bytes] = []
    for index, leaf in enumerate(hashes):
        merkle.append(frontier, index, leaf)
    return merkle.root(frontier)
