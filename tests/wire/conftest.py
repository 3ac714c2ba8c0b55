"""One house for the tests of its front; each test uses quotes and exchanges of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clearing import database
from clearing.front import logs
from tests import canary
from tests.conftest import TEMPLATE, other_database
from tests.wire import risk_room
from tests.wire.front_room import Front, opened


@pytest.fixture(scope="session")
def front(postgres_url: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A house on a socket, with two real sandbox programs. When all is done, the canary is looked for in logs and answers."""
    with _house(postgres_url, f"clearing_front_{worker_id}", tmp_path_factory.mktemp("front")) as room:
        yield room


@pytest.fixture(scope="session")
def risky(postgres_url: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A house of its own for rules that hold: two operators. When all is done, tokens of devices are looked for as well."""
    with _house(postgres_url, f"clearing_risky_{worker_id}", tmp_path_factory.mktemp("risky")) as room:
        risk_room.second_operator(room)
        risk_room.generous(room)
        yield room
        logs.flush()
        assert risk_room.device_shown(room) == []


@contextmanager
def _house(postgres_url: str, name: str, folder: Path) -> Iterator[Front]:
    database.create_database(postgres_url, name, TEMPLATE)
    try:
        with opened(other_database(postgres_url, name), folder) as room:
            yield room
        logs.flush()
        assert not canary.shown(room.log.getvalue())
        assert not [answer for answer in room.told if canary.shown(answer)]
        assert canary.in_tables(room.url) == []
    finally:
        database.drop_database(postgres_url, name)
