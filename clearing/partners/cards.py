"""Dated cards: prices of programs and corridors between them. Versions follow one another; what was published is never edited.

No card is published under which somebody would be owed more than somebody pays. Every hop is looked at, at the same instant's prices,
at every instant from its beginning on at which a price changes: with `ratio × issue(target) <= redeem(source)` a hop is funded for every
amount, because the source pays rounded up and the target is paid rounded down. A chain of funded hops is funded too, link by link.
Points could still multiply on a circle at the expense of a program that redeems above its issue price, so no circle of corridors that
are open together may have ratios whose product exceeds one. Both are exact: fractions of whole numbers. Two cards published in the same
instant may not see each other; the quote refuses unfunded value once more.
"""

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime
from fractions import Fraction

from clearing import errors
from clearing.partners.directory import Directory, load
from clearing.partners.rows import Connection, row
from clearing.rules.rates import Corridor, Dated, Price
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import AMOUNT_MAX, Ratio

ATTEMPTS_MAX = 100  # others who publish the next version first; each of them makes progress
_UNKNOWN = Refusal(RefusalCode.UNKNOWN_PROGRAM, "no program has this code")


async def publish_price(
    connection: Connection, program: str, valid_from: datetime, issue: Ratio, redeem: Ratio, now: datetime
) -> Price | Refusal:
    """The next version of a program's price. Only the first may begin before `now`. Published again unchanged: the version it has.

    Raises errors.ValidationFailed for a date in the past, or taken, and for numbers beyond what travels exactly.
    """
    _require_exact(issue.num, issue.den, redeem.num, redeem.den)
    for _ in range(ATTEMPTS_MAX):
        directory = await load(connection)
        if program not in directory.programs:
            return _UNKNOWN
        series = directory.prices.get(program, ())
        price = Price(program, _next(series), valid_from, issue, redeem)
        if same := _published(price, series):
            return same
        _require_date(series, valid_from, now)
        planned = replace(directory, prices={**directory.prices, program: (*series, price)})
        touched = [key for key in directory.corridors if program in key]
        if refusal := _unfunded(planned, touched, valid_from):
            return refusal
        if await row(
            connection,
            "price_insert",
            program=program,
            version=price.version,
            valid_from=valid_from,
            issue_num=issue.num,
            issue_den=issue.den,
            redeem_num=redeem.num,
            redeem_den=redeem.den,
        ):
            return price
    raise errors.Unavailable


async def publish_corridor(
    connection: Connection,
    source: str,
    target: str,
    *,
    valid_from: datetime,
    ratio: Ratio,
    step: int,
    minimum: int,
    now: datetime,
    maximum: int | None = None,
    valid_to: datetime | None = None,
) -> Corridor | Refusal:
    """The next version of a corridor. Only the first may begin before `now`. Published again unchanged: the version it has.

    Raises errors.ValidationFailed for shapes that could not be travelled: `minimum` and `step` must give whole units.
    """
    for _ in range(ATTEMPTS_MAX):
        directory = await load(connection)
        if source not in directory.programs or target not in directory.programs:
            return _UNKNOWN
        series = directory.corridors.get((source, target), ())
        card = Corridor(source, target, _next(series), valid_from, valid_to, ratio, step, minimum, maximum)
        _require_travelled(card)
        if same := _published(card, series):
            return same
        _require_date(series, valid_from, now)
        planned = replace(directory, corridors={**directory.corridors, (source, target): (*series, card)})
        if refusal := _unfunded(planned, [(source, target)], valid_from) or _circular(planned, valid_from):
            return refusal
        if await _insert_corridor(connection, card):
            return card
    raise errors.Unavailable


async def _insert_corridor(connection: Connection, card: Corridor) -> bool:
    inserted = await row(
        connection,
        "corridor_insert",
        source=card.source,
        target=card.target,
        version=card.version,
        valid_from=card.valid_from,
        valid_to=card.valid_to,
        ratio_num=card.ratio.num,
        ratio_den=card.ratio.den,
        step=card.step,
        minimum=card.minimum,
        maximum=card.maximum,
    )
    return inserted is not None


# --- shapes and dates


def _next(series: Iterable[Dated]) -> int:
    return max((card.version for card in series), default=0) + 1


def _published(card: Dated, series: Iterable[Dated]) -> Dated | None:
    """The version of `series` that says the same as `card`."""
    return next((known for known in series if replace(card, version=known.version) == known), None)


