"""Public keys: registered with a proof of possession, at most two live ones for a partner and purpose, revoked at once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from psycopg.types.json import Jsonb

from clearing import errors
from clearing.partners.rows import Connection, Row, row, rows
from clearing.signatures import PublicKey, jws_verify, parse_public_jwk

KEY_PROOF = "clearing-key-proof+jws"
"""The `typ` of a proof of possession: a compact JWS of `key_proof` by the key itself."""

LIVE_KEYS_MAX = 2  # the old one and the new one, while a partner rotates
PURPOSES = frozenset({"requests", "answers", "operator", "house"})
OF_A_PARTNER = frozenset({"requests", "answers"})
ENVIRONMENTS = frozenset({"sandbox", "live"})


@dataclass(frozen=True, slots=True)
class KeyRow:
    """A registered key: whose it is, for what, and since and until when."""

    public: PublicKey
    partner: str | None
    purpose: str
    environment: str
    registered_at: datetime
    not_before: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    compromised_since: datetime | None

    def live(self, at: datetime) -> bool:
        """Whether it signs at this instant: begun, not expired, not revoked."""
        ends = [end for end in (self.expires_at, self.revoked_at) if end is not None]
        return self.not_before <= at and all(at < end for end in ends)


def key_proof(key_id: str, partner: str | None, purpose: str) -> bytes:
    """What the key signs to prove that its owner has it: sorted JSON without white space."""
    said = {"key_id": key_id, "partner": partner, "purpose": purpose}
    return json.dumps(said, sort_keys=True, separators=(",", ":")).encode()


async def key(connection: Connection, key_id: str) -> KeyRow | None:
    """A key by its thumbprint, live or not."""
    found = await row(connection, "key_read", key_id=key_id)
    return None if found is None else _key(found)


async def keys_of(connection: Connection, partner: str | None) -> list[KeyRow]:
    """All keys of a partner, retired ones too; None: those of the house and of its operators."""
    return [_key(found) for found in await rows(connection, "key_list", partner=partner)]


async def register_key(
    connection: Connection,
    jwk: Mapping[str, object],
    purpose: str,
    partner: str | None,
    environment: str,
    proof: str,
    now: datetime,
    expires_at: datetime | None = None,
) -> KeyRow:
    """Register a key. Again with the same owner and purpose: the same row. Raises errors.KeyRefused.

    1. the key itself may be registered; 2. purpose, partner and environment fit; 3. the proof is the key's own signature of exactly
    this; 4. nobody has it, for this purpose or another; 5. no more than two live keys for this partner and purpose. The count is not
    locked: two registrations at the same instant may leave three, which no rule of the books depends on.
    """
    public = parse_public_jwk(jwk)  # 1
    _require_owner(purpose, partner, environment, now, expires_at)  # 2
    _require_possession(public, proof, key_proof(public.key_id, partner, purpose))  # 3
    known = await key(connection, public.key_id)
    if known is None:
        await _require_room(connection, purpose, partner, environment, now)  # 5
        await row(
            connection,
            "key_insert",
            key_id=public.key_id,
            partner=partner,
            purpose=purpose,
            environment=environment,
            alg=public.alg,
            jwk=Jsonb(dict(public.jwk)),
            registered_at=now,
            not_before=now,
            expires_at=expires_at,
        )
        known = await key(connection, public.key_id)  # whoever was first has it
    owner = (partner, purpose, environment)
    if known is None or (known.partner, known.purpose, known.environment) != owner:  # 4
        raise errors.KeyRefused("this key is registered for another partner, purpose or environment; a key has one use")
    if known.revoked_at is not None:
        raise errors.KeyRefused("this key was revoked; a revoked key never returns")
    return known


async def revoke_key(
    connection: Connection, key_id: str, partner: str | None, now: datetime, compromised_since: datetime | None = None
) -> KeyRow:
    """End a key at once, for `partner`'s own keys, or (None) as an operator for any. Said twice, the earlier instant stays.

    Raises errors.NotFound when the key is not the caller's, and errors.ValidationFailed for a compromise in the future.
    """
    if compromised_since is not None and compromised_since > now:
        raise errors.ValidationFailed("compromised_since is in the future")
    ended = await row(
        connection, "key_revoke", key_id=key_id, partner=partner, now=now, compromised_since=compromised_since
    )
    known = None if ended is None else await key(connection, key_id)
    if known is None:
        raise errors.NotFound("no such key of the caller's")
    return known


def _key(found: Row) -> KeyRow:
    public = parse_public_jwk(found.pop("jwk"))
    if public.key_id != found.pop("key_id"):
        raise errors.KeyRefused("a stored key does not have the thumbprint it is stored under")
    return KeyRow(public, **found)


def _require_owner(
    purpose: str, partner: str | None, environment: str, now: datetime, expires_at: datetime | None
) -> None:
    if purpose not in PURPOSES or environment not in ENVIRONMENTS:
        raise errors.KeyRefused("a key has one of the purposes and environments that the house knows")
    if (purpose in OF_A_PARTNER) != (partner is not None):
        raise errors.KeyRefused(f"a key for {purpose} {'needs a' if partner is None else 'has no'} partner")
    if expires_at is not None and expires_at <= now:
        raise errors.KeyRefused("the key has expired already")


def _require_possession(public: PublicKey, proof: str, challenge: bytes) -> None:
    try:
        payload = jws_verify(proof, lambda key_id: public if key_id == public.key_id else None, KEY_PROOF)
    except errors.TokenInvalid as reason:
        raise errors.ProofOfPossessionInvalid(reason.detail) from reason
    if payload != challenge:
        raise errors.ProofOfPossessionInvalid("the proof speaks of another key, partner or purpose")


async def _require_room(
    connection: Connection, purpose: str, partner: str | None, environment: str, now: datetime
) -> None:
    if partner is None:
        return  # operators are several people, each with keys of their own
    if await row(connection, "partner_read", partner=partner) is None:
        raise errors.NotFound("no such partner")
    live = [
        held
        for held in await keys_of(connection, partner)
        if held.live(now) and (held.purpose, held.environment) == (purpose, environment)
    ]
    if len(live) >= LIVE_KEYS_MAX:
        raise errors.KeyRefused(f"too_many_keys: {LIVE_KEYS_MAX} keys for {purpose} are live; revoke one first")
