"""Laws of a scheme's calendar: windows touch, cut-offs are the zone's, dates are business days; and cases checked by hand."""

import json
from copy import deepcopy
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import jsonschema
import pytest
from dateutil.rrule import rrulestr  # type: ignore[import-untyped]
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from clearing import errors
from clearing.rules.shapes import Fault, Law
from settlement import holidays_of
from settlement.rules.calendar import Closed, Cycle, NoSuchTime, Roll, Scheme, instant, windows
from settlement.rules.recurrence import Recurrence, read_rule
from settlement.rules.scheme_json import SCHEMA, read_scheme

DAY = timedelta(days=1)
ZONES = ("Europe/Berlin", "America/New_York", "Asia/Kolkata", "Australia/Lord_Howe", "UTC", "Pacific/Kiritimati")
DOCUMENT: dict[str, Any] = {
    "format": "settlement-scheme/1",
    "code": "aviation-eur",
    "currency": "EUR",
    "zone": "Europe/Berlin",
    "cycle": {"four_a_month": [7, 14, 21, "last"]},
    "cut_off": "18:00",
    "advice_lag": 1,
    "value_lag": 2,
    "roll": "FOLLOWING",
    "calendars": {"currency": ["TARGET"]},
}

REHEARSAL = {"begins_at": "2026-12-31T22:59:56Z", "seconds": 2, "windows": 4}


def scheme(**changes: Any) -> Scheme:
    found = read_scheme(DOCUMENT | changes)
    assert isinstance(found, Scheme), found
    return found


def year_of(one: Scheme, year: int) -> dict[str, Cycle]:
    found = windows(one, year, holidays_of.closed(one.calendars, year))
    assert not isinstance(found, NoSuchTime)
    return {cycle.window: cycle for cycle in found}


def closing(day: date, **changes: Any) -> Cycle:
    """The window that closes on this day, of a scheme with a window for every day."""
    daily = scheme(cycle={"custom": "FREQ=DAILY"}, **changes)
    zone = ZoneInfo(daily.zone)
    found = year_of(daily, day.year).values()
    return next(cycle for cycle in found if cycle.cut_off_utc.astimezone(zone).date() == day)


# --- laws


def weekends(year: int) -> frozenset[date]:
    days = (date(year, 1, 1) + count * DAY for count in range(731))
    return frozenset(day for day in days if day.weekday() > 4)


@st.composite
def cycles(draw: st.DrawFn) -> Recurrence:
    kind = draw(st.sampled_from(["days", "weekdays", "custom"]))
    if kind == "days":
        return Recurrence(days=frozenset(draw(st.sets(st.sampled_from([*range(1, 29), -1]), min_size=1, max_size=4))))
    if kind == "weekdays":
        return Recurrence(weekdays=frozenset((0, one) for one in draw(st.sets(st.integers(0, 6), min_size=1))))
    counted = st.tuples(st.sampled_from([-1, 1, 2, 3, 4]), st.integers(0, 6))
    return Recurrence(months=frozenset(draw(st.sets(st.integers(1, 12)))), weekdays=frozenset({draw(counted)}))


@st.composite
def schemes(draw: st.DrawFn) -> Scheme:
    advice = draw(st.integers(1, 9))
    return Scheme(
        "any",
        "EUR",
        draw(st.sampled_from(ZONES)),
        draw(cycles()),
        time(draw(st.integers(0, 23)), draw(st.integers(0, 59))),
        advice,
        advice + draw(st.integers(0, 9)),
        draw(st.sampled_from(Roll)),
        frozenset({"money"}),
        frozenset(draw(st.sets(st.sampled_from(["here", "there"])))),
        frozenset(),
    )


@st.composite
def kept(draw: st.DrawFn, year: int) -> Closed:
    """Three calendars with weekends and some holidays, runs of them among these."""
    offsets = st.sets(st.integers(0, 730), max_size=60)
    return {
        name: weekends(year) | {date(year, 1, 1) + count * DAY for count in draw(offsets)}
        for name in ("money", "here", "there")
    }


