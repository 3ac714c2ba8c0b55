"""What to do with an order, what an answer means for it, and when to ask again: plain functions of what is known and declared.

A program is asked again only by what it declares. Idempotent: the same order, the same id, once more. Look-up: what became of it?
Neither: one attempt, then a person. A look-up that finds nothing is not proof before the program's longest time has passed.
"""

import re
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import NamedTuple

from tenacity import AsyncRetrying, RetryCallState, wait_exponential

from clearing.adapter import Answer, Capabilities, Order, compare
from clearing.ledger.outcomes import DueOrder
from clearing.pace import Pace
from clearing.rules.lifecycle import Verdict

SENT = "sent"  # the states of an order beside the verdicts
WAITING = "waiting"
FINAL = frozenset({Verdict.DONE, Verdict.DECLINED, Verdict.DIFFERS})

_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}")
_SHRINK_BITS = 2  # each attempt that failed quarters the company an order travels in: 100, 25, 6, alone
_EXPONENT_MOST = 30
_NOBODY = AsyncRetrying()  # orders are repeated by the ledger's due times; only the waits are tenacity\'s


class Way(Enum):
    """How an order goes on."""

    SEND = auto()
    """Send it; a program that was asked before knows it by its id."""
    LOOK_UP = auto()
    """Ask what became of it."""
    GIVE_UP = auto()
    """Nothing can be asked: a person must look."""


def way_of(order: DueOrder, can: Capabilities, now: datetime) -> Way:
    """The one way on for this order at this program."""
    state = order.state
    if state == WAITING:
        return Way.SEND
    if state == Verdict.PENDING and can.look_up:
        return Way.LOOK_UP
    if state == Verdict.NOT_FOUND and can.look_up and not (can.idempotent and asked_for(order, now) >= longest(can)):
        return Way.LOOK_UP
    if can.idempotent:
        return Way.SEND
    return Way.LOOK_UP if can.look_up else Way.GIVE_UP


def is_fresh(order: DueOrder) -> bool:
    """Never asked before. Others travel on a line of their own, so that what hangs again and again stops nobody."""
    return order.attempts == 0 and order.state == WAITING


def company(order: DueOrder, can: Capabilities) -> int:
    """How many orders may travel in one request with this one: fewer after every failure, so that a bad one soon stands alone."""
    return max(1, can.batch >> (_SHRINK_BITS * order.attempts))


def longest(can: Capabilities) -> timedelta:
    """The program's own longest time from first call to final answer."""
    return timedelta(seconds=can.longest_seconds)


def asked_for(order: DueOrder, now: datetime) -> timedelta:
    """How long the program has been asked. Until it was asked for the first time: no time at all."""
    if order.sent_at is not None:
        return now - order.sent_at
    return now - order.created_at if order.attempts else timedelta(0)


def retry_at(
    order: DueOrder,
    verdict: Verdict,
    can: Capabilities,
    pace: Pace,
    now: datetime,
    chance: float,
    retry_after: int | None = None,
) -> datetime | None:
    """When to ask again after a verdict that is not final; None: asking is over. `chance` is 0 to 1, drawn anew for each order."""
    if not can.idempotent and not can.look_up:
        return None
    age = asked_for(order, now)
    if age > longest(can) * pace.patience_factor + timedelta(seconds=pace.patience_margin_seconds):
        return None
    wait = timedelta(seconds=max(jitter(order.attempts, pace, chance), retry_after or 0))
    if verdict is Verdict.NOT_FOUND:
        left = longest(can) - age
        if left <= timedelta(0) and not can.idempotent:
            return None
        wait = max(wait, left)  # absence proves nothing earlier, so nothing earlier is asked
    return now + wait


def jitter(attempts: int, pace: Pace, chance: float) -> float:
    """Full jitter: anything from no time to an exponentially growing ceiling. The luck is the caller's, so that it can be told."""
    asked = RetryCallState(retry_object=_NOBODY, fn=None, args=(), kwargs={})
    asked.attempt_number = min(attempts, _EXPONENT_MOST) + 1
    return chance * wait_exponential(pace.backoff_first_seconds, pace.backoff_most_seconds)(asked)


def is_overdue(order: DueOrder, can: Capabilities | None, pace: Pace, now: datetime) -> bool:
    """Whether an order that cannot be asked about now has waited too long for that already."""
    if order.state == WAITING or can is None:
        return now - order.created_at > timedelta(seconds=pace.unsent_seconds_max)
    patience = longest(can) * pace.patience_factor + timedelta(seconds=pace.patience_margin_seconds)
    return asked_for(order, now) > patience


# --- what was heard


class Finding(NamedTuple):
    """What is known of one order after one call."""

    verdict: Verdict
    reason: str | None = None


def judge(asked: Sequence[Order], answers: Sequence[Answer]) -> tuple[list[Finding], bool]:
    """One finding for each order, in order, and whether the program also spoke of orders it was not asked for."""
    named: dict[str, list[Answer]] = {}
    for answer in answers:
        named.setdefault(answer.id, []).append(answer)
    findings = [_finding(order, named.pop(order.id, ())) for order in asked]
    return findings, bool(named)


def _finding(order: Order, answers: Sequence[Answer]) -> Finding:
    answer = compare(order, answers)
    if answer is not None:
        return Finding(answer.verdict, typed(answer.reason))
    if len(answers) != 1:
        return Finding(Verdict.DIFFERS, "answer_doubled" if answers else "answer_missing")
    return Finding(Verdict.DIFFERS, f"answer_other_{_difference(order, answers[0])}")


def _difference(order: Order, answer: Answer) -> str:
    said: Mapping[str, bool] = {
        "operation": answer.operation == order.operation,
        "account": answer.account == order.account,
        "unit": answer.unit == order.unit,
        "amount": answer.amount == order.amount,
    }
    return next(field for field, same in said.items() if not same)


def typed(reason: str | None) -> str | None:
    """A reason as a code. Free text of a partner could carry anything, so it is not kept here; the sealed evidence has it."""
    return reason if reason is None or _REASON.fullmatch(reason) else "not_typed"
