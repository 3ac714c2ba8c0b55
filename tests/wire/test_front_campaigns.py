"""Budgets of campaigns over the wire: two keys, next versions only, never below what is promised, and each sees its own."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import psycopg
import pytest

from clearing import database, partners
from clearing.front import campaigns
from clearing.front.app import create_app
from clearing.front.house import LANE
from tests.wire.front_room import Front
from tests.wire.risk_room import BONUS, BONUS_FROM, CAMPAIGN, NOW, at_once, pair, quoted_back, ruled
from tests.wire.test_front_doors import validator

_numbers = count(1)


@pytest.fixture
def summer() -> str:
    """A campaign of the test's own."""
    return f"summer-{next(_numbers)}"


def proposed(front: Front, campaign: str, **budget: Any) -> Any:
    return front.ask("POST", "/v1/campaigns", {"campaign": campaign, **budget}, key="operator")


def confirmed(front: Front, digest: str) -> Any:
    return front.ask("POST", f"/v1/campaigns/{digest}/confirm", {}, key="second")


def funded(front: Front, campaign: str, **budget: Any) -> Any:
    answer = confirmed(front, proposed(front, campaign, **budget).json["proposal"])
    assert answer.status == 201, answer.body
    return answer.json


def books(front: Front, campaign: str) -> list[tuple[Any, ...]]:
    with psycopg.connect(front.url) as connection:
        return connection.execute(
            "SELECT units, value, units_used, value_used FROM budget_slice WHERE campaign = %s", [campaign]
        ).fetchall()


def versions(front: Front, campaign: str) -> list[int]:
    with psycopg.connect(front.url) as connection:
        found = connection.execute("SELECT version FROM campaign_budget WHERE campaign = %s ORDER BY 1", [campaign])
        return [version for (version,) in found.fetchall()]


@contextmanager
def promised(front: Front, campaign: str, units: int, value: int) -> Iterator[None]:
    """The books as if so much was promised; put right again afterwards."""
    change = "UPDATE budget_slice SET units_used = %s, value_used = %s WHERE campaign = %s"
    with psycopg.connect(front.url, autocommit=True) as connection:
        connection.execute(change, [units, value, campaign])
        try:
            yield
        finally:
            connection.execute(change, [0, 0, campaign])


def test_a_budget_is_proposed_by_one_key_and_counts_when_another_confirms_it(risky: Front, summer: str) -> None:
    wish = proposed(risky, summer, units=1_000)
    assert (wish.status, wish.json["kind"], wish.json["document"]["version"]) == (202, "campaign", 1)
    digest = wish.json["proposal"]
    assert proposed(risky, summer, units=1_000).json["proposal"] == digest
    alone = risky.ask("POST", f"/v1/campaigns/{digest}/confirm", {}, key="operator")
    assert (alone.status, alone.code, books(risky, summer)) == (403, "second_key_needed", [])
    done = confirmed(risky, digest)
    assert done.status == 201
    assert books(risky, summer) == [(1_000, None, 0, 0)]
    again = confirmed(risky, digest)
    assert (again.status, again.json) == (200, done.json)
    assert (proposed(risky, summer, units=1_000).status, versions(risky, summer)) == (200, [1])
    with promised(risky, summer, 80, 1_601):
        listed = risky.ask("GET", "/v1/campaigns", key="operator").json
        (said,) = [one for one in listed["campaigns"] if one["campaign"] == summer]
    assert (said["units"], said["promised_units"], said["left_units"]) == (1_000, "80", 920)
    assert (said["value"], said["promised_value"], said["left_value"]) == (None, "1601", None)
    validator(json.loads(json.dumps(create_app().openapi())), "CampaignsSaid").validate(listed)


def test_an_old_proposal_never_brings_an_old_budget_back(risky: Front, summer: str) -> None:
    first = proposed(risky, summer, units=1_000).json["proposal"]
    other = proposed(risky, summer, units=9_000).json["proposal"]
    assert confirmed(risky, first).status == 201
    late = confirmed(risky, other)
    assert (late.status, late.code) == (409, "budget_changed")
    funded(risky, summer, units=2_000, value=5)
    assert confirmed(risky, first).json["version"] == 1
    assert books(risky, summer) == [(2_000, 5, 0, 0)]
    back = funded(risky, summer, units=1_000)
    assert (back["version"], books(risky, summer)) == (3, [(1_000, None, 0, 0)])
    waiting = risky.ask("GET", "/v1/proposals", key="operator").json["proposals"]
    assert [one for one in waiting if one["document"].get("campaign") == summer] == []


def test_a_budget_is_never_below_what_is_promised(risky: Front, summer: str) -> None:
    funded(risky, summer, units=1_000, value=20_000)
    smaller = proposed(risky, summer, units=100, value=2_000).json["proposal"]
    with promised(risky, summer, 101, 2_000):
        for answer in (
            confirmed(risky, smaller),
            proposed(risky, summer, units=100),
            proposed(risky, summer, value=1_999),
        ):
            assert (answer.status, answer.code) == (422, "budget_promised")
        assert "101 units" in answer.json["detail"]
    with promised(risky, summer, 100, 2_000):
        assert confirmed(risky, smaller).status == 201
    assert books(risky, summer) == [(100, 2_000, 0, 0)]


