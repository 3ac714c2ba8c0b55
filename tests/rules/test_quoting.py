"""What limits count: from which instant on, over which corridors; and what the books are told to hold a quote against."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from clearing.rules.asks import Ask
from clearing.rules.asks import Used as Sums
from clearing.rules.card_json import read_card
from clearing.rules.cards import Card, LimitPer
from clearing.rules.limits import Used
from clearing.rules.quoting import begins, counts_usage, program_limits, used_of, year_paid
from clearing.rules.trips import RoundTrip, round_trip
from clearing.rules.units import Ratio
from tests.agreed import card

AT = datetime(2026, 3, 31, 2, 30, tzinfo=UTC)
ZONES = {"": UTC, "America/Toronto": ZoneInfo("America/Toronto")}
SECOND = timedelta(seconds=1)


def limit(per: str, over: str = "corridor", **more: Any) -> dict[str, Any]:
    return {"name": f"{per}-{over}", "per": per, "over": over, "most": 9_000, **more}


def read(*limits: dict[str, Any], **more: Any) -> Card:
    more |= {"limits": list(limits)} if limits else {}
    found = read_card(card("a", "b", Ratio(1, 1), AT, **more))
    assert isinstance(found, Card), found
    return found


@pytest.mark.parametrize(
    ("per", "zone", "begun"),
    [
        (LimitPer.DAY, "", datetime(2026, 3, 31, tzinfo=UTC)),
        (
            LimitPer.DAY,
            "America/Toronto",
            datetime(2026, 3, 30, 4, tzinfo=UTC),
        ),  # it is the evening before, in summer time
        (LimitPer.MONTH, "America/Toronto", datetime(2026, 3, 1, 5, tzinfo=UTC)),  # which had not begun on the first
        (LimitPer.YEAR, "America/Toronto", datetime(2026, 1, 1, 5, tzinfo=UTC)),
        (LimitPer.YEAR, "", datetime(2026, 1, 1, tzinfo=UTC)),
    ],
)
def test_a_calendars_period_begins_at_midnight_of_its_zone(per: LimitPer, zone: str, begun: datetime) -> None:
    assert begins(per, AT, ZONES[zone], rolling=False) == begun
    assert begins(per, begun, ZONES[zone], rolling=False) == begun
    assert begins(per, begun - SECOND, ZONES[zone], rolling=False) < begun


@pytest.mark.parametrize(("per", "days"), [(LimitPer.DAY, 1), (LimitPer.MONTH, 30), (LimitPer.YEAR, 365)])
def test_a_rolling_period_is_so_many_times_24_hours(per: LimitPer, days: int) -> None:
    assert begins(per, AT, ZONES["America/Toronto"], rolling=True) == AT - timedelta(days=days)


def test_what_was_used_counts_from_the_beginning_on_over_the_corridor_or_over_all() -> None:
    day = datetime(2026, 3, 31, tzinfo=UTC)
    used = [
        Used(day, 1, "a", "b"),
        Used(day - SECOND, 10, "a", "b"),
        Used(day, 100, "a", "elsewhere"),
        Used(day, 1_000, "a", None),
        Used(datetime(2026, 3, 1, tzinfo=UTC) - SECOND, 10_000, "a", "b"),
    ]
    found = used_of(read(limit("day"), limit("month"), limit("day", "program")), used, AT, ZONES)
    assert found == (Sums(day=1, month=11), Sums(day=1_101), False)
    assert used_of(read(limit("year")), used[2:4], AT, ZONES) == (Sums(), Sums(), True)


@pytest.mark.parametrize("turn", [1, -1])
def test_where_two_limits_count_a_period_differently_the_larger_sum_counts(turn: int) -> None:
    used = [Used(AT - timedelta(hours=20), 70, "a", "b"), Used(AT, 5, "a", "b")]
    both = [limit("day", name="calendar"), limit("day", name="rolling", period="rolling")][::turn]
    assert used_of(read(*both), used, AT, ZONES)[0] == Sums(day=75)


def test_only_what_counts_over_time_asks_what_was_used() -> None:
    fees = [{"name": "yearly", "in": "points", "per_year": 25}]
    events = [{"name": "each", "in": "points", "per_event": 25}]
    counting = (read(limit("day")), read(fees=fees), read(limit("exchange"), fees=events), read())
    assert [counts_usage(one) for one in counting] == [True, True, False, False]


def test_a_year_is_paid_for_from_new_year_on_by_the_corridor_alone() -> None:
    new_year, yearly = datetime(2026, 1, 1, tzinfo=UTC), read()
    assert year_paid(yearly, [Used(new_year, 1, "a", "b")], AT)
    assert not year_paid(yearly, [Used(new_year - SECOND, 1, "a", "b"), Used(AT, 1, "a", "elsewhere")], AT)


@pytest.mark.parametrize("narrow", [{"band": {"maximum": 40}}, {"limits": [limit("exchange") | {"most": 40}]}])
def test_of_a_round_trip_as_much_travels_back_as_the_way_back_lets(narrow: dict[str, Any]) -> None:
    there, back = read(), read_card(card("b", "a", Ratio(1, 2), AT, **narrow))
    assert isinstance(back, Card)
    found = round_trip(there, back, Ask(AT, 100))
    assert isinstance(found, RoundTrip)
    assert (found.received, found.sent_back, found.left, found.returned) == (100, 40, 60, 20)
    assert (found.lost, found.lost_points) == (Fraction(1, 2), 50)


def test_what_leaves_over_no_corridor_is_held_against_the_limits_over_the_program_alone() -> None:
    said = [limit("exchange", "program"), limit("day", "program", zone="America/Toronto"), limit("day")]
    assert [(one.rule, one.since, one.points, one.target) for one in program_limits([read(*said)], AT, ZONES)] == [
        ("exchange-program", None, 9_000, None),
        ("day-program", datetime(2026, 3, 30, 4, tzinfo=UTC), 9_000, None),
    ]
