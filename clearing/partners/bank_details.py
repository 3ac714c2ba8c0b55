"""Where partners and the house are paid: versions that two operators' keys signed, each in force a cooling-off time after the second key.

Until then the version before is in force: who steals two keys and changes an account is seen before anything is paid there.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from clearing.partners.proposals import Proposal, Signers
from clearing.partners.rows import Connection, row, rows
from clearing.rules.refusals import Refusal, RefusalCode

KIND = "bank_details"


@dataclass(frozen=True, slots=True)
class FiledDetails:
    """A published version as it is kept: the document, its digest, and the two keys."""

    partner: str
    version: int
    valid_from: datetime
    published_at: datetime
    digest: str
    document: Mapping[str, Any]
    proposed_by: str
    confirmed_by: str


async def filed_details(connection: Connection, partner: str | None) -> list[FiledDetails]:
    """All versions of a partner's bank details, or of everybody's, in order."""
    return [FiledDetails(**found) for found in await rows(connection, "bank_details_list", partner=partner)]


def details_at(filed: Iterable[FiledDetails], partner: str, at: datetime) -> FiledDetails | None:
    """The version in force at this instant."""
    begun = [one for one in filed if one.partner == partner and one.valid_from <= at]
    return max(begun, key=lambda one: one.version, default=None)


def details_since(filed: Iterable[FiledDetails], partner: str, at: datetime) -> FiledDetails | None:
    """The first version that came into force after this instant."""
    coming = [one for one in filed if one.partner == partner and one.valid_from > at]
    return min(coming, key=lambda one: (one.valid_from, one.version), default=None)


def details_refused(filed: Iterable[FiledDetails], document: Mapping[str, Any]) -> Refusal | None:
    """Why this document cannot be the next version of its partner."""
    coming = max((one.version for one in filed if one.partner == document["partner"]), default=0) + 1
    if document["version"] != coming:
        return Refusal(RefusalCode.VERSION_TAKEN, f"the next version is {coming}")
    return None


async def publish_details(
    connection: Connection, proposed: Proposal, signers: Signers, now: datetime, cooling_off: timedelta
) -> FiledDetails | Refusal:
    """The version that was proposed, published now or before. It comes into force after the cooling-off time."""
    await row(
        connection,
        "bank_details_insert",
        partner=proposed.partner,
        version=proposed.document["version"],
        valid_from=now + cooling_off,
        published_at=now,
        digest=proposed.digest,
        document=Jsonb(dict(proposed.document)),
        proposed_by=signers.proposed_by,
        confirmed_by=signers.confirmed_by,
        evidence_id=signers.evidence_id,
    )
    filed = await filed_details(connection, proposed.partner)
    found = next((one for one in filed if one.digest == proposed.digest), None)
    return found or Refusal(RefusalCode.VERSION_TAKEN, f"version {proposed.document['version']} is another")