def _require_date(series: Iterable[Price] | Iterable[Corridor], valid_from: datetime, now: datetime) -> None:
    dates = {card.valid_from for card in series}
    if valid_from in dates:
        raise errors.ValidationFailed("another card begins at this instant; one card at a time is in force")
    if dates and valid_from < now:
        raise errors.ValidationFailed("only a first card may begin in the past")


def _require_exact(*numbers: int) -> None:
    if any(type(number) is not int or number > AMOUNT_MAX for number in numbers):
        raise errors.ValidationFailed("a number of this card is beyond 2^53 - 1")


def _require_travelled(card: Corridor) -> None:
    """1. two programs; 2. positive and exact; 3. whole units at the minimum and every step; 4. a maximum and an end within reach."""
    if card.source == card.target:  # 1
        raise errors.ValidationFailed("a corridor leads from one program to another")
    _require_exact(card.ratio.num, card.ratio.den, card.step, card.minimum, card.maximum or card.minimum)  # 2
    if min(card.ratio.num, card.step, card.minimum) <= 0:
        raise errors.ValidationFailed("ratio, step and minimum are positive")
    if not (card.ratio.divides(card.minimum) and card.ratio.divides(card.step)):  # 3
        raise errors.ValidationFailed("minimum and step give whole units of the target")
    if card.maximum is not None and card.maximum < card.minimum:  # 4
        raise errors.ValidationFailed("the maximum is below the minimum")
    if card.valid_to is not None and card.valid_to <= card.valid_from:
        raise errors.ValidationFailed("the corridor ends before it begins")


# --- value


def _unfunded(directory: Directory, keys: Iterable[tuple[str, str]], since: datetime) -> Refusal | None:
    """The first hop among `keys` that would owe the target more than the source pays, at any instant from `since` on."""
    for key in sorted(keys):
        source, target = key
        cards: list[Price | Corridor] = [*directory.corridors[key]]
        cards += [*directory.prices.get(source, ()), *directory.prices.get(target, ())]
        for at in _changes(cards, since):
            card = directory.corridor(source, target, at)
            paid, owed = directory.price(source, at), directory.price(target, at)
            if card is None or paid is None or owed is None:
                continue  # nothing can be quoted here
            if _fraction(card.ratio) * _fraction(owed.issue) > _fraction(paid.redeem):
                return Refusal(
                    RefusalCode.UNFUNDED_VALUE,
                    f"from {at.isoformat()} on, {source} to {target} would cost more than {source} pays",
                )
    return None


def _circular(directory: Directory, since: datetime) -> Refusal | None:
    """The first circle of open corridors that would multiply points, at any instant from `since` on."""
    for at in _changes((card for series in directory.corridors.values() for card in series), since):
        cards = [directory.corridor(source, target, at) for source, target in directory.corridors]
        ratios = {(card.source, card.target): _fraction(card.ratio) for card in cards if card is not None}
        if route := gaining_circle(ratios):
            return Refusal(
                RefusalCode.UNFUNDED_VALUE,
                f"from {at.isoformat()} on, points would multiply on {' to '.join(route)}",
            )
    return None


def _changes(cards: Iterable[Price | Corridor], since: datetime) -> list[datetime]:
    """`since` and every later instant at which one of the cards begins or ends, in order."""
    instants = {since}
    for card in cards:
        ends = card.valid_to if isinstance(card, Corridor) else None
        instants |= {instant for instant in (card.valid_from, ends) if instant is not None and instant > since}
    return sorted(instants)


def gaining_circle(ratios: Mapping[tuple[str, str], Fraction]) -> tuple[str, ...] | None:
    """A route that returns to its start with more points than it left with, or None (Bellman-Ford, multiplying)."""
    best = {program: Fraction(1) for hop in ratios for program in hop}
    came_from: dict[str, str] = {}
    improved = ""
    for _ in range(len(best) + 1):
        improved = ""
        for (source, target), ratio in sorted(ratios.items()):
            if best[source] * ratio > best[target]:
                best[target], came_from[target], improved = best[source] * ratio, source, target
        if not improved:
            return None
    route: list[str] = []
    while improved not in route:  # walks back until it meets itself: that part is the circle
        route.append(improved)
        improved = came_from[improved]
    circle = route[route.index(improved) :]
    return (improved, *reversed(circle))


def _fraction(ratio: Ratio) -> Fraction:
    return Fraction(ratio.num, ratio.den)
