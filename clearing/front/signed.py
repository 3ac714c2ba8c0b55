"""Who is at the door? Reads a request once, verifies it step by step, runs the operation, and signs whatever is answered.

The steps are those of `clearing.signatures.verify`: 0 to 6 need no key, 7 to 9 look at the row of the key, 10 and 11 are the signature and
the digest, 12 is the nonce, which the ledger remembers under its lock; there the status of the key is looked at once more.
"""

from datetime import UTC, datetime
from time import perf_counter
from typing import TYPE_CHECKING, Any

import orjson
import psycopg

from clearing import errors
from clearing.front import logs, problems, reading, sources
from clearing.front.doors import Asked, Caller, Door, Reply
from clearing.front.keeping import kept_request
from clearing.front.problems import Problem
from clearing.ledger.items import Remember, Signed
from clearing.signatures import REQUEST_TAG, STATE_CHANGING, Message, confirm, present, sign_response

if TYPE_CHECKING:
    from clearing.front.house import House
    from clearing.partners import KeyRow

ANSWER_LIVES_SECONDS = 120
Headers = list[tuple[str, str]]
Answer = tuple[int, Headers, bytes, dict[str, Any]]
"""Status, headers, body, and what the log says of it."""

SECURITY: tuple[tuple[str, str], ...] = (
    ("x-content-type-options", "nosniff"),
    ("content-security-policy", "default-src 'none'; frame-ancestors 'none'"),
    ("referrer-policy", "no-referrer"),
    ("cross-origin-opener-policy", "same-origin"),
    ("strict-transport-security", "max-age=31536000; includeSubDomains"),
    ("cache-control", "no-store"),
)
_SECURITY_RAW = [(name.encode(), value.encode()) for name, value in SECURITY]


