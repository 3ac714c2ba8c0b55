"""Risk rules as data: what is held, before anybody is asked, until a person has looked at it.

A rule never refuses: it holds, and says which one it was. Velocity counts what a member's account or a device asked for in the last
hours; an amount is unusual above a number of points; a link is new for so many days. The counting is done under the lane's lock
(`limits.Limit`), so that no burst of requests slips through between two looks.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from clearing.rules.limits import Limit


class Watches(StrEnum):
    """What a rule looks at."""

    ACCOUNT = "account"
    """How often, and how much, left a member's account; of what is issued, how often and how much was issued to it."""
    MEMBER = "member"
    """The same of all accounts that live links tie to that account, at whatever program, with it."""
    DEVICE = "device"
    """How often, and how much, was asked for from one device, whoever the member is."""
    AMOUNT = "amount"
    """One exchange alone."""
    NEW_LINK = "new_link"
    """The age of the link between the two accounts; of points spent at another partner, of the link that carries the consent."""


@dataclass(frozen=True, slots=True)
class RiskRule:
    """One rule. `source` and `target` narrow it to programs; None: every one, and the partner alone that issues or is paid."""

    name: str
    watches: Watches
    source: str | None = None
    target: str | None = None
    hours: int = 0  # ACCOUNT, MEMBER, DEVICE: over how long
    count: int | None = None  # the same: more exchanges than this are held
    points: int | None = None  # the same, and AMOUNT: more points than this are held
    days: int = 0  # NEW_LINK: a younger link is held

    def applies(self, source: str | None, target: str | None) -> bool:
        """Whether the rule looks at an exchange between these programs."""
        return self.source in {None, source} and self.target in {None, target}


@dataclass(frozen=True, slots=True)
class RuleSet:
    """All rules of one published version, in the order in which they are looked at."""

    version: int
    valid_from: datetime
    rules: tuple[RiskRule, ...]


def in_force(versions: Iterable[RuleSet], at: datetime) -> RuleSet | None:
    """The version that began last; None before the first."""
    begun = [version for version in versions if version.valid_from <= at]
    return max(begun, key=lambda version: version.valid_from, default=None)


def watch_for(rules: Iterable[RiskRule], source: str | None, target: str | None, watches: Watches) -> bool:
    """Whether one of these rules looks at this, of an exchange between these programs."""
    return any(rule.watches is watches and rule.applies(source, target) for rule in rules)


def watched(
    rules: Iterable[RiskRule], source: str | None, target: str | None, at: datetime, link_days: int | None
) -> tuple[Limit, ...]:
    """The limits by which these rules hold an exchange at this instant. A link age of None: the accounts are not linked."""
    found: list[Limit] = []
    for rule in rules:
        if not rule.applies(source, target):
            continue
        if rule.watches is Watches.NEW_LINK:
            if link_days is not None and link_days < rule.days:
                found.append(Limit(rule.name, None, count=0, holds=True))
        elif rule.watches is Watches.AMOUNT:
            found.append(Limit(rule.name, None, points=rule.points, holds=True))
        else:
            since = at - timedelta(hours=rule.hours)
            device = rule.watches is Watches.DEVICE
            whose = {"device": device, "member": rule.watches is Watches.MEMBER}
            found.append(
                Limit(rule.name, since, rule.points, rule.count, rule.target, **whose, holds=True, source=rule.source)
            )
    return tuple(found)


@dataclass(frozen=True, slots=True)
class Watch:
    """What an exchange is watched by: the limits that hold it, the keyed hash of the device that asks, the member's other accounts."""

    limits: tuple[Limit, ...] = ()
    device: bytes | None = None
    others: tuple[UUID, ...] = ()


UNWATCHED = Watch()
