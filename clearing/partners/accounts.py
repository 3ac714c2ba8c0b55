"""Members' accounts: a token outside, the membership number sealed inside; ids that carry the bucket; erasure; evidence by id."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from clearing import errors
from clearing.evidence import BUCKETS, ERASED, Evidence, Keyring, Sealed, blind_index, mask, open_sealed, place, seal
from clearing.partners.rows import Connection, Row, row, rows

RANDOM_BYTES = 10
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_MEMBER = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")  # ASCII; no blank at an end, where people cannot see it


@dataclass(frozen=True, slots=True)
class Account:
    """A linked account as everybody may see it."""

    lane: int
    account: UUID
    program: str
    masked: str
    linked_at: datetime
    erased: bool = False
    new: bool = False  # linked by the very call that answered this


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
    """The account of this number: the one that was linked before, or a new one named `account_id`. The same number, the same token.

    Raises errors.ValidationFailed; its text, like every other of this room, does not repeat the number.
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
    raise errors.Unavailable  # linked by another transaction that this one does not see


async def find_account(
    connection: Connection, keyring: Keyring, lane: int, program: str, member: str
) -> Account | None:
    """The account that this number was linked as; None too for what is no membership number."""
    if not is_member_number(member):
        return None
    index = blind_index(keyring, program, member)
    found = await row(connection, "account_find", lane=lane, program=program, number_index=index)
    return None if found is None else _account(found)


async def account(connection: Connection, lane: int, account_id: UUID) -> Account | None:
    """An account by its token."""
    found = await row(connection, "account_read", lane=lane, account=account_id)
    return None if found is None else _account(found)


async def open_number(connection: Connection, keyring: Keyring, lane: int, account_id: UUID) -> str:
    """The membership number behind a token, for the rare need. Raises errors.NotFound and errors.SealBroken (erased, too)."""
    found = await row(connection, "account_read", lane=lane, account=account_id)
    if found is None:
        raise errors.NotFound("no account has this token")
    return open_sealed(keyring, place("account", lane, account_id, "box"), _sealed(found)).decode()


# --- erasure and evidence


async def erase_account(connection: Connection, lane: int, account_id: UUID) -> None:
    """Drop the key of a membership number. Its keyed hash and its mask stay in the row. Raises errors.NotFound."""
    if await row(connection, "account_erase", lane=lane, account=account_id) is None:
        raise errors.NotFound("no account has this token")


async def erase_evidence(connection: Connection, lane: int, evidence_ids: Sequence[UUID]) -> int:
    """Drop the keys of these bodies and count them. A call that carried orders of several members is erased for all of them."""
    return len(await rows(connection, "evidence_erase", lane=lane, evidence_id=list(evidence_ids)))


async def evidence_of(connection: Connection, lane: int, evidence_id: UUID) -> Evidence | None:
    """One piece of evidence, as it was stored."""
    found = await row(connection, "evidence_read", lane=lane, evidence_id=evidence_id)
    return None if found is None else _evidence(found)


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


def _account(found: Row) -> Account:
    seen = {name: found[name] for name in ("lane", "account", "program", "masked", "linked_at")}
    return Account(**seen, erased=found["wrapped"] is None)


def _sealed(found: Row) -> Sealed:
    return Sealed(found["kek_id"], found["wrapped"] or ERASED, found["seal_nonce"], found["box"])
