"""Laws of links and erasure in a real database: parallel links, mergers, and that nothing is left of an erased number."""

import asyncio
import os
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from clearing import database, errors, evidence, partners
from clearing.evidence import Evidence, Keyring, place, seal
from clearing.partners import Account, Change
from clearing.rules.members import Consent, Ended, Link
from clearing.rules.refusals import Refusal

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RING = Keyring("kek-1", b"k" * 32, b"p" * 32, b"b" * 32)
CANARY = "CANARY4417308852"
Pool = AsyncConnectionPool[AsyncConnection]
_ids = count(1000)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with await database.connect(database_url) as opened:
        await opened.set_autocommit(True)
        await partners.fill_calendar(opened, NOW)
        await partners.open_lane(opened, 0, NOW)
        yield opened


async def came_in(connection: AsyncConnection, program: str, member: str) -> Account:
    async with partners.deciding(connection, 0):
        return await partners.link_account(connection, RING, 0, UUID(int=next(_ids)), program, member, NOW, os.urandom)


async def linked(
    connection: AsyncConnection, source: Account, target: Account, *, one_card: bool = False
) -> tuple[Link, bool] | Refusal:
    async with partners.deciding(connection, 0):
        return await partners.link_accounts(
            connection,
            0,
            UUID(int=next(_ids)),
            source,
            target,
            one_card=one_card,
            evidence_id=UUID(int=1),
            now=NOW,
        )


async def link_of(connection: AsyncConnection, source: Account, target: Account, *, one_card: bool = False) -> Link:
    made = await linked(connection, source, target, one_card=one_card)
    assert not isinstance(made, Refusal)
    return made[0]


async def now_of(connection: AsyncConnection, link: Link) -> Link:
    found = await partners.link(connection, 0, link.link)
    assert found is not None
    return found


async def merged(connection: AsyncConnection, gone: Account, into: Account) -> Change | Refusal:
    async with partners.deciding(connection, 0):
        return await partners.merge_account(connection, 0, gone.account, into.account, NOW + DAY)


async def closed(connection: AsyncConnection, account: Account, at: datetime = NOW + DAY) -> Change:
    async with partners.deciding(connection, 0):
        return await partners.close_account(connection, 0, account.account, at)


async def erased(connection: AsyncConnection, account: Account, at: datetime = NOW + DAY) -> Change:
    async with partners.deciding(connection, 0):
        return await partners.erase_account(connection, 0, account.account, at)


def request(number: int, body: bytes = b"{}") -> Evidence:
    sealed = seal(RING, place("evidence", 0, UUID(int=number), "box"), body, os.urandom)
    return Evidence(UUID(int=number), "request", "key", NOW, b"base", b"sig", None, b"{}", sealed)


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
    async with database.pool(database_url, size=8) as pool:

        async def one(target: Account) -> tuple[Link, bool] | Refusal:
            async with pool.connection() as own:
                return await linked(own, source, target, one_card=True)

        outcomes = await asyncio.gather(*(one(target) for target in targets))
    refused = [outcome for outcome in outcomes if isinstance(outcome, Refusal)]
    assert [(refusal.code, refusal.side) for refusal in refused] == [("already_linked", "source")] * 7
    assert len(await partners.live_links(connection, 0, [source.account])) == 1


async def test_parallel_links_of_one_pair_are_one_link(database_url: str, connection: AsyncConnection) -> None:
    source, target = await came_in(connection, "hotel", "1"), await came_in(connection, "air", "2")
    async with database.pool(database_url, size=8) as pool:

        async def one() -> tuple[Link, bool] | Refusal:
            async with pool.connection() as own:
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
    values |= {"link": UUID(int=next(_ids)), end: UUID(int=next(_ids))}
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


# --- erasure


