"""Delivery when an answer differs, when it must ask again, and when one order is bad: each costs its own order only."""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import httpx
import pytest

from adapters.house_json import HouseJson
from clearing import errors
from clearing.adapter import Answer, Call, Order, Reply
from clearing.ledger.items import Answered, Item, Sent
from clearing.ledger.outcomes import Moved, Outcome
from clearing.rules.lifecycle import State, Verdict
from tests.wire.delivery_room import (
    NOW,
    PACE,
    asked_before,
    due,
    id_of,
    room,
)


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


async def test_an_item_that_the_books_refuse_goes_to_a_person_and_costs_its_neighbours_nothing() -> None:
    async with room() as here:
        bad, good = due(), due()

        def script(item: Item) -> Outcome | errors.ClearingError:
            if isinstance(item, Answered) and item.exchange_id == bad.exchange_id and item.verdict is Verdict.DONE:
                return errors.ItemRejected()
            return here.books.usual(item)

        here.books.script = script
        here.delivery.hand_over([bad, good])
        waits = [here.delivery.ended(order.exchange_id, 5) for order in (good, bad)]
        told = await asyncio.gather(*waits)
        assert [moved and moved.state for moved in told] == [State.COMPLETED, State.REVIEW]
        assert here.counts["items_refused"] == 1
        (*_, last) = [item for item in here.books.answered if item.exchange_id == bad.exchange_id]
        assert (last.verdict, last.reason, last.retry_at) == (Verdict.UNKNOWN, "not_recorded", None)


async def test_an_answer_is_not_lost_while_the_books_are_full() -> None:
    async with room(replace(PACE, backoff_first_seconds=0.01)) as here:
        here.books.full = 3
        (item,) = await here.send(due())
        assert isinstance(item, Answered)
        assert item.verdict is Verdict.DONE
        assert len(here.far.requests) == 1
