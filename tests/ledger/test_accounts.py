"""Laws of tokens, membership numbers, the calendar and the beginning of a lane. Links and erasure: `test_links`."""

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import AsyncConnection

from clearing import database, errors, partners
from clearing.evidence import Keyring, Sealed, place, seal
from clearing.rules.windows import containing
from tests import canary

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
RING = Keyring("kek-1", b"k" * 32, b"p" * 32, b"b" * 32)
CANARY = canary.NUMBER


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with await database.connect(database_url) as opened:
        await opened.set_autocommit(True)
        yield opened


# --- ids and accounts


@given(bucket=st.integers(0, 1023), chance=st.binary(min_size=10, max_size=10), seconds=st.integers(0, 2**33))
def test_id_carries_time_version_and_bucket(bucket: int, chance: bytes, seconds: int) -> None:
    at = datetime.fromtimestamp(seconds, UTC) + timedelta(milliseconds=seconds % 1000)
    made = partners.bucketed_uuid(at, bucket, chance)
    assert (made.version, made.variant) == (8, UUID(int=made.int).variant)
    assert made.variant == "specified in RFC 4122"
    assert partners.bucket_of(made) == bucket
    assert made.int >> 80 == seconds * 1000 + seconds % 1000
    assert (made.int >> 64 & 3) << 62 | made.int & (1 << 62) - 1 == int.from_bytes(chance[2:], "big")


def test_other_ids_have_no_bucket() -> None:
    with pytest.raises(ValueError, match="bucket"):
        partners.bucket_of(UUID(int=0))
    for bucket, chance in ((1024, b"x" * 10), (-1, b"x" * 10), (0, b"x" * 9)):
        with pytest.raises(ValueError, match="ten"):
            partners.bucketed_uuid(NOW, bucket, chance)


@pytest.mark.parametrize("member", ["1", "AB 12-34/5", "~" * 64])
def test_membership_numbers(member: str) -> None:
    assert partners.is_member_number(member)


@pytest.mark.parametrize("member", ["", " 1", "1 ", "1\0", "1\n", "é", "\ud800", "1" * 65, "١"])
async def test_what_is_no_membership_number_is_refused_without_a_trace(
    connection: AsyncConnection, member: str
) -> None:
    with pytest.raises(errors.ValidationFailed):
        await partners.link_account(connection, RING, 0, UUID(int=1), "air", member, NOW, os.urandom)
    assert await partners.account(connection, 0, UUID(int=1)) is None


async def test_same_number_is_the_same_token(connection: AsyncConnection) -> None:
    first = await partners.link_account(connection, RING, 0, UUID(int=1), "air", CANARY, NOW, os.urandom)
    again = await partners.link_account(connection, RING, 0, UUID(int=2), "air", CANARY, NOW + DAY, os.urandom)
    other = await partners.link_account(connection, RING, 0, UUID(int=3), "hotel", CANARY, NOW, os.urandom)
    assert (first.account, first.new, first.masked) == (UUID(int=1), True, "****1940")
    assert (again.account, again.new, again.linked_at) == (UUID(int=1), False, NOW)
    assert other.account == UUID(int=3)
    assert await partners.account(connection, 0, UUID(int=1)) == again
    assert await partners.account(connection, 1, UUID(int=1)) is None
    assert await partners.find_account(connection, RING, 0, "air", CANARY) == again
    assert await partners.find_account(connection, RING, 0, "air", "\ud800") is None
    assert await partners.open_number(connection, RING, 0, UUID(int=1)) == CANARY


async def test_simultaneous_links_agree_on_one_token(database_url: str) -> None:
    async with database.pool(database_url, size=4) as pool:

        async def one(number: int) -> partners.Account:
            async with pool.connection() as own:
                return await partners.link_account(own, RING, 0, UUID(int=number), "air", CANARY, NOW, os.urandom)

        linked = await asyncio.gather(*(one(number) for number in range(1, 9)))
    assert len({account.account for account in linked}) == 1
    assert sum(account.new for account in linked) == 1


