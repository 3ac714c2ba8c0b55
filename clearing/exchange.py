"""Quote, submit, cancel, reverse, look up. A quote is pure computation, signed and not stored; the rest is one item for the ledger."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from clearing import errors
from clearing.ledger import Writer, reads
from clearing.ledger.items import (
    Cancel,
    Evidence,
    ExchangeView,
    LeafView,
    Moved,
    Remember,
    Reserve,
    Reserved,
    Reverse,
    Signed,
    Tried,
    Try,
)
from clearing.partners import Account, Directory, Program
from clearing.rules import rates
from clearing.rules.lifecycle import Path
from clearing.rules.limits import Limit
from clearing.rules.members import Link, Side, consent_refusal, link_refusal
from clearing.rules.rates import Terms
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.signatures import QUOTE, RECEIPT, PrivateKey, PublicKey, decode, encode, jws_key_id, jws_sign, jws_verify

QUOTE_LIFE = timedelta(minutes=10)
HOLD_MARGIN_SECONDS = 60  # a hold must outlive the target's longest time by this much
KeyOf = Callable[[str], PublicKey | None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What a partner asks a price for: `sent` points of the source, or as many as give `received` units of the target.

    `link` is that of the two accounts, or the last that was; it is looked at only where `needs_link` says so.
    """

    partner: str
    source: Account
    target: Account
    sent: int | None
    received: int | None
    link: Link | None = None


@dataclass(frozen=True, slots=True)
class Quote:
    """A price that is honoured until it expires, and used once. Amounts: points of each side, value in millionths."""

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


# --- quote


def quote(wish: Wish, directory: Directory, now: datetime, quote_id: UUID) -> Quote | Refusal:
    """The exact terms of this wish at this instant. Pure: the same wish, directory and instant give the same terms.

    Refusals in order: account_closed, not_your_member, consent_missing, not_linked, link_too_new, corridor_closed, price_missing, then
    those of `rates.price`.
    """
    source, target = directory.programs[wish.source.program], directory.programs[wish.target.program]
    if refusal := _refused_members(wish, source, target, now):
        return refusal
    corridor = directory.corridor(source.code, target.code, now)
    if corridor is None:
        return Refusal(RefusalCode.CORRIDOR_CLOSED, f"no corridor is open from {source.code} to {target.code}")
    source_price, target_price = directory.price(source.code, now), directory.price(target.code, now)
    if source_price is None or target_price is None:
        missing = source.code if source_price is None else target.code
        return Refusal(RefusalCode.PRICE_MISSING, f"{missing} has no price in force")
    sent = wish.sent if wish.received is None else rates.priced_by_received(corridor, wish.received)
    if sent is None:
        return Refusal(RefusalCode.AMOUNT_OFF_STEP, "no whole number of points gives exactly that")
    terms = rates.price(corridor, source_price, target_price, sent)
    if isinstance(terms, Refusal):
        return terms
    return Quote(
        quote_id,
        wish.partner,
        source.code,
        wish.source.account,
        target.code,
        wish.target.account,
        terms,
        f"corridor {corridor.version}, prices {source_price.version} and {target_price.version}",
        now + QUOTE_LIFE,
        source.capabilities.longest_seconds + target.capabilities.longest_seconds,
    )


def needs_link(wish: Wish, directory: Directory) -> bool:
    """Whether the link decides: another partner's member needs consent, and a program may have rules of links."""
    source, target = directory.programs[wish.source.program], directory.programs[wish.target.program]
    return source.partner != wish.partner or _has_rules(source) or _has_rules(target)


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
    if _has_rules(source) or _has_rules(target):
        days = max(source.capabilities.link_age_days, target.capabilities.link_age_days)
        return link_refusal(wish.link, days, now)
    return None


def quote_token(quote: Quote, key: PrivateKey) -> str:
    """The quote as a token signed by the house (JWS): what the partner keeps, and the only place where the quote exists."""
    terms = quote.terms
    claims = {
        "quote": quote.quote_id,
        "partner": quote.partner,
        "source": [quote.source_program, quote.source_account],
        "target": [quote.target_program, quote.target_account],
        "terms": [terms.sent, terms.received, terms.debit, terms.funding, terms.credit, terms.fee, terms.rounding],
        "version": quote.terms_version,
        "expires": quote.expires_at,
        "estimate": quote.estimate_seconds,
    }
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


def path_of(source: Program, target: Program) -> Path:
    """Hold at the source only if it holds longer than the target may take at its slowest, with a margin; otherwise debit."""
    held = source.capabilities.hold_seconds > target.capabilities.longest_seconds + HOLD_MARGIN_SECONDS
    return Path.HELD if held else Path.DEBITED


# --- submit, reverse, cancel: one item each


@dataclass(frozen=True, slots=True)
class Lease:
    """Which process sends the first order, and until when nobody else does."""

    token: UUID
    until: datetime


