"""What travels about risk rules, budgets of campaigns and dry runs: frozen models like those of `messages`."""

from typing import Annotated, Any, Literal

from pydantic import Field, WithJsonSchema

from clearing.front.agreement_messages import Digest
from clearing.front.messages import Amount, ExchangeWish, Instant, Said, Wish
from clearing.rules.risk_json import SCHEMA
from clearing.rules.units import AMOUNT_MAX

Document = Annotated[dict[str, Any], WithJsonSchema(SCHEMA)]
Budget = Annotated[
    int | None, Field(ge=0, le=AMOUNT_MAX, description="null or absent: not limited in this measure", strict=True)
]
Promised = Annotated[str, Field(pattern="^[0-9]{1,19}$", description="a sum; may pass 2^53")]


class RiskRulesWish(Wish):
    """Propose the next version of all risk rules."""

    risk_rules: Document


class RiskRulesSaid(Said):
    """A published version."""

    version: int
    valid_from: Instant
    published_at: Instant
    in_force: bool
    digest: Digest
    document: dict[str, Any]
    proposed_by: str
    confirmed_by: str


class RiskVersionsSaid(Said):
    """All versions in order."""

    risk_rules: list[RiskRulesSaid]


class CampaignWish(Wish):
    """Propose what a campaign may spend in all: bonus units, millionths of the common unit, or both; at least one of them."""

    campaign: Annotated[str, Field(pattern="^[a-z0-9][a-z0-9_.-]{0,63}$", description="as rate cards name it")]
    units: Budget = None
    value: Budget = None


class CampaignSaid(Said):
    """A campaign's budget as the books have it: what it may spend in all, what is promised of that, what is left."""

    campaign: str
    version: int
    at: Instant
    units: int | None
    value: Annotated[int | None, Field(description="millionths of the common unit")]
    promised_units: Promised
    promised_value: Promised
    left_units: int | None
    left_value: int | None
    digest: Digest
    proposed_by: str
    confirmed_by: str


class CampaignsSaid(Said):
    """Budgets by campaign; a partner sees those that its agreement in force funds."""

    campaigns: list[CampaignSaid]


class DryRunWish(ExchangeWish):
    """Would this exchange be granted now? The same body, under the same Idempotency-Key, as the exchange itself would have."""


class RefusedSaid(Said):
    """Why it would be refused, as the exchange itself would be told."""

    code: str
    detail: str
    rule: str | None
    next_valid: list[Amount]
    remedy: str | None
    fits_from: Instant | None


class TriedSaid(Said):
    """What would become of the exchange. `replay`: this Idempotency-Key and body made an exchange before, and would find it."""

    would: Literal["reserve", "hold", "refuse", "replay"]
    held: Annotated[str | None, Field(description="the risk rule that would hold it")]
    refusal: RefusedSaid | None
