"""A bank's files at the door of a run: what is right settles, what differs blocks the file, and the same file twice is once."""

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.files import bank
from tests.files.bank import answer, notification, payment, statement, status
from tests.wire.front_room import Answer, Front
from tests.wire.test_front_bank import BOB, HOUSE, OTHER, details, file_of, nobody, published, released
from tests.wire.test_front_runs import approved, desk, drafted, payments, window

__all__ = ["desk", "nobody", "window"]  # the fixtures


def entry(value: str, *payments: str, day: date | None = None, **more: Any) -> str:
    """One Ntry of today, or of another day."""
    return bank.entry(value, *payments, day=f"{day or datetime.now(UTC):%Y-%m-%d}", **more)


def sent(desk: Front, run: str, file: bytes) -> Answer:
    headers = {"content-type": "application/xml"}
    return desk.ask("POST", f"/v1/runs/{run}/confirmations", file, key="operator", headers=headers)


def told(desk: Front, run: str, file: bytes) -> dict[str, Any]:
    said = sent(desk, run, file)
    assert said.status == 200, said.body
    found: dict[str, Any] = said.json
    return found


def outcomes(said: dict[str, Any]) -> list[str]:
    return [one["outcome"] for one in said["confirmations"]]


@pytest.fixture
def out(desk: Front, window: str) -> str:
    """A run that has bob's 1440 yen to pay, and its name."""
    published(desk, details("house", HOUSE))
    published(desk, details("bob", BOB))
    return released(desk, window)


def paid(desk: Front, run: str, value: str = "1440", currency: str = "JPY", **more: Any) -> str:
    return entry(value, payment(payments(desk, run)["bob"]["instruction"]), currency=currency, **more)


def test_a_notification_settles_and_comes_twice_with_one_effect_and_the_same_answer(desk: Front, out: str) -> None:
    file = notification(paid(desk, out))
    first = told(desk, out, file)
    assert (first["blocked"], outcomes(first), first["state"]) == (False, ["confirmed"], "settled")
    steps = desk.ask("GET", f"/v1/runs/{out}", key="operator").json["events"]
    assert told(desk, out, file) == first
    assert told(desk, out, file.replace(b"><", b">\n<")) == first  # laid out otherwise
    assert desk.ask("GET", f"/v1/runs/{out}", key="operator").json["events"] == steps
    assert payments(desk, out)["bob"]["bank_reference"] == "B-1"


def test_the_statement_after_the_notification_tells_the_same_booking(desk: Front, out: str) -> None:
    told(desk, out, notification(paid(desk, out)))
    after = statement(paid(desk, out).replace("B-1", "B-2"), closing="8560.00").replace(b'Ccy="EUR"', b'Ccy="JPY"')
    assert outcomes(told(desk, out, after)) == ["again"]
    twice = notification(paid(desk, out).replace("B-1", "B-3"), message="N-2")
    assert outcomes(told(desk, out, twice)) == ["differs"]


def test_a_pay_in_is_confirmed_by_a_credit_and_releases_what_goes_out(desk: Front, window: str) -> None:
    published(desk, details("house", HOUSE))
    run = approved(desk, drafted(desk, window))["run"]
    desk.ask("POST", f"/v1/runs/{run}/freeze", {}, key="operator")
    came = entry("10.00", payment(payments(desk, run)["ada"]["instruction"]), way="CRDT")
    said = told(desk, run, notification(came, entry("3.00", way="DBIT")))
    assert (outcomes(said), said["unknown"], said["state"]) == (["confirmed"], 1, "paying")
    assert payments(desk, run)["bob"]["state"] == "due"


def test_a_file_of_days_to_come_is_not_taken_and_may_be_sent_again_when_they_are_there(desk: Front, out: str) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    for day in (tomorrow, date(9999, 12, 31)):
        refused = sent(desk, out, notification(paid(desk, out, day=day)))
        assert (refused.status, refused.code) == (422, "validation_failed")
        assert f"is booked on {day}, which is to come" in refused.json["detail"]
    assert payments(desk, out)["bob"]["state"] == "due"
    assert told(desk, out, notification(paid(desk, out)))["state"] == "settled"  # of the same name


def test_what_was_booked_before_the_run_was_frozen_differs(desk: Front, out: str) -> None:
    yesterday = datetime.now(UTC).date() - timedelta(days=2)
    said = told(desk, out, notification(paid(desk, out, day=yesterday)))
    assert (said["blocked"], outcomes(said), said["state"]) == (True, ["differs"], "paying")
    assert said["confirmations"][0]["differs"].startswith("booked_on: instructed ")
    assert told(desk, out, notification(paid(desk, out), message="N-2"))["state"] == "settled"


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"value": "1441"}, "amount"),
        ({"currency": "EUR"}, "currency"),
        ({"way": "CRDT"}, "direction"),
    ],
)
def test_what_differs_blocks_the_file_and_says_what(desk: Front, out: str, change: dict[str, Any], what: str) -> None:
    said = told(desk, out, notification(paid(desk, out, **change)))
    assert (said["blocked"], outcomes(said), said["state"]) == (True, ["differs"], "paying")
    assert said["confirmations"][0]["differs"].startswith(f"{what}: instructed ")
    assert payments(desk, out)["bob"]["state"] == "differs"
    assert told(desk, out, notification(paid(desk, out), message="N-2"))["state"] == "settled"


