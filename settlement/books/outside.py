"""What a program moved outside of the house, by its own word: kept with its signed request, and shown beside what the house moved.

The rule is that of expiries: a report enters no account, and stands in the window that the lane lives in when it arrives; there is one in a
window. The first tells what was outstanding outside before it, so that with what the house moved it is all there is; from then on
what one report leaves the next begins with.
"""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from clearing import errors
from clearing.database import statement
from settlement.books.chart import ROOM, Connection, rows
from settlement.books.spans import Span, span_of
from settlement.rules.liability import Reported

TOLD = ("as_of", "opening", "issued", "redeemed", "expired")


@dataclass(frozen=True, slots=True)
class Outside:
    """One report. `reference` is the program's own name for it; `opening` None: what the reports before left."""

    program: str
    reference: str
    as_of: datetime
    opening: int | None
    issued: int
    redeemed: int
    expired: int
    reported_at: datetime
    evidence_id: UUID
    window_id: int = 0

    def same(self, other: "Outside") -> bool:
        """Whether the other says the same; an opening that is not told is the one that there is."""
        mine, theirs = ([getattr(one, name) for name in ("program", "reference", *TOLD)] for one in (self, other))
        return all(one == another or another is None for one, another in zip(mine, theirs, strict=True))


async def report_outside(connection: Connection, lane: int, wanted: Outside) -> tuple[Outside, bool]:
    """Write a report down, or find the one of its reference or of this window: and whether it is new. Expects the lock of the lane.

    Raises errors.ValidationFailed for a first report without an opening, and for an opening that is not what the reports before left.
    """
    found = await _of(connection, lane, wanted)
    if found is not None:
        return found, False
    known = (await reported(connection, await span_of(connection, lane))).get(wanted.program)
    carried = wanted.opening if known is None else known.closing
    if carried is None:
        raise errors.ValidationFailed("opening: the first report tells what was outstanding before it")
    if wanted.opening not in {None, carried}:
        raise errors.ValidationFailed(f"opening: the reports before left {carried}")
    told = {name: getattr(wanted, name) for name in ("program", "reference", *TOLD, "reported_at", "evidence_id")}
    await connection.execute(statement("outside_insert", ROOM), {"lane": lane, **told, "opening": carried})
    return await _of(connection, lane, wanted) or replace(wanted, opening=carried), True


async def reported(connection: Connection, span: Span) -> dict[str, Reported]:
    """What every program that has reported by the end of a span says of it."""
    asked = {"lane": span.lane, "before": list(span.before), "within": list(span.windows)}
    return {row.pop("program"): Reported(**row) for row in await rows(connection, "books_outside", **asked)}


async def _of(connection: Connection, lane: int, wanted: Outside) -> Outside | None:
    found = await rows(connection, "outside_find", lane=lane, program=wanted.program, reference=wanted.reference)
    return Outside(**found[0]) if found else None
