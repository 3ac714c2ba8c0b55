"""Writes openapi/vectors: signed messages with their canonical bytes, keys, clock and verdict, the same on every run.

    python -m tests.wire.make_vectors

Each refused vector is wrong in one thing only, and its signature is true wherever that can be.
"""

import base64
import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from clearing import errors
from clearing.signatures import Message, PrivateKey, jws_sign, note_sign, present, sign_request, sign_response
from clearing.signatures.keys import _P, _SMALL_ORDER_Y, encode
from clearing.signatures.message import content_digest, values_of
from clearing.signatures.profile import component, signature_base

FOLDER = Path(__file__).parents[2] / "openapi" / "vectors"
NOW = 1_767_225_600
HOST = "api.clearing.example"
AUTHORITIES = frozenset({HOST})
NONCE = "AAECAwQFBgcICQoLDA0ODw"
ED = PrivateKey.generate(bytes(range(32)))
STRANGER = PrivateKey.generate(bytes(range(1, 33)))
HOUSE = PrivateKey.generate(bytes(range(2, 34)))
P256 = PrivateKey.from_jwk(
    {  # RFC 9421 appendix B.1.3
        "kty": "EC",
        "crv": "P-256",
        "x": "qIVYZVLCrPZHGHjP17CTW0_-D9Lfw0EkjqF7xB4FivA",
        "y": "Mc4nN9LTDOBhfoUeg8Ye9WedFRhnZXZJA12Qp0zZ6F0",
        "d": "UpuF81l-kOxbjf7T4mNSv0r5tN67Gim7rnf6EFpcYDs",
    }
)
BODY = b'{"quote":"eyJhbGciOiJFZDI1NTE5In0.e30.c2ln"}'
FIELDS = (("host", HOST), ("content-type", "application/json"), ("idempotency-key", '"7c1a2f"'))
POST = Message("POST", HOST, "/v1/exchanges", "?", FIELDS, BODY)
GET = Message("GET", HOST, "/v1/exchanges/0001", "?", (("host", HOST),), b"")
COVERED = ("@method", "@authority", "@path", "@query", "content-type", "idempotency-key", "content-digest")
TERMS = {
    "created": str(NOW),
    "expires": str(NOW + 120),
    "nonce": f'"{NONCE}"',
    "keyid": f'"{ED.public.key_id}"',
    "alg": '"ed25519"',
    "tag": '"clearing-req-v1"',
}


def with_headers(message: Message, added: list[tuple[str, str]]) -> Message:
    return replace(message, headers=(*message.headers, *added))


def signed(message: Message, key: PrivateKey = ED, **terms: Any) -> Message:
    """By the profile, as any partner would."""
    chosen: dict[str, Any] = {"created": NOW, "expires": NOW + 120, "nonce": NONCE} | terms
    return with_headers(message, sign_request(message, key, **chosen))


def freely(
    message: Message = POST,
    *,
    covered: tuple[str, ...] = COVERED,
    digest: str | None = None,
    key: PrivateKey = ED,
    label: str = "sig1",
    order: tuple[str, ...] = tuple(TERMS),
    **terms: Any,
) -> Message:
    """A true signature over whatever is asked for, also what the profile refuses; a term of None is left out."""
    if message.body:
        message = with_headers(message, [("content-digest", digest or content_digest(message.body))])
    parts = [component(name) for name in covered]
    given = dict.fromkeys(order) | TERMS | terms
    chosen = {name: value for name, value in given.items() if value is not None}
    text = f"({' '.join(part.text for part in parts)}){''.join(f';{name}={value}' for name, value in chosen.items())}"
    signature = base64.b64encode(key.sign(signature_base(parts, values_of(message), None, text))).decode()
    return with_headers(message, [("signature-input", f"{label}={text}"), ("signature", f"{label}=:{signature}:")])


def edited(message: Message, name: str, old: str, new: str) -> Message:
    """One header changed after signing."""
    assert any(field == name and old in value for field, value in message.headers)
    lines = [(field, value.replace(old, new) if field == name else value) for field, value in message.headers]
    return replace(message, headers=tuple(lines))


def without(message: Message, name: str) -> Message:
    return replace(message, headers=tuple(line for line in message.headers if line[0] != name))


