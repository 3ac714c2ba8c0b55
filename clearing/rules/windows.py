"""Which settlement window an instant is in: a calendar of cut-offs published ahead decides, and nothing else."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Window:
    """One row of the calendar. It contains the instants from `opens_at` up to, and without, `closes_at`."""

    number: int
    code: str
    opens_at: datetime
    closes_at: datetime


class CalendarEndedError(Exception):
    """No window contains this instant: the calendar was not published far enough ahead."""


def weekly(first_monday: datetime, weeks: int) -> list[Window]:
    """A simple calendar: a window for each ISO week, from Monday 00:00 UTC to the next."""
    windows = []
    for index in range(weeks):
        opens_at = first_monday + index * WEEK
        year, week, _ = opens_at.isocalendar()
        windows.append(Window(year * 100 + week, f"W-{year}-{week:02}", opens_at, opens_at + WEEK))
    return windows


def monday_of(at: datetime) -> datetime:
    """Monday 00:00 UTC of the ISO week that contains `at`."""
    day = at.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    return day - timedelta(days=day.weekday())


def containing(calendar: Sequence[Window], at: datetime) -> int:
    """The place in `calendar`, sorted by time, of the window that contains `at`. Raises CalendarEndedError."""
    place = bisect_right(calendar, at, key=lambda window: window.opens_at) - 1
    if place < 0 or at >= calendar[place].closes_at:
        message = f"no window contains {at.isoformat()}"
        raise CalendarEndedError(message)
    return place
