"""The tables of settlement and their CHECKs, as SQLModel; nothing else is. All are `local`: runs and matches are not spread over lanes."""

from settlement.tables.matching import (
    BookLine,
    BookRow,
    BreakItem,
    BreakStep,
    MatchOur,
    MatchRun,
    MatchTheirs,
    OurLine,
)

__all__ = [
    "DELETABLE",
    "UPDATABLE",
    "BookLine",
    "BookRow",
    "BreakItem",
    "BreakStep",
    "MatchOur",
    "MatchRun",
    "MatchTheirs",
    "OurLine",
]

UPDATABLE: dict[str, tuple[str, ...]] = {
    "break_item": (
        "run",
        "suggested",
        "owner",
        "due_at",
        "state",
        "provisional",
        "ended_at",
        "resolution",
    ),
}
"""What the application may change: status, never content."""

DELETABLE: tuple[str, ...] = ()
"""Nothing is deleted."""
