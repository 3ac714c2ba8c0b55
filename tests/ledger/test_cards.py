"""Laws of corridors under agreed prices: exact, dated, funded, and without circles that multiply points."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import AsyncConnection

from clearing import database, errors, partners
from clearing.adapter import Capabilities
from clearing.rules.rates import Corridor, Price, price
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import Ratio
from tests.agreed import agreed

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CAN = Capabilities(hold_seconds=900, idempotent=True, look_up=True, reversal=True, batch=100, longest_seconds=60)
ONE = Ratio(1, 1)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with await database.connect(database_url) as opened:
        await opened.set_autocommit(True)
        yield opened


async def _world(connection: AsyncConnection, *programs: str) -> None:
    """Each program under a partner of its own, of the same code."""
    given: dict[str, Any] = {"unit_name": "mile", "adapter": "house_json", "endpoint": "http://127.0.0.1:9001"}
    for code in programs:
        await partners.register_partner(connection, code, code, NOW)
        await partners.register_program(connection, code, code, name=code, capabilities=CAN, now=NOW, **given)


async def _corridor(connection: AsyncConnection, source: str, target: str, ratio: Ratio = ONE, **changes: Any) -> Any:
    given: dict[str, Any] = {"valid_from": NOW, "ratio": ratio, "step": ratio.den, "minimum": ratio.den, "now": NOW}
    return await partners.publish_corridor(connection, source, target, **{**given, **changes})


async def _price(connection: AsyncConnection, program: str, issue: int, redeem: int, at: datetime = NOW) -> Any:
    return await agreed(connection, program, at, {program: (Ratio(issue, 1), Ratio(redeem, 1))}, now=NOW)


# --- cards


async def test_simultaneous_versions_follow_one_another(database_url: str, connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel")
    async with database.pool(database_url, size=4) as pool:

        async def one(days: int) -> int:
            async with pool.connection() as own:
                card = await _corridor(own, "hotel", "air", valid_from=NOW + days * DAY)
                version: int = card.version
                return version

        versions = await asyncio.gather(*(one(days) for days in range(1, 9)))
    assert sorted(versions) == list(range(1, 9))


@pytest.mark.parametrize(
    "changes",
    [
        {"ratio": Ratio(0, 1)},
        {"step": 0},
        {"minimum": 0},
        {"minimum": -2},
        {"ratio": Ratio(1, 2), "minimum": 3, "step": 2},
        {"ratio": Ratio(1, 2), "minimum": 2, "step": 1},
        {"maximum": 1, "minimum": 2},
        {"valid_to": NOW},
        {"step": 2**53},
    ],
)
async def test_corridors_can_be_travelled(connection: AsyncConnection, changes: dict[str, Any]) -> None:
    await _world(connection, "air", "hotel")
    with pytest.raises(errors.ValidationFailed):
        await _corridor(connection, "hotel", "air", **changes)
    with pytest.raises(errors.ValidationFailed):
        await _corridor(connection, "air", "air")
    assert (await _corridor(connection, "air", "sea")).code is RefusalCode.UNKNOWN_PROGRAM


async def test_corridor_that_owes_more_than_is_paid_is_not_published(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel")
    await _price(connection, "air", 10, 8)
    await _price(connection, "hotel", 5, 4)
    refusal = await _corridor(connection, "hotel", "air", Ratio(1, 2))
    assert refusal.code is RefusalCode.UNFUNDED_VALUE
    assert "hotel to air" in refusal.detail
    card = await _corridor(connection, "hotel", "air", Ratio(2, 5))
    assert (card.version, card.ratio) == (1, Ratio(2, 5))


async def test_later_price_change_is_seen_when_a_corridor_is_published(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel")
    await _price(connection, "air", 10, 10)
    await _price(connection, "hotel", 10, 10)
    await _price(connection, "air", 12, 10, NOW + 5 * DAY)
    refusal = await _corridor(connection, "hotel", "air")
    assert refusal.code is RefusalCode.UNFUNDED_VALUE
    assert (NOW + 5 * DAY).isoformat() in refusal.detail
    assert isinstance(await _corridor(connection, "hotel", "air", valid_to=NOW + 5 * DAY), Corridor)


async def test_circle_that_multiplies_points_is_not_published(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel", "shop")
    await _price(connection, "air", 10, 10)
    await _price(connection, "hotel", 10, 40)  # redeems far above its issue price: every hop is funded
    await _price(connection, "shop", 10, 10)
    assert isinstance(await _corridor(connection, "air", "hotel"), Corridor)
    assert isinstance(await _corridor(connection, "hotel", "shop"), Corridor)
    refusal = await _corridor(connection, "shop", "air", Ratio(1, 1))
    assert isinstance(refusal, Corridor)  # a circle of one to one gains nothing
    refusal = await _corridor(connection, "hotel", "air", Ratio(2, 1))
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.UNFUNDED_VALUE
    assert "air to hotel to air" in refusal.detail or "hotel to air to hotel" in refusal.detail


@given(
    redeem=st.fractions(0, 100, max_denominator=50),
    issue=st.fractions(0, 100, max_denominator=50),
    ratio=st.fractions(Fraction(1, 50), 50, max_denominator=50),
    blocks=st.integers(1, 10_000),
)
def test_funded_ratio_is_funded_for_every_amount(
    redeem: Fraction, issue: Fraction, ratio: Fraction, blocks: int
) -> None:
    exact = Ratio(ratio.numerator, ratio.denominator)
    card = Corridor("a", "b", 1, NOW, None, exact, exact.den, exact.den, None)
    source = Price("a", 1, NOW, ONE, Ratio(redeem.numerator, redeem.denominator))
    target = Price("b", 1, NOW, Ratio(issue.numerator, issue.denominator), ONE)
    if ratio * issue <= redeem:
        assert not isinstance(price(card, source, target, blocks * exact.den), Refusal)
