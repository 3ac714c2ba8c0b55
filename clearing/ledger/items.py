"""What can be written to a lane, and what comes back: one item, one outcome, in order."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from clearing.ledger.papers import Evidence
from clearing.rules.lifecycle import Kind, Leg, Operation, Path, State, Verdict
from clearing.rules.limits import Limit
from clearing.rules.quoting import Charge, Share
from clearing.rules.rates import Terms, portion
from clearing.rules.refusals import Refusal


@dataclass(frozen=True, slots=True)
class Signed:
    """The signed request behind an item. Its nonce is used up with the item, its key must be live while the lane is locked.

    `request_id` is new for every request received, so that a batch whose commit is unknown can be written again.
    """

    key_id: str
    nonce: str
    expires_at: datetime
    request_id: UUID


# --- items


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
    bears_shortfall: bool = False  # the target bears what it cannot take back, instead of refusing


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
    """A partner's net debit cap, in millionths of the common unit. Outcome: None."""

    partner: str
    granted: int


@dataclass(frozen=True, slots=True)
class Fund:
    """What a campaign may spend in all: bonus units, millionths of the common unit, or both. Outcome: None."""

    campaign: str
    units: int | None
    value: int | None


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
    | Tick
)


# --- outcomes


@dataclass(frozen=True, slots=True)
class DueOrder:
    """An order that the caller now holds the lease of."""

    exchange_id: UUID
    leg: Leg
    operation: Operation
    program: str
    account: UUID
    amount: int
    refers: str | None
    attempts: int
    created_at: datetime
    sent_at: datetime | None
    state: str  # waiting, sent, pending, unknown, not_found


@dataclass(slots=True)
class ExchangeView:
    """An exchange or reversal as the books have it now. Its fields are the columns of `exchange`, in the order of the SQL files."""

    exchange_id: UUID
    path: Path
    original_id: UUID | None
    partner: str
    idempotency_key: str
    fingerprint: bytes
    request_id: UUID
    quote_id: UUID
    terms_version: str
    state: State
    reserved_at: datetime
    posted_at: datetime | None
    window_id: int | None
    ended_at: datetime | None
    reason: str | None
    source_program: str | None
    target_program: str | None
    source_account: UUID | None
    target_account: UUID | None
    sent: int
    received: int
    debit: int
    funding: int
    credit: int
    fee: int
    rounding: int
    reversed: int
    kept_leg: int
    cancelled: bool
    reserved_seq: int
    kind: Kind
    occurred_at: datetime | None
    reference: str | None
    capture_by: datetime | None
    captured: int  # AUTHORISED: the points that the partner wants, 0 until it says so
    bears_shortfall: bool
    bonus: int
    bonus_credit: int
    bonus_due: datetime | None
    shares: str | None  # as JSON: read by `funders`
    device: bytes | None
    charges: str | None  # as JSON: read by `charged`

    @property
    def charged(self) -> tuple[Charge, ...]:
        """What the member is charged beside the points sent, and who collects it."""
        return tuple(Charge(*charge) for charge in orjson.loads(self.charges)) if self.charges else ()

    @property
    def funders(self) -> tuple[Share, ...]:
        """Who pays for the bonus, and what."""
        return tuple(Share(*share) for share in orjson.loads(self.shares)) if self.shares else ()

    @property
    def accepted(self) -> Terms:
        """The exact amounts, as they were accepted."""
        return Terms(
            self.sent,
            self.received,
            self.debit,
            self.funding,
            self.credit,
            self.fee,
            self.rounding,
            self.bonus,
            self.bonus_credit,
        )

    @property
    def terms(self) -> Terms:
        """The exact amounts that move: what was accepted, or the captured part of it."""
        return portion(self.accepted, 0, self.captured) if self.captured else self.accepted


@dataclass(frozen=True, slots=True)
class LeafView:
    """One event of the log, as it was committed to."""

    lane: int
    seq: int
    salt: bytes
    event: bytes
    hash: bytes


@dataclass(frozen=True, slots=True)
class Reserved:
    """The exchange exists; `leaf` is its receipt's. A replay has no orders to send and the state of now."""

    exchange: ExchangeView
    leaf: LeafView
    due: tuple[DueOrder, ...]
    replayed: bool


@dataclass(frozen=True, slots=True)
class Tried:
    """What would become of an exchange: refused, held for the rule named, or reserved."""

    refusal: Refusal | None
    held: str | None


@dataclass(frozen=True, slots=True)
class Moved:
    """Where the exchange is now, what the caller must send next, and the whole of it where an answer has moved it."""

    exchange_id: UUID
    state: State
    due: tuple[DueOrder, ...] = ()
    exchange: ExchangeView | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """Orders that are now the caller's."""

    due: tuple[DueOrder, ...]


Outcome = None | Reserved | Tried | Moved | Claimed | Refusal
