"""What was signed, kept: base, signature and digest in the clear, the body sealed under a key of its own that can be dropped.

A record's data key is 32 random bytes, used once (AES-256-GCM, NIST SP 800-38D), and stored only wrapped (AES-KW, RFC 3394) under the
house's key-encryption key. The additional data binds a box to its place, so that no box can be moved to another row. Whoever drops
the wrapped key erases the body: base, signature and digest still prove what was signed. Backups made earlier still hold the wrapped
key; erasure is complete when they have expired or the key-encryption key was replaced.

Pure: keys, ids and randomness come from the caller. Floors do not look sideways, so messages and keys are described by their shape.
"""

import base64
import hmac
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from hashlib import sha256, sha512
from typing import Any, Protocol
from uuid import UUID

import orjson
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.keywrap import InvalidUnwrap, aes_key_unwrap, aes_key_wrap

from clearing import errors

__all__ = [
    "BUCKETS",
    "ERASED",
    "Evidence",
    "Keyring",
    "Sealed",
    "answer_key_id",
    "blind_index",
    "bucket",
    "erase",
    "mask",
    "of_call",
    "of_request",
    "open_sealed",
    "place",
    "seal",
    "verify",
]

BUCKETS = 1024  # ten bits of a keyed hash
ERASED = b""
"""The wrapped key of a record whose body is gone; NULL in the tables."""

_KEY_BYTES = 32
_NONCE_BYTES = 12
_SHOWN_MAX = 4
_DIGEST_LINE = re.compile(rb'^"content-digest": (.*)$', re.MULTILINE)
_SHA_256 = re.compile(rb"sha-256=:([A-Za-z0-9+/=]+):")
_SHA_512 = re.compile(rb"sha-512=:([A-Za-z0-9+/=]+):")

Random = Callable[[int], bytes]


@dataclass(frozen=True, slots=True)
class Keyring:
    """The secrets that keep personal data: the key-encryption key and its name, the pepper of look-ups, the key of buckets."""

    kek_id: str
    kek: bytes = field(repr=False)
    pepper: bytes = field(repr=False)
    bucket_key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        """Refuse keys that are too short, and one secret for two uses. Raises errors.Misconfigured."""
        secrets = (self.kek, self.pepper, self.bucket_key)
        if any(len(secret) != _KEY_BYTES for secret in secrets) or len(set(secrets)) != len(secrets):
            raise errors.Misconfigured("a keyring needs three different keys of 32 bytes")


@dataclass(frozen=True, slots=True)
class Sealed:
    """A sealed record. `wrapped` is its own key, wrapped; empty once it was erased."""

    kek_id: str
    wrapped: bytes
    nonce: bytes
    box: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Evidence:
    """What was signed, column by column as it is stored.

    A `request` is one that the house received: base and signature are the caller's, the sealed body is its raw bytes. A `call` is one
    that the house sent: base and signature are the house's, `meta` has the answer's, the sealed body is JSON of both bodies.
    """

    evidence_id: UUID
    kind: str
    key_id: str
    signed_at: datetime
    base: bytes
    signature: bytes
    digest: bytes | None  # sha-256 of the body that `base` speaks of; None when it had none
    meta: bytes
    sealed: Sealed


class Presented(Protocol):
    """A signature as `clearing.signatures` presents it."""

    @property
    def key_id(self) -> str: ...
    @property
    def alg(self) -> str: ...
    @property
    def tag(self) -> str: ...
    @property
    def created(self) -> int: ...
    @property
    def base(self) -> bytes: ...
    @property
    def signature(self) -> bytes: ...
    @property
    def content_digest(self) -> str | None: ...


