"""Laws of what a claw-back cannot take back because it was spent: refused, or borne by whoever agreed to bear it."""

from collections.abc import AsyncIterator

import pytest

from clearing.ledger.items import Grant, Reverse
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


@pytest.mark.parametrize(("asks", "pays", "is_owed"), [(HOTEL, TERMS.credit, TERMS.credit), (AIR, 0, 0)])
async def test_a_partner_that_bears_an_exchange_of_its_own_pays_what_the_target_was_paid(
    house: House, asks: str, pays: int, is_owed: int
) -> None:
    await house.complete(partner=asks, signed=house.signed(asks))
    for partner in (HOTEL, AIR):
        await house.put(Grant(partner, 0))  # it owes less by it, or what it would give back by any reversal
    await house.put(house.reverse(bearer=Bearer.PARTNER, partner=asks, signed=house.signed(asks)))
    await house.put(house.answered(1, X, "back", reason="points_spent"))
    assert (await house.tell((2, D), name="back")).state is State.COMPLETED
    assert await position(house, HOTEL) == (pays, 0)
    assert await position(house, AIR) == (-is_owed, 0)
    assert await points(house, HOTEL, Account.OUTSTANDING) == 0
    assert await points(house, AIR, Account.OUTSTANDING) == 500


async def test_a_partner_that_neither_paid_nor_was_paid_never_comes_to_owe_by_a_reversal(house: House) -> None:
    await house.put(Grant(SHOP, 0))
    await house.complete(partner=SHOP, signed=house.signed(SHOP))  # with consent: neither source nor target
    before = [await position(house, partner) for partner in (HOTEL, AIR, SHOP)]
    reserved = await house.put(house.reverse(bearer=Bearer.PARTNER, partner=SHOP, signed=house.signed(SHOP)))
    assert reserved.exchange.bearer is None
    moved = await house.put(house.answered(1, X, "back", reason="points_spent"))
    assert moved.state is State.REVERSED
    assert [await position(house, partner) for partner in (HOTEL, AIR, SHOP)] == before
    assert before[2] == (0, 0)
    assert (await house.exchange()).reversed == 0


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
