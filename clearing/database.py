"""PostgreSQL: connections with the house's settings, the SQL files by name, a record of what ran, and the migrations."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import cache
from importlib.resources import files
from pathlib import Path
from threading import get_ident
from typing import TYPE_CHECKING, Any

import psycopg
from psycopg import AsyncConnection, AsyncCursor, sql
from psycopg.conninfo import conninfo_to_dict
from psycopg.pq import Format
from psycopg_pool import AsyncConnectionPool

from clearing.errors import Misconfigured

if TYPE_CHECKING:
    from alembic.config import Config
    from sqlalchemy import Engine

APPLICATION_ROLE = "clearing_app"  # owns nothing; the first migration makes it and says what it may do
CONNECT_SECONDS_MAX = 10
SERVER_VERSION_MIN = 15
ENCODING = "UTF8"
SETTINGS = {
    "default_transaction_isolation": r"read\ committed",  # the lane lock decides, not the snapshot
    "synchronous_commit": "on",  # a receipt must not outlive its commit
    "statement_timeout": "30s",
    "lock_timeout": "20s",
    "idle_in_transaction_session_timeout": "60s",  # a writer that hangs must not keep its lane
    "timezone": "UTC",
}

recorded: set[str] = set()
"""The names of all statements handed out since the start."""

_recordings: list[tuple[int, list[str]]] = []  # by thread


@cache
def _read(name: str, room: str) -> str:
    file = files(room) / "sql" / f"{name}.sql"
    if not name.isidentifier() or not file.is_file():
        message = f"there is no statement {name!r} in {room}/sql"
        raise LookupError(message)
    return file.read_text(encoding="utf-8")


def statement(name: str, room: str = "clearing") -> str:
    """The one statement of `room`/sql/`name`.sql. Its parameters are written %(this)b: values travel in binary."""
    recorded.add(name)
    return _read(name, room)


@contextmanager
def recording() -> Iterator[list[str]]:
    """The text of every statement that this thread runs meanwhile through `connect` and `pool`, in order."""
    ran: list[str] = []
    _recordings.append((get_ident(), ran))
    try:
        yield ran
    finally:
        _recordings[:] = [known for known in _recordings if known[1] is not ran]


def note(text: str) -> None:
    """Tell whoever records that this statement runs."""
    for thread, ran in _recordings:
        if thread == get_ident():
            ran.append(text)


class Cursor(AsyncCursor[Any]):
    """A cursor whose results come in binary and whose statements can be recorded."""

    def __init__(self, connection: AsyncConnection[Any], *, row_factory: Any = None) -> None:
        if row_factory is None:
            super().__init__(connection)
        else:
            super().__init__(connection, row_factory=row_factory)
        self.format = Format.BINARY

    async def execute(self, query: Any, *arguments: Any, **options: Any) -> "Cursor":
        """Run one statement, as psycopg does."""
        note(query if isinstance(query, str) else str(query))
        await super().execute(query, *arguments, **options)
        return self


def arguments(url: str, *, application: bool = True, name: str, schemas: str | None = None) -> dict[str, Any]:
    """How any connection of the house is made, also a library's own; `schemas` are searched instead of `public`."""
    settings = SETTINGS | ({"role": APPLICATION_ROLE} if application else {})
    settings |= {"search_path": schemas} if schemas else {}
    given = conninfo_to_dict(url).get("options") or ""
    options = " ".join([str(given), *(f"-c {setting}={value}" for setting, value in settings.items())])
    return {
        "options": options.strip(),
        "application_name": name,
        "connect_timeout": CONNECT_SECONDS_MAX,
        "client_encoding": ENCODING,
    }


def _arguments(url: str, *, application: bool, name: str) -> dict[str, Any]:
    return arguments(url, application=application, name=name) | {"cursor_factory": Cursor}


async def connect(url: str, *, application: bool = True, name: str = "clearing") -> AsyncConnection[Any]:
    """One connection: READ COMMITTED, no autocommit, binary results; as `application` it has only the granted rights."""
    return await AsyncConnection.connect(url, **_arguments(url, application=application, name=name))


def pool(
    url: str, *, size: int = 4, application: bool = True, name: str = "clearing-reads"
) -> AsyncConnectionPool[AsyncConnection[Any]]:
    """A closed pool of such connections for reads in autocommit; `async with` it, or `await pool.open()` and `close()`."""
    arguments = _arguments(url, application=application, name=name) | {"autocommit": True}
    return AsyncConnectionPool(url, kwargs=arguments, min_size=1, max_size=size, open=False, name=name)


async def clock_difference(connection: AsyncConnection[Any], clock: Callable[[], datetime]) -> timedelta:
    """By how much the database's clock is ahead of ours, to within half the time of the question."""
    before = clock()
    row = await (await connection.execute("SELECT clock_timestamp()")).fetchone()
    after = clock()
    if row is None:
        message = "the database did not say what time it is"
        raise Misconfigured(message)
    theirs: datetime = row[0]
    return theirs - (before + (after - before) / 2)


def fitness(url: str) -> str:
    """Which server this is. Raises errors.Misconfigured for one that is too old, or a database that does not keep Unicode."""
    with psycopg.connect(url, connect_timeout=CONNECT_SECONDS_MAX, client_encoding=ENCODING) as connection:
        version, encoding = connection.info.server_version, connection.info.parameter_status("server_encoding")
    if version < SERVER_VERSION_MIN * 10_000:
        message = f"PostgreSQL is older than {SERVER_VERSION_MIN}"
        raise Misconfigured(message)
    if encoding != ENCODING:
        message = f"the database is encoded as {encoding}; make one WITH ENCODING '{ENCODING}' TEMPLATE template0"
        raise Misconfigured(message)
    return f"PostgreSQL {version // 10_000}.{version % 10_000}"


def migrate(url: str) -> None:
    """Bring the schema to the newest revision, in one transaction, or leave it as it is. Raises as `fitness` does."""
    from alembic import command  # noqa: PLC0415 - reading it takes a quarter of a second, and most commands migrate nothing

    fitness(url)
    config = _migrations()
    with _engine(url).begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


def tune(url: str) -> None:
    """Say where rows lie (`migrations/tuning.sql`): for speed alone, and for servers that understand it."""
    with psycopg.connect(url) as connection:
        connection.execute((Path(__file__).parent / "migrations" / "tuning.sql").read_bytes())


def migrated(url: str) -> bool:
    """Whether the schema is at the newest revision."""
    from alembic.runtime.migration import MigrationContext  # noqa: PLC0415 - see `migrate`
    from alembic.script import ScriptDirectory  # noqa: PLC0415

    with _engine(url).connect() as connection:
        current = MigrationContext.configure(connection).get_current_revision()
    return current == ScriptDirectory.from_config(_migrations()).get_current_head()


def create_database(url: str, name: str, template: str) -> None:
    """Copy the database `template`, which nobody may be using, to a new one; for tests and benches."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                sql.Identifier(name), sql.Identifier(template)
            )
        )


def drop_database(url: str, name: str) -> None:
    """Remove a database made by `create_database`, whoever is still connected."""
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _engine(url: str) -> "Engine":
    from sqlalchemy import NullPool, create_engine  # noqa: PLC0415 - see `migrate`

    return create_engine(
        "postgresql+psycopg://", creator=lambda: psycopg.connect(url, client_encoding=ENCODING), poolclass=NullPool
    )


def _migrations() -> "Config":
    from alembic.config import Config  # noqa: PLC0415 - see `migrate`

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    return config
