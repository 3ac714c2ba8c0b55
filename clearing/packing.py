"""How values are packed for PostgreSQL: single ones and whole columns, in its binary form, by the type that it asks for.

psycopg looks for a dumper for every value of a list; for thirty columns of five hundred rows that took longer than deciding the batch.
Here the server has said which type a parameter has, and a column is packed in one go. Formats: array_recv and the other receive
functions of PostgreSQL's src/backend/utils/adt.
"""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from struct import Struct
from typing import Any

Column = Sequence[Any]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # of PostgreSQL's timestamps
_MICROSECONDS = 1_000_000
_SECONDS_A_DAY = 86_400
_HEADER = Struct("!5i")
_LENGTH = Struct("!i").pack
_LENGTHS = tuple(_LENGTH(length) for length in range(2048))
_NULL = _LENGTH(-1)
_SIXTEEN = _LENGTH(16)
_PACK_64 = Struct("!q").pack


def _head(oid: int, column: Column, *, nulls: bool) -> bytes:
    return _HEADER.pack(1, nulls, oid, len(column), 1)


@lru_cache(maxsize=2048)
def _struct(code: str, count: int) -> Struct:
    return Struct("!" + f"i{code}" * count)


def _fixed(oid: int, code: str, size: int) -> Callable[[Column], bytes]:
    """Packs numbers of one size: length and value in turn, in one call."""

    def pack(column: Column) -> bytes:
        if None in column:
            one = Struct(f"!i{code}").pack
            body = b"".join([_NULL if value is None else one(size, value) for value in column])
            return _head(oid, column, nulls=True) + body
        flat = [size] * (2 * len(column))
        flat[1::2] = column
        return _head(oid, column, nulls=False) + _struct(code, len(column)).pack(*flat)

    return pack


def _measured(oid: int, data_of: Callable[[Any], bytes]) -> Callable[[Column], bytes]:
    """Packs values of any length, each after its length."""

    def pack(column: Column) -> bytes:
        nulls = False
        parts: list[bytes] = []
        add = parts.append
        for value in column:
            if value is None:
                nulls = True
                add(_NULL)
                continue
            data = data_of(value)
            length = len(data)
            add(_LENGTHS[length] if length < len(_LENGTHS) else _LENGTH(length))
            add(data)
        return _head(oid, column, nulls=nulls) + b"".join(parts)

    return pack


def _uuids(column: Column) -> bytes:
    """Packs ids. The lines of one event carry the same id one after another: its bytes are made once."""
    parts: list[bytes] = []
    add = parts.append
    last, data = None, _NULL
    for value in column:
        if value is not last:
            last, data = value, _NULL if value is None else _SIXTEEN + value.bytes
        add(data)
    return _head(2950, column, nulls=None in column) + b"".join(parts)


def _text(value: str) -> bytes:
    return value.encode()  # a lone surrogate ends here, as UnicodeEncodeError; PostgreSQL refuses NUL


@lru_cache(maxsize=4096)
def _instant(value: datetime) -> int:
    since = value - _EPOCH
    return (since.days * _SECONDS_A_DAY + since.seconds) * _MICROSECONDS + since.microseconds


_INSTANTS = _fixed(1184, "q", 8)


def _instants(column: Column) -> bytes:
    return _INSTANTS([None if value is None else _instant(value) for value in column])


PACK: dict[int, Callable[[Any], bytes]] = {
    16: Struct("!?").pack,
    17: bytes,
    20: _PACK_64,
    21: Struct("!h").pack,
    23: Struct("!i").pack,
    25: _text,
    1184: lambda value: _PACK_64(_instant(value)),
    2950: lambda value: bytes(value.bytes),
    1000: _fixed(16, "?", 1),
    1001: _measured(17, bytes),
    1005: _fixed(21, "h", 2),
    1007: _fixed(23, "i", 4),
    1009: _measured(25, _text),
    1016: _fixed(20, "q", 8),
    1185: _instants,
    2951: _uuids,
}
"""OID of a type → how a value of it is packed: bool, bytea, int8, int2, int4, text, timestamptz, uuid, and arrays of them."""
