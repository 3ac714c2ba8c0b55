"""Delivery at the partner's wire: what goes out, what is heard, what is written down of it."""

import asyncio
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearing import errors
from clearing.delivery.wire import never_left
from clearing.ledger.items import Answered, Item, Postpone, Sent
from clearing.ledger.outcomes import Moved, Outcome
from clearing.rules.lifecycle import Leg, State, Verdict
from tests.wire.delivery_room import (
    AIRLINE,
    HOUSE,
    NOW,
    PACE,
    STRANGER,
    Body,
    Room,
    due,
    id_of,
    key_row,
    room,
)


async def test_an_order_is_sent_signed_and_its_answer_is_written_with_evidence() -> None:
    async with room() as here:
        order = due()
        (item,) = await here.send(order)
        assert isinstance(item, Answered)
        assert (item.exchange_id, item.leg, item.verdict) == (order.exchange_id, order.leg, Verdict.DONE)
        assert (item.lease, item.lease_until) == (here.delivery.lease, NOW + timedelta(seconds=60))
        assert item.evidence is not None
        asked, _, answered, answer = here.sealed[0]
        assert (asked.key_id, answered.key_id, answer.status) == (HOUSE.public.key_id, AIRLINE.public.key_id, 200)
        row = here.far.batches[0][0]
        assert row == {
            "id": id_of(order),
            "operation": "credit",
            "account": str(order.account),
            "unit": "MILES",
            "amount": 1000,
        }


@pytest.mark.parametrize(("waiting", "requests"), [(1, [1]), (100, [100]), (250, [100, 100, 50])])
async def test_orders_that_wait_together_travel_together(waiting: int, requests: list[int]) -> None:
    async with room() as here:
        await here.send(*[due() for _ in range(waiting)])
        assert [len(batch) for batch in here.far.batches] == requests
        assert len({item.evidence.evidence_id for item in here.books.answered if item.evidence}) == len(requests)
        assert [len(batch) for batch in here.books.batches] == requests


async def test_while_a_request_is_in_flight_the_next_ones_gather() -> None:
    async with room() as here:
        here.far.pause = 0.02
        here.delivery.hand_over([due()])
        await asyncio.sleep(0.005)
        for _ in range(30):
            here.delivery.hand_over([due()])
        await here.books.until(31)
        assert [len(batch) for batch in here.far.batches] == [1, 30]


async def test_no_more_calls_at_once_than_allowed() -> None:
    async with room(replace(PACE, calls_at_once=3), batch=1) as here:
        running = most = 0

        async def slow(request: httpx.Request) -> httpx.Response:
            nonlocal running, most
            running += 1
            most = max(most, running)
            await asyncio.sleep(0.002)
            running -= 1
            return here.far.usual(request)

        here.far.faults = [slow] * 20
        await here.send(*[due() for _ in range(20)])
        assert most == 3


async def test_what_follows_is_sent_at_once_and_the_one_who_waits_is_told() -> None:
    async with room() as here:
        order = due(leg=Leg.TAKE)

        def script(item: Item) -> Outcome | errors.ClearingError:
            if isinstance(item, Answered) and item.leg is Leg.TAKE:
                return Moved(item.exchange_id, State.SOURCE_HELD, (due(exchange_id=item.exchange_id),))
            return here.books.usual(item)

        here.books.script = script
        here.delivery.hand_over([order])
        ended = await here.delivery.ended(order.exchange_id, 5)
        assert ended is not None
        assert ended.state is State.COMPLETED
        assert [row["id"][-1] for batch in here.far.batches for row in batch] == ["1", "2"]
        assert not here.delivery._waiters


async def test_who_waits_too_short_gets_nothing_and_all_who_wait_are_told() -> None:
    async with room() as here:
        here.far.pause = 0.02
        order = due()
        here.delivery.hand_over([order])
        waits = [here.delivery.ended(order.exchange_id, seconds) for seconds in (0.001, 5, 5)]
        told = await asyncio.gather(*waits)
        assert [moved and moved.state for moved in told] == [None, State.COMPLETED, State.COMPLETED]
        assert not here.delivery._waiters


