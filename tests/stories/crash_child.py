"""The house as a process that dies: the same rooms as `front/wiring` puts together, hurried, and a step at which it falls."""

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any
from uuid import UUID

from httpx_aiohttp import AiohttpTransport

from adapters.house_json import ADAPTER
from clearing import database, errors, evidence, exchange, partners
from clearing.delivery import Delivery
from clearing.delivery.wire import Wire
from clearing.front import sources, wiring
from clearing.front.settings import Settings
from clearing.ledger import Writer, writer
from clearing.ledger.items import Resolve, Signed
from clearing.ledger.outcomes import Reserved
from clearing.pace import Pace
from clearing.partners import Live
from clearing.rules.lifecycle import TERMINAL, Kind, State
from clearing.rules.refusals import Refusal
from clearing.signatures import Message, PrivateKey, confirm, present, sign_request
from tests.stories import broken
from tests.stories.far_sides import HOUSE, KEYRING, LANE, OPERATOR, SIGNERS, Wish

AUTHORITY = "house.test"
FELL = 137
PACE = Pace(
    lease_seconds=0.5,
    poll_seconds=0.05,
    rest_seconds=0.005,
    call_timeout_seconds=0.25,
    connect_timeout_seconds=0.25,
    backoff_first_seconds=0.02,
    backoff_most_seconds=0.1,
    breaker_failures=8,
    breaker_seconds=0.05,
    patience_factor=1,
    patience_margin_seconds=0.2,
    unsent_seconds_max=5,
    calls_at_once=8,
    stop_seconds=0.6,
)
LONG = 60.0  # for whoever waits for what surely comes; nothing is measured by it
PATIENT = replace(PACE, stop_seconds=LONG)
ENDLESS = replace(PACE, lease_seconds=2 * LONG, call_timeout_seconds=LONG, connect_timeout_seconds=LONG)
WAVE = 6  # so many requests at a time, so that there is more than one batch to die in
OPEN = "SELECT count(*) FROM exchange WHERE state NOT IN ('completed', 'reversed', 'review')"


@dataclass(frozen=True, slots=True)
class Run:
    """One life of the house: what is asked of it, at which pass of which step it falls (or is stopped), with which fault built in."""

    url: str
    folder: Path
    wishes: tuple[Wish, ...] = ()
    falls: tuple[str, int] = ("", 0)
    stops: bool = False
    decisions: tuple[tuple[int, str], ...] = ()
    bug: str | None = None
    seconds: float = 60.0
    patient: bool = False  # hears every answer out, however late it comes and although its leases lapse


@dataclass
class Here:
    """The rooms of this life."""

    run: Run
    writer: Writer
    delivery: Delivery
    live: Live
    pool: Any
    heard: int  # the file of receipts that callers got
    points: Callable[[str], None]
    errors: list[str] = field(default_factory=list)
    captures: list[asyncio.Task[None]] = field(default_factory=list)


