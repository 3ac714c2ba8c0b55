"""What changes the books: an accepted quote, a cancellation, a reversal, each one item for the ledger; and looking one up."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from clearing import errors
from clearing.exchange.quoted import Quote, consent_needed
from clearing.ledger import Writer, reads
from clearing.ledger.items import (
    Cancel,
    Remember,
    Reserve,
    Reverse,
    Signed,
)
from clearing.ledger.outcomes import ExchangeView, LeafView, Moved, Reserved
from clearing.ledger.papers import Evidence
from clearing.partners import Directory, Program, bearer
from clearing.rules.agreements import Bearer
from clearing.rules.lifecycle import Path
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.risk import UNWATCHED, Watch
from clearing.signatures import RECEIPT, PrivateKey, encode, jws_sign

HOLD_MARGIN_SECONDS = 60  # a hold must outlive the target's longest time by this much


def path_of(source: Program, target: Program) -> Path:
    """Hold at the source only if it holds longer than the target may take at its slowest, with a margin; otherwise debit."""
    held = source.capabilities.hold_seconds > target.capabilities.longest_seconds + HOLD_MARGIN_SECONDS
    return Path.HELD if held else Path.DEBITED


# --- one item each


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


async def submit(
    writer: Writer,
    asked: Asked,
    accepted: Quote,
    directory: Directory,
    exchange_id: UUID,
    lease: Lease,
    now: datetime,
    watch: Watch = UNWATCHED,
) -> Reserved | Refusal:
    """Reserve an exchange at the terms of a quote. One commit; after it nothing is lost.

    Raises errors.Forbidden for a quote that was given to another partner, errors.SignatureReplayed and the like from the lane.
    """
    return await writer.put(reservation(asked, accepted, directory, exchange_id, lease, now, watch))


def reservation(
    asked: Asked, accepted: Quote, directory: Directory, exchange_id: UUID, lease: Lease, now: datetime, watch: Watch
) -> Reserve:
    """What is put to the ledger: to reserve it, or only to try it. Raises errors.Forbidden for a quote of another partner's."""
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
        shares=accepted.shares,
        bonus_due=now + timedelta(days=accepted.late_days) if accepted.late_days else None,
        kind=accepted.kind,
        limits=(*accepted.limits, *watch.limits),
        device=watch.device,
        others=watch.others,
        charges=accepted.charges,
        consent=consent_needed(accepted, directory),
        link_days=accepted.link_days,
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
    now: datetime,
) -> Reserved | Refusal:
    """Reserve a reversal of `sent` points of a completed exchange, or of all that is left: target first, then source.

    Points count as they were sent, or as they were issued where none were sent.
    """
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
            bearer=_bearer(original, asked.partner, directory, now),
        )
    )


def _bearer(original: ExchangeView, partner: str, directory: Directory, now: datetime) -> Bearer | None:
    return None if original.target_program is None else bearer(directory, partner, original.target_program, now)


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
