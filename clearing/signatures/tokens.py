"""Signed tokens for quotes and receipts: compact JWS (RFC 7515 section 7.1), Ed25519 or ES256, and nothing else."""

import json
from collections.abc import Callable

from clearing import errors
from clearing.signatures.keys import JOSE_NAMES, PrivateKey, PublicKey, decode, encode

QUOTE = "clearing-quote+jws"
RECEIPT = "clearing-receipt+jws"

_MEMBERS = {"alg", "kid", "typ"}


def jws_sign(payload: bytes, key: PrivateKey, typ: str) -> str:
    """The token of these bytes. `typ` keeps it from passing for a token of another kind (RFC 8725 section 3.11)."""
    public = key.public
    header = f'{{"alg":"{JOSE_NAMES[public.alg]}","kid":"{public.key_id}","typ":"{typ}"}}'
    signed = f"{encode(header.encode())}.{encode(payload)}"
    return f"{signed}.{encode(key.sign(signed.encode()))}"


def jws_verify(token: str, key_of: Callable[[str], PublicKey | None], typ: str) -> bytes:
    """The payload of a token that is ours and unchanged. Raises errors.TokenInvalid.

    1. three parts; 2. the header has alg, kid and typ, once each, and nothing else (no crit, no jku, no jwk); 3. typ is
    the wanted one; 4. the key is known; 5. alg is the key's own; 6. the signature verifies; 7. the payload is canonical
    base64url.
    """
    header = _header(token)  # 1, 2
    if header["typ"] != typ:  # 3
        raise errors.TokenInvalid("the token was issued for something else")
    key = key_of(header["kid"])
    if key is None:  # 4
        raise errors.TokenInvalid("the key of the token is not known")
    if header["alg"] != JOSE_NAMES[key.alg]:  # 5
        raise errors.TokenInvalid("the algorithm of the token is not the key's own")
    signed, _, signature = token.rpartition(".")
    if not key.verify(_part(signature), signed.encode("ascii")):  # 6
        raise errors.TokenInvalid("the signature of the token does not verify")
    return _part(signed.partition(".")[2])  # 7


def jws_key_id(token: str) -> str:
    """The key id that the token names; unverified, good for looking up a key and for nothing else."""
    return _header(token)["kid"]


def _header(token: str) -> dict[str, str]:
    parts = token.split(".")
    if len(parts) != 3 or not token.isascii():
        raise errors.TokenInvalid("a token has three parts of base64url")
    try:
        pairs = json.loads(_part(parts[0]).decode(), object_pairs_hook=list)
    except (ValueError, RecursionError) as reason:
        raise errors.TokenInvalid("the header of the token is not JSON") from reason
    if not isinstance(pairs, list) or not all(isinstance(pair, tuple) for pair in pairs):
        raise errors.TokenInvalid("the header of the token is not an object")
    header = dict(pairs)
    if len(pairs) != len(header) or set(header) != _MEMBERS:
        raise errors.TokenInvalid("the header of the token has other members than alg, kid and typ")
    if not all(isinstance(value, str) for value in header.values()):
        raise errors.TokenInvalid("the header of the token has a member that is not a string")
    return header


def _part(text: str) -> bytes:
    try:
        return decode(text)
    except ValueError as reason:
        raise errors.TokenInvalid(f"a part of the token is {reason}") from reason
