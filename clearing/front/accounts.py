"""Linking members: the membership number comes in once, is sealed, and travels as a token from then on."""

from typing import TYPE_CHECKING
from uuid import UUID

from clearing import errors, evidence, partners
from clearing.adapter import Member
from clearing.front import messages, problems, sources
from clearing.front.doors import Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.problems import Problem
from clearing.partners import Account, Program
from clearing.rules.refusals import Refusal, RefusalCode

if TYPE_CHECKING:
    from clearing.front.house import House


async def link_account(house: "House", asked: Asked) -> Reply | Problem:
    """Link a member of any program and learn the account token that stands for the number.

    1. the program is known; 2. the program is asked, and taught the token; 3. only a member that it knows is kept. Said again, the same
    token comes back. Tier and balance are told only to the partner that signs for the program.
    """
    wish = asked.parse(messages.AccountWish)
    program = (await house.live.directory(asked.at)).programs.get(wish.program)
    if program is None:
        program = (await house.live.directory(asked.at, fresh=True)).programs.get(wish.program)
    if program is None:  # 1
        return problems.of_refusal(Refusal(RefusalCode.UNKNOWN_PROGRAM, "no program has this code"))
    token, known = await _token(house, asked, wish)
    member = await house.delivery.look_up_member(wish.program, token, wish.member, wish.name)  # 2
    if refusal := _refusal(member):
        return problems.of_refusal(refusal)
    linked = await _linked(house, asked, wish, token)  # 3
    if linked.account != token:  # linked by somebody else at this very moment: the program must learn that token
        member = await house.delivery.look_up_member(wish.program, linked.account, wish.member, wish.name)
    return Reply(200 if known else 201, _said(linked, member, program, asked.caller.partner))


async def _token(house: "House", asked: Asked, wish: messages.AccountWish) -> tuple[UUID, bool]:
    """The token of this number if it was linked before, or a new one."""
    if not partners.is_member_number(wish.member):  # before any program hears of it
        raise errors.ValidationFailed("member is 1 to 64 printable ASCII characters, without a blank at either end")
    async with house.reads.connection() as connection:
        found = await partners.find_account(connection, house.keyring, LANE, wish.program, wish.member)
    if found is not None:
        return found.account, True
    bucket = evidence.bucket(house.keyring, wish.program, wish.member)
    return partners.bucketed_uuid(asked.at, bucket, sources.random(10)), False


async def _linked(house: "House", asked: Asked, wish: messages.AccountWish, token: UUID) -> Account:
    async with house.reads.connection() as connection:
        return await partners.link_account(
            connection, house.keyring, LANE, token, wish.program, wish.member, asked.at, sources.random
        )


def _refusal(member: Member) -> Refusal | None:
    if member.status == "unknown":
        return Refusal(RefusalCode.MEMBER_UNKNOWN, "the program knows no such member")
    if member.status != "active":
        return Refusal(RefusalCode.MEMBER_NOT_ACTIVE, "the program says that this account is frozen or closed")
    if member.name_match == "mismatch":
        return Refusal(RefusalCode.NAME_MISMATCH, "the program says that the name does not match")
    return None


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
        keeps=True,
    ),
)
