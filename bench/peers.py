"""The same exchanges booked by others on the same server: pgledger, and the code that a team would write first. Rounds are interleaved.

`ratio_to_ours` is exchanges_per_s divided by our *post* at the same batch (a request at a time: our batch of 32), because the post is the
write that books the exchange, as theirs does. Ours does all of its own work within that figure: evidence, window, caps, leaf, order.
"""

import asyncio
import time
from collections import defaultdict
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from typing import Any
from uuid import uuid4

from bench import ground, ledger, naive, pgledger
from bench.burden import postmaster
from bench.pgledger import Way
from bench.report import Options, Report, Rounds, Row, middle, spread
from clearing import database
from clearing.ledger import Writer
from clearing.rules.lifecycle import Event
from clearing.rules.lifecycle import Path as Legs
from clearing.rules.postings import Owners, entries

OURS = {32: 4_800, 512: 10_240}  # batch → exchanges of one measurement
THEIRS = {1: 600, 32: 1_600, 512: 2_048}
PROBE = {1: 150, 32: 320, 512: 1_024}
CONNECTIONS = {1: (1, 2, 4, 8), 32: (1, 2, 4), 512: (1, 2)}  # tried for pgledger, for each batch size
NAIVE, NAIVE_CONNECTIONS = 600, 8
ROUNDS, SECONDS = 5, 240.0
MISSING = "not measured: give --pgledger PATH"
UNITS = {
    "peer": "who: clearing is ours; pgledger, accounts apart: as if exchanges shared no account, so that nothing waits",
    "work": "what was done for each exchange",
    "batch": "exchanges of one transaction",
    "connections": "connections at once; for pgledger those that suited it best in a probe",
    "exchanges_per_s": "exchanges in a second, median of all rounds",
    "ratio_to_ours": "exchanges_per_s divided by our post at the same batch (batch 1: at 32)",
    "ours_is_times": "the same the other way round: how many times as fast ours is",
    "spread_pct": "largest minus smallest round, in percent of the median",
}
NOTES = [
    "pgledger: four transfers (eight entries) an exchange; no idempotency, nonces, evidence, pending caps, windows, log of hashes",
    "first-try SQLModel: idempotency key, SELECT FOR UPDATE, seven entries, a transaction each; no evidence, windows, log of hashes",
    "ours: seven entries an exchange, with all of that",
]


@dataclass(frozen=True, slots=True)
class Peer:
    """One row to be: how it is named, and what measures it once (exchanges in a second)."""

    named: tuple[tuple[str, Any], ...]
    measure: Callable[[], Coroutine[Any, Any, dict[str, float]]]


async def run(options: Options) -> Report:
    """Measure."""
    with ground.server(options.database_url) as url, ExitStack() as others:
        items = await ground.found(url)
        async with ground.lane_writer(url) as writer, await database.connect(url) as connection:
            await ground.grant(writer)
            server_pid = await postmaster(connection)
            await connection.rollback()
            peers = _ours(writer, server_pid, items, options)
            peers += [_naive(others, url, options)]
            found = None if options.pgledger is None else pgledger.files(options.pgledger)
            peers += (
                [] if found is None else await _pgledger(others.enter_context(ground.new_database(url)), found, options)
            )
            figures = await _rounds(peers, options)
    rows = _rows(figures)
    if found is None:
        rows.append(_row({"peer": "pgledger", "work": MISSING, "batch": None, "connections": None}, None, None))
    return Report("peers", rows, UNITS, NOTES)


async def _rounds(peers: list[Peer], options: Options) -> dict[tuple[tuple[str, Any], ...], list[float]]:
    """Everybody once, then everybody again: what disturbs the machine for a while meets all."""
    figures: dict[tuple[tuple[str, Any], ...], list[float]] = defaultdict(list)
    rounds = Rounds(options, ROUNDS, SECONDS)
    while rounds.more():
        options.say(f"peers: round {rounds.done}")
        for peer in peers:
            for work, rate in (await peer.measure()).items():
                figures[(*peer.named, ("work", work))].append(rate)
    return figures


# --- ours