class Message(Protocol):
    """A message as it stood on the wire."""

    @property
    def method(self) -> str: ...
    @property
    def authority(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def query(self) -> str: ...
    @property
    def body(self) -> bytes: ...
    @property
    def status(self) -> int | None: ...


class Verifier(Protocol):
    """A public key."""

    def verify(self, signature: bytes, data: bytes) -> bool: ...


# --- sealing


def place(table: str, lane: int, record: UUID, column: str) -> bytes:
    """The additional data of a box: where it belongs. A box that is moved does not open."""
    return f"{table}|{lane}|{record.hex}|{column}".encode()


def seal(keyring: Keyring, aad: bytes, plain: bytes, random: Random) -> Sealed:
    """Seal `plain` under a new key; `random` is asked once, for 44 bytes: the key and the nonce."""
    fresh = random(_KEY_BYTES + _NONCE_BYTES)
    key, nonce = fresh[:_KEY_BYTES], fresh[_KEY_BYTES:]
    if len(nonce) != _NONCE_BYTES:
        raise errors.SealBroken("too few random bytes to seal with")
    return Sealed(keyring.kek_id, aes_key_wrap(keyring.kek, key), nonce, AESGCM(key).encrypt(nonce, plain, aad))


def open_sealed(keyring: Keyring, aad: bytes, sealed: Sealed) -> bytes:
    """What was sealed. Raises errors.SealBroken for another keyring, another place, changed bytes, or an erased key."""
    if not sealed.wrapped:
        raise errors.SealBroken("the record was erased: its key is gone")
    if sealed.kek_id != keyring.kek_id:
        raise errors.SealBroken("the record is sealed under another key-encryption key")
    try:
        return AESGCM(aes_key_unwrap(keyring.kek, sealed.wrapped)).decrypt(sealed.nonce, sealed.box, aad)
    except (InvalidUnwrap, InvalidTag, ValueError):
        raise errors.SealBroken from None


def erase(sealed: Sealed) -> Sealed:
    """The record without its key: nobody opens it again."""
    return replace(sealed, wrapped=ERASED)


# --- membership numbers


def blind_index(keyring: Keyring, program: str, member: str) -> bytes:
    """What a membership number is found by. Equal numbers of two programs differ; without the pepper no guess can be tested."""
    return hmac.digest(keyring.pepper, _named(program, member), "sha256")


def bucket(keyring: Keyring, program: str, member: str) -> int:
    """The ten bits that route a member's ids to a lane."""
    return int.from_bytes(hmac.digest(keyring.bucket_key, _named(program, member), "sha256")[:2], "big") >> 6


def mask(member: str) -> str:
    """How a membership number is shown: its last characters, at most four and never more than a third; its length is not told."""
    shown = min(_SHOWN_MAX, len(member) // 3)
    return "****" + member[len(member) - shown :]


def _named(program: str, member: str) -> bytes:
    return program.encode() + b"\x00" + member.encode()


# --- evidence


def of_request(
    presented: Presented, message: Message, *, keyring: Keyring, lane: int, evidence_id: UUID, random: Random
) -> Evidence:
    """The evidence of a request whose signature was confirmed."""
    digest = None if presented.content_digest is None else sha256(message.body).digest()
    return _evidence(
        "request", presented, digest, _meta(presented, message), message.body, keyring, lane, evidence_id, random
    )


def of_call(
    asked: Presented,
    request: Message,
    answered: Presented | None,
    answer: Message,
    *,
    keyring: Keyring,
    lane: int,
    evidence_id: UUID,
    random: Random,
) -> Evidence:
    """The evidence of a call that the house signed and of the answer to it; `answered` is None where the program does not sign."""
    digest = None if asked.content_digest is None else sha256(request.body).digest()
    meta = {**_meta(asked, request), "status": answer.status}
    if answered is not None:
        meta |= {
            "answer_base": answered.base.decode("latin-1"),
            "answer_signature": _text(answered.signature),
            "answer_key_id": answered.key_id,
            "answer_alg": answered.alg,
            "answer_tag": answered.tag,
            "answer_digest": None if answered.content_digest is None else _text(sha256(answer.body).digest()),
        }
    bodies = orjson.dumps({"request": _text(request.body), "answer": _text(answer.body)})
    return _evidence("call", asked, digest, meta, bodies, keyring, lane, evidence_id, random)


def answer_key_id(evidence: Evidence) -> str | None:
    """The key that signed the answer to a call, if it was signed."""
    key_id = orjson.loads(evidence.meta).get("answer_key_id")
    return None if key_id is None else str(key_id)


def verify(
    evidence: Evidence, key: Verifier, keyring: Keyring | None, *, lane: int = 0, answer_key: Verifier | None = None
) -> list[str]:
    """What is wrong with the evidence, or not covered; an empty list says that all of it was verified again.

    `base`: the signature is not this key's over the base. `digest`: the digest kept is not the one signed, or the body is another.
    `seal`: the box does not open here. `body_erased`: the body's key was dropped; base and digest alone were verified. `body_unread`:
    no keyring was given. Of a call also `answer_base`, `answer_digest`, and `answer_unverified`: no key of the answer was given.
    """
    meta = orjson.loads(evidence.meta)
    findings = _signed("", evidence.base, evidence.signature, evidence.digest, key)
    if "answer_base" in meta:
        if answer_key is None:
            findings.append("answer_unverified")
        else:
            base, signature = meta["answer_base"].encode("latin-1"), base64.b64decode(meta["answer_signature"])
            findings += _signed("answer_", base, signature, _bytes(meta["answer_digest"]), answer_key)
    return findings + _body_findings(evidence, meta, keyring, lane)


def _signed(prefix: str, base: bytes, signature: bytes, digest: bytes | None, key: Verifier) -> list[str]:
    findings = [] if key.verify(signature, base) else [f"{prefix}base"]
    line = _DIGEST_LINE.search(base)
    said = None if line is None else _SHA_256.search(line[1])
    if (line is None) != (digest is None) or (said is not None and _bytes(said[1].decode()) != digest):
        findings.append(f"{prefix}digest")
    return findings


def _body_findings(evidence: Evidence, meta: Mapping[str, Any], keyring: Keyring | None, lane: int) -> list[str]:
    if not evidence.sealed.wrapped:
        return ["body_erased"]
    if keyring is None:
        return ["body_unread"]
    try:
        plain = open_sealed(keyring, place("evidence", lane, evidence.evidence_id, "box"), evidence.sealed)
    except errors.SealBroken:
        return ["seal"]
    if evidence.kind == "request":
        return [] if _is_body(plain, evidence.digest, evidence.base) else ["digest"]
    bodies, findings = orjson.loads(plain), []
    if not _is_body(base64.b64decode(bodies["request"]), evidence.digest, evidence.base):
        findings.append("digest")
    if "answer_base" in meta:
        answer, base = base64.b64decode(bodies["answer"]), meta["answer_base"].encode("latin-1")
        if not _is_body(answer, _bytes(meta["answer_digest"]), base):
            findings.append("answer_digest")
    return findings


def _is_body(plain: bytes, digest: bytes | None, base: bytes) -> bool:
    if digest is None:
        return not plain
    line = _DIGEST_LINE.search(base)
    long = None if line is None else _SHA_512.search(line[1])
    if long is not None and _bytes(long[1].decode()) != sha512(plain).digest():
        return False
    return sha256(plain).digest() == digest


def _meta(presented: Presented, message: Message) -> dict[str, object]:
    return {
        "method": message.method,
        "target": message.authority + message.path + (message.query if len(message.query) > 1 else ""),
        "tag": presented.tag,
        "alg": presented.alg,
    }


def _evidence(
    kind: str,
    presented: Presented,
    digest: bytes | None,
    meta: dict[str, object],
    body: bytes,
    keyring: Keyring,
    lane: int,
    evidence_id: UUID,
    random: Random,
) -> Evidence:
    return Evidence(
        evidence_id,
        kind,
        presented.key_id,
        datetime.fromtimestamp(presented.created, UTC),
        presented.base,
        presented.signature,
        digest,
        orjson.dumps(meta),
        seal(keyring, place("evidence", lane, evidence_id, "box"), body, random),
    )


def _text(data: bytes) -> str:
    return base64.b64encode(data).decode()


def _bytes(text: str | None) -> bytes | None:
    return None if text is None else base64.b64decode(text)
