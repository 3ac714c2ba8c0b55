"""The house's API as typed calls: one signed request each, every answer verified, every refusal with its code."""

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self

import httpx

from clearing.client.auth import HouseAuth, KeyOf
from clearing.signatures import PrivateKey, PublicKey, parse_jwks

JWKS = "/.well-known/jwks.json"
TIMEOUT_SECONDS = 10.0

Answer = dict[str, Any]
"""The verified JSON object of an answer; numbers are integers."""


@dataclass
class Problem(Exception):
    """The house refused (RFC 9457). `code` is stable; what is `retryable` may be sent again, same Idempotency-Key."""

    status: int
    code: str
    detail: str
    retryable: bool
    retry_after: int | None
    document: Mapping[str, Any]

    def __str__(self) -> str:
        return f"{self.status} {self.code}: {self.detail}"


class Clearing:
    """One partner's connection to the house.

    Calls that change something take an Idempotency-Key: give your own and repeat with the same one until there is an
    answer; a time-out says nothing about what happened. Left out, a fresh one is made, and a repeat is a new wish.
    """

    def __init__(
        self,
        base_url: str,
        key: PrivateKey,
        house_keys: Mapping[str, PublicKey] | KeyOf,
        clock: Callable[[], float] = time.time,
        transport: httpx.BaseTransport | None = None,
        *,
        names: Callable[[], str] = secrets.token_urlsafe,
    ) -> None:
        auth = HouseAuth(key, house_keys, clock=clock, nonces=names)
        self._names = names
        self._http = httpx.Client(base_url=base_url, auth=auth, transport=transport, timeout=TIMEOUT_SECONDS)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the connections."""
        self._http.close()

    def account(self, program: str, member: str, name: str | None = None, *, key: str | None = None) -> Answer:
        """Take in a member's account: the token that stands for the membership number from now on."""
        wish = {"program": program, "member": member}
        return self._post("/v1/accounts", wish if name is None else wish | {"name": name}, key)

    def link(
        self,
        source_account: str,
        target_account: str,
        name: str | None = None,
        consent: Mapping[str, Sequence[str]] | None = None,
        *,
        key: str | None = None,
    ) -> Answer:
        """Link two accounts of one member. `consent` is {"scope": […], "channels": […]}, for members of your own program."""
        wish: dict[str, Any] = {"source_account": source_account, "target_account": target_account}
        more = {"name": name, "consent": consent}
        return self._post("/v1/links", wish | {field: said for field, said in more.items() if said is not None}, key)

    def unlink(self, link_id: str, key: str | None = None) -> Answer:
        """End a link."""
        return self._delete(f"/v1/links/{link_id}", key)

    def consent(self, link_id: str, scope: Sequence[str], channels: Sequence[str], key: str | None = None) -> Answer:
        """Sign for a member's consent: what for (exchange, redemption, accrual), and through which partners."""
        return self._post(f"/v1/links/{link_id}/consent", {"scope": scope, "channels": channels}, key)

    def withdraw_consent(self, link_id: str, key: str | None = None) -> Answer:
        """Take a member's consent back."""
        return self._delete(f"/v1/links/{link_id}/consent", key)

    def erase(self, account: str, key: str | None = None) -> Answer:
        """Have a member of your own program forgotten, for ever."""
        return self._delete(f"/v1/accounts/{account}", key)

    def quote(
        self,
        source_account: str,
        target_account: str,
        *,
        sent: int | None = None,
        received: int | None = None,
        key: str | None = None,
    ) -> Answer:
        """The price of sending `sent` points, or of letting `received` arrive: a signed token that expires."""
        if (sent is None) == (received is None):
            raise ValueError("a quote is asked for by sent or by received, one of them")
        wish: dict[str, Any] = {"source_account": source_account, "target_account": target_account}
        return self._post("/v1/quotes", wish | ({"sent": sent} if received is None else {"received": received}), key)

    def exchange(
        self, token: str, key: str | None = None, wait: int | None = None, *, device: str | None = None
    ) -> Answer:
        """Submit a quote; with `wait`, give the house up to so many seconds to see it through before it answers.

        `device` is your token of the device that asks; the house keeps a keyed hash of it.
        """
        return self._post("/v1/exchanges", _submitted(token, device), key, wait)

    def dry_run(self, token: str, key: str | None = None, *, device: str | None = None) -> Answer:
        """What `exchange` would come to now: reserve, hold, refuse or replay. Nothing is reserved, and the quote stays good."""
        return self._post("/v1/dry-runs", _submitted(token, device), key)

    def look_up(self, exchange_id: str, wait: int | None = None) -> Answer:
        """The exchange as it stands."""
        return self._ask("GET", f"/v1/exchanges/{exchange_id}", None, _preferences(wait))

    def cancel(self, exchange_id: str, key: str | None = None) -> Answer:
        """Ask that an exchange be given up, as long as that is possible."""
        return self._post(f"/v1/exchanges/{exchange_id}/cancel", {}, key)

    def reverse(
        self, exchange_id: str, sent: int, reason: str, key: str | None = None, wait: int | None = None
    ) -> Answer:
        """Take back `sent` of the source's points, all or a part, at the original terms."""
        return self._post(f"/v1/exchanges/{exchange_id}/reversals", {"sent": sent, "reason": reason}, key, wait)

    def proof(self, exchange_id: str) -> Answer:
        """The receipt with its inclusion in the log, for `clearing.client.receipt.verify_receipt`."""
        return self._ask("GET", f"/v1/exchanges/{exchange_id}/proof", None, {})

    def checkpoint(self) -> str:
        """The head of the log as a signed note: keep it, and ask later whether the log has only grown since."""
        return self._heard("GET", "/v1/checkpoint", None, {}, TIMEOUT_SECONDS).text

    def consistency(self, size: int) -> Answer:
        """The newest checkpoint and the proof that it extends the one of `size` events, for `clearing.client.log.verify_growth`."""
        return self._ask("GET", f"/v1/checkpoint/{size}/consistency", None, {})

    def _delete(self, path: str, key: str | None) -> Answer:
        return self._ask("DELETE", path, None, {"idempotency-key": quoted(self._names() if key is None else key)})

    def _post(self, path: str, wish: Mapping[str, Any], key: str | None, wait: int | None = None) -> Answer:
        headers = {
            "content-type": "application/json",
            "idempotency-key": quoted(self._names() if key is None else key),
        }
        return self._ask("POST", path, json.dumps(wish).encode(), headers | _preferences(wait), wait)

    def _ask(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], wait: int | None = None
    ) -> Answer:
        response = self._heard(method, path, body, headers, TIMEOUT_SECONDS + (wait or 0))
        document = response.json() if response.content else {}
        if isinstance(document, dict):
            return document
        raise problem_of(response, document)

    def _heard(
        self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], timeout: float
    ) -> httpx.Response:
        """The verified answer. Raises Problem."""
        response = self._http.request(method, path, content=body, headers=dict(headers), timeout=timeout)
        if response.is_success:
            return response
        raise problem_of(response, response.json() if response.content else {})


