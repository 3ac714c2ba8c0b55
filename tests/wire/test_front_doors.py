"""Laws over the whole table of doors: unsigned calls, foreign eyes, problem documents, headers, and a description that is true."""

import json
import re
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from clearing.front import openapi, problem_messages, problems
from clearing.front.app import DOORS, create_app
from clearing.front.doors import OPERATORS, PARTNERS, Door
from tests.wire.front_room import Front

PUBLIC = {
    "/.well-known/jwks.json",
    "/.well-known/http-message-signatures-directory",
    "/livez",
    "/readyz",
    "/metrics",
    "/openapi.json",
    "/docs",
    "/docs/start.js",
    "/docs/assets",
    "/problems",
    "/problems/{code}",
}
BODIES: dict[str, dict[str, Any]] = {
    "CancelWish": {},
    "ReversalWish": {"reason": "test"},
    "RevokeWish": {},
    "ResolveWish": {"decision": "close", "note": "test"},
    "ClosedWish": {},
    "MergedWish": {"into_account": "01a2008f-81fc-85d4-82a4-382b6b75b8a2"},
    "ConsentWish": {"scope": ["exchange"], "channels": ["lotus"]},
    "CaptureWish": {"points": 1},
    "AcceptWish": {"units": 1},
    "RejectWish": {"reason": "test"},
    "ApproveWish": {"result_sha256": "0" * 64},
    "FreezeWish": {},
    "AbortWish": {"reason": "test"},
    "ConfirmationsWish": {
        "confirmations": [
            {
                "instruction": "CL0",
                "direction": "pay_in",
                "currency": "EUR",
                "amount": "1.00",
                "booked_on": "2026-03-12",
                "bank_reference": "1",
            }
        ]
    },
    "ReceivedWish": {"currency": "EUR", "amount": "1.00", "booked_on": "2026-03-12", "bank_reference": "1"},
    "DecideWish": {"decision": "drop", "note": "test"},
    "MatchWish": {"partner": "nobody", "window": 1},
}
NO_ID = "01a2008f-81fc-85d4-82a4-382b6b75b8a2"
named = [pytest.param(door, id=f"{door.method} {door.path}") for door in DOORS]


def address(door: Door, exchange: str = NO_ID, key_id: str = "none") -> str:
    ids = dict.fromkeys(("account", "link", "claim", "break"), NO_ID) | {
        "exchange": exchange,
        "balance": "nobody.position",
        "program": "nobody",
        "run": "W-0.1",
        "instruction": "CL0",
        "statement": "W-0.1-nobody",
        "book": "nobody.1",
        "invoice": "CH-2026-000001",
        "rate_set": "nobodys",
        "contract": "nobodys",
    }
    return door.path.format(**ids, key_id=key_id, case=0, size=1, proposal="0" * 64)


def test_every_route_is_a_door_or_meant_to_be_public() -> None:
    doors = {door.path for door in DOORS}
    routes = {getattr(route, "path", "") for route in create_app().router.routes}
    assert routes == doors | PUBLIC


@pytest.mark.parametrize("door", named)
def test_unsigned_calls_are_sent_away_with_what_they_need(front: Front, door: Door) -> None:
    answer = front.send(door.method, address(door), [("host", front.host)])
    assert (answer.status, answer.code, answer.signed) == (401, "signature_required", False)
    assert answer.headers["www-authenticate"] == 'Signature error="signature_required"'
    assert answer.headers["accept-signature"].startswith('sig1=("@method" "@authority" "@path" "@query"')
    assert answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("door", named)
def test_unknown_keys_are_sent_away_unsigned(front: Front, door: Door) -> None:
    answer = front.ask(door.method, address(door), *([{}] if door.method == "POST" else []), key="stranger")
    assert (answer.status, answer.code, answer.signed) == (401, "signature_key_unknown", False)


@pytest.mark.parametrize("door", named)
def test_a_program_key_for_answers_signs_no_requests(front: Front, door: Door) -> None:
    answer = front.ask(door.method, address(door), *([{}] if door.method == "POST" else []), key="air")
    assert (answer.status, answer.code) == (401, "signature_key_purpose_invalid")


@pytest.mark.parametrize("door", named)
def test_no_purpose_enters_where_it_is_not_named(front: Front, door: Door) -> None:
    body = [BODIES.get(door.takes.__name__, {})] if door.takes else []
    for key, purpose in (("palm", PARTNERS), ("operator", OPERATORS)):
        if purpose <= door.purposes:
            continue
        answer = front.ask(door.method, address(door), *body, key=key)
        assert (answer.status, answer.code, answer.signed) == (403, "forbidden", True)


@pytest.mark.parametrize("door", [param for param, door in zip(named, DOORS, strict=True) if "{exchange}" in door.path])
def test_foreign_exchanges_do_not_exist(front: Front, door: Door) -> None:
    exchange = front.completed()["exchange"]
    before = front.books()
    body = [BODIES[door.takes.__name__]] if door.takes else []
    answer = front.ask(door.method, address(door, exchange), *body, key="lotus")
    assert (answer.status, answer.code, answer.signed) == (404, "not_found", True)
    assert front.books() == before


