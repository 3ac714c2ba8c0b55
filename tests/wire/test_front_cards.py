"""Rate cards at the door: two keys, dated versions, a feed; and quotes and exchanges made of every sort of rule that a card has."""

import asyncio
import json
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest

from clearing import database, evidence, partners
from clearing.adapter import Capabilities
from clearing.front import sources, vault, wiring
from clearing.front.house import LANE
from clearing.ledger.items import Fund
from clearing.rules.units import Ratio
from clearing.signatures import decode
from tests.agreed import card, document
from tests.wire.front_room import Answer, Front

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
CAN = Capabilities(hold_seconds=900, idempotent=True, look_up=True, reversal=True, batch=100, longest_seconds=60)
HALF = Ratio(1, 2)
HALVES = [{"num": 1, "den": 2}, {"num": 1, "den": 2}]
_numbers = count(1)


@dataclass
class Market:
    """Two new partners with a program each, agreed prices, and a member's accounts in both; nobody answers at their address."""

    front: Front
    name: str
    accounts: tuple[str, str]

    @property
    def source(self) -> str:
        return f"{self.name}-nights"

    @property
    def target(self) -> str:
        return f"{self.name}-miles"

    @property
    def funders(self) -> list[dict[str, Any]]:
        codes = (f"{self.name}-hotel", f"{self.name}-air")
        return [{"code": code, "share": share} for code, share in zip(codes, HALVES, strict=True)]

    def document(self, ratio: Ratio = HALF, version: int = 1, **more: Any) -> dict[str, Any]:
        found: dict[str, Any] = card(self.source, self.target, ratio, NOW, version, **more)
        return found

    def publish(self, document: dict[str, Any]) -> Answer:
        proposed = self.front.ask("POST", "/v1/cards", {"card": document}, key="operator")
        if proposed.status != 202:
            return proposed
        return self.front.ask("POST", f"/v1/cards/{proposed.json['proposal']}/confirm", {}, key="second-card")

    def quote(self, sent: int | None = None, **more: Any) -> Answer:
        wish: dict[str, Any] = {"source_account": self.accounts[0], "target_account": self.accounts[1]}
        wish |= {} if sent is None else {"sent": sent}
        return self.front.ask("POST", "/v1/quotes", wish | more, key=f"{self.name}-hotel")

    def submit(self, quoted: Answer) -> Answer:
        return self.front.ask("POST", "/v1/exchanges", {"quote": quoted.json["quote"]}, key=f"{self.name}-hotel")


async def _furnish(front: Front, name: str) -> tuple[str, str]:
    accounts = []
    async with await database.connect(front.url) as connection:
        await connection.set_autocommit(True)
        for who, program, unit in (("hotel", "nights", 4_000), ("air", "miles", 8_000)):
            code, currency = f"{name}-{who}", f"{name}-{program}"
            await partners.register_partner(connection, code, code, NOW)
            await partners.register_program(
                connection,
                currency,
                code,
                name=currency,
                unit_name="POINT",
                adapter="house_json",
                endpoint="http://127.0.0.1:9",
                capabilities=CAN,
                now=NOW,
            )
            front.keys[code] = vault.private_key(front.folder / f"{code}.jwk", make=True)
            await wiring.register_own(connection, front.keys[code], "requests", code, front.house.settings)
            shares = [{"funder": f"{name}-{one}", "ppm": 500_000} for one in ("hotel", "air")]
            if who == "hotel":
                await partners.register_partner(connection, f"{name}-air", f"{name}-air", NOW)
            more: dict[str, Any] = {
                "funding": [{"campaign": f"{name}-summer", "funders": shares}],
                "cap": {"postpaid": {"granted": 10**12}},
                "fees": [{"kind": "exchange", "basis_points": 100, "minimum": 0, "maximum": 50_000}],
            }
            first = document(code, NOW, {currency: (Ratio(unit, 1), Ratio(unit, 1))}, **more)
            found = await partners.publish_agreement(connection, first, NOW)
            assert found.partner == code  # type: ignore[union-attr]
            keyring = front.house.keyring
            token = partners.bucketed_uuid(NOW, evidence.bucket(keyring, currency, "SBX-OK-1"), sources.random(10))
            linked = await partners.link_account(
                connection, keyring, LANE, token, currency, f"SBX-OK-{name}", NOW, sources.random
            )
            accounts.append(str(linked.account))
    return accounts[0], accounts[1]


