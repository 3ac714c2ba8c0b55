"""Reference tables: who takes part and at which terms. Small, the same everywhere, versioned by date."""

from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, Boolean, Integer, Text, UniqueConstraint
from sqlalchemy.dialects.postgresql import ARRAY, JSONB
from sqlmodel import SQLModel

from clearing.rules.kinds import Nature
from clearing.tables.columns import Instant, check, col, table

_NATURES = ", ".join(f"'{nature}'" for nature in Nature)


class Partner(SQLModel, table=True):
    """A company that signs for one or more programs."""

    __table_args__ = table(
        "reference",
        check("number_positive", "number > 0"),
        UniqueConstraint("number", name="partner_number"),
    )
    partner: str = col(Text, key=True)
    number: int = col(Integer)
    name: str = col(Text)
    registered_at: datetime = col(Instant)


class Program(SQLModel, table=True):
    """A brand's currency, where it is reached, and what it declares that it can do."""

    __table_args__ = table(
        "reference",
        check("number_positive", "number > 0"),
        check("nature_known", f"nature IN ({_NATURES})"),
        UniqueConstraint("number", name="program_number"),
    )
    program: str = col(Text, key=True)
    number: int = col(Integer)
    partner: str = col(Text)
    name: str = col(Text)
    unit_name: str = col(Text)
    adapter: str = col(Text)
    endpoint: str = col(Text)
    capabilities: dict[str, Any] = col(JSONB)
    registered_at: datetime = col(Instant)
    nature: str = col(Text)


class Channel(SQLModel, table=True):
    """What a partner may do alone with the points of a program that another signs for, and who bears what cannot be clawed back.

    Said at onboarding, until an agreement says it.
    """

    __table_args__ = table(
        "reference",
        check("kinds_known", "kinds <@ ARRAY['accrual', 'purchase', 'redemption']"),
    )
    partner: str = col(Text, key=True)
    program: str = col(Text, key=True)
    kinds: list[str] = col(ARRAY(Text))
    bears_shortfall: bool = col(Boolean)


class Key(SQLModel, table=True):
    """A public key, named by its RFC 7638 thumbprint. Its row, never a header, says who signs with it."""

    __table_args__ = table(
        "reference",
        check("purpose_known", "purpose IN ('requests', 'answers', 'operator', 'house')"),
        check("environment_known", "environment IN ('sandbox', 'live')"),
        check("partner_signs", "(purpose IN ('requests', 'answers')) = (partner IS NOT NULL)"),
    )
    key_id: str = col(Text, key=True)
    partner: str | None = col(Text, null=True)
    purpose: str = col(Text)
    environment: str = col(Text)
    alg: str = col(Text)
    jwk: dict[str, Any] = col(JSONB)
    registered_at: datetime = col(Instant)
    not_before: datetime = col(Instant)
    expires_at: datetime | None = col(Instant, null=True)
    revoked_at: datetime | None = col(Instant, null=True)
    compromised_since: datetime | None = col(Instant, null=True)


class Price(SQLModel, table=True):
    """A program's issue price and redeem value from a date on, as exact fractions in millionths of the common unit per unit."""

    __table_args__ = table(
        "reference",
        check("exact_fractions", "issue_num >= 0 AND issue_den > 0 AND redeem_num >= 0 AND redeem_den > 0"),
    )
    program: str = col(Text, key=True)
    version: int = col(Integer, key=True)
    valid_from: datetime = col(Instant)
    issue_num: int = col(BigInteger)
    issue_den: int = col(BigInteger)
    redeem_num: int = col(BigInteger)
    redeem_den: int = col(BigInteger)


class Corridor(SQLModel, table=True):
    """How points of one program become units of another, from a date on."""

    __table_args__ = table(
        "reference",
        check("two_programs", "source <> target"),
        check("exact_ratio", "ratio_num > 0 AND ratio_den > 0 AND step > 0 AND minimum > 0"),
        check("maximum_reachable", "maximum IS NULL OR maximum >= minimum"),
        check("whole_units", "minimum * ratio_num % ratio_den = 0 AND step * ratio_num % ratio_den = 0"),
    )
    source: str = col(Text, key=True)
    target: str = col(Text, key=True)
    version: int = col(Integer, key=True)
    valid_from: datetime = col(Instant)
    valid_to: datetime | None = col(Instant, null=True)
    ratio_num: int = col(BigInteger)
    ratio_den: int = col(BigInteger)
    step: int = col(BigInteger)
    minimum: int = col(BigInteger)
    maximum: int | None = col(BigInteger, null=True)


class Calendar(SQLModel, table=True):
    """The published settlement windows, in UTC instants."""

    __table_args__ = table("reference", check("forward", "opens_at < closes_at"))
    window_id: int = col(Integer, key=True)
    code: str = col(Text)
    opens_at: datetime = col(Instant)
    closes_at: datetime = col(Instant)
