"""Risk rules over the wire: published by two keys, applied to real requests, decided by an operator, and no token of a device anywhere."""

import json
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest

from clearing import database
from clearing.front.app import create_app
from tests.wire.front_room import Front
from tests.wire.risk_room import (
    NOW,
    at_once,
    bodies_that_tell,
    caps,
    case_of,
    device,
    device_shown,
    document,
    fresh,
    pair,
    quoted,
    quoted_back,
    reasons,
    resolved,
    ruled,
    submitted,
)
from tests.wire.test_front_doors import validator

LARGE = {"name": "large", "watches": "amount", "points": 3000}


def proposals(front: Front) -> list[str]:
    return [one["proposal"] for one in front.ask("GET", "/v1/proposals", key="second").json["proposals"]]


# --- publication


def test_rules_are_proposed_by_one_key_and_confirmed_by_another(risky: Front) -> None:
    wish = document(LARGE)
    proposed = risky.ask("POST", "/v1/risk-rules", {"risk_rules": wish}, key="operator")
    assert (proposed.status, proposed.json["kind"], proposed.json["partner"]) == (202, "risk_rules", "house")
    digest = proposed.json["proposal"]
    at = f"/v1/risk-rules/{digest}/confirm"
    alone = risky.ask("POST", at, {}, key="operator")
    assert (alone.status, alone.code) == (403, "second_key_needed")
    assert digest in proposals(risky)
    done = risky.ask("POST", at, {}, key="second")
    assert (done.status, done.json["document"], done.json["in_force"]) == (201, wish, True)
    assert digest not in proposals(risky)
    assert (risky.ask("POST", at, {}, key="second").status, risky.ask("POST", at, {}, key="second").json) == (
        200,
        done.json,
    )
    again = risky.ask("POST", "/v1/risk-rules", {"risk_rules": wish}, key="second")
    assert (again.status, again.json) == (200, done.json)
    listed = risky.ask("GET", "/v1/risk-rules", key="operator").json
    assert listed["risk_rules"][-1] == done.json
    assert [one["in_force"] for one in listed["risk_rules"]].count(True) == 1
    validator(json.loads(json.dumps(create_app().openapi())), "RiskVersionsSaid").validate(listed)
    assert risky.ask("GET", "/v1/risk-rules").code == "forbidden"


REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    (document({"name": "it", "watches": "account", "count": 1}), 422, "validation_failed", "$.rules[0]: a rule that"),
    (document({"name": "it", "watches": "amount", "points": 1.5}), 422, "validation_failed", "$.rules[0].points"),
    (document(LARGE | {"colour": "red"}), 422, "validation_failed", "$.rules[0]: a field"),
    (document(LARGE | {"target": "sea"}), 404, "unknown_program", "sea"),
    (
        document(valid_from=NOW - timedelta(days=9)),
        422,
        "validation_failed",
        "$.valid_from: a version that begins later",
    ),
]


@pytest.mark.parametrize(("wish", "status", "code", "told"), REFUSED)
def test_rules_that_cannot_be_are_refused_and_leave_nothing(
    risky: Front, wish: dict[str, Any], status: int, code: str, told: str
) -> None:
    ruled(risky)
    before = risky.books(), proposals(risky)
    answer = risky.ask("POST", "/v1/risk-rules", {"risk_rules": wish}, key="operator")
    assert (answer.status, answer.code) == (status, code)
    assert told in answer.json["detail"]
    assert (risky.books(), proposals(risky)) == before


def test_rules_that_come_later_hold_nothing_before(risky: Front) -> None:
    ruled(risky)
    later = document(LARGE | {"points": 0}, valid_from=NOW + timedelta(days=9))
    proposed = risky.ask("POST", "/v1/risk-rules", {"risk_rules": later}, key="second")
    done = risky.ask("POST", f"/v1/risk-rules/{proposed.json['proposal']}/confirm", {}, key="operator")
    assert (done.status, done.json["in_force"]) == (201, False)
    assert reasons([submitted(risky, quoted(risky, *pair(risky)))]) == [None]


# --- what rules hold


def test_of_many_requests_at_once_from_one_account_exactly_as_many_pass_as_the_rule_lets(risky: Front) -> None:
    ruled(risky, {"name": "busy", "watches": "account", "hours": 1, "count": 3})
    source, target = pair(risky)
    answers = at_once(risky, [{"quote": quoted(risky, source, target)} for _ in range(8)])
    assert reasons(answers) == [None] * 3 + ["held: busy"] * 5
    assert reasons([submitted(risky, quoted(risky, *pair(risky)))]) == [None]  # another member is another account


