"""Revenue-sharing contracts from the command line: proposed by one operator's key, confirmed by another's, and shown."""

from pathlib import Path
from typing import Annotated

import typer

from clearing.front import reading, terminal
from clearing.front.cli_agreements import Proposal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.terminal import Table

contracts = typer.Typer(
    help="Contracts that share revenue in settlement runs, in versions by two keys.", no_args_is_help=True
)
terminal.app.add_typer(contracts, name="contract")


@contracts.command()
def publish(
    file: Annotated[
        Path,
        typer.Argument(
            exists=True, dir_okay=False, readable=True, help="The contract (openapi/share-contract.schema.json)."
        ),
    ],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Propose the next version with one operator's key."""
    wish = {"contract": reading.file_document(file.read_bytes())}
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/contracts", wish))


@contracts.command()
def confirm(proposal: Proposal, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Publish a proposal with a second operator's key."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/contracts/{proposal}/confirm", {}))


@contracts.command("list")
def list_contracts(key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Every version in a line."""
    table = Table("contract", "version", "valid from", "in force", "digest")
    for one in Session(key, url, pinned).ask("GET", "/v1/contracts")["contracts"]:
        now = "yes" if one["in_force"] else ""
        table.add_row(one["contract"], str(one["version"]), one["valid_from"], now, one["digest"])
    terminal.out.print(table)


@contracts.command()
def show(
    contract: Annotated[str, typer.Argument(help="The contract's code.")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """All versions of a contract, with their documents and the keys behind them."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", f"/v1/contracts?contract={contract}"))
