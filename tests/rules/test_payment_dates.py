"""Laws of payment dates, by the calendars of who pays, who is paid and the currency; and of cycles that list their days."""

import json
from copy import deepcopy
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from typing import Any

import jsonschema
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing.rules.shapes import Fault, Law
from settlement import holidays_of
from settlement.rules.calendar import NoSuchTime, Scheme, payment_dates, windows
from settlement.rules.scheme_json import SCHEMA, read_scheme
from tests.rules.test_settlement_calendar import DOCUMENT, scheme, year_of

DAY = timedelta(days=1)
OWN: dict[str, Any] = {
    "currency": ["TARGET"],
    "parties": [{"party": "lotus", "calendars": ["JP"]}, {"party": "palm", "calendars": ["US"]}],
    "currencies": [{"currency": "USD", "calendars": ["SIFMA"]}, {"currency": "JPY", "calendars": ["JP"]}],
}
LISTED = {"dates": ["2026-01-09", "2026-03-31", "2026-04-01", "2027-02-01"]}


def dated(day: date, party: str, currency: str, **changes: Any) -> tuple[date, date]:
    """The dates of a payment to this party for the window that closes on this day at 18:00 in Berlin."""
    one = scheme(calendars=OWN, **changes)
    cut_off = datetime(day.year, day.month, day.day, 16, tzinfo=UTC)
    return payment_dates(one, cut_off, "house", party, currency, holidays_of.closed(one.named, day.year))


@pytest.mark.parametrize(
    ("day", "party", "currency", "advice", "value"),
    [
        # Easter of 2026: TARGET is closed on Friday, 3 and on Monday, 6 April; Japan on neither
        ("2026-04-01", "iris", "EUR", "2026-04-02", "2026-04-07"),
        ("2026-04-01", "iris", "JPY", "2026-04-02", "2026-04-03"),
        # Golden Week: Japan is closed on Wednesday, 29 April and from Monday, 4 to Wednesday, 6 May; TARGET on Friday, 1 May
        ("2026-04-28", "lotus", "EUR", "2026-04-30", "2026-05-07"),
        ("2026-04-28", "iris", "EUR", "2026-04-29", "2026-04-30"),
        ("2026-05-01", "lotus", "JPY", "2026-05-07", "2026-05-08"),
        # Independence Day, a Saturday: the country and the bond market keep it on Friday, 3 July
        ("2026-07-01", "palm", "EUR", "2026-07-02", "2026-07-06"),
        ("2026-07-01", "iris", "USD", "2026-07-02", "2026-07-06"),
        ("2026-07-01", "iris", "EUR", "2026-07-02", "2026-07-03"),
    ],
)
def test_dates_by_hand(day: str, party: str, currency: str, advice: str, value: str) -> None:
    found = dated(date.fromisoformat(day), party, currency)
    assert [one.isoformat() for one in found] == [advice, value]


@settings(max_examples=60, deadline=None)
@given(
    st.dates(date(2026, 1, 1), date(2026, 12, 31)),
    st.sampled_from(["lotus", "palm", "iris"]),
    st.sampled_from(["EUR", "USD", "JPY"]),
    st.integers(1, 9),
    st.integers(0, 9),
)
def test_a_payment_falls_on_the_first_day_that_suits_all_of_its_calendars(
    day: date, party: str, currency: str, advice_lag: int, more: int
) -> None:
    one = scheme(calendars=OWN, advice_lag=advice_lag, value_lag=advice_lag + more)
    closed = holidays_of.closed(one.of_payment("house", party, currency), 2026)
    cut_off = datetime(day.year, day.month, day.day, 12, tzinfo=UTC)
    found = payment_dates(one, cut_off, "house", party, currency, closed)

    def suits(other: date) -> bool:
        return not any(other in days for days in closed.values())

    first = next(day + count * DAY for count in range(30) if suits(day + count * DAY))
    for lag, date_ in zip((advice_lag, advice_lag + more), found, strict=True):
        between = [first + count * DAY for count in range(1, (date_ - first).days + 1)]
        assert suits(date_)
        assert sum(map(suits, between)) == lag


