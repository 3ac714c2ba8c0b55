"""What is aged once runs are paid: nothing that was settled, and what was kept back as old as its window is."""

from settlement import books
from settlement.rules.ageing import Aged
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.settlement.runs_room import NEXT_WINDOW, frozen, lively, paid, seal
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
    resumed = await frozen(house, NEXT_WINDOW, terms=())  # without interest: it is frozen after its day
    assert (await paid(house, resumed.run)).state == "settled"
    assert await aged(house) == set()


async def test_interest_for_being_late_is_as_old_as_the_window_that_it_is_booked_in(house: House) -> None:
    await lively(house)
    row = await frozen(house)
    await paid(house, row.run, late=36)
    assert await aged(house) == {Aged(HOTEL, "current", 100_000, 0)}
