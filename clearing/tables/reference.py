"""Reference tables: who takes part and at which terms. Small, the same everywhere, versioned by date."""

from datetime import date, datetime
from typing import Any
from uuid import UUID

from sqlalchemy import BigInteger, Date, Index, Integer, Text, UniqueConstraint, Uuid, text
from sqlalchemy.dialects.postgresql import JSONB
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


class Agreement(SQLModel, table=True):
    """One version of what the house and a partner have agreed, as the document that two operators' keys signed.

    Only a first version may stand without keys: the one that onboarding takes in.
    """

    __table_args__ = table(
        "reference",
        check("ends_later", "valid_to IS NULL OR valid_to > valid_from"),
        check("digest_whole", "digest ~ '^[0-9a-f]{64}$'"),
        check("signed_after_the_first", "version > 0 AND (version = 1 OR proposed_by IS NOT NULL)"),
        check("two_keys", "num_nulls(proposed_by, confirmed_by, evidence_id) IN (0, 3)"),
        check("keys_differ", "proposed_by <> confirmed_by"),
        UniqueConstraint("partner", "valid_from", name="agreement_begins_once"),
        UniqueConstraint("digest", name="agreement_digest"),
    )
    partner: str = col(Text, key=True)
    version: int = col(Integer, key=True)
    valid_from: datetime = col(Instant)
    valid_to: datetime | None = col(Instant, null=True)
    announced_at: datetime = col(Instant)
    digest: str = col(Text)
    document: dict[str, Any] = col(JSONB)
    proposed_by: str | None = col(Text, null=True)
    confirmed_by: str | None = col(Text, null=True)
    evidence_id: UUID | None = col(Uuid, null=True)


class LowWaterRow(SQLModel, table=True):
    """A time in which a partner had less room left than its low water: one row for each crossing; `ended_at` once there is room again."""

    __tablename__ = "low_water"
    __table_args__ = table(
        "local",
        check("number_positive", "number > 0"),
        check("below", "room < agreed"),
        Index("low_water_now", "partner", unique=True, postgresql_where=text("ended_at IS NULL")),
    )
    partner: str = col(Text, key=True)
    number: int = col(Integer, key=True)
    began_at: datetime = col(Instant)
    room: int = col(BigInteger)
    agreed: int = col(BigInteger)
    ended_at: datetime | None = col(Instant, null=True)


class RiskRules(SQLModel, table=True):
    """One version of all risk rules, as the document that two operators' keys signed."""

    __tablename__ = "risk_rules"
    __table_args__ = table(
        "reference",
        check("version_positive", "version > 0"),
        check("digest_whole", "digest ~ '^[0-9a-f]{64}$'"),
        check("keys_differ", "proposed_by <> confirmed_by"),
        UniqueConstraint("valid_from", name="risk_rules_begin_once"),
        UniqueConstraint("digest", name="risk_rules_digest"),
    )
    version: int = col(Integer, key=True)
    valid_from: datetime = col(Instant)
    published_at: datetime = col(Instant)
    digest: str = col(Text)
    document: dict[str, Any] = col(JSONB)
    proposed_by: str = col(Text)
    confirmed_by: str = col(Text)
    evidence_id: UUID = col(Uuid)


class CampaignBudget(SQLModel, table=True):
    """What a campaign may spend in all, in bonus units, in millionths of the common unit, or both, by two operators' keys."""

    __tablename__ = "campaign_budget"
    __table_args__ = table(
        "reference",
        check("version_positive", "version > 0"),
        check("limited", "num_nonnulls(units, value) > 0"),
        check("not_negative", "coalesce(units, 0) >= 0 AND coalesce(value, 0) >= 0"),
        check("digest_whole", "digest ~ '^[0-9a-f]{64}$'"),
        check("keys_differ", "proposed_by <> confirmed_by"),
        UniqueConstraint("digest", name="campaign_budget_digest"),
    )
    campaign: str = col(Text, key=True)
    version: int = col(Integer, key=True)
    at: datetime = col(Instant)
    units: int | None = col(BigInteger, null=True)
    value: int | None = col(BigInteger, null=True)
    digest: str = col(Text)
    proposed_by: str = col(Text)
    confirmed_by: str = col(Text)
    evidence_id: UUID = col(Uuid)


class Proposal(SQLModel, table=True):
    """What one key proposed; `number` counts on where another proposed the same after that key had ended, and the last stands.

    Confirmed, it is found with this digest as what it became.
    """

    __table_args__ = table(
        "reference",
        check(
            "kind_known",
            "kind IN ('agreement', 'cover', 'card', 'risk_rules', 'campaign', 'calendar', 'bank_details', "
            "'rate_set', 'tax_table', 'share_contract')",
        ),
        check("digest_whole", "digest ~ '^[0-9a-f]{64}$'"),
        check("number_positive", "number > 0"),
    )
    digest: str = col(Text, key=True)
    number: int = col(Integer, key=True)
    kind: str = col(Text)
    partner: str = col(Text)
    document: dict[str, Any] = col(JSONB)
    proposed_at: datetime = col(Instant)
    proposed_by: str = col(Text)
    evidence_id: UUID = col(Uuid)


