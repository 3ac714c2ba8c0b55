"""The same signatures by the http-message-signatures library, in its plainest documented use, for comparison."""

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from http_message_signatures import HTTPMessageSigner, HTTPMessageVerifier, HTTPSignatureKeyResolver, algorithms
from http_message_signatures.structures import CaseInsensitiveDict

from clearing.signatures import REQUEST_TAG, RESPONSE_TAG, Message, PrivateKey, decode

_OF_REQUEST = ["@method", "@authority", "@path", "@query", "content-type", "idempotency-key", "content-digest"]
_OF_RESPONSE = [
    "@status",
    "content-type",
    "content-digest",
    *(
        f'"{name}";req'
        for name in ("@method", "@authority", "@path", "@query", "content-digest", "signature-input", "signature")
    ),
]


@dataclass
class Request:
    """A request as the library wants it."""

    method: str
    url: str
    headers: Any


@dataclass
class Response:
    """An answer as the library wants it."""

    status_code: int
    headers: Any
    request: Request


@dataclass
class Keys(HTTPSignatureKeyResolver):
    """Keys as objects of cryptography: nothing is parsed while it is measured."""

    private: dict[str, Any] = field(default_factory=dict)
    public: dict[str, Any] = field(default_factory=dict)

    def add(self, key: PrivateKey) -> None:
        """Know this Ed25519 key."""
        own = Ed25519PrivateKey.from_private_bytes(decode(key.to_jwk()["d"]))
        self.private[key.public.key_id], self.public[key.public.key_id] = own, own.public_key()

    def resolve_public_key(self, key_id: str) -> Any:
        return self.public[key_id]

    def resolve_private_key(self, key_id: str) -> Any:
        return self.private[key_id]


class Judge:
    """Signer and verifier of the library, made once."""

    def __init__(self, *keys: PrivateKey) -> None:
        resolver = Keys()
        for key in keys:
            resolver.add(key)
        how: dict[str, Any] = {"signature_algorithm": algorithms.ED25519, "key_resolver": resolver}
        self._signer, self._verifier = HTTPMessageSigner(**how), HTTPMessageVerifier(**how)

    def sign_request(self, message: Message, key: PrivateKey, now: int, nonce: str) -> None:
        """Sign a request; the library makes the digest as well."""
        self._sign(request_of(message), message.body, key, now, nonce, REQUEST_TAG, _OF_REQUEST)

    def sign_response(self, answer: Response, body: bytes, key: PrivateKey, now: int) -> None:
        """Sign an answer, bound to its request."""
        answer.headers = _fields([("content-type", "application/json")])
        self._sign(answer, body, key, now, None, RESPONSE_TAG, _OF_RESPONSE)

    def verify(self, message: Request | Response, tag: str, body: bytes) -> None:
        """Verify signature and digest."""
        self._verifier.verify(message, expect_tag=tag, body=body)

    def _sign(
        self, message: Any, body: bytes, key: PrivateKey, now: int, nonce: str | None, tag: str, names: Sequence[str]
    ) -> None:
        self._signer.sign(
            message,
            key_id=key.public.key_id,
            created=dt.datetime.fromtimestamp(now, dt.UTC),
            expires=dt.datetime.fromtimestamp(now + 120, dt.UTC),
            nonce=nonce,
            label="sig1",
            tag=tag,
            covered_component_ids=names,
            body=body,
        )


def request_of(message: Message) -> Request:
    """Our message as the library wants it."""
    url = f"https://{message.authority}{message.path}{message.query if message.query != '?' else ''}"
    return Request(message.method, url, _fields(message.headers))


def response_of(message: Message, request: Message) -> Response:
    """Our answer as the library wants it."""
    return Response(message.status or 0, _fields(message.headers), request_of(request))


def _fields(lines: Iterable[tuple[str, str]]) -> Any:
    return CaseInsensitiveDict(lines)  # type: ignore[no-untyped-call]  # the library says no type here
