"""Parallel arrays in PostgreSQL's binary form, written by column: a batch's rows cost their bytes, not a dumper call for each value.

psycopg asks every value of a list for its dumper; for thirty columns of five hundred rows that took longer than deciding the batch. Here
the statement says the type (`%(name)b::uuid[]`) and a column is packed in one go. Format: src/backend/utils/adt/arrayfuncs.c, array_recv.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from struct import Struct
from typing import Any

from psycopg import AsyncConnection
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format

Column = Sequence[Any]

_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)  # of PostgreSQL's timestamps
_MICROSECONDS = 1_000_000
_SECONDS_A_DAY = 86_400
_HEADER = Struct("!5i")
_LENGTH = Struct("!i").pack
_LENGTHS = tuple(_LENGTH(length) for length in range(2048))
_NULL = _LENGTH(-1)
_SIXTEEN = _LENGTH(16)
_PARAMETER = re.compile(r"%\((\w+)\)b::(\w+) ?\[\]")


class _Packed:
    """A column, packed; the class says the array's type."""

    __slots__ = ("data",)
    oid = 0

    def __init__(self, data: bytes) -> None:
        self.data = data


class _PackedDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: _Packed) -> Buffer:
        return obj.data


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


_TYPES: dict[str, tuple[int, Callable[[Column], bytes]]] = {
    "smallint": (1005, _fixed(21, "h", 2)),
    "integer": (1007, _fixed(23, "i", 4)),
    "bigint": (1016, _fixed(20, "q", 8)),
    "boolean": (1000, _fixed(16, "?", 1)),
    "uuid": (2951, _uuids),
    "text": (1009, _measured(25, _text)),
    "bytea": (1001, _measured(17, bytes)),
    "timestamptz": (1185, _instants),
}
_CLASSES: dict[str, type[_Packed]] = {
    name: type(f"{name}[]", (_Packed,), {"oid": oid}) for name, (oid, _) in _TYPES.items()
}


def register(connection: AsyncConnection[Any]) -> None:
    """Let this connection send packed columns."""
    for name, packed in _CLASSES.items():
        dumper = type(f"{name}[] dumper", (_PackedDumper,), {"oid": packed.oid})
        connection.adapters.register_dumper(packed, dumper)


@cache
def _types(statement: str) -> dict[str, str]:
    return {name: kind for name, kind in _PARAMETER.findall(statement) if kind in _TYPES}


def bind(statement: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """The parameters of `statement`, its columns packed as the types it states; single values are left to psycopg."""
    types = _types(statement)
    return {
        name: _CLASSES[kind](_TYPES[kind][1](value)) if (kind := types.get(name)) else value
        for name, value in values.items()
    }