async def test_the_steps_are_named_in_order() -> None:
    async with room() as here:
        await here.send(due())
        await asyncio.sleep(0)
        names = ["before_send", "sent", "heard", "before_record", "recorded", "queued"]
        assert here.points == [f"deliver.{name}" for name in names]
    async with room(idempotent=False) as here:
        here.delivery.hand_over([due()])
        await here.books.until(2)
        assert here.points[:2] == ["deliver.marked", "deliver.before_send"]


# --- what is not believed


async def garbage(here: Room, request: httpx.Request) -> httpx.Response:
    return here.far.reply(request, 200, b"\xff{not json")


async def unsigned(here: Room, request: httpx.Request) -> httpx.Response:
    return here.far.reply(request, 200, {"operations": []}, sign=False)


async def forged(here: Room, request: httpx.Request) -> httpx.Response:
    here.far.key = STRANGER
    return here.far.usual(request)


async def captured(here: Room, request: httpx.Request) -> httpx.Response:
    headers = dict(request.headers) | {
        "signature-input": request.headers["signature-input"].replace('nonce="', 'nonce="x')
    }
    other = httpx.Request(request.method, request.url, headers=headers, content=request.content)
    return here.far.reply(other, 200, {"operations": []})


async def changed(here: Room, request: httpx.Request) -> httpx.Response:
    right = here.far.usual(request)
    return httpx.Response(200, headers=right.headers, stream=Body(b"{}"))


async def packed(here: Room, request: httpx.Request) -> httpx.Response:
    right = here.far.usual(request)
    return httpx.Response(200, headers=[*right.headers.multi_items(), ("content-encoding", "gzip")], stream=Body(b"x"))


async def endless(here: Room, request: httpx.Request) -> httpx.Response:
    return here.far.reply(request, 200, b"x", body=Body(b"x" * 3_000_000))


async def dripping(here: Room, request: httpx.Request) -> httpx.Response:
    return here.far.reply(request, 200, b"x", body=Body(b"x" * 1_000, piece=1, pause=0.01))


async def moved_away(here: Room, request: httpx.Request) -> httpx.Response:
    return here.far.reply(request, 307, {})


async def internal(here: Room, request: httpx.Request) -> httpx.Response:
    return httpx.Response(500, stream=Body(b"oops"))


async def too_many(here: Room, request: httpx.Request) -> httpx.Response:
    return httpx.Response(429, headers={"retry-after": "40"}, stream=Body(b""))


async def forever(here: Room, request: httpx.Request) -> httpx.Response:
    await asyncio.sleep(10)
    raise AssertionError


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (garbage, "answer_unreadable"),
        (moved_away, "answer_unreadable"),
        (unsigned, "signature_required"),
        (forged, "signature_key_unknown"),
        (captured, "signature_invalid"),
        (changed, "content_digest_mismatch"),
        (packed, "answer_encoded"),
        (endless, "answer_too_large"),
        (dripping, "timeout"),
        (forever, "timeout"),
        (internal, "status_500"),
        (too_many, "status_429"),
        (httpx.ReadError("reset"), "read_error"),
        (httpx.RemoteProtocolError("half an answer"), "remote_protocol_error"),
        (httpx.ReadTimeout("silence"), "read_timeout"),
        (httpx.ConnectTimeout("or so the transport says of a reset"), "connect_timeout"),
        (ValueError("a transport may raise anything"), "value_error"),
    ],
)
@pytest.mark.parametrize("idempotent", [True, False])
async def test_what_cannot_be_believed_is_unknown_and_asked_again(fault: Any, reason: str, *, idempotent: bool) -> None:
    async with room(idempotent=idempotent) as here:
        here.far.faults = [fault if isinstance(fault, Exception) else lambda request: fault(here, request)]
        here.delivery.hand_over([due()])
        item = (await here.books.until(1 if idempotent else 2))[-1]
        assert isinstance(item, Answered)
        assert (item.verdict, item.reason) == (Verdict.UNKNOWN, reason)
        assert item.retry_at is not None
        wait = (item.retry_at - NOW).total_seconds()
        assert wait == 40 if reason == "status_429" else 0 <= wait <= 1
        assert len(here.far.requests) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ({"partner": "hotel"}, "signature_key_unknown"),
        ({"purpose": "requests"}, "signature_key_unknown"),
        ({"revoked_at": NOW - timedelta(seconds=1)}, "signature_key_revoked"),
        ({"expires_at": NOW}, "signature_key_revoked"),
        ({"not_before": NOW + timedelta(seconds=1)}, "signature_key_revoked"),
    ],
)
async def test_only_a_live_answers_key_of_the_partner_counts(row: dict[str, Any], reason: str) -> None:
    async with room() as here:
        here.keys[AIRLINE.public.key_id] = key_row(AIRLINE, **row)
        (item,) = await here.send(due())
        assert isinstance(item, Answered)
        assert (item.verdict, item.reason, item.evidence) == (Verdict.UNKNOWN, reason, None)


