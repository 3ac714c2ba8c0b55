"""Bank details from the command line: proposed by one operator's key, confirmed by another's, and shown."""

from pathlib import Path
from typing import Annotated

import typer

from clearing.front import reading, terminal
from clearing.front.cli_agreements import Proposal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.cli_bank import bank

details = typer.Typer(help="Where partners and the house are paid, in versions by two keys.", no_args_is_help=True)
bank.add_typer(details, name="details")


@details.command()
def publish(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="JSON (docs/bank-files.md).")
    ],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Propose the next version with one operator's key."""
    wish = reading.file_document(file.read_bytes())
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/bank-details", wish))


@details.command()
def confirm(proposal: Proposal, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Confirm a proposal with a second operator's key; it is in force after the cooling-off time."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/bank-details/{proposal}/confirm", {}))


@details.command()
def show(
    key: Key,
    partner: Annotated[
        str | None, typer.Argument(help="A partner, or house: its accounts in full; none: all, masked.")
    ] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """All versions, and which of them is in force."""
    path = "/v1/bank-details" if partner is None else f"/v1/bank-details?partner={partner}"
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", path))
