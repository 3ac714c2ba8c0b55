"""`clearing invoice` and `clearing taxes`: invoices fetched, checked without the house and printed anew; tax tables by two keys."""

from pathlib import Path
from typing import Annotated

import typer

from clearing.front import reading, terminal
from clearing.front.cli_agreements import Proposal
from clearing.front.cli_ask import URL, Pinned, Session, Url
from clearing.front.cli_ask import Key as Signing
from clearing.front.cli_statements import File, Key, keys_of
from settlement.reports.invoice_file import Checked, invoice_pdf, verify_invoice

invoice = typer.Typer(help="Invoices and credit notes: fetched, checked without the house.", no_args_is_help=True)
terminal.app.add_typer(invoice, name="invoice")
taxes = typer.Typer(help="Tax tables that invoices go by, by two keys.", no_args_is_help=True)
terminal.app.add_typer(taxes, name="taxes")


@invoice.command("list")
def list_invoices(
    key: Signing,
    run: Annotated[str | None, typer.Option("--run", help="Those of this run; for operators.")] = None,
    partner: Annotated[str | None, typer.Option("--partner", help="Those of this partner; for operators.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Your invoices and credit notes, the newest first; for an operator all."""
    asked = "&".join(f"{name}={value}" for name, value in (("run", run), ("partner", partner)) if value)
    path = f"/v1/invoices{'?' if asked else ''}{asked}"
    terminal.out.print_json(data=Session(key, url, pinned).every(path, "invoices"))


@invoice.command("get")
def fetch(
    name: Annotated[str, typer.Argument(metavar="INVOICE", help="As the list names it.")],
    key: Signing,
    form: Annotated[str, typer.Option("--format", help="json or pdf.")] = "json",
    out: Annotated[Path | None, typer.Option("--out", help="Where to; none: INVOICE.FORMAT, here.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Download a file of an invoice; the same bytes every time. `clearing invoice verify` checks it."""
    data = Session(key, url, pinned).fetch(f"/v1/invoices/{name}?format={form}")
    _write(out or Path(f"{name}.{form}"), data)


@invoice.command()
def verify(file: File, key: Key = None) -> None:
    """Check an invoice, JSON or PDF: signature, document, sums. Exit 1 where something does not hold."""
    raise typer.Exit(0 if _checked(file, key).sealed is not None else 1)


@invoice.command()
def render(
    file: File,
    key: Key = None,
    out: Annotated[Path | None, typer.Option("--out", help="Where to; none: beside the file.")] = None,
    fonts: Annotated[
        list[Path] | None, typer.Option("--fonts", exists=True, file_okay=False, help="A folder of fonts.")
    ] = None,
) -> None:
    """Make the PDF of an invoice that verifies: the same bytes that the house makes with the same fonts."""
    sealed = _checked(file, key).sealed
    if sealed is None:
        raise typer.Exit(1)
    _write(out or file.with_suffix(".pdf"), invoice_pdf(sealed, fonts or ()))


def _checked(file: Path, key: Path | None) -> Checked:
    """What was found, told line by line."""
    checked = verify_invoice(file.read_bytes(), keys_of(key))
    for found in checked.findings:
        said = f"{'✓' if found.holds else '✗'} {found.check}: {found.detail}"
        terminal.out.print(said, markup=False, highlight=False)
    return checked


def _write(path: Path, data: bytes) -> None:
    path.write_bytes(data)
    terminal.out.print(f"wrote {path}, {len(data):,} bytes", markup=False, highlight=False)


# --- tax tables


@taxes.command()
def publish(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="JSON (docs/invoices.md).")],
    key: Signing,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Propose a tax table with one operator's key."""
    wish = reading.file_document(file.read_bytes())
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/taxes", wish))


@taxes.command()
def confirm(proposal: Proposal, key: Signing, url: Url = URL, pinned: Pinned = None) -> None:
    """Publish a proposed tax table with a second operator's key."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/taxes/{proposal}/confirm", {}))


@taxes.command("list")
def list_taxes(key: Signing, url: Url = URL, pinned: Pinned = None) -> None:
    """All tax tables, by their first day."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", "/v1/taxes"))
