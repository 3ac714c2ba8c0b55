"""The evidence: one JSON value a row, each written in its one way. First what is said of the statement, then its lines, then the seal.

A row of a line is the leaf of the tree, byte for byte: SHA-256 of a zero byte and the row, without its line feed, is its leaf hash.
"""

import json
from collections.abc import Sequence
from typing import Any

from settlement.reports.claims import Claim, Seen, seen
from settlement.reports.seal import Sealed, hash_rows
from settlement.rules.statement_lines import canonical

_HASHES, _SEAL = b'{"first":', b'{"seal":'


def write(sealed: Sealed) -> bytes:
    """The evidence of a sealed statement."""
    return signed(sealed.header, body(sealed.records, sealed.leaves), sealed.token)


def body(records: Sequence[bytes], leaves: Sequence[bytes]) -> bytes:
    """The rows between header and seal, a line feed behind each."""
    hashes = [canonical({"first": first, "hashes": text}) for first, text in hash_rows(leaves)]
    return b"\n".join([*records, *hashes, b""])


def signed(header: bytes, rows: bytes, token: str) -> bytes:
    """The evidence, put together of header, body and seal."""
    return b"".join((header, b"\n", rows, canonical({"seal": token}), b"\n"))


def read(data: bytes, form: str = "JSON lines") -> Claim:
    """What a file of evidence claims; nothing is believed yet."""
    header, *rows = data.removesuffix(b"\n").split(b"\n")
    lines: list[Seen] = []
    hashes: list[tuple[int, str]] = []
    token = ""
    for row in rows:
        if row.startswith(_HASHES) and isinstance(said := _value(row), dict):
            hashes.append((_whole(said.get("first")), str(said.get("hashes"))))
        elif row.startswith(_SEAL) and isinstance(said := _value(row), dict):
            token = str(said.get("seal"))
        else:
            lines.append(seen(row, _value(row)))
    return Claim(form, tuple(lines), tuple(hashes), token, header=header, data=data)


def _value(row: bytes) -> Any:
    try:
        return json.loads(row)
    except (ValueError, RecursionError):
        return None


def _whole(value: object) -> int:
    return value if type(value) is int else 0
