"""Rate sets by two keys: published once under a name, never edited, and what a run is converted with."""

import asyncio
import json
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clearing import database, partners
from tests.command_line import clearing
from tests.wire.front_room import Front
from tests.wire.papers_room import ECB, published
from tests.wire.test_front_runs import audited, desk, drafted, frozen, window, wish

__all__ = ["desk", "window"]  # the fixtures


def rates(name: str, **changes: Any) -> dict[str, Any]:
    return ECB | {"name": name} | changes


def test_a_rate_set_takes_two_keys_and_is_shown_with_its_day_and_source(desk: Front) -> None:
    said = rates("two-keys")
    first = desk.ask("POST", "/v1/rates", said, key="operator")
    assert (first.status, first.json["kind"], first.json["document"]) == (202, "rate_set", said)
    assert desk.ask("GET", "/v1/rates/two-keys", key="operator").code == "not_found"
    waiting = desk.ask("GET", "/v1/proposals", key="auditor").json["proposals"]
    assert first.json["proposal"] in {one["proposal"] for one in waiting}
    at = f"/v1/rates/{first.json['proposal']}/confirm"
    assert desk.ask("POST", at, {}, key="operator").code == "second_key_needed"
    done = desk.ask("POST", at, {}, key="auditor")
    assert (done.status, done.json["document"], done.json["digest"]) == (201, said, first.json["proposal"])
    assert desk.ask("POST", at, {}, key="auditor").status == 200
    assert desk.ask("GET", "/v1/rates/two-keys", key="operator").json == done.json
    assert done.json in desk.ask("GET", "/v1/rates", key="operator").json["rates"]
    waiting = desk.ask("GET", "/v1/proposals", key="auditor").json["proposals"]
    assert first.json["proposal"] not in {one["proposal"] for one in waiting}


def test_a_name_stands_for_one_content_even_for_proposals_that_cross(desk: Front) -> None:
    one, two = (desk.ask("POST", "/v1/rates", rates("crossed", source=who), key="operator") for who in ("ECB", "FED"))
    done = [
        desk.ask("POST", f"/v1/rates/{said.json['proposal']}/confirm", {}, key="auditor").status for said in (one, two)
    ]
    assert done == [201, 409]
    assert desk.ask("GET", "/v1/rates/crossed", key="operator").json["document"]["source"] == "ECB"
    assert desk.ask("POST", "/v1/rates", rates("crossed", source="FED"), key="operator").code == "version_taken"
    assert desk.ask("POST", "/v1/rates", rates("crossed"), key="operator").status == 200


def test_the_database_itself_lets_no_rate_set_be_edited(desk: Front) -> None:
    published(desk, "/v1/rates", rates("edited"))
    for change in ("UPDATE paper SET document = '{}'", "DELETE FROM paper"):
        with psycopg.connect(desk.url) as connection:
            connection.execute("SET ROLE clearing_app")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute(change.encode())


def test_the_audit_finds_a_rate_set_that_is_not_what_two_keys_signed(desk: Front) -> None:
    digest = published(desk, "/v1/rates", rates("audited"))["digest"]

    async def found(change: str) -> list[str]:
        async with await database.connect(desk.url, application=False) as connection:
            await connection.execute(change.encode(), [digest])
            _, faults = await partners.seconded(connection, 0)
            await connection.rollback()
            return [one for one in faults if digest in one]

    assert asyncio.run(found("SELECT %s::text")) == []
    change = """UPDATE paper SET document = jsonb_set(document, '{rates,JPY}', '"0.00626"') WHERE digest = %s"""
    assert asyncio.run(found(change)) == [f"rate_set {digest}: the content is not what was signed"]


def days(since: date, until: date) -> dict[str, str]:
    return {"valid_from": since.isoformat(), "valid_until": until.isoformat()}


