"""A house for the tests of settlement: three partners, and whatever a test does with them."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import FixedClock
from tests.ledger.books import House, moved_in
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
