"""Budgets of campaigns: what each may spend in all, as versions that two operators' keys signed.

What is filed here is what was decided; the books hold what is promised of it, and it is they who stop a bonus (`ledger.items.Fund`). A
budget is proposed as the next version of its campaign, so that no old proposal can bring an old budget back.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clearing.partners.proposals import Proposal, Signers
from clearing.partners.rows import Connection, row, rows

KIND = "campaign"


@dataclass(frozen=True, slots=True)
class FiledBudget:
    """One version of a campaign's budget: bonus units, millionths of the common unit (None: not limited in this measure)."""

    campaign: str
    version: int
    at: datetime
    units: int | None
    value: int | None
    digest: str
    proposed_by: str
    confirmed_by: str


async def filed_budgets(connection: Connection) -> list[FiledBudget]:
    """All versions of all budgets, those of a campaign in order."""
    return [FiledBudget(**found) for found in await rows(connection, "campaign_budget_list")]


def latest(filed: list[FiledBudget]) -> dict[str, FiledBudget]:
    """The last version of each campaign: the one that counts."""
    return {one.campaign: one for one in filed}


def budget_document(known: Mapping[str, FiledBudget], campaign: str, units: int | None, value: int | None) -> Any:
    """What is proposed: this budget, as the next version of its campaign."""
    version = known[campaign].version + 1 if campaign in known else 1
    return {"campaign": campaign, "version": version, "units": units, "value": value}


async def file_budget(connection: Connection, proposed: Proposal, signers: Signers, now: datetime) -> bool:
    """File what was proposed; False when its version was taken meanwhile. In a transaction it makes others of this campaign wait."""
    said = proposed.document
    filed = await row(
        connection,
        "campaign_budget_insert",
        campaign=said["campaign"],
        version=said["version"],
        at=now,
        units=said["units"],
        value=said["value"],
        digest=proposed.digest,
        proposed_by=signers.proposed_by,
        confirmed_by=signers.confirmed_by,
        evidence_id=signers.evidence_id,
    )
    return filed is not None
