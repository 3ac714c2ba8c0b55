"""Papers that the house goes by and that have a name: rate sets and tax tables, published once by two operators' keys, never edited.

A name stands for one content for ever: what is to be said differently is published under another name.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any

from psycopg.types.json import Jsonb

from clearing.partners.proposals import Proposal, Signers
from clearing.partners.rows import Connection, row, rows
from clearing.rules.refusals import Refusal, RefusalCode

RATES, TAXES = "rate_set", "tax_table"
"""The kinds of papers."""


@dataclass(frozen=True, slots=True)
class FiledPaper:
    """A paper as it is kept: the days on which it may be gone by, its document with the digest, and the two keys."""

    name: str
    valid_from: date
    valid_until: date
    published_at: datetime
    digest: str
    document: Mapping[str, Any]
    proposed_by: str
    confirmed_by: str


async def filed_papers(connection: Connection, kind: str, name: str | None = None) -> list[FiledPaper]:
    """All papers of a kind by their first day and name, or the one of this name."""
    return [FiledPaper(**found) for found in await rows(connection, "paper_list", kind=kind, name=name)]


def paper_taken(name: str) -> Refusal:
    """What is answered where a name stands for something else."""
    return Refusal(RefusalCode.VERSION_TAKEN, f"{name} is published, and says something else: take another name")


async def publish_paper(
    connection: Connection, proposed: Proposal, signers: Signers, now: datetime
) -> FiledPaper | Refusal:
    """The paper that was proposed, published now or before."""
    name = proposed.document["name"]
    await row(
        connection,
        "paper_insert",
        kind=proposed.kind,
        name=name,
        valid_from=date.fromisoformat(proposed.document["valid_from"]),
        valid_until=date.fromisoformat(proposed.document["valid_until"]),
        published_at=now,
        digest=proposed.digest,
        document=Jsonb(dict(proposed.document)),
        proposed_by=signers.proposed_by,
        confirmed_by=signers.confirmed_by,
        evidence_id=signers.evidence_id,
    )
    (found,) = await filed_papers(connection, proposed.kind, name)
    return found if found.digest == proposed.digest else paper_taken(name)
