"""Checkpoints of a lane's log as signed notes (C2SP signed-note, tlog-checkpoint): three lines and a signature."""

import base64
import binascii
import hashlib
import re

from clearing import errors
from clearing.signatures.keys import PrivateKey, PublicKey

_ED25519 = b"\x01"  # signature type of C2SP signed-note
_SIZE = re.compile(r"0|[1-9][0-9]{0,18}")
_NAME = re.compile(r"[^\s+]+")
_SIGNATURE_LINE = re.compile(r"\u2014 ([^\s+]+) ([A-Za-z0-9+/]+={0,2})")


def note_sign(origin: str, size: int, root: bytes, key: PrivateKey, name: str) -> str:
    """The checkpoint "the log `origin` has `size` leaves and this root", signed under the key name `name`."""
    if _NAME.fullmatch(name) is None or not origin or not origin.isprintable() or size < 0 or len(root) != 32:
        raise ValueError("a checkpoint has an origin, a size, a root of 32 bytes, and a name without spaces or plus")
    text = f"{origin}\n{size}\n{base64.b64encode(root).decode()}\n"
    proof = _key_hash(key.public, name) + key.sign(text.encode())
    return f"{text}\n\u2014 {name} {base64.b64encode(proof).decode()}\n"


def note_verify(text: str, key: PublicKey, name: str) -> tuple[str, int, bytes]:
    """Origin, size and root of a checkpoint that `key` signed under `name`. Raises errors.TokenInvalid.

    Signatures of other names and keys, such as those of witnesses, are left alone; extension lines are not read.
    """
    body, gap, signatures = text.rpartition("\n\n")
    if not gap or not signatures.endswith("\n"):
        raise errors.TokenInvalid("the checkpoint has no signature block")
    body += "\n"
    wanted = _key_hash(key, name)
    lines = [_signature(line) for line in signatures[:-1].split("\n")]
    proofs = [proof[4:] for signer, proof in lines if signer == name and proof[:4] == wanted]
    if not proofs:
        raise errors.TokenInvalid("the checkpoint is not signed by this key")
    if not all(key.verify(proof, body.encode()) for proof in proofs):
        raise errors.TokenInvalid("the signature of the checkpoint does not verify")
    return _checkpoint(body)


def _checkpoint(body: str) -> tuple[str, int, bytes]:
    lines = body[:-1].split("\n")
    if len(lines) < 3 or not all(lines) or _SIZE.fullmatch(lines[1]) is None:
        raise errors.TokenInvalid("the checkpoint is not origin, size and root")
    root = _decode(lines[2])
    if len(root) != 32:
        raise errors.TokenInvalid("the root of the checkpoint is not 32 bytes")
    return lines[0], int(lines[1]), root


def _signature(line: str) -> tuple[str, bytes]:
    match = _SIGNATURE_LINE.fullmatch(line)
    if match is None:
        raise errors.TokenInvalid("the checkpoint has a line that is no signature")
    return match[1], _decode(match[2])


def _decode(text: str) -> bytes:
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as reason:
        raise errors.TokenInvalid("the checkpoint has a part that is not base64") from reason
    if base64.b64encode(data).decode() != text:
        raise errors.TokenInvalid("the checkpoint has a part that is not canonical base64")
    return data


def _key_hash(key: PublicKey, name: str) -> bytes:
    return hashlib.sha256(name.encode() + b"\n" + _ED25519 + key.raw).digest()[:4]
