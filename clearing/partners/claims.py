"""Claims of accruals that are missing: a program says that a shop owes its member points for a receipt, and the shop pays or says why not.

Nothing here says that a claim is paid: the books do. An accrual of that shop with that receipt number, however it came in, matches the
claim; and because a receipt number is used once in a lane, it is paid once. What changes something expects to run inside `deciding`.
"""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clearing.partners.rows import Connection, row, rows, run

ISSUED = "issued"
COMPLETED = "completed"


@dataclass(frozen=True, slots=True)
class Receipt:
    """The exchange that stands under a receipt number of a partner."""

    exchange_id: UUID
    path: str
    state: str
    account: UUID | None  # whose it is, where points were issued

    @property
    def issues(self) -> bool:
        """Whether points were issued for it."""
        return self.path == ISSUED


@dataclass(frozen=True, slots=True)
class Claim:
    """What a program claims of the shop `partner` for its member's account; `units` where it knows how many."""

    lane: int
    claim: UUID
    program: str
    account: UUID
    partner: str
    reference: str
    occurred_at: datetime
    units: int | None
    claimed_at: datetime
    evidence_id: UUID
    rejected_at: datetime | None = None
    rejected_reason: str | None = None
    receipt: Receipt | None = None

    @property
    def state(self) -> str:
        """In one word: open, matched (an accrual is under way), paid, already_paid (for another account), rejected."""
        if self.receipt is not None and self.receipt.issues:
            if self.receipt.account != self.account:
                return "already_paid"
            return "paid" if self.receipt.state == COMPLETED else "matched"
        return "open" if self.rejected_at is None else "rejected"


# --- read


async def claim(connection: Connection, lane: int, claim_id: UUID) -> Claim | None:
    """A claim by its id, with what the books say of its receipt."""
    found = await row(connection, "claim_read", lane=lane, claim=claim_id)
    return None if found is None else _claim(found)


async def claim_of(connection: Connection, lane: int, partner: str, reference: str, account: UUID) -> Claim | None:
    """The one claim of this receipt for this account."""
    found = await row(connection, "claim_find", lane=lane, partner=partner, reference=reference, account=account)
    return None if found is None else await claim(connection, lane, found["claim"])


async def claims_open(
    connection: Connection,
    lane: int,
    partner: str,
    after: tuple[datetime, str] | None = None,
    most: int | None = None,
) -> list[Claim]:
    """What this partner has neither paid nor rejected, the oldest first: claims after the one that was made then, of this id."""
    at, name = after or (None, None)
    asked = {"lane": lane, "partner": partner, "after_at": at, "after": name, "most": most}
    return [_claim(found) for found in await rows(connection, "claims_open", **asked)]


async def receipt_of(connection: Connection, lane: int, partner: str, reference: str) -> Receipt | None:
    """The exchange that stands under this receipt number."""
    found = await row(connection, "receipt_read", lane=lane, partner=partner, reference=reference)
    return None if found is None else Receipt(**found)


# --- change


async def file_claim(connection: Connection, filed: Claim) -> None:
    """Write a claim down. One for each receipt and account: see first whether there is one."""
    names = ("claim", "program", "account", "partner", "reference", "occurred_at", "units", "claimed_at", "evidence_id")
    await run(connection, "claim_insert", lane=filed.lane, **{name: getattr(filed, name) for name in names})


async def reject_claim(
    connection: Connection, lane: int, claim_id: UUID, reason: str, evidence_id: UUID, now: datetime
) -> None:
    """The shop will not pay, and says why. What it said first stays."""
    told = {"reason": reason, "evidence_id": evidence_id, "now": now}
    await run(connection, "claim_reject", lane=lane, claim=claim_id, **told)


# --- audit


async def claims_unproven(connection: Connection, lane: int) -> tuple[int, list[UUID]]:
    """How many claims and rejections there are, and the evidence of those that nothing kept proves."""
    (found,) = await rows(connection, "verify_claims", lane=lane)
    return found["named"], found["missing"] or []


def _claim(found: dict[str, object]) -> Claim:
    receipt = {name: found.pop(f"receipt_{name}") for name in ("exchange_id", "path", "state", "account")}
    known = None if receipt["exchange_id"] is None else Receipt(**receipt)  # type: ignore[arg-type]  # columns as they are
    return Claim(**found, receipt=known)  # type: ignore[arg-type]  # the same
