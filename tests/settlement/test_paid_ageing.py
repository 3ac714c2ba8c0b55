"""What is aged once runs are paid: nothing that was settled, and what was kept back as old as its window is."""

from datetime import UTC, datetime, timedelta
from typing import Any

from settlement import books
from settlement import run as runs
from settlement.books import Ageing
from settlement.rules.ageing import Aged, Item, Paid, left_open
from settlement.rules.netting import Model
from settlement.rules.run import Terms
from settlement.run import RunRow
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.settlement.runs_room import BIG, NEXT_WINDOW, confirmations, frozen, lively, paid, seal, step
from tests.settlement.share_room import contract, publish


async def ageing(house: House, as_of: datetime | None = None) -> Ageing:
    return await books.ageing(house.owner, await books.chart(house.owner), house.lane, as_of or house.clock())


async def aged(house: House) -> set[Aged]:
    return set((await ageing(house)).aged)


def currencies(found: Ageing) -> dict[str, list[tuple[str | None, int, int]]]:
    """Of each partner: currency, and what is open in the common unit on both sides."""
    told: dict[str, list[tuple[str | None, int, int]]] = {}
    for one in found.aged:
        told.setdefault(one.partner, []).append((one.currency, one.receivable, one.payable))
    return told


def payments(found: Ageing) -> dict[str, tuple[str, int]]:
    return {one.rest.partner: (one.currency, one.minor) for one in found.fixed}


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


JPY = {"terms": (Terms(SHOP, "JPY", 0, 360),)}


async def instructed(house: House, *codes: str, **changes: Any) -> RunRow:
    """A run that has booked what it shares, and said who pays what."""
    row = await frozen(house, *codes, **changes)
    return await runs.carry_on(house.owner, house.writer, row.run, step(house))


async def test_an_instructed_run_fixes_the_currency_until_it_is_paid(house: House) -> None:
    """Hotel pays 10.00 EUR, Air gets 5.00 EUR, Shop 3.50 at 160 yen each: 560. The window after it has no currency yet."""
    await lively(house)
    assert currencies(await ageing(house)) == {
        HOTEL: [(None, 10_000_000, 0)], AIR: [(None, 0, 5_000_000)], SHOP: [(None, 0, 3_500_000)],
    }  # fmt: skip
    row = await instructed(house, **JPY)
    fixed = await ageing(house)
    assert currencies(fixed) == {
        HOTEL: [("EUR", 10_000_000, 0)], AIR: [("EUR", 0, 5_000_000)], SHOP: [("JPY", 0, 3_500_000)],
    }  # fmt: skip
    assert payments(fixed) == {HOTEL: ("EUR", -1_000), AIR: ("EUR", 500), SHOP: ("JPY", 560)}
    await house.complete(3, terms=BIG)
    assert currencies(await ageing(house))[HOTEL] == [(None, 10_000_000, 0), ("EUR", 10_000_000, 0)]
    (hotel,) = [one for one in await confirmations(house, row.run) if one.direction == "pay_in"]
    await runs.confirm(house.owner, row.run, [hotel], step(house))
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert payments(await ageing(house)) == {AIR: ("EUR", 500), SHOP: ("JPY", 560)}
    await paid(house, row.run)
    assert payments(await ageing(house)) == {}
    assert {one.currency for one in (await ageing(house)).aged} == {None}


async def test_what_a_run_keeps_back_has_no_currency_until_another_resumes_it(house: House) -> None:
    """Air is suspended: Hotel pays its fee of 1.00 alone; its 9.00 to Air, and Air's 3.50 to Shop, are parked."""
    await lively(house)
    row = await instructed(house, suspended=(AIR,), **JPY)
    assert currencies(await ageing(house)) == {
        HOTEL: [(None, 9_000_000, 0), ("EUR", 1_000_000, 0)], AIR: [(None, 0, 5_000_000)], SHOP: [(None, 0, 3_500_000)],
    }  # fmt: skip
    await paid(house, row.run)
    assert {one.currency for one in (await ageing(house)).aged} == {None}
    await seal(house)
    await instructed(house, NEXT_WINDOW, **JPY)
    assert currencies(await ageing(house)) == {
        HOTEL: [("EUR", 9_000_000, 0)], AIR: [("EUR", 0, 5_000_000)], SHOP: [("JPY", 0, 3_500_000)],
    }  # fmt: skip


async def test_every_cent_has_the_currency_of_its_run_though_contracts_share_it(house: House) -> None:
    """Half a fee of 1.00 goes to Air: before it is booked nothing is fixed, and then all that is open."""
    await publish(house, contract())
    await lively(house)
    row = await frozen(house)
    assert currencies(await ageing(house))[AIR] == [(None, 0, 5_000_000)]
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert currencies(await ageing(house))[AIR] == [("EUR", 0, 5_500_000)]


async def test_the_report_of_a_past_day_is_what_it_was_on_that_day(house: House) -> None:
    """Each day's report is kept as it was told, then asked for again after everything that came later."""
    told = {}

    async def keep() -> None:
        told[house.clock()] = await ageing(house)
        house.clock.advance(3_600)

    await publish(house, contract())
    await lively(house)
    await keep()
    row = await frozen(house, suspended=(SHOP,), **JPY)
    await keep()
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    await keep()
    await house.complete(3, terms=BIG)
    await keep()
    await paid(house, row.run, late=36)
    await keep()
    await seal(house)
    await keep()
    later = await frozen(house, NEXT_WINDOW, **JPY)
    await keep()
    await paid(house, later.run)
    await keep()
    assert len({str(one) for one in told.values()}) > 5
    for at, before in told.items():
        assert await ageing(house, at) == before
        assert await ageing(house, at + timedelta(seconds=1_800)) == before


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
