"""Agreements and cover at the door: two operators' keys, own eyes only, a feed, alerts, and the same from the command line."""

import asyncio
import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clearing import database, partners
from clearing.front import vault, wiring
from clearing.front.app import create_app
from clearing.front.house import LANE
from clearing.front.onboarding import Plan, onboard
from clearing.front.settings import Settings
from clearing.ledger import reads
from tests.agreed import document
from tests.wire.front_room import Front
from tests.wire.test_front_doors import validator

NOW = datetime.now(UTC).replace(microsecond=0)
DAY = timedelta(days=1)
_numbers = count(1)


@pytest.fixture(scope="module")
def desk(front: Front) -> Front:
    """The house with a second operator."""
    register(front, "second", "operator", None)
    return front


@pytest.fixture
def iris(desk: Front) -> str:
    """A partner of the test's own, with a key for requests under its code, and no agreement yet."""
    code = f"iris-{next(_numbers)}"
    register(desk, code, "requests", code)
    return code


def register(desk: Front, name: str, purpose: str, owner: str | None, *, of: str | None = None) -> None:
    """A key of this name: of a partner made for it (`owner`), of one that is there (`of`), or of an operator."""

    async def furnish() -> None:
        async with await database.connect(desk.url) as connection:
            await connection.set_autocommit(True)
            if owner is not None:
                await partners.register_partner(connection, owner, owner.title(), NOW)
            desk.keys[name] = vault.private_key(desk.folder / f"{name}.jwk", make=True)
            await wiring.register_own(connection, desk.keys[name], purpose, owner or of, desk.house.settings)

    asyncio.run(furnish())


def agreed(desk: Front, wish: dict[str, Any], keys: tuple[str, str] = ("operator", "second")) -> Any:
    """Proposed by one key, confirmed by the other."""
    proposed = desk.ask("POST", "/v1/agreements", {"agreement": wish}, key=keys[0])
    assert proposed.status == 202, proposed.body
    confirmed = desk.ask("POST", f"/v1/agreements/{proposed.json['proposal']}/confirm", {}, key=keys[1])
    assert confirmed.status == 201, confirmed.body
    return confirmed.json


def covered(desk: Front, iris: str, direction: str, amount: int, reference: str) -> Any:
    wish = {"partner": iris, "direction": direction, "amount": amount, "reference": reference}
    proposed = desk.ask("POST", "/v1/cover", wish, key="operator")
    if proposed.status != 202:
        return proposed
    return desk.ask("POST", f"/v1/cover/{proposed.json['proposal']}/confirm", {}, key="second")


def waiting(desk: Front, iris: str) -> list[Any]:
    """The documents of the partner that wait for a second key."""
    found = desk.ask("GET", "/v1/proposals", key="second").json["proposals"]
    return [one["document"] for one in found if one["partner"] == iris]


def position(desk: Front, iris: str) -> tuple[int, int]:
    said = desk.ask("GET", "/v1/position", key=iris).json
    return int(said["granted"]), int(said["position"])


@contextmanager
def owing(desk: Front, iris: str, amount: int) -> Iterator[None]:
    """The books as if the partner owed this much; put right again afterwards."""
    change = """UPDATE cap_slice SET position = position + %s
        WHERE account = (SELECT number * 16 + 8 FROM partner WHERE partner = %s)"""
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute(change, [amount, iris])
        try:
            yield
        finally:
            connection.execute(change, [-amount, iris])


PREPAID = {"prepaid": {"of_cover": {"num": 4, "den": 5}}}


