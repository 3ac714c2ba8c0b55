"""How long the house takes from an open window to sealed statements: close, draft, share, approve and freeze, state; beside bare sums.

A window is made by SQL in a database of the bench's own (`bench/window.py`), so that every phase does what it does in the house: the
lane's writer seals the window; a draft reads, checks, nets and writes it down, first without contracts, then with some in force; two keys
approve; freezing reads it once more and bills every fee; what is shared and taxed is booked; and every party's statement is sealed.
"""

import asyncio
import gc
import os
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeVar

from bench import window
from bench.burden import Peak, cpu_seconds, peak_of, postmaster
from bench.ground import lane_writer, new_database, server
from bench.report import Options, Report, Row, middle, spread
from bench.window import FIRST, PARTNERS, SECOND, Ground
from clearing import database
from clearing.ledger.items import Tick
from clearing.signatures import PrivateKey
from settlement import run as settling
from settlement import stating
from settlement.rules.run import Rate, RateSet
from settlement.run import RunRow, Step, Wanted

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 3
CONTRACTS = 20
CPU_TOLD = 0.05  # seconds; processor time is told in hundredths
PHASES = ("close", "draft", "share", "freeze", "book", "state")
UNITS = {
    "close_seconds": "the lane's writer crosses the cut-off: the window is sealed with its count and the root over its log",
    "draft_seconds": "reading, checking, netting and writing down a run of this many exchanges, without contracts",
    "share_seconds": f"the same with {CONTRACTS} contracts in force; it is in the total in place of the other",
    "freeze_seconds": "two approvals; reading all once more; payments; an invoice for every partner's fees",
    "book_seconds": "what is shared, and tax, booked by the lane's writer",
    "state_seconds": f"the statements of {PARTNERS} partners and the house, two lines for each exchange: made, sealed and kept",
    "total_seconds": "close, share, freeze, book and state",
    "group_by_seconds": "the bare GROUP BY of the same rows: entries of value joined with their exchanges, by both programs and account",
    "by_account_seconds": "the sums of a trial balance alone: the same entries by account, joined with nothing",
    "us_per_exchange": "microseconds of the total for each exchange; every row also pays for its pairs of partners, up to 39,800 of them",
    "ratio": "draft_seconds by group_by_seconds",
    "by_account_ratio": "draft_seconds by by_account_seconds",
    "cpu_ratio": "the first ratio, of processor time: ours and all of the server's; what other work takes is not in it",
    "by_account_cpu_ratio": "the second ratio, of processor time",
    "total_cpu": "seconds of processors that the total took, of ours and the server's",
    "total_ratio": "total_seconds by group_by_seconds",
    "total_by_account_ratio": "total_seconds by by_account_seconds",
    "state_mb": "most memory of its own that one of our processes had while statements were made; share_mb, freeze_mb, book_mb likewise",
    "most_mb": "most memory of its own that one of our processes had in any phase",
    "server_mb": "most memory of their own that the PostgreSQL backend and its parallel workers had at once; what they share is apart",
    "spread_pct": "draft_seconds: largest minus smallest round, in percent of the median",
}
BY_PAIR = """SELECT source_program, target_program, account, sum(amount)
    FROM entry JOIN exchange USING (lane, exchange_id) WHERE lane = 0 AND entry.window_id = %s AND account %% 16 IN (8, 14, 15)
    GROUP BY source_program, target_program, account"""
