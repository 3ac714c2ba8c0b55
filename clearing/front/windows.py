"""The windows that this process knows, to say which of them an exchange was carried to."""

from bisect import bisect_right
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection
from psycopg_pool import AsyncConnectionPool

from clearing import partners
from clearing.rules.windows import Window


class Windows:
    """The calendar as it was read last. It is read again for a number that is not in it.

    That is enough: a number is given once, and a window that something is posted in was never replaced, nor was any before it. So a
    calendar that has the number is right about everything up to it, whatever was published since.
    """

    def __init__(self, pool: AsyncConnectionPool[AsyncConnection[Any]], calendar: Sequence[Window]) -> None:
        self._pool = pool
        self._calendar = list(calendar)
        self._places = _places(calendar)

    async def carried(self, reserved_at: datetime, number: int | None) -> tuple[Window, Window] | None:
        """The window that an exchange was accepted in, and the later one in which it was posted; None where they are one, or none yet."""
        if number is None:
            return None
        if number not in self._places:
            async with self._pool.connection() as connection:
                self._calendar = await partners.calendar(connection)
            self._places = _places(self._calendar)
        posted = self._calendar[self._places[number]]
        if reserved_at >= posted.opens_at:
            return None
        place = bisect_right(self._calendar, reserved_at, key=lambda window: window.opens_at) - 1
        return self._calendar[max(place, 0)], posted


def _places(calendar: Sequence[Window]) -> dict[int, int]:
    return {window.number: place for place, window in enumerate(calendar)}
