"""Dated corridors between programs. Versions follow one another; what was published is never edited.

No corridor is published under which somebody would be owed more than somebody pays: `funding` says what is looked at. Two cards
published in the same instant may not see each other; the quote refuses unfunded value once more.
"""

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

from clearing import errors
from clearing.partners.directory import load
from clearing.partners.funding import circular, unfunded
from clearing.partners.rows import Connection, row
from clearing.rules.rates import Corridor
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import AMOUNT_MAX, Ratio

ATTEMPTS_MAX = 100  # others who publish the next version first; each of them makes progress


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
            return Refusal(RefusalCode.UNKNOWN_PROGRAM, "no program has this code")
        series = directory.corridors.get((source, target), ())
        card = Corridor(source, target, _next(series), valid_from, valid_to, ratio, step, minimum, maximum)
        _require_travelled(card)
        if same := _published(card, series):
            return same
        _require_date(series, valid_from, now)
        planned = replace(directory, corridors={**directory.corridors, (source, target): (*series, card)})
        if refusal := unfunded(planned, [(source, target)], valid_from) or circular(planned, valid_from):
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


def _next(series: Iterable[Corridor]) -> int:
    return max((card.version for card in series), default=0) + 1


def _published(card: Corridor, series: Iterable[Corridor]) -> Corridor | None:
    """The version of `series` that says the same as `card`."""
    return next((known for known in series if replace(card, version=known.version) == known), None)


def _require_date(series: Iterable[Corridor], valid_from: datetime, now: datetime) -> None:
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
