"""Delivery at the partner's wire: what goes out, what is heard, what is written down of it."""

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import aiohttp
import httpx
import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.house_json import ADAPTER, HouseJson
from clearing import errors
from clearing.adapter import Answer, Call, Order, Reply
from clearing.delivery.wire import never_left
from clearing.ledger.items import Answered, Claim, Item, Moved, Outcome, Postpone, Sent
from clearing.rules.lifecycle import Leg, State, Verdict
from tests.wire.delivery_room import (
    AIRLINE,
    CANARY,
    HOUSE,
    NOW,
    PACE,
    STRANGER,
    Body,
    Room,
    asked_before,
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
        assert await here.delivery.ended(order.exchange_id, 5) is State.COMPLETED
        assert [row["id"][-1] for batch in here.far.batches for row in batch] == ["1", "2"]
        assert not here.delivery._waiters


async def test_who_waits_too_short_gets_nothing_and_all_who_wait_are_told() -> None:
    async with room() as here:
        here.far.pause = 0.02
        order = due()
        here.delivery.hand_over([order])
        waits = [here.delivery.ended(order.exchange_id, seconds) for seconds in (0.001, 5, 5)]
        assert await asyncio.gather(*waits) == [None, State.COMPLETED, State.COMPLETED]
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
        assert await here.delivery.ended(order.exchange_id, 5) is State.REVIEW
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


# --- answers that differ


@pytest.mark.parametrize(
    ("spoil", "reason"),
    [
        (lambda rows: [], "answer_missing"),
        (lambda rows: rows * 2, "answer_doubled"),
        (lambda rows: [*rows, rows[0] | {"id": "never-asked"}], "answer_surplus"),
        (lambda rows: [rows[0] | {"amount": rows[0]["amount"] + 1}], "answer_other_amount"),
    ],
)
async def test_an_answer_that_differs_posts_nothing_and_goes_to_a_person(spoil: Any, reason: str) -> None:
    async with room() as here:
        here.far.say = lambda rows: spoil([row | {"result": "done"} for row in rows])
        (item,) = await here.send(due())
        assert isinstance(item, Answered)
        assert (item.verdict, item.reason, item.retry_at) == (Verdict.DIFFERS, reason, None)
        assert item.evidence is not None


async def test_one_wrong_answer_costs_its_own_order_only() -> None:
    async with room() as here:
        orders = [due(amount=amount) for amount in (10, 911, 30)]
        here.far.say = lambda rows: [
            row | {"result": "done", "amount": row["amount"] + (row["amount"] == 911)} for row in rows
        ]
        await here.send(*orders)
        verdicts = {item.exchange_id: item.verdict for item in here.books.answered}
        wrong = orders[1].exchange_id
        assert verdicts.pop(wrong) is Verdict.DIFFERS
        assert set(verdicts.values()) == {Verdict.DONE}


@pytest.mark.parametrize(("idempotent", "verdict"), [(True, Verdict.UNKNOWN), (False, Verdict.DIFFERS)])
async def test_a_surplus_answer_in_company_is_asked_again_where_that_is_harmless(
    verdict: Verdict, *, idempotent: bool
) -> None:
    async with room(idempotent=idempotent) as here:
        here.far.say = lambda rows: [row | {"result": "done"} for row in [*rows, rows[0] | {"id": "never-asked"}]]
        here.delivery.hand_over([due(), due()])
        await here.books.until(2 if idempotent else 4)
        assert [(item.verdict, item.reason) for item in here.books.answered] == [(verdict, "answer_surplus")] * 2


async def test_a_decline_keeps_its_typed_reason() -> None:
    async with room() as here:
        here.far.say = lambda rows: [row | {"result": "declined", "reason": "account_frozen"} for row in rows]
        (item,) = await here.send(due())
        assert isinstance(item, Answered)
        assert (item.verdict, item.reason, item.retry_at) == (Verdict.DECLINED, "account_frozen", None)


# --- asking again


async def test_an_unknown_order_is_sent_again_with_the_same_id() -> None:
    async with room() as here:
        order = asked_before("unknown")
        (item,) = await here.send(order)
        assert isinstance(item, Answered)
        assert item.verdict is Verdict.DONE
        assert [row["id"] for row in here.far.batches[0]] == [id_of(order)]


@pytest.mark.parametrize("state", ["sent", "unknown", "not_found"])
async def test_without_idempotency_a_look_up_asks_and_nothing_is_resent(state: str) -> None:
    async with room(idempotent=False) as here:
        (item,) = await here.send(asked_before(state, ago=20))
        assert isinstance(item, Answered)
        assert (item.verdict, item.retry_at) == (Verdict.NOT_FOUND, NOW + timedelta(seconds=40))
        assert [request.method for request in here.far.requests] == ["GET"]
    async with room(idempotent=False) as here:
        (item,) = await here.send(asked_before(state, ago=61))
        assert isinstance(item, Answered)
        assert (item.verdict, item.retry_at) == (
            Verdict.NOT_FOUND,
            None,
        )  # absence is no proof: a person, never a resend


async def test_a_look_up_that_finds_the_order_ends_it() -> None:
    async with room(idempotent=False) as here:
        order = asked_before("unknown")
        row = {
            "id": id_of(order),
            "operation": "credit",
            "account": str(order.account),
            "unit": "MILES",
            "amount": 1000,
        }
        here.far.faults = [lambda request: _aside(here.far.reply(request, 200, row | {"result": "done"}))]
        (item,) = await here.send(order)
        assert isinstance(item, Answered)
        assert item.verdict is Verdict.DONE


async def test_a_silent_look_up_takes_nothing_back() -> None:
    async with room() as here:
        here.far.faults = [httpx.ReadError("reset")]
        (item,) = await here.send(asked_before("pending"))
        assert isinstance(item, Answered)
        assert item.verdict is Verdict.PENDING
        assert here.far.requests[0].method == "GET"


async def test_a_taken_over_order_of_a_program_that_cannot_be_asked_goes_to_a_person() -> None:
    async with room(idempotent=False, look_up=False) as here:
        (item,) = await here.send(asked_before("sent"))
        assert isinstance(item, Answered)
        assert (item.verdict, item.retry_at) == (Verdict.UNKNOWN, None)
        assert not here.far.requests


async def test_sent_is_committed_before_the_call_and_what_is_no_longer_ours_is_not_sent() -> None:
    async with room(idempotent=False) as here:
        mine, taken = due(), due()

        def script(item: Item) -> Outcome | errors.ClearingError:
            if isinstance(item, Sent):
                assert not here.far.requests
                if item.exchange_id == taken.exchange_id:
                    return Moved(item.exchange_id, State.UNKNOWN)
            return here.books.usual(item)

        here.books.script = script
        here.delivery.hand_over([mine, taken])
        await here.books.until(3)
        assert [row["id"] for row in here.far.batches[0]] == [id_of(mine)]
        assert [item.exchange_id for item in here.books.answered] == [mine.exchange_id]
        assert not here.delivery.means.held


async def test_what_failed_before_travels_in_small_company_and_apart_from_the_new() -> None:
    async with room() as here:
        tried = [asked_before("unknown", attempts=2) for _ in range(12)]
        await here.send(*tried, *[due() for _ in range(5)])
        assert sorted(len(batch) for batch in here.far.batches) == [5, 6, 6]


# --- one bad order


class Stumbling(HouseJson):
    """A dialect with a bug: it cannot say 13, forgets 14 and cannot read an answer that mentions 15."""

    def calls(self, orders: Sequence[Order], endpoint: str, secrets: Mapping[str, str]) -> Iterable[Call]:
        if any(order.amount == 13 for order in orders):
            raise KeyError(13)
        return super().calls([order for order in orders if order.amount != 14], endpoint, secrets)

    def answers(self, call: Call, reply: Reply) -> tuple[Answer, ...]:
        if b'"amount":15' in reply.body:
            raise ZeroDivisionError
        return super().answers(call, reply)


@pytest.mark.parametrize(("amount", "reason"), [(13, "not_translated"), (14, "not_translated")])
async def test_an_order_that_cannot_be_translated_goes_alone_to_a_person(amount: int, reason: str) -> None:
    async with room(adapter=Stumbling()) as here:
        bad, good = due(amount=amount), [due() for _ in range(4)]
        await here.send(*good[:2], bad, *good[2:])
        verdicts = {item.exchange_id: item for item in here.books.answered}
        assert (verdicts[bad.exchange_id].reason, verdicts[bad.exchange_id].retry_at) == (reason, None)
        assert all(verdicts[order.exchange_id].verdict is Verdict.DONE for order in good)


async def test_an_answer_that_a_dialect_stumbles_over_is_unknown() -> None:
    async with room(adapter=Stumbling()) as here:
        (item,) = await here.send(due(amount=15))
        assert isinstance(item, Answered)
        assert (item.verdict, item.reason) == (Verdict.UNKNOWN, "answer_unreadable")
        assert item.retry_at is not None


async def test_an_item_that_the_books_refuse_costs_its_neighbours_nothing() -> None:
    async with room() as here:
        bad, good = due(), due()

        def script(item: Item) -> Outcome | errors.ClearingError:
            if isinstance(item, Answered) and item.exchange_id == bad.exchange_id:
                return errors.ItemRejected()
            return here.books.usual(item)

        here.books.script = script
        here.delivery.hand_over([bad, good])
        assert await here.delivery.ended(good.exchange_id, 5) is State.COMPLETED
        assert here.counts["items_refused"] == 1


async def test_an_answer_is_not_lost_while_the_books_are_full() -> None:
    async with room(replace(PACE, backoff_first_seconds=0.01)) as here:
        here.books.full = 3
        (item,) = await here.send(due())
        assert isinstance(item, Answered)
        assert item.verdict is Verdict.DONE
        assert len(here.far.requests) == 1


# --- the breaker, the pump, leases


async def test_a_program_that_does_not_answer_is_left_alone_for_a_while() -> None:
    async with room() as here:
        here.far.faults = [httpx.ReadError("reset")] * 3
        for number in range(3):
            here.delivery.hand_over([due()])
            await here.books.until(number + 1)
        await here.send(*[due() for _ in range(3 + 4)][3:])
        await here.books.until(7)
        assert len(here.far.requests) == 3
        waits = [(item.retry_at - NOW).total_seconds() for item in here.books.postponed]
        assert len(waits) == 4
        assert all(5 <= wait <= 6 for wait in waits)
        here.clock.advance(5)
        here.delivery.hand_over([due() for _ in range(150)])
        await here.books.until(157)
        assert [len(batch) for batch in here.far.batches[3:]] == [100, 50]


async def test_half_open_one_call_finds_out_while_the_others_wait() -> None:
    async with room(replace(PACE, calls_at_once=4), batch=1) as here:
        here.far.faults = [httpx.ReadError("reset")] * 3
        for number in range(3):
            here.delivery.hand_over([due()])
            await here.books.until(number + 1)
        here.clock.advance(5)
        here.far.pause = 0.02
        here.delivery.hand_over([due() for _ in range(6)])
        await asyncio.sleep(0.01)
        assert len(here.far.requests) == 4
        await here.books.until(9)
        assert len(here.far.requests) == 9


async def test_a_taken_over_order_stays_unknown_while_its_program_is_left_alone() -> None:
    async with room(idempotent=False) as here:
        here.delivery._desk("airline").breaker.until = NOW + timedelta(seconds=3)
        (item,) = await here.send(asked_before("sent"))
        assert isinstance(item, Answered)
        assert item.verdict is Verdict.UNKNOWN
        assert item.retry_at is not None
        assert item.retry_at >= NOW + timedelta(seconds=3)


async def test_an_order_that_could_not_be_sent_for_too_long_goes_to_a_person() -> None:
    async with room() as here:
        here.far.faults = [httpx.ConnectError("refused")]
        (item,) = await here.send(due(created_at=NOW - timedelta(days=2)))
        assert isinstance(item, Answered)
        assert (item.verdict, item.retry_at) == (Verdict.UNKNOWN, None)


async def test_an_unknown_program_postpones() -> None:
    async with room() as here:
        (item,) = await here.send(due(program="nowhere"))
        assert isinstance(item, Postpone)
        assert item.retry_at == NOW + timedelta(seconds=5)


async def test_the_pump_claims_what_is_due_and_sends_it() -> None:
    async with room() as here:
        here.books.claimable.extend([due(), asked_before("unknown"), asked_before("pending")])
        await here.delivery.start()
        await here.books.until(3)
        assert {type(item) for item in here.books.items} == {Answered}
        assert here.points[0] == "deliver.claimed"


async def test_the_pump_comes_sooner_for_a_repeat_of_its_own() -> None:
    async with room(replace(PACE, backoff_first_seconds=0.05, poll_seconds=30)) as here:
        await here.delivery.start()
        await asyncio.sleep(0.01)
        here.far.faults = [httpx.ReadError("reset")]
        await here.send(due())
        here.books.claimable.append(asked_before("unknown"))
        await here.books.until(2, seconds=2)
        assert here.books.answered[1].verdict is Verdict.DONE


async def test_the_pump_never_spins() -> None:
    async with room(replace(PACE, rest_seconds=0.02, poll_seconds=0.05)) as here:
        claims = 0

        def script(item: Item) -> Outcome | errors.ClearingError:
            nonlocal claims
            if isinstance(item, Claim):
                claims += 1
                here.delivery._remind(NOW)  # a repeat that is due at once, again and again
                return errors.Overloaded()
            return here.books.usual(item)

        here.books.script = script
        started = time.perf_counter()
        await here.delivery.start()
        await asyncio.sleep(0.2)
        assert claims <= (time.perf_counter() - started) / 0.02 + 1


async def test_an_order_is_never_here_twice() -> None:
    async with room() as here:
        here.far.pause = 0.02
        order = due()
        here.delivery.hand_over([order, order])
        await asyncio.sleep(0.005)
        here.delivery.hand_over([order])
        await here.books.until(1)
        await asyncio.sleep(0.005)
        assert len(here.far.requests) == 1
        assert not here.delivery.means.held


async def test_an_order_whose_lease_may_lapse_under_the_call_is_not_sent() -> None:
    async with room(replace(PACE, lease_seconds=0.4)) as here:
        here.far.pause = 0.15
        here.delivery.hand_over([due()])
        await asyncio.sleep(0)
        loop = asyncio.get_running_loop()
        late = due()
        await asyncio.sleep(0.01)
        here.delivery.hand_over([late])
        queue = here.delivery._desk("airline").fresh.waiting
        queue[0] = queue[0]._replace(until=loop.time())
        await here.books.until(1)
        await asyncio.sleep(0.05)
        assert len(here.far.requests) == 1
        assert here.counts["lapsed"] == 1
        assert not here.delivery.means.held


async def test_a_full_line_takes_no_more_and_says_so() -> None:
    async with room(replace(PACE, queue_orders_max=10)) as here:
        here.delivery.hand_over([due() for _ in range(15)])
        await here.books.until(10)
        assert here.counts["no_room"] == 5


async def test_stopping_gives_back_what_was_not_sent_and_hears_out_the_rest() -> None:
    async with room(batch=1) as here:
        here.far.pause = 0.02
        orders = [due() for _ in range(3)]
        here.delivery.hand_over(orders)
        await asyncio.sleep(0.005)
        waiting = asyncio.create_task(here.delivery.ended(orders[2].exchange_id, 5))
        await asyncio.sleep(0)
        await here.delivery.stop()
        assert [item.exchange_id for item in here.books.answered] == [orders[0].exchange_id]
        assert {item.exchange_id for item in here.books.postponed} == {order.exchange_id for order in orders[1:]}
        assert await waiting is None


async def test_the_desk_outlives_a_directory_that_cannot_be_read() -> None:
    async with room(replace(PACE, poll_seconds=0.01)) as here:
        right, calls = here.delivery.means.directory, 0

        async def flaky() -> Any:
            nonlocal calls
            calls += 1
            if calls < 3:
                raise OSError
            return await right()

        object.__setattr__(here.delivery.means, "directory", flaky)
        (item,) = await here.send(due())
        assert isinstance(item, Answered)
        assert item.verdict is Verdict.DONE


async def test_a_program_that_does_not_sign_is_read_unsigned_and_leaves_no_evidence() -> None:
    async with room(signed=False) as here:
        (item,) = await here.send(due())
        assert isinstance(item, Answered)
        assert (item.verdict, item.evidence) == (Verdict.DONE, None)
        assert "signature" not in here.far.requests[0].headers


# --- members


async def test_a_member_is_looked_up_signed() -> None:
    async with room() as here:
        member = await here.delivery.look_up_member("airline", "acc-1", CANARY, "Ada")
        assert (member.status, member.name_match, member.tier) == ("active", "match", "gold")


class Talkative(HouseJson):
    """A dialect that quotes the member in its errors."""

    def member(self, call: Call, reply: Reply) -> Any:
        raise ValueError(CANARY)


@pytest.mark.parametrize(
    ("fault", "adapter", "program"),
    [
        (httpx.ConnectError(CANARY), ADAPTER, "airline"),
        (httpx.ReadError(CANARY), ADAPTER, "airline"),
        (None, Talkative(), "airline"),
        (None, ADAPTER, "nowhere"),
    ],
)
async def test_a_member_look_up_that_fails_names_no_member(
    fault: Any, adapter: Any, program: str, capsys: pytest.CaptureFixture[str]
) -> None:
    async with room(adapter=adapter) as here:
        here.far.faults = [fault]
        with pytest.raises(errors.ProgramUnavailable) as caught:
            await here.delivery.look_up_member(program, "acc-1", CANARY, None)
        shown = str(caught.value) + str(caught.value.__cause__) + "".join(capsys.readouterr())
        assert CANARY not in shown
        assert caught.value.__suppress_context__ or caught.value.__context__ is None


async def test_no_member_is_looked_up_at_a_program_that_is_left_alone() -> None:
    async with room() as here:
        here.delivery._desk("airline").breaker.until = NOW + timedelta(seconds=3)
        with pytest.raises(errors.ProgramUnavailable):
            await here.delivery.look_up_member("airline", "acc-1", CANARY, None)
        assert not here.far.requests
