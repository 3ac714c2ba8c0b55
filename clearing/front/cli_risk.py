"""Risk rules, budgets of campaigns and dry runs from the command line: each step is one signed request to a running house."""

import json
from pathlib import Path
from typing import Annotated

import typer

from clearing.front import reading, terminal
from clearing.front.cli_agreements import Proposal
from clearing.front.cli_ask import URL, Again, Device, Key, Pinned, Session, Url, say
from clearing.front.terminal import Table

risk = typer.Typer(help="Risk rules: propose, confirm with a second key, show.", no_args_is_help=True)
campaign = typer.Typer(help="Budgets of campaigns: fund, confirm with a second key, list.", no_args_is_help=True)
terminal.app.add_typer(risk, name="risk")
terminal.app.add_typer(campaign, name="campaign")

BUDGET = ("campaign", "version", "units", "promised_units", "left_units", "value", "promised_value", "left_value")


@risk.command()
def publish(
    file: Annotated[Path, typer.Argument(help="All risk rules, as docs/risk.md describes them.")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Propose the next version with one operator's key; it is published when another confirms it."""
    document = reading.file_document(file.read_bytes())
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/risk-rules", {"risk_rules": document}))


@risk.command("confirm")
def confirm_rules(proposal: Proposal, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Publish proposed rules with a second operator's key."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/risk-rules/{proposal}/confirm", {}))


@risk.command()
def show(key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Every published version, and which one is in force."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", "/v1/risk-rules"))


@campaign.command()
def fund(
    name: Annotated[str, typer.Argument(metavar="CAMPAIGN", help="As rate cards name it.")],
    key: Key,
    units: Annotated[int | None, typer.Option(help="Bonus units in all.")] = None,
    value: Annotated[int | None, typer.Option(help="Millionths of the common unit in all.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Propose what a campaign may spend in all with one operator's key; it counts when another confirms it."""
    wish = {"campaign": name, "units": units, "value": value}
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/campaigns", wish))


@campaign.command("confirm")
def confirm_budget(proposal: Proposal, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Give a campaign its proposed budget with a second operator's key."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/campaigns/{proposal}/confirm", {}))


@campaign.command("list")
def list_budgets(key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Budgets, what is promised of them, and what is left."""
    found = Session(key, url, pinned).ask("GET", "/v1/campaigns")["campaigns"]
    table = Table(*(name.replace("_", " ") for name in BUDGET))
    for one in found:
        table.add_row(*("-" if one[name] is None else str(one[name]) for name in BUDGET))
    terminal.out.print(table)


@terminal.app.command("try")
def try_out(
    token: Annotated[
        str, typer.Argument(metavar="QUOTE", help="The quote token; - reads it, or the whole answer, from stdin.")
    ],
    key: Key,
    device: Device = None,
    again: Again = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Whether a quote would be granted now, held or refused; nothing is reserved, and the quote stays good."""
    text = typer.get_text_stream("stdin").read().strip() if token == "-" else token  # noqa: S105 - a dash is no secret
    said = json.loads(text)["quote"] if text.startswith("{") else text
    say(Session(key, url, pinned), lambda client: client.dry_run(said, again, device=device))
