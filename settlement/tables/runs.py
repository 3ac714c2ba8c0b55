"""The tables of the settlement run: what was computed never changes, its state moves on, and every step is kept."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Date, Index, Integer, LargeBinary, Text, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
from sqlmodel import SQLModel

from clearing.tables.columns import Instant, check, col, table

STATES = (
    "held",
    "drafted",
    "previewed",
    "approved",
    "frozen",
    "instructed",
    "paying",
    "settled",
    "aborted",
)
INSTRUCTION_STATES = ("waiting", "due", "differs", "rejected", "confirmed", "settled")


def _listed(words: tuple[str, ...]) -> str:
    return ", ".join(f"'{word}'" for word in words)


class Run(SQLModel, table=True):
    """A settlement run: its inputs and result as bytes, and how far it has come. A held one has no result.

    `turn` counts what was written of its payments: who writes names the turn that was read, so of two at once one reads again.
    """

    __tablename__ = "settlement_run"
    __table_args__ = table(
        "local",
        check("state_known", f"state IN ({_listed(STATES)})"),
        check("held_says_why", "(result IS NULL) = (held_because IS NOT NULL)"),
        check("result_whole", "(result IS NULL) = (result_sha256 IS NULL)"),
        check("hash_whole", "inputs_sha256 ~ '^[0-9a-f]{64}$'"),
        check("second_key", "approved_by <> previewed_by AND (approved_by IS NULL OR previewed_by IS NOT NULL)"),
        check("approved_first", "approved_by IS NOT NULL OR state IN ('held', 'drafted', 'previewed', 'aborted')"),
    )
    run: str = col(Text, key=True)
    state: str = col(Text)
    held_because: str | None = col(Text, null=True)
    inputs: bytes = col(LargeBinary)
    inputs_sha256: str = col(Text)
    result: bytes | None = col(LargeBinary, null=True)
    result_sha256: str | None = col(Text, null=True)
    value_date: date = col(Date)
    created_at: datetime = col(Instant)
    created_by: str = col(Text)
    previewed_by: str | None = col(Text, null=True)
    approved_by: str | None = col(Text, null=True)
    turn: int = col(Integer)


class RunWindow(SQLModel, table=True):
    """The windows of a run. A window is in one run only, those that were aborted aside."""

    __tablename__ = "settlement_run_window"
    __table_args__ = table(
        "local",
        Index("settlement_run_window_once", "window_id", unique=True, postgresql_where=text("live")),
    )
    run: str = col(Text, key=True)
    window_id: int = col(Integer, key=True)
    live: bool = col(Boolean)


class RunNet(SQLModel, table=True):
    """What a party receives (plus) or pays (minus) in a run: millionths of the common unit, and minor units of its currency."""

    __tablename__ = "settlement_net"
    __table_args__ = table("local")
    run: str = col(Text, key=True)
    party: str = col(Text, key=True)
    currency: str = col(Text, key=True)
    micros: int = col(BigInteger)
    minor: int = col(BigInteger)


class RunBilateral(SQLModel, table=True):
    """One cell of the bilateral matrix of a run: the evidence of its nets, millionths of the common unit."""

    __tablename__ = "settlement_bilateral"
    __table_args__ = table("local", check("two_parties", "debtor <> creditor"))
    run: str = col(Text, key=True)
    debtor: str = col(Text, key=True)
    creditor: str = col(Text, key=True)
    micros: int = col(BigInteger)


class RunParked(SQLModel, table=True):
    """What a run left out because a party is suspended; a later run resumes it as it is."""

    __tablename__ = "settlement_parked"
    __table_args__ = table("local", check("two_parties", "debtor <> creditor"))
    run: str = col(Text, key=True)
    debtor: str = col(Text, key=True)
    creditor: str = col(Text, key=True)
    micros: int = col(BigInteger)
    resumed_by: str | None = col(Text, null=True)


class RunShare(SQLModel, table=True):
    """The base of a window that a run shared by a contract: what the period had seen before it, and what the next one begins with."""

    __tablename__ = "settlement_share"
    __table_args__ = table("local", check("version_positive", "version > 0"), check("not_negative", "micros >= 0"))
    run: str = col(Text, key=True)
    contract: str = col(Text, key=True)
    window_id: int = col(Integer, key=True)
    version: int = col(Integer)
    micros: int = col(BigInteger)
    before: dict[str, Any] = col(JSONB)
    after: dict[str, Any] = col(JSONB)
    closing: bool = col(Boolean)


class RunShareUndone(SQLModel, table=True):
    """What a run gave back of the base of an earlier window, from one cumulative mark of it to another."""

    __tablename__ = "settlement_share_undone"
    __table_args__ = table("local", check("forward", "since >= 0 AND since < until"))
    run: str = col(Text, key=True)
    contract: str = col(Text, key=True)
    window_id: int = col(Integer, key=True)
    since: int = col(BigInteger)
    until: int = col(BigInteger)


class RunInstruction(SQLModel, table=True):
    """One payment of a frozen run, of which the house may be a side. `minor` is what travels; `paid` is what it clears of the payer's
    position, `received` of the payee's, millionths of the common unit.

    `accrued_until` is the day up to which interest was decided; the ledger has it booked, or books it next.
    """

    __tablename__ = "settlement_instruction"
    __table_args__ = table(
        "local",
        Index("settlement_instruction_of_payer", "payer", "run"),
        Index("settlement_instruction_of_payee", "payee", "run"),
        check("two_parties", "payer <> payee"),
        check("not_negative", "paid >= 0 AND received >= 0 AND minor >= 0 AND paid + received + minor > 0"),
        check("state_known", f"state IN ({_listed(INSTRUCTION_STATES)})"),
        check("reference_fits", "length(instruction) <= 35"),
    )
    instruction: str = col(Text, key=True)
    run: str = col(Text)
    payer: str = col(Text)
    payee: str = col(Text)
    currency: str = col(Text)
    minor: int = col(BigInteger)
    paid: int = col(BigInteger)
    received: int = col(BigInteger)
    value_date: date = col(Date)
    state: str = col(Text)
    bank_reference: str | None = col(Text, null=True)
    booked_on: date | None = col(Date, null=True)
    differs: str | None = col(Text, null=True)
    rejected_at: datetime | None = col(Instant, null=True)
    accrued_until: date | None = col(Date, null=True)


class RunBankFile(SQLModel, table=True):
    """A bank's file as a run took it, once: which file it is, what it says as a digest, and what was answered."""

    __tablename__ = "settlement_bank_file"
    __table_args__ = table(
        "local",
        check("fingerprint_whole", "fingerprint ~ '^[0-9a-f]{64}$'"),
        check("content_whole", "content ~ '^[0-9a-f]{64}$'"),
    )
    run: str = col(Text, key=True)
    fingerprint: str = col(Text, key=True)
    content: str = col(Text)
    version: str = col(Text)
    received_at: datetime = col(Instant)
    evidence_id: UUID | None = col(Uuid, null=True)
    answer: dict[str, Any] = col(JSONB)


class RunEvent(SQLModel, table=True):
    """One step of a run, for ever: when, by whose key, by which signed request."""

    __tablename__ = "settlement_run_event"
    __table_args__ = table("local", check("number_positive", "number > 0"))
    run: str = col(Text, key=True)
    number: int = col(Integer, key=True)
    at: datetime = col(Instant)
    step: str = col(Text)
    key_id: str | None = col(Text, null=True)
    evidence_id: UUID | None = col(Uuid, null=True)
    detail: str | None = col(Text, null=True)


UPDATABLE: dict[str, tuple[str, ...]] = {
    "settlement_run": ("state", "previewed_by", "approved_by", "turn"),
    "settlement_run_window": ("live",),
    "settlement_parked": ("resumed_by",),
    "settlement_instruction": ("state", "bank_reference", "booked_on", "differs", "rejected_at", "accrued_until"),
}
"""What moves on; amounts and bytes never do."""
