"""One call to a program: signed, sent, read within limits, verified, kept as evidence. What went wrong is a value, `Silence`.

The one question that matters about a failure is whether the request may have left this machine. Only a connection that was provably
never made says no; everything else may have happened over there.
"""

import asyncio
import re
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlsplit

import aiohttp
import httpx

from clearing import errors, signatures
from clearing.adapter import Call, Reply
from clearing.ledger.papers import Evidence
from clearing.pace import Pace
from clearing.partners import KeyRow, Program
from clearing.signatures import Message, Presented, PrivateKey, PublicKey

SIGNATURE_LIVES_SECONDS = 120
RETRY_AFTER_SECONDS_MAX = 3_600
NONCE_BYTES = 18

_KEY_ID = re.compile(r';keyid="([A-Za-z0-9_-]{1,128})"')
_UNMADE = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError, aiohttp.InvalidURL)
_SECONDS = re.compile(r"[0-9]{1,9}", re.ASCII)


Seal = Callable[[Presented, Message, Presented | None, Message], Evidence]
"""Makes the evidence of a call out of our signature, our request, the program's signature and its answer."""

KeyOf = Callable[[str], Awaitable[KeyRow | None]]


@dataclass(frozen=True, slots=True)
class Heard:
    """A program answered, and where it signs, the signature is its own and bound to our request."""

    reply: Reply
    evidence: Evidence | None
    key_id: str | None = None  # that signed the answer


@dataclass(frozen=True, slots=True)
class Silence:
    """Nothing that can be believed was heard. `left`: the request may have arrived. `unwell`: it counts for the breaker."""

    reason: str
    left: bool = True
    unwell: bool = True
    retry_after: int | None = None


