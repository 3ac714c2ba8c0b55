"""Which amounts travel at a rate: asked by points, or by the units that should arrive, within the room that limits leave.

A valid amount is in a band and on its step. What is asked and is none is refused with its valid neighbours, or trimmed to the lower one.
"""

from collections.abc import Callable, Iterator

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
    given = _arrival(rate, punctual)
    lower, upper = _nearest(rate, given, punctual, units)
    if lower is not None and lower <= room[0] and given(lower) == units:
        return lower, 0
    return _misfit((lower, upper), room, rate, given, "no amount of points gives exactly these units")


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
        code, f"{sentence}; next valid amount{plural}: {told}" if fits else f"{sentence}; none fits", rule, tuple(fits)
    )


# --- from units back to points


def _arrival(rate: Rate, bonuses: Bonuses) -> Callable[[int], int]:
    """The units that arrive for a valid amount of points. Law: inside a band they grow with every step."""

    def given(sent: int) -> int:
        base = base_units(rate, sent)
        return base + sum([bonus.units(sent, base) for bonus in bonuses])

    return given


def _nearest(rate: Rate, given: Callable[[int], int], bonuses: Bonuses, units: int) -> tuple[int | None, int | None]:
    """The points that give the most units up to `units`, and the fewest above; the fewer points where that is the same."""
    below: int | None = None
    above: int | None = None
    for under, over in _neighbours(rate, given, bonuses, units):
        if under is not None and (below is None or given(under) > given(below)):
            below = under
        if over is not None and (above is None or given(over) < given(above)):
            above = over
    return below, above


def _neighbours(
    rate: Rate, given: Callable[[int], int], bonuses: Bonuses, units: int
) -> Iterator[tuple[int | None, int | None]]:
    """For each band: its last amount that gives at most `units`, and the next one."""
    for band in rate.bands:
        if given(band.minimum) > units:
            yield None, band.minimum
        elif given(band.maximum) <= units:
            yield band.maximum, None
        else:
            low, high = _bounds(band, bonuses, units)
            while high - low > 1:
                middle = (low + high) // 2
                if given(band.minimum + middle * band.step) <= units:
                    low = middle
                else:
                    high = middle
            yield band.minimum + low * band.step, band.minimum + high * band.step


def _bounds(band: Band, bonuses: Bonuses, units: int) -> tuple[int, int]:
    """Two steps of the band, the first giving at most `units` and the second more, as near as two slopes tell.

    Base units alone are never more than what arrives; base and every bonus without its threshold and cap are never less.
    """
    slope, flat = at_most(band.ratio, bonuses)
    surely = (units - flat) * slope.den // slope.num - band.minimum
    beyond = units * band.ratio.den // band.ratio.num + 1 - band.minimum
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
