"""Rate sets from the command line: proposed by one operator's key out of a CSV, confirmed by another's, and shown."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from clearing.front import settled, terminal
from clearing.front.cli_agreements import Proposal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.materialised import YEARS
from clearing.rules.units import Ratio
from settlement.rules import listing
from settlement.rules.money import RATE_DIGITS, written

rates = typer.Typer(help="Rate sets that runs convert with, by two keys.", no_args_is_help=True)
terminal.app.add_typer(rates, name="rates")

DAYS = 7
"""How long a rate set may be gone by where nothing else is said."""


@rates.command()
def publish(
    file: Annotated[Path, settled.argument("CSV: currency,rate; the value of one unit in the common unit.")],
    key: Key,
    source: Annotated[str, typer.Option(help="Who gives the rates.")],
    day: Annotated[str, typer.Option("--date", help="The day that they are given for, like 2026-03-31.")],
    published_at: Annotated[str, typer.Option("--published-at", help="When the source did, as RFC 3339 writes it.")],
    until: Annotated[str | None, typer.Option(help="The last day of payment; none: a week later.")] = None,
    name: Annotated[str | None, typer.Option(help="How runs name it; none: SOURCE-DATE.")] = None,
    unit: Annotated[
        str | None,
        typer.Option("--in", help="The currency of the common unit; none: the only one that has the rate 1."),
    ] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Propose a rate set with one operator's key."""
    on = settled.day(day)
    if on is None or on.year not in YEARS:
        raise typer.BadParameter(f"--date is of a year from {YEARS[0]} to {YEARS[-1]}")
    digits = settled.currencies()
    found = settled.must(listing.read_rates(settled.listed(file), digits, unit, source, on), file)
    wish = {
        "name": name or f"{source}-{on.isoformat()}",
        "source": source,
        "valid_from": on.isoformat(),
        "valid_until": until or (on + timedelta(days=DAYS)).isoformat(),
        "published_at": published_at,
        "rates": {currency: _decimal(value) for currency, value in sorted(found.values.items())},
    }
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/rates", wish))


@rates.command()
def confirm(proposal: Proposal, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Publish a proposed rate set with a second operator's key."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/rates/{proposal}/confirm", {}))


@rates.command("list")
def list_rates(key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """All rate sets, by their first day."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", "/v1/rates"))


@rates.command()
def show(
    name: Annotated[str, typer.Argument(help="As runs name it.")], key: Key, url: Url = URL, pinned: Pinned = None
) -> None:
    """One rate set: what it says, and whose keys signed it."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", f"/v1/rates/{name}"))


def _decimal(rate: Ratio) -> str:
    """The decimal that it was read from, without zeros at its end."""
    return written(rate.num * 10**RATE_DIGITS // rate.den, RATE_DIGITS, 0)
