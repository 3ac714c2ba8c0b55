"""Cover: the funds that partners lodge with the house and take out again, as movements that are only ever added; and the caps that follow.

A movement is named by the reference of its payment, which a partner's cover knows once. Amounts: millionths of the common unit, plus in,
minus out.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clearing import errors
from clearing.partners.directory import Directory
from clearing.partners.proposals import Proposal, Signers
from clearing.partners.rows import Connection, row, rows
from clearing.rules import agreements as rules
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import AMOUNT_MAX

ATTEMPTS_MAX = 100  # others who book the next movement first; each of them makes progress
KIND = "cover"
Spared = Callable[[int], Awaitable[Refusal | None]]


@dataclass(frozen=True, slots=True)
class Movement:
    """Funds that came in (plus) or went out (minus)."""

    partner: str
    number: int
    at: datetime
    amount: int
    reference: str
    digest: str
    proposed_by: str
    confirmed_by: str


def amount_of(document: Mapping[str, Any]) -> int:
    """The signed amount of a proposed movement."""
    amount: int = document["amount"]
    return amount if document["direction"] == "in" else -amount


async def movements(connection: Connection, partner: str | None) -> list[Movement]:
    """All movements of a partner's cover, or of everybody's, in order."""
    return [Movement(**found) for found in await rows(connection, "cover_list", partner=partner)]


async def covers(connection: Connection) -> dict[str, int]:
    """How much cover each partner has lodged by now; who never lodged any is not named."""
    return {found["partner"]: found["cover"] for found in await rows(connection, "cover_sums")}


def refused(known: list[Movement], document: Mapping[str, Any]) -> Refusal | None:
    """Why this movement cannot follow the `known` ones of its partner: a reference used before, or more than is there."""
    if any(one.reference == document["reference"] for one in known):
        return Refusal(RefusalCode.REFERENCE_USED, "another movement of this partner's cover has this reference")
    after = sum(one.amount for one in known) + amount_of(document)
    if after < 0:
        return Refusal(RefusalCode.COVER_NEEDED, "more would leave than is lodged")
    if after > AMOUNT_MAX:
        raise errors.ValidationFailed("the cover would be beyond 2^53 - 1")
    return None


async def move_cover(
    connection: Connection, proposed: Proposal, signers: Signers, now: datetime, spared: Spared | None = None
) -> Movement | Refusal:
    """The movement that was proposed, booked now or before. Raises errors.ValidationFailed beyond what travels exactly.

    `spared` is asked, with the cover that would be left, before funds leave: again whenever another movement came first.
    """
    for _ in range(ATTEMPTS_MAX):
        known = await movements(connection, proposed.partner)
        for one in known:
            if one.digest == proposed.digest:
                return one
        if refusal := refused(known, proposed.document):
            return refusal
        amount = amount_of(proposed.document)
        left = sum(one.amount for one in known) + amount
        if amount < 0 and spared is not None and (refusal := await spared(left)):
            return refusal
        made = Movement(
            proposed.partner,
            len(known) + 1,
            now,
            amount,
            proposed.document["reference"],
            proposed.digest,
            signers.proposed_by,
            signers.confirmed_by,
        )
        if await row(
            connection,
            "cover_insert",
            partner=made.partner,
            number=made.number,
            at=made.at,
            amount=made.amount,
            reference=made.reference,
            digest=made.digest,
            proposed_by=made.proposed_by,
            confirmed_by=made.confirmed_by,
            evidence_id=signers.evidence_id,
        ):
            return made
    raise errors.Unavailable


def caps(directory: Directory, covers: Mapping[str, int], at: datetime) -> dict[str, int]:
    """The net debit cap that each partner's agreement gives it at this instant: none where it has ended.

    A partner that never had an agreement in force is not named.
    """
    wanted = {}
    for partner, series in directory.agreements.items():
        if any(agreement.valid_from <= at for agreement in series):
            current = directory.agreement(partner, at)
            wanted[partner] = 0 if current is None else rules.room(current.credit, covers.get(partner, 0))
    return wanted
