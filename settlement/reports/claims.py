"""What a file says before anything of it is believed: its rows taken apart, the same for every format."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from clearing.rules import merkle


@dataclass(frozen=True, slots=True)
class Seen:
    """A line as it stands in the file: the leaf hash that it makes, and its values, of whatever type; none where it is no line."""

    leaf: bytes
    values: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Claim:
    """A file taken apart. A format has the bytes of its `header` and of all its `data`, or, where values count, the rows of its `frame`.

    `displaced` says which cell of a workbook does not stand where its reading takes it to stand, the first of them; none is empty.
    """

    form: str
    lines: tuple[Seen, ...]
    hashes: tuple[tuple[int, str], ...]
    token: str
    header: bytes | None = None
    data: bytes = b""
    frame: tuple[tuple[str, ...], ...] = ()
    displaced: str = ""


def seen(row: bytes, value: object) -> Seen:
    """A line of these bytes and this value."""
    return Seen(merkle.leaf_hash(row), value if isinstance(value, dict) else {})
