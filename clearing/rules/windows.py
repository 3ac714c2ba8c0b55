"""Which settlement window an instant is in: a calendar of cut-offs published ahead decides, and nothing else."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta

WEEK = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Window:
    """One row of the calendar. It contains the instants from `opens_at` up to, and without, `closes_at`."""

    number: int
    code: str
    opens_at: datetime
    closes_at: datetime
    scheme_version: int | None = None
    """The version of the calendar whose document has the scheme; None for a weekly window, which has no dates."""
    advice_date: date | None = None
    value_date: date | None = None


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


def resumed(begins: datetime, until: datetime) -> Iterator[Window]:
    """Weekly windows, without numbers, from this instant on until they reach `until`: the first ends with the ISO week it begins in."""
    while begins < until:
        year, week, _ = begins.isocalendar()
        ends = monday_of(begins) + WEEK
        yield Window(0, f"W-{year}-{week:02}", begins, ends)
        begins = ends


def succeeded(
    present: Sequence[Window], coming: Sequence[Window], at: datetime, version: int, *, cutting: bool = False
) -> list[Window] | None:
    """What takes the place of the `present` calendar, from where its windows that stay end.

    1. Windows stay that have begun at `at`, or begin before the first of those that come; 2. the first that comes begins where the last of
    them ends; 3. windows after the last that comes stay in their turn, and begin where it ends. 4. A window gets the version behind its
    name where one before it has that name. With `cutting` (a rehearsal) the window that is open when the first that comes begins, or at
    `at` if that is past, ends there. None: nothing is left to come. Raises CalendarEndedError.
    """
    running = present[containing(present, at)]
    begins = max(at + _TICK, coming[0].opens_at) if cutting else max(running.closes_at, coming[0].opens_at)
    last = present[containing(present, begins - _TICK)]  # 1
    if cutting:
        last = replace(last, closes_at=begins)
    left = [window for window in coming if window.closes_at > last.closes_at]
    if not left:
        return None
    end = left[-1].closes_at
    after = [window for window in present if window.closes_at > end]
    taking = [*_begun(left, last.closes_at), *_begun(after, end)]  # 2, 3
    named = {window.code for window in present if window.opens_at <= last.opens_at}
    return list(_named(taking, named, version))  # 4


_TICK = timedelta(microseconds=1)


def _named(windows: Sequence[Window], named: set[str], version: int) -> Iterator[Window]:
    """These windows, each with a name that none before it has."""
    for window in windows:
        code = window.code
        while code in named:
            code = f"{code}-v{version}"
        named = named | {code}
        yield replace(window, code=code)


def _begun(windows: Sequence[Window], begins: datetime) -> list[Window]:
    """These windows, the first of them begun at this instant."""
    return [replace(windows[0], opens_at=begins), *windows[1:]] if windows else []
