"""Unfunded value: what no corridor and no agreement is published under, and the route that is named.

Every hop is looked at, at the same instant's prices, at every instant from its beginning on at which a price changes: with
`ratio × issue(target) <= redeem(source)` a hop is funded for every amount, because the source pays rounded up and the target is paid
rounded down. A chain of funded hops is funded too, link by link. On a circle of corridors that are open together, points could still
multiply at the expense of a program that redeems above its issue price, or, without multiplying, drain it to the gain of another program:
`clearing.rules.routes` finds both. All of it is exact: fractions of whole numbers.
"""

from collections.abc import Iterable
from datetime import datetime
from fractions import Fraction

from clearing.partners.directory import Directory
from clearing.rules.agreements import Agreement
from clearing.rules.rates import Corridor
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.routes import gaining_circle, paying_circle
from clearing.rules.units import Ratio

Key = tuple[str, str]


def unfunded(directory: Directory, keys: Iterable[Key], since: datetime) -> Refusal | None:
    """The first hop among `keys` that would owe the target more than the source pays, at any instant from `since` on."""
    for source, target in sorted(keys):
        dated: list[Corridor | Agreement] = [*directory.corridors[source, target]]
        for program in (source, target):
            dated += directory.agreements.get(directory.programs[program].partner, ())
        for at in _changes(dated, since):
            card = directory.corridor(source, target, at)
            paid, owed = directory.price(source, at), directory.price(target, at)
            if card is None or paid is None or owed is None:
                continue  # nothing can be quoted here
            if _fraction(card.ratio) * _fraction(owed.issue) > _fraction(paid.redeem):
                return _refusal(at, f"{source} to {target} would cost more than {source} pays")
    return None


def circular(directory: Directory, since: datetime) -> Refusal | None:
    """The first circle of open corridors that would gain, in points or in value, at any instant from `since` on."""
    dated: list[Corridor | Agreement] = [card for series in directory.corridors.values() for card in series]
    dated += [agreement for series in directory.agreements.values() for agreement in series]
    for at in _changes(dated, since):
        cards = [directory.corridor(source, target, at) for source, target in directory.corridors]
        ratios = {(card.source, card.target): _fraction(card.ratio) for card in cards if card is not None}
        if route := gaining_circle(ratios):
            return _refusal(at, f"points would multiply on {' to '.join(route)}")
        if route := _paying(directory, ratios, at):
            return _refusal(at, f"{route[0]} would be paid more than it pays on {' to '.join(route)}")
    return None


def _paying(directory: Directory, ratios: dict[Key, Fraction], at: datetime) -> tuple[str, ...] | None:
    """The circle that pays its start, among the hops that can be quoted."""
    found = {program: directory.price(program, at) for hop in ratios for program in hop}
    prices = {program: price for program, price in found.items() if price is not None}
    hops = {hop: ratio for hop, ratio in ratios.items() if prices.keys() >= set(hop)}
    issue = {program: _fraction(price.issue) for program, price in prices.items()}
    redeem = {program: _fraction(price.redeem) for program, price in prices.items()}
    return paying_circle(hops, issue, redeem)


def _changes(dated: Iterable[Corridor | Agreement], since: datetime) -> list[datetime]:
    """`since` and every later instant at which one of them begins or ends, in order."""
    instants = {since}
    for one in dated:
        instants |= {instant for instant in (one.valid_from, one.valid_to) if instant is not None and instant > since}
    return sorted(instants)


def _refusal(at: datetime, what: str) -> Refusal:
    return Refusal(RefusalCode.UNFUNDED_VALUE, f"from {at.isoformat()} on, {what}")


def _fraction(ratio: Ratio) -> Fraction:
    return Fraction(ratio.num, ratio.den)
