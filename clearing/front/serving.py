"""The two long-running processes: the API with delivery, and delivery alone."""

import asyncio
import gc
import signal
import socket
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import uvicorn
import uvloop
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from clearing import errors
from clearing.front import jobs, logs, problems, sources, wiring
from clearing.front.app import Threshold, create_app, create_lookout
from clearing.front.house import House
from clearing.front.settings import Settings

KEEP_ALIVE_SECONDS = 75
SHUTDOWN_SECONDS = 10
COLLECT_AFTER = (50_000, 20, 50)


def listen(settings: Settings) -> socket.socket:
    """The open socket. Raises errors.Misconfigured."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((settings.host, settings.port))
    except OSError as reason:
        listener.close()
        raise errors.Misconfigured(f"cannot listen on {settings.host}:{settings.port}: {reason.strerror}") from None
    listener.listen(2048)
    return listener


def serve(settings: Settings) -> None:
    """Serve until told to stop. With the embedded database the schema is brought to the newest revision first."""
    with listen(settings) as listener, wiring.database_of(settings) as url:
        bound = settings.model_copy(update={"port": listener.getsockname()[1]})
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(_serve(bound, url, listener))


async def _serve(settings: Settings, url: str, listener: socket.socket) -> None:
    async with wiring.open_house(settings, url, migrates=settings.embedded) as house, jobs.scheduled(house, url):
        _settle_memory()
        server = Attended(config(house))
        for number in (signal.SIGINT, signal.SIGTERM):
            asyncio.get_running_loop().add_signal_handler(number, server.leave)
        logs.log().info("serving", host=settings.host, port=settings.port, environment=settings.environment)
        await server.serve(sockets=[listener])
    logs.flush()


def _settle_memory() -> None:
    """What is loaded by now stays for good, and requests make little that needs a cycle collector: let it look up rarely."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(*COLLECT_AFTER)


class PlainSpoken(HttpToolsProtocol):
    """uvicorn's HTTP, with a problem document for what it cannot read as HTTP at all."""

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - what uvicorn would have said
        """Say so, and hang up."""
        problem = problems.of_error(errors.RequestMalformed("this is not HTTP/1.1"))
        body = problem.document(sources.trace_id())
        lines = ["HTTP/1.1 400 Bad Request", f"content-type: {problems.MEDIA}", f"content-length: {len(body)}"]
        self.transport.write("\r\n".join([*lines, "connection: close", "", ""]).encode() + body)
        self.transport.close()


def config(house: House) -> uvicorn.Config:
    """How uvicorn serves the house."""
    return _config(Threshold(create_app(house)))


def _config(app: Any) -> uvicorn.Config:
    """No access log of uvicorn's own, no headers that say more than they must."""
    return uvicorn.Config(
        app,
        loop="none",
        http=PlainSpoken,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )


class Attended(uvicorn.Server):
    """A server that leaves signals alone: uvicorn would raise them again when it has stopped, and end the process before the house is
    closed: calls under way not heard out, what was leased not given back.
    """

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave them alone."""
        yield

    def leave(self) -> None:
        """Stop, once what was asked is answered."""
        self.should_exit = True


@asynccontextmanager
async def _watched(house: House, settings: Settings) -> AsyncIterator[None]:
    """Health and metrics on a port of their own, where one is given, for as long as the worker delivers."""
    told = {"environment": settings.environment}
    if settings.metrics_port is None:
        logs.log().info("delivering", **told)
        yield
        return
    with listen(settings.model_copy(update={"port": settings.metrics_port})) as listener:
        server = Attended(_config(create_lookout(house)))
        serving = asyncio.create_task(server.serve(sockets=[listener]), name="lookout")
        logs.log().info("delivering", host=settings.host, port=listener.getsockname()[1], **told)
        try:
            yield
        finally:
            server.leave()
            await serving


async def work(settings: Settings) -> None:
    """Deliver until told to stop."""
    stop = asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    with wiring.database_of(settings) as url:
        async with (
            wiring.open_house(settings, url, migrates=settings.embedded) as house,
            jobs.scheduled(house, url),
            _watched(house, settings),
        ):
            await stop.wait()
    logs.flush()
