"""The command line: one thin verb for each need."""

import sys
from importlib import import_module
from pathlib import Path
from typing import Annotated

import httpx
import psycopg
import typer

from clearing import errors
from clearing.client import Problem
from clearing.front import settings
from clearing.front.terminal import app, err, out, run

COMMANDS = {
    "agreements": ("agreement", "cover"),
    "ask": ("account", "balance", "exchange", "look-up", "lots", "proof", "quote", "reverse"),
    "bank": ("bank",),
    "bank_details": ("bank",),
    "books": ("books", "deferral", "explain"),
    "calendar": ("calendar",),
    "cards": ("card",),
    "checks": ("doctor", "evidence", "receipt", "verify"),
    "contracts": ("contract",),
    "invoices": ("invoice", "taxes"),
    "kinds": ("accrue", "capture", "claim", "redeem"),
    "log": ("log",),
    "members": ("consent", "erase", "link", "unlink"),
    "net": ("net",),
    "operate": ("key", "onboard"),
    "payments": ("payments",),
    "price": ("price",),
    "rates": ("rates",),
    "recon": ("book", "breaks"),
    "replay": ("settle",),
    "review": ("review",),
    "risk": ("campaign", "risk", "try"),
    "settle": ("settle",),
    "share": ("share",),
    "statements": ("statement",),
}
"""Modules that hang verbs on `app`, and the verbs of each: only what the verb at hand needs is read, since a whole house takes a second."""

SPEC = Path("openapi") / "clearing.yaml"
OUT = Path("demo-out")


@app.command()
def demo(
    books: Annotated[Path | None, typer.Option(help="Where the books of the story go, as beancount text.")] = None,
    out: Annotated[
        Path, typer.Option(help="Folder for what it makes: runs, bank files, journals, a partner's book.")
    ] = OUT,
) -> None:
    """Tell the whole story on this machine, for real, with two sandbox programs."""
    from clearing.front import demo as story  # noqa: PLC0415 - only this command needs it

    raise typer.Exit(story.run(out, books))


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(help="Port to listen on; 0 takes a free one.")] = None,
    *,
    sandbox: Annotated[bool, typer.Option("--sandbox", help="With two sandbox programs, taken in and ready.")] = False,
) -> None:
    """Serve the API and deliver what it reserves. Without CLEARING_DATABASE_URL with the embedded PostgreSQL, migrated."""
    from clearing.front import logs  # noqa: PLC0415 - other commands need no server
    from clearing.front.serving import serve as serve_api  # noqa: PLC0415

    given = settings.load(host=host, port=port)
    if sandbox:
        from clearing.front.stage import keep_open  # noqa: PLC0415

        keep_open(given)
        return
    logs.configure(given.log_level)
    serve_api(given)


@app.command()
def work() -> None:
    """Deliver only: take over orders whose lease ran out. Any number of workers may run."""
    from clearing.front import logs  # noqa: PLC0415
    from clearing.front.serving import work as work_on  # noqa: PLC0415

    given = settings.load()
    logs.configure(given.log_level)
    run(work_on(given))


@app.command()
def migrate(
    *,
    check: Annotated[bool, typer.Option("--check", help="Only say whether the schema is the newest.")] = False,
    untuned: Annotated[
        bool, typer.Option("--untuned", help="Leave out what only PostgreSQL's own storage knows.")
    ] = False,
) -> None:
    """Bring the schema to the newest revision, make that of scheduled jobs, publish the calendar, begin the lane."""
    from clearing import database  # noqa: PLC0415 - other commands change no schema
    from clearing.front import jobs, wiring  # noqa: PLC0415

    with wiring.database_of(settings.load()) as url:
        if check:
            newest = database.migrated(url) and jobs.made(url)
            out.print("the schema is the newest" if newest else "the schema is not the newest")
            raise typer.Exit(0 if newest else 1)
        run(wiring.prepare(url, tuned=not untuned))
    out.print("the schema is the newest")


@app.command("openapi")
def describe(
    *,
    check: Annotated[bool, typer.Option("--check", help="Compare with the file instead of writing it.")] = False,
    file: Annotated[Path, typer.Option(help="Where the description is kept.")] = SPEC,
) -> None:
    """Write the description of the API and the schemas of documents, or say whether those that are kept are still true."""
    from clearing.front import openapi  # noqa: PLC0415 - reading the web framework takes a while
    from clearing.front.app import create_app  # noqa: PLC0415

    said = {file: openapi.text(create_app())}
    said |= {file.with_name(name): text for name, text in openapi.schemas().items()}
    for path, text in said.items():
        if not check:
            path.write_text(text, encoding="utf-8")
            out.print(f"wrote {path}")
        elif not path.exists() or path.read_text(encoding="utf-8") != text:
            err.print(f"{path} is not what the code says; run `clearing openapi`")
            raise typer.Exit(1)
        else:
            out.print(f"{path} is what the code says")


def main() -> None:
    """Run a command; what the house refuses becomes one sentence and an exit code."""
    _read_for(sys.argv[1] if len(sys.argv) > 1 else "")
    try:
        app()
    except errors.Misconfigured as fault:
        _fail(fault.detail, 3)
    except errors.Unavailable as fault:
        _fail(fault.detail, 5)
    except errors.ClearingError as fault:
        _fail(f"{fault.code}: {fault.detail}", 4)
    except psycopg.OperationalError:  # its words may carry the address
        _fail("the database cannot be reached, or was never prepared; see CLEARING_DATABASE_URL and CLEARING_HOME", 3)
    except (FileNotFoundError, IsADirectoryError, PermissionError) as reason:
        _fail(f"{reason.filename} cannot be used: {reason.strerror}", 2)
    except httpx.TransportError as broken:
        _fail(f"the house cannot be reached: {broken}", 5)
    except Problem as problem:
        _fail(str(problem), 5 if problem.retryable else 4)


def _read_for(verb: str) -> None:
    """Read the modules that have this verb, or all of them for anything else, so that help knows every verb."""
    named = [module for module, verbs in COMMANDS.items() if verb in verbs]
    own = {command.name or command.callback.__name__ for command in app.registered_commands if command.callback}
    for module in named or ([] if verb in own else COMMANDS):
        import_module(f"clearing.front.cli_{module}")


def _fail(sentence: str, code: int) -> None:
    err.print(sentence, markup=False, highlight=False)
    sys.exit(code)