def accepted_requests() -> Iterator[tuple[str, Message]]:
    yield "a submission, Ed25519", signed(POST)
    yield "a submission, ECDSA P-256", signed(POST, P256)
    yield "a look-up, no body", signed(GET)
    yield "a query", signed(replace(GET, query="?after=17&limit=50"))
    yield "a change without a body", signed(replace(POST, body=b"", headers=FIELDS[::2]))
    yield "created at the edge of the clocks' difference", signed(POST, created=NOW + 60, expires=NOW + 180)
    yield "expired within the clocks' difference", signed(POST, created=NOW - 180, expires=NOW - 60)
    yield "the longest life", signed(POST, expires=NOW + 300)
    yield "parameters in another order", freely(order=tuple(TERMS)[::-1])
    yield "components in another order", freely(covered=COVERED[::-1])
    traced = with_headers(POST, [("x-trace-id", "a"), ("x-trace-id", "b")])
    yield "more covered than asked, in two lines", freely(traced, covered=(*COVERED, "x-trace-id"))
    yield "sha-512", freely(digest=_sha512(BODY))
    yield "another label beside ours", _second_label(signed(POST))
    yield (
        "white space that the canonical form drops",
        edited(signed(POST), "signature-input", '("@method"', '(  "@method"'),
    )
    yield "an uncovered field doubled", with_headers(signed(POST), [("accept", "*/*"), ("accept", "text/html")])


def _sha512(body: bytes) -> str:
    return f"sha-512=:{base64.b64encode(hashlib.sha512(body).digest()).decode()}:"


def _second_label(message: Message) -> Message:
    message = edited(message, "signature-input", "sig1=(", 'proxy=("@method");created=1, sig1=(')
    return edited(message, "signature", "sig1=:", "proxy=:AAAA:, sig1=:")


def refused_requests() -> Iterator[tuple[str, str, Message, dict[str, Any]]]:
    """Name, code, message, and what else the verifier knows."""
    for rows in (_headers_refused, _targets_refused, _terms_refused, _coverage_refused, _keys_refused, _bytes_refused):
        for name, code, message, *known in rows():
            yield name, code, message, known[0] if known else {}


Row = tuple[Any, ...]


def _headers_refused() -> Iterator[Row]:
    good = signed(POST)
    malformed = "signature_header_malformed"
    yield "no signature", "signature_required", POST
    yield "Signature-Input alone", malformed, without(good, "signature")
    yield "Signature alone", malformed, without(good, "signature-input")
    yield "not a dictionary", malformed, edited(good, "signature-input", "sig1=(", "sig1=((")
    yield "the label twice", malformed, edited(good, "signature-input", "sig1=(", "sig1=(), sig1=(")
    yield "the label twice, in two lines", malformed, with_headers(good, [good.headers[-2]])
    yield "a parameter twice", malformed, edited(good, "signature-input", ";created=", ";created=1;created=")
    yield "only another label", malformed, freely(label="sig2")
    yield "the signature is not a byte sequence", malformed, edited(good, "signature", "=:", "=x:")
    yield "the signature is in base64url", malformed, edited(signed(GET), "signature", "+", "-")
    yield "a covered content type twice", malformed, with_headers(good, [("content-type", "text/plain")])
    yield "a covered Idempotency-Key twice", malformed, with_headers(good, [("idempotency-key", '"other"')])
    yield "a covered digest twice", malformed, with_headers(good, [("content-digest", content_digest(BODY))])
    yield "a covered field is missing", malformed, without(good, "idempotency-key")
    yield "a component twice", malformed, freely(covered=("@method", *COVERED))
    yield "a value that is not ASCII", malformed, edited(good, "content-type", "json", "jsön")


def _targets_refused() -> Iterator[Row]:
    code = "target_malformed"
    yield "another host", code, freely(replace(POST, authority="api.other.example"))
    yield "upper-case host", code, freely(replace(POST, authority=HOST.upper()))
    yield "default port", code, freely(replace(POST, authority=f"{HOST}:443"))
    yield "two hosts", code, with_headers(signed(POST), [("host", "api.other.example")])
    for name, path in {
        "an escape": "/v1/exchanges/%30001",
        "a dot segment": "/v1/./exchanges",
        "a double-dot segment": "/v1/quotes/../exchanges",
        "a dot segment at the end": "/v1/exchanges/..",
        "an empty segment": "/v1//exchanges",
        "no leading slash": "v1/exchanges",
        "a backslash": "/v1\\exchanges",
        "a space": "/v1/exchanges/a b",
    }.items():
        yield name, code, freely(replace(POST, path=path))
    yield "an escape in the query", code, freely(replace(POST, query="?a=%41"))
    yield "a fragment", code, freely(replace(POST, query="?a#b"))


