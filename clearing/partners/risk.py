"""Risk rules as they are published: dated versions of the whole list, by two operators' keys, never edited.

A version takes the place of the one before from its instant on, or from its confirmation on if that comes later. What was held under
an earlier version stays held until a person decides.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from clearing import errors
from clearing.partners.directory import Directory, load
from clearing.partners.proposals import Signers, digest_of
from clearing.partners.rows import Connection, row, rows
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.risk import RuleSet
from clearing.rules.risk_json import read_rules, rules_of
from clearing.rules.shapes import Fault

ATTEMPTS_MAX = 100  # others who publish the next version first; each of them makes progress
KIND = "risk_rules"


@dataclass(frozen=True, slots=True)
class FiledRules:
    """A published version as it is kept: the document, its digest, and the two keys."""

    rules: RuleSet
    published_at: datetime
    document: Mapping[str, Any]
    digest: str
    proposed_by: str
    confirmed_by: str


def drafted_rules(directory: Directory, document: object, now: datetime) -> RuleSet | Refusal:
    """The version that this document would be if it was confirmed now, or the version that it is already.

    Raises errors.ValidationFailed naming the path. 1. the document; 2. published before; 3. known programs; 4. when it begins: at an
    instant of its own, and not before the version in force, which would keep it out for ever.
    """
    draft = read_rules(document, 1)  # 1
    if isinstance(draft, Fault):
        raise errors.ValidationFailed(str(draft))
    for known in directory.risk:  # 2
        if replace(draft, version=known.version) == known:
            return known
    for program in (code for rule in draft.rules for code in (rule.source, rule.target) if code is not None):  # 3
        if program not in directory.programs:
            return Refusal(RefusalCode.UNKNOWN_PROGRAM, f"no program has the code {program}")
    for known in directory.risk:  # 4
        if known.valid_from == draft.valid_from:
            raise errors.ValidationFailed("$.valid_from: another version begins at this instant")
        if draft.valid_from < known.valid_from <= now:
            raise errors.ValidationFailed("$.valid_from: a version that begins later is in force already")
    return replace(draft, version=max((known.version for known in directory.risk), default=0) + 1)


async def publish_rules(
    connection: Connection, document: Mapping[str, Any], now: datetime, signers: Signers
) -> RuleSet | Refusal:
    """The next version of the risk rules. Published again unchanged: the version it is. Raises what `drafted_rules` raises."""
    for _ in range(ATTEMPTS_MAX):
        directory = await load(connection)
        draft = drafted_rules(directory, document, now)
        if isinstance(draft, Refusal) or draft in directory.risk:
            return draft
        if await row(
            connection,
            "risk_rules_insert",
            version=draft.version,
            valid_from=draft.valid_from,
            published_at=now,
            digest=digest_of(KIND, document),
            document=Jsonb(dict(document)),
            proposed_by=signers.proposed_by,
            confirmed_by=signers.confirmed_by,
            evidence_id=signers.evidence_id,
        ):
            return draft
    raise errors.Unavailable


async def filed_rules(connection: Connection) -> list[FiledRules]:
    """All versions in order."""
    return [
        FiledRules(rules_of(found["document"], found.pop("version")), **found)
        for found in await rows(connection, "risk_rules_list")
    ]
