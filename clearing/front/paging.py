"""Lists in pages: no list is cut off without saying so. `next` is what the next page is `after`, and null on the last one."""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

from clearing import errors

PAGE = 1_000
"""Rows of one page."""

T = TypeVar("T")
Place = tuple[datetime, str]
"""Where a row stands in a list: its instant, and its name among those of one instant."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)
_AFTER = re.compile(r"(0|[1-9][0-9]{0,16})\.([!-~]{1,200})")


def place_of(query: Mapping[str, str], names: Callable[[str], object] = str) -> Place | None:
    """The row that a page begins after; None: from the beginning. `names` reads a name, ValueError where it is none.

    Raises errors.ValidationFailed.
    """
    after = query.get("after")
    if after is None:
        return None
    match = _AFTER.fullmatch(after)
    if match is None:
        raise errors.ValidationFailed("after is what `next` said")
    try:
        return _EPOCH + int(match[1]) * _MICROSECOND, str(names(match[2]))
    except ValueError:
        raise errors.ValidationFailed("after is what `next` said") from None


def paged(found: Sequence[T], place: Callable[[T], Place], most: int) -> tuple[Sequence[T], str | None]:
    """The page of what was asked for with one row too many, and its `next`."""
    if len(found) <= most:
        return found, None
    at, name = place(found[most - 1])
    return found[:most], f"{(at - _EPOCH) // _MICROSECOND}.{name}"
