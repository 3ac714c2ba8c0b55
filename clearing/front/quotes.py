"""Quotes: exact terms, computed and signed, not stored."""

from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clearing import exchange, partners
from clearing.database import statement
from clearing.exchange import Quote, Wish
from clearing.front import messages, problems, shapes, sources
from clearing.front.doors import Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.problems import Problem
from clearing.ledger import reads
from clearing.partners import Account, Directory
from clearing.rules.asks import FeePart
from clearing.rules.refusals import Refusal, RefusalCode

if TYPE_CHECKING:
    from clearing.front.house import House


async def quote(house: "House", asked: Asked) -> Reply | Problem:
    """What an exchange would cost, as a token to submit. Say the points to send, or the units that should arrive."""
    wish = asked.parse(messages.QuoteWish)
    partner = asked.caller.code
    source, target = await _accounts(house, wish.source_account, wish.target_account)
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
        tier=wish.tier,
        card=wish.card,
        channel=wish.channel,
    )
    wanted = await _informed(house, wanted, directory, asked.at)
    priced = exchange.quote(wanted, directory, asked.at, sources.some_id())
    if isinstance(priced, Refusal):
        return problems.of_refusal(priced)
    token = exchange.quote_token(priced, house.key)
    house.issued.note(token, priced)
    return Reply(200, _said(priced, token))


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


async def _accounts(house: "House", *tokens: UUID) -> tuple[Account | None, ...]:
    """The accounts behind these tokens, closed ones too."""
    async with house.reads.connection() as connection:
        rows = await (
            await connection.execute(statement("accounts_read"), {"lane": LANE, "account": list(tokens)})
        ).fetchall()
    found = {known.account: known for known in (Account(*columns) for columns in rows)}
    return tuple([found.get(token) for token in tokens])


def _said(priced: Quote, token: str) -> dict[str, object]:
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
        "source": source,
        "target": target,
        "debit": terms.debit,
        "credit": terms.credit,
        "fee": terms.fee,
        "rounding": terms.rounding,
        "expires_at": shapes.instant(priced.expires_at),
        "arrival": {"estimate_seconds": priced.estimate_seconds},
        "terms_version": priced.terms_version,
        **_how(priced),
    }


def _how(quoted: Quote) -> dict[str, object]:
    """How the rate card comes to this price, and what is charged beside it by the source program."""
    priced, terms = quoted.priced, quoted.terms
    return {
        "base": terms.received,
        "bonus": [share._asdict() for share in quoted.shares],
        "bonus_after_days": quoted.late_days,
        "remainder": 0 if priced is None else priced.remainder,
        "charges": [] if priced is None else [charge(part) for part in priced.fees],
    }


def charge(part: FeePart) -> dict[str, object]:
    """A fee that the source program takes of its member, beside the points sent."""
    return {
        "rule": part.rule,
        "points": part.points,
        "value": part.value,
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
            "below_minimum",
            "above_maximum",
            "amount_off_step",
            "unfunded_value",
        ),
    ),
)
