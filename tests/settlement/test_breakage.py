"""Laws of deferred revenue: the standards' own figures to the unit, and that nothing is earned twice or lost."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.shapes import Fault, Law
from clearing.rules.units import Ratio
from settlement.rules.breakage import Estimate, Presented, Role, allocate, presented, schedule, stand_alone
from settlement.rules.deferral_json import answer

PERIODS = st.lists(st.builds(Estimate, st.integers(0, 10**7), st.integers(1, 10**8)), max_size=12)


def test_g1_the_standards_example_52_to_the_unit() -> None:
    goods, points = allocate(100_000, (100_000, stand_alone(9_500, Ratio(1, 1))))
    assert (goods, points) == (91_324, 8_676)
    first, second = schedule(points, 9_500, [Estimate(4_500, 9_500), Estimate(4_000, 9_700)])
    assert (first.revenue, first.liability) == (4_110, 4_566)
    assert (second.revenue, second.liability) == (3_493, 1_073)
    assert second.redeemed == 8_500


def test_g4_new_estimates_catch_up_and_the_whole_is_earned() -> None:
    found = schedule(100, 80, [Estimate(40, 80), Estimate(41, 90), Estimate(9, 90)])
    assert [one.revenue for one in found] == [50, 40, 10]
    assert [one.liability for one in found] == [50, 10, 0]
    assert [one.catch_up for one in found] == [0, -6, 0]  # 40 of 90 are 44: 6 of the first year's 50 are taken back


def test_g5_an_agent_shows_its_margin_and_a_principal_both_sides() -> None:
    assert presented(10_000, 9_000, Role.AGENT) == Presented(revenue=1_000, cost=0, payable=9_000)
    assert presented(10_000, 9_000, Role.PRINCIPAL) == Presented(revenue=10_000, cost=9_000, payable=9_000)


def test_g6_sales_with_points_at_a_hundred_each() -> None:
    (_, deferred) = allocate(7_200_000, (7_200_000, stand_alone(8_000, Ratio(100, 1))))
    assert deferred == 720_000
    found = schedule(deferred, 8_000, [Estimate(4_000, 8_000), Estimate(4_100, 9_000), Estimate(900, 9_000)])
    assert [one.revenue for one in found] == [360_000, 288_000, 72_000]


def test_g8_a_sold_mile_is_an_award_deferred_and_marketing_earned() -> None:
    assert allocate(5_000_000, (7, 3)) == (3_500_000, 1_500_000)


@given(st.integers(0, 10**12), st.integers(1, 10**8), PERIODS)
def test_what_is_earned_and_what_is_deferred_are_the_whole_after_every_period(
    allocated: int, expected: int, periods: list[Estimate]
) -> None:
    so_far = 0
    for one in schedule(allocated, expected, periods):
        so_far += one.revenue
        assert so_far + one.liability == allocated
        assert 0 <= one.liability <= allocated
        if one.redeemed >= one.expected:
            assert one.liability == 0


@pytest.mark.parametrize(
    ("expected", "period"), [(0, Estimate(1, 1)), (1, Estimate(1, 0)), (1, Estimate(-1, 1)), (-1, Estimate(0, 1))]
)
def test_estimates_of_nothing_are_an_error(expected: int, period: Estimate) -> None:
    with pytest.raises(ValueError, match="expected"):
        schedule(100, expected, [period])


# --- the document

EXAMPLE_52 = {
    "price": 100_000,
    "goods": 100_000,
    "points": {"expected": 9_500},
    "periods": [{"redeemed": 4_500}, {"redeemed": 4_000, "expected": 9_700}],
}


def test_a_document_is_answered_with_its_schedule() -> None:
    said = answer(EXAMPLE_52)
    assert not isinstance(said, Fault)
    assert (said["revenue_at_once"], said["deferred"]) == (91_324, 8_676)
    assert [period["revenue"] for period in said["periods"]] == [4_110, 3_493]


def test_an_agents_document_defers_nothing() -> None:
    sale = {"price": 10_000, "paid": 9_000, "points": {"expected": 1_000_000}}
    assert answer({**sale, "role": "agent"}) == {
        "role": "agent", "deferred": 0, "revenue": 1_000, "cost": 0, "payable": 9_000,
    }  # fmt: skip
    said = answer({**sale, "role": "principal", "periods": [{"redeemed": 1_000_000}]})
    assert not isinstance(said, Fault)
    assert said["in_all"] == {"revenue": 10_000, "cost": 9_000, "payable": 9_000}
    assert [period["revenue"] for period in said["periods"]] == [10_000]


@pytest.mark.parametrize(
    ("change", "path", "law"),
    [
        ({"price": 1.5}, "$.price", Law.TYPE),
        ({"more": 1}, "$", Law.UNKNOWN_FIELD),
        ({"service": 1}, "$", Law.EXACTLY_ONE),
        ({"role": "agent"}, "$.role", Law.CONTRADICTION),
        ({"points": {"expected": 0}}, "$.points.expected", Law.RANGE),
        ({"goods": 0, "points": {"expected": 1, "value": {"num": 0, "den": 1}}}, "$.points.value", Law.RANGE),
    ],
)
def test_a_document_that_says_something_else_is_refused_with_its_place(
    change: dict[str, Any], path: str, law: Law
) -> None:
    said = answer(EXAMPLE_52 | change)
    assert isinstance(said, Fault)
    assert (said.path, said.law) == (path, law)


def test_nobody_is_paid_more_than_the_price() -> None:
    said = answer({"price": 1, "paid": 2, "points": {"expected": 1}})
    assert isinstance(said, Fault)
    assert said.path == "$.paid"
