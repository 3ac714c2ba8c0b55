"""`clearing statement`: fetched from the house, checked without it, told in two reports, and its other files made from the evidence."""

import json
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from clearing import errors
from clearing.front import settings, terminal, vault
from clearing.front.cli_ask import URL, Pinned, Session, Url
from clearing.front.cli_ask import Key as Signing
from clearing.signatures import PublicKey, parse_jwks, parse_public_jwk
from settlement import reports
from settlement.reports import FORMATS, Verdict
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


class Form(StrEnum):
    """What evidence is rendered as."""

    PDF = "pdf"
    XLSX = "xlsx"
    CSV = "csv"
    SVG = "svg"


@statements.command()
def verify(file: File, key: Key = None) -> None:
    """Check evidence (JSON lines), a CSV, a workbook, or a PDF by the evidence in it: seal, lines, sums. Exit 1 says what is wrong."""
    verdict = _verified(file, key)
    raise typer.Exit(0 if verdict.sealed is not None else 1)


@statements.command()
def render(
    file: File,
    to: Annotated[Form, typer.Option("--to", help="What to make of it.")],
    key: Key = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where to; none: beside the file.")] = None,
    fonts: Annotated[
        list[Path] | None,
        typer.Option(
            "--fonts", exists=True, file_okay=False, help="A folder of fonts for the PDF; said again for each."
        ),
    ] = None,
) -> None:
    """Make the PDF, the workbook, the CSV or the pictures of a statement that verifies: the same bytes that the house makes."""
    verdict = _verified(file, key)
    if verdict.sealed is None:
        raise typer.Exit(1)
    made = reports.render(verdict.sealed, to.value, fonts or ())
    path = out or file.with_suffix(f".{to.value}")
    path.write_bytes(made)
    terminal.out.print(f"wrote {path}, {len(made):,} bytes", markup=False, highlight=False)


@statements.command()
def summary(file: File, key: Key = None) -> None:
    """Two reports of a statement that verifies: from opening to closing, and what is in this payment."""
    verdict = _verified(file, key)
    if verdict.sealed is None:
        raise typer.Exit(1)
    for report in reports_of(verdict.sealed.statement):
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
    """Your statements with the SHA-256 of every file, the newest first; for an operator all."""
    path = "/v1/statements" if run is None else f"/v1/runs/{run}/statements"
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", path))


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


def _verified(file: Path, key: Path | None) -> Verdict:
    """The verdict, told line by line."""
    verdict = reports.verify(file.read_bytes(), keys_of(key))
    for found in verdict.findings:
        said = f"{'✓' if found.holds else '✗'} {found.check}: {found.detail}"
        terminal.out.print(said, markup=False, highlight=False)
    return verdict


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
