"""Who owes whom in a window: sums of entries become flows between parties. A law of sums: every flow leaves one party and reaches another.

The books say for each pair of partners what their exchanges booked to either of them, to the house and to others, and all of it adds up
to zero. It becomes flows, all of them signed, so that what was reversed is taken off by itself:

    source → house     what the house earned: fee and rounding
    funder → target    what the funder pays for bonus units; the house is a funder like any other
    source → target    all the rest of what the source pays
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

HOUSE = "house"


class Sum(NamedTuple):
    """What the exchanges of one pair booked; plus owes. A pair has one for each `other` party beside the two, and one for none.

    `earned` is the house's income; what it funds is booked to it as to another party. An adjustment has no pair.
    """

    source: str | None
    target: str | None
    other: str | None
    paid: int
    received: int
    earned: int
    funded: int


class Flow(NamedTuple):
    """What `debtor` owes `creditor`, millionths of the common unit. It may be below zero where more was reversed than moved."""

    debtor: str
    creditor: str
    micros: int


def flows(sums: Iterable[Sum]) -> tuple[Flow, ...]:
    """The bilateral matrix: one flow for each two parties and direction, those of zero left out, in order of their names.

    Law: what flows out of a party less what flows into it is the sum of its entries, for every party.
    """
    cells: dict[tuple[str, str], int] = defaultdict(int)
    for source, target, other, paid, _, earned, funded in sums:
        if source is None or target is None:  # adjustments go through the house
            if other is not None:
                cells[other, HOUSE] += funded
            continue
        cells[source, HOUSE] -= earned
        cells[source, target] += paid + earned
        if other is not None:
            cells[other, target] += funded
    return _ordered(cells)


def merged(found: Iterable[Flow]) -> tuple[Flow, ...]:
    """Flows between the same two parties as one."""
    cells: dict[tuple[str, str], int] = defaultdict(int)
    for debtor, creditor, micros in found:
        cells[debtor, creditor] += micros
    return _ordered(cells)


def _ordered(cells: Mapping[tuple[str, str], int]) -> tuple[Flow, ...]:
    return tuple([Flow(*pair, micros) for pair, micros in sorted(cells.items()) if micros and pair[0] != pair[1]])


def nets(found: Iterable[Flow]) -> dict[str, int]:
    """What each party receives on the whole, millionths of the common unit: plus is owed by the house. Law: they add up to zero."""
    said: dict[str, int] = defaultdict(int)
    for debtor, creditor, micros in found:
        said[debtor] -= micros
        said[creditor] += micros
    return dict(said)


def imbalance(sums: Iterable[Sum], slices: Mapping[str, int]) -> str | None:
    """Why these books are not in balance, or None.

    1. the entries of every pair add up to zero; 2. those of every party are what its position of the window says.
    """
    pairs: dict[tuple[str | None, str | None], int] = defaultdict(int)
    counted: dict[str, int] = defaultdict(int)
    for source, target, other, paid, received, earned, funded in sums:
        pairs[source, target] += paid + received + earned + funded
        for party, micros in ((source, paid), (target, received), (HOUSE, earned), (other, funded)):
            if party is not None:
                counted[party] += micros
    for (source, target), off in sorted([(pair, off) for pair, off in pairs.items() if off], key=repr):  # 1
        between = "adjustments" if source is None else f"exchanges from {source} to {target}"
        return f"the entries of {between} add up to {off}, not to zero"
    for party in sorted(counted.keys() | slices.keys()):  # 2
        if counted[party] != slices.get(party, 0):
            return f"the entries of {party} add up to {counted[party]}, its position says {slices.get(party, 0)}"
    return None
