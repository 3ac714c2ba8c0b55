"""Whom the program believes and how it signs: the keys of the house, its own key, and the signing profile of the client package."""

import asyncio
import json
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import httpx
from starlette.types import Scope

from clearing import client
from clearing.errors import ClearingError, KeyRefused, SignatureKeyUnknown

ASK_KEYS_EVERY_SECONDS = 1.0


class Distrusted(Exception):
    """The request is not answered, and the refusal is not signed: there is no one to sign it for."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(code)
        self.status, self.code, self.detail = status, code, detail


@dataclass(frozen=True, slots=True)
class Heard:
    """A request that the house signed. Its nonce has still to be new."""

    key_id: str
    nonce: str
    expires: int
    message: client.Message


class Signable(Protocol):
    """An answer before it is signed."""

    @property
    def status(self) -> int: ...
    @property
    def body(self) -> bytes: ...
    @property
    def content_type(self) -> str: ...
    @property
    def headers(self) -> tuple[tuple[str, str], ...]: ...


@dataclass(slots=True)
class Trust:
    """Keys and nothing else. `house` is a file or a URL with a JWK set; it is read again when a key id is not known."""

    key: client.PrivateKey
    forged: client.PrivateKey  # a key nobody knows, for the fault `wrong_signature`
    house: str
    authorities: frozenset[str]
    known: dict[str, client.PublicKey] = field(default_factory=dict)
    asked_at: float = -ASK_KEYS_EVERY_SECONDS

    @property
    def jwk(self) -> dict[str, str]:
        """The public key of the program."""
        return dict(self.key.public.jwk) | {"kid": self.key.public.key_id}

    async def hear(self, scope: Scope, body: bytes) -> Heard:
        """Steps 0 to 11 of the profile. Raises Distrusted."""
        message, now = message_of(scope, body), int(time.time())
        try:
            try:
                presented = client.verify_call(message, self.known.get, now, self.authorities)
            except SignatureKeyUnknown:
                await self._ask_again()
                presented = client.verify_call(message, self.known.get, now, self.authorities)
        except ClearingError as refused:
            raise Distrusted(refused.status, refused.code, refused.detail) from refused
        return Heard(presented.key_id, presented.nonce, presented.expires, message)

    def sign(self, heard: Heard, reply: Signable, *, forged: bool) -> list[tuple[str, str]]:
        """All headers of the answer, those that bind it to that request among them."""
        headers = [("content-type", reply.content_type), *reply.headers]
        key = self.forged if forged else self.key
        return client.sign_answer(heard.message, reply.status, headers, reply.body, key, int(time.time()))

    async def _ask_again(self) -> None:
        """Read the keys of the house again, but not more often than once a second."""
        if time.monotonic() - self.asked_at < ASK_KEYS_EVERY_SECONDS:
            return
        self.asked_at = time.monotonic()
        try:
            self.known = client.parse_jwks(json.loads(await _fetch(self.house)))
        except (OSError, ValueError, httpx.HTTPError, KeyRefused):
            return


async def _fetch(place: str) -> bytes:
    if not place.startswith(("http://", "https://")):
        return await asyncio.to_thread(Path(place).read_bytes)
    async with httpx.AsyncClient(timeout=5.0, trust_env=False) as client:
        return (await client.get(place)).raise_for_status().content


def message_of(scope: Scope, body: bytes) -> client.Message:
    """The request as it came over the wire: nothing decoded, no header joined."""
    headers = _texts(scope["headers"])
    authority = next((value for name, value in headers if name == "host"), "")
    path = scope["raw_path"].decode("latin-1")
    query = "?" + scope["query_string"].decode("latin-1")
    return client.Message(scope["method"], authority, path, query, headers, body)


def _texts(headers: Iterable[tuple[bytes, bytes]]) -> tuple[tuple[str, str], ...]:
    return tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in headers])
