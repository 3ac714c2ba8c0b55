"""What is asked for is watched by the limits of the risk rules in force, whatever its kind; and the device as a keyed hash."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING
from uuid import UUID

from clearing import partners
from clearing.evidence import Keyring, blind_index
from clearing.exchange import Deed, Quote
from clearing.front.house import LANE
from clearing.partners import Directory
from clearing.rules.members import whole_days
from clearing.rules.risk import UNWATCHED, Watch, Watches, watch_for, watched

if TYPE_CHECKING:
    from clearing.front.house import House

DEVICE = "device:"  # stands where a program's code stands for a membership number; no code has a colon


@dataclass(frozen=True, slots=True)
class Party:
    """One side of what is asked for."""

    program: str
    account: UUID


async def watch_of(house: "House", accepted: Quote, directory: Directory, at: datetime, device: str | None) -> Watch:
    """The limits by which this exchange would be held."""
    source = Party(accepted.source_program, accepted.source_account)
    target = Party(accepted.target_program, accepted.target_account)

    async def link_days() -> int | None:
        return await _link_days(house, source.account, target.account, at)

    return await _watch(house, directory, source, target, at, device, link_days)


async def watch_of_deed(house: "House", deed: Deed, directory: Directory, at: datetime, device: str | None) -> Watch:
    """The limits by which this issue or redemption would be held. Its link is the oldest that carries the consent it is done by."""
    member = Party(deed.account.program, deed.account.account)
    source, target = (member, None) if deed.spends else (None, member)

    async def link_days() -> int | None:
        since = deed.consented_at()
        return None if since is None else whole_days(since, at)

    return await _watch(house, directory, source, target, at, device, link_days)


async def _watch(
    house: "House",
    directory: Directory,
    source: Party | None,
    target: Party | None,
    at: datetime,
    device: str | None,
    link_days: Callable[[], Awaitable[int | None]],
) -> Watch:
    """The database is asked for links only where a rule in force looks at them.

    The device is kept even while no rule watches it, so that a rule that comes later can count.
    """
    rules = directory.risk_rules(at)
    if not rules and device is None:
        return UNWATCHED
    ends = (source.program if source else None, target.program if target else None)
    days = await link_days() if watch_for(rules, *ends, Watches.NEW_LINK) else None
    others: tuple[UUID, ...] = ()
    counted = source or target
    if counted is not None and watch_for(rules, *ends, Watches.MEMBER):
        others = await _others(house, counted.account)
    token = None if device is None else device_hash(house.keyring, device)
    return Watch(watched(rules, *ends, at, days), token, others)


def device_hash(keyring: Keyring, device: str) -> bytes:
    """What a device is counted by; without the house's pepper no guess of its token can be tested."""
    return blind_index(keyring, DEVICE, device)


async def _link_days(house: "House", source: UUID, target: UUID, at: datetime) -> int | None:
    """How many whole days the live link is old; None where the accounts are not linked."""
    async with house.reads.connection() as connection:
        link = await partners.link_between(connection, LANE, source, target)
    return whole_days(link.linked_at, at) if link is not None and link.live else None


async def _others(house: "House", account: UUID) -> tuple[UUID, ...]:
    """The accounts that live links tie to this one, each once."""
    async with house.reads.connection() as connection:
        links = await partners.live_links(connection, LANE, [account])
    return tuple(sorted({link.across(account)[1] for link in links}))
