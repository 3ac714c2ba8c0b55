"""What a partner's engineer imports: signed calls, verified answers and receipts; for a program, its own door."""

from clearing.client.auth import HouseAuth
from clearing.client.calls import Clearing, Problem, house_keys, quoted
from clearing.client.log import grew, verify_growth
from clearing.client.receipt import Finding, holds, verify_receipt
from clearing.client.verify import sign_answer, verify_call
from clearing.signatures import (
    Message,
    Presented,
    PrivateKey,
    PublicKey,
    parse_jwks,
    parse_public_jwk,
    sign_request,
    sign_response,
    verify_response,
)

__all__ = [
    "Clearing",
    "Finding",
    "HouseAuth",
    "Message",
    "Presented",
    "PrivateKey",
    "Problem",
    "PublicKey",
    "grew",
    "holds",
    "house_keys",
    "parse_jwks",
    "parse_public_jwk",
    "quoted",
    "sign_answer",
    "sign_request",
    "sign_response",
    "verify_call",
    "verify_growth",
    "verify_receipt",
    "verify_response",
]
