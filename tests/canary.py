"""The one membership number of all tests, and the search for it where no membership number may be.

It may be in the request that links a member, sealed in a box, and in the stores of the programs, whose own it is. Nowhere else.
"""

from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path

import psycopg
from psycopg.sql import SQL, Identifier

from adapters.conformance import MEMBER

NUMBER = MEMBER
"""What tests link. The sandbox reads the character of a member in what stands before it, and a world may append to it."""

STEM = NUMBER[:8].encode()
"""What is looked for: a number that was cut off is found as well."""

TABLES = "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace ORDER BY relname"


def _spellings(stem: bytes) -> Iterator[bytes]:
    """The stem as text, as hexadecimal digits, and in base64 at each of the three places where it can begin there."""
    yield stem
    yield stem.hex().encode()
    for encode in (b64encode, urlsafe_b64encode):
        for before in range(3):
            bits = 8 * before, 8 * (before + len(stem))
            whole = slice(-(-bits[0] // 6), bits[1] // 6)  # the digits that nothing else has a part in
            yield encode(bytes(before) + stem + bytes(3))[whole]


SPELLINGS = tuple(sorted({spelling.lower() for spelling in (*_spellings(STEM), *_spellings(STEM.lower()))}))


def shown(told: bytes | str) -> bool:
    """Whether the number stands in this, in whatever spelling and case."""
    data = (told.encode(errors="surrogatepass") if isinstance(told, str) else told).lower()
    return any(spelling in data for spelling in SPELLINGS)


def in_tables(url: str) -> list[str]:
    """The tables of a database that show the number in any row and column; bytes are read as they are kept."""
    with psycopg.connect(url) as connection:
        names = [name for (name,) in connection.execute(TABLES).fetchall()]
        return [f"table {name}" for name in names if shown(_rows(connection, name))]


def _rows(connection: psycopg.Connection, table: str) -> bytes:
    query = SQL("COPY {} TO STDOUT (FORMAT binary)").format(Identifier(table))
    with connection.cursor() as cursor, cursor.copy(query) as rows:
        return b"".join(rows)


def in_files(files: Iterable[Path]) -> list[str]:
    """The files that show it."""
    return [f"file {path.name}" for path in files if path.is_file() and shown(path.read_bytes())]
