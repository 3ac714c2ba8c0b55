"""The seal of a statement: a signature of the house over everything beside the lines, the Merkle root of the lines among it.

The tree is that of RFC 6962, a leaf the canonical bytes of a line, which are also its row in the evidence. A sealed file carries the
hashes of all leaves: they make the signed root, so a line that is not the one of its place is known, and with the signed hash of every
column also the figure in it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from itertools import islice
from typing import Any

from clearing.rules import merkle
from clearing.signatures import PrivateKey, decode, encode, jws_sign
from settlement.rules.statement import Statement
from settlement.rules.statement_json import document
from settlement.rules.statement_lines import CELLS, COLUMNS, WRITTEN, canonical, cells

STATEMENT = "clearing-statement+jws"
"""The type of the token: it passes for nothing else, and nothing else for it."""
HASHES_A_ROW = 512
WRITTEN_AT_ONCE = 4_096
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


@dataclass(frozen=True, slots=True)
class Unsigned:
    """A statement with all that its seal commits to; only the signature is missing. It is made without the key, wherever there is time."""

    statement: Statement
    header: bytes
    records: tuple[bytes, ...]
    leaves: tuple[bytes, ...]


def seal(statement: Statement, key: PrivateKey) -> Sealed:
    """The statement, signed by the house. Ed25519: the same statement under the same key gives the same seal."""
    made = unsigned(statement, key.public.key_id)
    return Sealed(statement, made.header, made.records, made.leaves, signature(made.header, key))


def unsigned(statement: Statement, key_id: str) -> Unsigned:
    """All of the seal but the signature; the key of this id is going to sign."""
    records, columns = _written(statement)
    leaves = tuple([merkle.leaf_hash(one) for one in records])
    said = {**document(statement), "root": encode(root_of(leaves)), "column_hashes": columns, "key": key_id}
    return Unsigned(statement, canonical(said), records, leaves)


def signature(header: bytes, key: PrivateKey) -> str:
    """The seal itself, over the header."""
    return jws_sign(header, key, STATEMENT)


def _written(statement: Statement) -> tuple[tuple[bytes, ...], dict[str, str]]:
    """The canonical bytes of every line, and the hashes of the columns: each line is written once, some thousand at a time."""
    records: list[bytes] = []
    hashes = {name: sha256() for name in CELLS}
    numbered = enumerate(statement.lines, 1)
    while some := [cells(line, number) for number, line in islice(numbered, WRITTEN_AT_ONCE)]:
        records += [(WRITTEN % one).encode() for one in some]
        for name, column in zip(CELLS, zip(*some, strict=True), strict=True):
            hashes[name].update(("\n".join(column) + "\n").encode())
    return tuple(records), {name: encode(text.digest()) for name, text in hashes.items()}


def root_of(leaves: Iterable[bytes]) -> bytes:
    """The root of the tree with these leaf hashes: pair by pair, level by level; one that is left over goes up as it is."""
    level = list(leaves)
    while len(level) > 1:
        above = [merkle.node_hash(*pair) for pair in zip(level[::2], level[1::2], strict=False)]
        level = [*above, level[-1]] if len(level) % 2 else above
    return level[0] if level else merkle.EMPTY_ROOT


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
