"""Laws of the roll-forward: every one closes and ties, whatever happened; what partners see and what the house gained are zero together."""

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count, product
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearing import errors, partners
from clearing.ledger.items import Pay, Tick
from clearing.rules.postings import Account, account_number
from settlement import books
from settlement.books import Expiry, Outside, Span
from settlement.books.journals import journals
from settlement.rules.liability import NOTHING, Mirror, Reported, RollForward, Sums, View, roll_forward
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, PROGRAM, SHOP, House, moved_in, uid
from tests.settlement.lively import DEEDS, Lively
from tests.settlement.test_journals import exported, judged

_lanes = count(1)  # every example has its own
STORIES = st.lists(st.tuples(st.integers(0, len(DEEDS) - 1), st.sampled_from((0, 1, 30, 100, 200))), max_size=25)


async def codes(house: House) -> list[str]:
    found = await house.rows(
        "SELECT code FROM lane_window JOIN calendar USING (window_id) WHERE lane = %s ORDER BY opened_size, window_id",
        house.lane,
    )
    return [code for (code,) in found]


async def told(house: House, first: str | None = None, last: str | None = None) -> tuple[list[RollForward], Mirror]:
    async with books.snapshot(house.owner):
        chart = await books.chart(house.owner)
        span = await books.span_of(house.owner, house.lane, first, last)
        return await books.roll_forwards(house.owner, chart, span), await books.mirror(house.owner, chart, span)


def line(found: RollForward, name: str) -> int:
    return dict(found.lines)[name]


async def outstanding(house: House, program: int) -> int:
    return (await house.balance()).get(account_number(program, Account.OUTSTANDING), 0)


@asynccontextmanager
async def a_story(url: str, clock: FixedClock, deeds: list[tuple[int, int]]) -> AsyncIterator[House]:
    clock.at = FixedClock().at
    async with moved_in(url, clock, next(_lanes), furnished=True) as house:
        story = Lively(house)
        await story.begin()
        await story.live(deeds)
        yield house


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=STORIES)
async def test_every_roll_forward_closes_views_and_mirror_are_zero_and_journals_balance_over_every_span(
    furnished_url: str, clock: FixedClock, deeds: list[tuple[int, int]]
) -> None:
    async with a_story(furnished_url, clock, deeds) as house:
        lived = await codes(house)
        for first, last in product(lived, lived):
            if first > last:
                continue
            rolled, mirror = await told(house, first, last)
            assert [one.faults for one in rolled] == [()] * 3
            assert mirror.faults == ()
        for number, one in enumerate((await told(house))[0], start=1):
            assert one.opening == 0
            assert one.closing == await outstanding(house, number)
        chart, span = await books.chart(house.owner), await books.span_of(house.owner, house.lane)
        assert [journal.faults async for journal in journals(house.owner, chart, span) if journal.faults] == []


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(deeds=STORIES)
async def test_what_one_window_closes_with_the_next_opens_with(
    furnished_url: str, clock: FixedClock, deeds: list[tuple[int, int]]
) -> None:
    async with a_story(furnished_url, clock, deeds) as house:
        closed: list[int] | None = None
        for code in await codes(house):
            rolled, _ = await told(house, code, code)
            assert closed is None or closed == [one.opening for one in rolled]
            closed = [one.closing for one in rolled]


async def test_each_kind_has_its_line(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        story = Lively(house)
        await story.begin()
        await house.complete("x0")  # hotel to air: 1,000 for 500
        await story.left_in_transit("x1")
        await story.issued("x2")  # 400 miles
        story.done = [("x2", SHOP)]
        await story.undo_short("x3")  # they were spent: the airline bears them
        await story.captured("x4")  # 333 nights
        await story.late_credit("x5")
        (nights, miles, stars), mirror = await told(house)
        assert (line(nights, "exchanged_out"), line(nights, "redeemed"), nights.closing) == (-1_000, -333, -1_333)
        assert (line(miles, "exchanged_in"), line(miles, "issued"), line(miles, "clawed_back")) == (500, 400, -400)
        assert (line(miles, "shortfall"), line(miles, "into_suspense"), miles.closing) == (400, 500, 1_400)
        assert (line(stars, "into_transit"), stars.closing) == (-1_000, -1_000)
        views = {(view.partner, view.counterparty): view.owed for view in mirror.views}
        assert views[(HOTEL, AIR)] == 9_000
        assert views[(AIR, HOTEL)] == -9_000
        assert views[(HOTEL, None)] == mirror.positions[HOTEL] - 9_000 - views[(HOTEL, SHOP)]
        assert (mirror.positions[AIR], mirror.house) == (-9_000, -sum(mirror.positions.values()))


async def test_every_funder_owes_the_one_whose_units_it_pays_for(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        story = Lively(house)
        await story.begin()
        await story.with_bonus("x0")  # hotel 1,201 and shop 3 to air, which pays 400 itself and is paid 1,600 of 1,604
        _, mirror = await told(house)
        views = {(view.partner, view.counterparty): view.owed for view in mirror.views}
        assert views[(SHOP, AIR)] == 3
        assert views[(HOTEL, AIR)] == 9_000 + 1_201
        assert views[(AIR, None)] == 4
        assert mirror.faults == ()


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE entry SET amount = amount + 1 WHERE account = 17 AND seq = (SELECT min(seq) FROM entry WHERE account = 17)",
        "UPDATE entry SET amount = amount - 1 WHERE account = 22",
        "UPDATE position_slice SET debits = debits + 1 WHERE account = 33 AND window_id > 0",
        "UPDATE position_slice SET credits = credits + 1 WHERE account = 34 AND window_id = 0",
        "UPDATE position_slice SET debits = debits + 1 WHERE account = 24",
        "UPDATE position_slice SET debits = debits + 1 WHERE account = 14",
        "UPDATE entry SET amount = amount + 1 WHERE account = 24 AND seq = (SELECT min(seq) FROM entry WHERE account = 24)",
    ],
)
async def test_a_changed_row_of_entries_or_sums_is_found(lively: House, tampering: str) -> None:
    rolled, mirror = await told(lively)
    assert not any(one.faults for one in rolled)
    assert mirror.faults == ()
    assert (await lively.owner.execute(tampering)).rowcount > 0
    rolled, mirror = await told(lively)
    assert any(one.faults for one in rolled) or mirror.faults


