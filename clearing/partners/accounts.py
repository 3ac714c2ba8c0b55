"""Members' accounts: a token outside, the membership number sealed inside; ids that carry the bucket; evidence by id."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clearing import errors
from clearing.evidence import BUCKETS, ERASED, Evidence, Keyring, Sealed, blind_index, mask, open_sealed, place, seal
from clearing.partners.rows import Connection, Row, row, rows, run

RANDOM_BYTES = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MEMBER = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")  # ASCII; no blank at an end, where people cannot see it


@dataclass(frozen=True, slots=True)
class Account:
    """An account that came in, as everybody may see it. Closed, it is never open again: its number comes in under a new token."""

    lane: int
    account: UUID
    program: str
    masked: str
    linked_at: datetime
    closed_at: datetime | None = None
    merged_into: UUID | None = None
    erased_at: datetime | None = None
    new: bool = False  # came in by the very call that answered this

    @property
    def standing(self) -> str:
        """In one word: open, closed, merged or erased."""
        if self.erased_at is not None:
            return "erased"
        if self.merged_into is not None:
            return "merged"
        return "open" if self.closed_at is None else "closed"


# --- ids


def bucketed_uuid(now: datetime, bucket: int, random80: bytes) -> UUID:
    """An id of time, bucket and chance: UUIDv8 (RFC 9562 section 5.8) of 48 bits of milliseconds, 10 of bucket, 64 of chance.

    The bucket stands right after the version; of the ten random bytes the last eight are used.
    """
    if len(random80) != RANDOM_BYTES or not 0 <= bucket < BUCKETS:
        raise ValueError("an id needs a bucket of ten bits and ten random bytes")
    milliseconds = (now - _EPOCH) // _MILLISECOND
    chance = int.from_bytes(random80[2:], "big")
    high = milliseconds << 16 | 8 << 12 | bucket << 2 | chance >> 62
    return UUID(int=high << 64 | 0b10 << 62 | chance & (1 << 62) - 1)


def bucket_of(token: UUID) -> int:
    """The bucket that an id of ours carries. Raises ValueError for any other id."""
    if token.version != 8:
        raise ValueError("not an id that carries a bucket")
    return token.int >> 66 & BUCKETS - 1


# --- links


def is_member_number(member: str) -> bool:
    """Whether `member` can be a membership number: 1 to 64 printable ASCII characters, no blank at either end."""
    return _MEMBER.fullmatch(member) is not None


async def link_account(
    connection: Connection,
    keyring: Keyring,
    lane: int,
    account_id: UUID,
    program: str,
    member: str,
    now: datetime,
    random: Callable[[int], bytes],
) -> Account:
    """The open account of this number, or a new one named `account_id`. The same number, the same token, until it is closed or erased.

    Raises errors.ValidationFailed; its text, like every other of this room, does not repeat the number. Raises errors.Unavailable when
    `account_id` names an account that was closed meanwhile: a new token is needed.
    """
    if not is_member_number(member):
        raise errors.ValidationFailed("member is 1 to 64 printable ASCII characters")
    if known := await find_account(connection, keyring, lane, program, member):
        return known
    index = blind_index(keyring, program, member)
    sealed = seal(keyring, place("account", lane, account_id, "box"), member.encode(), random)
    inserted = await row(
        connection,
        "account_insert",
        lane=lane,
        account=account_id,
        program=program,
        number_index=index,
        number_mask=mask(member),
        kek_id=sealed.kek_id,
        wrapped=sealed.wrapped,
        seal_nonce=sealed.nonce,
        box=sealed.box,
        linked_at=now,
    )
    if inserted is not None:
        return Account(lane, account_id, program, mask(member), now, new=True)
    if known := await find_account(connection, keyring, lane, program, member):
        return known
    raise errors.Unavailable(retry_after=1)


async def find_account(
    connection: Connection, keyring: Keyring, lane: int, program: str, member: str
) -> Account | None:
    """The open account of this number; None too for what is no membership number."""
    if not is_member_number(member):
        return None
    index = blind_index(keyring, program, member)
    found = await row(connection, "account_find", lane=lane, program=program, number_index=index)
    return None if found is None else Account(**found)


async def account(connection: Connection, lane: int, account_id: UUID) -> Account | None:
    """An account by its token."""
    found = await row(connection, "account_read", lane=lane, account=account_id)
    return None if found is None else Account(**found)


async def open_number(connection: Connection, keyring: Keyring, lane: int, account_id: UUID) -> str:
    """The membership number behind a token, for the rare need. Raises errors.NotFound and errors.SealBroken (erased, too)."""
    found = await row(connection, "account_number", lane=lane, account=account_id)
    if found is None:
        raise errors.NotFound("no account has this token")
    return open_sealed(keyring, place("account", lane, account_id, "box"), _sealed(found)).decode()


# --- evidence


async def erase_evidence(connection: Connection, lane: int, evidence_ids: Sequence[UUID]) -> int:
    """Drop the keys of these bodies and count them. A call that carried orders of several members is erased for all of them."""
    return len(await rows(connection, "evidence_erase", lane=lane, evidence_id=list(evidence_ids)))


async def keep_request(connection: Connection, lane: int, kept: Evidence, speaks_of: Sequence[UUID] = ()) -> None:
    """Keep a signed request in the transaction of what it changed; `speaks_of` are the members whose number or name is in its body."""
    columns = {
        name: getattr(kept, name) for name in ("evidence_id", "kind", "key_id", "signed_at", "base", "signature")
    }
    sealed = kept.sealed
    box = {"kek_id": sealed.kek_id, "wrapped": sealed.wrapped, "seal_nonce": sealed.nonce, "box": sealed.box}
    await run(connection, "evidence_insert", lane=lane, **columns, digest=kept.digest, meta=kept.meta, **box)
    if speaks_of:
        await name_members(connection, lane, kept.evidence_id, speaks_of)


async def name_members(connection: Connection, lane: int, evidence_id: UUID, speaks_of: Sequence[UUID]) -> None:
    """Say of whom a kept body speaks: its key is dropped when one of them is erased."""
    await run(connection, "account_evidence_insert", lane=lane, evidence_id=evidence_id, account=list(speaks_of))


async def evidence_of(connection: Connection, lane: int, evidence_id: UUID) -> Evidence | None:
    """One piece of evidence, as it was stored."""
    found = await row(connection, "evidence_read", lane=lane, evidence_id=evidence_id)
    return None if found is None else _evidence(found)


@dataclass(frozen=True, slots=True)
class Told:
    """An operation that a program did for an account, and its signed answer."""

    exchange_id: UUID
    leg: int
    operation: str
    amount: int
    answered_at: datetime
    evidence: Evidence


async def told_of(
    connection: Connection, lane: int, account_id: UUID, after: tuple[datetime, UUID, int] | None, most: int
) -> list[Told]:
    """What its program did for this account, newest first: operations after the one that was answered then, of this exchange and leg."""
    at, exchange, leg = after or (None, None, None)
    asked = {"lane": lane, "account": account_id, "after_at": at, "after_exchange": exchange, "after_leg": leg}
    names = ("exchange_id", "leg", "operation", "amount", "answered_at")
    return [
        Told(**{name: found[name] for name in names}, evidence=_evidence(found))
        for found in await rows(connection, "lots_told", **asked, most=most)
    ]


async def evidence_after(connection: Connection, lane: int, after: UUID, most: int) -> list[Evidence]:
    """The next pieces of evidence in the order of their ids, so that all of it can be walked through."""
    return [_evidence(found) for found in await rows(connection, "evidence_page", lane=lane, after=after, most=most)]


async def evidence_named(connection: Connection, lane: int) -> tuple[int, list[UUID]]:
    """How many orders name evidence, and what they name and nobody finds."""
    (found,) = await rows(connection, "evidence_named", lane=lane)
    return found["named"], found["missing"] or []


def _evidence(found: Row) -> Evidence:
    signed = {name: found[name] for name in ("evidence_id", "kind", "key_id", "signed_at", "base", "signature")}
    return Evidence(**signed, digest=found["digest"], meta=found["meta"], sealed=_sealed(found))


def _sealed(found: Row) -> Sealed:
    return Sealed(found["kek_id"], found["wrapped"] or ERASED, found["seal_nonce"], found["box"])
