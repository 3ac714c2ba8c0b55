"""The command line reads only what the verb at hand needs: laws of its table of modules and verbs."""

import io
import json
import os
import subprocess
import sys
from codecs import BOM_UTF8
from collections import defaultdict
from pathlib import Path
from uuid import UUID

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from clearing import errors
from clearing.front import cli, onboarding, reading, vault
from clearing.front.cli_statements import keys_of
from clearing.front.terminal import Table, app
from clearing.signatures import PrivateKey

ROOM = "clearing.front.cli_"


def modules_under(part: typer.Typer) -> set[str]:
    """The modules whose functions can be called below this part of the command line."""
    found = {command.callback.__module__ for command in part.registered_commands if command.callback}
    return found.union(
        *(modules_under(group.typer_instance) for group in part.registered_groups if group.typer_instance)
    )


def test_every_verb_is_found_in_the_modules_that_the_table_names() -> None:
    cli._read_for("")
    found: dict[str, set[str]] = defaultdict(set)
    for command in app.registered_commands:
        if command.callback and command.callback.__module__ != cli.__name__:
            verb = command.name or command.callback.__name__.replace("_", "-")
            found[command.callback.__module__].add(verb)
    for group in app.registered_groups:
        assert group.typer_instance
        assert group.name
        for module in modules_under(group.typer_instance):
            found[module].add(group.name)
    assert {name.removeprefix(ROOM): tuple(sorted(verbs)) for name, verbs in found.items()} == cli.COMMANDS


def test_a_verb_reads_its_own_module_and_help_knows_them_all() -> None:
    read = "import sys; from clearing.front import cli; cli._read_for(sys.argv[1]); print(*sorted(sys.modules))"

    def modules(verb: str) -> set[str]:
        told = subprocess.run([sys.executable, "-c", read, verb], capture_output=True, text=True, check=True)
        return {name.removeprefix(ROOM) for name in told.stdout.split() if name.startswith(ROOM)}

    assert modules("net") == {"net"}
    assert modules("serve") == set()
    assert modules("--help") == modules("no-such-verb") == set(cli.COMMANDS)


# --- the mark of byte order that editors put in front of a file

KEY = PrivateKey.generate(bytes(range(32)))


def test_a_mark_of_byte_order_is_no_part_of_a_file_and_none_is_taken_over_the_wire() -> None:
    assert reading.file_document(BOM_UTF8 + b'{"a":1}') == reading.document(b'{"a":1}')
    for wrong in (BOM_UTF8 * 2 + b"{}", b" " + BOM_UTF8 + b"{}", b"{}" + BOM_UTF8):
        with pytest.raises(errors.RequestMalformed):
            reading.file_document(wrong)
    with pytest.raises(errors.RequestMalformed):
        reading.document(BOM_UTF8 + b"{}")


def test_every_command_reads_json_files_in_the_one_way_that_knows_the_mark() -> None:
    sources = {path.name: path.read_text(encoding="utf-8") for path in Path(cli.__file__).parent.glob("cli_*.py")}
    assert sum("reading.file_document(" in text for text in sources.values()) > 10
    assert [name for name, text in sources.items() if "reading.document(" in text] == []
    assert [name for name, text in sources.items() if "loads(" in text and "read_text()" in text] == []


def test_keys_and_plans_may_begin_with_the_mark(tmp_path: Path) -> None:
    public, private, plan = (tmp_path / name for name in ("house.jwk", "own.jwk", "plan.yaml"))
    public.write_bytes(BOM_UTF8 + json.dumps(KEY.public.jwk).encode())
    assert keys_of(public) == {KEY.public.key_id: KEY.public}
    private.write_bytes(BOM_UTF8 + b'{"kty":"OKP"}')
    private.chmod(0o600)
    assert vault._read(private, None) == {"kty": "OKP"}
    plan.write_bytes(BOM_UTF8 + b"operators: []\n")
    assert onboarding.read_plan(plan) == onboarding.Plan()


def test_a_receipt_may_begin_with_the_mark(tmp_path: Path) -> None:
    receipt, keys = tmp_path / "receipt.json", tmp_path / "jwks.json"
    receipt.write_bytes(BOM_UTF8 + b'{"receipt":"not one"}')
    keys.write_bytes(BOM_UTF8 + json.dumps({"keys": [KEY.public.jwk]}).encode())
    cli._read_for("receipt")
    found = CliRunner().invoke(app, ["receipt", "verify", str(receipt), "--keys", str(keys)])
    assert "\u2717" in found.output, (found.output, found.exception)


WIDTH = 40
ROWS = [(str(UUID(int=number)), "a payment that goes out to somebody", "-12345.678901") for number in range(1, 4)]
LISTED = """
from clearing.front import terminal
table = terminal.Table("id", "what", "amount")
for row in {rows}:
    table.add_row(*row)
terminal.out.print(table)
"""


def test_a_list_in_a_pipe_shows_every_row_whole_in_a_line_of_its_own() -> None:
    code, lean = LISTED.format(rows=ROWS), {"PATH": os.environ["PATH"]}
    for environment in (lean, lean | {"COLUMNS": "80"}, lean | {"TERM": "dumb"}):
        told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        rows = [line for line in told.stdout.splitlines() if "-12345" in line]
        assert [all(cell in line for cell in row) for line, row in zip(rows, ROWS, strict=True)] == [True] * 3


def test_a_list_on_a_narrow_terminal_cuts_nothing_off() -> None:
    table, said = Table("id", "what", "amount"), io.StringIO()
    table.add_row(*ROWS[0])
    Console(file=said, width=WIDTH, force_terminal=True, color_system=None).print(table)
    shown = [line.split("│")[1:-1] for line in said.getvalue().splitlines() if line.startswith("│")]
    assert {len(line) for line in said.getvalue().splitlines()} <= set(range(WIDTH + 1))
    assert ["".join(part.replace(" ", "") for part in column) for column in zip(*shown, strict=True)] == [
        cell.replace(" ", "") for cell in ROWS[0]
    ]


def test_every_list_of_the_command_line_is_one_that_cuts_nothing_off() -> None:
    for module in Path(cli.__file__).parent.glob("cli_*.py"):
        assert "from rich" not in module.read_text(), f"{module.name} prints what terminal.Table and terminal.out print"
