"""The seal of a statement: a signature of the house over everything beside the lines, the Merkle root of the lines among it.

The tree is that of RFC 6962, a leaf the canonical bytes of a line, which are also its row in the evidence. A sealed file carries the
hashes of all leaves: they make the signed root, so a line that is not the one of its place is known, and with the signed hash of every
column also the figure in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from clearing.rules import merkle
from clearing.signatures import PrivateKey, decode, encode, jws_sign
from settlement.rules.statement import Statement
from settlement.rules.statement_json import document
from settlement.rules.statement_lines import COLUMNS, canonical, record

STATEMENT = "clearing-statement+jws"
"""The type of the token: it passes for nothing else, and nothing else for it."""
HASHES_A_ROW = 512
SEALED = ("root", "column_hashes", "key")
"""What the seal adds to the document of a statement."""
_HASH_BYTES = 32


@dataclass(frozen=True, slots=True)
class Sealed:
    """A statement that will not change any more. All its files are made of this, and the same bytes every time."""

    statement: Statement
    header: bytes
    records: tuple[bytes, ...]
    leaves: tuple[bytes, ...]
    token: str


def seal(statement: Statement, key: PrivateKey) -> Sealed:
    """The statement, signed by the house. Ed25519: the same statement under the same key gives the same seal."""
    rows = [record(line, number) for number, line in enumerate(statement.lines, 1)]
    records = tuple(canonical(row) for row in rows)
    leaves = tuple(merkle.leaf_hash(one) for one in records)
    header = canonical(
        {
            **document(statement),
            "root": encode(root_of(leaves)),
            "column_hashes": column_hashes(rows),
            "key": key.public.key_id,
        }
    )
    return Sealed(statement, header, records, leaves, jws_sign(header, key, STATEMENT))


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree with these leaf hashes."""
    frontier: list[bytes] = []
    for size, leaf in enumerate(leaves):
        merkle.append(frontier, size, leaf)
    return merkle.root(frontier)


def column_hashes(rows: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """The SHA-256 of every column from top to bottom: each value as JSON writes it, and a line feed after each."""
    hashes = {}
    for name in COLUMNS:
        text = sha256()
        for row in rows:
            text.update((canonical(row[name]) if name in row else b"") + b"\n")
        hashes[name] = encode(text.digest())
    return hashes


def hash_rows(leaves: Sequence[bytes]) -> list[tuple[int, str]]:
    """The leaf hashes in rows: the number of the first line of the row, and its hashes behind one another in base64url."""
    return [
        (first + 1, encode(b"".join(leaves[first : first + HASHES_A_ROW])))
        for first in range(0, len(leaves), HASHES_A_ROW)
    ]


def hashes_of(rows: Iterable[tuple[int, str]]) -> tuple[bytes, ...]:
    """The leaf hashes of such rows. Raises ValueError where they are not whole."""
    found: list[bytes] = []
    for first, text in rows:
        data = decode(text)
        if first != len(found) + 1 or len(data) % _HASH_BYTES:
            message = f"the hashes of the lines from {len(found) + 1} on are not whole"
            raise ValueError(message)
        found += [data[start : start + _HASH_BYTES] for start in range(0, len(data), _HASH_BYTES)]
    return tuple(found)
