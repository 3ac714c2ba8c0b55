"""The whole audit of a lane: the books recomputed, and every signature that was kept verified again."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from clearing import evidence, partners
from clearing.evidence import Evidence, Keyring
from clearing.front.house import LANE
from clearing.ledger import verify as books
from clearing.ledger.verify import Check
from clearing.signatures import PublicKey
from settlement import books as finance
from settlement import run as settling

PAGE = 500
SHOWN_MOST = 20


async def audit(connection: AsyncConnection[Any], keyring: Keyring) -> list[Check]:
    """Every check there is. Nothing is taken from what the writer keeps for speed, nothing from what a partner could not have signed."""
    checks = await books.verify(connection, LANE)
    checks += await _finance(connection)
    named, missing = await partners.evidence_named(connection, LANE)
    checks.append(Check("what orders name as evidence is there", named, _shown(missing)))
    named, missing = await partners.consents_unproven(connection, LANE)
    checks.append(Check("what consents name as evidence is there, signed by their key", named, _shown(missing)))
    named, missing = await partners.claims_unproven(connection, LANE)
    checks.append(Check("what claims name as evidence is there, signed by whose word it is", named, _shown(missing)))
    closed, remains = await partners.closed_remains(connection, LANE)
    checks.append(Check("closed accounts have no link, and erased ones nothing that opens", closed, _shown(remains)))
    changed, faults = await partners.seconded(connection, LANE)
    checks.append(
        Check("changes of terms, cover, risk rules and budgets stand on two kept requests", changed, _shown(faults))
    )
    named, missing = await finance.expiries_unproven(connection, LANE)
    checks.append(
        Check(
            "what reports of expired points, and of others outside of the house, name as evidence is there",
            named,
            _shown(missing),
        )
    )
    checks.append(await _signatures(connection, keyring))
    return checks


async def _finance(connection: AsyncConnection[Any]) -> list[Check]:
    """Whether the books of finance close and runs are sound, in one snapshot of the whole log: runs go on while they are looked at."""
    async with finance.snapshot(connection):
        chart = await finance.chart(connection)
        span = await finance.span_of(connection, LANE)
        rolled = await finance.roll_forwards(connection, chart, span)
        mirror = await finance.mirror(connection, chart, span)
        approved, unsound = await settling.unsound(connection, LANE)
    faults = [f"{one.program}: {fault}" for one in rolled for fault in one.faults]
    return [
        Check("every program's liability rolls forward from its entries to its kept sums", len(rolled), _shown(faults)),
        Check(
            "what partners owe one another and the house are zero together", len(mirror.views), _shown(mirror.faults)
        ),
        Check(
            "runs are what two keys approved, add up to zero, and are booked where they are settled",
            approved,
            _shown(unsound),
        ),
    ]


def _shown(found: Sequence[object]) -> tuple[str, ...]:
    return tuple(map(str, found[:SHOWN_MOST]))


async def _signatures(connection: AsyncConnection[Any], keyring: Keyring) -> Check:
    keys = _Keys(connection)
    found: list[str] = []
    after, looked_at = UUID(int=0), 0
    while page := await partners.evidence_after(connection, LANE, after, PAGE):
        for kept in page:
            faults = await _faults(kept, keys, keyring)
            found += [f"{kept.evidence_id}: {fault}" for fault in faults]
        looked_at += len(page)
        after = page[-1].evidence_id
    return Check("every message that was signed still verifies", looked_at, tuple(found[:SHOWN_MOST]))


async def _faults(kept: Evidence, keys: "_Keys", keyring: Keyring) -> list[str]:
    """What does not hold of one piece of evidence; an erased body is no fault."""
    key, answered = await keys.find(kept.key_id), evidence.answer_key_id(kept)
    if key is None:
        return ["the key that signed is not registered"]
    answer_key = await keys.find(answered) if answered else None
    faults = evidence.verify(kept, key, keyring, lane=LANE, answer_key=answer_key)
    return [fault for fault in faults if fault != "body_erased"]


class _Keys:
    """Public keys by id, each read once."""

    def __init__(self, connection: AsyncConnection[Any]) -> None:
        self._connection = connection
        self._known: dict[str, PublicKey | None] = {}

    async def find(self, key_id: str) -> PublicKey | None:
        if key_id not in self._known:
            found = await partners.key(self._connection, key_id)
            self._known[key_id] = found.public if found else None
        return self._known[key_id]
