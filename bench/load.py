"""A lean load: raw sockets kept alive, requests signed and laid out as bytes before the clock starts, one at a time on each."""

import asyncio
import os
import secrets
import socket
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import cast

from clearing.signatures import Message, PrivateKey, sign_request

LIFE_SECONDS = 240  # of a signature
PATIENCE_SECONDS = 120.0  # of a whole measurement


@dataclass(frozen=True, slots=True)
class Prepared:
    """A signed request: as it is sent, and as the answer's signature speaks of it."""

    message: Message
    wire: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    """An answer: its head, its body, and how long it took."""

    request: Prepared
    status: int
    head: bytes
    body: bytes
    seconds: float

    def message(self) -> Message:
        """As its signature speaks of it."""
        lines = [line.partition(":") for line in self.head.decode("latin-1").split("\r\n")[1:]]
        headers = tuple([(name.lower(), value.strip()) for name, _, value in lines])
        sent = self.request.message
        return Message(sent.method, sent.authority, sent.path, sent.query, headers, self.body, self.status)


@dataclass(slots=True)
class Ran:
    """All answers of one measurement, and how long it took from the first byte sent to the last received."""

    seconds: float = 0.0
    cpu_seconds: float = 0.0
    heard: list[Heard] = field(default_factory=list)


def prepared(
    authority: str, path: str, bodies: Sequence[bytes], key: PrivateKey, extra: tuple[tuple[str, str], ...] = ()
) -> list[Prepared]:
    """Sign a POST of each body, each with an idempotency key and a nonce of its own."""
    created = int(time.time())
    return [_prepared(authority, path, body, key, extra, created) for body in bodies]


def _prepared(
    authority: str, path: str, body: bytes, key: PrivateKey, extra: tuple[tuple[str, str], ...], created: int
) -> Prepared:
    lines = (
        ("host", authority),
        ("content-type", "application/json"),
        ("idempotency-key", f'"{secrets.token_hex(16)}"'),
        *extra,
        ("content-length", str(len(body))),
    )
    plain = Message("POST", authority, path, "?", lines, body)
    nonce = secrets.token_urlsafe(18)
    added = sign_request(plain, key, created=created, expires=created + LIFE_SECONDS, nonce=nonce)
    headers = (*lines, *added)
    head = f"POST {path} HTTP/1.1\r\n" + "".join([f"{name}: {value}\r\n" for name, value in headers]) + "\r\n"
    return Prepared(Message("POST", authority, path, "?", headers, body), head.encode("latin-1") + body)


class Caller(asyncio.Protocol):
    """One connection: sends the next request when the last was answered, until there is none."""

    def __init__(self, waiting: Iterator[Prepared], ran: Ran, ended: asyncio.Future[None]) -> None:
        self._waiting, self._ran, self._ended = waiting, ran, ended
        self._transport: asyncio.WriteTransport | None = None
        self._received, self._sent_at = b"", 0.0
        self._request: Prepared | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.WriteTransport", transport)  # uvloop's is one, and does not say so
        transport.get_extra_info("socket").setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def go(self) -> None:
        """Send the next request, or end."""
        self._request = next(self._waiting, None)
        if self._transport is None or self._request is None:
            self._end()
            return
        self._sent_at = time.perf_counter()
        self._transport.write(self._request.wire)

    def data_received(self, data: bytes) -> None:
        self._received += data
        head, found, rest = self._received.partition(b"\r\n\r\n")
        if not found or self._request is None:
            return
        low = head.lower()
        at = low.find(b"content-length:")
        length = int(low[at + 15 :].partition(b"\r\n")[0]) if at >= 0 else 0
        if len(rest) < length:
            return
        took = time.perf_counter() - self._sent_at
        self._ran.heard.append(Heard(self._request, int(head[9:12]), head, rest, took))
        self._received = b""
        self.go()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._ended.done():
            self._ended.set_exception(ConnectionError(f"the house closed a connection: {exc}"))

    def _end(self) -> None:
        if not self._ended.done():
            self._ended.set_result(None)
        if self._transport is not None:
            self._transport.close()


async def send(authority: str, requests: Sequence[Prepared], in_flight: int) -> Ran:
    """Send these requests with so many in flight. The clock starts when all connections are open."""
    loop, ran, waiting = asyncio.get_running_loop(), Ran(), iter(requests)
    host, _, port = authority.rpartition(":")
    callers = []
    for _ in range(min(in_flight, len(requests))):
        ended: asyncio.Future[None] = loop.create_future()
        _, caller = await loop.create_connection(partial(Caller, waiting, ran, ended), host, int(port))
        callers.append((caller, ended))
    cpu, started = sum(os.times()[:2]), time.perf_counter()
    for caller, _ in callers:
        caller.go()
    async with asyncio.timeout(PATIENCE_SECONDS):
        await asyncio.gather(*[ended for _, ended in callers])
    ran.seconds, ran.cpu_seconds = time.perf_counter() - started, sum(os.times()[:2]) - cpu
    return ran
