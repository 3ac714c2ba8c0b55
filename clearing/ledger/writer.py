"""One asyncio writer for one lane, without a timer: it takes whatever queued while the last batch was in flight.

So a batch is one item when the house is idle, and hundreds under load.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, overload
from uuid import UUID

import psycopg
from psycopg import AsyncConnection

from clearing import errors
from clearing.ledger.items import (
    Adjust,
    Answered,
    Cancel,
    Capture,
    Claim,
    Fund,
    Grant,
    Item,
    Lodge,
    Pay,
    Postpone,
    Remember,
    Reserve,
    Resolve,
    Reverse,
    Sent,
    Tick,
    Try,
)
from clearing.ledger.outcomes import (
    Booked,
    Claimed,
    Moved,
    Outcome,
    Reserved,
    Tried,
)
from clearing.ledger.pen import Pen, Sealed, open_pen
from clearing.ledger.write import Result, write_batch
from clearing.rules.refusals import Refusal
from clearing.rules.windows import Window

BATCH_MOST = 512
QUEUE_MOST = 20_000
RECONNECT_MOST = timedelta(seconds=15)
RECONNECT_PAUSE = timedelta(milliseconds=250)

Connect = Callable[[], Awaitable[AsyncConnection[Any]]]


@dataclass(slots=True)
class _Asked:
    """Items that one caller waits for; it is woken once, when the last of them is written."""

    results: list[Result]
    left: int
    future: asyncio.Future[list[Result]]

    def answer(self, place: int, result: Result) -> None:
        self.results[place] = result
        self.left -= 1
        if not self.left and not self.future.done():  # done: whoever asked has gone
            self.future.set_result(self.results)


class Writer:
    """The only way into a lane's books from this process.

    `connect` opens the writer's own connection; `clock`, `salts` (32 random bytes each) and `points` (named steps for the crash
    harness) enter here and are passed down; a batch is refused while the clock differs from the database's by more than
    `clock_difference_max`. `calendar` is the one to begin with: a lane that goes by a later version says so, and it is read. `sealed` is
    told of each window that this writer seals. Several processes may write one lane: the lane's row is the lock between them.
    """

    def __init__(
        self,
        connect: Connect,
        lane: int,
        *,
        clock: Callable[[], datetime],
        salts: Callable[[], bytes],
        calendar: Sequence[Window],
        writer_id: UUID,
        points: Callable[[str], None] = lambda _name: None,
        queue_most: int = QUEUE_MOST,
        clock_difference_max: timedelta | None = None,
        sealed: Callable[[Sealed], None] = lambda _sealed: None,
    ) -> None:
        self.lane = lane
        self.batches = self.items = 0  # for metrics
        self._connect = connect
        self._parts = (calendar, clock, salts, points, writer_id, clock_difference_max, sealed)
        self._queue: deque[tuple[Item, _Asked, int]] = deque()
        self._queue_most = queue_most
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._pen: Pen | None = None
        self._stopping = False

    @property
    def waiting(self) -> int:
        """How many items wait for the next batch."""
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """Whether the writer runs."""
        return self._task is not None and not self._task.done()

    async def start(self) -> None:
        """Connect and begin. Raises what the connection raises."""
        self._pen = await self._new_pen()
        self._task = asyncio.create_task(self._run(), name=f"lane-{self.lane}-writer")

    async def stop(self) -> None:
        """Write what is queued, and end."""
        self._stopping = True
        self._wake.set()
        if self._task is not None:
            await self._task
        if self._pen is not None:
            await self._pen.pipeline.close()

    @overload
    async def put(self, item: Remember | Grant | Fund | Tick) -> None: ...
    @overload
    async def put(self, item: Reserve | Reverse) -> Reserved | Refusal: ...
    @overload
    async def put(self, item: Try) -> Tried: ...
    @overload
    async def put(self, item: Capture | Cancel | Resolve) -> Moved | Refusal: ...
    @overload
    async def put(self, item: Answered | Sent | Postpone) -> Moved: ...
    @overload
    async def put(self, item: Claim) -> Claimed: ...
    @overload
    async def put(self, item: Adjust | Pay | Lodge) -> Booked | Refusal: ...
    async def put(self, item: Item) -> Outcome:
        """Write one item with the next batch. Raises Overloaded, and whatever misuse the decision found."""
        (result,) = await self._asked([item])
        if isinstance(result, errors.ClearingError):
            raise result
        return result

    async def put_all(self, items: Iterable[Item]) -> list[Outcome | errors.ClearingError]:
        """Write these items, side by side with whatever else waits; one result for each, misuse as the exception itself."""
        wanted = list(items)
        return await self._asked(wanted) if wanted else []

    def _asked(self, items: list[Item]) -> asyncio.Future[list[Result]]:
        """Queue all of them or none: half a call's answers would be repeated with the other half."""
        if self._stopping or len(self._queue) + len(items) > self._queue_most:
            raise errors.Overloaded(retry_after=1)
        asked = _Asked([None] * len(items), len(items), asyncio.get_running_loop().create_future())
        self._queue.extend((item, asked, place) for place, item in enumerate(items))
        self._wake.set()
        return asked.future

    async def _run(self) -> None:
        while True:
            if not self._queue:
                if self._stopping:
                    return
                self._wake.clear()
                await self._wake.wait()
                continue
            batch = [self._queue.popleft() for _ in range(min(BATCH_MOST, len(self._queue)))]
            results = await self._write([item for item, _, _ in batch])
            for (_, asked, place), result in zip(batch, results, strict=True):
                asked.answer(place, result)

    async def _write(self, items: list[Item]) -> list[Result]:
        """Write a batch; one that aborts is written again by halves until the culprit stands alone."""
        try:
            results = await self._write_surely(items)
        except errors.Unavailable as reason:
            return [reason] * len(items)
        except Exception as reason:  # noqa: BLE001 - whatever it was, it must cost its own item only
            if len(items) == 1:
                return [errors.ItemRejected(f"{type(reason).__name__} while writing; nothing was kept")]
            half = len(items) // 2
            return [*await self._write(items[:half]), *await self._write(items[half:])]
        self.batches += 1
        self.items += len(items)
        return results

    async def _write_surely(self, items: list[Item]) -> list[Result]:
        """Write a batch again while the connection fails. A commit whose outcome is unknown is repeated without harm:
        a nonce knows the request that used it, an exchange its key, an order its answer.
        """
        loop = asyncio.get_running_loop()
        until = loop.time() + RECONNECT_MOST.total_seconds()
        while loop.time() < until:
            try:
                if self._pen is None:
                    self._pen = await self._new_pen()
                return await write_batch(self._pen, items)
            except psycopg.OperationalError as reason:
                await self._drop_pen()
                if isinstance(reason, psycopg.errors.ProgramLimitExceeded):
                    raise  # an item too large for an index, not a connection that failed
                await asyncio.sleep(RECONNECT_PAUSE.total_seconds())
            except BaseException:
                await self._drop_pen()  # a pipeline that failed half way is not worth mending
                raise
        raise errors.ReplayStoreUnavailable(retry_after=5)

    async def _drop_pen(self) -> None:
        if self._pen is not None:
            pen, self._pen = self._pen, None
            await pen.pipeline.close()

    async def _new_pen(self) -> Pen:
        calendar, clock, salts, points, writer_id, most, sealed = self._parts
        return await open_pen(
            await self._connect(),
            self.lane,
            calendar=calendar,
            clock=clock,
            salts=salts,
            points=points,
            writer=writer_id,
            clock_difference_max=most,
            sealed=sealed,
        )
