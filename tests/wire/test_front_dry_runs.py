"""Dry runs over the wire: what they say is what the exchange then does, and nothing is left of them but the nonce."""

import secrets
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from clearing import exchange
from clearing.front.app import DOORS, create_app
from clearing.rules.refusals import RefusalCode
from tests.wire.front_room import Answer, Front
from tests.wire.risk_room import (
    BONUS,
    BONUS_FROM,
    CAMPAIGN,
    device,
    fresh,
    pair,
    quoted,
    quoted_back,
    reasons,
    ruled,
    submitted,
)
from tests.wire.test_front_campaigns import books, funded
from tests.wire.test_front_doors import validator

TRIED = validator(create_app().openapi(), "TriedSaid")


def tried(front: Front, quote: str, name: str | None = None, key: str = "palm", **more: Any) -> Any:
    answer = front.ask("POST", "/v1/dry-runs", {"quote": quote, **more}, name=name, key=key)
    assert answer.status == 200, answer.body
    TRIED.validate(answer.json)
    return answer.json


def traces(front: Front) -> list[Any]:
    """All that an exchange leaves somewhere: the books, budgets, and every row of every other table but nonces."""
    with psycopg.connect(front.url) as connection:
        found = connection.execute(
            "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
        )
        names = sorted(name for (name,) in found.fetchall() if name not in {"nonce", "lane"})
        counts = [connection.execute(f"SELECT '{name}', count(*) FROM {name}").fetchone() for name in names]
        size = connection.execute("SELECT size, frontier FROM lane").fetchall()
        promised = connection.execute("SELECT * FROM budget_slice ORDER BY campaign").fetchall()
    return [*front.books(), *counts, *size, *promised]


@dataclass(frozen=True)
class Way:
    """What is asked for, under which Idempotency-Key, by whom."""

    quote: str
    name: str | None = None
    key: str = "palm"


def expired(front: Front) -> Way:
    quote = exchange.read_quote(quoted(front, *pair(front)), front.house.key, front.house.keys.get)
    return Way(exchange.quote_token(replace(quote, expires_at=quote.expires_at - timedelta(hours=1)), front.house.key))


def used(front: Front) -> Way:
    quote = quoted(front, *pair(front))
    submitted(front, quote)
    return Way(quote)


def reused(front: Front) -> Way:
    name = secrets.token_hex(8)
    front.ask("POST", "/v1/exchanges", {"quote": quoted(front, *pair(front))}, name=name)
    return Way(quoted(front, *pair(front)), name)


def too_much(front: Front) -> Way:
    return Way(quoted(front, *pair(front), sent=300_000))  # 1,050,000,000 millionths, under a cap of 1,000,000,000


def over_limit(front: Front) -> Way:
    """Each of two quotes fits the limit of the day, both together do not."""
    target, source = pair(front)
    quotes = [quoted_back(front, source, target, sent=3_000) for _ in range(2)]
    assert reasons([submitted(front, quotes[0], "lotus")]) == [None]
    return Way(quotes[1], key="lotus")


def exhausted(front: Front) -> Way:
    """The bonus of a campaign that had room when it was quoted."""
    target, source = pair(front)
    spent = sum(used for _, _, used, _ in books(front, CAMPAIGN))
    funded(front, CAMPAIGN, units=spent + BONUS)
    quote = quoted_back(front, source, target, sent=BONUS_FROM)
    funded(front, CAMPAIGN, units=spent)
    return Way(quote, key="lotus")


def closed(front: Front) -> Way:
    """Either account, since."""
    source, target = pair(front)
    quote = quoted(front, source, target)
    assert front.ask("POST", f"/v1/accounts/{target}/closed", {}, key="lotus").status == 200
    return Way(quote)


def withdrawn(front: Front) -> Way:
    source, target = pair(front)
    wish = {"scope": ["exchange"], "channels": ["lotus"]}
    made = front.ask("POST", "/v1/links", {"source_account": source, "target_account": target, "consent": wish})
    quote = quoted(front, source, target, key="lotus")
    front.ask("DELETE", f"/v1/links/{made.json['link']}/consent")
    return Way(quote, key="lotus")


def unlinked(front: Front) -> Way:
    """From a program that wants a link that is two days old."""
    ends = {"source_account": fresh(front, "strict"), "target_account": fresh(front, "lotus-air")}
    made = front.ask("POST", "/v1/links", ends).json["link"]
    with psycopg.connect(front.url) as connection:
        connection.execute("UPDATE link SET linked_at = linked_at - interval '2 days' WHERE link = %s", [made])
    quote = front.ask("POST", "/v1/quotes", ends | {"sent": 3000}).json["quote"]
    front.ask("DELETE", f"/v1/links/{made}")
    return Way(quote)


def relinked(front: Front) -> Way:
    way = unlinked(front)
    quote = exchange.read_quote(way.quote, front.house.key, front.house.keys.get)
    ends = {"source_account": str(quote.source_account), "target_account": str(quote.target_account)}
    assert front.ask("POST", "/v1/links", ends).status == 201
    return way


