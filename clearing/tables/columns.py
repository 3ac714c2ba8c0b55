"""How tables state their columns and CHECKs: every type is said, nothing is guessed from an annotation."""

from typing import Any

from sqlalchemy import CheckConstraint, DateTime
from sqlmodel import Field

from clearing.rules.lifecycle import Kind, Path, State, Verdict

Instant = DateTime(timezone=True)


def one_of(column: str, values: type[State] | type[Path] | type[Kind] | type[Verdict]) -> CheckConstraint:
    """The column holds one of these words."""
    listed = ", ".join(f"'{value}'" for value in values)
    return CheckConstraint(f"{column} IN ({listed})", name=f"{column}_known")


def check(name: str, law: str) -> CheckConstraint:
    """A law of the row, by name."""
    return CheckConstraint(law, name=name)


def col(kind: Any, *, key: bool = False, null: bool = False) -> Any:
    """A column with its type stated: nothing is left to be guessed from the annotation."""
    return Field(sa_type=kind, primary_key=key, nullable=null, sa_column_kwargs={"autoincrement": False} if key else {})


def table(kind: str, *constraints: Any) -> tuple[Any, ...]:
    """Constraints, and the comment that says how the table is spread."""
    return (*constraints, {"comment": kind})
