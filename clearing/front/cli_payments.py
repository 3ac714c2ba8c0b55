"""`clearing payments`: what a partner pays and is paid in settlement runs, the file for its bank, and the word that money arrived."""

from pathlib import Path
from typing import Annotated

import typer

from clearing.front import terminal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.terminal import Table

payments = typer.Typer(
    help="Your payments in settlement runs: list, file for the bank, received.", no_args_is_help=True
)
terminal.app.add_typer(payments, name="payments")

COLUMNS = ("instruction", "run", "payer", "payee", "currency", "amount", "value_date", "state", "differs")


@payments.command("list")
def list_payments(
    key: Key,
    run: Annotated[str | None, typer.Option(help="Those of this run; none: all.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """All payments that you are a side of, those of the latest day first."""
    session, after = Session(key, url, pinned), ""
    table = Table(*(name.replace("_", " ") for name in COLUMNS))
    while True:
        asked = "&".join(f"{name}={value}" for name, value in (("run", run), ("after", after)) if value)
        found = session.ask("GET", f"/v1/payments{'?' if asked else ''}{asked}")
        for one in found["payments"]:
            said = one | {"state": "overdue" if one["overdue"] else one["state"]}
            table.add_row(*("" if said[name] is None else str(said[name]) for name in COLUMNS))
        after = found["next"]
        if not after:
            break
    terminal.out.print(table)


@payments.command()
def file(
    run: Annotated[str, typer.Argument(help="The run.")],
    key: Key,
    out: Annotated[Path, typer.Option(help="Where to write the pain.001.001.09.")],
    again: Annotated[str | None, typer.Option(help="Only this payment, which your bank rejected.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Write what you pay in a run as a file for your bank: the same bytes every time."""
    path = f"/v1/payments?run={run}&format=pain.001" + (f"&again={again}" if again else "")
    out.write_bytes(Session(key, url, pinned).fetch(path))


@payments.command()
def received(
    instruction: Annotated[str, typer.Argument(help="The payment, as the list names it.")],
    amount: Annotated[str, typer.Argument(help="What your bank booked, in major units, like 12.50.")],
    currency: Annotated[str, typer.Argument(help="Its currency.")],
    on: Annotated[str, typer.Option(help="The day on which your bank booked it, like 2026-11-20.")],
    reference: Annotated[str, typer.Option(help="Your bank's own name for the booking.")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Say that another partner's payment has arrived. Exit 1 when what you say differs from what was instructed."""
    wish = {"amount": amount, "currency": currency, "booked_on": on, "bank_reference": reference}
    said = Session(key, url, pinned).ask("POST", f"/v1/payments/{instruction}/received", wish)
    terminal.out.print_json(data=said)
    raise typer.Exit(1 if said["outcome"] == "differs" else 0)