def _terms_refused() -> Iterator[Row]:
    incomplete, window = "signature_params_incomplete", "signature_window_invalid"
    for name in TERMS:
        left_out: dict[str, Any] = {name: None}
        yield f"no {name}", incomplete, freely(**left_out)
    yield "created as a string", incomplete, freely(created=f'"{NOW}"')
    yield "created as a decimal", incomplete, freely(created=f"{NOW}.5")
    yield "the key id as a token", incomplete, freely(keyid="k1")
    yield "a nonce of 15 bytes", incomplete, freely(nonce='"AAECAwQFBgcICQoLDA0O"')
    yield "a nonce in another alphabet", incomplete, freely(nonce='"AAECAwQFBgcICQoLDA0OD+/="')
    yield "an unknown parameter", incomplete, freely(purpose='"api"')
    yield "the tag of answers", "signature_tag_invalid", freely(tag='"clearing-resp-v1"')
    yield "a tag with another case", "signature_tag_invalid", freely(tag='"Clearing-Req-V1"')
    for alg in ("hmac-sha256", "rsa-v1_5-sha256", "none", "Ed25519"):
        yield f"algorithm {alg}", "signature_alg_not_allowed", freely(alg=f'"{alg}"')
    yield "created in the future", window, freely(created=str(NOW + 61), expires=str(NOW + 181))
    yield "expired", window, freely(created=str(NOW - 181), expires=str(NOW - 61))
    yield "a life of 301 seconds", window, freely(expires=str(NOW + 301))
    yield "expires with created", window, freely(expires=str(NOW))
    yield "expires before created", window, freely(created=str(NOW + 10), expires=str(NOW))


def _coverage_refused() -> Iterator[Row]:
    code = "signature_components_incomplete"
    for name in COVERED:
        yield f"{name} not covered", code, freely(covered=tuple(part for part in COVERED if part != name))
    yield "nothing covered", code, freely(covered=())
    good = signed(POST)
    yield "an unknown component parameter", code, edited(good, "signature-input", '"content-type"', '"content-type";sf')
    yield "the same on top of all that is required", code, edited(good, "signature-input", '("', '("host";sf "')
    yield "a component of another request", code, edited(good, "signature-input", '"@path"', '"@path" "@path";req')
    yield "a derived component without meaning here", code, edited(good, "signature-input", '("', '("@target-uri" "')
    yield "a body that was not there when signing", code, replace(signed(GET), body=b"{}")


def _keys_refused() -> Iterator[Row]:
    good = signed(POST)
    purpose = "signature_key_purpose_invalid"
    yield "a key that is not registered", "signature_key_unknown", signed(POST, STRANGER)
    yield "the key of another purpose", purpose, good, {"keys": [registered(ED, purpose="webhook")]}
    yield "the key of another environment", purpose, good, {"keys": [registered(ED, environment="live")]}
    yield "another algorithm than the key's own", purpose, freely(alg='"ecdsa-p256-sha256"')
    yield "a revoked key", "signature_key_revoked", good, {"keys": [registered(ED, revoked=True)]}
    yield "too many nonces", "signature_rate_abuse", good, {"nonces_left": 0}


def _bytes_refused() -> Iterator[Row]:
    good, invalid, mismatch = signed(POST), "signature_invalid", "content_digest_mismatch"
    yield "the method changed", invalid, replace(good, method="PUT")
    yield "the path changed", invalid, replace(good, path="/v1/quotes")
    yield "a query added", invalid, replace(good, query="?wait=0")
    yield "the content type changed", invalid, edited(good, "content-type", "json", "cbor")
    yield "the Idempotency-Key changed", invalid, edited(good, "idempotency-key", "7c1a2f", "7c1a2e")
    yield "the digest changed with the body", invalid, _other_body(good)
    yield "created later by a second", invalid, edited(good, "signature-input", f"created={NOW}", f"created={NOW + 1}")
    yield "the signature of another key", invalid, freely(key=STRANGER)
    yield "an empty signature", invalid, replace(good, headers=(*good.headers[:-1], ("signature", "sig1=::")))
    yield "an ECDSA signature in DER", invalid, _der(signed(POST, P256))
    yield "the body changed", mismatch, replace(good, body=BODY.replace(b"c2ln", b"c2lo"))
    yield "the body gone", mismatch, replace(good, body=b"")
    yield "a digest of another kind", mismatch, freely(digest="md5=:CY9rzUYh03PK3k6DJie09g==:")
    yield "a second digest of another kind", mismatch, freely(digest=f"{content_digest(BODY)}, md5=:AAAA:")
    yield "one digest true, one false", mismatch, freely(digest=f"{content_digest(BODY)}, {_sha512(b'')}")
    yield "the same bytes again", "signature_replayed", good, {"seen": [[ED.public.key_id, NONCE]]}
    doubled = replace(POST, body=b'{"quote":"a","quote":"b"}')
    yield "a JSON member twice, truly signed", "body_malformed", signed(doubled)


