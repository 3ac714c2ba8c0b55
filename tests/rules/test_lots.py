"""Lots are used in their order, to the last point; months are those of the calendar."""

from datetime import UTC, datetime, timedelta
from itertools import groupby

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.lots import Expiring, Lot, months_after, used

NOW = datetime(2026, 1, 31, 10, 30, tzinfo=UTC)
JUNE, JULY = datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 7, 1, tzinfo=UTC)


def lot(amount: int, expires_at: datetime | None) -> Lot:
    return Lot(f"lot-{amount}", amount, NOW, expires_at)


@pytest.mark.parametrize(
    ("at", "months", "expected"),
    [
        ((2026, 1, 31), 1, (2026, 2, 28)),
        ((2028, 1, 31), 1, (2028, 2, 29)),
        ((2026, 1, 31), 3, (2026, 4, 30)),
        ((2026, 1, 31), 12, (2027, 1, 31)),
        ((2028, 2, 29), 12, (2029, 2, 28)),
        ((2026, 12, 31), 2, (2027, 2, 28)),
        ((2026, 11, 30), 36, (2029, 11, 30)),
        ((2026, 3, 31), -1, (2026, 2, 28)),
        ((2026, 1, 15), 0, (2026, 1, 15)),
    ],
)
def test_a_month_that_is_too_short_ends_on_its_last_day(
    at: tuple[int, int, int], months: int, expected: tuple[int, int, int]
) -> None:
    assert months_after(datetime(*at, 23, 59, 58, tzinfo=UTC), months) == datetime(*expected, 23, 59, 58, tzinfo=UTC)


@given(st.datetimes().filter(lambda at: at.year < 9000), st.integers(0, 1_200))
def test_more_months_are_never_earlier(at: datetime, months: int) -> None:
    assert months_after(at, months) <= months_after(at, months + 1)
    assert months_after(at, months) - at <= timedelta(days=31 * months)


@pytest.mark.parametrize("months", [12 * 8000, -12 * 3000])
def test_beyond_the_calendar_there_is_no_expiry(months: int) -> None:
    with pytest.raises(OverflowError):
        months_after(NOW, months)


def test_lots_are_used_in_their_order_and_only_as_far_as_needed() -> None:
    lots = [lot(1_200, JUNE), lot(500, JULY), lot(9_000, None)]
    assert used(lots, 1_000) == (Expiring(1_000, JUNE),)
    assert used(lots, 1_200) == (Expiring(1_200, JUNE),)
    assert used(lots, 2_000) == (Expiring(1_200, JUNE), Expiring(500, JULY), Expiring(300, None))
    assert used(lots, 10_700) == (Expiring(1_200, JUNE), Expiring(500, JULY), Expiring(9_000, None))


def test_too_few_points_tell_nothing() -> None:
    assert used([lot(1_200, JUNE)], 1_201) is None
    assert used([], 1) is None


@given(
    st.lists(st.tuples(st.integers(1, 10**15), st.sampled_from((JUNE, JULY, None))), min_size=1, max_size=20),
    st.data(),
)
def test_what_is_used_adds_up_and_neighbours_differ(
    parts: list[tuple[int, datetime | None]], data: st.DataObject
) -> None:
    lots = [lot(amount, expires_at) for amount, expires_at in parts]
    amount = data.draw(st.integers(1, sum(one.amount for one in lots)))
    lines = used(lots, amount)
    assert lines is not None
    assert sum(line.amount for line in lines) == amount
    dated = [at for at, _ in groupby(lot.expires_at for lot in lots)]
    assert [line.expires_at for line in lines] == dated[: len(lines)]
