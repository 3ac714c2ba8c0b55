"""What the commands of settlement share: bounded files, the decimals of currencies, JSON out, and a refusal as JSON with an exit code."""

import json
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any, NoReturn, TypeVar

import typer
from babel.numbers import get_currency_precision, list_currencies

from clearing.front import terminal
from settlement.rules.money import Reason, Refused

REFUSED = 6
LIST_BYTES_MAX = 32 * 1024 * 1024
Found = TypeVar("Found")


def argument(about: str) -> Any:
    """A file that a command needs."""
    return typer.Argument(exists=True, dir_okay=False, readable=True, help=about)


def option(name: str, about: str) -> Any:
    """A file that a command may be given."""
    return typer.Option(name, exists=True, dir_okay=False, readable=True, help=about)


def currencies() -> dict[str, int]:
    """The decimals of every currency."""
    return {code: get_currency_precision(code) for code in list_currencies()}


def read(path: Path, most: int) -> bytes:
    """All bytes of a file that has at most so many."""
    with path.open("rb") as file:
        body = file.read(most + 1)
    if len(body) > most:
        refuse(Refused(Reason.FILE_SIZE, f"at most {most:,} bytes are read"), path)
    return body


def listed(path: Path) -> str:
    """The text of a list; a mark of byte order is no part of it."""
    body = read(path, LIST_BYTES_MAX)
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as fault:
        line = body.count(b"\n", 0, fault.start) + 1
        refuse(Refused(Reason.ENCODING, "the file is not UTF-8", line), path)


def day(text: str | None) -> date | None:
    """A day as ISO 8601 writes it."""
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError:
        raise typer.BadParameter("a day is written like 2026-03-31") from None


def say(said: Mapping[str, Any]) -> None:
    """One JSON object on stdout."""
    typer.echo(json.dumps(said, indent=2, ensure_ascii=False))


def must(found: Found | Refused, path: Path | None = None) -> Found:
    """What was found; a refusal ends the command."""
    if isinstance(found, Refused):
        refuse(found, path)
    return found


def refuse(found: Refused, path: Path | None = None) -> NoReturn:
    """The refusal as JSON on stdout and as a sentence on stderr."""
    where = ": ".join(str(one) for one in (path, found.line and f"line {found.line}") if one)
    said = {"code": found.reason.value, "detail": found.detail, "line": found.line, "file": path and str(path)}
    say({"refusal": said})
    terminal.err.print(f"{where}: {found.detail}" if where else found.detail, markup=False, highlight=False)
    raise typer.Exit(REFUSED)
