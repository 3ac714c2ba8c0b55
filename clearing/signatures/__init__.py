"""Sign and verify, pure: HTTP messages (RFC 9421, 9530), tokens (RFC 7515), checkpoints (C2SP); no clock, no I/O."""

from clearing.signatures.keys import (
    ALGORITHMS,
    ECDSA_P256,
    ED25519,
    PrivateKey,
    PublicKey,
    decode,
    encode,
    parse_jwks,
    parse_public_jwk,
    thumbprint,
)
from clearing.signatures.message import STATE_CHANGING, Message, content_digest, require_normal_target
from clearing.signatures.notes import note_sign, note_verify
from clearing.signatures.profile import REQUEST_TAG, RESPONSE_TAG, sign_request, sign_response
from clearing.signatures.tokens import QUOTE, RECEIPT, jws_key_id, jws_sign, jws_verify
from clearing.signatures.verify import Presented, confirm, present, verify_response

__all__ = [
    "ALGORITHMS",
    "ECDSA_P256",
    "ED25519",
    "QUOTE",
    "RECEIPT",
    "REQUEST_TAG",
    "RESPONSE_TAG",
    "STATE_CHANGING",
    "Message",
    "Presented",
    "PrivateKey",
    "PublicKey",
    "confirm",
    "content_digest",
    "decode",
    "encode",
    "jws_key_id",
    "jws_sign",
    "jws_verify",
    "note_sign",
    "note_verify",
    "parse_jwks",
    "parse_public_jwk",
    "present",
    "require_normal_target",
    "sign_request",
    "sign_response",
    "thumbprint",
    "verify_response",
]
