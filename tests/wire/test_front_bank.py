"""Bank details by two keys with a cooling-off time, and a run's payments as a file for the bank: the same bytes each time."""

import json
from collections.abc import Iterator
from datetime import datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lxml import etree

from clearing.front.bank_details import masked
from tests.wire.front_room import Answer, Front
from tests.wire.test_front_runs import approved, booked, confirmed, desk, drafted, payments, window

__all__ = ["desk", "window"]  # the fixtures

HOUSE, BOB, OTHER = "NL91ABNA0417164300", "DE89370400440532013000", "GB82WEST12345698765432"
_names = count(1)


def details(partner: str, iban: str, version: int = 1, **changes: Any) -> dict[str, Any]:
    name = f"{partner.title()} {next(_names)}"  # no two tests propose the same
    return {
        "partner": partner, "version": version, "name": name, "iban": iban, "account": "", "bic": "", "town": "Utrecht",
        "country": "NL", "currency": "JPY" if partner == "bob" else "EUR",
    } | changes  # fmt: skip


def proposed(desk: Front, said: dict[str, Any]) -> Answer:
    return desk.ask("POST", "/v1/bank-details", said, key="operator")


def published(desk: Front, said: dict[str, Any], *, cooled: bool = True) -> dict[str, Any]:
    """A version by two keys; `cooled`: confirmed so long ago that it is in force since some hours."""
    answer = proposed(desk, said)
    assert answer.status == 202, answer.body
    done = desk.ask("POST", f"/v1/bank-details/{answer.json['proposal']}/confirm", {}, key="auditor")
    assert done.status == 201, done.body
    if cooled:
        with psycopg.connect(desk.url, autocommit=True) as connection:
            past = "valid_from = valid_from - interval '80 h', published_at = published_at - interval '80 h'"
            connection.execute(f"UPDATE bank_details SET {past} WHERE digest = %s", [done.json["digest"]])
    found: dict[str, Any] = done.json
    return found


@pytest.fixture(autouse=True)
def nobody(desk: Front) -> Iterator[None]:
    """No bank details are left of a test."""
    yield
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute("DELETE FROM bank_details")


def released(desk: Front, window: str) -> str:
    """A run whose pay-in is booked: its pay-out is due."""
    name: str = approved(desk, drafted(desk, window))["run"]
    assert desk.ask("POST", f"/v1/runs/{name}/freeze", {}, key="operator").status == 200
    assert confirmed(desk, name, booked(payments(desk, name)["ada"])).json["state"] == "paying"
    return name


def file_of(desk: Front, run: str) -> Answer:
    return desk.ask("GET", f"/v1/runs/{run}/instructions?format=pain.001", key="operator")


# --- bank details


def test_bank_details_take_two_keys_and_count_after_the_cooling_off_time(desk: Front) -> None:
    said = details("bob", BOB)
    first = proposed(desk, said)
    assert (first.status, first.json["kind"], first.json["document"]) == (202, "bank_details", said)
    at = f"/v1/bank-details/{first.json['proposal']}/confirm"
    assert desk.ask("POST", at, {}, key="operator").code == "second_key_needed"
    waiting = desk.ask("GET", "/v1/proposals", key="auditor").json["proposals"]
    assert first.json["proposal"] in {one["proposal"] for one in waiting}
    done = desk.ask("POST", at, {}, key="auditor")
    assert (done.status, done.json["in_force"]) == (201, False)
    begins, published_at = (datetime.fromisoformat(done.json[name]) for name in ("valid_from", "published_at"))
    assert begins - published_at == timedelta(hours=72)
    assert desk.ask("POST", at, {}, key="auditor").status == 200
    waiting = desk.ask("GET", "/v1/proposals", key="auditor").json["proposals"]
    assert first.json["proposal"] not in {one["proposal"] for one in waiting}