BY_ACCOUNT = "SELECT account, sum(amount) FROM entry WHERE lane = 0 AND window_id = %s GROUP BY account"

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took by the clock, and of the processor: this process, its children and the whole server; and the most memory.

    What looking at the memory took is not in it.
    """

    seconds: float
    cpu: float
    peak: Peak


def bench(options: Options) -> Report:
    """The whole bench."""
    most = options.most(SIZES[-1])
    rows = []
    with server(options.database_url) as url:
        for size in sorted({min(size, most) for size in SIZES}):
            options.say(f"settlement: making {size:,} exchanges")
            with new_database(url) as own:
                rows.append(asyncio.run(_measured(own, size, options)))
    rounds = options.rounds or ROUNDS
    notes = [
        f"{PARTNERS} partners; drafts: median of {rounds} rounds, each of the same window after an abort; all else once",
        "the total is of what a final run must have: the evidence of every statement; workbook, CSV and pages are printed of it later",
    ]
    return Report("settlement", rows, UNITS, notes)


async def _measured(url: str, size: int, options: Options) -> Row:
    ground = await window.fill(url, size)
    rounds, spent = options.rounds or ROUNDS, {}
    async with await database.connect(url, application=False) as connection, lane_writer(url) as writer:
        await connection.set_autocommit(True)
        await connection.execute("SET statement_timeout = 0")
        spent["close"], _ = await _spent(connection, lambda: writer.put(Tick()))
        joined = [await _bare(connection, BY_PAIR, ground.number) for _ in range(rounds)]
        plain = [await _bare(connection, BY_ACCOUNT, ground.number) for _ in range(rounds)]
        drafts = [await _drafted(connection, ground, size) for _ in range(rounds)]
        await window.publish(url, CONTRACTS)
        spent["share"], row = await _spent(connection, lambda: _draft(connection, ground))
        _checked(row, "drafted", size)
        spent["freeze"], row = await _spent(connection, lambda: _frozen(connection, row))
        _checked(row, "frozen", size)
        spent["book"], row = await _spent(connection, lambda: settling.carry_on(connection, writer, row.run, _step()))
        if row.state not in {"instructed", "settled"}:  # of some exchanges no net is a whole cent
            raise RuntimeError(f"the run has booked nothing: {row.run} is {row.state}")
        key = PrivateKey.generate(bytes(32))
        spent["state"], made = await _spent(connection, lambda: stating.state_run(connection, 0, row.run, key))
        if made != PARTNERS + 1:
            raise RuntimeError(f"{made} statements are not those of {PARTNERS} partners and the house")
    return _row(size, spent, drafts, joined, plain)


def _row(size: int, spent: dict[str, Spent], drafts: list[Spent], joined: list[Spent], plain: list[Spent]) -> Row:
    seconds, by_pair, by_account = (middle([one.seconds for one in some]) for some in (drafts, joined, plain))
    cpu, by_pair_cpu, by_account_cpu = (middle([one.cpu for one in some]) for some in (drafts, joined, plain))
    total = sum(one.seconds for one in spent.values())
    every = [*spent.values(), *drafts]
    told = {f"{phase}_seconds": round(spent[phase].seconds, 3) for phase in spent} | {
        "draft_seconds": round(seconds, 3)
    }
    return {
        "exchanges": size,
        "partners": PARTNERS,
        **{f"{phase}_seconds": told[f"{phase}_seconds"] for phase in PHASES},
        "total_seconds": round(total, 3),
        "group_by_seconds": round(by_pair, 3),
        "by_account_seconds": round(by_account, 3),
        "us_per_exchange": round(1e6 * total / size, 2),
        "ratio": round(seconds / by_pair, 2),
        "by_account_ratio": round(seconds / by_account, 2),
        "cpu_ratio": _ratio(cpu, by_pair_cpu),
        "by_account_cpu_ratio": _ratio(cpu, by_account_cpu),
        "total_cpu": round(sum(one.cpu for one in spent.values()), 2),
        "total_ratio": round(total / by_pair, 2),
        "total_by_account_ratio": round(total / by_account, 2),
        **{f"{phase}_mb": one.peak.megabytes["ours_mb"] for phase, one in spent.items() if phase != "close"},
        "most_mb": max(one.peak.megabytes["ours_mb"] for one in every),
        "server_mb": max(one.peak.megabytes["server_mb"] for one in every),
        "spread_pct": spread([one.seconds for one in drafts]),
    }


def _ratio(one: float, other: float) -> float | None:
    """None where the other took less than the processor's clock can tell."""
    return round(one / other, 2) if other >= CPU_TOLD else None


async def _spent(connection: settling.Connection, do: Callable[[], Awaitable[T]]) -> tuple[Spent, T]:
    """What this takes, and what it gives."""
    main = await postmaster(connection)
    gc.collect()
    with peak_of(connection.info.backend_pid) as peak:
        began, cpu = time.perf_counter(), cpu_seconds([main, os.getpid()])
        found = await do()
        seconds = time.perf_counter() - began
        cpu = cpu_seconds([main, os.getpid()]) - cpu
    return Spent(seconds, cpu - peak.watching, peak), found


async def _bare(connection: settling.Connection, query: str, number: int) -> Spent:
    async def fetched() -> None:
        await (await connection.execute(query, [number])).fetchall()

    spent, _ = await _spent(connection, fetched)
    return spent


async def _drafted(connection: settling.Connection, ground: Ground, size: int) -> Spent:
    """One draft, aborted again. What it says is checked: all exchanges counted, everybody's net written, nothing held."""
    spent, row = await _spent(connection, lambda: _draft(connection, ground))
    await settling.abort(connection, _checked(row, "drafted", size).run, "measured", _step())
    return spent


async def _draft(connection: settling.Connection, ground: Ground) -> RunRow:
    day = ground.day.isoformat()
    rates = RateSet("bench", day, f"{day}T15:00:00Z", (Rate("EUR", 1, 1, 2),))
    wanted = Wanted((ground.code,), rates, "EUR", (), (), datetime.now(UTC).date().isoformat())
    return _run(await settling.draft(connection, 0, wanted, _step()))


async def _frozen(connection: settling.Connection, row: RunRow) -> RunRow:
    for key in (FIRST, SECOND):
        _run(await settling.approve(connection, row.run, row.result_sha256 or "", _step(key)))
    return _run(await settling.freeze(connection, 0, row.run, _step()))


def _step(key: str = FIRST) -> Step:
    return Step(datetime.now(UTC), key, None)


def _run(found: object) -> RunRow:
    if not isinstance(found, RunRow):
        raise TypeError(f"the run was refused: {found!r:.300}")
    return found


def _checked(row: RunRow, state: str, size: int) -> RunRow:
    if row.state != state or f'"posted":{size}'.encode() not in (row.result or b""):
        raise RuntimeError(f"the run is not what was booked: {row.run} is {row.state}, {row.held_because}")
    return row
