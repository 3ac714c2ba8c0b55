"""How long the house reads, nets and writes down a window, beside the bare sums that the database makes of the same rows.

The rows are made by SQL in a database of the bench's own: 200 partners with a program each, exchanges that spread over all pairs of them,
every one with the eight entries that a posted exchange has, and the positions of the window. A draft is what is measured: sums
by pair, trial balance, bilateral matrix, nets, result and rows of the run. Rounds follow one another on one connection.
"""

import asyncio
import gc
import time
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from bench.burden import Peak, cpu_seconds, peak_of, postmaster
from bench.ground import new_database, server
from bench.report import Options, Report, Row, middle, spread
from clearing import database
from clearing.front.wiring import prepare
from settlement import run as settling
from settlement.rules.run import Rate, RateSet
from settlement.run import RunRow, Step, Wanted

SIZES = (10_000, 100_000, 1_000_000)
PARTNERS = 200
CODE, NUMBER = "W-2001-01", 1
ROUNDS = 3
CPU_TOLD = 0.05  # seconds; processor time is told in hundredths
UNITS = {
    "seconds": "reading, checking, netting and writing down a run of this many exchanges",
    "group_by_seconds": "the bare GROUP BY of the same rows: entries of value joined with their exchanges, by both programs and account",
    "by_account_seconds": "the sums of a trial balance alone: the same entries by account, joined with nothing",
    "us_per_exchange": "microseconds for each exchange; every row also pays for its pairs of partners, up to 39,800 of them",
    "ratio": "seconds by group_by_seconds",
    "by_account_ratio": "seconds by by_account_seconds",
    "cpu_ratio": "the first ratio, of processor time: ours and all of the server's; what other work takes is not in it",
    "by_account_cpu_ratio": "the second ratio, of processor time",
    "ours_mb": "most memory of its own that this process had",
    "server_mb": "most memory of their own that the PostgreSQL backend and its parallel workers had at once; what they share is apart",
    "spread_pct": "seconds: largest minus smallest round, in percent of the median",
}
ROWS = (
    "INSERT INTO partner SELECT 'p' || n, n, 'Partner ' || n, now() FROM generate_series(1, %(partners)s) n",
    """INSERT INTO program SELECT 'g' || n, n, 'p' || n, 'Program ' || n, 'point', 'house_json', 'http://127.0.0.1:9',
        '{"hold_seconds": 900, "idempotent": true, "look_up": true, "reversal": true, "batch": 100, "longest_seconds": 60}',
        now(), 'points'
    FROM generate_series(1, %(partners)s) n""",
    (
        "INSERT INTO calendar (window_id, version, code, opens_at, closes_at) "
        "VALUES (%(window)s, 0, %(code)s, '2001-01-01Z', '2001-01-08Z')"
    ),
    "INSERT INTO lane_window VALUES (0, %(window)s, 0, '2001-01-08Z', %(exchanges)s, '\\x00')",
    """INSERT INTO exchange (lane, exchange_id, path, partner, idempotency_key, fingerprint, request_id, quote_id, terms_version, state,
        reserved_at, posted_at, window_id, ended_at, source_program, target_program, source_account, target_account, sent, received,
        debit, funding, credit, fee, rounding, reversed, kept_leg, cancelled, reserved_seq, kind, captured, bonus,
        bonus_credit)
    SELECT 0, md5('x' || n)::uuid, 'held', 'p' || source, n::text, '\\x00', md5('r' || n)::uuid, md5('q' || n)::uuid, 'v', 'completed',
        '2001-01-02Z', '2001-01-02Z', %(window)s, '2001-01-02Z', 'g' || source, 'g' || target, md5('s' || n)::uuid,
        md5('t' || n)::uuid, 1000, 500, debit, 0, debit - 10, 10, 3, 0, 0, false, n, 'exchange', 0, 0, 0
    FROM (
        SELECT n, 1 + n %% %(partners)s AS source, 1 + (n + 1 + (n / %(partners)s) %% (%(partners)s - 1)) %% %(partners)s AS target,
            1000000 + n %% 997 AS debit
        FROM generate_series(0, %(exchanges)s - 1) n
    ) made""",
    """INSERT INTO entry SELECT 0, x.reserved_seq, e.line, e.account, %(window)s, e.amount, x.exchange_id
    FROM exchange x, LATERAL (VALUES
        (0, substr(x.source_program, 2)::int * 16 + 1, -1000), (1, substr(x.source_program, 2)::int * 16 + 3, 1000),
        (2, substr(x.target_program, 2)::int * 16 + 4, -500), (3, substr(x.target_program, 2)::int * 16 + 1, 500),
        (4, substr(x.source_program, 2)::int * 16 + 8, x.debit), (5, substr(x.target_program, 2)::int * 16 + 8, -x.credit),
        (6, 14, -x.fee + x.rounding), (7, 15, -x.rounding)
    ) AS e (line, account, amount) WHERE x.lane = 0""",
    """INSERT INTO position_slice SELECT 0, %(window)s, account, sum(greatest(amount, 0)), sum(greatest(-amount, 0))
    FROM entry WHERE lane = 0 GROUP BY account""",
)
BY_PAIR = """SELECT source_program, target_program, account, sum(amount)
    FROM entry JOIN exchange USING (lane, exchange_id) WHERE lane = 0 AND entry.window_id = %s AND account %% 16 IN (8, 14, 15)
    GROUP BY source_program, target_program, account"""
