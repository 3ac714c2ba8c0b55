"""Runs as they are kept: rows by the statements of settlement/sql, and the steps of a run, each with the key that took it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from clearing import errors
from clearing.database import statement
from settlement.rules.flows import HOUSE
from settlement.rules.run import PAY_IN, PAY_OUT

Connection = AsyncConnection[Any]
Row = dict[str, Any]
DIRECT = "direct"
"""The direction of a payment from partner to partner."""


@dataclass(frozen=True, slots=True)
class RunRow:
    """A run as it stands."""

    run: str
    state: str
    held_because: str | None
    inputs: bytes
    inputs_sha256: str
    result: bytes | None
    result_sha256: str | None
    value_date: date
    created_at: datetime
    created_by: str
    previewed_by: str | None
    approved_by: str | None
    turn: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A line of the list of runs."""

    run: str
    state: str
    held_because: str | None
    result_sha256: str | None
    value_date: date
    created_at: datetime


@dataclass(frozen=True, slots=True)
class InstructionRow:
    """One payment of a run: what travels, and what it clears of the positions of payer (`paid`) and payee (`received`)."""

    instruction: str
    run: str
    payer: str
    payee: str
    currency: str
    minor: int
    paid: int
    received: int
    value_date: date
    state: str
    bank_reference: str | None
    booked_on: date | None
    differs: str | None
    rejected_at: datetime | None
    accrued_until: date | None

    @property
    def direction(self) -> str:
        """Which way it goes, as the house sees it."""
        if HOUSE not in {self.payer, self.payee}:
            return DIRECT
        return PAY_IN if self.payee == HOUSE else PAY_OUT

    @property
    def partner(self) -> str:
        """The partner that pays or, where the house does, is paid."""
        return self.payee if self.payer == HOUSE else self.payer

    @property
    def settles(self) -> tuple[tuple[str, int], ...]:
        """What it takes from what each partner owes: plus of who pays, minus of who is paid. The house has no position."""
        sides = ((self.payer, self.paid), (self.payee, -self.received))
        return tuple([side for side in sides if side[0] != HOUSE and side[1]])

    def overdue(self, today: date) -> bool:
        """Whether a partner is to pay it, and its day has passed without a confirmation."""
        return self.payer != HOUSE and self.state in {"due", "differs"} and self.value_date < today


@dataclass(frozen=True, slots=True)
class Event:
    """A step that was taken."""

    number: int
    at: datetime
    step: str
    key_id: str | None
    evidence_id: UUID | None
    detail: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """When, by whose key and by which signed request a step is taken."""

    at: datetime
    key_id: str
    evidence_id: UUID | None


async def rows(connection: Connection, name: str, /, **values: object) -> list[Row]:
    """The rows that a statement of settlement gives back."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement(name, "settlement"), values)
        return await cursor.fetchall()


async def tuples(connection: Connection, name: str, /, **values: object) -> list[tuple[Any, ...]]:
    """The same as plain tuples, where there are many."""
    async with connection.cursor() as cursor:
        await cursor.execute(statement(name, "settlement"), values)
        return await cursor.fetchall()


async def write(connection: Connection, name: str, /, **values: object) -> None:
    """Run a statement that gives nothing back."""
    async with connection.cursor() as cursor:
        await cursor.execute(statement(name, "settlement"), values)


async def run_of(connection: Connection, run: str) -> RunRow:
    """One run. Raises errors.NotFound."""
    found = await rows(connection, "run_read", run=run)
    if not found:
        raise errors.NotFound("there is no such run")
    return RunRow(**found[0])


async def runs(connection: Connection) -> list[Listed]:
    """All runs, the newest first."""
    return [Listed(**found) for found in await rows(connection, "run_list")]


async def unsettled(connection: Connection, lane: int) -> list[str]:
    """The codes of sealed windows with value in them that are in no run, the oldest first."""
    return [found["code"] for found in await rows(connection, "run_unsettled", lane=lane)]


async def instructions(connection: Connection, run: str) -> list[InstructionRow]:
    """The payments of a run: those that the house is paid first."""
    return [InstructionRow(**found) for found in await rows(connection, "run_instructions", run=run)]


async def payments_of(
    connection: Connection, partner: str, run: str | None, after: str | None, most: int
) -> list[InstructionRow]:
    """The payments that a partner is a side of, those of the latest day first, at most so many behind the one that is named."""
    asked = {"partner": partner, "run": run, "after": after, "most": most}
    return [InstructionRow(**found) for found in await rows(connection, "payments_of", **asked)]


async def payment_of(connection: Connection, partner: str | None, instruction: str) -> InstructionRow:
    """One payment, if need be for a partner that is a side of it. Raises errors.NotFound, then also for one of others."""
    found = await rows(connection, "payment_read", partner=partner, instruction=instruction)
    if not found:
        raise errors.NotFound("there is no such payment")
    return InstructionRow(**found[0])


async def events(connection: Connection, run: str) -> list[Event]:
    """The steps of a run, in order."""
    return [Event(**found) for found in await rows(connection, "run_events", run=run)]


async def request_behind(connection: Connection, run: str, instruction: str | None = None) -> UUID | None:
    """The signed request that confirmed a payment of this run; of one that no bank confirms, and of the run, the one that froze it."""
    found = await rows(connection, "run_behind", run=run, instruction=instruction)
    return found[0]["evidence_id"] if found else None


async def moved(connection: Connection, run: str, expected: Sequence[str], state: str) -> bool:
    """Move a run on from one of the expected states; False when it is in another by now."""
    return bool(await rows(connection, "run_move", run=run, expected=list(expected), state=state))


async def turned(connection: Connection, row: RunRow) -> bool:
    """Begin to write of the payments of this run, in a transaction, and before any of them; False when somebody wrote since it was read."""
    return bool(await rows(connection, "run_turn", run=row.run, turn=row.turn))


async def noted(connection: Connection, run: str, what: str, step: Step, detail: str | None = None) -> None:
    """Keep a step, in the transaction that takes it."""
    await write(
        connection,
        "run_event_insert",
        run=run,
        at=step.at,
        step=what,
        key_id=step.key_id,
        evidence_id=step.evidence_id,
        detail=detail,
    )
