"""What programs report of themselves for their liability: points that expired, and what moved outside of the house."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Integer, SmallInteger, Text, UniqueConstraint, Uuid
from sqlmodel import SQLModel

from clearing.tables.columns import Instant, check, col, table


class ExpiryReport(SQLModel, table=True):
    """Points of a program that expired by an instant, by the program's own signed word. It enters no account of the books."""

    __tablename__ = "expiry_report"
    __table_args__ = table("local", check("points_positive", "points > 0"))
    program: str = col(Text, key=True)
    reference: str = col(Text, key=True)
    lane: int = col(SmallInteger)
    window_id: int = col(Integer)
    as_of: datetime = col(Instant)
    points: int = col(BigInteger)
    reported_at: datetime = col(Instant)
    evidence_id: UUID = col(Uuid)


class OutsideReport(SQLModel, table=True):
    """What a program moved outside of the house since its report before, by its own signed word; once in a window. It enters no account.

    `opening` is what was outstanding outside before: told by the first report, carried on by the others.
    """

    __tablename__ = "outside_report"
    __table_args__ = table(
        "local",
        check("amounts", "least(issued, redeemed, expired) >= 0"),
        UniqueConstraint("program", "window_id", name="outside_report_once"),
    )
    program: str = col(Text, key=True)
    reference: str = col(Text, key=True)
    lane: int = col(SmallInteger)
    window_id: int = col(Integer)
    as_of: datetime = col(Instant)
    opening: int = col(BigInteger)
    issued: int = col(BigInteger)
    redeemed: int = col(BigInteger)
    expired: int = col(BigInteger)
    reported_at: datetime = col(Instant)
    evidence_id: UUID = col(Uuid)
