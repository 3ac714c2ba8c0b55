"""Cover that a bank's file tells: what was booked to the house's account under the reference of an announced payment. Pure.

The file is taken whole or not at all: what does not hold by itself, or differs in amount or currency from what was announced, books
nothing. Payments that nobody announced as cover are none of this room's.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from settlement.files.bankfile import BankFile, Booking, Direction, plain
from settlement.files.parties import Account


@dataclass(frozen=True, slots=True)
class Announced:
    """Funds that shall come in: `name` is the announcement's own, `amount` in millionths of the account's currency."""

    name: str
    reference: str
    amount: int


class Came(StrEnum):
    """What the file says of an announcement."""

    BOOKED = "booked"
    """Once, as it was announced."""
    DIFFERS = "differs"
    """Something else than was announced, or more than once."""


@dataclass(frozen=True, slots=True)
class Told:
    """One announcement that the file speaks of; `differs` says in what."""

    name: str
    came: Came
    differs: str | None = None


def told(file: BankFile, account: Account, currency: str, announced: Iterable[Announced]) -> list[Told]:
    """What the file says of these announcements: of those whose references it names, in their order."""
    credits_ = list(_credits(file, account))
    known = list(announced)
    often = Counter(one.reference for one in known)
    found = []
    for one in known:
        mine = [(amount, code) for reference, amount, code in credits_ if reference == one.reference]
        if mine:
            found.append(_told(one, mine, currency, shared=often[one.reference] > 1))
    return found


def _told(one: Announced, mine: list[tuple[int | None, str]], currency: str, *, shared: bool) -> Told:
    amount, code = mine[0]
    differs = None
    if len(mine) > 1:
        differs = f"it is there {len(mine)} times"
    elif shared:
        differs = "the reference was announced more than once"
    elif code != currency:
        differs = f"currency: announced {currency}, booked {code}"
    elif amount != one.amount:
        differs = f"amount: announced {plain(one.amount)}, booked {'none' if amount is None else plain(amount)}"
    return Told(one.name, Came.BOOKED if differs is None else Came.DIFFERS, differs)


def _credits(file: BankFile, account: Account) -> Iterator[tuple[str, int | None, str]]:
    """Reference, amount and currency of every payment that was booked to this account and not returned."""
    for statement in file.statements:
        for entry in statement.entries if statement.account == account else ():
            for detail in entry.details if entry.booking is Booking.BOOKED else ():
                if detail.direction is Direction.CREDIT and not detail.returned and detail.end_to_end_id:
                    yield detail.end_to_end_id, detail.amount, detail.currency
