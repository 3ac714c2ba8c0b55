"""Verification as a numbered list: the steps of the published vectors, in order, each with its own refusal.

Steps 0 to 6 need no key (`present`), 7 to 9 are the caller's (who is this key?), 10 and 11 need it (`confirm`); what
follows is the caller's again: 12 the nonce, remembered only now so that strangers cannot fill the memory; then the body
and the caller's rights.
Nothing here reads a clock: `now` is an argument.
"""

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import http_sf

from clearing import errors
from clearing.signatures.keys import ALGORITHMS, PublicKey
from clearing.signatures.message import (
    Message,
    Values,
    parse_dictionary,
    require_digest,
    require_normal_target,
    values_of,
)
from clearing.signatures.profile import (
    LABEL,
    LIFETIME_SECONDS_MAX,
    NONCE,
    REQUEST_TAG,
    RESPONSE_TAG,
    SKEW_SECONDS_MAX,
    WELL_KNOWN,
    Component,
    component,
    require_once,
    required_of_request,
    required_of_response,
    signature_base,
)

# Our own clients write exactly this; anything else goes through the structured-field parser.
_CANONICAL = re.compile(
    r'sig1=((\([^()]*\));created=(0|[1-9][0-9]{0,14});expires=(0|[1-9][0-9]{0,14})(?:;nonce="([A-Za-z0-9_-]+)")?'
    r';keyid="([A-Za-z0-9_-]+)";alg="([a-z0-9-]+)";tag="([a-z0-9-]+)")'
)
_SIGNATURE = re.compile(r"sig1=:([A-Za-z0-9+/]+={0,2}):")
_DIGEST = component("content-digest")
_DERIVED = frozenset({"@method", "@authority", "@path", "@query"})
_PARAMETERS = {"created": int, "expires": int, "nonce": str, "keyid": str, "alg": str, "tag": str}
_OF_REQUEST = ("created", "expires", "nonce", "keyid", "alg", "tag")
_OF_RESPONSE = ("created", "expires", "keyid", "alg", "tag")


@dataclass(frozen=True, slots=True)
class Presented:
    """A signature that is well formed, in time and covers what it must; not yet known to be true."""

    key_id: str
    alg: str
    tag: str
    nonce: str
    created: int
    expires: int
    base: bytes
    signature: bytes
    content_digest: str | None


@dataclass(frozen=True, slots=True)
class _Read:
    """One member of Signature-Input and of Signature, read but not judged."""

    components: tuple[Component, ...]
    unknown: str  # the first component that this profile cannot resolve, if any
    parameters: dict[str, Any]
    text: str
    signature: bytes


def present(message: Message, *, now: int, authorities: frozenset[str], tag: str = REQUEST_TAG) -> Presented:
    """Steps 0 to 6 for a request: everything that needs no key. The caller continues with 7 to 9, then `confirm`."""
    own = values_of(message)
    read = _read(own)  # 0, 1
    require_once(read.components, own, None)  # 1
    if message.authority not in authorities or "host" in own.doubled:  # 1b
        raise errors.TargetMalformed("the host is not ours, or was said twice")
    require_normal_target(message)
    _require_terms(read, _OF_REQUEST, tag, now)  # 2 to 5
    _require_coverage(read, required_of_request(message), _DERIVED, of_request=False)  # 6
    return _presented(read, own, None)


def confirm(presented: Presented, key: PublicKey, message: Message) -> None:
    """Steps 10 and 11, with the key that the caller found under `presented.key_id` and judged (steps 7 to 9)."""
    if key.key_id != presented.key_id:  # 7 again: a mistake of the caller must not become a verdict
        raise errors.SignatureKeyUnknown
    if key.alg != presented.alg:  # 8 in part: the algorithm is the key's own (RFC 9421 section 7.3.6)
        raise errors.SignatureKeyPurposeInvalid
    if not key.verify(presented.signature, presented.base):  # 10
        raise errors.SignatureInvalid
    if presented.content_digest is not None:  # 11
        require_digest(presented.content_digest, message.body)


def verify_response(
    request: Message, response: Message, key_of: Callable[[str], PublicKey | None], *, now: int, tag: str = RESPONSE_TAG
) -> Presented:
    """All steps for an answer to `request`, which is given as it was sent, with its signature headers.

    The answer must be bound to that request: a captured answer, however genuine, answers nothing else.
    """
    own, of_request = values_of(response), values_of(request)
    read = _read(own)  # 0, 1
    require_once(read.components, own, of_request)  # 1
    _require_terms(read, _OF_RESPONSE, tag, now)  # 2 to 5
    required = required_of_response(response, of_request)
    _require_coverage(read, required, frozenset({"@status"}), of_request=True)  # 6
    presented = _presented(read, own, of_request)
    key = key_of(presented.key_id)  # 7 to 9: the caller's view of its peer's keys
    if key is None:
        raise errors.SignatureKeyUnknown
    confirm(presented, key, response)  # 10, 11
    return presented


