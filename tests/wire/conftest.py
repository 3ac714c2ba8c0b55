"""One house for the tests of its front; each test uses quotes and exchanges of its own."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from clearing.front import logs
from tests import canary
from tests.databases import Databases
from tests.wire import risk_room
from tests.wire.front_room import Front, opened


@pytest.fixture(scope="session")
def front(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A house on a socket, with two real sandbox programs. When all is done, the canary is looked for in logs and answers."""
    with _house(databases, tmp_path_factory.mktemp("front")) as room:
        yield room


@pytest.fixture(scope="session")
def risky(databases: Databases, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A house of its own for rules that hold: two operators. When all is done, tokens of devices are looked for as well."""
    with _house(databases, tmp_path_factory.mktemp("risky")) as room:
        risk_room.second_operator(room)
        risk_room.generous(room)
        yield room
        logs.flush()
        assert risk_room.device_shown(room) == []


@contextmanager
def _house(databases: Databases, folder: Path) -> Iterator[Front]:
    with databases.one() as url:
        with opened(url, folder) as room:
            yield room
        logs.flush()
        assert not canary.shown(room.log.getvalue())
        assert not [answer for answer in room.told if canary.shown(answer)]
        assert canary.in_tables(room.url) == []