def test_the_old_details_are_in_force_while_the_new_ones_cool_off(desk: Front) -> None:
    published(desk, details("bob", BOB))
    published(desk, details("bob", OTHER, 2), cooled=False)
    found = desk.ask("GET", "/v1/bank-details?partner=bob", key="operator").json["bank_details"]
    assert [(one["version"], one["in_force"], one["document"]["iban"]) for one in found] == [
        (1, True, BOB), (2, False, OTHER),
    ]  # fmt: skip


def test_a_list_of_everybody_masks_accounts(desk: Front) -> None:
    published(desk, details("bob", BOB))
    answer = desk.ask("GET", "/v1/bank-details", key="operator")
    assert BOB.encode() not in answer.body
    assert answer.json["bank_details"][0]["document"]["iban"] == "DE89" + "*" * 14 + "3000"
    assert [masked(one) for one in ("", "123", "0532-77")] == ["", "***", "***2-77"]


@pytest.mark.parametrize(
    ("change", "status", "code"),
    [
        ({"partner": "nobody"}, 404, "not_found"),
        ({"version": 2}, 409, "version_taken"),
        ({"iban": "NL91ABNA0417164301"}, 422, "validation_failed"),
        ({"account": "4711"}, 422, "validation_failed"),
        ({"iban": ""}, 422, "validation_failed"),
        ({"name": "株式会社"}, 422, "validation_failed"),
        ({"country": ""}, 422, "validation_failed"),
        ({"bic": "X"}, 422, "validation_failed"),
        ({"currency": "yen"}, 422, "validation_failed"),
    ],
)
def test_details_that_no_bank_would_take_are_refused(
    desk: Front, change: dict[str, Any], status: int, code: str
) -> None:
    answer = proposed(desk, details("bob", BOB) | change)
    assert (answer.status, answer.code) == (status, code)


def test_partners_neither_see_nor_change_bank_details(desk: Front) -> None:
    assert desk.ask("POST", "/v1/bank-details", details("bob", BOB), key="palm").code == "forbidden"
    assert desk.ask("GET", "/v1/bank-details", key="palm").code == "forbidden"


# --- the file


def test_what_is_released_is_a_file_with_the_details_of_the_freeze_and_the_same_bytes_each_time(
    desk: Front, window: str
) -> None:
    published(desk, details("house", HOUSE))
    published(desk, details("bob", BOB))
    run = released(desk, window)
    one = payments(desk, run)["bob"]
    first = file_of(desk, run)
    assert (first.status, first.headers["content-type"]) == (200, "application/xml")
    told = etree.fromstring(first.body)
    assert [leaf.text for leaf in told.iter("{*}EndToEndId")] == [one["instruction"]]
    assert [(leaf.get("Ccy"), leaf.text) for leaf in told.iter("{*}InstdAmt")] == [("JPY", "1440")]
    assert [leaf.text for leaf in told.iter("{*}IBAN")] == [HOUSE, BOB]
    with psycopg.connect(desk.url, autocommit=True) as connection:  # the partner moves its account after the freeze
        published(desk, details("bob", OTHER, 2), cooled=False)
        connection.execute("UPDATE bank_details SET published_at = now(), valid_from = now() WHERE version = 2")
    assert file_of(desk, run).body == first.body
    assert confirmed(desk, run, booked(one)).json["state"] == "settled"
    assert file_of(desk, run).body == first.body


def test_nothing_goes_out_before_it_is_released(desk: Front, window: str) -> None:
    published(desk, details("house", HOUSE))
    published(desk, details("bob", BOB))
    name = approved(desk, drafted(desk, window))["run"]
    assert (file_of(desk, name).status, file_of(desk, name).code) == (422, "validation_failed")
    assert desk.ask("POST", f"/v1/runs/{name}/freeze", {}, key="operator").status == 200
    assert "waits for what comes in" in file_of(desk, name).json["detail"]
    assert desk.ask("GET", f"/v1/runs/{name}/instructions?format=pdf", key="operator").status == 422


