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


Funded = tuple[int, int]
"""Bonus units, and what a funder pays for them."""


def funded_by(terms: Terms, mark: int, funders: Sequence[Funded]) -> list[Funded]:
    """Of what each funder gives, the part up to a cumulative mark of the points that the terms count, rounded down.

    Law: nobody's part shrinks from mark to mark, none moves where no unit does, and at the last mark each is the whole.
    """
    units = [whole * mark // terms.counted for whole, _ in funders]
    given = sum(units)
    return [(one, value * given // terms.bonus) for one, (_, value) in zip(units, funders, strict=True)]


def portion(terms: Terms, before: int, after: int, funders: Sequence[Funded] = ()) -> Terms:
    """The part of these terms between two cumulative marks of the points they count: of what was held, or of what is undone.

    Law: the portions of any chain of marks from 0 to the whole add up to the terms exactly, and each of them balances: base and bonus
    are split apart, and in each of them what is paid is the sum of what is received (docs/decisions/0006). The bonus is the sum of what
    the `funders` give (none named: one gives all); its value goes with its units: a portion without any has none of it.
    """

    def share(total: int) -> int:
        return part(total, before, after, terms.counted)

    (early, paid_early), (late, paid_late) = (_bonus_at(terms, mark, funders) for mark in (before, after))
    bonus_credit = part(terms.bonus_credit, paid_early, paid_late, terms.funding or 1)
    bonus_rounding = paid_late - paid_early - bonus_credit
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


def _bonus_at(terms: Terms, mark: int, funders: Sequence[Funded]) -> Funded:
    """The bonus units up to this mark, and what is paid for them."""
    if not terms.bonus:
        return 0, 0
    parts = funded_by(terms, mark, funders or [(terms.bonus, terms.funding)])
    return sum(units for units, _ in parts), sum(value for _, value in parts)


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