def begin(run: Run) -> None:
    """The body of the child process. Exit status: 137 it fell, 0 nothing is left open, 3 the time was over, 4 a mistake of its own."""
    os.dup2(os.open(run.folder / "child.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
    os.dup2(2, 1)
    passed: Counter[str] = Counter()
    point = _stopping(run, passed) if run.stops else _falling(run, passed)
    if run.bug:
        broken.BUGS[run.bug]()
    try:
        code = asyncio.run(_live(run, point))
    except BaseException as reason:  # noqa: BLE001 - whatever it was, the parent learns it by the status
        sys.excepthook(type(reason), reason, reason.__traceback__)
        os._exit(4)
    (run.folder / "passed.json").write_text(json.dumps(passed))
    os._exit(code)


def _falling(run: Run, passed: Counter[str]) -> Callable[[str], None]:
    def point(step: str) -> None:
        passed[step] += 1
        if run.falls == (step, passed[step]):
            os._exit(FELL)

    return point


def _stopping(run: Run, passed: Counter[str]) -> Callable[[str], None]:
    """Stop at the step, but not with the lane's lock in hand: nobody else could write then, which is another story."""
    writing = [0]

    async def write_batch(*batch: Any) -> Any:
        writing[0] += 1
        try:
            return await usual(*batch)
        finally:
            writing[0] -= 1

    usual = broken.change(writer, "write_batch", write_batch)
    step_wanted, least = run.falls

    def point(step: str) -> None:
        passed[step] += 1
        if step == step_wanted and passed[step] >= least and not writing[0] and not passed["stopped"]:
            passed["stopped"] = 1
            os.kill(os.getpid(), signal.SIGSTOP)

    return point


async def _live(run: Run, points: Callable[[str], None]) -> int:
    async with _opened(run, points) as here:
        waves = [run.wishes[start : start + WAVE] for start in range(0, len(run.wishes), WAVE)]
        for wave in waves:
            await asyncio.gather(*(ask(here, wish) for wish in wave))
        for case, decision in run.decisions:
            await decide(here, case, decision)
        try:
            async with asyncio.timeout(run.seconds):
                while await _open(here):
                    _ = [one.result() for one in here.captures if one.done()]  # what went wrong there ends this life
                    await asyncio.sleep(0.03)
        except TimeoutError:
            return 3
        await asyncio.gather(*here.captures)
    for line in here.errors:
        print(line, file=sys.stderr)  # noqa: T201 - the log of a test process
    return 4 if here.errors else 0


async def _open(here: Here) -> int:
    async with here.pool.connection() as connection:
        (count,) = await (await connection.execute(OPEN)).fetchone()
    return int(count)


@contextlib.asynccontextmanager
async def _opened(run: Run, points: Callable[[str], None]) -> AsyncIterator[Here]:
    async with contextlib.AsyncExitStack() as rooms:
        pool = await rooms.enter_async_context(database.pool(run.url, size=2))
        async with pool.connection() as connection:
            calendar = await partners.calendar(connection)
        live = Live(pool, seconds_max=60)
        books = await rooms.enter_async_context(wiring.writing(Settings(), run.url, calendar, points))
        transport = await rooms.enter_async_context(AiohttpTransport(trust_env=False))
        delivery = Delivery(
            books,
            programs=lambda: live.directory(sources.clock()),
            keys=lambda key_id: live.key(key_id, sources.clock()),
            adapters={ADAPTER.name: ADAPTER},
            transport=transport,
            house_key=HOUSE,
            seal=wiring.sealer(KEYRING),
            clock=sources.clock,
            random=sources.random,
            points=points,
            pace=_pace(run),
        )
        if run.patient:
            delivery.means = replace(delivery.means, wire=_hearing_out(delivery.means.wire))
        await delivery.start()
        rooms.push_async_callback(delivery.stop)
        heard = os.open(run.folder / "receipts.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        yield Here(run, books, delivery, live, pool, heard, points)


def _pace(run: Run) -> Pace:
    """Whoever is to be stopped at one certain pass claims nothing meanwhile: it is not stopped while it writes."""
    if not run.patient:
        return PACE
    return replace(PATIENT, poll_seconds=LONG) if run.stops else PATIENT


def _hearing_out(usual: Wire) -> Wire:
    """The same wire without its time limits: no house may have it, since a lease must outlive a call."""
    return Wire(
        usual.transport, usual.key_of, usual.house_key, usual.seal, usual.clock, usual.random, usual.points, ENDLESS
    )


def signed(key: PrivateKey, path: str, idempotency_key: str, body: bytes) -> tuple[Any, Message]:
    """A request as a partner signs it, and as the front door lets it in."""
    bare = (("content-type", "application/json"), ("idempotency-key", f'"{idempotency_key}"'))
    at = int(sources.clock().timestamp())
    message = Message("POST", AUTHORITY, path, "?", bare, body)
    added = sign_request(message, key, created=at, expires=at + 60, nonce=sources.nonce())
    message = Message("POST", AUTHORITY, path, "?", (*bare, *added), body)
    presented = present(message, now=at, authorities=frozenset({AUTHORITY}))
    confirm(presented, key.public, message)
    return presented, message


def kept(presented: Any, message: Message) -> tuple[Signed, evidence.Evidence]:
    """Its nonce, and what is kept of it."""
    expires_at = datetime.fromtimestamp(presented.expires, UTC)
    said = Signed(presented.key_id, presented.nonce, expires_at, sources.some_id())
    proof = evidence.of_request(
        presented,
        message,
        keyring=KEYRING,
        lane=LANE,
        evidence_id=sources.some_id(),
        random=sources.random,
    )
    return said, proof


def _asked(wish: Wish, path: str, body: bytes, what: str) -> exchange.Asked:
    said, proof = kept(*signed(SIGNERS[wish.partner], path, wish.key + what, body))
    return exchange.Asked(wish.partner, said, proof, wish.key + what, sha256(f"{path}{wish.sent}".encode()).digest())


async def ask(here: Here, wish: Wish) -> None:
    """Ask for it; what the caller hears is written down, as the caller would."""
    try:
        outcome = await _put(here, wish)
    except errors.ClearingError as refused:
        here.errors.append(f"{wish}: {refused.code} {refused.detail}")
        return
    if isinstance(outcome, Refusal):
        here.errors.append(f"{wish}: {outcome}")
        return
    view, leaf = outcome.exchange, outcome.leaf
    line = {"key": wish.key, "exchange": str(view.exchange_id), "seq": leaf.seq, "hash": leaf.hash.hex()}
    os.write(here.heard, json.dumps(line).encode() + b"\n")
    here.delivery.hand_over(outcome.due)
    if wish.later:
        here.captures.append(asyncio.create_task(_capture(here, wish, view.exchange_id)))
    if wish.cancels and not outcome.replayed:
        stopped = await exchange.cancel(here.writer, _asked(wish, "/v1/cancel", b"{}", "-c"), view.exchange_id)
        if not isinstance(stopped, Refusal):
            here.delivery.moved(stopped)


async def _put(here: Here, wish: Wish) -> Reserved | Refusal:
    if wish.original is not None:
        return await _reverse(here, wish)
    return await (_submit(here, wish) if wish.kind is Kind.EXCHANGE else _do(here, wish))


async def _capture(here: Here, wish: Wish, exchange_id: UUID) -> None:
    """Capture all of it as soon as it is held; a caller who was killed meanwhile asks again in the next life."""
    while True:
        async with here.pool.connection() as connection:
            view, _ = await exchange.look_up(connection, LANE, exchange_id, wish.partner)
        if view.state in {*TERMINAL, State.REVIEW} or view.captured:
            return
        if view.state is State.SOURCE_HELD:
            asked = _asked(wish, f"/v1/redemptions/{exchange_id}/capture", b"{}", "-k")
            outcome = await exchange.capture(here.writer, asked, exchange_id, view.sent, _lease(here))
            if isinstance(outcome, Refusal):
                here.errors.append(f"{wish}: {outcome}")
            else:
                here.delivery.moved(outcome)
            return
        await asyncio.sleep(0.03)


async def _do(here: Here, wish: Wish) -> Reserved | Refusal:
    """Issue, or spend, as the front door would."""
    now = sources.clock()
    directory = await here.live.directory(now)
    async with here.pool.connection() as connection:
        account = await partners.account(connection, LANE, wish.source)
    assert account is not None
    deed = exchange.Deed(wish.kind, wish.partner, account, wish.sent or 0, reference=wish.key, later=wish.later)
    offered = exchange.offer(deed, directory, now)
    if isinstance(offered, Refusal):
        return offered
    path = "/v1/redemptions" if deed.spends else "/v1/accruals"
    asked = _asked(wish, path, json.dumps({"points": wish.sent}).encode(), "")
    ids = (partners.bucketed_uuid(now, partners.bucket_of(wish.source), sources.random(10)), sources.some_id())
    return await here.writer.put(exchange.deed_reservation(asked, deed, offered, ids, now, _lease(here)))


async def decide(here: Here, case: int, decision: str) -> None:
    """An operator's signed command; a refusal is written down as a receipt would be."""
    said, proof = kept(*signed(OPERATOR, f"/v1/cases/{case}/resolve", f"decide-{case}", decision.encode()))
    lease = _lease(here)
    item = Resolve(said, proof, case, decision, OPERATOR.public.key_id, lease.token, lease.until)
    outcome = await here.writer.put(item)
    if isinstance(outcome, Refusal):
        (here.run.folder / "refused.txt").write_text(outcome.code)
    else:
        here.delivery.moved(outcome)


async def _submit(here: Here, wish: Wish) -> Reserved | Refusal:
    now = sources.clock()
    directory = await here.live.directory(now)
    async with here.pool.connection() as connection:
        source = await partners.account(connection, LANE, wish.source)
        target = await partners.account(connection, LANE, wish.target)
    assert source is not None
    assert target is not None
    wanted = exchange.Wish(wish.partner, source, target, wish.sent, None)
    quoted = exchange.quote(wanted, directory, now, sources.some_id())
    if isinstance(quoted, Refusal):
        return quoted
    token = exchange.quote_token(quoted, HOUSE)
    accepted = exchange.read_quote(token, HOUSE, {HOUSE.public.key_id: HOUSE.public}.get)
    asked = _asked(wish, "/v1/exchanges", json.dumps({"quote": token}).encode(), "")
    exchange_id = partners.bucketed_uuid(now, partners.bucket_of(wish.source), sources.random(10))
    return await broken.submit(here, asked, accepted, directory, exchange_id, _lease(here))


async def _reverse(here: Here, wish: Wish) -> Reserved | Refusal:
    assert wish.original is not None
    async with here.pool.connection() as connection:
        original, _ = await exchange.look_up(connection, LANE, wish.original, wish.partner)
    asked = _asked(wish, f"/v1/exchanges/{wish.original}/reversals", json.dumps({"sent": wish.sent}).encode(), "")
    reversal_id = partners.bucketed_uuid(sources.clock(), partners.bucket_of(wish.source), sources.random(10))
    directory = await here.live.directory(sources.clock())
    return await exchange.reverse(
        here.writer, asked, original, directory, reversal_id, wish.sent, "returned", _lease(here), sources.clock()
    )


def _lease(here: Here) -> exchange.Lease:
    until = sources.clock() + timedelta(seconds=PACE.lease_seconds)
    return exchange.Lease(here.delivery.lease, until)
