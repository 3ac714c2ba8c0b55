"""Signing at a partner's side: an httpx.Auth that signs every request and believes no answer that is not signed."""

import secrets
import time
from collections.abc import AsyncGenerator, Callable, Generator, Mapping

import httpx

from clearing import errors
from clearing.signatures import Message, PrivateKey, PublicKey, sign_request, verify_response

LIFETIME_SECONDS = 120
_ADDED = ("content-digest", "signature-input", "signature")

KeyOf = Callable[[str], PublicKey | None]


class HouseAuth(httpx.Auth):
    """Give it to an httpx client: every request leaves signed, every answer is checked against the request it answers.

    Refusals are errors.SignatureRefused; an answer that is unsigned or bound to another request raises as well, so
    whatever a call returns was said by the house. `house_keys` are its public keys by key id.
    Works with httpx.Client and httpx.AsyncClient; `clock` and `nonces` can be replaced in tests.
    """

    requires_request_body = True
    requires_response_body = True

    def __init__(
        self,
        key: PrivateKey,
        house_keys: Mapping[str, PublicKey] | KeyOf,
        *,
        clock: Callable[[], float] = time.time,
        nonces: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        self._key = key
        self._key_of: KeyOf = house_keys.get if isinstance(house_keys, Mapping) else house_keys
        self._clock = clock
        self._nonces = nonces

    def sync_auth_flow(self, request: httpx.Request) -> Generator[httpx.Request, httpx.Response, None]:
        """Sign, send, read, verify."""
        request.read()
        sent = self._sign(request)
        response = yield request
        response.read()
        self._verify(sent, response)

    async def async_auth_flow(self, request: httpx.Request) -> AsyncGenerator[httpx.Request, httpx.Response]:
        """Sign, send, read, verify."""
        await request.aread()
        sent = self._sign(request)
        response = yield request
        await response.aread()
        self._verify(sent, response)

    def _sign(self, request: httpx.Request) -> Message:
        for name in _ADDED:  # a repeat is signed anew: other nonce, same Idempotency-Key
            request.headers.pop(name, None)
        request.headers["accept-encoding"] = "identity"  # the digest is of the bytes as they travel
        message = message_of(request)
        created = int(self._clock())
        nonce = self._nonces()
        added = sign_request(message, self._key, created=created, expires=created + LIFETIME_SECONDS, nonce=nonce)
        request.headers.update(added)
        return message_of(request)

    def _verify(self, sent: Message, response: httpx.Response) -> None:
        if "signature" not in response.headers and "signature-input" not in response.headers:
            claimed = f"the answer is not signed, so nothing it says is proved (status {response.status_code})"
            raise errors.SignatureRequired(claimed)
        verify_response(sent, answer_of(sent, response), self._key_of, now=int(self._clock()))


def message_of(request: httpx.Request) -> Message:
    """The request as httpx is about to send it: raw target, and the host of its Host header."""
    path, mark, query = request.url.raw_path.decode("ascii").partition("?")
    host = request.headers.get("host", request.url.netloc.decode("ascii"))
    return Message(request.method, host, path, mark + query or "?", _lines(request.headers), request.content)


def answer_of(sent: Message, response: httpx.Response) -> Message:
    """The answer as it came; a compressed one differs from what was signed. Raises errors.ContentDigestMismatch."""
    if response.headers.get("content-encoding", "identity") != "identity":
        raise errors.ContentDigestMismatch("the answer is compressed, although identity was asked for")
    lines = _lines(response.headers)
    return Message(sent.method, sent.authority, sent.path, sent.query, lines, response.content, response.status_code)


def _lines(headers: httpx.Headers) -> tuple[tuple[str, str], ...]:
    return tuple((name.lower().decode("ascii"), value.decode("latin-1")) for name, value in headers.raw)