@settings(max_examples=60, deadline=None)
@given(st.data(), schemes(), st.integers(2024, 2032))
def test_windows_touch_and_every_instant_of_the_year_is_in_one(data: st.DataObject, one: Scheme, year: int) -> None:
    closed = data.draw(kept(year))
    made = [windows(one, at, {**closed, **data.draw(kept(at))}) for at in (year, year + 1)]
    found = [cycle for cycles_ in made if not isinstance(cycles_, NoSuchTime) for cycle in cycles_]
    assume(not any(isinstance(cycles_, NoSuchTime) for cycles_ in made) and found)
    assert all(before.cut_off_utc == after.opens_at for before, after in pairwise(found))
    assert all(cycle.opens_at < cycle.cut_off_utc for cycle in found)
    assert len({cycle.window for cycle in found}) == len(found)
    begins, ends = (datetime(at, 1, 1, tzinfo=ZoneInfo(one.zone)).astimezone(UTC) for at in (year, year + 1))
    assert found[0].opens_at <= begins
    instants = [begins, ends - timedelta(microseconds=1)]
    instants += [data.draw(st.datetimes(*(at.replace(tzinfo=None) for at in (begins, ends)))).replace(tzinfo=UTC)]
    instants += [at for cycle in found[:3] for at in (cycle.cut_off_utc, cycle.cut_off_utc - timedelta(microseconds=1))]
    last = found[-1].cut_off_utc
    for at in instants:
        assert sum(cycle.opens_at <= at < cycle.cut_off_utc for cycle in found) == (at < last)


@settings(max_examples=60, deadline=None)
@given(st.data(), schemes(), st.integers(2024, 2032))
def test_dates_are_business_days_as_many_after_the_cut_off_as_the_lag_says(
    data: st.DataObject, one: Scheme, year: int
) -> None:
    closed = data.draw(kept(year))
    found = windows(one, year, closed)
    assume(not isinstance(found, NoSuchTime))
    assert isinstance(found, tuple)
    shut = frozenset[date]().union(*(closed[name] for name in one.calendars))
    for cycle in found:
        day = cycle.cut_off_utc.astimezone(ZoneInfo(one.zone)).date()
        assert {cycle.advice_date, cycle.value_date}.isdisjoint(shut)
        assert day <= cycle.advice_date <= cycle.value_date
        between = (cycle.value_date - cycle.advice_date).days
        open_days = sum(cycle.advice_date + count * DAY not in shut for count in range(1, between + 1))
        assert open_days == one.value_lag - one.advice_lag
        local = cycle.cut_off_utc.astimezone(ZoneInfo(one.zone))
        assert (local.hour, local.minute, local.fold) == (one.cut_off.hour, one.cut_off.minute, 0)


@settings(max_examples=80, deadline=None)
@given(
    st.sampled_from(ZONES),
    st.dates(date(2020, 1, 1), date(2035, 12, 31)),
    st.times().map(lambda at: at.replace(second=0, microsecond=0)),
)
def test_a_cut_off_is_the_first_instant_at_which_the_clocks_show_it(zone: str, day: date, local: time) -> None:
    there = ZoneInfo(zone)
    shown = datetime.combine(day, local)
    minutes = (datetime.combine(day - DAY, time(), UTC) + timedelta(minutes=count) for count in range(3 * 1440))
    expected = next((at for at in minutes if at.astimezone(there).replace(tzinfo=None) == shown), None)
    assert instant(day, local, zone) == (NoSuchTime(day, local, zone) if expected is None else expected)


# --- dates checked by hand


@pytest.mark.parametrize(
    ("day", "advice", "value"),
    [
        (date(2026, 4, 2), date(2026, 4, 7), date(2026, 4, 8)),  # Maundy Thursday; 3 and 6 April are TARGET holidays
        (date(2026, 4, 3), date(2026, 4, 8), date(2026, 4, 9)),  # Good Friday goes to Tuesday first
        (date(2027, 3, 25), date(2027, 3, 30), date(2027, 3, 31)),  # Easter Sunday is 28 March 2027
        (date(2026, 4, 30), date(2026, 5, 4), date(2026, 5, 5)),  # 1 May is a Friday
        (date(2026, 12, 24), date(2026, 12, 28), date(2026, 12, 29)),  # 25 and 26 December: Friday, Saturday
        (date(2026, 12, 31), date(2027, 1, 4), date(2027, 1, 5)),  # 1 January 2027 is a Friday
    ],
)
def test_target_dates_around_its_holidays(day: date, advice: date, value: date) -> None:
    cycle = closing(day)
    assert (cycle.advice_date, cycle.value_date) == (advice, value)