def test_terms_of_a_partner_from_the_first_proposal_to_the_last_withdrawal(desk: Front, iris: str) -> None:
    wish = document(iris, NOW - DAY, cap=PREPAID, low_water=100, notice_days=30)
    proposed = desk.ask("POST", "/v1/agreements", {"agreement": wish}, key="operator")
    assert (proposed.status, proposed.json["proposed_by"]) == (202, desk.keys["operator"].public.key_id)
    at = f"/v1/agreements/{proposed.json['proposal']}/confirm"
    assert waiting(desk, iris) == [wish]
    alone = desk.ask("POST", at, {}, key="operator")
    assert (alone.status, alone.code) == (403, "second_key_needed")
    assert desk.ask("GET", "/v1/agreements", key=iris).json == {"agreements": []}
    first = desk.ask("POST", at, {}, key="second")
    assert (first.status, first.json["version"], first.json["in_force"]) == (201, 1, True)
    assert (first.json["confirmed_by"], first.json["document"]) == (desk.keys["second"].public.key_id, wish)
    assert desk.ask("POST", at, {}, key="second").json == first.json
    again = desk.ask("POST", "/v1/agreements", {"agreement": wish}, key="second")
    assert (again.status, again.json) == (200, first.json)
    assert waiting(desk, iris) == []
    # --- cover, and the cap that follows it at once
    assert position(desk, iris) == (0, 0)
    assert covered(desk, iris, "in", 1_001, "wire 1").json["number"] == 1
    assert position(desk, iris) == (800, 0)
    assert covered(desk, iris, "in", 1_001, "wire 1").json["number"] == 1
    assert covered(desk, iris, "in", 5, "wire 1").code == "reference_used"
    assert position(desk, iris) == (800, 0)
    # --- the low water, exactly
    with owing(desk, iris, 700):
        assert desk.ask("GET", "/v1/alerts", key=iris).json == {"alerts": []}
    with owing(desk, iris, 701):
        (low,) = desk.ask("GET", f"/v1/alerts?partner={iris}", key="operator").json["alerts"]
        assert low == {
            "partner": iris, "granted": "800", "position": "701", "pending": "0", "left": "99", "low_water": "100",
        }  # fmt: skip
        assert desk.ask("GET", "/v1/alerts", key="palm").json == {"alerts": []}
    # --- what is owed holds its cover
    with owing(desk, iris, 400):
        assert covered(desk, iris, "out", 502, "wire 2").code == "cover_needed"  # 80 % of 499: 399
        assert position(desk, iris) == (800, 400)
        assert covered(desk, iris, "out", 501, "wire 3").json["amount"] == -501
        assert position(desk, iris) == (400, 400)
    assert covered(desk, iris, "out", 501, "wire 4").code == "cover_needed"
    said = desk.ask("GET", "/v1/cover", key=iris).json
    assert (said["cover"], [one["amount"] for one in said["movements"]]) == ({iris: "500"}, [1_001, -501])


def test_a_change_is_announced_in_the_feed_and_keeps_its_notice(desk: Front, iris: str) -> None:
    agreed(desk, document(iris, NOW - DAY, cap=PREPAID, low_water=100, notice_days=30))
    soon = document(iris, NOW + 29 * DAY, cap={"postpaid": {"granted": 9}})
    answer = desk.ask("POST", "/v1/agreements", {"agreement": soon}, key="operator")
    assert (answer.status, answer.code) == (422, "notice_too_short")
    second = agreed(desk, document(iris, NOW + 31 * DAY, cap=PREPAID, low_water=50, notice_days=30))
    assert (second["version"], second["in_force"]) == (2, False)
    (coming,) = desk.ask("GET", "/v1/agreements/announced", key=iris).json["announced"]
    assert (coming["version"], coming["valid_from"]) == (2, second["valid_from"])
    assert coming["changes"] == [{"path": "low_water", "before": 100, "after": 50}]
    assert desk.ask("GET", "/v1/agreements/announced", key="palm").json == {"announced": []}


def test_partners_see_their_own_agreement_and_nobody_elses(desk: Front) -> None:
    own = desk.ask("GET", "/v1/agreements", key="palm").json["agreements"]
    assert [(one["partner"], one["version"], one["proposed_by"]) for one in own] == [("palm", 1, None)]
    assert desk.ask("GET", "/v1/agreements?partner=palm", key="palm").json["agreements"] == own
    for path in ("/v1/agreements", "/v1/agreements/announced", "/v1/cover", "/v1/alerts"):
        foreign = desk.ask("GET", f"{path}?partner=lotus", key="palm")
        assert (foreign.status, foreign.code) == (404, "not_found")
        unknown = desk.ask("GET", f"{path}?lane=0", key="palm")
        assert (unknown.status, unknown.code) == (422, "validation_failed")
    everybody = desk.ask("GET", "/v1/agreements", key="operator").json["agreements"]
    assert {one["partner"] for one in everybody} >= {"palm", "lotus"}
    assert desk.ask("GET", "/v1/agreements?partner=lotus&partner=palm", key="operator").code == "validation_failed"


REFUSED: list[tuple[dict[str, Any], int, str, str]] = [
    ({"partner": "nobody"}, 404, "not_found", "no such partner"),
    ({"low_water": -1}, 422, "validation_failed", "$.low_water"),
    ({"low_water": 1.5}, 422, "validation_failed", "$.low_water"),
    ({"low_water": 2**53}, 422, "validation_failed", "$.low_water"),
    ({"colour": "red"}, 422, "validation_failed", "$: a field"),
    ({"rights": [{"program": "sea", "kind": "accrual"}]}, 404, "unknown_program", "sea"),
]


