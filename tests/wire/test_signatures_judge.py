"""http-message-signatures judges ours, and ours judges its, in both directions."""

import datetime as dt
import sys
from dataclasses import dataclass, replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from http_message_signatures.exceptions import InvalidSignature

from clearing import errors
from clearing.signatures import Message, PrivateKey, confirm, present, verify_response
from tests.wire.make_vectors import AUTHORITIES, ED, GET, HOUSE, P256, POST, answer, signed, with_headers

NOW = 0


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge reads a clock of its own, so every message is of the moment of its test."""
    monkeypatch.setattr(sys.modules[__name__], "NOW", int(dt.datetime.now(dt.UTC).timestamp()))


KINDS = {"ed25519": algorithms.ED25519, "ecdsa-p256-sha256": algorithms.ECDSA_P256_SHA256}
KEYS = {key.public.key_id: key for key in (ED, P256, HOUSE)}
QUERY = replace(GET, query="?after=17&limit=50")


class Headers:
    """Field lines in order, as the judge wants them."""

    def __init__(self, lines: tuple[tuple[str, str], ...]) -> None:
        self.lines = list(lines)

    def items(self) -> list[tuple[str, str]]:
        return self.lines

    def __iter__(self) -> Any:
        return iter(name for name, _ in self.lines)

    def __contains__(self, name: str) -> bool:
        return any(field == name.lower() for field, _ in self.lines)

    def __setitem__(self, name: str, value: str) -> None:
        self.lines = [line for line in self.lines if line[0] != name.lower()] + [(name.lower(), value)]

    def __delitem__(self, name: str) -> None:
        self.lines = [line for line in self.lines if line[0] != name.lower()]


@dataclass
class Request:
    method: str
    url: str
    headers: Headers


@dataclass
class Response:
    status_code: int
    headers: Headers
    request: Request


class Resolver(HTTPSignatureKeyResolver):
    def resolve_public_key(self, key_id: str) -> ed25519.Ed25519PublicKey | ec.EllipticCurvePublicKey:
        key = KEYS[key_id].public._key  # OpenSSL judges what libsodium signed, and the other way round
        return ed25519.Ed25519PublicKey.from_public_bytes(key) if isinstance(key, bytes) else key

    def resolve_private_key(self, key_id: str) -> ed25519.Ed25519PrivateKey | ec.EllipticCurvePrivateKey:
        key = KEYS[key_id]._key
        return ed25519.Ed25519PrivateKey.from_private_bytes(key[:32]) if isinstance(key, bytes) else key


def foreign(message: Message) -> Request:
    query = message.query if message.query != "?" else ""
    return Request(message.method, f"https://{message.authority}{message.path}{query}", Headers(message.headers))


def judged(message: Any, key: PrivateKey, body: bytes, tag: str) -> None:
    verifier = HTTPMessageVerifier(signature_algorithm=KINDS[key.public.alg], key_resolver=Resolver())
    results = verifier.verify(message, expect_tag=tag, body=body)
    assert [result.parameters["keyid"] for result in results] == [key.public.key_id]


def signed_by_judge(message: Any, key: PrivateKey, names: list[str], tag: str, nonce: str | None) -> None:
    signer = HTTPMessageSigner(signature_algorithm=KINDS[key.public.alg], key_resolver=Resolver())
    signer.sign(
        message,
        key_id=key.public.key_id,
        created=dt.datetime.fromtimestamp(NOW, dt.UTC),
        expires=dt.datetime.fromtimestamp(NOW + 120, dt.UTC),
        nonce=nonce,
        label="sig1",
        tag=tag,
        covered_component_ids=names,
        use_existing_digest="content-digest" in message.headers,
    )


@pytest.mark.parametrize("key", [ED, P256], ids=["ed25519", "p256"])
@pytest.mark.parametrize("message", [POST, GET, QUERY], ids=["post", "get", "query"])
def test_what_we_sign_the_judge_verifies(message: Message, key: PrivateKey) -> None:
    ours = signed(message, key, created=NOW, expires=NOW + 120)
    judged(foreign(ours), key, message.body, "clearing-req-v1")
    with pytest.raises(InvalidSignature):
        judged(foreign(replace(ours, path="/v1/other")), key, message.body, "clearing-req-v1")


@pytest.mark.parametrize("key", [ED, P256], ids=["ed25519", "p256"])
@pytest.mark.parametrize("message", [POST, GET, QUERY], ids=["post", "get", "query"])
def test_what_the_judge_signs_we_verify(message: Message, key: PrivateKey) -> None:
    names = ["@method", "@authority", "@path", "@query"]
    if message.body:
        digest = next(line for line in signed(message).headers if line[0] == "content-digest")
        message = with_headers(message, [digest])
        names += ["content-type", "content-digest", "idempotency-key"]
    theirs = foreign(message)
    signed_by_judge(theirs, key, names, "clearing-req-v1", "A" * 22)
    received = replace(message, headers=tuple(theirs.headers.lines))
    presented = present(received, now=NOW, authorities=AUTHORITIES)
    assert presented.key_id == key.public.key_id
    confirm(presented, key.public, received)
    changed = replace(received, path="/v1/other")
    presented = present(changed, now=NOW, authorities=AUTHORITIES)
    with pytest.raises(errors.SignatureInvalid):
        confirm(presented, key.public, changed)


@pytest.mark.parametrize("sent", [signed(POST), signed(GET)], ids=["post", "get"])
@pytest.mark.parametrize(("status", "body"), [(202, b'{"state":"reserved"}'), (204, b"")])
def test_answers_we_sign_the_judge_verifies(sent: Message, status: int, body: bytes) -> None:
    ours = answer(sent, status, body, created=NOW)
    judged(Response(status, Headers(ours.headers), foreign(sent)), HOUSE, body, "clearing-resp-v1")
    other = foreign(signed(GET, nonce="B" * 22))
    with pytest.raises(InvalidSignature):
        judged(Response(status, Headers(ours.headers), other), HOUSE, body, "clearing-resp-v1")


def test_answers_the_judge_signs_we_verify() -> None:
    sent = signed(POST)
    body = b'{"state":"reserved"}'
    digest = next(line for line in answer(sent, 202, body).headers if line[0] == "content-digest")
    theirs = Response(202, Headers((("content-type", "application/json"), digest)), foreign(sent))
    of_request = ["@method", "@authority", "@path", "@query", "content-digest", "signature-input", "signature"]
    names = ["@status", "content-type", "content-digest", *(f'"{name}";req' for name in of_request)]
    signed_by_judge(theirs, HOUSE, names, "clearing-resp-v1", None)
    received = Message("", "", "", "", tuple(theirs.headers.lines), body, 202)
    presented = verify_response(sent, received, {HOUSE.public.key_id: HOUSE.public}.get, now=NOW)
    assert presented.key_id == HOUSE.public.key_id
    with pytest.raises(errors.SignatureInvalid):
        verify_response(signed(POST, nonce="B" * 22), received, {HOUSE.public.key_id: HOUSE.public}.get, now=NOW)
