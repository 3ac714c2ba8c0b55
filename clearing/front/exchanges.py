"""Exchanges: submit a quote, look up, cancel, reverse."""

import asyncio
from datetime import timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from clearing import errors, exchange, partners
from clearing.exchange import Lease
from clearing.front import keeping, messages, problems, reading, shapes, sources
from clearing.front.books import visible
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.problems import Problem
from clearing.front.watching import watch_of
from clearing.ledger import reads
from clearing.ledger.items import ExchangeView, LeafView, Reserved
from clearing.partners import Directory
from clearing.rules.lifecycle import TERMINAL, State
from clearing.rules.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from clearing.front.house import House

REPLAYED = (("idempotency-replayed", "true"),)
_ENDED = TERMINAL | {State.REVIEW}


async def submit(house: "House", asked: Asked) -> Reply | Problem:
    """Do it, at the terms of this quote. 201 when it ended within `Prefer: wait`, 202 while it is under way.

    The same Idempotency-Key and body again: the same receipt, and the state of now (200, `Idempotency-Replayed: true`).
    """
    key = asked.idempotency_key
    wish = asked.parse(messages.ExchangeWish)
    accepted, directory, exchange_id = await accepted_wish(house, asked, wish)
    watch = await watch_of(house, accepted, directory, asked.at, wish.device)
    meant = signed_wish(house, asked, key)
    outcome = await exchange.submit(
        house.writer, meant, accepted, directory, exchange_id, lease_of(house, asked), asked.at, watch
    )
    if wish.device is not None and isinstance(outcome, Reserved) and not outcome.replayed:
        await _name_members(house, meant, accepted)
    return await _reserved(house, asked, outcome)


async def accepted_wish(
    house: "House", asked: Asked, wish: messages.ExchangeWish
) -> tuple[exchange.Quote, Directory, "UUID"]:
    """The quote that is accepted, the directory that knows its programs, and an id for the exchange. Raises errors.TokenInvalid."""
    accepted = house.issued.find(wish.quote) or exchange.read_quote(wish.quote, house.key, house.keys.get)
    directory = await house.live.directory(asked.at)
    if not {accepted.source_program, accepted.target_program} <= directory.programs.keys():
        directory = await house.live.directory(asked.at, fresh=True)  # quoted by a process that knew more
    bucket = partners.bucket_of(accepted.source_account)
    return accepted, directory, partners.bucketed_uuid(asked.at, bucket, sources.random(10))


async def _name_members(house: "House", meant: exchange.Asked, accepted: exchange.Quote) -> None:
    """The sealed body has the token of a device: it is erased with either member."""
    async with house.reads.connection() as connection:
        speaks_of = [accepted.source_account, accepted.target_account]
        await partners.name_members(connection, LANE, meant.evidence.evidence_id, speaks_of)


async def look_up(house: "House", asked: Asked) -> Reply:
    """An exchange or reversal as it is now; with `Prefer: wait`, once it has ended or the time is over."""
    view, leaf = await visible(house, asked)
    seconds = reading.wait_seconds(asked.fields)
    if seconds and view.state not in _ENDED:
        view, leaf = await _later(house, view.exchange_id, seconds)
    return Reply(200, _said(house, view, leaf))


async def cancel(house: "House", asked: Asked) -> Reply | Problem:
    """Stop it, if the target has not been asked yet; whatever the source holds is given back."""
    key = asked.idempotency_key
    asked.parse(messages.CancelWish)
    exchange_id = shapes.named_id(asked.path["exchange"])
    outcome = await exchange.cancel(house.writer, signed_wish(house, asked, key), exchange_id)
    if isinstance(outcome, Refusal):
        return problems.of_refusal(outcome)
    house.delivery.moved(outcome)
    view, leaf = await _read(house, exchange_id)
    return Reply(200, _said(house, view, leaf))


async def reverse(house: "House", asked: Asked) -> Reply | Problem:
    """Give points back at the original terms: `sent` of them, or all that are left. The target is asked first."""
    key = asked.idempotency_key
    wish = asked.parse(messages.ReversalWish)
    original, _ = await visible(house, asked)
    directory = await house.live.directory(asked.at)
    reversal_id = partners.bucketed_uuid(asked.at, partners.bucket_of(original.exchange_id), sources.random(10))
    outcome = await exchange.reverse(
        house.writer,
        signed_wish(house, asked, key),
        original,
        directory,
        reversal_id,
        wish.sent,
        wish.reason,
        lease_of(house, asked),
    )
    return await _reserved(house, asked, outcome)


