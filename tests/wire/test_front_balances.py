"""Balances at past instants through the doors: who sees what, what `at` may be, and that the figures are those of the books."""

import json
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clearing.rules.postings import Account, account_number
from tests.command_line import clearing
from tests.wire.front_room import CANARY, Front

NOBODY = "01a2008f-81fc-85d4-82a4-382b6b75b8a2"


def held(answer: Any) -> dict[str, int]:
    return {row["account"]: int(row["balance"]) for row in answer.json["balances"]}


def now() -> str:
    return datetime.now(UTC).isoformat().replace("+00:00", "Z")


def test_a_partner_sees_its_own_accounts_and_an_operator_sees_all(front: Front) -> None:
    own, air, every = (held(front.ask("GET", "/v1/balances", key=key)) for key in ("palm", "lotus", "operator"))
    assert {name.partition(".")[0] for name in own} >= {"palm", "palm-hotels", "lone"}
    assert {name.partition(".")[0] for name in air} == {"lotus", "lotus-air"}
    assert not set(own) & set(air)
    assert set(every) >= {*own, *air, "house.fee", "house.rounding"}  # and those of partners that other tests took in
    assert (
        sum(amount for name, amount in every.items() if name.endswith((".position", ".cash", ".fee", ".rounding"))) == 0
    )
    for name in ("lotus.position", "house.fee", "nobody.position", "palm-hotels.nothing", "palm"):
        answer = front.ask("GET", f"/v1/balances/{name}")
        assert (answer.status, answer.code) == (404, "not_found"), name
    assert front.ask("GET", "/v1/balances/house.fee", key="operator").status == 200


def test_now_is_what_is_kept(front: Front) -> None:
    front.completed()
    front.books()  # at rest
    answer = front.ask("GET", "/v1/balances", key="operator")
    assert answer.json["settled"] is True
    with psycopg.connect(front.url) as connection:
        kept: dict[int, int] = dict(
            connection.execute(
                "SELECT account, sum(debits - credits)::bigint FROM position_slice GROUP BY account"
            ).fetchall()
        )
        owners: dict[str, int] = dict(connection.execute("SELECT program, number FROM program").fetchall())
        owners |= dict(connection.execute("SELECT partner, number FROM partner").fetchall()) | {"house": 0}
    for name, amount in held(answer).items():
        owner, _, kind = name.partition(".")
        assert amount == kept.get(account_number(owners[owner], Account[kind.upper()]), 0), name


def test_a_past_balance_stays_what_it_was(front: Front) -> None:
    front.books()
    before = now()
    path = f"/v1/balances/palm.position?at={before}"
    first = front.ask("GET", path)
    done = front.completed(6_000)
    front.books()
    assert front.ask("GET", path).json["balances"] == first.json["balances"]
    (after,) = front.ask("GET", "/v1/balances/palm.position").json["balances"]
    assert int(after["balance"]) - held(first)["palm.position"] == done["debit"]
    assert (after["unit"], after["account"]) == ("millionths", "palm.position")
    position = front.ask("GET", "/v1/position").json["position"]
    assert after["balance"] == position  # nothing is settled yet


def test_a_member_sees_what_moved_by_an_instant(front: Front) -> None:
    started = now()
    member = f"{CANARY}-{time.monotonic_ns()}"
    source, target = front.link("palm-hotels", member), front.link("lotus-air", member)
    quote = front.ask("POST", "/v1/quotes", {"source_account": source, "target_account": target, "sent": 3_000})
    exchange = front.ask("POST", "/v1/exchanges", {"quote": quote.json["quote"]}, headers={"prefer": "wait=20"}).json
    before = now()
    back = front.ask(
        "POST",
        f"/v1/exchanges/{exchange['exchange']}/reversals",
        {"sent": 1_200, "reason": "x"},
        headers={"prefer": "wait=20"},
    )
    assert back.json["state"] == "completed"
    at_source = front.ask("GET", f"/v1/accounts/{source}/moved").json
    assert {name: at_source[name] for name in ("net", "sent", "returned", "sending", "returning", "unit")} == {
        "net": "-1800", "sent": "3000", "returned": "1200", "sending": "0", "returning": "0", "unit": "POINT",
    }  # fmt: skip
    at_target = front.ask("GET", f"/v1/accounts/{target}/moved", key="lotus").json
    assert (at_target["net"], at_target["received"], at_target["taken_back"]) == ("600", "1000", "400")
    assert front.ask("GET", f"/v1/accounts/{source}/moved?at={before}").json["net"] == "-3000"
    assert front.ask("GET", f"/v1/accounts/{source}/moved?at={started}").json["net"] == "0"
    seen = front.ask("GET", f"/v1/accounts/{source}/moved", key="operator").json
    assert {**seen, "at": None} == {**at_source, "at": None}
    for account, key in ((source, "lotus"), (target, "palm"), (NOBODY, "palm"), ("nonsense", "palm")):
        answer = front.ask("GET", f"/v1/accounts/{account}/moved", key=key)
        assert (answer.status, answer.code) == (404, "not_found")


@pytest.mark.parametrize(
    "query",
    [
        "at=yesterday",
        "at=2026-03-31",
        "at=2026-03-31T22:00:00",
        "at=2026-02-30T22:00:00Z",
        "at=2026-03-31T22:00:00Z&at=2026-03-31T22:00:00Z",
        "at=2026-03-31T22:00:00Z&more=1",
        "at=0001-01-01T00:00:00+14:00",
        "at=2999-01-01T00:00:00Z",
        "when=2026-03-31T22:00:00Z",
        "at=",
    ],
)
def test_an_instant_has_one_form_and_is_past(front: Front, query: str) -> None:
    for path in ("/v1/balances", "/v1/balances/palm.position"):
        answer = front.ask("GET", f"{path}?{query}")
        assert (answer.status, answer.code, answer.signed) == (422, "validation_failed", True)


def test_instants_with_another_zone_are_the_same_instants(front: Front) -> None:
    answers = [
        front.ask("GET", f"/v1/balances?at=2026-01-31T{time_and_zone}").json
        for time_and_zone in ("22:00:00Z", "23:00:00.000000+01:00", "15:30:00.0-06:30")
    ]
    assert {answer["at"] for answer in answers} == {"2026-01-31T22:00:00Z"}
    assert {int(row["balance"]) for answer in answers for row in answer["balances"]} == {0}


def test_the_command_line_asks_for_any_instant(front: Front) -> None:
    house: list[str | Path] = ["--key", front.folder / "palm.jwk", "--url", f"http://{front.host}"]
    every = json.loads(clearing("balance", *house).stdout)
    assert "palm.position" in {row["account"] for row in every["balances"]}
    at = now()
    one = json.loads(clearing("balance", "palm.position", "--at", at, *house).stdout)
    assert [row["account"] for row in one["balances"]] == ["palm.position"]
    account = front.link("palm-hotels", CANARY)
    moved = json.loads(clearing("balance", account, *house).stdout)
    assert moved["account"] == account
    assert clearing("balance", "--at", "2026-03-31T22:00:00", *house).returncode == 2
    assert clearing("balance", "lotus.position", *house).returncode == 4
