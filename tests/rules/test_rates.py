"""Laws of prices: exact, never creating value, and given back to the last millionth."""

from datetime import UTC, datetime, timedelta
from fractions import Fraction
from itertools import pairwise
from math import ceil, floor

import pytest
from hypothesis import assume, example, given
from hypothesis import strategies as st

from clearing.rules.rates import Corridor, Price, Terms, in_force, portion, price, priced_by_received, sendable
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import AMOUNT_MAX, Ratio

NOTHING, HALF = Ratio(0, 1), Ratio(1, 2)
NOW = datetime(2026, 3, 4, tzinfo=UTC)
DAY = timedelta(days=1)
RATIOS = st.builds(Ratio, st.integers(0, 2**40), st.integers(1, 2**40))
SOME = st.builds(Ratio, st.integers(1, 1_000), st.integers(1, 1_000))


def corridor(ratio: Ratio = HALF, step: int = 2, minimum: int = 2, maximum: int | None = None) -> Corridor:
    return Corridor("nights", "miles", 1, NOW, None, ratio, step, minimum, maximum)


def priced(issue: Ratio, redeem: Ratio, version: int = 1) -> Price:
    return Price("any", version, NOW, issue, redeem)


def value(ratio: Ratio) -> Fraction:
    return Fraction(ratio.num, ratio.den)


@st.composite
def terms(draw: st.DrawFn) -> Terms:
    """Terms as they come out of `price`."""
    sent, ratio = draw(st.integers(1, 10**6)), draw(SOME)
    found = price(
        corridor(ratio, ratio.den, ratio.den),
        priced(NOTHING, draw(SOME)),
        priced(draw(SOME), NOTHING),
        sent * ratio.den,
    )
    assume(isinstance(found, Terms))
    assert isinstance(found, Terms)
    return found


# --- price


@given(st.integers(1, 10**12), RATIOS, RATIOS)
@example(1, Ratio(5_000, 1), Ratio(10_001, 2))  # half a millionth that rounding would hide
def test_terms_are_exact_and_never_create_value(sent: int, redeem: Ratio, issue: Ratio) -> None:
    paid, cost = value(redeem) * sent, value(issue) * sent
    found = price(corridor(Ratio(1, 1), 1, 1), priced(NOTHING, redeem), priced(issue, NOTHING), sent)
    if isinstance(found, Refusal):
        assert cost > paid or ceil(paid) > AMOUNT_MAX
        assert found.code is (RefusalCode.UNFUNDED_VALUE if cost > paid else RefusalCode.ABOVE_MAXIMUM)
        return
    assert (found.sent, found.received, found.funding) == (sent, sent, 0)
    assert (found.debit, found.credit) == (ceil(paid), floor(cost))
    assert found.debit + found.funding == found.credit + found.fee
    assert found.fee - found.rounding == floor(paid - cost) >= 0
    assert 0 <= found.rounding <= 2


@given(st.integers(1, 10**9), SOME)
def test_what_is_received_is_the_exact_ratio(blocks: int, ratio: Ratio) -> None:
    sent = blocks * ratio.den
    found = price(corridor(ratio, ratio.den, ratio.den), priced(NOTHING, Ratio(1, 1)), priced(NOTHING, NOTHING), sent)
    assert isinstance(found, Terms)
    assert found.received == value(ratio) * sent


@given(st.integers(1, 10**9), SOME)
def test_asked_by_sent_or_by_received_the_price_is_one(blocks: int, ratio: Ratio) -> None:
    sent = blocks * ratio.den
    way = corridor(ratio, ratio.den, ratio.den)
    assert priced_by_received(way, ratio.floor(sent)) == sent


def test_no_whole_number_of_points_gives_this() -> None:
    assert priced_by_received(corridor(Ratio(3, 2)), 4) is None
    assert priced_by_received(corridor(Ratio(0, 1)), 4) is None


@pytest.mark.parametrize(
    ("sent", "code", "told"),
    [
        (999, RefusalCode.BELOW_MINIMUM, "1000"),
        (1_000, None, ""),
        (1_001, RefusalCode.AMOUNT_OFF_STEP, "1000 or 1250"),
        (1_249, RefusalCode.AMOUNT_OFF_STEP, "1000 or 1250"),
        (1_250, None, ""),
        (5_000, None, ""),
        (5_001, RefusalCode.ABOVE_MAXIMUM, "5000"),
    ],
)
def test_an_amount_is_refused_with_the_next_valid_ones(sent: int, code: RefusalCode | None, told: str) -> None:
    refusal = sendable(corridor(Ratio(1, 5), 250, 1_000, 5_000), sent)
    assert (refusal.code if refusal else None) is code
    assert refusal is None or told in refusal.detail


@given(st.integers(1, 50), st.integers(1, 50), st.integers(0, 500))
def test_the_next_valid_amounts_are_valid(step: int, minimum: int, sent: int) -> None:
    way = corridor(Ratio(1, 1), step, minimum)
    refusal = sendable(way, sent)
    if refusal is not None and refusal.code is RefusalCode.AMOUNT_OFF_STEP:
        lower, upper = refusal.detail.rsplit(": ", 1)[1].split(" or ")
        assert int(lower) < sent < int(upper)
        assert sendable(way, int(lower)) is sendable(way, int(upper)) is None


def test_beyond_what_json_carries_nothing_is_sent_received_or_owed() -> None:
    ones = priced(NOTHING, Ratio(1, 1))
    far = [
        price(corridor(Ratio(1, 1), 1, 1), ones, ones, AMOUNT_MAX + 1),
        price(corridor(Ratio(2, 1), 1, 1), ones, ones, AMOUNT_MAX),
        price(corridor(Ratio(1, 1), 1, 1), priced(NOTHING, Ratio(2, 1)), ones, AMOUNT_MAX),
    ]
    assert [one.code for one in far if isinstance(one, Refusal)] == [RefusalCode.ABOVE_MAXIMUM] * 3


def test_the_latest_card_that_has_begun_is_in_force() -> None:
    cards = [Price("any", version, NOW + version * DAY, NOTHING, NOTHING) for version in (3, 1, 2)]
    assert in_force(cards, NOW) is None
    for days, version in ((1, 1), (2, 2), (9, 3)):
        found = in_force(cards, NOW + days * DAY)
        assert found is not None
        assert found.version == version


# --- reversal

FIELDS = ("sent", "received", "debit", "funding", "credit", "fee", "rounding")


@given(terms(), st.data())
def test_partial_reversals_add_up_to_the_terms_and_each_balances(whole: Terms, data: st.DataObject) -> None:
    inner = data.draw(st.lists(st.integers(1, whole.sent), unique=True, max_size=8))
    marks = sorted({0, *inner, whole.sent})
    parts = [portion(whole, before, after) for before, after in pairwise(marks)]
    for field in FIELDS:
        assert sum(getattr(one, field) for one in parts) == getattr(whole, field)
    for one in parts:
        assert one.debit + one.funding == one.credit + one.fee
        assert min(getattr(one, field) for field in FIELDS) >= 0
        assert one.rounding <= one.fee


@given(terms(), st.data())
def test_whatever_is_left_can_always_be_reversed(whole: Terms, data: st.DataObject) -> None:
    before = data.draw(st.integers(0, whole.sent - 1))
    assert portion(whole, before, whole.sent).received >= 1
