"""Laws of what is owed since when, and what will be owed: ages by cut-off, nothing set off, and the forecast is what then comes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.ledger.items import Pay
from clearing.rules.postings import Account
from settlement import books
from settlement.rules.ageing import Aged, aged, bucket_of
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, D, House, moved_in

CUT_OFF = datetime(2026, 3, 9, tzinfo=UTC)


@pytest.mark.parametrize(
    ("days", "bucket"),
    [
        (-1, "current"),
        (0, "1-7"),
        (7, "1-7"),
        (8, "8-30"),
        (30, "8-30"),
        (31, "31-60"),
        (60, "31-60"),
        (61, "61-90"),
        (90, "61-90"),
        (91, "over-90"),
    ],
)
def test_a_debt_is_as_old_as_the_full_days_since_its_cut_off(days: int, bucket: str) -> None:
    assert bucket_of(CUT_OFF, CUT_OFF + timedelta(days=days)) == bucket
    assert bucket_of(CUT_OFF, CUT_OFF + timedelta(days=days, hours=23)) == bucket


NETS = st.lists(
    st.tuples(
        st.sampled_from("abc"), st.integers(-10, 200).map(lambda day: CUT_OFF - timedelta(days=day)), st.integers()
    )
)


@given(NETS)
def test_receivables_less_payables_are_the_nets(nets: list[tuple[str, datetime, int]]) -> None:
    found = aged(nets, CUT_OFF)
    for partner in "abc":
        mine = [one for one in found if one.partner == partner]
        assert sum(one.receivable - one.payable for one in mine) == sum(net for who, _, net in nets if who == partner)
    assert all(one.receivable >= 0 and one.payable >= 0 for one in found)


async def test_every_window_is_aged_by_itself_and_nothing_is_set_off(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        await house.complete("x0")
        clock.advance(40 * 86_400)
        await house.complete("x1", source=AIR, target=HOTEL)
        chart = await books.chart(house.owner)
        found = await books.ageing(house.owner, chart, house.lane, clock())
        assert sorted(found, key=str) == sorted(
            (
                Aged(HOTEL, "current", 0, 9_000),
                Aged(HOTEL, "31-60", 10_000, 0),
                Aged(AIR, "current", 10_000, 0),
                Aged(AIR, "31-60", 0, 9_000),
            ),
            key=str,
        )


async def test_ages_add_up_to_the_positions(lively: House) -> None:
    chart, balance = await books.chart(lively.owner), await lively.balance()
    found = await books.ageing(lively.owner, chart, lively.lane, lively.clock() + timedelta(days=20))
    for number, account in chart.accounts.items():
        if account.kind is Account.POSITION:
            mine = sum(one.receivable - one.payable for one in found if one.partner == account.owner)
            assert mine == balance.get(number, 0)
    assert {one.bucket for one in found} == {"8-30", "31-60"}


async def test_what_is_forecast_is_what_is_posted_once_what_is_pending_is(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        await house.complete("x0")
        clock.advance(7 * 86_400)
        await house.put(house.reserve("x1"))
        chart = await books.chart(house.owner)
        told = {one.partner: one for one in await books.forecast(house.owner, chart, house.lane)}
        hotel = told[HOTEL]
        assert (hotel.posted, hotel.pending, hotel.at_most) == (0, 10_000, 10_000)
        assert (hotel.earlier, hotel.to_pay) == (10_000, 20_000)  # the window before is not paid yet
        assert (hotel.granted, hotel.left) == (house.cap, house.cap - 20_000)
        assert hotel.cut_off > clock()
        await house.tell((1, D), (2, D), name="x1")
        told = {one.partner: one for one in await books.forecast(house.owner, chart, house.lane)}
        assert (told[HOTEL].posted, told[HOTEL].pending) == (hotel.at_most, 0)
        assert (told[AIR].posted, told[AIR].at_most) == (-9_000, -9_000)
        await house.put(Pay(None, None, UUID(int=1), HOTEL, 10_000, "settlement"))
        told = {one.partner: one for one in await books.forecast(house.owner, chart, house.lane)}
        assert (told[HOTEL].earlier, told[HOTEL].to_pay, told[HOTEL].value_date) == (0, 10_000, None)
