"""What each event books: a table of path × event → account, unit and sign. Entries of one event add up to zero in every unit.

Reserving books nothing, and neither does a hold: pending amounts live in the cap, held points at the program. A debit takes points
into transit, without a window. When the target credits, transit is cleared, the target's points are issued and the obligation is
booked in the open window; nothing unposts it. Signs of value: plus owes the house, minus is owed by it.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum
from functools import lru_cache
from operator import attrgetter
from typing import NamedTuple

from clearing.rules.lifecycle import Event, Path
from clearing.rules.rates import Terms


class Account(IntEnum):
    """The accounts of the books. The number of an account is its owner's number times 16 plus this."""

    SHORTFALL = 0
    """Of a program: units that could not be taken back any more, and that it bears itself."""
    OUTSTANDING = 1
    """Of a program: its points in the hands of members, as far as the house moved them."""
    TRANSIT = 2
    """Of a program: points taken from a member and not yet exchanged or given back."""
    EXCHANGED_OUT = 3
    """Of a program: points that left as units of another."""
    EXCHANGED_IN = 4
    """Of a program: units issued for points of another; the contra of what was issued."""
    SUSPENSE = 5
    """Of a program: units it credited after the exchange had been reversed; a person decides."""
    ACCRUED = 6
    """Of a program: units issued for something bought from a partner; the contra of what was issued."""
    REDEEMED = 7
    """Of a program: points spent at a partner."""
    POSITION = 8
    """Of a partner: what it owes the house (plus) or is owed (minus), in millionths of the common unit."""
    COVER = 9
    """Of a partner: funds that it lodged with the house (minus: the house has them to give back). In no window: they settle nothing."""
    REMAINDER = 11
    """Of the house: what payments in whole minor units of a currency were less (plus) or more (minus) than the nets that they settle."""
    FUNDS = 12
    """Of the house: the money of everybody's cover, kept apart from what settles."""
    CASH = 13
    """Of the house: money that partners paid in, less what was paid out to them. Its lines are in no window: they settle one."""
    FEE = 14
    """Of the house: what it earned (minus), less what it paid for its shares of bonuses (plus)."""
    ROUNDING = 15
    """Of the house: remainders smaller than a millionth, collected."""


class Owner(StrEnum):
    """Whose account a line of the table means."""

    SOURCE = "source"
    TARGET = "target"
    ASKING = "asking"
    """The partner that asked for the exchange."""
    HOUSE = "house"


HOUSE = 0
"""The house's own number among the owners of accounts."""


@dataclass(frozen=True, slots=True, eq=False)
class Rule:
    """One line of the table: the amount of the terms named `amount`, with `sign`, to an account of `owner`.

    A line is itself and equal to no other: what every posting looks up is not hashed field by field.
    """

    owner: Owner
    account: Account
    sign: int
    amount: str


@dataclass(frozen=True, slots=True)
class Owners:
    """The numbers of the two programs, of the two partners that sign for them, and of the one that asked.

    A side without a program has a partner only.
    """

    source_program: int
    target_program: int
    source_partner: int
    target_partner: int
    asking_partner: int = HOUSE


class Entry(NamedTuple):
    """One line to book: account number and signed amount in the account's unit."""

    account: int
    amount: int


def _move(owner: Owner, amount: str, taken: Account, given: Account) -> tuple[Rule, Rule]:
    return Rule(owner, taken, -1, amount), Rule(owner, given, +1, amount)


def _value(sign: int) -> tuple[Rule, ...]:
    return (
        Rule(Owner.SOURCE, Account.POSITION, sign, "debit"),
        Rule(Owner.TARGET, Account.POSITION, -sign, "base_credit"),
        Rule(Owner.HOUSE, Account.FEE, -sign, "margin"),
        Rule(Owner.HOUSE, Account.ROUNDING, -sign, "base_rounding"),
    )


def _bonus(sign: int) -> tuple[Rule, ...]:
    return (
        Rule(Owner.TARGET, Account.EXCHANGED_IN, -sign, "bonus"),
        Rule(Owner.TARGET, Account.OUTSTANDING, sign, "bonus"),
        Rule(Owner.TARGET, Account.POSITION, -sign, "bonus_credit"),
        Rule(Owner.HOUSE, Account.ROUNDING, -sign, "bonus_rounding"),
    )


_PAID = (
    Rule(Owner.SOURCE, Account.POSITION, -1, "debit"),
    Rule(Owner.ASKING, Account.POSITION, +1, "base_credit"),
    Rule(Owner.HOUSE, Account.FEE, +1, "margin"),
    Rule(Owner.HOUSE, Account.ROUNDING, +1, "base_rounding"),
)
"""The value of what was spent: the target keeps what it was paid, and the partner that asked pays that in the source's place."""

_INTO_TRANSIT = _move(Owner.SOURCE, "sent", Account.OUTSTANDING, Account.TRANSIT)
_OUT_OF_TRANSIT = _move(Owner.SOURCE, "sent", Account.TRANSIT, Account.OUTSTANDING)
_ISSUED = _move(Owner.TARGET, "received", Account.EXCHANGED_IN, Account.OUTSTANDING)
_ACCRUED = _move(Owner.TARGET, "received", Account.ACCRUED, Account.OUTSTANDING)
_REDEEMED = _move(Owner.SOURCE, "sent", Account.OUTSTANDING, Account.REDEEMED)