@pytest.mark.parametrize(
    ("calendar", "advice"),
    [("FED", date(2026, 7, 3)), ("SIFMA", date(2026, 7, 6)), ("US", date(2026, 7, 6))],
)
def test_the_fed_does_not_move_a_holiday_on_a_saturday_and_the_bond_market_does(calendar: str, advice: date) -> None:
    assert closing(date(2026, 7, 2), calendars={"currency": [calendar]}).advice_date == advice


def test_all_three_calendars_must_be_open() -> None:
    calendars = {"currency": ["TARGET"], "payer": ["DE-BY"], "payee": ["IN"]}
    # 5 January 2026 is a Monday; the 6th is a holiday in Bavaria alone; the 26th (Monday) in India alone
    assert closing(date(2026, 1, 5), calendars=calendars).advice_date == date(2026, 1, 7)
    assert closing(date(2026, 1, 23), calendars=calendars).advice_date == date(2026, 1, 27)
    assert closing(date(2026, 1, 5)).advice_date == date(2026, 1, 6)


@pytest.mark.parametrize(
    ("roll", "advice", "value"),
    [("FOLLOWING", date(2026, 6, 2), date(2026, 6, 3)), ("MODIFIED_FOLLOWING", date(2026, 6, 1), date(2026, 6, 2))],
)
def test_the_last_of_a_month_on_a_sunday_is_rolled_as_the_scheme_says(roll: str, advice: date, value: date) -> None:
    cycle = closing(date(2026, 5, 31), roll=roll)
    assert (cycle.advice_date, cycle.value_date) == (advice, value)


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)  # type: ignore[misc,arg-type]


@pytest.mark.parametrize(
    ("zone", "day", "local", "at"),
    [
        ("Europe/Berlin", date(2026, 3, 28), time(18), utc(2026, 3, 28, 17)),
        ("Europe/Berlin", date(2026, 3, 29), time(18), utc(2026, 3, 29, 16)),
        ("Europe/Berlin", date(2026, 3, 29), time(2, 30), None),
        ("Europe/Berlin", date(2026, 3, 29), time(3), utc(2026, 3, 29, 1)),
        ("Europe/Berlin", date(2026, 10, 25), time(2, 30), utc(2026, 10, 25, 0, 30)),  # shown again at 01:30 UTC
        ("America/New_York", date(2026, 3, 8), time(2, 30), None),
        ("America/New_York", date(2026, 11, 1), time(1, 30), utc(2026, 11, 1, 5, 30)),
        ("Asia/Kolkata", date(2026, 3, 29), time(), utc(2026, 3, 28, 18, 30)),
        ("Australia/Lord_Howe", date(2026, 4, 5), time(1, 45), utc(2026, 4, 4, 14, 45)),  # half an hour is shown twice
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 15), None),  # and half an hour is left out
        ("Australia/Lord_Howe", date(2026, 10, 4), time(2, 30), utc(2026, 10, 3, 15, 30)),
    ],
)
def test_cut_offs_on_days_when_clocks_change(zone: str, day: date, local: time, at: datetime | None) -> None:
    assert instant(day, local, zone) == (NoSuchTime(day, local, zone) if at is None else at)


def test_a_year_with_a_cut_off_that_never_comes_is_refused_with_its_date_and_time() -> None:
    weekly = scheme(cycle={"weekly": ["SU"]}, cut_off="02:30")
    found = windows(weekly, 2026, holidays_of.closed(weekly.calendars, 2026))
    assert found == NoSuchTime(date(2026, 3, 29), time(2, 30), "Europe/Berlin")
    assert str(found).startswith("2026-03-29 02:30 does not exist in Europe/Berlin")


def test_four_a_month_has_48_windows_with_the_names_of_their_months() -> None:
    found = year_of(scheme(), 2027)
    assert len(found) == 48
    assert list(found)[:5] == ["2027-01-1", "2027-01-2", "2027-01-3", "2027-01-4", "2027-02-1"]
    assert found["2027-01-1"].opens_at == utc(2026, 12, 31, 17)
    assert found["2027-01-2"].cut_off_utc == utc(2027, 1, 14, 17)
    assert found["2027-02-4"].cut_off_utc == utc(2027, 2, 28, 17)
    assert found["2027-12-4"].cut_off_utc == utc(2027, 12, 31, 17)


