"""The secrets of the house in files of their own: the key it signs with and the keyring that seals personal data."""

import json
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import Any

from clearing import errors
from clearing.evidence import Keyring
from clearing.front.settings import Settings
from clearing.signatures import PrivateKey, decode, encode

SECRET_BYTES = 32
_NAMES = ("kek", "pepper", "bucket_key")


def house_key(settings: Settings) -> PrivateKey:
    """The key that the house signs with; made at the first start."""
    return private_key(settings.house_key_path, make=True)


def private_key(path: Path, *, make: bool = False) -> PrivateKey:
    """The private JWK in this file. Raises errors.Misconfigured without saying what is in it."""
    said = _read(path, (lambda: PrivateKey.generate(secrets.token_bytes(SECRET_BYTES)).to_jwk()) if make else None)
    try:
        return PrivateKey.from_jwk(said)
    except errors.KeyRefused as reason:
        raise errors.Misconfigured(f"{path} has no usable private key: {reason.detail}") from None


def keyring(settings: Settings) -> Keyring:
    """What seals membership numbers and bodies; made at the first start. Without it they cannot be opened again."""
    path = settings.keyring_path
    said = _read(path, _new_keyring)
    try:
        return Keyring(str(said["kek_id"]), *(decode(str(said[name])) for name in _NAMES))
    except (KeyError, ValueError):
        raise errors.Misconfigured(f"{path} is no keyring") from None


def _new_keyring() -> dict[str, str]:
    made = {name: encode(secrets.token_bytes(SECRET_BYTES)) for name in _NAMES}
    return {"kek_id": f"kek-{secrets.token_hex(4)}", **made}


def write_secret(path: Path, said: dict[str, Any]) -> bool:
    """Write a new file that only its owner may read, whole or not at all; False when there is one already, which stays."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{secrets.token_hex(8)}")
    with os.fdopen(os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(said, file, indent=2)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    try:
        path.hardlink_to(unfinished)
    except FileExistsError:
        return False
    finally:
        unfinished.unlink()
    return True


def _read(path: Path, make: Callable[[], dict[str, str]] | None) -> dict[str, Any]:
    if make is not None and not path.exists():
        write_secret(path, make())  # whoever was first wins; then both read the same
    try:
        exposed = path.stat().st_mode & 0o077
        said = json.loads(path.read_bytes())
    except (OSError, ValueError) as reason:
        raise errors.Misconfigured(f"{path} cannot be read: {type(reason).__name__}") from None
    if exposed and path.parts[:3] != ("/", "run", "secrets"):
        raise errors.Misconfigured(f"{path} can be read by others: chmod 600 {path}")
    if not isinstance(said, dict):
        raise errors.Misconfigured(f"{path} is not a JSON object")
    return said
