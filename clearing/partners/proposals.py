"""Two keys: what changes terms or cover is proposed by one operator's key and confirmed by another's, both signed over the same content.

A partner proposes movements of its own cover itself.

A proposal is named by the digest of its content, so whoever confirms it has signed that very content, in the address of the request.
Proposals are only ever added; one that was confirmed is found again as the agreement or the movement that it became. What a key proposed
that is no longer in use may be proposed by another, who then stands for it: the content stays what it is.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg.types.json import Jsonb

from clearing import errors
from clearing.partners.keys import key
from clearing.partners.rows import Connection, Row, row, rows, run
from clearing.rules.refusals import Refusal, RefusalCode

OWN = "cover"
"""The kind of proposal that a partner makes itself, of its own."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What one key has proposed. `evidence_id` is the signed request."""

    digest: str
    kind: str
    partner: str
    document: Mapping[str, Any]
    proposed_at: datetime
    proposed_by: str
    evidence_id: UUID


@dataclass(frozen=True, slots=True)
class Signers:
    """The two keys behind a change; `evidence_id` is the confirming request, the proposing one is the proposal's."""

    proposed_by: str
    confirmed_by: str
    evidence_id: UUID


def digest_of(kind: str, document: Mapping[str, Any]) -> str:
    """SHA-256, in hexadecimal, of the kind and the document as sorted JSON without white space."""
    said = json.dumps([kind, document], sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(said.encode()).hexdigest()


async def propose(
    connection: Connection,
    kind: str,
    partner: str,
    document: Mapping[str, Any],
    by: str,
    evidence_id: UUID,
    now: datetime,
) -> Proposal:
    """The proposal of this content: a new one, or the one that is there, whoever made it with a key that is still in use.

    Asked only of what became nothing yet: who proposed what was confirmed stays.
    """
    digest = digest_of(kind, document)
    mine = {"digest": digest, "proposed_at": now, "proposed_by": by, "evidence_id": evidence_id}
    if await row(connection, "proposal_insert", kind=kind, partner=partner, document=Jsonb(document), **mine) is None:
        known = await proposal(connection, digest, kind)
        if await _stands(connection, known, now):
            return known
        await run(connection, "proposal_again", before=known.evidence_id, **mine)
    return await proposal(connection, digest, kind)


async def proposal(connection: Connection, digest: str, kind: str) -> Proposal:
    """A proposal of this kind by its digest. Raises errors.NotFound."""
    found = await row(connection, "proposal_read", digest=digest)
    if found is None or found["kind"] != kind:
        raise errors.NotFound("there is no such proposal")
    return _proposal(found)


async def open_proposals(connection: Connection, lane: int) -> list[Proposal]:
    """What waits for a second key, the oldest first."""
    return [_proposal(found) for found in await rows(connection, "proposal_open", lane=lane)]


async def alone(connection: Connection, proposed: Proposal, by: str, now: datetime) -> Refusal | None:
    """Why this key does not confirm the proposal: it is the one that proposed it, or that one is no live key any more of who may propose.

    An operator may; of its own cover, the partner itself.
    """
    if proposed.proposed_by == by:
        return Refusal(RefusalCode.SECOND_KEY_NEEDED, "the key that proposed it cannot confirm it")
    if not await _stands(connection, proposed, now):
        return Refusal(RefusalCode.SECOND_KEY_NEEDED, "the key that proposed it is no longer in use: propose it again")
    return None


async def _stands(connection: Connection, proposed: Proposal, now: datetime) -> bool:
    """Whether the key that proposed it is live, and of who may propose."""
    first = await key(connection, proposed.proposed_by)
    own = first is not None and proposed.kind == OWN and first.partner == proposed.partner
    return first is not None and (first.purpose == "operator" or own) and first.live(now)


def _proposal(found: Row) -> Proposal:
    return Proposal(**found)
