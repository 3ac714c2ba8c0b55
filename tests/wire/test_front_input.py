"""Bad input gets its typed refusal and leaves nothing behind in limits and books."""

import secrets
import socket
import time
from typing import Any
from uuid import uuid4

import pytest

from clearing.front.reading import BODY_BYTES_MAX
from tests import canary
from tests.wire.front_room import CANARY, Front

NOBODY = "00000000-0000-8000-8000-000000000000"


def wish(front: Front, **changes: Any) -> dict[str, Any]:
    accounts = {"source_account": front.link("palm-hotels", CANARY), "target_account": front.link("lotus-air", CANARY)}
    return {key: value for key, value in (accounts | {"sent": 3000} | changes).items() if value is not None}


AMOUNTS: list[tuple[str, Any, int, str]] = [
    ("fraction", 3000.5, 422, "validation_failed"),
    ("whole float", 3000.0, 422, "validation_failed"),
    ("negative", -3000, 422, "validation_failed"),
    ("zero", 0, 422, "validation_failed"),
    ("2^63", 2**63, 422, "validation_failed"),
    ("2^53", 2**53, 422, "validation_failed"),
    ("truth", True, 422, "validation_failed"),
    ("text", "3000", 422, "validation_failed"),
    ("null and nothing else", None, 422, "validation_failed"),
    ("off the step", 3001, 422, "amount_off_step"),
    ("below the minimum", 297, 422, "below_minimum"),
    ("above the maximum", 30_000_003, 422, "above_maximum"),
]


@pytest.mark.parametrize(("name", "sent", "status", "code"), AMOUNTS, ids=[row[0] for row in AMOUNTS])
def test_an_amount_that_cannot_be_is_refused(front: Front, name: str, sent: Any, status: int, code: str) -> None:
    body, before = wish(front, sent=sent), front.books()
    answer = front.ask("POST", "/v1/quotes", body)
    assert (answer.status, answer.code, answer.signed) == (status, code, True)
    assert front.books() == before


WISHES: list[tuple[str, dict[str, Any], int, str]] = [
    ("unknown field", {"bonus": 1}, 422, "validation_failed"),
    ("server-owned field", {"state": "completed"}, 422, "validation_failed"),
    ("both amounts", {"received": 1000}, 422, "validation_failed"),
    ("unknown account", {"source_account": NOBODY}, 404, "unknown_account"),
    ("no account id", {"source_account": "x"}, 422, "validation_failed"),
    ("account id in another spelling", {"source_account": NOBODY.replace("-", "")}, 422, "validation_failed"),
]


@pytest.mark.parametrize(("name", "changes", "status", "code"), WISHES, ids=[row[0] for row in WISHES])
def test_a_wish_that_cannot_be_is_refused(
    front: Front, name: str, changes: dict[str, Any], status: int, code: str
) -> None:
    body, before = wish(front, **changes), front.books()
    answer = front.ask("POST", "/v1/quotes", body)
    assert (answer.status, answer.code, answer.signed) == (status, code, True)
    assert front.books() == before


def test_another_partners_member_is_refused(front: Front) -> None:
    body = wish(front)
    assert front.ask("POST", "/v1/quotes", body, key="lotus").code == "not_your_member"
    assert front.ask("POST", "/v1/quotes", body, key="lotus").status == 403


def test_a_corridor_that_is_not_open_is_refused(front: Front) -> None:
    back = {
        "source_account": front.link("lotus-air", CANARY),
        "target_account": front.link("palm-hotels", CANARY),
        "sent": 300,
    }
    assert front.ask("POST", "/v1/quotes", back, key="lotus").code == "corridor_closed"


@pytest.mark.parametrize(
    ("member", "code"),
    [
        (f"SBX-NOBODY-{canary.NUMBER}", "member_unknown"),
        (f"SBX-FROZEN-{canary.NUMBER}", "member_not_active"),
        (f"SBX-CLOSED-{canary.NUMBER}", "member_not_active"),
    ],
)
def test_a_member_who_cannot_exchange_is_not_linked(front: Front, member: str, code: str) -> None:
    before = front.books()
    assert front.ask("POST", "/v1/accounts", {"program": "palm-hotels", "member": member}).code == code
    assert front.books() == before


def test_a_name_that_does_not_match_is_refused(front: Front) -> None:
    body = {"program": "palm-hotels", "member": f"SBX-NAMEMISMATCH-{canary.NUMBER}", "name": "Ada"}
    assert front.ask("POST", "/v1/accounts", body).code == "name_mismatch"


