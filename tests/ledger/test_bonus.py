"""Bonuses and limits: promised within budgets, paid by their funders, credited apart, taken back in parts; limits refuse or hold."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.ledger.accept import RISK
from clearing.ledger.items import Fund, Reserve, Try
from clearing.ledger.outcomes import Reserved
from clearing.rules.lifecycle import Operation, Path, State
from clearing.rules.limits import Budget, Limit, Used
from clearing.rules.postings import Account, account_number
from clearing.rules.quoting import Share
from clearing.rules.rates import Terms
from clearing.rules.refusals import Refusal, RefusalCode
from tests.conftest import FixedClock
from tests.ledger.books import (
    AIR,
    HOTEL,
    NUMBERS,
    OTHER_LEASE,
    SHOP,
    TERMS,
    D,
    F,
    House,
    U,
    X,
    moved_in,
    uid,
)

SHARES = (Share("summer", HOTEL, 60, 1_201), Share("summer", AIR, 20, 400))
WITH_BONUS = Terms(1_000, 500, 10_000, 1_601, 10_600, 1_001, 4, bonus=80, bonus_credit=1_600)


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        await opened.put(Fund("summer", 1_000, 20_000))
        yield opened
        assert await opened.findings() == []  # a law of every way


def code(outcome: object) -> RefusalCode | None:
    return outcome.code if isinstance(outcome, Refusal) else None


def generous(house: House, name: object = 1, **changes: Any) -> Reserve:
    given: dict[str, Any] = {"terms": WITH_BONUS, "shares": SHARES}
    return house.reserve(name, **given | changes)


async def positions(house: House) -> list[tuple[int, int]]:
    return [(cap.position, cap.pending) for cap in [await house.cap_of(partner) for partner in (HOTEL, AIR)]]


async def budget(house: House, campaign: str = "summer") -> tuple[int, int]:
    (row,) = await house.rows(
        "SELECT units_used, value_used FROM budget_slice WHERE lane = %s AND campaign = %s", house.lane, campaign
    )
    return row[0], row[1]


async def points(house: House, partner: str, account: Account) -> int:
    return (await house.balance()).get(account_number(NUMBERS[partner], account), 0)


# --- forward


async def test_a_bonus_is_credited_apart_and_paid_for_by_its_funders(house: House) -> None:
    await house.put(generous(house))
    assert await budget(house) == (80, 1_601)
    assert await positions(house) == [(0, 11_201), (0, 400)]
    await house.tell((1, D))
    moved = await house.tell((2, D))
    asked = {order.operation: order for order in moved.due}
    assert asked[Operation.CREDIT].amount == 80
    assert asked[Operation.CREDIT].leg == 6
    assert Operation.CAPTURE in asked
    assert await positions(house) == [(10_000, 1_201), (-9_000, 400)]
    assert (await house.tell((6, D))).state is State.CREDITED  # it moves no state
    assert await positions(house) == [(11_201, 0), (-10_200, 0)]
    assert (await house.tell((3, D))).state is State.COMPLETED
    assert await points(house, AIR, Account.OUTSTANDING) == 580


async def test_a_bonus_may_come_after_the_exchange_has_ended(house: House) -> None:
    await house.put(generous(house))
    await house.tell((1, D), (2, D), (3, D), (6, U))
    assert (await house.exchange()).state is State.COMPLETED
    await house.tell((6, D))
    assert await points(house, AIR, Account.OUTSTANDING) == 580


async def test_a_late_bonus_is_asked_for_on_its_day_and_not_before(house: House) -> None:
    await house.put(generous(house, bonus_due=house.clock() + timedelta(days=30)))
    moved = await house.tell((1, D), (2, D))
    assert [order.operation for order in moved.due] == [Operation.CAPTURE]
    await house.tell((3, D))
    assert (await house.put(house.claim())).due == ()
    assert code(await house.put(house.reverse())) is RefusalCode.BONUS_PENDING
    house.clock.at += timedelta(days=30)
    (order,) = (await house.put(house.claim())).due
    assert (order.operation, order.amount) == (Operation.CREDIT, 80)
    await house.put(house.answered(6, D, lease=OTHER_LEASE))
    assert await points(house, AIR, Account.OUTSTANDING) == 580


async def test_a_bonus_that_is_declined_goes_back_to_the_budget_and_a_person_is_told(house: House) -> None:
    await house.put(generous(house))
    await house.tell((1, D), (2, D), (6, X), (3, D))
    assert await budget(house) == (0, 0)
    assert await positions(house) == [(10_000, 0), (-9_000, 0)]
    assert [case.kind for case in await house.cases()] == ["bonus_refused"]
    await house.put(house.reverse())  # and the reversal takes nothing back that was never there
    await house.tell((1, D), (2, D), name="back")
    assert await house.balance() == {}


@pytest.mark.parametrize("decision", ["done", "declined", "ask_again"])
async def test_a_bonus_whose_answer_differs_is_decided_by_a_person(house: House, decision: str) -> None:
    await house.put(generous(house))
    await house.tell((1, D), (2, D), (6, F), (3, D))
    assert (await house.exchange()).state is State.COMPLETED
    (case,) = await house.cases()
    assert (case.kind, case.leg) == ("answer_differs", 6)
    assert code(await house.put(house.resolve(case.case, "close"))) is RefusalCode.CASE_CLOSED
    moved = await house.put(house.resolve(case.case, decision))
    if decision == "ask_again":
        assert [order.leg for order in moved.due] == [6]
        await house.tell((6, D))
    assert await points(house, AIR, Account.OUTSTANDING) == (500 if decision == "declined" else 580)


async def test_an_exchange_that_fails_gives_the_promise_back(house: House) -> None:
    await house.put(generous(house))
    await house.tell((1, X))
    assert await budget(house) == (0, 0)
    assert await positions(house) == [(0, 0), (0, 0)]


async def test_a_funder_without_room_under_its_cap_stops_the_exchange(house: House) -> None:
    async with moved_in(house.url, house.clock, 1, cap=11_200, furnished=True) as small:
        await small.put(Fund("summer", None, None))
        assert code(await small.put(generous(small))) is RefusalCode.NET_DEBIT_CAP_EXCEEDED
        assert await budget(small) == (0, 0)
        assert await small.findings() == []


# --- budgets


@pytest.mark.parametrize(("units", "value", "fits"), [(80, 1_601, True), (79, None, False), (None, 1_600, False)])
async def test_a_budget_fits_exactly_what_is_left(
    house: House, units: int | None, value: int | None, *, fits: bool
) -> None:
    await house.put(Fund("summer", units, value))
    outcome = await house.put(generous(house))
    assert code(outcome) is (None if fits else RefusalCode.CAMPAIGN_EXHAUSTED)
    assert await budget(house) == ((80, 1_601) if fits else (0, 0))
    if fits:
        await house.tell((1, X))


async def test_a_campaign_that_was_never_funded_promises_nothing(house: House) -> None:
    shares = (Share("winter", HOTEL, 80, 1_601),)
    assert code(await house.put(generous(house, shares=shares))) is RefusalCode.CAMPAIGN_EXHAUSTED


async def test_ten_thousand_claims_at_once_never_exceed_the_budget(house: House) -> None:
    await house.put(Fund("summer", 80 * 7_003 + 79, None))
    halves = [[generous(house, (part, n)) for n in range(2_500)] for part in range(4)]
    outcomes = await asyncio.gather(*[house.writer.put_all(half) for half in halves])
    told = [code(outcome) for half in outcomes for outcome in half]
    assert told.count(None) == 7_003
    assert told.count(RefusalCode.CAMPAIGN_EXHAUSTED) == 2_997
    assert await budget(house) == (80 * 7_003, 1_601 * 7_003)
    assert await positions(house) == [(0, 11_201 * 7_003), (0, 400 * 7_003)]


# --- back


@pytest.mark.parametrize("marks", [(1_000,), (2, 998), (333, 333, 334), (7, 500, 493), (13, 2, 985)])
async def test_a_reversal_takes_its_part_of_the_bonus_back_apart(house: House, marks: tuple[int, ...]) -> None:
    await house.put(generous(house))
    await house.tell((1, D), (2, D), (3, D), (6, D))
    before, taken = await budget(house), 0
    for number, mark in enumerate(marks):
        name = f"back {number}"
        assert isinstance(await house.put(house.reverse(name, sent=mark)), Reserved)
        moved = await house.tell((1, D), name=name)
        for order in moved.due:
            if order.leg == 6:
                assert order.refers == f"{uid(1).hex}-6"
                taken += order.amount
                await house.tell((6, D), name=name)
        assert (await house.tell((2, D), name=name)).state is State.COMPLETED
    assert taken == WITH_BONUS.bonus
    assert await house.balance() == {}
    assert await positions(house) == [(0, 0), (0, 0)]
    assert await budget(house) == before  # a reversal does not bring a budget back


async def test_a_bonus_that_was_spent_is_a_case_and_the_reversal_ends(house: House) -> None:
    await house.put(generous(house))
    await house.tell((1, D), (2, D), (3, D), (6, D))
    await house.put(house.reverse())
    await house.tell((1, D), (6, X), name="back")
    assert (await house.tell((2, D), name="back")).state is State.COMPLETED
    assert [case.kind for case in await house.cases()] == ["bonus_not_taken_back"]
    assert await positions(house) == [(1_201, 0), (-1_200, 0)]  # the funders still pay for what the member kept


# --- limits of a member


def limit(house: House, **how: Any) -> tuple[Limit, ...]:
    return (Limit("daily", house.clock() - timedelta(hours=1), **how),)


@pytest.mark.parametrize(
    ("how", "passes"),
    [
        ({"points": 2_000}, True),
        ({"points": 1_999}, False),
        ({"count": 2}, True),
        ({"count": 1}, False),
        ({"points": 1_999, "target": "miles"}, False),
        ({"points": 1_999, "target": "stars"}, True),
    ],
)
async def test_a_limit_counts_what_the_member_sent_since_it_began(
    house: House, how: dict[str, Any], *, passes: bool
) -> None:
    await house.put(house.reserve("a"))
    outcome = await house.put(house.reserve("b", limits=limit(house, **how)))
    assert code(outcome) is (None if passes else RefusalCode.LIMIT_EXCEEDED)
    for name in ("a", "b") if passes else ("a",):
        await house.tell((1, X), name=name)


async def test_two_in_one_batch_share_a_limit(house: House) -> None:
    told = await house.writer.put_all([house.reserve(n, limits=limit(house, count=1)) for n in ("a", "b")])
    assert [code(outcome) for outcome in told] == [None, RefusalCode.LIMIT_EXCEEDED]
    await house.tell((1, X), name="a")
    assert isinstance(
        await house.put(house.reserve("c", limits=limit(house, count=1))), Reserved
    )  # a void counts no more
    await house.tell((1, X), name="c")


async def test_a_limit_of_an_issue_counts_what_the_member_receives(house: House) -> None:
    await house.put(house.issue("a"))
    assert code(await house.put(house.issue("b", limits=limit(house, points=799)))) is RefusalCode.LIMIT_EXCEEDED
    assert isinstance(await house.put(house.issue("c", limits=limit(house, points=800))), Reserved)
    for name in ("a", "c"):
        await house.tell((2, D), name=name)


async def test_a_device_is_counted_over_all_its_members(house: House) -> None:
    await house.put(house.reserve("a", device=b"phone"))
    one = limit(house, count=1, device=True)
    other = house.reserve("b", device=b"phone", limits=one, source=SHOP, partner=SHOP, signed=house.signed(SHOP))
    assert code(await house.put(other)) is RefusalCode.LIMIT_EXCEEDED
    assert isinstance(await house.put(house.reserve("c", device=b"tablet", limits=one)), Reserved)
    for name in ("a", "c"):
        await house.tell((1, X), name=name)


@given(
    st.lists(st.tuples(st.integers(0, 10), st.integers(1, 100)), max_size=8), st.integers(1, 100), st.integers(0, 500)
)
def test_a_limit_is_exceeded_when_the_sum_is_above_it(sent: list[tuple[int, int]], more: int, most: int) -> None:
    start = FixedClock().at
    used = [Used(start + timedelta(hours=hour - 5), amount, "nights", "miles") for hour, amount in sent]
    counted = sum(amount for hour, amount in sent if hour >= 5)
    assert Limit("any", start, points=most).exceeded(used, more) == (counted + more > most)


@given(st.integers(0, 9), st.integers(0, 9), st.integers(1, 9))
def test_a_budget_without_a_limit_in_a_measure_is_not_stopped_by_it(units: int, value: int, most: int) -> None:
    assert Budget(None, None).fits(units, value)
    assert Budget(most, None).fits(units, value) == (units <= most)
    assert Budget(None, most).moved(0, value).fits(0, 0) == (value <= most)


# --- risk


def watched(house: House, name: object = 1, **changes: Any) -> Reserve:
    limits = (Limit("velocity", house.clock() - timedelta(hours=1), count=0, holds=True),)
    return house.reserve(name, limits=limits, **changes)


@pytest.mark.parametrize("path", [Path.HELD, Path.ISSUED])
async def test_a_risk_holds_before_anybody_is_asked_and_a_person_releases(house: House, path: Path) -> None:
    risky = watched(house) if path is Path.HELD else house.issue(limits=watched(house).limits)
    outcome = await house.put(risky)
    assert isinstance(outcome, Reserved)
    assert (outcome.exchange.state, outcome.exchange.reason, outcome.due) == (State.REVIEW, "held: velocity", ())
    (case,) = await house.cases()
    assert (case.kind, case.detail) == (RISK, "velocity")
    for decision in ("done", "close", "ask_again"):
        assert code(await house.put(house.resolve(case.case, decision))) is RefusalCode.CASE_CLOSED
    moved = await house.put(house.resolve(case.case, "release"))
    assert moved.state is State.RESERVED
    assert [order.operation for order in moved.due] == [Operation.HOLD if path is Path.HELD else Operation.CREDIT]
    await house.tell((1 if path is Path.HELD else 2, X))


async def test_what_was_cancelled_while_it_was_held_ends_when_it_is_released_and_nobody_is_asked(house: House) -> None:
    await house.put(watched(house))
    (case,) = await house.cases()
    assert (await house.put(house.cancel())).state is State.REVIEW
    moved = await house.put(house.resolve(case.case, "release"))
    assert (moved.state, moved.due, (await house.exchange()).reason) == (State.REVERSED, (), "cancelled")
    assert (await house.cap_of(HOTEL)).pending == 0


@pytest.mark.parametrize("path", [Path.HELD, Path.ISSUED])
async def test_a_risk_that_a_person_refuses_leaves_no_trace_in_limits(house: House, path: Path) -> None:
    risky = watched(house) if path is Path.HELD else house.issue(limits=watched(house).limits)
    await house.put(risky)
    (case,) = await house.cases()
    moved = await house.put(house.resolve(case.case, "refuse"))
    assert (moved.state, moved.due) == (State.REVERSED, ())
    for partner in (HOTEL, SHOP):
        cap = await house.cap_of(partner)
        assert (cap.position, cap.pending) == (0, 0)
    assert code(await house.put(house.resolve(case.case, "release"))) is RefusalCode.CASE_CLOSED
    assert isinstance(await house.put(house.reserve("next", limits=limit(house, count=1), terms=TERMS)), Reserved)
    await house.tell((1, X), name="next")


async def test_an_ordinary_case_is_neither_released_nor_refused(house: House) -> None:
    await house.put(house.reserve())
    await house.tell((1, F))
    (case,) = await house.cases()
    for decision in ("release", "refuse"):
        assert code(await house.put(house.resolve(case.case, decision))) is RefusalCode.CASE_CLOSED
    await house.put(house.resolve(case.case, "declined"))


# --- a dry run


@pytest.mark.parametrize(
    ("changes", "refusal", "held"),
    [
        ({}, None, None),
        ({"terms": Terms(1, 1, 10**13, 0, 1, 10**13 - 1, 0)}, RefusalCode.NET_DEBIT_CAP_EXCEEDED, None),
        ({"shares": (Share("winter", AIR, 1, 1),)}, RefusalCode.CAMPAIGN_EXHAUSTED, None),
        ({"limits": (Limit("daily", FixedClock().at, count=0),)}, RefusalCode.LIMIT_EXCEEDED, None),
        ({"limits": (Limit("velocity", FixedClock().at, count=0, holds=True),)}, None, "velocity"),
    ],
)
async def test_a_dry_run_says_what_would_happen_and_leaves_no_trace(
    house: House, changes: dict[str, Any], refusal: RefusalCode | None, held: str | None
) -> None:
    log, caps, promised = await house.kinds(), await positions(house), await budget(house)
    wish = generous(house, **changes)
    for _ in range(2):
        tried = await house.put(Try(wish))
        assert (code(tried.refusal), tried.held) == (refusal, held)
    assert (await house.kinds(), await positions(house), await budget(house)) == (log, caps, promised)
    assert await house.rows("SELECT 1 FROM exchange WHERE lane = %s", house.lane) == []
