"""Laws of terms: exact, never creating value, and given back to the last millionth."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

from hypothesis import assume, example, given
from hypothesis import strategies as st

from clearing.rules.asks import BonusPart, Priced
from clearing.rules.cards import LimitPer, Values
from clearing.rules.quoting import begins, booked
from clearing.rules.rates import Funded, Price, Terms, base, funded_by, issued, portion, redeemed
from clearing.rules.rates import given as gift
from clearing.rules.shares import largest_remainder
from clearing.rules.units import Ratio

NOW = datetime(2026, 3, 4, 23, 30, tzinfo=UTC)
SOME = st.builds(Ratio, st.integers(1, 1_000), st.integers(1, 1_000))
FIELDS = ("sent", "received", "debit", "funding", "credit", "fee", "rounding", "bonus", "bonus_credit")


def value(ratio: Ratio) -> Fraction:
    return Fraction(ratio.num, ratio.den)


def priced(sent: int, units: int, bonus: int = 0, worth: int = 0) -> Priced:
    parts = (BonusPart("summer", "palm", bonus, worth, 0),) if bonus else ()
    return Priced(sent, units + bonus, units, parts, (), 0, 1, "base")


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """Terms as they come out of a price, with and without a bonus and a fee of the house."""
    sent, units = draw(st.integers(1, 10**6)), draw(st.integers(1, 10**6))
    redeem, issue = draw(SOME), draw(SOME)
    assume(value(issue) * units <= value(redeem) * sent)
    bonus = draw(st.one_of(st.just(0), st.integers(1, 10**6)))
    worth = issue.ceil(bonus)
    return booked(priced(sent, units, bonus, worth), Values(redeem, issue), draw(st.integers(0, 10**6))).terms


# --- terms


@given(st.integers(1, 10**9), st.integers(1, 10**9), SOME, SOME, st.integers(0, 10**9))
@example(1, 1, Ratio(10_001, 2), Ratio(5_000, 1), 0)
def test_terms_are_exact_and_never_create_value(sent: int, units: int, redeem: Ratio, issue: Ratio, fee: int) -> None:
    paid, cost = value(redeem) * sent, value(issue) * units
    assume(cost <= paid)
    found = booked(priced(sent, units), Values(redeem, issue), fee).terms
    assert (found.sent, found.received, found.funding, found.bonus) == (sent, units, 0, 0)
    assert (found.debit, found.credit) == (ceil(paid) + fee, floor(cost))
    assert found.debit + found.funding == found.credit + found.fee
    assert found.fee - found.rounding == floor(paid - cost) + fee >= 0
    assert 0 <= found.rounding <= 2


@given(st.integers(1, 10**6), SOME)
def test_a_bonus_is_paid_for_by_its_funders_alone(bonus: int, issue: Ratio) -> None:
    worth = issue.ceil(bonus)
    plain = booked(priced(10**6, 1), Values(issue, issue), 7).terms
    found = booked(priced(10**6, 1, bonus, worth), Values(issue, issue), 7)
    assert base(found.terms) == plain
    assert found.terms.funding == worth
    assert found.terms.bonus_credit == issue.floor(bonus)
    assert found.terms.debit + found.terms.funding == found.terms.credit + found.terms.fee


@given(st.integers(1, 10**9), SOME)
def test_what_one_side_alone_moves_is_paid_for_whole(amount: int, ratio: Ratio) -> None:
    price = Price("any", 1, NOW, ratio, ratio)
    for found in (issued(price, amount), redeemed(price, amount)):
        assert found.counted == amount
        assert found.debit == found.credit + found.fee
        assert found.fee == found.rounding in {0, 1}
        assert found.credit <= value(ratio) * amount <= found.debit


def test_a_gift_is_worth_nothing_to_the_books() -> None:
    assert gift(25) == Terms(25, 25, 0, 0, 0, 0, 0)


# --- parts


@given(terms(), st.data())
def test_portions_add_up_to_the_terms_and_each_balances(whole: Terms, data: st.DataObject) -> None:
    inner = data.draw(st.lists(st.integers(1, whole.counted), unique=True, max_size=8))
    marks = sorted({0, *inner, whole.counted})
    parts = [portion(whole, before, after) for before, after in pairwise(marks)]
    for field in FIELDS:
        assert sum(getattr(one, field) for one in parts) == getattr(whole, field)
    for one in parts:
        assert one.debit + one.funding == one.credit + one.fee
        assert min(getattr(one, field) for field in FIELDS) >= 0
        assert one.rounding <= one.fee
        assert one.bonus > 0 or one.funding == one.bonus_credit == 0


@given(terms(), st.data())
def test_whatever_is_left_can_always_be_reversed(whole: Terms, data: st.DataObject) -> None:
    before = data.draw(st.integers(0, whole.counted - 1))
    assert portion(whole, before, whole.counted).received >= 1


@st.composite
def funded(draw: st.DrawFn) -> tuple[Terms, list[Funded]]:
    """Terms with a bonus that several pay for, units and value each split by largest remainder, as prices do."""
    whole = draw(terms().filter(lambda one: one.bonus > 0))
    weights = draw(st.lists(st.integers(0, 10**6), min_size=1, max_size=6).filter(any))
    units, value = (largest_remainder(total, weights) for total in (whole.bonus, whole.funding))
    return whole, list(zip(units, value, strict=True))


@given(funded(), st.data())
def test_every_funder_gets_back_part_by_part_exactly_what_it_paid_and_never_less_than_nothing(
    given_: tuple[Terms, list[Funded]], data: st.DataObject
) -> None:
    whole, funders = given_
    inner = data.draw(st.lists(st.integers(1, whole.counted), unique=True, max_size=8))
    marks = sorted({0, *inner, whole.counted})
    at = [funded_by(whole, mark, funders) for mark in marks]
    assert at[0] == [(0, 0)] * len(funders)
    assert at[-1] == funders
    for (before, early), (after, late) in pairwise(zip(marks, at, strict=True)):
        parts = [(new[0] - old[0], new[1] - old[1]) for old, new in zip(early, late, strict=True)]
        taken = portion(whole, before, after, funders)
        assert min(min(one) for one in parts) >= 0
        assert (sum(units for units, _ in parts), sum(paid for _, paid in parts)) == (taken.bonus, taken.funding)
        assert taken.debit + taken.funding == taken.credit + taken.fee
        assert min(getattr(taken, field) for field in FIELDS) >= 0
        assert taken.rounding <= taken.fee
        assert taken.bonus > 0 or taken.funding == taken.bonus_credit == 0
    chain = [portion(whole, before, after, funders) for before, after in pairwise(marks)]
    for field in FIELDS:
        assert sum(getattr(one, field) for one in chain) == getattr(whole, field)


# --- periods


def test_a_limit_counts_from_the_beginning_of_its_period_in_its_zone() -> None:
    from zoneinfo import ZoneInfo

    tokyo = ZoneInfo("Asia/Tokyo")  # where it is the morning of the fifth already
    assert begins(LimitPer.DAY, NOW, UTC, rolling=False) == datetime(2026, 3, 4, tzinfo=UTC)
    assert begins(LimitPer.DAY, NOW, tokyo, rolling=False) == datetime(2026, 3, 4, 15, tzinfo=UTC)
    assert begins(LimitPer.MONTH, NOW, UTC, rolling=False) == datetime(2026, 3, 1, tzinfo=UTC)
    assert begins(LimitPer.YEAR, NOW, UTC, rolling=False) == datetime(2026, 1, 1, tzinfo=UTC)
    assert begins(LimitPer.DAY, NOW, tokyo, rolling=True) == NOW - timedelta(hours=24)
    assert begins(LimitPer.MONTH, NOW, UTC, rolling=True) == NOW - timedelta(days=30)
    assert begins(LimitPer.YEAR, NOW, UTC, rolling=True) == NOW - timedelta(days=365)
