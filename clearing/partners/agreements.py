"""Agreements between the house and a partner: dated versions, published by two keys, never edited.

The agreement in force is the one truth for the prices of the partner's programs: quotes read it, and it sets the partner's cap. No version
is published under which a corridor that is or will be open would be unfunded, or a circular route would gain (`funding`). Two versions
published in the same instant may not see each other's effect on a third partner's corridor; the quote refuses unfunded value once more.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from psycopg.types.json import Jsonb

from clearing import errors
from clearing.partners.directory import Directory, load
from clearing.partners.funding import circular, lapsed, unfunded
from clearing.partners.proposals import Signers, digest_of
from clearing.partners.rows import Connection, Row, row, rows
from clearing.rules import agreements as rules
from clearing.rules.agreement_json import agreement_of, read_agreement
from clearing.rules.agreements import HOUSE, Agreement, Bearer, Change
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.shapes import Fault

ATTEMPTS_MAX = 100  # others who publish the next version first; each of them makes progress
KIND = "agreement"


@dataclass(frozen=True, slots=True)
class Filed:
    """A published version as it is kept: the document, its digest, and the two keys; none for a first one taken in at onboarding."""

    agreement: Agreement
    document: Mapping[str, Any]
    digest: str
    proposed_by: str | None
    confirmed_by: str | None


@dataclass(frozen=True, slots=True)
class Announcement:
    """A version that will come into force, and what will differ then."""

    agreement: Agreement
    changes: tuple[Change, ...]


def drafted(directory: Directory, document: object, now: datetime) -> Agreement | Refusal:
    """The version that this document would be if it was confirmed now, or the version that it is already.

    Raises errors.ValidationFailed naming the path, and errors.NotFound for an unknown partner. 1. the document; 2. published before;
    3. the partner's own programs and what they can, others' programs, known funders; 4. dates and notice; 5. nothing unfunded, no
    circle that gains; 6. every bonus of a published card is still paid for: a campaign ends on the card before it ends in an
    agreement.
    """
    draft = read_agreement(document, 1, now)  # 1
    if isinstance(draft, Fault):
        raise errors.ValidationFailed(str(draft))
    if draft.partner not in directory.partners:
        raise errors.NotFound("no such partner")
    series = directory.agreements.get(draft.partner, ())
    for known in series:  # 2
        if replace(draft, version=known.version, announced_at=known.announced_at) == known:
            return known
    draft = replace(draft, version=max((known.version for known in series), default=0) + 1)
    if (
        refusal := _stranger(directory, draft) or _not_offered(directory, draft) or _too_soon(series, draft, now)
    ):  # 3, 4
        return refusal
    planned = replace(directory, agreements={**directory.agreements, draft.partner: (*series, draft)})
    own = {program.code for program in directory.programs.values() if program.partner == draft.partner}
    touched = [key for key in directory.cards if own & set(key)]
    return (
        unfunded(planned, touched, draft.valid_from)  # 5
        or circular(planned, draft.valid_from)
        or lapsed(planned, directory.cards, draft.valid_from)  # 6
        or draft
    )


async def publish_agreement(
    connection: Connection, document: Mapping[str, Any], now: datetime, signers: Signers | None = None
) -> Agreement | Refusal:
    """The next version of an agreement. Published again unchanged: the version it is. Only a first one is published without two keys.

    Raises what `drafted` raises.
    """
    for _ in range(ATTEMPTS_MAX):
        directory = await load(connection)
        draft = drafted(directory, document, now)
        if isinstance(draft, Refusal) or draft in directory.agreements.get(draft.partner, ()):
            return draft
        if signers is None and draft.version > 1:
            return Refusal(RefusalCode.SECOND_KEY_NEEDED, f"terms of {draft.partner} change by two operators' keys")
        if await _insert(connection, draft, document, signers):
            return draft
    raise errors.Unavailable


async def agreements_of(connection: Connection, partner: str | None) -> list[Filed]:
    """All versions of a partner's agreement, or of everybody's, in order."""
    return [_filed(found) for found in await rows(connection, "agreement_list", partner=partner)]


def announced(directory: Directory, now: datetime) -> list[Announcement]:
    """The versions that are published and not yet in force, the first to come first, each with what it changes."""
    coming = []
    for series in directory.agreements.values():
        ordered = sorted(series, key=lambda agreement: agreement.valid_from)
        for before, after in zip([None, *ordered[:-1]], ordered, strict=True):
            if after.valid_from > now:
                coming.append(Announcement(after, rules.changes(before, after)))
    return sorted(coming, key=lambda one: (one.agreement.valid_from, one.agreement.partner))


def _stranger(directory: Directory, draft: Agreement) -> Refusal | None:
    """A program or funder that the agreement cannot speak of."""
    for place, worth in enumerate(draft.prices):
        if worth.program not in directory.programs:
            return _unknown(worth.program)
        if directory.programs[worth.program].partner != draft.partner:
            raise errors.ValidationFailed(f"$.prices[{place}].program: another partner signs for it")
    for place, right in enumerate(draft.rights):
        if right.program not in directory.programs:
            return _unknown(right.program)
        if directory.programs[right.program].partner == draft.partner:
            raise errors.ValidationFailed(f"$.rights[{place}].program: the partner signs for it and needs no right")
    for place, funding in enumerate(draft.funding):
        if any(share.funder != HOUSE and share.funder not in directory.partners for share in funding.shares):
            raise errors.ValidationFailed(f"$.funding[{place}]: a funder is no partner")
    return None


def _not_offered(directory: Directory, draft: Agreement) -> Refusal | None:
    """Members can bear a shortfall only where each program of the partner takes their balances below zero, and there is one."""
    if draft.shortfall is not Bearer.MEMBER_NEGATIVE:
        return None
    own = [program for program in directory.programs.values() if program.partner == draft.partner]
    stiff = sorted([program.code for program in own if not program.capabilities.below_zero])
    if own and not stiff:
        return None
    which = f"{stiff[0]} takes no balance below zero" if stiff else "the partner has no program"
    return Refusal(RefusalCode.SHORTFALL_NOT_OFFERED, f"member_negative: {which}")


def _unknown(program: str) -> Refusal:
    return Refusal(RefusalCode.UNKNOWN_PROGRAM, f"no program has the code {program}")


def _too_soon(series: tuple[Agreement, ...], draft: Agreement, now: datetime) -> Refusal | None:
    """A first version begins when it likes; a later one keeps the notice of the version in force, or else of the last one published."""
    if not series:
        return None
    if any(known.valid_from == draft.valid_from for known in series):
        raise errors.ValidationFailed("$.valid_from: another version begins at this instant")
    promising = rules.in_force(series, now) or max(series, key=lambda known: known.version)
    first = now + timedelta(days=promising.notice_days)
    if draft.valid_from >= first:
        return None
    return Refusal(
        RefusalCode.NOTICE_TOO_SHORT,
        f"version {promising.version} promises {promising.notice_days} days of notice: from {first.isoformat()} on",
    )


async def _insert(
    connection: Connection, draft: Agreement, document: Mapping[str, Any], signers: Signers | None
) -> bool:
    inserted = await row(
        connection,
        "agreement_insert",
        partner=draft.partner,
        version=draft.version,
        valid_from=draft.valid_from,
        valid_to=draft.valid_to,
        announced_at=draft.announced_at,
        digest=digest_of(KIND, document),
        document=Jsonb(dict(document)),
        proposed_by=None if signers is None else signers.proposed_by,
        confirmed_by=None if signers is None else signers.confirmed_by,
        evidence_id=None if signers is None else signers.evidence_id,
    )
    return inserted is not None


def _filed(found: Row) -> Filed:
    agreement = agreement_of(found["document"], found["version"], found["announced_at"])
    return Filed(agreement, found["document"], found["digest"], found["proposed_by"], found["confirmed_by"])
