"""What happens to an account that came in: its program reports it closed or merged; its member asks to be forgotten."""

from typing import TYPE_CHECKING
from uuid import UUID

from psycopg import Rollback

from clearing import partners
from clearing.front import parties, problems, shapes, sources
from clearing.front.accounts import token_of
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import kept_request
from clearing.front.member_messages import ClosedWish, MergedWish, StandingSaid
from clearing.front.problems import Problem
from clearing.partners import Account, Change
from clearing.rules.members import member_refusal
from clearing.rules.refusals import Refusal

if TYPE_CHECKING:
    from clearing.front.house import House


async def account_closed(house: "House", asked: Asked) -> Reply:
    """The program closed this account: its links end, and it is quoted no more. Exchanges under way go on with its token."""
    asked.parse(ClosedWish)
    account = await parties.own_account(house, asked)
    async with house.reads.connection() as connection:
        async with partners.deciding(connection, LANE):
            change = await partners.close_account(connection, LANE, account.account, asked.at)
            if change.first:
                await partners.keep_request(connection, LANE, kept_request(house, asked))
        return await _standing(connection, account, change)


async def account_merged(house: "House", asked: Asked) -> Reply | Problem:
    """The program merged this account into another: its links lead there, or end where that would break one card per account.

    A surviving account that is named by its number is asked for at the program and comes in like any other.
    """
    wish = asked.parse(MergedWish)
    account = await parties.own_account(house, asked)
    survivor = wish.into_account
    if wish.into_member is not None:
        survivor, _ = await token_of(house, asked, account.program, wish.into_member)
        member = await house.delivery.look_up_member(account.program, survivor, wish.into_member, None)
        if refusal := member_refusal(member.status, member.name_match):
            return problems.of_refusal(refusal)
    async with house.reads.connection() as connection:
        change = await _merged(house, asked, connection, account, survivor or account.account, wish.into_member)
        if isinstance(change, Refusal):
            return problems.of_refusal(change)
        return await _standing(connection, account, change)


async def erase_account(house: "House", asked: Asked) -> Reply:
    """Forget a member: number, its hash, and every sealed request that carried it. Books and proofs know tokens only and still hold.

    Under every token that the number had. Its links end; linked anew, the number gets a new token.
    """
    account = await parties.own_account(house, asked)
    async with house.reads.connection() as connection:
        async with partners.deciding(connection, LANE):
            change = await partners.erase_account(connection, LANE, account.account, asked.at)
            if change.first:
                await partners.keep_request(connection, LANE, kept_request(house, asked))
        return await _standing(connection, account, change)


async def _merged(
    house: "House",
    asked: Asked,
    connection: partners.Connection,
    account: Account,
    survivor: UUID,
    member: str | None,
) -> Change | Refusal:
    """The merger, in one transaction with the surviving account if that is new. A refused one leaves nothing, not even that."""
    kept, speaks_of = kept_request(house, asked), []
    async with partners.deciding(connection, LANE):
        if member is not None:
            came_in = await partners.link_account(
                connection, house.keyring, LANE, survivor, account.program, member, asked.at, sources.random
            )
            survivor, speaks_of = came_in.account, [came_in.account]
        change = await partners.merge_account(connection, LANE, account.account, survivor, asked.at)
        if isinstance(change, Refusal):
            raise Rollback
        if change.first:
            await partners.keep_request(connection, LANE, kept, speaks_of)
    return change


async def _standing(connection: partners.Connection, account: Account, change: Change) -> Reply:
    """How the account stands now: `StandingSaid`."""
    now = await partners.account(connection, LANE, account.account) or account
    merged = None if now.merged_into is None else str(now.merged_into)
    return Reply(
        200,
        {
            "account": str(now.account),
            "program": now.program,
            "standing": now.standing,
            "closed_at": shapes.instant(now.closed_at),
            "merged_into": merged,
            "erased_at": shapes.instant(now.erased_at),
            "links_ended": [str(link) for link in change.ended],
            "links_moved": [str(link) for link in change.moved],
            "bodies_erased": change.bodies,
        },
    )


DOORS = (
    Door(
        "POST",
        "/v1/accounts/{account}/closed",
        account_closed,
        {200: StandingSaid},
        ClosedWish,
        ("not_found",),
        tag="accounts",
    ),
    Door(
        "POST",
        "/v1/accounts/{account}/merged",
        account_merged,
        {200: StandingSaid},
        MergedWish,
        ("not_found", "account_closed", "member_unknown", "member_not_active", "program_unavailable"),
        tag="accounts",
    ),
    Door(
        "DELETE",
        "/v1/accounts/{account}",
        erase_account,
        {200: StandingSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="accounts",
    ),
)
