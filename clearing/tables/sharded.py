"""Sharded tables: what the books hold, led by `lane`, written by `clearing.ledger` under the lock of its lane."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Index, Integer, LargeBinary, SmallInteger, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import Field, SQLModel

from clearing.rules.lifecycle import Kind, Path, State, Verdict
from clearing.tables.columns import Instant, check, col, one_of, table


class Lane(SQLModel, table=True):
    """The one lock. Its row carries last time, sequence and hash state: the next number of the log and the roots that make its root.

    `calendar` is the version of the calendar that is in force: what is read with the lock cannot be out of date.
    """

    __table_args__ = table("sharded", check("size_counts", "size >= 0"))
    lane: int = col(SmallInteger, key=True)
    last_at: datetime = col(Instant)
    size: int = col(BigInteger)
    frontier: list[bytes] = col(ARRAY(LargeBinary))
    window_id: int = col(Integer)
    writer: UUID = col(Uuid)
    calendar: int = col(Integer)


class LaneWindow(SQLModel, table=True):
    """A window as one lane lived it. A sealed one never changes."""

    __tablename__ = "lane_window"
    __table_args__ = table(
        "sharded",
        check("sealed_whole", "(sealed_at IS NULL) = (sealed_root IS NULL)"),
        check("sealed_sized", "(sealed_at IS NULL) = (sealed_size IS NULL)"),
    )
    lane: int = col(SmallInteger, key=True)
    window_id: int = col(Integer, key=True)
    opened_size: int = col(BigInteger)
    sealed_at: datetime | None = col(Instant, null=True)
    sealed_size: int | None = col(BigInteger, null=True)
    sealed_root: bytes | None = col(LargeBinary, null=True)


class Exchange(SQLModel, table=True):
    """One exchange or one reversal of one. The row balances by itself: what is paid in is what is paid out."""

    __table_args__ = table(
        "sharded",
        one_of("path", Path),
        one_of("kind", Kind),
        one_of("state", State),
        check("balances", "debit + funding = credit + fee"),
        check("amounts", "sent >= 0 AND received >= 0 AND debit >= 0 AND funding >= 0 AND credit >= 0"),
        check(
            "source_sends",
            "(source_program IS NULL) = (sent = 0) AND (source_program IS NULL) = (source_account IS NULL)",
        ),
        check(
            "target_receives",
            "(target_program IS NULL) = (target_account IS NULL) AND num_nulls(source_program, target_program) < 2",
        ),
        check("rounding_inside_fee", "rounding >= 0 AND fee >= rounding"),
        check("bonus_paid", "bonus >= 0 AND bonus_credit >= 0 AND bonus_credit <= credit AND funding >= bonus_credit"),
        check("captured_at_most_held", "captured >= 0 AND captured <= sent"),
        check("reversed_at_most_whole", "reversed >= 0 AND reversed <= greatest(sent, received)"),
        check("reversal_has_original", "(path IN ('reversal', 'clawback', 'refund')) = (original_id IS NOT NULL)"),
        check("ended_in_time", "(state IN ('completed', 'reversed')) = (ended_at IS NOT NULL)"),
        # A state moves often and is in no index: such an update is cheap (heap-only) as long as no index speaks of what it changes.
        # What is looked for leads, not the lane: on a lane that grew since its statistics were made, an index that begins
        # with the lane looks as if it could answer anything.
        Index("exchange_by_idempotency_key", "idempotency_key", "lane", "partner", unique=True),
        Index("exchange_by_quote", "quote_id", "lane", unique=True, postgresql_where=text("original_id IS NULL")),
        Index("exchange_by_target", "target_account", "lane", "reserved_at"),
        Index("exchange_reversals", "original_id", "lane", postgresql_where=text("original_id IS NOT NULL")),
        Index("exchange_by_member", "source_account", "lane", "reserved_at"),
        Index("exchange_by_device", "device", "lane", "reserved_at", postgresql_where=text("device IS NOT NULL")),
        Index(
            "exchange_by_reference",
            "partner",
            "reference",
            "lane",
            postgresql_where=text("reference IS NOT NULL"),
        ),
    )
    lane: int = col(SmallInteger, key=True)
    exchange_id: UUID = col(Uuid, key=True)
    path: str = col(Text)
    original_id: UUID | None = col(Uuid, null=True)
    partner: str = col(Text)
    idempotency_key: str = col(Text)
    fingerprint: bytes = col(LargeBinary)
    request_id: UUID = col(Uuid)
    quote_id: UUID = col(Uuid)
    terms_version: str = col(Text)
    state: str = col(Text)
    reserved_at: datetime = col(Instant)
    posted_at: datetime | None = col(Instant, null=True)
    window_id: int | None = col(Integer, null=True)
    ended_at: datetime | None = col(Instant, null=True)
    reason: str | None = col(Text, null=True)
    source_program: str | None = col(Text, null=True)
    target_program: str | None = col(Text, null=True)
    source_account: UUID | None = col(Uuid, null=True)
    target_account: UUID | None = col(Uuid, null=True)
    sent: int = col(BigInteger)
    received: int = col(BigInteger)
    debit: int = col(BigInteger)
    funding: int = col(BigInteger)
    credit: int = col(BigInteger)
    fee: int = col(BigInteger)
    rounding: int = col(BigInteger)
    reversed: int = col(BigInteger)
    kept_leg: int = col(SmallInteger)
    cancelled: bool = Field(nullable=False)
    reserved_seq: int = col(BigInteger)
    kind: str = col(Text)
    occurred_at: datetime | None = col(Instant, null=True)
    reference: str | None = col(Text, null=True)
    capture_by: datetime | None = col(Instant, null=True)
    captured: int = col(BigInteger)
    bears_shortfall: bool = Field(nullable=False)
    bonus: int = col(BigInteger)
    bonus_credit: int = col(BigInteger)
    bonus_due: datetime | None = col(Instant, null=True)
    shares: str | None = col(Text, null=True)
    device: bytes | None = col(LargeBinary, null=True)
    charges: str | None = col(Text, null=True)


class OrderRow(SQLModel, table=True):
    """What a program is asked, one row a leg. An open order is due at an instant; whoever leases it moves that instant on."""

    __tablename__ = "orders"
    __table_args__ = table(
        "sharded",
        check("state_known", f"state IN ('waiting', 'sent', {', '.join(repr(str(v)) for v in Verdict)})"),
        check("amount_positive", "amount > 0"),
        Index("orders_due", "lane", "due_at", postgresql_where=text("due_at IS NOT NULL")),
    )
    lane: int = col(SmallInteger, key=True)
    exchange_id: UUID = col(Uuid, key=True)
    leg: int = col(SmallInteger, key=True)
    operation: str = col(Text)
    program: str = col(Text)
    account: UUID = col(Uuid)
    amount: int = col(BigInteger)
    refers: str | None = col(Text, null=True)
    state: str = col(Text)
    lease: UUID | None = col(Uuid, null=True)
    due_at: datetime | None = col(Instant, null=True)
    created_at: datetime = col(Instant)
    sent_at: datetime | None = col(Instant, null=True)
    attempts: int = col(Integer)
    answered_at: datetime | None = col(Instant, null=True)
    reason: str | None = col(Text, null=True)
    evidence_id: UUID | None = col(Uuid, null=True)


class EntryRow(SQLModel, table=True):
    """One line of the books, for ever. Its unit is its account's; its number is its event's place in the log, and its line."""

    __tablename__ = "entry"
    __table_args__ = table(
        "sharded",
        check("amount_moves", "amount <> 0"),
        Index(  # sums of the past are bounded by a window; what is in transit has none
            "entry_in_transit",
            "lane",
            "account",
            "seq",
            postgresql_include=["amount"],
            postgresql_where=text("window_id IS NULL"),
        ),
    )
    lane: int = col(SmallInteger, key=True)
    seq: int = col(BigInteger, key=True)
    line: int = col(SmallInteger, key=True)
    account: int = col(Integer)
    window_id: int | None = col(Integer, null=True)
    amount: int = col(BigInteger)
    exchange_id: UUID = col(Uuid)


class Leaf(SQLModel, table=True):
    """One event of the log: the bytes as they were written once, and the salt that its commitment hides them with."""

    __table_args__ = table("sharded")
    lane: int = col(SmallInteger, key=True)
    seq: int = col(BigInteger, key=True)
    at: datetime = col(Instant)
    kind: str = col(Text)
    exchange_id: UUID | None = col(Uuid, null=True)
    salt: bytes = col(LargeBinary)
    event: bytes = col(LargeBinary)
    hash: bytes = col(LargeBinary)


class Tile(SQLModel, table=True):
    """Every eighth level of the Merkle tree, so that a proof reads hundreds of hashes and never millions."""

    __table_args__ = table("sharded")
    lane: int = col(SmallInteger, key=True)
    level: int = col(SmallInteger, key=True)
    place: int = col(BigInteger, key=True)
    hash: bytes = col(LargeBinary)


class Nonce(SQLModel, table=True):
    """A nonce that a key has used. The request it came with may be written again after an unknown commit; no other may."""

    __table_args__ = table("sharded")
    lane: int = col(SmallInteger, key=True)
    key_id: str = col(Text, key=True)
    nonce: str = col(Text, key=True)
    request_id: UUID = col(Uuid)
    expires_at: datetime = col(Instant)


class EvidenceRow(SQLModel, table=True):
    """What was signed: signature base and signature in the clear, the body sealed under a key of its own that can be dropped."""

    __tablename__ = "evidence"
    __table_args__ = table("sharded", check("kind_known", "kind IN ('request', 'call')"))
    lane: int = col(SmallInteger, key=True)
    evidence_id: UUID = col(Uuid, key=True)
    kind: str = col(Text)
    key_id: str = col(Text)
    signed_at: datetime = col(Instant)
    base: bytes = col(LargeBinary)
    signature: bytes = col(LargeBinary)
    digest: bytes | None = col(LargeBinary, null=True)
    meta: bytes = col(LargeBinary)
    kek_id: str = col(Text)
    wrapped: bytes | None = col(LargeBinary, null=True)
    seal_nonce: bytes = col(LargeBinary)
    box: bytes = col(LargeBinary)


class PositionSlice(SQLModel, table=True):
    """The sums of one account in one window, kept beside the entries and recomputed by the verifier. Window 0: without a window."""

    __tablename__ = "position_slice"
    __table_args__ = table("sharded", check("sums", "debits >= 0 AND credits >= 0"))
    lane: int = col(SmallInteger, key=True)
    window_id: int = col(Integer, key=True)
    account: int = col(Integer, key=True)
    debits: int = col(BigInteger)
    credits: int = col(BigInteger)


class CapSlice(SQLModel, table=True):
    """A partner's net debit cap in this lane: granted, booked and unsettled, and pending; millionths of the common unit."""

    __tablename__ = "cap_slice"
    __table_args__ = table("sharded", check("limits", "granted >= 0 AND pending >= 0"))
    lane: int = col(SmallInteger, key=True)
    account: int = col(Integer, key=True)
    granted: int = col(BigInteger)
    position: int = col(BigInteger)
    pending: int = col(BigInteger)


