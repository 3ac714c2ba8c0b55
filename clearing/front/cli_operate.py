"""Commands of operators, directly on the database: onboarding, keys, and the review queue by a signed request."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import typer

from clearing import errors, partners
from clearing.front import onboarding, reading, settings, sources, terminal, vault, wiring
from clearing.front.house import LANE
from clearing.front.shapes import instant
from clearing.front.terminal import Table
from clearing.partners import KEY_PROOF, KeyRow, key_proof
from clearing.signatures import PrivateKey, jws_sign

keys = typer.Typer(help="Keys: make, prove, register, list, revoke.", no_args_is_help=True)
terminal.app.add_typer(keys, name="key")

DOUBTS_PAGE = 500
Purpose = Annotated[str, typer.Option(help="requests, answers or operator")]
Partner = Annotated[str | None, typer.Option(help="The partner's code; none for an operator's key.")]


@terminal.app.command()
def onboard(
    file: Annotated[Path, typer.Argument(help="A YAML file; `clearing onboard --help` shows its shape.")],
) -> None:
    """Take in partners, keys, programs, prices, corridors and caps from one file. Said again, nothing changes."""
    plan, given = onboarding.read_plan(file), settings.load()

    async def take_in() -> None:
        async with wiring.desk(given) as (connection, writer):
            await onboarding.onboard(plan, connection, writer, given, file.parent, terminal.out.print)

    terminal.run(take_in())


onboard.__doc__ = f"{onboard.__doc__}\n\n\b\n{(onboarding.__doc__ or '').partition(chr(10))[2]}"


@keys.command()
def generate(
    file: Annotated[Path, typer.Argument(help="Where the private JWK goes; only its owner may read it.")],
) -> None:
    """Make an Ed25519 key. Prints its public part."""
    key = PrivateKey.generate(sources.random(vault.SECRET_BYTES))
    if not vault.write_secret(file, key.to_jwk()):
        terminal.err.print(f"{file} is there already and stays as it is")
        raise typer.Exit(2)
    terminal.out.print_json(data={"key_id": key.public.key_id, "jwk": dict(key.public.jwk)})


@keys.command()
def prove(
    file: Annotated[Path, typer.Argument(help="The private JWK.")],
    purpose: Purpose = "requests",
    partner: Partner = None,
) -> None:
    """Print what registration asks for: the public JWK, and the proof that you hold the private part."""
    key = vault.private_key(file)
    proof = jws_sign(key_proof(key.public.key_id, partner, purpose), key, KEY_PROOF)
    terminal.out.print_json(data={"jwk": dict(key.public.jwk), "purpose": purpose, "proof": proof})


@keys.command()
def register(
    file: Annotated[Path, typer.Argument(help="A JSON file as `clearing key prove` prints it.")],
    partner: Partner = None,
) -> None:
    """Register a public key for a partner, or for an operator."""
    said, given = reading.file_document(file.read_bytes()), settings.load()
    if not isinstance(said, dict) or not said.keys() >= {"jwk", "purpose", "proof"}:
        raise errors.RequestMalformed("the file is not what `clearing key prove` prints")

    async def take_in() -> KeyRow:
        async with wiring.desk(given) as (connection, _):
            return await partners.register_key(
                connection, said["jwk"], said["purpose"], partner, given.environment, said["proof"], sources.clock()
            )

    terminal.out.print(f"registered {terminal.run(take_in()).public.key_id}")


@keys.command("list")
def list_keys(partner: Partner = None) -> None:
    """The keys of a partner, or without one those of the house and its operators."""

    async def found() -> list[KeyRow]:
        async with wiring.desk(settings.load()) as (connection, _):
            return await partners.keys_of(connection, partner)

    table = Table("key", "purpose", "environment", "alg", "registered", "revoked")
    for row in terminal.run(found()):
        times = (instant(row.registered_at), instant(row.revoked_at) or "-")
        table.add_row(row.public.key_id, row.purpose, row.environment, row.public.alg, *times)
    terminal.out.print(table)


@keys.command()
def revoke(
    key_id: str,
    compromised_since: Annotated[
        datetime | None,
        typer.Option(help="UTC; kept with the key: what it asked for from then on is in doubt, and listed."),
    ] = None,
) -> None:
    """Take a key out of use at once."""

    async def take_out() -> KeyRow:
        async with wiring.desk(settings.load()) as (connection, _):
            since = compromised_since.replace(tzinfo=UTC) if compromised_since else None
            row = await partners.revoke_key(connection, key_id, None, sources.clock(), since)
            await _list_doubts(connection, row)
            return row

    terminal.out.print(f"revoked {terminal.run(take_out()).public.key_id}")


@keys.command()
def doubts(key_id: str) -> None:
    """What a key asked for or decided since it was compromised: a person must look at each."""

    async def told() -> None:
        async with wiring.desk(settings.load()) as (connection, _):
            row = await partners.key(connection, key_id)
            if row is None:
                raise errors.NotFound("no such key")
            await _list_doubts(connection, row)

    terminal.run(told())


async def _list_doubts(connection: Any, row: KeyRow) -> None:
    """All of them, a page at a time: one line each, for people and for `cut`."""
    after, count = partners.BEGINNING, 0
    while page := await partners.doubts(connection, LANE, row, DOUBTS_PAGE, after):
        for doubt in page:
            typer.echo(f"{doubt.exchange_id} {doubt.kind} {instant(doubt.at)} {doubt.seq}")
        after, count = page[-1].seq, count + len(page)
    since = instant(row.compromised_since)
    terminal.out.print(f"{count} in doubt since {since}" if since else "nobody said that it was compromised")
