"""Interest of pay-ins whose day has passed: accrued day by day in the open window until the bank confirms them, never twice for a day.

The ledger itself is what remembers how far it was accrued: each booking names its payment and the day up to which it counts, and is called
after its payment and the day from which it does. So two that accrue at once book one, and after a crash the same call goes on.
"""

import hashlib
import json
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from clearing import errors
from clearing.ledger import Writer
from clearing.ledger.items import Adjust, Pay
from clearing.rules.refusals import Refusal
from settlement.rules import interest
from settlement.rules.run import Inputs, inputs_of
from settlement.run.store import Connection, InstructionRow, instructions, rows, run_of

INTEREST = "interest"


@dataclass(frozen=True, slots=True)
class Accrued:
    """The interest of one pay-in from one day up to another, in millionths."""

    run: str
    instruction: str
    partner: str
    since: date
    until: date
    micros: int


async def overdue(connection: Connection, writer: Writer, today: date) -> list[Accrued]:
    """Book the interest of every pay-in that no bank has confirmed by its day, up to `today`; what was booked now.

    Each payment is held while its interest is booked, so that a confirmation comes before or after it. A span whose interest is less
    than a millionth is left to a later day.
    """
    found: list[Accrued | None] = []
    for late in await rows(connection, "run_overdue", today=today):
        inputs = inputs_of(json.loads((await run_of(connection, late["run"])).inputs))
        open_ones = [one for one in await instructions(connection, late["run"]) if one.overdue(today)]
        found += [await _accrue(connection, writer, one, inputs, today) for one in open_ones]
    return [one for one in found if one is not None]


async def accrued(connection: Connection, lane: int, run: str) -> dict[str, Accrued]:
    """What was accrued of each payment of a run, by the books."""
    found = await rows(connection, "run_accrued", lane=lane, run=run, reason=INTEREST)
    return {one["instruction"]: Accrued(run, **one) for one in found}


async def put(writer: Writer, item: Pay | Adjust) -> None:
    """Book it. Raises errors.ItemRejected."""
    outcome = await writer.put(item)
    if isinstance(outcome, Refusal):
        raise errors.ItemRejected(outcome.detail)


async def _accrue(
    connection: Connection, writer: Writer, one: InstructionRow, inputs: Inputs, today: date
) -> Accrued | None:
    terms = next(terms for terms in inputs.terms if terms.partner == one.partner)
    async with connection.transaction():
        if not await rows(connection, "run_instruction_hold", instruction=one.instruction):
            return None
        before = (await accrued(connection, writer.lane, one.run)).get(one.instruction)
        since = before.until if before else one.value_date
        owed = interest.accrued(one.micros, terms.late, one.value_date, since, max(since, today))
        if not owed:
            return None
        name = hashlib.sha256(f"overdue|{one.run}|{one.instruction}|{since.isoformat()}".encode()).digest()[:16]
        reference = f"{one.instruction}/{today.isoformat()}"
        lines = ((one.partner, owed), ("house", -owed))
        of_window = max(window.number for window in inputs.windows)
        await put(writer, Adjust(None, None, UUID(bytes=name), INTEREST, lines, of_window, reference))
    return Accrued(one.run, one.instruction, one.partner, since, today, owed)
