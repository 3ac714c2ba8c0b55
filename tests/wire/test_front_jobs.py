"""Scheduled jobs: real processes on a real PostgreSQL close, act and remind though nobody asks, in a schema that touches no books."""

import asyncio
import signal
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clearing import database, errors, partners
from clearing.front import jobs
from clearing.front.house import LANE
from tests.ledger.books import uid
from tests.wire.test_front_metrics import worker

PATIENCE_SECONDS = 30
BREAK = """
    INSERT INTO break_item (
        break_id, partner, window_id, run, class, our_id, amount, dated_at, known, owner, opened_at, due_at, state,
        provisional
    ) VALUES (%s, 'kiosk', 202601, 1, 'MISSING_THEIRS', %s, -5, '2026-01-01Z', TRUE, %s, %s, %s, %s, %s)
"""


def asked(url: str, query: str, *values: object) -> list[Any]:
    with psycopg.connect(url) as connection:
        cursor = connection.execute(query.encode(), values)
        return cursor.fetchall() if cursor.description else []


def becomes(look: Callable[[], object], wanted: object) -> None:
    """Wait for what a process does by itself."""
    until = time.monotonic() + PATIENCE_SECONDS
    while (found := look()) != wanted:
        assert time.monotonic() < until, f"{found} and not {wanted}"
        time.sleep(0.1)


@pytest.fixture
def slept_through(database_url: str) -> str:
    """A house that was last awake nine days ago, with a break that no owner has had yet and a dispute that nobody answered."""
    now = datetime.now(UTC)
    then = now - timedelta(days=9)

    async def begin() -> None:
        async with await database.connect(database_url, application=False) as connection:
            await partners.fill_calendar(connection, then)
            await partners.open_lane(connection, LANE, then)

    asyncio.run(begin())
    jobs.make_schema(database_url)
    opened = now - timedelta(days=4)
    asked(database_url, BREAK, uid("open"), uid(1), "automatic", opened, now - timedelta(days=1), "open", 0)
    asked(database_url, BREAK, uid("filed"), uid(2), "owner", then, now - timedelta(days=1), "filed", -5)
    asked(database_url, BREAK, uid("young"), uid(3), "owner", now, now + timedelta(days=7), "filed", -5)
    return database_url


def test_windows_close_and_clocks_act_though_nobody_asks(slept_through: str, tmp_path: Path) -> None:
    url = slept_through
    with worker(url, tmp_path / "a") as (first, _), worker(url, tmp_path / "a", "serve", "--port", "0") as (second, _):
        becomes(lambda: asked(url, "SELECT count(*) > 0 FROM lane_window WHERE sealed_at IS NOT NULL"), [(True,)])
        states = "SELECT owner, state, resolution FROM break_item ORDER BY our_id"
        now = {("owner", "open", None), ("owner", "resolved", "uphold"), ("owner", "filed", None)}
        becomes(lambda: set(asked(url, states)), now)
        becomes(lambda: asked(url, "SELECT count(*) FROM jobs.procrastinate_jobs"), [(0,)])  # done is forgotten
        assert asked(url, "SELECT note, key_id FROM break_step") == [("the clock ran out", None)]
        for process in (first, second):
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
    assert asked(url, "SELECT count(*) FROM jobs.procrastinate_workers") == [(0,)]


def test_a_job_whose_process_died_is_forgotten_and_its_next_tick_does_it(slept_through: str, tmp_path: Path) -> None:
    dead = "INSERT INTO jobs.procrastinate_jobs (queue_name, task_name, queueing_lock, status) VALUES (%s, %s, %s, 'doing')"
    with psycopg.connect(slept_through) as connection:
        connection.execute("SET search_path TO jobs")
        connection.execute(dead.encode(), ("default", "act_clocks", "act_clocks"))
    with worker(slept_through, tmp_path):
        becomes(lambda: asked(slept_through, "SELECT count(*) FROM break_item WHERE state = 'resolved'"), [(1,)])
        becomes(lambda: asked(slept_through, "SELECT count(*) FROM jobs.procrastinate_jobs"), [(0,)])


def test_a_window_with_value_in_it_and_in_no_run_is_told_of(slept_through: str, tmp_path: Path) -> None:
    with worker(slept_through, tmp_path):
        becomes(
            lambda: asked(slept_through, "SELECT count(*) > 0 FROM lane_window WHERE sealed_at IS NOT NULL"), [(True,)]
        )
    ((window,),) = asked(slept_through, "SELECT min(window_id) FROM lane_window WHERE sealed_at IS NOT NULL")
    asked(slept_through, "INSERT INTO position_slice VALUES (0, %s, 24, 5, 0)", window)
    ((code,),) = asked(slept_through, "SELECT code FROM calendar WHERE window_id = %s", window)
    with worker(slept_through, tmp_path) as (process, _):
        assert process.stderr is not None
        said = next(line for line in process.stderr if b"a run could be drafted" in line)
        assert f'"window":"{code}"'.encode() in said


@pytest.mark.parametrize("seconds", [0, 0.05, 0.2, 0.5])
def test_a_process_that_is_told_to_stop_while_its_jobs_begin_stops(
    slept_through: str, tmp_path: Path, seconds: float
) -> None:
    with worker(slept_through, tmp_path) as (process, _):
        time.sleep(seconds)  # the moment differs, the end does not
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_without_the_schema_no_process_begins(database_url: str) -> None:
    assert not jobs.made(database_url)

    async def begin() -> None:
        async with jobs.scheduled(None, database_url):  # type: ignore[arg-type]  # it does not come to look at the house
            pass

    with pytest.raises(errors.Misconfigured, match="clearing migrate"):
        asyncio.run(begin())


def test_the_schema_is_made_once_and_anew_for_another_version(database_url: str) -> None:
    jobs.make_schema(database_url)
    insert = "INSERT INTO jobs.procrastinate_workers DEFAULT VALUES"
    count = "SELECT count(*) FROM jobs.procrastinate_workers"
    asked(database_url, insert)
    jobs.make_schema(database_url)
    assert asked(database_url, count) == [(1,)]
    asked(database_url, "COMMENT ON SCHEMA jobs IS '0.1'")
    assert not jobs.made(database_url)
    jobs.make_schema(database_url)
    assert (jobs.made(database_url), asked(database_url, count)) == (True, [(0,)])


def test_the_application_uses_the_schema_and_makes_nothing_in_it(database_url: str) -> None:
    jobs.make_schema(database_url)
    for may, query in (
        ("usage", "SELECT has_schema_privilege('clearing_app', 'jobs', 'USAGE')"),
        ("nothing made", "SELECT NOT has_schema_privilege('clearing_app', 'jobs', 'CREATE')"),
        (
            "nothing owned",
            "SELECT count(*) = 0 FROM pg_class c JOIN pg_roles r ON r.oid = c.relowner WHERE rolname = 'clearing_app'",
        ),
        ("not emptied", "SELECT NOT has_table_privilege('clearing_app', 'jobs.procrastinate_jobs', 'TRUNCATE')"),
    ):
        assert asked(database_url, query) == [(True,)], may
