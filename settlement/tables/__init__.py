"""The tables of settlement and their CHECKs, as SQLModel; nothing else is. All are `local`: runs and matches are not spread over lanes."""

UPDATABLE: dict[str, tuple[str, ...]] = {}
"""What the application may change: status, never content."""

DELETABLE: tuple[str, ...] = ()
"""Nothing is deleted."""