def _other_body(message: Message) -> Message:
    changed = replace(message, body=b"{}")
    return edited(changed, "content-digest", content_digest(message.body), content_digest(b"{}"))


def _der(message: Message) -> Message:
    raw = base64.b64decode(dict(message.headers)["signature"][6:-1])
    der = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    return replace(message, headers=(*message.headers[:-1], ("signature", f"sig1=:{base64.b64encode(der).decode()}:")))


def registered(
    key: PrivateKey, *, purpose: str = "api", environment: str = "sandbox", revoked: bool = False
) -> dict[str, Any]:
    return {"jwk": key.public.jwk, "purpose": purpose, "environment": environment, "revoked": revoked}


def answer(
    request: Message,
    status: int = 202,
    body: bytes = b'{"state":"reserved"}',
    key: PrivateKey = HOUSE,
    created: int = NOW,
) -> Message:
    fields = [("content-type", "application/json")] if body else []
    added = sign_response(request, status, fields, body, key, created=created, expires=created + 120)
    return Message("", "", "", "", (*fields, *added), body, status)


def accepted_answers() -> Iterator[tuple[str, Message, Message]]:
    yield "to a submission", signed(POST), answer(signed(POST))
    yield "to a look-up", signed(GET), answer(signed(GET), 200)
    yield "without a body", signed(POST), answer(signed(POST), 204, b"")
    yield "a problem", signed(POST), answer(signed(POST), 422, b'{"code":"over_cap"}')
    yield "by ECDSA P-256", signed(POST, P256), answer(signed(POST, P256), key=P256)


def refused_answers() -> Iterator[tuple[str, str, Message, Message]]:
    sent = signed(POST)
    good, invalid = answer(sent), "signature_invalid"
    yield "not signed", "signature_required", sent, without(without(good, "signature"), "signature-input")
    yield "to another nonce", invalid, signed(POST, nonce=NONCE[::-1]), good
    yield "to another target", invalid, signed(replace(POST, path="/v1/quotes")), good
    yield "to another body", invalid, signed(replace(POST, body=b"{}")), good
    yield "to a look-up, for a submission", "signature_components_incomplete", sent, answer(signed(GET))
    yield "another status", invalid, sent, replace(good, status=200)
    yield "another content type", invalid, sent, edited(good, "content-type", "json", "cbor")
    yield "another body", "content_digest_mismatch", sent, replace(good, body=b'{"state":"completed"}')
    yield "the body gone", "content_digest_mismatch", sent, replace(good, body=b"")
    yield "a body added", "signature_components_incomplete", sent, replace(answer(sent, 204, b""), body=b"{}")
    malformed = "signature_header_malformed"
    yield "the content type twice", malformed, sent, with_headers(good, [("content-type", "text/plain")])
    yield "the content type gone", malformed, sent, without(good, "content-type")
    yield "an unknown key", "signature_key_unknown", sent, answer(sent, key=STRANGER)
    yield "the request, sent back", "signature_tag_invalid", sent, replace(sent, status=200)
    binding = edited(good, "signature-input", ' "signature";req', "")
    yield "not bound to the signature", "signature_components_incomplete", sent, binding


