"""Revenue-sharing contracts at the door and from the command line: two keys, dated versions, and who reads them."""

import json
import subprocess
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clearing.front.shapes import instant
from settlement.rules.run import Inputs, Rate, RateSet, SealedWindow, canonical, inputs_document, sha256
from settlement.rules.sharing import Before
from settlement.rules.waterfall import Base, Sharing, Version
from tests.command_line import clearing
from tests.wire.front_room import Answer, Front
from tests.wire.test_front_runs import NOW, desk

__all__ = ["desk"]  # the fixture


def at(days: int) -> str:
    return instant(NOW + timedelta(days=days)) or ""


def contract(version: int = 1, days: int = 1, **changes: Any) -> dict[str, Any]:
    of = {"figure": "fee", "corridor": {"source": "palm-hotels", "target": "lotus-air"}}
    return {
        "format": "share-contract/1",
        "contract": "spring",
        "version": version,
        "valid_from": at(days),
        "period": "month",
        "parties": ["palm", "lotus"],
        "steps": [
            {"name": "base", "base": {"payer": "house", "of": of}},
            {
                "name": "rest",
                "residual": {"weights": [{"party": "palm", "weight": 1}, {"party": "lotus", "weight": 2}]},
            },
        ],
    } | changes


def proposed(desk: Front, document: object, key: str = "operator") -> Answer:
    return desk.ask("POST", "/v1/contracts", {"contract": document}, key=key)


def published(desk: Front, document: object) -> Any:
    first = proposed(desk, document)
    assert first.status == 202, first.body
    done = desk.ask("POST", f"/v1/contracts/{first.json['proposal']}/confirm", {}, key="auditor")
    assert done.status == 201, done.body
    return done.json


@pytest.fixture(autouse=True)
def nobody(desk: Front) -> Iterator[None]:
    """No contract is left of a test."""
    yield
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute("DELETE FROM share_contract")
        connection.execute("DELETE FROM proposal WHERE kind = 'share_contract'")


def listed(desk: Front, key: str = "operator", query: str = "") -> list[tuple[int, bool]]:
    found = desk.ask("GET", f"/v1/contracts{query}", key=key).json["contracts"]
    return [(one["version"], one["in_force"]) for one in found]


def test_a_contract_takes_two_keys(desk: Front) -> None:
    first = proposed(desk, contract())
    assert (first.status, first.json["kind"], first.json["document"]) == (202, "share_contract", contract())
    confirm = f"/v1/contracts/{first.json['proposal']}/confirm"
    alone = desk.ask("POST", confirm, {}, key="operator")
    assert (alone.status, alone.code) == (403, "second_key_needed")
    waiting = [one["proposal"] for one in desk.ask("GET", "/v1/proposals", key="auditor").json["proposals"]]
    assert first.json["proposal"] in waiting
    done = desk.ask("POST", confirm, {}, key="auditor")
    assert (done.status, done.json["digest"]) == (201, first.json["proposal"])
    assert done.json["proposed_by"] != done.json["confirmed_by"]
    assert desk.ask("POST", confirm, {}, key="auditor").json == done.json
    assert (proposed(desk, contract()).status, proposed(desk, contract()).json) == (200, done.json)
    waiting = [one["proposal"] for one in desk.ask("GET", "/v1/proposals", key="auditor").json["proposals"]]
    assert first.json["proposal"] not in waiting


def test_versions_follow_one_another_and_a_taken_one_is_refused(desk: Front) -> None:
    published(desk, contract())
    other = contract(period="year")
    assert proposed(desk, other).code == "version_taken"
    assert proposed(desk, contract(3, 2)).code == "version_taken"
    assert proposed(desk, contract(2, 1)).code == "validation_failed"  # it would begin with version 1
    other_months = proposed(desk, contract(2, 2, period="year"))
    assert (other_months.code, "$.period" in other_months.json["detail"]) == ("validation_failed", True)
    published(desk, contract(2, 2))
    assert listed(desk) == [(1, False), (2, False)]


def test_the_version_in_force_is_the_last_that_has_begun(desk: Front) -> None:
    published(desk, contract())
    published(desk, contract(2, 2))
    with psycopg.connect(desk.url, autocommit=True) as connection:
        earlier = {
            "past": json.dumps(at(-1)),
            "back": datetime.fromisoformat(at(-1)),
            "before": NOW - timedelta(days=2),
        }
        connection.execute(
            "UPDATE share_contract SET valid_from = %(back)s, published_at = %(before)s, "
            "document = jsonb_set(document, '{valid_from}', %(past)s::jsonb) WHERE version = 1",
            earlier,
        )
    assert listed(desk) == [(1, True), (2, False)]


def test_of_two_proposals_of_a_version_one_is_published(desk: Front) -> None:
    first, other = proposed(desk, contract()), proposed(desk, contract(period="year"))
    assert desk.ask("POST", f"/v1/contracts/{other.json['proposal']}/confirm", {}, key="auditor").status == 201
    late = desk.ask("POST", f"/v1/contracts/{first.json['proposal']}/confirm", {}, key="auditor")
    assert (late.status, late.code) == (409, "version_taken")


def _without(name: str) -> dict[str, Any]:
    return {key: value for key, value in contract().items() if key != name}


def _of(of: dict[str, Any]) -> dict[str, Any]:
    steps = contract()["steps"]
    return contract(steps=[{"name": "base", "base": {"payer": "house", "of": of}}, *steps[1:]])


