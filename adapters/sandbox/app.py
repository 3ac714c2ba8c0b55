"""The doors of the program: what the protocol asks for, and the sandbox's own controls."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from adapters.sandbox import reading
from adapters.sandbox.aim import Aim
from adapters.sandbox.books import AccountTaken, Books
from adapters.sandbox.faults import Fault, Level, script
from adapters.sandbox.lots import TOLD_MOST
from adapters.sandbox.reading import Invalid, Unreadable
from adapters.sandbox.trust import Distrusted, Heard, Trust
from adapters.sandbox.words import Asked, Said

JSON = "application/json"
PROBLEM = "application/problem+json"
SILENCES = frozenset({"timeout_applied", "timeout_not_applied", "applied_late"})


@dataclass(frozen=True, slots=True)
class Reply:
    """What to answer, and in what way to spoil it."""

    status: int
    body: bytes
    content_type: str = JSON
    headers: tuple[tuple[str, str], ...] = ()
    fault: str | None = None


@dataclass(slots=True)
class Program:
    """The running program: its books, whom it trusts, what it is told to do wrong, and how far its clock was moved."""

    books: Books
    trust: Trust
    silence_seconds: float = 20.0
    slow_seconds: float = 3.0
    aim: Aim = field(default_factory=Aim)
    ahead_ms: int = 0

    def now(self) -> int:
        """The program's own time in milliseconds; signatures keep to the real one."""
        return time.time_ns() // 1_000_000 + self.ahead_ms


Answer = Callable[[Program, Heard, Scope, bytes], Reply]