BY_ACCOUNT = "SELECT account, sum(amount) FROM entry WHERE lane = 0 AND window_id = %s GROUP BY account"


@dataclass(frozen=True, slots=True)
class Spent:
    """What something took by the clock, and of the processor: this process and the whole server, its workers among it."""

    seconds: float
    cpu: float


@dataclass(frozen=True, slots=True)
class _Clock:
    server: int
    at: float
    cpu: float

    @classmethod
    async def started(cls, connection: settling.Connection) -> "_Clock":
        server = await postmaster(connection)
        return cls(server, time.perf_counter(), time.process_time() + cpu_seconds([server]))

    def spent(self) -> Spent:
        seconds = time.perf_counter() - self.at
        return Spent(seconds, time.process_time() + cpu_seconds([self.server]) - self.cpu)


def bench(options: Options) -> Report:
    """The whole bench."""
    most = options.most(SIZES[-1])
    rows = []
    with server(options.database_url) as url:
        for size in sorted({min(size, most) for size in SIZES}):
            options.say(f"settlement: making {size:,} exchanges")
            with new_database(url) as own:
                rows.append(asyncio.run(_measured(own, size, options)))
    notes = [
        f"{PARTNERS} partners; median of {options.rounds or ROUNDS} rounds, each a draft of the same window after an abort"
    ]
    return Report("settlement", rows, UNITS, notes)


async def _measured(url: str, size: int, options: Options) -> Row:
    await prepare(url)
    _fill(url, size)
    took, bare, plain, most = [], [], [], Peak()
    async with await database.connect(url, application=False) as connection:
        await connection.set_autocommit(True)
        await connection.execute("SET statement_timeout = 0")
        for _ in range(options.rounds or ROUNDS):
            bare.append(await _bare(connection, BY_PAIR))
            plain.append(await _bare(connection, BY_ACCOUNT))
            spent, peak = await _drafted(connection, size)
            took.append(spent)
            most = Peak(max(most.ours, peak.ours), max(most.server, peak.server))
    seconds, joined, sums = (middle([one.seconds for one in spent]) for spent in (took, bare, plain))
    cpu, joined_cpu, sums_cpu = (middle([one.cpu for one in spent]) for spent in (took, bare, plain))
    return {
        "exchanges": size,
        "partners": PARTNERS,
        "seconds": round(seconds, 3),
        "group_by_seconds": round(joined, 3),
        "by_account_seconds": round(sums, 3),
        "us_per_exchange": round(1e6 * seconds / size, 2),
        "ratio": round(seconds / joined, 2),
        "by_account_ratio": round(seconds / sums, 2),
        "cpu_ratio": _ratio(cpu, joined_cpu),
        "by_account_cpu_ratio": _ratio(cpu, sums_cpu),
        **most.megabytes,
        "spread_pct": spread([one.seconds for one in took]),
    }


def _ratio(one: float, other: float) -> float | None:
    """None where the other took less than the processor's clock can tell."""
    return round(one / other, 2) if other >= CPU_TOLD else None


def _fill(url: str, size: int) -> None:
    given = {"partners": PARTNERS, "exchanges": size, "window": NUMBER, "code": CODE}
    with psycopg.connect(url, autocommit=True, cursor_factory=psycopg.ClientCursor) as connection:
        for statement in ROWS:
            connection.execute(statement, given)
        connection.execute("VACUUM ANALYZE")


async def _bare(connection: settling.Connection, query: str) -> Spent:
    clock = await _Clock.started(connection)
    await (await connection.execute(query, [NUMBER])).fetchall()
    return clock.spent()


async def _drafted(connection: settling.Connection, size: int) -> tuple[Spent, Peak]:
    """One draft: what it took and its peak. What it says is checked: all exchanges counted, everybody's net written, nothing held."""
    rates = RateSet("bench", "2001-01-08", "2001-01-08T15:00:00Z", (Rate("EUR", 1, 1, 2),))
    wanted = Wanted((CODE,), rates, "EUR", (), (), "2001-01-10")
    step = Step(datetime.now(UTC), "bench", None)
    gc.collect()
    with peak_of(connection.info.backend_pid) as peak:
        clock = await _Clock.started(connection)
        row = await settling.draft(connection, 0, wanted, step)
        spent = clock.spent()
    if not isinstance(row, RunRow) or row.state != "drafted" or f'"posted":{size}'.encode() not in (row.result or b""):
        raise RuntimeError(f"the run is not what was booked: {row!r:.300}")
    await settling.abort(connection, row.run, "measured", step)
    return spent, peak
