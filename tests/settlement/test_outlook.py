"""Laws of what is owed since when, and what will be owed: ages by cut-off, nothing set off, and the forecast is what then comes."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.front import cli_books
from clearing.ledger import history
from clearing.ledger.items import Pay
from clearing.rules.postings import Account
from settlement import books
from settlement.rules.ageing import Aged, Fixed, Item, Paid, aged, bucket_of, by_currency, left_open, unpaid
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


ITEMS = st.lists(
    st.builds(
        lambda who, number, net: Item(who, number, CUT_OFF + timedelta(days=7 * number), net),
        st.sampled_from("abc"),
        st.integers(0, 5),
        st.integers(),
    ),
    unique_by=lambda one: (one.partner, one.window),
)
PAYMENTS = st.lists(
    st.builds(
        lambda who, net, windows: Paid(who, net, windows, max(windows), CUT_OFF + timedelta(days=7 * max(windows))),
        st.sampled_from("abc"),
        st.integers(),
        st.frozensets(st.integers(0, 5), min_size=1),
    )
)


@given(ITEMS, PAYMENTS, st.integers(-10, 200))
def test_receivables_less_payables_are_what_was_owed_and_paid(items: list[Item], paid: list[Paid], days: int) -> None:
    found = aged(left_open(items, paid), CUT_OFF + timedelta(days=days))
    for partner in "abc":
        mine = [one for one in found if one.partner == partner]
        owed = sum(one.net for one in items if one.partner == partner)
        moved = sum(one.net for one in paid if one.partner == partner)
        assert sum(one.receivable - one.payable for one in mine) == owed + moved
    assert all(one.receivable >= 0 and one.payable >= 0 for one in found)


FIXED = st.lists(
    st.tuples(PAYMENTS.map(lambda found: found[:1]), st.sampled_from(["EUR", "JPY"])).map(
        lambda one: [Fixed(paid, one[1], 0) for paid in one[0]]
    )
).map(lambda found: [one for few in found for one in few])


@given(ITEMS, PAYMENTS, FIXED)
def test_what_is_told_by_currency_is_what_is_open_window_by_window(
    items: list[Item], paid: list[Paid], fixed: list[Fixed]
) -> None:
    whole, parts = left_open(items, paid), by_currency(left_open(items, paid), fixed)
    for place in {(one.partner, one.window) for one in (*whole, *parts)}:
        assert sum(one.net for one in whole if (one.partner, one.window) == place) == sum(
            one.net for one in parts if (one.partner, one.window) == place
        )
    for partner in "abc":
        for currency in ("EUR", "JPY"):
            told = sum(one.net for one in parts if (one.partner, one.currency) == (partner, currency))
            assert told == -sum(
                one.rest.net for one in fixed if (one.rest.partner, one.currency) == (partner, currency)
            )


@pytest.mark.parametrize(
    ("nets", "rest", "windows", "parts"),
    [
        ([100, -30], -70, {0, 1}, {(0, "JPY"): 100, (1, "JPY"): -30}),
        ([100, 50], -50, {1}, {(0, None): 100, (1, "JPY"): 50}),  # no run has fixed the older one yet
        ([100, 50], -150, {1}, {(0, "JPY"): 100, (1, "JPY"): 50}),  # the run resumes what was kept back
        ([0, 50], -20, {1}, {(1, "JPY"): 20, (1, None): 30}),  # what it keeps back itself is not fixed
        ([0, -10], -20, {1}, {(1, "JPY"): 20, (1, None): -30}),  # and nothing is set off against it
    ],
)
def test_what_a_net_will_close_has_its_currency(
    nets: list[int], rest: int, windows: set[int], parts: dict[tuple[int, str | None], int]
) -> None:
    items = [Item("a", number, CUT_OFF + timedelta(days=7 * number), net) for number, net in enumerate(nets)]
    one = Paid("a", rest, frozenset(windows), max(windows), items[max(windows)].closes_at)
    found = by_currency([item for item in items if item.net], [Fixed(one, "JPY", rest)])
    assert {(item.window, item.currency): item.net for item in found} == parts


def test_the_report_has_a_sum_for_each_currency_and_what_is_still_to_be_paid_in_it() -> None:
    lines = (
        Aged("a", "1-7", 10_000_000, 0, "EUR"),
        Aged("b", "1-7", 0, 3_500_000, "JPY"),
        Aged("b", "current", 250_000, 1, None),
    )
    rest = Paid("a", 0, frozenset({1}), 1, CUT_OFF)
    fixed = (Fixed(rest, "EUR", -1_000), Fixed(rest, "EUR", 5), Fixed(rest, "JPY", 560))
    assert cli_books._currencies(books.Ageing(lines, fixed)) == [
        {"currency": None, "receivable": "0.250000", "payable": "0.000001", "pay_in": None, "pay_out": None},
        {"currency": "EUR", "receivable": "10.000000", "payable": "0.000000", "pay_in": "10.00", "pay_out": "0.05"},
        {"currency": "JPY", "receivable": "0.000000", "payable": "3.500000", "pay_in": "0", "pay_out": "560"},
    ]
    assert cli_books._sides(lines) == {"receivable": "10.250000", "payable": "3.500001"}


def test_a_part_of_a_net_is_left_in_minor_units_by_its_share() -> None:
    net = Paid("a", -3_000_000, frozenset({1}), 1, CUT_OFF)
    assert unpaid(net, -480, "JPY", 0).minor == -480
    assert (unpaid(net, -480, "JPY", -1_000_000).minor, unpaid(net, -480, "JPY", -1_000_000).rest.net) == (
        -320,
        -2_000_000,
    )
    assert unpaid(net, -480, "JPY", -3_000_000).rest.net == 0


@pytest.mark.parametrize(
    ("nets", "paid", "windows", "left"),
    [
        ([100, -30], -70, {0, 1}, {}),  # one run settles what both windows came to
        ([100, 50], -50, {1}, {0: 100}),  # the older is still owed, and as old as it is
        ([100, 50], -150, {1}, {}),  # it resumes what was kept back
        ([40, 60, 50], -90, {2}, {1: 60}),  # the oldest first
        ([100, 50], -20, {1}, {0: 100, 1: 30}),  # what was kept back itself stays
        ([-100, 50], -20, {1}, {0: -100, 1: 30}),  # and nothing is set off against it
        ([-100, 20], 80, {0, 1}, {}),  # paid to the partner
        ([100, 50], -50, {0}, {0: 50, 1: 50}),  # what came later is not paid
    ],
)
def test_a_payment_closes_what_its_run_settled(
    nets: list[int], paid: int, windows: set[int], left: dict[int, int]
) -> None:
    items = [Item("a", number, CUT_OFF + timedelta(days=7 * number), net) for number, net in enumerate(nets)]
    one = Paid("a", paid, frozenset(windows), max(windows), items[max(windows)].closes_at)
    assert {item.window: item.net for item in left_open(items, [one])} == left


async def test_every_window_is_aged_by_itself_and_nothing_is_set_off(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        await house.complete("x0")
        clock.advance(40 * 86_400)
        await house.complete("x1", source=AIR, target=HOTEL)
        chart = await books.chart(house.owner)
        found = (await books.ageing(house.owner, chart, house.lane, clock())).aged
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
    found = (await books.ageing(lively.owner, chart, lively.lane, lively.clock() + timedelta(days=20))).aged
    for number, account in chart.accounts.items():
        if account.kind is Account.POSITION:
            mine = sum(one.receivable - one.payable for one in found if one.partner == account.owner)
            assert mine == balance.get(number, 0)
    assert {one.bucket for one in found} == {"8-30", "31-60"}


async def test_ages_of_a_past_instant_add_up_to_the_positions_of_then(lively: House) -> None:
    """At the instant of every event, and just before it: what was posted and paid later does not show."""
    chart = await books.chart(lively.owner)
    positions = {number: one.owner for number, one in chart.accounts.items() if one.kind is Account.POSITION}
    seen = set()
    for (at,) in await lively.rows("SELECT DISTINCT at FROM leaf ORDER BY at"):
        for instant in (at, at - timedelta(microseconds=1)):
            said = (await history.balances(lively.owner, lively.lane, list(positions), instant)).of
            found = (await books.ageing(lively.owner, chart, lively.lane, instant)).aged
            for number, owner in positions.items():
                assert sum(one.receivable - one.payable for one in found if one.partner == owner) == said[number]
            seen.add(tuple(said.values()))
    assert len(seen) > 5


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