class Doorway:
    """One signed operation as an ASGI application: the shortest way from the socket to the ledger and back."""

    def __init__(self, door: Door) -> None:
        self.door = door

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Answer one request."""
        started = perf_counter()
        house: House = scope["app"].state.house
        trace_id = sources.trace_id()
        try:
            status, headers, body, said = await self._answered(house, scope, receive, trace_id)
        except reading.CallerLeftError:
            return
        except (
            errors.ClearingError
        ) as refused:  # the clock went wrong meanwhile: what happened stands, nothing can be signed
            status, headers, body, said = self._unsigned(house, problems.of_error(refused), trace_id)
        await _send(send, status, headers, body)
        seconds = perf_counter() - started
        house.meters.answered(self.door.name, status, seconds)
        logs.answered(operation=self.door.name, status=status, trace_id=trace_id, seconds=round(seconds, 6), **said)

    async def _answered(self, house: "House", scope: Any, receive: Any, trace_id: str) -> Answer:
        """Until the caller is known, nothing is signed."""
        try:
            house.soundness.require()
            most = reading.BULK_BYTES_MAX if self.door.bulk else reading.BODY_BYTES_MAX
            message = await message_of(scope, receive, most)
            asked = await admit(house, message, scope.get("path_params", {}), trace_id)
        except errors.ClearingError as refused:
            problem = problems.of_error(refused)
            return self._unsigned(house, problem, trace_id, _challenge(refused, scope["method"]))
        except reading.CallerLeftError:
            raise
        except psycopg.OperationalError:
            return self._unsigned(house, problems.of_error(errors.Unavailable(retry_after=1)), trace_id)
        except Exception as failed:  # noqa: BLE001 - a stranger learns nothing about it
            logs.log().error("failed", operation=self.door.name, trace_id=trace_id, **logs.failure(failed))
            return self._unsigned(house, problems.unexpected(), trace_id)
        reply = await self._ran(house, asked)
        said = {"key_id": asked.caller.key_id, "partner": asked.caller.partner}
        if isinstance(reply, Problem):
            said |= self._count(house, reply)
            headers = [*reply.headers(), ("content-type", problems.MEDIA)]
            if reply.status == 401:
                headers.append(("www-authenticate", f'Signature error="{reply.code}"'))
            return reply.status, *_signed(house, message, reply.status, headers, reply.document(trace_id)), said
        body = reply.content if isinstance(reply.content, bytes) else orjson.dumps(reply.content)
        headers = [*reply.headers, ("content-type", reply.media)]
        return reply.status, *_signed(house, message, reply.status, headers, body), said

    async def _ran(self, house: "House", asked: Asked) -> Reply | Problem:
        """Step 12, then the operation itself. A nonce is used up even by a wish that is refused."""
        try:
            if not self.door.writes:
                await house.writer.put(Remember(asked.signed))
            asked.require(self.door.purposes)
            return await self._kept(house, asked, await self.door.run(house, asked))
        except (errors.SignatureRefused, errors.Unavailable) as refused:
            return problems.of_error(refused)
        except errors.ClearingError as refused:
            return await _remembered(house, asked, refused)
        except psycopg.OperationalError:  # what was committed stands: the same Idempotency-Key finds it
            return problems.of_error(errors.Unavailable(retry_after=1))
        except Exception as failed:  # noqa: BLE001 - a fault of ours is answered, signed, and told to nobody but the log
            logs.log().error("failed", operation=self.door.name, trace_id=asked.trace_id, **logs.failure(failed))
            return problems.unexpected()

    async def _kept(self, house: "House", asked: Asked, reply: Reply | Problem) -> Reply | Problem:
        """The reply, once the request that caused it is kept as evidence; a refused wish leaves nothing."""
        if self.door.keeps and isinstance(reply, Reply):
            await house.writer.put(Remember(asked.signed, kept_request(house, asked)))
        return reply

    def _unsigned(self, house: "House", problem: Problem, trace_id: str, more: Headers | None = None) -> Answer:
        headers = [*problem.headers(), *(more or ()), ("content-type", problems.MEDIA)]
        return problem.status, headers, problem.document(trace_id), self._count(house, problem)

    def _count(self, house: "House", problem: Problem) -> dict[str, Any]:
        house.meters.problems.labels(problem.code).inc()
        return {"code": problem.code}


async def message_of(scope: Any, receive: Any, most: int = reading.BODY_BYTES_MAX) -> Message:
    """The request as it stood on the wire: raw path and query, fields in order. Raises errors.TargetMalformed, BodyTooLarge."""
    headers = tuple([(name.decode("latin-1"), value.decode("latin-1")) for name, value in scope["headers"]])
    hosts = [value for name, value in headers if name == "host"]
    if len(hosts) != 1:
        raise errors.TargetMalformed("a request names one host")
    body = await reading.body_of(headers, receive, most)
    query = "?" + scope["query_string"].decode("latin-1")
    return Message(scope["method"], hosts[0], scope["raw_path"].decode("latin-1"), query, headers, body)


async def admit(house: "House", message: Message, path: dict[str, str], trace_id: str) -> Asked:
    """Steps 0 to 11. What it returns was said by the holder of a key that is registered for this."""
    at = sources.clock()
    now = int(at.timestamp())
    presented = present(message, now=now, authorities=house.settings.hosts)  # 0 to 6
    row = await house.live.key(presented.key_id, at)
    if row is None:  # 7
        raise errors.SignatureKeyUnknown
    _require_usable(row, house.settings.environment)  # 8
    if not row.live(at):  # 9
        raise errors.SignatureKeyRevoked
    house.nonces.require(presented.key_id, now)  # 9a
    confirm(presented, row.public, message)  # 10, 11
    house.nonces.count(presented.key_id)
    caller = Caller(presented.key_id, row.purpose, row.partner)
    expires_at = datetime.fromtimestamp(presented.expires, UTC)
    signed = Signed(presented.key_id, presented.nonce, expires_at, sources.some_id())
    return Asked(message, presented, caller, dict(message.headers), path, at, signed, trace_id)


def _require_usable(row: "KeyRow", environment: str) -> None:
    if row.purpose not in {"requests", "operator"} or row.environment != environment:
        raise errors.SignatureKeyPurposeInvalid


async def _remembered(house: "House", asked: Asked, refused: errors.ClearingError) -> Problem:
    """The refusal, once the nonce is used up, whether the ledger got to see the wish or not; a replay of it is refused as that."""
    try:
        await house.writer.put(Remember(asked.signed))
    except errors.ClearingError as first:
        return problems.of_error(first)
    return problems.of_error(refused)


def _signed(house: "House", request: Message, status: int, headers: Headers, body: bytes) -> tuple[Headers, bytes]:
    """Bound to the request by its target, digest and signature."""
    now = int(sources.clock().timestamp())
    added = sign_response(request, status, headers, body, house.key, created=now, expires=now + ANSWER_LIVES_SECONDS)
    return [*headers, *added], body


def _challenge(refused: errors.ClearingError, method: str) -> Headers:
    """What a new partner needs to correct itself: the code, and what a signature must cover (RFC 9421 section 5.1)."""
    if type(refused).status != 401:
        return []
    body = ' "content-type" "idempotency-key" "content-digest"' if method in STATE_CHANGING else ""
    wanted = f'sig1=("@method" "@authority" "@path" "@query"{body});created;expires;tag="{REQUEST_TAG}"'
    return [("www-authenticate", f'Signature error="{type(refused).code}"'), ("accept-signature", wanted)]


async def _send(send: Any, status: int, headers: Headers, body: bytes) -> None:
    raw = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers]
    raw.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": status, "headers": raw + _SECURITY_RAW})
    await send({"type": "http.response.body", "body": body})
