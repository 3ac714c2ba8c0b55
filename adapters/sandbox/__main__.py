"""Start one sandbox program; see the package for how."""

import argparse
import asyncio
import json
import logging
import os
import socket
import sys
from pathlib import Path

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from adapters.sandbox.app import Program, make_app, watch_time
from adapters.sandbox.books import Books
from adapters.sandbox.faults import script
from adapters.sandbox.trust import Trust
from adapters.sandbox.words import AMOUNT_HIGHEST, Terms
from clearing.client import PrivateKey

MISTAKES = ("newest_first", "release_anew", "reverse_anew")


class Protocol(HttpToolsProtocol):
    """uvicorn's own, which also shows the app its transport, so that a fault can cut the connection."""

    def on_message_begin(self) -> None:
        """Begin a request as always, and put the transport beside it."""
        super().on_message_begin()
        self.scope["sandbox.transport"] = self.transport  # type: ignore[typeddict-unknown-key]


def main(arguments: list[str] | None = None) -> None:
    """Read the options, start, say where, serve until told to stop."""
    options = _options().parse_args(arguments)
    listener = _listen(options.host, options.port)
    host, port = listener.getsockname()[:2]
    authority = f"{host}:{port}"
    authorities = frozenset({authority, f"localhost:{port}", *options.authority})
    key = _key(Path(options.key))
    trust = Trust(key, PrivateKey.generate(os.urandom(32)), options.house_jwks, authorities)
    store = Path(options.store)
    store.mkdir(parents=True, exist_ok=True)
    books = Books(store / f"{options.program}.db", _terms(options))
    program = Program(books, trust, options.silence_seconds, options.slow_seconds)
    books.begin(program.now())
    for text in options.fault:
        operation, _, rest = text.partition(":")
        fault, _, times = rest.partition(":")
        program.aim.scripts.append(script(fault, operation if operation != "*" else None, times=int(times or 1)))
    ready = {
        "program": options.program,
        "unit": options.unit,
        "url": f"http://{authority}",
        "jwk": trust.jwk,
        "pid": os.getpid(),
    }
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s %(message)s")
    config = uvicorn.Config(
        make_app(program),
        http=Protocol,
        loop="uvloop" if sys.platform != "win32" else "asyncio",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=False,
        timeout_keep_alive=120,
        timeout_graceful_shutdown=1,
    )
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(_serve(uvicorn.Server(config), listener, program, json.dumps(ready)))
    books.close()


async def _serve(server: uvicorn.Server, listener: socket.socket, program: Program, ready: str) -> None:
    """Serve; the line is written once connections are taken, by which time the listener has long been open."""
    sys.stdout.write(ready + "\n")
    sys.stdout.flush()
    clock = asyncio.create_task(watch_time(program, lambda: server.should_exit, asyncio.sleep))
    await server.serve(sockets=[listener])
    await clock


def _listen(host: str, port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    listener.bind((host, port))
    listener.listen(1024)
    return listener


def _key(path: Path) -> PrivateKey:
    """The program's own key; made at the first start, readable by its owner alone."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        key = PrivateKey.generate(os.urandom(32))
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
            json.dump(key.to_jwk(), file)
    return PrivateKey.from_jwk(json.loads(path.read_text("utf-8")))


def _terms(options: argparse.Namespace) -> Terms:
    return Terms(
        program=options.program,
        unit=options.unit,
        hold_ms=int(options.hold_seconds * 1000),
        idempotent=not options.not_idempotent,
        look_up=not options.no_look_up,
        reversal=not options.no_reversal,
        batch=options.batch,
        step=options.step,
        limit=options.limit,
        balance=options.balance,
        below_zero=options.below_zero,
        decide_ms=int(options.decide_seconds * 1000),
        fault_times=options.fault_times,
        lot_months=options.lot_months,
        lots_wrong=options.lots_wrong,
    )


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m adapters.sandbox", description="A complete small loyalty program.")
    take = parser.add_argument
    take("--program", required=True, help="code of the program, as in lotus-air; its store is DIR/<code>.db")
    take("--unit", required=True, help="the unit it keeps, as in MILE")
    take("--host", default="127.0.0.1")
    take("--port", type=int, default=0, help="0 takes a free one and says which")
    take("--authority", action="append", default=[], help="another host:port under which it is called")
    take("--store", required=True, help="folder of its durable store")
    take("--house-jwks", required=True, help="file or URL of the keys of the house")
    take("--key", required=True, help="file of its own private JWK; made if missing")
    take("--hold-seconds", type=float, default=900.0, help="how long a hold lives; 0: knows no holds")
    take("--no-look-up", action="store_true", help="cannot be asked for an operation by id")
    take("--not-idempotent", action="store_true", help="a repeated id has a second effect")
    take("--no-reversal", action="store_true", help="reverses nothing")
    take("--batch", type=int, default=100, help="most operations of one request")
    take("--step", type=int, default=1, help="amounts are multiples of this")
    take("--limit", type=int, default=AMOUNT_HIGHEST, help="largest amount of one operation")
    take("--below-zero", action="store_true", help="claws back what was spent: the balance goes below zero")
    take("--balance", type=int, default=1_000_000_000, help="balance of a new member")
    take(
        "--lot-months",
        type=int,
        help="keeps lots: earned points live so many months; 0: for ever. For the life of a store",
    )
    take("--lots-wrong", choices=MISTAKES, help="a mistake with lots, for a check that must find it")
    take("--decide-seconds", type=float, default=1.0, help="when a pending operation is decided")
    take(
        "--silence-seconds",
        type=float,
        default=20.0,
        help="how long a time-out stays silent before it cuts the connection",
    )
    take("--slow-seconds", type=float, default=3.0, help="how late a slow answer is")
    take("--fault-times", type=int, default=1, help="how often one id meets the fault of its amount")
    take(
        "--fault",
        action="append",
        default=[],
        metavar="OPERATION:FAULT[:TIMES]",
        help="a script from the start; * for any operation",
    )
    return parser


if __name__ == "__main__":
    main()