def test_foreign_keys_do_not_exist(front: Front) -> None:
    key_id = front.keys["palm"].public.key_id
    answer = front.ask("POST", f"/v1/keys/{key_id}/revoke", {}, key="lotus")
    assert (answer.status, answer.code) == (404, "not_found")
    assert front.ask("GET", "/v1/keys").status == 200


def test_operators_look_at_every_exchange_and_submit_none(front: Front) -> None:
    exchange = front.completed()["exchange"]
    assert front.ask("GET", f"/v1/exchanges/{exchange}", key="operator").status == 200
    assert front.ask("POST", "/v1/exchanges", {"quote": "a"}, key="operator").code == "forbidden"
    assert front.ask("GET", "/v1/cases", key="operator").json == {"cases": []}


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not_found"),
        ("GET", "/", 404, "not_found"),
        ("GET", "/v1/exchanges", 405, "method_not_allowed"),
        ("DELETE", "/v1/quotes", 405, "method_not_allowed"),
        ("POST", "/readyz", 405, "method_not_allowed"),
        ("GET", "/v1/keys/", 404, "not_found"),
        ("GET", "/problems/no_such_code", 404, "not_found"),
        ("GET", "/docs/assets/../../secrets", 404, "not_found"),
    ],
)
def test_what_the_framework_refuses_is_a_problem_document_too(
    front: Front, method: str, path: str, status: int, code: str
) -> None:
    answer = front.send(method, path, [("host", front.host)])
    assert (answer.status, answer.code) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    assert set(answer.json) == {
        name for name, kind in problem_messages.ProblemSaid.model_fields.items() if kind.is_required()
    }
    assert re.fullmatch("[0-9a-f]{32}", answer.json["trace_id"])
    if status == 405:
        assert answer.headers["allow"]


@pytest.mark.parametrize(
    "path",
    [*sorted(PUBLIC - {"/docs/assets", "/problems/{code}"}), "/docs/assets/swagger-ui.css", "/problems/not_found"],
)
def test_public_pages_are_there_with_their_headers(front: Front, path: str) -> None:
    answer = front.send("GET", path, [("host", front.host)])
    assert answer.status == 200
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    assert "max-age" in answer.headers["strict-transport-security"]
    assert "server" not in answer.headers


def test_the_pages_of_the_description_ask_no_other_host(front: Front) -> None:
    page = front.send("GET", "/docs", [("host", front.host)]).body.decode()
    assert "://" not in page
    assert "<script>" not in page


def test_signed_answers_have_the_headers_too(front: Front) -> None:
    answer = front.ask("GET", "/v1/keys")
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"


def test_the_committed_description_is_what_the_code_says(front: Front) -> None:
    said = front.send("GET", "/openapi.json", [("host", front.host)]).json
    assert yaml.safe_load(openapi.text(create_app())) == said
    codes = said["components"]["schemas"]["Problem"]["properties"]["code"]["enum"]
    assert codes == list(problems.catalogue())
    assert {code for door in DOORS for code in door.refuses} <= set(codes)


def validator(said: dict[str, Any], name: str) -> Draft202012Validator:
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": said["components"]})


def test_answers_are_what_the_description_says(front: Front) -> None:
    said = json.loads(json.dumps(create_app().openapi()))
    quote = front.quote()
    done = front.completed()
    at = f"/v1/exchanges/{done['exchange']}"
    answers = {
        "QuoteSaid": quote.json,
        "ExchangeSaid": front.ask("GET", at).json,
        "ProofSaid": front.ask("GET", f"{at}/proof").json,
        "BalancesSaid": front.ask("GET", "/v1/balances").json,
        "MovedSaid": front.ask("GET", f"/v1/accounts/{done['source']['account']}/moved").json,
        "ConsistencySaid": front.ask("GET", "/v1/checkpoint/1/consistency").json,
        "PositionSaid": front.ask("GET", "/v1/position").json,
        "ProgramsSaid": front.ask("GET", "/v1/programs").json,
        "KeysSaid": front.ask("GET", "/v1/keys").json,
        "Problem": front.ask("POST", "/v1/quotes", {}).json,
    }
    for name, answer in answers.items():
        validator(said, name).validate(answer)


def test_every_field_of_the_books_is_refused_in_every_body(front: Front) -> None:
    owned = [
        "state",
        "fee",
        "debit",
        "credit",
        "partner",
        "lane",
        "exchange_id",
        "window_id",
        "received_seq",
        "kept_leg",
    ]
    for door in DOORS:
        if door.takes is None or not door.purposes & PARTNERS:
            continue
        body = BODIES.get(door.takes.__name__, {}) | dict.fromkeys(owned, 1)
        answer = front.ask("POST", address(door), body)
        assert (answer.status, answer.code) == (422, "validation_failed"), door.path
