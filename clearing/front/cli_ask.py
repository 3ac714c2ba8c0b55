"""Commands of a partner's engineer: account, quote, exchange and follow, each one signed request to a running house."""

import json
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from shlex import quote as shell
from typing import Annotated, Any

import httpx
import typer

from clearing.client import Clearing, HouseAuth, Message, PublicKey, house_keys, parse_jwks, quoted, sign_request
from clearing.client.calls import TIMEOUT_SECONDS, problem_of
from clearing.front import sources, terminal, vault

SIGNED_FOR = timedelta(seconds=300)

Key = Annotated[Path, typer.Option("--key", help="File of the partner's private JWK.")]
Url = Annotated[str, typer.Option("--url", help="Where the house is.")]
Pinned = Annotated[
    Path | None, typer.Option("--house-keys", help="The house's JWKS, pinned in a file; none: asked for.")
]
Again = Annotated[
    str | None, typer.Option("--idempotency-key", help="The name of this wish; the same name, the same wish.")
]
Curl = Annotated[
    bool, typer.Option("--curl", help="Print the signed curl command (good for five minutes) instead of sending.")
]
At = Annotated[str | None, typer.Option("--at", help="A past instant, RFC 3339 with its zone; none: now.")]
Wait = Annotated[int | None, typer.Option(help="See it through for up to so many seconds.")]
Device = Annotated[str | None, typer.Option(help="Your token of the device that asks.")]
URL = "http://127.0.0.1:8080"


class Session:
    """One key at one house."""

    def __init__(self, key: Path, url: str, pinned: Path | None) -> None:
        self.key, self.url, self.pinned = vault.private_key(key), url.rstrip("/"), pinned

    def client(self) -> Clearing:
        """The typed client; it believes no unsigned answer."""
        return Clearing(self.url, self.key, self._keys())

    def ask(self, method: str, path: str, wish: Mapping[str, Any] | None = None) -> dict[str, Any]:
        """One signed request that the typed client has no name for. Raises Problem."""
        return self.send(method, path, json.dumps(wish).encode() if wish is not None else None)

    def every(self, path: str, name: str) -> dict[str, Any]:
        """A list with all of its pages. Raises Problem."""
        said = self.ask("GET", path)
        while (after := said["next"]) is not None:
            page = self.ask("GET", f"{path}{'&' if '?' in path else '?'}after={after}")
            said |= {name: said[name] + page[name], "next": page["next"]}
        return said

    def send(self, method: str, path: str, body: bytes | None, media: str = "application/json") -> dict[str, Any]:
        """One signed request with these very bytes. Raises Problem."""
        said: dict[str, Any] = json.loads(self._sent(method, path, body, media))
        return said

    def fetch(self, path: str) -> bytes:
        """The bytes of a file; the house's signature over them was confirmed. Raises Problem."""
        return self._sent("GET", path, None)

    def _sent(self, method: str, path: str, body: bytes | None, media: str = "application/json") -> bytes:
        auth = HouseAuth(self.key, self._keys())
        headers = {} if method == "GET" else {"idempotency-key": quoted(sources.nonce())}
        if body is not None:
            headers["content-type"] = media
        with httpx.Client(base_url=self.url, auth=auth, timeout=TIMEOUT_SECONDS) as http:
            response = http.request(method, path, content=body, headers=headers)
        if response.is_success:
            return response.content
        raise problem_of(response, response.json())

    def _keys(self) -> dict[str, PublicKey]:
        return parse_jwks(json.loads(self.pinned.read_bytes())) if self.pinned else house_keys(self.url)

    def jwks(self) -> dict[str, Any]:
        """The house's keys: the pinned ones, or those that it publishes."""
        return {"keys": [dict(key.jwk) for key in self._keys().values()]}

    def curl(self, method: str, path: str, wish: Mapping[str, Any] | None, name: str | None, wait: int | None) -> str:
        """A command that sends exactly the signed bytes."""
        body = json.dumps(wish).encode() if wish is not None else b""
        headers = [("content-type", "application/json")] if body else []
        if method != "GET":
            headers.append(("idempotency-key", quoted(name or sources.nonce())))
        if wait is not None:
            headers.append(("prefer", f"wait={wait}"))
        target = httpx.URL(self.url)
        host = target.netloc.decode("ascii")
        message = Message(method, host, path, "?", tuple(headers), body)
        created = int(sources.clock().timestamp())
        expires = created + int(SIGNED_FOR.total_seconds())
        headers += sign_request(message, self.key, created=created, expires=expires, nonce=sources.nonce())
        lines = [f"curl -sS -X {method} {shell(self.url + path)}", *(f"-H {shell(f'{n}: {v}')}" for n, v in headers)]
        if body:
            lines.append(f"--data-binary {shell(body.decode())}")
        return " \\\n  ".join(lines)


def say(session: Session, ask: Callable[[Clearing], dict[str, Any]]) -> None:
    """Ask, and print what the house says."""
    with session.client() as client:
        terminal.out.print_json(data=ask(client))