class Adjustment(SQLModel, table=True):
    """Value that moved without points: a correction in a window; money that a partner paid or was paid, or its cover, in none."""

    __table_args__ = table(
        "sharded",
        check("kind_known", "kind IN ('adjusted', 'paid', 'lodged')"),
        check("only_money_has_no_window", "(kind <> 'adjusted') = (window_id IS NULL)"),
        Index("adjustment_lodged", "lane", "reference", postgresql_where=text("kind = 'lodged'")),
    )
    lane: int = col(SmallInteger, key=True)
    adjustment_id: UUID = col(Uuid, key=True)
    kind: str = col(Text)
    seq: int = col(BigInteger)
    at: datetime = col(Instant)
    window_id: int | None = col(Integer, null=True)
    of_window: int | None = col(Integer, null=True)
    reason: str = col(Text)
    reference: str | None = col(Text, null=True)
    lines: str = col(Text)
    evidence_id: UUID | None = col(Uuid, null=True)


class BudgetSlice(SQLModel, table=True):
    """A campaign's budget in this lane: what it may spend in bonus units and in millionths of the common unit, and what is promised."""

    __tablename__ = "budget_slice"
    __table_args__ = table(
        "sharded",
        check("units_within", "units_used >= 0 AND units_used <= coalesce(units, units_used)"),
        check("value_within", "value_used >= 0 AND value_used <= coalesce(value, value_used)"),
    )
    lane: int = col(SmallInteger, key=True)
    campaign: str = col(Text, key=True)
    units: int | None = col(BigInteger, null=True)
    value: int | None = col(BigInteger, null=True)
    units_used: int = col(BigInteger)
    value_used: int = col(BigInteger)


class CaseRow(SQLModel, table=True):
    """Something a person must look at: owned, due, and closed only by a signed command. Its number is its place in the log."""

    __tablename__ = "review_case"
    __table_args__ = table("sharded", Index("case_open", "lane", "due_at", postgresql_where=text("closed_at IS NULL")))
    lane: int = col(SmallInteger, key=True)
    seq: int = col(BigInteger, key=True)
    exchange_id: UUID = col(Uuid)
    leg: int = col(SmallInteger)
    kind: str = col(Text)
    owner: str = col(Text)
    opened_at: datetime = col(Instant)
    due_at: datetime = col(Instant)
    detail: str = col(Text)
    closed_at: datetime | None = col(Instant, null=True)
    decision: str | None = col(Text, null=True)
    closed_by: str | None = col(Text, null=True)
