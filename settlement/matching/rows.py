"""How this room asks the database: one statement of settlement/sql by name, rows as dictionaries."""

from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from clearing.database import statement

Connection = AsyncConnection[Any]
Row = dict[str, Any]


async def rows(connection: Connection, name: str, /, **values: object) -> list[Row]:
    """The rows that statement `name` gives back."""
    async with connection.cursor(row_factory=dict_row) as cursor:
        await cursor.execute(statement(name, "settlement"), values)
        return await cursor.fetchall() if cursor.description else []


async def row(connection: Connection, name: str, /, **values: object) -> Row | None:
    """Its first row, if there is one."""
    found = await rows(connection, name, **values)
    return found[0] if found else None
