"""What the bank says of a run's payments: what differs blocks, what comes twice has one effect, nothing goes out before all is in."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from clearing import errors
from clearing.rules.refusals import Refusal, RefusalCode
from settlement import run as runs
from tests.conftest import FixedClock
from tests.ledger.books import HOTEL, SHOP, House, moved_in
from tests.settlement.runs_room import confirmations, drafted, frozen, lively, paid, positions, refused, states, step


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as known:
        yield known


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"minor": 999}, "amount in minor units: instructed 1000, booked 999"),
        ({"currency": "USD"}, "currency: instructed EUR, booked USD"),
        ({"direction": "pay_out"}, "direction: instructed pay_in, booked pay_out"),
    ],
)
async def test_what_differs_is_said_and_blocks_until_it_is_right(
    house: House, change: dict[str, Any], what: str
) -> None:
    await lively(house)
    row = await frozen(house)
    (right,) = await confirmations(house, row.run)
    wrong = replace(right, **change)
    for _ in range(2):
        said = await runs.confirm(house.owner, row.run, [wrong], step(house))
        assert not isinstance(said, Refusal)
        assert [(one.outcome, one.differs) for one in said] == [("differs", what)]
    assert (await states(house, row.run)).count("differs") == 1
    assert (await runs.carry_on(house.owner, house.writer, row.run, step(house))).state == "instructed"
    assert await confirmations(house, row.run) == [right]  # nothing goes out meanwhile
    assert (await paid(house, row.run)).state == "settled"


async def test_the_same_confirmation_twice_has_one_effect_and_another_booking_differs(house: House) -> None:
    await lively(house)
    row = await frozen(house)
    (pay_in,) = await confirmations(house, row.run)
    for outcome in ("confirmed", "again"):
        said = await runs.confirm(house.owner, row.run, [pay_in], step(house))
        assert not isinstance(said, Refusal)
        assert [one.outcome for one in said] == [outcome]
        await runs.carry_on(house.owner, house.writer, row.run, step(house))
    other = replace(pay_in, bank_reference="another")
    said = await runs.confirm(house.owner, row.run, [other, replace(other, instruction="CLX")], step(house))
    assert not isinstance(said, Refusal)
    assert [one.outcome for one in said] == ["differs", "unknown"]
    assert (await positions(house))[HOTEL] == 0


async def test_no_bank_has_booked_what_is_to_come_and_no_interest_is_owed_for_it(house: House) -> None:
    await lively(house)
    row = await frozen(house)
    (right,) = await confirmations(house, row.run)
    today = house.clock().date()
    for day in (today + timedelta(days=1), date.max):
        with pytest.raises(errors.ValidationFailed, match=f"{day} is to come"):
            await runs.confirm(house.owner, row.run, [right, replace(right, booked_on=day)], step(house))
    assert await confirmations(house, row.run) == [right]  # not even what stood before it in the list
    said = await runs.confirm(house.owner, row.run, [replace(right, booked_on=today)], step(house))
    assert not isinstance(said, Refusal)
    assert [one.outcome for one in said] == ["confirmed"]


async def test_what_was_booked_before_the_run_was_frozen_is_no_payment_of_it(house: House) -> None:
    await lively(house)
    row = await frozen(house)
    instructed = house.clock().date()
    (right,) = await confirmations(house, row.run)
    early = replace(right, booked_on=instructed - timedelta(days=1))
    said = await runs.confirm(house.owner, row.run, [early], step(house))
    assert not isinstance(said, Refusal)
    told = f"booked_on: instructed on {instructed}, booked on {early.booked_on}"
    assert [(one.outcome, one.differs) for one in said] == [("differs", told)]
    said = await runs.confirm(house.owner, row.run, [replace(right, booked_on=instructed)], step(house))
    assert not isinstance(said, Refusal)
    assert [one.outcome for one in said] == ["confirmed"]


async def test_what_goes_out_waits_for_what_comes_in(house: House) -> None:
    await lively(house)
    row = await frozen(house)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    out = next(one for one in await runs.instructions(house.owner, row.run) if one.partner == SHOP)
    (pay_in,) = await confirmations(house, row.run)
    early = replace(
        pay_in, instruction=out.instruction, direction="pay_out", minor=out.minor, bank_reference="bank-early"
    )
    said = await runs.confirm(house.owner, row.run, [early], step(house))
    assert not isinstance(said, Refusal)
    assert said[0].differs == "it was paid before it was released"
    assert (await positions(house))[SHOP] == -3_500_000


async def test_nothing_is_confirmed_before_it_is_frozen(house: House) -> None:
    await lively(house)
    row = await drafted(house)
    assert refused(await runs.confirm(house.owner, row.run, [], step(house))) is RefusalCode.RUN_NOT_READY