RULES: dict[tuple[Path, Event], tuple[Rule, ...]] = {
    (Path.HELD, Event.GIVEN): (
        *_move(Owner.SOURCE, "sent", Account.OUTSTANDING, Account.EXCHANGED_OUT),
        *_ISSUED,
        *_value(+1),
    ),
    (Path.DEBITED, Event.TAKEN): _INTO_TRANSIT,
    (Path.DEBITED, Event.TAKEN_IN_VAIN): _INTO_TRANSIT,
    (Path.DEBITED, Event.GIVEN): (
        *_move(Owner.SOURCE, "sent", Account.TRANSIT, Account.EXCHANGED_OUT),
        *_ISSUED,
        *_value(+1),
    ),
    (Path.DEBITED, Event.RETURNED): _OUT_OF_TRANSIT,
    (Path.ISSUED, Event.GIVEN): (*_ACCRUED, *_value(+1)),
    (Path.CHARGED, Event.TAKEN): (*_REDEEMED, *_value(+1)),
    (Path.AUTHORISED, Event.KEPT): (*_REDEEMED, *_value(+1)),
    (Path.REVERSAL, Event.TAKEN): (
        *_move(Owner.TARGET, "received", Account.OUTSTANDING, Account.EXCHANGED_IN),
        *_move(Owner.SOURCE, "sent", Account.EXCHANGED_OUT, Account.TRANSIT),
        *_value(-1),
    ),
    (Path.REVERSAL, Event.TAKEN_SHORT): (
        *_move(Owner.TARGET, "received", Account.SHORTFALL, Account.EXCHANGED_IN),
        *_move(Owner.SOURCE, "sent", Account.EXCHANGED_OUT, Account.TRANSIT),
        *_value(-1),
    ),
    (Path.REVERSAL, Event.TAKEN_PAID): (
        *_move(Owner.SOURCE, "sent", Account.EXCHANGED_OUT, Account.TRANSIT),
        *_PAID,
    ),
    (Path.REVERSAL, Event.GIVEN): _OUT_OF_TRANSIT,
    (Path.CLAWBACK, Event.TAKEN): (
        *_move(Owner.TARGET, "received", Account.OUTSTANDING, Account.ACCRUED),
        *_value(-1),
    ),
    (Path.CLAWBACK, Event.TAKEN_SHORT): (
        *_move(Owner.TARGET, "received", Account.SHORTFALL, Account.ACCRUED),
        *_value(-1),
    ),
    (Path.CLAWBACK, Event.TAKEN_PAID): _PAID,
    (Path.REFUND, Event.GIVEN): (
        *_move(Owner.SOURCE, "sent", Account.REDEEMED, Account.OUTSTANDING),
        *_value(-1),
    ),
}
"""Path × event → lines. An event that is not here books nothing."""

LATE_CREDIT = _move(Owner.TARGET, "received", Account.SUSPENSE, Account.OUTSTANDING)
"""A credit that is confirmed after the exchange was reversed: issued, owed by nobody, in suspense."""

IN_WINDOW = frozenset(name for name, rules in RULES.items() if any(rule.account is Account.POSITION for rule in rules))
"""Events that book value, and so belong to a settlement window."""

BONUS_GIVEN, BONUS_TAKEN_BACK = _bonus(+1), _bonus(-1)
"""Bonus units, issued or taken back; what each funder pays for them is booked beside, by `funded`."""


_AMOUNTS: dict[str, Callable[[Terms], int]] = {
    "sent": attrgetter("sent"),
    "received": attrgetter("received"),
    "debit": attrgetter("debit"),
    "base_credit": lambda terms: terms.credit - terms.bonus_credit,
    "bonus": attrgetter("bonus"),
    "bonus_credit": attrgetter("bonus_credit"),
    "bonus_rounding": lambda terms: terms.funding - terms.bonus_credit,
    "margin": lambda terms: terms.fee - terms.rounding,  # the fee without the rounding inside it
    "base_rounding": lambda terms: terms.rounding - (terms.funding - terms.bonus_credit),
}


def account_number(owner: int, account: Account) -> int:
    """The number of an account in the books."""
    return owner * 16 + account


def _owner_number(rule: Rule, owners: Owners) -> int:
    if rule.owner is Owner.HOUSE:
        return HOUSE
    if rule.owner is Owner.ASKING:
        return owners.asking_partner
    if rule.account is Account.POSITION:
        return owners.source_partner if rule.owner is Owner.SOURCE else owners.target_partner
    return owners.source_program if rule.owner is Owner.SOURCE else owners.target_program


@lru_cache(maxsize=65_536)
def _lines(rules: tuple[Rule, ...], owners: Owners) -> tuple[tuple[int, int, Callable[[Terms], int]], ...]:
    """Account, sign and amount of each rule, worked out once for these owners."""
    return tuple(
        (account_number(_owner_number(rule, owners), rule.account), rule.sign, _AMOUNTS[rule.amount]) for rule in rules
    )


def book(rules: tuple[Rule, ...], terms: Terms, owners: Owners) -> tuple[Entry, ...]:
    """The entries of these rules; lines of zero are dropped."""
    lines = _lines(rules, owners)
    return tuple([Entry(account, sign * amount) for account, sign, of in lines if (amount := of(terms))])


def funded(shares: Sequence[tuple[int, int]], sign: int) -> tuple[Entry, ...]:
    """What each funder, named by the number of its partner, pays for bonus units (sign +1) or gets back (-1)."""
    return tuple([Entry(funding_account(funder), sign * value) for funder, value in shares if value])


def funding_account(funder: int) -> int:
    """What a funder pays from: a partner from its position, the house out of what it earned."""
    return account_number(funder, Account.FEE if funder == HOUSE else Account.POSITION)


def entries(path: Path, event: Event, terms: Terms, owners: Owners) -> tuple[Entry, ...]:
    """What `event` books for an exchange on `path`. Law: adds up to zero in each of the three units."""
    return book(RULES.get((path, event), ()), terms, owners)
