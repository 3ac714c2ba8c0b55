"""Statements as they are kept: written once with all their files, and given back byte for byte."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from clearing import errors
from clearing.database import statement
from settlement.reports import Sealed

Connection = AsyncConnection[Any]
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class KeptFile:
    """A file of a statement: its form, the SHA-256 of its bytes, and how many they are."""

    form: str
    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Kept:
    """A statement that was made, with the root that its seal signs."""

    statement: str
    run: str
    partner: str
    currency: str
    made_at: datetime
    lines: int
    root: str
    key_id: str
    files: tuple[KeptFile, ...]


async def rows(connection: Connection, name: str, /, **values: object) -> list[Row]:
    """The rows that a statement of settlement gives back."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement(name, "settlement"), values)
        return await cursor.fetchall()


async def keep(connection: Connection, run: str, sealed: Sealed, files: Mapping[str, bytes]) -> bool:
    """Keep a statement with all its files, or nothing; False when it is there already, and stays as it is."""
    said, made = json.loads(sealed.header), sealed.statement
    async with connection.transaction():
        inserted = await rows(
            connection,
            "statement_insert",
            statement=made.reference,
            run=run,
            partner=made.partner.code,
            currency=made.currency,
            made_at=made.made_at,
            lines=len(made.lines),
            root=said["root"],
            key_id=said["key"],
        )
        async with connection.cursor() as cursor:
            for form, content in files.items() if inserted else ():
                told = {"form": form, "content": content, "sha256": sha256(content).hexdigest()}
                await cursor.execute(
                    statement("statement_file_insert", "settlement"), {"statement": made.reference, **told}
                )
    return bool(inserted)


async def kept(
    connection: Connection,
    *,
    run: str | None = None,
    partner: str | None = None,
    after: tuple[datetime, str] | None = None,
    most: int | None = None,
) -> list[Kept]:
    """Statements, the newest first: of a run, of a partner, or all; those after one that was made then and is called so."""
    at, name = after or (None, None)
    found = await rows(connection, "statement_list", run=run, partner=partner, after_at=at, after=name, most=most)
    return [_kept(list(group)) for _, group in groupby(found, key=lambda row: row["statement"])]


def _kept(found: list[Row]) -> Kept:
    files = tuple([KeptFile(row.pop("form"), row.pop("sha256"), row.pop("size")) for row in found])
    return Kept(**found[0], files=files)


async def file_of(connection: Connection, name: str, form: str, partner: str | None) -> bytes:
    """The bytes of a file as they were kept. Raises errors.NotFound, also for a partner that asks for another's.

    A PDF is not there where no font of the house had all its characters.
    """
    found = await rows(connection, "statement_file", statement=name, form=form)
    if not found or partner not in {None, found[0]["partner"]}:
        raise errors.NotFound("there is no such statement")
    content: bytes | None = found[0]["content"]
    if content is None:
        raise errors.NotFound("no font of the house has all characters of this statement: render its JSON lines")
    return content
