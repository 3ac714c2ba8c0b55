"""The settlement calendar from the command line: print a scheme's windows without a server, publish them, show what counts."""

import json
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.core import TyperGroup

from clearing import errors
from clearing.front import reading, terminal
from clearing.front.cli_agreements import Proposal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.materialised import calendar_of
from settlement.rules.calendar import NoSuchTime

REFUSED = 6
PRINTS = "windows"


class _OrFile(TyperGroup):
    """A group of commands in which a file may stand where a command would: its windows are printed."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read `calendar FILE …` as `calendar windows FILE …`."""
        names = args and args[0] not in self.commands and args[0] not in ctx.help_option_names
        return super().parse_args(ctx, [PRINTS, *args] if names else args)


calendar = typer.Typer(
    cls=_OrFile,
    help="The settlement calendar. `clearing calendar SCHEME.json --year Y` prints a scheme's windows.",
    no_args_is_help=True,
)
terminal.app.add_typer(calendar, name="calendar")

File = Annotated[
    Path,
    typer.Argument(
        exists=True, dir_okay=False, readable=True, help="The scheme, a JSON document (openapi/scheme.schema.json)."
    ),
]
Year = Annotated[int, typer.Option("--year", help="The year of the cut-offs, as the scheme's zone counts.")]


@calendar.command(PRINTS)
def print_windows(scheme: File, year: Year) -> None:
    """Print the windows of a year: JSON on stdout. Exit 6 when a cut-off falls where the clocks are put forward."""
    typer.echo(json.dumps(_made(scheme, year)["windows"], indent=2))


@calendar.command()
def publish(scheme: File, year: Year, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Propose a year of windows with one operator's key, as they are printed; they are published when another key confirms."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/calendar", _made(scheme, year)))


@calendar.command()
def confirm(proposal: Proposal, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Publish a proposed year with a second operator's key."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", f"/v1/calendar/{proposal}/confirm", {}))


@calendar.command()
def show(
    key: Key,
    year: Annotated[int | None, typer.Option(help="Only windows that close in this year.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Published versions, and the windows that count."""
    path = "/v1/calendar" if year is None else f"/v1/calendar?year={year}"
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", path))


def _made(path: Path, year: int) -> dict[str, Any]:
    """The year of the scheme in this file. Raises errors.RequestMalformed or errors.ValidationFailed with one sentence that names it."""
    with path.open("rb") as file:
        body = file.read(reading.BODY_BYTES_MAX + 1)
    if len(body) > reading.BODY_BYTES_MAX:
        raise errors.BodyTooLarge(f"{path}: a scheme has at most {reading.BODY_BYTES_MAX:,} bytes")
    try:
        made = calendar_of(reading.file_document(body), year)
    except errors.RequestMalformed as fault:
        raise type(fault)(f"{path}: {fault.detail}") from None
    if isinstance(made, NoSuchTime):
        _refuse(made)
    return made


def _refuse(missing: NoSuchTime) -> NoReturn:
    said = {
        "code": "no_such_local_time",
        "date": missing.day.isoformat(),
        "local_time": f"{missing.time:%H:%M}",
        "zone": missing.zone,
        "detail": str(missing),
    }
    typer.echo(json.dumps({"refusal": said}, indent=2))
    raise typer.Exit(REFUSED)
