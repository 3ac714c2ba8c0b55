"""Laws of risk rules: each watches its own thing, holds and never refuses, and says its name."""

from datetime import timedelta
from typing import Any

import pytest

from clearing.rules.limits import Limit, Used
from clearing.rules.risk import RiskRule, Watches, watched
from tests.conftest import FixedClock

AT = FixedClock().at
BEFORE = [Used(AT - timedelta(hours=hours), 400, "nights", target) for hours, target in ((1, "miles"), (5, "stars"))]


def held(rule: RiskRule, points: int = 100, link_days: int | None = 400, used: Any = BEFORE) -> list[str]:
    limits = watched([rule], "nights", "miles", AT, link_days)
    assert all(limit.holds for limit in limits)
    return [limit.rule for limit in limits if limit.exceeded(used, points)]


@pytest.mark.parametrize(
    ("rule", "holds"),
    [
        ({"watches": Watches.ACCOUNT, "hours": 6, "count": 2}, True),
        ({"watches": Watches.ACCOUNT, "hours": 6, "count": 3}, False),
        ({"watches": Watches.ACCOUNT, "hours": 4, "count": 1}, True),
        ({"watches": Watches.ACCOUNT, "hours": 6, "points": 899}, True),
        ({"watches": Watches.ACCOUNT, "hours": 6, "points": 900}, False),
        ({"watches": Watches.ACCOUNT, "hours": 6, "points": 499, "target": "miles"}, True),
        ({"watches": Watches.ACCOUNT, "hours": 6, "points": 500, "target": "miles"}, False),
        ({"watches": Watches.DEVICE, "hours": 6, "count": 2}, True),
        ({"watches": Watches.DEVICE, "hours": 6, "count": 1, "source": "nights"}, True),
        ({"watches": Watches.DEVICE, "hours": 6, "count": 1, "source": "nights", "target": "miles"}, True),
        ({"watches": Watches.AMOUNT, "points": 99}, True),
        ({"watches": Watches.AMOUNT, "points": 100}, False),
        ({"watches": Watches.NEW_LINK, "days": 401}, True),
        ({"watches": Watches.NEW_LINK, "days": 400}, False),
        ({"watches": Watches.AMOUNT, "points": 0, "source": "stars"}, False),
        ({"watches": Watches.AMOUNT, "points": 0, "target": "stars"}, False),
        ({"watches": Watches.AMOUNT, "points": 0, "source": "nights", "target": "miles"}, True),
    ],
)
def test_a_rule_holds_what_it_watches_above_its_number_and_nothing_else(rule: dict[str, Any], *, holds: bool) -> None:
    assert held(RiskRule("it", **rule)) == (["it"] if holds else [])


def test_accounts_that_are_not_linked_have_no_new_link() -> None:
    assert held(RiskRule("it", Watches.NEW_LINK, days=30), link_days=None) == []


def test_only_a_rule_of_devices_counts_a_device_and_only_one_of_members_their_other_accounts() -> None:
    rules = [
        RiskRule(watches, watches, hours=1, count=1) for watches in (Watches.ACCOUNT, Watches.MEMBER, Watches.DEVICE)
    ]
    whose = [(limit.device, limit.member) for limit in watched(rules, "nights", "miles", AT, None)]
    assert whose == [(False, False), (False, True), (True, False)]


def test_a_rule_of_one_source_counts_what_that_source_sent_alone() -> None:
    rule = RiskRule("it", Watches.DEVICE, source="nights", hours=6, count=0)
    others = [Used(AT - timedelta(hours=1), 400, source, "miles") for source in ("coins", None)]
    assert held(RiskRule("it", Watches.DEVICE, source="nights", hours=6, count=1), used=others) == []
    assert held(RiskRule("it", Watches.DEVICE, hours=6, count=1), used=others) == ["it"]
    assert held(rule, used=others) == ["it"]  # more than none: this one itself


def test_one_exchange_alone_is_not_added_to_others() -> None:
    assert not Limit("alone", None, points=100).exceeded(BEFORE, 100)
    assert Limit("alone", None, points=100).exceeded([], 101)
