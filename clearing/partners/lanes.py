"""The published calendar, and how a lane begins."""

from datetime import datetime
from uuid import UUID

from clearing.partners.rows import Connection, row, rows, run
from clearing.rules.windows import WEEK, Window, containing, monday_of, weekly

NOBODY = UUID(int=0)
"""The writer of a lane that no process has taken yet."""

WEEKS = 2 + 3 * 52  # the week before this one, this one, and three years


async def fill_calendar(connection: Connection, now: datetime) -> None:
    """Publish weekly windows from the Monday before last for three years. What was published before stays as it is."""
    windows = weekly(monday_of(now) - WEEK, WEEKS)
    await run(
        connection,
        "calendar_fill",
        window_id=[window.number for window in windows],
        code=[window.code for window in windows],
        opens_at=[window.opens_at for window in windows],
        closes_at=[window.closes_at for window in windows],
    )


async def calendar(connection: Connection) -> list[Window]:
    """The published windows in order."""
    return [Window(**found) for found in await rows(connection, "calendar_list")]


async def open_lane(connection: Connection, lane: int, now: datetime) -> None:
    """Begin a lane in the window that contains `now`; one that was begun is left as it is. Raises CalendarEndedError.

    The lane row decides who is first, and only its maker opens a window: a second process that starts across a cut-off adds nothing.
    """
    windows = await calendar(connection)
    number = windows[containing(windows, now)].number
    async with connection.transaction():
        if await row(connection, "calendar_open_lane", lane=lane, last_at=now, window_id=number, writer=NOBODY):
            await run(connection, "calendar_open_window", lane=lane, window_id=number)
