"""Revenue from issued points under IFRS 15 and ASC 606: what of a price is deferred, and when it becomes revenue.

Points are a material right (IFRS 15 B39-B43, ASC 606-10-55-41): the price is allocated by relative stand-alone price, points counting by
what is expected to be redeemed. Breakage is proportional: revenue so far = allocated × redeemed so far ÷ expected, so a new estimate is a
cumulative catch-up in the period in which it is made.

Units: all amounts are whole minor units of one currency. Rounding: the allocation by largest remainder, so it adds up; revenue so far to
the nearest unit, halves up, and a period's revenue is the difference of two such sums, so periods add up to what was allocated.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from clearing.rules.shares import largest_remainder
from clearing.rules.units import Ratio


class Role(StrEnum):
    """What the seller of the points is in the reward (IFRS 15 B34-B38)."""

    PRINCIPAL = "principal"
    """It stays obliged: gross revenue, and the reward's cost beside it."""
    AGENT = "agent"
    """Somebody else is obliged from the sale on: only the margin is revenue, at once."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """One period: the points redeemed in it, and how many of all are expected to be redeemed ever, as estimated at its end."""

    redeemed: int
    expected: int


@dataclass(frozen=True, slots=True)
class Earned:
    """One line of the schedule. `liability` is what stays deferred after it; `catch_up` is the part that a new estimate alone brought."""

    redeemed: int
    expected: int
    revenue: int
    catch_up: int
    liability: int


@dataclass(frozen=True, slots=True)
class Presented:
    """How a sale of points for a reward of somebody else is shown."""

    revenue: int
    cost: int
    payable: int


def allocate(price: int, stand_alone: Sequence[int]) -> tuple[int, ...]:
    """The price split over its elements by what each would cost alone. Law: the parts add up to the price."""
    return largest_remainder(price, stand_alone)


def stand_alone(expected: int, value: Ratio) -> int:
    """What points would cost alone: those expected to be redeemed, at the value of one; breakage is worth nothing. Nearest, halves up."""
    return _nearest(expected * value.num, value.den)


def schedule(allocated: int, first_expected: int, periods: Sequence[Estimate]) -> tuple[Earned, ...]:
    """Revenue period by period. Law: revenue so far and liability add up to what was allocated, after every period.

    More redeemed than expected earns the whole, never more. A higher estimate may take revenue back.
    Raises ValueError for an expectation below one or points below zero.
    """
    earned: list[Earned] = []
    so_far = redeemed = 0
    before = first_expected
    for period in periods:
        if period.expected < 1 or before < 1 or period.redeemed < 0 or allocated < 0:
            message = f"expected points are at least 1, redeemed points and amounts at least 0, got {period}"
            raise ValueError(message)
        caught_up = _earned(allocated, redeemed, period.expected) - _earned(allocated, redeemed, before)
        redeemed += period.redeemed
        now = _earned(allocated, redeemed, period.expected)
        earned.append(Earned(redeemed, period.expected, now - so_far, caught_up, allocated - now))
        so_far, before = now, period.expected
    return tuple(earned)


def presented(allocated: int, paid: int, role: Role) -> Presented:
    """What a sale of points for somebody else's reward shows once it is earned: gross with its cost, or the margin alone."""
    if role is Role.PRINCIPAL:
        return Presented(allocated, paid, paid)
    return Presented(allocated - paid, 0, paid)


def _earned(allocated: int, redeemed: int, expected: int) -> int:
    return _nearest(allocated * min(redeemed, expected), expected)


def _nearest(num: int, den: int) -> int:
    return (2 * num + den) // (2 * den)
