"""Trust at the door: nonces, repeats, keys that come and go, a clock that cannot be believed, and logs that keep quiet."""

import json
import socket
import time
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from psycopg_pool import PoolTimeout

from clearing.client import verify_receipt
from clearing.client.receipt import holds
from clearing.front import logs, sources
from clearing.partners import KEY_PROOF, Directory, KeyRow, key_proof
from clearing.rules.lifecycle import TERMINAL, State
from clearing.signatures import PrivateKey, jws_sign
from tests import canary
from tests.wire.front_room import CANARY, Front

REPLAYABLE: list[tuple[str, str, Any]] = [
    ("GET", "/v1/keys", None),
    ("GET", "/v1/exchanges/01a2008f-81fc-85d4-82a4-382b6b75b8a2", None),
    ("POST", "/v1/quotes", {}),
    ("POST", "/v1/exchanges", {}),
    ("POST", "/v1/exchanges", {"quote": "a.b.c"}),
    ("POST", "/v1/exchanges/01a2008f-81fc-85d4-82a4-382b6b75b8a2/cancel", {}),
    ("POST", "/v1/keys", {"jwk": {}, "purpose": "requests", "proof": "x"}),
]


@pytest.mark.parametrize(
    ("method", "path", "body"), REPLAYABLE, ids=[f"{row[0]} {row[1]} {row[2]}" for row in REPLAYABLE]
)
def test_the_same_bytes_are_never_accepted_twice_even_when_they_were_refused(
    front: Front, method: str, path: str, body: Any
) -> None:
    request = front.signed(method, path, *([] if body is None else [body]))
    first, second = front.send(*request), front.send(*request)
    assert first.status != 401
    assert (second.status, second.code, second.signed) == (401, "signature_replayed", True)


def test_a_replayed_exchange_moves_nothing(front: Front) -> None:
    request = front.signed(
        "POST", "/v1/exchanges", {"quote": front.quote().json["quote"]}, headers={"prefer": "wait=20"}
    )
    assert front.send(*request).status == 201
    before = front.books()
    assert front.send(*request).code == "signature_replayed"
    assert front.books() == before


def test_signed_again_under_the_same_name_it_is_the_same_exchange(front: Front) -> None:
    wish = {"quote": front.quote().json["quote"]}
    first = front.ask("POST", "/v1/exchanges", wish, name="once", headers={"prefer": "wait=20"})
    before = front.books()
    again = front.ask("POST", "/v1/exchanges", wish, name="once")
    assert (first.status, again.status) == (201, 200)
    assert again.headers["idempotency-replayed"] == "true"
    assert "idempotency-replayed" not in first.headers
    assert again.json == first.json
    assert front.books() == before


def test_the_same_name_with_another_body_is_refused(front: Front) -> None:
    front.ask(
        "POST",
        "/v1/exchanges",
        {"quote": front.quote().json["quote"]},
        name="other-body",
        headers={"prefer": "wait=20"},
    )
    other = front.quote().json["quote"]
    before = front.books()
    answer = front.ask("POST", "/v1/exchanges", {"quote": other}, name="other-body")
    assert (answer.status, answer.code) == (422, "idempotency_key_reused")
    assert front.books() == before


def test_without_waiting_it_is_accepted_and_can_be_followed(front: Front) -> None:
    answer = front.ask("POST", "/v1/exchanges", {"quote": front.quote().json["quote"]})
    assert answer.status == 202
    followed = front.ask("GET", f"/v1/exchanges/{answer.json['exchange']}", headers={"prefer": "wait=20"})
    assert followed.json["state"] == "completed"
    assert followed.json["receipt"] == answer.json["receipt"]


def test_a_reversal_in_part_and_one_too_many(front: Front) -> None:
    at = f"/v1/exchanges/{front.completed()['exchange']}"
    part = front.ask(
        "POST", f"{at}/reversals", {"sent": 300, "reason": "one night less"}, headers={"prefer": "wait=20"}
    )
    assert (part.status, part.json["path"], part.json["state"]) == (201, "reversal", "completed")
    assert front.ask("GET", at).json["reversed"] == 300
    assert (
        front.ask("POST", f"{at}/reversals", {"sent": 2703, "reason": "more than is left"}).code == "reversal_exceeds"
    )
    assert front.ask("POST", f"{at}/cancel", {}).code == "too_late"


def test_a_receipt_is_proven_without_the_house(front: Front) -> None:
    proof = front.ask("GET", f"/v1/exchanges/{front.completed()['exchange']}/proof").json
    jwks = front.send("GET", "/.well-known/jwks.json", [("host", front.host)]).json
    findings = verify_receipt({"receipt": proof["receipt"], "proof": proof}, jwks)
    assert holds(findings, proven=True)
    note = front.ask("GET", "/v1/checkpoint")
    assert (note.status, note.body.decode().splitlines()[0]) == (200, "clearing/0")


