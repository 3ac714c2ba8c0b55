"""Kinds of exchange: which programs and accounts each of them may join, and when what it is for may have happened."""

from datetime import datetime, timedelta
from enum import StrEnum

from clearing.rules.lifecycle import Kind
from clearing.rules.refusals import Refusal, RefusalCode

OCCURRED_DAYS_MAX = 366
"""How many days ago something may have been bought for which points are issued, spent or claimed now."""


class Nature(StrEnum):
    """What the units of a program are."""

    POINTS = "points"
    """Points of a loyalty program."""
    CHARITY = "charity"
    """Gifts to a charity; they are not spent again."""
    MONEY = "money"
    """Smallest units of a currency."""


REACHED_BY = {Nature.CHARITY: Kind.DONATION, Nature.MONEY: Kind.CASH_BACK}
"""The one kind that leads to programs of this nature, and to no others."""

_WITHIN = frozenset({Kind.GIFT, Kind.TRANSFER})
_ACROSS = frozenset({Kind.EXCHANGE, Kind.TRANSFER, Kind.DONATION, Kind.CASH_BACK})


def quoted_refusal(kind: Kind, source: Nature, target: Nature, *, within: bool, same: bool) -> Refusal | None:
    """Whether this kind leads from the one program to the other; `within` one program, to the `same` account.

    1. points leave programs of points; 2. charities are reached by donations, money by cash-back, and points by neither;
    3. gifts stay in their program, transfers may, everything else leads to another; 4. nobody gives to itself.
    """
    if source is not Nature.POINTS:  # 1
        return _mismatch(f"units of a program of {source} are not sent on")
    wanted = REACHED_BY.get(target)
    if wanted is not kind and (wanted is not None or kind in REACHED_BY.values()):  # 2
        return _mismatch(f"a program of {target} is not reached by {kind}")
    if kind not in (_WITHIN if within else _ACROSS):  # 3
        where = "leads from one program to another" if within else "stays in its program"
        return _mismatch(f"{kind} {where}")
    if same:  # 4
        return _mismatch("source and target are one account")
    return None


def alone_refusal(kind: Kind, nature: Nature) -> Refusal | None:
    """Whether a partner may issue or spend units of a program of this nature: of points only."""
    return None if nature is Nature.POINTS else _mismatch(f"{kind} is for programs of points, and this is of {nature}")


def occurred_refusal(occurred_at: datetime | None, now: datetime) -> Refusal | None:
    """Whether something may have happened then: not in the future, and at most `OCCURRED_DAYS_MAX` days ago."""
    if occurred_at is None or timedelta(0) <= now - occurred_at <= timedelta(days=OCCURRED_DAYS_MAX):
        return None
    detail = f"occurred_at lies neither in the future nor more than {OCCURRED_DAYS_MAX} days ago"
    return Refusal(RefusalCode.OCCURRED_OUT_OF_RANGE, detail)


def _mismatch(detail: str) -> Refusal:
    return Refusal(RefusalCode.KIND_MISMATCH, detail)
