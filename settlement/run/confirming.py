"""What the bank says of a run's payments, matched by instruction, amount, currency and direction. The run waits for what differs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, date, datetime

from clearing import errors
from clearing.rules.refusals import Refusal, RefusalCode
from settlement.run.store import (
    DIRECT,
    Connection,
    InstructionRow,
    Step,
    events,
    noted,
    rows,
    run_of,
    turned,
)

ATTEMPTS_MAX = 100  # others who write of the same run first; each of them makes progress
BOOKED = ("confirmed", "settled")
CONFIRMABLE = ("frozen", "instructed", "paying", "settled")


@dataclass(frozen=True, slots=True)
class Confirmation:
    """One booked payment of a bank's file. `bank_reference` is the bank's own name for it."""

    instruction: str
    direction: str
    currency: str
    minor: int
    booked_on: date
    bank_reference: str


@dataclass(frozen=True, slots=True)
class Confirmed:
    """What became of one confirmation: `confirmed`, `again` (said before), `differs` or `unknown`; and what differs."""

    instruction: str
    outcome: str
    differs: str | None = None


async def confirm(
    connection: Connection, run: str, confirmations: Iterable[Confirmation], step: Step
) -> list[Confirmed] | Refusal:
    """Match what the bank says with what was instructed, one after the other. The same said again has no second effect.

    Raises errors.ValidationFailed, and does nothing, where any of it is booked on a day after today: interest counts up to that day.
    """
    row, said = await run_of(connection, run), list(confirmations)
    if row.state not in CONFIRMABLE:
        return Refusal(RefusalCode.RUN_NOT_READY, f"{run} is {row.state}: nothing was instructed")
    for one in said:
        if one.booked_on > step.at.astimezone(UTC).date():
            raise errors.ValidationFailed(f"booked_on: {one.booked_on} is to come")
    return [await _confirmed(connection, run, one, step) for one in said]


def mismatch(instructed: InstructionRow, said: Confirmation) -> str | None:
    """What differs: direction, currency or amount; a payment that was not released; one that another booking confirmed before."""
    if different := _different(instructed, said):
        return different
    if instructed.state == "waiting":
        return "it was paid before it was released"
    if instructed.state in BOOKED:
        return f"it was booked twice: as {instructed.bank_reference}, and as {said.bank_reference}"
    return None


def said_before(instructed: InstructionRow, said: Confirmation) -> bool:
    """Whether this is known. A payment between partners is booked at two banks, each of which has a name of its own for it."""
    if instructed.state not in BOOKED:
        return False
    same = instructed.bank_reference == said.bank_reference
    return same or (instructed.direction == DIRECT and not _different(instructed, said))


def _different(instructed: InstructionRow, said: Confirmation) -> str:
    pairs = (
        ("direction", instructed.direction, said.direction),
        ("currency", instructed.currency, said.currency),
        ("amount in minor units", instructed.minor, said.minor),
    )
    return "; ".join(f"{what}: instructed {ours}, booked {theirs}" for what, ours, theirs in pairs if ours != theirs)


def too_early(said: Confirmation, frozen_at: datetime) -> str | None:
    """Why a booking cannot be of this payment: it was booked before the run was frozen, when nobody knew of it."""
    begun = frozen_at.astimezone(UTC).date()
    return f"booked_on: instructed on {begun}, booked on {said.booked_on}" if said.booked_on < begun else None


async def _confirmed(connection: Connection, run: str, said: Confirmation, step: Step) -> Confirmed:
    for _ in range(ATTEMPTS_MAX):
        row = await run_of(connection, run)
        known = await rows(connection, "payment_read", partner=None, instruction=said.instruction)
        if not known or known[0]["run"] != run:
            return Confirmed(said.instruction, "unknown")
        instructed = InstructionRow(**known[0])
        if said_before(instructed, said):
            return Confirmed(said.instruction, "again")
        async with connection.transaction():
            if await turned(connection, row):
                return await _kept(connection, instructed, said, step)
    raise errors.Unavailable


async def _kept(connection: Connection, instructed: InstructionRow, said: Confirmation, step: Step) -> Confirmed:
    """Write what the bank says of a payment, as it was read in this turn."""
    asked = {"run": instructed.run, "instruction": said.instruction}
    frozen_at = next(one.at for one in await events(connection, instructed.run) if one.step == "frozen")
    different = mismatch(instructed, said) or too_early(said, frozen_at)
    if different is not None:
        await rows(connection, "run_instruction_differs", **asked, differs=different)
        detail = f"{said.instruction}: {different}"
        if detail not in {event.detail for event in await events(connection, instructed.run)}:
            await noted(connection, instructed.run, "differs", step, detail)
        return Confirmed(said.instruction, "differs", different)
    told = {"bank_reference": said.bank_reference, "booked_on": said.booked_on}
    await rows(connection, "run_instruction_confirm", **asked, **told)
    await noted(connection, instructed.run, "confirmed", step, f"{said.instruction}: {said.bank_reference}")
    return Confirmed(said.instruction, "confirmed")
