"""Lots are asked for by the account token alone, once, signed both ways; whatever fails, nobody is told them."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest

from adapters.house_json import ADAPTER
from clearing import errors
from clearing.adapter import Adapter, Lot
from clearing.ledger.items import Answered
from clearing.rules.lifecycle import Verdict
from tests.wire.delivery_room import NOW, STRANGER, Room, due, room

LOT = {"lot": "a", "amount": 300, "earned_at": "2025-01-31T10:00:00Z", "expires_at": None}


def lots_of(here: Room, *, key: Any = None, **changes: object) -> Callable[[httpx.Request], Awaitable[httpx.Response]]:
    async def answer(request: httpx.Request) -> httpx.Response:
        here.far.key = key or here.far.key
        return here.far.reply(request, 200, {"account": "acc-1", "lots": [LOT], **changes})

    return answer


async def test_lots_are_asked_for_by_the_token_and_believed_when_signed() -> None:
    async with room(lots=True) as here:
        here.far.faults.append(lots_of(here))
        lots = await here.delivery.look_up_lots("airline", "acc-1")
        (request,) = here.far.requests
    assert lots == (Lot("a", 300, datetime(2025, 1, 31, 10, tzinfo=UTC), None),)
    assert (request.method, request.url.path, request.content) == ("GET", "/v1/accounts/acc-1/lots", b"")


async def test_lots_that_cannot_be_believed_are_not_told() -> None:
    async with room(lots=True) as here:
        for fault in (
            lots_of(here, account="acc-2"),
            lots_of(here, lots="none"),
            httpx.ConnectError("refused"),
            lots_of(here, key=STRANGER),
        ):
            here.far.faults.append(fault)
            with pytest.raises(errors.ProgramUnavailable):
                await here.delivery.look_up_lots("airline", "acc-1")
        with pytest.raises(errors.ProgramUnavailable):
            await here.delivery.look_up_lots("nobody", "acc-1")


class Plain:
    """A dialect without lots."""

    name = "plain"
    calls, inquire, answers = ADAPTER.calls, ADAPTER.inquire, ADAPTER.answers
    member_call, member = ADAPTER.member_call, ADAPTER.member


async def test_a_dialect_without_lots_is_not_asked() -> None:
    plain: Adapter = Plain()
    async with room(adapter=plain, lots=True) as here:
        with pytest.raises(errors.ProgramUnavailable):
            await here.delivery.look_up_lots("airline", "acc-1")
        assert here.far.requests == []


async def test_a_program_that_is_left_alone_is_not_asked() -> None:
    async with room(lots=True) as here:
        here.delivery._desk("airline").breaker.until = NOW + timedelta(seconds=3)
        with pytest.raises(errors.ProgramUnavailable) as left_alone:
            await here.delivery.look_up_lots("airline", "acc-1")
        assert (left_alone.value.retry_after, here.far.requests) == (5, [])


async def test_lots_that_are_not_told_never_stop_orders() -> None:
    async with room(lots=True) as here:
        here.far.faults += [httpx.ReadError("reset")] * 10
        for _ in range(10):
            with pytest.raises(errors.ProgramUnavailable):
                await here.delivery.look_up_lots("airline", "acc-1")
        here.far.pause = 10
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.05):  # a quote that waits no longer
                await here.delivery.look_up_lots("airline", "acc-1")
        here.far.pause = 0
        (item,) = await here.send(due())
    assert isinstance(item, Answered)
    assert item.verdict is Verdict.DONE
