"""Value that moves without points: adjustments in the open window, payments in none; said twice, booked once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from clearing import errors
from clearing.ledger.items import Adjust, Pay
from clearing.ledger.outcomes import Booked
from clearing.rules.postings import HOUSE, Account, account_number
from clearing.rules.refusals import Refusal, RefusalCode
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, NUMBERS, House, moved_in, uid

HOTEL_OWES, AIR_OWES = (account_number(NUMBERS[partner], Account.POSITION) for partner in (HOTEL, AIR))
FEES, CASH, REMAINDER = (account_number(HOUSE, kind) for kind in (Account.FEE, Account.CASH, Account.REMAINDER))
LINES = ((HOTEL, 700), (AIR, -500), ("house", -200))


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []


def adjust(name: str = "a", **changes: Any) -> Adjust:
    said = Adjust(None, None, uid("adjustment", name), "interest", LINES, 202610, "C-1")
    return replace(said, **changes)


def pay(value: int = 700, name: str = "p") -> Pay:
    return Pay(None, None, uid("payment", name), HOTEL, value, "run 1", 202610, "I-1")


async def test_an_adjustment_is_booked_in_the_open_window_and_counted_by_caps(house: House) -> None:
    booked = await house.put(adjust())
    assert isinstance(booked, Booked)
    assert (booked.window, booked.replayed) == (202610, False)
    assert await house.balance() == {HOTEL_OWES: 700, AIR_OWES: -500, FEES: -200}
    assert ((await house.cap_of(HOTEL)).position, (await house.cap_of(AIR)).position) == (700, -500)
    assert await house.rows("SELECT DISTINCT window_id FROM entry") == [(booked.window,)]


async def test_a_payment_settles_in_no_window_and_gives_the_cap_room_again(house: House) -> None:
    await house.put(adjust())
    booked = await house.put(pay())
    assert isinstance(booked, Booked)
    assert booked.window is None
    assert await house.balance() == {AIR_OWES: -500, FEES: -200, CASH: 700}
    assert (await house.cap_of(HOTEL)).position == 0
    await house.put(Pay(None, None, uid("payment", "out"), AIR, -500, "run 1"))
    assert await house.balance() == {FEES: -200, CASH: 200}


@pytest.mark.parametrize(("money", "left"), [(698, 2), (701, -1), (0, 700), (700, 0)])
async def test_cash_is_the_money_that_moved_and_what_it_was_less_is_the_houses(
    house: House, money: int, left: int
) -> None:
    await house.put(adjust())
    assert isinstance(await house.put(replace(pay(), money=money)), Booked)
    said = {CASH: money, REMAINDER: left, AIR_OWES: -500, FEES: -200}
    assert await house.balance() == {account: amount for account, amount in said.items() if amount}
    assert await house.findings() == []


@pytest.mark.parametrize("item", [adjust(), pay()], ids=["adjustment", "payment"])
async def test_said_twice_is_booked_once_and_other_words_are_refused(house: House, item: Adjust | Pay) -> None:
    first = await house.put(item)
    before = await house.balance()
    again, *others = await house.writer.put_all([item, replace(item, reason="other"), replace(item, of_window=None)])
    assert isinstance(again, Booked)
    assert isinstance(first, Booked)
    assert (again.leaf, again.window, again.replayed) == (first.leaf, first.window, True)
    assert [other.code for other in others if isinstance(other, Refusal)] == [RefusalCode.ADJUSTMENT_DIFFERS] * 2
    assert await house.balance() == before


async def test_the_same_adjustment_twice_in_one_batch_is_booked_once(house: House) -> None:
    first, again = await house.writer.put_all([adjust(), adjust()])
    assert isinstance(first, Booked)
    assert isinstance(again, Booked)
    assert (first.replayed, again.replayed) == (False, True)


@pytest.mark.parametrize(
    ("item", "misuse"),
    [
        (adjust(lines=()), errors.ValidationFailed),
        (adjust(lines=((HOTEL, 1),)), errors.ValidationFailed),
        (adjust(lines=((HOTEL, 0), (AIR, 0))), errors.ValidationFailed),
        (adjust(lines=(("nobody", 5), (AIR, -5))), errors.NotFound),
        (pay(0), errors.ValidationFailed),
        (replace(pay(), partner="nobody"), errors.NotFound),
    ],
    ids=["no line", "unbalanced", "nothing moves", "a stranger", "no money", "a stranger's money"],
)
async def test_what_moves_nothing_or_does_not_balance_is_misuse_and_leaves_no_trace(
    house: House, item: Adjust | Pay, misuse: type[errors.ClearingError]
) -> None:
    (found, neighbour) = await house.writer.put_all([item, adjust("neighbour")])
    assert isinstance(found, misuse)
    assert isinstance(neighbour, Booked)
    assert await house.rows("SELECT count(*) FROM adjustment") == [(1,)]


async def test_a_signed_adjustment_uses_its_nonce_and_keeps_its_evidence(house: House) -> None:
    paper = house.paper()
    signed = house.signed("operator")
    item = adjust(signed=signed, evidence=paper)
    assert isinstance(await house.put(item), Booked)
    assert await house.rows("SELECT evidence_id FROM adjustment") == [(paper.evidence_id,)]
    with pytest.raises(errors.SignatureReplayed):
        await house.put(replace(adjust("b", evidence=house.paper()), signed=replace(signed, request_id=uid("r"))))
