"""Lots: points of one origin and one expiry; when those expire that an amount uses; months of the calendar. Instants are in UTC."""

from calendar import monthrange
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Lot:
    """Points that a member earned together and that expire together; None: never. The program names it, once and for ever."""

    lot: str
    amount: int
    earned_at: datetime
    expires_at: datetime | None


@dataclass(frozen=True, slots=True)
class Part:
    """So many points of a lot."""

    lot: str
    amount: int


@dataclass(frozen=True, slots=True)
class Expiring:
    """So many points that expire at one instant; None: never."""

    amount: int
    expires_at: datetime | None


def used(lots: Iterable[Lot], amount: int) -> tuple[Expiring, ...] | None:
    """When the points expire that `amount` takes from these lots, in the order given; None if they do not suffice.

    Law: the amounts add up to `amount`. Neighbours with one expiry are one line.
    """
    lines: list[Expiring] = []
    for lot in lots:
        part = min(lot.amount, amount)
        if part == 0:
            break
        amount -= part
        if lines and lines[-1].expires_at == lot.expires_at:
            part += lines.pop().amount
        lines.append(Expiring(part, lot.expires_at))
    return tuple(lines) if amount == 0 else None


def months_after(at: datetime, months: int) -> datetime:
    """The same day and time so many months later, or the last day of that month if it has no such day.

    So 31 January + 1 is the end of February. Law: never later than what one month more gives. Raises OverflowError outside the years
    1 to 9999.
    """
    years, month = divmod(at.month - 1 + months, 12)
    year = at.year + years
    if not 1 <= year <= 9999:
        message = f"{months} months after {at.isoformat()} is outside the calendar"
        raise OverflowError(message)
    return at.replace(year=year, month=month + 1, day=min(at.day, monthrange(year, month + 1)[1]))
