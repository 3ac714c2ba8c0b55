"""Laws of the net debit cap, and of what a member's limit counts."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.limits import Cap, Limit, Used


def test_of_six_reservations_of_1000_on_5000_the_sixth_is_refused() -> None:
    """G21: pending counts, or every one of them would fit alone."""
    cap, fitted = Cap(5_000), []
    for _ in range(6):
        fitted.append(cap.fits(1_000))
        if fitted[-1]:
            cap = Cap(cap.granted, cap.position, cap.pending + 1_000)
    assert fitted == [True] * 5 + [False]


@given(st.integers(0, 2**60), st.integers(-(2**60), 2**60), st.integers(0, 2**60), st.integers(0, 2**60))
def test_a_cap_fits_exactly_up_to_its_limit(granted: int, position: int, pending: int, amount: int) -> None:
    room = granted - position - pending
    assert Cap(granted, position, pending).fits(amount) == (amount <= room)
    assert Cap(granted, position, pending).fits(room)
    assert not Cap(granted, position, pending).fits(room + 1)


def test_a_limit_counts_from_its_instant_on_and_not_before() -> None:
    since = datetime(2026, 1, 1, tzinfo=UTC)
    limit = Limit("day", since, points=10, count=2)
    first, before = Used(since, 6, "a", "b"), Used(since - timedelta(microseconds=1), 6, "a", "b")
    assert (limit.exceeded([first], 4), limit.exceeded([first], 5)) == (False, True)
    assert not limit.exceeded([before, first], 4)
    assert limit.exceeded([first, Used(since, 0, "a", "b")], 1)
