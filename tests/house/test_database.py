"""Connections have the house's settings, statements have names, and what ran can be told."""

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from clearing import database, errors
from tests.databases import other_database


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


def test_a_database_that_does_not_keep_unicode_is_refused_before_anything_is_made(postgres_url: str) -> None:
    url = other_database(postgres_url, "bytes_only")
    with psycopg.connect(postgres_url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE bytes_only ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0")
    try:
        with pytest.raises(errors.Misconfigured, match="encoded as SQL_ASCII; make one WITH ENCODING 'UTF8'"):
            database.migrate(url)
        with psycopg.connect(url) as connection:
            made = connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone()
        assert made == (0,)
    finally:
        database.drop_database(postgres_url, "bytes_only")


def test_a_server_that_is_too_old_is_refused(postgres_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    assert database.fitness(postgres_url).startswith("PostgreSQL 18.")
    monkeypatch.setattr(database, "SERVER_VERSION_MIN", 99)
    with pytest.raises(errors.Misconfigured, match="older than 99"):
        database.fitness(postgres_url)
