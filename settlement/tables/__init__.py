"""The tables of settlement and their CHECKs, as SQLModel; nothing else is. All are `local`: runs and matches are not spread over lanes."""

from settlement.tables import invoices, matching, runs, statements
from settlement.tables.expiries import ExpiryReport, OutsideReport

__all__ = ["DELETABLE", "UPDATABLE", "ExpiryReport", "OutsideReport", "statements"]

UPDATABLE: dict[str, tuple[str, ...]] = {**runs.UPDATABLE, **matching.UPDATABLE, **invoices.UPDATABLE}
"""What the application may change: status, never content."""

DELETABLE: tuple[str, ...] = ()
"""Nothing is deleted."""
