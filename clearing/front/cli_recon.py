"""Reconciliation from the command line: a partner sends its book, and breaks are listed and decided, each by a signed request."""

from pathlib import Path
from typing import Annotated

import typer

from clearing import errors
from clearing.front import reading, terminal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.terminal import Table

book = typer.Typer(help="Your own book of debits and credits, to be matched with the house's.", no_args_is_help=True)
breaks = typer.Typer(help="What two books do not agree on: listed, or decided.", invoke_without_command=True)
terminal.app.add_typer(book, name="book")
terminal.app.add_typer(breaks, name="breaks")

MEDIA = {".csv": "text/csv", ".jsonl": "application/x-ndjson", ".ndjson": "application/x-ndjson"}
KeyOrNone = Annotated[Path | None, typer.Option("--key", help="File of the private JWK that signs.")]


@book.command()
def upload(
    file: Annotated[Path, typer.Argument(help="CSV or JSON lines (docs/reconciliation.md).")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Send a book. What is wrong with it is told line by line; exit code 1 where it is not taken."""
    body, media = file.read_bytes(), MEDIA.get(file.suffix.lower())
    if media is None or len(body) > reading.BULK_BYTES_MAX:
        raise errors.ValidationFailed(f"a book is .csv or .jsonl, and has at most {reading.BULK_BYTES_MAX:,} bytes")
    said = Session(key, url, pinned).send("POST", "/v1/books", body, media)
    terminal.out.print_json(data=said)
    raise typer.Exit(0 if said["taken"] else 1)


@book.command()
def show(
    book_id: Annotated[str, typer.Argument(metavar="BOOK", help="As its acknowledgement called it: palm.7.")],
    key: Key,
    after: Annotated[int, typer.Option(min=0, help="Begin after this line.")] = 0,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Hand back what became of each line of a book that was taken, a thousand lines at a time."""
    found = Session(key, url, pinned).ask("GET", f"/v1/books/{book_id}?after={after}")
    table = Table("line", "result", "pass", "with", "code", "reason", "break", "state")
    for one in found["handback"]:
        told = (one["line"], one["result"], one["pass_number"], " ".join(one["exchanges"]) or None, one["code"])
        more = (one["reason"], one["breaks"], one["state"])
        table.add_row(*("-" if value is None else str(value) for value in (*told, *more)))
    terminal.out.print(table)
    if found["next"] is not None:
        terminal.err.print(f"{found['lines']} lines in all; go on with --after {found['next']}")


@breaks.callback()
def list_breaks(
    context: typer.Context,
    key: KeyOrNone = None,
    partner: Annotated[str | None, typer.Option(help="One partner's alone; only operators see others'.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Breaks that have not ended, the oldest first."""
    if context.invoked_subcommand is not None:
        return
    if key is None:
        raise typer.BadParameter("say --key")
    path = "/v1/breaks" if partner is None else f"/v1/breaks?partner={partner}"
    found = Session(key, url, pinned).every(path, "breaks")
    names = ("break_id", "break_class", "partner", "window", "difference", "state", "owner", "due_at")
    table = Table(*(name.replace("_", " ") for name in names))
    for one in found["breaks"]:
        table.add_row(*("-" if one[name] is None else str(one[name]) for name in names))
    terminal.out.print(table)


@breaks.command()
def look(break_id: str, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """One break, everything said about it, and what was signed."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", f"/v1/breaks/{break_id}"))


@breaks.command()
def resolve(
    break_id: str,
    decision: Annotated[
        str,
        typer.Argument(
            help="accept_ours, accept_theirs, split, write_off, dispute, contest, concede, escalate, uphold, drop"
        ),
    ],
    note: Annotated[str, typer.Argument(help="Why; kept with the signed request.")],
    key: Key,
    amount: Annotated[str | None, typer.Option(help="split: what is booked, with the difference's sign.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Decide a break, or lead its dispute on. Above the owner's limit a second operator says the same."""
    wish = {"decision": decision, "note": note} | ({} if amount is None else {"amount": amount})
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/breaks/{break_id}/resolve", wish))


@breaks.command()
def match(partner: str, window: int, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Compare a partner's window again, and do what is due."""
    wish = {"partner": partner, "window": window}
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/matches", wish))
