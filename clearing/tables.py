"""The tables and their CHECKs, as SQLModel; nothing else is. Wire messages are separate models: a renamed column never changes signed bytes.

Every table says in its comment whether it is `sharded` (led by `lane`, one day spread over servers) or `reference` (small, the same
everywhere, versioned by date). What the books hold is written by `clearing.ledger` alone, under the lock of its lane.
"""

from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    SmallInteger,
    Text,
    UniqueConstraint,
    Uuid,
    text,
)
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import Field, SQLModel

from clearing.rules.lifecycle import Path, State, Verdict

Instant = DateTime(timezone=True)


def _one_of(column: str, values: type[State] | type[Path] | type[Verdict]) -> CheckConstraint:
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def _col(kind: Any, *, key: bool = False, null: bool = False) -> Any:
    """A column with its type stated: nothing is left to be guessed from the annotation."""
    return Field(sa_type=kind, primary_key=key, nullable=null, sa_column_kwargs={"autoincrement": False} if key else {})


def _table(kind: str, *constraints: Any) -> tuple[Any, ...]:
    return (*constraints, {"comment": kind})


# --- reference: who takes part, at which terms


class Partner(SQLModel, table=True):
    """A company that signs for one or more programs."""

    __table_args__ = _table(
        "reference", CheckConstraint("number > 0", name="number_positive"), UniqueConstraint("number", name="partner_number")
    )
    partner: str = _col(Text, key=True)
    number: int = _col(Integer)
    name: str = _col(Text)
    registered_at: datetime = _col(Instant)


class Program(SQLModel, table=True):
    """A brand's currency, where it is reached, and what it declares that it can do."""

    __table_args__ = _table(
        "reference", CheckConstraint("number > 0", name="number_positive"), UniqueConstraint("number", name="program_number")
    )
    program: str = _col(Text, key=True)
    number: int = _col(Integer)
    partner: str = _col(Text)
    name: str = _col(Text)
    unit_name: str = _col(Text)
    adapter: str = _col(Text)
    endpoint: str = _col(Text)
    capabilities: dict[str, Any] = _col(JSONB)
    registered_at: datetime = _col(Instant)


class Key(SQLModel, table=True):
    """A public key, named by its RFC 7638 thumbprint. Its row, never a header, says who signs with it."""

    __table_args__ = _table(
        "reference",
        CheckConstraint("purpose IN ('requests', 'answers', 'operator', 'house')", name="purpose_known"),
        CheckConstraint("environment IN ('sandbox', 'live')", name="environment_known"),
        CheckConstraint("(purpose IN ('requests', 'answers')) = (partner IS NOT NULL)", name="partner_signs"),
    )
    key_id: str = _col(Text, key=True)
    partner: str | None = _col(Text, null=True)
    purpose: str = _col(Text)
    environment: str = _col(Text)
    alg: str = _col(Text)
    jwk: dict[str, Any] = _col(JSONB)
    registered_at: datetime = _col(Instant)
    not_before: datetime = _col(Instant)
    expires_at: datetime | None = _col(Instant, null=True)
    revoked_at: datetime | None = _col(Instant, null=True)
    compromised_since: datetime | None = _col(Instant, null=True)


class Price(SQLModel, table=True):
    """A program's issue price and redeem value from a date on, as exact fractions in millionths of the common unit per unit."""

    __table_args__ = _table(
        "reference",
        CheckConstraint("issue_num >= 0 AND issue_den > 0 AND redeem_num >= 0 AND redeem_den > 0", name="exact_fractions"),
    )
    program: str = _col(Text, key=True)
    version: int = _col(Integer, key=True)
    valid_from: datetime = _col(Instant)
    issue_num: int = _col(BigInteger)
    issue_den: int = _col(BigInteger)
    redeem_num: int = _col(BigInteger)
    redeem_den: int = _col(BigInteger)


