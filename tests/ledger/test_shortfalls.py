"""Laws of what a claw-back cannot take back because it was spent: refused, or borne by whoever agreed to bear it."""

from collections.abc import AsyncIterator

import pytest

from clearing.ledger.items import Reverse
from clearing.rules.agreements import Bearer
from clearing.rules.lifecycle import Operation, State
from clearing.rules.postings import Account, account_number
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, ISSUE, NUMBERS, SHOP, TERMS, D, House, X, moved_in


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []  # a law of every way


async def position(house: House, partner: str) -> tuple[int, int]:
    cap = await house.cap_of(partner)
    return cap.position, cap.pending


async def points(house: House, partner: str, account: Account) -> int:
    return (await house.balance()).get(account_number(NUMBERS[partner], account), 0)


def back(house: House, bearer: Bearer | None) -> Reverse:
    """The whole of what the shop issued."""
    return house.reverse("back", 1, None, partner=SHOP, signed=house.signed(SHOP), bearer=bearer)


@pytest.mark.parametrize(
    ("bearer", "state", "owes", "is_owed", "short"),
    [
        (None, State.REVERSED, ISSUE.debit, ISSUE.credit, 0),
        (Bearer.PROGRAM, State.COMPLETED, 0, 0, 400),
        (Bearer.PARTNER, State.COMPLETED, ISSUE.credit, ISSUE.credit, 0),  # the house gives its fee back
        (Bearer.MEMBER_NEGATIVE, State.REVERSED, ISSUE.debit, ISSUE.credit, 0),  # the program would not
    ],
)
async def test_points_that_were_spent_are_borne_as_agreed_or_refused(
    house: House, bearer: Bearer | None, state: State, owes: int, is_owed: int, short: int
) -> None:
    await house.put(house.issue())
    await house.tell((2, D))
    await house.put(back(house, bearer))
    moved = await house.put(house.answered(1, X, "back", reason="points_spent"))
    assert moved.state is state
    assert (await position(house, SHOP), await position(house, AIR)) == ((owes, 0), (-is_owed, 0))
    assert await points(house, AIR, Account.SHORTFALL) == -short
    assert await points(house, AIR, Account.OUTSTANDING) == 400
    assert (await house.exchange()).reversed == (400 if state is State.COMPLETED else 0)


async def test_a_member_who_bears_is_asked_for_by_claw_back_and_everything_goes_back(house: House) -> None:
    await house.put(house.issue())
    await house.tell((2, D))
    reserved = await house.put(back(house, Bearer.MEMBER_NEGATIVE))
    assert [(order.operation, order.amount) for order in reserved.due] == [(Operation.CLAW_BACK, 400)]
    assert (await house.tell((1, D), name="back")).state is State.COMPLETED
    assert await house.balance() == {}


async def test_a_member_who_bears_is_clawed_back_at_the_target_and_given_back_at_the_source(house: House) -> None:
    await house.complete()
    reserved = await house.put(house.reverse(bearer=Bearer.MEMBER_NEGATIVE))
    assert [order.operation for order in reserved.due] == [Operation.CLAW_BACK]
    moved = await house.tell((1, D), name="back")
    assert [order.operation for order in moved.due] == [Operation.REVERSE]


async def test_a_partner_that_bears_an_exchange_pays_the_target_in_the_sources_place(house: House) -> None:
    await house.complete(partner=SHOP, signed=house.signed(SHOP))  # with consent: neither source nor target
    await house.put(house.reverse(bearer=Bearer.PARTNER, partner=SHOP, signed=house.signed(SHOP)))
    await house.put(house.answered(1, X, "back", reason="points_spent"))
    assert (await house.tell((2, D), name="back")).state is State.COMPLETED
    assert await position(house, HOTEL) == (0, 0)
    assert await position(house, SHOP) == (TERMS.credit, 0)
    assert await position(house, AIR) == (-TERMS.credit, 0)
    assert await points(house, HOTEL, Account.OUTSTANDING) == 0
    assert await points(house, AIR, Account.OUTSTANDING) == 500


async def test_only_points_that_were_spent_are_borne(house: House) -> None:
    await house.put(house.issue())
    await house.tell((2, D))
    await house.put(back(house, Bearer.PROGRAM))
    moved = await house.put(house.answered(1, X, "back", reason="account_frozen"))
    assert moved.state is State.REVERSED


async def test_an_exchange_whose_target_bears_the_shortfall_gives_the_points_back(house: House) -> None:
    await house.complete()
    await house.put(house.reverse(bearer=Bearer.PROGRAM))
    moved = await house.put(house.answered(1, X, "back", reason="points_spent"))
    assert moved.state is State.CREDITED
    assert (await house.tell((2, D), name="back")).state is State.COMPLETED
    assert await position(house, HOTEL) == (0, 0)
    assert await points(house, HOTEL, Account.OUTSTANDING) == 0
    assert await points(house, AIR, Account.SHORTFALL) == -500
