"""Exchanges: submit a quote, look up, cancel, reverse."""

from typing import TYPE_CHECKING

from clearing import errors, exchange, partners
from clearing.front import messages, moving, problems, reading, shapes, sources
from clearing.front.books import visible
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.problems import Problem
from clearing.front.watching import watch_of
from clearing.ledger.outcomes import Reserved
from clearing.partners import Directory
from clearing.rules.refusals import Refusal

if TYPE_CHECKING:
    from uuid import UUID

    from clearing.front.house import House


async def submit(house: "House", asked: Asked) -> Reply | Problem:
    """Do it, at the terms of this quote. 201 when it ended within `Prefer: wait`, 202 while it is under way.

    The same Idempotency-Key and body again: the same receipt, and the state of now (200, `Idempotency-Replayed: true`).
    """
    key = asked.idempotency_key
    wish = asked.parse(messages.ExchangeWish)
    accepted, directory, exchange_id = await accepted_wish(house, asked, wish)
    watch = await watch_of(house, accepted, directory, asked.at, wish.device)
    meant = moving.signed_wish(house, asked, key)
    outcome = await exchange.submit(
        house.writer, meant, accepted, directory, exchange_id, moving.lease(house, asked), asked.at, watch
    )
    if wish.device is not None and isinstance(outcome, Reserved) and not outcome.replayed:
        await _name_members(house, meant, accepted)
    return await moving.reserved(house, asked, outcome)


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
    """An exchange of any kind, or a reversal, as it is now; with `Prefer: wait`, once it ended, its points are held, or time is over."""
    view, leaf = await visible(house, asked)
    seconds = reading.wait_seconds(asked.fields)
    if seconds and not moving.settled(view):
        view, leaf = await moving.later(house, view.exchange_id, seconds)
    return Reply(200, await moving.said(house, view, leaf))


async def cancel(house: "House", asked: Asked) -> Reply | Problem:
    """Stop it, if the target has not been asked yet and no capture is under way; whatever the source holds is given back."""
    key = asked.idempotency_key
    asked.parse(messages.CancelWish)
    exchange_id = shapes.named_id(asked.path["exchange"])
    outcome = await exchange.cancel(house.writer, moving.signed_wish(house, asked, key), exchange_id)
    if isinstance(outcome, Refusal):
        return problems.of_refusal(outcome)
    view, leaf = await moving.followed(house, asked, outcome)
    return Reply(200, await moving.said(house, view, leaf))


async def reverse(house: "House", asked: Asked) -> Reply | Problem:
    """Give points back at the original terms: `sent` of them, or all that are left. The target is asked first.

    Points count as they were sent, or, where none were sent, as they were issued. What a target cannot take back because it was spent is
    refused (`points_spent`), unless somebody agreed to bear it: then `bearer` says who, and `shortfall` how much, but for a member, whose
    balance goes below zero.
    """
    key = asked.idempotency_key
    wish = asked.parse(messages.ReversalWish)
    original, _ = await visible(house, asked)
    if wish.reason.startswith(f"{original.target_program}: "):
        raise errors.ValidationFailed("reason: only the program speaks like this")
    directory = await house.live.directory(asked.at)
    reversal_id = partners.bucketed_uuid(asked.at, partners.bucket_of(original.exchange_id), sources.random(10))
    outcome = await exchange.reverse(
        house.writer,
        moving.signed_wish(house, asked, key),
        original,
        directory,
        reversal_id,
        wish.sent,
        wish.reason,
        moving.lease(house, asked),
        asked.at,
    )
    return await moving.reserved(house, asked, outcome)


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
            "account_closed",
            "consent_missing",
            "not_linked",
            "link_too_new",
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
        waits=True,
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
