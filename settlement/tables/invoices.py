"""The tables of invoices: how far each series was numbered, each document as it was issued, and its files. Nothing issued ever changes."""

from datetime import date

from sqlalchemy import BigInteger, Date, Index, Integer, LargeBinary, Text, UniqueConstraint
from sqlmodel import SQLModel

from clearing.tables.columns import check, col, table


class InvoiceSeries(SQLModel, table=True):
    """The last number of a series in a year, and its day of issue. The row is held while a run is frozen, so no number is left out.

    The row of no series and no year is held before all others, by every freezing: it never counts.
    """

    __tablename__ = "settlement_invoice_series"
    __table_args__ = table("local", check("counts", "last >= 0"))
    series: str = col(Text, key=True)
    year: int = col(Integer, key=True)
    last: int = col(Integer)
    issued_on: date = col(Date)


class Invoice(SQLModel, table=True):
    """An invoice or a credit note of a frozen run, byte by byte. Plus: the partner owes; amounts in minor units."""

    __tablename__ = "settlement_invoice"
    __table_args__ = table(
        "local",
        check("kind_known", "kind IN ('invoice', 'credit_note')"),
        check("kind_is_sign", "(kind = 'credit_note') = (net < 0)"),
        check("number_counts", "number > 0"),
        check("hash_whole", "sha256 = encode(sha256(document), 'hex')"),
        UniqueConstraint("series", "year", "number", name="settlement_invoice_number"),
        Index("settlement_invoice_of", "partner", "issued_on"),
        Index("settlement_invoice_run", "run", "partner"),
    )
    invoice: str = col(Text, key=True)
    series: str = col(Text)
    year: int = col(Integer)
    number: int = col(Integer)
    run: str = col(Text)
    partner: str = col(Text)
    kind: str = col(Text)
    corrects: str | None = col(Text, null=True)
    tax_table: str = col(Text)
    currency: str = col(Text)
    digits: int = col(Integer)
    net: int = col(BigInteger)
    tax: int = col(BigInteger)
    issued_on: date = col(Date)
    of_window: int = col(Integer)
    document: bytes = col(LargeBinary)
    sha256: str = col(Text)


class InvoiceFile(SQLModel, table=True):
    """One file of an invoice: what is downloaded, today and in ten years."""

    __tablename__ = "settlement_invoice_file"
    __table_args__ = table(
        "local",
        check("form_known", "form IN ('json', 'pdf')"),
        check("hash_whole", "sha256 = encode(sha256(content), 'hex')"),
    )
    invoice: str = col(Text, key=True)
    form: str = col(Text, key=True)
    content: bytes = col(LargeBinary)
    sha256: str = col(Text)


UPDATABLE: dict[str, tuple[str, ...]] = {"settlement_invoice_series": ("last", "issued_on")}
"""How far a series is numbered moves on."""
