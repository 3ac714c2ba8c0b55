"""Rate cards from the command line: each step is one signed request to a running house, and a change takes two keys."""

from pathlib import Path
from typing import Annotated

import typer

from clearing.front import reading, terminal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.terminal import Table

card = typer.Typer(
    help="Rate cards: propose, publish with a second key, list, announced changes.", no_args_is_help=True
)
terminal.app.add_typer(card, name="card")

Source = Annotated[str | None, typer.Option(help="Cards from this program alone.")]
Target = Annotated[str | None, typer.Option(help="Cards to this program alone.")]


def _asking(path: str, source: str | None, target: str | None) -> str:
    named = [f"{name}={value}" for name, value in (("source", source), ("target", target)) if value]
    return "?".join([path, "&".join(named)]) if named else path


@card.command()
def publish(
    file: Annotated[Path, typer.Argument(help="The card's document (openapi/rate-card.schema.json).")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Propose the next version with one operator's key; it is published when another confirms it."""
    document = reading.file_document(file.read_bytes())
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/cards", {"card": document}))


@card.command()
def confirm(
    proposal: Annotated[str, typer.Argument(help="The digest that the proposal was answered with.")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Publish a proposed version with a second operator's key."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/cards/{proposal}/confirm", {}))


@card.command("list")
def list_cards(key: Key, source: Source = None, target: Target = None, url: Url = URL, pinned: Pinned = None) -> None:
    """Published versions, and what a round trip loses."""
    found = Session(key, url, pinned).ask("GET", _asking("/v1/cards", source, target))["cards"]
    names = ("source", "target", "version", "valid_from", "valid_to", "in_force")
    table = Table(*(name.replace("_", " ") for name in names), "round trip loses")
    for one in found:
        trip = one["round_trip"]
        lost = "no way back" if trip is None else f"{trip['lost']}/{trip['of']}"
        table.add_row(*("-" if one[name] is None else str(one[name]) for name in names), lost)
    terminal.out.print(table)


@card.command()
def announced(key: Key, source: Source = None, target: Target = None, url: Url = URL, pinned: Pinned = None) -> None:
    """Announced changes that are still to come."""
    path = _asking("/v1/cards/announced", source, target)
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", path))
