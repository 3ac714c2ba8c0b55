"""Delivery as the front knows it: orders go in, the ledger hears what became of them, and whoever waits for an end is told.

The pump claims what is due: our own repeats, orders nobody sent, leases of processes that died. Between claims it sleeps until the next
poll or until one of our own repeats falls due, whichever is first, and never less than a short rest.
"""

import asyncio
import heapq
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeGuard
from uuid import UUID

import httpx
import structlog

from clearing import errors
from clearing.adapter import Adapter, Lot, Member, ReportsLots
from clearing.delivery import asking
from clearing.delivery.asking import SENT
from clearing.delivery.breaker import Admission
from clearing.delivery.desk import Desk, Means, Outcomes, Queued
from clearing.delivery.wire import KeyOf, Seal, Silence, Wire
from clearing.ledger.items import Answered, Claim, Item, Postpone
from clearing.ledger.outcomes import Claimed, DueOrder, Moved
from clearing.pace import Pace
from clearing.partners import Directory
from clearing.rules.lifecycle import TERMINAL, State, Verdict, order_id
from clearing.signatures import PrivateKey

ENDED = TERMINAL | {State.REVIEW}
NOT_RECORDED = "not_recorded"
"""Nothing more will happen soon: whoever waits is told."""

REMEMBERED_RETRIES_MAX = 10_000  # beyond that the poll finds them
TIMER_SLACK_SECONDS = 0.005  # a timer may ring a little early, and the ledger has a clock of its own

log = structlog.get_logger("clearing.delivery")


class Books(Protocol):
    """The writer of the ledger: one outcome for each item, misuse as the exception itself. Raises errors.Overloaded when it is full."""

    async def put_all(self, items: Iterable[Item], /) -> Outcomes: ...


