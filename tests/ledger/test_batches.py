"""A batch is the same as its items one at a time: outcomes, order, and everything that is kept."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import partial
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearing import database, errors
from clearing.ledger import writer as writer_module
from clearing.ledger.items import (
    Grant,
    Item,
    Postpone,
    Remember,
    Sent,
    Tick,
)
from clearing.ledger.outcomes import Moved, Reserved
from clearing.rules import rates
from clearing.rules.lifecycle import Leg, Path, State
from clearing.rules.refusals import Refusal, RefusalCode
from tests.conftest import FixedClock
from tests.ledger.books import (
    AIR,
    HOTEL,
    LEASE,
    SHOP,
    TERMS,
    D,
    F,
    House,
    N,
    P,
    U,
    X,
    contents,
    moved_in,
    outline,
    uid,
)


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "RECONNECT_PAUSE", timedelta(0))


# --- equivalence

WAYS = (
    ((1, D), (2, D), (3, D)),
    ((1, D), (2, D), (3, X), (5, D)),
    ((1, D), (2, D), (3, X), (5, X)),
    ((1, X), (1, D)),
    ((1, D), (2, X), (4, D), (2, D)),
    ((1, D), (2, X), (4, X)),
    ((1, U), (1, D), (2, P), (2, D), (3, N), (3, D)),
    ((1, D), (2, F), (2, D)),
)


@dataclass(frozen=True)
class Act:
    """One thing that happens in a lane, said shortly: a builder of `House`, its arguments, and changes that need the house."""

    verb: str
    arguments: tuple[Any, ...] = ()
    changes: tuple[tuple[str, Any], ...] = ()

    def __repr__(self) -> str:
        return f"{self.verb}({', '.join(map(str, self.arguments))}{'; changed' if self.changes else ''})"

    def item(self, house: House) -> Item:
        changes = dict(self.changes)
        if "by" in changes:
            changes |= {"partner": changes["by"], "signed": house.signed(changes.pop("by"))}
        for name in {"quote_expires_at", "lease_until"} & changes.keys():
            changes[name] = house.later(changes[name])
        plain: dict[str, Callable[[], Item]] = {
            "tick": Tick,
            "grant": lambda: Grant(*self.arguments),
            "remember": lambda: Remember(house.signed(AIR, nonce="twice")),
            "postpone": lambda: Postpone(uid(0), Leg.TAKE, LEASE, house.later(40)),
            "sent": lambda: Sent(uid("old-0"), Leg.TAKE, LEASE),
        }
        make = plain.get(self.verb)
        return make() if make else getattr(house, self.verb)(*self.arguments, **changes)


EXTRAS = (
    Act("tick"),
    Act("grant", (HOTEL, 15_000)),
    Act("grant", (AIR, 10**12)),
    Act("remember"),
    Act("postpone"),
    Act("sent"),
    Act("cancel", (0,)),
    Act("claim", (2,)),
    Act("resolve", (8, "done")),
    Act("resolve", (9, "ask_again")),
    Act("resolve", (10, "close")),
    Act("reserve", ("other",), (("quote_id", uid("quote", 0)),)),
    Act("reserve", (0,)),
    Act("reserve", (0,), (("fingerprint", b"x" * 32),)),
    Act("reserve", ("late",), (("quote_expires_at", 0),)),
    Act("answered", (1, D, "old-1")),
)


@st.composite
def scripts(draw: st.DrawFn) -> list[Act]:
    """Exchanges that travel their ways, interleaved, with whatever else a day brings in between."""
    lines: list[list[Act]] = [draw(st.lists(st.sampled_from(EXTRAS), max_size=8))]
    for name in range(draw(st.integers(1, 4))):
        path = draw(st.sampled_from((Path.HELD, Path.DEBITED)))
        source, target = draw(st.sampled_from(((HOTEL, AIR), (AIR, HOTEL), (SHOP, AIR))))
        way = draw(st.sampled_from(WAYS))
        line = [Act("reserve", (name, path, source, target))]
        line += [Act("answered", (leg, verdict, name)) for leg, verdict in way if path is Path.HELD or leg in {1, 2, 4}]
        if draw(st.booleans()):
            back, by = f"back-{name}", (("by", source),)
            line.append(Act("reverse", (back, name, draw(st.sampled_from((None, 1, 400, 2_000)))), by))
            line += [Act("answered", (leg, draw(st.sampled_from((D, X))), back)) for leg in (1, 2)]
            line.append(Act("reverse", (f"more-{name}", name), by))
        lines.append(line)
    mixed: list[Act] = []
    while lines := [line for line in lines if line]:
        mixed.append(draw(st.sampled_from(lines)).pop(0))
    return mixed


async def _lived(url: str, clock: FixedClock, lane: int, script: list[Act], *, together: bool) -> tuple[Any, Any, Any]:
    clock.at = FixedClock().at
    async with moved_in(url, clock, lane, furnished=True, cap=10**9) as house:
        for place in range(3):  # orders whose leases lapse before the batch
            await house.put(house.reserve(f"old-{place}", lease_until=house.later(10 + place)))
        clock.advance(20)
        items = [act.item(house) for act in script]
        if together:
            outcomes = await house.writer.put_all(items)
        else:
            outcomes = [(await house.writer.put_all([item]))[0] for item in items]
        return outline(outcomes), await contents(house), await house.findings()


_lanes = count(1)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=scripts())
async def test_a_batch_is_its_items_one_at_a_time(house: House, clock: FixedClock, script: list[Act]) -> None:
    alone = await _lived(house.url, clock, next(_lanes), script, together=False)
    batch = await _lived(house.url, clock, next(_lanes), script, together=True)
    for said, together in zip(alone[0], batch[0], strict=True):
        assert str(together) == str(said)
    for table, kept in alone[1].items():
        for row, together in zip(kept, batch[1][table], strict=True):
            assert str(together) == str(row), table
    assert batch[2] == alone[2] == []


async def test_a_grant_counts_for_the_next_item_of_its_batch(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock, cap=0) as house:
        first, _, second = await house.writer.put_all([house.reserve(1), Grant(HOTEL, 10_000), house.reserve(2)])
        assert isinstance(first, Refusal)
        assert isinstance(second, Reserved)
        assert await house.findings() == []


async def test_a_partner_that_was_never_granted_anything_is_owed_all_the_same(
    database_url: str, clock: FixedClock
) -> None:
    async with moved_in(database_url, clock, cap=0) as house:
        await house.put(Grant(HOTEL, 10_000))
        await house.complete()
        assert (await house.cap_of(AIR)).position == -9_000
        assert await house.findings() == []


async def test_who_is_above_a_lowered_cap_may_not_owe_more_and_owes_nothing_by_a_gift(house: House) -> None:
    await house.complete(1)
    await house.put(Grant(HOTEL, TERMS.debit - 1))
    refused, gift = await house.writer.put_all([house.reserve(2), house.reserve(3, terms=rates.given(5))])
    assert isinstance(refused, Refusal)
    assert refused.code is RefusalCode.NET_DEBIT_CAP_EXCEEDED
    assert isinstance(gift, Reserved)
    await house.tell((1, X), name=3)


async def test_a_grant_said_twice_is_said_once_in_the_log(house: House) -> None:
    before = await house.rows("SELECT count(*) FROM leaf")
    await house.writer.put_all([Grant(HOTEL, house.cap), Grant(HOTEL, house.cap)])
    assert await house.rows("SELECT count(*) FROM leaf") == before


async def test_a_batch_of_a_hundred_runs_as_many_statements_as_one(house: House) -> None:
    async def statements(make: Callable[[int], Item], *names: int) -> list[str]:
        with database.recording() as ran:
            outcomes = await house.writer.put_all([make(name) for name in names])
        assert not [one for one in outcomes if isinstance(one, Refusal | errors.ClearingError)]
        return [text for text in ran if text != "DISCARD PLANS"]  # whenever the log has doubled

    await house.complete("first")  # opens what is opened once
    assert await statements(house.reserve, 0) == await statements(house.reserve, *range(1, 81))
    for leg in (1, 2, 3):
        answered = partial(house.answered, leg, D)
        one = await statements(answered, 0)
        many = await statements(answered, *range(1, 81))
        assert [text for text in many if "tile" not in text] == one


# --- one bad item

POISONS: dict[str, Callable[[House], Item]] = {
    "NUL in a text": lambda house: house.reserve("bad", terms_version="corridor\0"),
    "lone surrogate": lambda house: house.reserve("bad", terms_version="\ud800"),
    "number beyond bigint": lambda house: house.reserve("bad", terms=replace(TERMS, sent=2**63)),
    "number beyond every integer": lambda house: house.reserve("bad", terms=replace(TERMS, sent=2**80)),
    "terms that do not balance": lambda house: house.reserve("bad", terms=replace(TERMS, fee=2_000)),
    "id of another exchange": lambda house: house.reserve("bad", exchange_id=uid("there")),
    "program of nobody": lambda house: house.reserve("bad", source_program="phantom"),
    "too long for an index": lambda house: house.reserve(
        "bad", idempotency_key="".join(uid(place).hex for place in range(600))
    ),
    "NUL in a reason": lambda house: house.answered(1, X, "there", reason="no\0"),
}


@pytest.mark.parametrize("poison", POISONS)
async def test_one_bad_item_never_costs_its_neighbours(house: House, poison: str) -> None:
    await house.put(house.reserve("there"))
    items: list[Item] = [house.reserve(name) for name in range(6)]
    items.insert(3, POISONS[poison](house))
    outcomes = await house.writer.put_all(items)
    assert isinstance(outcomes.pop(3), errors.ItemRejected)
    assert all(isinstance(outcome, Reserved) and not outcome.replayed for outcome in outcomes)
    assert [(await house.exchange(name)).state for name in range(6)] == [State.RESERVED] * 6
    assert (await house.cap_of()).pending == 7 * TERMS.debit
    assert isinstance(await house.put(house.reserve("after")), Reserved)


async def test_misuse_comes_back_to_whoever_put_it(house: House) -> None:
    outcomes = await house.writer.put_all(
        [
            house.answered(1, D, "nobody"),
            Sent(uid("nobody"), Leg.TAKE, LEASE),
            Postpone(uid("nobody"), Leg.TAKE, LEASE, house.later(1)),
            house.cancel("nobody"),
            house.reverse("back", "nobody"),
            house.resolve(99, "done"),
            Grant("phantom", 1),
            Tick(),
        ]
    )
    assert [type(outcome) for outcome in outcomes] == [errors.NotFound] * 7 + [type(None)]


async def test_a_full_queue_refuses_all_or_nothing(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock, queue_most=4) as house:
        with pytest.raises(errors.Overloaded) as refused:
            await house.writer.put_all([house.reserve(name) for name in range(5)])
        assert refused.value.retry_after == 1
        assert len(await house.writer.put_all([house.reserve(name) for name in range(4)])) == 4


async def test_a_stopped_writer_takes_nothing_more(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        await house.writer.stop()
        assert not house.writer.alive
        with pytest.raises(errors.Overloaded):
            await house.put(Tick())


# --- within a batch


async def test_answers_of_one_batch_know_each_other(house: House) -> None:
    items: list[Item] = [house.reserve(), *(house.answered(leg, D) for leg in (1, 2, 3))]
    items += [house.reverse("a", sent=400), *(house.answered(leg, D, "a") for leg in (1, 2)), house.reverse("b")]
    outcomes = await house.writer.put_all(items)
    assert isinstance(outcomes[-1], Reserved)
    assert all(isinstance(outcome, Moved) for outcome in outcomes[1:4])
