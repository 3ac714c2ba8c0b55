"""What is decided under the lane's lock: idempotency, nonces, keys, quotes, caps, and who holds an order."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from clearing import errors
from clearing.ledger.items import Postpone, Sent
from clearing.ledger.outcomes import Moved, Reserved
from clearing.rules.lifecycle import Leg, State
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
    House,
    X,
    contents,
    moved_in,
    uid,
)


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []


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
