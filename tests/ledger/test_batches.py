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
from clearing.ledger.items import Grant, Item, Moved, Postpone, Remember, Reserved, Sent, Tick
from clearing.rules.lifecycle import Leg, Path, State
from clearing.rules.refusals import Refusal, RefusalCode
from tests.conftest import FixedClock
from tests.ledger.books import (
    AIR,
    HOTEL,
    LEASE,
    OTHER_LEASE,
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


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(script=scripts())
async def test_a_batch_is_its_items_one_at_a_time(house: House, clock: FixedClock, script: list[Act]) -> None:
    alone = await _lived(house.url, clock, next(_lanes), script, together=False)
    batch = await _lived(house.url, clock, next(_lanes), script, together=True)
    assert batch[0] == alone[0]
    assert batch[1] == alone[1]
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


async def test_a_grant_said_twice_is_said_once_in_the_log(house: House) -> None:
    before = await house.rows("SELECT count(*) FROM leaf")
    await house.writer.put_all([Grant(HOTEL, house.cap), Grant(HOTEL, house.cap)])
    assert await house.rows("SELECT count(*) FROM leaf") == before


async def test_a_batch_of_a_hundred_runs_as_many_statements_as_one(house: House) -> None:
    async def statements(make: Callable[[int], Item], *names: int) -> list[str]:
        with database.recording() as ran:
            outcomes = await house.writer.put_all([make(name) for name in names])
        assert not [one for one in outcomes if isinstance(one, Refusal | errors.ClearingError)]
        return ran

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
    "partner of nobody": lambda house: Grant("phantom", 1),
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
            Tick(),
        ]
    )
    assert [type(outcome) for outcome in outcomes] == [errors.NotFound] * 6 + [type(None)]


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


# --- idempotency and nonces


async def test_the_same_request_signed_again_gets_the_same_receipt_and_the_state_of_now(house: House) -> None:
    first = await house.put(house.reserve())
    await house.tell((1, D), (2, D), (3, D))
    again = await house.put(house.reserve(quote_expires_at=house.later(-1)))
    assert (again.leaf, again.replayed, again.due) == (first.leaf, True, ())
    assert again.exchange.state is State.COMPLETED
    assert len(await house.rows("SELECT 1 FROM exchange")) == 1


async def test_another_body_under_the_same_key_is_refused(house: House) -> None:
    await house.put(house.reserve())
    for other in (house.reserve(fingerprint=b"o" * 32), house.reverse(idempotency_key="key-1")):
        outcome = await house.put(other)
        assert isinstance(outcome, Refusal)
        assert outcome.code is RefusalCode.IDEMPOTENCY_KEY_REUSED


async def test_another_partner_may_use_the_same_key(house: House) -> None:
    await house.put(house.reserve(1))
    assert isinstance(await house.put(house.reserve(2, source=AIR, target=SHOP, idempotency_key="key-1")), Reserved)


async def test_a_nonce_is_used_once_even_by_a_request_that_was_refused(house: House) -> None:
    refused = await house.put(house.reserve(1, quote_expires_at=house.later(0), signed=house.signed(nonce="n")))
    assert isinstance(refused, Refusal)
    with pytest.raises(errors.SignatureReplayed):
        await house.put(house.reserve(2, signed=house.signed(nonce="n")))
    assert isinstance(await house.put(house.reserve(2, source=AIR, signed=house.signed(AIR, nonce="n"))), Reserved)


async def test_a_nonce_is_used_once_within_a_batch(house: House) -> None:
    first, second = await house.writer.put_all([house.reserve(name, signed=house.signed(nonce="n")) for name in (1, 2)])
    assert isinstance(first, Reserved)
    assert isinstance(second, errors.SignatureReplayed)


async def test_a_refusal_leaves_nothing_but_the_nonce(house: House) -> None:
    before = await contents(house)
    await house.put(house.reserve(quote_expires_at=house.later(0)))
    after = await contents(house)
    assert len(after.pop("nonce")) == len(before.pop("nonce")) + 1
    assert after == before


async def test_a_revoked_key_is_refused_at_once(house: House) -> None:
    await house.put(house.reserve(1))
    await house.owner.execute("UPDATE key SET revoked_at = %s WHERE partner = 'hotel'", [house.clock()])
    with pytest.raises(errors.SignatureKeyRevoked):
        await house.put(house.reserve(2))
    await house.owner.execute("UPDATE key SET revoked_at = NULL, expires_at = %s", [house.later(1)])
    assert isinstance(await house.put(house.reserve(3)), Reserved)
    house.clock.advance(1)
    with pytest.raises(errors.SignatureKeyRevoked):
        await house.put(house.reserve(4))
    await house.owner.execute("DELETE FROM key WHERE partner = 'hotel'")
    with pytest.raises(errors.SignatureKeyUnknown):
        await house.put(house.reserve(5))


# --- quotes and caps


async def test_a_quote_is_used_once(house: House) -> None:
    outcomes = await house.writer.put_all([house.reserve(name, quote_id=uid("q")) for name in (1, 2)])
    outcomes.append(await house.put(house.reserve(3, quote_id=uid("q"))))
    assert [getattr(outcome, "code", None) for outcome in outcomes] == [None, *[RefusalCode.QUOTE_USED] * 2]


