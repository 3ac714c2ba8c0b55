"""The command line reads only what the verb at hand needs: laws of its table of modules and verbs."""

import subprocess
import sys
from collections import defaultdict

import typer

from clearing.front import cli
from clearing.front.terminal import app

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
