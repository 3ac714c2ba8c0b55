"""What can be written to a lane: one item, one outcome, in order."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clearing.ledger.papers import Evidence
from clearing.rules.agreements import Agreement, Bearer, Prepaid
from clearing.rules.lifecycle import Kind, Leg, Path, Verdict
from clearing.rules.limits import Limit
from clearing.rules.members import Scope
from clearing.rules.quoting import Charge, Share
from clearing.rules.rates import Terms


@dataclass(frozen=True, slots=True)
class Signed:
    """The signed request behind an item. Its nonce is used up with the item, its key must be live while the lane is locked.

    `request_id` is new for every request received, so that a batch whose commit is unknown can be written again.
    """

    key_id: str
    nonce: str
    expires_at: datetime
    request_id: UUID


@dataclass(frozen=True, slots=True)
class Remember:
    """A signed request that changes no exchange: its nonce is used up, and what was signed is kept where it must be. Outcome: None."""

    signed: Signed
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Reserve:
    """An exchange at agreed terms. Outcome: Reserved, or a Refusal that left nothing behind but the nonce.

    A side without a program is the partner itself: it pays for what is issued, or is paid for what is spent. `limits` are decided
    here, under the lock; so are the budgets of the campaigns that `shares` name.
    """

    signed: Signed
    evidence: Evidence
    exchange_id: UUID
    path: Path
    partner: str
    idempotency_key: str
    fingerprint: bytes
    quote_id: UUID
    quote_expires_at: datetime
    terms_version: str
    source_program: str | None
    target_program: str | None
    source_account: UUID | None
    target_account: UUID | None
    terms: Terms
    lease: UUID
    lease_until: datetime
    kind: Kind = Kind.EXCHANGE
    occurred_at: datetime | None = None  # what points are issued for, or spent on, may lie in the past
    reference: str | None = None  # its receipt number: used once by a partner, while the exchange stands
    capture_by: datetime | None = None  # AUTHORISED: when the hold is released by itself
    shares: tuple[Share, ...] = ()
    bonus_due: datetime | None = None  # None: the bonus is credited as soon as the base is
    limits: tuple[Limit, ...] = ()
    device: bytes | None = None  # a keyed hash of the device token
    others: tuple[UUID, ...] = ()  # the member's other accounts, which limits of the member count as well
    charges: tuple[Charge, ...] = ()  # what the member is charged beside the points: told, and committed to
    consent: Scope | None = None  # what the member who spends must have consented to; None: the partner's own
    link_days: int | None = None  # how old the link of the two accounts must be; None: it needs none


@dataclass(frozen=True, slots=True)
class Try:
    """Whether this exchange would be accepted now, decided as if it were meant, and nothing but its nonce used. Outcome: Tried."""

    wish: Reserve


@dataclass(frozen=True, slots=True)
class Reverse:
    """A reversal of a completed exchange, in part or (`sent` None) of all that is left. Outcome: Reserved or a Refusal."""

    signed: Signed
    evidence: Evidence
    exchange_id: UUID
    original_id: UUID
    partner: str
    idempotency_key: str
    fingerprint: bytes
    sent: int | None
    reason: str
    lease: UUID
    lease_until: datetime
    bearer: Bearer | None = None  # who bears what the target cannot take back; None: it refuses


@dataclass(frozen=True, slots=True)
class Capture:
    """The partner's word that so many of the points held for it are spent. Outcome: Moved, with the order to send, or a Refusal."""

    signed: Signed
    evidence: Evidence
    exchange_id: UUID
    partner: str
    points: int
    lease: UUID
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Cancel:
    """A wish to stop before the target is asked, or before held points are captured. Outcome: Moved, or Refusal TOO_LATE."""

    signed: Signed
    evidence: Evidence
    exchange_id: UUID
    partner: str


@dataclass(frozen=True, slots=True)
class Sent:
    """The order is about to be sent to a program that promises no idempotency: committed before the call. Outcome: Moved.

    A `Moved` without the order among its `due` means that the order is no longer this lease's to send.
    """

    exchange_id: UUID
    leg: Leg
    lease: UUID


