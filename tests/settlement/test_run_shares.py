"""Revenue sharing in the run, on a real ledger: by hand, by date, booked once, clawed back at the original terms, stated, explained."""

import json
from typing import Any

import pytest

from clearing.ledger.items import Adjust
from clearing.rules.refusals import RefusalCode
from settlement import run as runs
from settlement.rules import waterfall as waterfall_room
from settlement.rules.run import replayed
from settlement.rules.statement_lines import LineKind
from settlement.run import RunRow
from settlement.run import late as late_room
from settlement.run import shares as shares_room
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.settlement.runs_room import (
    BACK,
    BIG,
    NEXT_WINDOW,
    WINDOW,
    drafted,
    frozen,
    lively,
    nets,
    paid,
    positions,
    refused,
    seal,
    step,
    wanted,
)
from tests.settlement.share_room import GROSS, WATERFALL, back, booked, contract, faults, legs, publish, waterfalls
from tests.settlement.stating_room import stated, sums

THIRD_WINDOW = "W-2026-12"


async def test_half_a_fee_by_hand(house: House) -> None:
    """The house earned 1.00 of Hotel's exchange: Air has half of it. Hotel −10.00; Air 5.00 + 0.50; the house 1.50 − 0.50."""
    await publish(house, contract())
    await lively(house)
    row = await frozen(house)
    assert legs(row) == [("rest", "house", "house", 500_000), ("rest", "house", AIR, 500_000)]
    assert await nets(house, row.run) == {
        HOTEL: ("EUR", -10_000_000, -1_000),
        AIR: ("EUR", 5_500_000, 550),
        SHOP: ("EUR", 3_500_000, 350),
        "house": ("EUR", 1_000_000, 100),
    }
    assert (await paid(house, row.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    assert (await house.balance())[13] == 1_000_000
    assert await house.findings() == []


async def test_what_a_run_booked_of_contracts_is_settled_by_no_other(house: House) -> None:
    await publish(house, contract())
    await lively(house)
    await paid(house, (await frozen(house)).run)
    await seal(house)
    assert {micros for _, micros, _ in (await nets(house, (await drafted(house, NEXT_WINDOW)).run)).values()} <= {0}


async def test_a_whole_waterfall_by_hand_and_its_period_goes_on(house: House) -> None:
    """G. Of 10.00: 2.5 % = 0.25 fee; a bonus of 1.00, Shop 0.60 and the house 0.40; 19 % of 0.25 = 0.0475; 9.7025 by 2 : 1.

    The second 10.00: 5.00 at 2.5 %, 5.00 at 1 % = 0.175; 0.20 are left of the budget, 0.80 come out of the base; 0.03325 tax; 8.99175 are
    left. The window is the last of March: Shop got 3.234167 + 0.0475 + 2.99725 + 0.03325 of the 8.00 it is guaranteed.
    """
    await publish(house, contract(of=GROSS, payer=HOTEL, steps=WATERFALL))
    await house.complete(1, terms=BIG)
    await seal(house)
    first = await booked(house)
    assert legs(first) == [
        ("scheme", HOTEL, "house", 250_000),
        ("spring", SHOP, AIR, 600_000),
        ("spring", "house", AIR, 400_000),
        ("vat", HOTEL, SHOP, 47_500),
        ("rest", HOTEL, AIR, 6_468_333),
        ("rest", HOTEL, SHOP, 3_234_167),
    ]
    await house.complete(2, terms=BIG)
    await seal(house)
    await frozen(house, NEXT_WINDOW)
    (second,) = waterfalls(await drafted(house, NEXT_WINDOW))
    assert [(leg.step, leg.payer, leg.payee, leg.amount) for leg in second.legs if leg.step != "floor"] == [
        ("scheme", HOTEL, "house", 175_000),
        ("spring", SHOP, AIR, 120_000),
        ("spring", "house", AIR, 80_000),
        ("spring", HOTEL, AIR, 800_000),
        ("vat", HOTEL, SHOP, 33_250),
        ("rest", HOTEL, AIR, 5_994_500),
        ("rest", HOTEL, SHOP, 2_997_250),
    ]
    assert await house.findings() == []


async def test_the_last_window_of_a_period_makes_up_for_what_was_guaranteed(house: House) -> None:
    """Shop got 0.0475 + 3.234167 of 8.00: Air makes up for 4.718333. A window that is a period of its own is its last."""
    await publish(house, contract(of=GROSS, payer=HOTEL, steps=WATERFALL, period="window"))
    await house.complete(1, terms=BIG)
    await seal(house)
    row = await drafted(house)
    assert legs(row)[-1] == ("floor", AIR, SHOP, 8_000_000 - 47_500 - 3_234_167)


async def test_a_version_applies_to_the_windows_that_open_from_its_day_on(house: House) -> None:
    await publish(house, contract())
    thirds = [
        {"name": "rest", "residual": {"weights": [{"party": "house", "weight": 2}, {"party": SHOP, "weight": 1}]}}
    ]
    ((opens_at,),) = await house.rows("SELECT opens_at FROM calendar WHERE code = %s", NEXT_WINDOW)
    await publish(house, contract(2, steps=thirds, valid_from=opens_at.isoformat().replace("+00:00", "Z")))
    for name in (1, 2):
        await house.complete(name, terms=BIG)
        await seal(house)
    both = await drafted(house, WINDOW, NEXT_WINDOW)
    found = [(one.version.version, one.window, legs) for one, legs in _apart(both)]
    assert found == [
        (1, WINDOW, [("house", "house", 500_000), ("house", AIR, 500_000)]),
        (2, NEXT_WINDOW, [("house", "house", 666_667), ("house", SHOP, 333_333)]),
    ]
    await runs.abort(house.owner, both.run, "one by one", step(house))
    one_by_one = [await booked(house, WINDOW), await booked(house, NEXT_WINDOW)]
    assert [(one.version.version, one.window, legs) for row in one_by_one for one, legs in _apart(row)] == found


def _apart(row: RunRow) -> list[tuple[Any, list[tuple[str, str, int]]]]:
    return [(one, [(leg.payer, leg.payee, leg.amount) for leg in one.legs]) for one in waterfalls(row)]


async def test_a_contract_that_ended_shares_nothing_more(house: House) -> None:
    await publish(house, contract(valid_to="2026-03-02T00:00:00Z"))
    await lively(house)
    assert waterfalls(await drafted(house)) == ()


async def test_windows_are_shared_in_their_order(house: House) -> None:
    await publish(house, contract())
    await lively(house)
    await house.complete(3, terms=BIG)
    await seal(house)
    said = await runs.draft(house.owner, house.lane, wanted(NEXT_WINDOW), step(house))
    assert refused(said) is RefusalCode.RUN_NOT_READY
    await drafted(house)
    assert (
        refused(await runs.draft(house.owner, house.lane, wanted(NEXT_WINDOW), step(house)))
        is RefusalCode.RUN_NOT_READY
    )
    row = await frozen(house)
    broken_off = await runs.draft(house.owner, house.lane, wanted(NEXT_WINDOW), step(house))
    assert refused(broken_off) is RefusalCode.RUN_NOT_READY  # a process that ended here has booked nothing yet
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert (await drafted(house, NEXT_WINDOW)).state == "drafted"


async def test_more_than_one_event_holds_is_booked_in_several_and_broken_off_between_two_it_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leg is two entries: where an event holds three, every leg is an event of its own, under a name of its own."""
    assert waterfall_room.LINES_MAX == 1 + 32_767  # from zero on, in a smallint
    await publish(house, contract(of=GROSS, payer=HOTEL, steps=WATERFALL))
    await lively(house)
    await house.complete(7, terms=BIG)
    await seal(house)
    row = await frozen(house, WINDOW, NEXT_WINDOW)
    moved = sum(payer != payee for _, payer, payee, _ in legs(row))
    assert moved > 4
    monkeypatch.setattr(waterfall_room, "LINES_MAX", 3)
    whole, count = late_room.put, list[Any]()

    async def breaks(writer: Any, item: Any) -> Any:
        if len(count) == 3:
            message = "the house fell over"
            raise ConnectionError(message)
        count.append(item)
        return await whole(writer, item)

    monkeypatch.setattr(shares_room, "put", breaks)
    with pytest.raises(ConnectionError):
        await runs.carry_on(house.owner, house.writer, row.run, step(house))
    monkeypatch.setattr(shares_room, "put", whole)
    query = "SELECT adjustment_id, reference, lines FROM adjustment WHERE reason = 'share' ORDER BY seq"
    before = await house.rows(query)
    assert (len(before), await faults(house)) == (3, [])
    assert (await runs.carry_on(house.owner, house.writer, row.run, step(house))).state == "instructed"
    kept = await house.rows(query)
    assert kept[:3] == before
    assert (len(kept), {reference for _, reference, _ in kept}) == (moved, {f"{row.run}/spring"})
    assert all(sum(amount for _, amount in json.loads(lines)) == 0 for *_, lines in kept)
    assert (await faults(house), await house.findings()) == ([], [])
    found = await stated(house, row.run)
    assert sums(found) == (0, 0, 0, 0)
    told = [line.exchange for one in found.values() for line in one.lines if line.kind is LineKind.SHARE]
    assert {told.count(str(name)) for name, *_ in kept} == {2}  # either side of the leg
    assert {*told} == {str(name) for name, *_ in kept}
    assert (await paid(house, row.run)).state == "settled"


async def test_a_run_with_contracts_replays_to_identical_bytes(house: House) -> None:
    await publish(house, contract(of=GROSS, payer=HOTEL, steps=WATERFALL))
    await lively(house)
    first = await drafted(house)
    assert replayed(first.inputs) == first.result
    assert await drafted(house) == first
    await runs.abort(house.owner, first.run, "again", step(house))
    again = await drafted(house)
    assert (again.inputs, again.result) == (first.inputs, first.result)
    said = json.loads(again.result or b"")["waterfalls"]
    assert [(one["contract"], one["version"], one["base"]) for one in said] == [("spring", 1, "10000000")]
    of_base = sum(int(leg["micros"]) for one in said for leg in one["legs"] if leg["of_base"])
    assert of_base == 10_000_000


async def test_an_aborted_run_leaves_nothing_of_its_contracts(house: House) -> None:
    await publish(house, contract())
    await lively(house)
    before = await positions(house)
    row = await drafted(house)
    await runs.approve(house.owner, row.run, row.result_sha256 or "", step(house))
    await runs.abort(house.owner, row.run, "wrong day", step(house))
    assert await positions(house) == before
    assert await house.rows("SELECT 1 FROM adjustment") == []
    assert legs(await frozen(house)) == legs(row)


async def test_frozen_twice_books_once(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """Broken off before and after every booking; then frozen and carried on again and again."""
    await publish(house, contract(of=GROSS, payer=HOTEL, steps=WATERFALL))
    await lively(house)
    row = await frozen(house)
    put, ends = house.writer.put, ["before", "after"]

    async def breaking(_writer: object, item: Adjust) -> None:
        if ends == ["before", "after"]:
            ends.pop(0)
            raise RuntimeError
        await put(item)
        if ends:
            ends.pop()
            raise RuntimeError

    monkeypatch.setattr(shares_room, "put", breaking)
    for _ in range(2):
        with pytest.raises(RuntimeError):
            await runs.carry_on(house.owner, house.writer, row.run, step(house))
        assert (await runs.run_of(house.owner, row.run)).state == "frozen"
        assert isinstance(await runs.freeze(house.owner, house.lane, row.run, step(house)), RunRow)
    assert (await paid(house, row.run)).state == "settled"
    assert await house.rows("SELECT reason, reference FROM adjustment WHERE kind = 'adjusted'") == [
        ("share", f"{row.run}/spring")
    ]
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    assert await house.findings() == []


async def test_what_is_reversed_in_its_own_window_is_taken_off_the_base(house: House) -> None:
    """500 of 1,000 points, so half of 4.00."""
    await publish(house, contract(of=GROSS, payer=HOTEL))
    await house.complete(1, terms=BACK)
    await back(house, 500)
    await seal(house)
    assert legs(await drafted(house)) == [("rest", HOTEL, "house", 1_000_000), ("rest", HOTEL, AIR, 1_000_000)]


@pytest.mark.parametrize("apart", [True, False])
async def test_what_is_reversed_later_is_given_back_at_the_terms_of_its_own_window(
    house: House, *, apart: bool
) -> None:
    """Version 1 shared 4.00 in halves. Version 2 is in force when 1.332, then the rest, are reversed: version 1 gives back every leg."""
    await publish(house, contract(of=GROSS, payer=HOTEL))
    ((opens_at,),) = await house.rows("SELECT opens_at FROM calendar WHERE code = %s", NEXT_WINDOW)
    alone = [{"name": "rest", "residual": {"weights": [{"party": SHOP, "weight": 1}]}}]
    later = opens_at.isoformat().replace("+00:00", "Z")
    await publish(house, contract(2, of=GROSS, payer=HOTEL, steps=alone, valid_from=later))
    await house.complete(1, terms=BACK)
    await seal(house)
    await back(house, 333)
    await seal(house)
    await back(house, 667, "rest of it")
    await seal(house)
    codes = (WINDOW, NEXT_WINDOW, THIRD_WINDOW)
    free: dict[str, Any] = {"terms": ()}  # of interest for what is frozen after its day
    found = [await booked(house, code, **free) for code in codes] if apart else [await booked(house, *codes, **free)]
    given = [(one.undone is not None, one.version.version, one.micros) for row in found for one in waterfalls(row)]
    halves = [(True, 1, 1_332_000), (True, 1, 2_668_000)] if apart else [(True, 1, 4_000_000)]
    assert given == [(False, 1, 4_000_000), *halves]
    moved = dict.fromkeys((HOTEL, AIR, SHOP, "house"), 0)
    for row in found:
        for _, payer, payee, amount in legs(row):
            moved[payer] -= amount
            moved[payee] += amount
        assert (await paid(house, row.run)).state == "settled"
    assert set(moved.values()) == {0}
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    assert await house.findings() == []


async def test_a_suspended_partners_legs_are_parked_and_resumed(house: House) -> None:
    await publish(house, contract())
    await lively(house)
    row = await frozen(house, suspended=(AIR,))
    assert ("house", AIR, 500_000) in await house.rows("SELECT debtor, creditor, micros FROM settlement_parked")
    await paid(house, row.run)
    assert sums(await stated(house, row.run)) == (0, 0, 0, 0)
    await seal(house)
    resumed = await frozen(house, NEXT_WINDOW)
    assert (await paid(house, resumed.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