def test_a_key_comes_and_goes(front: Front) -> None:
    new = PrivateKey.generate(sources.random(32))
    proof = jws_sign(key_proof(new.public.key_id, "lotus", "requests"), new, KEY_PROOF)
    wish = {"jwk": dict(new.public.jwk), "purpose": "requests", "proof": proof}
    assert front.ask("POST", "/v1/keys", {**wish, "proof": "x"}, key="lotus").code == "proof_of_possession_invalid"
    assert front.ask("POST", "/v1/keys", wish, key="palm").code == "proof_of_possession_invalid"
    registered = front.ask("POST", "/v1/keys", wish, key="lotus")
    assert registered.status == 201
    assert front.ask("GET", "/v1/position", key=new).json["partner"] == "lotus"
    assert front.ask("POST", f"/v1/keys/{new.public.key_id}/revoke", {}, key="lotus").status == 200
    refused = front.ask("GET", "/v1/position", key=new)
    assert (refused.status, refused.code) == (401, "signature_key_revoked")


def test_a_compromise_before_the_first_year_is_refused_and_spoils_no_row(front: Front) -> None:
    new = PrivateKey.generate(sources.random(32))
    proof = jws_sign(key_proof(new.public.key_id, "lotus", "requests"), new, KEY_PROOF)
    wish = {"jwk": dict(new.public.jwk), "purpose": "requests", "proof": proof}
    assert front.ask("POST", "/v1/keys", wish, key="lotus").status == 201
    at, year_0 = f"/v1/keys/{new.public.key_id}/revoke", "0001-01-01T00:00:00+14:00"
    refused = front.ask("POST", at, {"compromised_since": year_0}, key="lotus")
    assert (refused.status, refused.code) == (422, "validation_failed")
    assert front.ask("GET", "/v1/keys", key="lotus").status == 200
    assert front.ask("POST", at, {"compromised_since": "0001-01-01T00:00:00Z"}, key="lotus").status == 200
    assert front.ask("GET", "/v1/keys", key="lotus").status == 200


