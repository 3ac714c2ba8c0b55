"""Laws of erasure in a real database: nothing is left of a number, and the audit would find what is."""

import asyncio
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from psycopg import AsyncConnection

from clearing import database, errors, evidence, partners
from clearing.partners import Account, Change
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
    now_of,
    request,
)

CANARY = "CANARY4417308852"


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with await database.connect(database_url) as opened:
        await opened.set_autocommit(True)
        await partners.fill_calendar(opened, NOW)
        await partners.open_lane(opened, 0, NOW)
        yield opened


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
                        UUID(int=next(ids)),
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