def test_a_rate_set_of_the_future_or_of_years_is_refused_and_one_of_a_month_is_taken(desk: Front) -> None:
    now = datetime.now(UTC).replace(microsecond=0)
    today, long_ago = now.date(), date(1970, 1, 1)
    soon = (now + timedelta(hours=1)).isoformat()
    for change, fault in (
        ({"published_at": soon}, "published_at: is to come"),
        ({"published_at": "2036-01-01T00:00:00Z"}, "published_at: is to come"),
        (days(date(2026, 3, 10), date(2026, 3, 16)), "valid_from: the source published them before that day (UTC)"),
        (days(long_ago, date.max), "valid_until: at most 31 days after valid_from"),
        (days(date(2026, 3, 9), date(2026, 4, 10)), "valid_until: at most 31 days after valid_from"),
    ):
        answer = desk.ask("POST", "/v1/rates", rates("far", **change), key="operator")
        assert (answer.status, answer.json.get("detail")) == (422, fault), change
    most = rates("a-month", **days(date(2026, 3, 9), date(2026, 4, 9)))
    assert published(desk, "/v1/rates", most)["valid_until"] == "2026-04-09"
    fresh = rates("fresh", **days(today, today), published_at=now.isoformat())
    assert published(desk, "/v1/rates", fresh)["name"] == "fresh"


@pytest.fixture
def dollars(desk: Front) -> Iterator[None]:
    """A scheme whose common unit is the dollar; gone after the test, but for the tables that nobody deletes from."""
    document = json.dumps({"scheme": {"currency": "USD"}})
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO calendar_version (version, begins_at, published_at, digest, document, proposed_by, confirmed_by, evidence_id) "
            "VALUES (99, now(), now(), repeat('0', 64), %s, 'first', 'second', gen_random_uuid())",
            [document],
        )
        yield
        connection.execute("DELETE FROM calendar_version WHERE version = 99")


def test_a_rate_set_gives_the_currency_of_the_scheme_as_exactly_one(desk: Front, window: str, dollars: None) -> None:
    for name, said in (("euros", {"EUR": "1", "USD": "0.9"}), ("almost", {"USD": "1.000001"}), ("none", {"EUR": "1"})):
        answer = desk.ask("POST", "/v1/rates", rates(name, rates=said), key="operator")
        assert (answer.status, answer.code) == (422, "rates_not_of_scheme"), name
    assert published(desk, "/v1/rates", rates("dollars", rates={"USD": "1.000", "EUR": "1.16"}))["name"] == "dollars"
    other = desk.ask("POST", "/v1/runs", wish(window), key="operator")  # at a set that was published before the scheme
    assert (other.status, other.code) == (422, "rates_not_of_scheme")


def test_a_set_that_was_proposed_before_the_scheme_is_not_published_after_it(
    desk: Front, request: pytest.FixtureRequest
) -> None:
    proposed = desk.ask("POST", "/v1/rates", rates("before"), key="operator").json["proposal"]
    request.getfixturevalue("dollars")
    answer = desk.ask("POST", f"/v1/rates/{proposed}/confirm", {}, key="auditor")
    assert (answer.status, answer.code) == (422, "rates_not_of_scheme")


@pytest.mark.parametrize(
    "change",
    [
        {"rates": {"EUR": "0"}},
        {"rates": {"EUR": "1e0"}},
        {"rates": {"ZZZ": "1"}},
        {"rates": {}},
        {"valid_until": "2026-03-08"},
        {"valid_from": "2026-02-30"},
        {"name": "of two words"},
        {"source": ""},
    ],
)
def test_what_is_no_rate_set_is_refused(desk: Front, change: dict[str, Any]) -> None:
    answer = desk.ask("POST", "/v1/rates", rates("refused") | change, key="operator")
    assert (answer.status, answer.code) == (422, "validation_failed")


def test_partners_neither_see_nor_change_rate_sets(desk: Front) -> None:
    assert desk.ask("POST", "/v1/rates", rates("palms"), key="palm").code == "forbidden"
    assert desk.ask("GET", "/v1/rates", key="palm").code == "forbidden"


def test_a_run_says_by_which_rate_set_it_was_converted_and_replays(desk: Front, window: str) -> None:
    run = drafted(desk, window)["run"]
    whole = desk.ask("GET", f"/v1/runs/{run}", key="operator").json
    assert whole["result"]["rates"] == {"name": ECB["name"], "source": "ECB", "date": "2026-03-09"}
    assert whole["replays"] is True
    assert {one["currency"]: one["minor"] for one in whole["result"]["nets"] if one["party"] == "bob"} == {
        "JPY": "1440"
    }


