"""The fewest payments that settle a set of nets without a house between the parties.

A set of n parties whose nets are not zero needs n payments less the largest number of groups in it that each add up to zero. Finding
those is hard in general: up to fifteen parties it is done exactly, above them the greedy way, which needs at most n - 1.
"""

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush
from typing import NamedTuple

EXACT_MAX = 15  # parties; each one more doubles the work


class Payment(NamedTuple):
    """One payment in minor units."""

    payer: str
    payee: str
    amount: int


def fewest(nets: Mapping[str, int]) -> tuple[Payment, ...]:
    """Payments that give every party its net. The same nets in any order give the same payments.

    Law: exactly n - k payments for the largest number k of groups that add up to zero, up to `EXACT_MAX` parties; at most n - 1 above.
    """
    standing = by_size({party: net for party, net in nets.items() if net})
    if len(standing) > EXACT_MAX:
        return greedy(nets)
    groups = _groups([nets[party] for party in standing])
    return tuple([payment for group in groups for payment in greedy({standing[i]: nets[standing[i]] for i in group})])


def greedy(nets: Mapping[str, int]) -> tuple[Payment, ...]:
    """Again and again the largest payer pays the largest receiver what the smaller of the two nets allows. At most n - 1 payments."""
    payers = [(net, party) for party, net in nets.items() if net < 0]
    payees = [(-net, party) for party, net in nets.items() if net > 0]
    heapify(payers)
    heapify(payees)
    payments = []
    while payers:
        (owes, payer), (gets, payee) = heappop(payers), heappop(payees)
        amount = min(-owes, -gets)
        payments.append(Payment(payer, payee, amount))
        if owes + amount:
            heappush(payers, (owes + amount, payer))
        if gets + amount:
            heappush(payees, (gets + amount, payee))
    return tuple(payments)


def by_size(nets: Mapping[str, int]) -> list[str]:
    """Parties by the size of their net, largest first, among equals by name."""
    return sorted(nets, key=lambda party: (-abs(nets[party]), party))


def _groups(nets: Sequence[int]) -> list[list[int]]:
    """The places of `nets` in as many groups as possible that each add up to zero.

    A set, as bits, holds at most so many groups as the best of it without one place, and one more if it adds up to zero itself. Groups
    are read off on the way back from the whole set: each place taken away is the lowest that loses nothing.
    """
    sums, most = [0], [0]
    for bits in range(1, 1 << len(nets)):
        lowest = bits & -bits
        sums.append(sums[bits ^ lowest] + nets[lowest.bit_length() - 1])
        best = max(most[bits ^ 1 << place] for place in range(len(nets)) if bits >> place & 1)
        most.append(best + (not sums[bits]))
    groups: list[list[int]] = []
    bits = (1 << len(nets)) - 1
    while bits:
        if not sums[bits]:
            groups.append([])
        wanted = most[bits] - (not sums[bits])
        place = next(place for place in range(len(nets)) if bits >> place & 1 and most[bits ^ 1 << place] == wanted)
        groups[-1].append(place)
        bits ^= 1 << place
    return groups
