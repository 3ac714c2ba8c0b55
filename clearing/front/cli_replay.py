"""What a run was made of, from the command line: its inputs as they were approved, and its result made anew of them by anybody, offline."""

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from clearing import errors
from clearing.front import settled, terminal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.cli_settle import Run, settle
from settlement.rules.run import NotInputsError, UnsettleableError, replayed, sha256

BYTES_MAX = 64 * 1024 * 1024


@settle.command()
def inputs(
    run: Run,
    key: Key,
    out: Annotated[Path | None, typer.Option(help="Write them here; none: to stdout.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """The inputs of a run, the very bytes: their SHA-256 is the `inputs_sha256` that the approved result names."""
    found = Session(key, url, pinned).fetch(f"/v1/runs/{run}/inputs")
    if out is not None:
        out.write_bytes(found)
        return
    sys.stdout.buffer.write(found)
    sys.stdout.buffer.flush()


@settle.command()
def replay(
    file: Annotated[Path, settled.argument("The inputs of a run, as `clearing settle inputs` wrote them.")],
    result: Annotated[str | None, typer.Option(metavar="SHA256", help="Of the result that two keys approved.")] = None,
    out: Annotated[Path | None, typer.Option(help="Write the result's bytes here.")] = None,
) -> None:
    """Make a run's result anew of its inputs, offline. Exit 1 when its SHA-256 is not the one that --result names."""
    body = settled.read(file, BYTES_MAX)
    try:
        made = replayed(body)
    except (NotInputsError, UnsettleableError) as fault:
        raise errors.ValidationFailed(f"{file}: {fault}") from None
    if out is not None:
        out.write_bytes(made)
    said = {"inputs_sha256": sha256(body), "result_sha256": sha256(made), "result": json.loads(made)}
    terminal.out.print_json(data=said)
    raise typer.Exit(0 if result in {None, said["result_sha256"]} else 1)
