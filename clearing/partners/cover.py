"""Cover: the funds that partners lodge with the house and take out again, as the ledger has booked them; and the caps that follow.

A movement is named by its partner and the reference of its payment: the ledger books one name once, and decides what may leave. Two keys
are behind each: one announced it, another confirmed it or sent the bank's file that tells it. Amounts: millionths of the common unit,
plus in, minus out.
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from clearing import errors
from clearing.partners.directory import Directory
from clearing.partners.rows import Connection, rows
from clearing.rules import agreements as rules
from clearing.rules.agreements import Prepaid
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import AMOUNT_MAX

KIND = "cover"


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


def movement_id(partner: str, reference: str) -> UUID:
    """The name under which the ledger books the movement of this reference."""
    return UUID(bytes=hashlib.sha256(f"cover|{partner}|{reference}".encode()).digest()[:16])


def is_own(partner: str, reference: str) -> bool:
    """Whether this reference begins with the partner's code and a full stop, which is in no code: no two partners have one in common."""
    return reference.startswith(f"{partner}.")


async def movements(connection: Connection, lane: int, partner: str | None) -> list[Movement]:
    """All movements of a partner's cover, or of everybody's, in order."""
    return [Movement(**found) for found in await rows(connection, "cover_list", lane=lane, partner=partner)]


async def covers(connection: Connection, lane: int) -> dict[str, int]:
    """How much cover each partner has lodged by now; who never lodged any is not named."""
    return {found["partner"]: found["cover"] for found in await rows(connection, "covers_list", lane=lane)}


def refused(known: list[Movement], document: Mapping[str, Any]) -> Refusal | None:
    """What can be said of a movement when it is proposed: its reference was used before, or more would leave than is there."""
    if any(one.reference == document["reference"] for one in known):
        return Refusal(RefusalCode.REFERENCE_USED, "another movement of this partner's cover has this reference")
    after = sum(one.amount for one in known) + amount_of(document)
    if after < 0:
        return Refusal(RefusalCode.COVER_NEEDED, "more would leave than is lodged")
    if after > AMOUNT_MAX:
        raise errors.ValidationFailed("the cover would be beyond 2^53 - 1")
    return None


def caps(directory: Directory, covers: Mapping[str, int], at: datetime) -> dict[str, tuple[int, int | Prepaid]]:
    """The net debit cap that each partner's agreement gives it at this instant, and how it is to be granted: none where it has ended.

    A prepaid cap is granted as its part of the cover that the ledger has when it grants, not of the one that was read. A partner that
    never had an agreement in force is not named.
    """
    wanted: dict[str, tuple[int, int | Prepaid]] = {}
    for partner, series in directory.agreements.items():
        if any(agreement.valid_from <= at for agreement in series):
            current = directory.agreement(partner, at)
            credit = None if current is None else current.credit
            room = 0 if credit is None else rules.room(credit, covers.get(partner, 0))
            wanted[partner] = (room, credit if isinstance(credit, Prepaid) else room)
    return wanted