@dataclass(frozen=True, slots=True)
class Asked:
    """A verified, state-changing request: who signed it, what was signed, under which idempotency key."""

    partner: str
    signed: Signed
    evidence: Evidence
    idempotency_key: str
    fingerprint: bytes


@dataclass(frozen=True, slots=True)
class Watch:
    """What an exchange is watched by: the limits that hold it, and the keyed hash of the device that asks."""

    limits: tuple[Limit, ...] = ()
    device: bytes | None = None


UNWATCHED = Watch()


async def submit(
    writer: Writer,
    asked: Asked,
    accepted: Quote,
    directory: Directory,
    exchange_id: UUID,
    lease: Lease,
    watch: Watch = UNWATCHED,
) -> Reserved | Refusal:
    """Reserve an exchange at the terms of a quote. One commit; after it nothing is lost.

    Raises errors.Forbidden for a quote that was given to another partner, errors.SignatureReplayed and the like from the lane.
    """
    return await writer.put(_reservation(asked, accepted, directory, exchange_id, lease, watch))


async def try_out(
    writer: Writer,
    asked: Asked,
    accepted: Quote,
    directory: Directory,
    exchange_id: UUID,
    lease: Lease,
    watch: Watch = UNWATCHED,
) -> Tried:
    """What `submit` would come to now. Nothing is left of it but the nonce. Raises what `submit` raises."""
    return await writer.put(Try(_reservation(asked, accepted, directory, exchange_id, lease, watch)))


def _reservation(
    asked: Asked, accepted: Quote, directory: Directory, exchange_id: UUID, lease: Lease, watch: Watch
) -> Reserve:
    """The item for the ledger. Raises errors.Forbidden."""
    if accepted.partner != asked.partner:
        raise errors.Forbidden("this quote was given to another partner")
    source, target = directory.programs[accepted.source_program], directory.programs[accepted.target_program]
    return Reserve(
        signed=asked.signed,
        evidence=asked.evidence,
        exchange_id=exchange_id,
        path=path_of(source, target),
        partner=asked.partner,
        idempotency_key=asked.idempotency_key,
        fingerprint=asked.fingerprint,
        quote_id=accepted.quote_id,
        quote_expires_at=accepted.expires_at,
        terms_version=accepted.terms_version,
        source_program=accepted.source_program,
        target_program=accepted.target_program,
        source_account=accepted.source_account,
        target_account=accepted.target_account,
        terms=accepted.terms,
        lease=lease.token,
        lease_until=lease.until,
        limits=watch.limits,
        device=watch.device,
    )


async def reverse(
    writer: Writer,
    asked: Asked,
    original: ExchangeView,
    directory: Directory,
    reversal_id: UUID,
    sent: int | None,
    reason: str,
    lease: Lease,
) -> Reserved | Refusal:
    """Reserve a reversal of `sent` points of a completed exchange, or of all that is left: target first, then source."""
    codes = [code for code in (original.source_program, original.target_program) if code is not None]
    programs = [directory.programs[code] for code in codes]
    if fixed := next((program.code for program in programs if not program.capabilities.reversal), None):
        await writer.put(Remember(asked.signed))
        return Refusal(RefusalCode.NOT_REVERSIBLE, f"{fixed} declares that it cannot reverse")
    return await writer.put(
        Reverse(
            signed=asked.signed,
            evidence=asked.evidence,
            exchange_id=reversal_id,
            original_id=original.exchange_id,
            partner=asked.partner,
            idempotency_key=asked.idempotency_key,
            fingerprint=asked.fingerprint,
            sent=sent,
            reason=reason,
            lease=lease.token,
            lease_until=lease.until,
        )
    )


async def cancel(writer: Writer, asked: Asked, exchange_id: UUID) -> Moved | Refusal:
    """Stop an exchange whose target has not been asked: whatever the source holds or debits is given back."""
    return await writer.put(Cancel(asked.signed, asked.evidence, exchange_id, asked.partner))


# --- look up


async def look_up(
    connection: AsyncConnection[Any], lane: int, exchange_id: UUID, partner: str
) -> tuple[ExchangeView, LeafView]:
    """An exchange of this partner as it is now, with the leaf of its receipt. Raises errors.NotFound for anybody else's."""
    found = await reads.exchange(connection, lane, exchange_id)
    if found is None or found[0].partner != partner:
        raise errors.NotFound
    return found


def receipt(exchange_id: UUID, leaf: LeafView, key: PrivateKey) -> str:
    """The house's signed word that it accepted this exchange, with the leaf that proves its place in the log.

    The same leaf and key give the same bytes each time: a receipt asked for again is the receipt.
    """
    told = {
        "exchange": exchange_id,
        "event": encode(leaf.event),
        "salt": encode(leaf.salt),
        "lane": leaf.lane,
        "index": leaf.seq,
        "leaf": leaf.hash.hex(),
    }
    return jws_sign(orjson.dumps(told), key, RECEIPT)