@dataclass(frozen=True, slots=True)
class Answered:
    """What was heard of an order. Outcome: Moved, with the orders to send next, leased to `lease` until `lease_until`.

    DONE and DECLINED must come from a signed answer. For PENDING, UNKNOWN and NOT_FOUND `retry_at` says when to ask again;
    None gives up and opens a case.
    """

    exchange_id: UUID
    leg: Leg
    verdict: Verdict
    reason: str | None
    evidence: Evidence | None
    retry_at: datetime | None
    lease: UUID
    lease_until: datetime
    key_id: str | None = None  # that signed the answer; it must be live while the lane is locked


@dataclass(frozen=True, slots=True)
class Postpone:
    """An order that was not sent at all, because its program is not being asked for now. Outcome: Moved."""

    exchange_id: UUID
    leg: Leg
    lease: UUID
    retry_at: datetime


@dataclass(frozen=True, slots=True)
class Claim:
    """Lease the orders that are due, at most `limit`: new ones nobody sent, old ones to ask again, lapsed leases. Outcome: Claimed."""

    lease: UUID
    lease_until: datetime
    limit: int


@dataclass(frozen=True, slots=True)
class Resolve:
    """A signed operator's decision on a case. Outcome: Moved or Refusal CASE_CLOSED.

    `ask_again` sends the order again; `done` and `declined` state what became of it; `close` ends a case that moves nothing; an
    exchange that is held for its risk is let go on by `release`, or ended by `refuse`.
    """

    signed: Signed
    evidence: Evidence
    case: int
    decision: str
    operator: str
    lease: UUID
    lease_until: datetime


@dataclass(frozen=True, slots=True)
class Grant:
    """A partner's net debit cap, in millionths of the common unit, or the part that it is of the cover lodged by then. Outcome: None."""

    partner: str
    granted: int | Prepaid

    @property
    def covered(self) -> bool:
        """Whether it follows the cover."""
        return isinstance(self.granted, Prepaid)


@dataclass(frozen=True, slots=True)
class Fund:
    """What a campaign may spend in all: bonus units, millionths of the common unit, or both. Outcome: None."""

    campaign: str
    units: int | None
    value: int | None


@dataclass(frozen=True, slots=True)
class Adjust:
    """Value moved between partners and the house by settlement or a person's decision, in the open window. Outcome: Booked or Refusal.

    Each line names a partner, or `house`, and millionths of the common unit: plus owes more. The lines add up to zero. The same
    `adjustment_id` again has no second effect. `of_window` is the window that it corrects, if it is of one. `evidence_id` names the signed
    request behind it, where that is kept already.
    """

    signed: Signed | None
    evidence: Evidence | None
    adjustment_id: UUID
    reason: str
    lines: tuple[tuple[str, int], ...]
    of_window: int | None = None
    reference: str | None = None
    evidence_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Pay:
    """Money that a partner paid to the house (plus) or was paid by it (minus), as the bank confirmed. Outcome: Booked or Refusal.

    `value` is what it settles of the partner's position, in millionths of the common unit; `money` what it was worth, where its currency's
    minor unit made that another amount: the difference is the house's. It is booked in no window, since it settles one; the partner's
    cap has room again. The same `payment_id` again has no second effect. `evidence_id` as in
    `Adjust`.
    """

    signed: Signed | None
    evidence: Evidence | None
    payment_id: UUID
    partner: str
    value: int
    reason: str
    of_window: int | None = None
    reference: str | None = None
    money: int | None = None
    evidence_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class Lodge:
    """Funds that a partner lodges as its cover (plus) or takes out of it (minus). Outcome: Booked or a Refusal.

    What leaves is there, and what is left covers what is owed and pending by the one of `agreements` that is in force then (none: nothing
    may be owed): decided here, under the lock and by its clock, and the cap follows with it. The same `movement_id` again has no second
    effect. `agreements` are the partner's, all that were published; `evidence_id` is kept already.
    """

    movement_id: UUID
    partner: str
    value: int
    agreements: tuple[Agreement, ...]
    reference: str
    evidence_id: UUID


@dataclass(frozen=True, slots=True)
class Tick:
    """Nothing: the closer's empty batch, which seals a window whose cut-off has passed. Outcome: None."""


Item = (
    Remember
    | Reserve
    | Try
    | Reverse
    | Capture
    | Cancel
    | Sent
    | Answered
    | Postpone
    | Claim
    | Resolve
    | Grant
    | Fund
    | Adjust
    | Pay
    | Lodge
    | Tick
)
