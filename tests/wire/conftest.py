"""One house for the tests of its front; each test uses quotes and exchanges of its own."""

from collections.abc import Iterator

import pytest

from clearing import database
from clearing.front import logs
from tests import canary
from tests.conftest import TEMPLATE, other_database
from tests.wire.front_room import Front, opened


@pytest.fixture(scope="session")
def front(postgres_url: str, worker_id: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Front]:
    """A house on a socket, with two real sandbox programs. When all is done, the canary is looked for in logs and answers."""
    name = f"clearing_front_{worker_id}"
    database.create_database(postgres_url, name, TEMPLATE)
    try:
        with opened(other_database(postgres_url, name), tmp_path_factory.mktemp("front")) as room:
            yield room
        logs.flush()
        assert not canary.shown(room.log.getvalue())
        assert not [answer for answer in room.told if canary.shown(answer)]
        assert canary.in_tables(room.url) == []
    finally:
        database.drop_database(postgres_url, name)
