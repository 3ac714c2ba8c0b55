"""Interest on what is paid late: simple, never on interest, by the day count that was agreed."""

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from clearing.rules.agreements import BASIS
from clearing.rules.units import part


class DayCount(StrEnum):
    """How many days a year has for interest."""

    ACT_360 = "ACT/360"
    ACT_365 = "ACT/365"

    @property
    def year(self) -> int:
        """Days in the year."""
        return 360 if self is DayCount.ACT_360 else 365


@dataclass(frozen=True, slots=True)
class Late:
    """What is owed on a late payment: basis points a year, by actual days of a year of 360 or 365, to this party."""

    basis_points: int
    day_count: DayCount
    to: str


def accrued(principal: int, late: Late, due: date, since: date, until: date) -> int:
    """Interest in micros for the days from `since` to `until` on `principal` that was due on `due`. Both on or after `due`, in order.

    Rounding: the interest since `due` is rounded down to a whole micro, and this is the difference of two of those. Law: what is
    accrued over any chain of days adds up to what is accrued over all of them.
    """
    if not due <= since <= until:
        message = f"interest runs from {due} on and forwards, not from {since} to {until}"
        raise ValueError(message)
    year = BASIS * late.day_count.year
    return part(principal * late.basis_points, (since - due).days, (until - due).days, year)