class Corridor(SQLModel, table=True):
    """How points of one program become units of another, from a date on."""

    __table_args__ = _table(
        "reference",
        CheckConstraint("source <> target", name="two_programs"),
        CheckConstraint("ratio_num > 0 AND ratio_den > 0 AND step > 0 AND minimum > 0", name="exact_ratio"),
        CheckConstraint("maximum IS NULL OR maximum >= minimum", name="maximum_reachable"),
        CheckConstraint("minimum * ratio_num % ratio_den = 0 AND step * ratio_num % ratio_den = 0", name="whole_units"),
    )
    source: str = _col(Text, key=True)
    target: str = _col(Text, key=True)
    version: int = _col(Integer, key=True)
    valid_from: datetime = _col(Instant)
    valid_to: datetime | None = _col(Instant, null=True)
    ratio_num: int = _col(BigInteger)
    ratio_den: int = _col(BigInteger)
    step: int = _col(BigInteger)
    minimum: int = _col(BigInteger)
    maximum: int | None = _col(BigInteger, null=True)


class Calendar(SQLModel, table=True):
    """The published settlement windows, in UTC instants."""

    __table_args__ = _table("reference", CheckConstraint("opens_at < closes_at", name="forward"))
    window_id: int = _col(Integer, key=True)
    code: str = _col(Text)
    opens_at: datetime = _col(Instant)
    closes_at: datetime = _col(Instant)


# --- sharded: one lane, one writer


class Lane(SQLModel, table=True):
    """The one lock. Its row carries last time, sequence and hash state: the next number of the log and the roots that make its root."""

    __table_args__ = _table("sharded", CheckConstraint("size >= 0", name="size_counts"))
    lane: int = _col(SmallInteger, key=True)
    last_at: datetime = _col(Instant)
    size: int = _col(BigInteger)
    frontier: list[bytes] = _col(ARRAY(LargeBinary))
    window_id: int = _col(Integer)
    writer: UUID = _col(Uuid)


class LaneWindow(SQLModel, table=True):
    """A window as one lane lived it. A sealed one never changes."""

    __tablename__ = "lane_window"
    __table_args__ = _table(
        "sharded",
        CheckConstraint("(sealed_at IS NULL) = (sealed_root IS NULL)", name="sealed_whole"),
        CheckConstraint("(sealed_at IS NULL) = (sealed_size IS NULL)", name="sealed_sized"),
    )
    lane: int = _col(SmallInteger, key=True)
    window_id: int = _col(Integer, key=True)
    opened_size: int = _col(BigInteger)
    sealed_at: datetime | None = _col(Instant, null=True)
    sealed_size: int | None = _col(BigInteger, null=True)
    sealed_root: bytes | None = _col(LargeBinary, null=True)


class AccountRow(SQLModel, table=True):
    """A member's account in a program: a token outside, the membership number sealed inside and found by keyed hash."""

    __tablename__ = "account"
    __table_args__ = _table(
        "sharded", Index("account_by_number", "lane", "program", "number_index", unique=True)
    )
    lane: int = _col(SmallInteger, key=True)
    account: UUID = _col(Uuid, key=True)
    program: str = _col(Text)
    number_index: bytes = _col(LargeBinary)
    number_mask: str = _col(Text)
    kek_id: str = _col(Text)
    wrapped: bytes | None = _col(LargeBinary, null=True)
    seal_nonce: bytes = _col(LargeBinary)
    box: bytes = _col(LargeBinary)
    linked_at: datetime = _col(Instant)


