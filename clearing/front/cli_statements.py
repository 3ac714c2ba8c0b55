"""`clearing statement`: fetched from the house, checked without it, told in two reports, and its other files made from the evidence."""

import json
from collections.abc import Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from clearing import errors
from clearing.front import settings, terminal, vault
from clearing.front.cli_ask import URL, Pinned, Session, Url
from clearing.front.cli_ask import Key as Signing
from clearing.front.terminal import Table
from clearing.signatures import PublicKey, parse_jwks, parse_public_jwk
from settlement import reports
from settlement.reports import FORMATS, Sealed
from settlement.reports.summary import Report, reports_of

statements = typer.Typer(help="Statements: fetched, checked without the house, told in short.", no_args_is_help=True)
terminal.app.add_typer(statements, name="statement")

KEY_BYTES_MAX = 1 << 20

File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="The file of the statement.")]
Key = Annotated[
    Path | None,
    typer.Option(
        "--key",
        exists=True,
        dir_okay=False,
        readable=True,
        help="The house's public JWK, or its JWKS; none: the key of the house on this machine.",
    ),
]


Fonts = Annotated[
    list[Path] | None,
    typer.Option("--fonts", exists=True, file_okay=False, help="A folder of fonts for the PDF; said again for each."),
]
Unseen = Annotated[
    bool,
    typer.Option(
        "--looks-unchecked",
        help="Accept a PDF or a workbook that was printed by another version or with fonts that are not here: its looks are not compared.",
    ),
]
UNSEEN = 7
"""The exit code for a file of which every figure holds, and whose looks cannot be compared here."""


class Form(StrEnum):
    """What evidence is rendered as."""

    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"
    SVG = "svg"


@statements.command()
def verify(file: File, key: Key = None, fonts: Fonts = None, *, unseen: Unseen = False) -> None:
    """Check evidence (.jsonl), a CSV, a workbook (.xlsx) or a PDF: seal, lines, sums, and that every byte is as the house prints it.

    Exit 1 names the first line, cell or page that is wrong. Exit 7: all figures hold, but a PDF or a workbook was
    printed by another version, or with fonts that are not here.
    """
    _verified(file, key, fonts, unseen=unseen)


@statements.command()
def render(
    file: File,
    to: Annotated[Form, typer.Option("--to", help="What to make of it.")],
    key: Key = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where to; none: beside the file.")] = None,
    fonts: Fonts = None,
    *,
    unseen: Unseen = False,
) -> None:
    """Make the PDF, the workbook, the CSV or the pictures of a statement that verifies: the same bytes that the house makes."""
    made = reports.render(_verified(file, key, fonts, unseen=unseen), to.value, fonts or ())
    path = out or file.with_suffix(f".{to.value}")
    path.write_bytes(made)
    terminal.out.print(f"wrote {path}, {len(made):,} bytes", markup=False, highlight=False)


@statements.command()
def summary(file: File, key: Key = None, fonts: Fonts = None, *, unseen: Unseen = False) -> None:
    """Two reports of a statement that verifies: from opening to closing, and what is in this payment."""
    for report in reports_of(_verified(file, key, fonts, unseen=unseen).statement):
        terminal.out.print(_table(report))


def _table(report: Report) -> Table:
    table = Table(title=report.title, title_justify="left", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, amount in report.rows:
        table.add_row(name, amount)
    table.add_section()
    table.add_row(*report.sum, style="bold")
    return table


@statements.command("list")
def list_statements(
    key: Signing,
    run: Annotated[str | None, typer.Option("--run", help="Those of this run; for operators.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Your statements with the SHA-256 of every file that is printed, the newest first; for an operator all."""
    path = "/v1/statements" if run is None else f"/v1/runs/{run}/statements"
    terminal.out.print_json(data=Session(key, url, pinned).every(path, "statements"))


@statements.command()
def fetch(
    statement: Annotated[str, typer.Argument(help="The statement, as the list names it.")],
    key: Signing,
    form: Annotated[str, typer.Option("--format", help=f"One of {', '.join(FORMATS)}.")] = "jsonl",
    out: Annotated[Path | None, typer.Option("--out", help="Where to; none: STATEMENT.FORMAT, here.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Download a file of a statement; the same bytes every time. `clearing statement verify` checks it."""
    data = Session(key, url, pinned).fetch(f"/v1/statements/{statement}?format={form}")
    path = out or Path(f"{statement}.{form}")
    path.write_bytes(data)
    terminal.out.print(f"wrote {path}, {len(data):,} bytes", markup=False, highlight=False)


def _verified(file: Path, key: Path | None, fonts: Sequence[Path] | None, *, unseen: bool) -> Sealed:
    """The statement of a file that verifies; what was checked is told line by line, and ends the command where it does not hold."""
    verdict = reports.verify(file.read_bytes(), keys_of(key), fonts or (), accept_unseen=unseen)
    for found in verdict.findings:
        said = f"{'✓' if found.holds else '✗'} {found.check}: {found.detail}"
        terminal.out.print(said, markup=False, highlight=False)
    if verdict.sealed is None:
        raise typer.Exit(UNSEEN if verdict.unseen else 1)
    return verdict.sealed


def keys_of(path: Path | None) -> Mapping[str, PublicKey]:
    """The keys that may have signed. Raises errors.KeyRefused for a file without one."""
    if path is None:
        return _own()
    with path.open("rb") as file:
        body = file.read(KEY_BYTES_MAX)
    try:
        said = json.loads(body)
    except (ValueError, RecursionError):
        said = None
    if not isinstance(said, dict):
        raise errors.KeyRefused(f"{path} is no JWK and no JWKS")
    if "keys" in said:
        return parse_jwks(said)
    public = parse_public_jwk(said)
    return {public.key_id: public}


def _own() -> Mapping[str, PublicKey]:
    given = settings.load()
    if not given.house_key_path.exists():
        raise typer.BadParameter("say --key FILE: there is no house on this machine")
    public = vault.house_key(given).public
    return {public.key_id: public}
