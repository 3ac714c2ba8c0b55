"""Reads the document of risk rules: a parsed JSON value becomes a version of them, or the first reason why it is none."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from clearing.rules.risk import RiskRule, RuleSet, Watches
from clearing.rules.shapes import (
    CODE,
    INSTANT,
    NAME,
    Fault,
    Law,
    Reader,
    Shape,
    one_of,
    record,
    several,
    text,
    whole,
)

FORMAT = "risk-rules/1"
HOURS_MAX = 366 * 24
DAYS_MAX = 3_650
RULES_MAX = 100

Document = dict[str, Any]

_RULE = record(
    "What is held until a person has looked at it.",
    "name watches",
    name=text("The name by which a held exchange says why; once in the list.", NAME),
    watches=one_of("What the rule looks at.", *Watches),
    source=text("Only what leaves this program; absent: every one, and what is issued.", CODE),
    target=text("Only what reaches this program; absent: every one, and what is spent.", CODE),
    hours=whole("account, member, device: over how long.", 1, HOURS_MAX),
    count=whole("account, member, device: more exchanges than this are held."),
    points=whole("account, member, device, amount: more points than this are held."),
    days=whole("new_link: a link of fewer whole days is held.", 1, DAYS_MAX),
)
SCHEMA: Shape = record(
    "All risk rules from an instant on, in the order in which they are looked at; none: nothing is held. Numbers are whole and at most "
    "2^53 - 1, written without fraction or exponent.",
    "format valid_from rules",
    format=one_of("The format of this document.", FORMAT),
    valid_from=text("From when on this version takes the place of the one before.", INSTANT),
    rules=several("The rules.", _RULE, RULES_MAX),
)
"""JSON Schema 2020-12 of the document."""
_READER = Reader(SCHEMA)

_MEASURES = ("hours", "count", "points", "days")
_VELOCITY = ("hours", "count", "points")
_USES: dict[Watches, tuple[str, ...]] = {
    Watches.ACCOUNT: _VELOCITY,
    Watches.MEMBER: _VELOCITY,
    Watches.DEVICE: _VELOCITY,
    Watches.AMOUNT: ("points",),
    Watches.NEW_LINK: ("days",),
}
"""The measures that a rule can use. It needs all of them; of `count` and `points` beside `hours` one is enough."""


def read_rules(value: Any, version: int) -> RuleSet | Fault:
    """The rules of this document, as the version that the house makes it. Never raises, whatever JSON value is given.

    1. the shape, which JSON Schema states too; 2. a date that exists; 3. no name twice; 4. measures that belong to what is watched.
    """
    for look in (_shape, _dates, _names, _measures):  # each begins to look only when those before it found nothing
        if fault := next(look(value), None):
            return fault
    return rules_of(value, version)


def rules_of(document: Document, version: int) -> RuleSet:
    """The rules of a document that was read before."""
    return RuleSet(version, _instant(document["valid_from"]), tuple([_rule(rule) for rule in document["rules"]]))


def _shape(value: Any) -> Iterator[Fault]:
    return _READER.departures(value)


def _dates(document: Document) -> Iterator[Fault]:
    try:
        _instant(document["valid_from"])
    except ValueError:
        yield Fault("$.valid_from", Law.NO_INSTANT, "no calendar has this date")


def _names(document: Document) -> Iterator[Fault]:
    seen: set[str] = set()
    for place, rule in enumerate(document["rules"]):
        if rule["name"] in seen:
            yield Fault(f"$.rules[{place}].name", Law.TWICE, "is in this list already")
        seen.add(rule["name"])


def _measures(document: Document) -> Iterator[Fault]:
    for place, rule in enumerate(document["rules"]):
        path, watches = f"$.rules[{place}]", Watches(rule["watches"])
        for measure in _MEASURES:
            if measure in rule and measure not in _USES[watches]:
                yield Fault(f"{path}.{measure}", Law.CONTRADICTION, f"a rule that watches {watches} does not use it")
        if lacking := _lacking(rule, _USES[watches]):
            yield Fault(path, Law.CONTRADICTION, f"a rule that watches {watches} needs {lacking}")
        within = "source" in rule and rule["source"] == rule.get("target")
        if within and watches is Watches.NEW_LINK:
            yield Fault(
                f"{path}.target", Law.CONTRADICTION, "is the source, too: within one program there are no links"
            )


def _lacking(rule: Document, uses: tuple[str, ...]) -> str | None:
    if uses is not _VELOCITY:
        return next((measure for measure in uses if measure not in rule), None)
    if "hours" not in rule:
        return "hours"
    return None if "count" in rule or "points" in rule else "count or points"


def _rule(rule: Document) -> RiskRule:
    return RiskRule(
        rule["name"],
        Watches(rule["watches"]),
        rule.get("source"),
        rule.get("target"),
        rule.get("hours", 0),
        rule.get("count"),
        rule.get("points"),
        rule.get("days", 0),
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)
