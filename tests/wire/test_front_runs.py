"""Settlement runs at the door: operators only, two keys, the payments, what the bank said; and the same from the command line."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from hashlib import sha256
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clearing import database, partners
from clearing.front import run_messages as messages
from clearing.front import vault, wiring
from settlement import run as settling
from tests.command_line import clearing
from tests.wire.front_room import Front
from tests.wire.papers_room import ECB, published

NOW = datetime.now(UTC).replace(microsecond=0)
LONG_AGO = datetime(2001, 1, 1, tzinfo=UTC)
_numbers = count(1)
RATES = ECB["name"]


@pytest.fixture(scope="module")
def desk(front: Front) -> Front:
    """The house with a second operator and two partners of its own, ada and bob."""

    async def furnish() -> None:
        async with await database.connect(front.url) as connection:
            await connection.set_autocommit(True)
            for code in ("ada", "bob"):
                await partners.register_partner(connection, code, code.title(), NOW)
            front.keys["auditor"] = vault.private_key(front.folder / "auditor.jwk", make=True)
            await wiring.register_own(connection, front.keys["auditor"], "operator", None, front.house.settings)

    asyncio.run(furnish())
    published(front, "/v1/rates", ECB)
    published(front, "/v1/rates", ECB | {"name": "yen-alone", "rates": {"JPY": "0.00625"}})
    return front


@pytest.fixture
def window(desk: Front) -> Iterator[str]:
    """A window of long ago, sealed: ada owes 10.00, bob is owed 9.00, the house keeps 1.00. Gone after the test."""
    number = next(_numbers)
    code, first = f"W-2001-{number:02}", 10**12 + 10 * number
    opens = LONG_AGO + timedelta(days=number)
    with psycopg.connect(desk.url, autocommit=True) as connection:
        numbers: dict[str, int] = dict(connection.execute("SELECT partner, number FROM partner").fetchall())
        connection.execute(
            "INSERT INTO calendar (window_id, version, code, opens_at, closes_at) VALUES (%s, 0, %s, %s, %s)",
            [number, code, opens, opens + timedelta(days=1)],
        )
        connection.execute(
            "INSERT INTO lane_window VALUES (0, %s, %s, %s, %s, %s)", [number, first, opens, first + 1, b"r" * 32]
        )
        name = f"00000000-0000-0000-0000-{number:012}"
        connection.execute("INSERT INTO leaf VALUES (0, %s, %s, 'adjusted', %s, '', '', '')", [first, opens, name])
        connection.execute(
            "INSERT INTO adjustment (lane, adjustment_id, kind, seq, at, window_id, reason, lines) "
            "VALUES (0, %s, 'adjusted', %s, %s, %s, 'goodwill', '[]')",
            [name, first, opens, number],
        )
        lines = ((numbers["ada"] * 16 + 8, 10_000_000), (numbers["bob"] * 16 + 8, -9_000_000), (14, -1_000_000))
        for line, (account, amount) in enumerate(lines):
            connection.execute(
                "INSERT INTO entry VALUES (0, %s, %s, %s, %s, %s, %s)",
                [first, line, account, number, amount, name],
            )
            connection.execute(
                "INSERT INTO position_slice VALUES (0, %s, %s, %s, %s)",
                [number, account, max(amount, 0), max(-amount, 0)],
            )
        yield code
        for table in ("entry", "position_slice", "adjustment", "lane_window", "calendar"):
            connection.execute(f"DELETE FROM {table} WHERE window_id = %s", [number])
        connection.execute("DELETE FROM leaf WHERE seq = %s", [first])


def wish(window: str, **changes: Any) -> dict[str, Any]:
    terms = [{"partner": "bob", "currency": "JPY", "interest_basis_points": 800, "year_days": 360}]
    return {
        "windows": [window], "value_date": "2026-03-12", "currency": "EUR", "rates": RATES, "terms": terms, "suspended": []
    } | changes  # fmt: skip


def drafted(desk: Front, window: str) -> Any:
    answer = desk.ask("POST", "/v1/runs", wish(window), key="operator")
    assert answer.status == 201, answer.body
    return answer.json


def approved(desk: Front, run: Any) -> Any:
    for key in ("operator", "auditor"):
        answer = desk.ask("POST", f"/v1/runs/{run['run']}/approve", {"result_sha256": run["result_sha256"]}, key=key)
        assert answer.status == 200, answer.body
    return answer.json


def payments(desk: Front, run: str) -> dict[str, Any]:
    said = desk.ask("GET", f"/v1/runs/{run}/instructions", key="operator").json
    return {one["partner"]: one for one in said["instructions"]}


def booked(one: dict[str, Any], **changes: Any) -> dict[str, Any]:
    names = ("instruction", "direction", "currency", "amount")
    given = {name: one[name] for name in names} | {"booked_on": f"{datetime.now(UTC):%Y-%m-%d}"}
    return given | {"bank_reference": f"b-{one['partner']}"} | changes


def confirmed(desk: Front, run: str, *said: dict[str, Any]) -> Any:
    return desk.ask("POST", f"/v1/runs/{run}/confirmations", {"confirmations": list(said)}, key="operator")


def test_a_run_from_its_draft_to_the_last_payment(desk: Front, window: str) -> None:
    run = drafted(desk, window)
    name = run["run"]
    assert (name, run["state"]) == (f"{window}.1", "drafted")
    assert drafted(desk, window) == run
    assert approved(desk, run)["state"] == "approved"
    assert desk.ask("POST", f"/v1/runs/{name}/freeze", {}, key="operator").json["state"] == "instructed"
    due = payments(desk, name)
    assert {who: (one["direction"], one["currency"], one["amount"], one["state"]) for who, one in due.items()} == {
        "ada": ("pay_in", "EUR", "10.00", "due"), "bob": ("pay_out", "JPY", "1440", "waiting"),
    }  # fmt: skip
    wrong = confirmed(desk, name, booked(due["ada"], amount="9.99")).json
    assert wrong["confirmations"][0]["differs"] == "amount in minor units: instructed 1000, booked 999"
    assert wrong["state"] == "instructed"
    assert confirmed(desk, name, booked(due["ada"])).json["state"] == "paying"
    assert confirmed(desk, name, booked(due["bob"])).json["state"] == "settled"
    again = confirmed(desk, name, booked(due["bob"])).json["confirmations"]
    assert [one["outcome"] for one in again] == ["again"]
    whole = desk.ask("GET", f"/v1/runs/{name}", key="operator").json
    assert whole["replays"] is True
    assert [one["step"] for one in whole["events"]][-1] == "settled"
    assert all(one["evidence"] for one in whole["events"])
    assert {(one["party"], one["currency"], one["minor"]) for one in whole["result"]["nets"]} == {
        ("ada", "EUR", "-1000"), ("house", "EUR", "1000"), ("bob", "JPY", "1440"), ("house", "JPY", "-1440"),
    }  # fmt: skip
    assert name in {one["run"] for one in desk.ask("GET", "/v1/runs", key="operator").json["runs"]}
    confirming = {
        one["detail"].partition(":")[0]: one["evidence"] for one in whole["events"] if one["step"] == "confirmed"
    }
    for one in due.values():  # a payment leads to the very request that confirmed it
        said = desk.ask("GET", f"/v1/explain?figure={one['instruction']}", key="operator").json
        (paid,) = said["exchanges"]
        assert (said["adds_up"], paid["evidence"]) == (True, confirming[one["instruction"]])
        assert paid["signed_by"] == desk.keys["operator"].public.key_id
        assert desk.ask("GET", f"/v1/explain?figure={one['instruction']}", key="palm").status == 404


def frozen(desk: Front, window: str, **changes: Any) -> str:
    """A run that two operators approved, with its payments instructed."""
    run = desk.ask("POST", "/v1/runs", wish(window, **changes), key="operator").json
    approved(desk, run)
    assert desk.ask("POST", f"/v1/runs/{run['run']}/freeze", {}, key="operator").status == 200
    name: str = run["run"]
    return name


def test_what_is_overdue_is_shown_and_accrues_once_for_each_day(desk: Front, window: str) -> None:
    terms = [{"partner": "ada", "currency": "EUR", "interest_basis_points": 800, "year_days": 360}]
    name = frozen(desk, window, terms=terms)
    before = payments(desk, name)
    assert {who: (one["overdue"], one["accrued"]) for who, one in before.items()} == {
        "ada": (True, "0"),
        "bob": (False, "0"),
    }
    (said,) = desk.ask("POST", "/v1/overdue", {}, key="operator").json["accrued"]
    days = (date.fromisoformat(said["until"]) - date(2026, 3, 12)).days
    assert (said["run"], said["partner"], said["since"]) == (name, "ada", "2026-03-12")
    assert int(said["interest"]) == 10_000_000 * 800 * days // (10_000 * 360)
    assert desk.ask("POST", "/v1/overdue", {}, key="operator").json["accrued"] == []
    assert payments(desk, name)["ada"]["accrued"] == said["interest"]
    assert desk.ask("POST", "/v1/overdue", {}, key="palm").status in {401, 403}
    assert confirmed(desk, name, booked(before["ada"])).json["state"] == "paying"
    now = payments(desk, name)["ada"]
    assert (now["overdue"], now["accrued"]) == (False, said["interest"])  # the bank had it today


def audited(desk: Front, run: str, change: str = "", *values: object) -> list[str]:
    """What the audit finds of this run once the change was made, which is taken back."""

    async def look() -> list[str]:
        async with await database.connect(desk.url, application=False) as connection:
            if change:
                await connection.execute(change.encode(), [*values, run])
            _, found = await settling.unsound(connection, 0)
            await connection.rollback()
            return [fault.removeprefix(f"{run}: ") for fault in found if fault.startswith(f"{run}: ")]

    return asyncio.run(look())


def test_the_audit_of_runs_names_what_does_not_hold(desk: Front, window: str) -> None:
    run = frozen(desk, window)
    due = payments(desk, run)
    confirmed(desk, run, booked(due["ada"]))
    confirmed(desk, run, booked(due["bob"]))
    assert audited(desk, run) == []
    hashes = "its bytes are not what their hash says"
    keys = "no two operators' kept requests approve this result"
    changes = (
        ("UPDATE settlement_run SET result = result || '\\x20'::bytea WHERE run = %s", hashes),
        ("UPDATE settlement_run SET inputs = inputs || '\\x20'::bytea WHERE run = %s", hashes),
        ("UPDATE settlement_run SET inputs = '{'::bytea WHERE run = %s", hashes),
        ("UPDATE settlement_run SET previewed_by = 'ada' WHERE run = %s", keys),
        ("UPDATE settlement_run_event SET key_id = 'nobody' WHERE step = 'approved' AND run = %s", keys),
        ("UPDATE settlement_run_event SET evidence_id = NULL WHERE step = 'previewed' AND run = %s", keys),
        ("UPDATE settlement_net SET micros = micros + 1 WHERE party = 'ada' AND run = %s", "its nets add up to 1, not to zero"),
        ("UPDATE settlement_net SET minor = minor + 1 WHERE party = 'bob' AND run = %s", "its minor units of JPY do not add up to zero"),
        (
            "UPDATE settlement_instruction SET state = 'confirmed' WHERE payee = 'bob' AND run = %s",
            "it is settled, and 1 of its payments are not",
        ),
    )  # fmt: skip
    for change, fault in changes:
        assert audited(desk, run, change) == [fault], change
    gone = "DELETE FROM adjustment WHERE kind = 'paid' AND reference = %s AND %s::text IS NOT NULL"
    paid = due["bob"]["instruction"]
    assert audited(desk, run, gone, paid) == [f"settled, but not booked once as paid: {paid}"]


def test_the_inputs_are_the_bytes_that_the_approved_result_names(desk: Front, window: str, tmp_path: Path) -> None:
    run = drafted(desk, window)
    answer = desk.ask("GET", f"/v1/runs/{run['run']}/inputs", key="auditor")
    assert (answer.status, answer.headers["content-type"]) == (200, "application/json")
    assert sha256(answer.body).hexdigest() == run["inputs_sha256"]
    assert answer.json["terms"] == [["ada", "EUR", 0, 365], ["bob", "JPY", 800, 360]]
    messages.InputsSaid.model_validate_json(answer.body)
    assert desk.ask("GET", f"/v1/runs/{run['run']}/inputs", key="palm").code == "forbidden"
    assert desk.ask("GET", "/v1/runs/W-1999-01.1/inputs", key="operator").code == "not_found"
    file = tmp_path / "inputs.json"
    assert desk.command("settle", "inputs", run["run"], "--out", file).returncode == 0
    assert file.read_bytes() == answer.body
    again = clearing("settle", "replay", file, "--result", run["result_sha256"])
    assert (again.returncode, json.loads(again.stdout)["result_sha256"]) == (0, run["result_sha256"])


def test_a_booking_of_a_day_to_come_confirms_nothing(desk: Front, window: str) -> None:
    run = frozen(desk, window)
    due = payments(desk, run)["ada"]
    tomorrow = datetime.now(UTC).date() + timedelta(days=2)
    for day in (tomorrow.isoformat(), "9999-12-31"):
        answer = confirmed(desk, run, booked(due, booked_on=day))
        assert (answer.status, answer.code) == (422, "validation_failed")
    early = confirmed(desk, run, booked(due, booked_on="2026-03-12")).json
    assert early["confirmations"][0]["differs"].startswith("booked_on: instructed on ")
    assert payments(desk, run)["ada"]["state"] == "differs"
    assert confirmed(desk, run, booked(due)).json["state"] == "paying"


def test_one_operator_alone_settles_nothing(desk: Front, window: str) -> None:
    run = drafted(desk, window)
    at, body = f"/v1/runs/{run['run']}/approve", {"result_sha256": run["result_sha256"]}
    assert desk.ask("POST", at, {"result_sha256": "0" * 64}, key="operator").code == "run_differs"
    assert desk.ask("POST", at, body, key="operator").json["state"] == "previewed"
    alone = desk.ask("POST", at, body, key="operator")
    assert (alone.status, alone.code) == (403, "second_key_needed")
    assert desk.ask("POST", f"/v1/runs/{run['run']}/freeze", {}, key="operator").code == "run_not_ready"
    other = desk.ask("POST", "/v1/runs", wish(window, value_date="2026-03-13"), key="operator")
    assert (other.status, other.code) == (409, "window_in_run")
    gone = desk.ask("POST", f"/v1/runs/{run['run']}/abort", {"reason": "the wrong day"}, key="operator")
    assert gone.json["state"] == "aborted"
    assert drafted(desk, window)["run"] == f"{window}.2"


def test_partners_settle_nothing_and_see_no_run(desk: Front, window: str) -> None:
    assert desk.ask("POST", "/v1/runs", wish(window), key="palm").code == "forbidden"
    assert desk.ask("GET", "/v1/runs", key="palm").code == "forbidden"


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"windows": ["W-1999-01"]}, 404, "not_found"),
        ({"suspended": ["nobody"]}, 404, "not_found"),
        ({"value_date": None}, 422, "validation_failed"),
        ({"value_date": "2026-02-30"}, 422, "validation_failed"),
        ({"currency": "XYZ"}, 422, "validation_failed"),
        ({"rates": "nobodys"}, 422, "rates_not_in_force"),
        ({"rates": "yen-alone"}, 422, "validation_failed"),
        ({"value_date": "2026-03-17"}, 422, "rates_not_in_force"),
        ({"value_date": "2026-03-08"}, 422, "rates_not_in_force"),
        ({"windows": []}, 422, "validation_failed"),
        ({"terms": [{"partner": "bob", "currency": "EUR"}] * 2}, 422, "validation_failed"),
    ],
)
def test_what_cannot_be_settled_is_refused(
    desk: Front, window: str, change: dict[str, Any], status: int, code: str
) -> None:
    answer = desk.ask("POST", "/v1/runs", wish(window, **change), key="operator")
    assert (answer.status, answer.code) == (status, code)


def test_the_open_window_is_not_settled(desk: Front) -> None:
    with psycopg.connect(desk.url) as connection:
        query = "SELECT code FROM calendar JOIN lane USING (window_id)"
        ((code,),) = connection.execute(query).fetchall()
    answer = desk.ask("POST", "/v1/runs", wish(code), key="operator")
    assert (answer.status, answer.code) == (409, "window_not_sealed")


def test_the_same_from_the_command_line(desk: Front, window: str, tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.write_text(json.dumps(wish(window)))
    run = json.loads(desk.command("settle", "draft", file).stdout)
    for key in ("operator", "auditor"):
        done = desk.command("settle", "approve", run["run"], run["result_sha256"], key=key)
        assert done.returncode == 0, done.stderr
    assert json.loads(desk.command("settle", "freeze", run["run"]).stdout)["state"] == "instructed"
    assert "payee" in desk.command("settle", "pay", run["run"]).stdout
    for who in ("ada", "bob"):
        file.write_text(json.dumps([booked(payments(desk, run["run"])[who])]))
        said = json.loads(desk.command("settle", "confirm", run["run"], file).stdout)
    assert said["state"] == "settled"
    assert json.loads(desk.command("settle", "show", run["run"]).stdout)["replays"] is True
    late = desk.command("settle", "abort", run["run"], "too late")
    assert late.returncode == 4
    assert "run_not_ready" in late.stderr
