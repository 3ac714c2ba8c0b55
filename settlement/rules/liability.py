"""A program's liability, rolled forward: what was outstanding, what moved it, what is outstanding now. Pure.

All amounts are whole points of the program, as far as the house moved them. What the program moved by itself no book of the house knows:
that stands apart, as reported. Kept sums say what was outstanding before and after; what moved is read from contra accounts, so the two
sides are told by different rows, and closing proves both.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from clearing.rules.postings import Account


@dataclass(frozen=True, slots=True)
class Sums:
    """One account over a span: what it held before, what was added and taken by entries, what it held after."""

    opening: int = 0
    debits: int = 0
    credits: int = 0
    closing: int = 0

    @property
    def ties(self) -> bool:
        """Whether the entries lead from one kept sum to the other."""
        return self.opening + self.debits - self.credits == self.closing


NOTHING = Sums()

LINES: tuple[tuple[str, Account, int], ...] = (
    ("issued", Account.ACCRUED, +1),
    ("clawed_back", Account.ACCRUED, -1),
    ("redeemed", Account.REDEEMED, -1),
    ("refunded", Account.REDEEMED, +1),
    ("exchanged_in", Account.EXCHANGED_IN, +1),
    ("exchanged_in_reversed", Account.EXCHANGED_IN, -1),
    ("exchanged_out", Account.EXCHANGED_OUT, -1),
    ("exchanged_out_reversed", Account.EXCHANGED_OUT, +1),
    ("into_transit", Account.TRANSIT, -1),
    ("out_of_transit", Account.TRANSIT, +1),
    ("into_suspense", Account.SUSPENSE, +1),
    ("out_of_suspense", Account.SUSPENSE, -1),
    ("shortfall", Account.SHORTFALL, +1),
    ("shortfall_made_good", Account.SHORTFALL, -1),
)
"""What moves the points outstanding: the contra account, and whether its credits add to them (+1) or its debits take from them (-1).

Points that are exchanged on the way through transit leave it, and leave: `out_of_transit` and `exchanged_out`. A reversal that could not
be taken back is reversed all the same, and `shortfall` puts it back: the members still have the points, and the program bears them.
"""


@dataclass(frozen=True, slots=True)
class Reported:
    """What moved outside of the house over a span, as the program reports it: a roll-forward beside that of the house."""

    opening: int
    issued: int
    redeemed: int
    expired: int

    @property
    def closing(self) -> int:
        """What is outstanding outside by it; below zero where more of what the house issued was spent there."""
        return self.opening + self.issued - self.redeemed - self.expired


@dataclass(frozen=True, slots=True)
class RollForward:
    """One program over a span. Law: opening and all lines add up to closing, and `faults` is empty.

    Those are moved by the house. `reported` is what the program says of the rest, if it has said anything by the end of the span.
    """

    program: str
    unit: str
    opening: int
    lines: tuple[tuple[str, int], ...]
    closing: int
    expired: int
    faults: tuple[str, ...]
    reported: Reported | None = None

    @property
    def outstanding(self) -> int | None:
        """All points of the program that members have: moved by the house, and as reported. None while nothing is reported."""
        return None if self.reported is None else self.closing + self.reported.closing

    @property
    def left(self) -> int | None:
        """Closing less what the program reported as expired in the span; None where it reports more than the house ever moved."""
        return self.closing - self.expired if self.expired <= self.closing else None


def roll_forward(
    program: str, unit: str, sums: Mapping[Account, Sums], expired: int = 0, reported: Reported | None = None
) -> RollForward:
    """The roll-forward of a program out of the sums of its accounts, and whatever does not tie."""
    outstanding = sums.get(Account.OUTSTANDING, NOTHING)
    lines = tuple([(name, _moved(sums.get(kind, NOTHING), sign)) for name, kind, sign in LINES])
    faults = [f"{kind.name.lower()} is not what its entries add up to" for kind, one in sums.items() if not one.ties]
    if outstanding.opening + sum(amount for _, amount in lines) != outstanding.closing:
        faults.append("opening and movements are not closing")
    return RollForward(program, unit, outstanding.opening, lines, outstanding.closing, expired, tuple(faults), reported)


def _moved(sums: Sums, sign: int) -> int:
    return sums.credits if sign > 0 else -sums.debits


# --- who owes whom


@dataclass(frozen=True, slots=True)
class View:
    """What one partner sees that it owes a counterparty (plus) or is owed by it (minus), millionths; the counterparty None is the house."""

    partner: str
    counterparty: str | None
    owed: int


@dataclass(frozen=True, slots=True)
class Mirror:
    """Every partner's view, and the house's: `positions` as kept, `house` what it earned and rounded (minus: it gained).

    A payment is between its partner and the house; `cash` is what was paid in, less what was paid out, and `remainder` what whole minor
    units were less (plus) or more (minus) than the nets that they settled.
    """

    views: tuple[View, ...]
    positions: Mapping[str, int]
    house: int
    cash: int = 0
    remainder: int = 0

    @property
    def faults(self) -> tuple[str, ...]:
        """Whatever does not add up. Law: views add up to positions; all that is held and gained to zero; between two partners too."""
        seen = dict.fromkeys(self.positions, 0)
        between: dict[frozenset[str], int] = {}
        for view in self.views:
            seen[view.partner] = seen.get(view.partner, 0) + view.owed
            if view.counterparty is not None:
                pair = frozenset({view.partner, view.counterparty})
                between[pair] = between.get(pair, 0) + view.owed
        faults = [
            f"{who} sees {sum_}, kept is {self.positions.get(who, 0)}"
            for who, sum_ in seen.items()
            if sum_ != self.positions.get(who, 0)
        ]
        faults += [f"{' and '.join(sorted(pair))} see different sums" for pair, sum_ in between.items() if sum_]
        if sum(self.positions.values()) + self.house + self.cash + self.remainder:
            faults.append("partners and the house do not add up to zero")
        return tuple(faults)
