"""Days that come again: the part of RFC 5545 recurrence rules that needs no first date to be counted from.

A rule is a filter: it says of every single day whether it is meant. So FREQ (DAILY, WEEKLY, MONTHLY), BYMONTH, BYMONTHDAY and BYDAY are
read, each once; INTERVAL, COUNT, UNTIL and BYSETPOS, which count from somewhere, are not.
"""

import re
from calendar import monthrange
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
LAST = -1
PARTS = ("FREQ", "BYMONTH", "BYMONTHDAY", "BYDAY")
PATTERN = r"^FREQ=(?:DAILY|WEEKLY|MONTHLY)(?:;BY(?:MONTH|MONTHDAY|DAY)=[A-Z0-9+,-]{1,80}){0,3}(?![\s\S])"

_DAY = re.compile(r"([+-]?[1-5])?(MO|TU|WE|TH|FR|SA|SU)")
_NUMBER = re.compile(r"[+-]?[1-9][0-9]?")
_LEAP_CYCLE = range(2024, 2032)


@dataclass(frozen=True, slots=True)
class Rehearsal:
    """No days but seconds: so many windows, one after another, from this instant (UTC) on. For sandboxes alone."""

    begins_at: datetime
    seconds: int
    windows: int


@dataclass(frozen=True, slots=True)
class Dates:
    """Days that a list names, and no others."""

    days: frozenset[date]

    def means(self, day: date) -> bool:
        """Whether this day is one of them."""
        return day in self.days

    def between(self, first: date, end: date) -> Iterator[date]:
        """The days meant from `first` up to, and without, `end`."""
        return iter(sorted(day for day in self.days if first <= day < end))


@dataclass(frozen=True, slots=True)
class Recurrence:
    """Which days are meant; what is empty leaves every day in. Days of the month count from 1, or from its end with -1.

    A weekday stands with its place in the month: 0 every one, 2 the second, -1 the last.
    """

    months: frozenset[int] = frozenset()
    days: frozenset[int] = frozenset()
    weekdays: frozenset[tuple[int, int]] = frozenset()

    def means(self, day: date) -> bool:
        """Whether this day is one of them."""
        length = monthrange(day.year, day.month)[1]
        from_end = day.day - length - 1
        places = {0, (day.day + 6) // 7, -((-from_end + 6) // 7)}
        return (
            (not self.months or day.month in self.months)
            and (not self.days or not self.days.isdisjoint({day.day, from_end}))
            and (not self.weekdays or any((place, day.weekday()) in self.weekdays for place in places))
        )

    def between(self, first: date, end: date) -> Iterator[date]:
        """The days meant from `first` up to, and without, `end`."""
        days = (first + timedelta(days=count) for count in range((end - first).days))
        return (day for day in days if self.means(day))

    @property
    def ever(self) -> bool:
        """Whether any day is meant at all."""
        return any(True for year in _LEAP_CYCLE for _ in self.between(date(year, 1, 1), date(year + 1, 1, 1)))


def read_rule(text: str) -> Recurrence | str:
    """The days that this rule means, or why it cannot be read."""
    pairs = [part.partition("=")[::2] for part in text.split(";")]
    said = dict(pairs)
    if len(said) != len(pairs) or not said.keys() <= set(PARTS):
        return f"says {', '.join(PARTS)}, each at most once"
    frequency = said.get("FREQ")
    weekdays = [_DAY.fullmatch(word) for word in said.get("BYDAY", "").split(",") if word]
    months = _numbers(said.get("BYMONTH", ""), range(1, 13))
    days = _numbers(said.get("BYMONTHDAY", ""), range(-31, 32))
    if None in weekdays or months is None or days is None:
        return "names a month, a day or a weekday that is none"
    found = [(int(match[1] or 0), WEEKDAYS.index(match[2])) for match in weekdays if match]
    if fault := _unread(frequency, found, days):
        return fault
    rule = Recurrence(months, days, frozenset(found))
    return rule if rule.ever else "means no day at all"


def _unread(frequency: str | None, weekdays: list[tuple[int, int]], days: frozenset[int]) -> str | None:
    """What RFC 5545 forbids, or would count from a first date that this document does not have."""
    if frequency not in {"DAILY", "WEEKLY", "MONTHLY"}:
        return "FREQ is DAILY, WEEKLY or MONTHLY"
    if frequency == "WEEKLY" and (days or not weekdays):
        return "a WEEKLY rule needs BYDAY, and has no BYMONTHDAY"
    if frequency == "MONTHLY" and not (days or weekdays):
        return "a MONTHLY rule needs BYMONTHDAY or BYDAY"
    if frequency != "MONTHLY" and any(place for place, _ in weekdays):
        return "only a MONTHLY rule counts weekdays, as in -1FR"
    return None


def _numbers(text: str, among: range) -> frozenset[int] | None:
    """The numbers of a list; None where one of them is none of those there are."""
    words = [word for word in text.split(",") if word]
    if not all(_NUMBER.fullmatch(word) and int(word) in among for word in words):
        return None
    return frozenset(int(word) for word in words)