def test_what_is_promised_between_the_look_and_the_books_is_refused_by_the_books(
    risky: Front, summer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    funded(risky, summer, units=1_000)
    smaller = proposed(risky, summer, units=100).json["proposal"]
    look, seen = campaigns._promised, []

    async def too_early(connection: Any, document: Any) -> Any:
        seen.append(document)
        return None if len(seen) == 1 else await look(connection, document)

    monkeypatch.setattr(campaigns, "_promised", too_early)
    with promised(risky, summer, 101, 0):
        answer = confirmed(risky, smaller)
    assert (answer.status, answer.code, len(seen)) == (422, "budget_promised", 2)
    assert (books(risky, summer), versions(risky, summer)) == ([(1_000, None, 0, 0)], [1])
    assert risky.house.writer.alive


@pytest.mark.parametrize(
    "budget",
    [{}, {"units": None}, {"units": -1}, {"units": 1.0}, {"value": 2**53}, {"units": True}, {"units": 1, "x": 1}],
)
def test_what_is_no_budget_is_refused_and_leaves_nothing(risky: Front, summer: str, budget: dict[str, Any]) -> None:
    before = risky.books(), risky.ask("GET", "/v1/proposals", key="operator").json
    answer = proposed(risky, summer, **budget)
    assert (answer.status, answer.code) == (422, "validation_failed")
    assert (risky.books(), risky.ask("GET", "/v1/proposals", key="operator").json) == before


def test_of_many_bonuses_at_once_exactly_as_many_are_promised_as_the_budget_has_room_for(risky: Front) -> None:
    ruled(risky)
    spent = sum(used for _, _, used, _ in books(risky, CAMPAIGN))
    funded(risky, CAMPAIGN, units=spent + 3 * BONUS + 9)
    target, source = zip(*[pair(risky) for _ in range(8)], strict=True)
    quotes = [quoted_back(risky, *ends, sent=BONUS_FROM) for ends in zip(source, target, strict=True)]
    answers = at_once(risky, [{"quote": quote, "key": "lotus"} for quote in quotes])
    told = sorted(answer.json.get("code", answer.json.get("state")) for answer in answers)
    assert told == ["campaign_exhausted"] * 5 + ["completed"] * 3
    (said,) = [
        one for one in risky.ask("GET", "/v1/campaigns", key="lotus").json["campaigns"] if one["campaign"] == CAMPAIGN
    ]
    assert (said["promised_units"], said["left_units"]) == (str(spent + 3 * BONUS), 9)


def test_a_partner_sees_the_budgets_of_campaigns_that_it_funds(risky: Front, summer: str) -> None:
    funded(risky, summer, units=1_000)
    assert risky.ask("GET", "/v1/campaigns").json == {"campaigns": []}
    own = risky.ask("GET", "/v1/campaigns", key="lotus").json["campaigns"]
    assert {one["campaign"] for one in own} <= {CAMPAIGN}
    (current,) = risky.ask("GET", "/v1/agreements?partner=palm", key="operator").json["agreements"]
    with psycopg.connect(risky.url) as connection:  # the notice of an agreement is thirty days; the test does not wait
        given = [{"campaign": summer, "ppm": 400_000}]
        said = current["document"] | {"funding": given, "valid_from": NOW.isoformat()}
        connection.execute("UPDATE agreement SET document = %s WHERE partner = 'palm'", [json.dumps(said)])
    risky.house.live.forget()
    assert [one["campaign"] for one in risky.ask("GET", "/v1/campaigns").json["campaigns"]] == [summer]
    assert risky.ask("GET", "/v1/campaigns", key="lotus").json["campaigns"] == own
    assert risky.ask("POST", "/v1/campaigns", {"campaign": summer, "units": 1}).code == "forbidden"


def test_the_story_of_a_budget(risky: Front, summer: str) -> None:
    told = risky.command("campaign", "fund", summer, "--units", "500", "--value", "12000")
    digest = json.loads(told.stdout)["proposal"]
    assert json.loads(risky.command("campaign", "confirm", digest, key="second").stdout)["left_value"] == 12_000
    (line,) = [line for line in risky.command("campaign", "list").stdout.splitlines() if summer in line]
    assert line.replace("│", " ").split() == [summer, "1", "500", "0", "500", "12000", "0", "12000"]


TAMPERED = {
    "UPDATE campaign_budget SET units = units + 1 WHERE campaign = %s": "not what was signed",
    "UPDATE campaign_budget SET value = 7 WHERE campaign = %s": "not what was signed",
    "UPDATE campaign_budget SET confirmed_by = 'nobody' WHERE campaign = %s": "is not kept",
    "UPDATE risk_rules SET document = document || '{\"rules\": []}' WHERE version > 0 AND %s <> ''": "not what was signed",
    "UPDATE risk_rules SET proposed_by = 'nobody' WHERE %s <> ''": "is not kept",
    "UPDATE risk_rules SET evidence_id = b.evidence_id FROM campaign_budget b WHERE b.campaign = %s": "signed something else",
}


@pytest.mark.parametrize("change", [None, *TAMPERED])
async def test_the_audit_finds_whatever_two_keys_did_not_sign(risky: Front, summer: str, change: str | None) -> None:
    ruled(risky, {"name": "large", "watches": "amount", "points": 1})
    ruled(risky)
    funded(risky, summer, units=1_000)
    async with await database.connect(risky.url, application=False) as connection:
        if change is not None:
            await connection.execute(change, [summer])
        looked_at, found = await partners.seconded(connection, LANE)
        await connection.rollback()
    found = [
        one for one in found if one.startswith(("campaign", "risk_rules"))
    ]  # agreements were changed to this room's needs
    assert looked_at >= 3
    assert bool(found) == (change is not None)
    assert change is None or any(TAMPERED[change] in one for one in found)
