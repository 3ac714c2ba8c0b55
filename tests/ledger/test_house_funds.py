"""The house as a funder: it pays its share out of what it earns, within the budget, under no cap, and gets it back."""

from collections.abc import AsyncIterator

import pytest

from clearing.ledger.items import Fund
from clearing.ledger.outcomes import Reserved
from clearing.rules.postings import Account, account_number
from clearing.rules.quoting import Share
from tests.conftest import FixedClock
from tests.ledger.books import HOTEL, D, House, X, moved_in
from tests.ledger.test_bonus import WITH_BONUS, budget, generous, positions

WITH_HOUSE = (Share("summer", HOTEL, 60, 1_201), Share("summer", "house", 20, 400))
FEE = account_number(0, Account.FEE)


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        await opened.put(Fund("summer", 1_000, 20_000))
        yield opened
        assert await opened.findings() == []


async def test_the_house_pays_its_share_out_of_what_it_earns(house: House) -> None:
    await house.put(generous(house, shares=WITH_HOUSE))
    assert await budget(house) == (80, 1_601)
    assert await positions(house) == [(0, 11_201), (0, 0)]
    await house.tell((1, D), (2, D), (3, D))
    earned = (await house.balance())[FEE]
    await house.tell((6, D))
    assert (await house.balance())[FEE] - earned == 400
    assert await positions(house) == [(11_201, 0), (-10_600, 0)]


async def test_a_bonus_that_the_house_pays_whole_needs_no_room_under_any_cap(house: House) -> None:
    async with moved_in(house.url, house.clock, 1, cap=10_000, furnished=True) as small:
        await small.put(Fund("summer", None, None))
        shares = (Share("summer", "house", 80, 1_601),)
        assert isinstance(await small.put(generous(small, shares=shares)), Reserved)
        await small.tell((1, D), (2, D), (3, D), (6, D))
        assert (await small.balance())[FEE] == 1_601 - (WITH_BONUS.fee - WITH_BONUS.rounding)
        assert await small.findings() == []


@pytest.mark.parametrize("marks", [(1_000,), (333, 333, 334), (7, 500, 493)])
async def test_a_reversal_gives_the_house_its_share_back(house: House, marks: tuple[int, ...]) -> None:
    await house.put(generous(house, shares=WITH_HOUSE))
    await house.tell((1, D), (2, D), (3, D), (6, D))
    for number, mark in enumerate(marks):
        name = f"back {number}"
        await house.put(house.reverse(name, sent=mark))
        moved = await house.tell((1, D), name=name)
        await house.tell(*[(6, D) for order in moved.due if order.leg == 6], (2, D), name=name)
    assert await house.balance() == {}


async def test_what_the_house_would_have_paid_is_nobodys_debt_when_the_exchange_fails(house: House) -> None:
    await house.put(generous(house, shares=WITH_HOUSE))
    await house.tell((1, X))
    assert await budget(house) == (0, 0)
    assert await house.balance() == {}
