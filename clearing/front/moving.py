"""What was accepted goes on its way: its first order is sent, the caller may wait, and the answer says how it stands. For every kind."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from clearing import errors, exchange
from clearing.exchange import Lease
from clearing.front import keeping, problems, reading, shapes
from clearing.front.doors import Asked, Reply
from clearing.front.house import LANE
from clearing.front.problems import Problem
from clearing.ledger import reads
from clearing.ledger.items import Remember
from clearing.ledger.outcomes import ExchangeView, LeafView, Moved, Reserved
from clearing.rules.lifecycle import TERMINAL, Path, State
from clearing.rules.refusals import Refusal, RefusalCode

if TYPE_CHECKING:
    from uuid import UUID

    from clearing.front.house import House

Found = tuple[ExchangeView, LeafView]

REPLAYED = (("idempotency-replayed", "true"),)
_LOOK_SECONDS = 0.05


def signed_wish(house: "House", asked: Asked, key: str, path: str | None = None) -> exchange.Asked:
    """What the ledger keeps of this request: its signature as evidence, its nonce, and what a repeat must equal.

    A dry run names the `path` of what it is a dry run of.
    """
    kept = keeping.kept_request(house, asked)
    return exchange.Asked(asked.caller.code, asked.signed, kept, key, _fingerprint(asked, kept.digest or b"", path))


def _fingerprint(asked: Asked, digest: bytes, path: str | None = None) -> bytes:
    message = asked.message
    return sha256(f"{message.method}\n{path or message.path}\n{message.query}\n".encode() + digest).digest()


def lease(house: "House", asked: Asked) -> Lease:
    """The first order is this process's to send."""
    return Lease(house.delivery.lease, asked.at + timedelta(seconds=house.delivery.pace.lease_seconds))


def settled(view: ExchangeView) -> bool:
    """Whether nothing more happens by itself that the caller would wait for: it has ended, or a person has it, or points are held."""
    return _held(view) or view.state in TERMINAL or view.state is State.REVIEW


def _held(view: ExchangeView) -> bool:
    """Whether points are held, and wait for the partner's word."""
    return view.path is Path.AUTHORISED and view.state is State.SOURCE_HELD and not view.captured


# --- the three ways on


async def reserved(house: "House", asked: Asked, outcome: Reserved | Refusal) -> Reply | Problem:
    """Send the first order, wait if the caller would, and say how it stands: 201 done, 202 under way, 200 said before."""
    if isinstance(outcome, Refusal):
        return problems.of_refusal(outcome)
    view, leaf, seconds = outcome.exchange, outcome.leaf, reading.wait_seconds(asked.fields)
    if outcome.due and view.path is not Path.AUTHORISED:
        house.delivery.hand_over(outcome.due)
        moved = await house.delivery.ended(view.exchange_id, seconds) if seconds else None
        if moved and moved.exchange:
            view = moved.exchange
        elif seconds:
            view, leaf = await read(house, view.exchange_id)
    else:
        house.delivery.hand_over(outcome.due)
        if seconds and not settled(view):
            view, leaf = await later(house, view.exchange_id, seconds)
    told = await said(house, view, leaf)
    if outcome.replayed:
        return Reply(200, told, headers=REPLAYED)
    done = view.state in TERMINAL or _held(view)
    return Reply(201 if done else 202, told)


async def followed(house: "House", asked: Asked, outcome: Moved) -> Found:
    """Send what came of a word about an exchange under way; the exchange then, or once it is settled if the caller would wait."""
    seconds = reading.wait_seconds(asked.fields)
    house.delivery.moved(outcome)
    if seconds:
        return await later(house, outcome.exchange_id, seconds)
    return await read(house, outcome.exchange_id)


async def refused(house: "House", asked: Asked, key: str, refusal: Refusal) -> Reply | Problem:
    """A wish that may not be granted now. If this very wish was granted before, that stands: the same receipt, and the state of now."""
    await house.writer.put(Remember(asked.signed))
    async with house.reads.connection() as connection:
        known = await reads.of_key(connection, LANE, asked.caller.code, key)
    if known is None:
        return problems.of_refusal(refusal)
    exchange_id, fingerprint = known
    if fingerprint != _fingerprint(asked, keeping.kept_request(house, asked).digest or b""):
        code = RefusalCode.IDEMPOTENCY_KEY_REUSED
        return problems.of_refusal(Refusal(code, "this Idempotency-Key came with another body before"))
    seconds = reading.wait_seconds(asked.fields)
    view, leaf = await (later(house, exchange_id, seconds) if seconds else read(house, exchange_id))
    return Reply(200, await said(house, view, leaf), headers=REPLAYED)


# --- as it stands


async def later(house: "House", exchange_id: "UUID", seconds: int) -> Found:
    """The exchange once it is settled, or after so many seconds. Listens first and reads then, so that no end is missed.

    Of points that are held nobody is told: an authorisation is looked at now and then.
    """
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    while True:
        listening = asyncio.ensure_future(house.delivery.ended(exchange_id, max(until - loop.time(), 0)))
        await asyncio.sleep(0)
        try:
            found = await read(house, exchange_id)
            if settled(found[0]):
                return found
            looks = found[0].path is Path.AUTHORISED
            await asyncio.wait([listening], timeout=_LOOK_SECONDS if looks else None)
            if listening.done():
                return await read(house, exchange_id)
        finally:
            listening.cancel()


async def read(house: "House", exchange_id: "UUID") -> Found:
    """The exchange as the books have it now. Raises errors.NotFound."""
    async with house.reads.connection() as connection:
        found = await reads.exchange(connection, LANE, exchange_id)
    if found is None:
        raise errors.NotFound
    return found


async def said(house: "House", view: ExchangeView, leaf: LeafView) -> dict[str, object]:
    """An exchange with its receipt: `messages.ExchangeSaid`."""
    carried = await house.windows.carried(view.reserved_at, view.window_id)
    return shapes.exchange(view, exchange.receipt(view.exchange_id, leaf, house.key), carried)