@pytest.fixture(scope="module")
def room(front: Front) -> Front:
    async def second() -> None:
        async with await database.connect(front.url) as connection:
            await connection.set_autocommit(True)
            front.keys["second-card"] = vault.private_key(front.folder / "second-card.jwk", make=True)
            await wiring.register_own(connection, front.keys["second-card"], "operator", None, front.house.settings)

    asyncio.run(second())
    return front


@pytest.fixture
def market(room: Front) -> Market:
    name = f"m{next(_numbers)}"
    accounts = asyncio.run(_furnish(room, name))
    room.house.live.forget()
    found = Market(room, name, accounts)
    grants(room)
    return found


def grants(room: Front) -> None:
    """The caps of new agreements are granted by the house's own tick."""
    from clearing.front import granting

    async def grant() -> None:
        async with await database.connect(room.url) as connection:
            await connection.set_autocommit(True)
            await granting.grant_due(connection, room.house.writer)

    on_loop(room, grant())


def on_loop(room: Front, work: Any) -> None:
    """Run on the loop of the house: its writer lives there."""
    asyncio.run_coroutine_threadsafe(work, room.loop).result(20)


# --- publication


def test_a_card_is_published_by_two_keys_and_found_again(market: Market) -> None:
    wish = market.document(notice_days=0)
    proposed = market.front.ask("POST", "/v1/cards", {"card": wish}, key="operator")
    assert (proposed.status, proposed.json["kind"]) == (202, "card")
    alone = market.front.ask("POST", f"/v1/cards/{proposed.json['proposal']}/confirm", {}, key="operator")
    assert (alone.status, alone.code) == (403, "second_key_needed")
    published = market.front.ask("POST", f"/v1/cards/{proposed.json['proposal']}/confirm", {}, key="second-card")
    assert (published.status, published.json["version"], published.json["in_force"]) == (201, 1, True)
    again = market.front.ask("POST", "/v1/cards", {"card": wish}, key="operator")
    assert (again.status, again.json["digest"]) == (200, published.json["digest"])
    path = f"/v1/cards?source={market.source}"
    for key in (f"{market.name}-air", "operator"):
        found = market.front.ask("GET", path, key=key).json["cards"]
        assert [(one["target"], one["round_trip"]) for one in found] == [(market.target, None)]


def test_a_partner_publishes_no_card(market: Market) -> None:
    refused = market.front.ask("POST", "/v1/cards", {"card": market.document()}, key=f"{market.name}-hotel")
    assert refused.status == 403


@pytest.mark.parametrize(
    ("changes", "status", "code"),
    [
        ({"surprise": 1}, 422, "validation_failed"),
        (
            {"rates": [{"name": "base", "bands": [{"block": 1, "ratio": {"points": 1, "units": 9}}]}]},
            422,
            "unfunded_value",
        ),
        ({"version": 3}, 409, "version_taken"),
        ({"target": "nobody"}, 404, "unknown_program"),
    ],
)
def test_a_card_that_cannot_be_is_refused_when_it_is_proposed(
    market: Market, changes: dict[str, Any], status: int, code: str
) -> None:
    refused = market.front.ask("POST", "/v1/cards", {"card": market.document() | changes}, key="operator")
    assert (refused.status, refused.code) == (status, code)
    waiting = market.front.ask("GET", "/v1/proposals", key="operator").json["proposals"]
    assert not [one for one in waiting if one["partner"] == f"{market.name}-hotel"]


