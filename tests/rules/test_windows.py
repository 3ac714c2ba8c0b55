"""Laws of the calendar: every instant in one window, a cut-off in the next, and an end that is said."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.windows import WEEK, CalendarEndedError, containing, monday_of, weekly

MONDAY = datetime(2026, 3, 2, tzinfo=UTC)
CALENDAR = weekly(MONDAY, 200)
TICK = timedelta(microseconds=1)


@pytest.mark.parametrize("place", [0, 1, 57, 198])
def test_the_instant_of_a_cut_off_belongs_to_the_next_window(place: int) -> None:
    cut_off = CALENDAR[place].closes_at
    assert containing(CALENDAR, cut_off - TICK) == place
    assert containing(CALENDAR, cut_off) == place + 1


@given(st.datetimes(datetime(2026, 3, 2), datetime(2029, 12, 1), timezones=st.just(UTC)))  # noqa: DTZ001
def test_every_instant_is_in_one_window(at: datetime) -> None:
    window = CALENDAR[containing(CALENDAR, at)]
    assert window.opens_at <= at < window.closes_at
    assert window.opens_at == monday_of(at)
    assert sum(one.opens_at <= at < one.closes_at for one in CALENDAR) == 1


@pytest.mark.parametrize("at", [MONDAY - TICK, MONDAY + 200 * WEEK])
def test_before_and_after_the_calendar_there_is_no_window(at: datetime) -> None:
    with pytest.raises(CalendarEndedError, match=at.isoformat()[:10]):
        containing(CALENDAR, at)


def test_a_calendar_of_nothing_contains_nothing() -> None:
    with pytest.raises(CalendarEndedError):
        containing([], MONDAY)


def test_windows_follow_one_another_and_so_do_their_numbers() -> None:
    for before, after in pairwise(CALENDAR):
        assert before.closes_at == after.opens_at
        assert before.number < after.number


@pytest.mark.parametrize(
    ("monday", "codes"),
    [
        (datetime(2026, 12, 21, tzinfo=UTC), ["W-2026-52", "W-2026-53", "W-2027-01"]),
        (datetime(2024, 12, 23, tzinfo=UTC), ["W-2024-52", "W-2025-01", "W-2025-02"]),
    ],
)
def test_weeks_are_numbered_as_iso_8601_does_over_the_turn_of_the_year(monday: datetime, codes: list[str]) -> None:
    windows = weekly(monday, 3)
    assert [window.code for window in windows] == codes
    assert [window.number for window in windows] == [int(code[2:6]) * 100 + int(code[7:]) for code in codes]
