"""What the stories stand on: programs that run for the length of a session, and worlds made as they are needed."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from itertools import count
from pathlib import Path

import pytest

from tests.databases import Databases
from tests.stories import far_sides
from tests.stories.far_sides import FarSides, World


@pytest.fixture(scope="session")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSides]:
    """The four programs."""
    with far_sides.running(tmp_path_factory.mktemp("far")) as sides:
        yield sides


@pytest.fixture
def new_world(databases: Databases, far: FarSides, tmp_path: Path) -> Iterator[Callable[[], World]]:
    """Worlds of one's own, gone after the test."""
    with ExitStack() as made:
        numbers = count(1)

        def make() -> World:
            url = made.enter_context(databases.one())
            return far_sides.furnish(url, tmp_path / f"world-{next(numbers)}", far)

        yield make
