"""What may be reserved at most: a partner's net debit cap, a campaign's budget, a member's limits. Everything pending counts."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Cap:
    """A partner's cap, in millionths of the common unit.

    `position` is booked and unsettled (plus owes the house), `pending` is reserved and not yet booked.
    """

    granted: int
    position: int = 0
    pending: int = 0

    def fits(self, amount: int) -> bool:
        """Whether `amount` more may be reserved: pending counts, or six reservations of a fifth would all pass."""
        return self.position + self.pending + amount <= self.granted


@dataclass(frozen=True, slots=True)
class Budget:
    """What a campaign may spend, in bonus units and in millionths of the common unit; None: without a limit in this measure."""

    units: int | None
    value: int | None
    units_used: int = 0
    value_used: int = 0

    def fits(self, units: int, value: int) -> bool:
        """Whether so much more may be promised."""
        units_left = self.units is None or self.units_used + units <= self.units
        return units_left and (self.value is None or self.value_used + value <= self.value)

    def moved(self, units: int, value: int) -> "Budget":
        """The budget after so much more was promised, or, below zero, given back."""
        return Budget(self.units, self.value, self.units_used + units, self.value_used + value)


@dataclass(frozen=True, slots=True)
class Used:
    """One exchange of a member, as limits count it: points sent, or units issued where none are sent."""

    at: datetime
    points: int
    source_program: str | None
    target_program: str | None

    @property
    def issued(self) -> bool:
        """Whether the member received it from a partner, and sent nothing."""
        return self.source_program is None


@dataclass(frozen=True, slots=True)
class Limit:
    """How much may move from an instant on (None: in this exchange alone): points, exchanges, or both.

    It counts one account; as a limit of the `member` the accounts that are linked to it as well; as one of the `device` that alone.
    With `target` only exchanges to that program count, with `source` only those from that one, without them all. What exceeds a limit
    that `holds` is held for a person to look at; what exceeds any other is refused.
    """

    rule: str
    since: datetime | None
    points: int | None = None
    count: int | None = None
    target: str | None = None
    device: bool = False
    holds: bool = False
    source: str | None = None
    member: bool = False

    def exceeded(self, used: Iterable[Used], points: int) -> bool:
        """Whether `points` more would be over this limit."""
        since = self.since
        counted = [
            one.points
            for one in used
            if since is not None
            and one.at >= since
            and self.target in {None, one.target_program}
            and self.source in {None, one.source_program}
        ]
        over_points = self.points is not None and sum(counted) + points > self.points
        return over_points or (self.count is not None and len(counted) + 1 > self.count)
