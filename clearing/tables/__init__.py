"""The tables and their CHECKs, as SQLModel; nothing else is. Wire messages are models of their own, so no column's name is signed.

Every table says in its comment whether it is `sharded` (led by `lane`, one day spread over servers) or `reference`.
"""

from sqlmodel import SQLModel

from clearing.tables.members import AccountEvidenceRow, AccountRow, ClaimRow, ConsentRow, LinkRow
from clearing.tables.reference import (
    Agreement,
    BankDetails,
    Calendar,
    CalendarVersion,
    CampaignBudget,
    Key,
    LowWaterRow,
    Paper,
    Partner,
    Program,
    Proposal,
    RateCard,
    RiskRules,
)
from clearing.tables.sharded import (
    Adjustment,
    BudgetSlice,
    CapSlice,
    CaseRow,
    EntryRow,
    EvidenceRow,
    Exchange,
    Lane,
    LaneWindow,
    Leaf,
    Nonce,
    OrderRow,
    PositionSlice,
    Tile,
)

__all__ = [
    "DELETABLE",
    "UPDATABLE",
    "AccountEvidenceRow",
    "AccountRow",
    "Adjustment",
    "Agreement",
    "BankDetails",
    "BudgetSlice",
    "Calendar",
    "CalendarVersion",
    "CampaignBudget",
    "CapSlice",
    "CaseRow",
    "ClaimRow",
    "ConsentRow",
    "EntryRow",
    "EvidenceRow",
    "Exchange",
    "Key",
    "Lane",
    "LaneWindow",
    "Leaf",
    "LinkRow",
    "LowWaterRow",
    "Nonce",
    "OrderRow",
    "Paper",
    "Partner",
    "PositionSlice",
    "Program",
    "Proposal",
    "RateCard",
    "RiskRules",
    "SQLModel",
    "Tile",
]

UPDATABLE: dict[str, tuple[str, ...]] = {
    "partner": ("name",),
    "program": ("endpoint", "capabilities"),
    "low_water": ("ended_at",),
    "key": ("expires_at", "revoked_at", "compromised_since"),
    "lane": ("last_at", "size", "frontier", "window_id", "writer", "calendar"),
    "lane_window": ("sealed_at", "sealed_size", "sealed_root"),
    "account": ("number_index", "number_mask", "wrapped", "closed_at", "merged_into", "erased_at"),
    "link": ("source_account", "target_account", "moved_at", "ended_at", "ended_reason"),
    "consent": ("withdrawn_at", "withdrawn_by"),
    "claim": ("rejected_at", "rejected_reason", "rejection_id"),
    "exchange": (
        "state",
        "posted_at",
        "window_id",
        "ended_at",
        "reason",
        "reversed",
        "kept_leg",
        "cancelled",
        "captured",
    ),
    "orders": ("state", "lease", "due_at", "sent_at", "attempts", "answered_at", "reason", "evidence_id"),
    "evidence": ("wrapped",),
    "position_slice": ("debits", "credits"),
    "cap_slice": ("granted", "position", "pending"),
    "budget_slice": ("units", "value", "units_used", "value_used"),
    "review_case": ("closed_at", "decision", "closed_by"),
}
"""What the application role may update, column by column; entries and leaves are not among them."""

DELETABLE: tuple[str, ...] = ("nonce",)
"""What it may delete: nonces that have expired."""
