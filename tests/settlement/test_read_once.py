"""What settlement reads in one go is what the entries say one by one: over everything that can happen, window by window."""

from collections import defaultdict
from collections.abc import AsyncIterator
from typing import Any

import pytest

from clearing import partners
from settlement.rules.contracts import Figure, Of
from settlement.rules.flows import HOUSE, Sum, flows, imbalance
from settlement.run import invoicing, reading, sharing
from settlement.run.window import Window
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, NUMBERS, PROGRAM, SHOP, House, moved_in
from tests.settlement.lively import ALL_KINDS, Lively
from tests.settlement.runs_room import frozen, seal

OWNERS = {number: name for name, number in NUMBERS.items()} | {0: HOUSE}
PARTNER_OF = {PROGRAM[name]: name for name in (HOTEL, AIR, SHOP)}
ONE_BY_ONE = """
    SELECT entry.seq, entry.account, entry.amount, leaf.kind AS event, made.source_program AS source,
        made.target_program AS target, made.partner, made.original_id AS original, made.captured, made.sent, made.kind,
        first.window_id AS of_window, first.kind AS of_kind
    FROM entry JOIN leaf ON entry.lane = leaf.lane AND entry.seq = leaf.seq
    LEFT JOIN exchange AS made ON entry.lane = made.lane AND entry.exchange_id = made.exchange_id
    LEFT JOIN exchange AS first ON made.lane = first.lane AND made.original_id = first.exchange_id
    WHERE entry.lane = %s AND entry.window_id = %s AND mod(entry.account, 16) IN (8, 14, 15) ORDER BY entry.seq
"""


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as known:
        books = Lively(known)
        await books.begin()
        await books.live(ALL_KINDS)
        await seal(known)
        yield known


async def windows(house: House) -> list[Window]:
    found = await house.rows("SELECT code FROM calendar JOIN lane_window USING (window_id) WHERE sealed_at IS NOT NULL")
    known = await reading.sealed(house.owner, house.lane, [code for (code,) in found])
    assert isinstance(known, list)
    return known


async def entries(house: House, *among: Window) -> list[dict[str, Any]]:
    names = [
        part.split(".")[-1].split(" AS ")[-1].strip()
        for part in ONE_BY_ONE.split("FROM", maxsplit=1)[0][11:].split(",")
    ]
    found = [row for one in among for row in await house.rows(ONE_BY_ONE, house.lane, one.number)]
    return [dict(zip([name.strip() for name in names], row, strict=True)) for row in found]


def sides(one: dict[str, Any]) -> tuple[str | None, str | None]:
    """Source and target of the exchange of an entry, partners both."""
    if one["partner"] is None:
        return None, None
    return PARTNER_OF.get(one["source"], one["partner"]), PARTNER_OF.get(one["target"], one["partner"])


def pair_of(one: dict[str, Any]) -> Sum:
    """One entry as a sum of its own."""
    source, target = sides(one)
    owner, amount = OWNERS[one["account"] // 16], one["amount"]
    if owner == HOUSE:
        return Sum(source, target, None, 0, 0, amount, 0)
    if owner == source:
        return Sum(source, target, None, amount, 0, 0, 0)
    if owner == target:
        return Sum(source, target, None, 0, amount, 0, 0)
    return Sum(source, target, owner, 0, 0, 0, amount)


async def test_flows_of_a_window_are_those_of_its_entries(house: House) -> None:
    directory = await partners.load(house.owner)
    others = 0
    for window in await windows(house):
        single = [pair_of(one) for one in await entries(house, window)]
        sums, slices = await reading._booked(house.owner, house.lane, [window], directory)
        assert flows(sums) == flows(single)
        assert imbalance(sums, slices) is None
        others += any(one.other for one in sums)
    assert others > 1  # funders of bonuses, and who bore what was spent


@pytest.mark.parametrize("figure", list(Figure))
async def test_bases_of_contracts_are_sums_of_entries_without_bonuses(house: House, figure: Figure) -> None:
    known = await windows(house)
    every = [one for one in await entries(house, *known) if not one["event"].startswith("bonus")]
    wanted = {Of(figure, source, target) for source in PARTNER_OF for target in PARTNER_OF if source != target}
    wanted |= {Of(figure, program=program) for program in PARTNER_OF}
    booked = await sharing._booked(house.owner, house.lane, known, wanted)
    for of in wanted:
        own = [
            one
            for one in every
            if (
                of.program in (one["source"], one["target"])
                if of.program
                else (one["source"], one["target"]) == (of.source, of.target)
            )
        ]
        found: dict[int | None, int] = defaultdict(int)
        for one in own:
            source, _ = sides(one)
            forward = (one["amount"] > 0) == (one["original"] is None)
            if one["account"] < 16 if figure is Figure.FEE else OWNERS[one["account"] // 16] == source and forward:
                found[one["of_window"]] += one["amount"]
        told: dict[int | None, int] = defaultdict(int)
        for (_, of_window), amount in booked.of(of).items():
            told[of_window] += amount
        assert {at: amount for at, amount in told.items() if amount} == {
            at: amount for at, amount in found.items() if amount
        }
    assert any(booked.of(of) for of in wanted)


async def test_fees_are_billed_by_events_each_counted_once_also_where_a_part_was_captured(house: House) -> None:
    known = await windows(house)
    await frozen(house, *(one.code for one in known))
    told = [{"window_id": one.number, "first": one.first, "until": one.until} for one in known]
    earning = [
        one for one in await entries(house, *known) if one["account"] < 16 and not one["event"].startswith("bonus")
    ]
    assert any(0 < one["captured"] < one["sent"] for one in earning)
    # of some captured parts only the rounding is left of the fee
    alone = min(one["seq"] for one in earning if 0 < one["captured"] < one["sent"])
    await house.owner.execute("ALTER TABLE entry DISABLE TRIGGER ALL")
    await house.owner.execute("DELETE FROM entry WHERE seq = %s AND account = 14", (alone,))
    earning = [one for one in earning if (one["seq"], one["account"]) != (alone, 14)]
    events: dict[tuple[str, str, bool], set[int]] = defaultdict(set)
    micros: dict[tuple[str, str, bool], int] = defaultdict(int)
    for one in earning:
        name = (str(sides(one)[0]), str(one["of_kind"] or one["kind"]), one["original"] is not None)
        events[name].add(one["seq"])
        micros[name] -= one["amount"]
    fees = await invoicing._fees(house.owner, house.lane, told)
    assert isinstance(fees, list)
    found = {(fee.partner, fee.kind, fee.returned): (fee.bookings, fee.micros) for fee in fees}
    assert found == {name: (len(events[name]), micros[name]) for name in events if micros[name]}
