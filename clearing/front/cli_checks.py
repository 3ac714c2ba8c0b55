"""Commands that look and judge: the books, evidence, receipts, and the installation itself."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Annotated, Any
from uuid import UUID

import psycopg
import typer
from psycopg import AsyncConnection

from clearing import adapter, database, errors, evidence, partners
from clearing.client import house_keys, verify_receipt
from clearing.client.receipt import holds
from clearing.front import audit, jobs, settings, sources, terminal, vault, wiring
from clearing.front.house import CLOCK_DIFFERENCE_MAX, LANE
from clearing.front.terminal import Table
from clearing.ledger.verify import Check

kept = typer.Typer(help="What was signed: show it, verify it again.", no_args_is_help=True)
receipts = typer.Typer(help="Receipts, checked without the house.", no_args_is_help=True)
terminal.app.add_typer(kept, name="evidence")
terminal.app.add_typer(receipts, name="receipt")

Connection = AsyncConnection[Any]


@terminal.app.command()
def verify() -> None:
    """Recompute the books from entries, log, exchanges and evidence, and say what was checked."""
    given = settings.load()

    async def checks() -> list[Check]:
        with wiring.database_of(given) as url:
            async with await database.connect(url, name="clearing-verify") as connection:
                return await audit.audit(connection, vault.keyring(given))

    found = terminal.run(checks())
    table = Table("", "checked", "looked at", "findings")
    for check in found:
        table.add_row("✓" if check.holds else "✗", check.name, str(check.looked_at), "\n".join(check.findings))
    terminal.out.print(table)
    raise typer.Exit(0 if all(check.holds for check in found) else 1)


async def _evidence(evidence_id: UUID) -> tuple[evidence.Evidence, list[str]]:
    """The evidence, and what does not hold of it."""
    given = settings.load()
    with wiring.database_of(given) as url:
        async with await database.connect(url, name="clearing-evidence") as connection:
            found = await partners.evidence_of(connection, LANE, evidence_id)
            if found is None:
                raise errors.NotFound("there is no such evidence")
            key = await partners.key(connection, found.key_id)
            answered = evidence.answer_key_id(found)
            theirs = await partners.key(connection, answered) if answered else None
    if key is None:
        return found, ["the key that signed is not registered"]
    answer_key = theirs.public if theirs else None
    return found, evidence.verify(found, key.public, vault.keyring(given), lane=LANE, answer_key=answer_key)


@kept.command("verify")
def verify_evidence(evidence_id: UUID) -> None:
    """Verify a stored request or call again: signature over its base, digest, sealed body."""
    found, findings = terminal.run(_evidence(evidence_id))
    for finding in findings:
        terminal.out.print(f"✗ {finding}")
    broken = [finding for finding in findings if finding != "body_erased"]
    if not broken:
        terminal.out.print(
            f"✓ {found.kind} signed by {found.key_id} at {found.signed_at.isoformat()}: base, signature, digest"
        )
    raise typer.Exit(1 if broken else 0)


@kept.command()
def show(evidence_id: UUID) -> None:
    """What was signed, without the body: that is sealed."""
    found, _ = terminal.run(_evidence(evidence_id))
    meta = json.loads(found.meta)
    base = {
        "kind": found.kind,
        "key_id": found.key_id,
        "signed_at": found.signed_at.isoformat(),
        "base": found.base.decode(),
    }
    terminal.out.print_json(data={**base, "method": meta["method"], "target": meta["target"], "tag": meta["tag"]})


@receipts.command("verify")
def verify_offline(
    file: Annotated[
        Path,
        typer.Argument(
            help="The answer to `clearing proof`, or any JSON with a receipt; - for stdin.",
            exists=True,
            dir_okay=False,
            allow_dash=True,
        ),
    ],
    keys: Annotated[Path | None, typer.Option(help="The house's JWKS in a file.", exists=True, dir_okay=False)] = None,
    url: Annotated[str | None, typer.Option(help="Or where to ask for it.")] = None,
) -> None:
    """Check a receipt: who signed it, what it commits to, and, with a proof, that the log holds it."""
    said = _document(typer.get_text_stream("stdin").read() if str(file) == "-" else _text(file), "receipt")
    jwks = _keys_given(keys, url)
    proof = {"proof": said} if "path" in said and "checkpoint" in said else {}
    findings = verify_receipt({"receipt": said["receipt"], **proof}, jwks)
    for finding in findings:
        terminal.out.print(f"{'✓' if finding.holds else '✗'} {finding.check}: {finding.detail}")
    raise typer.Exit(0 if holds(findings, proven=bool(proof)) else 1)


def _text(file: Path) -> str:
    return file.read_text(encoding="utf-8-sig", errors="replace")


def _document(text: str, member: str) -> dict[str, Any]:
    """A JSON object with this member. Raises errors.RequestMalformed, in one sentence."""
    try:
        said = json.loads(text)
    except ValueError:
        said = None
    if not isinstance(said, dict) or member not in said:
        raise errors.RequestMalformed(f"this is no JSON object with {member!r}")
    return said


def _keys_given(keys: Path | None, url: str | None) -> dict[str, Any]:
    if keys is not None:
        return _document(_text(keys), "keys")
    if url is not None:
        return {"keys": [dict(key.jwk) for key in house_keys(url).values()]}
    raise typer.BadParameter("say --keys FILE or --url HOUSE")


@terminal.app.command()
def doctor() -> None:
    """Show every setting and where it came from, and check database, schema, clock, keys and adapters."""
    given = settings.load()
    table = Table("setting", "value", "from", "what for")
    for row in settings.explain(given):
        table.add_row(*row)
    terminal.out.print(table)
    if (sandbox := settings.sandbox_home(given)).exists():
        terminal.out.print(
            f"· the sandbox in {sandbox} is another house, with settings of its own: pace, and "
            f"bank_cooling_hours {settings.SANDBOX_COOLING_HOURS}"
        )
    sound = all(
        [
            _tried("keyring", lambda: _kept(given.keyring_path, lambda: vault.keyring(given).kek_id)),
            _tried("adapters", _adapters),
        ]
    )
    sound &= _tried("house key", lambda: _kept(given.house_key_path, lambda: vault.house_key(given).public.key_id))
    if given.embedded:
        if not (given.home / "postgres").exists():
            terminal.out.print("· no database yet; the first start makes it")
            raise typer.Exit(0 if sound else 1)
        terminal.out.print("· the embedded PostgreSQL is for one machine; in production set CLEARING_DATABASE_URL")
    with wiring.database_of(given) as url:
        reached = _tried("database", lambda: database.fitness(url))
        if reached:
            sound &= _tried("schema", lambda: _newest(url))
            sound &= _tried("clock", lambda: asyncio.run(_asked(url, _clock)))
    raise typer.Exit(0 if sound and reached else 1)


def _tried(what: str, look: Callable[[], str]) -> bool:
    try:
        terminal.out.print(f"✓ {what}: {look()}")
    except errors.ClearingError as fault:
        terminal.out.print(f"✗ {what}: {fault.detail}")
        return False
    except (psycopg.Error, OSError) as fault:
        terminal.out.print(f"✗ {what}: {type(fault).__name__}")  # its words may carry the address with the password
        return False
    return True


def _kept(path: Path, look: Callable[[], str]) -> str:
    """Looking makes nothing: what the first start will make is not made here."""
    return look() if path.exists() else "none yet; the first start makes it"


def _adapters() -> str:
    return ", ".join(sorted(adapter.load_adapters()))


def _newest(url: str) -> str:
    if not database.migrated(url):
        raise errors.Misconfigured("not the newest; run `clearing migrate`")
    if not jobs.made(url):
        raise errors.Misconfigured("the schema of jobs is not the newest; run `clearing migrate`")
    return "the newest"


async def _asked(url: str, question: Callable[[Connection], Awaitable[str]]) -> str:
    async with await database.connect(url, application=False, name="clearing-doctor") as connection:
        return await question(connection)


async def _clock(connection: Connection) -> str:
    difference = await database.clock_difference(connection, sources.clock)
    if abs(difference) > CLOCK_DIFFERENCE_MAX:
        raise errors.ClockUnsound(f"differs by {difference.total_seconds():.3f} s")
    return f"differs by {difference.total_seconds():.3f} s"
