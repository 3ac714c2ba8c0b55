"""Who fell below its low water, and when: one row for each crossing, told once, ended when there is room again."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from clearing.partners.rows import Connection, row, rows, run


@dataclass(frozen=True, slots=True)
class Below:
    """Less room was left than the low water that was agreed."""

    partner: str
    room: int
    agreed: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """A time in which a partner was below; `ended_at` is None while it is."""

    partner: str
    number: int
    began_at: datetime
    room: int
    agreed: int
    ended_at: datetime | None


async def crossed(connection: Connection, below: Iterable[Below], at: datetime) -> list[Below]:
    """Keep who is below now and say who was not before: each crossing once.

    Asked inside `deciding`, as was read who is below: who looked before a fall does not write after it that there is room.
    """
    known = list(below)
    await run(connection, "low_water_end", below=[one.partner for one in known], at=at)
    found = []
    for one in known:
        asked = {"partner": one.partner, "room": one.room, "agreed": one.agreed, "at": at}
        if await row(connection, "low_water_begin", **asked):
            found.append(one)
    return found


async def crossings(
    connection: Connection, partner: str | None, after: tuple[datetime, str] | None = None, most: int | None = None
) -> list[Crossing]:
    """Crossings of a partner, or of anybody, the latest first: those after the one that began then, of this partner."""
    at, name = after or (None, None)
    found = await rows(connection, "low_water_list", partner=partner, after_at=at, after=name, most=most)
    return [Crossing(**one) for one in found]
