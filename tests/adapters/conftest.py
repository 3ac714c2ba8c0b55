"""Programs that run for the length of a module; each test uses members and ids of its own."""

from collections.abc import Iterator

import pytest

from tests.adapters.far_side import FarSide


@pytest.fixture(scope="module")
def far(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    """An ordinary program with short times."""
    with FarSide(tmp_path_factory.mktemp("far")) as side:
        yield side
