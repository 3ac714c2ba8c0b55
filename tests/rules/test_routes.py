"""Laws of circles: found exactly where there is one, and the route that is named is the one that pays."""

from collections.abc import Mapping
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from clearing.rules.routes import Hops, gaining_circle, paying_circle

programs = st.sampled_from("abcde")
pairs = st.tuples(programs, programs).filter(lambda hop: hop[0] != hop[1])
hops = st.dictionaries(pairs, st.fractions(Fraction(1, 4), 4, max_denominator=4), max_size=10)
prices = st.fixed_dictionaries(dict.fromkeys("abcde", st.tuples(st.integers(1, 6), st.integers(1, 6))))


def _returns(ratios: Hops, route: tuple[str, ...], so_far: Fraction) -> list[Fraction]:
    """What comes back of one point on every simple circle, by brute force."""
    found: list[Fraction] = []
    for (source, target), ratio in ratios.items():
        if source == route[-1] and target == route[0]:
            found.append(so_far * ratio)
        elif source == route[-1] and target not in route:
            found += _returns(ratios, (*route, target), so_far * ratio)
    return found


def _product(ratios: Hops, route: tuple[str, ...]) -> Fraction:
    product = Fraction(1)
    for hop in pairwise(route):
        product *= ratios[hop]
    return product


@given(hops)
def test_a_circle_that_multiplies_points_is_found_exactly_when_there_is_one(ratios: Hops) -> None:
    route = gaining_circle(ratios)
    assert (route is not None) == any(back > 1 for start in "abcde" for back in _returns(ratios, (start,), Fraction(1)))
    if route is not None:
        assert route[0] == route[-1]
        assert _product(ratios, route) > 1


@given(hops, prices)
def test_a_circle_that_pays_its_start_is_found_exactly_when_there_is_one(
    ratios: dict[tuple[str, str], Fraction], priced: Mapping[str, tuple[int, int]]
) -> None:
    issue = {program: Fraction(price[0]) for program, price in priced.items()}
    redeem = {program: Fraction(price[1]) for program, price in priced.items()}
    funded = {hop: ratio for hop, ratio in ratios.items() if ratio * issue[hop[1]] <= redeem[hop[0]]}
    assume(gaining_circle(funded) is None)
    route = paying_circle(funded, issue, redeem)
    pays = any(
        back * issue[start] > redeem[start] for start in "abcde" for back in _returns(funded, (start,), Fraction(1))
    )
    assert (route is not None) == pays
    if route is not None:
        assert route[0] == route[-1]
        assert _product(funded, route) * issue[route[0]] > redeem[route[0]]


@pytest.mark.parametrize("redeem", [8, 9])
def test_a_program_that_redeems_above_its_issue_price_is_drained_on_a_circle(redeem: int) -> None:
    ratios = {("air", "shop"): Fraction(1), ("shop", "air"): Fraction(1)}
    issue = {"air": Fraction(9), "shop": Fraction(8)}
    route = paying_circle(ratios, issue, {"air": Fraction(redeem), "shop": Fraction(9)})
    assert route == (("air", "shop", "air") if redeem < 9 else None)
