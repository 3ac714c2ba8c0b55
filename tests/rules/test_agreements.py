"""Laws of what is agreed: fees, shares, caps, rights and dates, each exact at its limit."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from math import ceil, floor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.agreements import (
    HOUSE,
    PARTS,
    Agreement,
    Bearer,
    Change,
    Fee,
    Funding,
    LateInterest,
    Postpaid,
    Prepaid,
    Right,
    Share,
    Worth,
    alert,
    changes,
    fee_of,
    funding_of,
    in_force,
    may,
    room,
)
from clearing.rules.lifecycle import Kind
from clearing.rules.limits import Cap
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import AMOUNT_MAX, Ratio

NOW = datetime(2026, 3, 4, tzinfo=UTC)
DAY = timedelta(days=1)
PLAIN = Agreement("lotus", 1, NOW, None, NOW, 30, (), (), (), Postpaid(1_000), 100, (), Bearer.REFUSE)
amounts = st.integers(0, AMOUNT_MAX)


# --- dates


def test_the_version_that_began_last_is_in_force_and_an_older_one_never_comes_back() -> None:
    first = PLAIN
    second = replace(PLAIN, version=2, valid_from=NOW + DAY, valid_to=NOW + 2 * DAY)
    versions = (second, first)
    assert in_force(versions, NOW - timedelta(microseconds=1)) is None
    assert in_force(versions, NOW) is first
    assert in_force(versions, NOW + DAY - timedelta(microseconds=1)) is first
    assert in_force(versions, NOW + DAY) is second
    assert in_force(versions, NOW + 2 * DAY - timedelta(microseconds=1)) is second
    assert in_force(versions, NOW + 2 * DAY) is None


# --- fees


@given(st.integers(0, 10_000), amounts, amounts, amounts)
def test_a_fee_is_exact_and_between_its_bounds(basis_points: int, low: int, high: int, debit: int) -> None:
    low, high = sorted((low, high))
    agreement = replace(PLAIN, fees=(Fee(Kind.EXCHANGE, basis_points, low, high),))
    exact = ceil(Fraction(basis_points, 10_000) * debit)
    fee = fee_of(agreement, Kind.EXCHANGE, debit)
    assert low <= fee <= high
    assert fee == exact or fee == low > exact or fee == high < exact


@pytest.mark.parametrize(
    ("debit", "fee"),
    [(0, 100), (39_999, 100), (40_000, 100), (40_001, 101), (80_000, 200), (199_999, 500), (200_001, 500)],
)
def test_a_quarter_of_a_percent_at_its_edges(debit: int, fee: int) -> None:
    agreement = replace(PLAIN, fees=(Fee(Kind.EXCHANGE, 25, 100, 500),))
    assert fee_of(agreement, Kind.EXCHANGE, debit) == fee


def test_a_kind_without_a_fee_is_free() -> None:
    agreement = replace(PLAIN, fees=(Fee(Kind.EXCHANGE, 25, 100, 500),))
    assert fee_of(agreement, Kind.ACCRUAL, 10**9) == 0


# --- cap and cover


@given(amounts, st.integers(0, 10_000), st.integers(1, 10_000))
def test_a_prepaid_cap_is_the_exact_part_of_the_cover_rounded_down(cover: int, num: int, den: int) -> None:
    granted = room(Prepaid(Ratio(num, den)), cover)
    assert granted == min(floor(Fraction(num, den) * cover), AMOUNT_MAX)


@given(st.integers(0, 10**12), st.integers(0, 100))
def test_a_prepaid_cap_admits_exactly_its_limit_and_not_one_more(cover: int, percent: int) -> None:
    cap = Cap(room(Prepaid(Ratio(percent, 100)), cover))
    assert cap.fits(cap.granted)
    assert not cap.fits(cap.granted + 1)
    assert 100 * cap.granted <= percent * cover < 100 * (cap.granted + 1)


def test_a_postpaid_cap_does_not_look_at_the_cover() -> None:
    assert room(Postpaid(77), 0) == room(Postpaid(77), 10**9) == 77


def test_no_cover_no_room() -> None:
    assert room(Prepaid(Ratio(10, 1)), 0) == 0


@given(st.integers(-(10**9), 10**9), st.integers(0, 10**9), st.integers(0, 10**9), st.integers(0, 10**9))
def test_an_alert_begins_one_below_the_low_water(position: int, pending: int, granted: int, low_water: int) -> None:
    left = granted - position - pending
    found = alert(position, pending, granted, low_water)
    assert (found is not None) == (left < low_water)
    assert alert(position, pending, granted, left) is None
    above = alert(position, pending, granted, left + 1)
    assert above is not None
    assert (above.left, above.low_water) == (left, left + 1)


# --- funding


def test_nobody_pays_by_anothers_agreement() -> None:
    both = Funding("spring", (Share(HOUSE, 200_000), Share("lotus", 500_000), Share("palm", 300_000)))
    other = Funding("spring", (Share(HOUSE, 700_000), Share("palm", 300_000)))
    lotus, palm = replace(PLAIN, funding=(both,)), replace(PLAIN, partner="palm", funding=(both,))
    assert funding_of({"lotus": lotus, "palm": palm}, "spring") == both
    for agreements in (
        {"lotus": lotus},
        {"lotus": lotus, "palm": replace(palm, funding=())},
        {"lotus": lotus, "palm": replace(palm, funding=(other,))},
    ):
        found = funding_of(agreements, "spring")
        assert isinstance(found, Refusal)
        assert found.code is RefusalCode.UNFUNDED_VALUE
        assert "palm" in found.detail
    nobody = funding_of({"lotus": lotus}, "autumn")
    assert isinstance(nobody, Refusal)
    assert "autumn" in nobody.detail


# --- rights


@pytest.mark.parametrize(
    ("program", "kind", "channel", "allowed"),
    [
        ("palm-hotels", Kind.REDEMPTION, "till", True),
        ("palm-hotels", Kind.REDEMPTION, "web", False),
        ("palm-hotels", Kind.REDEMPTION, None, False),
        ("palm-hotels", Kind.ACCRUAL, "till", False),
        ("iris-shops", Kind.REDEMPTION, "till", False),
        ("iris-shops", Kind.ACCRUAL, "till", True),
        ("iris-shops", Kind.ACCRUAL, None, True),
    ],
)
def test_what_no_right_names_is_not_allowed(program: str, kind: Kind, channel: str | None, *, allowed: bool) -> None:
    rights = (Right("palm-hotels", Kind.REDEMPTION, ("app", "till")), Right("iris-shops", Kind.ACCRUAL, None))
    assert may(replace(PLAIN, rights=rights), program, kind, channel) is allowed


# --- changes


def test_changes_name_every_place_that_differs_and_no_other() -> None:
    worth = Worth("lotus-air", Ratio(9_000, 1), Ratio(7_000, 1))
    before = replace(PLAIN, prices=(worth,), funding=(Funding("spring", (Share("lotus", PARTS),)),))
    after = replace(
        before,
        version=2,
        prices=(replace(worth, redeem=Ratio(15_001, 2)),),
        funding=(),
        credit=Prepaid(Ratio(4, 5)),
        fees=(Fee(Kind.EXCHANGE, 25, 0, 500),),
        rights=(Right("palm-hotels", Kind.REDEMPTION, ("app", "till")), Right("palm-hotels", Kind.ACCRUAL, None)),
        payout_currency="JPY",
        late_interest=LateInterest(800, "ACT/360"),
    )
    assert changes(before, before) == changes(before, replace(before, version=2)) == ()
    assert changes(before, after) == (
        Change("cap.postpaid.granted", 1_000, None),
        Change("cap.prepaid.of_cover", None, "4/5"),
        Change("fees.exchange.basis_points", None, 25),
        Change("fees.exchange.maximum", None, 500),
        Change("fees.exchange.minimum", None, 0),
        Change("funding.spring.lotus", PARTS, None),
        Change("late_interest.basis_points", None, 800),
        Change("late_interest.day_count", None, "ACT/360"),
        Change("payout_currency", None, "JPY"),
        Change("prices.lotus-air.redeem", "7000/1", "15001/2"),
        Change("rights.palm-hotels.accrual", None, "any"),
        Change("rights.palm-hotels.redemption", None, "app,till"),
    )


def test_a_first_version_changes_everything_it_says() -> None:
    said = {change.path: change.after for change in changes(None, PLAIN)}
    assert said["cap.postpaid.granted"] == 1_000
    assert said["shortfall"] == "refuse"
    assert said["notice_days"] == 30