async def test_number_moved_to_another_account_does_not_open(database_url: str, connection: AsyncConnection) -> None:
    for number, member in ((1, CANARY), (2, "11112222")):
        await partners.link_account(connection, RING, 0, UUID(int=number), "air", member, NOW, os.urandom)
    async with await database.connect(database_url, application=False) as owner:
        await owner.execute(
            "UPDATE account a SET wrapped = b.wrapped, seal_nonce = b.seal_nonce, box = b.box "
            "FROM account b WHERE a.account = %s AND b.account = %s",
            (UUID(int=2), UUID(int=1)),
        )
    with pytest.raises(errors.SealBroken):
        await partners.open_number(connection, RING, 0, UUID(int=2))


async def test_canary_is_in_no_repr_error_log_or_column(
    connection: AsyncConnection, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    said: list[object] = [await partners.link_account(connection, RING, 0, UUID(int=1), "air", CANARY, NOW, os.urandom)]
    said.append(await partners.account(connection, 0, UUID(int=1)))
    attempts = (
        lambda: partners.link_account(connection, RING, 0, UUID(int=2), "air", CANARY + "\0", NOW, os.urandom),
        lambda: partners.link_account(connection, RING, 0, UUID(int=1), "air", CANARY + "9", NOW, os.urandom),
        lambda: partners.link_account(connection, RING, 0, UUID(int=2), "air", CANARY + "8", NOW, lambda _: b""),
    )
    said += [await _failure(attempt) for attempt in attempts]
    async with connection.cursor() as cursor:
        await cursor.execute("SELECT account::text FROM account")
        said.append(await cursor.fetchall())
    assert CANARY not in "".join(map(repr, said)) + "".join(map(str, said)) + caplog.text
    assert CANARY.encode().hex() not in repr(said)


async def _failure(attempt: Callable) -> BaseException:
    with pytest.raises(Exception) as caught:  # whatever it is, its text is looked at
        await attempt()
    return caught.value


# --- evidence by id


async def test_evidence_is_read_back_as_it_was_stored_and_erased(connection: AsyncConnection) -> None:
    sealed = seal(RING, place("evidence", 0, UUID(int=5), "box"), b"{}", os.urandom)
    async with connection.cursor() as cursor:
        await cursor.execute(
            "INSERT INTO evidence VALUES (0, %s, 'request', 'key', %s, 'base', 'sig', NULL, '{}', %s, %s, %s, %s)",
            (UUID(int=5), NOW, sealed.kek_id, sealed.wrapped, sealed.nonce, sealed.box),
        )
    found = await partners.evidence_of(connection, 0, UUID(int=5))
    assert found is not None
    assert (found.key_id, found.signed_at, found.base, found.digest) == ("key", NOW, b"base", None)
    assert found.sealed == sealed
    assert await partners.erase_evidence(connection, 0, [UUID(int=5), UUID(int=6)]) == 1
    erased = await partners.evidence_of(connection, 0, UUID(int=5))
    assert erased is not None
    assert erased.sealed == Sealed(sealed.kek_id, b"", sealed.nonce, sealed.box)
    assert await partners.evidence_of(connection, 0, UUID(int=6)) is None


# --- the calendar and the lane


async def test_calendar_is_filled_once_and_grows(connection: AsyncConnection) -> None:
    await partners.fill_calendar(connection, NOW)
    first = await partners.calendar(connection)
    assert first[0].opens_at == datetime(2026, 2, 23, tzinfo=UTC)
    assert first[-1].closes_at > NOW + timedelta(days=3 * 364)
    assert all(one.closes_at == two.opens_at for one, two in pairwise(first))
    await partners.fill_calendar(connection, NOW + timedelta(days=70))
    second = await partners.calendar(connection)
    assert second[: len(first)] == first
    assert len(second) == len(first) + 10


async def test_lane_begins_once_in_the_window_of_now(connection: AsyncConnection) -> None:
    await partners.fill_calendar(connection, NOW)
    windows = await partners.calendar(connection)
    await partners.open_lane(connection, 0, NOW)
    await partners.open_lane(connection, 0, NOW + timedelta(days=7))
    async with connection.cursor() as cursor:
        await cursor.execute("SELECT lane, last_at, size, frontier, window_id, writer FROM lane")
        number = windows[containing(windows, NOW)].number
        assert await cursor.fetchall() == [(0, NOW, 0, [], number, UUID(int=0))]
        await cursor.execute("SELECT lane, window_id, opened_size, sealed_at FROM lane_window")
        assert await cursor.fetchall() == [(0, number, 0, None)]