class Exchange(SQLModel, table=True):
    """One exchange or one reversal of one. The row balances by itself: what is paid in is what is paid out."""

    __table_args__ = _table(
        "sharded",
        _one_of("path", Path),
        _one_of("state", State),
        CheckConstraint("debit + funding = credit + fee", name="balances"),
        CheckConstraint("sent > 0 AND received >= 0 AND debit >= 0 AND funding >= 0 AND credit >= 0", name="amounts"),
        CheckConstraint("rounding >= 0 AND fee >= rounding", name="rounding_inside_fee"),
        CheckConstraint("reversed >= 0 AND reversed <= sent", name="reversed_at_most_whole"),
        CheckConstraint("(path = 'reversal') = (original_id IS NOT NULL)", name="reversal_has_original"),
        CheckConstraint("(state IN ('completed', 'reversed')) = (ended_at IS NOT NULL)", name="ended_in_time"),
        Index("exchange_by_idempotency_key", "lane", "partner", "idempotency_key", unique=True),
        Index("exchange_by_quote", "lane", "quote_id", unique=True, postgresql_where=text("original_id IS NULL")),
        Index("exchange_reversals", "lane", "original_id", postgresql_where=text("original_id IS NOT NULL")),
    )
    lane: int = _col(SmallInteger, key=True)
    exchange_id: UUID = _col(Uuid, key=True)
    path: str = _col(Text)
    original_id: UUID | None = _col(Uuid, null=True)
    partner: str = _col(Text)
    idempotency_key: str = _col(Text)
    fingerprint: bytes = _col(LargeBinary)
    request_id: UUID = _col(Uuid)
    quote_id: UUID = _col(Uuid)
    terms_version: str = _col(Text)
    state: str = _col(Text)
    reserved_at: datetime = _col(Instant)
    posted_at: datetime | None = _col(Instant, null=True)
    window_id: int | None = _col(Integer, null=True)
    ended_at: datetime | None = _col(Instant, null=True)
    reason: str | None = _col(Text, null=True)
    source_program: str = _col(Text)
    target_program: str = _col(Text)
    source_account: UUID = _col(Uuid)
    target_account: UUID = _col(Uuid)
    sent: int = _col(BigInteger)
    received: int = _col(BigInteger)
    debit: int = _col(BigInteger)
    funding: int = _col(BigInteger)
    credit: int = _col(BigInteger)
    fee: int = _col(BigInteger)
    rounding: int = _col(BigInteger)
    reversed: int = _col(BigInteger)
    kept_leg: int = _col(SmallInteger)
    cancelled: bool = Field(nullable=False)
    reserved_seq: int = _col(BigInteger)


