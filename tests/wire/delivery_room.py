"""What the tests of delivery stand on: books that follow a script, a program behind the wire that signs with a key of its own."""

import asyncio
import hashlib
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import httpx
import orjson

from adapters.house_json import ADAPTER
from clearing import errors, signatures
from clearing.adapter import Adapter, Capabilities
from clearing.delivery import Delivery
from clearing.ledger.items import (
    Answered,
    Claim,
    Item,
    Postpone,
    Sent,
)
from clearing.ledger.outcomes import Claimed, DueOrder, Moved, Outcome
from clearing.pace import Pace
from clearing.partners import Directory, KeyRow, Program
from clearing.rules.lifecycle import Leg, Operation, State, Verdict, order_id
from clearing.signatures import Message, PrivateKey
from tests import canary

NOW = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
HOUSE = PrivateKey.generate(bytes(range(32)))
AIRLINE = PrivateKey.generate(bytes(range(1, 33)))
STRANGER = PrivateKey.generate(bytes(range(2, 34)))
ENDPOINT = "http://airline.test:8701"
CANARY = canary.NUMBER

_numbers = count(1)


class Clock:
    """Stands still unless told."""

    def __init__(self) -> None:
        self.at = NOW

    def __call__(self) -> datetime:
        return self.at

    def advance(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


class Dice:
    """Bytes that differ each time and are the same in every run."""

    def __init__(self) -> None:
        self.thrown = 0

    def __call__(self, size: int) -> bytes:
        self.thrown += 1
        return hashlib.shake_128(self.thrown.to_bytes(8, "big")).digest(size)


def due(**changes: Any) -> DueOrder:
    """An order that waits to be sent for the first time."""
    row: dict[str, Any] = {
        "exchange_id": UUID(int=next(_numbers)),
        "leg": Leg.GIVE,
        "operation": Operation.CREDIT,
        "program": "airline",
        "account": UUID(int=7),
        "amount": 1_000,
        "refers": None,
        "attempts": 0,
        "created_at": NOW,
        "sent_at": None,
        "state": "waiting",
    }
    return DueOrder(**(row | changes))


def asked_before(state: str, *, ago: float = 1, **changes: Any) -> DueOrder:
    """An order that was asked `ago` seconds before."""
    at = NOW - timedelta(seconds=ago)
    return due(**({"state": state, "attempts": 1, "created_at": at, "sent_at": at} | changes))


def id_of(order: DueOrder) -> str:
    return order_id(order.exchange_id.hex, order.leg)


Script = Callable[[Item], Outcome | errors.ClearingError]


class Books:
    """A writer that keeps what it is given and answers as a ledger would in the simplest case, unless `script` says otherwise."""

    def __init__(self) -> None:
        self.items: list[Item] = []
        self.batches: list[list[Item]] = []
        self.claimable: deque[DueOrder] = deque()
        self.orders: dict[tuple[UUID, Leg], DueOrder] = {}
        self.full = 0
        self.script: Script = self.usual
        self.written = asyncio.Event()

    async def put_all(self, items: Iterable[Item]) -> Sequence[Outcome | errors.ClearingError]:
        batch = list(items)
        await asyncio.sleep(0)
        if self.full:
            self.full -= 1
            raise errors.Overloaded
        outcomes = [self.script(item) for item in batch]
        if not isinstance(batch[0], Claim):
            self.items += batch
            self.batches.append(batch)
            self.written.set()
        return outcomes

    def usual(self, item: Item) -> Outcome | errors.ClearingError:
        match item:
            case Answered(verdict=Verdict.DONE):
                return Moved(item.exchange_id, State.COMPLETED)
            case Answered(verdict=Verdict.DECLINED):
                return Moved(item.exchange_id, State.REVERSED)
            case Answered(retry_at=None):
                return Moved(item.exchange_id, State.REVIEW)
            case Sent():
                return Moved(item.exchange_id, State.RESERVED, (due(exchange_id=item.exchange_id, leg=item.leg),))
            case Answered() | Postpone():
                return Moved(item.exchange_id, State.UNKNOWN)
            case Claim():
                taken = [self.claimable.popleft() for _ in range(min(item.limit, len(self.claimable)))]
                return Claimed(tuple(taken))
            case _:
                return None

    @property
    def answered(self) -> list[Answered]:
        return [item for item in self.items if isinstance(item, Answered)]

    @property
    def postponed(self) -> list[Postpone]:
        return [item for item in self.items if isinstance(item, Postpone)]

    async def until(self, number: int, seconds: float = 5.0) -> list[Item]:
        """Wait until so many items were written."""
        async with asyncio.timeout(seconds):
            while len(self.items) < number:
                self.written.clear()
                await self.written.wait()
        return self.items


class Body(httpx.AsyncByteStream):
    """A body as a socket gives it: in pieces, once."""

    def __init__(self, body: bytes, piece: int = 65_536, pause: float = 0) -> None:
        self.body, self.piece, self.pause = body, piece, pause

    async def __aiter__(self) -> AsyncIterator[bytes]:
        for start in range(0, len(self.body), self.piece):
            if self.pause:
                await asyncio.sleep(self.pause)
            yield self.body[start : start + self.piece]


Rows = list[dict[str, Any]]
Answerer = Callable[[httpx.Request], Awaitable[httpx.Response]]


@dataclass
class FarSide:
    """A program: checks our signature, answers every operation as `say` would have it, and signs that with `key`."""

    say: Callable[[Rows], Rows] = lambda rows: [row | {"result": "done"} for row in rows]
    key: PrivateKey = AIRLINE
    signs: bool = True
    faults: list[Any] = field(
        default_factory=list
    )  # for the next requests: an exception to raise, or an Answerer; None: no fault
    requests: list[httpx.Request] = field(default_factory=list)
    batches: list[Rows] = field(default_factory=list)
    nonces: set[str] = field(default_factory=set)
    pause: float = 0
    now: Callable[[], datetime] = lambda: NOW

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        if self.signs:
            self._believe(request)
        if request.method == "POST" and "operations" in request.url.path:
            self.batches.append(orjson.loads(request.content)["operations"])
        if self.pause:
            await asyncio.sleep(self.pause)
        fault = self.faults.pop(0) if self.faults else None
        if isinstance(fault, BaseException):
            raise fault
        if fault is not None:
            answer: httpx.Response = await fault(request)
            return answer
        return self.usual(request)

    def usual(self, request: httpx.Request) -> httpx.Response:
        if request.method == "GET":
            return self.reply(request, 404, {"code": "operation_unknown", "id": request.url.path.rpartition("/")[2]})
        if "members" in request.url.path:
            account = orjson.loads(request.content)["account"]
            return self.reply(
                request, 200, {"account": account, "status": "active", "name_match": "match", "tier": "gold"}
            )
        rows = [
            {name: row[name] for name in row if name != "refers"} for row in orjson.loads(request.content)["operations"]
        ]
        return self.reply(request, 200, {"operations": self.say(rows)})

    def reply(
        self, request: httpx.Request, status: int, value: object, *, sign: bool = True, body: Body | None = None
    ) -> httpx.Response:
        raw = value if isinstance(value, bytes) else orjson.dumps(value)
        headers = [("content-type", "application/json")]
        if self.signs and sign:
            at = int(self.now().timestamp())
            headers += signatures.sign_response(
                message_of(request), status, headers, raw, self.key, created=at, expires=at + 60
            )
        return httpx.Response(status, headers=headers, stream=body or Body(raw))

    def _believe(self, request: httpx.Request) -> None:
        message = message_of(request)
        at = int(self.now().timestamp())
        presented = signatures.present(message, now=at, authorities=frozenset({"airline.test:8701"}))
        signatures.confirm(presented, HOUSE.public, message)
        assert presented.expires - presented.created == 120
        assert presented.nonce not in self.nonces, "a nonce was used twice"
        self.nonces.add(presented.nonce)


def message_of(request: httpx.Request) -> Message:
    headers = tuple([(name.decode().lower(), value.decode()) for name, value in request.headers.raw])
    path, _, query = request.url.raw_path.decode().partition("?")
    return Message(request.method, dict(headers)["host"], path, f"?{query}", headers, request.content)


@dataclass(frozen=True)
class Proof:
    """Evidence enough for these tests."""

    evidence_id: UUID
    key_id: str


def can(**changes: Any) -> Capabilities:
    row = {
        "hold_seconds": 900,
        "idempotent": True,
        "look_up": True,
        "reversal": True,
        "batch": 100,
        "longest_seconds": 60,
    }
    return Capabilities(**(row | changes))


PACE = Pace(
    lease_seconds=60,
    poll_seconds=30,
    rest_seconds=0.001,
    call_timeout_seconds=0.2,
    connect_timeout_seconds=0.1,
    backoff_first_seconds=1,
    backoff_most_seconds=30,
    breaker_failures=3,
    breaker_seconds=5,
    patience_factor=2,
    patience_margin_seconds=100,
    calls_at_once=1,
)


class Room:
    """A delivery with everything around it in sight."""

    def __init__(self, pace: Pace = PACE, adapter: Adapter = ADAPTER, **capabilities: Any) -> None:
        self.clock, self.dice, self.books, self.far = Clock(), Dice(), Books(), FarSide()
        self.far.now = self.clock
        self.capabilities = can(**capabilities)
        self.far.signs = self.capabilities.signed
        self.points: list[str] = []
        self.counts: dict[str, int] = {}
        self.sealed: list[tuple[Any, ...]] = []
        self.keys = {AIRLINE.public.key_id: key_row(AIRLINE)}
        self.endpoint = ENDPOINT
        self.delivery = Delivery(
            self.books,
            programs=self.directory,
            keys=self.key,
            adapters={"house_json": adapter},
            transport=httpx.MockTransport(self.far),
            house_key=HOUSE,
            seal=self.seal,
            clock=self.clock,
            random=self.dice,
            points=self.points.append,
            count=self.count,
            pace=pace,
        )

    async def directory(self) -> Directory:
        row = Program("airline", 1, "air", 1, "Airline", "MILES", "house_json", self.endpoint, self.capabilities)
        return Directory({}, {"airline": row}, {}, {})

    async def key(self, key_id: str) -> KeyRow | None:
        return self.keys.get(key_id)

    def seal(self, asked: Any, request: Any, answered: Any, answer: Any) -> Any:
        self.sealed.append((asked, request, answered, answer))
        return Proof(UUID(int=len(self.sealed)), asked.key_id)

    def count(self, name: str, program: str, number: int) -> None:
        self.counts[name] = self.counts.get(name, 0) + number

    async def send(self, *orders: DueOrder) -> list[Item]:
        """Hand these over and wait until something was written of each."""
        self.delivery.hand_over(orders)
        return await self.books.until(len(orders))


def key_row(key: PrivateKey, **changes: Any) -> KeyRow:
    row: dict[str, Any] = {
        "public": key.public,
        "partner": "air",
        "purpose": "answers",
        "environment": "sandbox",
        "registered_at": NOW,
        "not_before": NOW - timedelta(days=1),
        "expires_at": None,
        "revoked_at": None,
        "compromised_since": None,
    }
    return KeyRow(**(row | changes))


@asynccontextmanager
async def room(pace: Pace = PACE, adapter: Adapter = ADAPTER, **capabilities: Any) -> AsyncIterator[Room]:
    """A room that is left tidy: nothing runs on."""
    made = Room(pace, adapter, **capabilities)
    try:
        yield made
        assert not canary.shown(repr((made.books.items, made.points, made.counts)))
    finally:
        await made.delivery.stop()
