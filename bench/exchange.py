"""Whole exchanges over HTTP: the house, two sandbox programs and PostgreSQL as processes of their own, all on this machine's cores.

A measured exchange is one `POST /v1/exchanges` with `Prefer: wait`, answered when hold, credit and capture are done: every answer must be
201 and say `completed`, and one in twenty has its signature verified. Quotes are taken and requests are signed before the clock
starts; the quotes, taken with as many in flight, are measured as `quotes_per_s`. The load is one process with raw sockets. The house runs
as `clearing serve` does by default, PostgreSQL with fsync on; the processor time of each is told, so that one sees where the cores went.
"""

import gc
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import cycle, islice
from pathlib import Path

import orjson
import uvloop

from bench.burden import cpu_seconds
from bench.load import Heard, Prepared, Ran, prepared, send
from bench.report import Options, Report, Rounds, Row, middle, spread
from bench.stand import Stand, standing
from clearing.signatures import verify_response

IN_FLIGHT = {1: 200, 16: 1_600, 64: 3_200, 256: 4_096}  # in flight → exchanges of one measurement
PROFILED_IN_FLIGHT, PROFILED_EXCHANGES = 64, 12_800
ROUNDS, SECONDS = 3, 180.0
MEMBERS = 64
SENT = 1_000
WAIT = (("prefer", "wait=30"),)
SAMPLE = 20  # one answer in so many is verified
UNITS = {
    "in_flight": "requests that wait for their answer at once",
    "exchanges_per_s": "exchanges completed in a second, median of all rounds",
    "p50_ms": "half of the answers came within this, from the first byte sent to the last received",
    "p99_ms": "99 of 100 came within this",
    "house_cpu_us": "user and system time of the house process for one exchange, in microseconds; without PostgreSQL",
    "postgres_cpu_us": "of all PostgreSQL processes",
    "sandboxes_cpu_us": "of both sandbox programs together",
    "load_cpu_us": "of the load generator",
    "quotes_per_s": "quotes in a second with as many in flight, taken before the exchanges",
    "spread_pct": "exchanges_per_s: largest minus smallest round, in percent of the median",
}
NOTES = [
    "quotes are taken and requests signed before the clock starts; every answer was 201 and `completed`, one in twenty was verified",
    "house, both programs, PostgreSQL (fsync on) and load share the cores; the house runs with its defaults, its log goes to a file",
]
BURDENS = ("house_cpu_us", "postgres_cpu_us", "sandboxes_cpu_us", "load_cpu_us")


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement."""

    exchanges: int
    per_s: float
    p50_ms: float
    p99_ms: float
    quotes_per_s: float
    burdens: dict[str, float]


async def once(stand: Stand, in_flight: int, count: int, profile: Path | None = None) -> Measured:
    """Take quotes, sign, let go of everything else, then measure."""
    quoted = await send(stand.authority, _quotes(stand, count), in_flight)
    tokens = [orjson.loads(heard.body)["quote"] for heard in _all(quoted, 200, count)]
    bodies = [orjson.dumps({"quote": token}) for token in tokens]
    requests = prepared(stand.authority, "/v1/exchanges", bodies, stand.key, WAIT)
    gc.collect()
    before = _burdens(stand)
    with _profiled(stand.house, profile):
        ran = await send(stand.authority, requests, in_flight)
    after = _burdens(stand)
    _check(stand, _all(ran, 201, count))
    burdens = {name: 1e6 * (after[name] - before[name]) / count for name in before}
    burdens["load_cpu_us"] = 1e6 * ran.cpu_seconds / count
    took = sorted(heard.seconds for heard in ran.heard)
    p50, p99 = (1e3 * took[min(len(took) - 1, int(len(took) * part))] for part in (0.5, 0.99))
    return Measured(count, count / ran.seconds, p50, p99, count / quoted.seconds, burdens)


def _quotes(stand: Stand, count: int) -> list[Prepared]:
    pairs = islice(cycle(stand.accounts), count)
    wishes = [{"source_account": source, "target_account": target, "sent": SENT} for source, target in pairs]
    return prepared(stand.authority, "/v1/quotes", [orjson.dumps(wish) for wish in wishes], stand.key)


def _burdens(stand: Stand) -> dict[str, float]:
    pids = {
        "house_cpu_us": [stand.house],
        "postgres_cpu_us": [stand.postgres],
        "sandboxes_cpu_us": list(stand.sandboxes),
    }
    return {name: cpu_seconds(found) for name, found in pids.items()}


def _all(ran: Ran, status: int, count: int) -> Sequence[Heard]:
    """Everything that was heard: so many answers, each of this status."""
    if len(ran.heard) != count:
        message = f"{len(ran.heard)} answers to {count} requests"
        raise RuntimeError(message)
    wrong = [heard for heard in ran.heard if heard.status != status]
    if wrong:
        said = wrong[0].body.decode(errors="replace")[:500]
        message = f"{len(wrong)} of {len(ran.heard)} answers were not {status}; the first: {wrong[0].status} {said}"
        raise RuntimeError(message)
    return ran.heard


def _check(stand: Stand, heard: Sequence[Heard]) -> None:
    """Every exchange is completed, and each once; the signatures of a sample are the house's, bound to their requests."""
    said = [orjson.loads(one.body) for one in heard]
    if any(one["state"] != "completed" for one in said) or len({one["exchange"] for one in said}) != len(said):
        raise RuntimeError("not every answer speaks of a completed exchange of its own")
    now = int(time.time())
    for one in heard[::SAMPLE]:
        verify_response(one.request.message, one.message(), stand.keys.get, now=now)