WAYS = {
    RefusalCode.QUOTE_EXPIRED: expired,
    RefusalCode.QUOTE_USED: used,
    RefusalCode.IDEMPOTENCY_KEY_REUSED: reused,
    RefusalCode.LIMIT_EXCEEDED: over_limit,
    RefusalCode.NET_DEBIT_CAP_EXCEEDED: too_much,
    RefusalCode.CAMPAIGN_EXHAUSTED: exhausted,
    RefusalCode.ACCOUNT_CLOSED: closed,
    RefusalCode.CONSENT_MISSING: withdrawn,
    RefusalCode.NOT_LINKED: unlinked,
    RefusalCode.LINK_TOO_NEW: relinked,
}
"""How each refusal of a submit comes about."""


def test_every_refusal_of_a_submit_is_tried_out_below() -> None:
    (door,) = [door for door in DOORS if door.name == "submit"]
    assert set(door.refuses) - {"token_invalid"} == {code.value for code in WAYS}


@pytest.mark.parametrize("code", WAYS)
def test_a_dry_run_refuses_what_the_exchange_would_and_in_the_same_words(risky: Front, code: RefusalCode) -> None:
    ruled(risky)
    way = WAYS[code](risky)
    before = traces(risky)
    for _ in range(2):
        said = tried(risky, way.quote, way.name, way.key)
        assert (said["would"], said["held"], said["refusal"]["code"]) == ("refuse", None, code)
    assert traces(risky) == before
    refused = risky.ask("POST", "/v1/exchanges", {"quote": way.quote}, name=way.name, key=way.key)
    assert (refused.code, refused.json["detail"]) == (said["refusal"]["code"], said["refusal"]["detail"])
    assert traces(risky) == before


def refused_alike(front: Front, body: dict[str, Any], key: str = "palm") -> Answer:
    answers = [front.ask("POST", path, body, key=key) for path in ("/v1/dry-runs", "/v1/exchanges")]
    assert answers[0].code == answers[1].code
    return answers[0]


def test_a_token_that_is_not_ours_and_a_quote_of_others_are_refused_alike(risky: Front) -> None:
    ruled(risky)
    quote = quoted(risky, *pair(risky))
    before = traces(risky)
    assert refused_alike(risky, {"quote": quote[:-4] + "AAAA"}).code == "token_invalid"
    assert refused_alike(risky, {"quote": quote}, "lotus").code == "forbidden"
    assert refused_alike(risky, {}).code == "validation_failed"
    assert traces(risky) == before


def test_what_would_be_reserved_leaves_no_trace_and_the_quote_usable(risky: Front) -> None:
    ruled(risky, {"name": "busy", "watches": "account", "hours": 1, "count": 1})
    source, target = pair(risky)
    quote = quoted(risky, source, target)
    before = traces(risky)
    for _ in range(3):  # tried exchanges count in no limit
        assert tried(risky, quote) == {"would": "reserve", "held": None, "refusal": None}
    assert traces(risky) == before
    assert reasons([submitted(risky, quote)]) == [None]
    assert tried(risky, quoted(risky, source, target)) == {"would": "hold", "held": "busy", "refusal": None}


def test_what_would_be_held_is_held_by_the_same_rule(risky: Front) -> None:
    ruled(risky, {"name": "one-phone", "watches": "device", "hours": 1, "count": 0})
    quote, phone = quoted(risky, *pair(risky)), device("dry")
    before = traces(risky)
    assert tried(risky, quote, device=phone) == {"would": "hold", "held": "one-phone", "refusal": None}
    assert tried(risky, quote)["would"] == "reserve"
    assert traces(risky) == before
    assert reasons([submitted(risky, quote, device=phone)]) == ["held: one-phone"]


def test_the_key_and_body_of_an_exchange_that_was_made_would_find_it_again(risky: Front) -> None:
    ruled(risky)
    quote, name = quoted(risky, *pair(risky)), secrets.token_hex(8)
    assert tried(risky, quote, name)["would"] == "reserve"
    made = risky.ask("POST", "/v1/exchanges", {"quote": quote}, name=name, headers={"prefer": "wait=20"})
    assert made.status == 201  # the dry run did not use the key up
    assert tried(risky, quote, name) == {"would": "replay", "held": None, "refusal": None}
    again = risky.ask("POST", "/v1/exchanges", {"quote": quote}, name=name)
    assert (again.status, again.json["exchange"]) == (200, made.json["exchange"])


def test_the_same_signed_dry_run_is_answered_once(risky: Front) -> None:
    ruled(risky)
    sent = risky.signed("POST", "/v1/dry-runs", {"quote": quoted(risky, *pair(risky))})
    assert risky.send(*sent).status == 200
    assert risky.send(*sent).code == "signature_replayed"
