"""What tests stand on: a real PostgreSQL, a database of one's own, and a clock that moves when told."""

import fcntl
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest

from clearing import database
from clearing.embedded import Embedded
from tests import canary
from tests.databases import TEMPLATE, Databases, other_database


@dataclass
class FixedClock:
    """A clock that says what it is told: call it for the time, `advance` it by seconds."""

    at: datetime = field(default=datetime(2026, 3, 4, 12, 0, tzinfo=UTC))  # a Wednesday, far from any cut-off

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: int) -> None:
        """Let `seconds` pass."""
        self.at += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> FixedClock:
    """A clock that stands still at noon of Wednesday, 4 March 2026 (UTC)."""
    return FixedClock()


@pytest.fixture(scope="session")
def postgres_url(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Iterator[str]:
    """An embedded PostgreSQL, shared by all workers of this run, with a migrated template database."""
    base = tmp_path_factory.getbasetemp()
    shared = base if worker_id == "master" else base.parent
    with Embedded(shared / "pg", durable=False) as server:
        _have_template(server.url, shared / "template.lock")
        yield server.url


def _have_template(url: str, lock: Path) -> None:
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with psycopg.connect(url, autocommit=True) as connection:
            if connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", (TEMPLATE,)).fetchone():
                return
        database.create_database(url, TEMPLATE, "template0")
        database.migrate(other_database(url, TEMPLATE))


@pytest.fixture(scope="session")
def databases(postgres_url: str, worker_id: str) -> Databases:
    """Empty migrated databases, for as long as they are needed."""
    return Databases(postgres_url, worker_id)


@pytest.fixture
def database_url(databases: Databases) -> Iterator[str]:
    """An empty migrated database for one test."""
    with databases.one() as url:
        yield url


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item, call: pytest.CallInfo[None]
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A membership number in anything that was printed or logged meanwhile fails the test, whatever it was about."""
    report = yield
    if report.passed and canary.shown(report.capstdout + report.capstderr + report.caplog):
        report.outcome = "failed"
        report.longrepr = f"a membership number was printed or logged while {item.nodeid} ran ({call.when})"
    return report