@pytest.mark.parametrize("member", [f" {CANARY}", f"{CANARY} ", f"{CANARY}-é", f"{CANARY}\t1"])
def test_what_is_no_member_number_is_refused_before_any_program_hears_of_it(
    front: Front, member: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[object] = []
    monkeypatch.setattr(front.house.delivery, "look_up_member", lambda *told: asked.append(told))
    answer = front.ask("POST", "/v1/accounts", {"program": "palm-hotels", "member": member})
    assert (answer.status, answer.code, asked) == (422, "validation_failed", [])


def test_a_program_that_nobody_has_is_refused(front: Front) -> None:
    answer = front.ask("POST", "/v1/accounts", {"program": "nowhere", "member": CANARY})
    assert (answer.status, answer.code) == (404, "unknown_program")


BODIES: list[tuple[str, bytes, int, str]] = [
    ("no JSON", b"{", 400, "body_malformed"),
    ("nothing", b"", 400, "body_malformed"),
    ("a list", b"[]", 422, "validation_failed"),
    ("duplicate names", b'{"quote":"a","quote":"b"}', 400, "body_malformed"),
    ("duplicate names inside", b'{"quote":{"a":1,"a":2}}', 400, "body_malformed"),
    ("NaN", b'{"quote":NaN}', 400, "body_malformed"),
    ("escaped NUL", b'{"quote":"a\\u0000b"}', 400, "body_malformed"),
    ("raw NUL", b'{"quote":"a\x00b"}', 400, "body_malformed"),
    ("lone surrogate", b'{"quote":"\\ud800"}', 400, "body_malformed"),
    ("lone surrogate in a name", b'{"\\udc00":"a"}', 400, "body_malformed"),
    ("invalid UTF-8", b'{"quote":"\xff"}', 400, "body_malformed"),
    ("UTF-16", '{"quote":"a"}'.encode("utf-16"), 400, "body_malformed"),
    ("byte order mark", b'\xef\xbb\xbf{"quote":"a"}', 400, "body_malformed"),
    ("too deep", b'{"quote":' + b"[" * 17 + b"]" * 17 + b"}", 400, "body_malformed"),
    ("far too deep", b"[" * 30_000, 400, "body_malformed"),
    ("huge number", b'{"quote":' + b"9" * 5000 + b"}", 400, "body_malformed"),
    ("no token", b'{"quote":"a"}', 422, "token_invalid"),
    ("no ASCII token", '{"quote":"é.é.é"}'.encode(), 422, "token_invalid"),
]


@pytest.mark.parametrize(("name", "body", "status", "code"), BODIES, ids=[row[0] for row in BODIES])
def test_a_body_without_one_meaning_is_refused(front: Front, name: str, body: bytes, status: int, code: str) -> None:
    before = front.books()
    headers = {} if body else {"content-type": "application/json"}
    answer = front.ask("POST", "/v1/exchanges", body, headers=headers)
    assert (answer.status, answer.code, answer.signed) == (status, code, True)
    assert answer.headers["content-type"] == "application/problem+json"
    assert front.books() == before


def test_another_media_type_is_refused(front: Front) -> None:
    answer = front.ask("POST", "/v1/exchanges", {"quote": "a"}, headers={"content-type": "text/plain"})
    assert (answer.status, answer.code) == (400, "body_malformed")


@pytest.mark.parametrize("value", ["naked", '""', '"a";b=1', '"a', '"a" "b"', '"' + "a" * 256 + '"'])
def test_an_idempotency_key_is_a_quoted_string(front: Front, value: str) -> None:
    answer = front.ask("POST", "/v1/exchanges", {"quote": "a"}, headers={"idempotency-key": value})
    assert (answer.status, answer.code) == (400, "idempotency_key_required")


def test_an_oversized_body_is_refused_before_it_is_read(front: Front) -> None:
    method, path, headers, _ = front.signed("POST", "/v1/exchanges", b"x" * 10)
    host, _, port = front.host.partition(":")
    head = f"{method} {path} HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers)
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(f"{head}content-length: {BODY_BYTES_MAX + 1}\r\n\r\n".encode())  # and not one byte of it
        said = raw.recv(65536)
    assert said.startswith(b"HTTP/1.1 413 ")
    assert b'"body_too_large"' in said


def test_a_chunked_body_has_the_same_limit(front: Front) -> None:
    host, _, port = front.host.partition(":")
    with socket.create_connection((host, int(port)), timeout=10) as raw:
        raw.sendall(f"POST /v1/exchanges HTTP/1.1\r\nhost: {front.host}\r\ntransfer-encoding: chunked\r\n\r\n".encode())
        chunk = b"4000\r\n" + b"x" * 0x4000 + b"\r\n"
        for _ in range(5):
            raw.sendall(chunk)
        said = raw.recv(65536)
    assert said.startswith(b"HTTP/1.1 413 ")


@pytest.mark.parametrize(
    ("shift", "code"),
    [(-400, "signature_window_invalid"), (90, "signature_window_invalid"), (-181, "signature_window_invalid")],
)
def test_a_clock_that_is_off_is_refused(front: Front, shift: int, code: str) -> None:
    answer = front.ask("GET", "/v1/keys", created=int(time.time()) + shift)
    assert (answer.status, answer.code, answer.signed) == (401, code, False)
    assert answer.headers["www-authenticate"] == f'Signature error="{code}"'


@pytest.mark.parametrize(
    "path",
    ["/v1//keys", "/v1/./keys", "/v1/x/../keys", "/v1/%6beys", "/v1/keys?a=%7e", "/v1/exchanges/%2e%2e"],
)
def test_a_target_that_is_not_normal_is_never_normalised(front: Front, path: str) -> None:
    before = front.books()
    method, _, headers, body = front.signed("GET", "/v1/keys")
    answer = front.send(method, path, headers, body)
    assert answer.status in {400, 401, 404}
    assert answer.code in {"target_malformed", "signature_invalid", "not_found"}
    assert front.books() == before


def test_another_host_is_refused(front: Front) -> None:
    method, path, headers, body = front.signed("GET", "/v1/keys")
    answer = front.send(
        method, path, [("host", "evil.example") if name == "host" else (name, value) for name, value in headers], body
    )
    assert (answer.status, answer.code) == (400, "target_malformed")


def test_a_used_quote_is_refused(front: Front) -> None:
    token = front.quote().json["quote"]
    assert front.ask("POST", "/v1/exchanges", {"quote": token}, headers={"prefer": "wait=20"}).status == 201
    before = front.books()
    answer = front.ask("POST", "/v1/exchanges", {"quote": token})
    assert (answer.status, answer.code) == (409, "quote_used")
    assert front.books() == before


def test_a_quote_of_another_partner_is_refused(front: Front) -> None:
    token = front.quote().json["quote"]
    before = front.books()
    answer = front.ask("POST", "/v1/exchanges", {"quote": token}, key="lotus")
    assert (answer.status, answer.code) == (403, "forbidden")
    assert front.books() == before


def test_a_changed_quote_is_refused(front: Front) -> None:
    token = front.quote().json["quote"]
    head, payload, signature = token.split(".")
    changed = payload[:-2] + ("A" if payload[-2] != "A" else "B") + payload[-1]
    assert front.ask("POST", "/v1/exchanges", {"quote": f"{head}.{changed}.{signature}"}).code == "token_invalid"


@pytest.mark.parametrize("payload", ["!!!", "QR", "Q=", ""], ids=["no base64", "not canonical", "padded", "nothing"])
def test_a_quote_that_cannot_be_decoded_is_refused(front: Front, payload: str) -> None:
    head, _, signature = front.quote().json["quote"].split(".")
    answer = front.ask("POST", "/v1/exchanges", {"quote": f"{head}.{payload}.{signature}"})
    assert (answer.status, answer.code) == (422, "token_invalid")


def test_over_the_cap_nothing_is_reserved(front: Front) -> None:
    token = front.quote(sent=300_000).json["quote"]  # 1,050 million millionths, over a cap of 1,000 million
    before = front.books()
    answer = front.ask("POST", "/v1/exchanges", {"quote": token})
    assert (answer.status, answer.code, answer.signed) == (422, "net_debit_cap_exceeded", True)
    assert front.books() == before


def test_unknown_exchanges_are_not_found(front: Front) -> None:
    for name in (str(uuid4()), "x", NOBODY, NOBODY.replace("-", "")):
        assert front.ask("GET", f"/v1/exchanges/{name}").code == "not_found"
        assert front.ask("POST", f"/v1/exchanges/{name}/cancel", {}).code == "not_found"
        assert front.ask("POST", f"/v1/exchanges/{name}/reversals", {"reason": "x"}).code == "not_found"


def test_no_answer_repeats_what_was_sent(front: Front) -> None:
    secret = secrets.token_hex(8)
    for body in (
        {"program": secret, "member": CANARY},
        {secret: 1},
        {"program": "lotus-air", "member": CANARY, "name": 1},
    ):
        answer = front.ask("POST", "/v1/accounts", body)
        assert secret.encode() not in answer.body
        assert CANARY.encode() not in answer.body
