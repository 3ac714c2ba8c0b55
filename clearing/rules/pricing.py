"""What an amount gives under a rate card: the one price function, by points sent or by units that should arrive.

`price` checks in this order, and refuses at the first that fails, naming the rule and what would fit: 1. the card is in force; 2. the
channel is open; 3. the link is free and old enough; 4. a rate holds; 5. minimum, maximum, step and limits; 6. the value is funded.

Laws: base units are the exact ratio of the points sent, never rounded; what a step leaves stays with the member; bonus units are paid for
whole by their funders; asked by points or by the units they give, the price is one.
"""

from datetime import datetime

from clearing.rules.amounts import Bonuses, Room, base_units, by_points, by_units
from clearing.rules.asks import Ask, BonusPart, FeePart, Priced
from clearing.rules.cards import Bonus, Card, Fee, FeePer, LimitPer, Rate, Values
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.shares import largest_remainder
from clearing.rules.units import AMOUNT_MAX


def price(card: Card, ask: Ask, values: Values | None = None) -> Priced | Refusal:
    """The exact terms, or why not. `values` in force go before those that the card carries."""
    if refusal := _shut(card, ask) or _unlinked(card, ask):  # 1, 2, 3
        return refusal
    rate = rate_in_force(card, ask)
    if rate is None:  # 4
        return Refusal(
            RefusalCode.RATE_MISSING, f"at this instant there are rates for {_offered(card, ask.at)}", rule="rates"
        )
    bonuses = tuple([bonus for bonus in card.bonuses if _given(bonus, ask)])
    if ask.points is not None:
        fitted = by_points(card, rate, ask.points, _room(card, ask))
    else:
        fitted = by_units(rate, bonuses, ask.units or 0, _room(card, ask))
    if isinstance(fitted, Refusal):  # 5
        return fitted
    sent, remainder = fitted
    base, known = base_units(rate, sent), values or card.values
    bonus, punctual = _bonus(bonuses, sent, base, known)
    if known is not None and (refusal := _unfunded(known, rate, sent, base, base + sum(part.units for part in bonus))):
        return refusal  # 6
    fees = tuple([_fee(fee, ask, sent) for fee in card.fees if _holds(fee, ask)])
    return Priced(sent, base + punctual, base, bonus, fees, remainder, card.version, rate.name)


# --- 1 to 4: what holds


def rate_in_force(card: Card, ask: Ask) -> Rate | None:
    """The one rate that holds for this member, channel and instant, whatever the amount."""
    for rate in card.rates:
        if rate.when.holds(ask.tier, ask.card, ask.channel, ask.at, ask.segments):
            return rate
    return None


def _shut(card: Card, ask: Ask) -> Refusal | None:
    at, span = ask.at, card.span
    if not span.begins <= at < span.ends:
        when = f"begins at {span.begins.isoformat()}" if at < span.begins else f"ended at {span.ends.isoformat()}"
        return Refusal(RefusalCode.CORRIDOR_CLOSED, f"version {card.version} of this card {when}", rule="validity")
    if card.channels and not any(one.name == ask.channel and one.span.contains(at) for one in card.channels):
        open_now = " or ".join(one.name for one in card.channels if one.span.contains(at)) or "none"
        return Refusal(RefusalCode.CHANNEL_CLOSED, f"open at this instant: {open_now}", rule="channels")
    return None


def _unlinked(card: Card, ask: Ask) -> Refusal | None:
    if card.link.one_card and ask.linked_elsewhere:
        return Refusal(
            RefusalCode.ALREADY_LINKED, "one card to one account: the other link must end first", rule="link"
        )
    needed, age = card.link.min_age_days, ask.link_age_days
    if needed and (age is None or age < needed):
        wait = "the age of this link is not known" if age is None else f"{needed - age} more to wait"
        return Refusal(RefusalCode.LINK_TOO_NEW, f"the accounts must be linked for {needed} days; {wait}", rule="link")
    return None