class Delivery:
    """Sends orders and asks again. Everything that is not a plain function enters by name: clock, randomness, transport, books."""

    def __init__(
        self,
        writer: Books,
        *,
        programs: Callable[[], Awaitable[Directory]],
        keys: KeyOf,
        adapters: Mapping[str, Adapter],
        transport: httpx.AsyncBaseTransport,
        house_key: PrivateKey,
        seal: Seal,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        points: Callable[[str], None] = lambda _name: None,
        count: Callable[[str, str, int], None] = lambda _name, _program, _n: None,
        secrets: Callable[[str], Mapping[str, str]] = lambda _program: {},
        pace: Pace | None = None,
    ) -> None:
        self.writer, self.clock, self.points, self.count = writer, clock, points, count
        self.pace = pace or Pace()
        self.lease = UUID(bytes=random(16), version=4)
        self.desks: dict[str, Desk] = {}
        wire = Wire(transport, keys, house_key, seal, clock, random, points, self.pace)
        self.means = Means(
            wire=wire,
            directory=programs,
            adapters=adapters,
            secrets=secrets,
            pace=self.pace,
            clock=clock,
            random=random,
            points=points,
            count=count,
            lease=self.lease,
            held=set(),
            write=self._write,
            record=self._record,
            spawn=self._spawn,
        )
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiters: dict[UUID, list[asyncio.Future[Moved | None]]] = {}
        self._retries: list[float] = []  # when our own repeats fall due, on the clock of the event loop
        self._sooner = asyncio.Event()
        self._pump_task: asyncio.Task[None] | None = None
        self._stopping = False

    @property
    def waiting(self) -> dict[str, int]:
        """How many orders wait for each program."""
        return {name: desk.waiting for name, desk in self.desks.items()}

    @property
    def alive(self) -> bool:
        """Whether the pump runs."""
        return self._pump_task is not None and not self._pump_task.done()

    async def start(self) -> None:
        """Begin to claim what is due."""
        self._pump_task = asyncio.create_task(self._pump(), name="delivery-pump")

    async def stop(self) -> None:
        """Claim no more, hear out the calls under way for a while, and give back what was not sent. The writer must still run."""
        self._stopping = True
        if self._pump_task is not None:
            self._pump_task.cancel()
            await asyncio.gather(self._pump_task, return_exceptions=True)
        unsent = [queued for desk in self.desks.values() for queued in desk.close()]
        if self._tasks:
            _, late = await asyncio.wait(set(self._tasks), timeout=self.pace.stop_seconds)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
        with suppress(errors.ClearingError):  # leases lapse, so giving back only saves time
            await self._give_back(unsent)
        for waiters in list(self._waiters.values()):
            for future in waiters:
                _over(future)

    # --- in

    def hand_over(self, orders: Iterable[DueOrder]) -> None:
        """Take orders that were just leased to `lease`. Never blocks; what finds no room comes back when its lease lapses."""
        until = asyncio.get_running_loop().time() + self.pace.lease_seconds - self.pace.call_timeout_seconds
        touched = {}
        held = self.means.held
        for order in orders:
            queued = Queued(order_id(order.exchange_id.hex, order.leg), order, until)
            if queued.id in held:
                continue
            desk = self._desk(order.program)
            if desk.accept(queued):
                held.add(queued.id)
                touched[order.program] = desk
            else:
                self.count("no_room", order.program, 1)
        for desk in touched.values():
            desk.kick()

    def moved(self, outcome: Moved) -> None:
        """Follow up an outcome of the ledger, whoever asked for it: send what is due, tell who waits for the end."""
        if outcome.due:
            self.hand_over(outcome.due)
        if outcome.state in ENDED and outcome.exchange_id in self._waiters:
            self._tell(outcome)

    async def ended(self, exchange_id: UUID, seconds: float) -> Moved | None:
        """How the exchange ended (completed, reversed, or with a person: review); None when the time was over first.

        Call it in the same turn as `hand_over`, with no await between: an end before that is not remembered.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Moved | None] = loop.create_future()
        waiters = self._waiters.setdefault(exchange_id, [])
        waiters.append(future)
        alarm = loop.call_later(seconds, _over, future)
        try:
            return await future
        finally:
            alarm.cancel()
            waiters.remove(future)
            if not waiters and self._waiters.get(exchange_id) is waiters:
                del self._waiters[exchange_id]

    async def look_up_member(self, program: str, account: UUID | str, member: str, name: str | None) -> Member:
        """What the program says of a member. Raises errors.ProgramUnavailable; whatever failed, the member is not named."""
        found = (await self.means.directory()).programs.get(program)
        adapter = None if found is None else self.means.adapters.get(found.adapter)
        if found is None or adapter is None:
            raise errors.ProgramUnavailable("no such program is reached from here")
        desk = self._desk(program)
        if desk.breaker.admit() is not Admission.GO:
            raise errors.ProgramUnavailable(retry_after=max(1, round(self.pace.breaker_seconds)))
        try:
            call = adapter.member_call(str(account), member, name, found.endpoint, self.means.secrets(program))
            said = await desk.asked(found, call)
            known = said if isinstance(said, Silence) else adapter.member(call, said.reply)
        except BaseException as reason:
            desk.breaker.unused()
            if not isinstance(reason, Exception):
                raise
            # A dialect's error could quote the member, so its text and its trace end here.
            raise errors.ProgramUnavailable("the program's answer cannot be read") from None
        finally:
            desk.kick()  # if this call was the one that found out, others may follow
        if isinstance(known, Silence):
            raise errors.ProgramUnavailable(retry_after=known.retry_after)
        return known

    async def look_up_lots(self, program: str, account: UUID | str) -> tuple[Lot, ...]:
        """A member's lots, oldest first, by the token alone. Raises errors.ProgramUnavailable, also for a dialect without them.

        A program that is left alone is not asked. How this call goes says nothing about orders: the breaker does not hear of it.
        """
        found = (await self.means.directory()).programs.get(program)
        adapter: object = None if found is None else self.means.adapters.get(found.adapter)
        if found is None or not isinstance(adapter, ReportsLots):
            raise errors.ProgramUnavailable("no lots are told from there")
        if self._desk(program).breaker.until is not None:
            raise errors.ProgramUnavailable(retry_after=max(1, round(self.pace.breaker_seconds)))
        self.count("calls", program, 1)
        try:
            call = adapter.lots_call(str(account), found.endpoint, self.means.secrets(program))
            said = await self.means.wire.ask(found, call)
            lots = said if isinstance(said, Silence) else adapter.lots(call, said.reply)
        except Exception:  # noqa: BLE001 - whatever a dialect raises could quote the member; its text and its trace end here
            raise errors.ProgramUnavailable("the program's answer cannot be read") from None
        if isinstance(lots, Silence):
            self.count("silences", program, 1)
            raise errors.ProgramUnavailable(retry_after=lots.retry_after)
        return lots

    # --- out

    async def _record(self, items: Sequence[Item]) -> None:
        """Write items and follow up what came of them."""
        if not items:
            return
        self.points("deliver.before_record")
        outcomes = await self._write(items)
        self.points("deliver.recorded")
        due: list[DueOrder] = []
        for item, outcome in zip(items, outcomes, strict=True):
            if not isinstance(outcome, Moved):
                continue
            due += outcome.due
            if isinstance(item, Answered | Postpone) and item.retry_at is not None:
                self._remind(item.retry_at)
            if outcome.state in ENDED and outcome.exchange_id in self._waiters:
                self._tell(outcome)
        self.hand_over(due)
        self.points("deliver.queued")
        heard = zip(items, outcomes, strict=True)
        await self._record([_to_a_person(item) for item, outcome in heard if _unwritten(item, outcome)])

    async def _write(self, items: Sequence[Item]) -> Outcomes:
        """Put items into the books. While those are overloaded what was heard is kept, as long as the leases last."""
        loop = asyncio.get_running_loop()
        results: list[Any] = [None] * len(items)
        left, tries, over = list(range(len(items))), 0, loop.time() + self.pace.lease_seconds
        while True:
            try:
                outcomes: Outcomes = await self.writer.put_all([items[place] for place in left])
            except errors.Unavailable as full:
                outcomes = [full] * len(left)
            for place, outcome in zip(left, outcomes, strict=True):
                results[place] = outcome
            left = [place for place in left if isinstance(results[place], errors.Unavailable)]
            if not left or loop.time() > over:
                break
            await asyncio.sleep(max(self.pace.rest_seconds, asking.jitter(tries, self.pace, self.means.chance())))
            tries += 1
        refused = [result.code for result in results if isinstance(result, errors.ClearingError)]
        if refused:
            log.error("items.refused", codes=sorted(set(refused)), items=len(refused))
            self.count("items_refused", "", len(refused))
        return results

    async def _give_back(self, unsent: Sequence[Queued]) -> None:
        now = self.clock()
        items = [
            Postpone(queued.order.exchange_id, queued.order.leg, self.lease, now)
            for queued in unsent
            if queued.order.state != SENT
        ]
        if items:
            await self.writer.put_all(items)

    def _tell(self, outcome: Moved) -> None:
        for future in self._waiters.pop(outcome.exchange_id, ()):
            if not future.done():
                future.set_result(outcome)

    def _desk(self, program: str) -> Desk:
        desk = self.desks.get(program)
        if desk is None:
            desk = self.desks[program] = Desk(program, self.means)
        return desk

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    # --- the pump

    async def _pump(self) -> None:
        while not self._stopping:
            started = asyncio.get_running_loop().time()
            more = False
            try:
                more = await self._claimed()
            except Exception as reason:  # noqa: BLE001 - the pump outlives whatever the database does
                log.warning("claim.failed", error=type(reason).__name__)
                self.count("claim_failed", "", 1)
            await self._rest(started, more=more)

    async def _claimed(self) -> bool:
        """Claim what is due, as much as there is room for. True: there may be more."""
        room = self.pace.queue_orders_max - sum(desk.waiting for desk in self.desks.values())
        limit = min(self.pace.claim_orders_max, room)
        if limit <= 0:
            return False
        until = self.clock() + timedelta(seconds=self.pace.lease_seconds)
        (outcome,) = await self.writer.put_all([Claim(self.lease, until, limit)])
        if isinstance(outcome, errors.ClearingError):
            raise outcome
        if not isinstance(outcome, Claimed) or not outcome.due:
            return False
        self.points("deliver.claimed")
        self.count("claimed", "", len(outcome.due))
        self.hand_over(outcome.due)
        return len(outcome.due) >= limit

    async def _rest(self, started: float, *, more: bool) -> None:
        """Until the poll, or until a repeat of our own is due; at least a short rest, so that nothing makes the pump spin."""
        loop = asyncio.get_running_loop()
        shortest = started + self.pace.rest_seconds
        while True:
            until = shortest if more else started + self.pace.poll_seconds
            if self._retries:
                until = min(until, self._retries[0])
            left = max(until, shortest) - loop.time()
            if left <= 0:
                break
            self._sooner.clear()
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    await self._sooner.wait()
        while self._retries and self._retries[0] <= loop.time():
            heapq.heappop(self._retries)

    def _remind(self, retry_at: datetime) -> None:
        """Claim when this instant has come, not only at the next poll."""
        if len(self._retries) >= REMEMBERED_RETRIES_MAX:
            return
        due = asyncio.get_running_loop().time() + (retry_at - self.clock()).total_seconds() + TIMER_SLACK_SECONDS
        heapq.heappush(self._retries, due)
        if self._retries[0] == due:
            self._sooner.set()


def _unwritten(item: Item, outcome: object) -> TypeGuard[Answered]:
    """Whether the books could not take what was heard: asking again would only bring the same back."""
    return isinstance(outcome, errors.ItemRejected) and isinstance(item, Answered) and item.reason != NOT_RECORDED


def _to_a_person(item: Answered) -> Answered:
    return replace(item, verdict=Verdict.UNKNOWN, reason=NOT_RECORDED, evidence=None, key_id=None, retry_at=None)


def _over(future: asyncio.Future[Moved | None]) -> None:
    if not future.done():
        future.set_result(None)
