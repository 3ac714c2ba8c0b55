"""What is aged once runs are paid: nothing that was settled, and what was kept back as old as its window is."""

from datetime import UTC, datetime, timedelta

from settlement import books
from settlement import run as runs
from settlement.rules.ageing import Aged, Item, Paid, left_open
from settlement.rules.netting import Model
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.settlement.runs_room import NEXT_WINDOW, confirmations, frozen, lively, paid, seal, step
from tests.settlement.share_room import contract, publish


async def aged(house: House) -> set[Aged]:
    chart = await books.chart(house.owner)
    return set(await books.ageing(house.owner, chart, house.lane, house.clock()))


async def test_a_run_that_is_settled_leaves_nothing_to_age_though_its_shares_stand_in_a_later_window(
    house: House,
) -> None:
    await publish(house, contract())
    await lively(house)
    row = await frozen(house)
    before = await aged(house)
    assert {(one.partner, one.receivable, one.payable) for one in before} == {
        (HOTEL, 10_000_000, 0), (AIR, 0, 5_000_000), (SHOP, 0, 3_500_000),
    }  # fmt: skip
    assert (await paid(house, row.run)).state == "settled"
    assert await aged(house) == set()


async def test_what_was_kept_back_ages_from_its_own_window_until_it_is_paid(house: House) -> None:
    await lively(house)
    row = await frozen(house, suspended=(AIR,))
    await paid(house, row.run)
    house.clock.advance(30 * 86_400)
    kept = {(one.partner, one.bucket, one.receivable, one.payable) for one in await aged(house)}
    assert kept == {(HOTEL, "31-60", 9_000_000, 0), (AIR, "31-60", 0, 5_000_000), (SHOP, "31-60", 0, 3_500_000)}
    await seal(house)
    resumed = await frozen(house, NEXT_WINDOW)
    assert (await paid(house, resumed.run)).state == "settled"
    assert await aged(house) == set()


async def test_interest_for_being_late_is_as_old_as_the_window_that_it_is_booked_in(house: House) -> None:
    await lively(house)
    row = await frozen(house)
    await paid(house, row.run, late=36)
    assert await aged(house) == {Aged(HOTEL, "current", 100_000, 0)}


async def test_while_partners_pay_each_other_each_ages_what_is_left_of_its_own_payments(house: House) -> None:
    """Hotel has paid Air 9.00, and owes the house 1.00; Air has paid neither Shop its 3.50 nor the house 0.50."""
    await lively(house)
    row = await frozen(house, model=Model.BILATERAL)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    (first,) = [one for one in await confirmations(house, row.run) if one.minor == 900]
    await runs.confirm(house.owner, row.run, [first], step(house))
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert {(one.partner, one.receivable, one.payable) for one in await aged(house)} == {
        (HOTEL, 1_000_000, 0), (AIR, 4_000_000, 0), (SHOP, 0, 3_500_000),
    }  # fmt: skip
    assert (await paid(house, row.run)).state == "settled"
    assert await aged(house) == set()


def test_what_was_kept_back_stays_open_while_one_of_several_payments_is_more_than_the_net() -> None:
    """Air owes 3 since window 1, kept back, and 5 of window 2: it pays 15 and is paid 10. A whole of nothing sets off what it resumed."""
    closes = datetime(2026, 3, 2, tzinfo=UTC)
    items = [Item(AIR, 1, closes - timedelta(days=7), 3), Item(AIR, 2, closes, 5)]
    first, second = (Paid(AIR, net, frozenset({2}), 2, closes, -5) for net in (-15, 10))
    assert [(one.window, one.net) for one in left_open(items, [first])] == [(1, 3), (2, -10)]
    assert [(one.window, one.net) for one in left_open(items, [first, second])] == [(1, 3)]
    for sign in (1, -1):
        even = [Item(AIR, 1, closes - timedelta(days=7), 5 * sign), Item(AIR, 2, closes, -5 * sign)]
        both = [Paid(AIR, net, frozenset({2}), 2, closes, 0) for net in (7, -7)]
        assert left_open(even, both) == []
