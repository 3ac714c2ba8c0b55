"""The tables of statements that were made: the seal's root, and each file byte by byte. Nothing of them ever changes."""

from datetime import datetime

from sqlalchemy import BigInteger, Index, LargeBinary, Text
from sqlmodel import SQLModel

from clearing.tables.columns import Instant, check, col, table


class KeptStatement(SQLModel, table=True):
    """A sealed statement of one party of a frozen run: the house has one as well."""

    __tablename__ = "settlement_statement"
    __table_args__ = table(
        "local",
        check("lines_counted", "lines >= 0"),
        Index("settlement_statement_once", "run", "partner", unique=True),
        Index("settlement_statement_of", "partner", "made_at"),
    )
    statement: str = col(Text, key=True)
    run: str = col(Text)
    partner: str = col(Text)
    currency: str = col(Text)
    made_at: datetime = col(Instant)
    lines: int = col(BigInteger)
    root: str = col(Text)
    key_id: str = col(Text)


class StatementFile(SQLModel, table=True):
    """One file of a statement: what is downloaded, today and in ten years."""

    __tablename__ = "settlement_statement_file"
    __table_args__ = table(
        "local",
        check("form_known", "form IN ('jsonl', 'csv', 'xlsx', 'pdf', 'svg')"),
        check("hash_whole", "sha256 = encode(sha256(content), 'hex')"),
    )
    statement: str = col(Text, key=True)
    form: str = col(Text, key=True)
    content: bytes = col(LargeBinary)
    sha256: str = col(Text)
