"""What a member is charged beside the points: committed to as it was quoted; what is the house's is owed to it, and reversed in parts."""

from collections.abc import AsyncIterator
from dataclasses import replace

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.asks import FeePart, Priced
from clearing.rules.cards import Values
from clearing.rules.postings import Account, account_number
from clearing.rules.quoting import Charge, booked, charges_of
from clearing.rules.units import Ratio
from tests.conftest import FixedClock
from tests.ledger.books import HOTEL, NUMBERS, TERMS, D, House, moved_in

CHARGES = (Charge("service", 0, 70, HOTEL, True), Charge("excise", 6, 0, HOTEL, False))
CHARGED = replace(TERMS, debit=TERMS.debit + 70, fee=TERMS.fee + 70)
FEE, OWES = account_number(0, Account.FEE), account_number(NUMBERS[HOTEL], Account.POSITION)


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []


async def test_who_collects_a_fee_of_the_house_owes_it_in_the_same_posting(house: House) -> None:
    await house.complete("plain")
    plain = await house.balance()
    await house.complete(terms=CHARGED, charges=CHARGES)
    both = await house.balance()
    assert (both[OWES] - plain[OWES], both[FEE] - plain[FEE]) == (plain[OWES] + 70, plain[FEE] - 70)
    assert (await house.exchange()).charged == CHARGES


@pytest.mark.parametrize("marks", [(1_000,), (333, 333, 334), (2, 998)])
async def test_a_reversal_gives_a_fee_of_the_house_back_in_parts(house: House, marks: tuple[int, ...]) -> None:
    await house.complete(terms=CHARGED, charges=CHARGES)
    for number, mark in enumerate(marks):
        await house.put(house.reverse(f"back {number}", sent=mark))
        await house.tell((1, D), (2, D), name=f"back {number}")
    assert await house.balance() == {}


async def test_the_log_commits_to_what_is_charged_and_the_verifier_finds_what_was_changed(house: House) -> None:
    await house.complete(terms=CHARGED, charges=CHARGES)
    ((event,),) = await house.rows("SELECT event FROM leaf WHERE kind = 'reserved' AND lane = %s", house.lane)
    assert orjson.loads(event)["charges"] == [charge._asdict() for charge in CHARGES]
    async with house.owner.transaction(force_rollback=True):
        await house.owner.execute("UPDATE exchange SET charges = replace(charges, '70', '71')")
        assert await house.findings_within() != []


@given(st.lists(st.tuples(st.integers(0, 10**6), st.booleans(), st.booleans()), max_size=5), st.integers(0, 10**6))
def test_what_is_booked_for_fees_is_what_the_house_is_owed_of_them(
    fees: list[tuple[int, bool, bool]], own: int
) -> None:
    parts = tuple(
        [
            FeePart(f"fee-{place}", amount * in_points, amount * (not in_points), False, False, mine and not in_points)
            for place, (amount, in_points, mine) in enumerate(fees)
        ]
    )
    priced = Priced(1_000, 500, 500, (), parts, 0, 1, "base")
    values = Values(Ratio(4_000, 1), Ratio(8_000, 1))
    found, plain = booked(priced, values, own).terms, booked(replace(priced, fees=()), values, own).terms
    mine = sum(part.value for part in parts if part.to_house)
    assert (found.debit - plain.debit, found.fee - plain.fee, found.credit) == (mine, mine, plain.credit)
    charges = charges_of(priced, HOTEL)
    assert all(charge.points or charge.value for charge in charges)
    assert sum(charge.value for charge in charges if charge.to_house) == mine