def test_a_partner_taken_in_by_another_process_is_known_at_once(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    live, known = front.house.live, front.house.live.directory

    async def stale(now: datetime, *, fresh: bool = False) -> Directory:
        found = await known(now, fresh=fresh)
        return found if fresh else replace(found, partners={}, programs={})

    quoted = front.quote().json["quote"]
    monkeypatch.setattr(live, "directory", stale)
    assert front.ask("GET", "/v1/position").json["partner"] == "palm"
    assert front.ask("POST", "/v1/exchanges", {"quote": quoted}).status == 202


def test_an_answer_signed_for_the_other_environment_is_not_believed(
    front: Front, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual = front.house.live.key

    async def elsewhere(key_id: str, now: datetime) -> KeyRow | None:
        row = await usual(key_id, now)
        return replace(row, environment="live") if row is not None and row.purpose == "answers" else row

    wish = {"program": "lotus-air", "member": CANARY}
    monkeypatch.setattr(front.house.live, "key", elsewhere)
    answer = front.ask("POST", "/v1/accounts", wish)
    assert (answer.status, answer.code) == (503, "program_unavailable")


@pytest.mark.parametrize("room", ["live.key", "reads.connection"])
def test_a_database_that_does_not_answer_is_no_fault_of_the_request(
    front: Front, room: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def silent(*_: object, **__: object) -> None:
        raise PoolTimeout(CANARY)

    at = f"/v1/exchanges/{front.completed()['exchange']}"
    with monkeypatch.context() as outage:
        part, name = room.split(".")
        outage.setattr(getattr(front.house, part), name, silent)
        answer = front.ask("GET", at)
    assert (answer.status, answer.code, answer.json["retryable"]) == (503, "unavailable", True)
    assert answer.headers["retry-after"] == "1"
    assert CANARY.encode() not in answer.body


def test_a_private_key_is_never_registered(front: Front) -> None:
    new = PrivateKey.generate(sources.random(32))
    answer = front.ask("POST", "/v1/keys", {"jwk": new.to_jwk(), "purpose": "requests", "proof": "x"})
    assert (answer.status, answer.code) == (422, "key_refused")
    assert new.to_jwk()["d"].encode() not in answer.body


def test_with_an_unsound_clock_nothing_is_signed(front: Front) -> None:
    sound = front.house.soundness
    sound.seen(timedelta(seconds=3))
    try:
        answer = front.ask("GET", "/v1/keys")
        ready = front.send("GET", "/readyz", [("host", front.host)])
    finally:
        sound.seen(timedelta(0))
    assert (answer.status, answer.code, answer.signed) == (503, "clock_unsound", False)
    assert answer.headers["retry-after"] == "5"
    assert (ready.status, ready.json["clock"]) == (503, False)


def test_a_key_that_runs_wild_is_slowed_down(front: Front) -> None:
    most, front.house.nonces.most = front.house.nonces.most, 0
    try:
        answer = front.ask("GET", "/v1/keys")
    finally:
        front.house.nonces.most = most
    assert (answer.status, answer.code) == (429, "signature_rate_abuse")
    assert int(answer.headers["retry-after"]) <= 360


def test_a_fault_of_ours_tells_nothing(front: Front, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise ValueError(CANARY)

    monkeypatch.setattr("clearing.front.books.shapes.program", broken)
    answer = front.ask("GET", "/v1/programs")
    assert (answer.status, answer.code, answer.signed) == (500, "internal_error", True)
    assert CANARY.encode() not in answer.body
    failed: list[dict[str, object]] = []
    until = time.monotonic() + 10
    while len(failed) < 2 and time.monotonic() < until:  # that it was answered is written when it was answered
        logs.flush()
        failed = [json.loads(line) for line in front.log.getvalue().splitlines() if answer.json["trace_id"] in line]
    assert {line["event"] for line in failed} == {"failed", "answered"}
    assert next(line for line in failed if line["event"] == "failed")["error"] == "ValueError"


def test_logs_are_listed_fields_only(front: Front) -> None:
    front.link("palm-hotels", CANARY)
    logs.flush()
    lines = [json.loads(line) for line in front.log.getvalue().splitlines()]
    assert CANARY not in front.log.getvalue()
    assert any(line.get("operation") == "link_account" and line.get("partner") == "palm" for line in lines)


def test_tier_and_balance_are_for_the_programs_own_partner(front: Front) -> None:
    wish = {"program": "lotus-air", "member": CANARY}
    own, other = (front.ask("POST", "/v1/accounts", wish, key=key).json for key in ("lotus", "palm"))
    assert own["balance"] is not None
    assert (other["balance"], other["tier"], other["account"]) == (None, None, own["account"])
    assert own["masked"] == f"****{CANARY[-4:]}"


def test_metrics_balance(front: Front) -> None:
    front.completed()
    text = front.send("GET", "/metrics", [("host", front.host)]).body.decode()
    figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert float(figures["clearing_ledger_sum"]) == 0
    assert float(figures['clearing_exchanges_ended_total{state="completed"}']) >= 1
    assert figures.keys() >= {f'clearing_exchanges{{state="{state}"}}' for state in set(State) - TERMINAL}
    assert float(figures["clearing_lane_batches"]) >= 1
    assert 'clearing_requests_total{operation="submit",status="201"}' in figures


def test_a_case_is_owned_until_an_operator_signs_a_decision(front: Front) -> None:
    token = front.quote(sent=5733).json["quote"]  # 1,911 miles: the program confirms another amount
    answer = front.ask("POST", "/v1/exchanges", {"quote": token}, headers={"prefer": "wait=20"})
    assert (answer.status, answer.json["state"]) == (202, "review")
    cases = front.ask("GET", "/v1/cases", key="operator").json["cases"]
    (case,) = [case for case in cases if case["exchange"] == answer.json["exchange"]]
    assert (case["kind"], case["owner"]) == ("answer_differs", "operations")
    at = f"/v1/cases/{case['case']}/resolve"
    assert front.ask("POST", at, {"decision": "done", "note": "mine"}, key="palm").code == "forbidden"
    assert front.ask("POST", at, {"decision": "forget", "note": "no"}, key="operator").code == "validation_failed"
    resolved = front.ask("POST", at, {"decision": "done", "note": "confirmed by telephone"}, key="operator")
    assert (resolved.status, resolved.json["exchange"]) == (200, answer.json["exchange"])
    followed = front.ask("GET", f"/v1/exchanges/{answer.json['exchange']}", headers={"prefer": "wait=20"})
    assert followed.json["state"] == "completed"
    again = front.ask("POST", at, {"decision": "done", "note": "twice"}, key="operator")
    assert (again.status, again.code) == (409, "case_closed")
    assert (
        front.ask("POST", "/v1/cases/999999/resolve", {"decision": "close", "note": "x"}, key="operator").code
        == "not_found"
    )
    assert (
        front.ask("POST", "/v1/cases/x/resolve", {"decision": "close", "note": "x"}, key="operator").code == "not_found"
    )


def test_what_is_not_http_gets_a_problem_document_too(front: Front) -> None:
    port = front.house.settings.port
    with socket.create_connection(("127.0.0.1", port), timeout=5) as raw:
        raw.sendall(b"HELLO HOUSE\r\n\r\n")
        told = b""
        while part := raw.recv(65536):
            told += part
    head, _, body = told.partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"application/problem+json" in head
    assert json.loads(body)["code"] == "body_malformed"


def test_a_link_is_kept_as_evidence_and_a_refused_one_is_not(front: Front) -> None:
    def kept() -> int:
        return next(count for name, count, *_ in front.books() if name == "evidence")

    before = kept()
    assert front.ask("POST", "/v1/accounts", {"program": "palm-hotels", "member": f"{CANARY}-KEPT-1"}).status == 201
    assert kept() == before + 1
    assert (
        front.ask("POST", "/v1/accounts", {"program": "palm-hotels", "member": f"SBX-NOBODY-{canary.NUMBER}"}).status
        == 422
    )
    assert kept() == before + 1