@pytest.mark.parametrize(
    ("cycle", "count"),
    [
        ({"weekly": ["FR"]}, 53),  # 1 January 2027 is a Friday
        ({"monthly": "last"}, 12),
        ({"monthly": 28}, 12),
        ({"custom": "FREQ=MONTHLY;BYMONTH=3,6,9,12;BYDAY=-1FR"}, 4),
    ],
)
def test_cycles_close_as_often_as_they_say(cycle: dict[str, Any], count: int) -> None:
    assert len(year_of(scheme(cycle=cycle), 2027)) == count


# --- rules that come again


@pytest.mark.parametrize("year", [2026, 2028])
@pytest.mark.parametrize(
    "text",
    [
        "FREQ=DAILY",
        "FREQ=DAILY;BYDAY=MO,TU,WE,TH,FR",
        "FREQ=DAILY;BYMONTH=2,12",
        "FREQ=WEEKLY;BYDAY=WE",
        "FREQ=WEEKLY;BYDAY=SU,FR;BYMONTH=3",
        "FREQ=MONTHLY;BYMONTHDAY=31",
        "FREQ=MONTHLY;BYMONTHDAY=-1",
        "FREQ=MONTHLY;BYMONTHDAY=-31,15",
        "FREQ=MONTHLY;BYDAY=MO",
        "FREQ=MONTHLY;BYDAY=-1FR",
        "FREQ=MONTHLY;BYDAY=5SU,2TU",
        "FREQ=MONTHLY;BYDAY=-5SU,+1MO",
        "FREQ=MONTHLY;BYMONTH=3,6,9,12;BYDAY=-1FR",
        "FREQ=MONTHLY;BYMONTHDAY=13;BYDAY=FR",
    ],
)
def test_a_rule_means_the_days_that_another_reader_of_rfc_5545_finds(text: str, year: int) -> None:
    found = read_rule(text)
    assert isinstance(found, Recurrence)
    first, end = datetime(year, 1, 1), datetime(year, 12, 31)  # noqa: DTZ001 - days have no zone
    expected = {at.date() for at in rrulestr(text, dtstart=first).between(first, end, inc=True)}
    assert set(found.between(first.date(), end.date() + DAY)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "FREQ=WEEKLY",
        "FREQ=MONTHLY",
        "FREQ=WEEKLY;BYDAY=2MO",
        "FREQ=DAILY;BYDAY=-1FR",
        "FREQ=WEEKLY;BYDAY=MO;BYMONTHDAY=3",
        "FREQ=MONTHLY;BYMONTHDAY=0",
        "FREQ=MONTHLY;BYMONTHDAY=32",
        "FREQ=MONTHLY;BYMONTH=13;BYMONTHDAY=1",
        "FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=30",
        "FREQ=MONTHLY;BYDAY=XX",
        "FREQ=MONTHLY;BYDAY=MO;BYDAY=TU",
        "FREQ=YEARLY;BYDAY=MO",
        "FREQ=DAILY;INTERVAL=2",
    ],
)
def test_a_rule_that_needs_a_first_day_or_means_none_is_not_read(text: str) -> None:
    assert isinstance(read_rule(text), str)


def test_a_rehearsal_is_windows_of_seconds_of_which_each_year_has_its_own() -> None:
    rehearsed = scheme(cycle={"rehearsal": REHEARSAL})  # in Berlin the year ends at 23:00 UTC
    this, other = year_of(rehearsed, 2026), year_of(rehearsed, 2027)
    assert list(this) == ["rehearsal-1"]
    assert list(other) == ["rehearsal-2", "rehearsal-3", "rehearsal-4"]
    found = [*this.values(), *other.values()]
    assert [f"{one.cut_off_utc:%H:%M:%S}" for one in found] == ["22:59:58", "23:00:00", "23:00:02", "23:00:04"]
    assert all(one.cut_off_utc == two.opens_at for one, two in pairwise(found))
    assert (this["rehearsal-1"].advice_date, other["rehearsal-2"].advice_date) == (date(2027, 1, 4), date(2027, 1, 5))
    assert (this["rehearsal-1"].value_date, other["rehearsal-2"].value_date) == (date(2027, 1, 5), date(2027, 1, 6))


