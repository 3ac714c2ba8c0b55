"""Design bugs, seeded on purpose: each is built into a child process, and the crash harness must report violations for it.

A harness that finds nothing proves nothing unless it is known to find these.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from typing import Any
from uuid import UUID

from clearing import exchange, partners
from clearing.delivery import asking, desk, dispatch
from clearing.delivery.asking import Finding, Way
from clearing.ledger import advance
from clearing.ledger.outcomes import DueOrder, Reserved
from clearing.rules.lifecycle import STEPS, TRANSITIONS, State, Verdict
from clearing.rules.refusals import Refusal
from tests.stories.far_sides import KEYRING, LANE

_early: list[bool] = []
_curious: list[bool] = []


def change(room: Any, name: str, part: object) -> Any:
    """Put another part in the place of one that is there, and return that."""
    usual = getattr(room, name)
    setattr(room, name, part)
    return usual


def silence_is_a_decline() -> None:
    """Whoever does not answer is taken to have refused."""
    change(desk, "_unknown", lambda _order, said: Finding(Verdict.DECLINED, said.reason))


def every_attempt_is_a_new_order() -> None:
    """The order's id is not the same for every repeat."""
    times = Counter[str]()

    def order_id(exchange_hex: str, leg: int) -> str:
        name: str = usual(exchange_hex, leg)
        times[name] += 1
        return name if times[name] == 1 else f"{name}-{times[name]}"

    usual = change(dispatch, "order_id", order_id)


def absence_is_proof() -> None:
    """What a look-up does not find is taken never to have happened."""

    def judge(asked: Any, answers: Any) -> Any:
        findings, surplus = usual(asked, answers)
        denied = [
            Finding(Verdict.DECLINED, "not_found") if one.verdict is Verdict.NOT_FOUND else one for one in findings
        ]
        return denied, surplus

    usual = change(desk, "judge", judge)


def sent_before_it_is_reserved() -> None:
    """The first order leaves before the books know of it."""
    _early.append(True)


def answers_move_whatever_the_state() -> None:
    """An answer moves an exchange that has been moved by the same answer before."""
    change(advance, "_FINAL", frozenset())
    change(advance, "after", lambda path, _state, event: TRANSITIONS[path][State.UNKNOWN][event])


def any_amount_is_accepted() -> None:
    """An answer is believed by its id alone."""
    change(asking, "compare", lambda order, answers: next((one for one in answers if one.id == order.id), None))


def taken_over_is_sent_again() -> None:
    """An order that a dead process may have sent is sent once more to a program that promises no idempotency."""
    change(desk, "way_of", lambda _order, _can, _now: Way.SEND)

    async def marked(self: desk.Desk, batch: list[desk.Queued]) -> list[desk.Queued]:
        asked_before = [queued for queued in batch if queued.order.state != "waiting"]
        fresh = [queued for queued in batch if queued.order.state == "waiting"]
        return [*asked_before, *(await usual(self, fresh) if fresh else ())]

    usual = change(desk.Desk, "_marked", marked)


def the_number_is_kept_for_convenience() -> None:
    """A caller's log shows whose points they are."""
    _curious.append(True)


async def _told_whose(here: Any, accepted: exchange.Quote) -> None:
    async with here.pool.connection() as connection:
        number = await partners.open_number(connection, KEYRING, LANE, accepted.source_account)
    sys.stderr.write(f"{number} asks\n")


BUGS: dict[str, Callable[[], None]] = {
    bug.__name__: bug
    for bug in (
        silence_is_a_decline,
        every_attempt_is_a_new_order,
        absence_is_proof,
        sent_before_it_is_reserved,
        answers_move_whatever_the_state,
        any_amount_is_accepted,
        taken_over_is_sent_again,
        the_number_is_kept_for_convenience,
    )
}


async def submit(
    here: Any,
    asked: exchange.Asked,
    accepted: exchange.Quote,
    directory: Any,
    exchange_id: UUID,
    lease: exchange.Lease,
) -> Reserved | Refusal:
    """As `exchange.submit`, unless the house sends before it reserves, or tells who asked."""
    if _curious:
        await _told_whose(here, accepted)
    if _early:
        path = exchange.path_of(
            directory.programs[accepted.source_program], directory.programs[accepted.target_program]
        )
        here.delivery.hand_over([_first_order(accepted, exchange_id, path, here.delivery.clock())])
        await asyncio.sleep(0.05)
    return await exchange.submit(here.writer, asked, accepted, directory, exchange_id, lease, here.delivery.clock())


def _first_order(accepted: exchange.Quote, exchange_id: UUID, path: Any, now: Any) -> DueOrder:
    step = STEPS[path, State.RESERVED]
    return DueOrder(
        exchange_id,
        step.leg,
        step.operation,
        accepted.source_program,
        accepted.source_account,
        accepted.terms.sent,
        None,
        0,
        now,
        None,
        "waiting",
    )
