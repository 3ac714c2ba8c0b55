"""Commands of a partner that issues points, has them spent, or claims them for its members; each one signed request to a running house."""

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from clearing.front import terminal
from clearing.front.cli_ask import URL, Again, Curl, Device, Key, Pinned, Session, Url, Wait, say

claims = typer.Typer(help="Accruals that are missing: claim, list, accept, reject.", no_args_is_help=True)
terminal.app.add_typer(claims, name="claim")

_TRY = "/dry-runs"
Only = Annotated[
    bool, typer.Option("--try", help="Only say whether it would be granted now, held or refused; nothing is moved.")
]
Reference = Annotated[str | None, typer.Option(help="The receipt number: used once while its exchange stands.")]


def _instant(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    try:
        return found.astimezone(UTC) if found.tzinfo else found.replace(tzinfo=UTC)
    except OverflowError:
        raise ValueError(text) from None  # which typer tells as wrong use


Occurred = Annotated[
    datetime | None, typer.Option(parser=_instant, help="When it happened, ISO 8601; without a zone in UTC.")
]


@terminal.app.command()
def accrue(
    account: str,
    units: int,
    key: Key,
    reference: Reference = None,
    occurred_at: Occurred = None,
    again: Again = None,
    wait: Wait = 10,
    url: Url = URL,
    pinned: Pinned = None,
    *,
    purchase: Annotated[bool, typer.Option("--purchase", help="Points bought for the member, without a sale.")] = False,
    only_try: Only = False,
    device: Device = None,
    curl: Curl = False,
) -> None:
    """Issue units of a program to its member, and pay for them."""
    session, kind = Session(key, url, pinned), "purchase" if purchase else "accrual"
    if curl:
        wish = {"account": account, "units": units, "kind": kind, **_told(occurred_at, reference, device)}
        typer.echo(session.curl("POST", "/v1/accruals" + _TRY * only_try, wish, again, wait))
    else:
        told: dict[str, Any] = {"kind": kind, "key": again, "wait": wait, "device": device, "only_try": only_try}
        say(session, lambda client: client.accrue(account, units, occurred_at, reference, **told))


@terminal.app.command()
def redeem(
    account: str,
    points: int,
    key: Key,
    reference: Reference = None,
    occurred_at: Occurred = None,
    again: Again = None,
    wait: Wait = 10,
    url: Url = URL,
    pinned: Pinned = None,
    *,
    later: Annotated[
        bool, typer.Option("--later", help="Hold the points; capture them by a command of its own.")
    ] = False,
    only_try: Only = False,
    device: Device = None,
    curl: Curl = False,
) -> None:
    """Have points of a member spent here, and be paid for them."""
    session = Session(key, url, pinned)
    if curl:
        wish = {"account": account, "points": points, "capture": "later" if later else "now"}
        wish |= _told(occurred_at, reference, device)
        typer.echo(session.curl("POST", "/v1/redemptions" + _TRY * only_try, wish, again, wait))
    else:
        told: dict[str, Any] = {"later": later, "key": again, "wait": wait, "device": device, "only_try": only_try}
        say(session, lambda client: client.redeem(account, points, occurred_at, reference, **told))


@terminal.app.command()
def capture(
    exchange_id: str,
    points: int,
    key: Key,
    again: Again = None,
    wait: Wait = 10,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Take so many of the held points; the rest goes back to the member."""
    say(Session(key, url, pinned), lambda client: client.capture(exchange_id, points, again, wait))


@claims.command("make")
def make_claim(
    account: str,
    partner: Annotated[str, typer.Argument(help="Code of the partner that should have issued the points.")],
    reference: str,
    occurred_at: Annotated[datetime, typer.Argument(parser=_instant, help="When it happened, ISO 8601.")],
    key: Key,
    units: Annotated[int | None, typer.Option(help="How many, where that is known.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Claim an accrual that a member of your program misses."""
    session = Session(key, url, pinned)
    say(session, lambda client: client.claim(account, partner, reference, occurred_at, units))


@claims.command("list")
def list_claims(key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """The claims that wait for your word."""
    terminal.out.print_json(data=Session(key, url, pinned).every("/v1/claims", "claims"))


@claims.command("show")
def show_claim(claim_id: str, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """A claim as it stands."""
    say(Session(key, url, pinned), lambda client: client.look_at_claim(claim_id))


@claims.command("accept")
def accept_claim(
    claim_id: str,
    units: int,
    key: Key,
    again: Again = None,
    wait: Wait = 10,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Pay a claim: an accrual with its receipt number."""
    say(Session(key, url, pinned), lambda client: client.accept_claim(claim_id, units, again, wait))


@claims.command("reject")
def reject_claim(claim_id: str, reason: str, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """Do not pay a claim, and say why."""
    say(Session(key, url, pinned), lambda client: client.reject_claim(claim_id, reason))


def _told(occurred_at: datetime | None, reference: str | None, device: str | None) -> dict[str, Any]:
    when = occurred_at.isoformat() if occurred_at else None
    told = {"occurred_at": when, "reference": reference, "device": device}
    return {name: value for name, value in told.items() if value is not None}
