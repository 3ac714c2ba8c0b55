"""The net debit cap: what a partner may owe at most, with everything pending counted."""

from dataclasses import dataclass


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