@pytest.mark.parametrize(("fault", "status", "code", "told"), REFUSED)
def test_a_proposal_that_cannot_be_is_refused_and_leaves_nothing(
    desk: Front, iris: str, fault: dict[str, Any], status: int, code: str, told: str
) -> None:
    before = desk.books(), desk.ask("GET", "/v1/proposals", key="operator").json
    wish = document(iris, NOW + 90 * DAY) | fault
    answer = desk.ask("POST", "/v1/agreements", {"agreement": wish}, key="operator")
    assert (answer.status, answer.code) == (status, code)
    assert told in answer.json["detail"]
    assert (desk.books(), desk.ask("GET", "/v1/proposals", key="operator").json) == before


def test_the_currency_and_the_interest_of_settlement_are_agreed_in_a_currency_that_there_is(
    desk: Front, iris: str
) -> None:
    said = {"payout_currency": "JPY", "late_interest": {"basis_points": 800, "day_count": "ACT/360"}}
    none = desk.ask(
        "POST", "/v1/agreements", {"agreement": document(iris, NOW) | said | {"payout_currency": "ZZZ"}}, key="operator"
    )
    assert (none.status, none.json["detail"]) == (422, "ZZZ is no currency")
    found = agreed(desk, document(iris, NOW) | said)
    assert {name: found["document"][name] for name in said} == said


def test_terms_under_which_a_corridor_is_unfunded_are_refused_with_the_route(desk: Front) -> None:
    (current,) = desk.ask("GET", "/v1/agreements?partner=lotus", key="operator").json["agreements"]
    wish = current["document"] | {"valid_from": (NOW + 99 * DAY).isoformat()}
    wish["prices"] = [wish["prices"][0] | {"issue": {"value": 10_501, "units": 1}}]  # three points pay 10,500
    answer = desk.ask("POST", "/v1/agreements", {"agreement": wish}, key="operator")
    assert (answer.status, answer.code) == (422, "unfunded_value")
    assert "palm-hotels to lotus-air" in answer.json["detail"]


def test_no_proposal_is_confirmed_as_something_else(desk: Front, iris: str) -> None:
    wish = {"partner": iris, "direction": "in", "amount": 7, "reference": "wire 9"}
    digest = desk.ask("POST", "/v1/cover", wish, key="operator").json["proposal"]
    for path in (f"/v1/agreements/{digest}/confirm", f"/v1/cover/{'0' * 64}/confirm"):
        answer = desk.ask("POST", path, {}, key="second")
        assert (answer.status, answer.code) == (404, "not_found")
    alone = desk.ask("POST", f"/v1/cover/{digest}/confirm", {}, key="operator")
    assert (alone.status, alone.code) == (403, "second_key_needed")


def test_both_requests_are_kept_as_evidence_that_verifies(desk: Front, iris: str) -> None:
    for days in (0, 1):
        agreed(desk, document(iris, NOW + days * DAY), keys=("second", "operator") if days else ("operator", "second"))
    with psycopg.connect(desk.url) as connection:
        found = connection.execute(
            """SELECT p.proposed_by, e.key_id, a.confirmed_by, f.key_id, a.digest, convert_from(f.base, 'UTF8')
            FROM agreement a JOIN proposal p USING (digest) JOIN evidence e ON e.evidence_id = p.evidence_id
            JOIN evidence f ON f.evidence_id = a.evidence_id WHERE a.partner = %s ORDER BY a.version""",
            [iris],
        ).fetchall()
    assert len(found) == 2
    for proposed_by, proposing, confirmed_by, confirming, digest, base in found:
        assert (proposed_by, confirmed_by) == (proposing, confirming)
        assert digest in base  # what the second key signed names the content


TAMPERED = {
    "UPDATE agreement SET document = jsonb_set(document, '{low_water}', '1') WHERE partner = %s": "not what was signed",
    "UPDATE agreement SET document = document - 'notice_days' WHERE partner = %s": "not what was signed",
    "UPDATE adjustment SET lines = replace(lines, '5]', '6]') WHERE lines LIKE '[[\"' || %s || '\"%%'": "not what was signed",
    "UPDATE proposal SET document = jsonb_set(document, '{amount}', '6') WHERE partner = %s": "not what was signed",
    "UPDATE agreement SET confirmed_by = 'nobody' WHERE partner = %s": "is not kept",
    "UPDATE proposal SET proposed_by = 'nobody' WHERE kind = 'cover' AND partner = %s": "is not kept",
    """UPDATE adjustment SET evidence_id = p.evidence_id FROM proposal p
        WHERE p.kind = 'cover' AND p.partner = %s AND p.document ->> 'reference' = adjustment.reference""": "one key alone",
    """UPDATE adjustment SET evidence_id = a.evidence_id FROM agreement a, proposal p
        WHERE a.partner = p.partner AND p.kind = 'cover' AND p.partner = %s AND p.document ->> 'reference' = adjustment.reference""": (
        "signed something else"
    ),
}


