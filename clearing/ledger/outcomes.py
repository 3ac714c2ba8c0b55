"""What comes back of a batch: one outcome for each item; and the records that the books are read as."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

import orjson

from clearing.rules.lifecycle import Kind, Leg, Operation, Path, State
from clearing.rules.quoting import Charge, Share
from clearing.rules.rates import Terms, portion
from clearing.rules.refusals import Refusal


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
    bearer: str | None  # of a reversal: who bears what the target cannot take back (`agreements.Bearer`)
    bonus: int
    bonus_credit: int
    bonus_due: datetime | None
    shares: str | None  # as JSON: read by `funders`
    device: bytes | None
    charges: str | None  # as JSON: read by `charged`

    @property
    def funders(self) -> tuple[Share, ...]:
        """Who pays for the bonus, and what."""
        return tuple(Share(*share) for share in orjson.loads(self.shares)) if self.shares else ()

    @property
    def charged(self) -> tuple[Charge, ...]:
        """What the member is charged beside the points sent, and who collects it."""
        return tuple(Charge(*charge) for charge in orjson.loads(self.charges)) if self.charges else ()

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
class Booked:
    """It stands in the books: its event, and the window that it is in. A replay was booked before, by the same words."""

    leaf: LeafView
    window: int | None
    replayed: bool


@dataclass(frozen=True, slots=True)
class AdjustmentView:
    """An adjustment or a payment as the books have it. Its fields are the columns of `adjustment`, in the order of the SQL files."""

    adjustment_id: UUID
    kind: str
    seq: int
    at: datetime
    window_id: int | None
    of_window: int | None
    reason: str
    reference: str | None
    lines: str
    evidence_id: UUID | None


@dataclass(frozen=True, slots=True)
class Claimed:
    """Orders that are now the caller's."""

    due: tuple[DueOrder, ...]


Outcome = None | Reserved | Tried | Moved | Claimed | Booked | Refusal
