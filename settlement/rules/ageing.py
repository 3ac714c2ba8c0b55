"""How old a debt is: by the days since the cut-off of its window. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

BUCKETS = (("1-7", 7), ("8-30", 30), ("31-60", 60), ("61-90", 90))
OLDEST = "over-90"
CURRENT = "current"
"""The window is still open."""


@dataclass(frozen=True, slots=True)
class Aged:
    """One partner, one age: what it owes the house and what the house owes it, millionths, neither set off against the other."""

    partner: str
    bucket: str
    receivable: int
    payable: int


def bucket_of(closes_at: datetime, as_of: datetime) -> str:
    """The bucket of a window that ended, or ends, then. Full days count: a debt of 30 days and an hour is still one of 30, and one of less
    than a day is in the first.
    """
    if closes_at > as_of:
        return CURRENT
    days = (as_of - closes_at).days
    return next((name for name, most in BUCKETS if days <= most), OLDEST)


def aged(nets: Iterable[tuple[str, datetime, int]], as_of: datetime) -> tuple[Aged, ...]:
    """Partner by partner and age by age, from the net of each window: partner, cut-off, amount (plus: it owes the house)."""
    order = [CURRENT, *(name for name, _ in BUCKETS), OLDEST]
    sums: dict[tuple[str, int], list[int]] = {}
    for partner, closes_at, net in nets:
        sides = sums.setdefault((partner, order.index(bucket_of(closes_at, as_of))), [0, 0])
        sides[net < 0] += abs(net)
    return tuple([Aged(partner, order[place], *sides) for (partner, place), sides in sorted(sums.items())])
