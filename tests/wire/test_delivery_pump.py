"""Delivery over time: the breaker, the pump, leases, stopping; and the look-up of members."""

import asyncio
import time
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.house_json import ADAPTER, HouseJson
from clearing import errors
from clearing.adapter import Call, Reply
from clearing.ledger.items import Answered, Claim, Item, Postpone
from clearing.ledger.outcomes import Outcome
from clearing.rules.lifecycle import Verdict
from tests.wire.delivery_room import (
    CANARY,
    NOW,
    PACE,
    asked_before,
    due,
    room,
)

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
