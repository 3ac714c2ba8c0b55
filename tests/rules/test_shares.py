"""Laws of splitting: parts are whole, add up, and are fair to less than one."""

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.shares import largest_remainder, pro_rata_draw

WEIGHTS = st.lists(st.integers(0, 10**9), min_size=1, max_size=8).filter(any)


@given(st.integers(0, 2**60), WEIGHTS)
def test_parts_add_up_and_each_is_less_than_one_from_its_exact_share(total: int, weights: list[int]) -> None:
    parts = largest_remainder(total, weights)
    assert sum(parts) == total
    for part, weight in zip(parts, weights, strict=True):
        assert abs(part - Fraction(total * weight, sum(weights))) < 1
        assert weight or part == 0


def test_what_is_left_goes_to_the_largest_remainders_and_among_equals_to_the_earlier() -> None:
    assert largest_remainder(100, [1, 1, 1]) == (34, 33, 33)
    assert largest_remainder(10, [1, 2]) == (3, 7)
    assert largest_remainder(7, [50, 30, 20]) == (4, 2, 1)


@pytest.mark.parametrize(("total", "weights"), [(1, []), (1, [0, 0]), (-1, [1]), (1, [2, -1])])
def test_a_split_by_nothing_is_an_error(total: int, weights: list[int]) -> None:
    with pytest.raises(ValueError, match="a split needs"):
        largest_remainder(total, weights)


@given(st.lists(st.integers(0, 10**9), min_size=1, max_size=7), st.data())
def test_a_pool_gives_what_is_asked_and_nobody_more_than_they_hold(balances: list[int], data: st.DataObject) -> None:
    sent = data.draw(st.integers(0, sum(balances)))
    drawn = pro_rata_draw(sent, balances)
    assert drawn is not None
    assert sum(drawn) == sent
    assert all(0 <= one <= held for one, held in zip(drawn, balances, strict=True))
    assert pro_rata_draw(sum(balances) + 1, balances) is None