# --- the document


@pytest.mark.parametrize(
    ("changes", "path", "law"),
    [
        ({"zone": "Europe/Atlantis"}, "$.zone", Law.ZONE),
        ({"cycle": {}}, "$.cycle", Law.EXACTLY_ONE),
        ({"cycle": {"monthly": 1, "weekly": ["MO"]}}, "$.cycle", Law.EXACTLY_ONE),
        ({"cycle": {"four_a_month": [7, 14, 21]}}, "$.cycle.four_a_month", Law.RANGE),
        ({"cycle": {"four_a_month": [7, 7, 21, "last"]}}, "$.cycle.four_a_month[1]", Law.TWICE),
        ({"cycle": {"monthly": 29}}, "$.cycle.monthly", Law.TYPE),
        ({"cycle": {"monthly": "first"}}, "$.cycle.monthly", Law.TYPE),
        ({"cycle": {"weekly": ["XX"]}}, "$.cycle.weekly[0]", Law.RANGE),
        ({"cycle": {"custom": "FREQ=WEEKLY"}}, "$.cycle.custom", Law.RULE),
        ({"cycle": {"custom": "FREQ=YEARLY"}}, "$.cycle.custom", Law.PATTERN),
        ({"cycle": {"rehearsal": REHEARSAL | {"seconds": 0}}}, "$.cycle.rehearsal.seconds", Law.RANGE),
        ({"cycle": {"rehearsal": REHEARSAL | {"windows": 61}}}, "$.cycle.rehearsal.windows", Law.RANGE),
        (
            {"cycle": {"rehearsal": REHEARSAL | {"begins_at": "2026-02-30T12:00:00Z"}}},
            "$.cycle.rehearsal.begins_at",
            Law.NO_INSTANT,
        ),
        ({"cut_off": "24:00"}, "$.cut_off", Law.PATTERN),
        ({"advice_lag": 1.0}, "$.advice_lag", Law.TYPE),
        ({"advice_lag": 3}, "$.value_lag", Law.CONTRADICTION),
        ({"roll": "MODIFIED_FOLLOWING", "advice_lag": 0}, "$.advice_lag", Law.CONTRADICTION),
        ({"roll": "PRECEDING"}, "$.roll", Law.RANGE),
        ({"calendars": {"currency": []}}, "$.calendars.currency", Law.RANGE),
        ({"calendars": {"currency": ["target"]}}, "$.calendars.currency[0]", Law.PATTERN),
        ({"colour": "red"}, "$", Law.UNKNOWN_FIELD),
    ],
)
def test_a_document_that_breaks_a_law_is_refused_by_its_name(changes: dict[str, Any], path: str, law: Law) -> None:
    found = read_scheme(DOCUMENT | changes)
    assert isinstance(found, Fault)
    assert (found.path, found.law) == (path, law)
    shape = {Law.ZONE, Law.RULE, Law.CONTRADICTION, Law.NO_INSTANT}
    if "advice_lag" not in changes or not isinstance(
        changes["advice_lag"], float
    ):  # 1.0 is a whole number to JSON Schema
        assert jsonschema.Draft202012Validator(SCHEMA).is_valid(DOCUMENT | changes) == (law in shape)


def test_the_published_schema_is_the_table_by_which_documents_are_read() -> None:
    text = (Path(__file__).parents[2] / "openapi" / "scheme.schema.json").read_text()
    jsonschema.Draft202012Validator.check_schema(json.loads(text))
    assert json.loads(text) == SCHEMA
    jsonschema.Draft202012Validator(SCHEMA).validate(DOCUMENT)


def test_the_reader_leaves_what_it_reads_as_it_was() -> None:
    before = deepcopy(DOCUMENT)
    assert read_scheme(DOCUMENT) == replace(scheme(), code="aviation-eur")
    assert before == DOCUMENT


@pytest.mark.parametrize("name", ["XX", "DE-ZZ", "NOWHERE", "FED-NY"])
def test_a_calendar_that_nobody_keeps_is_refused_by_its_name(name: str) -> None:
    with pytest.raises(errors.ValidationFailed, match=name):
        holidays_of.closed([name], 2026)