async def test_payments_leave_partners_house_and_cash_at_zero_and_the_judge_agrees(
    lively: House, tmp_path: Path
) -> None:
    _, before = await told(lively)
    first, second = list(before.positions)[:2]
    for number, (partner, value) in enumerate(((first, 7_000_001), (second, -2_000_000)), 1):
        await lively.put(Pay(None, None, uid(9_000 + number), partner, value, "settlement"))
    rolled, after = await told(lively)
    assert [fault for one in rolled for fault in one.faults] == []
    assert (after.faults, after.cash, after.house) == ((), 5_000_001, before.house)
    paid = {partner: before.positions[partner] - after.positions[partner] for partner in before.positions}
    assert paid == dict.fromkeys(before.positions, 0) | {first: 7_000_001, second: -2_000_000}
    seen = {(view.partner, view.counterparty): view.owed for view in after.views}
    was = {(view.partner, view.counterparty): view.owed for view in before.views}
    assert seen[first, None] == was.get((first, None), 0) - 7_000_001
    text = await exported(lively, "beancount")
    assert re.search(r"balance Assets:House:Cash 5000001 CU\.U$", text, re.MULTILINE)
    assert judged(text, tmp_path) == (True, "")


async def test_a_span_is_of_windows_that_were_lived(lively: House) -> None:
    lived = await codes(lively)
    for first, last in (("W-1999-01", None), (None, "W-2999-01")):
        with pytest.raises(errors.NotFound):
            await books.span_of(lively.owner, lively.lane, first, last)
    with pytest.raises(errors.ValidationFailed):
        await books.span_of(lively.owner, lively.lane, lived[1], lived[0])
    span = await books.span_of(lively.owner, lively.lane, lived[0], lived[1])
    assert isinstance(span, Span)
    assert (span.first, span.sealed, len(span.windows)) == (0, True, 2)


# --- what programs report


async def reported(
    house: House, points: int, reference: str = "sweep 1", program: str = PROGRAM[AIR]
) -> tuple[Expiry, bool]:
    wanted = Expiry(program, reference, house.clock(), points, house.clock(), uid("paper"))
    async with partners.deciding(house.owner, house.lane):
        return await books.report_expiry(house.owner, house.lane, wanted)


async def test_what_is_reported_as_expired_is_a_memo_in_the_window_it_came_in(lively: House) -> None:
    before, _ = await told(lively)
    last = (await codes(lively))[-1]
    first_report, new = await reported(lively, 10)
    assert new
    lively.clock.advance(8 * 86_400)
    await lively.put(Tick())
    same, new = await reported(lively, 10)
    assert (same, new) == (first_report, False)
    await reported(lively, 5, "sweep 2")
    after, _ = await told(lively)
    assert [one.closing for one in after] == [one.closing for one in before]  # it enters no account
    (miles,) = [one for one in after if one.program == PROGRAM[AIR]]
    assert (miles.expired, miles.left) == (15, miles.closing - 15)
    assert [one.expired for one in (await told(lively, last, last))[0]] == [0, 10, 0]
    assert not any(one.faults for one in after)


async def test_no_balance_is_left_where_more_expired_than_the_house_ever_moved(lively: House) -> None:
    (miles,) = [one for one in (await told(lively))[0] if one.program == PROGRAM[AIR]]
    await reported(lively, miles.closing + 1)
    (miles,) = [one for one in (await told(lively))[0] if one.program == PROGRAM[AIR]]
    assert miles.left is None