def test_the_audit_finds_whatever_two_keys_did_not_sign(desk: Front, iris: str) -> None:
    agreed(desk, document(iris, NOW))
    covered(desk, iris, "in", 5, "wire 1")

    async def findings(change: str | None) -> list[str]:
        async with await database.connect(desk.url, application=False) as connection:
            if change is not None:
                await connection.execute(change, [iris])
            looked_at, found = await partners.seconded(connection, LANE)
            await connection.rollback()
        assert looked_at > 3
        return found

    assert asyncio.run(findings(None)) == []
    for change, fault in TAMPERED.items():
        found = asyncio.run(findings(change))
        assert found, change
        assert fault in found[0]


def test_answers_are_what_the_description_says(desk: Front, iris: str) -> None:
    agreed(desk, document(iris, NOW, low_water=5))
    agreed(desk, document(iris, NOW + DAY))
    covered(desk, iris, "in", 5, "wire 1")
    desk.ask("POST", "/v1/agreements", {"agreement": document(iris, NOW + 2 * DAY)}, key="operator")
    said = json.loads(json.dumps(create_app().openapi()))
    answers = {
        "ProposalsSaid": "/v1/proposals",
        "AgreementsSaid": "/v1/agreements",
        "AnnouncedSaid": "/v1/agreements/announced",
        "CoverSaid": "/v1/cover",
    }
    for name, path in answers.items():
        answer = desk.ask("GET", path, key="operator").json
        validator(said, name).validate(answer)
        assert iris in json.dumps(answer)
    with owing(desk, iris, 10**9):
        validator(said, "AlertsSaid").validate(desk.ask("GET", "/v1/alerts", key="operator").json)


# --- the tick, onboarding and the command line


async def test_the_regular_tick_grants_what_has_come_into_force(database_url: str, tmp_path: Path) -> None:
    await wiring.prepare(database_url)
    async with (
        wiring.open_house(Settings(home=tmp_path), database_url) as house,
        house.reads.connection() as connection,
    ):
        await partners.register_partner(connection, "iris", "Iris", NOW)
        wish = document("iris", NOW - DAY, cap={"postpaid": {"granted": 700}})
        await partners.publish_agreement(connection, wish, NOW)
        assert (await reads.cap(connection, LANE, 1)).granted == 0
        await wiring.tidy(house)
        assert (await reads.cap(connection, LANE, 1)).granted == 700


def test_a_plan_that_differs_from_what_is_agreed_is_refused(desk: Front) -> None:
    from clearing import errors

    def plan(**more: Any) -> Plan:
        return Plan.model_validate({"partners": [{"partner": "palm", "name": "Palm Hotels", **more}]})

    async def told(what: Plan) -> list[str]:
        lines: list[str] = []
        async with await database.connect(desk.url) as connection:
            await connection.set_autocommit(True)
            given = desk.house.settings
            async with wiring.writing(given, desk.url, await partners.calendar(connection)) as writer:
                await onboard(what, connection, writer, given, desk.folder, lines.append)
        return lines

    assert asyncio.run(told(plan(cap=1_000_000_000))) == ["partner palm has number 2"]
    with pytest.raises(errors.ValidationFailed, match="second operator's key"):
        asyncio.run(told(plan(cap=1_000_000_001)))


def test_the_story_of_two_operators(desk: Front, iris: str, tmp_path: Path) -> None:
    file = tmp_path / "agreement.json"
    agreed(desk, document(iris, NOW))
    file.write_text(json.dumps(document(iris, NOW + 60 * DAY, cap={"postpaid": {"granted": 5}}, notice_days=30)))
    proposed = json.loads(desk.command("agreement", "publish", file).stdout)
    alone = desk.command("agreement", "confirm", proposed["proposal"])
    assert (alone.returncode, "second_key_needed" in alone.stderr) == (4, True)
    assert (
        json.loads(desk.command("agreement", "confirm", proposed["proposal"], key="second").stdout)["partner"] == iris
    )
    listed = desk.command("agreement", "list", "--partner", iris, key=iris).stdout
    assert listed.count(iris) == 2
    moved = json.loads(desk.command("cover", "move", iris, "in", "12", "wire 20").stdout)
    assert json.loads(desk.command("cover", "confirm", moved["proposal"], key="second").stdout)["amount"] == 12
    assert f'"{iris}": "12"' in desk.command("cover", "list").stdout
    assert '"after": 5' in desk.command("agreement", "announced", "--partner", iris).stdout
    file.write_text('{"format": 1, "format": 2}')
    twice = desk.command("agreement", "publish", file)
    assert (twice.returncode, "twice" in twice.stderr) == (4, True)
