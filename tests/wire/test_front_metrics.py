"""What a process says of itself: each end once, names as documented, at a cost that does not grow; and a worker on a port of its own."""

import asyncio
import json
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from clearing import database
from clearing.front import wiring
from clearing.front.metrics import Meters
from tests.databases import TEMPLATE
from tests.wire.front_room import Front

ROOT = Path(__file__).parents[2]
LISTED = re.compile(r"^\| `([a-z_]+)` \| (?:process|books) \|", re.MULTILINE)


def figures(text: str) -> dict[str, float]:
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#")]
    return {name: float(value) for name, value in lines}


def scraped(front: Front) -> dict[str, float]:
    return figures(front.send("GET", "/metrics", [("host", front.host)]).body.decode())


def test_every_figure_is_documented_and_every_documented_figure_is_there() -> None:
    families = {(family.name, family.type) for family in Meters().registry.collect()}
    named = [f"{name}_total" if kind == "counter" else name for name, kind in families]
    assert sorted(LISTED.findall((ROOT / "docs" / "metrics.md").read_text())) == sorted(named)


def test_an_end_is_counted_once_however_often_it_is_told(front: Front) -> None:
    front.books()  # at rest: nothing else ends meanwhile
    ended = 'clearing_exchanges_ended_total{state="completed"}'
    reserved, known = 'clearing_exchanges{state="reserved"}', scraped(front)
    before, waiting = known.get(ended, 0), known[reserved]
    done = front.completed()
    for _ in range(2):
        assert front.ask("GET", f"/v1/exchanges/{done['exchange']}").json["state"] == "completed"
    after = scraped(front)
    assert after[ended] == before + 1
    assert after[reserved] == waiting


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for part in plan.get("Plans", ()):
        yield from _nodes(part)


MANY = """
INSERT INTO exchange SELECT ended.* FROM
    (SELECT * FROM exchange WHERE ended_at IS NOT NULL AND reference IS NULL LIMIT 1) AS one,
    generate_series(1, 5000) AS number,
    jsonb_populate_record(one::exchange, jsonb_build_object(
        'exchange_id', gen_random_uuid(), 'quote_id', gen_random_uuid(), 'idempotency_key', 'many ' || number
    )) AS ended
"""


@pytest.mark.parametrize("name", ["exchange_count", "orders_open", "cases_count"])
def test_a_scrape_reads_the_indexes_of_what_is_open_and_no_whole_table(front: Front, name: str) -> None:
    front.completed()
    query = f"EXPLAIN (FORMAT JSON) {database.statement(name)}".replace("%(lane)b", "0")
    with psycopg.connect(front.url) as connection, connection.transaction(force_rollback=True):
        connection.execute(MANY)  # of one page of rows any way to read it is as good
        connection.execute("ANALYZE exchange, orders, review_case")  # as PostgreSQL does by itself, now and then
        connection.execute("SET LOCAL enable_seqscan = off")  # what is open is a page of rows
        row = connection.execute(query.encode()).fetchone()
    assert row is not None
    nodes = list(_nodes(row[0][0]["Plan"]))
    assert {node["Index Name"] for node in nodes if "Index Name" in node} <= {
        "exchange_pkey",
        "orders_due",
        "case_open",
    }
    assert not [node for node in nodes if node["Node Type"] == "Seq Scan"]
    by_key = [node["Index Cond"] for node in nodes if node.get("Index Name") == "exchange_pkey"]
    assert all("exchange_id = ANY" in condition for condition in by_key), "the lane alone is the whole table"


# --- a worker


@contextmanager
def worker(url: str, home: Path, *words: str, **told: str) -> Iterator[tuple[subprocess.Popen[bytes], dict[str, Any]]]:
    """`clearing work`, or another command, as a process, and the line in which it says that it has begun."""
    environment = {"PATH": "/usr/bin:/bin", "CLEARING_DATABASE_URL": url, "CLEARING_HOME": str(home), **told}
    command = [sys.executable, "-m", "clearing.front", *(words or ("work",))]
    with subprocess.Popen(command, env=environment, cwd=ROOT, stderr=subprocess.PIPE) as process:
        assert process.stderr is not None
        try:
            yield process, json.loads(process.stderr.readline())
        finally:
            process.kill()


@pytest.fixture
def prepared(database_url: str) -> str:
    assert TEMPLATE not in database_url
    asyncio.run(wiring.prepare(database_url))
    return database_url


def test_a_worker_tells_how_it_fares_on_a_port_of_its_own_until_it_is_told_to_stop(
    prepared: str, tmp_path: Path
) -> None:
    with worker(prepared, tmp_path, CLEARING_METRICS_PORT="0") as (process, line):
        assert line["event"] == "delivering"
        with httpx.Client(base_url=f"http://127.0.0.1:{line['port']}", trust_env=False, timeout=20) as lookout:
            assert lookout.get("/livez").json() == {"live": True}
            ready = lookout.get("/readyz")
            assert (ready.status_code, ready.json()["ready"], ready.json()["writer"]) == (200, True, True)
            told = figures(lookout.get("/metrics").text)
            assert (told["clearing_open_cases"], told["clearing_ledger_sum"]) == (0, 0)
            for door in ("/v1/exchanges", "/v1/position", "/openapi.json", "/docs"):
                refused = lookout.get(door)
                assert (refused.status_code, refused.json()["code"]) == (404, "not_found")
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_house_that_is_told_to_stop_closes_and_does_not_just_die(prepared: str, tmp_path: Path, number: int) -> None:
    with worker(prepared, tmp_path, "serve", "--port", "0") as (process, line):
        assert line["event"] == "serving"
        process.send_signal(number)
        assert process.wait(30) == 0  # and not minus the number of the signal


def test_a_worker_without_a_port_listens_nowhere(prepared: str, tmp_path: Path) -> None:
    with worker(prepared, tmp_path) as (process, line):
        assert line["event"] == "delivering"
        assert "port" not in line
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def test_a_worker_whose_port_is_taken_says_so_and_ends(prepared: str, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "clearing.front", "work"]
        told = {"PATH": "/usr/bin:/bin", "CLEARING_DATABASE_URL": prepared, "CLEARING_HOME": str(tmp_path)}
        ended = subprocess.run(
            command, env={**told, "CLEARING_METRICS_PORT": port}, cwd=ROOT, capture_output=True, text=True, check=False
        )
    assert ended.returncode == 3
    assert f"cannot listen on 127.0.0.1:{port}" in ended.stderr
