"""Commands about members: link two accounts, give and withdraw consent, unlink, erase; each one signed request to a running house."""

from typing import Annotated

import typer

from clearing.front import terminal
from clearing.front.cli_ask import URL, Curl, Key, Pinned, Session, Url, say

consents = typer.Typer(help="A member's consent to a link: give, withdraw.", no_args_is_help=True)
terminal.app.add_typer(consents, name="consent")

Scopes = Annotated[list[str] | None, typer.Option("--scope", help="exchange, redemption or accrual; may be repeated.")]
Channels = Annotated[
    list[str] | None, typer.Option("--channel", help="Code of a partner that may ask; may be repeated.")
]


@terminal.app.command()
def link(
    source_account: str,
    target_account: str,
    key: Key,
    name: Annotated[str | None, typer.Option(help="The member's name, for both programs to compare.")] = None,
    scope: Scopes = None,
    channel: Channels = None,
    url: Url = URL,
    pinned: Pinned = None,
    *,
    curl: Curl = False,
) -> None:
    """Link two accounts of one member. With --scope and --channel the member's consent comes along."""
    if bool(scope) != bool(channel):
        raise typer.BadParameter("say --scope and --channel, or neither")
    consent = {"scope": scope, "channels": channel} if scope and channel else None
    session = Session(key, url, pinned)
    if curl:
        more: dict[str, object] = {"name": name, "consent": consent}
        wish: dict[str, object] = {"source_account": source_account, "target_account": target_account}
        wish |= {field: said for field, said in more.items() if said is not None}
        typer.echo(session.curl("POST", "/v1/links", wish, None, None))
    else:
        say(session, lambda client: client.link(source_account, target_account, name, consent))


@terminal.app.command()
def unlink(link_id: str, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """End a link. Exchanges under way go on."""
    say(Session(key, url, pinned), lambda client: client.unlink(link_id))


@consents.command()
def give(
    link_id: str,
    key: Key,
    scope: Annotated[list[str], typer.Option("--scope", help="exchange, redemption or accrual; may be repeated.")],
    channel: Annotated[list[str], typer.Option("--channel", help="Code of a partner that may ask; may be repeated.")],
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Sign for a member's consent; it takes the place of the one before."""
    say(Session(key, url, pinned), lambda client: client.consent(link_id, scope, channel))


@consents.command()
def withdraw(link_id: str, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Take a member's consent back."""
    say(Session(key, url, pinned), lambda client: client.withdraw_consent(link_id))


@terminal.app.command()
def erase(
    account: str,
    key: Key,
    url: Url = URL,
    pinned: Pinned = None,
    *,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask whether it is meant.")] = False,
) -> None:
    """Forget a member, for ever: number, hash, and every sealed request that carried it. With the program's key or an operator's."""
    if not yes:
        typer.confirm("This cannot be undone. Erase?", abort=True)
    say(Session(key, url, pinned), lambda client: client.erase(account))