class SignedDoor:
    """A door that opens to signed requests only, signs what it answers, and keeps all it did in one commit."""

    def __init__(self, program: Program, answer: Answer) -> None:
        self.program = program
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Verify, do it, sign, answer."""
        body = await _body(receive)
        if body is None:
            await _respond(send, _problem(413, "body_too_large", "The body is larger than 64 KiB."))
            return
        try:
            heard = await self.program.trust.hear(scope, body)
        except Distrusted as refused:
            await _respond(send, _problem(refused.status, refused.code, refused.detail))
            return
        reply = self._once(heard, scope, body)
        await self._send(heard, reply, scope, receive, send)

    def _once(self, heard: Heard, scope: Scope, body: bytes) -> Reply:
        program, now = self.program, self.program.now()
        with program.books.writing():
            if not program.books.first_use(heard.key_id, heard.nonce, heard.expires, now):
                return _problem(401, "signature_replayed", "This nonce was used before.")
            try:
                return self.answer(program, heard, scope, body)
            except Unreadable as reason:
                return _problem(400, "body_malformed", str(reason))
            except Invalid as reason:
                return _problem(422, "validation_failed", str(reason))

    async def _send(self, heard: Heard, reply: Reply, scope: Scope, receive: Receive, send: Send) -> None:
        if reply.fault in SILENCES:
            await _hang_up(scope, receive, self.program.silence_seconds)
            return
        if reply.fault == "slow":
            await asyncio.sleep(self.program.slow_seconds)
        if reply.fault == "unsigned":
            await _respond(send, reply)
            return
        signed = self.program.trust.sign(heard, reply, forged=reply.fault == "wrong_signature")
        await _respond(send, reply, signed)


def operations(program: Program, _heard: Heard, _scope: Scope, body: bytes) -> Reply:
    """POST /v1/operations: one batch, applied in order. A fault of the transport spoils the answer to all of it."""
    terms = program.books.terms
    batch = reading.operations(body, terms.batch)
    now = program.now()
    program.books.pass_time(now)
    faults = program.aim.at_batch(program.books, batch)
    spoiling = next((fault for fault in faults.values() if fault.level is Level.TRANSPORT), None)
    if spoiling is not None and not spoiling.applied:
        return _spoilt(spoiling, Reply(200, b""))
    said = program.books.perform(batch, faults, now)
    reply = Reply(200, _results(_told(batch, said, faults)))
    if any(fault.name == "applied_late" for fault in faults.values()):
        return replace(reply, fault="applied_late")
    return reply if spoiling is None else _spoilt(spoiling, reply)


def look_up(program: Program, _heard: Heard, scope: Scope, _body: bytes) -> Reply:
    """GET /v1/operations/{id}: what is known of one operation."""
    id_ = scope["path_params"]["id"]
    fault = program.aim.at("look_up") if program.aim.scripts else None
    if fault is not None and not fault.applied:
        return _spoilt(fault, Reply(200, b""))
    if not program.books.terms.look_up:
        return _problem(501, "look_up_not_offered", "This program cannot be asked for an operation by its id.")
    program.books.pass_time(program.now())
    said = program.books.look_up(id_)
    if said is None:
        reply = _problem(404, "operation_unknown", "No operation is known under this id; that is no proof.", id=id_)
    else:
        reply = Reply(200, orjson.dumps(_row(said)))
    return reply if fault is None else _spoilt(fault, reply)


def member(program: Program, _heard: Heard, _scope: Scope, body: bytes) -> Reply:
    """POST /v1/members/look-up: what a member is, and from now on the token that names it."""
    token, number, name = reading.member(body)
    fault = program.aim.at("member") if program.aim.scripts else None
    if fault is not None and not fault.applied:
        return _spoilt(fault, Reply(200, b""))
    program.books.pass_time(program.now())
    try:
        reply = Reply(200, orjson.dumps(program.books.teach(token, number, name, program.now())))
    except AccountTaken:
        return _problem(409, "account_taken", "This token names another member.")
    return reply if fault is None else _spoilt(fault, reply)


def lots(program: Program, _heard: Heard, scope: Scope, _body: bytes) -> Reply:
    """GET /v1/accounts/{account}/lots: what a member could spend, oldest first, by the token alone."""
    fault = program.aim.at("lots") if program.aim.scripts else None
    if fault is not None and not fault.applied:
        return _spoilt(fault, Reply(200, b""))
    if program.books.terms.lot_months is None:
        return _problem(501, "lots_not_offered", "This program keeps no lots.")
    program.books.pass_time(program.now())
    said = program.books.lots(scope["path_params"]["account"])
    if said is None:
        return _problem(404, "account_unknown", "No member is known under this token.")
    reply = Reply(200, orjson.dumps(said))
    return reply if fault is None else _spoilt(fault, reply)


def _results(said: Sequence[Said]) -> bytes:
    """The body of an answer. Lots may be left out, and are where they would make it too large to be read."""
    body = orjson.dumps({"operations": [_row(one) for one in said]})
    if len(body) <= reading.BODY_LARGEST:
        return body
    return orjson.dumps({"operations": [_row(replace(one, lots=())) for one in said]})


def _told(batch: Sequence[Asked], said: Sequence[Said], faults: dict[str, Fault]) -> list[Said]:
    """What is said of a batch: the truth, but for the faults that spoil what is said."""
    if not any(fault.level is Level.ANSWER for fault in faults.values()):
        return list(said)
    told: list[Said] = []
    for asked, truth in zip(batch, said, strict=True):
        fault = faults.get(asked.id)
        told.extend(_lies(truth, fault.name) if fault is not None and fault.level is Level.ANSWER else [truth])
    return told


def _lies(truth: Said, fault: str) -> list[Said]:
    one = (truth.id, truth.operation, truth.account, truth.unit, truth.amount)
    end = (truth.result, truth.reason)
    other_kind = "credit" if truth.operation != "credit" else "debit"
    return {
        "other_amount": [Said(*one[:4], truth.amount + 1, *end)],
        "other_account": [
            Said(*one[:2], truth.account[:-1] + ("0" if truth.account[-1] != "0" else "1"), *one[3:], *end)
        ],
        "other_unit": [Said(*one[:3], "OTHER", truth.amount, *end)],
        "other_operation": [Said(truth.id, other_kind, *one[2:], *end)],
        "missing_answer": [],
        "surplus_answer": [truth, Said("never-asked-1", *one[1:], *end)],
        "doubled_answer": [truth, truth],
    }[fault]


def _spoilt(fault: Fault, reply: Reply) -> Reply:
    """The reply of a transport fault; silence, slowness and signatures are left to the door."""
    if fault.name in ("error_applied", "error_not_applied"):
        return _problem(500, "internal_error", "Something went wrong.")
    if fault.name == "too_many":
        problem = _problem(429, "too_many_requests", "Ask again later; nothing was done.")
        return Reply(429, problem.body, PROBLEM, (("retry-after", "1"),))
    if fault.name == "garbage":
        return Reply(200, b'{"operations": [{"id": "\xff')
    return replace(reply, fault=fault.name)


def _row(said: Said) -> dict[str, object]:
    row: dict[str, object] = {
        "id": said.id,
        "operation": said.operation,
        "account": said.account,
        "unit": said.unit,
        "amount": said.amount,
        "result": said.result,
    }
    if said.reason is not None:
        row["reason"] = said.reason
    if 0 < len(said.lots) <= TOLD_MOST:
        row["lots"] = [{"lot": lot, "amount": amount} for lot, amount in said.lots]
    return row


def _problem(status: int, code: str, detail: str, **more: str) -> Reply:
    body = {"type": f"urn:clearing:problem:{code}", "status": status, "code": code, "title": detail, **more}
    headers = (("www-authenticate", f'Signature error="{code}"'),) if status == 401 else ()
    return Reply(status, orjson.dumps(body), PROBLEM, headers)


async def _body(receive: Receive) -> bytes | None:
    """The whole body, or None if it is too large."""
    parts, size, more = [], 0, True
    while more:
        message = await receive()
        part = message.get("body", b"")
        size += len(part)
        if size > reading.BODY_LARGEST:
            return None
        parts.append(part)
        more = message.get("more_body", False)
    return b"".join(parts)


async def _respond(send: Send, reply: Reply, signed: Sequence[tuple[str, str]] = ()) -> None:
    """Send the reply with its signed headers, or unsigned where there are none."""
    lines = signed or (("content-type", reply.content_type), *reply.headers)
    headers = [(name.encode(), value.encode()) for name, value in (*lines, ("content-length", str(len(reply.body))))]
    await send({"type": "http.response.start", "status": reply.status, "headers": headers})
    await send({"type": "http.response.body", "body": reply.body})


async def _hang_up(scope: Scope, receive: Receive, seconds: float) -> None:
    """Say nothing for so long, or until the caller gives up; then cut the connection."""
    try:
        async with asyncio.timeout(seconds):
            while (await receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        scope["sandbox.transport"].abort()
        while (await receive())["type"] != "http.disconnect":
            pass


Control = Callable[[Program, Scope, dict[str, Any]], dict[str, object]]


class ControlDoor:
    """A door of the sandbox itself; unsigned, and open to whoever reaches the loopback address."""

    def __init__(self, program: Program, answer: Control) -> None:
        self.program = program
        self.answer = answer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Do what is asked, in one commit."""
        try:
            asked = reading.mapping(await _body(receive) or b"{}")
            with self.program.books.writing():
                reply = Reply(200, orjson.dumps(self.answer(self.program, scope, asked)))
        except (Unreadable, Invalid, ValueError, TypeError) as reason:
            reply = _problem(422, "validation_failed", str(reason))
        await _respond(send, reply)


