"""The partner's side: what leaves is signed, what comes back is believed only when the house signed it for this request."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from typing import Any

import httpx
import pytest

from clearing import errors
from clearing.client import Clearing, HouseAuth, Message, Problem, house_keys, quoted, sign_answer, verify_call
from tests import canary
from tests.wire.make_vectors import ED, HOST, HOUSE, NONCE, NOW, P256, STRANGER

Reply = Callable[[httpx.Request, Message], httpx.Response]
HOUSE_KEYS = {HOUSE.public.key_id: HOUSE.public}


def received(request: httpx.Request) -> Message:
    path, mark, query = request.url.raw_path.decode().partition("?")
    lines = tuple((name.decode().lower(), value.decode()) for name, value in request.headers.raw)
    return Message(request.method, request.headers["host"], path, mark + query or "?", lines, request.content)


def house(reply: Reply) -> httpx.MockTransport:
    """A house that verifies every call as it should, and answers as told."""

    def answer(request: httpx.Request) -> httpx.Response:
        message = received(request)
        keys = {key.public.key_id: key.public for key in (ED, P256)}
        verify_call(message, keys.get, NOW, frozenset({HOST}))
        return reply(request, message)

    return httpx.MockTransport(answer)


def signed(message: Message, document: Any, status: int = 200, key: Any = HOUSE, **more: str) -> httpx.Response:
    body = json.dumps(document).encode()
    fields = [("Content-Type", "application/json"), *more.items()]
    return httpx.Response(status, headers=sign_answer(message, status, fields, body, key, NOW), content=body)


def connection(reply: Reply, **more: Any) -> Clearing:
    names = iter(f"{NONCE}{number:04}" for number in range(100))
    return Clearing(f"https://{HOST}", ED, HOUSE_KEYS, lambda: NOW, house(reply), names=lambda: next(names), **more)


def echo(request: httpx.Request, message: Message) -> httpx.Response:
    seen = {name: request.headers.get(name) for name in ("idempotency-key", "prefer")}
    body = json.loads(message.body) if message.body else None
    return signed(message, {"call": f"{message.method} {message.path}", "query": message.query, "body": body} | seen)


def test_every_call_says_what_it_means() -> None:
    with connection(echo) as clearing:
        account = clearing.account("aurora", canary.NUMBER, "Ada")
        by_sent = clearing.quote("acc-1", "acc-2", sent=1000, key="q-1")
        by_received = clearing.quote("acc-1", "acc-2", received=500)
        exchange = clearing.exchange("token", "x-1", wait=5)
        look_up = clearing.look_up("0001")
        cancel = clearing.cancel("0001")
        reverse = clearing.reverse("0001", 200, "goodwill")
        proof = clearing.proof("0001")
        at = datetime(2026, 3, 31, 23, tzinfo=timezone(timedelta(hours=1)))
        balances, moved = clearing.balances("lotus.position", at), clearing.moved("acc-1")
        consistency = clearing.consistency(7)
    assert account["call"] == "POST /v1/accounts"
    assert account["body"] == {"program": "aurora", "member": canary.NUMBER, "name": "Ada"}
    assert by_sent["body"] == {"source_account": "acc-1", "target_account": "acc-2", "sent": 1000}
    assert by_sent["idempotency-key"] == '"q-1"'
    assert by_received["body"]["received"] == 500
    assert (exchange["call"], exchange["body"]) == ("POST /v1/exchanges", {"quote": "token"})
    assert (exchange["idempotency-key"], exchange["prefer"]) == ('"x-1"', "wait=5")
    assert (look_up["call"], look_up["idempotency-key"]) == ("GET /v1/exchanges/0001", None)
    assert (cancel["call"], cancel["body"]) == ("POST /v1/exchanges/0001/cancel", {})
    assert reverse["call"] == "POST /v1/exchanges/0001/reversals"
    assert reverse["body"] == {"sent": 200, "reason": "goodwill"}
    assert proof["call"] == "GET /v1/exchanges/0001/proof"
    assert consistency["call"] == "GET /v1/checkpoint/7/consistency"
    assert (balances["call"], balances["query"]) == ("GET /v1/balances/lotus.position", "?at=2026-03-31T22:00:00Z")
    assert (moved["call"], moved["query"]) == ("GET /v1/accounts/acc-1/moved", "?")


def test_an_instant_without_its_zone_is_not_asked_for() -> None:
    with connection(echo) as clearing, pytest.raises(ValueError, match="zone"):
        clearing.balances(at=datetime(2026, 3, 31))  # noqa: DTZ001 - the very mistake


def test_a_wish_without_a_key_gets_a_new_one_each_time() -> None:
    with connection(echo) as clearing:
        first, second = clearing.cancel("0001"), clearing.cancel("0001")
    assert first["idempotency-key"] != second["idempotency-key"]


@pytest.mark.parametrize("amounts", [{}, {"sent": 1, "received": 1}])
def test_a_quote_is_asked_for_one_way(amounts: dict[str, Any]) -> None:
    with connection(echo) as clearing, pytest.raises(ValueError, match="one of them"):
        clearing.quote("a", "b", **amounts)


def test_a_refusal_carries_its_code() -> None:
    def refuse(_: httpx.Request, message: Message) -> httpx.Response:
        problem = {"code": "overloaded", "detail": "later", "retryable": True}
        return signed(message, problem, 503, **{"retry-after": "2"})

    with connection(refuse) as clearing, pytest.raises(Problem) as refused:
        clearing.look_up("0001")
    problem = refused.value
    assert (problem.status, problem.code, problem.retryable, problem.retry_after) == (503, "overloaded", True, 2)
    assert str(problem) == "503 overloaded: later"


def unsigned(_: httpx.Request, __: Message) -> httpx.Response:
    return httpx.Response(200, json={"state": "completed"})


def by_a_stranger(_: httpx.Request, message: Message) -> httpx.Response:
    return signed(message, {"state": "completed"}, key=STRANGER)


def to_another(_: httpx.Request, message: Message) -> httpx.Response:
    return signed(replace(message, path="/v1/quotes"), {"state": "completed"})


def with_another_body(_: httpx.Request, message: Message) -> httpx.Response:
    genuine = signed(message, {"state": "reversed"})
    return httpx.Response(200, headers=genuine.headers, content=b'{"state":"complete"}')


def with_another_status(_: httpx.Request, message: Message) -> httpx.Response:
    genuine = signed(message, {}, 202)
    return httpx.Response(200, headers=genuine.headers, content=genuine.content)


def compressed(_: httpx.Request, message: Message) -> httpx.Response:
    genuine = signed(message, {})
    return httpx.Response(200, headers=[*genuine.headers.items(), ("content-encoding", "x-own")], content=b"{}")


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (unsigned, "signature_required"),
        (by_a_stranger, "signature_key_unknown"),
        (to_another, "signature_invalid"),
        (with_another_body, "content_digest_mismatch"),
        (with_another_status, "signature_invalid"),
        (compressed, "content_digest_mismatch"),
    ],
)
def test_no_other_answer_is_believed(reply: Reply, code: str) -> None:
    with connection(reply) as clearing, pytest.raises(errors.SignatureRefused) as refused:
        clearing.look_up("0001")
    assert refused.value.code == code


def test_a_captured_answer_answers_nothing_else() -> None:
    kept: list[httpx.Response] = []

    def replay(_: httpx.Request, message: Message) -> httpx.Response:
        if not kept:
            kept.append(signed(message, {"state": "completed"}))
        return httpx.Response(200, headers=kept[0].headers, content=kept[0].content)

    with connection(replay) as clearing:
        assert clearing.look_up("0001") == {"state": "completed"}
        with pytest.raises(errors.SignatureInvalid):
            clearing.look_up("0001")


async def test_the_same_over_an_asynchronous_client() -> None:
    auth = HouseAuth(P256, HOUSE_KEYS.get, clock=lambda: NOW, nonces=lambda: NONCE)
    async with httpx.AsyncClient(base_url=f"https://{HOST}", auth=auth, transport=house(echo)) as http:
        response = await http.get("/v1/exchanges/0001", params={"wait": 1})
    assert response.json()["call"] == "GET /v1/exchanges/0001"
    async with httpx.AsyncClient(base_url=f"https://{HOST}", auth=auth, transport=house(unsigned)) as http:
        with pytest.raises(errors.SignatureRequired):
            await http.get("/v1/exchanges/0001")


@pytest.mark.parametrize("path", ["/v1/a%2Fb", "/v1/é", "/v1//a"])
def test_a_target_that_libraries_may_rewrite_never_leaves(path: str) -> None:
    auth = HouseAuth(ED, HOUSE_KEYS, clock=lambda: NOW)
    with (
        httpx.Client(base_url=f"https://{HOST}", auth=auth, transport=house(echo)) as http,
        pytest.raises(errors.TargetMalformed),
    ):
        http.get(path)


def test_a_streamed_body_is_signed_too() -> None:
    def chunks() -> Iterator[bytes]:
        yield b'{"a":'
        yield b"1}"

    auth = HouseAuth(ED, HOUSE_KEYS, clock=lambda: NOW)
    headers = {"content-type": "application/json", "idempotency-key": quoted("k")}
    with httpx.Client(base_url=f"https://{HOST}", auth=auth, transport=house(echo)) as http:
        assert http.post("/v1/quotes", content=chunks(), headers=headers).json()["body"] == {"a": 1}


def test_the_keys_of_the_house_as_published() -> None:
    refused = HOUSE.public.jwk | {"x": "AA"}
    document = {"keys": [HOUSE.public.jwk, refused, {"kty": "RSA"}, 1]}
    transport = httpx.MockTransport(lambda _: httpx.Response(200, json=document))
    assert house_keys(f"https://{HOST}", transport) == HOUSE_KEYS


def test_a_call_by_an_unknown_key_is_refused() -> None:
    def refuse(_: httpx.Request, message: Message) -> httpx.Response:
        with pytest.raises(errors.SignatureKeyUnknown):
            verify_call(message, lambda _: None, NOW, frozenset({HOST}))
        return signed(message, {})

    with connection(refuse) as clearing:
        clearing.look_up("0001")


def test_an_idempotency_key_is_a_structured_string() -> None:
    assert quoted('a"b\\c') == '"a\\"b\\\\c"'
    for text in ("", "é", "a\nb"):
        with pytest.raises(ValueError, match="printable"):
            quoted(text)
