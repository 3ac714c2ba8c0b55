"""A message as it stood on the wire: the values that can be covered, its normal target, its digest (RFC 9530)."""

import base64
import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import Any

import http_sf

from clearing import errors

STATE_CHANGING = frozenset({"POST", "PUT", "PATCH", "DELETE"})
SINGLE_VALUED = frozenset({"content-type", "content-digest", "idempotency-key"})

# RFC 3986 pchar without escapes, no empty, no dot segment: what a library might rewrite is refused, never normalised.
_PATH = re.compile(r"/|(?:/(?!\.{1,2}(?:/|\Z))[A-Za-z0-9._~!$&'()*+,;=:@-]+)+/?")
_QUERY = re.compile(r"\?[A-Za-z0-9._~!$&'()*+,;=:@/?-]*")
_AUTHORITY = re.compile(r"(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::(?!(?:80|443)\Z)[1-9][0-9]{0,4})?")
_METHOD = re.compile(r"[A-Z]+")
_HASHES = {"sha-256": hashlib.sha256, "sha-512": hashlib.sha512}


@dataclass(frozen=True, slots=True)
class Message:
    """A request, or an answer when `status` is set. Header names are lower-case, their order and number as received.

    `path` is the raw path and `query` begins with "?" (a "?" alone when there is none: RFC 9421 section 2.2.7); neither
    was decoded by any library on the way here.
    """

    method: str
    authority: str
    path: str
    query: str
    headers: tuple[tuple[str, str], ...]
    body: bytes
    status: int | None = None


@dataclass(frozen=True, slots=True)
class Values:
    """What each component name stands for in one message (RFC 9421 sections 2.1, 2.2), and which came in many lines."""

    of: dict[str, str]
    doubled: frozenset[str]


def values_of(message: Message) -> Values:
    """Lines of one field are joined with a comma and a space, outer white space removed; derived components added."""
    of: dict[str, str] = {}
    doubled: set[str] = set()
    for name, line in message.headers:
        text = line.strip(" \t")
        if name in of:
            doubled.add(name)
            text = f"{of[name]}, {text}"
        of[name] = text
    if message.status is None:
        of["@method"] = message.method
        of["@authority"] = message.authority
        of["@path"] = message.path
        of["@query"] = message.query
    else:
        of["@status"] = str(message.status)
    return Values(of, frozenset(doubled))


def require_normal_target(message: Message) -> None:
    """Refuse a target on which two libraries could disagree. Raises errors.TargetMalformed."""
    if _METHOD.fullmatch(message.method) is None:
        raise errors.TargetMalformed("the method is not upper-case letters")
    if _AUTHORITY.fullmatch(message.authority) is None:
        raise errors.TargetMalformed("the host is not lower-case ASCII, or names a default port")
    if _PATH.fullmatch(message.path) is None:
        raise errors.TargetMalformed("the path is not normal: ASCII, no escapes, no empty and no dot segments")
    if _QUERY.fullmatch(message.query) is None:
        raise errors.TargetMalformed("the query is not normal: ASCII without escapes")


def content_digest(body: bytes) -> str:
    """The Content-Digest field of these bytes (RFC 9530 section 2)."""
    return f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode()}:"


def require_digest(field: str, body: bytes) -> None:
    """The field must be sha-256, sha-512 or both, and each must match. Raises errors.ContentDigestMismatch."""
    if field == content_digest(body):
        return
    for name, digest in _digests(field).items():
        make = _HASHES.get(name)
        if make is None:
            raise errors.ContentDigestMismatch(f"Content-Digest: {name} is not accepted, only sha-256 and sha-512")
        if not isinstance(digest, bytes) or not hmac.compare_digest(make(body).digest(), digest):
            raise errors.ContentDigestMismatch


def _digests(field: str) -> dict[str, object]:
    """The members of a Content-Digest field; empty, unreadable, doubled or with parameters is refused."""
    try:
        members = parse_dictionary(field)
    except errors.SignatureHeaderMalformed as reason:
        raise errors.ContentDigestMismatch("Content-Digest is not a structured dictionary") from reason
    if not members or any(parameters for _, parameters in members.values()):
        raise errors.ContentDigestMismatch("Content-Digest has no member, or parameters")
    return {name: value for name, (value, _) in members.items()}


def parse_dictionary(field: str) -> dict[str, tuple[Any, dict[str, Any]]]:
    """A structured dictionary (RFC 9651 section 3.2), nothing in it twice. Raises errors.SignatureHeaderMalformed."""

    def refuse(key: str, where: str) -> None:
        raise errors.SignatureHeaderMalformed(f"{where} {key!r} appears twice")

    try:
        parsed = http_sf.parse(field.encode("ascii"), tltype="dictionary", on_duplicate_key=refuse)
    except (ValueError, OverflowError) as reason:  # http_sf.StructuredFieldError is a ValueError
        raise errors.SignatureHeaderMalformed(f"not a structured dictionary (RFC 9651): {reason}") from reason
    return parsed  # type: ignore[return-value]  # http_sf types a dictionary more loosely than it builds one
