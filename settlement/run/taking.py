"""A bank's file taken by a run: matched with what was instructed, once. What differs in anything confirms nothing of the file.

The same file again has no second effect and the same answer; another file under the same name is refused. A notification and the
statement after it tell the same booking: it is `again`, told by another kind of file.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from clearing import errors
from clearing.rules.refusals import Refusal, RefusalCode
from settlement.files.bankfile import BankFile, Booking
from settlement.files.confirming import Outcome, State, match, to_come
from settlement.run.banking import Digits, expected, frozen_at
from settlement.run.confirming import ATTEMPTS_MAX, BOOKED, CONFIRMABLE, Confirmation, confirm
from settlement.run.store import (
    Connection,
    InstructionRow,
    Row,
    Step,
    events,
    instructions,
    noted,
    rows,
    run_of,
    turned,
    write,
)

TOLD_MAX = 5  # entries that a refusal names


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one payment by a file: an outcome of `Confirmed`, or `rejected` or `pending`; and what differs, or why."""

    instruction: str
    outcome: str
    differs: str | None = None


async def take(
    connection: Connection, run: str, file: BankFile, step: Step, now: datetime, digits: Digits
) -> dict[str, Any] | Refusal:
    """What the file says of the run's payments, done in one transaction and kept. `blocked` says that nothing of it was done.

    Of two files at once, the one that comes second is matched with what the first has left. Raises errors.NotFound;
    errors.ValidationFailed without bank details of the house, and for a file that books on days to come, which may be sent again then.
    """
    if ahead := to_come(file, step.at.astimezone(UTC).date()):
        raise errors.ValidationFailed("; ".join(ahead[:TOLD_MAX]))
    for _ in range(ATTEMPTS_MAX):
        if (answer := await _taken(connection, run, file, step, now, digits)) is not None:
            return answer
    raise errors.Unavailable


async def _taken(
    connection: Connection, run: str, file: BankFile, step: Step, now: datetime, digits: Digits
) -> dict[str, Any] | Refusal | None:
    """The same, unless somebody wrote of this run since it was read: then nothing was done, and it is read again."""
    async with connection.transaction():
        row = await run_of(connection, run)
        if row.state not in CONFIRMABLE:
            return Refusal(RefusalCode.RUN_NOT_READY, f"{run} is {row.state}: nothing was instructed")
        before = await rows(connection, "run_file_list", run=run)
        known = next((one for one in before if one["fingerprint"] == file.fingerprint), None)
        if known is not None and known["content"] != file.content:
            return Refusal(RefusalCode.RUN_DIFFERS, "a file of this name was taken before, and said something else")
        if known is not None:
            return dict(known["answer"])
        if not await turned(connection, row):
            return None
        answer = await _answer(connection, run, file, before, step, now, digits)
        await write(
            connection,
            "run_file_insert",
            run=run,
            fingerprint=file.fingerprint,
            content=file.content,
            version=file.version,
            received_at=now,
            evidence_id=step.evidence_id,
            answer=Jsonb(answer),
        )
    return answer


async def _answer(
    connection: Connection, run: str, file: BankFile, before: list[Row], step: Step, now: datetime, digits: Digits
) -> dict[str, Any]:
    ours, sent = await expected(connection, run, now, digits)
    began = (await frozen_at(connection, run)).astimezone(UTC).date()
    matched = match(ours, [file], sent, began)
    for finding in matched.findings:
        await noted(connection, run, "differs", step, finding)
    found: list[Found] = []
    states = {one.instruction: one for one in await instructions(connection, run)}
    for one in matched.outcomes:
        if one.state is State.DIFFERS:
            found.append(await _differs(connection, run, one, step))
        elif one.state is not State.SILENT and not matched.blocked:
            found.append(await _done(connection, run, one, states[one.id], file, before, step))
    return {
        "blocked": matched.blocked,
        "findings": list(matched.findings),
        "unknown": len(matched.unknown),
        "confirmations": [
            {"instruction": one.instruction, "outcome": one.outcome, "differs": one.differs} for one in found
        ],
    }


async def _done(
    connection: Connection, run: str, one: Outcome, ours: InstructionRow, file: BankFile, before: list[Row], step: Step
) -> Found:
    if one.state is State.PENDING:
        return Found(one.id, "pending")
    if one.state is State.REJECTED:
        return await _rejected(connection, run, one, ours, step)
    if ours.state in BOOKED and _elsewhere(before, one.id, file.version):
        return Found(one.id, "again")
    reference, day = _booking(file, one.id)
    booked_on = day or await _usual_day(connection, ours, step)
    said = Confirmation(one.id, ours.direction, ours.currency, ours.minor, booked_on, reference)
    confirmed = await confirm(connection, run, [said], step)
    assert not isinstance(confirmed, Refusal)  # noqa: S101 - the state was looked at in the same turn
    return Found(one.id, confirmed[0].outcome, confirmed[0].differs)


async def _differs(connection: Connection, run: str, one: Outcome, step: Step) -> Found:
    told = "; ".join(f"{each.what}: instructed {each.ours}, booked {each.theirs}" for each in one.differences)
    await rows(connection, "run_instruction_differs", run=run, instruction=one.id, differs=told)
    await _once(connection, run, "differs", f"{one.id}: {told}", step)
    return Found(one.id, "differs", told)


async def _rejected(connection: Connection, run: str, one: Outcome, ours: InstructionRow, step: Step) -> Found:
    """Not executed: it may be instructed anew. What was booked before and came back moves nothing here; a person decides."""
    if ours.state in (*BOOKED, "waiting"):
        told = f"rejected or returned ({one.reason}) while it is {ours.state}"
        await _once(connection, run, "differs", f"{one.id}: {told}", step)
        return Found(one.id, "differs", told)
    asked = {"run": run, "instruction": one.id, "reason": one.reason, "at": step.at}
    await rows(connection, "run_instruction_reject", **asked)
    await noted(connection, run, "rejected", step, f"{one.id}: {one.reason}")
    return Found(one.id, "rejected", one.reason)


async def _once(connection: Connection, run: str, what: str, detail: str, step: Step) -> None:
    if detail not in {event.detail for event in await events(connection, run)}:
        await noted(connection, run, what, step, detail)


def _elsewhere(before: list[Row], instruction: str, version: str) -> bool:
    """Whether files told this booking, and only files of another kind than this one."""
    told = {
        one["version"]
        for one in before
        for each in one["answer"]["confirmations"]
        if each["instruction"] == instruction and each["outcome"] in {"confirmed", "again"}
    }
    return bool(told) and version not in told


async def _usual_day(connection: Connection, ours: InstructionRow, step: Step) -> date:
    """The day that was asked for, where the bank tells none: as near to it as a booking can be."""
    began = (await frozen_at(connection, ours.run)).astimezone(UTC).date()
    return min(max(ours.value_date, began), step.at.astimezone(UTC).date())


def _booking(file: BankFile, instruction: str) -> tuple[str, date | None]:
    """The bank's own name for the booking, and its day, if it tells one. Without a name it is the file's."""
    return next(
        (entry.reference or f"{file.message_id}/{place}", entry.booking_date)
        for statement in file.statements
        for place, entry in enumerate(statement.entries, 1)
        if entry.booking is Booking.BOOKED and any(one.end_to_end_id == instruction for one in entry.details)
    )
