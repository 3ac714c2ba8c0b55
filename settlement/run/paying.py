"""What follows of a frozen run without anybody's word: confirmed payments are booked, pay-outs released, and the run settled in the end.

`carry_on` may be called at any time and any number of times: each booking has a name made of its payment, and the ledger books a name once.
"""

import hashlib
import json
from uuid import UUID

from clearing import errors
from clearing.ledger import Writer
from clearing.ledger.items import Adjust, Pay
from clearing.rules.refusals import Refusal
from settlement.rules.interest import accrued
from settlement.rules.run import Inputs, inputs_of
from settlement.run.store import Connection, InstructionRow, RunRow, Step, instructions, moved, noted, rows, run_of

ADJUSTED_FOR = "interest"
PAID_FOR = "settlement"


async def carry_on(connection: Connection, writer: Writer, run: str, step: Step) -> RunRow:
    """Do all that can be done now: instruct, book what is confirmed, release what goes out, settle."""
    row = await run_of(connection, run)
    if row.state not in {"frozen", "instructed", "paying"}:
        return row
    await _move(connection, run, ("frozen",), "instructed", step)
    inputs = inputs_of(json.loads(row.inputs))
    while await _book(connection, writer, run, inputs) or await rows(connection, "run_release", run=run):
        pass  # what is settled may release what goes out, and that may be settled already
    found = await instructions(connection, run)
    if any(one.state == "settled" and one.minor for one in found):
        await _move(connection, run, ("instructed",), "paying", step)
    if all(one.state == "settled" for one in found):
        await _move(connection, run, ("instructed", "paying"), "settled", step)
    return await run_of(connection, run)


async def _move(connection: Connection, run: str, expected: tuple[str, ...], state: str, step: Step) -> None:
    """Take a step and keep it; nothing where it was taken before."""
    async with connection.transaction():
        if await moved(connection, run, expected, state):
            await noted(connection, run, state, step)


async def _book(connection: Connection, writer: Writer, run: str, inputs: Inputs) -> bool:
    """Book every confirmed payment, and what it owes for being late. Whether there was any."""
    confirmed = [one for one in await instructions(connection, run) if one.state == "confirmed"]
    window = max(one.number for one in inputs.windows)
    for one in confirmed:
        if late := _late(one, inputs, window):
            await _put(writer, late)
        name = _name("payment", one)
        await _put(writer, Pay(None, None, name, one.partner, one.micros, PAID_FOR, window, one.instruction))
        await rows(connection, "run_instruction_settle", run=run, instruction=one.instruction)
    return bool(confirmed)


def _late(one: InstructionRow, inputs: Inputs, window: int) -> Adjust | None:
    """The interest of a pay-in that came after its day, as an adjustment of the open window; None where there is none."""
    if one.direction != "pay_in" or one.booked_on is None or one.booked_on <= one.value_date:
        return None
    terms = next(terms for terms in inputs.terms if terms.partner == one.partner)
    owed = accrued(one.micros, terms.late, one.value_date, one.value_date, one.booked_on)
    lines = ((one.partner, owed), ("house", -owed))
    return Adjust(None, None, _name("interest", one), ADJUSTED_FOR, lines, window, one.instruction) if owed else None


def _name(what: str, one: InstructionRow) -> UUID:
    return UUID(bytes=hashlib.sha256(f"{what}|{one.run}|{one.instruction}".encode()).digest()[:16])


async def _put(writer: Writer, item: Pay | Adjust) -> None:
    outcome = await writer.put(item)
    if isinstance(outcome, Refusal):
        raise errors.ItemRejected(outcome.detail)
