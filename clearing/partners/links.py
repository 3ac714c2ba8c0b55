"""Links of members' accounts: made, consented to, ended, moved by a merger, and forgotten with the member.

What changes something expects to run inside `deciding`: under the lock of the lane, what is read is what is decided on.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from clearing import errors
from clearing.partners.accounts import Account, account
from clearing.partners.rows import Connection, Row, row, rows, run
from clearing.rules.members import Consent, Ended, Link, card_refusal, fate_in_merger
from clearing.rules.refusals import Refusal, RefusalCode

MASK = "****"
"""What is shown of a number that nobody knows any more."""

_ENDS = ("source_program", "source_account", "target_program", "target_account")
_CONSENT = ("scope", "channels", "partner", "key_id", "evidence_id", "given_at", "withdrawn_at")


@dataclass(frozen=True, slots=True)
class Change:
    """What a report or an erasure did. `first` is False when it had been done before, and then nothing else happened."""

    first: bool
    ended: tuple[UUID, ...] = ()
    moved: tuple[UUID, ...] = ()
    bodies: int = 0


# --- read


async def link(connection: Connection, lane: int, link_id: UUID) -> Link | None:
    """A link by its id, with the latest consent."""
    found = await row(connection, "link_read", lane=lane, link=link_id)
    return None if found is None else _link(found)


async def link_between(connection: Connection, lane: int, source: UUID, target: UUID) -> Link | None:
    """The live link from one account to the other, or else the last that there was."""
    found = await row(connection, "link_between", lane=lane, source=source, target=target)
    return None if found is None else _link(found)


async def live_links(connection: Connection, lane: int, accounts: Sequence[UUID]) -> list[Link]:
    """The live links that begin or end at one of these accounts, the oldest first."""
    return [_link(found) for found in await rows(connection, "links_live", lane=lane, account=list(accounts))]


# --- change


async def link_accounts(
    connection: Connection,
    lane: int,
    link_id: UUID,
    source: Account,
    target: Account,
    *,
    one_card: bool,
    evidence_id: UUID,
    now: datetime,
) -> tuple[Link, bool] | Refusal:
    """The live link from source to target and whether it is new. Refusals in order: account_closed, already_linked."""
    for side, end in (("source", source), ("target", target)):
        known = await account(connection, lane, end.account)
        if known is None or known.closed_at is not None:
            return Refusal(RefusalCode.ACCOUNT_CLOSED, f"the {side} account is closed", side=side)
    between = await link_between(connection, lane, source.account, target.account)
    if between is not None and between.live:
        return between, False
    ends = (source.program, source.account, target.program, target.account)
    made = Link(lane, link_id, *ends, one_card, now)
    live = await live_links(connection, lane, [source.account, target.account])
    if refusal := card_refusal(made, live):
        return refusal
    said = {name: getattr(made, name) for name in (*_ENDS, "one_card", "linked_at")}
    await run(connection, "link_insert", lane=lane, link=link_id, **said, evidence_id=evidence_id)
    return made, True


async def give_consent(connection: Connection, lane: int, link_id: UUID, consent: Consent) -> None:
    """Put a consent in the place of the one before it, which ends at the same instant."""
    await withdraw_consent(connection, lane, link_id, consent.key_id, consent.given_at)
    said = {name: getattr(consent, name) for name in ("partner", "key_id", "evidence_id", "given_at")}
    terms = {"scope": list(consent.scope), "channels": list(consent.channels)}
    await run(connection, "consent_insert", lane=lane, link=link_id, **terms, **said)


async def withdraw_consent(connection: Connection, lane: int, link_id: UUID, key_id: str, now: datetime) -> bool:
    """End the consent of a link, whether there is one that holds or not; whether there was."""
    await _changed(connection, lane, now)
    return await row(connection, "consent_withdraw", lane=lane, link=link_id, key_id=key_id, now=now) is not None


async def end_links(connection: Connection, lane: int, links: Sequence[UUID], reason: Ended, now: datetime) -> None:
    """End these links for this reason; what ended before keeps its own."""
    if links:
        await _changed(connection, lane, now)
        await run(connection, "links_end", lane=lane, link=list(links), reason=reason.value, now=now)


async def close_account(connection: Connection, lane: int, closed: UUID, now: datetime) -> Change:
    """The program closed this account: its links end. Raises errors.NotFound."""
    known = await account(connection, lane, closed)
    if known is None:
        raise errors.NotFound("no account has this token")
    if known.closed_at is not None:
        return Change(first=False)
    await run(connection, "account_close", lane=lane, account=closed, survivor=None, now=now)
    await _changed(connection, lane, now)
    ended = [found.link for found in await live_links(connection, lane, [closed])]
    await end_links(connection, lane, ended, Ended.ACCOUNT_CLOSED, now)
    return Change(first=True, ended=tuple(ended))


async def merge_account(connection: Connection, lane: int, gone: UUID, into: UUID, now: datetime) -> Change | Refusal:
    """The program merged `gone` into another account of its own: its links lead there, or end where the rules would be broken.

    Refused as account_closed when `gone` is erased or was merged elsewhere, or the surviving account is closed itself.
    """
    known, survivor = await account(connection, lane, gone), await account(connection, lane, into)
    if known is None or survivor is None or known.program != survivor.program or gone == into:
        raise errors.ValidationFailed("an account is merged into another account of the same program")
    if known.merged_into == into:
        return Change(first=False)
    if known.standing in {"merged", "erased"}:
        return Refusal(RefusalCode.ACCOUNT_CLOSED, "the account was erased, or merged into another before")
    if survivor.closed_at is not None:
        return Refusal(RefusalCode.ACCOUNT_CLOSED, "the surviving account is closed itself")
    await run(connection, "account_close", lane=lane, account=gone, survivor=into, now=now)
    await _changed(connection, lane, now)
    ended: list[UUID] = []
    moved: list[UUID] = []
    for found in await live_links(connection, lane, [gone]):
        held = await live_links(connection, lane, [into])
        if fate := fate_in_merger(found, gone, into, held):
            await end_links(connection, lane, [found.link], fate, now)
            ended.append(found.link)
        else:
            await run(connection, "link_move", lane=lane, link=found.link, gone=gone, survivor=into, now=now)
            moved.append(found.link)
    return Change(first=True, ended=tuple(ended), moved=tuple(moved))


async def erase_account(connection: Connection, lane: int, erased: UUID, now: datetime) -> Change:
    """Forget a member: number, hash and mask under every token that the number had, and every sealed body that speaks of it.

    The links end, for ever. Base, digest and signature of what was signed stay, and so do the books: they know tokens only.
    Raises errors.NotFound.
    """
    known = await account(connection, lane, erased)
    if known is None:
        raise errors.NotFound("no account has this token")
    if known.erased_at is not None:
        return Change(first=False)
    gone = await rows(connection, "account_erase", lane=lane, account=erased, mask=MASK, now=now)
    await _changed(connection, lane, now)
    accounts = [found["account"] for found in gone]
    ended = [found.link for found in await live_links(connection, lane, accounts)]
    await end_links(connection, lane, ended, Ended.ACCOUNT_ERASED, now)
    bodies = await rows(connection, "account_evidence_erase", lane=lane, account=accounts)
    return Change(first=True, ended=tuple(ended), bodies=len(bodies))


async def _changed(connection: Connection, lane: int, now: datetime) -> None:
    """What was quoted before is looked at again when it is submitted."""
    await run(connection, "lane_members_moved", lane=lane, now=now)


# --- audit


async def consents_unproven(connection: Connection, lane: int) -> tuple[int, list[UUID]]:
    """How many consents there are, and the evidence of those that nothing kept proves."""
    (found,) = await rows(connection, "verify_consents", lane=lane)
    return found["named"], found["missing"] or []


async def closed_remains(connection: Connection, lane: int) -> tuple[int, list[UUID]]:
    """How many accounts are closed, and those that are still linked, or were erased and can still be read of."""
    (found,) = await rows(connection, "verify_erased", lane=lane)
    return found["looked_at"], found["found"] or []


def _link(found: Row) -> Link:
    consent = {name: found.pop(name) for name in _CONSENT}
    if consent["key_id"] is None:
        return Link(**found)
    consent |= {"scope": tuple(consent["scope"]), "channels": tuple(consent["channels"])}
    return Link(**found, consent=Consent(**consent))
