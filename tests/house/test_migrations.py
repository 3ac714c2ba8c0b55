"""The schema that the migrations make is the schema that clearing.tables describes, and the application owns none of it."""

from collections.abc import Iterator

import psycopg
import pytest
from sqlalchemy import NullPool, create_engine
from sqlmodel import SQLModel

from clearing import database, tables
from settlement import tables as settling
from tests.databases import other_database

COLUMNS = """
    SELECT c.relname, a.attname, format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid),
        a.attidentity, a.attgenerated
    FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
    LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
    WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attnum > 0 AND NOT a.attisdropped
"""
CONSTRAINTS = """
    SELECT conrelid::regclass::text, conname, contype, pg_get_constraintdef(oid)
    FROM pg_constraint WHERE connamespace = 'public'::regnamespace
"""
INDEXES = "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public'"
COMMENTS = """
    SELECT relname, obj_description(oid, 'pg_class')
    FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace
"""
GRANTS = """
    SELECT table_name, column_name FROM information_schema.column_privileges
    WHERE grantee = 'clearing_app' AND privilege_type = 'UPDATE' AND table_schema = 'public'
"""
TABLE_GRANTS = """
    SELECT table_name FROM information_schema.table_privileges
    WHERE grantee = 'clearing_app' AND privilege_type = %s AND table_schema = 'public'
"""


def _rows(url: str, query: str, *values: object) -> set[tuple]:
    with psycopg.connect(url) as connection:
        rows = connection.execute(query, values or None).fetchall()
    return {row for row in rows if row[0] != "alembic_version"}


@pytest.fixture(scope="module")
def described_url(postgres_url: str, worker_id: str) -> Iterator[str]:
    """A database made from the SQLModel metadata alone."""
    name = f"described_{worker_id}"
    database.create_database(postgres_url, name, "template0")
    url = other_database(postgres_url, name)
    engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(url), poolclass=NullPool)
    SQLModel.metadata.create_all(engine)
    yield url
    database.drop_database(postgres_url, name)


@pytest.mark.parametrize(
    "query", [COLUMNS, CONSTRAINTS, INDEXES, COMMENTS], ids=["columns", "constraints", "indexes", "comments"]
)
def test_migrated_schema_is_the_described_schema(database_url: str, described_url: str, query: str) -> None:
    migrated, described = _rows(database_url, query), _rows(described_url, query)
    assert described
    assert migrated - described == set(), "only in the migrations"
    assert described - migrated == set(), "only in the tables"


def test_application_updates_only_what_tables_list(database_url: str) -> None:
    granted = _rows(database_url, GRANTS)
    everywhere = tables.UPDATABLE | settling.UPDATABLE
    assert granted == {(table, column) for table, columns in everywhere.items() for column in columns}


def test_application_deletes_only_what_tables_list(database_url: str) -> None:
    assert _rows(database_url, TABLE_GRANTS, "DELETE") == {
        (table,) for table in (*tables.DELETABLE, *settling.DELETABLE)
    }
    assert _rows(database_url, TABLE_GRANTS, "TRUNCATE") == set()


def test_application_reads_and_inserts_everywhere(database_url: str) -> None:
    everything = {(table.name,) for table in SQLModel.metadata.sorted_tables}
    assert _rows(database_url, TABLE_GRANTS, "SELECT") == everything
    assert _rows(database_url, TABLE_GRANTS, "INSERT") == everything


async def test_application_cannot_change_an_entry(database_url: str) -> None:
    connection = await database.connect(database_url)
    async with connection:
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            await connection.execute("UPDATE entry SET amount = 2")


def test_a_migrated_database_says_so_and_migrates_again_without_change(database_url: str) -> None:
    assert database.migrated(database_url)
    database.migrate(database_url)
    assert database.migrated(database_url)
    with psycopg.connect(database_url) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '0000'")
    assert not database.migrated(database_url)