def test_of_many_requests_at_once_from_linked_accounts_exactly_as_many_pass_as_the_rule_lets_a_member(
    risky: Front,
) -> None:
    ruled(risky, {"name": "one-member", "watches": "member", "hours": 1, "count": 3})
    hotel, air = pair(risky)
    made = risky.ask("POST", "/v1/links", {"source_account": hotel, "target_account": air}).json["link"]
    wishes = [{"quote": quoted(risky, hotel, air)} for _ in range(4)]
    wishes += [{"quote": quoted_back(risky, air, hotel, 300), "key": "lotus"} for _ in range(4)]
    assert reasons(at_once(risky, wishes)) == [None] * 3 + ["held: one-member"] * 5
    assert reasons([submitted(risky, quoted(risky, fresh(risky, "palm-hotels"), air))]) == [None]
    assert risky.ask("GET", f"/v1/links/{made}").json["ended_at"] is None


def test_accounts_count_together_while_they_are_linked_and_apart_afterwards(risky: Front) -> None:
    ruled(risky, {"name": "one-member", "watches": "member", "hours": 1, "count": 1})
    hotel, air = pair(risky)
    made = risky.ask("POST", "/v1/links", {"source_account": hotel, "target_account": air}).json["link"]
    assert reasons([submitted(risky, quoted(risky, hotel, air))]) == [None]
    held = submitted(risky, quoted_back(risky, air, hotel, 300), "lotus")
    assert reasons([held]) == ["held: one-member"]
    resolved(risky, held.json["exchange"], "refuse")
    risky.ask("DELETE", f"/v1/links/{made}")
    assert reasons([submitted(risky, quoted_back(risky, air, hotel, 300), "lotus")]) == [None]


def test_of_many_requests_at_once_from_one_device_exactly_as_many_pass_whoever_the_members_are(risky: Front) -> None:
    ruled(risky, {"name": "one-phone", "watches": "device", "hours": 1, "points": 9_000})
    wishes = [{"quote": quoted(risky, *pair(risky)), "device": device("crowd")} for _ in range(7)]
    assert reasons(at_once(risky, wishes)) == [None] * 3 + ["held: one-phone"] * 4
    others = [{"quote": quoted(risky, *pair(risky)), "device": device(name)} for name in ("a", "b")]
    assert reasons(at_once(risky, [*others, {"quote": quoted(risky, *pair(risky))}])) == [None] * 3


def test_a_device_is_counted_from_before_a_rule_watched_it(risky: Front) -> None:
    ruled(risky)
    assert reasons([submitted(risky, quoted(risky, *pair(risky)), device=device("early"))]) == [None]
    ruled(risky, {"name": "one-phone", "watches": "device", "hours": 1, "count": 1})
    assert reasons([submitted(risky, quoted(risky, *pair(risky)), device=device("early"))]) == ["held: one-phone"]


def test_a_link_is_held_while_it_is_new_and_only_then(risky: Front) -> None:
    ruled(risky, {"name": "new-link", "watches": "new_link", "days": 7, "target": "lotus-air"})
    source, target = pair(risky)
    assert reasons([submitted(risky, quoted(risky, source, target))]) == [None]  # not linked at all
    made = risky.ask("POST", "/v1/links", {"source_account": source, "target_account": target}).json["link"]
    assert reasons([submitted(risky, quoted(risky, source, target))]) == ["held: new-link"]
    for seconds, reason in ((7 * 86_400 - 60, "held: new-link"), (7 * 86_400, None)):
        with psycopg.connect(risky.url) as connection:
            connection.execute(
                "UPDATE link SET linked_at = now() - make_interval(secs => %s) WHERE link = %s", [seconds, made]
            )
        assert reasons([submitted(risky, quoted(risky, source, target))]) == [reason]
    risky.ask("DELETE", f"/v1/links/{made}")
    assert reasons([submitted(risky, quoted(risky, source, target))]) == [None]


@pytest.mark.parametrize(
    ("rules", "asked"),
    [
        ([], False),
        ([LARGE], False),
        ([{"name": "new-link", "watches": "new_link", "days": 7, "source": "strict"}], False),
        ([{"name": "new-link", "watches": "new_link", "days": 7}], True),
    ],
)
def test_a_submit_asks_for_the_link_only_where_a_rule_in_force_watches_it(
    risky: Front, rules: list[dict[str, Any]], *, asked: bool
) -> None:
    ruled(risky, *rules)
    quote = quoted(risky, *pair(risky))
    database.recorded.discard("link_between")
    try:
        submitted(risky, quote)
        assert ("link_between" in database.recorded) == asked
    finally:
        database.recorded.add("link_between")


