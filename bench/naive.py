"""What a team would write first: a SQLModel session for each request, accounts locked row by row, everything in one transaction.

It knows idempotency keys, a balance that may not go below a limit, and double entry. It has no signatures, nonces or evidence, no window,
no log of hashes and no receipt. Its accounts are locked in one order, so that it does not dead-lock. Used by `bench peers` alone.
"""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import BigInteger, Column, Engine
from sqlalchemy.orm import registry
from sqlmodel import Field, Session, SQLModel, col, create_engine, select


class Model(SQLModel, registry=registry()):
    """Tables of their own: not those of the house."""


class Account(Model, table=True):
    """An account and its balance."""

    __tablename__ = "naive_account"
    id: int = Field(primary_key=True)
    unit: str
    balance: int = Field(default=0, sa_column=Column(BigInteger, nullable=False))
    lowest: int = Field(sa_column=Column(BigInteger, nullable=False))


class Transfer(Model, table=True):
    """One exchange, posted."""

    __tablename__ = "naive_transfer"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    idempotency_key: str = Field(unique=True)
    created_at: datetime


class Entry(Model, table=True):
    """One line of it."""

    __tablename__ = "naive_entry"
    id: UUID = Field(default_factory=uuid4, primary_key=True)
    transfer_id: UUID = Field(foreign_key="naive_transfer.id", index=True)
    account_id: int = Field(foreign_key="naive_account.id", index=True)
    amount: int = Field(sa_column=Column(BigInteger, nullable=False))


def open_books(url: str, accounts: Sequence[int], connections: int) -> Engine:
    """An engine with its tables and accounts made."""
    engine = create_engine(url.replace("postgresql://", "postgresql+psycopg://"), pool_size=connections, max_overflow=0)
    Model.metadata.create_all(engine)
    with Session(engine) as session:
        session.add_all([Account(id=number, unit="unit", lowest=-(10**18)) for number in accounts])
        session.commit()
    return engine


def post(engine: Engine, idempotency_key: str, entries: Sequence[tuple[int, int]]) -> UUID:
    """Post one exchange, as one request does. The same key again is the same transfer."""
    with Session(engine) as session:
        known = session.exec(select(Transfer).where(Transfer.idempotency_key == idempotency_key)).first()
        if known is not None:
            return known.id
        numbers = [account for account, _ in entries]
        wanted: Any = select(Account).where(col(Account.id).in_(numbers)).order_by(col(Account.id)).with_for_update()
        accounts = {account.id: account for account in session.exec(wanted).all()}
        transfer = Transfer(idempotency_key=idempotency_key, created_at=datetime.now(UTC))
        session.add(transfer)
        session.flush()
        for number, amount in entries:
            account = accounts[number]
            account.balance += amount
            if account.balance < account.lowest:
                raise ValueError("the account has not enough")
            session.add(Entry(transfer_id=transfer.id, account_id=number, amount=amount))
        session.commit()
        return transfer.id