def _ours(writer: Writer, server_pid: int, items: ground.Items, options: Options) -> list[Peer]:
    def peer(batch: int, count: int) -> Peer:
        async def measure() -> dict[str, float]:
            phases = await ledger.exchanges(writer, server_pid, items, batch, max(batch, options.most(count)))
            done = batch * max(1, max(batch, options.most(count)) // batch)
            both = phases["reserve"].seconds + phases["post"].seconds
            return {
                "post": done / phases["post"].seconds,
                "reserve": done / phases["reserve"].seconds,
                "reserve and post": done / both,
            }

        return Peer((("peer", "clearing"), ("batch", batch), ("connections", 1)), measure)

    return [peer(batch, count) for batch, count in OURS.items()]


# --- the code that a team would write first


def _naive(others: ExitStack, url: str, options: Options) -> Peer:
    booked = [
        (entry.account, entry.amount) for entry in entries(Legs.HELD, Event.GIVEN, ground.TERMS, Owners(1, 2, 1, 2))
    ]
    own = others.enter_context(ground.new_database(url))
    engine = naive.open_books(own, [number for number, _ in booked], NAIVE_CONNECTIONS)
    others.callback(engine.dispose)
    count = options.most(NAIVE)

    def all_of_them() -> float:
        with ThreadPoolExecutor(NAIVE_CONNECTIONS) as threads:  # as FastAPI runs a plain `def` endpoint
            list(threads.map(lambda _: naive.post(engine, str(uuid4()), booked), range(NAIVE_CONNECTIONS)))  # warm
            started = time.perf_counter()
            list(threads.map(lambda _: naive.post(engine, str(uuid4()), booked), range(count)))
            return count / (time.perf_counter() - started)

    async def measure() -> dict[str, float]:
        return {"a request, a session, a transaction": await asyncio.to_thread(all_of_them)}

    return Peer((("peer", "first-try SQLModel"), ("batch", 1), ("connections", NAIVE_CONNECTIONS)), measure)


# --- pgledger


async def _pgledger(own: str, found: list[Path], options: Options) -> list[Peer]:
    """One peer for each batch size, contended as ours is and not; each the way that suited it best in a probe."""
    sets = pgledger.install(own, found, max(CONNECTIONS[1]))

    async def best(batch: int, *, apart: bool) -> Way:
        one_call = (False, True) if batch > 1 else (True,)
        ways = [Way(connections, one, apart) for connections, one in product(CONNECTIONS[batch], one_call)]
        count = options.most(PROBE[batch])
        rates = [await pgledger.measure(own, sets, way, batch, count) for way in ways]
        return ways[rates.index(max(rates))]

    def peer(batch: int, way: Way) -> Peer:
        async def measure() -> dict[str, float]:
            rate = await pgledger.measure(own, sets, way, batch, options.most(THEIRS[batch]))
            return {f"post; {way.said}": rate}

        named = "pgledger, accounts apart" if way.apart else "pgledger"
        return Peer((("peer", named), ("batch", batch), ("connections", way.connections)), measure)

    peers = []
    for apart, batch in product((False, True), THEIRS):
        options.say(f"peers: looking for the best way to use pgledger at batch {batch}")
        peers.append(peer(batch, await best(batch, apart=apart)))
    return peers


# --- rows


def _rows(figures: dict[tuple[tuple[str, Any], ...], list[float]]) -> list[Row]:
    named = [(dict(name), rates) for name, rates in figures.items()]
    ours = {
        said["batch"]: middle(rates) for said, rates in named if (said["peer"], said["work"]) == ("clearing", "post")
    }
    return [_row(said, rates, ours.get(said["batch"], ours[min(ours)])) for said, rates in named]


def _row(said: dict[str, Any], rates: list[float] | None, ours: float | None) -> Row:
    rate = None if rates is None else middle(rates)
    known = rate is not None and ours is not None
    return {
        "peer": said["peer"],
        "work": said["work"],
        "batch": said["batch"],
        "connections": said["connections"],
        "exchanges_per_s": None if rate is None else round(rate),
        "ratio_to_ours": round(rate / ours, 4) if known and rate and ours else None,
        "ours_is_times": round(ours / rate, 1) if known and rate and ours else None,
        "spread_pct": None if rates is None else spread(rates),
    }


def bench(options: Options) -> Report:
    """The whole bench."""
    return asyncio.run(run(options))
