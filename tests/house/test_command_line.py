"""The command line reads only what the verb at hand needs: laws of its table of modules and verbs."""

import io
import os
import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from uuid import UUID

import typer
from rich.console import Console

from clearing.front import cli
from clearing.front.terminal import Table, app

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