def test_an_announced_version_is_in_the_feed_until_it_comes(market: Market) -> None:
    market.publish(market.document())
    later = market.document(Ratio(1, 4), 2, valid_from=(NOW + 40 * DAY).isoformat())
    assert market.publish(later).status == 201
    found = market.front.ask("GET", f"/v1/cards/announced?source={market.source}").json["announced"]
    assert [(one["version"], one["kind"], one["parts"]) for one in found] == [(2, "version_begins", ["rates"])]
    assert market.quote(1_000).json["base"] == 500  # still the first


def test_the_loss_of_a_round_trip_is_shown(market: Market) -> None:
    market.publish(market.document())
    back = card(market.target, market.source, Ratio(3, 2), NOW)
    assert market.publish(back).json["round_trip"] == {"lost": 1, "of": 4}


# --- quotes


def test_a_quote_says_base_bonus_charges_and_the_fee_of_the_house(market: Market) -> None:
    bonus = {"name": f"{market.name}-summer", "per_full": {"points": 1_000, "units": 101}, "funders": market.funders}
    fees = [
        {"name": "handling", "per_point": {"points": 10, "fee": 3}, "most": 250, "in": "value"},
        {"name": "service", "per_event": 70, "in": "value", "owed_to": "house"},
        {"name": "excise", "per_point": {"points": 1_000, "fee": 3}, "in": "points"},
    ]
    published = market.publish(market.document(bonuses=[bonus], fees=fees))
    assert published.status == 201, published.body
    on_loop(market.front, market.front.house.writer.put(Fund(f"{market.name}-summer", None, None)))
    said = market.quote(2_000).json
    assert (said["source"]["amount"], said["base"], said["target"]["amount"]) == (2_000, 1_000, 1_202)
    assert [(one["units"], one["value"]) for one in said["bonus"]] == [(101, 808_000), (101, 808_000)]
    hotel = f"{market.name}-hotel"
    how = [(one["rule"], one["points"], one["value"], one["collected_by"], one["to_house"]) for one in said["charges"]]
    assert how == [
        ("handling", 0, 250, hotel, False),
        ("service", 0, 70, hotel, True),
        ("excise", 6, 0, hotel, False),
    ]
    assert [one["capped"] for one in said["charges"]] == [True, False, False]
    worth = 2_000 * 4_000
    assert (said["debit"], said["fee"]) == (worth + 50_070, 50_070)  # a hundredth, held at its maximum; and the service
    assert said["credit"] == 1_202 * 8_000


def test_an_exchange_says_and_its_receipt_commits_to_what_the_member_is_charged(market: Market) -> None:
    fees = [
        {"name": "service", "per_event": 70, "in": "value", "owed_to": "house"},
        {"name": "excise", "per_event": 6, "in": "points"},
        {"name": "free", "per_event": 9, "in": "value", "waived": [{"from": NOW.isoformat()}]},
    ]
    assert market.publish(market.document(fees=fees)).status == 201
    quoted = market.quote(2_000)
    made = market.submit(quoted)
    assert made.status == 202, made.body
    hotel = f"{market.name}-hotel"
    assert made.json["charges"] == [
        {"rule": "service", "points": 0, "value": 70, "collected_by": hotel, "to_house": True},
        {"rule": "excise", "points": 6, "value": 0, "collected_by": hotel, "to_house": False},
    ]
    claims = json.loads(decode(made.json["receipt"].split(".")[1]))
    assert json.loads(decode(claims["event"]))["charges"] == made.json["charges"]
    assert (made.json["source"]["amount"], made.json["debit"]) == (2_000, quoted.json["debit"])


def test_asked_by_what_should_arrive_the_quote_is_the_same(market: Market) -> None:
    market.publish(market.document())
    by_points, by_units = market.quote(2_000).json, market.quote(received=1_000).json
    assert (by_points["source"], by_points["debit"]) == (by_units["source"], by_units["debit"])


