"""Payments from party to party, where no house stands between: those of `netting`, with what each clears of both sides' positions. Pure.

All parties are paid in one currency. A position is kept in millionths of the common unit, a payment travels in minor units. Where pairs are
rounded (`bilateral`, `gross`), a payment clears the same of both sides. Where nets are (`fewest`), each side's net is divided over its
payments, and the two sides may differ: by less than a minor unit for each, which is the house's rounding.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate, pairwise
from typing import NamedTuple

from clearing.rules.units import Ratio, part
from settlement.rules.fewest import Payment
from settlement.rules.flows import HOUSE, Flow, nets
from settlement.rules.money import Refused
from settlement.rules.netting import Model, Netted, Obligation, net
from settlement.rules.rates import RateSet


class Transfer(NamedTuple):
    """One payment of a run: `minor` units of its currency travel; `paid` is cleared of what the payer owes, `received` of what the payee is
    owed, in millionths of the common unit. What the house is a side of clears the same on both.
    """

    payer: str
    payee: str
    currency: str
    minor: int
    paid: int
    received: int


def between(
    flows: Iterable[Flow], rates: RateSet, currency: str, digits: int, model: Model
) -> tuple[Mapping[str, int], tuple[Transfer, ...]]:
    """What each party receives (plus) or pays in minor units, and the payments. `rates` are those whose settlement currency flows are in.

    Laws: the payments make the minor units of every party; what they clear of a partner, plus where it receives, is its net. What rounds to
    nothing is cleared by a payment of no minor units.
    """
    owed = owed_of(flows)
    worth = rates.cross(rates.currency, currency)
    values = RateSet(currency, {rates.currency: Ratio(worth.numerator, worth.denominator)})
    netted = net([Obligation(*pair, owed[pair], rates.currency) for pair in owed], values, digits, model)
    if isinstance(netted, Refused):
        raise TypeError(netted.detail)  # there is one currency, and its rate was just made
    if model is Model.FEWEST:
        found = _of_nets(netted, netted.by_currency.get(rates.currency, {}), currency)
    else:
        pairs = owed if model is Model.GROSS else {(one.debtor, one.creditor): it for one, it in netted.matrix.items()}
        found = _of_pairs(netted, pairs, currency)
    return netted.nets, tuple(sorted(found))


def moved(model: Model, flows: Iterable[Flow], transfers: Iterable[Transfer]) -> int:
    """How much moves, in millionths: what goes through the house counts once, as `netting` counts it."""
    if model is not Model.MULTILATERAL:
        return sum(one.paid for one in transfers)
    return sum(micros for micros in nets(flows).values() if micros > 0)


def payments_told(found: Iterable[Transfer]) -> list[dict[str, str]]:
    """Payments as a result tells them: what travels, and what it clears of either side's position."""
    return [
        {
            "payer": one.payer,
            "payee": one.payee,
            "currency": one.currency,
            "minor": str(one.minor),
            "clears_of_payer": str(one.paid),
            "clears_of_payee": str(one.received),
        }
        for one in sorted(found)
    ]


def owed_of(flows: Iterable[Flow]) -> dict[tuple[str, str], int]:
    """What each owes each, not set off against what the other owes it: a flow below zero is owed the other way round."""
    found: defaultdict[tuple[str, str], int] = defaultdict(int)
    for debtor, creditor, micros in flows:
        found[(debtor, creditor) if micros > 0 else (creditor, debtor)] += abs(micros)
    return {pair: micros for pair, micros in sorted(found.items()) if micros}


def _of_pairs(netted: Netted, pairs: Mapping[tuple[str, str], int], currency: str) -> list[Transfer]:
    minors = {(one.payer, one.payee): one.amount for one in netted.payments}
    return [Transfer(*pair, currency, minors.get(pair, 0), micros, micros) for pair, micros in pairs.items()]


def _of_nets(netted: Netted, exact: Mapping[str, int], currency: str) -> list[Transfer]:
    """Each net divided over its payments; one that rounds to nothing is between its party and the house, and nothing travels."""
    sides: dict[Payment, dict[str, int]] = {one: {} for one in netted.payments}
    for party, micros in exact.items():
        own = [one for one in netted.payments if party in (one.payer, one.payee)]
        for one, share in zip(own, _divided(abs(micros), [one.amount for one in own]), strict=True):
            sides[one][party] = share
    found = [_transfer(one, sides[one], currency) for one in netted.payments]
    for party, micros in exact.items():
        if micros and not netted.nets[party] and party != HOUSE:
            payer, payee = (party, HOUSE) if micros < 0 else (HOUSE, party)
            found.append(Transfer(payer, payee, currency, 0, abs(micros), abs(micros)))
    return found


def _transfer(one: Payment, sides: Mapping[str, int], currency: str) -> Transfer:
    partner = one.payee if one.payer == HOUSE else one.payer
    paid, received = (sides[partner if HOUSE in (one.payer, one.payee) else side] for side in (one.payer, one.payee))
    return Transfer(one.payer, one.payee, currency, one.amount, paid, received)


def _divided(total: int, weights: Sequence[int]) -> list[int]:
    """`total` by weights. Law: the parts add up to it."""
    marks = list(accumulate(weights, initial=0))
    return [part(total, before, after, marks[-1]) for before, after in pairwise(marks)]
