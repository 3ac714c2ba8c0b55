"""The search for the membership number finds one that is there: in any column, in any spelling, in a log, in what a test prints."""

import subprocess
import sys
from base64 import b64encode, urlsafe_b64encode
from io import StringIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import psycopg
import pytest
from psycopg.types.json import Jsonb
from rich.console import Console

from clearing.front import demo
from clearing.front.story import Story
from tests import canary

ROOT = Path(__file__).parents[2]
NUMBER = canary.NUMBER.encode()
SPELT = {
    "plain": NUMBER,
    "lower": NUMBER.lower(),
    "cut": NUMBER[:8],
    "hex": NUMBER.hex().encode(),
    "HEX": NUMBER.hex().upper().encode(),
    **{f"base64 after {before}": b64encode(bytes(before) + NUMBER) for before in range(3)},
    **{f"base64url after {before}": urlsafe_b64encode(b"~" * before + NUMBER) for before in range(3)},
}


@pytest.mark.parametrize("spelling", SPELT)
def test_the_number_is_found_in_every_spelling(spelling: str) -> None:
    assert canary.shown(b"member=" + SPELT[spelling] + b";")


@pytest.mark.parametrize("told", ["****1940", "SBX-OK-20048852", "a canary", "CANARY", ""])
def test_what_is_no_number_is_not_found(told: str) -> None:
    assert not canary.shown(told)


@pytest.mark.parametrize(
    ("type_", "value"),
    [
        ("text", canary.NUMBER),
        ("bytea", b"\0\1" + NUMBER),
        ("bytea[]", [b"x", NUMBER]),
        ("jsonb", Jsonb({"member": [canary.NUMBER]})),
        ("text", NUMBER.hex()),
        ("bytea", b64encode(NUMBER)),
    ],
)
def test_a_number_in_any_column_is_found(database_url: str, type_: str, value: Any) -> None:
    assert canary.in_tables(database_url) == []
    with psycopg.connect(database_url) as connection:
        connection.execute(f"CREATE TABLE planted (told {type_})".encode())
        connection.execute("INSERT INTO planted VALUES (%s)", [value])
    assert canary.in_tables(database_url) == ["table planted"]


def test_a_number_in_a_log_is_found(tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "child.log").write_text(f"asked by {canary.NUMBER}\n")
    (tmp_path / "other.log").write_text("asked by ****1940\n")
    assert canary.in_files(tmp_path.rglob("*")) == ["file child.log"]


LEAKS = f"""
import logging
def test_prints(): print({canary.NUMBER!r})
def test_logs(): logging.getLogger().error({canary.NUMBER!r})
def test_masks(): print("****1940")
"""


def test_a_test_that_prints_or_logs_the_number_fails(tmp_path: Path) -> None:
    (tmp_path / "test_leaks.py").write_text(LEAKS)
    plain = ("-q", "-p", "tests.conftest", "-p", "no:randomly", "-c", "/dev/null", str(tmp_path))
    told = subprocess.run(
        [sys.executable, "-m", "pytest", *plain], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert "2 failed, 1 passed" in told.stdout, told.stdout + told.stderr
    assert "a membership number was printed or logged while" in told.stdout


@pytest.mark.parametrize(
    ("log", "failed"), [("****8852", []), (demo.AT_THE_HOTEL, ["no log, row or proof of the house shows a number"])]
)
def test_the_demo_finds_a_number_that_the_house_wrote(tmp_path: Path, log: str, failed: list[str]) -> None:
    (tmp_path / "lotus-air.db").write_text(demo.AT_THE_AIRLINE)
    (tmp_path / "house.log").write_text(log)
    story = Story(cast("Any", SimpleNamespace(folder=tmp_path)), Console(file=StringIO()), cast("Any", None))
    demo.hiding(story)
    assert story.failed == failed
