"""Caps follow agreements and cover: what the books grant is brought to what is agreed now, as often as it takes, by whoever looks.

Nothing is scheduled. A version that has come into force, a cover that has moved, an agreement that has ended are found in the tables at
the house's regular tick, so a missed tick only delays; what is published in force already is granted at once.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from clearing import partners
from clearing.database import statement
from clearing.front import sources
from clearing.front.house import LANE
from clearing.ledger import Writer
from clearing.ledger.items import Grant
from clearing.partners import Directory
from clearing.rules import agreements
from clearing.rules.agreements import Alert
from clearing.rules.limits import Cap
from clearing.rules.postings import Account, account_number

ROUNDS_MAX = 10  # others who change terms meanwhile; each of them grants as well

Connection = AsyncConnection[Any]


@dataclass(frozen=True, slots=True)
class LowWater:
    """A partner whose room is below its low water, and the cap it is the room of."""

    partner: str
    cap: Cap
    alert: Alert


async def caps_of(connection: Connection, directory: Directory) -> dict[str, Cap]:
    """What each partner may owe, owes and has pending."""
    found = await (await connection.execute(statement("caps_list"), {"lane": LANE})).fetchall()
    kept = {account: Cap(*amounts) for account, *amounts in found}
    return {
        partner.code: kept.get(account_number(partner.number, Account.POSITION), Cap(0))
        for partner in directory.partners.values()
    }


async def grant_due(
    connection: Connection, writer: Writer, clock: Callable[[], datetime] = sources.clock
) -> list[Grant]:
    """Grant every cap that is not what is agreed at this instant, and say which.

    A prepaid cap is granted as its part of the cover that the ledger has then, so a withdrawal in between is not undone.
    It looks again after it has granted: of two that grant at once, the one that wrote last sees what the other saw.
    """
    granted: list[Grant] = []
    for _ in range(ROUNDS_MAX):
        directory, now = await partners.load(connection), clock()
        wanted = partners.caps(directory, await partners.covers(connection, LANE), now)
        caps = await caps_of(connection, directory)
        due = {partner: found for partner, found in wanted.items() if caps[partner].granted != found[0]}
        if not due:
            break
        for partner, (_, how) in due.items():
            await writer.put(Grant(partner, how))
        granted += [Grant(partner, room) for partner, (room, _) in due.items()]
    return granted


async def low_waters(connection: Connection, directory: Directory, now: datetime) -> list[LowWater]:
    """Every partner with an agreement in force that has less room left than the low water it agreed to."""
    found = []
    for partner, cap in (await caps_of(connection, directory)).items():
        agreement = directory.agreement(partner, now)
        if agreement is None:
            continue
        alert = agreements.alert(cap.position, cap.pending, cap.granted, agreement.low_water)
        if alert is not None:
            found.append(LowWater(partner, cap, alert))
    return found


async def cross(connection: Connection, clock: Callable[[], datetime] = sources.clock) -> list[partners.Below]:
    """Keep who is below its low water, and say who was not when somebody last looked: each crossing is said once.

    One looks at a time, while nothing is booked. What could not be kept is not said, and seen at the next look.
    """
    async with partners.deciding(connection, LANE):
        now = clock()
        found = await low_waters(connection, await partners.load(connection), now)
        below = [partners.Below(one.partner, one.alert.left, one.alert.low_water) for one in found]
        return await partners.crossed(connection, below, now)
