"""The house's API as typed calls: one signed request each, every answer verified, every refusal with its code."""

import json
import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Self

import httpx

from clearing.client.auth import HouseAuth, KeyOf
from clearing.signatures import PrivateKey, PublicKey, parse_jwks

JWKS = "/.well-known/jwks.json"
TIMEOUT_SECONDS = 10.0
_TRY = "/dry-runs"  # after the address of what is tried

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
        wish = {"source_account": source_account, "target_account": target_account}
        return self._post("/v1/links", wish | _said(name=name, consent=consent), key)

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
        kind: str | None = None,
        tier: str | None = None,
        card: str | None = None,
        channel: str | None = None,
        segments: Sequence[str] = (),
        key: str | None = None,
    ) -> Answer:
        """The price of sending `sent` points, or of letting `received` arrive: a signed token that expires.

        `kind` is exchange, transfer, gift, donation or cash_back; left out, it is an exchange. Say the member's tier, card held and
        segments, and the channel, where the rate card asks for them.
        """
        if (sent is None) == (received is None):
            raise ValueError("a quote is asked for by sent or by received, one of them")
        wish = {"source_account": source_account, "target_account": target_account}
        return self._post(
            "/v1/quotes",
            wish
            | _said(
                sent=sent,
                received=received,
                kind=kind,
                tier=tier,
                card=card,
                channel=channel,
                segments=list(segments) or None,
            ),
            key,
        )

    def exchange(
        self, token: str, key: str | None = None, wait: int | None = None, *, device: str | None = None
    ) -> Answer:
        """Submit a quote; with `wait`, give the house up to so many seconds to see it through before it answers.

        `device` is your token of the device that asks; the house keeps a keyed hash of it.
        """
        return self._post("/v1/exchanges", _said(quote=token, device=device), key, wait)

    def dry_run(self, token: str, key: str | None = None, *, device: str | None = None) -> Answer:
        """What `exchange` would come to now: reserve, hold, refuse or replay. Nothing is reserved, and the quote stays good."""
        return self._post("/v1/dry-runs", _said(quote=token, device=device), key)

    def look_up(self, exchange_id: str, wait: int | None = None) -> Answer:
        """The exchange as it stands."""
        return self._ask("GET", f"/v1/exchanges/{exchange_id}", None, _preferences(wait))

    def cancel(self, exchange_id: str, key: str | None = None) -> Answer:
        """Ask that an exchange be given up, as long as that is possible."""
        return self._post(f"/v1/exchanges/{exchange_id}/cancel", {}, key)

    def reverse(
        self, exchange_id: str, sent: int, reason: str, key: str | None = None, wait: int | None = None
    ) -> Answer:
        """Take back `sent` points, all or a part, at the original terms: counted as they were sent, or issued if none were sent."""
        return self._post(f"/v1/exchanges/{exchange_id}/reversals", {"sent": sent, "reason": reason}, key, wait)

    # --- what a partner does without a quote

    def accrue(
        self,
        account: str,
        units: int,
        occurred_at: datetime | None = None,
        reference: str | None = None,
        *,
        kind: str = "accrual",
        key: str | None = None,
        wait: int | None = None,
        device: str | None = None,
        only_try: bool = False,
    ) -> Answer:
        """Issue units to a member and pay for them. An accrual has a receipt number and says when it happened; a purchase may.

        `only_try`: what it would come to now: reserve, hold, refuse or replay; nothing is issued.
        """
        told = _said(occurred_at=_instant(occurred_at), reference=reference, device=device)
        wish = {"account": account, "units": units, "kind": kind} | told
        return self._post("/v1/accruals" + _TRY * only_try, wish, key, wait)

    def redeem(
        self,
        account: str,
        points: int,
        occurred_at: datetime | None = None,
        reference: str | None = None,
        *,
        later: bool = False,
        key: str | None = None,
        wait: int | None = None,
        device: str | None = None,
        only_try: bool = False,
    ) -> Answer:
        """Have points of a member spent here and be paid for them; `later` holds them until they are captured, or cancelled.

        `only_try`: what it would come to now: reserve, hold, refuse or replay; nothing is spent.
        """
        told = _said(occurred_at=_instant(occurred_at), reference=reference, device=device)
        wish = {"account": account, "points": points, "capture": "later" if later else "now"}
        return self._post("/v1/redemptions" + _TRY * only_try, wish | told, key, wait)

    def capture(self, exchange_id: str, points: int, key: str | None = None, wait: int | None = None) -> Answer:
        """Take so many of the held points; the rest goes back to the member."""
        return self._post(f"/v1/redemptions/{exchange_id}/capture", {"points": points}, key, wait)

    # --- claims of accruals that are missing

    def claim(
        self,
        account: str,
        partner: str,
        reference: str,
        occurred_at: datetime,
        units: int | None = None,
        *,
        key: str | None = None,
    ) -> Answer:
        """Claim an accrual for a member of your own program. Its state says whether it waits, or was paid before."""
        receipt = {"partner": partner, "reference": reference, "occurred_at": _instant(occurred_at)}
        return self._post("/v1/claims", {"account": account} | receipt | _said(units=units), key)

    def claims(self, after: str | None = None) -> Answer:
        """The claims that wait for your word, a page at a time: the next begins after `next`."""
        return self._ask("GET", f"/v1/claims{_after(after)}", None, {})

    def look_at_claim(self, claim_id: str) -> Answer:
        """A claim as it stands."""
        return self._ask("GET", f"/v1/claims/{claim_id}", None, {})

    def accept_claim(self, claim_id: str, units: int, key: str | None = None, wait: int | None = None) -> Answer:
        """Pay a claim: an accrual of so many units with its receipt number."""
        return self._post(f"/v1/claims/{claim_id}/accept", {"units": units}, key, wait)

    def reject_claim(self, claim_id: str, reason: str, key: str | None = None) -> Answer:
        """Do not pay a claim, and say why."""
        return self._post(f"/v1/claims/{claim_id}/reject", {"reason": reason}, key)

    def proof(self, exchange_id: str) -> Answer:
        """The receipt with its inclusion in the log, for `clearing.client.receipt.verify_receipt`."""
        return self._ask("GET", f"/v1/exchanges/{exchange_id}/proof", None, {})

    def balances(self, account: str | None = None, at: datetime | None = None) -> Answer:
        """What the accounts of the books that are the caller's, or one of them, held at an instant; without one, now."""
        return self._ask("GET", f"/v1/balances{'' if account is None else f'/{account}'}{_at(at)}", None, {})

    def moved(self, account: str, at: datetime | None = None) -> Answer:
        """What a linked member's account moved through the house by an instant; without one, by now."""
        return self._ask("GET", f"/v1/accounts/{account}/moved{_at(at)}", None, {})

    def lots(self, account: str, after: str | None = None) -> Answer:
        """A member's lots as its program tells them, oldest first, and which lots each operation of the house touched, in pages."""
        return self._ask("GET", f"/v1/accounts/{account}/lots{_after(after)}", None, {})

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


def _said(**fields: object) -> dict[str, Any]:
    """What was given of these fields."""
    return {field: value for field, value in fields.items() if value is not None}


def _instant(at: datetime | None) -> str | None:
    """RFC 3339. Raises ValueError for a time without a zone: it is no instant."""
    if at is not None and at.tzinfo is None:
        raise ValueError("an instant has a zone")
    return None if at is None else at.isoformat()


def _after(after: str | None) -> str:
    """The query that names where a page begins."""
    return "" if after is None else f"?after={after}"


def _at(at: datetime | None) -> str:
    """The query that names an instant, in UTC and without escapes. Raises ValueError for one without a zone."""
    if at is None:
        return ""
    if at.tzinfo is None:
        raise ValueError("an instant has its zone")
    return f"?at={at.astimezone(UTC).replace(tzinfo=None).isoformat()}Z"


def _preferences(wait: int | None) -> dict[str, str]:
    return {} if wait is None else {"prefer": f"wait={wait}"}