def house_keys(base_url: str, transport: httpx.BaseTransport | None = None) -> dict[str, PublicKey]:
    """The house's keys as it publishes them: worth as much as the TLS connection. Pin them for what matters."""
    with httpx.Client(base_url=base_url, transport=transport, timeout=TIMEOUT_SECONDS) as http:
        return parse_jwks(http.get(JWKS).raise_for_status().json())


def problem_of(response: httpx.Response, document: object) -> Problem:
    """The refusal in an answer; whatever it leaves out is left open, never guessed as retryable."""
    said: Mapping[str, Any] = document if isinstance(document, dict) else {}
    after = response.headers.get("retry-after", "")
    return Problem(
        status=response.status_code,
        code=str(said.get("code", "unreadable_answer")),
        detail=str(said.get("detail", "")),
        retryable=said.get("retryable") is True,
        retry_after=int(after) if after.isascii() and after.isdigit() else None,
        document=said,
    )


def quoted(text: str) -> str:
    """A structured-field string (RFC 9651 section 3.3.3), as the Idempotency-Key header is. Raises ValueError."""
    if not text or not (text.isascii() and text.isprintable()):
        raise ValueError("an Idempotency-Key is printable ASCII, and not empty")
    escaped = text.replace("\\", "\\\\").replace('"', '\\"')
    return f'"{escaped}"'


def _submitted(token: str, device: str | None) -> Answer:
    return {"quote": token} if device is None else {"quote": token, "device": device}


def _preferences(wait: int | None) -> dict[str, str]:
    return {} if wait is None else {"prefer": f"wait={wait}"}