def test_another_account_and_a_doubled_payment_differ(desk: Front, out: str) -> None:
    strange = notification(paid(desk, out), account=f"<IBAN>{OTHER}</IBAN>")
    assert told(desk, out, strange)["confirmations"][0]["differs"].startswith("account: instructed")
    doubled = notification(paid(desk, out), paid(desk, out), message="N-2")
    assert told(desk, out, doubled)["confirmations"][0]["differs"].startswith("doubled: ")
    assert payments(desk, out)["bob"]["state"] == "differs"


def test_a_statement_that_does_not_add_up_confirms_nothing(desk: Front, out: str) -> None:
    wrong = statement(paid(desk, out), closing="8561.00").replace(b'Ccy="EUR"', b'Ccy="JPY"')
    said = told(desk, out, wrong)
    assert (said["blocked"], outcomes(said), said["state"]) == (True, [], "paying")
    assert "1.00 JPY apart" in said["findings"][0]
    other = sent(desk, out, statement(paid(desk, out), closing="8560.00").replace(b'Ccy="EUR"', b'Ccy="JPY"'))
    assert (other.status, other.code) == (409, "run_differs")  # another file under the same name


def test_what_the_bank_rejects_is_instructed_anew_once_the_details_changed(desk: Front, out: str) -> None:
    first, name = file_of(desk, out).body, payments(desk, out)["bob"]["instruction"]
    said = told(desk, out, answer(status(name, "RJCT", "AC04")))
    assert (said["blocked"], outcomes(said), said["state"]) == (False, ["rejected"], "paying")
    assert (payments(desk, out)["bob"]["state"], payments(desk, out)["bob"]["differs"]) == ("rejected", "AC04")
    path = f"/v1/runs/{out}/instructions?format=pain.001&again={name}"
    early = desk.ask("GET", path, key="operator").json["detail"]
    assert early == "bob: no other bank details came into force since it was rejected"
    published(desk, details("bob", OTHER, 2), cooled=False)
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute("UPDATE bank_details SET published_at = now(), valid_from = now() WHERE version = 2")
    anew = desk.ask("GET", path, key="operator")
    assert anew.status == 200, anew.body
    assert (OTHER.encode() in anew.body, BOB.encode() in anew.body) == (True, False)
    assert file_of(desk, out).body == first
    assert told(desk, out, notification(paid(desk, out)))["state"] == "settled"


HOSTILE = {
    "entities": b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY b "bb"><!ENTITY c "&b;&b;">]><Document>&c;</Document>',
    "a file of the house": b'<!DOCTYPE a [<!ENTITY b SYSTEM "file:///etc/passwd">]><Document>&b;</Document>',
    "no XML": b"<Document>",
    "UTF-16": "<Document/>".encode("utf-16"),
    "too deep": b"<a>" * 1_000 + b"</a>" * 1_000,
    "another message": b'<Document xmlns="urn:iso:std:iso:20022:tech:xsd:camt.052.001.08"><a/></Document>',
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_file_is_refused_and_changes_nothing(desk: Front, out: str, name: str) -> None:
    refused = sent(desk, out, HOSTILE[name])
    expected = 422 if name == "another message" else 400
    assert (refused.status, b"root:" in refused.body) == (expected, False)
    assert payments(desk, out)["bob"]["state"] == "due"


def test_without_the_houses_own_account_no_file_can_be_read(desk: Front, window: str) -> None:
    run = released(desk, window)
    refused = sent(desk, run, notification(paid(desk, run)))
    assert (refused.status, refused.json["detail"]) == (422, "house has no bank details in force")


def test_a_list_as_json_stays_as_small_as_ever(desk: Front, out: str) -> None:
    large = json.dumps({"confirmations": [], "more": "x" * 70_000}).encode()
    assert desk.ask("POST", f"/v1/runs/{out}/confirmations", large, key="operator").status == 413


def test_the_same_from_the_command_line(desk: Front, out: str, tmp_path: Path) -> None:
    file = tmp_path / "bank.xml"
    for body, code in ((paid(desk, out, "1439"), 1), (paid(desk, out), 0)):
        file.write_bytes(notification(body, message=f"N-{code}"))
        done = desk.command("settle", "confirm", out, file)
        assert done.returncode == code, done.stderr
    assert json.loads(done.stdout)["state"] == "settled"