def _offered(card: Card, at: datetime) -> str:
    """For whom there is a rate at this instant."""
    said = []
    for rate in card.rates:
        if rate.when.span.contains(at):
            when = rate.when
            kinds = (("tier", when.tiers), ("card", when.cards), ("channel", when.channels), ("segment", when.segments))
            said.append(" and ".join(f"{kind} {' or '.join(sorted(names))}" for kind, names in kinds if names))
    return "; ".join(said) or "nobody"


def _holds(fee: Fee, ask: Ask) -> bool:
    return fee.when.holds(ask.tier, ask.card, ask.channel, ask.at, ask.segments)


def _given(bonus: Bonus, ask: Ask) -> bool:
    return (ask.first or not bonus.first_only) and bonus.when.holds(
        ask.tier, ask.card, ask.channel, ask.at, ask.segments
    )


def _room(card: Card, ask: Ask) -> Room:
    """The points that every limit leaves, and the tightest limit."""
    room: Room = (AMOUNT_MAX, None)
    for limit in card.limits:
        used = ask.used if not limit.whole_program or ask.used_program is None else ask.used_program
        left = limit.most
        if limit.per is LimitPer.DAY:
            left -= used.day
        elif limit.per is LimitPer.MONTH:
            left -= used.month
        elif limit.per is LimitPer.YEAR:
            left -= used.year
        if left < room[0]:
            room = left, limit
    return room


# --- 6: value, bonus, fees


def _unfunded(values: Values, rate: Rate, sent: int, base: int, units: int) -> Refusal | None:
    """Base units must be worth no more than the points pay, exactly; and nothing may be beyond what the books carry."""
    redeem, issue = values.redeem, values.issue
    if base * issue.num * redeem.den > sent * redeem.num * issue.den:
        sentence = f"{sent:,} points pay {redeem.ceil(sent):,}, {base:,} base units cost {issue.ceil(base):,}"
        return Refusal(RefusalCode.UNFUNDED_VALUE, sentence, rule=rate.name)
    if max(redeem.ceil(sent), issue.ceil(units)) > AMOUNT_MAX:
        return Refusal(
            RefusalCode.ABOVE_MAXIMUM, "the value of this amount is beyond what the books carry", rule=rate.name
        )
    return None


def _bonus(bonuses: Bonuses, sent: int, base: int, values: Values | None) -> tuple[tuple[BonusPart, ...], int]:
    """Who gives which bonus units, and how many of them arrive at once. Units and value are each split by largest remainder."""
    parts: list[BonusPart] = []
    punctual = 0
    for bonus in bonuses:
        units = bonus.units(sent, base)
        if units == 0:
            continue
        value = None if values is None else values.issue.ceil(units)
        if len(bonus.funders) == 1:
            parts.append(BonusPart(bonus.name, bonus.funders[0].code, units, value, bonus.late_days))
        else:
            parts += _shared(bonus, units, value)
        if not bonus.late_days:
            punctual += units
    return tuple(parts), punctual


def _shared(bonus: Bonus, units: int, value: int | None) -> list[BonusPart]:
    weights = [funder.weight for funder in bonus.funders]
    given = largest_remainder(units, weights)
    paid = (None,) * len(weights) if value is None else largest_remainder(value, weights)
    return [
        BonusPart(bonus.name, funder.code, one, worth, bonus.late_days)
        for funder, one, worth in zip(bonus.funders, given, paid, strict=True)
    ]


def _fee(fee: Fee, ask: Ask, sent: int) -> FeePart:
    """What this fee takes. A fee never exceeds what was published: per point it is rounded down."""
    if fee.waived and any(span.contains(ask.at) for span in fee.waived):
        return FeePart(fee.name, 0, 0, capped=False, waived=True, to_house=fee.to_house)
    full = fee.amount.floor(sent) if fee.per is FeePer.POINT else fee.amount.num
    if fee.per is FeePer.YEAR and (ask.used.year > 0 if ask.year_paid is None else ask.year_paid):
        full = 0
    taken = full if fee.most is None else min(full, fee.most)
    in_points, in_value = (taken, 0) if fee.in_points else (0, taken)
    return FeePart(fee.name, in_points, in_value, capped=taken < full, waived=False, to_house=fee.to_house)
