"""The desk of one program: its two lines of waiting orders, its breaker, and the calls that are under way to it.

Orders that wait together travel in one request. There is no timer: while a request is in flight, the next ones gather. Orders that
were asked before have a line of their own, so that one that hangs again and again never stands before one that is new.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, NamedTuple
from uuid import UUID

import structlog

from clearing import errors
from clearing.adapter import Adapter, Answer, Call, Capabilities, Order
from clearing.delivery import asking
from clearing.delivery.asking import FINAL, SENT, Finding, Way, judge, retry_at, typed, way_of
from clearing.delivery.breaker import Admission, Breaker
from clearing.delivery.wire import Heard, Silence, Wire
from clearing.ledger.items import Answered, Item, Postpone, Sent
from clearing.ledger.outcomes import DueOrder, Moved, Outcome
from clearing.pace import Pace
from clearing.partners import Directory, Program
from clearing.rules.lifecycle import Verdict

log = structlog.get_logger("clearing.delivery")

Outcomes = Sequence[Outcome | errors.ClearingError]


class Queued(NamedTuple):
    """An order in a line. After `until`, on the clock of the event loop, its lease may lapse under a call: it is not sent then."""

    id: str
    order: DueOrder
    until: float


class Asked(NamedTuple):
    """An order of a line, and as the program is asked for it. Answers are compared with this one, whatever a dialect did to its own."""

    queued: Queued
    order: Order


@dataclass(frozen=True, slots=True)
class Means:
    """What all desks of a process share."""

    wire: Wire
    directory: Callable[[], Awaitable[Directory]]
    adapters: Mapping[str, Adapter]
    secrets: Callable[[str], Mapping[str, str]]
    pace: Pace
    clock: Callable[[], datetime]
    random: Callable[[int], bytes]
    points: Callable[[str], None]
    count: Callable[[str, str, int], None]
    lease: UUID
    held: set[str]  # the ids in any line or under way: nothing is here twice
    write: Callable[[Sequence[Item]], Awaitable[Outcomes]]
    record: Callable[[Sequence[Item]], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], None]

    def chance(self) -> float:
        """A number from 0 to 1, for jitter."""
        return int.from_bytes(self.random(4), "big") / 0xFFFF_FFFF


@dataclass(slots=True)
class Line:
    """Waiting orders, and how many calls carry orders of this line now."""

    waiting: deque[Queued] = field(default_factory=deque)
    running: int = 0


class Desk:
    """Everything that goes to one program goes through here."""

    def __init__(self, name: str, means: Means) -> None:
        self.name, self.means = name, means
        self.breaker = Breaker(means.pace.breaker_failures, means.pace.breaker_seconds, means.clock)
        self.fresh, self.again = Line(), Line()
        self.closed = False

    @property
    def waiting(self) -> int:
        """How many orders wait here."""
        return len(self.fresh.waiting) + len(self.again.waiting)

    def accept(self, queued: Queued) -> bool:
        """Take an order into its line; not when the line is full. `kick` makes it move."""
        line = self.fresh if asking.is_fresh(queued.order) else self.again
        if self.closed or len(line.waiting) >= self.means.pace.queue_orders_max:
            return False
        line.waiting.append(queued)
        return True

    def kick(self) -> None:
        """Set a call going on each line that has orders and room. A call that leaves orders behind kicks for the next."""
        for line in (self.fresh, self.again):
            if line.waiting and line.running < self.means.pace.calls_at_once and not self.closed:
                line.running += 1
                self.means.spawn(self._work(line))

    def close(self) -> list[Queued]:
        """No more calls; what still waits is given back."""
        self.closed = True
        return self._emptied(self.fresh, self.again)

    async def _work(self, line: Line) -> None:
        """Carry orders of this line until none waits."""
        try:
            while line.waiting and not self.closed and await self._carry(line):
                pass
        except Exception as reason:  # noqa: BLE001 - leases bring back what was under way; the desk must stay open
            log.critical("desk.failed", program=self.name, error=type(reason).__name__)
            self.means.count("desk_failed", self.name, 1)
            self.breaker.unused()
            await asyncio.sleep(self.means.pace.poll_seconds)
        finally:
            line.running -= 1
            if not self.closed and not self.breaker.probing:
                self.kick()

    async def _carry(self, line: Line) -> bool:
        """One batch, one way. False: somebody else is finding out whether the program is there; wait for that."""
        program = (await self.means.directory()).programs.get(self.name)
        adapter = None if program is None else self.means.adapters.get(program.adapter)
        if program is None or adapter is None:
            await self._set_aside(self._emptied(line), None, "program_unknown")
            return True
        way, batch = self._gather(line, program.capabilities)
        if not batch:
            return True
        if way is Way.GIVE_UP:
            await self._record(batch, [self._given_up(queued, "nothing_can_be_asked") for queued in batch])
            return True
        admission = self.breaker.admit()
        if admission is Admission.WAIT:
            line.waiting.extendleft(reversed(batch))
            return False
        if admission is Admission.STOP:
            await self._set_aside(
                [*batch, *self._emptied(self.fresh, self.again)], program.capabilities, "breaker_open"
            )
            return True
        try:
            self.kick()
            await (self._send if way is Way.SEND else self._look_up)(program, adapter, batch)
        except BaseException:
            self.means.held.difference_update([queued.id for queued in batch])
            raise
        self.kick()
        return True

    def _gather(self, line: Line, can: Capabilities) -> tuple[Way, list[Queued]]:
        """The next orders that go the same way in one request. Look-ups go one by one; bad company is kept small."""
        now, time = self.means.clock(), asyncio.get_running_loop().time()
        batch: list[Queued] = []
        room = can.batch
        while line.waiting and len(batch) < room:
            queued = line.waiting[0]
            if queued.until < time:
                self._dropped(line.waiting.popleft())
                continue
            way = way_of(queued.order, can, now)
            room = min(room, asking.company(queued.order, can))
            if batch and (way is not Way.SEND or len(batch) >= room):
                break
            batch.append(line.waiting.popleft())
            if way is not Way.SEND:
                return way, batch
        return Way.SEND, batch

    def _dropped(self, queued: Queued) -> None:
        """Its lease may have lapsed while it waited: whoever claims it next sends it."""
        self.means.held.discard(queued.id)
        self.means.count("lapsed", self.name, 1)

    # --- the ways

    async def _send(self, program: Program, adapter: Adapter, batch: list[Queued]) -> None:
        can = program.capabilities
        if not can.idempotent:
            batch = await self._marked(batch)
        asked = {queued.id: Asked(queued, self._order(program, queued)) for queued in batch}
        calls, failed = self._translated(program, adapter, list(asked.values()))
        if failed:
            await self._record(failed, [self._given_up(queued, "not_translated") for queued in failed])
        if not calls:
            self.breaker.unused()
        for number, call in enumerate(calls):
            if number and self.breaker.admit() is not Admission.GO:
                rest = [asked[order.id].queued for later in calls[number:] for order in later.orders]
                await self._set_aside(rest, can, "breaker_open")
                return
            await self._call(program, adapter, call, [asked[order.id] for order in call.orders])

    async def _marked(self, batch: list[Queued]) -> list[Queued]:
        """Commit that these orders are about to be sent; without that, a crash could send one twice. What is no longer ours stays."""
        items = [Sent(queued.order.exchange_id, queued.order.leg, self.means.lease) for queued in batch]
        outcomes = await self.means.write(items)
        self.means.points("deliver.marked")
        ours = []
        for queued, outcome in zip(batch, outcomes, strict=True):
            if isinstance(outcome, Moved) and any(due.leg == queued.order.leg for due in outcome.due):
                ours.append(queued)
            else:
                self._dropped(queued)
        return ours

    async def _look_up(self, program: Program, adapter: Adapter, batch: list[Queued]) -> None:
        """Ask what became of the one order of this batch."""
        try:
            order = self._order(program, batch[0])
            call = adapter.inquire(order, program.endpoint, self.means.secrets(self.name))
        except Exception as reason:  # noqa: BLE001 - a dialect's mistake costs its own order only
            self._adapter_failed("inquire", reason)
            self.breaker.unused()
            await self._record(batch, [self._given_up(batch[0], "not_translated")])
            return
        await self._call(program, adapter, call, [Asked(batch[0], order)])

    # --- translation, each order on its own when together fails

    def _order(self, program: Program, queued: Queued) -> Order:
        due = queued.order
        return Order(queued.id, due.operation, self.name, str(due.account), program.unit_name, due.amount, due.refers)

    def _translated(self, program: Program, adapter: Adapter, asked: list[Asked]) -> tuple[list[Call], list[Queued]]:
        """The calls, and the orders that the dialect could not put into one."""
        if not asked:
            return [], []
        try:
            orders = tuple([one.order for one in asked])
            calls = list(adapter.calls(orders, program.endpoint, self.means.secrets(self.name)))
        except Exception as reason:  # noqa: BLE001 - see _look_up
            if len(asked) == 1:
                self._adapter_failed("calls", reason)
                return [], [asked[0].queued]
            parts = [self._translated(program, adapter, [one]) for one in asked]
            return [call for calls, _ in parts for call in calls], [queued for _, some in parts for queued in some]
        carried = {order.id for call in calls for order in call.orders}
        return calls, [one.queued for one in asked if one.queued.id not in carried]

    def _adapter_failed(self, what: str, reason: Exception) -> None:
        log.error("adapter.failed", program=self.name, what=what, error=type(reason).__name__)
        self.means.count("adapter_failed", self.name, 1)

    # --- one call, and what is known after it

    async def _call(self, program: Program, adapter: Adapter, call: Call, asked: list[Asked]) -> None:
        batch, can = [one.queued for one in asked], program.capabilities
        said = await self.asked(program, call)
        if isinstance(said, Silence):
            items = self._after_silence(said, can, batch)
        else:
            items = self._after_words(said, can, asked, self._read(adapter, call, said))
        await self._record(batch, items)

    async def asked(self, program: Program, call: Call) -> Heard | Silence:
        """Make the call; the breaker and the figures hear of it."""
        said = await self.means.wire.ask(program, call)
        self.means.count("calls", self.name, 1)
        if isinstance(said, Heard):
            self.breaker.succeeded()
            return said
        self.means.count("silences", self.name, 1)
        log.warning("call.silent", program=self.name, reason=said.reason, orders=len(call.orders), left=said.left)
        if said.unwell:
            self.breaker.failed()
        elif said.left:
            self.breaker.succeeded()
        else:
            self.breaker.unused()
        return said

    def _read(self, adapter: Adapter, call: Call, said: Heard) -> tuple[Answer, ...] | Silence:
        try:
            return adapter.answers(call, said.reply)
        except errors.AnswerUnreadable as reason:
            return Silence("answer_unreadable", retry_after=reason.retry_after)
        except Exception as reason:  # noqa: BLE001 - what a dialect stumbles over was not understood
            self._adapter_failed("answers", reason)
            return Silence("answer_unreadable")

    def _after_silence(self, said: Silence, can: Capabilities, batch: list[Queued]) -> list[Item]:
        if not said.left:
            return [self._aside(queued, can, said.reason, self.means.clock()) for queued in batch]
        return self._answered(batch, [_unknown(queued.order, said) for queued in batch], can, None, said.retry_after)

    def _after_words(
        self, said: Heard, can: Capabilities, asked: list[Asked], answers: tuple[Answer, ...] | Silence
    ) -> list[Item]:
        batch = [one.queued for one in asked]
        if isinstance(answers, Silence):
            findings = [_unknown(queued.order, answers) for queued in batch]
            return self._answered(batch, findings, can, said, answers.retry_after)
        findings, surplus = judge([one.order for one in asked], answers)
        if surplus:
            # Nobody can say whose mistake it is. Where asking again is harmless, each is asked again until one stands alone.
            alone = len(batch) == 1 or not can.idempotent
            findings = [Finding(Verdict.DIFFERS if alone else Verdict.UNKNOWN, "answer_surplus")] * len(batch)
        return self._answered(batch, findings, can, said, None)

    def _answered(
        self,
        batch: list[Queued],
        findings: list[Finding],
        can: Capabilities,
        said: Heard | None,
        retry_after: int | None,
    ) -> list[Item]:
        means, now = self.means, self.means.clock()
        evidence, key_id = (said.evidence, said.key_id) if said else (None, None)
        until = now + timedelta(seconds=means.pace.lease_seconds)
        items: list[Item] = []
        for queued, (verdict, reason) in zip(batch, findings, strict=True):
            order = queued.order
            when = None
            if verdict not in FINAL:
                when = retry_at(order, verdict, can, means.pace, now, means.chance(), retry_after)
            items.append(
                Answered(order.exchange_id, order.leg, verdict, reason, evidence, when, means.lease, until, key_id)
            )
        for verdict, n in Counter([finding.verdict for finding in findings]).items():
            means.count(f"orders_{verdict}", self.name, n)
        return items

    # --- without a call

    def _given_up(self, queued: Queued, reason: str) -> Item:
        """To a person, with what is known."""
        order, means = queued.order, self.means
        means.count("given_up", self.name, 1)
        until = means.clock() + timedelta(seconds=means.pace.lease_seconds)
        return Answered(order.exchange_id, order.leg, Verdict.UNKNOWN, reason, None, None, means.lease, until)

    def _aside(self, queued: Queued, can: Capabilities | None, reason: str, now: datetime) -> Item:
        """Not sent now. An order that a crashed process may have sent is unknown, and stays so."""
        order, means = queued.order, self.means
        if asking.is_overdue(order, can, means.pace, now):
            return self._given_up(queued, reason)
        first = max(now, self.breaker.until or now)
        wait = means.pace.breaker_seconds if can is None else asking.jitter(order.attempts, means.pace, means.chance())
        when = first + timedelta(seconds=wait)
        if order.state == SENT:
            until = now + timedelta(seconds=means.pace.lease_seconds)
            return Answered(order.exchange_id, order.leg, Verdict.UNKNOWN, reason, None, when, means.lease, until)
        return Postpone(order.exchange_id, order.leg, means.lease, when)

    async def _set_aside(self, batch: list[Queued], can: Capabilities | None, reason: str) -> None:
        if not batch:
            return
        log.warning("orders.postponed", program=self.name, reason=reason, orders=len(batch))
        self.means.count("postponed", self.name, len(batch))
        now = self.means.clock()
        await self._record(batch, [self._aside(queued, can, reason, now) for queued in batch])

    async def _record(self, batch: list[Queued], items: list[Item]) -> None:
        """Write it down. The orders are let go first: as soon as it is written, a claim may bring them back."""
        self.means.held.difference_update([queued.id for queued in batch])
        await self.means.record(items)

    @staticmethod
    def _emptied(*lines: Line) -> list[Queued]:
        found = [queued for line in lines for queued in line.waiting]
        for line in lines:
            line.waiting.clear()
        return found


def _unknown(order: DueOrder, said: Silence) -> Finding:
    """A look-up that was not answered takes nothing back: what is pending stays pending."""
    kept = Verdict.PENDING if order.state == Verdict.PENDING else Verdict.UNKNOWN
    return Finding(kept, typed(said.reason))
