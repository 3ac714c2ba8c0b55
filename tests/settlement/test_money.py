"""Laws of money as text and of its one rounding: exact or refused, and zero stays zero."""

from fractions import Fraction
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.units import Ratio
from settlement.rules.money import (
    MICROS_MAX,
    Reason,
    Refused,
    decimal,
    micros,
    minor,
    nearest,
    plain,
    rate,
    to_minor,
    written,
)

EXACT = st.fractions(-(10**9), 10**9, max_denominator=10**4)
NAMED = st.dictionaries(st.text("abcdef", min_size=1, max_size=3), EXACT, min_size=1, max_size=8)


@st.composite
def zero_sums(draw: st.DrawFn) -> dict[str, Fraction]:
    """Exact amounts of parties that add up to zero."""
    amounts = draw(NAMED)
    return amounts | {"zz": -sum(amounts.values(), Fraction())}


# --- text


@given(st.integers(0, MICROS_MAX), st.integers(0, 6))
def test_what_is_written_is_read_again(amount: int, digits: int) -> None:
    assert decimal(written(amount, digits), digits) == amount
    assert micros(plain(amount, digits)) == amount


@pytest.mark.parametrize(
    ("text", "digits", "value"),
    [
        ("0.29", 2, 29),
        ("100", 2, 10_000),
        ("1.1", 2, 110),
        ("007", 0, 7),
        ("0", 6, 0),
        ("9007199254740993", 0, 2**53 + 1),
    ],
)
def test_an_amount_is_exact_beyond_every_float(text: str, digits: int, value: int) -> None:
    assert decimal(text, digits) == value


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", Reason.EMPTY),
        ("NaN", Reason.NOT_DECIMAL),
        ("inf", Reason.NOT_DECIMAL),
        ("Infinity", Reason.NOT_DECIMAL),
        ("1e3", Reason.NOT_DECIMAL),
        ("1E3", Reason.NOT_DECIMAL),
        ("+1", Reason.NOT_DECIMAL),
        ("-1", Reason.NOT_DECIMAL),
        ("1,000.00", Reason.NOT_DECIMAL),
        ("1 000", Reason.NOT_DECIMAL),
        ("1_000", Reason.NOT_DECIMAL),
        (" 1", Reason.NOT_DECIMAL),
        ("1\n", Reason.NOT_DECIMAL),
        ("1.", Reason.NOT_DECIMAL),
        (".5", Reason.NOT_DECIMAL),
        ("1.2.3", Reason.NOT_DECIMAL),
        ("0x10", Reason.NOT_DECIMAL),
        ("١٢", Reason.NOT_DECIMAL),
        ("²", Reason.NOT_DECIMAL),
        ("9" * 10_000, Reason.NOT_DECIMAL),
        ("9" * 40, Reason.TOO_LARGE),
        ("9223372036854.775808", Reason.TOO_LARGE),
        ("1.0000000", Reason.DECIMALS),
    ],
)
def test_what_is_no_amount_is_refused_with_its_reason(text: str, reason: Reason) -> None:
    found = micros(text)
    assert isinstance(found, Refused)
    assert (found.reason, found.line) == (reason, None)


def test_the_largest_amount_is_that_of_the_books() -> None:
    assert micros("9223372036854.775807") == MICROS_MAX


@pytest.mark.parametrize(
    ("digits", "fits", "too_fine"), [(0, "5", "5.0"), (2, "5.01", "5.010"), (3, "5.001", "5.0010")]
)
def test_a_currency_takes_no_more_decimals_than_it_has(digits: int, fits: str, too_fine: str) -> None:
    assert isinstance(decimal(fits, digits), int)
    found = decimal(too_fine, digits)
    assert isinstance(found, Refused)
    assert found.reason is Reason.DECIMALS


def test_a_rate_is_an_exact_ratio_and_never_zero() -> None:
    assert rate("0.9216") == Ratio(576, 625)
    assert rate("1.000") == Ratio(1, 1)
    assert rate("0.000000000000001") == Ratio(1, 10**15)
    reasons = [found.reason for text in ("0", "0.00", "-1", "1/3", "") if isinstance(found := rate(text), Refused)]
    assert reasons == [Reason.RATE_ZERO, Reason.RATE_ZERO, Reason.NOT_DECIMAL, Reason.NOT_DECIMAL, Reason.EMPTY]


@pytest.mark.parametrize(
    ("amount", "digits", "text"),
    [
        (5_800, 2, "0.0058"),
        (5_800_000, 2, "5.80"),
        (-1, 2, "-0.000001"),
        (3_000_000, 0, "3"),
        (100_000_000, 0, "100"),
        (0, 2, "0.00"),
    ],
)
def test_decimals_beyond_the_currency_are_told_only_where_they_say_something(
    amount: int, digits: int, text: str
) -> None:
    assert plain(amount, digits) == text


# --- rounding


@given(zero_sums())
def test_rounded_amounts_of_a_zero_sum_add_up_to_zero_and_are_less_than_one_off(exact: dict[str, Fraction]) -> None:
    found = to_minor(exact)
    assert sum(found.values()) == 0
    assert found.keys() == exact.keys()
    for name, amount in exact.items():
        assert abs(found[name] - amount) < 1
        assert amount.denominator > 1 or found[name] == amount


@given(zero_sums(), st.randoms())
def test_rounding_does_not_depend_on_the_order_of_the_parties(exact: dict[str, Fraction], luck: Random) -> None:
    names = list(exact)
    luck.shuffle(names)
    assert to_minor({name: exact[name] for name in names}) == to_minor(exact)


def test_what_is_left_goes_to_the_largest_remainders_and_among_equals_to_the_name_that_sorts_first() -> None:
    """G15: 100 by 1:1:1 is 34, 33, 33, here owed by one."""
    third = Fraction(100, 3)
    assert to_minor({"c": third, "b": third, "a": third, "z": Fraction(-100)}) == {"a": 34, "b": 33, "c": 33, "z": -100}


def test_among_equal_remainders_who_is_owed_comes_before_who_owes_and_more_before_less() -> None:
    half = Fraction(1, 2)
    for one, other in ("ab", "ba"):
        assert to_minor({one: half, other: -half}) == {one: 1, other: -1}
        assert to_minor({one: half, other: 5 + half, "m": Fraction(-6)}) == {one: 0, other: 6, "m": -6}


def test_what_does_not_add_up_to_zero_is_not_rounded_together() -> None:
    with pytest.raises(ValueError, match="zero"):
        to_minor({"a": Fraction(1)})


@given(EXACT)
def test_the_nearest_is_at_most_a_half_away_and_has_a_mirror_image(exact: Fraction) -> None:
    assert abs(nearest(exact) - exact) <= Fraction(1, 2)
    assert nearest(-exact) == -nearest(exact)
    assert nearest(Fraction(1, 2)) == 1


def test_micros_in_minor_units_are_exact() -> None:
    assert minor(Fraction(5_800), 2) == Fraction(58, 100)
    assert minor(Fraction(1, 3), 0) == Fraction(1, 3_000_000)