def add_script(program: Program, scope: Scope, asked: dict[str, Any]) -> dict[str, object]:
    """POST, DELETE /sandbox/script: aim a fault at the next operations of a kind, or forget all scripts."""
    if scope["method"] == "DELETE":
        program.aim.scripts.clear()
    else:
        program.aim.scripts.append(script(**asked))
    return {"scripts": len(program.aim.scripts)}


def advance(program: Program, _scope: Scope, asked: dict[str, Any]) -> dict[str, object]:
    """POST /sandbox/clock/advance {"seconds": n}: holds run out and pending operations are decided at once."""
    if set(asked) != {"seconds"} or type(asked["seconds"]) is not int or not 0 <= asked["seconds"] <= 10**8:
        raise Invalid("seconds is a whole number")
    program.ahead_ms += asked["seconds"] * 1000
    program.books.pass_time(program.now())
    return {"ahead_seconds": program.ahead_ms // 1000}


def state(program: Program, _scope: Scope, _asked: dict[str, Any]) -> dict[str, object]:
    """GET /sandbox/state: accounts, effects and operations in figures."""
    program.books.pass_time(program.now())
    return program.books.state()


def keys(program: Program, _scope: Scope, _asked: dict[str, Any]) -> dict[str, object]:
    """GET /.well-known/jwks.json: the key that signs the answers."""
    return {"keys": [program.trust.jwk]}


def alive(program: Program, _scope: Scope, _asked: dict[str, Any]) -> dict[str, object]:
    """GET /livez."""
    return {"program": program.books.terms.program}


async def watch_time(program: Program, stopped: Callable[[], bool], pause: Callable[[float], Awaitable[None]]) -> None:
    """Decide what is due even when nobody asks, so that a late success really comes late."""
    while not stopped():
        await pause(0.1)
        now = program.now()
        if program.books.due(now):
            with program.books.writing():
                program.books.pass_time(now)


def make_app(program: Program) -> Starlette:
    """All doors of one program."""
    signed = (
        ("/v1/operations", operations, "POST"),
        ("/v1/operations/{id}", look_up, "GET"),
        ("/v1/members/look-up", member, "POST"),
        ("/v1/accounts/{account}/lots", lots, "GET"),
    )
    controls = (
        ("/sandbox/script", add_script, ["POST", "DELETE"]),
        ("/sandbox/clock/advance", advance, ["POST"]),
        ("/sandbox/state", state, ["GET"]),
        ("/.well-known/jwks.json", keys, ["GET"]),
        ("/livez", alive, ["GET"]),
    )
    return Starlette(
        routes=[
            *(Route(path, SignedDoor(program, answer), methods=[method]) for path, answer, method in signed),
            *(Route(path, ControlDoor(program, control), methods=methods) for path, control, methods in controls),
        ]
    )
