"""Unfunded value: what no corridor and no agreement is published under, and the route that is named; and bonuses that nobody would pay.

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
from clearing.rules.agreements import PARTS, Agreement, funding_of
from clearing.rules.cards import BEGINNING, END, Bonus, Card, Funder
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.routes import gaining_circle, paying_circle
from clearing.rules.units import Ratio

Key = tuple[str, str]


def unfunded(directory: Directory, keys: Iterable[Key], since: datetime) -> Refusal | None:
    """The first hop among `keys` that would owe the target more than the source pays, at any instant from `since` on.

    Within one program points change hands without value, whatever it pays and is paid for them.
    """
    for source, target in sorted([key for key in keys if key[0] != key[1]]):
        dated: list[Card | Agreement] = [*directory.cards[source, target]]
        for program in (source, target):
            dated += directory.agreements.get(directory.programs[program].partner, ())
        for at in _changes(dated, since):
            card = directory.card(source, target, at)
            ratio = None if card is None else best_ratio(card, at)
            paid, owed = directory.price(source, at), directory.price(target, at)
            if ratio is None or paid is None or owed is None:
                continue  # nothing can be quoted here
            if ratio * _fraction(owed.issue) > _fraction(paid.redeem):
                return _refusal(at, f"{source} to {target} would cost more than {source} pays")
    return None


def lapsed(directory: Directory, keys: Iterable[Key], since: datetime) -> Refusal | None:
    """The first bonus of these hops that could be quoted, at any instant from `since` on, when its funders no longer agree to pay it."""
    agreed = [agreement for series in directory.agreements.values() for agreement in series]
    for source, target in sorted([key for key in keys if any(card.bonuses for card in directory.cards[key])]):
        for at in _changes([*directory.cards[source, target], *agreed], since):
            card = directory.card(source, target, at)
            if card is None or directory.price(source, at) is None or directory.price(target, at) is None:
                continue  # nothing can be quoted here
            if refusal := unagreed(directory, card, at):
                return _refusal(at, f"from {source} to {target}, {refusal.detail}")
    return None


def unagreed(directory: Directory, card: Card, at: datetime) -> Refusal | None:
    """The first bonus, not yet over, whose funders have not agreed, in the agreements in force, to pay just these shares."""
    current = {code: directory.agreement(code, at) for code in directory.partners}
    known = {code: agreement for code, agreement in current.items() if agreement is not None}
    for bonus in card.bonuses:
        if bonus.when.span.ends <= at:
            continue
        agreed = funding_of(known, bonus.name)
        if isinstance(agreed, Refusal):
            return agreed
        if {share.funder: share.ppm for share in agreed.shares} != _shares(bonus):
            return Refusal(RefusalCode.UNFUNDED_VALUE, f"the shares of {bonus.name} are not those that were agreed")
    return None


def _shares(bonus: Bonus) -> dict[str, int | None]:
    return {funder.code: _ppm(funder) for funder in bonus.funders}


def _ppm(funder: Funder) -> int | None:
    """Its share in parts per million; None where that is no whole number, and so was never agreed."""
    parts, rest = divmod(funder.weight * PARTS, funder.whole)
    return None if rest else parts


def circular(directory: Directory, since: datetime) -> Refusal | None:
    """The first circle of open corridors that would gain, in points or in value, at any instant from `since` on."""
    dated: list[Card | Agreement] = [card for series in directory.cards.values() for card in series]
    dated += [agreement for series in directory.agreements.values() for agreement in series]
    for at in _changes(dated, since):
        cards = [directory.card(*hop, at) for hop in directory.cards if hop[0] != hop[1]]
        best = {(card.source, card.target): best_ratio(card, at) for card in cards if card is not None}
        ratios = {hop: ratio for hop, ratio in best.items() if ratio is not None}
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


def best_ratio(card: Card, at: datetime) -> Fraction | None:
    """The most base units that a point may give at this instant, whoever asks; None where no rate holds. A bonus is funded apart."""
    ratios = [_fraction(band.ratio) for rate in card.rates if rate.when.span.contains(at) for band in rate.bands]
    return max(ratios, default=None)


def _changes(dated: Iterable[Card | Agreement], since: datetime) -> list[datetime]:
    """`since` and every later instant at which one of them, or a rate or bonus of a card, begins or ends, in order."""
    instants = {since}
    for one in dated:
        if isinstance(one, Card):
            whens = [*(rate.when for rate in one.rates), *(bonus.when for bonus in one.bonuses)]
            spans = [one.span, *(when.span for when in whens)]
            dates = {date for span in spans for date in (span.begins, span.ends) if BEGINNING < date < END}
        else:
            dates = {date for date in (one.valid_from, one.valid_to) if date is not None}
        instants |= {date for date in dates if date > since}
    return sorted(instants)


def _refusal(at: datetime, what: str) -> Refusal:
    return Refusal(RefusalCode.UNFUNDED_VALUE, f"from {at.isoformat()} on, {what}")


def _fraction(ratio: Ratio) -> Fraction:
    return Fraction(ratio.num, ratio.den)
