"""Which version of a rate card is in force, and what is announced to change: the notices that machines read."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from itertools import groupby

from clearing.rules.cards import END, Card, Span

PARTS = ("trims", "monotone", "rates", "bonuses", "fees", "limits", "channels", "link", "pool", "values")


class ChangeKind(StrEnum):
    """What happens at the instant of a change."""

    VERSION_BEGINS = "version_begins"
    """This version takes the place of the one before, or opens the corridor."""
    CORRIDOR_CLOSES = "corridor_closes"
    """The version ends and no other is announced to follow at once."""
    BEGINS = "begins"
    """A window of a rule or channel begins."""
    ENDS = "ends"
    """A window of a rule or channel ends."""


@dataclass(frozen=True, slots=True)
class Change:
    """What changes `at` an instant, and since when that is announced.

    `part` and `name` say which rule or channel; for a version, `parts` names what differs from the version before it, or all of it.
    """

    source: str
    target: str
    version: int
    kind: ChangeKind
    at: datetime
    announced_at: datetime
    part: str = ""
    name: str = ""
    parts: tuple[str, ...] = ()


def card_in_force(cards: Iterable[Card], at: datetime) -> Card | None:
    """Of the versions of one corridor the one that began last, unless it has ended: an earlier one does not come back."""
    begun = [card for card in cards if card.span.begins <= at]
    last = max(begun, key=_order, default=None)
    return last if last is not None and at < last.span.ends else None


def announced(cards: Iterable[Card], now: datetime) -> tuple[Change, ...]:
    """Every change after `now` that was announced by `now`, in order of time. A version that is replaced before changes nothing more."""
    known = sorted(
        (card for card in cards if card.announced_at <= now), key=lambda card: (_corridor(card), _order(card))
    )
    changes: list[Change] = []
    for _, series in groupby(known, key=_corridor):
        versions = list(series)
        for index, card in enumerate(versions):
            later = versions[index + 1].span.begins if index + 1 < len(versions) else END
            changes += _of_version(card, versions[index - 1] if index else None, later)
    coming = [change for change in changes if change.at > now]
    return tuple(sorted(coming, key=lambda change: (change.at, change.source, change.target, change.part, change.name)))


def _order(card: Card) -> tuple[datetime, int]:
    return card.span.begins, card.version


def _corridor(card: Card) -> tuple[str, str]:
    return card.source, card.target


def _of_version(card: Card, before: Card | None, later: datetime) -> Iterator[Change]:
    """What this version changes while it is in force: from its beginning until it ends or the `later` one begins."""
    if card.span.begins >= later:
        return
    about = (card.source, card.target, card.version)
    since = card.announced_at
    parts = tuple(part for part in PARTS if before is None or getattr(card, part) != getattr(before, part))
    yield Change(*about, ChangeKind.VERSION_BEGINS, card.span.begins, since, parts=parts)
    if card.span.ends < later:
        yield Change(*about, ChangeKind.CORRIDOR_CLOSES, card.span.ends, since)
    force = Span(card.span.begins, min(card.span.ends, later))
    for part, name, span in _windows(card):
        for kind, at in ((ChangeKind.BEGINS, span.begins), (ChangeKind.ENDS, span.ends)):
            if at != force.begins and force.contains(at):
                yield Change(*about, kind, at, since, part, name)


def _windows(card: Card) -> Iterator[tuple[str, str, Span]]:
    yield from (("channels", channel.name, channel.span) for channel in card.channels)
    yield from (("rates", rate.name, rate.when.span) for rate in card.rates)
    yield from (("bonuses", bonus.name, bonus.when.span) for bonus in card.bonuses)
    yield from (("fees", fee.name, fee.when.span) for fee in card.fees)
    yield from (("waivers", fee.name, span) for fee in card.fees for span in fee.waived)