async def test_without_idempotency_and_look_up_one_attempt_then_a_person() -> None:
    async with room(idempotent=False, look_up=False) as here:
        here.far.faults = [httpx.ReadError("reset")]
        order = due()
        here.delivery.hand_over([order])
        ended = await here.delivery.ended(order.exchange_id, 5)
        assert ended is not None
        assert ended.state is State.REVIEW
        sent, item = here.books.items
        assert isinstance(sent, Sent)
        assert isinstance(item, Answered)
        assert (item.verdict, item.retry_at) == (Verdict.UNKNOWN, None)


async def test_a_connection_that_was_never_made_is_no_unknown_outcome() -> None:
    async with room() as here:
        here.far.faults = [httpx.ConnectError("refused")]
        (item,) = await here.send(due())
        assert isinstance(item, Postpone)
        assert 0 <= (item.retry_at - NOW).total_seconds() <= 1


def caused(outer: Exception, cause: Exception) -> Exception:
    outer.__cause__ = cause
    return outer


@pytest.mark.parametrize(
    ("reason", "proven"),
    [
        (httpx.ConnectError("x"), True),
        (caused(httpx.ConnectError("x"), OSError()), True),
        (httpx.UnsupportedProtocol("x"), True),
        (caused(httpx.ConnectTimeout("x"), aiohttp.ConnectionTimeoutError()), True),
        (caused(httpx.ConnectTimeout("x"), aiohttp.ClientConnectorError(None, OSError())), True),  # type: ignore[arg-type]
        (caused(httpx.ConnectTimeout("x"), aiohttp.ServerDisconnectedError()), False),
        (caused(httpx.ConnectTimeout("x"), aiohttp.ClientOSError()), False),
        (httpx.ConnectTimeout("x"), False),
        (httpx.ReadTimeout("x"), False),
        (httpx.WriteError("x"), False),
        (caused(httpx.TimeoutException("x"), aiohttp.ServerTimeoutError()), False),
        (RuntimeError("x"), False),
    ],
)
def test_only_proof_makes_an_order_unsent(reason: Exception, *, proven: bool) -> None:
    """httpx-aiohttp calls a connection lost after sending ConnectTimeout; believing that would credit twice."""
    assert never_left(reason) is proven


@pytest.mark.parametrize(
    "endpoint", ["http://airline.test:80", "http://AIRLINE.test", "http://airline.test/a%20b", "ftp://airline.test"]
)
async def test_a_target_that_is_not_normal_is_never_called(endpoint: str) -> None:
    async with room() as here:
        here.endpoint = endpoint
        (item,) = await here.send(due())
        assert isinstance(item, Postpone)
        assert not here.far.requests


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(body=st.one_of(st.binary(max_size=300), st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(
        ["operations", "id", "operation", "account", "unit", "amount", "result", "reason"]), inner, max_size=8),
    max_leaves=12,
).map(lambda value: orjson.dumps(value, option=orjson.OPT_NON_STR_KEYS) if _fits(value) else b"{}")))  # fmt: skip
def test_no_answer_whatever_completes_an_order_it_does_not_repeat(body: bytes) -> None:
    async def law() -> None:
        async with room() as here:
            here.far.faults = [lambda request: _aside(here.far.reply(request, 200, body))]
            (item,) = await here.send(due())
            assert isinstance(item, Answered)
            assert item.verdict in {Verdict.UNKNOWN, Verdict.DIFFERS}

    asyncio.run(law())


def _fits(value: object) -> bool:
    try:
        orjson.dumps(value)
    except TypeError:
        return False
    return True


async def _aside(response: httpx.Response) -> httpx.Response:
    return response