@contextmanager
def _profiled(pid: int, profile: Path | None) -> Iterator[None]:
    """py-spy watches the house meanwhile."""
    if profile is None:
        yield
        return
    spy = Path(sys.executable).parent / "py-spy"
    command = [str(spy), "record", "--pid", str(pid), "--output", str(profile), "--rate", "250", "--duration", "600"]
    with subprocess.Popen([*command, "--nonblocking"], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE) as watching:
        time.sleep(1.0)  # it reads symbols first
        try:
            yield
        finally:
            watching.send_signal(2)  # it writes its file when interrupted
            _, told = watching.communicate(timeout=60)
    if not profile.exists():
        message = f"py-spy wrote nothing: {told.decode(errors='replace')[-500:]}"
        raise RuntimeError(message)


async def run(stand: Stand, options: Options) -> Report:
    """Warm up, then measure all in turn."""
    found: dict[int, list[Measured]] = defaultdict(list)
    await once(stand, 16, options.most(400))
    if options.profile is not None:
        found[PROFILED_IN_FLIGHT] = [
            await once(stand, PROFILED_IN_FLIGHT, options.most(PROFILED_EXCHANGES), options.profile)
        ]
        options.say(f"exchange: the profile is in {options.profile}")
    rounds = Rounds(options, ROUNDS, SECONDS)
    while options.profile is None and rounds.more():
        options.say(f"exchange: round {rounds.done}")
        for in_flight, usual in IN_FLIGHT.items():
            found[in_flight].append(await once(stand, in_flight, options.most(usual)))
    return Report("exchange", [_row(in_flight, measured) for in_flight, measured in found.items()], UNITS, NOTES)


def _row(in_flight: int, measured: list[Measured]) -> Row:
    rates = [one.per_s for one in measured]
    return {
        "in_flight": in_flight,
        "exchanges_per_s": round(middle(rates)),
        "p50_ms": round(middle([one.p50_ms for one in measured]), 2),
        "p99_ms": round(middle([one.p99_ms for one in measured]), 2),
        **{name: round(middle([one.burdens[name] for one in measured])) for name in BURDENS},
        "quotes_per_s": round(middle([one.quotes_per_s for one in measured])),
        "exchanges": sum(one.exchanges for one in measured),
        "rounds": len(measured),
        "spread_pct": spread(rates),
    }


def bench(options: Options) -> Report:
    """The whole bench."""
    with standing(options.most(MEMBERS), options.say, options.database_url) as stand:
        return uvloop.run(run(stand, options))
