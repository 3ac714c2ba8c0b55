"""The port to a program: what the house asks (Order), what it hears (Answer), and how a dialect translates (Adapter).

An adapter translates and does nothing else: no I/O, no clock, no secret of its own. Delivery owns every transport, signature,
time-out and repeat. Dialects are found by entry point, so that a coalition member can keep its own in its own repository.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import entry_points
from typing import Protocol, runtime_checkable

from clearing import errors
from clearing.rules.lifecycle import Operation, Verdict
from clearing.rules.lots import Lot, Part

__all__ = [
    "Adapter",
    "Answer",
    "Call",
    "Capabilities",
    "Lot",
    "Member",
    "Operation",
    "Order",
    "Part",
    "Reply",
    "ReportsLots",
    "Verdict",
    "compare",
    "load_adapters",
]

GROUP = "clearing.adapters"


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a program declares of itself; delivery chooses its path by this and by nothing else. Times in seconds.

    The last three are its rules of links; delivery does not read them.
    """

    hold_seconds: int  # how long a hold lives; 0: the program knows no holds
    idempotent: bool  # a repeated order id has one effect and the same answer
    look_up: bool  # an order can be asked for by its id
    reversal: bool  # captures, debits and credits can be reversed by id, whole or in part
    batch: int  # most orders that one call may carry
    longest_seconds: int  # the stated longest time from first call to final answer
    signed: bool = True  # calls and answers are signed by RFC 9421
    account_age_days: int = 0  # how old a member's account is at least when it is linked to another
    link_age_days: int = 0  # how old a link is at least when points are quoted; above 0 every quote wants a link
    one_card_per_account: bool = (
        False  # an account is linked to at most one of each other program; every quote wants a link
    )
    below_zero: bool = False  # takes back (`claw_back`) what the member has spent: the balance goes below zero
    lots: bool = False  # tells a member's lots, and gives back the very lots that it took
    lot_months: int = 0  # where it tells lots: how many months of the calendar a new unit lives; 0: for ever


@dataclass(frozen=True, slots=True)
class Order:
    """One operation asked of one program. `id` derives from exchange and leg, so a repeat is the same order."""

    id: str
    operation: Operation
    program: str
    account: str
    unit: str
    amount: int
    refers: str | None = None  # the order that is captured, released or reversed


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP request to a program. Delivery adds the signature where the program's capabilities say signed."""

    method: str
    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    orders: tuple[Order, ...] = ()


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back, already verified where the program signs."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, slots=True)
class Answer:
    """What a program says of one order. It repeats operation, account, unit and amount; delivery compares."""

    id: str
    operation: str
    account: str
    unit: str
    amount: int
    verdict: Verdict
    reason: str | None = None
    lots: tuple[Part, ...] | None = None  # which lots were taken, made or given back, where the program says so


@dataclass(frozen=True, slots=True)
class Member:
    """What a program says of a member: the answer to a look-up before any movement."""

    status: str  # active, frozen, closed, unknown
    name_match: str | None  # match, partial, mismatch; None when no name was given
    tier: str | None
    balance: int | None
    opened_at: datetime | None = None  # None: the program does not say how old the account is
    lots: tuple[Lot, ...] | None = None  # oldest first, where the program tells them


class Adapter(Protocol):
    """A dialect. Every method is a plain function of its arguments; `secrets` never appears in a repr or a log."""

    name: str

    def calls(self, orders: Sequence[Order], endpoint: str, secrets: Mapping[str, str]) -> Iterable[Call]:
        """The calls that carry these orders, at most `Capabilities.batch` in each, in the given order."""

    def inquire(self, order: Order, endpoint: str, secrets: Mapping[str, str]) -> Call:
        """The call that asks what became of one order."""

    def answers(self, call: Call, reply: Reply) -> tuple[Answer, ...]:
        """What the reply says of the orders of the call. Raises errors.AnswerUnreadable when it says nothing certain."""

    def member_call(
        self, account: str, member: str, name: str | None, endpoint: str, secrets: Mapping[str, str]
    ) -> Call:
        """The look-up of a member; teaches the program the account token under which orders will name the member."""

    def member(self, call: Call, reply: Reply) -> Member:
        """What the reply says of the member. Raises errors.AnswerUnreadable."""


@runtime_checkable
class ReportsLots(Protocol):
    """What a dialect can do besides, if its program tells lots: ask for them by the account token alone. Nothing moves."""

    def lots_call(self, account: str, endpoint: str, secrets: Mapping[str, str]) -> Call:
        """The look-up of a member's lots, by the token that the program was taught."""

    def lots(self, call: Call, reply: Reply) -> tuple[Lot, ...]:
        """The lots that the member could spend now, in the order in which the program uses them. Raises errors.AnswerUnreadable."""


def compare(order: Order, answers: Sequence[Answer]) -> Answer | None:
    """The one answer to `order`, or None unless exactly one answer names it and repeats its operation, account, unit and amount."""
    named = [answer for answer in answers if answer.id == order.id]
    if len(named) != 1:
        return None
    answer = named[0]
    said = (answer.operation, answer.account, answer.unit, answer.amount)
    return answer if said == (order.operation, order.account, order.unit, order.amount) else None


def load_adapters() -> dict[str, Adapter]:
    """Every installed dialect by name. A dialect that cannot be loaded stops the start: errors.Misconfigured."""
    found: dict[str, Adapter] = {}
    for point in entry_points(group=GROUP):
        try:
            adapter: Adapter = point.load()
        except Exception as reason:
            message = f"adapter {point.name!r} cannot be loaded: {reason}"
            raise errors.Misconfigured(message) from reason
        found[point.name] = adapter
    return found
