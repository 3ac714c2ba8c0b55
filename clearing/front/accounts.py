"""Members' accounts come in: the membership number is told once, is sealed, and travels as a token from then on."""

from typing import TYPE_CHECKING
from uuid import UUID

from clearing import errors, evidence, partners
from clearing.adapter import Member
from clearing.front import messages, problems, sources
from clearing.front.doors import Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import kept_request
from clearing.front.problems import Problem
from clearing.partners import Account, Program
from clearing.rules.members import member_refusal
from clearing.rules.refusals import Refusal, RefusalCode

if TYPE_CHECKING:
    from clearing.front.house import House


async def link_account(house: "House", asked: Asked) -> Reply | Problem:
    """Take in a member's account and learn the token that stands for its number. Any program's; two of them make a link.

    1. the program is known; 2. the program is asked, and taught the token; 3. only a member that it knows is kept. Said again, the same
    token comes back, until the account is closed or erased. Tier and balance are told only to the partner that signs for the program.
    """
    wish = asked.parse(messages.AccountWish)
    program = (await house.live.directory(asked.at)).programs.get(wish.program)
    if program is None:
        program = (await house.live.directory(asked.at, fresh=True)).programs.get(wish.program)
    if program is None:  # 1
        return problems.of_refusal(Refusal(RefusalCode.UNKNOWN_PROGRAM, "no program has this code"))
    token, known = await token_of(house, asked, wish.program, wish.member)
    member = await house.delivery.look_up_member(wish.program, token, wish.member, wish.name)  # 2
    if refusal := member_refusal(member.status, member.name_match):
        return problems.of_refusal(refusal)
    linked = await _linked(house, asked, wish, token)  # 3
    if linked.account != token:  # came in through somebody else at this very moment: the program must learn that token
        member = await house.delivery.look_up_member(wish.program, linked.account, wish.member, wish.name)
    return Reply(200 if known else 201, _said(linked, member, program, asked.caller.partner))


async def token_of(house: "House", asked: Asked, program: str, member: str) -> tuple[UUID, bool]:
    """The token of this number if its account is open, or a new one; and whether it is known. Raises errors.ValidationFailed."""
    if not partners.is_member_number(member):  # before any program hears of it
        raise errors.ValidationFailed("member is 1 to 64 printable ASCII characters, without a blank at either end")
    async with house.reads.connection() as connection:
        found = await partners.find_account(connection, house.keyring, LANE, program, member)
    if found is not None:
        return found.account, True
    bucket = evidence.bucket(house.keyring, program, member)
    return partners.bucketed_uuid(asked.at, bucket, sources.random(10)), False


async def _linked(house: "House", asked: Asked, wish: messages.AccountWish, token: UUID) -> Account:
    """The account, and with a new one the request that brought it, whose sealed body has the number."""
    async with house.reads.connection() as connection, partners.deciding(connection, LANE):
        linked = await partners.link_account(
            connection, house.keyring, LANE, token, wish.program, wish.member, asked.at, sources.random
        )
        if linked.new:
            await partners.keep_request(connection, LANE, kept_request(house, asked), [linked.account])
        return linked


def _said(linked: Account, member: Member, program: Program, partner: str | None) -> dict[str, object]:
    own = program.partner == partner
    return {
        "account": str(linked.account),
        "program": linked.program,
        "masked": linked.masked,
        "status": member.status,
        "name_match": member.name_match,
        "tier": member.tier if own else None,
        "balance": member.balance if own else None,
    }


DOORS = (
    Door(
        "POST",
        "/v1/accounts",
        link_account,
        {200: messages.AccountSaid, 201: messages.AccountSaid},
        messages.AccountWish,
        ("unknown_program", "member_unknown", "member_not_active", "name_mismatch", "program_unavailable"),
        tag="accounts",
    ),
)
