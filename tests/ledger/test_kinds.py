"""The ways of what has one side only: points issued by a partner that pays for them, points spent at a partner that is paid."""

from collections.abc import AsyncIterator
from datetime import timedelta

import pytest

from clearing import errors
from clearing.ledger.outcomes import Claimed, Moved, Reserved
from clearing.rules import rates
from clearing.rules.lifecycle import Kind, Operation, Path, State
from clearing.rules.postings import Account, account_number
from clearing.rules.refusals import Refusal, RefusalCode
from tests.conftest import FixedClock
from tests.ledger.books import (
    AIR,
    HOTEL,
    ISSUE,
    LEASE,
    NUMBERS,
    OTHER_LEASE,
    SHOP,
    SPEND,
    D,
    House,
    U,
    X,
    moved_in,
    uid,
)


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []  # a law of every way


def code(outcome: object) -> RefusalCode | None:
    return outcome.code if isinstance(outcome, Refusal) else None


async def position(house: House, partner: str) -> tuple[int, int]:
    cap = await house.cap_of(partner)
    return cap.position, cap.pending


async def points(house: House, partner: str, account: Account) -> int:
    return (await house.balance()).get(account_number(NUMBERS[partner], account), 0)


# --- issued


async def test_issued_units_are_owed_for_when_they_are_credited_and_not_before(house: House) -> None:
    outcome = await house.put(house.issue())
    assert isinstance(outcome, Reserved)
    assert [(order.operation, order.program, order.amount) for order in outcome.due] == [
        (Operation.CREDIT, "miles", 400)
    ]
    assert await position(house, SHOP) == (0, ISSUE.debit)
    moved = await house.tell((2, D))
    assert (moved.state, moved.due) == (State.COMPLETED, ())
    assert await position(house, SHOP) == (ISSUE.debit, 0)
    assert await position(house, AIR) == (-ISSUE.credit, 0)
    assert await points(house, AIR, Account.OUTSTANDING) == 400
    assert await points(house, AIR, Account.ACCRUED) == -400
    assert (await house.exchange()).kind is Kind.ACCRUAL


async def test_an_issue_that_is_declined_leaves_nothing_owed(house: House) -> None:
    await house.put(house.issue())
    assert (await house.tell((2, X))).state is State.REVERSED
    assert await position(house, SHOP) == (0, 0)


async def test_an_issue_whose_answer_is_lost_is_asked_again(house: House) -> None:
    await house.put(house.issue())
    assert (await house.tell((2, U))).state is State.UNKNOWN
    assert (await house.tell((2, D))).state is State.COMPLETED


async def test_an_issue_cannot_be_cancelled_once_it_is_asked_for(house: House) -> None:
    await house.put(house.issue())
    assert code(await house.put(house.cancel(partner=SHOP, signed=house.signed(SHOP)))) is RefusalCode.TOO_LATE
    await house.tell((2, D))


async def test_a_receipt_number_is_used_once_while_its_exchange_stands(house: House) -> None:
    await house.put(house.issue("a", reference="receipt 7"))
    again = house.issue("b", reference="receipt 7")
    assert code(await house.put(again)) is RefusalCode.REFERENCE_USED
    both = await house.writer.put_all(
        [house.issue("c", reference="receipt 8"), house.issue("d", reference="receipt 8")]
    )
    assert [code(outcome) for outcome in both] == [None, RefusalCode.REFERENCE_USED]
    await house.tell((2, X), name="a")  # refused by the program: the receipt may be claimed anew
    assert isinstance(await house.put(house.issue("e", reference="receipt 7")), Reserved)
    await house.tell((2, D), name="c")
    await house.tell((2, D), name="e")


def back(house: House, name: object, original: object, points_: int | None, **changes: object) -> object:
    return house.reverse(name, original, points_, partner=SHOP, signed=house.signed(SHOP), **changes)


async def test_what_was_issued_is_clawed_back_in_parts_and_to_the_last_millionth(house: House) -> None:
    await house.put(house.issue())
    await house.tell((2, D))
    for name, part in (("first", 133), ("second", None)):
        outcome = await house.put(back(house, name, 1, part))  # type: ignore[arg-type]
        assert isinstance(outcome, Reserved)
        (order,) = outcome.due
        assert (order.operation, order.program, order.refers) == (Operation.REVERSE, "miles", f"{uid(1).hex}-2")
        assert (await house.tell((1, D), name=name)).state is State.COMPLETED
    assert await house.balance() == {}
    assert code(await house.put(back(house, "third", 1, 1))) is RefusalCode.REVERSAL_EXCEEDS  # type: ignore[arg-type]


# --- spent at once


