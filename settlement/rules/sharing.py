"""Revenue sharing: a base runs through the ordered steps of a versioned contract, and each step books legs from party to party.

Amounts are micros. Legs *of the base* divide what the payer pays: they add up to the base exactly. Legs *beside* it move other money: what
sponsors pay for a campaign, tax out of a fee, a guarantee made up for. All legs together are zero-sum over the parties.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from clearing.rules.agreements import BASIS, PARTS
from clearing.rules.shares import largest_remainder
from clearing.rules.units import part
from settlement.rules.contracts import (
    BASE,
    DROPPED,
    Applies,
    CoFunding,
    Contract,
    Fee,
    Gross,
    Residual,
    Step,
    Tax,
    TrueUp,
)
from settlement.rules.money import plain


@dataclass(frozen=True, slots=True)
class Before:
    """What a period had seen before this base: volume, what sponsors spent by step, what parties got.

    A party got its legs of the base, and what a true-up of its own made up for, less what one took back: so whenever a period is closed,
    and however often, it ends between minimum and maximum.
    """

    volume: int = 0
    spent: Mapping[str, int] = field(default_factory=dict)
    received: Mapping[str, int] = field(default_factory=dict)


class Leg(NamedTuple):
    """`payer` owes `payee` so many micros, by this step, for this reason."""

    payer: str
    payee: str
    amount: int
    step: str
    why: str
    of_base: bool


@dataclass(frozen=True, slots=True)
class Shared:
    """A base that ran through a version of a contract. Law: the legs of the base add up to it."""

    contract: Contract
    base: int
    legs: tuple[Leg, ...]
    after: Before
    """What the next base of the period begins with."""


def share(contract: Contract, base: int, before: Before | None = None, *, closing: bool = False) -> Shared:
    """Run a base through the steps. `closing`: it is the period's last, and guarantees and caps are made up for.

    Legs of zero are left out. Law: the legs of the base add up to `base`, whatever the terms are.
    """
    before = before or Before()
    legs: list[Leg] = []
    for step in contract.steps:
        run = _Run(contract, base, before, tuple(legs), closing)
        legs += [leg for leg in _legs(step, run) if leg.amount]
    return Shared(contract, base, tuple(legs), _after(contract, base, before, legs))


def claw_back(original: Shared, undone: int, until: int) -> tuple[Leg, ...]:
    """The mirror image of the part of an original between two cumulative marks of its base: every leg the other way.

    The terms are those of the version that it ran through. True-ups are left out: they belong to the period. Law: the parts of any chain
    of marks from 0 to the base give back each leg exactly; each is a difference of floors, so what the payer gets back is the sum of what
    the others give.
    """
    whole = original.base
    if not 0 <= undone <= until <= whole:
        message = f"a claw-back lies between 0 and {whole} and goes forwards, not from {undone} to {until}"
        raise ValueError(message)
    why = f"claw-back at the terms of version {original.contract.version}"
    period = {step.name for step in original.contract.steps if isinstance(step.rule, TrueUp)}
    mirrored = [
        Leg(leg.payee, leg.payer, part(leg.amount, undone, until, whole or 1), leg.step, why, leg.of_base)
        for leg in original.legs
        if leg.step not in period
    ]
    return tuple([leg for leg in mirrored if leg.amount])


def nets(legs: Iterable[Leg], parties: Iterable[str] = ()) -> dict[str, int]:
    """What each party receives less what it pays. Law: adds up to zero."""
    found = dict.fromkeys(sorted(parties), 0)
    for leg in legs:
        found[leg.payer] = found.get(leg.payer, 0) - leg.amount
        found[leg.payee] = found.get(leg.payee, 0) + leg.amount
    return dict(sorted(found.items()))


def totals(shared: Shared) -> dict[str, int]:
    """What each party has of the base, and beside it: its net, where having paid the base does not count. Law: adds up to the base."""
    found = nets(shared.legs, shared.contract.parties)
    found[shared.contract.payer] += shared.base
    return found


def differences(old: Shared, new: Shared) -> dict[str, int]:
    """A shadow run: what each party has more under the new version than under the old. Law: adds up to zero for the same base."""
    before, after = totals(old), totals(new)
    return {party: after.get(party, 0) - before.get(party, 0) for party in sorted({*before, *after})}


# --- steps


@dataclass(frozen=True, slots=True)
class _Run:
    """What a step sees."""

    contract: Contract
    base: int
    before: Before
    legs: tuple[Leg, ...]
    closing: bool

    @property
    def payer(self) -> str:
        return self.contract.payer

    @property
    def left(self) -> int:
        return self.base - sum(leg.amount for leg in self.legs if leg.of_base)

    def got(self, party: str) -> int:
        """What a party got, now and before."""
        now = sum(amount for who, amount in _gained(self.contract, self.legs) if who == party)
        return self.before.received.get(party, 0) + now


def _legs(step: Step, run: _Run) -> Iterator[Leg]:
    match step.rule:
        case Gross():
            return
        case Fee() as fee:
            yield _fee(step.name, fee, run)
        case CoFunding() as funding:
            yield from _funded(step.name, funding, run)
        case Tax() as tax:
            yield _tax(step.name, tax, run)
        case Residual(weights):
            parts = largest_remainder(run.left, [weight for _, weight in weights])
            whole = sum(weight for _, weight in weights)
            for (party, weight), amount in zip(weights, parts, strict=True):
                yield Leg(run.payer, party, amount, step.name, f"{weight} of {whole} of {_told(run.left)}", True)
        case TrueUp() as law if run.closing:
            yield from _true_up(step.name, law, run)


def _fee(name: str, fee: Fee, run: _Run) -> Leg:
    exact = _tiered(fee, run.before.volume, run.base)
    wanted = max(-(-exact // BASIS), fee.minimum)
    if fee.maximum is not None:
        wanted = min(wanted, fee.maximum)
    amount = min(wanted, run.left)
    why = f"fee on {_told(run.base)} after a volume of {_told(run.before.volume)}"
    return Leg(run.payer, fee.to, amount, name, _held(why, -(-exact // BASIS), wanted, amount), True)


def _tiered(fee: Fee, volume: int, base: int) -> int:
    """Micros times basis points. Tiers ascend and the first begins at zero."""
    end = volume + base
    if fee.applies is Applies.WHOLE:
        return base * next(tier.basis_points for tier in reversed(fee.tiers) if tier.volume <= end)
    ends = [*(tier.volume for tier in fee.tiers[1:]), end]
    return sum(
        max(0, min(end, until) - max(volume, tier.volume)) * tier.basis_points
        for tier, until in zip(fee.tiers, ends, strict=True)
    )


def _held(why: str, exact: int, wanted: int, amount: int) -> str:
    if amount < wanted:
        return f"{why}: all that is left"
    return why if wanted == exact else f"{why}: the {'minimum' if wanted > exact else 'maximum'}"


def _funded(name: str, funding: CoFunding, run: _Run) -> Iterator[Leg]:
    cost = _cost(funding, run.base)
    within = _within(name, funding, run.base, run.before)
    parts = largest_remainder(within, [sponsor.ppm for sponsor in funding.sponsors])
    for sponsor, amount in zip(funding.sponsors, parts, strict=True):
        yield Leg(sponsor.funder, funding.to, amount, name, f"{sponsor.ppm} ppm of {_told(within)}", False)
    over, why = cost - within, f"beyond the budget of {_told(funding.budget)}"
    if funding.overflow == BASE:
        yield Leg(run.payer, funding.to, min(over, run.left), name, why, True)
    elif funding.overflow != DROPPED:
        yield Leg(funding.overflow, funding.to, over, name, why, False)


def _cost(funding: CoFunding, base: int) -> int:
    return base * funding.ppm // PARTS


def _within(name: str, funding: CoFunding, base: int, before: Before) -> int:
    """What of the cost the budget still covers."""
    return min(_cost(funding, base), max(0, funding.budget - before.spent.get(name, 0)))


def _tax(name: str, tax: Tax, run: _Run) -> Leg:
    fees = [leg for leg in run.legs if leg.step == tax.fee]
    fee = sum(leg.amount for leg in fees)
    amount = fee * tax.basis_points // BASIS
    why = f"{tax.basis_points} basis points of a fee of {_told(fee)}"
    if tax.by_taker:
        return Leg(fees[0].payee if fees else tax.to, tax.to, amount, name, why, False)
    return Leg(run.payer, tax.to, min(amount, run.left), name, why, True)


def _true_up(name: str, law: TrueUp, run: _Run) -> Iterator[Leg]:
    got = run.got(law.party)
    if got < law.minimum:
        why = f"guaranteed {_told(law.minimum)}, got {_told(got)}"
        yield Leg(law.against, law.party, law.minimum - got, name, why, False)
    elif law.maximum is not None and got > law.maximum:
        why = f"capped at {_told(law.maximum)}, got {_told(got)}"
        yield Leg(law.party, law.against, got - law.maximum, name, why, False)


def _gained(contract: Contract, legs: Iterable[Leg]) -> Iterator[tuple[str, int]]:
    """What parties got by these legs: out of the base, and by true-ups of their own, less what those took back."""
    own = {step.name: step.rule.party for step in contract.steps if isinstance(step.rule, TrueUp)}
    for leg in legs:
        if leg.of_base:
            yield leg.payee, leg.amount
        elif party := own.get(leg.step):
            yield party, leg.amount if leg.payee == party else -leg.amount


def _told(amount: int) -> str:
    return plain(amount, 0)


# --- the period


def _after(contract: Contract, base: int, before: Before, legs: Iterable[Leg]) -> Before:
    spent, received = dict(before.spent), dict(before.received)
    for step in contract.steps:
        if isinstance(step.rule, CoFunding):
            spent[step.name] = spent.get(step.name, 0) + _within(step.name, step.rule, base, before)
    for party, amount in _gained(contract, legs):
        received[party] = received.get(party, 0) + amount
    return Before(before.volume + base, dict(sorted(spent.items())), dict(sorted(received.items())))
