"""How the rooms of partners ask the database: one statement by name, rows as dictionaries."""

from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from clearing.database import statement

Connection = AsyncConnection[Any]
Row = dict[str, Any]


async def rows(connection: Connection, name: str, /, **values: object) -> list[Row]:
    """The rows that statement `name` gives back."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement(name), values)
        return await cursor.fetchall()


async def row(connection: Connection, name: str, /, **values: object) -> Row | None:
    """Its first row, if there is one."""
    found = await rows(connection, name, **values)
    return found[0] if found else None


async def run(connection: Connection, name: str, /, **values: object) -> None:
    """Run a statement that gives nothing back."""
    async with connection.cursor() as cursor:
        await cursor.execute(statement(name), values)
