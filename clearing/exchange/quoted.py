"""Quotes: exact terms of two accounts, pure computation over what is in force, signed and not stored."""

from collections.abc import Callable
from dataclasses import astuple, dataclass
from datetime import datetime, tzinfo
from typing import Any, NamedTuple
from uuid import UUID
from zoneinfo import ZoneInfo

import orjson

from clearing.partners import Account, Directory, Program
from clearing.rules import rates
from clearing.rules.agreements import fee_of
from clearing.rules.asks import Ask, Priced
from clearing.rules.cards import Card, Values
from clearing.rules.kinds import quoted_refusal
from clearing.rules.lifecycle import Kind
from clearing.rules.limits import Limit, Used
from clearing.rules.members import Link, Scope, Side, consent_refusal, link_refusal, whole_days
from clearing.rules.pricing import price
from clearing.rules.quoting import (
    QUOTE_LIFE,
    Booked,
    Charge,
    Share,
    booked,
    charges_of,
    counts_usage,
    limits_of,
    owed_to_house,
    program_limits,
    used_of,
    year_paid,
)
from clearing.rules.rates import Terms
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import AMOUNT_MAX, Ratio
from clearing.signatures import QUOTE, PrivateKey, PublicKey, decode, jws_key_id, jws_sign, jws_verify

