"""Who owes whom in a window: sums of entries become flows between parties. A law of sums: every flow leaves one party and reaches another.

The books say for each pair of partners, and for each account that their exchanges touched, the sum of the entries of the window. Such a
group adds up to zero. It becomes flows, all of them signed, so that what was reversed is taken off by itself:

    source → house     what the house earned: fee and rounding
    funder → target    what the funder pays for bonus units; the house is a funder like any other
    source → target    all the rest of what the source pays
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

HOUSE = "house"


@dataclass(frozen=True, slots=True)
class Sum:
    """The sum of one party's entries among the exchanges of one pair; plus owes. `earned` tells the house's income from what it funds.

    An adjustment has no pair: `source` and `target` are None.
    """

    source: str | None
    target: str | None
    party: str
    earned: bool
    micros: int


@dataclass(frozen=True, slots=True, order=True)
class Flow:
    """What `debtor` owes `creditor`, millionths of the common unit. It may be below zero where more was reversed than moved."""

    debtor: str
    creditor: str
    micros: int


def flows(sums: Iterable[Sum]) -> tuple[Flow, ...]:
    """The bilateral matrix: one flow for each two parties and direction, those of zero left out, in order of their names.

    Law: what flows out of a party less what flows into it is the sum of its entries, for every party.
    """
    cells: dict[tuple[str, str], int] = defaultdict(int)
    for (source, target), parts in _by_pair(sums).items():
        for debtor, creditor, micros in _of_pair(source, target, parts):
            cells[debtor, creditor] += micros
    return tuple(Flow(*pair, micros) for pair, micros in sorted(cells.items()) if micros)


def nets(found: Iterable[Flow]) -> dict[str, int]:
    """What each party receives on the whole, millionths of the common unit: plus is owed by the house. Law: they add up to zero."""
    said: dict[str, int] = defaultdict(int)
    for flow in found:
        said[flow.debtor] -= flow.micros
        said[flow.creditor] += flow.micros
    return dict(said)


def imbalance(sums: Iterable[Sum], slices: Mapping[str, int]) -> str | None:
    """Why these books are not in balance, or None.

    1. the entries of every pair add up to zero; 2. those of every party are what its position of the window says.
    """
    known = list(sums)
    for (source, target), parts in sorted(_by_pair(known).items(), key=repr):  # 1
        if off := sum(part.micros for part in parts):
            between = "adjustments" if source is None else f"exchanges from {source} to {target}"
            return f"the entries of {between} add up to {off}, not to zero"
    counted: dict[str, int] = defaultdict(int)
    for one in known:
        counted[one.party] += one.micros
    for party in sorted(counted.keys() | slices.keys()):  # 2
        if counted[party] != slices.get(party, 0):
            return f"the entries of {party} add up to {counted[party]}, its position says {slices.get(party, 0)}"
    return None


def _by_pair(sums: Iterable[Sum]) -> dict[tuple[str | None, str | None], list[Sum]]:
    pairs: dict[tuple[str | None, str | None], list[Sum]] = defaultdict(list)
    for one in sums:
        pairs[one.source, one.target].append(one)
    return pairs


def _of_pair(source: str | None, target: str | None, parts: list[Sum]) -> list[tuple[str, str, int]]:
    if source is None or target is None:  # adjustments go through the house
        return [(part.party, HOUSE, part.micros) for part in parts if part.party != HOUSE]
    fee = -sum(part.micros for part in parts if part.earned)
    paid = sum(part.micros for part in parts if part.party == source and not part.earned)
    funded = [
        (part.party, target, part.micros) for part in parts if part.party not in {source, target} and not part.earned
    ]
    rest = [(source, target, paid - fee)] if source != target else []
    return [(source, HOUSE, fee), *rest, *funded]