async def test_nothing_is_left_of_an_erased_number(database_url: str, connection: AsyncConnection) -> None:
    account, target = await came_in(connection, "hotel", CANARY), await came_in(connection, "air", "2")
    made = await link_of(connection, account, target)
    index = evidence.blind_index(RING, "hotel", CANARY)
    await partners.keep_request(connection, 0, request(1, CANARY.encode()), [account.account])
    await partners.keep_request(connection, 0, request(2, CANARY.encode()), [account.account, target.account])
    await partners.keep_request(connection, 0, request(3), [target.account])
    change = await erased(connection, account)
    assert change == Change(first=True, ended=(made.link,), bodies=2)
    assert await erased(connection, account, NOW + 2 * DAY) == Change(first=False)
    found = await partners.account(connection, 0, account.account)
    assert found is not None
    assert (found.standing, found.masked, found.erased_at) == ("erased", "****", NOW + DAY)
    assert (await now_of(connection, made)).ended_reason == "account_erased"
    with pytest.raises(errors.SealBroken):
        await partners.open_number(connection, RING, 0, account.account)
    bodies = [await partners.evidence_of(connection, 0, UUID(int=number)) for number in (1, 2, 3)]
    assert [body is not None and body.sealed.wrapped == b"" for body in bodies] == [True, True, False]
    assert await partners.closed_remains(connection, 0) == (1, [])
    async with await database.connect(database_url, application=False) as owner:
        told = await (await owner.execute("SELECT account::text FROM account")).fetchall()
    assert index.hex() not in repr(told)
    assert CANARY[-4:] not in repr(told)


async def test_an_erased_number_comes_in_under_a_new_token(connection: AsyncConnection) -> None:
    first = await came_in(connection, "hotel", CANARY)
    await erased(connection, first)
    assert await partners.find_account(connection, RING, 0, "hotel", CANARY) is None
    second = await came_in(connection, "hotel", CANARY)
    assert (second.new, second.account != first.account, second.erased_at) == (True, True, None)
    assert await partners.open_number(connection, RING, 0, second.account) == CANARY


async def test_erasing_a_number_erases_it_under_every_token_it_had(connection: AsyncConnection) -> None:
    first = await came_in(connection, "hotel", CANARY)
    await closed(connection, first)
    second = await came_in(connection, "hotel", CANARY)
    other, foreign = await came_in(connection, "hotel", "1"), await came_in(connection, "air", CANARY)
    await partners.keep_request(connection, 0, request(1), [first.account])
    assert (await erased(connection, second)).bodies == 1
    standings = []
    for account in (first, second, other, foreign):
        found = await partners.account(connection, 0, account.account)
        standings.append(found and found.standing)
    assert standings == ["erased", "erased", "open", "open"]


async def test_a_body_kept_while_its_member_is_erased_is_erased_or_refused(
    database_url: str, connection: AsyncConnection
) -> None:
    for number in range(1, 9):
        account = await came_in(connection, "hotel", str(number))
        target = await came_in(connection, "air", str(number))
        async with database.pool(database_url, size=2) as pool:

            async def keep(
                number: int = number, account: Account = account, target: Account = target, pool: Pool = pool
            ) -> None:
                async with pool.connection() as own, partners.deciding(own, 0):
                    made = await partners.link_accounts(
                        own,
                        0,
                        UUID(int=next(_ids)),
                        account,
                        target,
                        one_card=False,
                        evidence_id=UUID(int=number),
                        now=NOW,
                    )
                    if not isinstance(made, Refusal):
                        await partners.keep_request(own, 0, request(number), [account.account])

            async def erase(account: Account = account, pool: Pool = pool) -> None:
                async with pool.connection() as own:
                    await erased(own, account)

            await asyncio.gather(*((keep(), erase()) if number % 2 else (erase(), keep())))
    assert await partners.closed_remains(connection, 0) == (8, [])


async def test_what_was_not_erased_is_found(connection: AsyncConnection) -> None:
    """The audit of erasure can fail: a body whose key came back, and a link that did not end."""
    account, target = await came_in(connection, "hotel", "1"), await came_in(connection, "air", "2")
    await erased(connection, account)
    await partners.keep_request(connection, 0, request(1), [account.account])
    assert await partners.closed_remains(connection, 0) == (1, [account.account])
    await partners.erase_evidence(connection, 0, [UUID(int=1)])
    await connection.execute(
        database.statement("link_insert"),
        {
            "lane": 0,
            "link": UUID(int=3),
            "source_program": "hotel",
            "source_account": account.account,
            "target_program": "air",
            "target_account": target.account,
            "one_card": False,
            "evidence_id": UUID(int=1),
            "linked_at": NOW,
        },
    )
    assert await partners.closed_remains(connection, 0) == (1, [account.account])


async def test_what_names_no_account_is_not_found(connection: AsyncConnection) -> None:
    nobody = Account(0, UUID(int=9), "hotel", "****", NOW)
    for report in (closed, erased):
        with pytest.raises(errors.NotFound):
            await report(connection, nobody)
    with pytest.raises(errors.NotFound):
        await partners.open_number(connection, RING, 0, UUID(int=9))
