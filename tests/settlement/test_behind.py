"""Laws of what settlement books: it names the signed request that made it so, whoever goes on with the run afterwards."""

from dataclasses import replace
from datetime import timedelta
from uuid import UUID

import pytest

from settlement import run as runs
from settlement.run import Step
from settlement.run.store import request_behind
from tests.ledger.books import HOTEL, House, uid
from tests.settlement.billing_room import approved, publish, table
from tests.settlement.runs_room import DUE, FIRST, confirmations, lively, step
from tests.settlement.share_room import contract
from tests.settlement.share_room import publish as publish_contract


def asked(house: House, what: str) -> Step:
    return Step(house.clock(), FIRST, uid(what))


async def behind(house: House) -> list[tuple[str, UUID | None]]:
    """What was booked in the order of the log, and the request that it names."""
    return await house.rows("SELECT reason, evidence_id FROM adjustment ORDER BY seq")


async def frozen_by_a_request(house: House) -> str:
    await publish(house, table())
    await publish_contract(house, contract())
    await lively(house)
    row = await approved(house)
    await runs.freeze(house.owner, house.lane, row.run, asked(house, "freeze"))
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    return row.run


async def test_tax_and_shares_name_the_request_that_froze_the_run(house: House) -> None:
    await frozen_by_a_request(house)
    assert await behind(house) == [("share", uid("freeze")), ("vat", uid("freeze"))]
    assert await house.findings() == []


@pytest.mark.parametrize("by_clock", [True, False])
async def test_payments_and_their_interest_name_the_request_that_confirmed_them(
    house: House, *, by_clock: bool
) -> None:
    run = await frozen_by_a_request(house)
    until = DUE + timedelta(days=30)
    await runs.overdue(house.owner, house.writer, until, None if by_clock else uid("overdue"))
    (pay_in,) = [one for one in await confirmations(house, run, late=40) if one.direction == "pay_in"]
    later = replace(asked(house, "bank"), at=house.clock() + timedelta(days=60))
    await runs.confirm(house.owner, run, [pay_in], later)
    await runs.carry_on(house.owner, house.writer, run, asked(house, "somebody"))
    assert (await behind(house))[2:] == [
        ("interest", None if by_clock else uid("overdue")),
        ("interest", uid("bank")),
        ("settlement", uid("bank")),
    ]
    ((paid,),) = await house.rows("SELECT payer FROM settlement_instruction WHERE state = 'settled'")
    assert paid == HOTEL
    assert await house.findings() == []


async def test_a_payment_that_rounds_to_nothing_names_the_request_that_froze_the_run(house: House) -> None:
    run = await frozen_by_a_request(house)
    assert await request_behind(house.owner, run, "CL00") == uid("freeze")
    assert await request_behind(house.owner, "W-none.1") is None
