"""Laws of links in a real database: parallel links, consents, closed accounts, mergers."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from clearing import database, errors, partners
from clearing.partners import Account, Change
from clearing.rules.members import Consent, Ended, Link
from clearing.rules.refusals import Refusal
from tests.ledger.members import (
    DAY,
    NOW,
    RING,
    Pool,
    came_in,
    closed,
    erased,
    ids,
    link_of,
    linked,
    merged,
    now_of,
    request,
)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with await database.connect(database_url) as opened:
        await opened.set_autocommit(True)
        await partners.fill_calendar(opened, NOW)
        await partners.open_lane(opened, 0, NOW)
        yield opened


# --- linking


async def test_the_same_pair_is_the_same_link(connection: AsyncConnection) -> None:
    source, target = await came_in(connection, "hotel", "1"), await came_in(connection, "air", "2")
    first, again = await linked(connection, source, target), await linked(connection, source, target)
    assert not isinstance(first, Refusal)
    assert not isinstance(again, Refusal)
    assert (first[1], again) == (True, (first[0], False))
    assert await partners.link_between(connection, 0, source.account, target.account) == first[0]
    assert await partners.link_between(connection, 0, target.account, source.account) is None
    assert await partners.live_links(connection, 0, [target.account]) == [first[0]]


async def test_a_link_that_ended_is_made_anew(connection: AsyncConnection) -> None:
    source, target = await came_in(connection, "hotel", "1"), await came_in(connection, "air", "2")
    first = await link_of(connection, source, target)
    await partners.end_links(connection, 0, [first.link], Ended.UNLINKED, NOW + DAY)
    await partners.end_links(connection, 0, [first.link], Ended.ACCOUNT_CLOSED, NOW + 2 * DAY)
    ended = await now_of(connection, first)
    assert (ended.ended_at, ended.ended_reason) == (NOW + DAY, "unlinked")
    assert (await link_of(connection, source, target)).link != first.link


async def test_of_parallel_links_exactly_one_gets_the_one_card(database_url: str, connection: AsyncConnection) -> None:
    source = await came_in(connection, "hotel", "1")
    targets = [await came_in(connection, "air", str(number)) for number in range(8)]
    together = asyncio.Barrier(8)
    async with database.pool(database_url, size=8) as pool:

        async def one(target: Account) -> tuple[Link, bool] | Refusal:
            async with pool.connection() as own:
                await together.wait()  # all eight are connected before the first begins
                return await linked(own, source, target, one_card=True)

        outcomes = await asyncio.gather(*(one(target) for target in targets))
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert [(refusal.code, refusal.side) for refusal in refused] == [("already_linked", "source")] * 7
    assert len(await partners.live_links(connection, 0, [source.account])) == 1


async def test_parallel_links_of_one_pair_are_one_link(database_url: str, connection: AsyncConnection) -> None:
    source, target = await came_in(connection, "hotel", "1"), await came_in(connection, "air", "2")
    together = asyncio.Barrier(8)
    async with database.pool(database_url, size=8) as pool:

        async def one() -> tuple[Link, bool] | Refusal:
            async with pool.connection() as own:
                await together.wait()
                return await linked(own, source, target)

        outcomes = await asyncio.gather(*(one() for _ in range(8)))
    made = [outcome for outcome in outcomes if not isinstance(outcome, Refusal)]
    assert len({link.link for link, _ in made}) == 1
    assert sorted(new for _, new in made) == [False] * 7 + [True]


@pytest.mark.parametrize("end", ["source_account", "target_account"])
async def test_the_database_itself_knows_one_card(connection: AsyncConnection, end: str) -> None:
    """The indexes hold without the lock: a second card cannot be written by whoever forgets to look."""
    source, target = await came_in(connection, "hotel", "1"), await came_in(connection, "air", "2")
    await link_of(connection, source, target, one_card=True)
    values = {"source_account": source.account, "target_account": target.account, "one_card": True, "lane": 0}
    values |= {"source_program": "hotel", "target_program": "air", "evidence_id": UUID(int=1), "linked_at": NOW}
    values |= {"link": UUID(int=next(ids)), end: UUID(int=next(ids))}
    with pytest.raises(psycopg.errors.UniqueViolation, match="link_card_of"):
        await connection.execute(database.statement("link_insert"), values)


async def test_only_open_accounts_are_linked(connection: AsyncConnection) -> None:
    source, target = await came_in(connection, "hotel", "1"), await came_in(connection, "air", "2")
    await closed(connection, target)
    refusal = await linked(connection, source, target)
    assert isinstance(refusal, Refusal)
    assert (refusal.code, refusal.side) == ("account_closed", "target")


async def test_without_a_lane_nothing_is_decided(connection: AsyncConnection) -> None:
    with pytest.raises(errors.Unavailable):
        async with partners.deciding(connection, 7):
            pytest.fail("there is no lane 7")


# --- consent


async def test_a_new_consent_ends_the_one_before(connection: AsyncConnection) -> None:
    made = await link_of(connection, await came_in(connection, "hotel", "1"), await came_in(connection, "air", "2"))
    first = Consent(("exchange",), ("lotus",), "palm", "key-1", UUID(int=1), NOW)
    second = Consent(("accrual", "exchange"), ("lotus",), "palm", "key-2", UUID(int=2), NOW + DAY)
    for consent in (first, second):
        await partners.give_consent(connection, 0, made.link, consent)
    assert (await now_of(connection, made)).consent == second
    rows = await (
        await connection.execute("SELECT number, withdrawn_at, withdrawn_by FROM consent ORDER BY 1")
    ).fetchall()
    assert rows == [(1, NOW + DAY, "key-2"), (2, None, None)]
    assert await partners.withdraw_consent(connection, 0, made.link, "key-3", NOW + 2 * DAY)
    assert not await partners.withdraw_consent(connection, 0, made.link, "key-4", NOW + 3 * DAY)
    assert (await now_of(connection, made)).consent == replace(second, withdrawn_at=NOW + 2 * DAY)


async def test_a_consent_that_nothing_proves_is_found(connection: AsyncConnection) -> None:
    made = await link_of(connection, await came_in(connection, "hotel", "1"), await came_in(connection, "air", "2"))
    await partners.keep_request(connection, 0, request(1))
    proven = Consent(("exchange",), ("lotus",), "palm", "key", UUID(int=1), NOW)
    await partners.give_consent(connection, 0, made.link, proven)
    assert await partners.consents_unproven(connection, 0) == (1, [])
    for number, key_id in ((1, "another key"), (2, "key")):
        forged = replace(proven, evidence_id=UUID(int=number), key_id=key_id, given_at=NOW + DAY)
        await partners.give_consent(connection, 0, made.link, forged)
    assert await partners.consents_unproven(connection, 0) == (3, [UUID(int=1), UUID(int=2)])


# --- closed and merged


async def test_a_closed_account_loses_its_links_once(connection: AsyncConnection) -> None:
    source, target = await came_in(connection, "hotel", "1"), await came_in(connection, "air", "2")
    out, back = await link_of(connection, source, target), await link_of(connection, target, source)
    change = await closed(connection, source)
    assert (change.first, set(change.ended)) == (True, {out.link, back.link})
    assert await closed(connection, source, NOW + 2 * DAY) == Change(first=False)
    found = await partners.account(connection, 0, source.account)
    assert found is not None
    assert (found.standing, found.closed_at) == ("closed", NOW + DAY)
    ended = await now_of(connection, out)
    assert (ended.ended_at, ended.ended_reason) == (NOW + DAY, "account_closed")


async def test_the_number_of_a_closed_account_comes_in_under_a_new_token(connection: AsyncConnection) -> None:
    first = await came_in(connection, "hotel", "1")
    await closed(connection, first)
    second = await came_in(connection, "hotel", "1")
    assert (second.new, second.account != first.account) == (True, True)
    assert await partners.find_account(connection, RING, 0, "hotel", "1") == replace(second, new=False)


async def test_a_token_that_was_closed_meanwhile_is_not_used_again(connection: AsyncConnection) -> None:
    first = await came_in(connection, "hotel", "1")
    await erased(connection, first)
    with pytest.raises(errors.Unavailable):
        await partners.link_account(connection, RING, 0, first.account, "hotel", "1", NOW, os.urandom)


async def test_a_merger_moves_the_links_with_age_and_consent(connection: AsyncConnection) -> None:
    gone, into = await came_in(connection, "hotel", "1"), await came_in(connection, "hotel", "2")
    target = await came_in(connection, "air", "3")
    out = await link_of(connection, gone, target, one_card=True)
    back = await link_of(connection, target, gone)
    consent = Consent(("exchange",), ("lotus",), "palm", "key", UUID(int=1), NOW)
    await partners.give_consent(connection, 0, out.link, consent)
    change = await merged(connection, gone, into)
    assert isinstance(change, Change)
    assert (set(change.moved), change.ended) == ({out.link, back.link}, ())
    moved = await now_of(connection, out)
    assert moved == replace(out, source_account=into.account, moved_at=NOW + DAY, consent=consent)
    assert (await now_of(connection, back)).target_account == into.account
    assert await merged(connection, gone, into) == Change(first=False)
    found = await partners.account(connection, 0, gone.account)
    assert found is not None
    assert (found.standing, found.merged_into) == ("merged", into.account)
    assert await partners.closed_remains(connection, 0) == (1, [])


async def test_a_merger_ends_what_would_be_a_second_card(connection: AsyncConnection) -> None:
    gone, into = await came_in(connection, "hotel", "1"), await came_in(connection, "hotel", "2")
    mine, other, rail = [await came_in(connection, program, "3") for program in ("air", "bus", "rail")]
    second = await came_in(connection, "air", "4")
    kept = await link_of(connection, into, mine, one_card=True)
    extra = await link_of(connection, gone, second, one_card=True)
    same = await link_of(connection, into, other)
    doubled = await link_of(connection, gone, other)
    free = await link_of(connection, gone, rail)
    change = await merged(connection, gone, into)
    assert isinstance(change, Change)
    assert (set(change.ended), change.moved) == ({extra.link, doubled.link}, (free.link,))
    assert (await now_of(connection, extra)).ended_reason == "already_linked"
    live = await partners.live_links(connection, 0, [into.account])
    assert {link.link for link in live} == {kept.link, same.link, free.link}


async def test_mergers_that_cannot_be(connection: AsyncConnection) -> None:
    first, second, third = [await came_in(connection, "hotel", number) for number in "123"]
    other = await came_in(connection, "air", "1")
    for gone, into in ((first, first), (first, other), (first, replace(first, account=UUID(int=1)))):
        with pytest.raises(errors.ValidationFailed):
            await merged(connection, gone, into)
    assert isinstance(await merged(connection, first, second), Change)
    for gone, into in ((second, first), (first, third)):  # in a circle; and a second time, elsewhere
        refusal = await merged(connection, gone, into)
        assert isinstance(refusal, Refusal)
        assert refusal.code == "account_closed"


async def test_a_merger_and_a_link_at_the_same_time_leave_no_link_behind(
    database_url: str, connection: AsyncConnection
) -> None:
    into = await came_in(connection, "hotel", "0")
    for number in range(1, 9):
        gone = await came_in(connection, "hotel", str(number))
        target = await came_in(connection, "air", str(number))
        async with database.pool(database_url, size=2) as pool:

            async def one(work: str, gone: Account = gone, target: Account = target, pool: Pool = pool) -> object:
                async with pool.connection() as own:
                    return await (linked(own, gone, target) if work == "link" else merged(own, gone, into))

            await asyncio.gather(*(one(work) for work in (("link", "merge") if number % 2 else ("merge", "link"))))
        assert await partners.live_links(connection, 0, [gone.account]) == []
    assert await partners.closed_remains(connection, 0) == (8, [])
