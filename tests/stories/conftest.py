"""What the stories stand on: programs that run for the length of a session, and worlds made as they are needed."""

from collections.abc import Callable, Iterator
from itertools import count
from pathlib import Path

import pytest

from clearing import database
from tests.conftest import TEMPLATE, other_database
from tests.stories import far_sides
from tests.stories.far_sides import FarSides, World

_numbers = count(1)


@pytest.fixture(scope="session")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSides]:
    """The four programs."""
    with far_sides.running(tmp_path_factory.mktemp("far")) as sides:
        yield sides


@pytest.fixture
def new_world(postgres_url: str, worker_id: str, far: FarSides, tmp_path: Path) -> Iterator[Callable[[], World]]:
    """Worlds of one's own, gone after the test."""
    made: list[str] = []

    def make() -> World:
        name = f"world_{worker_id}_{next(_numbers)}"
        made.append(name)
        database.create_database(postgres_url, name, TEMPLATE)
        return far_sides.furnish(other_database(postgres_url, name), tmp_path / name, far)

    yield make
    for name in made:
        database.drop_database(postgres_url, name)
