"""Laws of cover and of the caps that follow agreements: exact at the limit, by the clock, and never taken twice."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from clearing import database, errors, partners
from clearing.front.granting import grant_due, low_waters
from clearing.ledger.outcomes import Reserved
from clearing.rules.refusals import Refusal, RefusalCode
from tests.agreed import BOTH, agreed
from tests.conftest import FixedClock
from tests.ledger.books import HOTEL, TERMS, moved_in

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
PREPAID = {"prepaid": {"of_cover": {"num": 80, "den": 100}}}


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with await database.connect(database_url) as opened:
        await opened.set_autocommit(True)
        await partners.register_partner(opened, "air", "Air", NOW)
        yield opened


# --- cover


async def _cover(
    connection: AsyncConnection, partner: str, direction: str, amount: int, reference: str, spared: Any = None
) -> Any:
    wish = {"partner": partner, "direction": direction, "amount": amount, "reference": reference}
    proposed = await partners.propose(connection, "cover", partner, wish, "first-key", UUID(int=1), NOW)
    return await partners.move_cover(connection, proposed, BOTH, NOW, spared)


async def test_cover_is_the_sum_of_its_movements_and_never_below_nothing(connection: AsyncConnection) -> None:
    lodged = await _cover(connection, "air", "in", 1_000, "wire 1")
    assert (lodged.number, lodged.amount) == (1, 1_000)
    assert await _cover(connection, "air", "in", 1_000, "wire 1") == lodged  # the same movement, once
    assert (await _cover(connection, "air", "in", 999, "wire 1")).code is RefusalCode.REFERENCE_USED
    assert (await _cover(connection, "air", "out", 1_001, "wire 2")).code is RefusalCode.COVER_NEEDED
    assert (await _cover(connection, "air", "out", 400, "wire 3")).amount == -400
    assert await partners.covers(connection) == {"air": 600}
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await connection.execute("DELETE FROM cover")
    with pytest.raises(errors.ValidationFailed):
        await _cover(connection, "air", "in", 2**53 - 1, "wire 4")


async def test_simultaneous_withdrawals_do_not_both_take_the_same_cover(
    database_url: str, connection: AsyncConnection
) -> None:
    await _cover(connection, "air", "in", 1_000, "wire 0")
    async with database.pool(database_url, size=4) as pool:

        async def take(number: int) -> Any:
            async with pool.connection() as own:
                return await _cover(own, "air", "out", 400, f"wire {number}")

        outcomes = await asyncio.gather(*(take(number) for number in range(1, 6)))
    assert [isinstance(outcome, Refusal) for outcome in outcomes].count(False) == 2
    assert await partners.covers(connection) == {"air": 200}


async def test_what_is_needed_is_asked_again_whenever_another_movement_came_first(
    database_url: str, connection: AsyncConnection
) -> None:
    await _cover(connection, "air", "in", 1_000, "wire 0")

    async def keeps_400(left: int) -> Refusal | None:
        return None if left >= 400 else Refusal(RefusalCode.COVER_NEEDED, "")

    async with database.pool(database_url, size=4) as pool:

        async def take(number: int) -> Any:
            async with pool.connection() as own:
                return await _cover(own, "air", "out", 200, f"wire {number}", keeps_400)

        outcomes = await asyncio.gather(*(take(number) for number in range(1, 6)))
    assert [isinstance(outcome, Refusal) for outcome in outcomes].count(False) == 3
    assert await partners.covers(connection) == {"air": 400}


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
        await _cover(house.owner, HOTEL, "in", 1_001, "wire 1")  # 80 %: 800.8
        (grant,) = await grant_due(house.owner, house.writer, clock)
        assert (grant.partner, grant.granted) == (HOTEL, 800)
        above = await house.put(house.reserve(1, terms=terms))
        assert isinstance(above, Refusal)
        assert above.code is RefusalCode.NET_DEBIT_CAP_EXCEEDED
        exactly = replace(terms, debit=800, credit=800)
        assert isinstance(await house.put(house.reserve(2, terms=exactly)), Reserved)
        await _cover(house.owner, HOTEL, "out", 1_001, "wire 2")
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
