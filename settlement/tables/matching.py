"""Reconciliation: partners' books line by line, what each run compared and matched, breaks, and every step that was taken about one."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Index, Integer, SmallInteger, Text, Uuid, text
from sqlmodel import Field, SQLModel

from clearing.tables.columns import Instant, check, col, table
from settlement.rules.breaks import BreakClass, Decision, State

_CLASSES = ",\n        ".join(f"'{name}'" for name in BreakClass)
_STATES = ", ".join(f"'{name}'" for name in State)
_DECISIONS = ", ".join(f"'{name}'" for name in Decision)


class BookRow(SQLModel, table=True):
    """A partner's book as it was taken: its place in the partner's sequence, its digest and its control totals, in millionths."""

    __tablename__ = "book"
    __table_args__ = table(
        "local",
        check("sequence_counts", "sequence > 0"),
        check("totals", "lines >= 0 AND debit >= 0 AND credit >= 0"),
        check("digest_whole", "digest ~ '^[0-9a-f]{64}$'"),
    )
    partner: str = col(Text, key=True)
    sequence: int = col(BigInteger, key=True)
    window_id: int = col(Integer)
    digest: str = col(Text)
    lines: int = col(Integer)
    debit: int = col(BigInteger)
    credit: int = col(BigInteger)
    received_at: datetime = col(Instant)
    received_from: str = col(Text)
    evidence_id: UUID | None = col(Uuid, null=True)


class BookLine(SQLModel, table=True):
    """One line of a partner's book. Its number is its book's sequence times a million plus its own; plus owes the house."""

    __tablename__ = "book_line"
    __table_args__ = table(
        "local",
        check("moves", "amount <> 0"),
        check("status_known", "status IN ('final', 'pending')"),
    )
    partner: str = col(Text, key=True)
    window_id: int = col(Integer, key=True)
    line: int = col(BigInteger, key=True)
    exchange_id: UUID | None = col(Uuid, null=True)
    reference: str | None = col(Text, null=True)
    at: datetime = col(Instant)
    amount: int = col(BigInteger)
    points: int | None = col(BigInteger, null=True)
    status: str = col(Text)


class MatchRun(SQLModel, table=True):
    """One comparison of all books of a partner's window with ours. Totals first: sums of both sides, in millionths."""

    __tablename__ = "match_run"
    __table_args__ = table(
        "local", check("run_counts", "run > 0"), Index("run_of_window", "partner", "window_id", "run")
    )
    run: int = col(BigInteger, key=True)
    partner: str = col(Text)
    window_id: int = col(Integer)
    at: datetime = col(Instant)
    our_lines: int = col(BigInteger)
    our_debit: int = col(BigInteger)
    our_credit: int = col(BigInteger)
    their_lines: int = col(BigInteger)
    their_debit: int = col(BigInteger)
    their_credit: int = col(BigInteger)


class OurLine(SQLModel, table=True):
    """What a run found in our books: what one exchange booked on the partner's position in the window."""

    __tablename__ = "our_line"
    __table_args__ = table("local")
    run: int = col(BigInteger, key=True)
    our_id: UUID = col(Uuid, key=True)
    reference: str | None = col(Text, null=True)
    at: datetime = col(Instant)
    amount: int = col(BigInteger)
    points: int = col(BigInteger)


class MatchOur(SQLModel, table=True):
    """An item of ours, matched: at most once in a run. A match is named by its first line."""

    __tablename__ = "match_our"
    __table_args__ = table("local")
    run: int = col(BigInteger, key=True)
    our_id: UUID = col(Uuid, key=True)
    match: int = col(BigInteger)
    pass_number: int = col(SmallInteger)


class MatchTheirs(SQLModel, table=True):
    """A line of theirs, matched: at most once in a run."""

    __tablename__ = "match_theirs"
    __table_args__ = table("local")
    run: int = col(BigInteger, key=True)
    line: int = col(BigInteger, key=True)
    match: int = col(BigInteger)
    pass_number: int = col(SmallInteger)


class BreakItem(SQLModel, table=True):
    """A break: found again by every run, under the same id, for as long as it is there. `amount` is theirs minus ours, in millionths.

    `dated_at` is the date of its item, theirs if there are two; `known` whether what their line names is in our books at all.
    """

    __tablename__ = "break_item"
    __table_args__ = table(
        "local",
        check("class_known", f"class IN ({_CLASSES})"),
        check("state_known", f"state IN ({_STATES})"),
        check("has_an_item", "num_nulls(our_id, line) < 2"),
        check("ended", "(state IN ('resolved', 'cleared')) = (ended_at IS NOT NULL)"),
        Index("break_of_window", "partner", "window_id"),
        Index("break_due", "due_at", postgresql_where=text("ended_at IS NULL AND due_at IS NOT NULL")),
        Index("break_timing", "dated_at", postgresql_where=text("ended_at IS NULL AND class = 'TIMING'")),
    )
    break_id: UUID = col(Uuid, key=True)
    partner: str = col(Text)
    window_id: int = col(Integer)
    run: int = col(BigInteger)
    class_: str = Field(sa_type=Text, nullable=False, sa_column_kwargs={"name": "class"})
    our_id: UUID | None = col(Uuid, null=True)
    line: int | None = col(BigInteger, null=True)
    suggested: UUID | None = col(Uuid, null=True)
    amount: int = col(BigInteger)
    dated_at: datetime = col(Instant)
    known: bool = col(Boolean)
    owner: str = col(Text)
    opened_at: datetime = col(Instant)
    due_at: datetime | None = col(Instant, null=True)
    state: str = col(Text)
    provisional: int = col(BigInteger)
    ended_at: datetime | None = col(Instant, null=True)
    resolution: str | None = col(Text, null=True)


class BreakStep(SQLModel, table=True):
    """What was said about a break, by which key, and the state that followed. Only ever added; what the clock decided has no key."""

    __tablename__ = "break_step"
    __table_args__ = table(
        "local",
        check("number_counts", "number > 0"),
        check("decision_known", f"decision IN ({_DECISIONS})"),
        check("state_known", f"state IN ({_STATES})"),
        check("signed", "(key_id IS NULL) = (evidence_id IS NULL)"),
    )
    break_id: UUID = col(Uuid, key=True)
    number: int = col(Integer, key=True)
    at: datetime = col(Instant)
    decision: str = col(Text)
    books: int = col(BigInteger)
    state: str = col(Text)
    note: str = col(Text)
    key_id: str | None = col(Text, null=True)
    evidence_id: UUID | None = col(Uuid, null=True)


class BreakTurn(SQLModel, table=True):
    """How often a partner was credited without a person of the house: whoever credits it next says what it read, and one of two wins."""

    __tablename__ = "break_turn"
    __table_args__ = table("local", check("turn_counts", "turn > 0"))
    partner: str = col(Text, key=True)
    turn: int = col(BigInteger)


UPDATABLE: dict[str, tuple[str, ...]] = {
    "break_turn": ("turn",),
    "break_item": (
        "run",
        "class",
        "our_id",
        "line",
        "suggested",
        "amount",
        "dated_at",
        "known",
        "owner",
        "due_at",
        "state",
        "provisional",
        "ended_at",
        "resolution",
    ),
}
"""What the application may change of a break: what a run finds it to be, and where it stands."""
