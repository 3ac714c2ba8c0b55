"""The schema can be spread over lanes and servers: rules L1 to L20, each one query over pg_catalog. Every query finds offenders."""

import re
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clearing import database
from tests.databases import TEMPLATE, other_database

KINDS = """
WITH tables AS (
    SELECT c.oid, c.relname, obj_description(c.oid, 'pg_class') AS kind
    FROM pg_class c WHERE c.relkind IN ('r', 'p') AND c.relnamespace = 'public'::regnamespace
), lanes AS (
    SELECT t.oid, t.relname, a.attnum, a.atttypid, a.attnotnull, a.atthasdef, a.attgenerated, a.attidentity
    FROM tables t LEFT JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = 'lane' AND NOT a.attisdropped
    WHERE t.kind = 'sharded'
)
"""
MAY_CHANGE = (
    "position_slice", "cap_slice", "budget_slice", "lane", "lane_window", "orders", "exchange", "review_case", "account",
    "evidence", "link", "consent", "claim",
)  # fmt: skip
"""Sums, the lane, status rows, the two tables whose wrapped keys are dropped when a member is erased, links and consents that end, claims
that are rejected."""
VERSIONED = (
    "agreement",
    "cover",
    "risk_rules",
    "campaign_budget",
    "proposal",
    "rate_card",
    "calendar",
    "calendar_version",
    "bank_details",
    "share_contract",
)
"""Reference tables whose terms are answered for: a new version is a new row."""

RULES: dict[str, str] = {
    "L1_every_table_is_tagged": """
        SELECT relname FROM tables WHERE kind IS NULL OR kind NOT IN ('sharded', 'reference', 'local')""",
    "L2_lane_is_a_plain_smallint": """
        SELECT relname FROM lanes
        WHERE attnum IS NULL OR atttypid <> 'smallint'::regtype OR NOT attnotnull OR atthasdef
            OR attgenerated <> '' OR attidentity <> ''""",
    "L2_lane_is_never_updated": """
        SELECT relname FROM lanes WHERE attnum IS NOT NULL AND has_column_privilege('clearing_app', oid, attnum, 'UPDATE')""",
    "L3_unique_indexes_contain_lane": """
        SELECT i.indexrelid::regclass FROM lanes l JOIN pg_index i ON i.indrelid = l.oid
        WHERE i.indisunique AND NOT l.attnum = ANY (i.indkey)""",
    "L3_primary_keys_begin_with_lane": """
        SELECT l.relname FROM lanes l LEFT JOIN pg_index i ON i.indrelid = l.oid AND i.indisprimary
        WHERE i.indexrelid IS NULL OR i.indkey[0] <> l.attnum""",
    "L4_no_exclusion_constraints": """
        SELECT c.conname FROM pg_constraint c JOIN tables t ON t.oid = c.conrelid WHERE c.contype = 'x'""",
    "L5_references_between_sharded_tables_carry_lane": """
        SELECT c.conname FROM pg_constraint c JOIN lanes a ON a.oid = c.conrelid JOIN lanes b ON b.oid = c.confrelid
        WHERE c.contype = 'f' AND (
            array_position(c.conkey, a.attnum) IS NULL
            OR array_position(c.conkey, a.attnum) IS DISTINCT FROM array_position(c.confkey, b.attnum)
        )""",
    "L6_nothing_small_refers_to_sharded": """
        SELECT c.conname FROM pg_constraint c JOIN tables a ON a.oid = c.conrelid JOIN tables b ON b.oid = c.confrelid
        WHERE c.contype = 'f' AND a.kind IN ('reference', 'local') AND b.kind = 'sharded'""",
    "L7_no_reference_changes_a_lane": """
        SELECT c.conname FROM pg_constraint c JOIN lanes a ON a.oid = c.conrelid
        WHERE c.contype = 'f' AND a.attnum = ANY (c.conkey) AND (c.confdeltype IN ('n', 'd') OR c.confupdtype = 'c')""",
    "L8_no_triggers": """
        SELECT g.tgname FROM pg_trigger g JOIN tables t ON t.oid = g.tgrelid WHERE NOT g.tgisinternal""",
    "L9_nothing_is_deferrable": """
        SELECT c.conname FROM pg_constraint c JOIN tables t ON t.oid = c.conrelid WHERE c.condeferrable""",
    "L10_no_sequences": """
        SELECT relname FROM pg_class WHERE relkind = 'S' AND relnamespace = 'public'::regnamespace""",
    "L11_no_inheritance_rules_or_generated_columns": """
        SELECT t.relname FROM tables t WHERE EXISTS (SELECT 1 FROM pg_inherits h WHERE t.oid IN (h.inhrelid, h.inhparent))
            OR EXISTS (SELECT 1 FROM pg_rewrite r WHERE r.ev_class = t.oid)
            OR EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attgenerated <> '')
            OR EXISTS (SELECT 1 FROM pg_class c WHERE c.oid = t.oid AND c.reloptions IS NOT NULL)""",
    "L12_no_inexact_numbers": """
        SELECT t.relname, a.attname FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
        WHERE a.atttypid IN ('numeric'::regtype, 'real'::regtype, 'double precision'::regtype, 'money'::regtype)""",
    "L12_amounts_are_bigint": """
        SELECT t.relname, a.attname FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
        WHERE t.kind <> 'local' AND a.atttypid <> 'bigint'::regtype AND (a.attname IN (
            'amount', 'sent', 'received', 'debit', 'credit', 'funding', 'fee', 'rounding', 'reversed', 'debits', 'credits', 'granted',
            'position', 'pending', 'minimum', 'maximum', 'step'
        ) OR a.attname ~ '_(num|den|amount)$')""",
    "L13_amounts_name_their_unit": """
        SELECT t.relname FROM tables t WHERE t.kind = 'sharded' AND EXISTS (
            SELECT 1 FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname IN ('amount', 'sent', 'debits', 'granted')
        ) AND NOT EXISTS (
            SELECT 1 FROM pg_attribute a WHERE a.attrelid = t.oid AND a.attname IN ('account', 'unit', 'program', 'source_program')
        )""",
    "L14_only_status_tables_change": f"""
        SELECT t.relname FROM tables t WHERE t.kind = 'sharded' AND t.relname <> ALL ('{{{",".join(MAY_CHANGE)}}}'::name[])
        AND has_any_column_privilege('clearing_app', t.oid, 'UPDATE')""",
    "L14_only_spent_nonces_are_deleted": """
        SELECT t.relname FROM tables t WHERE t.relname <> 'nonce' AND has_table_privilege('clearing_app', t.oid, 'DELETE, TRUNCATE')""",
    "L15_no_functions": """
        SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace""",
    "L17_published_terms_are_versioned_not_updated": f"""
        SELECT t.relname FROM tables t WHERE t.relname = ANY ('{{{",".join(VERSIONED)}}}'::name[])
        AND has_any_column_privilege('clearing_app', t.oid, 'UPDATE')""",
    "L17_reference_tables_are_small": """
        SELECT t.relname FROM tables t JOIN pg_class c ON c.oid = t.oid WHERE t.kind = 'reference' AND c.reltuples >= 100000""",
    "L19_no_partitions": """
        SELECT t.relname FROM tables t JOIN pg_class c ON c.oid = t.oid WHERE c.relkind = 'p' OR c.relispartition""",
    "L20_every_instant_has_a_zone": """
        SELECT t.relname, a.attname FROM tables t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0
        WHERE a.atttypid IN ('timestamp'::regtype, 'time'::regtype, 'timetz'::regtype)""",
}


