"""A house for the tests of settlement: three partners, and whatever a test does with them."""

from collections.abc import AsyncIterator

import pytest

from clearing import database
from tests.conftest import FixedClock
from tests.ledger.books import House, moved_in
from tests.settlement.break_room import Room
from tests.settlement.lively import ALL_KINDS, Lively


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as known:
        yield known


@pytest.fixture
async def furnished_url(database_url: str, clock: FixedClock) -> str:
    """A database whose partners are there; every test opens a lane of its own."""
    async with moved_in(database_url, clock):
        return database_url


@pytest.fixture
async def lively(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    """Books in which everything happened that can happen; they hold."""
    async with moved_in(database_url, clock) as house:
        books = Lively(house)
        await books.begin()
        await books.live(ALL_KINDS)
        assert await house.findings() == []
        yield house


@pytest.fixture
async def room(database_url: str, clock: FixedClock) -> AsyncIterator[Room]:
    async with moved_in(database_url, clock) as house, await database.connect(database_url) as app:
        await app.set_autocommit(True)
        yield Room(house, app, database_url)
