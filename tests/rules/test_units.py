"""Laws of whole numbers: ratios are exact, parts add up."""

from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.units import Ratio, part

NUMBERS = st.integers(0, 2**70)
POSITIVE = st.integers(1, 2**70)


@given(NUMBERS, NUMBERS, POSITIVE)
def test_a_ratio_is_exact_beyond_every_float(amount: int, num: int, den: int) -> None:
    exact = Fraction(amount * num, den)
    ratio = Ratio(num, den)
    assert (ratio.floor(amount), ratio.ceil(amount)) == (floor(exact), ceil(exact))
    assert ratio.divides(amount) == (exact.denominator == 1)


@pytest.mark.parametrize(("num", "den"), [(-1, 1), (1, 0), (1, -1)])
def test_a_fraction_that_is_no_price_is_refused(num: int, den: int) -> None:
    with pytest.raises(ValueError, match="ratio"):
        Ratio(num, den)


@given(NUMBERS, POSITIVE, st.data())
def test_parts_over_any_chain_of_marks_add_up_exactly(total: int, whole: int, data: st.DataObject) -> None:
    marks = [0, *sorted(data.draw(st.lists(st.integers(0, whole)))), whole]
    parts = [part(total, before, after, whole) for before, after in pairwise(marks)]
    assert sum(parts) == total
    assert min(parts) >= 0