@pytest.fixture(scope="module")
def schema(postgres_url: str, worker_id: str) -> Iterator[psycopg.Connection[Any]]:
    """One connection to a migrated database, for all rules."""
    name = f"schema_{worker_id}"
    database.create_database(postgres_url, name, TEMPLATE)
    with psycopg.connect(other_database(postgres_url, name), autocommit=True) as connection:
        yield connection
    database.drop_database(postgres_url, name)


@pytest.mark.parametrize("rule", RULES)
def test_rule(schema: psycopg.Connection[Any], rule: str) -> None:
    assert schema.execute(KINDS + RULES[rule]).fetchall() == []


def test_the_queries_see_tables(schema: psycopg.Connection[Any]) -> None:
    counted: dict[str, int] = dict(
        schema.execute(f"{KINDS} SELECT kind, count(*) FROM tables GROUP BY kind").fetchall()
    )
    assert counted["sharded"] > 5
    assert counted["reference"] > 3


STATEMENTS = sorted(
    path for room in ("clearing", "settlement") for path in Path(str(files(room) / "sql")).glob("*.sql")
)
LOCKS = re.compile(r"\bFOR\s+(?:NO\s+KEY\s+)?(?:UPDATE|SHARE)\b", re.IGNORECASE)


def _code(path: Path) -> str:
    return re.sub(r"--.*", "", path.read_text(encoding="utf-8"))


def _sharded_tables(schema: psycopg.Connection[Any]) -> list[str]:
    return [row[0] for row in schema.execute(f"{KINDS} SELECT relname FROM tables WHERE kind = 'sharded'").fetchall()]


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.stem)
def test_L16_every_statement_on_sharded_tables_names_its_lane(schema: psycopg.Connection[Any], path: Path) -> None:
    code = _code(path)
    touched = re.findall(r"\b(?:FROM|JOIN|INTO|UPDATE)\s+(\w+)", code, re.IGNORECASE)
    if set(touched) & set(_sharded_tables(schema)):
        assert re.search(r"\blane\b", code), f"{path.name} touches sharded tables and no lane"


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.stem)
def test_L16_one_lock(path: Path) -> None:
    """The lane's row is the only one that is locked for its own sake."""
    code = _code(path)
    if LOCKS.search(code):
        assert re.search(r"\bFROM\s+lane\b", code, re.IGNORECASE)


@pytest.mark.parametrize("path", STATEMENTS, ids=lambda path: path.stem)
def test_L15_no_advisory_locks_and_no_notify(path: Path) -> None:
    assert not re.search(r"pg_advisory|\bNOTIFY\b|pg_notify|\bLISTEN\b", _code(path), re.IGNORECASE)
