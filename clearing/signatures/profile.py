"""The signing profile: which components are covered, the signature base (RFC 9421 section 2.5), and signing.

A request covers method, authority, path and query always; content type and digest when it has a body; the
Idempotency-Key when it changes state. An answer covers its status, its content, and everything that makes the request
that it answers one of a kind.
"""

import base64
import re
from collections.abc import Iterable
from typing import NamedTuple

from clearing import errors
from clearing.signatures.keys import PrivateKey
from clearing.signatures.message import (
    SINGLE_VALUED,
    STATE_CHANGING,
    Message,
    Values,
    content_digest,
    require_normal_target,
    values_of,
)

LABEL = "sig1"
REQUEST_TAG = "clearing-req-v1"
RESPONSE_TAG = "clearing-resp-v1"
SKEW_SECONDS_MAX = 60
LIFETIME_SECONDS_MAX = 300
NONCE = re.compile(r"[A-Za-z0-9_-]{22,128}")  # 22 characters of base64url carry 16 bytes

_TARGET = ("@method", "@authority", "@path", "@query")
_CONTENT = ("content-type", "content-digest")


class Component(NamedTuple):
    """A component identifier: its name, whether it speaks of the answered request, and how it is written."""

    name: str
    of_request: bool
    text: str


def component(name: str, *, of_request: bool = False) -> Component:
    """An identifier without parameters, or with `req` (RFC 9421 section 2.4)."""
    return Component(name, of_request, f'"{name}";req' if of_request else f'"{name}"')


def listed(components: Iterable[Component]) -> str:
    """The inner list of the covered components, as it stands in Signature-Input."""
    return f"({' '.join([part.text for part in components])})"


def _request_list(*, body: bool, changes: bool) -> tuple[Component, ...]:
    names = (*_TARGET, *(_CONTENT[:1] if body else ()), *(("idempotency-key",) if changes else ()))
    return tuple(component(name) for name in (*names, *(_CONTENT[1:] if body else ())))


def _response_list(*, body: bool, request_digest: bool, request_signed: bool) -> tuple[Component, ...]:
    of_request = (
        *_TARGET,
        *(("content-digest",) if request_digest else ()),
        *(("signature-input", "signature") if request_signed else ()),
    )
    own = ("@status", *(_CONTENT if body else ()))
    return (*map(component, own), *(component(name, of_request=True) for name in of_request))


_BOTH = (False, True)
REQUEST_LISTS = {(body, changes): _request_list(body=body, changes=changes) for body in _BOTH for changes in _BOTH}
RESPONSE_LISTS = {
    (body, digest, signed): _response_list(body=body, request_digest=digest, request_signed=signed)
    for body in _BOTH
    for digest in _BOTH
    for signed in _BOTH
}
_TEXTS = {parts: listed(parts) for parts in (*REQUEST_LISTS.values(), *RESPONSE_LISTS.values())}
WELL_KNOWN = {text: parts for parts, text in _TEXTS.items()}  # the fast way to read Signature-Input


def required_of_request(message: Message) -> tuple[Component, ...]:
    """What the signature of this request must cover."""
    return REQUEST_LISTS[bool(message.body), message.method in STATE_CHANGING]


def required_of_response(response: Message, request: Values) -> tuple[Component, ...]:
    """What the signature of this answer must cover: all of the request that the request itself had signed."""
    digest, signed = "content-digest" in request.of, "signature" in request.of and "signature-input" in request.of
    return RESPONSE_LISTS[bool(response.body), digest, signed]


def require_once(components: Iterable[Component], own: Values, request: Values | None) -> None:
    """Covered fields are there, and single-valued ones once. Raises errors.SignatureHeaderMalformed."""
    for name, of_request, _ in components:
        values = request if of_request and request is not None else own
        if name not in values.of and not name.startswith("@"):
            raise errors.SignatureHeaderMalformed(f"the covered field {name} is missing")
        if name in values.doubled and name in SINGLE_VALUED:
            raise errors.SignatureHeaderMalformed(f"the covered field {name} appears more than once")


def signature_base(components: Iterable[Component], own: Values, request: Values | None, parameters: str) -> bytes:
    """RFC 9421 section 2.5: a line for each component, then the parameters. Only printable ASCII can be signed."""
    lines = []
    for name, of_request, text in components:
        values = request if of_request and request is not None else own
        lines.append(f"{text}: {values.of[name]}")
    lines.append(f'"@signature-params": {parameters}')
    if not "".join(lines).replace("\t", " ").isprintable():
        raise errors.SignatureHeaderMalformed("a covered value has a line break or another control character")
    try:
        return "\n".join(lines).encode("ascii")
    except UnicodeEncodeError as reason:
        raise errors.SignatureHeaderMalformed("a covered value is not ASCII") from reason


def sign_request(
    message: Message, key: PrivateKey, *, created: int, expires: int, nonce: str, tag: str = REQUEST_TAG
) -> list[tuple[str, str]]:
    """The headers to add to this request: Content-Digest when it has a body, Signature-Input and Signature.

    The message must be complete but for these. What the other side would refuse is refused here already, with
    errors.TargetMalformed, SignatureHeaderMalformed, SignatureParamsIncomplete, SignatureWindowInvalid or
    IdempotencyKeyRequired.
    """
    require_normal_target(message)
    if NONCE.fullmatch(nonce) is None:
        raise errors.SignatureParamsIncomplete("a nonce is 22 to 128 characters of base64url")
    own = values_of(message)
    if message.method in STATE_CHANGING and "idempotency-key" not in own.of:
        raise errors.IdempotencyKeyRequired
    middle = f';nonce="{nonce}"'
    return _sign(required_of_request(message), own, None, message, key, (created, expires, middle, tag))


def sign_response(
    request: Message,
    status: int,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    key: PrivateKey,
    *,
    created: int,
    expires: int,
    tag: str = RESPONSE_TAG,
) -> list[tuple[str, str]]:
    """The headers to add to an answer, bound to the request as it was received (RFC 9421 section 2.4).

    An answer without a body has no content components. A request that came unsigned is bound by its target only. A
    request whose values are not printable ASCII cannot be bound: errors.SignatureHeaderMalformed, and the answer goes
    unsigned.
    """
    answer = Message(request.method, request.authority, request.path, request.query, tuple(headers), body, status)
    of_request = values_of(request)
    components = required_of_response(answer, of_request)
    return _sign(components, values_of(answer), of_request, answer, key, (created, expires, "", tag))


def _sign(
    components: tuple[Component, ...],
    own: Values,
    request: Values | None,
    message: Message,
    key: PrivateKey,
    terms: tuple[int, int, str, str],
) -> list[tuple[str, str]]:
    created, expires, middle, tag = terms
    if not 0 < expires - created <= LIFETIME_SECONDS_MAX:
        raise errors.SignatureWindowInvalid
    if not {"content-digest", "signature-input", "signature"}.isdisjoint(own.of):
        raise errors.SignatureHeaderMalformed("the message is signed already")
    added: list[tuple[str, str]] = []
    if message.body:
        own.of["content-digest"] = content_digest(message.body)
        added.append(("content-digest", own.of["content-digest"]))
    require_once(components, own, request)
    public = key.public
    parameters = (
        f"{_TEXTS[components]};created={created};expires={expires}{middle}"
        f';keyid="{public.key_id}";alg="{public.alg}";tag="{tag}"'
    )
    signature = key.sign(signature_base(components, own, request, parameters))
    added.append(("signature-input", f"{LABEL}={parameters}"))
    added.append(("signature", f"{LABEL}=:{base64.b64encode(signature).decode()}:"))
    return added
