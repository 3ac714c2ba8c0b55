"""Quotes: exact terms, computed and signed, not stored; and, where the source program tells lots, how expiry changes."""

import asyncio
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clearing import errors, exchange, partners
from clearing.database import statement
from clearing.exchange import Quote, Wish
from clearing.front import messages, problems, shapes, sources
from clearing.front.doors import Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.problems import Problem
from clearing.ledger import reads
from clearing.partners import Account, Directory, Program
from clearing.rules.asks import FeePart
from clearing.rules.lifecycle import Kind
from clearing.rules.lots import months_after, used
from clearing.rules.quoting import exhausted, over_limit
from clearing.rules.refusals import Refusal, RefusalCode

if TYPE_CHECKING:
    from clearing.front.house import House

LOTS_SECONDS_MAX = 1  # a quote waits no longer for the lots; without them it says nothing of expiry


async def quote(house: "House", asked: Asked) -> Reply | Problem:
    """What an exchange would cost, as a token to submit. Say the points to send, or the units that should arrive.

    Of every kind that has two accounts: exchange, transfer, gift, donation, cash-back.
    """
    wish = asked.parse(messages.QuoteWish)
    partner = asked.caller.code
    source, target = await accounts_of(house, wish.source_account, wish.target_account)
    if source is None or target is None:
        which = "source_account" if source is None else "target_account"
        return problems.of_refusal(Refusal(RefusalCode.UNKNOWN_ACCOUNT, f"{which}: no account has this token"))
    directory = await house.live.directory(asked.at)
    if not {source.program, target.program} <= directory.programs.keys():
        directory = await house.live.directory(asked.at, fresh=True)
    wanted = Wish(
        partner,
        source,
        target,
        wish.sent,
        wish.received,
        kind=Kind(wish.kind),
        tier=wish.tier,
        card=wish.card,
        channel=wish.channel,
        segments=frozenset(wish.segments),
    )
    wanted = await _informed(house, wanted, directory, asked.at)
    priced = exchange.quote(wanted, directory, asked.at, sources.some_id())
    if not isinstance(priced, Refusal):
        priced = await _booked_now(house, wanted, priced)
    if isinstance(priced, Refusal):
        return problems.of_refusal(priced)
    token = exchange.quote_token(priced, house.key)
    house.issued.note(token, priced)
    programs = directory.programs[source.program], directory.programs[target.program]
    told = _said(priced, token, programs[0].partner)
    return Reply(200, {**told, "expiry": await _expiry(house, *programs, priced, asked.at)})


async def _expiry(
    house: "House", source: Program, target: Program, priced: Quote, at: datetime
) -> list[dict[str, object]] | None:
    """When the points expire that this amount would use, oldest first, and what becomes of that; None where nobody can say it now."""
    if not source.capabilities.lots:
        return None
    try:
        async with asyncio.timeout(LOTS_SECONDS_MAX):
            lots = await house.delivery.look_up_lots(source.code, priced.source_account)
    except (TimeoutError, errors.ProgramUnavailable):
        return None
    lines = used(lots, priced.terms.sent)
    if lines is None:
        return None
    becomes = _new_expiry(target, at)
    return [
        {"amount": line.amount, "expires_at": shapes.instant(line.expires_at), "becomes": becomes} for line in lines
    ]


def _new_expiry(target: Program, at: datetime) -> dict[str, object] | None:
    """How long a unit lives that is credited at this instant; None where the target does not tell."""
    if not target.capabilities.lots:
        return None
    months = target.capabilities.lot_months
    return {"expires_at": shapes.instant(months_after(at, months)) if months else None, "months": months}


