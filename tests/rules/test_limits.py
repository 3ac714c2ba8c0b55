"""Laws of the net debit cap."""

from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.limits import Cap


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
