"""The reader of risk rules: what is said is read, what JSON Schema refuses is refused, and so is what contradicts itself."""

import copy
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from clearing.rules.risk import RiskRule, RuleSet, Watches, in_force, watch_for
from clearing.rules.risk_json import SCHEMA, read_rules, rules_of
from clearing.rules.shapes import SHAPE_LAWS, Fault

JUDGE = Draft202012Validator(SCHEMA)
WHOLE: dict[str, Any] = {
    "format": "risk-rules/1",
    "valid_from": "2026-04-01T00:00:00+02:00",
    "rules": [
        {"name": "busy", "watches": "account", "hours": 24, "count": 5, "points": 100_000, "target": "lotus-air"},
        {"name": "one-phone", "watches": "device", "hours": 1, "count": 0},
        {"name": "large", "watches": "amount", "points": 250_000, "source": "palm-hotels"},
        {"name": "new-link", "watches": "new_link", "days": 7},
    ],
}
BEGINS = datetime(2026, 3, 31, 22, tzinfo=UTC)


def test_everything_that_is_said_is_read() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    assert JUDGE.is_valid(WHOLE)
    rules = (
        RiskRule("busy", Watches.ACCOUNT, None, "lotus-air", 24, 5, 100_000),
        RiskRule("one-phone", Watches.DEVICE, hours=1, count=0),
        RiskRule("large", Watches.AMOUNT, "palm-hotels", points=250_000),
        RiskRule("new-link", Watches.NEW_LINK, days=7),
    )
    assert read_rules(WHOLE, 3) == rules_of(WHOLE, 3) == RuleSet(3, BEGINS, rules)


def test_no_rules_are_a_version_too() -> None:
    assert read_rules(WHOLE | {"rules": []}, 1) == RuleSet(1, BEGINS, ())


def changed(rule: int | None = None, **fields: Any) -> dict[str, Any]:
    """WHOLE with fields replaced, of the document or of one rule; ... takes a field away."""
    document = copy.deepcopy(WHOLE)
    place = document if rule is None else document["rules"][rule]
    place.update(fields)
    for name in [name for name, value in fields.items() if value is ...]:
        del place[name]
    return document


REFUSED: list[tuple[dict[str, Any], str, str]] = [
    (changed(format="risk-rules/2"), "$.format", "range"),
    (changed(colour="red"), "$", "unknown_field"),
    (changed(rules=...), "$", "missing_field"),
    (changed(valid_from="2026-04-31T00:00:00Z"), "$.valid_from", "no_instant"),
    (changed(valid_from="2026-04-01"), "$.valid_from", "pattern"),
    (changed(0, colour="red"), "$.rules[0]", "unknown_field"),
    (changed(0, name=...), "$.rules[0]", "missing_field"),
    (changed(0, name="Busy"), "$.rules[0].name", "pattern"),
    (changed(0, watches="weather"), "$.rules[0].watches", "range"),
    (changed(0, count=-1), "$.rules[0].count", "range"),
    (changed(0, count=5.0), "$.rules[0].count", "type"),
    (changed(0, count=True), "$.rules[0].count", "type"),
    (changed(0, count="5"), "$.rules[0].count", "type"),
    (changed(0, count=None), "$.rules[0].count", "type"),
    (changed(0, points=2**53), "$.rules[0].points", "range"),
    (changed(0, hours=0), "$.rules[0].hours", "range"),
    (changed(0, target="lotus air"), "$.rules[0].target", "pattern"),
    (changed(1, name="busy"), "$.rules[1].name", "twice"),
    (changed(0, hours=...), "$.rules[0]", "contradiction"),
    (changed(0, count=..., points=...), "$.rules[0]", "contradiction"),
    (changed(0, days=3), "$.rules[0].days", "contradiction"),
    (changed(1, hours=...), "$.rules[1]", "contradiction"),
    (changed(2, points=...), "$.rules[2]", "contradiction"),
    (changed(2, hours=3), "$.rules[2].hours", "contradiction"),
    (changed(2, count=3), "$.rules[2].count", "contradiction"),
    (changed(3, days=...), "$.rules[3]", "contradiction"),
    (changed(3, points=3), "$.rules[3].points", "contradiction"),
    (changed(1, watches="member", hours=...), "$.rules[1]", "contradiction"),
    (changed(1, watches="member", days=2), "$.rules[1].days", "contradiction"),
    (changed(3, source="lotus-air", target="lotus-air"), "$.rules[3].target", "contradiction"),
]


@pytest.mark.parametrize(("document", "path", "law"), REFUSED)
def test_a_document_that_is_none_is_refused_with_the_path(document: dict[str, Any], path: str, law: str) -> None:
    found = read_rules(document, 1)
    assert isinstance(found, Fault)
    assert (found.path, found.law) == (path, law)


@pytest.mark.parametrize(("document", "path", "law"), REFUSED)
def test_the_schema_refuses_the_same_shapes(document: dict[str, Any], path: str, law: str) -> None:
    exact = path != "$.rules[0].count" or document["rules"][0]["count"] != 5.0  # 5.0 is a whole number to JSON Schema
    assert JUDGE.is_valid(document) == (law not in SHAPE_LAWS or not exact)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
RULE = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "b", "A b"]),
        "watches": st.sampled_from(list(Watches)) | JSON,
        **{name: st.integers(-1, 3) | JSON for name in ("hours", "count", "points", "days")},
    },
)


@settings(max_examples=300, derandomize=True)
@given(JSON | st.builds(lambda rules: WHOLE | {"rules": rules}, st.lists(RULE, max_size=3)))
def test_whatever_json_is_given_the_reader_answers_and_is_no_softer_than_the_schema(value: Any) -> None:
    found = read_rules(json.loads(json.dumps(value)), 1)
    if isinstance(found, RuleSet):
        assert JUDGE.is_valid(json.loads(json.dumps(value)))
        assert all(rule.hours or rule.watches in {Watches.AMOUNT, Watches.NEW_LINK} for rule in found.rules)


def test_the_version_in_force_is_the_one_that_began_last() -> None:
    first, second = RuleSet(1, BEGINS + timedelta(days=9), ()), RuleSet(2, BEGINS, ())
    assert in_force([first, second], BEGINS - timedelta(seconds=1)) is None
    assert in_force([first, second], BEGINS) == second
    assert in_force([first, second], BEGINS + timedelta(days=9)) == first


def test_a_link_is_looked_at_only_where_a_rule_watches_it() -> None:
    rules = [RiskRule("it", Watches.NEW_LINK, target="stars", days=7), RiskRule("large", Watches.AMOUNT, points=1)]
    assert not watch_for(rules, "nights", "miles", Watches.NEW_LINK)
    assert watch_for(rules, "nights", "stars", Watches.NEW_LINK)
    assert not watch_for(rules, "nights", "stars", Watches.MEMBER)
    assert not watch_for([], "nights", "stars", Watches.NEW_LINK)
