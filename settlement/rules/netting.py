"""Netting: from who owes whom to who pays whom.

Obligations are netted within each currency first, in whole micros; then converted, exactly; then rounded once, where a payment is made.
Under `multilateral` and `fewest` that is each party's net, by largest remainder over all of them; under `bilateral` and `gross` it is each
pair's. So the nets that are told are those that the payments make, in every model to the minor unit.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from typing import NamedTuple

from clearing.rules.agreements import HOUSE
from settlement.rules.fewest import Payment, by_size, fewest
from settlement.rules.money import Refused, minor, nearest, to_minor
from settlement.rules.rates import RateSet


class Obligation(NamedTuple):
    """`debtor` owes `creditor` so many micros of `currency`. The house may be either."""

    debtor: str
    creditor: str
    amount: int
    currency: str


class Model(StrEnum):
    """Who pays whom."""

    MULTILATERAL = "multilateral"
    """Who owes pays the house, and the house pays who is owed."""
    BILATERAL = "bilateral"
    """In each pair the one that owes more pays the other the difference."""
    FEWEST = "fewest"
    """Parties pay each other, by as few payments as possible, and the house stands beside."""
    GROSS = "gross"
    """Everyone pays everything that it owes."""


class Pair(NamedTuple):
    """Two parties and the currency in which they owe each other."""

    debtor: str
    creditor: str
    currency: str


@dataclass(frozen=True, slots=True)
class Netted:
    """What a settlement comes to. `nets`, `payments` and totals are minor units of the settlement currency; plus receives.

    `by_currency` and `matrix` are the evidence, in micros before any conversion: the matrix says of each pair who owes whom after its
    two directions are set off. `exact` are the nets as converted and not yet rounded, in micros. The totals say what would be paid
    under each model, a payment through the house counted once: of pairs that round to nothing nothing is paid, so where many of them
    make a net together, gross and bilateral may be below multilateral.
    """

    nets: Mapping[str, int]
    payments: tuple[Payment, ...]
    gross: int
    bilateral: int
    multilateral: int
    by_currency: Mapping[str, Mapping[str, int]]
    matrix: Mapping[Pair, int]
    exact: Mapping[str, Fraction]

    @property
    def ratio(self) -> Fraction | None:
        """How much is paid without netting for each unit that moves with it: from zero on; None when nothing needs to."""
        return Fraction(self.gross, self.multilateral) if self.multilateral else None


def net(obligations: Iterable[Obligation], rates: RateSet, digits: int, model: Model) -> Netted | Refused:
    """Who pays whom, or the currency for which there is no rate. The same obligations in any order give the same answer.

    `digits` are the decimals of the settlement currency. Laws: nets add up to zero; the payments make them exactly; the pairs of a
    party in the matrix add up to its net by currency; a party that owes as much as it is owed has a net of zero and pays nothing.
    """
    owed = _owed(obligations)
    if missing := rates.missing(pair.currency for pair in owed):
        return missing
    by_currency = _by_currency(owed)
    exact = _exact(by_currency, rates)
    rounded = to_minor({party: minor(amount, digits) for party, amount in exact.items()})
    flows = _flows(owed, rates)
    each, pairs = _payments(flows, digits), _payments(_differences(flows), digits)
    payments = {
        Model.MULTILATERAL: through_house(rounded),
        Model.BILATERAL: pairs,
        Model.FEWEST: fewest(rounded) if model is Model.FEWEST else (),
        Model.GROSS: each,
    }[model]
    return Netted(
        nets=rounded if model in {Model.MULTILATERAL, Model.FEWEST} else made(payments, rounded),
        payments=payments,
        gross=sum(payment.amount for payment in each),
        bilateral=sum(payment.amount for payment in pairs),
        multilateral=sum(amount for amount in rounded.values() if amount > 0),
        by_currency=by_currency,
        matrix=_set_off(owed),
        exact=exact,
    )


def through_house(nets: Mapping[str, int]) -> tuple[Payment, ...]:
    """Pay-ins, then pay-outs, the largest first, among equals by name. What the house owes or is owed itself stays with it."""
    others = {party: amount for party, amount in nets.items() if amount and party != HOUSE}
    ranked = by_size(others)
    ins = [Payment(party, HOUSE, -others[party]) for party in ranked if others[party] < 0]
    return (*ins, *[Payment(HOUSE, party, others[party]) for party in ranked if others[party] > 0])


def made(payments: Iterable[Payment], parties: Iterable[str]) -> dict[str, int]:
    """What payments give each party: what it receives less what it pays."""
    found = dict.fromkeys(parties, 0)
    for payer, payee, amount in payments:
        found[payer] = found.get(payer, 0) - amount
        found[payee] = found.get(payee, 0) + amount
    return found


def payout(netted: Netted, party: str, currency: str, rates: RateSet, digits: int) -> int:
    """A party's net in another currency's minor units, from the exact net and so rounded once: to the nearest, a half away from zero.

    What that leaves against the settlement currency is the house's result of exchange. Raises KeyError where a rate is missing.
    """
    return nearest(minor(netted.exact[party] * rates.cross(rates.currency, currency), digits))


# --- the steps


def _owed(obligations: Iterable[Obligation]) -> dict[Pair, int]:
    """What each owes each, summed, in the order of their names."""
    found: defaultdict[Pair, int] = defaultdict(int)
    for debtor, creditor, amount, currency in obligations:
        found[Pair(debtor, creditor, currency)] += amount
    return {pair: found[pair] for pair in sorted(found)}


def _by_currency(owed: Mapping[Pair, int]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for pair in sorted(owed, key=lambda pair: pair.currency):
        nets = found.setdefault(pair.currency, {})
        nets[pair.debtor] = nets.get(pair.debtor, 0) - owed[pair]
        nets[pair.creditor] = nets.get(pair.creditor, 0) + owed[pair]
    return {currency: dict(sorted(nets.items())) for currency, nets in found.items()}


def _exact(by_currency: Mapping[str, Mapping[str, int]], rates: RateSet) -> dict[str, Fraction]:
    found: defaultdict[str, Fraction] = defaultdict(Fraction)
    for currency, nets in by_currency.items():
        for party, amount in nets.items():
            found[party] += rates.converted(amount, currency)
    return dict(sorted(found.items()))


def _set_off(owed: Mapping[Pair, int]) -> dict[Pair, int]:
    """Each pair once in each currency, the one that owes more as the debtor. Pairs that owe each other the same are left out."""
    found = {}
    for pair, amount in owed.items():
        left = amount - owed.get(Pair(pair.creditor, pair.debtor, pair.currency), 0)
        if left > 0:
            found[pair] = left
    return found


def _flows(owed: Mapping[Pair, int], rates: RateSet) -> dict[tuple[str, str], Fraction]:
    """What each owes each over all currencies, converted."""
    found: defaultdict[tuple[str, str], Fraction] = defaultdict(Fraction)
    for (debtor, creditor, currency), amount in owed.items():
        found[debtor, creditor] += rates.converted(amount, currency)
    return found


def _differences(flows: Mapping[tuple[str, str], Fraction]) -> dict[tuple[str, str], Fraction]:
    """What is left of each pair once its two directions are set off."""
    left = {(one, other): amount - flows.get((other, one), Fraction()) for (one, other), amount in flows.items()}
    return {pair: amount for pair, amount in left.items() if amount > 0}


def _payments(flows: Mapping[tuple[str, str], Fraction], digits: int) -> tuple[Payment, ...]:
    """One rounded payment for each flow, a half upwards; the largest first, among equals by names. What rounds to nothing is not paid."""
    found = [Payment(debtor, creditor, nearest(minor(amount, digits))) for (debtor, creditor), amount in flows.items()]
    found.sort(key=lambda payment: (-payment.amount, payment.payer, payment.payee))
    return tuple([payment for payment in found if payment.amount])
