"""Prices, the exact terms of what an exchange moves, and the parts that captures and reversals take of them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from clearing.rules.units import Ratio, part


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


def with_fee(terms: Terms, fee: int) -> Terms:
    """The same terms with the house's fee on top: whoever pays, pays it."""
    return replace(terms, debit=terms.debit + fee, fee=terms.fee + fee)


def given(points: int) -> Terms:
    """The terms of a gift inside one program: points change hands, and nobody owes anybody."""
    return Terms(points, points, 0, 0, 0, 0, 0)