async def outside(house: House, reference: str, opening: int | None = None, **moved: int) -> tuple[Outside, bool]:
    said = {"issued": 0, "redeemed": 0, "expired": 0} | moved
    at = house.clock()
    wanted = Outside(PROGRAM[AIR], reference, at, opening, **said, reported_at=at, evidence_id=uid("paper"))
    async with partners.deciding(house.owner, house.lane):
        return await books.report_outside(house.owner, house.lane, wanted)


async def miles_of(house: House, *span: str | None) -> RollForward:
    return next(one for one in (await told(house, *span))[0] if one.program == PROGRAM[AIR])


async def test_what_moved_outside_stands_beside_what_the_house_moved_window_by_window(lively: House) -> None:
    """1,000 were there; 1,000 + 70 − 30 − 10 = 1,030; less 5 swept apart, 1,025; then 1,025 − 2,000 = −975 + 1 = −974."""
    before = await miles_of(lively)
    assert (before.reported, before.outstanding) == (None, None)
    await reported(lively, 500)  # before the first report: its opening is without them
    lively.clock.advance(1)
    await outside(lively, "first", 1_000, issued=70, redeemed=30, expired=10)
    lively.clock.advance(1)
    await reported(lively, 5, "sweep 2")
    first = (await codes(lively))[-1]
    lively.clock.advance(8 * 86_400)
    await lively.put(Tick())
    found, new = await outside(lively, "second", 1_025, redeemed=2_000)
    assert (new, found.opening) == (True, 1_025)
    last = (await codes(lively))[-1]
    every, early, late = (
        await miles_of(lively),
        await miles_of(lively, first, first),
        await miles_of(lively, last, last),
    )
    assert early.reported == Reported(1_000, 70, 30, 15)
    assert late.reported == Reported(1_025, 0, 2_000, 0)
    assert every.reported == Reported(1_000, 70, 2_030, 15)
    assert early.reported.closing == late.reported.opening
    assert every.outstanding == every.closing + 1_000 + 70 - 2_030 - 15 == late.outstanding
    assert (every.closing, every.lines, every.faults) == (before.closing, before.lines, ())  # it enters no account
    assert (await miles_of(lively, None, (await codes(lively))[0])).reported is None


async def test_a_window_has_one_report_and_the_next_begins_with_what_it_left(lively: House) -> None:
    with pytest.raises(errors.ValidationFailed, match="first report"):
        await outside(lively, "first", issued=5)
    first, new = await outside(lively, "first", 100, issued=5)
    assert new
    same, new = await outside(lively, "first", 100, issued=5)
    assert (same, new) == (first, False)
    other, new = await outside(lively, "other", 100, issued=6)
    assert (other, new, other.same(first)) == (first, False, True)
    lively.clock.advance(8 * 86_400)
    await lively.put(Tick())
    with pytest.raises(errors.ValidationFailed, match="left 105"):
        await outside(lively, "second", 104)
    found, _ = await outside(lively, "second", expired=1)
    assert found.opening == 105
    again, new = await outside(lively, "first", 100, issued=5)
    assert (again, new) == (first, False)


# --- the rule by itself


def test_g7_a_published_roll_forward_closes() -> None:
    for opening, earned, spent, broken, closing in ((4_916, 893, 799, 23, 4_987), (5_189, 846, 825, 20, 5_190)):
        sums = {
            Account.OUTSTANDING: Sums(opening, earned, spent + broken, closing),
            Account.ACCRUED: Sums(0, 0, earned, -earned),
            Account.REDEEMED: Sums(0, spent, 0, spent),
            Account.SUSPENSE: Sums(0, broken, 0, broken),
        }
        assert roll_forward("loyalty", "USD m", sums).faults == ()
        wrong = sums | {Account.OUTSTANDING: Sums(opening, earned, spent + broken, closing + 1)}
        assert roll_forward("loyalty", "USD m", wrong).faults != ()


def test_two_partners_that_see_different_sums_or_a_house_that_kept_something_are_found() -> None:
    fifty = 50_000_000
    views = (View("dfsp1", "dfsp2", fifty), View("dfsp2", "dfsp1", -fifty))
    assert Mirror(views, {"dfsp1": fifty, "dfsp2": -fifty}, 0).faults == ()
    assert Mirror(views[:1], {"dfsp1": fifty, "dfsp2": 0}, 0).faults != ()
    assert Mirror(views, {"dfsp1": fifty, "dfsp2": -fifty}, 1).faults != ()


def test_a_program_that_nothing_happened_to_rolls_from_nothing_to_nothing() -> None:
    found = roll_forward("quiet", "POINT", {})
    assert (found.opening, found.closing, found.left, found.faults) == (0, 0, 0, ())
    assert NOTHING.ties