def _read(own: Values) -> _Read:
    """Steps 0 and 1: both headers are there and readable. Other labels than ours are ignored, doubled ones refused."""
    field, proof = own.of.get("signature-input"), own.of.get("signature")
    if field is None and proof is None:  # 0
        raise errors.SignatureRequired
    if field is None or proof is None:  # 1
        raise errors.SignatureHeaderMalformed("Signature-Input and Signature come together")
    canonical = _CANONICAL.fullmatch(field)
    components = WELL_KNOWN.get(canonical[2]) if canonical is not None else None
    if canonical is None or components is None:
        return _read_any(field, _signature(proof))
    text, _, created, expires, nonce, key_id, alg, tag = canonical.groups()
    parameters: dict[str, Any] = {"created": int(created), "expires": int(expires)}
    if nonce is not None:
        parameters["nonce"] = nonce
    parameters |= {"keyid": key_id, "alg": alg, "tag": tag}
    return _Read(components, "", parameters, text, _signature(proof))


def _signature(field: str) -> bytes:
    match = _SIGNATURE.fullmatch(field)
    if match is not None:
        try:
            signature = base64.b64decode(match[1], validate=True)
        except binascii.Error as reason:
            raise errors.SignatureHeaderMalformed("the signature is not base64") from reason
    else:
        found, _ = parse_dictionary(field).get(LABEL, (None, None))
        if not isinstance(found, bytes):
            raise errors.SignatureHeaderMalformed(f"Signature has no byte sequence {LABEL}")
        signature = found
    if f"{LABEL}=:{base64.b64encode(signature).decode()}:" not in field:  # unused bits of base64 could carry anything
        raise errors.SignatureHeaderMalformed("the signature is not canonical base64")
    return signature


def _read_any(field: str, signature: bytes) -> _Read:
    """Any other well-formed serialisation; what was signed is its canonical form (RFC 9421 section 2.3)."""
    member = parse_dictionary(field).get(LABEL)
    if member is None or not isinstance(member[0], list):
        raise errors.SignatureHeaderMalformed(f"Signature-Input has no inner list {LABEL}")
    items, parameters = member
    components, unknown = [], ""
    for name, options in items:
        if not isinstance(name, str):
            raise errors.SignatureHeaderMalformed("a component name is not a string")
        if options not in ({}, {"req": True}) or name != name.lower():
            unknown = unknown or name
        components.append(Component(name, options.get("req") is True, _canonical((name, options))))
    if len(set(components)) != len(components):
        raise errors.SignatureHeaderMalformed("a component is covered twice")
    return _Read(tuple(components), unknown, parameters, _canonical([member]), signature)


def _canonical(structure: Any) -> str:
    """The one serialisation of a structured value (RFC 9651 section 4.1)."""
    try:
        return http_sf.ser(structure)
    except (ValueError, OverflowError) as reason:
        raise errors.SignatureHeaderMalformed(f"cannot be written again: {reason}") from reason


def _require_terms(read: _Read, required: tuple[str, ...], tag: str, now: int) -> None:
    """Steps 2 to 5: the parameters, their types, the tag, the algorithm, the window."""
    said = read.parameters
    for name in required:  # 2
        if name not in said:
            raise errors.SignatureParamsIncomplete(f"the signature parameter {name} is missing")
    for name, value in said.items():
        if type(value) is not _PARAMETERS.get(name):
            raise errors.SignatureParamsIncomplete(f"the signature parameter {name} is unknown or of another type")
    if "nonce" in required and NONCE.fullmatch(said["nonce"]) is None:
        raise errors.SignatureParamsIncomplete("a nonce is 22 to 128 characters of base64url")
    if said["tag"] != tag:  # 3
        raise errors.SignatureTagInvalid
    if said["alg"] not in ALGORITHMS:  # 4
        raise errors.SignatureAlgNotAllowed
    created, expires = said["created"], said["expires"]
    if created > now + SKEW_SECONDS_MAX or expires < now - SKEW_SECONDS_MAX:  # 5
        raise errors.SignatureWindowInvalid
    if not 0 < expires - created <= LIFETIME_SECONDS_MAX:
        raise errors.SignatureWindowInvalid


def _require_coverage(
    read: _Read, required: tuple[Component, ...], derived: frozenset[str], *, of_request: bool
) -> None:
    """Step 6: everything required is covered, and nothing is covered that this profile cannot resolve."""
    if read.components == required:
        return
    if read.unknown:
        raise errors.SignatureComponentsIncomplete(f"the component {read.unknown!r} is not known here")
    for part in read.components:
        known = _DERIVED if part.of_request else derived
        if (part.of_request and not of_request) or (part.name.startswith("@") and part.name not in known):
            raise errors.SignatureComponentsIncomplete(f"the component {part.text} is not known here")
    missing = [part.text for part in required if part not in read.components]
    if missing:
        raise errors.SignatureComponentsIncomplete(f"not covered: {' '.join(missing)}")


def _presented(read: _Read, own: Values, request: Values | None) -> Presented:
    said = read.parameters
    return Presented(
        key_id=said["keyid"],
        alg=said["alg"],
        tag=said["tag"],
        nonce=said.get("nonce", ""),
        created=said["created"],
        expires=said["expires"],
        base=signature_base(read.components, own, request, read.text),
        signature=read.signature,
        content_digest=own.of["content-digest"] if _DIGEST in read.components else None,
    )