def test_an_amount_off_the_step_is_refused_with_what_would_fit(market: Market) -> None:
    market.publish(market.document(band={"block": 1_000}))
    refused = market.quote(24_300)
    assert (refused.status, refused.code) == (422, "amount_off_step")
    assert refused.json["next_valid"] == [24_000, 25_000]
    assert "24,000 or 25,000" in refused.json["detail"]


def test_a_card_that_trims_leaves_the_rest_with_the_member(market: Market) -> None:
    market.publish(market.document(band={"block": 1_000}, off_step="trim"))
    said = market.quote(24_300).json
    assert (said["source"]["amount"], said["remainder"]) == (24_000, 300)


def test_a_rate_may_depend_on_tier_card_and_channel(market: Market) -> None:
    gold = {"name": "gold", "when": {"tiers": ["gold"]}, "bands": [{"block": 2, "ratio": {"points": 4, "units": 1}}]}
    plain = {"name": "plain", "bands": [{"block": 4, "ratio": {"points": 4, "units": 1}}]}
    gold["bands"] = [{"block": 4, "ratio": {"points": 2, "units": 1}}]
    market.publish(market.document(rates=[gold, plain], channels=[{"name": "app"}, {"name": "desk"}]))
    assert market.quote(400).code == "channel_closed"
    assert market.quote(400, channel="app").json["base"] == 100
    assert market.quote(400, channel="desk", tier="gold").json["base"] == 200


def test_a_card_may_ask_for_a_link_of_an_age(market: Market) -> None:
    market.publish(market.document(link={"min_age_days": 30}))
    assert market.quote(400).code == "link_too_new"


# --- limits and budgets, decided when the exchange is submitted


def test_a_daily_limit_counts_what_was_submitted_and_holds_in_a_race(market: Market) -> None:
    limit = {"name": "daily", "per": "day", "over": "corridor", "most": 3_000}
    market.publish(market.document(limits=[limit]))
    first, second = market.quote(2_000), market.quote(2_000)  # both were fine when they were asked for
    assert market.submit(first).status == 202
    refused = market.submit(second)
    assert (refused.status, refused.code) == (422, "limit_exceeded")
    again = market.quote(2_000)
    assert (again.status, again.code) == (422, "limit_exceeded")
    assert again.json["next_valid"] == [1_000]
    assert market.quote(1_000).status == 200


def test_a_campaign_that_is_used_up_is_refused_and_never_repriced(market: Market) -> None:
    bonus = {"name": f"{market.name}-summer", "flat": 100, "funders": market.funders}
    market.publish(market.document(bonuses=[bonus]))
    on_loop(market.front, market.front.house.writer.put(Fund(f"{market.name}-summer", 150, None)))
    quotes = [market.quote(2_000), market.quote(2_000)]
    assert market.submit(quotes[0]).status == 202
    refused = market.submit(quotes[1])
    assert (refused.status, refused.code) == (422, "campaign_exhausted")
    again = market.quote(2_000)
    assert (again.status, again.code, again.json["rule"]) == (422, "campaign_exhausted", f"{market.name}-summer")


def test_a_bonus_for_the_first_exchange_is_given_once(market: Market) -> None:
    bonus = {"name": f"{market.name}-summer", "flat": 100, "first_only": True, "funders": market.funders}
    market.publish(market.document(bonuses=[bonus]))
    on_loop(market.front, market.front.house.writer.put(Fund(f"{market.name}-summer", None, None)))
    quotes = [market.quote(2_000), market.quote(2_000)]
    assert [len(one.json["bonus"]) for one in quotes] == [2, 2]
    accepted = market.submit(quotes[0])
    assert accepted.status == 202, accepted.body
    assert market.submit(quotes[1]).code == "limit_exceeded"
    assert market.quote(2_000).json["bonus"] == []