def test_the_same_from_the_command_line(desk: Front, tmp_path: Path) -> None:
    file = tmp_path / "rates.csv"
    file.write_text("currency,rate\nEUR,1\nUSD,0.921600\nJPY,0.00625\n")
    words = ("--source", "ECB", "--date", "2026-04-01", "--published-at", "2026-04-01T14:00:00Z")
    said = desk.command("rates", "publish", file, *words, key="operator")
    assert said.returncode == 0, said.stderr
    proposed = json.loads(said.stdout)
    assert proposed["document"]["rates"] == {"EUR": "1", "JPY": "0.00625", "USD": "0.9216"}
    assert (proposed["document"]["name"], proposed["document"]["valid_until"]) == ("ECB-2026-04-01", "2026-04-08")
    assert desk.command("rates", "confirm", proposed["proposal"], key="auditor").returncode == 0
    shown = json.loads(desk.command("rates", "show", "ECB-2026-04-01", key="auditor").stdout)
    assert shown in json.loads(desk.command("rates", "list", key="auditor").stdout)["rates"]
    file.write_text("currency,rate\nUSD,1.1\n")
    refused = desk.command("rates", "publish", file, *words, key="operator")
    assert (refused.returncode, json.loads(refused.stdout)["refusal"]["code"]) == (6, "settlement_currency")


def test_a_table_of_a_bank_becomes_a_published_rate_set_by_the_commands_that_are_told(
    desk: Front, tmp_path: Path
) -> None:
    """One euro is 1.0850 dollars and 1 of a currency pegged to it; the next command is what the one before said."""
    bank, file = tmp_path / "ecb.csv", tmp_path / "rates.csv"
    lines = [f"ECB,2026-04-02,2026-04-02T16:00:00+02:00,{one}" for one in ("BAM,1", "USD,1.0850", "JPY,160")]
    bank.write_text("\n".join(["source,date,published_at,currency,rate", *lines, ""]))
    turned = clearing("bank", "rates", bank, "--out", file)
    assert turned.returncode == 0, turned.stderr
    assert json.loads(turned.stdout)["rates"]["USD"] == {"num": 10_850, "den": 10_000}
    said = turned.stderr.strip().partition("; next: clearing ")[2].removesuffix(" --key OPERATOR.jwk")
    proposed = desk.command(*said.split(), key="operator")
    assert proposed.returncode == 0, proposed.stderr
    digest = json.loads(proposed.stdout)["proposal"]
    assert desk.command("rates", "confirm", digest, key="auditor").returncode == 0
    shown = json.loads(desk.command("rates", "show", "ECB-2026-04-02", key="auditor").stdout)
    assert shown["document"]["rates"] == {"BAM": "1", "EUR": "1", "JPY": "0.00625", "USD": "0.921658986175"}
    assert (shown["valid_from"], shown["document"]["published_at"]) == ("2026-04-02", "2026-04-02T14:00:00Z")
    unknown = clearing("bank", "rates", bank, "--in", "GBP", "--out", tmp_path / "no.csv")
    assert (unknown.returncode, (tmp_path / "no.csv").exists()) == (4, False)
    assert "the table has no rate of GBP" in unknown.stderr


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("DELETE FROM paper WHERE kind = 'rate_set'", f"no rate set {ECB['name']} is published"),
        ("UPDATE paper SET valid_until = '2027-01-01' WHERE kind = 'rate_set'", f"its rates are not those of {ECB['name']}"),
        (
            """UPDATE paper SET document = jsonb_set(document, '{rates,JPY}', '"0.00626"') WHERE kind = 'rate_set'""",
            f"its rates are not those of {ECB['name']}",
        ),
    ],
)  # fmt: skip
def test_the_audit_finds_a_run_that_was_converted_at_other_rates_than_it_names(
    desk: Front, window: str, change: str, fault: str
) -> None:
    run = frozen(desk, window)
    assert audited(desk, run) == []
    assert audited(desk, run, f"{change} AND %s::text IS NOT NULL") == [fault]
