"""Who signs for which program, and which accounts and links somebody may speak of: for everybody else they do not exist."""

from typing import TYPE_CHECKING

from clearing import errors, partners
from clearing.adapter import Member
from clearing.front import shapes
from clearing.front.doors import Asked
from clearing.front.house import LANE
from clearing.partners import Account, Directory
from clearing.rules.members import Link

if TYPE_CHECKING:
    from clearing.front.house import House


async def directory_of(house: "House", asked: Asked, *programs: str) -> Directory:
    """The directory, read anew if it lacks one of these programs: another process may have taken it in a moment ago."""
    directory = await house.live.directory(asked.at)
    if not {*programs} <= directory.programs.keys():
        directory = await house.live.directory(asked.at, fresh=True)
    return directory


def signs_for(asked: Asked, directory: Directory, program: str) -> bool:
    """Whether the caller is the partner that signs for this program."""
    return asked.caller.partner is not None and directory.programs[program].partner == asked.caller.partner


async def own_account(house: "House", asked: Asked) -> Account:
    """The account in the address, for its program's partner and for operators. Raises errors.NotFound for every other."""
    account_id = shapes.named_id(asked.path["account"])
    async with house.reads.connection() as connection:
        found = await partners.account(connection, LANE, account_id)
    if found is None:
        raise errors.NotFound
    directory = await directory_of(house, asked, found.program)
    if asked.caller.partner is not None and not signs_for(asked, directory, found.program):
        raise errors.NotFound
    return found


async def visible_link(house: "House", asked: Asked) -> tuple[Link, Directory]:
    """The link in the address, for the partners of its two programs and for operators. Raises errors.NotFound for every other."""
    link_id = shapes.named_id(asked.path["link"])
    async with house.reads.connection() as connection:
        found = await partners.link(connection, LANE, link_id)
    if found is None:
        raise errors.NotFound
    directory = await directory_of(house, asked, found.source_program, found.target_program)
    mine = [signs_for(asked, directory, program) for program in (found.source_program, found.target_program)]
    if asked.caller.partner is not None and not any(mine):
        raise errors.NotFound
    return found, directory


async def ask_member(house: "House", account: Account, name: str | None) -> Member:
    """What the program says now of a member whom it knows by token. Raises errors.ProgramUnavailable.

    The number is opened for this and goes to nobody but the program that gave it.
    """
    async with house.reads.connection() as connection:
        try:
            number = await partners.open_number(connection, house.keyring, LANE, account.account)
        except errors.SealBroken:
            now = await partners.account(connection, LANE, account.account)
            if now is None or now.erased_at is None:
                raise
            raise errors.Unavailable(retry_after=1) from None  # erased at this very moment; asked again, it is closed
    return await house.delivery.look_up_member(account.program, account.account, number, name)
