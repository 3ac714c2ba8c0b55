"""A house of its own for risk: two operators, rules that change from test to test, members whom nobody has met, and tokens of devices."""

import asyncio
import secrets
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import psycopg
from psycopg.sql import SQL, Identifier
from psycopg.types.json import Jsonb

from clearing import database, evidence, partners
from clearing.front import vault, wiring
from clearing.rules.cards import Card
from clearing.rules.units import Ratio
from tests import canary
from tests.agreed import carded
from tests.wire.front_room import CANARY, Answer, Front

DEVICE = "PHONE-5Zq8-"
"""What every token of a device begins with here: it may stand nowhere."""

NOW = datetime.now(UTC).replace(microsecond=0)
_seconds = count(1)


def second_operator(front: Front) -> None:
    async def furnish() -> None:
        async with await database.connect(front.url) as connection:
            await connection.set_autocommit(True)
            front.keys["second"] = vault.private_key(front.folder / "second.jwk", make=True)
            await wiring.register_own(connection, front.keys["second"], "operator", None, front.house.settings)

    asyncio.run(furnish())


def document(*rules: dict[str, Any], valid_from: datetime | None = None) -> dict[str, Any]:
    """These rules, in force at once; each document begins after all that were made before."""
    at = valid_from or NOW - timedelta(days=1) + timedelta(seconds=next(_seconds))
    return {"format": "risk-rules/1", "valid_from": at.isoformat(), "rules": list(rules)}


def ruled(front: Front, *rules: dict[str, Any]) -> Any:
    """Proposed by one key, confirmed by the other."""
    proposed = front.ask("POST", "/v1/risk-rules", {"risk_rules": document(*rules)}, key="operator")
    assert proposed.status == 202, proposed.body
    confirmed = front.ask("POST", f"/v1/risk-rules/{proposed.json['proposal']}/confirm", {}, key="second")
    assert confirmed.status == 201, confirmed.body
    return confirmed.json


def fresh(front: Front, program: str) -> str:
    """The token of a member whom nobody has met."""
    return front.link(program, f"{CANARY}-{secrets.token_hex(6)}")


def pair(front: Front) -> tuple[str, str]:
    return fresh(front, "palm-hotels"), fresh(front, "lotus-air")


def quoted(front: Front, source: str, target: str, sent: int = 3000, key: str = "palm") -> str:
    answer = front.ask(
        "POST", "/v1/quotes", {"source_account": source, "target_account": target, "sent": sent}, key=key
    )
    assert answer.status == 200, answer.body
    token: str = answer.json["quote"]
    return token


def device(name: str) -> str:
    return f"{DEVICE}{name}"


def submitted(front: Front, quote: str, key: str = "palm", **more: Any) -> Answer:
    return front.ask("POST", "/v1/exchanges", {"quote": quote, **more}, key=key, headers={"prefer": "wait=20"})


def at_once(front: Front, wishes: list[dict[str, Any]]) -> list[Answer]:
    """All of them submitted in the same moment, each on a connection of its own."""
    with ThreadPoolExecutor(len(wishes)) as crowd:
        return list(crowd.map(lambda wish: submitted(front, **wish), wishes))


def reasons(answers: list[Answer]) -> list[str | None]:
    """Why each is held, None first for what went through; anything else fails."""
    for answer in answers:
        assert (answer.status, answer.json["state"]) in {(201, "completed"), (202, "review")}, answer.body
        assert (answer.json["state"] == "review") == (answer.json["reason"] is not None)
    return sorted([answer.json["reason"] for answer in answers], key=lambda reason: reason or "")


def case_of(front: Front, exchange: str) -> dict[str, Any]:
    """The one open case of an exchange, as the operator's queue shows it."""
    (found,) = [
        one for one in front.ask("GET", "/v1/cases", key="operator").json["cases"] if one["exchange"] == exchange
    ]
    return dict(found)


def resolved(front: Front, exchange: str, decision: str) -> Answer:
    at = f"/v1/cases/{case_of(front, exchange)['case']}/resolve"
    return front.ask("POST", at, {"decision": decision, "note": "looked at"}, key="operator")


CAMPAIGN = "few"
BONUS = 10
"""Units that every exchange of BONUS_FROM points or more gets on the way back, from lotus-air to palm-hotels."""
BONUS_FROM = 4_000
MONTHLY = 20_000
"""Points that a member may send or spend from lotus-air in 30 days, over whatever corridor or none."""
DAILY = 5_000
"""Points that a member may send that way in 24 hours."""


def generous(front: Front) -> None:
    """The way back, with a limit of a day, and a bonus that lotus has agreed to pay for whole."""

    async def publish() -> None:
        async with await database.connect(front.url, application=False) as connection:
            await connection.set_autocommit(True)
            given = Jsonb([{"campaign": CAMPAIGN, "ppm": 1_000_000}])
            await connection.execute(
                "UPDATE agreement SET document = document || jsonb_build_object('funding', %s) WHERE partner = 'lotus'",
                [given],
            )
            outcome = await carded(
                connection,
                "lotus-air",
                "palm-hotels",
                Ratio(1, 1),
                now=datetime.now(UTC),
                limits=[
                    {"name": "day", "per": "day", "over": "corridor", "most": DAILY, "period": "rolling"},
                    {"name": "month", "per": "month", "over": "program", "most": MONTHLY, "period": "rolling"},
                ],
                bonuses=[
                    {
                        "name": CAMPAIGN,
                        "flat": BONUS,
                        "from_points": BONUS_FROM,
                        "funders": [{"code": "lotus", "share": {"num": 1, "den": 1}}],
                    }
                ],
            )
            assert isinstance(outcome, Card), outcome

    asyncio.run(publish())
    front.house.live.forget()


def quoted_back(front: Front, source: str, target: str, sent: int) -> str:
    """A quote for lotus, of its own member, over the way back."""
    return quoted(front, source, target, sent, key="lotus")


def caps(front: Front) -> list[Any]:
    with psycopg.connect(front.url) as connection:
        front._at_rest(connection)
        return connection.execute("SELECT account, position, pending FROM cap_slice ORDER BY account").fetchall()


def device_shown(front: Front) -> list[str]:
    """Where the token of a device can be read: in tables, answers, or the log."""
    stem = DEVICE.encode()
    found = [f"answer {place}" for place, told in enumerate(front.told) if stem in told]
    found += ["log"] if DEVICE in front.log.getvalue() else []
    with psycopg.connect(front.url) as connection:
        names = [name for (name,) in connection.execute(canary.TABLES).fetchall()]
        for name in names:
            query = SQL("COPY {} TO STDOUT (FORMAT binary)").format(Identifier(name))
            with connection.cursor() as cursor, cursor.copy(query) as rows:
                data = b"".join(rows)
            found += [f"table {name}"] if stem in data or stem.hex().encode() in data else []
    return found


def bodies_that_tell(front: Front) -> int:
    """How many sealed bodies have the token of a device, opened with the house's own keys: the search above is not blind."""

    async def read() -> int:
        async with await database.connect(front.url) as connection:
            found = await partners.evidence_after(connection, 0, UUID(int=0), 10_000)
        boxes = [
            (evidence.place("evidence", 0, one.evidence_id, "box"), one.sealed) for one in found if one.sealed.wrapped
        ]
        keyring = front.house.keyring
        return sum(DEVICE.encode() in evidence.open_sealed(keyring, place, sealed) for place, sealed in boxes)

    return asyncio.run(read())
