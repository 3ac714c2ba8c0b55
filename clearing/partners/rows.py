"""How the rooms of partners ask the database: one statement by name, rows as dictionaries."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import dict_row

from clearing import errors
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


@asynccontextmanager
async def deciding(connection: Connection, lane: int) -> AsyncIterator[None]:
    """A transaction under the lock of the lane: what is read in it is what is decided on. Raises errors.Unavailable without a lane.

    Whatever changes accounts, links or consents runs in one, so that a link, a merger and an erasure never cross; so does a look at the
    low water, so that it is written before the books move on. There is no other lock, so none waits for another in a circle. No program
    is asked inside one: exchanges wait for it. `psycopg.Rollback` ends it without a trace.
    """
    async with connection.transaction():
        if await row(connection, "lane_lock", lane=lane) is None:
            raise errors.Unavailable("the lane has not begun")
        yield