async def test_a_charge_is_owed_when_the_points_are_debited(house: House) -> None:
    outcome = await house.put(house.spend(path=Path.CHARGED))
    assert isinstance(outcome, Reserved)
    assert [(order.operation, order.program, order.amount) for order in outcome.due] == [
        (Operation.DEBIT, "nights", 900)
    ]
    assert await position(house, HOTEL) == (0, SPEND.debit)
    assert (await house.tell((1, D))).state is State.COMPLETED
    assert await position(house, HOTEL) == (SPEND.debit, 0)
    assert await position(house, SHOP) == (-SPEND.credit, 0)
    assert await points(house, HOTEL, Account.REDEEMED) == 900


async def test_a_charge_that_is_declined_leaves_nothing_owed(house: House) -> None:
    await house.put(house.spend(path=Path.CHARGED))
    assert (await house.tell((1, X))).state is State.REVERSED
    assert await position(house, HOTEL) == (0, 0)


async def test_a_charge_is_refunded_in_parts_and_to_the_last_millionth(house: House) -> None:
    await house.put(house.spend(path=Path.CHARGED))
    await house.tell((1, D))
    for name, part in (("first", 1), ("second", 600), ("third", None)):
        outcome = await house.put(back(house, name, 1, part))  # type: ignore[arg-type]
        assert isinstance(outcome, Reserved)
        (order,) = outcome.due
        assert (order.operation, order.program, order.refers) == (Operation.REVERSE, "nights", f"{uid(1).hex}-1")
        assert (await house.tell((2, D), name=name)).state is State.COMPLETED
    assert await house.balance() == {}


async def test_a_refund_that_is_declined_changes_nothing(house: House) -> None:
    await house.put(house.spend(path=Path.CHARGED))
    await house.tell((1, D))
    await house.put(back(house, "back", 1, None))  # type: ignore[arg-type]
    assert (await house.tell((2, X), name="back")).state is State.REVERSED
    assert await position(house, HOTEL) == (SPEND.debit, 0)
    assert (await house.exchange()).reversed == 0


# --- authorised


async def authorised(house: House, name: object = 1) -> None:
    await house.put(house.spend(name))
    assert (await house.tell((1, D), name=name)).state is State.SOURCE_HELD


@pytest.mark.parametrize("part", [1, 333, 900])
async def test_a_capture_books_what_was_captured_and_frees_the_rest(house: House, part: int) -> None:
    await authorised(house)
    moved = await house.put(house.capture(part))
    (order,) = moved.due
    assert (order.operation, order.amount, order.refers) == (Operation.CAPTURE, part, f"{uid(1).hex}-1")
    assert (await house.tell((3, D))).state is State.COMPLETED
    booked = rates.portion(SPEND, 0, part)
    assert await position(house, HOTEL) == (booked.debit, 0)
    assert await position(house, SHOP) == (-booked.credit, 0)
    assert await points(house, HOTEL, Account.REDEEMED) == part
    assert (await house.exchange()).terms == booked


async def test_a_capture_is_refunded_and_never_beyond_what_was_captured(house: House) -> None:
    await authorised(house)
    await house.put(house.capture(500))
    await house.tell((3, D))
    assert code(await house.put(back(house, "more", 1, 501))) is RefusalCode.REVERSAL_EXCEEDS  # type: ignore[arg-type]
    outcome = await house.put(back(house, "back", 1, None))  # type: ignore[arg-type]
    assert outcome.due[0].refers == f"{uid(1).hex}-3"
    await house.tell((2, D), name="back")
    assert await house.balance() == {}


async def test_a_capture_said_twice_is_one_capture(house: House) -> None:
    await authorised(house)
    first = house.capture(500)
    told = [await house.put(item) for item in (first, first, house.capture(500))]
    assert [len(moved.due) for moved in told] == [1, 1, 0]  # the very same request learns what it was leased
    assert code(await house.put(house.capture(400))) is RefusalCode.NOT_HELD
    await house.tell((3, D))


@pytest.mark.parametrize(
    ("state", "points_", "refusal"),
    [("asked", 100, RefusalCode.NOT_HELD), ("held", 901, RefusalCode.CAPTURE_EXCEEDS)],
)
async def test_what_is_not_held_is_not_captured(house: House, state: str, points_: int, refusal: RefusalCode) -> None:
    await house.put(house.spend())
    if state == "held":
        await house.tell((1, D))
    before = await house.kinds()
    assert code(await house.put(house.capture(points_))) is refusal
    assert await house.kinds() == before


async def test_a_stranger_cannot_capture(house: House) -> None:
    await authorised(house)
    with pytest.raises(errors.NotFound):
        await house.put(house.capture(10, partner=AIR, signed=house.signed(AIR)))


async def test_an_authorisation_that_nobody_captures_is_released_in_time(house: House) -> None:
    await authorised(house)
    assert (await house.put(house.claim())).due == ()  # not before
    house.clock.at += timedelta(seconds=600)
    assert code(await house.put(house.capture(100))) is RefusalCode.NOT_HELD  # the time is over
    claimed = await house.put(house.claim())
    assert isinstance(claimed, Claimed)
    (order,) = claimed.due
    assert (order.operation, order.refers) == (Operation.RELEASE, f"{uid(1).hex}-1")
    moved = await house.put(house.answered(4, D, lease=OTHER_LEASE))
    assert moved.state is State.REVERSED
    assert await house.balance() == {}
    assert await position(house, HOTEL) == (0, 0)


