"""What depends on clocks, keys and the passing of time: who may write, whose answer counts, what is planned again or forgotten."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from clearing import database, errors
from clearing.ledger import Writer
from clearing.ledger.items import Tick
from clearing.ledger.outcomes import Moved
from clearing.rules.lifecycle import State
from tests.conftest import FixedClock
from tests.ledger.books import D, House, X, contents, moved_in, salts


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []


@pytest.mark.parametrize("ahead", [-3, 3])
async def test_a_clock_that_is_wrong_writes_nothing(house: House, ahead: int) -> None:
    before = await contents(house)
    async with _writer_ahead(house, ahead) as writer:
        with pytest.raises(errors.ClockUnsound):
            await writer.put(Tick())
    assert await contents(house) == before


@pytest.mark.parametrize("ahead", [-1, 0, 1])
async def test_a_clock_that_is_nearly_right_writes(house: House, ahead: int) -> None:
    async with _writer_ahead(house, ahead) as writer:
        await writer.put(Tick())
    assert await house.rows("SELECT last_at > %s FROM lane", house.clock()) == [(True,)]


@asynccontextmanager
async def _writer_ahead(house: House, seconds: int) -> AsyncIterator[Writer]:
    """A writer whose clock is so far ahead of the database's."""
    ((told,),) = await house.rows("SELECT clock_timestamp()")
    clock = FixedClock(told + timedelta(seconds=seconds))
    writer = Writer(
        lambda: database.connect(house.url),
        house.lane,
        clock=clock,
        salts=salts(),
        calendar=house.calendar,
        writer_id=UUID(int=97),
        clock_difference_max=timedelta(seconds=2),
    )
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


async def test_an_answer_by_a_key_that_is_not_live_is_no_answer(house: House) -> None:
    await house.put(house.reserve())
    moved = await house.put(house.answered(1, D, key_id="revoked-a-moment-ago"))
    assert isinstance(moved, Moved)
    assert moved.state is State.UNKNOWN
    assert await house.rows("SELECT state, reason FROM orders") == [("unknown", "answer_key_revoked")]
    await house.put(house.answered(1, X))


async def test_plans_are_made_again_whenever_the_log_has_doubled(house: House) -> None:
    with database.recording() as ran:
        for name in range(17):
            await house.put(house.reserve(name))
    doublings = len({(await _size(house) - after).bit_length() for after in range(17)}) - 1
    assert doublings <= ran.count("DISCARD PLANS") <= doublings + 1
    for name in range(17):
        await house.put(house.answered(1, X, name))


async def _size(house: House) -> int:
    ((size,),) = await house.rows("SELECT size FROM lane")
    return int(size)


async def test_only_nonces_that_nothing_can_bring_back_are_forgotten(house: House) -> None:
    await house.put(house.reserve())
    ((expires_at,),) = await house.rows("SELECT expires_at FROM nonce")
    async with await database.connect(house.url) as connection:
        for now, left in ((expires_at, 1), (expires_at + timedelta(microseconds=1), 0)):
            await connection.execute(database.statement("purge_nonces"), {"lane": house.lane, "now": now})
            await connection.commit()
            assert await house.rows("SELECT count(*) FROM nonce") == [(left,)]
    await house.put(house.answered(1, X))
