"""What follows of a frozen run without anybody's word: confirmed payments are booked, pay-outs released, and the run settled in the end.

`carry_on` may be called at any time and any number of times: each booking has a name made of its payment, and the ledger books a name once.
"""

import hashlib
import json
from dataclasses import replace
from uuid import UUID

from clearing.ledger import Writer
from clearing.ledger.items import Adjust, Pay
from settlement.rules.flows import HOUSE
from settlement.rules.interest import accrued
from settlement.rules.run import Inputs, inputs_of, value_of
from settlement.run import late as overdue_room
from settlement.run.late import INTEREST, put
from settlement.run.shares import book_shares
from settlement.run.store import (
    DIRECT,
    Connection,
    InstructionRow,
    RunRow,
    Step,
    instructions,
    moved,
    noted,
    request_behind,
    rows,
    run_of,
)
from settlement.run.taxes import book_tax

PAID_FOR = "settlement"


async def carry_on(connection: Connection, writer: Writer, run: str, step: Step) -> RunRow:
    """Do all that can be done now: book contracts and tax, instruct, book what is confirmed, release what goes out, settle."""
    row = await run_of(connection, run)
    if row.state not in {"frozen", "instructed", "paying"}:
        return row
    inputs = inputs_of(json.loads(row.inputs))
    if row.state == "frozen":
        behind = await request_behind(connection, run)
        await book_shares(writer, run, inputs, behind)
        await book_tax(connection, writer, run, behind)
    await _move(connection, run, ("frozen",), "instructed", step)
    while await _book(connection, writer, run, inputs) or await _release(connection, run):
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
        behind = await request_behind(connection, run, one.instruction)
        await overdue_room.left_over(connection, writer, one, inputs, behind)
        if late := await _late(connection, writer.lane, one, inputs, window):
            await put(writer, replace(late, evidence_id=behind))
        money = value_of(inputs.rates, one.currency, one.minor) if one.direction != DIRECT else 0
        for partner, micros in one.settles:
            moved = money if micros > 0 else -money
            said = (partner, micros, PAID_FOR, window, one.instruction, moved, behind)
            await put(writer, Pay(None, None, _paid(one, partner), *said))
        await rows(connection, "run_instruction_settle", run=run, instruction=one.instruction)
    return bool(confirmed)


async def _release(connection: Connection, run: str) -> bool:
    """Release what the house pays, payment by payment, once all that it is paid is settled. Whether there was any."""
    found = await instructions(connection, run)
    if any(one.payee == HOUSE and one.state != "settled" for one in found):
        return False
    waiting = [one.instruction for one in found if one.state == "waiting"]
    released = [await rows(connection, "run_release", run=run, instruction=one) for one in waiting]
    return any(released)


async def _late(connection: Connection, lane: int, one: InstructionRow, inputs: Inputs, window: int) -> Adjust | None:
    """What is left to book of the interest of a partner's payment: what its day of booking owes, less what was accrued.

    None where nothing is left. It gives back what was accrued for days on which the money was there and nobody had said so yet.
    """
    if one.payer == HOUSE or one.booked_on is None:
        return None
    terms = next(terms for terms in inputs.terms if terms.partner == one.payer)
    until = max(one.value_date, one.booked_on)
    before = (await overdue_room.accrued(connection, lane, one.run)).get(one.instruction)
    owed = accrued(one.paid, terms.late, one.value_date, one.value_date, until) - (before.micros if before else 0)
    lines = ((one.payer, owed), (one.payee, -owed))
    name, reference = _name("interest", one), f"{one.instruction}/{until.isoformat()}"
    return Adjust(None, None, name, INTEREST, lines, window, reference) if owed else None


def _paid(one: InstructionRow, partner: str) -> UUID:
    """The name of the booking of one side: between partners there are two, and each is named after its own."""
    return _name(f"payment of {partner}" if one.direction == DIRECT else "payment", one)


def _name(what: str, one: InstructionRow) -> UUID:
    return UUID(bytes=hashlib.sha256(f"{what}|{one.run}|{one.instruction}".encode()).digest()[:16])