def key_vectors() -> Iterator[dict[str, Any]]:
    for name, key in {"Ed25519": ED, "P-256": P256}.items():
        yield {"name": name, "jwk": key.public.jwk, "key_id": key.public.key_id, "expect": "accepted"}
    refused: dict[str, dict[str, Any]] = {
        "a private part": ED.to_jwk(),
        "a private part, P-256": P256.to_jwk(),
        "RSA": {"kty": "RSA", "n": encode(bytes([200]) + bytes(254) + b"\x01"), "e": "AQAB"},
        "P-384": {"kty": "EC", "crv": "P-384", "x": encode(bytes(48)), "y": encode(bytes(48))},
        "Ed448": {"kty": "OKP", "crv": "Ed448", "x": encode(bytes(57))},
        "a secret": {"kty": "oct", "k": "AAAA"},
        "off the curve P-256": P256.public.jwk | {"y": encode(bytes(31) + b"\x01")},
        "the point at infinity": P256.public.jwk | {"x": encode(bytes(32)), "y": encode(bytes(32))},
        "off the curve Ed25519": _edwards(2),
        "31 bytes": {"kty": "OKP", "crv": "Ed25519", "x": encode(bytes(31))},
        "padded base64": ED.public.jwk | {"x": ED.public.jwk["x"] + "="},
        "base64url with unused bits": ED.public.jwk | {"x": ED.public.jwk["x"][:-1] + "9"},
        "for encryption": ED.public.jwk | {"use": "enc"},
        "the algorithm of another kind": ED.public.jwk | {"alg": "ES256"},
        "operations without verify": ED.public.jwk | {"key_ops": ["sign"]},
    }
    for y in sorted(_SMALL_ORDER_Y):
        for sign in (0, 1):
            refused[f"small order, y={y:x}, sign {sign}"] = _edwards(y, sign)
    for more in range(19):
        refused[f"y = p + {more}, not canonical"] = _edwards(_P + more)
    refused["y = p + 3, not canonical, sign 1"] = _edwards(_P + 3, 1)
    for name, jwk in refused.items():
        yield {"name": name, "jwk": jwk, "expect": "key_refused"}


def _edwards(y: int, sign: int = 0) -> dict[str, str]:
    return {"kty": "OKP", "crv": "Ed25519", "x": encode((y | sign << 255).to_bytes(32, "little"))}


def token_vectors() -> Iterator[dict[str, Any]]:
    payload, typ = b'{"exchange":"0001"}', "clearing-receipt+jws"
    for key in (ED, P256):
        yield {"token": jws_sign(payload, key, typ), "typ": typ, "jwk": key.public.jwk, "payload": payload.decode()}
    yield {"note": note_sign("clearing.example/lane/0", 5, bytes(range(32)), HOUSE, "clearing.example/lane/0")}


def written(message: Message) -> dict[str, Any]:
    body = base64.b64encode(message.body).decode()
    if message.status is not None:
        return {"status": message.status, "headers": [list(line) for line in message.headers], "body": body}
    target = {name: getattr(message, name) for name in ("method", "authority", "path", "query")}
    return target | {"headers": [list(line) for line in message.headers], "body": body}


def _request_vector(name: str, message: Message, expect: str, known: dict[str, Any]) -> dict[str, Any]:
    try:
        base: str | None = present(message, now=NOW, authorities=AUTHORITIES).base.decode()
    except errors.ClearingError:
        base = None
    keys = [registered(ED), registered(P256)]
    verifier = {"now": NOW, "authorities": sorted(AUTHORITIES), "keys": keys, "seen": [], "nonces_left": 1_000_000}
    return {"name": name, "expect": expect, "verifier": verifier | known, "request": written(message), "base": base}


def _answer_vector(name: str, sent: Message, said: Message, expect: str) -> dict[str, Any]:
    verifier = {"now": NOW, "keys": [registered(HOUSE), registered(P256)]}
    return {"name": name, "expect": expect, "verifier": verifier, "request": written(sent), "response": written(said)}


def files() -> dict[str, str]:
    """Every file of the folder by name."""
    vectors = {
        "requests-accepted.json": [_request_vector(*row, "accepted", {}) for row in accepted_requests()],
        "requests-refused.json": [
            _request_vector(name, message, code, known) for name, code, message, known in refused_requests()
        ],
        "answers-accepted.json": [_answer_vector(*row, "accepted") for row in accepted_answers()],
        "answers-refused.json": [
            _answer_vector(name, sent, said, code) for name, code, sent, said in refused_answers()
        ],
        "keys.json": list(key_vectors()),
        "tokens.json": list(token_vectors()),
    }
    return {name: json.dumps(rows, indent=1, ensure_ascii=False) + "\n" for name, rows in vectors.items()}


if __name__ == "__main__":
    FOLDER.mkdir(parents=True, exist_ok=True)
    for file_name, text in files().items():
        (FOLDER / file_name).write_text(text)