class OrderRow(SQLModel, table=True):
    """What a program is asked, one row a leg. An open order is due at an instant; whoever leases it moves that instant on."""

    __tablename__ = "orders"
    __table_args__ = _table(
        "sharded",
        CheckConstraint(f"state IN ('waiting', 'sent', {', '.join(repr(str(v)) for v in Verdict)}, 'dropped')", name="state_known"),
        CheckConstraint("amount > 0", name="amount_positive"),
        Index("orders_due", "lane", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )
    lane: int = _col(SmallInteger, key=True)
    exchange_id: UUID = _col(Uuid, key=True)
    leg: int = _col(SmallInteger, key=True)
    operation: str = _col(Text)
    program: str = _col(Text)
    account: UUID = _col(Uuid)
    amount: int = _col(BigInteger)
    refers: str | None = _col(Text, null=True)
    state: str = _col(Text)
    lease: UUID | None = _col(Uuid, null=True)
    due_at: datetime | None = _col(Instant, null=True)
    created_at: datetime = _col(Instant)
    sent_at: datetime | None = _col(Instant, null=True)
    attempts: int = _col(Integer)
    answered_at: datetime | None = _col(Instant, null=True)
    reason: str | None = _col(Text, null=True)
    evidence_id: UUID | None = _col(Uuid, null=True)


class EntryRow(SQLModel, table=True):
    """One line of the books, for ever. Its unit is its account's; its number is the event's place in the log and the line's in the event."""

    __tablename__ = "entry"
    __table_args__ = _table("sharded", CheckConstraint("amount <> 0", name="amount_moves"))
    lane: int = _col(SmallInteger, key=True)
    seq: int = _col(BigInteger, key=True)
    line: int = _col(SmallInteger, key=True)
    account: int = _col(Integer)
    window_id: int | None = _col(Integer, null=True)
    amount: int = _col(BigInteger)
    exchange_id: UUID = _col(Uuid)


class Leaf(SQLModel, table=True):
    """One event of the log: the bytes as they were written once, and the salt that its commitment hides them with."""

    __table_args__ = _table("sharded", Index("leaf_by_exchange", "lane", "exchange_id"))
    lane: int = _col(SmallInteger, key=True)
    seq: int = _col(BigInteger, key=True)
    at: datetime = _col(Instant)
    kind: str = _col(Text)
    exchange_id: UUID | None = _col(Uuid, null=True)
    salt: bytes = _col(LargeBinary)
    event: bytes = _col(LargeBinary)
    hash: bytes = _col(LargeBinary)


class Tile(SQLModel, table=True):
    """Every eighth level of the Merkle tree, so that a proof reads hundreds of hashes and never millions."""

    __table_args__ = _table("sharded")
    lane: int = _col(SmallInteger, key=True)
    level: int = _col(SmallInteger, key=True)
    place: int = _col(BigInteger, key=True)
    hash: bytes = _col(LargeBinary)


class Nonce(SQLModel, table=True):
    """A nonce that a key has used. The request it came with may be written again after an unknown commit; no other may."""

    __table_args__ = _table("sharded")
    lane: int = _col(SmallInteger, key=True)
    key_id: str = _col(Text, key=True)
    nonce: str = _col(Text, key=True)
    request_id: UUID = _col(Uuid)
    expires_at: datetime = _col(Instant)


class EvidenceRow(SQLModel, table=True):
    """What was signed: signature base and signature in the clear, the body sealed under a key of its own that can be dropped."""

    __tablename__ = "evidence"
    __table_args__ = _table("sharded", CheckConstraint("kind IN ('request', 'call')", name="kind_known"))
    lane: int = _col(SmallInteger, key=True)
    evidence_id: UUID = _col(Uuid, key=True)
    kind: str = _col(Text)
    key_id: str = _col(Text)
    signed_at: datetime = _col(Instant)
    base: bytes = _col(LargeBinary)
    signature: bytes = _col(LargeBinary)
    digest: bytes | None = _col(LargeBinary, null=True)
    meta: bytes = _col(LargeBinary)
    kek_id: str = _col(Text)
    wrapped: bytes | None = _col(LargeBinary, null=True)
    seal_nonce: bytes = _col(LargeBinary)
    box: bytes = _col(LargeBinary)


class PositionSlice(SQLModel, table=True):
    """The sums of one account in one window, kept beside the entries and recomputed by the verifier. Window 0: without a window."""

    __tablename__ = "position_slice"
    __table_args__ = _table("sharded", CheckConstraint("debits >= 0 AND credits >= 0", name="sums"))
    lane: int = _col(SmallInteger, key=True)
    window_id: int = _col(Integer, key=True)
    account: int = _col(Integer, key=True)
    debits: int = _col(BigInteger)
    credits: int = _col(BigInteger)


class CapSlice(SQLModel, table=True):
    """A partner's net debit cap in this lane: granted, booked and unsettled, and pending; millionths of the common unit."""

    __tablename__ = "cap_slice"
    __table_args__ = _table("sharded", CheckConstraint("granted >= 0 AND pending >= 0", name="limits"))
    lane: int = _col(SmallInteger, key=True)
    account: int = _col(Integer, key=True)
    granted: int = _col(BigInteger)
    position: int = _col(BigInteger)
    pending: int = _col(BigInteger)


class CaseRow(SQLModel, table=True):
    """Something a person must look at: owned, due, and closed only by a signed command. Its number is its place in the log."""

    __tablename__ = "review_case"
    __table_args__ = _table(
        "sharded", Index("case_open", "lane", "due_at", postgresql_where=text("closed_at IS NULL"))
    )
    lane: int = _col(SmallInteger, key=True)
    seq: int = _col(BigInteger, key=True)
    exchange_id: UUID = _col(Uuid)
    leg: int = _col(SmallInteger)
    kind: str = _col(Text)
    owner: str = _col(Text)
    opened_at: datetime = _col(Instant)
    due_at: datetime = _col(Instant)
    detail: str = _col(Text)
    closed_at: datetime | None = _col(Instant, null=True)
    decision: str | None = _col(Text, null=True)
    closed_by: str | None = _col(Text, null=True)


UPDATABLE: dict[str, tuple[str, ...]] = {
    "partner": ("name",),
    "program": ("endpoint", "capabilities"),
    "key": ("expires_at", "revoked_at", "compromised_since"),
    "lane": ("last_at", "size", "frontier", "window_id", "writer"),
    "lane_window": ("sealed_at", "sealed_size", "sealed_root"),
    "account": ("wrapped",),
    "exchange": ("state", "posted_at", "window_id", "ended_at", "reason", "reversed", "kept_leg", "cancelled"),
    "orders": ("state", "lease", "due_at", "sent_at", "attempts", "answered_at", "reason", "evidence_id"),
    "evidence": ("wrapped",),
    "position_slice": ("debits", "credits"),
    "cap_slice": ("granted", "position", "pending"),
    "review_case": ("closed_at", "decision", "closed_by"),
}
"""What the application role may update, column by column; entries and leaves are not among them."""

DELETABLE: tuple[str, ...] = ("nonce",)
"""What it may delete: nonces that have expired."""