class RateCard(SQLModel, table=True):
    """One version of how points of one program become units of another, as the document that two operators' keys signed.

    Only a first version may stand without keys: the one that onboarding takes in.
    """

    __tablename__ = "rate_card"
    __table_args__ = table(
        "reference",
        check("digest_whole", "digest ~ '^[0-9a-f]{64}$'"),
        check("signed_after_the_first", "version > 0 AND (version = 1 OR proposed_by IS NOT NULL)"),
        check("two_keys", "num_nulls(proposed_by, confirmed_by, evidence_id) IN (0, 3)"),
        check("keys_differ", "proposed_by <> confirmed_by"),
        UniqueConstraint("source", "target", "valid_from", name="rate_card_begins_once"),
        UniqueConstraint("digest", name="rate_card_digest"),
    )
    source: str = col(Text, key=True)
    target: str = col(Text, key=True)
    version: int = col(Integer, key=True)
    valid_from: datetime = col(Instant)
    announced_at: datetime = col(Instant)
    digest: str = col(Text)
    document: dict[str, Any] = col(JSONB)
    proposed_by: str | None = col(Text, null=True)
    confirmed_by: str | None = col(Text, null=True)
    evidence_id: UUID | None = col(Uuid, null=True)


class CalendarVersion(SQLModel, table=True):
    """A scheme's calendar of a year as two operators' keys signed it. From `begins_at` on its windows take the place of all before."""

    __tablename__ = "calendar_version"
    __table_args__ = table(
        "reference",
        check("version_positive", "version > 0"),
        check("digest_whole", "digest ~ '^[0-9a-f]{64}$'"),
        check("keys_differ", "proposed_by <> confirmed_by"),
        UniqueConstraint("digest", name="calendar_version_digest"),
    )
    version: int = col(Integer, key=True)
    begins_at: datetime = col(Instant)
    published_at: datetime = col(Instant)
    digest: str = col(Text)
    document: dict[str, Any] = col(JSONB)
    proposed_by: str = col(Text)
    confirmed_by: str = col(Text)
    evidence_id: UUID = col(Uuid)


class BankDetails(SQLModel, table=True):
    """One version of where a partner, or the house, is paid, as the document that two operators' keys signed.

    In force from `valid_from` on, a cooling-off time after the second key; until then the version before is.
    """

    __tablename__ = "bank_details"
    __table_args__ = table(
        "reference",
        check("version_positive", "version > 0"),
        check("cooled_off", "valid_from >= published_at"),
        check("digest_whole", "digest ~ '^[0-9a-f]{64}$'"),
        check("keys_differ", "proposed_by <> confirmed_by"),
        UniqueConstraint("digest", name="bank_details_digest"),
    )
    partner: str = col(Text, key=True)
    version: int = col(Integer, key=True)
    valid_from: datetime = col(Instant)
    published_at: datetime = col(Instant)
    digest: str = col(Text)
    document: dict[str, Any] = col(JSONB)
    proposed_by: str = col(Text)
    confirmed_by: str = col(Text)
    evidence_id: UUID = col(Uuid)


class Paper(SQLModel, table=True):
    """A rate set or a tax table under its name, as the document that two operators' keys signed. There is no other version of it."""

    __table_args__ = table(
        "reference",
        check("kind_known", "kind IN ('rate_set', 'tax_table')"),
        check("ends_later", "valid_from <= valid_until"),
        check("digest_whole", "digest ~ '^[0-9a-f]{64}$'"),
        check("keys_differ", "proposed_by <> confirmed_by"),
        UniqueConstraint("digest", name="paper_digest"),
    )
    kind: str = col(Text, key=True)
    name: str = col(Text, key=True)
    valid_from: date = col(Date)
    valid_until: date = col(Date)
    published_at: datetime = col(Instant)
    digest: str = col(Text)
    document: dict[str, Any] = col(JSONB)
    proposed_by: str = col(Text)
    confirmed_by: str = col(Text)
    evidence_id: UUID = col(Uuid)


class ShareContract(SQLModel, table=True):
    """One version of a revenue-sharing contract, as the document that two operators' keys signed.

    It is of the windows that open from `valid_from` on, which lies ahead when it is published: what has begun keeps its terms.
    """

    __tablename__ = "share_contract"
    __table_args__ = table(
        "reference",
        check("version_positive", "version > 0"),
        check("never_back", "valid_from >= published_at"),
        check("digest_whole", "digest ~ '^[0-9a-f]{64}$'"),
        check("keys_differ", "proposed_by <> confirmed_by"),
        UniqueConstraint("contract", "valid_from", name="share_contract_begins_once"),
        UniqueConstraint("digest", name="share_contract_digest"),
    )
    contract: str = col(Text, key=True)
    version: int = col(Integer, key=True)
    valid_from: datetime = col(Instant)
    published_at: datetime = col(Instant)
    digest: str = col(Text)
    document: dict[str, Any] = col(JSONB)
    proposed_by: str = col(Text)
    confirmed_by: str = col(Text)
    evidence_id: UUID = col(Uuid)


class Calendar(SQLModel, table=True):
    """The published settlement windows, in UTC instants. Numbers grow with time; a window that was replaced keeps its number and its row.

    Version 0 is the weekly calendar of a house that published none. `scheme_version` is the version whose document has the window's
    scheme: an earlier one, where a later version took the window over; null for a weekly window, which has no dates.
    """

    __table_args__ = table(
        "reference",
        check("forward", "opens_at < closes_at"),
        check("dated_by_a_scheme", "num_nulls(scheme_version, advice_date, value_date) IN (0, 3)"),
        check("dates_in_order", "advice_date <= value_date"),
        check("scheme_published", "scheme_version <= version"),
    )
    window_id: int = col(Integer, key=True)
    version: int = col(Integer)
    code: str = col(Text)
    opens_at: datetime = col(Instant)
    closes_at: datetime = col(Instant)
    scheme_version: int | None = col(Integer, null=True)
    advice_date: date | None = col(Date, null=True)
    value_date: date | None = col(Date, null=True)