def at_once(desk: Front, partner: str, version: int = 1) -> None:
    """These details are in force from now on."""
    with psycopg.connect(desk.url, autocommit=True) as connection:
        now = "published_at = now(), valid_from = now()"
        connection.execute(f"UPDATE bank_details SET {now} WHERE partner = %s AND version = %s", [partner, version])


def again_of(desk: Front, run: str) -> Answer:
    name = payments(desk, run)["bob"]["instruction"]
    return desk.ask("GET", f"/v1/runs/{run}/instructions?format=pain.001&again={name}", key="operator")


def test_who_has_no_details_in_force_is_named_and_paid_by_a_message_of_its_own(desk: Front, window: str) -> None:
    run = released(desk, window)
    assert file_of(desk, run).json["detail"] == "house has no bank details in force"
    published(desk, details("house", HOUSE))
    published(desk, details("bob", BOB), cooled=False)
    for answer in (file_of(desk, run), again_of(desk, run)):
        assert answer.json["detail"] == "bob has no bank details in force"
    one = payments(desk, run)["bob"]
    assert (one["message"], one["waits"]) == (None, "bob has no bank details in force")
    at_once(desk, "bob")
    one = payments(desk, run)["bob"]
    assert (one["message"], one["waits"]) == ("own", None)
    assert one["instruction"] in file_of(desk, run).json["detail"]
    alone = again_of(desk, run)
    assert (alone.status, BOB.encode() in alone.body) == (200, True)
    published(desk, details("bob", OTHER, 2), cooled=False)
    at_once(desk, "bob", 2)
    assert again_of(desk, run).body == alone.body


def test_who_cannot_be_paid_is_told_before_the_run_is_approved_and_is_no_part_of_its_result(
    desk: Front, window: str
) -> None:
    run = drafted(desk, window)
    assert [(one["partner"], one["detail"]) for one in run["warnings"]] == [
        ("house", "house has no bank details in force"),
        ("bob", "bob has no bank details in force"),
    ]
    published(desk, details("house", HOUSE))
    published(desk, details("bob", BOB, currency="EUR"))
    now = approved(desk, run)
    assert [one["detail"] for one in now["warnings"]] == ["bob is paid in JPY, and its account is in EUR"]
    assert now["result_sha256"] == run["result_sha256"]
    published(desk, details("bob", BOB, 2))
    assert desk.ask("GET", f"/v1/runs/{run['run']}", key="operator").json["warnings"] == []


def test_an_account_in_another_currency_is_named(desk: Front, window: str) -> None:
    published(desk, details("house", HOUSE))
    published(desk, details("bob", BOB, currency="EUR"))
    run = released(desk, window)
    assert file_of(desk, run).json["detail"] == "bob is paid in JPY, and its account is in EUR"
    assert payments(desk, run)["bob"]["waits"] == "bob is paid in JPY, and its account is in EUR"
    published(desk, details("bob", OTHER, 2), cooled=False)
    at_once(desk, "bob", 2)
    assert OTHER.encode() in again_of(desk, run).body


# --- from the command line


def command(desk: Front, key: str, *arguments: str | Path) -> str:
    done = desk.command(*arguments, key=key)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_same_from_the_command_line(desk: Front, window: str, tmp_path: Path) -> None:
    file = tmp_path / "bob.json"
    file.write_text(json.dumps(details("bob", BOB)))
    proposal = json.loads(command(desk, "operator", "bank", "details", "publish", file))["proposal"]
    assert json.loads(command(desk, "auditor", "bank", "details", "confirm", proposal))["version"] == 1
    assert BOB in command(desk, "operator", "bank", "details", "show", "bob")
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute("UPDATE bank_details SET published_at = now(), valid_from = now() WHERE partner = 'bob'")
    published(desk, details("house", HOUSE))
    run = released(desk, window)
    out = tmp_path / "pay.xml"
    command(desk, "operator", "settle", "pay", run, "--out", out)
    assert out.read_bytes() == file_of(desk, run).body
