"""How old a debt is: by the days since the cut-off of its window; and in which currency it will be paid. Pure."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from fractions import Fraction

from settlement.rules.money import nearest

BUCKETS = (("1-7", 7), ("8-30", 30), ("31-60", 60), ("61-90", 90))
OLDEST = "over-90"
CURRENT = "current"
"""The window is still open."""


@dataclass(frozen=True, slots=True)
class Aged:
    """One partner, one age: what it owes the house and what the house owes it, millionths, neither set off against the other.

    `currency` is the one that an instructed run pays it in; None: no run has fixed one yet.
    """

    partner: str
    bucket: str
    receivable: int
    payable: int
    currency: str | None = None


def bucket_of(closes_at: datetime, as_of: datetime) -> str:
    """The bucket of a window that ended, or ends, then. Full days count: a debt of 30 days and an hour is still one of 30, and one of less
    than a day is in the first.
    """
    if closes_at > as_of:
        return CURRENT
    days = (as_of - closes_at).days
    return next((name for name, most in BUCKETS if days <= most), OLDEST)


@dataclass(slots=True)
class Item:
    """What a partner's position came to in a window, millionths; plus: it owes the house. Payments take from it."""

    partner: str
    window: int
    closes_at: datetime
    net: int
    currency: str | None = None


@dataclass(frozen=True, slots=True)
class Paid:
    """A payment as the partner's position has it (minus: it paid), the windows of the run that it settles, and the last of them.

    `whole` is what all of its payments in that run come to, where there may be several.
    """

    partner: str
    net: int
    windows: frozenset[int]
    last: int
    closes_at: datetime
    whole: int | None = None


@dataclass(frozen=True, slots=True)
class Fixed:
    """What an instructed run has yet to see paid of a partner's net: as its position will have it, and in minor units of its currency."""

    rest: Paid
    currency: str
    minor: int


def unpaid(net: Paid, minor: int, currency: str, booked: int) -> Fixed:
    """What is left of a net, of which so much was booked. Of a part, the minor units are the nearest that its share of the net gives."""
    rest = replace(net, net=net.net - booked)
    return Fixed(rest, currency, nearest(Fraction(minor * rest.net, net.net)))


def by_currency(items: Iterable[Item], fixed: Iterable[Fixed]) -> list[Item]:
    """What is open, told apart by the currency of the payment that will close it. Law: of every window, the parts are what is open of it.

    A part is what the payment of a net would close, by the same rule as one that was booked. What no net speaks of has no currency.
    """
    rest, found = list(items), []
    for one in fixed:
        after = left_open(rest, [one.rest])
        found += [replace(part, currency=one.currency) for part in _less(rest, after)]
        rest = after
    return [one for one in (*found, *rest) if one.net]


def _less(before: Iterable[Item], after: Iterable[Item]) -> list[Item]:
    """Window by window, what is in the first and not in the second."""
    found: dict[tuple[str, int], Item] = {}
    for sign, items in ((1, before), (-1, after)):
        for one in items:
            found.setdefault((one.partner, one.window), replace(one, net=0)).net += sign * one.net
    return [one for one in found.values() if one.net]


def left_open(items: Iterable[Item], payments: Iterable[Paid]) -> list[Item]:
    """What is open of each window. Law: of every partner, what is left open is its items and its payments together.

    A payment settles the windows of its run together, whatever one owes and another is owed. What it pays beyond them was kept back in
    older windows and pays those, the oldest first; what it leaves of them (kept back itself) stays in the newest. Of several payments of a
    run the first settles all that the run pays of the partner, and what the others have yet to pay stays in the newest as well.
    """
    found: dict[str, list[Item]] = {}
    for one in sorted(items, key=lambda one: one.window):
        found.setdefault(one.partner, []).append(replace(one))
    for paid in _of_runs(payments):
        of_partner = found.setdefault(paid.partner, [])
        own = [one for one in of_partner if one.window in paid.windows]
        whole = paid.net if paid.whole is None else paid.whole
        left = sum(one.net for one in own) + whole
        for one in own:
            one.net = 0
        if not whole or (left < 0) == (whole < 0):
            left = _paid_down((one for one in of_partner if one.window < min(paid.windows)), left)
        left += paid.net - whole
        if left:
            of_partner.append(Item(paid.partner, paid.last, paid.closes_at, left))
    return [one for own in found.values() for one in own if one.net]


def _of_runs(payments: Iterable[Paid]) -> list[Paid]:
    """The payments of each partner in each run as one, in the order of the first."""
    found: dict[tuple[str, frozenset[int], int | None], Paid] = {}
    for place, paid in enumerate(payments):
        name = (paid.partner, paid.windows, None if paid.whole is not None else place)
        known = found.get(name)
        found[name] = paid if known is None else replace(known, net=known.net + paid.net)
    return list(found.values())


def _paid_down(older: Iterable[Item], left: int) -> int:
    """What is left of an amount once it has paid these."""
    for one in older:
        if (one.net > 0) == (left < 0):
            part = min(abs(one.net), abs(left)) * (1 if one.net > 0 else -1)
            one.net, left = one.net - part, left + part
    return left


def aged(items: Iterable[Item], as_of: datetime) -> tuple[Aged, ...]:
    """Partner by partner, age by age and currency by currency, from what is open of each window."""
    order = [CURRENT, *(name for name, _ in BUCKETS), OLDEST]
    sums: dict[tuple[str, int, str], list[int]] = {}
    for one in items:
        place = (one.partner, order.index(bucket_of(one.closes_at, as_of)), one.currency or "")
        sides = sums.setdefault(place, [0, 0])
        sides[one.net < 0] += abs(one.net)
    return tuple(
        [
            Aged(partner, order[age], owed, owing, currency or None)
            for (partner, age, currency), (owed, owing) in sorted(sums.items())
        ]
    )
