"""Delivery over real sockets and the real transport: what left this machine is unknown, what did not is not."""

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace

import aiohttp
import pytest
from httpx_aiohttp import AiohttpTransport

from clearing.ledger.items import Answered, Postpone
from clearing.rules.lifecycle import Verdict
from tests.wire.delivery_room import PACE, Room, due, room

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def far_socket(talk: Talk) -> AsyncIterator[tuple[Room, list[bytes]]]:
    """A room whose wire is a loopback socket, and every byte that arrived there."""
    arrived: list[bytes] = []
    ended = asyncio.Event()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        size = next(int(line[15:]) for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        arrived.append(head + await reader.readexactly(size))
        try:
            await talk(reader, writer)
        finally:
            writer.close()
            with suppress(OSError):
                await writer.wait_closed()
            ended.set()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    async with server, room(replace(PACE, call_timeout_seconds=0.5)) as here, aiohttp.ClientSession() as session:
        here.delivery.means.wire.transport = AiohttpTransport(client=session)
        here.endpoint = f"http://127.0.0.1:{port}"
        yield here, arrived
        if arrived:
            await ended.wait()


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Close without a word."""


async def reset(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
    writer.transport.abort()


async def half(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 500\r\n\r\n{")
    await writer.drain()


async def noise(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"\x15\x03\x01 this is not HTTP\r\n\r\n")
    await writer.drain()


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await asyncio.sleep(0.7)


@pytest.mark.parametrize("talk", [hang_up, reset, half, noise, silence])
async def test_once_bytes_have_left_the_outcome_is_unknown(talk: Talk) -> None:
    async with far_socket(talk) as (here, arrived):
        (item,) = await here.send(due())
        assert len(arrived) == 1
        assert isinstance(item, Answered), item
        assert (item.verdict, item.evidence) == (Verdict.UNKNOWN, None)


async def test_where_nobody_listens_nothing_was_sent() -> None:
    async with far_socket(hang_up) as (here, arrived):
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            here.endpoint = f"http://127.0.0.1:{free.getsockname()[1]}"
            (item,) = await here.send(due())
        assert isinstance(item, Postpone)
        assert not arrived


async def test_the_bytes_on_the_socket_are_the_bytes_that_were_signed() -> None:
    async with far_socket(hang_up) as (here, arrived):
        here.points.clear()
        await here.send(due())
        head, _, body = arrived[0].partition(b"\r\n\r\n")
        lines = head.decode().split("\r\n")
        fields = [(name.lower(), value) for name, value in (line.split(": ", 1) for line in lines[1:])]
        names = [name for name, _ in fields]
        assert lines[0] == "POST /v1/operations HTTP/1.1"
        assert len(names) == len(set(names)), "a header came twice"
        said = dict(fields)
        assert said["host"] == here.endpoint.removeprefix("http://")
        assert said["content-type"] == "application/json"
        assert said["accept-encoding"] == "identity"
        assert {"signature", "signature-input", "content-digest", "idempotency-key"} <= set(names)
        assert "cookie" not in said
        assert body.startswith(b'{"operations":[{"id":')
