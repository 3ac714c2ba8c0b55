"""Databases for tests: copies of one that is migrated, emptied and used again by the next test as long as nothing but rows was changed."""

import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from psycopg import sql

from clearing import database

TEMPLATE = "clearing_template"
KEPT = "alembic_version"  # the one table in which a migrated database has rows
GROWN_MAX = 4 * 2**20  # bytes; what had more in it is not worth emptying
LEAVING_SECONDS = 0.5  # a session ends a moment after its client
CATALOGS = ("class", "attribute", "constraint", "index", "proc", "trigger", "type", "namespace", "attrdef", "policy")
SHAPE = " UNION ALL ".join(
    f"SELECT count(*), sum(xmin::text::bigint) FROM {name}" for name in (KEPT, *(f"pg_{one}" for one in CATALOGS))
)
"""What every definition leaves a trace in: a row more or less in a catalogue, or one that another transaction wrote."""


class Databases:
    """The databases of one process of tests."""

    def __init__(self, server: str, name: str) -> None:
        self._server, self._name = server, re.sub("[^a-z0-9]", "", name)
        self._numbers, self._clean = count(1), list[str]()
        with psycopg.connect(other_database(server, TEMPLATE), autocommit=True) as template:
            self._shape, self._size = _shape(template), _size(template)
            self._empty = _emptying(template)

    @contextmanager
    def one(self, *, new: bool = False) -> Iterator[str]:
        """The address of an empty database; `new` where it matters that nobody ever had it. It is nobody's afterwards."""
        name = self._clean.pop() if self._clean and not new else self._made()
        try:
            yield other_database(self._server, name)
        finally:
            if self._emptied(other_database(self._server, name)):
                self._clean.append(name)
            else:
                database.drop_database(self._server, name)

    def _made(self) -> str:
        name = f"clearing_{self._name}_{next(self._numbers)}"
        database.create_database(self._server, name, TEMPLATE)
        return name

    def _emptied(self, url: str) -> bool:
        """Whether it is as it was made: nobody is there, nothing was defined in it, and its rows are gone."""
        with psycopg.connect(url, autocommit=True) as connection:
            if not _left_alone(connection) or _shape(connection) != self._shape:
                return False
            if _size(connection) > self._size + GROWN_MAX:
                return False
            connection.execute(self._empty)
        return True


def other_database(url: str, name: str) -> str:
    """The address of another database of the same server."""
    return urlunsplit(urlsplit(url)._replace(path=f"/{name}")).replace("postgresql:///", "postgresql://")


def _left_alone(connection: psycopg.Connection[Any]) -> bool:
    query = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"
    over = time.monotonic() + LEAVING_SECONDS
    while (row := connection.execute(query).fetchone()) != (0,) and time.monotonic() < over:
        time.sleep(0.005)
    return row == (0,)


def _shape(connection: psycopg.Connection[Any]) -> list[Any]:
    return connection.execute(SHAPE).fetchall()


def _size(connection: psycopg.Connection[Any]) -> int:
    row = connection.execute("SELECT pg_database_size(current_database())").fetchone()
    assert row is not None
    return int(row[0])


def _emptying(template: psycopg.Connection[Any]) -> sql.Composed:
    """The statements that make a copy of the template what it was: no rows, and sequences at their beginning."""
    tables = template.execute("SELECT schemaname, relname FROM pg_stat_user_tables WHERE relname <> %s", [KEPT])
    names = [sql.Identifier(*row) for row in tables]
    assert not any(template.execute(sql.SQL("SELECT FROM {} LIMIT 1").format(name)).fetchone() for name in names)
    deleted = [sql.SQL("DELETE FROM {}").format(name) for name in names]
    begun = sql.SQL(
        "SELECT setval(format('%I.%I', schemaname, sequencename)::regclass, start_value, false) FROM pg_sequences"
    )
    unguarded = sql.SQL("SET session_replication_role = replica")  # no row keeps another one
    return sql.SQL("; ").join([unguarded, *deleted, begun])
