"""Agreements and cover from the command line: each step is one signed request to a running house, and a change takes two keys."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clearing.front import reading, terminal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.terminal import Table

agreement = typer.Typer(help="Agreements: propose, confirm with a second key, list.", no_args_is_help=True)
cover = typer.Typer(help="Cover: funds in and out, confirmed with a second key.", no_args_is_help=True)
terminal.app.add_typer(agreement, name="agreement")
terminal.app.add_typer(cover, name="cover")

Proposal = Annotated[str, typer.Argument(help="The digest that the proposal was answered with.")]
Partner = Annotated[str | None, typer.Option(help="One partner's alone; only operators see others'.")]


def _asking(path: str, partner: str | None) -> str:
    return path if partner is None else f"{path}?partner={partner}"


def _table(found: list[dict[str, Any]], *names: str) -> Table:
    table = Table(*(name.replace("_", " ") for name in names))
    for one in found:
        table.add_row(*("-" if one[name] is None else str(one[name]) for name in names))
    return table


@agreement.command()
def publish(
    file: Annotated[Path, typer.Argument(help="The agreement's document (openapi/agreement.schema.json).")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Propose the next version with one operator's key; it is published when another confirms it."""
    document = reading.file_document(file.read_bytes())
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/agreements", {"agreement": document}))


@agreement.command("confirm")
def confirm_agreement(proposal: Proposal, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Publish a proposed version with a second operator's key."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/agreements/{proposal}/confirm", {}))


@agreement.command("list")
def list_agreements(key: Key, partner: Partner = None, url: Url = URL, pinned: Pinned = None) -> None:
    """Published versions in order."""
    found = Session(key, url, pinned).ask("GET", _asking("/v1/agreements", partner))["agreements"]
    terminal.out.print(_table(found, "partner", "version", "valid_from", "valid_to", "in_force", "digest"))


@agreement.command()
def announced(key: Key, partner: Partner = None, url: Url = URL, pinned: Pinned = None) -> None:
    """Versions that will come into force, and what each changes."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", _asking("/v1/agreements/announced", partner)))


@agreement.command()
def proposals(key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """What waits for a second key, agreements and cover."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", "/v1/proposals"))


@agreement.command()
def alerts(
    key: Key,
    partner: Partner = None,
    crossed: Annotated[bool, typer.Option("--crossings", help="Every crossing, each once, the latest first.")] = False,  # noqa: FBT002 - a flag
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Who has less room left than the low water that was agreed; with --crossings, each time that anybody fell below it."""
    if crossed:
        found = Session(key, url, pinned).every(_asking("/v1/alerts/crossings", partner), "crossings")["crossings"]
        terminal.out.print(_table(found, "partner", "number", "began_at", "left", "low_water", "ended_at"))
        return
    found = Session(key, url, pinned).ask("GET", _asking("/v1/alerts", partner))["alerts"]
    terminal.out.print(_table(found, "partner", "granted", "position", "pending", "left", "low_water"))


@cover.command()
def move(
    partner: str,
    direction: Annotated[str, typer.Argument(help="in or out")],
    amount: Annotated[int, typer.Argument(help="Millionths of the common unit.")],
    reference: Annotated[str, typer.Argument(help="Of the payment; once for a partner.")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Propose funds in or out with one key, the partner's own or an operator's; they count when an operator's other key confirms them."""
    wish = {"partner": partner, "direction": direction, "amount": amount, "reference": reference}
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/cover", wish))


@cover.command("confirm")
def confirm_cover(proposal: Proposal, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Book a proposed movement with a second operator's key."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/cover/{proposal}/confirm", {}))


@cover.command()
def funds(
    file: Annotated[Path, typer.Argument(exists=True, dir_okay=False, help="The bank's camt.054 or camt.053.")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Book the proposed funds that came in, as the bank's file tells them. Exit 1 when it is blocked, or one of them is refused."""
    said = Session(key, url, pinned).send("POST", "/v1/cover/funds", file.read_bytes(), "application/xml")
    terminal.out.print_json(data=said)
    refused = any(one["outcome"] == "refused" for one in said["funds"])
    raise typer.Exit(1 if said["blocked"] or refused else 0)


@cover.command()
def pay(
    proposal: Proposal,
    key: Key,
    out: Annotated[Path, typer.Option(help="Where to write the pain.001.001.09.")],
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Write a withdrawal that is booked as a file for the house's bank: the same bytes every time."""
    out.write_bytes(Session(key, url, pinned).fetch(f"/v1/cover/{proposal}/payment"))


@cover.command("list")
def list_cover(key: Key, partner: Partner = None, url: Url = URL, pinned: Pinned = None) -> None:
    """How much is lodged, and every movement."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", _asking("/v1/cover", partner)))
