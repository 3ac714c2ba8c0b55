"""A receipt checked offline, years later: who signed it, what event it commits to, that the log holds that event."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from clearing import errors
from clearing.rules import merkle
from clearing.signatures import ED25519, RECEIPT, PublicKey, decode, jws_verify, note_verify, parse_jwks


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, and whether it holds."""

    check: str  # signature, leaf, event, checkpoint, origin, place, inclusion
    holds: bool
    detail: str


def verify_receipt(
    receipt: Mapping[str, Any], jwks: Mapping[str, Any], *, origin: str | None = None
) -> tuple[Finding, ...]:
    """What can be said of a receipt with the house's keys and nothing else. Nothing is skipped in silence.

    `receipt` is {"receipt": token} and, once the log has taken the event, {"proof": {"index", "path", "checkpoint"}},
    where the path is hexadecimal and the checkpoint a signed note. The token's payload is {"exchange", "event", "salt",
    "lane", "index", "leaf"}.

    1. signature: the token is the house's; without it nothing else is looked at. 2. leaf: salt and event make the
    committed leaf. 3. event: the event speaks of the exchange of the receipt. 4. checkpoint: the note is the house's.
    5. origin: it is the log that was asked for. 6. place: receipt and proof name the same index. 7. inclusion: the leaf
    is in that log.
    """
    keys = parse_jwks(jwks)
    try:
        said = json.loads(jws_verify(str(receipt.get("receipt", "")), keys.get, RECEIPT))  # 1
        leaf, made = _leaves(said)
    except (errors.TokenInvalid, KeyError, TypeError, ValueError) as reason:
        return (Finding("signature", holds=False, detail=str(reason)),)
    found = [
        Finding("signature", holds=True, detail="the receipt is signed by a key of the house"),
        Finding("leaf", holds=leaf == made, detail="salt and event make the leaf of the receipt"),  # 2
        Finding("event", holds=_speaks_of(said), detail="the event is of the exchange of the receipt"),  # 3
    ]
    proof = receipt.get("proof")
    return (*found, *([] if proof is None else _inclusion(proof, said["index"], leaf, tuple(keys.values()), origin)))


def holds(findings: Sequence[Finding], *, proven: bool = False) -> bool:
    """Whether all of it holds; nothing checked is nothing held. `proven` asks that inclusion was among it."""
    checks = {finding.check for finding in findings if finding.holds}
    wanted = {"signature", "leaf", "event"} | ({"checkpoint", "inclusion"} if proven else set())
    return wanted <= checks and all(finding.holds for finding in findings)


def _leaves(said: Mapping[str, Any]) -> tuple[bytes, bytes]:
    """The leaf hash that the receipt names, and the one that its salt and event make."""
    salt, event = decode(said["salt"]), decode(said["event"])
    if len(salt) != 32 or type(said["index"]) is not int or not isinstance(said["exchange"], str):
        raise ValueError("the receipt is signed, and not a receipt")
    return bytes.fromhex(said["leaf"]), merkle.leaf_hash(merkle.commitment(salt, event))


def _speaks_of(said: Mapping[str, Any]) -> bool:
    try:
        event = json.loads(decode(said["event"]))
    except ValueError:
        return False
    return isinstance(event, dict) and event.get("exchange") == said["exchange"]


def _inclusion(
    proof: Mapping[str, Any], index: int, leaf: bytes, keys: tuple[PublicKey, ...], origin: str | None
) -> list[Finding]:
    try:
        log, size, root = checkpoint(str(proof["checkpoint"]), keys)  # 4
        path = [bytes.fromhex(node) for node in proof["path"]]
        place = proof["index"]
    except (errors.TokenInvalid, KeyError, TypeError, ValueError) as reason:
        return [Finding("checkpoint", holds=False, detail=str(reason))]
    included = merkle.verify_inclusion(leaf, index, size, path, root)
    return [
        Finding("checkpoint", holds=True, detail=f"{log} had {size} leaves, signed by the house"),
        *([] if origin is None else [Finding("origin", holds=log == origin, detail=f"the log is {log}")]),  # 5
        Finding("place", holds=place == index, detail="receipt and proof name the same place in the log"),  # 6
        Finding("inclusion", holds=included, detail="the leaf is in the log"),  # 7
    ]


def checkpoint(text: str, keys: tuple[PublicKey, ...]) -> tuple[str, int, bytes]:
    """The checkpoint, signed by any of the keys under the name of its own origin, as tlog-checkpoint recommends."""
    name = text.partition("\n")[0]
    for key in keys:
        if key.alg == ED25519:
            try:
                return note_verify(text, key, name)
            except errors.TokenInvalid:
                continue
    raise errors.TokenInvalid("no key of the house signed the checkpoint")
