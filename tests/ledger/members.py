"""What laws of members need: accounts that come in, links between them, reports about them, and a kept request."""

import os
from datetime import UTC, datetime, timedelta
from itertools import count
from uuid import UUID

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from clearing import partners
from clearing.evidence import Evidence, Keyring, place, seal
from clearing.partners import Account, Change
from clearing.rules.members import Link
from clearing.rules.refusals import Refusal

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RING = Keyring("kek-1", b"k" * 32, b"p" * 32, b"b" * 32)
Pool = AsyncConnectionPool[AsyncConnection]
ids = count(1000)


async def came_in(connection: AsyncConnection, program: str, member: str) -> Account:
    async with partners.deciding(connection, 0):
        return await partners.link_account(connection, RING, 0, UUID(int=next(ids)), program, member, NOW, os.urandom)


async def linked(
    connection: AsyncConnection, source: Account, target: Account, *, one_card: bool = False
) -> tuple[Link, bool] | Refusal:
    async with partners.deciding(connection, 0):
        return await partners.link_accounts(
            connection,
            0,
            UUID(int=next(ids)),
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
