"""Points that a program reports as expired: its own word, kept with its signed request, and shown beside the books.

The rule: a report enters no account. The house knows only the points that it moved, and a program's expiries are of all its points, so no
report can be checked against the books. It is a memo line in the window that the lane lives in when it arrives; a sealed window's never
changes. What would be left is told only as long as less was reported than is outstanding.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clearing.database import statement
from settlement.books.chart import ROOM, Connection, rows


@dataclass(frozen=True, slots=True)
class Expiry:
    """One report. `reference` is the program's own name for it."""

    program: str
    reference: str
    as_of: datetime
    points: int
    reported_at: datetime
    evidence_id: UUID
    window_id: int = 0

    def same(self, other: "Expiry") -> bool:
        """Whether the other says the same."""
        return (self.program, self.reference, self.as_of, self.points) == (
            other.program,
            other.reference,
            other.as_of,
            other.points,
        )


async def expiry_of(connection: Connection, program: str, reference: str) -> Expiry | None:
    """The report of this reference."""
    found = await rows(connection, "expiry_find", program=program, reference=reference)
    return Expiry(**found[0]) if found else None


async def report_expiry(connection: Connection, lane: int, wanted: Expiry) -> tuple[Expiry, bool]:
    """Write a report down, or find the one of its reference: and whether it is new. Expects to run under the lock of the lane."""
    if known := await expiry_of(connection, wanted.program, wanted.reference):
        return known, False
    names = ("program", "reference", "as_of", "points", "reported_at", "evidence_id")
    told = {name: getattr(wanted, name) for name in names}
    await connection.execute(statement("expiry_insert", ROOM), {"lane": lane, **told})
    written = await expiry_of(connection, wanted.program, wanted.reference)
    return written or wanted, True


async def expiries_unproven(connection: Connection, lane: int) -> tuple[int, list[UUID]]:
    """How many reports there are, and the evidence of those that nothing kept proves."""
    (found,) = await rows(connection, "verify_expiries", lane=lane)
    return found["named"], found["missing"] or []
