"""Which kind leads where, when something may have happened, and what a channel right decides."""

from datetime import UTC, datetime, timedelta
from itertools import product

import pytest

from clearing.rules.kinds import (
    OCCURRED_DAYS_MAX,
    Nature,
    alone_refusal,
    occurred_refusal,
    quoted_refusal,
)
from clearing.rules.lifecycle import Kind
from clearing.rules.refusals import RefusalCode

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
QUOTED = (Kind.EXCHANGE, Kind.TRANSFER, Kind.GIFT, Kind.DONATION, Kind.CASH_BACK)
FITS = {
    (Kind.EXCHANGE, Nature.POINTS, False),
    (Kind.TRANSFER, Nature.POINTS, False),
    (Kind.TRANSFER, Nature.POINTS, True),
    (Kind.GIFT, Nature.POINTS, True),
    (Kind.DONATION, Nature.CHARITY, False),
    (Kind.CASH_BACK, Nature.MONEY, False),
}


@pytest.mark.parametrize("kind", QUOTED)
def test_each_kind_leads_where_the_table_says_and_nowhere_else(kind: Kind) -> None:
    for target, within in product(Nature, (False, True)):
        refusal = quoted_refusal(kind, Nature.POINTS, target, within=within, same=False)
        assert (refusal is None) == ((kind, target, within) in FITS), (target, within)
        assert refusal is None or refusal.code is RefusalCode.KIND_MISMATCH


def test_units_of_charities_and_of_money_are_not_sent_on() -> None:
    for kind, source, target in product(QUOTED, (Nature.CHARITY, Nature.MONEY), Nature):
        assert quoted_refusal(kind, source, target, within=False, same=False) is not None


@pytest.mark.parametrize("kind", [Kind.GIFT, Kind.TRANSFER])
def test_nobody_gives_to_itself(kind: Kind) -> None:
    assert quoted_refusal(kind, Nature.POINTS, Nature.POINTS, within=True, same=True) is not None


@pytest.mark.parametrize("kind", [Kind.ACCRUAL, Kind.PURCHASE, Kind.REDEMPTION])
def test_only_points_are_issued_and_spent_alone(kind: Kind) -> None:
    assert [nature for nature in Nature if alone_refusal(kind, nature) is None] == [Nature.POINTS]


@pytest.mark.parametrize(
    ("ago", "fits"),
    [
        (timedelta(0), True),
        (timedelta(microseconds=-1), False),
        (timedelta(days=OCCURRED_DAYS_MAX), True),
        (timedelta(days=OCCURRED_DAYS_MAX, microseconds=1), False),
    ],
)
def test_what_happened_lies_neither_ahead_nor_too_far_back(ago: timedelta, *, fits: bool) -> None:
    assert (occurred_refusal(NOW - ago, NOW) is None) == fits


def test_nothing_said_of_when_is_nothing_wrong() -> None:
    assert occurred_refusal(None, NOW) is None
