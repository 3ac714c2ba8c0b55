"""What tests of all kinds share: fresh members, who owes what, what members have, receipts that prove themselves, books that add up."""

import asyncio
import http.client
import json
import secrets
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlsplit

import psycopg

from clearing import database
from clearing.client import holds, verify_receipt
from clearing.front import audit
from tests.wire.front_room import Answer, Front

WAIT = {"prefer": "wait=20"}
NOBODY = "01a2008f-81fc-85d4-82a4-382b6b75b8a2"


def member(front: Front, program: str = "lotus-air", key: str = "palm") -> str:
    """The token of a member whom nobody has met."""
    return front.link(program, f"SBX-OK-CANARY-{secrets.token_hex(6)}", key)


def receipt_number() -> str:
    """A receipt number that nobody used."""
    return f"till 4 / {secrets.token_hex(6)}"


def ago(**much: int) -> str:
    """An instant so long ago, as it travels."""
    return (datetime.now(UTC) - timedelta(**much)).isoformat()


def accrual(account: str, units: int = 400, **changes: Any) -> dict[str, Any]:
    wish = {"account": account, "units": units, "occurred_at": ago(hours=2), "reference": receipt_number()}
    return {name: value for name, value in (wish | changes).items() if value is not None}


def accrued(front: Front, account: str, units: int = 400, key: str = "corner", **changes: Any) -> dict[str, Any]:
    answer = front.ask("POST", "/v1/accruals", accrual(account, units, **changes), key=key, headers=WAIT)
    assert (answer.status, answer.json["state"]) == (201, "completed"), answer.body
    found: dict[str, Any] = answer.json
    return found


def consented(front: Front, *channels: str, scope: str = "redemption") -> str:
    """A member of palm-hotels who lets these partners spend its points."""
    source, target = member(front, "palm-hotels"), member(front)
    consent = {"scope": [scope], "channels": list(channels)}
    wish = {"source_account": source, "target_account": target, "consent": consent}
    assert front.ask("POST", "/v1/links", wish).status == 201
    return source


def redeemed(front: Front, account: str, points: int = 900, **changes: Any) -> dict[str, Any]:
    wish = {"account": account, "points": points} | changes
    answer = front.ask("POST", "/v1/redemptions", wish, key="corner", headers=WAIT)
    assert answer.status == 201, answer.body
    found: dict[str, Any] = answer.json
    return found


def reverse(front: Front, exchange: str, sent: int | None, key: str = "corner", reason: str = "brought back") -> Answer:
    wish = {"reason": reason} | ({} if sent is None else {"sent": sent})
    return front.ask("POST", f"/v1/exchanges/{exchange}/reversals", wish, key=key, headers=WAIT)


def owes(front: Front, *partners: str) -> list[int]:
    """What each of these owes the house, millionths; nothing may be pending."""
    said = [front.ask("GET", "/v1/position", key=partner).json for partner in partners]
    assert [position["pending"] for position in said] == ["0"] * len(said)
    return [int(position["position"]) for position in said]


def has(front: Front, program: str, account: str) -> int:
    """What the program's own books say that this member has."""
    with psycopg.connect(front.url) as connection:
        row = connection.execute("SELECT endpoint FROM program WHERE program = %s", [program]).fetchone()
    assert row is not None
    place = http.client.HTTPConnection(urlsplit(row[0]).netloc, timeout=10)
    place.request("GET", "/sandbox/state")
    accounts = json.loads(place.getresponse().read())["accounts"]
    place.close()
    return next(int(found["balance"]) for found in accounts if found["account"] == account)


def proves(front: Front, said: dict[str, Any], key: str) -> bool:
    """Whether the receipt of this exchange holds without the house, its place in the log included."""
    proof = front.ask("GET", f"/v1/exchanges/{said['exchange']}/proof", key=key).json
    jwks = {"keys": [dict(public.jwk) for public in front.house.keys.values()]}
    assert proof["receipt"] == said["receipt"]
    return holds(verify_receipt({"receipt": said["receipt"], "proof": proof}, jwks), proven=True)


def findings(front: Front) -> list[str]:
    """What `clearing verify` finds in the books, once they are at rest."""
    front.books()

    async def look() -> list[str]:
        async with await database.connect(front.url) as connection:
            return [line for check in await audit.audit(connection, front.house.keyring) for line in check.findings]

    return asyncio.run(look())
