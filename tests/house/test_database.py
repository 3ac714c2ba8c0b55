"""Connections have the house's settings, statements have names, and what ran can be told."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from clearing import database


def test_an_unknown_statement_is_refused() -> None:
    for name in ("no_such_statement", "../errors", ""):
        with pytest.raises(LookupError):
            database.statement(name)


def test_statements_handed_out_are_remembered() -> None:
    assert "FOR" in database.statement("lane_lock").upper()
    assert "lane_lock" in database.recorded


async def test_the_application_has_only_granted_rights_and_the_houses_settings(database_url: str) -> None:
    asked = """
        SELECT current_user::text, current_setting('synchronous_commit'), current_setting('transaction_isolation'),
            current_setting('lock_timeout'), current_setting('application_name')
    """
    async with await database.connect(database_url) as connection:
        row = await (await connection.execute(asked)).fetchone()
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("DROP TABLE entry")
    assert row == ("clearing_app", "on", "read committed", "20s", "clearing")


async def test_what_ran_is_recorded_and_arrays_travel_in_binary(database_url: str) -> None:
    with database.recording() as ran:
        async with database.pool(database_url) as pool, pool.connection() as connection:
            cursor = await connection.execute("SELECT %(many)b::bigint[]", {"many": [1, 2**62]})
            assert await cursor.fetchone() == ([1, 2**62],)
            assert cursor.description is not None
            assert cursor.format == psycopg.pq.Format.BINARY
    assert ran == ["SELECT %(many)b::bigint[]"]


async def test_a_clock_that_is_behind_is_noticed(database_url: str) -> None:
    async with await database.connect(database_url) as connection:
        behind = await database.clock_difference(connection, lambda: datetime.now(UTC) - timedelta(hours=1))
    assert timedelta(minutes=59) < behind < timedelta(minutes=61)
