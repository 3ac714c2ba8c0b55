"""A corridor and two dated prices turn points into the exact terms of an exchange; a reversal takes back its share of them."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import AMOUNT_MAX, Ratio, part


@dataclass(frozen=True, slots=True)
class Price:
    """What one unit of a program is worth from `valid_from` on, in millionths of the common unit.

    `redeem` is what the program pays for each of its points that leaves; `issue` what it is paid for each that it issues.
    """

    program: str
    version: int
    valid_from: datetime
    issue: Ratio
    redeem: Ratio


@dataclass(frozen=True, slots=True)
class Corridor:
    """How points of `source` become units of `target`: `ratio` units for each point, from `minimum` on in steps of `step`."""

    source: str
    target: str
    version: int
    valid_from: datetime
    valid_to: datetime | None
    ratio: Ratio
    step: int
    minimum: int
    maximum: int | None


@dataclass(frozen=True, slots=True)
class Terms:
    """Exact amounts of one exchange. Points are whole units of their program; value is in millionths of the common unit.

    Law: debit + funding = credit + fee; `fee` is the residual and contains `rounding`. `received` is the base; `bonus` units come apart
    from it, are paid for by `funding`, and cost `bonus_credit` of the credit: what funders pay above that is rounding.
    """

    sent: int
    received: int
    debit: int
    funding: int
    credit: int
    fee: int
    rounding: int
    bonus: int = 0
    bonus_credit: int = 0

    @property
    def counted(self) -> int:
        """The points by which parts of this exchange are counted: those sent, or those issued where none are sent."""
        return self.sent or self.received


Dated = TypeVar("Dated", Price, Corridor)


def in_force(cards: Iterable[Dated], at: datetime) -> Dated | None:
    """The card with the latest `valid_from` not after `at`."""
    current = [card for card in cards if card.valid_from <= at]
    return max(current, key=lambda card: card.valid_from, default=None)


def sendable(corridor: Corridor, sent: int) -> Refusal | None:
    """Why `sent` cannot travel this corridor, or None. An amount off the step is refused, never trimmed."""
    if sent < corridor.minimum:
        return Refusal(RefusalCode.BELOW_MINIMUM, f"the smallest amount is {corridor.minimum}")
    if sent > (corridor.maximum or AMOUNT_MAX):
        return Refusal(RefusalCode.ABOVE_MAXIMUM, f"the largest amount is {corridor.maximum or AMOUNT_MAX}")
    over = (sent - corridor.minimum) % corridor.step
    if over or not corridor.ratio.divides(sent):
        lower = sent - over
        fit = f"{lower} or {lower + corridor.step}"
        return Refusal(RefusalCode.AMOUNT_OFF_STEP, f"the step is {corridor.step}; next valid amounts: {fit}")
    return None


def price(corridor: Corridor, source: Price, target: Price, sent: int) -> Terms | Refusal:
    """The terms of sending `sent` points. The source pays rounded up, the target is paid rounded down, the house keeps both dusts.

    Law: never creates value; refuses (`unfunded_value`) rather than owe the target more than the source pays.
    """
    if refusal := sendable(corridor, sent):
        return refusal
    received = corridor.ratio.floor(sent)
    debit, credit = source.redeem.ceil(sent), target.issue.floor(received)
    if max(received, debit) > AMOUNT_MAX:
        return Refusal(RefusalCode.ABOVE_MAXIMUM, "the value of this amount is beyond what the books carry")
    redeem, issue = source.redeem, target.issue
    exact = (sent * redeem.num * issue.den - received * issue.num * redeem.den) // (redeem.den * issue.den)
    if exact < 0:  # compared exactly: rounding must not hide a fraction of a millionth that nobody pays
        return Refusal(
            RefusalCode.UNFUNDED_VALUE, f"{sent} points pay {debit}, {received} units cost {issue.ceil(received)}"
        )
    fee = debit - credit
    return Terms(sent, received, debit, 0, credit, fee, fee - exact)


def priced_by_received(corridor: Corridor, received: int) -> int | None:
    """The points to send for exactly `received` units, or None when no whole number of points gives that."""
    num, den = corridor.ratio.num, corridor.ratio.den
    if num == 0 or received * den % num:
        return None
    return received * den // num


def base(terms: Terms) -> Terms:
    """The terms without their bonus: what moves when it is refused."""
    rounding = terms.funding - terms.bonus_credit
    credit, fee = terms.credit - terms.bonus_credit, terms.fee - rounding
    return Terms(terms.sent, terms.received, terms.debit, 0, credit, fee, terms.rounding - rounding)


def portion(terms: Terms, before: int, after: int) -> Terms:
    """The part of these terms between two cumulative marks of the points they count: of what was held, or of what is undone.

    Law: the portions of any chain of marks from 0 to the whole add up to the terms exactly, and each of them balances: base and bonus
    are split apart, and in each of them what is paid is the sum of what is received (docs/decisions/0006). The value of a bonus goes
    with its units: a portion without any has none of it.
    """

    def share(total: int) -> int:
        return part(total, before, after, terms.counted)

    early, late = (terms.bonus * mark // terms.counted for mark in (before, after))
    bonus_credit = part(terms.bonus_credit, early, late, terms.bonus or 1)
    bonus_rounding = part(terms.funding - terms.bonus_credit, early, late, terms.bonus or 1)
    credit = share(terms.credit - terms.bonus_credit)
    rounding = share(terms.rounding - (terms.funding - terms.bonus_credit))
    fee = share(terms.fee - terms.rounding) + rounding
    return Terms(
        sent=share(terms.sent),
        received=share(terms.received),
        debit=credit + fee,
        funding=bonus_credit + bonus_rounding,
        credit=credit + bonus_credit,
        fee=fee + bonus_rounding,
        rounding=rounding + bonus_rounding,
        bonus=late - early,
        bonus_credit=bonus_credit,
    )


def split(amount: int, weights: Sequence[int]) -> list[int]:
    """`amount` divided by weights at the marks of their running sum. Law: the parts add up to `amount` exactly."""
    whole, before, parts = sum(weights), 0, []
    for weight in weights:
        parts.append(part(amount, before, before + weight, whole))
        before += weight
    return parts


def issued(price: Price, units: int) -> Terms:
    """The terms of units that a partner issues and pays for: it pays rounded up, the program is paid rounded down."""
    debit, credit = price.issue.ceil(units), price.issue.floor(units)
    return Terms(0, units, debit, 0, credit, debit - credit, debit - credit)


def redeemed(price: Price, points: int) -> Terms:
    """The terms of points spent at a partner: the program pays rounded up, the partner is paid rounded down."""
    debit, credit = price.redeem.ceil(points), price.redeem.floor(points)
    return Terms(points, 0, debit, 0, credit, debit - credit, debit - credit)


def given(points: int) -> Terms:
    """The terms of a gift inside one program: points change hands, and nobody owes anybody."""
    return Terms(points, points, 0, 0, 0, 0, 0)
