"""Cover that a bank's file tells: what was booked to the house's account under the reference of an announced payment. Pure.

The file is taken whole or not at all: what does not hold by itself, or differs in amount, currency or payer from what was announced, books
nothing. Payments that nobody announced as cover are none of this room's.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from settlement.files.bankfile import BankFile, Booking, Direction, plain
from settlement.files.parties import Account


@dataclass(frozen=True, slots=True)
class Announced:
    """Funds that shall come in: `name` is the announcement's own, `amount` in millionths of the account's currency.

    `payer` is the account of who announced them, where it is known.
    """

    name: str
    reference: str
    amount: int
    payer: Account | None = None


@dataclass(frozen=True, slots=True)
class Credit:
    """One payment that came in; `amount` is None where the file says none, `payer` where it does not say who paid."""

    reference: str
    amount: int | None
    currency: str
    payer: Account | None


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
    """What the file says of these announcements: of those whose references it names, in their order.

    Of several with one reference, the one that fits is meant, and the file says nothing of the others.
    """
    came: dict[str, list[Credit]] = defaultdict(list)
    for one in _credits(file, account):
        came[one.reference].append(one)
    wanted: dict[str, list[Announced]] = defaultdict(list)
    for each in announced:
        wanted[each.reference].append(each)
    return [found for name, known in wanted.items() if name in came for found in _told(known, came[name], currency)]


def _told(known: list[Announced], came: list[Credit], currency: str) -> list[Told]:
    fitting = [one for one in known if (one.amount, currency) == (came[0].amount, came[0].currency)]
    if len(came) > 1:
        return [Told(one.name, Came.DIFFERS, f"it is there {len(came)} times") for one in known]
    if len(fitting) > 1:
        return [Told(one.name, Came.DIFFERS, "it was announced more than once") for one in fitting]
    if fitting and _strange(fitting[0].payer, came[0].payer):
        return [Told(fitting[0].name, Came.DIFFERS, "payer: another account than that of the partner's bank details")]
    if fitting:
        return [Told(fitting[0].name, Came.BOOKED)]
    return [Told(one.name, Came.DIFFERS, _difference(one, came[0], currency)) for one in known]


def _strange(known: Account | None, told: Account | None) -> bool:
    """Whether somebody else paid. An IBAN and another name of an account cannot be compared."""
    return known is not None and told is not None and known.iban == told.iban and known != told


def _difference(one: Announced, came: Credit, currency: str) -> str:
    if came.currency != currency:
        return f"currency: announced {currency}, booked {came.currency}"
    return f"amount: announced {plain(one.amount)}, booked {'none' if came.amount is None else plain(came.amount)}"


def _credits(file: BankFile, account: Account) -> Iterator[Credit]:
    """Every payment that was booked to this account and not returned."""
    for statement in file.statements:
        for entry in statement.entries if statement.account == account else ():
            for detail in entry.details if entry.booking is Booking.BOOKED else ():
                if detail.direction is Direction.CREDIT and not detail.returned and detail.end_to_end_id:
                    yield Credit(detail.end_to_end_id, detail.amount, detail.currency, detail.payer)