def signed_wish(house: "House", asked: Asked, key: str, path: str | None = None) -> exchange.Asked:
    """What the ledger keeps of this request: its signature as evidence, its nonce, and what a repeat must equal.

    A dry run names the `path` of what it is a dry run of.
    """
    message, kept = asked.message, keeping.kept_request(house, asked)
    what = f"{message.method}\n{path or message.path}\n{message.query}\n".encode() + (kept.digest or b"")
    return exchange.Asked(asked.caller.code, asked.signed, kept, key, sha256(what).digest())


def lease_of(house: "House", asked: Asked) -> Lease:
    """Who sends the first order: this process, until its lease ends."""
    return Lease(house.delivery.lease, asked.at + timedelta(seconds=house.delivery.pace.lease_seconds))


async def _reserved(house: "House", asked: Asked, outcome: Reserved | Refusal) -> Reply | Problem:
    """Send the first order, wait if the caller would, and say how it stands."""
    if isinstance(outcome, Refusal):
        return problems.of_refusal(outcome)
    view, leaf, seconds = outcome.exchange, outcome.leaf, reading.wait_seconds(asked.fields)
    if outcome.due:
        house.delivery.hand_over(outcome.due)
        moved = await house.delivery.ended(view.exchange_id, seconds) if seconds else None
        if moved and moved.exchange:
            view = moved.exchange
        elif seconds:
            view, leaf = await _read(house, view.exchange_id)
    elif seconds and view.state not in _ENDED:
        view, leaf = await _later(house, view.exchange_id, seconds)
    said = _said(house, view, leaf)
    if outcome.replayed:
        return Reply(200, said, headers=REPLAYED)
    return Reply(201 if view.state in TERMINAL else 202, said)


async def _later(house: "House", exchange_id: "UUID", seconds: int) -> tuple[ExchangeView, LeafView]:
    """The exchange once it has ended, or after so many seconds. Listens first and reads then, so that no end is missed."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    listening = asyncio.ensure_future(house.delivery.ended(exchange_id, seconds))
    await asyncio.sleep(0)
    try:
        found = await _read(house, exchange_id)
        if found[0].state in _ENDED or loop.time() >= until:
            return found
        await listening
        return await _read(house, exchange_id)
    finally:
        listening.cancel()


async def _read(house: "House", exchange_id: "UUID") -> tuple[ExchangeView, LeafView]:
    async with house.reads.connection() as connection:
        found = await reads.exchange(connection, LANE, exchange_id)
    if found is None:
        raise errors.NotFound
    return found


def _said(house: "House", view: ExchangeView, leaf: LeafView) -> dict[str, object]:
    return shapes.exchange(view, exchange.receipt(view.exchange_id, leaf, house.key))


_OWN = ("not_found", "idempotency_key_reused")

DOORS = (
    Door(
        "POST",
        "/v1/exchanges",
        submit,
        {200: messages.ExchangeSaid, 201: messages.ExchangeSaid, 202: messages.ExchangeSaid},
        messages.ExchangeWish,
        (
            "token_invalid",
            "quote_expired",
            "quote_used",
            "idempotency_key_reused",
            "limit_exceeded",
            "net_debit_cap_exceeded",
            "campaign_exhausted",
        ),
        writes=True,
        waits=True,
    ),
    Door(
        "GET",
        "/v1/exchanges/{exchange}",
        look_up,
        {200: messages.ExchangeSaid},
        refuses=("not_found",),
        purposes=BOTH,
        waits=True,
    ),
    Door(
        "POST",
        "/v1/exchanges/{exchange}/cancel",
        cancel,
        {200: messages.ExchangeSaid},
        messages.CancelWish,
        ("not_found", "too_late"),
        writes=True,
    ),
    Door(
        "POST",
        "/v1/exchanges/{exchange}/reversals",
        reverse,
        {200: messages.ExchangeSaid, 201: messages.ExchangeSaid, 202: messages.ExchangeSaid},
        messages.ReversalWish,
        (
            *_OWN,
            "not_completed",
            "reversal_in_progress",
            "reversal_exceeds",
            "reversal_too_small",
            "not_reversible",
        ),
        writes=True,
        waits=True,
    ),
)
