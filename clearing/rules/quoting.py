"""From a price to the exact terms that are booked, and from a rate card's limits to those that the books decide by."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta, tzinfo
from typing import NamedTuple

from clearing.rules import limits
from clearing.rules.asks import Priced, Used
from clearing.rules.cards import Card, FeePer, LimitPer, Values
from clearing.rules.cards import Limit as CardLimit
from clearing.rules.rates import Terms
from clearing.rules.refusals import Refusal, RefusalCode

_ROLLING = {LimitPer.DAY: timedelta(hours=24), LimitPer.MONTH: timedelta(days=30), LimitPer.YEAR: timedelta(days=365)}
QUOTE_LIFE = timedelta(minutes=10)
"""How long a quote is honoured."""
FIRST_ONLY = "first_only"
"""The limit of a bonus that only a member's first exchange on a corridor gets."""
_YEARLY_ZONE = UTC
"""Whose year a yearly fee is for; limits have zones of their own."""


class Share(NamedTuple):
    """What one funder pays of a campaign's bonus: units of the target, and their value in millionths of the common unit."""

    campaign: str
    funder: str
    units: int
    value: int


class Charge(NamedTuple):
    """What a member is charged beside the points sent: points that its program keeps, or millionths of the common unit.

    The partner of the source program collects it. What is `to_house` it owes to the house, as a part of the fee that is booked.
    """

    rule: str
    points: int
    value: int
    collected_by: str
    to_house: bool


def charges_of(priced: Priced, partner: str) -> tuple[Charge, ...]:
    """The fees of a price that are not nothing, as the receipt says them."""
    taken = [part for part in priced.fees if part.points or part.value]
    return tuple([Charge(part.rule, part.points, part.value, partner, part.to_house) for part in taken])


def owed_to_house(priced: Priced) -> int:
    """What the partner that collects the fees of a price owes of them to the house."""
    return sum(part.value for part in priced.fees if part.to_house)


@dataclass(frozen=True, slots=True)
class Booked:
    """What the books are asked to move for a price. A bonus arrives whole, `late_days` after the base: a card has one such day."""

    terms: Terms
    shares: tuple[Share, ...]
    late_days: int


def booked(priced: Priced, values: Values, fee: int) -> Booked:
    """The terms of a price, with the house's fee, and what of the card's fees is the house's, on top of what the points are worth.

    The source pays rounded up, the target is paid rounded down, the house keeps both dusts; funders pay for bonus units rounded up.
    """
    redeem, issue = values.redeem, values.issue
    worth, base_credit = redeem.ceil(priced.sent), issue.floor(priced.base)
    exact = (priced.sent * redeem.num * issue.den - priced.base * issue.num * redeem.den) // (redeem.den * issue.den)
    shares = tuple(Share(part.rule, part.funder, part.units, part.value or 0) for part in priced.bonus)
    bonus, funding = sum(share.units for share in shares), sum(share.value for share in shares)
    bonus_credit = min(issue.floor(bonus), funding)
    dust, fee = funding - bonus_credit, fee + owed_to_house(priced)
    terms = Terms(
        sent=priced.sent,
        received=priced.base,
        debit=worth + fee,
        funding=funding,
        credit=base_credit + bonus_credit,
        fee=worth - base_credit + fee + dust,
        rounding=worth - base_credit - exact + dust,
        bonus=bonus,
        bonus_credit=bonus_credit,
    )
    return Booked(terms, shares, max((part.late_days for part in priced.bonus), default=0))


def begins(per: LimitPer, at: datetime, zone: tzinfo, *, rolling: bool) -> datetime:
    """The instant from which a limit counts: the last 24 hours, 30 or 365 days, or the calendar's day, month or year in this zone."""
    if rolling:
        return at - _ROLLING[per]
    local = at.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0, fold=0)
    if per is LimitPer.MONTH:
        local = local.replace(day=1)
    elif per is LimitPer.YEAR:
        local = local.replace(month=1, day=1)
    return local.astimezone(at.tzinfo)