async def _informed(house: "House", wish: Wish, directory: Directory, at: datetime) -> Wish:
    """The wish with what the database knows of its member, where that decides."""
    source, target = wish.source.account, wish.target.account
    if exchange.needs_link(wish, directory, at):
        async with house.reads.connection() as connection:
            between = await partners.link_between(connection, LANE, source, target)
            others = await partners.live_links(connection, LANE, [source, target])
        programs = {wish.source.program, wish.target.program}
        elsewhere = any(
            {one.source_program, one.target_program} == programs
            and {one.source_account, one.target_account} != {source, target}
            for one in others
        )
        wish = replace(wish, link=between, linked_elsewhere=elsewhere)
    if exchange.needs_usage(wish, directory, at):
        async with house.reads.connection() as connection:
            wish = replace(wish, used=await reads.used(connection, LANE, source))
    return wish


async def _booked_now(house: "House", wish: Wish, priced: Quote) -> Quote | Refusal:
    """The quote, or what the books would refuse it for if it was submitted now: a limit, also of another card, or a campaign's budget."""
    before, unread = wish.used, bool(priced.limits) and not wish.used
    if not unread and not priced.shares:
        return over_limit(priced.terms, priced.limits, before) or priced
    async with house.reads.connection() as connection:
        before = await reads.used(connection, LANE, priced.source_account) if unread else before
        campaigns = [share.campaign for share in priced.shares]
        budgets = await reads.budgets(connection, LANE, campaigns) if campaigns else {}
    return over_limit(priced.terms, priced.limits, before) or exhausted(priced.shares, budgets) or priced


async def accounts_of(house: "House", *tokens: UUID) -> tuple[Account | None, ...]:
    """The accounts behind these tokens, closed ones too."""
    async with house.reads.connection() as connection:
        rows = await (
            await connection.execute(statement("accounts_read"), {"lane": LANE, "account": list(tokens)})
        ).fetchall()
    found = {known.account: known for known in (Account(*columns) for columns in rows)}
    return tuple([found.get(token) for token in tokens])


def _said(priced: Quote, token: str, collector: str) -> dict[str, object]:
    terms = priced.terms
    source = {"program": priced.source_program, "account": str(priced.source_account), "amount": terms.sent}
    target = {
        "program": priced.target_program,
        "account": str(priced.target_account),
        "amount": terms.received + (0 if priced.late_days else terms.bonus),
    }
    return {
        "quote": token,
        "quote_id": str(priced.quote_id),
        "kind": priced.kind,
        "source": source,
        "target": target,
        "debit": terms.debit,
        "credit": terms.credit,
        "fee": terms.fee,
        "rounding": terms.rounding,
        "expires_at": shapes.instant(priced.expires_at),
        "arrival": {"estimate_seconds": priced.estimate_seconds},
        "terms_version": priced.terms_version,
        **_how(priced, collector),
    }


def _how(quoted: Quote, collector: str) -> dict[str, object]:
    """How the rate card comes to this price, and what is charged beside it by the source program."""
    priced, terms = quoted.priced, quoted.terms
    return {
        "base": terms.received,
        "bonus": [share._asdict() for share in quoted.shares],
        "bonus_after_days": quoted.late_days,
        "remainder": 0 if priced is None else priced.remainder,
        "charges": [] if priced is None else [charge(part, collector) for part in priced.fees],
    }


def charge(part: FeePart, collector: str) -> dict[str, object]:
    """A fee that the partner of the source program takes of its member, beside the points sent."""
    return {
        "rule": part.rule,
        "points": part.points,
        "value": part.value,
        "collected_by": collector,
        "to_house": part.to_house,
        "capped": part.capped,
        "waived": part.waived,
    }


DOORS = (
    Door(
        "POST",
        "/v1/quotes",
        quote,
        {200: messages.QuoteSaid},
        messages.QuoteWish,
        (
            "unknown_account",
            "kind_mismatch",
            "account_closed",
            "not_your_member",
            "consent_missing",
            "not_linked",
            "link_too_new",
            "corridor_closed",
            "price_missing",
            "channel_closed",
            "already_linked",
            "rate_missing",
            "limit_exceeded",
            "campaign_exhausted",
            "below_minimum",
            "above_maximum",
            "amount_off_step",
            "unfunded_value",
        ),
    ),
)
