"""Reconciliation: a partner's books read, taken and matched against ours, with 1 % seeded differences, every one of which must be found.

Ours are rows of `exchange` and `entry`, laid before the clock starts; theirs are books in CSV, written before it as well. Measured are
`receive` of all books and one `match`. Both run in a process of their own, so that its memory is theirs.
"""

import asyncio
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from bench.burden import cpu_seconds, peak_of
from bench.ground import server
from bench.report import Options, Report, Row
from bench.seeded import ACCOUNT, AS_OF, CLOSES, NEIGHBOURS, PARTNER, WINDOW, Seeded, books, lay, seeded
from clearing import database
from clearing.front.wiring import prepare
from settlement import matching
from settlement.matching import Summary
from settlement.rules.matching import Form, written

SIZES = (10_000, 100_000, 1_000_000)
SHARE = 100  # one item in so many is different
SEED = 20_260_302
UNITS = {
    "lines": "items on each side, about; 1 % of them differ",
    "seconds": "receiving all books and matching them",
    "receive_s": "of these, reading the books strictly and taking them in",
    "match_s": "of these, the run: totals, passes, classes",
    "ours_cpu_s": "processor time of the process that reads and matches; what other work takes is not in it",
    "server_cpu_s": "processor time of the backend",
    "us_per_line": "microseconds for each of their lines, all in all",
    "ours_mb": "most memory of its own of the process that reads and matches",
    "server_mb": "most memory of its own of the PostgreSQL backend that does it; shared buffers are apart",
    "matched": "lines of theirs that were matched",
    "breaks": "breaks found: exactly those that were seeded, or the bench fails",
}


async def _measured(url: str, lines: int) -> Row:
    found = seeded(lines, SHARE, SEED)
    await prepare(url)
    async with await database.connect(url, application=False) as owner:
        await owner.execute("SET statement_timeout = '600s'")
        await lay(owner, found.ours)
    with TemporaryDirectory(prefix="clearing-bench-") as folder:
        paths = _files(found, Path(folder))
        with ProcessPoolExecutor(1, get_context("spawn")) as apart:
            received, matched, burden, summary = apart.submit(_reconciled, url, paths).result()
    async with await database.connect(url) as connection:
        await _require_all_found(connection, found, summary)
    return {
        "lines": lines,
        "seconds": round(received + matched, 2),
        "receive_s": round(received, 2),
        "match_s": round(matched, 2),
        "us_per_line": round(1e6 * (received + matched) / len(found.theirs), 2),
        **burden,
        "matched": sum(summary.matched.values()),
        "breaks": sum(summary.breaks.values()),
    }


def _reconciled(url: str, paths: list[Path]) -> tuple[float, float, Row, Summary]:
    """Receive and match in a process of its own, so that its memory is what this takes and not what the bench holds."""
    return asyncio.run(_reconcile(url, paths))


async def _reconcile(url: str, paths: list[Path]) -> tuple[float, float, Row, Summary]:
    async with await database.connect(url) as connection:
        await connection.set_autocommit(True)
        server = connection.info.backend_pid
        ours_before, server_before = time.process_time(), cpu_seconds([server])
        with peak_of(server) as peak:
            started = time.perf_counter()
            await _received(connection, paths)
            received = time.perf_counter()
            summary = await matching.match(
                connection, lane=0, partner=PARTNER, account=ACCOUNT, window_id=WINDOW, neighbours=NEIGHBOURS, at=AS_OF
            )
            ended = time.perf_counter()
        spent = {
            "ours_cpu_s": round(time.process_time() - ours_before, 2),
            "server_cpu_s": round(cpu_seconds([server]) - server_before, 2),
        }
        return received - started, ended - received, spent | peak.megabytes, summary


async def _received(connection: AsyncConnection[Any], paths: list[Path]) -> None:
    for path in paths:
        with path.open("rb") as file:
            answer = await matching.receive(
                connection, file, Form.CSV, partner=PARTNER, windows={WINDOW: CLOSES}, at=AS_OF, key_id="bench"
            )
        if not answer.taken:
            raise RuntimeError(f"a book was not taken: {answer}")


def _files(found: Seeded, folder: Path) -> list[Path]:
    paths = []
    for head, lines in books(found):
        path = folder / f"{head.sequence:06}.csv"
        with path.open("wb") as file:
            file.writelines(written(head, lines))
        paths.append(path)
    return paths


async def _require_all_found(connection: AsyncConnection[Any], found: Seeded, summary: Summary) -> None:
    """Every seeded break with its class and item, and no other. Raises RuntimeError."""
    rows = await (
        await connection.execute(
            "SELECT class, our_id, b.line, exchange_id, reference, l.amount FROM break_item b "
            "LEFT JOIN book_line l ON l.partner = b.partner AND l.window_id = b.window_id AND l.line = b.line"
        )
    ).fetchall()
    said: set[tuple[str, UUID | None, object]] = set()
    for kind, our_id, line, exchange, reference, amount in rows:
        said.add((kind, our_id, None if line is None else (str(exchange) if exchange else reference or amount)))
    if said != found.expected or len(rows) != len(found.expected):
        raise RuntimeError(f"{len(said - found.expected)} breaks too many, {len(found.expected - said)} not found")
    if sum(summary.matched.values()) + sum(1 for row in rows if row[2] is not None) != len(found.theirs):
        raise RuntimeError("a line was neither matched nor broken")


def bench(options: Options) -> Report:
    """Ten thousand, a hundred thousand and a million lines, each in a database of its own; `--lines` names one size instead."""
    sizes = SIZES if options.count is None else (options.count,)
    rows = []
    for lines in sizes:
        options.say(f"matching: {lines} lines")
        with server(options.database_url) as url:
            rows.append(asyncio.run(_measured(url, lines)))
    return Report("matching", rows, UNITS, ["one run of each size; embedded PostgreSQL, fsync on"])
