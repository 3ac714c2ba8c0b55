"""The log from the command line: keep a checkpoint, and see later that the log has only grown since."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clearing import errors
from clearing.client import grew, verify_growth
from clearing.client.log import size_of
from clearing.front import terminal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url

log = typer.Typer(help="The log of all events, watched from outside.", no_args_is_help=True)
terminal.app.add_typer(log, name="log")


@log.command()
def checkpoint(key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Print the head of the log as a signed note. Keep it: it is what `clearing log verify` compares with."""
    with Session(key, url, pinned).client() as client:
        typer.echo(client.checkpoint(), nl=False)


@log.command()
def verify(
    kept: Annotated[Path, typer.Argument(help="A checkpoint that was kept.")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
    save: Annotated[Path | None, typer.Option(help="Where the newer checkpoint goes, if all of it holds.")] = None,
) -> None:
    """Ask for a newer checkpoint, and check that its log extends the kept one: nothing was changed or taken out."""
    session, old = Session(key, url, pinned), kept.read_text(encoding="utf-8-sig")
    jwks = session.jwks()
    with session.client() as client:
        answer = client.consistency(_size(old, jwks))
    findings = verify_growth(old, answer, jwks)
    for finding in findings:
        terminal.out.print(f"{'✓' if finding.holds else '✗'} {finding.check}: {finding.detail}")
    if save is not None and grew(findings):
        save.write_text(answer["checkpoint"], encoding="utf-8")
    raise typer.Exit(0 if grew(findings) else 1)


def _size(old: str, jwks: dict[str, Any]) -> int:
    try:
        return size_of(old, jwks)
    except errors.TokenInvalid as reason:
        terminal.out.print(f"✗ old_checkpoint: {reason.detail}")
        raise typer.Exit(1) from None
