"""What the parts of a rate card must keep together, so that its price is one, exact, funded, and what was promised."""

from collections.abc import Iterator
from datetime import timedelta
from itertools import combinations, pairwise

from clearing.rules.amounts import at_most
from clearing.rules.asks import Ask
from clearing.rules.cards import Band, Card, Fee, FeePer, LimitPer, Rate, Span, When
from clearing.rules.pricing import price
from clearing.rules.refusals import Refusal
from clearing.rules.shapes import Fault, Law
from clearing.rules.units import AMOUNT_MAX, Ratio

ONE = Ratio(1, 1)


def broken(card: Card) -> Iterator[Fault]:
    """The laws that this card breaks, in this order.

    1. dates; 2. channels; 3. bands; 4. one rate at a time; 5. bonuses and fees; 6. limits; 7. examples.
    """
    yield from _dates(card)  # 1
    yield from _channels(card)  # 2
    for index, rate in enumerate(card.rates):  # 3
        yield from _rate(card, rate, f"$.rates[{index}]")
    yield from _ambiguous(card)  # 4
    yield from _extras(card)  # 5
    yield from _limits(card)  # 6
    yield from _examples(card)  # 7


# --- 1, 2: dates and channels


def _dates(card: Card) -> Iterator[Fault]:
    if card.span.ends <= card.span.begins:
        yield Fault("$.valid_to", Law.WINDOW, "the card ends before it begins")
    if card.span.begins < card.announced_at + timedelta(days=card.notice_days):
        detail = f"the card begins less than {card.notice_days} days after it was announced"
        yield Fault("$.valid_from", Law.NOTICE, detail)
    for path, span in _windows(card):
        if span.ends <= span.begins:
            yield Fault(path, Law.WINDOW, "the window ends before it begins")
        elif not span.meets(card.span):
            yield Fault(path, Law.WINDOW, "the window lies outside of the card's validity")


def _windows(card: Card) -> Iterator[tuple[str, Span]]:
    """Every window inside the card, and where it is written."""
    yield from ((f"$.channels[{i}]", channel.span) for i, channel in enumerate(card.channels))
    yield from ((f"$.rates[{i}].when", rate.when.span) for i, rate in enumerate(card.rates))
    yield from ((f"$.bonuses[{i}].when", bonus.when.span) for i, bonus in enumerate(card.bonuses))
    for i, fee in enumerate(card.fees):
        yield f"$.fees[{i}].when", fee.when.span
        yield from ((f"$.fees[{i}].waived[{j}]", span) for j, span in enumerate(fee.waived))


def _channels(card: Card) -> Iterator[Fault]:
    rules: tuple[tuple[str, list[When]], ...] = (
        ("rates", [rate.when for rate in card.rates]),
        ("bonuses", [bonus.when for bonus in card.bonuses]),
        ("fees", [fee.when for fee in card.fees]),
    )
    listed = {channel.name for channel in card.channels}
    for part, whens in rules:
        for index, when in enumerate(whens):
            if strangers := (when.channels or frozenset()) - listed:
                detail = f"the card lists no channel {min(strangers)}"
                yield Fault(f"$.{part}[{index}].when.channels", Law.UNDECLARED, detail)


# --- 3: bands


def _rate(card: Card, rate: Rate, path: str) -> Iterator[Fault]:
    for index, band in enumerate(rate.bands):
        yield from _band(card, band, f"{path}.bands[{index}]")
    for index, (one, other) in enumerate(pairwise(rate.bands), 1):
        if other.minimum <= one.maximum:
            detail = f"begins at {other.minimum:,}, and the band before it reaches {one.maximum:,}"
            yield Fault(f"{path}.bands[{index}]", Law.BAND, detail)
        elif card.monotone and other.ratio.floor(other.minimum) < one.ratio.floor(one.maximum):
            detail = f"{other.minimum:,} points would give fewer units than {one.maximum:,}"
            yield Fault(f"{path}.bands[{index}]", Law.MONOTONE, detail)


def _band(card: Card, band: Band, path: str) -> Iterator[Fault]:
    """1. whole units everywhere; 2. nothing beyond what is exact; 3. funded at the card's values, between members of one program at par."""
    for name, amount in (("minimum", band.minimum), ("step", band.step)):  # 1
        if not band.ratio.divides(amount):
            detail = f"the {name} of {amount:,} gives no whole units at {band.ratio.den:,} to {band.ratio.num:,}"
            yield Fault(path, Law.WHOLE, detail)
    if band.maximum > reach(card, band.ratio):  # 2
        yield Fault(path, Law.BEYOND, f"{band.maximum:,} points, or what they give, would pass 2^53 - 1")
    redeem, issue = (card.values.redeem, card.values.issue) if card.values else (ONE, ONE)
    known = card.values is not None or card.source == card.target
    if known and band.ratio.num * issue.num * redeem.den > redeem.num * band.ratio.den * issue.den:  # 3
        yield Fault(path, Law.UNFUNDED, f"{band.ratio.num:,} units are worth more than {band.ratio.den:,} points pay")


