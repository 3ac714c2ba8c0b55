"""The review queue from the command line: each decision is an operator's signed request to a running house."""

from typing import Annotated

import typer

from clearing.front import terminal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.terminal import Table

review = typer.Typer(help="What a person must look at, and the decision that ends it.", no_args_is_help=True)
terminal.app.add_typer(review, name="review")


@review.command("list")
def list_cases(key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """The open cases, the first due first."""
    found = Session(key, url, pinned).ask("GET", "/v1/cases")["cases"]
    table = Table("case", "kind", "exchange", "leg", "owner", "due", "detail")
    for case in found:
        names = ("case", "kind", "exchange", "leg", "owner", "due_at", "detail")
        table.add_row(*(str(case[name]) for name in names))
    terminal.out.print(table)


@review.command()
def resolve(
    case: int,
    decision: Annotated[
        str, typer.Argument(help="ask_again, done, declined, close; release or refuse what is held for its risk")
    ],
    note: Annotated[str, typer.Argument(help="Why; kept with the signed request.")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Decide a case."""
    session = Session(key, url, pinned)
    terminal.out.print_json(data=session.ask("POST", f"/v1/cases/{case}/resolve", {"decision": decision, "note": note}))
