"""Limits of a member: all accounts that are named count together, those of other exchanges and of the same batch."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from clearing.ledger.items import Reserve, Try
from clearing.ledger.outcomes import Reserved
from clearing.rules.lifecycle import State
from clearing.rules.limits import Limit
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, PROGRAM, SHOP, D, House, X, moved_in, uid

OTHERS = (uid("account", SHOP),)


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []


def wish(house: House, name: str, by: str = HOTEL, **how: Any) -> Reserve:
    """From one of the member's two accounts, watched together with the other."""
    other = SHOP if by == HOTEL else HOTEL
    limits = (Limit("member", house.clock() - timedelta(hours=1), holds=True, **{"member": True, "count": 1} | how),)
    return house.reserve(name, source=by, limits=limits, others=(uid("account", other),))


def reason(outcome: Any) -> str | None:
    assert isinstance(outcome, Reserved)
    assert (outcome.exchange.state is State.REVIEW) == (outcome.exchange.reason is not None)
    return outcome.exchange.reason


async def end(house: House, *names: str) -> None:
    for name in names:
        await house.tell((1, X), name=name)


async def test_what_the_other_account_sent_counts(house: House) -> None:
    assert reason(await house.put(wish(house, "a", SHOP))) is None
    held = wish(house, "b")
    assert (await house.put(Try(held))).held == "member"
    assert reason(await house.put(held)) == "held: member"
    await end(house, "a")


@pytest.mark.parametrize("how", [{"member": False}, {"points": 2_000, "count": None}, {"source": PROGRAM[HOTEL]}])
async def test_what_the_other_account_sent_does_not_count_where_the_limit_does_not_look_at_it(
    house: House, how: dict[str, Any]
) -> None:
    await house.put(house.reserve("a", source=SHOP))
    assert reason(await house.put(wish(house, "b", **how))) is None
    await end(house, "a", "b")


async def test_both_accounts_in_one_batch_count_together(house: House) -> None:
    told = await house.writer.put_all([wish(house, "a"), wish(house, "b", SHOP), wish(house, "c")])
    assert [reason(outcome) for outcome in told] == [None, "held: member", "held: member"]
    await end(house, "a")


async def test_an_account_that_is_named_twice_counts_once(house: House) -> None:
    await house.put(house.reserve("a"))
    limits = (Limit("member", house.clock() - timedelta(hours=1), count=2, holds=True, member=True),)
    doubled = (uid("account", HOTEL), *OTHERS, *OTHERS)
    assert reason(await house.put(house.reserve("b", limits=limits, others=doubled))) is None
    await end(house, "a", "b")


# --- what is issued


def issue(house: House, name: str, **how: Any) -> Reserve:
    """Issued to the member's account at AIR, watched together with its account at the hotel."""
    limits = (Limit("issued", house.clock() - timedelta(hours=1), holds=True, **{"count": 1} | how),)
    return house.issue(name, limits=limits, others=(uid("account", HOTEL),))


async def test_what_is_issued_and_what_leaves_one_account_are_counted_apart(house: House) -> None:
    await house.put(house.reserve("sent", source=AIR, target=HOTEL))
    assert reason(await house.put(issue(house, "a"))) is None
    held = (Limit("sent", house.clock() - timedelta(hours=1), count=1, holds=True),)
    both = [issue(house, "b"), house.reserve("c", source=AIR, target=HOTEL, limits=held)]
    told = [reason(outcome) for outcome in await house.writer.put_all(both)]
    assert told == ["held: issued", "held: sent"]  # each by its own like, also in one batch
    await end(house, "sent")
    await house.tell((2, D), name="a")


async def test_what_was_issued_to_the_members_other_account_counts(house: House) -> None:
    await house.put(house.issue("a", target=HOTEL, target_program=PROGRAM[HOTEL], target_account=uid("account", HOTEL)))
    assert reason(await house.put(issue(house, "b"))) is None
    assert reason(await house.put(issue(house, "c", member=True, count=2))) == "held: issued"
    for name in ("a", "b"):
        await house.tell((2, D), name=name)


async def test_what_had_no_limit_of_its_own_counts_for_the_next_of_the_batch(house: House) -> None:
    held = (Limit("busy", house.clock() - timedelta(hours=1), count=1, holds=True),)
    told = await house.writer.put_all([house.reserve("a"), house.reserve("b", limits=held)])
    assert [reason(outcome) for outcome in told] == [None, "held: busy"]
    await end(house, "a")
