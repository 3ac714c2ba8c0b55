"""A quote waits for the lots no longer than it must, and says of expiry what both programs say, or nothing."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest

from clearing import errors
from clearing.adapter import Lot
from clearing.front import messages, quotes
from clearing.partners import Program
from tests.wire.delivery_room import can

AT = datetime(2026, 1, 31, 10, tzinfo=UTC)
SOON = datetime(2026, 2, 11, tzinfo=UTC)
HOTEL = Program("hotel", 1, "palm", 1, "Hotel", "POINT", "house_json", "http://h", can(lots=True, lot_months=24))
AIR = Program("air", 2, "lotus", 2, "Air", "MILE", "house_json", "http://a", can(lots=True, lot_months=1))
LOTS = (Lot("a", 700, AT, SOON), Lot("b", 500, AT, SOON), Lot("c", 9_000, AT, None))


async def expiry(
    told: Callable[[], Awaitable[tuple[Lot, ...]]], sent: int = 2_000, source: Program = HOTEL, target: Program = AIR
) -> Any:
    async def look_up(program: str, account: object) -> tuple[Lot, ...]:
        assert (program, account) == ("hotel", "acc-1")
        return await told()

    house: Any = SimpleNamespace(delivery=SimpleNamespace(look_up_lots=look_up))
    priced: Any = SimpleNamespace(source_account="acc-1", terms=SimpleNamespace(sent=sent))
    return await quotes._expiry(house, source, target, priced, AT)


async def lots() -> tuple[Lot, ...]:
    return LOTS


async def never() -> tuple[Lot, ...]:
    raise AssertionError("a program that tells no lots was asked")


async def silent() -> tuple[Lot, ...]:
    raise errors.ProgramUnavailable


async def hanging() -> tuple[Lot, ...]:
    await asyncio.Event().wait()
    return LOTS


async def test_neighbours_with_one_date_are_one_line_and_months_end_with_the_month() -> None:
    becomes = {"expires_at": "2026-02-28T10:00:00Z", "months": 1}
    assert [messages.ExpirySaid.model_validate(line).amount for line in await expiry(lots)] == [1_200, 800]
    assert await expiry(lots) == [
        {"amount": 1_200, "expires_at": "2026-02-11T00:00:00Z", "becomes": becomes},
        {"amount": 800, "expires_at": None, "becomes": becomes},
    ]


async def test_units_may_live_for_ever_or_the_target_may_not_tell() -> None:
    for_ever = replace(AIR, capabilities=can(lots=True))
    assert (await expiry(lots, target=for_ever))[0]["becomes"] == {"expires_at": None, "months": 0}
    silent_one = replace(AIR, capabilities=can())
    assert (await expiry(lots, target=silent_one))[0]["becomes"] is None


async def test_a_program_that_tells_no_lots_is_not_asked() -> None:
    assert await expiry(never, source=replace(HOTEL, capabilities=can())) is None


async def test_too_few_points_and_silence_tell_nothing() -> None:
    assert await expiry(lots, sent=10_201) is None
    assert await expiry(silent) is None


async def test_a_quote_hangs_on_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    assert quotes.LOTS_SECONDS_MAX == 1
    monkeypatch.setattr(quotes, "LOTS_SECONDS_MAX", 0.01)
    assert await expiry(hanging) is None
