"""Laws of cover and of the caps that follow agreements: exact at the limit, by the clock, and never taken twice."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from clearing import database, errors, partners
from clearing.front import granting
from clearing.front.granting import cross, grant_due, low_waters
from clearing.ledger import Writer
from clearing.ledger.items import Grant, Lodge, Pay
from clearing.ledger.outcomes import Reserved
from clearing.rules.agreements import Credit, Postpaid, Prepaid
from clearing.rules.postings import Account
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import Ratio
from tests.agreed import agreed, terms
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, TERMS, D, House, X, moved_in, salts

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
WORD, ALL = Postpaid(0), Prepaid(Ratio(1, 1))
PREPAID = {"prepaid": {"of_cover": {"num": 80, "den": 100}}}


# --- cover


def moved(partner: str, amount: int, reference: str, credit: Credit | None = WORD) -> Lodge:
    """Funds in (plus) or out (minus)."""
    name = partners.movement_id(partner, reference)
    agreed = () if credit is None else (terms(partner, credit),)
    return Lodge(name, partner, amount, agreed, reference, UUID(int=1))


def codes(outcomes: Iterable[Any]) -> list[RefusalCode | None]:
    return [one.code if isinstance(one, Refusal) else None for one in outcomes]


async def covers(house: House) -> dict[str, int]:
    return await partners.covers(house.owner, house.lane)


async def test_cover_is_the_sum_of_its_movements_and_never_below_nothing(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        lodged = await house.put(moved(AIR, 1_000, "wire 1"))
        again = await house.put(moved(AIR, 1_000, "wire 1"))
        assert (lodged.replayed, again.replayed, again.leaf) == (False, True, lodged.leaf)
        differs = [moved(AIR, 999, "wire 1"), moved(AIR, -1_001, "wire 2"), moved(HOTEL, -1, "wire 1")]
        assert codes([await house.put(one) for one in differs]) == [
            RefusalCode.ADJUSTMENT_DIFFERS, RefusalCode.COVER_NEEDED, RefusalCode.COVER_NEEDED,
        ]  # fmt: skip
        await house.put(moved(AIR, -400, "wire 3"))
        assert await covers(house) == {AIR: 600}
        for wrong in (moved(AIR, 2**53 - 1, "wire 4"), moved(AIR, 0, "wire 5")):
            with pytest.raises(errors.ValidationFailed):
                await house.put(wrong)
        with pytest.raises(errors.NotFound):
            await house.put(moved("nobody", 1, "wire 6"))
        assert (await house.cap_of(AIR)).granted == house.cap  # on its word: no cap follows
        assert await house.findings() == []


async def test_cover_is_booked_apart_from_what_settles_and_in_no_window(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        await house.put(moved(AIR, 1_000, "wire 1"))
        booked = await house.rows("SELECT mod(account, 16), window_id, amount FROM entry ORDER BY line")
        assert booked == [(Account.COVER, None, -1_000), (Account.FUNDS, None, 1_000)]
        assert (await house.cap_of(AIR)).position == 0


async def test_a_batch_decides_each_movement_by_those_before_it(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock, cap=0) as house:
        items = [moved(AIR, amount, f"wire {place}", ALL) for place, amount in enumerate((500, -300, -300, 100, -300))]
        said = await house.writer.put_all(items)
        assert codes(said) == [None, None, RefusalCode.COVER_NEEDED, None, None]
        assert await covers(house) == {AIR: 0}
        assert (await house.cap_of(AIR)).granted == 0


async def test_ten_withdrawals_at_once_from_ten_processes_never_overdraw(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock, cap=0) as house, AsyncExitStack() as open_ones:
        await house.put(moved(AIR, 1_000, "wire 0", ALL))
        others = [await open_ones.enter_async_context(another(house, number)) for number in range(10)]
        said = await asyncio.gather(
            *(writer.put(moved(AIR, -300, f"out {number}", ALL)) for number, writer in enumerate(others))
        )
        assert codes(said).count(None) == 3
        assert await covers(house) == {AIR: 100}
        assert (await house.cap_of(AIR)).granted == 100
        assert await house.findings() == []


async def test_withdrawals_and_exchanges_at_once_leave_what_is_pending_covered(
    database_url: str, clock: FixedClock
) -> None:
    """Each wants a quarter of the cover: exactly four of them have it, in whatever order."""
    terms = replace(TERMS, sent=1, received=1, debit=250, credit=250, fee=0, rounding=0)
    async with moved_in(database_url, clock, cap=0) as house, AsyncExitStack() as open_ones:
        await house.put(moved(HOTEL, 1_000, "wire 0", ALL))
        others = [await open_ones.enter_async_context(another(house, number)) for number in range(10)]
        wanted: list[Any] = [
            moved(HOTEL, -250, f"out {number}", ALL) if number % 2 else house.reserve(number, terms=terms)
            for number in range(10)
        ]
        said = await asyncio.gather(*(writer.put(item) for writer, item in zip(others, wanted, strict=True)))
        assert codes(said).count(None) == 4
        cap, left = await house.cap_of(HOTEL), (await covers(house))[HOTEL]
        assert (cap.granted, cap.granted - cap.pending) == (left, 0)
        assert await house.findings() == []


async def test_what_is_owed_or_pending_keeps_its_cover(database_url: str, clock: FixedClock) -> None:
    """10,000 are pending, then owed: of 12,501 lodged at 80 %, one may go, and no second."""
    async with moved_in(database_url, clock, cap=0) as house:
        part = Prepaid(Ratio(80, 100))
        await house.put(moved(HOTEL, 12_501, "wire 1", part))
        assert (await house.cap_of(HOTEL)).granted == 10_000
        assert isinstance(await house.put(house.reserve(1)), Reserved)
        assert codes([await house.put(moved(HOTEL, -2, "wire 2", part))]) == [RefusalCode.COVER_NEEDED]
        await house.put(moved(HOTEL, -1, "wire 3", part))
        await house.tell((1, D), (2, D))
        assert (await house.cap_of(HOTEL)).position == 10_000
        for terms in (part, None):  # an agreement that has ended covers nothing any more
            assert codes([await house.put(moved(HOTEL, -1, "wire 4", terms))]) == [RefusalCode.COVER_NEEDED]
        await house.put(Pay(None, None, UUID(int=7), HOTEL, 10_000, "settlement"))
        await house.put(moved(HOTEL, -12_500, "wire 4", part))
        assert await covers(house) == {HOTEL: 0}
        assert await house.findings() == []


async def test_a_cap_that_was_worked_out_before_a_withdrawal_does_not_come_back(
    database_url: str, clock: FixedClock
) -> None:
    """Whoever grants a prepaid cap names its part; how much that is, the ledger says when it grants."""
    async with moved_in(database_url, clock, cap=0) as house:
        await house.put(moved(HOTEL, 1_000, "wire 1", ALL))
        await house.put(moved(HOTEL, -900, "wire 2", ALL))
        await house.put(Grant(HOTEL, ALL))
        assert (await house.cap_of(HOTEL)).granted == 100
        assert await house.findings() == []


async def test_a_withdrawal_is_decided_by_the_terms_of_the_instant_in_which_it_is_booked(
    database_url: str, clock: FixedClock
) -> None:
    """Asked for while the partner owed on its word, booked when its cap had become a part of its cover; and after the last had ended."""
    async with moved_in(database_url, clock, cap=0) as house:
        await house.put(moved(HOTEL, 10_000, "wire 1"))
        await house.put(Grant(HOTEL, 10_000))
        assert isinstance(await house.put(house.reserve(1)), Reserved)  # 10,000 are pending
        now = clock()
        later = replace(terms(HOTEL, ALL, now + DAY), valid_to=now + 2 * DAY)
        read = (terms(HOTEL, WORD), later)
        out = replace(moved(HOTEL, -1, "back 1"), agreements=read)
        clock.advance(86_400)
        assert codes([await house.put(out)]) == [RefusalCode.COVER_NEEDED]
        assert codes([await house.put(replace(out, agreements=read[:1]))]) == [None]
        clock.advance(86_400)
        assert codes([await house.put(replace(moved(HOTEL, -1, "back 2"), agreements=read))]) == [
            RefusalCode.COVER_NEEDED
        ]
        assert await house.findings() == []


@asynccontextmanager
async def another(house: House, number: int) -> AsyncIterator[Writer]:
    """The writer of another process."""
    writer = Writer(
        lambda: database.connect(house.url),
        house.lane,
        clock=house.clock,
        salts=salts(),
        calendar=house.calendar,
        writer_id=UUID(int=100 + number),
    )
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


# --- caps


async def test_a_cap_follows_the_agreement_by_the_clock_and_a_missed_tick_only_delays(
    database_url: str, clock: FixedClock
) -> None:
    async with moved_in(database_url, clock, cap=0) as house:

        async def granted() -> int:
            await grant_due(house.owner, house.writer, clock)
            return (await house.cap_of(HOTEL)).granted

        assert await granted() == 0
        await agreed(house.owner, HOTEL, NOW, cap={"postpaid": {"granted": 700}})
        assert await granted() == 700
        await agreed(house.owner, HOTEL, NOW + DAY, now=NOW, cap={"postpaid": {"granted": 300}})
        ending = (NOW + 9 * DAY).isoformat()
        await agreed(house.owner, HOTEL, NOW + 2 * DAY, now=NOW, cap={"postpaid": {"granted": 500}}, valid_to=ending)
        clock.advance(86_400 - 1)
        assert await granted() == 700
        clock.advance(1)
        assert await granted() == 300
        clock.advance(5 * 86_400)  # nobody looked when the third began
        assert await granted() == 500
        clock.advance(3 * 86_400)
        assert await granted() == 0
        assert await grant_due(house.owner, house.writer, clock) == []
        assert await house.findings() == []


async def test_a_prepaid_cap_follows_the_cover_and_admits_exactly_its_limit(
    database_url: str, clock: FixedClock
) -> None:
    terms = replace(TERMS, sent=1, received=1, debit=801, credit=801, fee=0, rounding=0)
    async with moved_in(database_url, clock, cap=0) as house:
        await agreed(house.owner, HOTEL, NOW, cap=PREPAID)
        await house.put(moved(HOTEL, 1_001, "wire 1"))  # 80 %: 800.8
        (grant,) = await grant_due(house.owner, house.writer, clock)
        assert (grant.partner, grant.granted) == (HOTEL, 800)
        above = await house.put(house.reserve(1, terms=terms))
        assert isinstance(above, Refusal)
        assert above.code is RefusalCode.NET_DEBIT_CAP_EXCEEDED
        exactly = replace(terms, debit=800, credit=800)
        assert isinstance(await house.put(house.reserve(2, terms=exactly)), Reserved)
        await house.put(moved(HOTEL, -1_001, "wire 2", WORD))
        (grant,) = await grant_due(house.owner, house.writer, clock)
        assert grant.granted == 0
        assert await house.findings() == []


async def test_a_partner_is_alerted_one_below_its_low_water(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock, cap=0) as house:
        await agreed(house.owner, HOTEL, NOW, cap={"postpaid": {"granted": 30_000}}, low_water=20_000)
        await grant_due(house.owner, house.writer, clock)
        directory = await partners.load(house.owner)
        await house.put(house.reserve(1))  # 10,000 of the cap are pending, exactly the low water is left
        assert await low_waters(house.owner, directory, clock()) == []
        await house.put(
            house.reserve(2, terms=replace(TERMS, sent=1, received=1, debit=1, credit=1, fee=0, rounding=0))
        )
        (low,) = await low_waters(house.owner, directory, clock())
        assert (low.partner, low.alert.left, low.alert.low_water) == (HOTEL, 19_999, 20_000)
        assert low.cap.pending == 10_001


async def test_a_crossing_of_the_low_water_is_told_once_until_there_is_room_again(
    database_url: str, clock: FixedClock
) -> None:
    tiny = replace(TERMS, sent=1, received=1, debit=1, credit=1, fee=0, rounding=0)
    async with moved_in(database_url, clock, cap=0) as house:
        await agreed(house.owner, HOTEL, NOW, cap={"postpaid": {"granted": 30_000}}, low_water=20_000)
        await grant_due(house.owner, house.writer, clock)

        async def told() -> list[tuple[str, int, int]]:
            return [(one.partner, one.room, one.agreed) for one in await cross(house.owner, clock)]

        await house.put(house.reserve(1))
        assert await told() == []
        await house.put(house.reserve(2, terms=tiny))
        assert await told() == [(HOTEL, 19_999, 20_000)]
        await house.put(house.reserve(3, terms=tiny))
        assert await told() == []
        await house.put(house.cancel(1))
        await house.tell((1, X))
        clock.advance(60)
        assert await told() == []
        await house.put(house.reserve(4))
        assert await told() == [(HOTEL, 19_998, 20_000)]
        found = await partners.crossings(house.owner, None)
        assert [(one.number, one.ended_at is None) for one in found] == [(2, True), (1, False)]
        assert await partners.crossings(house.owner, AIR) == []


async def test_a_crossing_that_ten_see_at_once_is_told_by_one(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock, cap=0) as house, database.pool(database_url, size=10) as pool:
        await agreed(house.owner, HOTEL, NOW, cap={"postpaid": {"granted": 9}}, low_water=10)
        await grant_due(house.owner, house.writer, clock)

        async def look() -> int:
            async with pool.connection() as own:
                return len(await cross(own, clock))

        assert sum(await asyncio.gather(*(look() for _ in range(10)))) == 1


async def test_who_looked_before_a_fall_does_not_end_it_when_others_have_told_it(
    database_url: str, clock: FixedClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One has read that there is room and not yet written so; meanwhile the room is gone and another looks."""
    seen, go, real = asyncio.Event(), asyncio.Event(), granting.low_waters

    async def slowly(*asked: Any) -> list[granting.LowWater]:
        found = await real(*asked)
        if not seen.is_set():
            seen.set()
            await go.wait()
        return found

    async with moved_in(database_url, clock, cap=0) as house, database.pool(database_url, size=2) as pool:
        await agreed(house.owner, HOTEL, NOW, cap={"postpaid": {"granted": 30_000}}, low_water=25_000)
        await grant_due(house.owner, house.writer, clock)
        monkeypatch.setattr(granting, "low_waters", slowly)

        async def look() -> int:
            async with pool.connection() as own:
                return len(await cross(own, clock))

        async def fall_and_look() -> int:
            await house.put(house.reserve(1))
            return await look()

        waiting = "SELECT count(*) FROM pg_locks WHERE NOT granted"
        first = asyncio.create_task(look())
        await seen.wait()
        clock.advance(1)
        second = asyncio.create_task(fall_and_look())
        while not second.done() and await house.rows(waiting) == [(0,)]:  # noqa: ASYNC110 - the database does not call
            await asyncio.sleep(0.01)
        go.set()
        assert await first + await second == 1
        assert await look() == 0
        assert [one.ended_at for one in await partners.crossings(house.owner, None)] == [None]


async def test_two_that_grant_at_once_end_with_what_is_agreed(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock, cap=0) as house, database.pool(database_url, size=4) as pool:
        for days in range(4):
            await agreed(house.owner, HOTEL, NOW - DAY + timedelta(hours=6 * days), now=NOW - DAY, cap={
                "postpaid": {"granted": 100 + days}
            })  # fmt: skip

        async def one(at: datetime) -> None:
            async with pool.connection() as own:
                await grant_due(own, house.writer, lambda: at)

        await asyncio.gather(*(one(NOW) for _ in range(8)))
        assert (await house.cap_of(HOTEL)).granted == 103
        found = await house.rows("SELECT count(*) FROM leaf WHERE kind = 'granted'")
        assert found == [(1,)]