@pytest.mark.parametrize(
    ("document", "status", "code"),
    [
        (_without("valid_from"), 422, "validation_failed"),
        (_without("period"), 422, "validation_failed"),
        (contract(days=-1), 422, "validation_failed"),
        (contract(currency="EUR"), 422, "validation_failed"),
        (contract(late={"basis_points": 1, "day_count": "ACT/360", "to": "palm"}), 422, "validation_failed"),
        (contract(valid_to=at(0)), 422, "validation_failed"),
        (contract(valid_from="2027-02-30T00:00:00Z"), 422, "validation_failed"),
        (
            contract(steps=[{"name": "base", "base": {"payer": "house"}}, contract()["steps"][1]]),
            422,
            "validation_failed",
        ),
        (contract(parties=["palm", "lotus", "nobody"]), 404, "not_found"),
        (_of({"figure": "fee", "program": "no-such"}), 404, "not_found"),
        (_of({"figure": "fee", "corridor": {"source": "lotus-air", "target": "lotus-air"}}), 422, "validation_failed"),
        (_of({"figure": "net", "program": "lotus-air"}), 422, "validation_failed"),
        ("nonsense", 422, "validation_failed"),
    ],
)
def test_what_no_run_could_go_by_is_refused(desk: Front, document: object, status: int, code: str) -> None:
    answer = proposed(desk, document)
    assert (answer.status, answer.code) == (status, code), answer.body


def test_its_parties_read_a_contract_and_nobody_else_does(desk: Front) -> None:
    published(desk, contract())
    assert listed(desk, "palm") == listed(desk, "lotus") == [(1, False)]
    assert listed(desk, "corner") == []
    hidden = desk.ask("GET", "/v1/contracts?contract=spring", key="corner")
    assert (hidden.status, hidden.code) == (404, "not_found")
    assert proposed(desk, contract(2, 2), key="palm").code == "forbidden"


def run(desk: Front, key: str, *words: str | Path) -> subprocess.CompletedProcess[str]:
    return clearing("contract", *words, "--key", desk.folder / f"{key}.jwk", "--url", f"http://{desk.host}")


def test_contracts_are_published_and_shown_from_the_command_line(desk: Front, tmp_path: Path) -> None:
    file = tmp_path / "contract.json"
    file.write_text(json.dumps(contract()))
    first = run(desk, "operator", "publish", file)
    assert first.returncode == 0, first.stderr
    confirmed = run(desk, "auditor", "confirm", json.loads(first.stdout)["proposal"])
    assert confirmed.returncode == 0, confirmed.stderr
    shown = json.loads(run(desk, "operator", "show", "spring").stdout)["contracts"]
    assert [one["document"] for one in shown] == [contract()]
    assert "spring" in run(desk, "operator", "list").stdout
    assert run(desk, "operator", "show", "autumn").returncode == 4


@pytest.fixture
def shared(desk: Front) -> Iterator[str]:
    """A settled run that shared 3.00 of the house's fees in two windows: a third is palm's, the rest lotus's. Gone after the test."""
    said, run = contract(), "W-2003-01.1"
    version = Version("spring", 1, "0" * 64)
    bases = [Base("spring", 1, number, f"W-2003-0{number}", 3_000_000, Before(), closing=False) for number in (1, 2)]
    windows = tuple([SealedWindow(number, f"W-2003-0{number}", 0, 1, "r") for number in (1, 2)])
    rates = RateSet("ECB", "2003-01-09", "2003-01-09T15:00:00Z", (Rate("EUR", 1, 1, 2),))
    sharing = Sharing(((version, said),), tuple(bases))
    inputs = Inputs(windows, (), (), (), (), rates, (), (), None, "2003-01-12", sharing=sharing)
    kept = canonical(inputs_document(inputs))
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO settlement_run (run, state, inputs, inputs_sha256, result, result_sha256, value_date, created_at, created_by, "
            "previewed_by, approved_by, turn) VALUES (%s, 'settled', %s, %s, '', %s, '2003-01-12', now(), 'a', 'a', 'b', 0)",
            [run, kept, sha256(kept), sha256(b"")],
        )
        yield run
        connection.execute("DELETE FROM settlement_run WHERE run = %s", [run])


def test_parties_and_operators_are_drawn_what_a_run_shared_and_nobody_else(
    desk: Front, shared: str, tmp_path: Path
) -> None:
    at = f"/v1/runs/{shared}/waterfalls/spring?window=W-2003-02"
    everything, palms = (desk.ask("GET", at, key=key) for key in ("operator", "palm"))
    assert (everything.status, everything.headers["content-type"], everything.signed) == (200, "image/svg+xml", True)
    assert desk.ask("GET", at, key="palm").body == palms.body
    for told, whole, own in (("Palm Hotels", True, True), ("Lotus Air", True, False), ("between others", False, True)):
        assert ((told in everything.body.decode()), (told in palms.body.decode())) == (whole, own)
    for query in ("", "?window=W-2003-02", "?window=W-1999-01", "?back=true"):
        there, nowhere = (
            desk.ask("GET", f"/v1/runs/{run}/waterfalls/spring{query}", key="kiosk") for run in (shared, "W-2003-09.1")
        )
        assert (there.code, there.json["detail"]) == (nowhere.code, nowhere.json["detail"])
    assert desk.ask("GET", f"/v1/runs/{shared}/waterfalls/spring", key="palm").code == "validation_failed"
    assert desk.ask("GET", f"{at}&back=true", key="palm").code == "not_found"
    assert desk.ask("GET", f"{at}&back=yes", key="palm").code == "validation_failed"
    file = tmp_path / "spring.svg"
    said = ("settle", "waterfall", shared, "spring", "--window", "W-2003-02", "--out", file)
    assert desk.command(*said, key="palm").returncode == 0
    assert file.read_bytes() == palms.body
    refused = desk.command(*said, "--back", key="palm")
    assert (refused.returncode, "not_found" in refused.stderr) == (4, True)