_AT_PAR = Values(Ratio(1, 1), Ratio(1, 1))
KeyOf = Callable[[str], PublicKey | None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a partner asks a price for: `sent` points of the source, or as many as give `received` units of the target.

    `link` is that of the two accounts, or the last that was; it is looked at only where `needs_link` says so. `used` is what the source
    account moved before, looked at where `needs_usage` says so. What a card asks of tier, card held and channel the caller states, and
    has signed.
    """

    partner: str
    source: Account
    target: Account
    sent: int | None
    received: int | None
    link: Link | None = None
    linked_elsewhere: bool = False
    used: tuple[Used, ...] = ()
    tier: str | None = None
    card: str | None = None
    channel: str | None = None
    segments: frozenset[str] = frozenset()
    kind: Kind = Kind.EXCHANGE


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that is honoured until it expires, and used once. Amounts: points of each side, value in millionths.

    `link_days` is how old the link of the two accounts must be, by the rules in force when the price was given; None: it needs none.
    `priced` is how the rate card comes to it; it is said with the quote and not carried in its token, but for its `charges`.
    """

    quote_id: UUID
    partner: str
    source_program: str
    source_account: UUID
    target_program: str
    target_account: UUID
    terms: Terms
    terms_version: str
    expires_at: datetime
    estimate_seconds: int
    kind: Kind = Kind.EXCHANGE
    shares: tuple[Share, ...] = ()
    late_days: int = 0
    limits: tuple[Limit, ...] = ()
    priced: Priced | None = None
    charges: tuple[Charge, ...] = ()
    link_days: int | None = None


# --- quote


def quote(wish: Wish, directory: Directory, now: datetime, quote_id: UUID) -> Quote | Refusal:
    """The exact terms of this wish at this instant. Pure: the same wish, directory and instant give the same terms.

    Refusals in order: kind_mismatch, account_closed, not_your_member, consent_missing, not_linked, link_too_new, corridor_closed,
    price_missing, then those of `pricing.price`.
    """
    source, target = directory.programs[wish.source.program], directory.programs[wish.target.program]
    within, same = source is target, wish.source.account == wish.target.account
    refusal = quoted_refusal(wish.kind, source.nature, target.nature, within=within, same=same)
    refusal = refusal or _refused_members(wish, source, target, now)
    if refusal is not None:
        return refusal
    offered = _given(wish, directory, now) if within else _exchanged(wish, directory, now)
    if isinstance(offered, Refusal):
        return offered
    return Quote(
        quote_id,
        wish.partner,
        source.code,
        wish.source.account,
        target.code,
        wish.target.account,
        offered.booked.terms,
        offered.version,
        now + QUOTE_LIFE,
        source.capabilities.longest_seconds + target.capabilities.longest_seconds,
        wish.kind,
        offered.booked.shares,
        offered.booked.late_days,
        offered.limits,
        offered.priced,
        () if offered.priced is None else charges_of(offered.priced, source.partner),
        offered.link_days,
    )


class _Offered(NamedTuple):
    """Terms, the versions of what made them, and what the books must hold them against."""

    booked: Booked
    version: str
    limits: tuple[Limit, ...] = ()
    priced: Priced | None = None
    link_days: int | None = None


def _exchanged(wish: Wish, directory: Directory, now: datetime) -> _Offered | Refusal:
    """What the rate card in force offers between two programs, with the house's fee on top."""
    source, target = directory.programs[wish.source.program], directory.programs[wish.target.program]
    card = directory.card(source.code, target.code, now)
    if card is None:
        return Refusal(RefusalCode.CORRIDOR_CLOSED, f"no corridor is open from {source.code} to {target.code}")
    source_price, target_price = directory.price(source.code, now), directory.price(target.code, now)
    if source_price is None or target_price is None:
        missing = source.code if source_price is None else target.code
        return Refusal(RefusalCode.PRICE_MISSING, f"{missing} has no price in force")
    values = Values(source_price.redeem, target_price.issue)
    priced = price(card, _ask(wish, card, now), values)
    if isinstance(priced, Refusal):
        return priced
    agreement = directory.agreement(source.partner, now)
    fee = 0 if agreement is None else fee_of(agreement, wish.kind, values.redeem.ceil(priced.sent))
    version = f"card {card.version}, agreements {source_price.version} and {target_price.version}"
    moved = booked(priced, values, fee)
    if moved.terms.debit > AMOUNT_MAX:
        return Refusal(RefusalCode.ABOVE_MAXIMUM, "the value of this amount is beyond what the books carry")
    limits = (*limits_of(card, priced, now, _zones(card)), *leaving(directory, source.code, now, besides=card))
    return _Offered(moved, version, limits, priced, _link_days(source, target, card))


def _given(wish: Wish, directory: Directory, now: datetime) -> _Offered | Refusal:
    """Within one program as many points arrive as are sent; a card of the program with itself says which amounts, and what is charged."""
    code, version = wish.source.program, "within one program"
    limits = leaving(directory, code, now)
    card = directory.card(code, code, now)
    if card is None:
        return _Offered(Booked(rates.given(wish.sent or wish.received or 0), (), 0), version, limits)
    priced = price(card, _ask(wish, card, now), _AT_PAR)
    if isinstance(priced, Refusal):
        return priced
    limits += tuple([one for one in limits_of(card, priced, now, _zones(card)) if one.target is not None])
    terms = rates.with_fee(rates.given(priced.sent), owed_to_house(priced))
    return _Offered(Booked(terms, (), 0), f"card {card.version}, {version}", limits, priced)


def leaving(directory: Directory, program: str, now: datetime, besides: Card | None = None) -> tuple[Limit, ...]:
    """The limits that cards in force, `besides` the one that prices, set on all that leaves a member's account in this program.

    What several cards say alike is one limit.
    """
    found = [directory.card(*hop, now) for hop in sorted([hop for hop in directory.cards if hop[0] == program])]
    cards = [card for card in found if card is not None and card is not besides]
    said = program_limits(cards, now, {zone: known for card in cards for zone, known in _zones(card).items()})
    return tuple(dict.fromkeys(said))


def _ask(wish: Wish, card: Card, now: datetime) -> Ask:
    """The question to the card: the wish, and what is known of its member."""
    used, used_program, first = used_of(card, wish.used, now, _zones(card))
    link = wish.link if wish.link is not None and wish.link.ended_at is None else None
    return Ask(
        at=now,
        points=wish.sent if wish.received is None else None,
        units=wish.received,
        tier=wish.tier,
        card=wish.card,
        channel=wish.channel,
        segments=wish.segments,
        link_age_days=None if link is None else whole_days(link.linked_at, now),
        linked_elsewhere=wish.linked_elsewhere,
        used=used,
        used_program=used_program,
        year_paid=year_paid(card, wish.used, now),
        first=first,
    )


def _zones(card: Card) -> dict[str, tzinfo]:
    return {limit.zone: ZoneInfo(limit.zone or "UTC") for limit in card.limits}


def needs_usage(wish: Wish, directory: Directory, now: datetime) -> bool:
    """Whether the price depends on what the member sent before."""
    card = directory.card(wish.source.program, wish.target.program, now)
    return card is not None and counts_usage(card)


def needs_link(wish: Wish, directory: Directory, now: datetime) -> bool:
    """Whether the link decides: another partner's member needs consent, and a program or a rate card may have rules of links."""
    source, target = directory.programs[wish.source.program], directory.programs[wish.target.program]
    card = directory.card(source.code, target.code, now)
    asks = card is not None and (card.link.min_age_days > 0 or card.link.one_card)
    return source.partner != wish.partner or _wants_link(source, target) or (source is not target and asks)


def consent_needed(accepted: Quote, directory: Directory) -> Scope | None:
    """What the source's member must have consented to; None where the partner moves its own members' points."""
    return None if directory.programs[accepted.source_program].partner == accepted.partner else Scope.EXCHANGE


def _link_days(source: Program, target: Program, card: Card) -> int | None:
    """How many days old the link of two accounts must be; None where no rule of a program or of the rate card wants one."""
    days = max(source.capabilities.link_age_days, target.capabilities.link_age_days, card.link.min_age_days)
    return days if days or _wants_link(source, target) else None


def _wants_link(source: Program, target: Program) -> bool:
    """Whether a rule of links is looked at. Within one program there are no links: it knows both members itself."""
    return source is not target and (_has_rules(source) or _has_rules(target))


def _has_rules(program: Program) -> bool:
    return program.capabilities.link_age_days > 0 or program.capabilities.one_card_per_account


def _refused_members(wish: Wish, source: Program, target: Program, now: datetime) -> Refusal | None:
    for side, account in ((Side.SOURCE, wish.source), (Side.TARGET, wish.target)):
        if account.closed_at is not None:
            return Refusal(RefusalCode.ACCOUNT_CLOSED, f"the {side} account was {account.standing}", side=side)
    if source.partner != wish.partner:
        parties = frozenset({source.partner, target.partner})
        if refusal := consent_refusal(wish.link, wish.partner, parties):
            return refusal
    if _wants_link(source, target):
        days = max(source.capabilities.link_age_days, target.capabilities.link_age_days)
        return link_refusal(wish.link, days, now)
    return None


def quote_token(quote: Quote, key: PrivateKey) -> str:
    """The quote as a token signed by the house (JWS): what the partner keeps, and the only place where the quote exists."""
    terms = quote.terms
    limits = [(one.rule, one.since, one.points, one.count, one.target) for one in quote.limits]
    claims = {
        "quote": quote.quote_id,
        "partner": quote.partner,
        "source": [quote.source_program, quote.source_account],
        "target": [quote.target_program, quote.target_account],
        "terms": astuple(terms),
        "version": quote.terms_version,
        "expires": quote.expires_at,
        "estimate": quote.estimate_seconds,
        "kind": quote.kind,
        "bonus": [tuple(share) for share in quote.shares],
        "late": quote.late_days,
        "limits": limits,
        "charges": [tuple(charge) for charge in quote.charges],
    }
    if quote.link_days is not None:
        claims["link_days"] = quote.link_days
    return jws_sign(orjson.dumps(claims, option=orjson.OPT_UTC_Z), key, QUOTE)


def read_quote(token: str, key: PrivateKey, key_of: KeyOf) -> Quote:
    """The quote in a token of ours. Raises errors.TokenInvalid.

    A token of the house's present key is checked by signing it again: Ed25519 signatures are deterministic (RFC 8032), and
    signing costs a third of verifying. A token of an older key is verified.
    """
    payload = _resigned(token, key) or jws_verify(token, key_of, QUOTE)
    claims: dict[str, Any] = orjson.loads(payload)
    source_program, source_account = claims["source"]
    target_program, target_account = claims["target"]
    return Quote(
        UUID(claims["quote"]),
        claims["partner"],
        source_program,
        UUID(source_account),
        target_program,
        UUID(target_account),
        Terms(*claims["terms"]),
        claims["version"],
        datetime.fromisoformat(claims["expires"]),
        claims["estimate"],
        Kind(claims["kind"]),
        tuple(Share(*share) for share in claims["bonus"]),
        claims["late"],
        tuple(
            Limit(rule, None if since is None else datetime.fromisoformat(since), *rest)
            for rule, since, *rest in claims["limits"]
        ),
        charges=tuple(Charge(*charge) for charge in claims["charges"]),
        link_days=claims.get("link_days"),
    )


def _resigned(token: str, key: PrivateKey) -> bytes | None:
    """The payload, if signing it with this key gives exactly this token."""
    if key.public.alg != "ed25519" or jws_key_id(token) != key.public.key_id:
        return None
    try:
        payload = decode(token.split(".")[1])
    except ValueError:
        return None  # not base64url: verification says so
    return payload if jws_sign(payload, key, QUOTE) == token else None