def test_what_is_released_completes_as_if_nothing_had_been(risky: Front) -> None:
    ruled(risky, LARGE)
    assert reasons([submitted(risky, quoted(risky, *pair(risky), sent=3000))]) == [None]
    held = submitted(risky, quoted(risky, *pair(risky), sent=3003))
    assert reasons([held]) == ["held: large"]
    exchange = held.json["exchange"]
    case = case_of(risky, exchange)
    assert (case["kind"], case["detail"], case["owner"]) == ("risk_hold", "large", "operations")
    with psycopg.connect(risky.url) as connection:
        assert connection.execute("SELECT 1 FROM orders WHERE exchange_id = %s", [exchange]).fetchall() == []
    assert resolved(risky, exchange, "release").json["state"] == "reserved"
    done = risky.ask("GET", f"/v1/exchanges/{exchange}", headers={"prefer": "wait=20"}).json
    assert (done["state"], done["reason"], done["receipt"]) == ("completed", None, held.json["receipt"])


def test_what_is_refused_gives_everything_back(risky: Front) -> None:
    ruled(risky, LARGE, {"name": "busy", "watches": "account", "hours": 1, "count": 1})
    source, target = pair(risky)
    before = caps(risky)
    held = submitted(risky, quoted(risky, source, target, sent=30_000))
    assert (reasons([held]), caps(risky) == before) == (["held: large"], False)
    assert resolved(risky, held.json["exchange"], "refuse").json["state"] == "reversed"
    assert caps(risky) == before
    assert reasons([submitted(risky, quoted(risky, source, target))]) == [None]  # it does not count as one of that hour


# --- the token of a device


def test_the_token_of_a_device_is_only_in_sealed_bodies_which_go_with_the_member(risky: Front) -> None:
    ruled(risky, {"name": "one-phone", "watches": "device", "hours": 1, "count": 0})
    source, target = pair(risky)
    wish = {"quote": quoted(risky, source, target), "device": device("sealed")}
    before = bodies_that_tell(risky)
    held = risky.ask("POST", "/v1/exchanges", wish, name="a device")
    assert risky.ask("POST", "/v1/exchanges", wish, name="a device").status == 200
    assert device_shown(risky) == []
    assert bodies_that_tell(risky) == before + 1
    with psycopg.connect(risky.url) as connection:
        kept = connection.execute(
            "SELECT device FROM exchange WHERE exchange_id = %s", [held.json["exchange"]]
        ).fetchone()
    assert kept is not None
    assert len(kept[0]) == 32
    resolved(risky, held.json["exchange"], "refuse")
    assert risky.ask("DELETE", f"/v1/accounts/{source}").json["standing"] == "erased"
    assert bodies_that_tell(risky) == before


@pytest.mark.parametrize("token", ["", " ", " a", "a ", "a\n", "é", "a" * 201, 7, ["a"]])
def test_what_is_no_token_of_a_device_is_refused_and_not_repeated(risky: Front, token: Any) -> None:
    quote = quoted(risky, *pair(risky))
    before = risky.books()
    for path in ("/v1/exchanges", "/v1/dry-runs"):
        answer = risky.ask("POST", path, {"quote": quote, "device": token})
        assert (answer.status, answer.code) == (422, "validation_failed")
    assert risky.books() == before


# --- the command line


def test_the_story_of_a_held_exchange(risky: Front, tmp_path: Path) -> None:
    file = tmp_path / "risk.json"
    file.write_text(json.dumps(document(LARGE)))
    proposed = json.loads(risky.command("risk", "publish", file).stdout)
    alone = risky.command("risk", "confirm", proposed["proposal"])
    assert (alone.returncode, "second_key_needed" in alone.stderr) == (4, True)
    assert json.loads(risky.command("risk", "confirm", proposed["proposal"], key="second").stdout)["in_force"] is True
    assert json.loads(risky.command("risk", "show").stdout)["risk_rules"][-1]["document"] == json.loads(
        file.read_text()
    )
    quote = quoted(risky, fresh(risky, "palm-hotels"), fresh(risky, "lotus-air"), sent=3003)
    tried = json.loads(risky.command("try", quote, key="palm").stdout)
    assert tried == {"would": "hold", "held": "large", "refusal": None}
    held = json.loads(risky.command("exchange", quote, "--device", device("cli"), key="palm").stdout)
    assert (held["state"], held["reason"]) == ("review", "held: large")
    case = case_of(risky, held["exchange"])["case"]
    assert "risk_hold" in risky.command("review", "list").stdout
    told = risky.command("review", "resolve", str(case), "release", "it is the member's own")
    assert json.loads(told.stdout)["state"] == "reserved"
    done = json.loads(risky.command("look-up", str(UUID(held["exchange"])), "--wait", "20", key="palm").stdout)
    assert done["state"] == "completed"
