"""What programs report of themselves for their liability: points that expired."""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Integer, SmallInteger, Text, Uuid
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