@terminal.app.command()
def account(
    program: str,
    member: str,
    key: Key,
    name: str | None = None,
    url: Url = URL,
    pinned: Pinned = None,
    *,
    curl: Curl = False,
) -> None:
    """Take in a member's account: the token that stands for the membership number."""
    session = Session(key, url, pinned)
    wish = {"program": program, "member": member} | ({} if name is None else {"name": name})
    if curl:
        typer.echo(session.curl("POST", "/v1/accounts", wish, None, None))
    else:
        say(session, lambda client: client.account(program, member, name))


@terminal.app.command()
def quote(
    source_account: str,
    target_account: str,
    key: Key,
    sent: Annotated[int | None, typer.Option(help="Points to send.")] = None,
    received: Annotated[int | None, typer.Option(help="Units that should arrive.")] = None,
    kind: Annotated[str, typer.Option(help="exchange, transfer, gift, donation or cash_back.")] = "exchange",
    tier: Annotated[str | None, typer.Option(help="The member's tier, where the rate card asks for it.")] = None,
    card: Annotated[str | None, typer.Option(help="The card that the member holds, likewise.")] = None,
    channel: Annotated[str | None, typer.Option(help="The channel, likewise.")] = None,
    segment: Annotated[list[str] | None, typer.Option(help="A list that the member is on; may be said again.")] = None,
    url: Url = URL,
    pinned: Pinned = None,
    *,
    curl: Curl = False,
) -> None:
    """Ask for exact terms: a signed token, good for one exchange until it expires."""
    if (sent is None) == (received is None):
        raise typer.BadParameter("say --sent or --received, one of them")
    session = Session(key, url, pinned)
    amount = {"sent": sent} if received is None else {"received": received}
    named = {"tier": tier, "card": card, "channel": channel, "segments": segment or None}
    member = {name: value for name, value in named.items() if value is not None}
    wish = {"source_account": source_account, "target_account": target_account, **amount, "kind": kind, **member}
    if curl:
        typer.echo(session.curl("POST", "/v1/quotes", wish, None, None))
    else:
        ends = (source_account, target_account)
        about: Any = {"sent": sent, "received": received, "kind": kind, **member}
        say(session, lambda client: client.quote(*ends, **about))


@terminal.app.command()
def exchange(
    token: Annotated[
        str, typer.Argument(help="The quote token; - reads it, or the whole answer to a quote, from stdin.")
    ],
    key: Key,
    again: Again = None,
    wait: Wait = 10,
    device: Device = None,
    url: Url = URL,
    pinned: Pinned = None,
    *,
    curl: Curl = False,
) -> None:
    """Submit a quote, and by default wait ten seconds for its end."""
    text = typer.get_text_stream("stdin").read().strip() if token == "-" else token  # noqa: S105 - a dash is no secret
    said = json.loads(text)["quote"] if text.startswith("{") else text
    session = Session(key, url, pinned)
    if curl:
        wish = {"quote": said} | ({} if device is None else {"device": device})
        typer.echo(session.curl("POST", "/v1/exchanges", wish, again, wait))
    else:
        say(session, lambda client: client.exchange(said, again, wait, device=device))


@terminal.app.command("look-up")
def look_up(exchange_id: str, key: Key, wait: Wait = None, url: Url = URL, pinned: Pinned = None) -> None:
    """An exchange as it stands."""
    say(Session(key, url, pinned), lambda client: client.look_up(exchange_id, wait))


@terminal.app.command()
def reverse(
    exchange_id: str,
    sent: int,
    reason: str,
    key: Key,
    again: Again = None,
    wait: Wait = 10,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """Give points of a completed exchange back, all or a part, at the original terms: counted as sent, or as issued if none were sent."""
    say(Session(key, url, pinned), lambda client: client.reverse(exchange_id, sent, reason, again, wait))


@terminal.app.command()
def balance(
    key: Key,
    account: Annotated[
        str | None,
        typer.Argument(help="CODE.KIND, as in lotus.position, or a member's account token; none: all of yours."),
    ] = None,
    at: At = None,
    url: Url = URL,
    pinned: Pinned = None,
) -> None:
    """What accounts of the books held at any past instant, or what a member moved through the house by then."""
    when = None if at is None else terminal.instant(at, "--at")
    if account is not None and "." not in account:
        say(Session(key, url, pinned), lambda client: client.moved(account, when))
    else:
        say(Session(key, url, pinned), lambda client: client.balances(account, when))


@terminal.app.command()
def lots(account: str, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """A member's lots as its program tells them, oldest first with their expiry, and which lots each operation touched."""
    terminal.out.print_json(data=Session(key, url, pinned).every(f"/v1/accounts/{account}/lots", "history"))


@terminal.app.command()
def proof(exchange_id: str, key: Key, url: Url = URL, pinned: Pinned = None) -> None:
    """The receipt of an exchange with its place in the log; `clearing receipt verify` checks it offline."""
    say(Session(key, url, pinned), lambda client: client.proof(exchange_id))