def reach(card: Card, ratio: Ratio) -> int:
    """The largest amount of points up to which points, units, fees and values surely stay within 2^53 - 1."""
    slope, flat = at_most(ratio, card.bonuses)
    most = min(AMOUNT_MAX, _until(slope, flat))
    if card.values is not None:
        issue = card.values.issue
        most = min(most, _until(card.values.redeem, 1))
        worth = Ratio(slope.num * issue.num, slope.den * issue.den)
        most = min(most, _until(worth, flat * issue.num // issue.den + 2))
    for in_points in (True, False):
        fees = [fee for fee in card.fees if fee.in_points is in_points]
        most = min(most, _until(*_charged(fees, Ratio(int(in_points), 1))))
    return max(0, most)


def _charged(fees: list[Fee], slope: Ratio) -> tuple[Ratio, int]:
    """Slope, on top of the one given, and constant that all these fees together never exceed."""
    num, den, once = slope.num, slope.den, 0
    for fee in fees:
        if fee.per is FeePer.POINT and fee.most is None:
            num, den = num * fee.amount.den + fee.amount.num * den, den * fee.amount.den
        else:
            once += fee.amount.num if fee.most is None else fee.most
    return Ratio(num, den), once


def _until(slope: Ratio, flat: int) -> int:
    """The largest amount at which `slope` times it and `flat` stay within 2^53 - 1."""
    left = AMOUNT_MAX - flat
    return left * slope.den // slope.num if slope.num else AMOUNT_MAX if left >= 0 else 0


# --- 4: one rate at a time


def _ambiguous(card: Card) -> Iterator[Fault]:
    """Of two rates that meet, one is narrowed by everything that the other is, and by more."""
    rates = [(index, rate, rate.when.narrowed) for index, rate in enumerate(card.rates)]
    for (_, one, ours), (index, other, theirs) in combinations(rates, 2):
        if not (ours < theirs or theirs < ours) and one.when.meets(other.when):
            yield Fault(f"$.rates[{index}].when", Law.AMBIGUOUS, f"could hold together with {one.name}")


# --- 5 to 7: bonuses, fees, limits, examples


def _extras(card: Card) -> Iterator[Fault]:
    for index, bonus in enumerate(card.bonuses):
        if sum(funder.weight for funder in bonus.funders) != bonus.funders[0].whole:
            yield Fault(f"$.bonuses[{index}].funders", Law.SHARES, "the shares do not add up to one")
    for index, fee in enumerate(card.fees):
        if fee.most is not None and fee.per is not FeePer.POINT:
            yield Fault(f"$.fees[{index}].most", Law.FEE, "a fee that is not per point has one amount already")
        if fee.to_house and fee.in_points:
            yield Fault(
                f"$.fees[{index}].owed_to", Law.FEE, "points are kept by their program; the house is owed value"
            )


def _limits(card: Card) -> Iterator[Fault]:
    for index, limit in enumerate(card.limits):
        path = f"$.limits[{index}]"
        if limit.per is LimitPer.EXCHANGE and limit.rolling:
            yield Fault(f"{path}.period", Law.LIMIT, "one exchange has no period")
        if limit.zone and (limit.rolling or limit.per is LimitPer.EXCHANGE):
            yield Fault(f"{path}.zone", Law.LIMIT, "only a calendar's day, month or year has a zone")
        if any(limit.most < rate.minimum for rate in card.rates):
            yield Fault(f"{path}.most", Law.LIMIT, "is below the smallest amount of a rate")


def _examples(card: Card) -> Iterator[Fault]:
    """Each example, priced by the card: nothing used before, linked for long enough."""
    ranked = card.ranked()
    for index, example in enumerate(card.examples):
        ask = Ask(
            example.at,
            points=example.sent,
            tier=example.tier,
            card=example.card,
            channel=example.channel,
            link_age_days=card.link.min_age_days,
        )
        found = price(ranked, ask)
        if isinstance(found, Refusal):
            yield Fault(f"$.examples[{index}]", Law.EXAMPLE, f"the card refuses it: {found.detail}")
        elif found.remainder or found.received != example.received:
            kept = f" and leaves {found.remainder:,} points" if found.remainder else ""
            yield Fault(f"$.examples[{index}]", Law.EXAMPLE, f"the card gives {found.received:,}{kept}")