async def test_an_authorisation_is_cancelled_by_the_partner_and_released_at_once(house: House) -> None:
    await authorised(house)
    cancel = {"partner": SHOP, "signed": house.signed(SHOP)}
    assert (await house.put(house.cancel(**cancel))).state is State.RELEASING
    (order,) = (await house.put(house.claim())).due
    assert order.operation is Operation.RELEASE
    assert code(await house.put(house.capture(100))) is RefusalCode.NOT_HELD
    assert (await house.put(house.answered(4, D, lease=OTHER_LEASE))).state is State.REVERSED
    assert await position(house, HOTEL) == (0, 0)


async def test_an_authorisation_cancelled_while_it_is_asked_for_is_released(house: House) -> None:
    await house.put(house.spend())
    await house.put(house.cancel(partner=SHOP, signed=house.signed(SHOP)))
    moved = await house.tell((1, D))
    assert moved.state is State.RELEASING
    assert [order.operation for order in moved.due] == [Operation.RELEASE]
    assert (await house.tell((4, D))).state is State.REVERSED


async def test_a_capture_comes_too_late_to_be_cancelled(house: House) -> None:
    await authorised(house)
    await house.put(house.capture(100))
    assert code(await house.put(house.cancel(partner=SHOP, signed=house.signed(SHOP)))) is RefusalCode.TOO_LATE
    await house.tell((3, D))


async def test_a_capture_that_is_declined_gives_the_points_back(house: House) -> None:
    await authorised(house)
    await house.put(house.capture(100))
    moved = await house.tell((3, X))
    assert moved.state is State.RELEASING
    assert [(order.operation, order.leg) for order in moved.due] == [(Operation.RELEASE, 4)]
    assert (await house.tell((4, D))).state is State.REVERSED
    assert await position(house, HOTEL) == (0, 0)
    assert await house.balance() == {}


async def test_a_capture_whose_answer_is_lost_is_asked_again(house: House) -> None:
    await authorised(house)
    await house.put(house.capture(100))
    assert (await house.tell((3, U))).state is State.UNKNOWN
    assert (await house.tell((3, D))).state is State.COMPLETED
    assert await position(house, HOTEL) == (rates.portion(SPEND, 0, 100).debit, 0)


async def test_a_release_in_time_whose_answer_is_lost_is_asked_again(house: House) -> None:
    await authorised(house)
    house.clock.at += timedelta(seconds=601)
    await house.put(house.claim())
    assert (await house.put(house.answered(4, U, lease=OTHER_LEASE))).state is State.UNKNOWN
    assert (await house.put(house.answered(4, D))).state is State.REVERSED


async def test_a_cap_counts_the_whole_authorisation_until_it_is_captured(house: House) -> None:
    async with moved_in(house.url, house.clock, 1, cap=SPEND.debit + 1, furnished=True) as small:
        await small.put(small.spend("a"))
        assert code(await small.put(small.spend("b"))) is RefusalCode.NET_DEBIT_CAP_EXCEEDED
        await small.tell((1, D), name="a")
        await small.put(small.capture(1, "a"))
        await small.tell((3, D), name="a")
        less = rates.portion(SPEND, 0, 890)
        assert isinstance(await small.put(small.spend("c", terms=less)), Reserved)
        await small.tell((1, X), name="c")
        assert await small.findings() == []


# --- a gift


async def test_a_gift_moves_points_and_no_value(house: House) -> None:
    gift = house.reserve(
        kind=Kind.GIFT, target_program="nights", target_account=uid("account", "friend"), terms=rates.given(250)
    )
    await house.put(gift)
    assert (await house.tell((1, D), (2, D), (3, D))).state is State.COMPLETED
    assert await position(house, HOTEL) == (0, 0)
    assert await points(house, HOTEL, Account.OUTSTANDING) == 0
    assert isinstance(await house.put(house.reverse(sent=100)), Reserved)
    await house.tell((1, D), (2, D), name="back")
    assert isinstance(await house.put(house.claim(lease=LEASE)), Claimed)


async def test_one_bad_item_of_a_batch_costs_its_neighbours_nothing(house: House) -> None:
    wrong = house.issue("wrong", terms=rates.given(5))  # sends points that nobody has
    told = await house.writer.put_all([house.issue("a"), wrong, house.spend("b")])
    assert [type(one) for one in told] == [Reserved, errors.ItemRejected, Reserved]
    assert isinstance(await house.put(house.answered(2, D, "a")), Moved)
    await house.tell((1, X), name="b")
