"""Settlement runs from the command line: each step is one operator's signed request to a running house."""

from pathlib import Path
from typing import Annotated, Any

import typer

from clearing.front import reading, terminal
from clearing.front.cli_ask import URL, Key, Pinned, Session, Url
from clearing.front.terminal import Table

settle = typer.Typer(help="Settlement runs: draft, approve with two keys, freeze, pay, confirm.", no_args_is_help=True)
terminal.app.add_typer(settle, name="settle")

Run = Annotated[str, typer.Argument(help="The run, as its draft named it.")]
File = Annotated[Path, typer.Argument(exists=True, dir_okay=False, readable=True)]
AT_ONCE = 150  # confirmations that one request may carry
PAYMENTS = ("instruction", "payer", "payee", "currency", "amount", "value_date", "state", "differs")


def _post(session: Session, run: str, verb: str, wish: dict[str, Any]) -> None:
    terminal.out.print_json(data=session.ask("POST", f"/v1/runs/{run}/{verb}", wish))


@settle.command()
def draft(file: File, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Draft the settlement of sealed windows: FILE names windows, value date, currency, rates and terms (docs/settlement.md)."""
    wish = reading.file_document(file.read_bytes())
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/runs", wish))


@settle.command("list")
def list_runs(key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """All runs, the newest first."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", "/v1/runs"))


@settle.command()
def show(run: Run, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """A run with its result and history."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("GET", f"/v1/runs/{run}"))


@settle.command()
def approve(
    run: Run,
    result: Annotated[str, typer.Argument(metavar="SHA256", help="Of the result that you looked at.")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Say that this very result is right; the second operator who says so approves it."""
    _post(Session(key, url, pinned), run, "approve", {"result_sha256": result})


@settle.command()
def freeze(run: Run, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Make an approved run final and instruct its payments."""
    _post(Session(key, url, pinned), run, "freeze", {})


@settle.command()
def abort(
    run: Run,
    reason: Annotated[str, typer.Argument(help="Why; kept with the run.")],
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """End a run that is not frozen; its windows can be drafted again."""
    _post(Session(key, url, pinned), run, "abort", {"reason": reason})


@settle.command()
def pay(
    run: Run,
    key: Key,
    out: Annotated[Path | None, typer.Option(help="Write what goes out as a pain.001.001.09; none: list all.")] = None,
    again: Annotated[
        str | None, typer.Option(help="With --out: only this payment, which waited for bank details or was rejected.")
    ] = None,
    payer: Annotated[
        str | None, typer.Option(help="With --out: what this partner pays, on its behalf; none: the house.")
    ] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """The payments of a run. Those that are `due` may be paid; what goes out waits for what comes in. Whom no bank can pay stderr says."""
    if out is not None:
        more = "".join(f"&{name}={value}" for name, value in (("again", again), ("payer", payer)) if value)
        path = f"/v1/runs/{run}/instructions?format=pain.001{more}"
        out.write_bytes(Session(key, url, pinned).fetch(path))
    found = Session(key, url, pinned).ask("GET", f"/v1/runs/{run}/instructions")
    for one in found["instructions"]:
        if one["waits"]:
            terminal.err.print(f"{one['instruction']} waits: {one['waits']}", markup=False, highlight=False)
    if out is not None:
        return
    table = Table(*(name.replace("_", " ") for name in PAYMENTS), title=f"{run}: {found['state']}")
    for one in found["instructions"]:
        said = one | {"state": "overdue" if one["overdue"] else one["state"]}
        table.add_row(*("" if said[name] is None else str(said[name]) for name in PAYMENTS))
    terminal.out.print(table)


@settle.command()
def waterfall(
    run: Run,
    contract: Annotated[str, typer.Argument(help="The contract that it shared by.")],
    key: Key,
    out: Annotated[Path, typer.Option("--out", help="Where to write the picture, SVG.")],
    window: Annotated[str | None, typer.Option(help="Whose base, where the run shared several.")] = None,
    back: Annotated[bool, typer.Option("--back", help="What was given back instead.")] = False,  # noqa: FBT002 - a flag
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Draw what a run shared by a contract: the base, and who got what of it. A party sees its own legs, an operator all."""
    asked = "&".join([*([f"window={window}"] if window else []), *(["back=true"] if back else [])])
    path = f"/v1/runs/{run}/waterfalls/{contract}{'?' if asked else ''}{asked}"
    data = Session(key, url, pinned).fetch(path)
    out.write_bytes(data)
    terminal.out.print(f"wrote {out}, {len(data):,} bytes", markup=False, highlight=False)


@settle.command()
def overdue(key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Book the interest of payments of partners that are late, up to today. Said again on the same day it books nothing more."""
    terminal.out.print_json(data=Session(key, url, pinned).ask("POST", "/v1/overdue", {}))


@settle.command()
def confirm(run: Run, file: File, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Say what the bank booked: FILE is its camt.054, camt.053 or pain.002 as .xml, or a list as JSON. Exit 1 when a file is blocked."""
    session, body = Session(key, url, pinned), file.read_bytes()
    if file.suffix.lower() == ".xml":
        said = session.send("POST", f"/v1/runs/{run}/confirmations", body, "application/xml")
        terminal.out.print_json(data=said)
        raise typer.Exit(1 if said["blocked"] else 0)
    booked = reading.file_document(body)
    if not isinstance(booked, list):
        raise typer.BadParameter("confirmations are a list")
    for start in range(0, len(booked), AT_ONCE):
        _post(session, run, "confirmations", {"confirmations": booked[start : start + AT_ONCE]})
