"""Balances of the books at any past instant, and what one member moved by then. A partner sees its own; an operator sees all.

An account is named by its owner's code and its kind: `lotus-air.outstanding` of a program, `lotus.position` of a partner, `house.fee`.
"""

import re
from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from clearing import errors, partners
from clearing.front import balance_messages, reading, shapes
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.ledger import history
from clearing.partners import Directory
from clearing.rules.postings import HOUSE, account_number
from settlement.books.chart import HOUSE_CODE, MILLIONTHS, OF_PARTNERS, OF_PROGRAMS, OF_THE_HOUSE
from settlement.rules.journal import BookAccount

if TYPE_CHECKING:
    from clearing.front.house import House

_ASKS = ("at",)
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})")


async def balances(house: "House", asked: Asked) -> Reply:
    """What every account of the caller held at an instant; without one, now."""
    return await _told(house, asked, await _visible(house, asked))


async def balance(house: "House", asked: Asked) -> Reply:
    """What one account held at an instant; without one, now."""
    wanted = asked.path["balance"]
    found = [one for one in await _visible(house, asked) if one.name == wanted]
    if not found:
        raise errors.NotFound
    return await _told(house, asked, found)


async def moved(house: "House", asked: Asked) -> Reply:
    """What one member's account moved through the house by an instant, for good and under way; without one, by now."""
    token, at = shapes.named_id(asked.path["account"]), instant(asked)
    directory = await house.live.directory(asked.at)
    async with house.reads.connection() as connection:
        account = await partners.account(connection, LANE, token)
        if account is not None and account.program not in directory.programs:  # taken in this very moment
            directory = await house.live.directory(asked.at, fresh=True)
        program = None if account is None else directory.programs[account.program]
        if program is None or asked.caller.partner not in {None, program.partner}:
            raise errors.NotFound
        found = await history.moved(connection, LANE, token, at)
    amounts = {name: str(amount) for name, amount in asdict(found).items()}
    said = {"account": str(token), "program": program.code, "unit": program.unit_name, "at": shapes.instant(at)}
    return Reply(200, {**said, "net": str(found.net), **amounts})


def instant(asked: Asked) -> datetime:
    """The instant that the query names, or now. Raises errors.ValidationFailed for anything else, and for the future."""
    said = reading.query(asked.message.query, *_ASKS).get("at")
    if said is None:
        return asked.at
    try:
        at = datetime.fromisoformat(said).astimezone(UTC) if _AT.fullmatch(said) else None
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise errors.ValidationFailed("at is RFC 3339 with its zone, not escaped")
    if at > asked.at:
        raise errors.ValidationFailed("at is in the future; nothing is booked there yet")
    return at


async def _told(house: "House", asked: Asked, wanted: list[BookAccount]) -> Reply:
    at = instant(asked)
    async with house.reads.connection() as connection:
        found = await history.balances(connection, LANE, [one.number for one in wanted], at)
    listed = [{"account": one.name, "balance": str(found.of[one.number]), "unit": one.unit} for one in wanted]
    edge = found.edge
    return Reply(200, {"at": shapes.instant(at), "events": edge.size, "settled": edge.settled, "balances": listed})


async def _visible(house: "House", asked: Asked) -> list[BookAccount]:
    """The accounts that the caller may see."""
    directory, partner = await house.live.directory(asked.at), asked.caller.partner
    if partner is not None and partner not in directory.partners:  # taken in this very moment, by another process
        directory = await house.live.directory(asked.at, fresh=True)
    return [one for one in chart(directory) if partner in {None, one.partner}]


def chart(directory: Directory) -> Iterator[BookAccount]:
    """Every account of the books by name."""
    for program in directory.programs.values():
        for kind in OF_PROGRAMS:
            number = account_number(program.number, kind)
            yield BookAccount(number, program.code, kind, program.unit_name, program.partner)
    for partner in directory.partners.values():
        for kind in OF_PARTNERS:
            yield BookAccount(account_number(partner.number, kind), partner.code, kind, MILLIONTHS, partner.code)
    for kind in OF_THE_HOUSE:
        yield BookAccount(account_number(HOUSE, kind), HOUSE_CODE, kind, MILLIONTHS, None)


DOORS = (
    Door(
        "GET",
        "/v1/balances",
        balances,
        {200: balance_messages.BalancesSaid},
        refuses=("validation_failed",),
        purposes=BOTH,
        asks=_ASKS,
        tag="books",
    ),
    Door(
        "GET",
        "/v1/balances/{balance}",
        balance,
        {200: balance_messages.BalancesSaid},
        refuses=("not_found", "validation_failed"),
        purposes=BOTH,
        asks=_ASKS,
        tag="books",
    ),
    Door(
        "GET",
        "/v1/accounts/{account}/moved",
        moved,
        {200: balance_messages.MovedSaid},
        refuses=("not_found", "validation_failed"),
        purposes=BOTH,
        asks=_ASKS,
        tag="accounts",
    ),
)
