"""A sealed window as a run reads it."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Window:
    """A sealed window, and which events of the log are its own: from `first` up to, and without, `until`."""

    number: int
    code: str
    closes_at: datetime
    first: int
    until: int
    root: bytes
    advice_date: date | None
    value_date: date | None
    scheme_version: int | None
    opens_at: datetime
