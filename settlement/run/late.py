"""Interest of payments whose day has passed: accrued day by day in the open window until they are confirmed, never twice for a day.

The payer owes it by its own terms, to who is to be paid: the house, or another partner.

Whoever accrues moves the payment's day on first, on the condition that it is where it was read and that no bank has confirmed the payment:
of two at once one wins, and a confirmation comes before or after. Then the ledger books it, under a name made of the payment and the day
from which it counts. A process that ends between the two leaves a span that is known and not booked: whoever comes next, to accrue or to
book the payment, books it first, by the same name and the same words.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from clearing import errors
from clearing.ledger import Writer
from clearing.ledger.items import Adjust, Pay
from clearing.ledger.outcomes import Booked
from clearing.rules.refusals import Refusal
from settlement.rules import interest
from settlement.rules.run import Inputs, inputs_of
from settlement.run.store import Connection, InstructionRow, instructions, rows, run_of

INTEREST = "interest"


@dataclass(frozen=True, slots=True)
class Accrued:
    """The interest of one payment from one day up to another, in millionths: what its payer owes its payee."""

    run: str
    instruction: str
    payer: str
    payee: str
    since: date
    until: date
    micros: int


async def overdue(connection: Connection, writer: Writer, today: date, behind: UUID | None = None) -> list[Accrued]:
    """Book the interest of every payment of a partner that nobody has confirmed by its day, up to `today`; what was booked now.

    A span whose interest is less than a millionth is left to a later day. `behind` is the signed request that asked for it.
    """
    found: list[Accrued] = []
    for late in await rows(connection, "run_overdue", today=today):
        inputs = inputs_of(json.loads((await run_of(connection, late["run"])).inputs))
        open_ones = [one for one in await instructions(connection, late["run"]) if one.overdue(today)]
        for one in open_ones:
            found += await _accrue(connection, writer, one, inputs, today, behind)
    return found


async def accrued(connection: Connection, lane: int, run: str) -> dict[str, Accrued]:
    """What was accrued of each payment of a run, by the books."""
    found = await rows(connection, "run_accrued", lane=lane, run=run, reason=INTEREST)
    return {one["instruction"]: Accrued(run, **one) for one in found}


async def left_over(
    connection: Connection, writer: Writer, one: InstructionRow, inputs: Inputs, behind: UUID | None = None
) -> list[Accrued]:
    """Book the span that was decided and that the ledger does not have yet, if there is one; it, if it was booked now."""
    if one.accrued_until is None:
        return []
    booked = (await accrued(connection, writer.lane, one.run)).get(one.instruction)
    since = booked.until if booked else one.value_date
    if since >= one.accrued_until:
        return []
    return await _booked(writer, _span(one, inputs, since, one.accrued_until), inputs, behind)


async def put(writer: Writer, item: Pay | Adjust) -> Booked:
    """Book it. Raises errors.ItemRejected."""
    outcome = await writer.put(item)
    if isinstance(outcome, Refusal):
        raise errors.ItemRejected(outcome.detail)
    return outcome


async def _accrue(
    connection: Connection, writer: Writer, one: InstructionRow, inputs: Inputs, today: date, behind: UUID | None
) -> list[Accrued]:
    found = await left_over(connection, writer, one, inputs, behind)
    since = one.accrued_until or one.value_date
    span = _span(one, inputs, since, max(since, today))
    asked = {"instruction": one.instruction, "since": one.accrued_until, "until": span.until}
    if span.micros and await rows(connection, "run_instruction_accrue", **asked):
        found += await _booked(writer, span, inputs, behind)
    return found


def _span(one: InstructionRow, inputs: Inputs, since: date, until: date) -> Accrued:
    terms = next(terms for terms in inputs.terms if terms.partner == one.payer)
    owed = interest.accrued(one.paid, terms.late, one.value_date, since, until)
    return Accrued(one.run, one.instruction, one.payer, one.payee, since, until, owed)


async def _booked(writer: Writer, span: Accrued, inputs: Inputs, behind: UUID | None) -> list[Accrued]:
    name = hashlib.sha256(f"overdue|{span.run}|{span.instruction}|{span.since.isoformat()}".encode()).digest()[:16]
    reference = f"{span.instruction}/{span.until.isoformat()}"
    lines = ((span.payer, span.micros), (span.payee, -span.micros))
    of_window = max(window.number for window in inputs.windows)
    booked = await put(writer, Adjust(None, None, UUID(bytes=name), INTEREST, lines, of_window, reference, behind))
    return [] if booked.replayed else [span]
