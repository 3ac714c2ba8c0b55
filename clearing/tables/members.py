"""Sharded tables of members: accounts, links between them, consents, claims, and which sealed bodies speak of whom.

Written by `clearing.partners` in one transaction each, under the lock of the lane.
"""

from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Boolean, Index, Integer, LargeBinary, SmallInteger, Text, Uuid, text
from sqlalchemy.dialects.postgresql import ARRAY
from sqlmodel import SQLModel

from clearing.rules.members import Ended, Scope
from clearing.tables.columns import Instant, check, col, table

_LIVE = text("ended_at IS NULL")
_ONE_CARD = text("ended_at IS NULL AND one_card")
_ENDED = ", ".join(f"'{reason}'" for reason in Ended)
_SCOPES = ", ".join(f"'{scope}'" for scope in Scope)


class AccountRow(SQLModel, table=True):
    """A member's account in a program: a token outside, the membership number sealed inside and found by keyed hash.

    Erased: number, hash and mask are gone. Closed: the program said so, or it was merged or erased; its number may come in anew.
    """

    __tablename__ = "account"
    __table_args__ = table(
        "sharded",
        check(
            "erased_whole", "(erased_at IS NOT NULL) = (wrapped IS NULL) AND (wrapped IS NULL) = (number_index IS NULL)"
        ),
        check("erased_is_closed", "erased_at IS NULL OR closed_at IS NOT NULL"),
        check("merged_is_closed", "merged_into IS NULL OR (closed_at IS NOT NULL AND merged_into <> account)"),
        Index("account_by_number", "lane", "program", "number_index"),
        Index(
            "account_open",
            "lane",
            "program",
            "number_index",
            unique=True,
            postgresql_where=text("closed_at IS NULL"),
        ),
    )
    lane: int = col(SmallInteger, key=True)
    account: UUID = col(Uuid, key=True)
    program: str = col(Text)
    number_index: bytes | None = col(LargeBinary, null=True)
    number_mask: str = col(Text)
    kek_id: str = col(Text)
    wrapped: bytes | None = col(LargeBinary, null=True)
    seal_nonce: bytes = col(LargeBinary)
    box: bytes = col(LargeBinary)
    linked_at: datetime = col(Instant)
    closed_at: datetime | None = col(Instant, null=True)
    merged_into: UUID | None = col(Uuid, null=True)
    erased_at: datetime | None = col(Instant, null=True)


class AccountEvidenceRow(SQLModel, table=True):
    """A kept request whose sealed body carries this member's number or name: erasing the account drops its key."""

    __tablename__ = "account_evidence"
    __table_args__ = table("sharded")
    lane: int = col(SmallInteger, key=True)
    account: UUID = col(Uuid, key=True)
    evidence_id: UUID = col(Uuid, key=True)


class LinkRow(SQLModel, table=True):
    """Two accounts of one member in two programs. Where the rule is one card per account, two parallel links cannot both live."""

    __tablename__ = "link"
    __table_args__ = table(
        "sharded",
        check("two_programs", "source_program <> target_program"),
        check("ended_whole", "(ended_at IS NULL) = (ended_reason IS NULL)"),
        check("ended_known", f"ended_reason IN ({_ENDED})"),
        Index("link_pair", "lane", "source_account", "target_account", unique=True, postgresql_where=_LIVE),
        Index(
            "link_card_of_source", "lane", "source_account", "target_program", unique=True, postgresql_where=_ONE_CARD
        ),
        Index(
            "link_card_of_target", "lane", "target_account", "source_program", unique=True, postgresql_where=_ONE_CARD
        ),
        Index("link_by_source", "lane", "source_account"),
        Index("link_by_target", "lane", "target_account"),
    )
    lane: int = col(SmallInteger, key=True)
    link: UUID = col(Uuid, key=True)
    source_program: str = col(Text)
    source_account: UUID = col(Uuid)
    target_program: str = col(Text)
    target_account: UUID = col(Uuid)
    one_card: bool = col(Boolean)
    evidence_id: UUID = col(Uuid)
    linked_at: datetime = col(Instant)
    moved_at: datetime | None = col(Instant, null=True)
    ended_at: datetime | None = col(Instant, null=True)
    ended_reason: str | None = col(Text, null=True)


class ConsentRow(SQLModel, table=True):
    """A member's consent for a link, signed by the partner of the source's program. A new one ends the one before it."""

    __tablename__ = "consent"
    __table_args__ = table(
        "sharded",
        check("scope_known", f"cardinality(scope) > 0 AND scope <@ ARRAY[{_SCOPES}]"),
        check("channels_named", "cardinality(channels) > 0"),
        check("withdrawn_whole", "(withdrawn_at IS NULL) = (withdrawn_by IS NULL)"),
        Index("consent_live", "lane", "link", unique=True, postgresql_where=text("withdrawn_at IS NULL")),
    )
    lane: int = col(SmallInteger, key=True)
    link: UUID = col(Uuid, key=True)
    number: int = col(Integer, key=True)
    scope: list[str] = col(ARRAY(Text))
    channels: list[str] = col(ARRAY(Text))
    partner: str = col(Text)
    key_id: str = col(Text)
    evidence_id: UUID = col(Uuid)
    given_at: datetime = col(Instant)
    withdrawn_at: datetime | None = col(Instant, null=True)
    withdrawn_by: str | None = col(Text, null=True)


class ClaimRow(SQLModel, table=True):
    """A program's word that a shop owes its member an accrual. Whether it is paid, the books say: an accrual with its receipt number."""

    __tablename__ = "claim"
    __table_args__ = table(
        "sharded",
        check("units_positive", "units > 0"),
        check("rejected_whole", "num_nulls(rejected_at, rejected_reason, rejection_id) IN (0, 3)"),
        Index("claim_once", "lane", "partner", "reference", "account", unique=True),
    )
    lane: int = col(SmallInteger, key=True)
    claim: UUID = col(Uuid, key=True)
    program: str = col(Text)
    account: UUID = col(Uuid)
    partner: str = col(Text)
    reference: str = col(Text)
    occurred_at: datetime = col(Instant)
    units: int | None = col(BigInteger, null=True)
    claimed_at: datetime = col(Instant)
    evidence_id: UUID = col(Uuid)
    rejected_at: datetime | None = col(Instant, null=True)
    rejected_reason: str | None = col(Text, null=True)
    rejection_id: UUID | None = col(Uuid, null=True)
