"""Statements at the door: made when a run is frozen, a partner's own and an operator's all, the same bytes every time."""

import asyncio
import hashlib
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clearing import database
from clearing.front import jobs, paging, vault, wiring
from settlement import reports
from settlement.reports import FORMATS
from tests.command_line import clearing
from tests.wire.front_room import Front, walks_to_the_end
from tests.wire.papers_room import ECB, published

LONG_AGO = datetime(2002, 1, 1, tzinfo=UTC)
_numbers = count(500)
RATES = ECB["name"]


@pytest.fixture(scope="module")
def desk(front: Front) -> Front:
    """The house with a second operator."""

    async def furnish() -> None:
        async with await database.connect(front.url) as connection:
            await connection.set_autocommit(True)
            front.keys["auditor"] = vault.private_key(front.folder / "auditor.jwk", make=True)
            await wiring.register_own(connection, front.keys["auditor"], "operator", None, front.house.settings)

    asyncio.run(furnish())
    published(front, "/v1/rates", ECB)
    return front


@pytest.fixture
def run(desk: Front) -> Iterator[str]:
    """A run approved by two keys: palm owes 10.00, of which lotus is owed 9.00. Its window of long ago is gone after the test."""
    number = next(_numbers)
    code, first = f"W-2002-{number}", 10**12 + 10 * number
    opens = LONG_AGO + timedelta(days=number)
    with psycopg.connect(desk.url, autocommit=True) as connection:
        owners: dict[str, int] = dict(connection.execute("SELECT partner, number FROM partner").fetchall())
        lines = ((owners["palm"] * 16 + 8, 10_000_000), (owners["lotus"] * 16 + 8, -9_000_000), (14, -1_000_000))
        with connection.transaction():
            _write(connection, number, code, first, opens, lines)
        yield _approved(desk, code)
        for table in ("entry", "position_slice", "adjustment", "lane_window", "calendar"):
            connection.execute(f"DELETE FROM {table} WHERE window_id = %s", [number])
        connection.execute("DELETE FROM leaf WHERE seq = %s", [first])


def _write(connection: Any, number: int, code: str, first: int, opens: datetime, lines: Any) -> None:
    connection.execute(
        "INSERT INTO calendar (window_id, version, code, opens_at, closes_at) VALUES (%s, 0, %s, %s, %s)",
        [number, code, opens, opens + timedelta(days=1)],
    )
    connection.execute(
        "INSERT INTO lane_window VALUES (0, %s, %s, %s, %s, %s)", [number, first, opens, first + 1, b"r" * 32]
    )
    name = f"00000000-0000-0000-0000-{number:012}"
    connection.execute(
        "INSERT INTO leaf VALUES (0, %s, %s, 'adjusted', %s, '', '', '')", [first, opens + timedelta(hours=1), name]
    )
    connection.execute(
        "INSERT INTO adjustment (lane, adjustment_id, kind, seq, at, window_id, reason, lines) "
        "VALUES (0, %s, 'adjusted', %s, %s, %s, 'goodwill', '[]')",
        [name, first, opens, number],
    )
    for line, (account, amount) in enumerate(lines):
        connection.execute(
            "INSERT INTO entry (lane, seq, line, account, window_id, amount, exchange_id) "
            "VALUES (0, %s, %s, %s, %s, %s, %s)",
            [first, line, account, number, amount, name],
        )
        connection.execute(
            "INSERT INTO position_slice VALUES (0, %s, %s, %s, %s)",
            [number, account, max(amount, 0), max(-amount, 0)],
        )


def _approved(desk: Front, code: str) -> str:
    wish = {
        "windows": [code],
        "value_date": "2026-03-12",
        "currency": "EUR",
        "rates": RATES,
        "terms": [],
        "suspended": [],
    }
    drafted = desk.ask("POST", "/v1/runs", wish, key="operator")
    assert drafted.status == 201, drafted.body
    for key in ("operator", "auditor"):
        body = {"result_sha256": drafted.json["result_sha256"]}
        assert desk.ask("POST", f"/v1/runs/{drafted.json['run']}/approve", body, key=key).status == 200
    return str(drafted.json["run"])


def frozen(desk: Front, run: str) -> dict[str, Any]:
    """The run is frozen; its statements by partner."""
    answer = desk.ask("POST", f"/v1/runs/{run}/freeze", {}, key="operator")
    assert answer.status == 200, answer.body
    said = desk.ask("GET", f"/v1/runs/{run}/statements", key="operator").json["statements"]
    return {one["partner"]: one for one in said}


def test_a_frozen_run_shows_its_statements_and_freezing_again_makes_no_others(desk: Front, run: str) -> None:
    assert desk.ask("GET", f"/v1/runs/{run}", key="operator").json["statements"] == []
    assert desk.ask("GET", f"/v1/runs/{run}/statements", key="operator").json == {"statements": [], "next": None}
    first = frozen(desk, run)
    assert {"palm", "lotus", "house"} <= first.keys()
    assert {file["format"] for file in first["palm"]["files"]} == set(FORMATS)
    assert frozen(desk, run) == first
    shown = desk.ask("GET", f"/v1/runs/{run}", key="operator").json["statements"]
    assert {one["partner"]: one for one in shown} == first


