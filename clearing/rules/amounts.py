"""Which amounts travel at a rate: asked by points, or by the units that should arrive, within the room that limits leave.

A valid amount is in a band and on its step. What is asked and is none is refused with its valid neighbours, or trimmed to the lower one.
"""

from collections.abc import Callable

from clearing.rules.cards import Band, Bonus, BonusKind, Card, Limit, LimitPer, Rate
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import Ratio

ONE = Ratio(1, 1)

Bonuses = tuple[Bonus, ...]
Fitted = tuple[int, int] | Refusal
"""The points to send and those that stay with the member, or why not."""
Room = tuple[int, Limit | None]
"""The points that every limit leaves, and the tightest limit."""


def by_points(card: Card, rate: Rate, points: int, room: Room) -> Fitted:
    """What of `points` travels. Trimmed is what a step leaves, never what a maximum or a limit forbids."""
    lower, upper = rate.around(points)
    trimmed = card.trims and upper is not None
    if lower is not None and lower <= room[0] and (lower == points or trimmed):
        return lower, points - lower
    band = rate.band(points) or rate.bands[0]
    return _misfit((lower, upper), room, rate, lambda sent: sent, f"from {band.minimum:,} on the step is {band.step:,}")


def by_units(rate: Rate, bonuses: Bonuses, units: int, room: Room) -> Fitted:
    """The fewest points that give exactly `units` at once; nothing is trimmed, and amounts in a refusal are units."""
    punctual = tuple([bonus for bonus in bonuses if not bonus.late_days])
    lower, upper = _nearest(rate, punctual, units)
    if lower is not None and lower[0] == units and lower[1] <= room[0]:
        return lower[1], 0
    around = None if lower is None else lower[1], None if upper is None else upper[1]
    detail = "no amount of points gives exactly these units"
    return _misfit(around, room, rate, lambda sent: _arriving(rate.band(sent) or rate.bands[0], punctual, sent), detail)


def base_units(rate: Rate, sent: int) -> int:
    """The base units of a valid amount: exact, because a card is read only when every step of it gives whole units."""
    band = rate.band(sent)
    return 0 if band is None else band.ratio.floor(sent)


def _misfit(
    around: tuple[int | None, int | None], room: Room, rate: Rate, told: Callable[[int], int], off_step: str
) -> Refusal:
    """Why the amount between these two does not travel, and which next to it do; `told` puts points as they were asked."""
    lower, upper = around
    left, limit = room
    fits = [told(one) for one in (_within(rate, lower, left), upper) if one is not None and one <= left]
    if limit is not None and (rate.minimum if lower is None else lower) > left:
        period = "an exchange" if limit.per is LimitPer.EXCHANGE else f"a {limit.per}"
        sentence = f"the limit of {limit.most:,} points {period} leaves {max(left, 0):,}"
        return _refusal(RefusalCode.LIMIT_EXCEEDED, limit.name, sentence, fits)
    if lower is None:
        sentence = f"the smallest amount is {told(rate.minimum if upper is None else upper):,}"
        return _refusal(RefusalCode.BELOW_MINIMUM, rate.name, sentence, fits)
    if upper is None:
        return _refusal(RefusalCode.ABOVE_MAXIMUM, rate.name, f"the largest amount is {told(lower):,}", fits)
    return _refusal(RefusalCode.AMOUNT_OFF_STEP, rate.name, off_step, fits)


def _within(rate: Rate, amount: int | None, left: int) -> int | None:
    """`amount`, or the largest valid one that a limit leaves."""
    return amount if amount is None or amount <= left else rate.around(left)[0]


def _refusal(code: RefusalCode, rule: str, sentence: str, fits: list[int]) -> Refusal:
    told = " or ".join(f"{fit:,}" for fit in fits)
    plural = "s" if len(fits) > 1 else ""
    return Refusal(
        code,
        f"{sentence}; next valid amount{plural}: {told}" if fits else f"{sentence}; none fits",
        rule=rule,
        next_valid=tuple(fits),
    )


# --- from units back to points


Arrival = tuple[int, int]
"""Units that arrive, and the points that give them."""


def _arriving(band: Band, bonuses: Bonuses, sent: int) -> int:
    """The units that arrive for a valid amount of points. Law: inside a band they grow with every step."""
    base = band.ratio.floor(sent)
    return base + sum([bonus.units(sent, base) for bonus in bonuses])


def _nearest(rate: Rate, bonuses: Bonuses, units: int) -> tuple[Arrival | None, Arrival | None]:
    """What gives the most units up to `units`, and the fewest above; the fewer points where that is the same."""
    below: Arrival | None = None
    above: Arrival | None = None
    for band in rate.bands:
        under, over = _neighbours(band, bonuses, units)
        if under is not None and (below is None or under[0] > below[0]):
            below = under
        if over is not None and (above is None or over[0] < above[0]):
            above = over
    return below, above


def _neighbours(band: Band, bonuses: Bonuses, units: int) -> tuple[Arrival | None, Arrival | None]:
    """The last amount of the band that gives at most `units`, and the next one."""
    least = _arriving(band, bonuses, band.minimum)
    if least > units:
        return None, (least, band.minimum)
    most = _arriving(band, bonuses, band.maximum)
    if most <= units:
        return (most, band.maximum), None
    low, high = _bounds(band, bonuses, units)
    while high - low > 1:
        middle = (low + high) // 2
        if _arriving(band, bonuses, band.minimum + middle * band.step) <= units:
            low = middle
        else:
            high = middle
    under, over = band.minimum + low * band.step, band.minimum + high * band.step
    return (_arriving(band, bonuses, under), under), (_arriving(band, bonuses, over), over)


def _bounds(band: Band, bonuses: Bonuses, units: int) -> tuple[int, int]:
    """Two steps of the band, the first giving at most `units` and the second more, as near as two slopes tell.

    Base and every bonus without its threshold and cap are never less than what arrives; base and the bonuses that have neither are
    never more, but for what rounding takes: less than one full amount of each.
    """
    slope, flat = at_most(band.ratio, bonuses)
    surely = (units - flat) * slope.den // slope.num - band.minimum
    plain = tuple([one for one in bonuses if one.most_units is None and one.from_points <= band.minimum])
    slope, flat = at_most(band.ratio, plain)
    dust = sum([one.ratio.num if one.kind is BonusKind.PER_FULL else 1 for one in plain])
    beyond = (units - flat + dust) * slope.den // slope.num + 1 - band.minimum
    last = (band.maximum - band.minimum) // band.step
    return max(0, surely // band.step), min(last, -(-beyond // band.step))


def at_most(ratio: Ratio, bonuses: Bonuses) -> tuple[Ratio, int]:
    """Slope and constant that base units and all these bonuses together never exceed."""
    num, den, flat = ratio.num, ratio.den, 0
    for bonus in bonuses:
        if bonus.kind is BonusKind.FLAT:
            flat += bonus.ratio.num
            continue
        per_unit = ratio if bonus.kind is BonusKind.SHARE_OF_BASE else ONE
        more, parts = bonus.ratio.num * per_unit.num, bonus.ratio.den * per_unit.den
        num, den = num * parts + more * den, den * parts
    return Ratio(num, den), flat
