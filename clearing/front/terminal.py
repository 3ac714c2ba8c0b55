"""The root of the command line: what every command hangs on and prints to."""

import asyncio
import sys
from collections.abc import Coroutine
from datetime import UTC, datetime
from typing import Any, TypeVar

import typer
from rich.console import Console
from rich.table import Table as RichTable

EXIT_CODES = """Exit codes: 0 it holds · 1 it does not hold (verify, check, evidence, receipt, statement, bank, books) · 2 wrong use ·
3 misconfigured · 4 refused by the house · 5 not available now, try again · 6 refused by the document itself: no such amount (price),
no such local time (calendar), nothing that can be settled (net, share)"""

Result = TypeVar("Result")

app = typer.Typer(
    name="clearing",
    help="A clearing house for loyalty points: signed exchanges between programs, booked and proven.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
WIDE = 10_000
"""Columns of what is no terminal: a file or a pipe shows every row whole, in one line, since the next command needs its ids."""


class Table(RichTable):
    """A list. On a terminal too narrow for it, what does not fit goes on in the next line: nothing is cut off."""

    def add_column(self, *words: Any, **options: Any) -> None:
        """Add a column."""
        super().add_column(*words, **{"overflow": "fold"} | options)


out = Console(soft_wrap=True, width=None if sys.stdout.isatty() else WIDE)
err = Console(stderr=True, soft_wrap=True, width=None if sys.stderr.isatty() else WIDE)


def run(work: Coroutine[Any, Any, Result]) -> Result:
    """Do something that waits."""
    return asyncio.run(work)


def instant(text: str, name: str) -> datetime:
    """An instant that was said with its zone, in UTC, where it must be a date too. Raises typer.BadParameter that names the option."""
    try:
        found = datetime.fromisoformat(text)
        if found.tzinfo is not None:
            return found.astimezone(UTC)
    except (ValueError, OverflowError):
        pass
    raise typer.BadParameter(f"{name} is RFC 3339 with its zone, as in 2026-03-31T22:00:00Z")