def test_a_download_is_what_the_list_says_and_verifies(desk: Front, run: str) -> None:
    keys = {desk.house.key.public.key_id: desk.house.key.public}
    for file in frozen(desk, run)["palm"]["files"]:
        assert (file["sha256"] is None) == (file["bytes"] is None) == (file["format"] != "jsonl")  # printed later
        assert desk.ask("GET", file["href"], key="palm").status == 200
    for file in frozen(desk, run)["palm"]["files"]:
        got = [desk.ask("GET", file["href"], key=key) for key in ("palm", "operator", "palm")]
        assert {one.status for one in got} == {200}
        assert all(one.signed for one in got)
        assert {hashlib.sha256(one.body).hexdigest() for one in got} == {file["sha256"]}
        assert len(got[0].body) == file["bytes"]
        if file["format"] in {"jsonl", "csv", "pdf"}:
            assert reports.verify(got[0].body, keys).sealed is not None


def test_what_nobody_asks_for_is_printed_by_a_job_and_then_listed_with_its_hash(desk: Front, run: str) -> None:
    assert any(file["sha256"] is None for file in frozen(desk, run)["lotus"]["files"])
    counts: list[int] = []
    while not counts or counts[-1]:
        work = asyncio.run_coroutine_threadsafe(jobs.print_statements(desk.house), desk.loop)
        counts.append(work.result(60))
    assert sum(counts) > 0
    for one in frozen(desk, run).values():
        for file in one["files"]:
            got = desk.ask("GET", file["href"], key="operator")
            assert (hashlib.sha256(got.body).hexdigest(), len(got.body)) == (file["sha256"], file["bytes"])


def test_a_partner_sees_its_own_statements_and_no_others(desk: Front, run: str) -> None:
    found = frozen(desk, run)
    own = desk.ask("GET", "/v1/statements", key="palm").json["statements"]
    assert found["palm"] in own
    assert {one["partner"] for one in own} == {"palm"}
    for other in ("lotus", "house"):
        answer = desk.ask("GET", f"/v1/statements/{run}-{other}?format=csv", key="palm")
        assert (answer.status, answer.code) == (404, "not_found")
    assert desk.ask("GET", f"/v1/runs/{run}/statements", key="palm").code == "forbidden"
    everybody = desk.ask("GET", "/v1/statements", key="operator").json["statements"]
    assert {"palm", "lotus", "house"} <= {one["partner"] for one in everybody}


def test_lists_are_told_in_pages_and_tell_every_statement_once(
    desk: Front, run: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    frozen(desk, run)
    for path, key in (
        ("/v1/statements", "operator"),
        ("/v1/statements", "palm"),
        (f"/v1/runs/{run}/statements", "operator"),
    ):
        walks_to_the_end(desk, path, "statements", key, monkeypatch)
    monkeypatch.setattr(paging, "PAGE", 1)
    shown = desk.ask("GET", f"/v1/runs/{run}", key="operator").json["statements"]
    assert {"palm", "lotus", "house"} <= {one["partner"] for one in shown}
    asked = ("--key", desk.folder / "operator.jwk", "--url", f"http://{desk.host}")
    told = json.loads(clearing("statement", "list", "--run", run, *asked).stdout)
    assert (told["statements"], told["next"]) == (shown, None)


def test_another_format_is_refused(desk: Front, run: str) -> None:
    frozen(desk, run)
    for query in ("?format=exe", "?form=csv"):
        answer = desk.ask("GET", f"/v1/statements/{run}-palm{query}", key="palm")
        assert (answer.status, answer.code) == (422, "validation_failed")


def test_the_same_from_the_command_line(desk: Front, run: str, tmp_path: Path) -> None:
    frozen(desk, run)
    asked = ("--key", desk.folder / "palm.jwk", "--url", f"http://{desk.host}")
    listed = json.loads(clearing("statement", "list", *asked).stdout)["statements"]
    assert f"{run}-palm" in {one["statement"] for one in listed}
    file, public = tmp_path / "palm.pdf", tmp_path / "house.jwk"
    public.write_text(json.dumps(dict(desk.house.key.public.jwk)))
    done = clearing("statement", "fetch", f"{run}-palm", "--format", "pdf", "--out", file, *asked)
    assert done.returncode == 0, done.stderr
    assert clearing("statement", "verify", file, "--key", public).returncode == 0
    said = clearing("statement", "summary", file, "--key", public).stdout
    assert "−10.000000" in said
    assert "this payment" in said
    table = tmp_path / "palm.csv"
    assert clearing("statement", "fetch", f"{run}-palm", "--format", "csv", "--out", table, *asked).returncode == 0
    assert clearing("statement", "verify", table, "--key", public).returncode == 0
    table.write_bytes(table.read_bytes().replace(b",10.000000,", b",1.000000,", 1))
    assert clearing("statement", "summary", table, "--key", public).returncode == 1
    foreign = clearing("statement", "fetch", f"{run}-lotus", "--out", tmp_path / "no", *asked)
    assert (foreign.returncode, (tmp_path / "no").exists()) == (4, False)
