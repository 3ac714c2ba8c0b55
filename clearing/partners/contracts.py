"""Revenue-sharing contracts as they are published: versions that two operators' keys signed, each of the windows that open from its day on.

A version begins in the future and after the one before it, so that no window that has begun is shared at other terms than it began with.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from clearing import errors
from clearing.partners.proposals import Proposal, Signers
from clearing.partners.rows import Connection, row, rows
from clearing.rules.refusals import Refusal, RefusalCode

KIND = "share_contract"


@dataclass(frozen=True, slots=True)
class FiledContract:
    """A published version as it is kept: the document, its digest, and the two keys."""

    contract: str
    version: int
    valid_from: datetime
    published_at: datetime
    digest: str
    document: Mapping[str, Any]
    proposed_by: str
    confirmed_by: str


async def filed_contracts(connection: Connection, contract: str | None = None) -> list[FiledContract]:
    """All versions of a contract, or of every one, in order."""
    return [FiledContract(**found) for found in await rows(connection, "share_contract_list", contract=contract)]


def contract_refused(filed: Iterable[FiledContract], document: Mapping[str, Any], now: datetime) -> Refusal | None:
    """Why this document cannot be the next version of its contract.

    Raises errors.ValidationFailed where it begins too early, or counts over other periods than the version before: what the old ones had
    promised by their end would be made up for by nobody, or twice.
    """
    before = sorted([one for one in filed if one.contract == document["contract"]], key=lambda one: one.version)
    coming = before[-1].version + 1 if before else 1
    if document["version"] != coming:
        return Refusal(RefusalCode.VERSION_TAKEN, f"the next version is {coming}")
    if begins_at(document) <= max([now, *(one.valid_from for one in before)]):
        raise errors.ValidationFailed("$.valid_from: lies in the future, and after the version before")
    if before and document["period"] != before[-1].document["period"]:
        raise errors.ValidationFailed("$.period: is that of the version before; another period is another contract")
    return None


async def publish_contract(
    connection: Connection, proposed: Proposal, signers: Signers, now: datetime
) -> FiledContract | Refusal:
    """The version that was proposed, published now or before."""
    document = proposed.document
    await row(
        connection,
        "share_contract_insert",
        contract=document["contract"],
        version=document["version"],
        valid_from=begins_at(document),
        published_at=now,
        digest=proposed.digest,
        document=Jsonb(dict(document)),
        proposed_by=signers.proposed_by,
        confirmed_by=signers.confirmed_by,
        evidence_id=signers.evidence_id,
    )
    filed = await filed_contracts(connection, document["contract"])
    found = next((one for one in filed if one.digest == proposed.digest), None)
    return found or Refusal(RefusalCode.VERSION_TAKEN, f"version {document['version']} is another")


def begins_at(document: Mapping[str, Any]) -> datetime:
    """When this version comes into force."""
    return datetime.fromisoformat(document["valid_from"])
