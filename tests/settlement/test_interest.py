"""Laws of interest on what is paid late: simple, by the agreed year, the same in one piece as day by day."""

from datetime import date, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.rules.interest import DayCount, Late, accrued

DUE = date(2026, 3, 31)
DAYS = st.integers(0, 4_000).map(lambda days: DUE + timedelta(days=days))
LATES = st.builds(Late, st.integers(0, 100_000), st.sampled_from(DayCount), st.just("palm"))


@pytest.mark.parametrize(
    ("count", "days", "amount"),
    [
        (DayCount.ACT_360, 30, 6_666_666),  # 1,000 × 8 % × 30/360 = 6.666666…
        (DayCount.ACT_365, 30, 6_575_342),  # 1,000 × 8 % × 30/365 = 6.5753424…
        (DayCount.ACT_360, 360, 80_000_000),
        (DayCount.ACT_365, 365, 80_000_000),
        (DayCount.ACT_365, 730, 160_000_000),  # simple: none on interest
        (DayCount.ACT_365, 0, 0),
    ],
)
def test_interest_is_simple_and_rounded_down_to_a_micro(count: DayCount, days: int, amount: int) -> None:
    assert accrued(1_000_000_000, Late(800, count, "palm"), DUE, DUE, DUE + timedelta(days=days)) == amount


@given(st.integers(0, 10**18), LATES, st.lists(DAYS))
def test_interest_of_any_chain_of_days_adds_up_to_that_of_all(principal: int, late: Late, days: list[date]) -> None:
    marks = [DUE, *sorted(days)]
    parts = [accrued(principal, late, DUE, since, until) for since, until in pairwise(marks)]
    assert sum(parts) == accrued(principal, late, DUE, DUE, marks[-1])
    assert all(part >= 0 for part in parts)


def test_interest_does_not_run_before_it_is_due_or_backwards() -> None:
    late, day = Late(1, DayCount.ACT_360, "palm"), timedelta(days=1)
    for since, until in ((DUE - day, DUE), (DUE + day, DUE)):
        with pytest.raises(ValueError, match="runs from"):
            accrued(1, late, DUE, since, until)