def test_who_has_no_calendar_of_its_own_is_paid_by_the_scheme() -> None:
    """Every day of a year: a scheme without own calendars dates every payment as its windows."""
    one = scheme(cycle={"custom": "FREQ=DAILY"}, calendars={"currency": ["TARGET"], "payer": ["DE"], "payee": ["US"]})
    closed = holidays_of.closed(one.named, 2026)
    for cycle in year_of(one, 2026).values():
        found = payment_dates(one, cycle.cut_off_utc, "iris", "house", "USD", closed)
        assert found == (cycle.advice_date, cycle.value_date)


# --- a cycle that lists its days


def test_a_list_of_days_is_the_calendar_and_its_windows_touch() -> None:
    found = [*year_of(scheme(cycle=LISTED), 2026).values(), *year_of(scheme(cycle=LISTED), 2027).values()]
    assert [one.window for one in found] == ["2026-01-1", "2026-03-1", "2026-04-1", "2027-02-1"]
    assert [one.cut_off_utc.isoformat() for one in found] == [
        "2026-01-09T17:00:00+00:00", "2026-03-31T16:00:00+00:00", "2026-04-01T16:00:00+00:00", "2027-02-01T17:00:00+00:00",
    ]  # fmt: skip
    assert all(before.cut_off_utc == after.opens_at for before, after in pairwise(found))
    assert found[0].opens_at == datetime(2025, 12, 31, 23, tzinfo=UTC)  # the year as Berlin calls it


def test_a_year_without_a_listed_day_has_no_window() -> None:
    assert year_of(scheme(cycle=LISTED), 2028) == {}


def test_a_listed_day_whose_cut_off_the_clocks_skip_is_refused() -> None:
    one = scheme(cycle={"dates": ["2026-03-29"]}, cut_off="02:30")
    found = windows(one, 2026, holidays_of.closed(one.calendars, 2026))
    assert isinstance(found, NoSuchTime)
    assert str(found).startswith("2026-03-29 02:30 does not exist in Europe/Berlin")


FAULTS: list[tuple[dict[str, Any], str, Law]] = [
    ({"cycle": {"dates": ["2026-04-01", "2026-03-31"]}}, "$.cycle.dates", Law.RULE),
    ({"cycle": {"dates": ["2026-03-31", "2026-04-31"]}}, "$.cycle.dates[1]", Law.NO_INSTANT),
    ({"calendars": {**OWN, "parties": OWN["parties"][:1] * 2}}, "$.calendars.parties[1]", Law.TWICE),
    ({"calendars": {**OWN, "currencies": [*OWN["currencies"], OWN["currencies"][0]]}}, "$.calendars.currencies[2]", Law.TWICE),
]  # fmt: skip
SHAPES: list[dict[str, Any]] = [
    {"cycle": {"dates": []}},
    {"cycle": {"dates": ["2026-04-01", "2026-04-01"]}},
    {"cycle": {"dates": ["1 April 2026"]}},
    {"cycle": {"dates": ["2026-04-01"], "weekly": ["MO"]}},
    {"calendars": {"currency": ["TARGET"], "parties": [{"party": "lotus", "calendars": []}]}},
    {"calendars": {"currency": ["TARGET"], "parties": [{"party": "Lotus", "calendars": ["JP"]}]}},
    {"calendars": {"currency": ["TARGET"], "currencies": [{"currency": "usd", "calendars": ["FED"]}]}},
]


@pytest.mark.parametrize(("change", "path", "law"), FAULTS)
def test_what_cannot_be_is_refused_by_name(change: dict[str, Any], path: str, law: Law) -> None:
    found = read_scheme(json.loads(json.dumps(DOCUMENT | change)))
    assert isinstance(found, Fault)
    assert (found.path, found.law) == (path, law)


@pytest.mark.parametrize("change", SHAPES)
def test_reader_and_schema_refuse_the_same_shapes(change: dict[str, Any]) -> None:
    said = deepcopy(DOCUMENT) | change
    assert isinstance(read_scheme(said), Fault)
    assert not jsonschema.Draft202012Validator(SCHEMA).is_valid(said)
    assert isinstance(read_scheme(DOCUMENT | {"calendars": OWN, "cycle": LISTED}), Scheme)
    assert jsonschema.Draft202012Validator(SCHEMA).is_valid(DOCUMENT | {"calendars": OWN, "cycle": LISTED})
