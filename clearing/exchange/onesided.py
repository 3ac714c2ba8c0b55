"""What a partner does alone, without a quote: issue a program's points and pay for them, or have points spent at it and be paid.

The price is the one in force when the house is asked, whenever the thing happened (docs/decisions/0009).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from clearing.exchange.moving import HOLD_MARGIN_SECONDS, Asked, Lease
from clearing.exchange.quoted import leaving
from clearing.ledger import Writer
from clearing.ledger.items import Capture, Reserve
from clearing.ledger.outcomes import Moved
from clearing.partners import Account, Directory, Program, channel_refusal
from clearing.rules import rates
from clearing.rules.agreements import fee_of
from clearing.rules.kinds import alone_refusal
from clearing.rules.lifecycle import Kind, Path
from clearing.rules.limits import Limit
from clearing.rules.members import Link, Scope, Side, spending_refusal
from clearing.rules.quoting import QUOTE_LIFE
from clearing.rules.rates import Terms
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.risk import UNWATCHED, Watch
from clearing.rules.units import AMOUNT_MAX


@dataclass(frozen=True, slots=True)
class Deed:
    """What a partner asks for: `points` issued to this account (accrual, purchase), or spent from it (redemption).

    `links` are the live ones of the account; they are looked at only where `needs_consent` says so.
    """

    kind: Kind
    partner: str
    account: Account
    points: int
    occurred_at: datetime | None = None
    reference: str | None = None
    later: bool = False  # a redemption whose points are held until they are captured
    links: tuple[Link, ...] = ()
    channel: str | None = None

    @property
    def spends(self) -> bool:
        """Whether points leave the account."""
        return self.kind is Kind.REDEMPTION

    def consented_at(self) -> datetime | None:
        """Since when the oldest link stands that carries the member's consent to this; None where none is looked at."""
        return min([link.linked_at for link in self.links if link.covers(Scope.REDEMPTION, self.partner)], default=None)


@dataclass(frozen=True, slots=True)
class Offer:
    """A deed that may be done: on which path, at which exact terms, and until when held points can be captured."""

    path: Path
    terms: Terms
    terms_version: str
    capture_by: datetime | None = None
    limits: tuple[Limit, ...] = ()


def needs_consent(deed: Deed, directory: Directory) -> bool:
    """Whether the member must have consented: points are spent, and another partner signs for their program."""
    return deed.spends and directory.programs[deed.account.program].partner != deed.partner


def offer(deed: Deed, directory: Directory, now: datetime) -> Offer | Refusal:
    """The terms of this deed at this instant. Pure.

    Refusals in order: account_closed, channel_not_granted, kind_mismatch, consent_missing, hold_not_offered, price_missing,
    above_maximum.
    """
    program = directory.programs[deed.account.program]
    if refusal := _refused(deed, program, directory, now):
        return refusal
    capture_by = _capture_by(program, now) if deed.later else None
    if deed.later and capture_by is None:
        return Refusal(RefusalCode.HOLD_NOT_OFFERED, f"{program.code} does not hold points long enough")
    price = directory.price(program.code, now)
    if price is None:
        return Refusal(RefusalCode.PRICE_MISSING, f"{program.code} has no price in force")
    terms = rates.redeemed(price, deed.points) if deed.spends else rates.issued(price, deed.points)
    terms = rates.with_fee(terms, _fee(deed, program, terms, directory, now))
    if terms.debit > AMOUNT_MAX:
        return Refusal(RefusalCode.ABOVE_MAXIMUM, "the value of this amount is beyond what the books carry")
    limits = leaving(directory, program.code, now) if deed.spends else ()
    return Offer(_path(deed), terms, f"agreement {price.version}", capture_by, limits)


def _refused(deed: Deed, program: Program, directory: Directory, now: datetime) -> Refusal | None:
    side = Side.SOURCE if deed.spends else Side.TARGET
    if deed.account.closed_at is not None:
        return Refusal(RefusalCode.ACCOUNT_CLOSED, f"the {side} account was {deed.account.standing}", side=side)
    refusal = channel_refusal(directory, deed.partner, program.code, deed.kind, deed.channel, now)
    refusal = refusal or alone_refusal(deed.kind, program.nature)
    if refusal is None and needs_consent(deed, directory):
        refusal = spending_refusal(deed.links, deed.account.account, deed.partner)
    return refusal


def _fee(deed: Deed, program: Program, terms: Terms, directory: Directory, now: datetime) -> int:
    """The house's fee, as agreed with who pays: the partner that issues, or the partner of the program whose points are spent."""
    agreement = directory.agreement(program.partner if deed.spends else deed.partner, now)
    return 0 if agreement is None else fee_of(agreement, deed.kind, terms.debit)


def _path(deed: Deed) -> Path:
    if not deed.spends:
        return Path.ISSUED
    return Path.AUTHORISED if deed.later else Path.CHARGED


def _capture_by(program: Program, now: datetime) -> datetime | None:
    """When a hold made now is released by itself: early enough that the program's slowest capture still finds it."""
    can = program.capabilities
    seconds = can.hold_seconds - can.longest_seconds - HOLD_MARGIN_SECONDS
    return now + timedelta(seconds=seconds) if seconds > 0 else None


def deed_reservation(
    asked: Asked,
    deed: Deed,
    offered: Offer,
    ids: tuple[UUID, UUID],
    now: datetime,
    lease: Lease,
    watch: Watch = UNWATCHED,
) -> Reserve:
    """What is put to the ledger: to reserve this deed at these terms, or only to try it; `ids` name the exchange and the offer."""
    program, account = deed.account.program, deed.account.account
    source, target = ((program, account), (None, None)) if deed.spends else ((None, None), (program, account))
    exchange_id, quote_id = ids
    return Reserve(
        signed=asked.signed,
        evidence=asked.evidence,
        exchange_id=exchange_id,
        path=offered.path,
        partner=asked.partner,
        idempotency_key=asked.idempotency_key,
        fingerprint=asked.fingerprint,
        quote_id=quote_id,
        quote_expires_at=now + QUOTE_LIFE,
        terms_version=offered.terms_version,
        source_program=source[0],
        target_program=target[0],
        source_account=source[1],
        target_account=target[1],
        terms=offered.terms,
        lease=lease.token,
        lease_until=lease.until,
        kind=deed.kind,
        occurred_at=deed.occurred_at,
        reference=deed.reference,
        capture_by=offered.capture_by,
        limits=(*offered.limits, *watch.limits),
        device=watch.device,
        others=watch.others,
        consent=Scope.REDEMPTION if deed.links else None,
    )


async def capture(writer: Writer, asked: Asked, exchange_id: UUID, points: int, lease: Lease) -> Moved | Refusal:
    """The partner's word that so many of the held points are spent; the rest goes back. Said again with as many, it is one capture."""
    item = Capture(asked.signed, asked.evidence, exchange_id, asked.partner, points, lease.token, lease.until)
    return await writer.put(item)