def limits_of(card: Card, priced: Priced, at: datetime, zones: Mapping[str, tzinfo]) -> tuple[limits.Limit, ...]:
    """The limits of the card, of a bonus for first exchanges and of a fee for a year's first, as the books decide by them now.

    Two quotes may both be given the bonus, or be charged the fee: the books take the first, and the other is asked for anew.
    """
    found = [
        limits.Limit(limit.name, _since(limit, at, zones), limit.most, target=_corridor(card, limit))
        for limit in card.limits
        if limit.per is not LimitPer.EXCHANGE
    ]
    given = {part.rule for part in priced.bonus}
    if any(bonus.first_only and bonus.name in given for bonus in card.bonuses):
        found.append(
            limits.Limit(FIRST_ONLY, datetime.min.replace(year=2000, tzinfo=at.tzinfo), count=1, target=card.target)
        )
    taken = {part.rule for part in priced.fees if part.points or part.value}
    yearly = [fee.name for fee in card.fees if fee.per is FeePer.YEAR and fee.name in taken]
    found += [limits.Limit(name, _year(at), count=1, target=card.target) for name in yearly]
    return tuple(found)


def program_limits(cards: Iterable[Card], at: datetime, zones: Mapping[str, tzinfo]) -> tuple[limits.Limit, ...]:
    """What the cards of one source say of all that leaves a member's account there, over whatever corridor or over none."""
    return tuple(
        [
            limits.Limit(limit.name, None if limit.per is LimitPer.EXCHANGE else _since(limit, at, zones), limit.most)
            for card in cards
            for limit in card.limits
            if limit.whole_program
        ]
    )


def used_of(
    card: Card, used: Iterable[limits.Used], at: datetime, zones: Mapping[str, tzinfo]
) -> tuple[Used, Used, bool]:
    """What was used in the running day, month and year, over this corridor and over all of the program, and whether it is the first.

    Where two limits count a period differently, the larger sum counts for both.
    """
    known = list(used)
    sums = {False: dict.fromkeys(_ROLLING, 0), True: dict.fromkeys(_ROLLING, 0)}
    for limit in card.limits:
        if limit.per is LimitPer.EXCHANGE:
            continue
        since = _since(limit, at, zones)
        target = _corridor(card, limit)
        points = sum(one.points for one in known if one.at >= since and target in {None, one.target_program})
        kept = sums[limit.whole_program]
        kept[limit.per] = max(kept[limit.per], points)
    here, everywhere = (Used(*(sums[whole][per] for per in _ROLLING)) for whole in (False, True))
    return here, everywhere, not any(one.target_program == card.target for one in known)


def year_paid(card: Card, used: Iterable[limits.Used], at: datetime) -> bool:
    """Whether a yearly fee of this card was due before: with the member's first exchange on the corridor in this year, of UTC."""
    since = _year(at)
    return any(one.at >= since and one.target_program == card.target for one in used)


def over_limit(moved: Terms, bounds: Iterable[limits.Limit], used: Iterable[limits.Used]) -> Refusal | None:
    """Whether the books would refuse this much now, after what the member moved before: the first limit that it exceeds."""
    known = list(used)
    for limit in bounds:
        if limit.exceeded(known, moved.counted):
            return Refusal(RefusalCode.LIMIT_EXCEEDED, f"over the limit {limit.rule}", rule=limit.rule)
    return None


def exhausted(shares: Iterable[Share], budgets: Mapping[str, limits.Budget]) -> Refusal | None:
    """Whether the budget of a campaign leaves no room for what these shares promise."""
    for campaign, (units, value) in promised(shares).items():
        if not budgets.get(campaign, limits.Budget(0, 0)).fits(units, value):
            return Refusal(
                RefusalCode.CAMPAIGN_EXHAUSTED, f"the budget of {campaign} leaves no room for this bonus", rule=campaign
            )
    return None


def promised(shares: Iterable[Share]) -> dict[str, tuple[int, int]]:
    """Units and value for each campaign."""
    found: dict[str, tuple[int, int]] = {}
    for share in shares:
        units, value = found.get(share.campaign, (0, 0))
        found[share.campaign] = (units + share.units, value + share.value)
    return found


def counts_usage(card: Card) -> bool:
    """Whether the price depends on what the member has sent before."""
    return (
        any(limit.per is not LimitPer.EXCHANGE for limit in card.limits)
        or any(one.first_only for one in card.bonuses)
        or any(one.per is FeePer.YEAR for one in card.fees)
    )


def _year(at: datetime) -> datetime:
    return begins(LimitPer.YEAR, at, _YEARLY_ZONE, rolling=False)


def _since(limit: CardLimit, at: datetime, zones: Mapping[str, tzinfo]) -> datetime:
    return begins(limit.per, at, zones[limit.zone], rolling=limit.rolling)


def _corridor(card: Card, limit: CardLimit) -> str | None:
    return None if limit.whole_program else card.target
