"""Full lane writes at several batch sizes on the embedded PostgreSQL, fsync on.

A *full lane write* is one batch under the lane lock, through `Writer`, as the house does it. Two of them make an exchange:

    reserve   nonce, key status, idempotency, quote used once, net debit cap, window, receipt leaf (salted, hashed, in the Merkle
              frontier), exchange, first order, evidence (base 450 B, sealed body 900 B), position of the cap
    post      the target's credit is confirmed: exchange, order answered and next order, seven entries, position slices of seven
              accounts, both caps, window, leaf, evidence of the call (shared by up to 100 orders that one call carried, as in delivery)

The answers to hold and capture only move orders; they are measured beside. Batches follow one another without overlap: the next is
put when the last is committed. Items are made before the clock starts, since in the house the front makes them.
"""

import asyncio
import gc
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from bench.burden import cpu_seconds, postmaster
from bench.ground import Items, found, grant, lane_writer, server
from bench.report import Options, Report, Rounds, Row, middle, spread
from clearing import database
from clearing.ledger import Writer
from clearing.ledger.outcomes import Moved, Reserved
from clearing.rules.lifecycle import Leg, State

BATCHES = {1: 500, 16: 4_000, 32: 6_400, 128: 10_240, 512: 15_360}  # batch size → exchanges of one measurement
ROUNDS, SECONDS = 5, 150.0
UNITS = {
    "batch": "items of one lane write",
    "exchanges_per_s": "exchanges for which one full lane write, the reserve, was made in a second (= reserve_per_s)",
    "both_writes_per_s": "exchanges for which both full lane writes, reserve and post, were made in a second",
    "all_writes_per_s": "exchanges taken through all four lane writes in a second: reserve, hold answered, post, capture answered",
    "reserve_per_s": "reserves in a second",
    "post_per_s": "posts in a second",
    "hold_per_s": "answers to a hold in a second; not a full lane write",
    "capture_per_s": "answers to a capture in a second; not a full lane write",
    "house_cpu_us": "CPU of this process for reserve and post of one exchange, in microseconds",
    "postgres_cpu_us": "CPU of all PostgreSQL processes for the same",
    "spread_pct": "reserve_per_s: largest minus smallest round, in percent of the median",
}
NOTES = ["embedded PostgreSQL, fsync and synchronous_commit on; median of all rounds; one warm-up of each size first"]

LEGS = (
    (Leg.TAKE, "hold", State.SOURCE_HELD),
    (Leg.GIVE, "post", State.CREDITED),
    (Leg.KEEP, "capture", State.COMPLETED),
)
FULL = ("reserve", "post")


@dataclass(slots=True)
class Phase:
    """What one kind of lane write took."""

    seconds: float
    house_cpu: float
    postgres_cpu: float


async def timed(writer: Writer, server_pid: int, batches: Sequence[Sequence[Any]]) -> tuple[Phase, list[list[Any]]]:
    """Write these batches one after the other. What the bench itself holds is kept out of the garbage collector's way."""
    gc.collect()
    gc.freeze()
    try:
        postgres, cpu, started = cpu_seconds([server_pid]), time.process_time(), time.perf_counter()
        outcomes: list[list[Any]] = [await writer.put_all(batch) for batch in batches]
        took = time.perf_counter() - started, time.process_time() - cpu, cpu_seconds([server_pid]) - postgres
    finally:
        gc.unfreeze()
    return Phase(*took), outcomes


async def exchanges(writer: Writer, server_pid: int, items: Items, batch: int, count: int) -> dict[str, Phase]:
    """Take about `count` exchanges through all four lane writes; every single outcome is looked at."""
    planned = [[items.reserve() for _ in range(batch)] for _ in range(max(1, count // batch))]
    phases: dict[str, Phase] = {}
    phases["reserve"], outcomes = await timed(writer, server_pid, planned)
    reserved = [[_reserved(outcome) for outcome in outcomes_of_one] for outcomes_of_one in outcomes]
    for leg, name, state in LEGS:
        answered = [items.answers([one.exchange.exchange_id for one in batch_of], leg) for batch_of in reserved]
        phases[name], outcomes = await timed(writer, server_pid, answered)
        for outcome in (outcome for outcomes_of_one in outcomes for outcome in outcomes_of_one):
            if not isinstance(outcome, Moved) or outcome.state is not state:
                raise RuntimeError(f"{name} did not lead to {state}: {outcome!r}")
    return phases


def _reserved(outcome: object) -> Reserved:
    if not isinstance(outcome, Reserved) or outcome.replayed:
        raise RuntimeError(f"not reserved: {outcome!r}")
    return outcome


async def run(options: Options) -> Report:
    """Measure."""
    with server(options.database_url) as url:
        items = await found(url)
        async with lane_writer(url) as writer, await database.connect(url) as connection:
            await grant(writer)
            server_pid = await postmaster(connection)
            await connection.rollback()
            return await _measured(writer, server_pid, items, options)


async def _measured(writer: Writer, server_pid: int, items: Items, options: Options) -> Report:
    counts = {batch: max(batch, options.most(usual)) for batch, usual in BATCHES.items()}
    found_phases: dict[int, list[tuple[int, dict[str, Phase]]]] = defaultdict(list)
    for batch, count in counts.items():
        if (
            count // 10 >= batch
        ):  # a run that was shortened to a batch or two measures nothing that a warm-up could help
            await exchanges(writer, server_pid, items, batch, count // 10)
    rounds = Rounds(options, ROUNDS, SECONDS)
    while rounds.more():
        options.say(f"ledger: round {rounds.done}")
        for batch, count in counts.items():
            done = batch * max(1, count // batch)
            found_phases[batch].append((done, await exchanges(writer, server_pid, items, batch, count)))
    return Report("ledger", [_row(batch, phases) for batch, phases in found_phases.items()], UNITS, NOTES)


def _row(batch: int, phases: list[tuple[int, dict[str, Phase]]]) -> Row:
    def rates(*names: str) -> list[float]:
        return [done / sum(took[name].seconds for name in names) for done, took in phases]

    def cost(which: str) -> int:
        costs = [1e6 * sum(getattr(took[name], which) for name in FULL) / done for done, took in phases]
        return round(middle(costs))

    reserve = rates("reserve")
    return {
        "batch": batch,
        "exchanges_per_s": round(middle(reserve)),
        "both_writes_per_s": round(middle(rates(*FULL))),
        "all_writes_per_s": round(middle(rates("reserve", "hold", "post", "capture"))),
        "reserve_per_s": round(middle(reserve)),
        "post_per_s": round(middle(rates("post"))),
        "hold_per_s": round(middle(rates("hold"))),
        "capture_per_s": round(middle(rates("capture"))),
        "house_cpu_us": cost("house_cpu"),
        "postgres_cpu_us": cost("postgres_cpu"),
        "exchanges": sum(done for done, _ in phases),
        "rounds": len(phases),
        "spread_pct": spread(reserve),
    }


def bench(options: Options) -> Report:
    """The whole bench."""
    return asyncio.run(run(options))
