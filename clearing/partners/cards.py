"""Rate cards between programs: dated versions of documents, published by two keys, never edited.

No card is published under which somebody would be owed more than somebody pays: `funding` says what is looked at. The funders of every
bonus must have agreed to their share of it. Two cards published in the same instant may not see each other; the quote refuses unfunded
value once more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import combinations
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from psycopg.types.json import Jsonb

from clearing import errors
from clearing.partners.directory import Directory, card_of, load
from clearing.partners.funding import circular, lapsed, unagreed, unfunded
from clearing.partners.proposals import Signers, digest_of
from clearing.partners.rows import Connection, row, rows
from clearing.rules.agreements import HOUSE
from clearing.rules.card_json import read_card
from clearing.rules.cards import Card, Link
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.shapes import Fault
from clearing.rules.versions import card_in_force

KIND = "card"


@dataclass(frozen=True, slots=True)
class FiledCard:
    """A published version as it is kept: the document, its digest, and the two keys; none for a first one taken in at onboarding."""

    card: Card
    document: Mapping[str, Any]
    digest: str
    proposed_by: str | None
    confirmed_by: str | None


def drafted_card(directory: Directory, document: object, now: datetime) -> Card | Refusal:
    """The card that this document would be if it was confirmed now, or the version that it is already.

    Raises errors.ValidationFailed naming the path. 1. the document; 2. published before; 3. programs, zones and funders that are
    known, no price within one program, one day for what is given together; 4. version, dates and notice; 5. every bonus is paid for
    by who agreed to, from its beginning until the last change that is known; 6. nothing unfunded, no circle that gains.
    """
    card = read_card(document)  # 1
    if isinstance(card, Fault):
        raise errors.ValidationFailed(str(card))
    if not {card.source, card.target} <= directory.programs.keys():
        return Refusal(RefusalCode.UNKNOWN_PROGRAM, "no program has this code")
    series = directory.cards.get((card.source, card.target), ())
    if any(known == card for known in series):  # 2
        return card
    _require_known(directory, card)  # 3
    _require_plain(card)
    _require_one_day(card)
    if refusal := _untimely(series, card, now):  # 4
        return refusal
    planned = replace(directory, cards={**directory.cards, (card.source, card.target): (*series, card)})
    return (
        unagreed(directory, card, card.span.begins)  # 5
        or lapsed(planned, [(card.source, card.target)], card.span.begins)
        or unfunded(planned, [(card.source, card.target)], card.span.begins)  # 6
        or circular(planned, card.span.begins)
        or card
    )


async def publish_card(
    connection: Connection, document: Mapping[str, Any], now: datetime, signers: Signers | None = None
) -> Card | Refusal:
    """The next version of a rate card. Published again unchanged: the version it is. Only a first one is published without two keys.

    Raises what `drafted_card` raises.
    """
    directory = await load(connection)
    card = drafted_card(directory, document, now)
    if isinstance(card, Refusal) or card in directory.cards.get((card.source, card.target), ()):
        return card
    if signers is None and card.version > 1:
        return Refusal(RefusalCode.SECOND_KEY_NEEDED, "a published card changes by two operators' keys")
    inserted = await row(
        connection,
        "card_insert",
        source=card.source,
        target=card.target,
        version=card.version,
        valid_from=card.span.begins,
        announced_at=card.announced_at,
        digest=digest_of(KIND, document),
        document=Jsonb(dict(document)),
        proposed_by=None if signers is None else signers.proposed_by,
        confirmed_by=None if signers is None else signers.confirmed_by,
        evidence_id=None if signers is None else signers.evidence_id,
    )
    return _taken(card.version) if inserted is None else card


async def cards_filed(connection: Connection) -> list[FiledCard]:
    """All versions of all rate cards, in order."""
    return [
        FiledCard(
            card_of(one["digest"], one["document"]),
            one["document"],
            one["digest"],
            one["proposed_by"],
            one["confirmed_by"],
        )
        for one in await rows(connection, "card_list")
    ]


def _require_known(directory: Directory, card: Card) -> None:
    """Funders are partners, or the house; zones are in the time zone database."""
    for place, bonus in enumerate(card.bonuses):
        for funder in bonus.funders:
            if funder.code != HOUSE and funder.code not in directory.partners:
                raise errors.ValidationFailed(f"$.bonuses[{place}].funders: {funder.code} is no partner")
    for place, limit in enumerate(card.limits):
        try:
            ZoneInfo(limit.zone or "UTC")
        except (ZoneInfoNotFoundError, ValueError):
            raise errors.ValidationFailed(f"$.limits[{place}].zone: no such time zone") from None


def _require_plain(card: Card) -> None:
    """Within one program points move as they are: one for one, without bonuses, and there are no links."""
    if card.source != card.target:
        return
    ratios = {(band.ratio.num, band.ratio.den) for rate in card.rates for band in rate.bands}
    if any(num != den for num, den in ratios):
        raise errors.ValidationFailed("$.rates: within one program a point is a point")
    if card.bonuses or card.link != Link():
        raise errors.ValidationFailed("$: within one program there are no bonuses and no links")


def _require_one_day(card: Card) -> None:
    """All bonus units of an exchange are one order of the house, and so arrive on one day."""
    for (_, one), (place, other) in combinations(enumerate(card.bonuses), 2):
        if one.late_days != other.late_days and one.when.meets(other.when):
            detail = (
                f"could be given together with {one.name}, which arrives on another day; the house credits a bonus once"
            )
            raise errors.ValidationFailed(f"$.bonuses[{place}].late_days: {detail}")


def _untimely(series: tuple[Card, ...], card: Card, now: datetime) -> Refusal | None:
    """A first card begins when it likes; a later one is the next version, announced by now, and keeps the notice of the one in force."""
    if card.version != (following := max((known.version for known in series), default=0) + 1):
        return _taken(card.version, following)
    if card.announced_at > now:
        raise errors.ValidationFailed("$.announced_at: lies ahead; a card is announced when it is published")
    if not series:
        return None
    if any(known.span.begins == card.span.begins for known in series):
        raise errors.ValidationFailed("$.valid_from: another version begins at this instant")
    promising = card_in_force(series, now) or max(series, key=lambda known: known.version)
    first = now + timedelta(days=promising.notice_days)
    if card.span.begins >= first:
        return None
    return Refusal(
        RefusalCode.NOTICE_TOO_SHORT,
        f"version {promising.version} promises {promising.notice_days} days of notice: from {first.isoformat()} on",
    )


def _taken(version: int, following: int | None = None) -> Refusal:
    following = following or version + 1
    return Refusal(RefusalCode.VERSION_TAKEN, f"version {version} cannot be published; the next is {following}")