class Wire:
    """The transport of delivery. It is the only part that sees a socket, a key or a header."""

    def __init__(
        self,
        transport: httpx.AsyncBaseTransport,
        key_of: KeyOf,
        house_key: PrivateKey,
        seal: Seal,
        clock: Callable[[], datetime],
        random: Callable[[int], bytes],
        points: Callable[[str], None],
        pace: Pace,
    ) -> None:
        self.transport, self.key_of, self.house_key, self.seal = transport, key_of, house_key, seal
        self.clock, self.random, self.points, self.pace = clock, random, points, pace
        timeout = httpx.Timeout(pace.call_timeout_seconds, connect=pace.connect_timeout_seconds)
        self.extensions = {"timeout": timeout.as_dict()}

    async def ask(self, program: Program, call: Call) -> Heard | Silence:
        """Send one call and say what came of it. Never raises for anything a program or a network does."""
        signed = program.capabilities.signed
        try:
            request = self._request(call, signed=signed)
        except (errors.ClearingError, ValueError) as refused:
            return Silence(getattr(refused, "code", "target_malformed"), left=False, unwell=False)
        self.points("deliver.before_send")
        answer = await self._exchanged(call.url, request)
        if isinstance(answer, Silence):
            return answer
        if answer.status is None or answer.status >= 500 or answer.status == 429:
            return Silence(f"status_{answer.status}", retry_after=_retry_after(answer))
        try:
            heard = await self._verified(program, request, answer, signed=signed)
        except errors.SignatureRefused as refused:
            return Silence(refused.code, unwell=False)
        self.points("deliver.heard")
        return heard

    def _request(self, call: Call, *, signed: bool) -> Message:
        """The call as a message with everything that goes over the wire; a target that is not normal is refused."""
        parts = urlsplit(call.url)
        if parts.scheme not in ("http", "https") or parts.fragment or "@" in parts.netloc:
            raise errors.TargetMalformed("the address of a program is http or https, without user and fragment")
        headers = tuple([(name.lower(), value) for name, value in call.headers])
        query = f"?{parts.query}" if parts.query else "?"
        bare = Message(call.method, parts.netloc, parts.path or "/", query, headers, call.body)
        signatures.require_normal_target(bare)
        if not signed:
            return bare
        created = int(self.clock().timestamp())
        nonce = signatures.encode(self.random(NONCE_BYTES))
        added = signatures.sign_request(
            bare, self.house_key, created=created, expires=created + SIGNATURE_LIVES_SECONDS, nonce=nonce
        )
        return Message(call.method, bare.authority, bare.path, query, (*headers, *added), call.body)

    async def _exchanged(self, url: str, request: Message) -> Message | Silence:
        """The answer as it stood on the wire. One time limit holds for all of it, however slowly it drips.

        The transport is asked directly: a client would keep a partner's cookies and read the environment, and costs as much again.
        """
        headers = [("host", request.authority), ("accept-encoding", "identity"), *request.headers]
        try:
            async with asyncio.timeout(self.pace.call_timeout_seconds):
                built = httpx.Request(
                    request.method, url, headers=headers, content=request.body, extensions=self.extensions
                )
                response = await self.transport.handle_async_request(built)
                self.points("deliver.sent")
                try:
                    return await self._read(request, response)
                finally:
                    await response.aclose()
        except TimeoutError:
            return Silence("timeout")
        except Exception as reason:  # noqa: BLE001 - transports raise what they like, and none of it says what happened there
            return Silence(_name(reason), left=not never_left(reason))

    async def _read(self, request: Message, response: httpx.Response) -> Message | Silence:
        if response.headers.get("content-encoding", "identity") != "identity":
            return Silence("answer_encoded", unwell=False)  # what is signed is what is sent; nothing is unpacked first
        chunks, size = [], 0
        assert isinstance(response.stream, httpx.AsyncByteStream)  # noqa: S101 - an async transport gives no other
        async for chunk in response.stream:
            size += len(chunk)
            if size > self.pace.answer_bytes_max:
                return Silence("answer_too_large", unwell=False)
            chunks.append(chunk)
        headers = tuple(
            [(name.decode("latin-1").lower(), value.decode("latin-1")) for name, value in response.headers.raw]
        )
        return Message(
            request.method,
            request.authority,
            request.path,
            request.query,
            headers,
            b"".join(chunks),
            response.status_code,
        )

    async def _verified(self, program: Program, request: Message, answer: Message, *, signed: bool) -> Heard:
        """Who signed the answer, whether they may, and that it answers this very request."""
        reply = Reply(answer.status or 0, dict(answer.headers), answer.body)
        if not signed:
            return Heard(reply, None)
        key = await self._key(program, answer)
        now = int(self.clock().timestamp())
        answered = signatures.verify_response(
            request, answer, lambda key_id: key if key is not None and key.key_id == key_id else None, now=now
        )
        asked = signatures.present(request, now=now, authorities=frozenset({request.authority}))
        return Heard(reply, self.seal(asked, request, answered, answer), answered.key_id)

    async def _key(self, program: Program, answer: Message) -> PublicKey | None:
        """The live key for answers of the program's partner that the answer names; verification reads the name again, strictly."""
        field = next((value for name, value in answer.headers if name == "signature-input"), "")
        named = _KEY_ID.search(field)
        if named is None:
            return None
        row = await self.key_of(named[1])
        if row is None or row.purpose != "answers" or row.partner != program.partner:
            return None
        if not row.live(self.clock()):
            raise errors.SignatureKeyRevoked
        return row.public


def never_left(reason: BaseException) -> bool:
    """Whether this failure proves that no byte of the request was sent.

    httpx-aiohttp says ConnectTimeout of every connection that fails, one that was reset after sending too: there, only the cause tells.
    """
    if isinstance(reason.__cause__, aiohttp.ClientError):
        return isinstance(reason.__cause__, _UNMADE)
    return isinstance(
        reason, httpx.ConnectError | httpx.UnsupportedProtocol | httpx.InvalidURL | httpx.LocalProtocolError
    )


def _name(reason: BaseException) -> str:
    """The kind of a failure as a code; its text could carry an address, so it is not kept."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", type(reason).__name__).lower()[:64]


def _retry_after(answer: Message) -> int | None:
    said = next((value for name, value in answer.headers if name == "retry-after"), "")
    return min(int(said), RETRY_AFTER_SECONDS_MAX) if _SECONDS.fullmatch(said) else None