@pytest.mark.parametrize(("seconds", "code"), [(1, None), (0, RefusalCode.QUOTE_EXPIRED)])
async def test_a_quote_has_expired_at_the_instant_it_names(
    house: House, seconds: int, code: RefusalCode | None
) -> None:
    outcome = await house.put(house.reserve(quote_expires_at=house.later(seconds)))
    assert getattr(outcome, "code", None) is code


async def test_of_six_reservations_of_a_fifth_the_sixth_is_refused(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock, cap=5 * TERMS.debit) as house:
        outcomes = await house.writer.put_all([house.reserve(name) for name in range(6)])
        assert [getattr(one, "code", None) for one in outcomes] == [None] * 5 + [RefusalCode.NET_DEBIT_CAP_EXCEEDED]


async def test_a_cap_is_reached_exactly_and_not_passed_by_one(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock, cap=TERMS.debit) as house:
        over = replace(TERMS, debit=TERMS.debit + 1, fee=TERMS.fee + 1)
        assert isinstance(await house.put(house.reserve(1, terms=over)), Refusal)
        assert isinstance(await house.put(house.reserve(2)), Reserved)


async def test_a_cap_is_freed_by_void_and_not_by_post_and_credits_reduce_it(
    database_url: str, clock: FixedClock
) -> None:
    async with moved_in(database_url, clock, cap=TERMS.debit) as house:
        await house.put(house.reserve(1))
        await house.tell((1, X))
        await house.complete(2)
        assert isinstance(await house.put(house.reserve(3)), Refusal)
        earned = replace(TERMS, debit=10_000, credit=10_000, fee=0, rounding=0)
        await house.complete(4, source=AIR, target=HOTEL, terms=earned)
        assert (await house.cap_of()).position == 0
        assert isinstance(await house.put(house.reserve(5)), Reserved)


async def test_a_reversal_gives_back_what_is_owed_when_it_posts_and_not_before(house: House) -> None:
    await house.complete()
    await house.put(house.reverse())
    assert (await house.cap_of()).position == 10_000
    await house.tell((1, D), name="back")
    assert (await house.cap_of()).position == 0
    assert (await house.cap_of()).pending == 0


# --- claims


async def test_what_is_leased_is_not_claimed_and_what_lapsed_is(house: House) -> None:
    await house.put(house.reserve(1, lease_until=house.later(60)))
    assert (await house.put(house.claim())).due == ()
    house.clock.advance(60)
    (order,) = (await house.put(house.claim())).due
    assert (order.exchange_id, order.state) == (uid(1), "waiting")
    assert (await house.put(house.claim(lease=LEASE))).due == ()


async def test_two_claimers_never_get_one_order(house: House) -> None:
    for name in range(5):
        await house.put(house.reserve(name, lease_until=house.later(name)))
    house.clock.advance(10)
    first, second = await house.writer.put_all([house.claim(3), house.claim(3, LEASE)])
    assert [order.exchange_id for order in first.due + second.due] == [uid(name) for name in range(5)]  # type: ignore[union-attr]


async def test_a_postponed_order_is_due_again_at_its_time(house: House) -> None:
    await house.put(house.reserve())
    await house.put(Postpone(uid(1), Leg.TAKE, OTHER_LEASE, house.later(0)))  # not theirs to postpone
    assert (await house.put(house.claim())).due == ()
    await house.put(Postpone(uid(1), Leg.TAKE, LEASE, house.later(5)))
    assert (await house.put(house.claim())).due == ()
    house.clock.advance(5)
    assert len((await house.put(house.claim())).due) == 1


async def test_an_order_is_marked_sent_by_its_holder_only_and_once(house: House) -> None:
    await house.put(house.reserve())
    assert (await house.put(Sent(uid(1), Leg.TAKE, OTHER_LEASE))).due == ()
    (order,) = (await house.put(Sent(uid(1), Leg.TAKE, LEASE))).due
    assert (order.state, order.sent_at) == ("sent", house.clock())
    assert (await house.put(Sent(uid(1), Leg.TAKE, LEASE))).due == ()


async def test_an_order_answered_in_the_batch_leaves_room_for_the_next(house: House) -> None:
    for name in (1, 2):
        await house.put(house.reserve(name, lease_until=house.later(name)))
    house.clock.advance(10)
    _, claimed = await house.writer.put_all([house.answered(1, X, 1), house.claim(1)])
    assert [order.exchange_id for order in claimed.due] == [uid(2)]  # type: ignore[union-attr]


async def test_a_case_and_a_claim_of_its_exchange_share_a_batch(house: House) -> None:
    await house.put(house.reserve())
    await house.tell((1, D), (1, X))  # contradicted while the credit is under way
    (case,) = await house.cases()
    house.clock.advance(100)
    claimed, moved = await house.writer.put_all([house.claim(), house.resolve(case.case, "close")])
    assert len(claimed.due) == 1  # type: ignore[union-attr]
    assert isinstance(moved, Moved)
    assert house.writer.batches == 5  # none was written by halves


async def test_answers_of_one_batch_know_each_other(house: House) -> None:
    items: list[Item] = [house.reserve(), *(house.answered(leg, D) for leg in (1, 2, 3))]
    items += [house.reverse("a", sent=400), *(house.answered(leg, D, "a") for leg in (1, 2)), house.reverse("b")]
    outcomes = await house.writer.put_all(items)
    assert isinstance(outcomes[-1], Reserved)
    assert all(isinstance(outcome, Moved) for outcome in outcomes[1:4])
