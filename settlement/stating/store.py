"""Statements as they are kept: written once with their evidence, each other file once it is printed, and given back byte for byte."""

from dataclasses import dataclass, fields
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from clearing import errors
from clearing.database import statement
from settlement.reports import EVIDENCE

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


@dataclass(frozen=True, slots=True)
class Evidence:
    """A sealed statement as it is going to be kept: what is looked for, and the bytes that hold all of it."""

    statement: str
    partner: str
    currency: str
    made_at: datetime
    lines: int
    root: str
    key_id: str
    content: bytes


async def keep(connection: Connection, run: str, made: Evidence) -> bool:
    """Keep a statement with its evidence, or nothing; False when it is there already, and stays as it is."""
    said = {part.name: getattr(made, part.name) for part in fields(made)}
    content = said.pop("content")
    async with connection.transaction():
        inserted = await rows(connection, "statement_insert", run=run, **said)
        if inserted:
            await keep_file(connection, made.statement, EVIDENCE, content)
    return bool(inserted)


async def keep_file(connection: Connection, name: str, form: str, content: bytes) -> None:
    """Keep a file of a statement. One that is there stays: it is the same."""
    told = {"statement": name, "form": form, "content": content, "sha256": sha256(content).hexdigest()}
    async with connection.cursor() as cursor:
        await cursor.execute(statement("statement_file_insert", "settlement"), told)


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


async def kept_file(connection: Connection, name: str, form: str, partner: str | None) -> bytes | None:
    """The bytes of a file as they were kept; None where it is not printed yet.

    Raises errors.NotFound, also for a partner that asks for another's.
    """
    found = await rows(connection, "statement_file", statement=name, form=form)
    if not found or partner not in {None, found[0]["partner"]}:
        raise errors.NotFound("there is no such statement")
    content: bytes | None = found[0]["content"]
    return content
