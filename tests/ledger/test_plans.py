"""What a lane write reads, it reads by what it looks for: no plan walks a lane that grew since its statistics were made."""

import re
from collections.abc import AsyncIterator, Iterator
from typing import Any

import psycopg
import pytest

from clearing import database
from tests.conftest import FixedClock
from tests.databases import Databases
from tests.ledger.books import House, moved_in

READS = (
    "read_known",
    "read_quotes",
    "read_references",
    "read_reversing",
    "read_sent",
    "read_issued",
    "read_devices",
    "read_exchanges",
)
GROW = """
    INSERT INTO exchange SELECT another.*
    FROM (SELECT exchange AS row FROM exchange LIMIT 1) AS one, generate_series(%s::int, %s) AS number, md5(number::text) AS made,
    jsonb_populate_record(one.row, jsonb_build_object('exchange_id', made, 'quote_id', made, 'idempotency_key', made,
        'request_id', made, 'source_account', made, 'target_account', made)) AS another
"""
"""The same exchange, by so many other members: on a lane much shorter than this, reading all of it may well be the shortest way."""


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """A database in which nothing was ever counted."""
    with databases.one(new=True) as url:
        yield url


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened


@pytest.mark.parametrize("analysed_at", [0, 100], ids=["never analysed", "analysed while it was small"])
async def test_every_read_of_a_lane_write_is_led_by_what_it_looks_for(
    house: House, database_url: str, analysed_at: int
) -> None:
    await house.owner.execute("ALTER TABLE exchange SET (autovacuum_enabled = off)")
    await house.put(house.reserve())
    if analysed_at:
        await house.owner.execute(GROW, [1, analysed_at])
        await house.owner.execute("ANALYZE exchange")
    await house.owner.execute(GROW, [analysed_at + 1, 20_000])
    async with await database.connect(database_url) as connection:
        await connection.execute(database.statement("lane_session"))
        walks = {name: line for name in READS for line in await _conditions(connection, name) if _walks(line)}
    assert walks == {}


async def _conditions(connection: psycopg.AsyncConnection[Any], name: str) -> list[str]:
    """The conditions of the indexes by which this statement reads, whatever its arguments."""
    places: dict[str, int] = {}

    def place(found: re.Match[str]) -> str:
        return f"${places.setdefault(found[1], len(places) + 1)}"

    query = re.sub(r"%\((\w+)\)b", place, database.statement(name))
    plan = await psycopg.AsyncClientCursor(connection).execute(f"EXPLAIN (GENERIC_PLAN) {query}".encode())
    lines = [row[0] for row in await plan.fetchall()]
    found = [line for line in lines if "Index Cond" in line]
    assert found, f"{name} reads by no index: {lines}"
    return found


def _walks(condition: str) -> bool:
    """Whether it names nothing but the lane, or what every accrual has in common."""
    named = set(re.findall(r"\((\w+) (?:=|IS NULL)", condition))
    return named <= {"lane"} or "IS NULL" in condition
