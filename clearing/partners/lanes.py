"""The calendar as it counts, how it is made longer, and how a lane begins."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import datetime
from uuid import UUID

from clearing.partners.rows import Connection, Row, row, rows, run
from clearing.rules.windows import WEEK, Window, containing, monday_of, resumed, weekly

NOBODY = UUID(int=0)
"""The writer of a lane that no process has taken yet."""

WEEKS = 2 + 3 * 52  # the week before this one, this one, and three years


async def fill_calendar(connection: Connection, now: datetime) -> None:
    """Have weekly windows for three years wherever nothing else is published. What was published before stays as it is."""
    async with all_lanes(connection):
        end = await last(connection)
        if end["version"] == 0:
            windows = weekly(monday_of(now) - WEEK, WEEKS)
        else:
            present = await calendar(connection)
            windows = numbered(list(resumed(present[-1].closes_at, horizon(now))), end["number"])
        await write_windows(connection, end["version"], windows)


def horizon(now: datetime) -> datetime:
    """Until when there are windows at least."""
    return monday_of(now) + (WEEKS - 1) * WEEK


def numbered(windows: Sequence[Window], after: int) -> list[Window]:
    """These windows with the numbers that follow: numbers grow with time, and none is ever given twice."""
    return [replace(window, number=number) for number, window in enumerate(windows, after + 1)]


async def last(connection: Connection) -> Row:
    """The `version` of the calendar that was published last (0: none was), and the last `number` of a window."""
    (found,) = await rows(connection, "calendar_last")
    return found


async def write_windows(connection: Connection, version: int, windows: Sequence[Window]) -> None:
    """Add windows to this version of the calendar."""
    await run(
        connection,
        "calendar_fill",
        version=version,
        window_id=[window.number for window in windows],
        code=[window.code for window in windows],
        opens_at=[window.opens_at for window in windows],
        closes_at=[window.closes_at for window in windows],
        scheme_version=[window.scheme_version for window in windows],
        advice_date=[window.advice_date for window in windows],
        value_date=[window.value_date for window in windows],
    )


@asynccontextmanager
async def all_lanes(connection: Connection) -> AsyncIterator[dict[int, datetime]]:
    """A transaction under the lock of every lane: no batch is written meanwhile. The lanes, with the time of the last batch of each.

    Lanes are locked in the order of their numbers, so that two who do it never wait for each other.
    """
    async with connection.transaction():
        locked: dict[int, datetime] = {}
        for found in await rows(connection, "calendar_lanes"):
            held = await row(connection, "lane_lock", lane=found["lane"])
            if held is not None:
                locked[found["lane"]] = held["last_at"]
        yield locked


async def calendar(connection: Connection) -> list[Window]:
    """The windows that count, in order."""
    return [Window(**found) for found in await rows(connection, "calendar_list")]


async def due(connection: Connection, lane: int, now: datetime) -> str | None:
    """The code of the window that this lane has open although its cut-off has passed."""
    found = await row(connection, "calendar_due", lane=lane, now=now)
    return None if found is None else str(found["code"])


async def open_lane(connection: Connection, lane: int, now: datetime) -> None:
    """Begin a lane in the window that contains `now`; one that was begun is left as it is. Raises CalendarEndedError.

    The lane row decides who is first, and only its maker opens a window: a second process that starts across a cut-off adds nothing.
    """
    windows = await calendar(connection)
    number = windows[containing(windows, now)].number
    async with connection.transaction():
        if await row(connection, "calendar_open_lane", lane=lane, last_at=now, window_id=number, writer=NOBODY):
            await run(connection, "calendar_open_window", lane=lane, window_id=number)
