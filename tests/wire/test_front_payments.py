"""Payments between partners at the door: each sees its own, the payer has a file for its bank, the payee alone says that it is paid."""

import asyncio
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest
from lxml import etree

from clearing import database
from clearing.front import payments as room
from clearing.front import vault, wiring
from tests.files.bank import answer, notification, status
from tests.files.bank import payment as booking
from tests.wire.front_room import Answer, Front
from tests.wire.test_front_bank import BOB, HOUSE, OTHER, details, nobody, published
from tests.wire.test_front_bank_answers import entry, outcomes, sent, told
from tests.wire.test_front_runs import approved, audited, desk, frozen, window, wish

__all__ = ["desk", "nobody", "window"]  # the fixtures

ADA = OTHER


@pytest.fixture(scope="module")
def partners(desk: Front) -> Front:
    """The same desk; ada and bob sign requests."""

    async def furnish() -> None:
        async with await database.connect(desk.url) as connection:
            await connection.set_autocommit(True)
            for code in ("ada", "bob"):
                desk.keys[code] = vault.private_key(desk.folder / f"{code}.jwk", make=True)
                await wiring.register_own(connection, desk.keys[code], "requests", code, desk.house.settings)

    asyncio.run(furnish())
    return desk


@pytest.fixture
def run(partners: Front, window: str) -> str:
    """By fewest payments ada pays bob 9.00 and the house 1.00."""
    return frozen(partners, window, terms=[], model="fewest")


def listed(desk: Front, key: str, run: str) -> list[dict[str, Any]]:
    answer = desk.ask("GET", f"/v1/payments?run={run}", key=key)
    assert answer.status == 200, answer.body
    found: list[dict[str, Any]] = answer.json["payments"]
    return found


def to(desk: Front, run: str, payee: str) -> dict[str, Any]:
    return next(one for one in listed(desk, "ada", run) if one["payee"] == payee)


def today() -> str:
    return datetime.now(UTC).date().isoformat()


def received(desk: Front, one: dict[str, Any], key: str = "bob", **changes: Any) -> Answer:
    said = {"currency": "EUR", "amount": one["amount"], "booked_on": today(), "bank_reference": "bob's bank"}
    return desk.ask("POST", f"/v1/payments/{one['instruction']}/received", said | changes, key=key)


def file_of(desk: Front, run: str, key: str = "ada") -> Answer:
    return desk.ask("GET", f"/v1/payments?run={run}&format=pain.001", key=key)


def test_each_partner_sees_the_payments_that_it_is_a_side_of(partners: Front, run: str) -> None:
    told_to_ada, told_to_bob = listed(partners, "ada", run), listed(partners, "bob", run)
    assert {(one["payee"], one["amount"], one["settles"], one["state"]) for one in told_to_ada} == {
        ("bob", "9.00", "9000000", "due"), ("house", "1.00", "1000000", "due"),
    }  # fmt: skip
    assert [(one["payer"], one["amount"], one["settles"]) for one in told_to_bob] == [("ada", "9.00", "-9000000")]
    assert listed(partners, "palm", run) == []
    assert partners.ask("GET", "/v1/payments", key="operator").code == "forbidden"
    whole = partners.ask("GET", f"/v1/runs/{run}/instructions", key="operator").json["instructions"]
    assert {(one["payer"], one["payee"], one["direction"]) for one in whole} == {
        ("ada", "bob", "direct"), ("ada", "house", "pay_in"),
    }  # fmt: skip


def test_the_payee_settles_it_by_its_own_signed_word_once(partners: Front, run: str) -> None:
    one = to(partners, run, "bob")
    wrong = received(partners, one, amount="8.99")
    assert (wrong.status, wrong.json["outcome"]) == (200, "differs")
    assert wrong.json["differs"] == "amount in minor units: instructed 900, booked 899"
    assert to(partners, run, "bob")["state"] == "differs"
    assert received(partners, one, currency="JPY", amount="9").json["outcome"] == "differs"
    assert received(partners, one).json == {"instruction": one["instruction"], "outcome": "confirmed", "differs": None}
    assert received(partners, one).json["outcome"] == "again"
    assert received(partners, one, bank_reference="another").json["outcome"] == "again"
    now = to(partners, run, "bob")
    assert (now["state"], now["booked_on"], now["bank_reference"]) == ("settled", today(), "bob's bank")
    events = partners.ask("GET", f"/v1/runs/{run}", key="operator").json["events"]
    (kept,) = [one for one in events if one["step"] == "confirmed"]
    assert kept["key_id"] == partners.keys["bob"].public.key_id
    assert kept["evidence"] is not None
    assert [one["step"] for one in events].count("paying") == 1
    with psycopg.connect(partners.url) as connection:
        query = "SELECT lines FROM adjustment WHERE reference = %s ORDER BY lines"
        booked = [lines for (lines,) in connection.execute(query, [one["instruction"]]).fetchall()]
    assert booked == [
        '[["ada",-9000000],["house.remainder",9000000]]',
        '[["bob",9000000],["house.remainder",-9000000]]',
    ]


def test_nobody_else_says_that_it_is_paid(partners: Front, run: str) -> None:
    """Not the payer, not a stranger, and no partner of what the house is paid. An operator has another door."""
    one, fee = to(partners, run, "bob"), to(partners, run, "house")
    assert received(partners, one, key="ada").code == "forbidden"
    assert received(partners, one, key="palm").code == "not_found"
    assert received(partners, fee, key="ada").code == "forbidden"
    assert received(partners, fee, key="bob").code == "not_found"
    assert received(partners, one, key="operator").code == "forbidden"
    assert received(partners, one | {"instruction": "CL0"}).code == "not_found"
    far = (datetime.now(UTC) + timedelta(days=3)).date().isoformat()
    for change in ({"booked_on": far}, {"amount": "9.001"}, {"currency": "XYZ"}, {"bank_reference": ""}):
        assert received(partners, one, **change).code == "validation_failed"
    assert to(partners, run, "bob")["state"] == "due"


def test_what_the_house_pays_is_not_the_partners_to_confirm(partners: Front, window: str) -> None:
    """In a multilateral run bob is paid by the house: it sees that, and its word is not asked for."""
    name = frozen(partners, window, terms=[])
    (one,) = listed(partners, "bob", name)
    assert (one["payer"], one["payee"], one["state"]) == ("house", "bob", "waiting")
    assert received(partners, one).code == "forbidden"


def test_the_payer_has_a_file_for_its_bank_and_an_operator_may_fetch_it_on_its_behalf(
    partners: Front, run: str
) -> None:
    for partner, iban in (("house", HOUSE), ("bob", BOB)):
        published(partners, details(partner, iban, currency="EUR"))
    assert file_of(partners, run).json["detail"] == "ada has no bank details in force"
    published(partners, details("ada", ADA))
    first = file_of(partners, run)
    assert (first.status, first.headers["content-type"]) == (200, "application/xml")
    read = etree.fromstring(first.body)
    assert next(leaf.text for leaf in read.iter("{*}IBAN")) == ADA
    assert {leaf.text for leaf in read.iter("{*}IBAN")} == {ADA, BOB, HOUSE}
    assert {leaf.text for leaf in read.iter("{*}EndToEndId")} == {
        one["instruction"] for one in listed(partners, "ada", run)
    }
    assert {leaf.text for leaf in read.iter("{*}InstdAmt")} == {"9.00", "1.00"}
    path = f"/v1/runs/{run}/instructions?format=pain.001"
    assert partners.ask("GET", f"{path}&payer=ada", key="operator").body == first.body
    assert partners.ask("GET", path, key="operator").json["detail"] == f"{run} pays nobody"
    assert file_of(partners, run, "bob").json["detail"] == f"bob pays nobody in {run}"
    assert file_of(partners, run, "palm").code == "not_found"
    assert partners.ask("GET", path, key="ada").code == "forbidden"
    received(partners, to(partners, run, "bob"))
    assert file_of(partners, run).body == first.body
    for wrong in ("format=pain.001", f"run={run}&format=pdf", f"run={run}&again=CL0", "after=CL0&format=pain.001"):
        assert partners.ask("GET", f"/v1/payments?{wrong}", key="ada").status == 422


def test_an_operator_may_send_the_file_of_either_bank(partners: Front, run: str) -> None:
    """Ada's bank tells a debit and bob's a credit of one payment; what has the wrong sign at either differs."""
    for partner, iban in (("house", HOUSE), ("bob", BOB), ("ada", ADA)):
        published(partners, details(partner, iban, currency="EUR"))
    name = to(partners, run, "bob")["instruction"]

    def file(iban: str, way: str, message: str) -> bytes:
        return notification(entry("9.00", booking(name), way=way), message=message, account=f"<IBAN>{iban}</IBAN>")

    assert outcomes(told(partners, run, file(ADA, "CRDT", "N-1"))) == ["differs"]
    assert outcomes(told(partners, run, file(BOB, "DBIT", "N-2"))) == ["differs"]
    assert outcomes(told(partners, run, file(ADA, "DBIT", "N-3"))) == ["confirmed"]
    assert outcomes(told(partners, run, file(BOB, "CRDT", "N-4"))) == ["again"]
    assert to(partners, run, "bob")["state"] == "settled"


def test_no_partner_is_told_of_an_account_that_differs(partners: Front, run: str) -> None:
    """Somebody's file tells the payment: operators see whose account that is, the two sides that it is another."""
    strange = "FR1420041010050500013M02606"
    for partner, iban in (("house", HOUSE), ("bob", BOB), ("ada", ADA)):
        published(partners, details(partner, iban, currency="EUR"))
    name = to(partners, run, "bob")["instruction"]
    told(partners, run, notification(entry("9.00", booking(name)), account=f"<IBAN>{strange}</IBAN>"))
    assert to(partners, run, "bob")["differs"] == "account"
    assert [one["differs"] for one in listed(partners, "bob", run)] == ["account"]
    whole = partners.ask("GET", f"/v1/runs/{run}/instructions", key="operator").json["instructions"]
    assert strange in next(one["differs"] for one in whole if one["instruction"] == name)


def test_what_a_payers_bank_rejects_the_payer_instructs_anew(partners: Front, run: str) -> None:
    for partner, iban in (("house", HOUSE), ("bob", BOB), ("ada", ADA)):
        published(partners, details(partner, iban, currency="EUR"))
    one = to(partners, run, "bob")
    said = sent(partners, run, answer(status(one["instruction"], "RJCT", "AC04"))).json
    assert outcomes(said) == ["rejected"]
    again = f"/v1/payments?run={run}&format=pain.001&again={one['instruction']}"
    assert "no other bank details" in partners.ask("GET", again, key="ada").json["detail"]
    moved = "FR1420041010050500013M02606"
    published(partners, details("bob", moved, 2, currency="EUR"), cooled=False)
    with psycopg.connect(partners.url, autocommit=True) as connection:
        connection.execute("UPDATE bank_details SET published_at = now(), valid_from = now() WHERE version = 2")
    anew = partners.ask("GET", again, key="ada")
    assert moved.encode() in anew.body
    assert partners.ask("GET", again, key="bob").code == "not_found"
    assert received(partners, one).json["outcome"] == "confirmed"


def test_without_bank_details_a_payment_between_partners_is_not_looked_for_in_files(partners: Front, run: str) -> None:
    published(partners, details("house", HOUSE))
    one = to(partners, run, "bob")
    said = told(partners, run, notification(entry("9.00", booking(one["instruction"]), way="CRDT")))
    assert (outcomes(said), said["unknown"], said["blocked"]) == ([], 1, False)


def test_what_is_late_is_overdue_to_both_and_owed_to_the_payee(partners: Front, window: str) -> None:
    terms = [{"partner": "ada", "currency": "EUR", "interest_basis_points": 800, "year_days": 360}]
    name = frozen(partners, window, terms=terms, model="fewest")
    assert {one["overdue"] for one in (*listed(partners, "ada", name), *listed(partners, "bob", name))} == {True}
    said = [
        one for one in partners.ask("POST", "/v1/overdue", {}, key="operator").json["accrued"] if one["run"] == name
    ]
    assert {(one["partner"], one["payee"]) for one in said} == {("ada", "bob"), ("ada", "house")}
    assert received(partners, to(partners, name, "bob")).json["outcome"] == "confirmed"  # it was there on its day


def test_partners_of_two_currencies_cannot_be_asked_to_pay_each_other(partners: Front, window: str) -> None:
    answer = partners.ask("POST", "/v1/runs", wish(window, model="fewest"), key="operator")
    assert (answer.status, answer.code) == (422, "one_currency_needed")
    assert "ada in EUR and bob in JPY" in answer.json["detail"]
    assert partners.ask("POST", "/v1/runs", wish(window, model="clearing"), key="operator").status == 422


def test_the_audit_misses_either_side_of_a_payment(partners: Front, run: str) -> None:
    one = to(partners, run, "bob")
    received(partners, one)
    assert audited(partners, run) == []
    for side in ("ada", "bob"):
        gone = "DELETE FROM adjustment WHERE reference = %s AND lines LIKE %s AND %s::text IS NOT NULL"
        found = audited(partners, run, gone, one["instruction"], f'[["{side}"%')
        assert found == [f"settled, but not booked once as paid: {one['instruction']}"]
    paid_more = "UPDATE settlement_instruction SET received = received + 1 WHERE payee = 'bob' AND run = %s"
    assert audited(partners, run, paid_more) == [
        f"settled, but not booked once as paid: {one['instruction']}",
        "its payments are not those of its result",
    ]
    turned = "UPDATE settlement_instruction SET payer = payee, payee = payer WHERE payee = 'house' AND run = %s"
    assert audited(partners, run, turned) == ["its payments are not those of its result"]


def test_a_long_list_is_read_page_by_page(partners: Front, run: str, monkeypatch: pytest.MonkeyPatch) -> None:
    strange = to(partners, run, "house")["instruction"]
    monkeypatch.setattr(room, "PAGE", 1)
    found, after = [], ""
    for _ in range(3):
        page = partners.ask("GET", f"/v1/payments?run={run}{after}", key="ada").json
        found += [one["payee"] for one in page["payments"]]
        after = f"&after={page['next']}"
        if page["next"] is None:
            break
    assert sorted(found) == ["bob", "house"]
    assert partners.ask("GET", f"/v1/payments?after={strange}", key="bob").json["payments"] == []


def test_the_same_from_the_command_line(partners: Front, window: str, tmp_path: Path) -> None:
    for partner, iban in (("house", HOUSE), ("bob", BOB), ("ada", ADA)):
        published(partners, details(partner, iban, currency="EUR"))
    name = frozen(partners, window, terms=[], model="fewest")
    assert "9.00" in partners.command("payments", "list", "--run", name, key="ada").stdout
    files = {who: tmp_path / f"{who}.xml" for who in ("ada", "operator")}
    partners.command("payments", "file", name, "--out", files["ada"], key="ada")
    partners.command("settle", "pay", name, "--payer", "ada", "--out", files["operator"])
    assert files["ada"].read_bytes() == files["operator"].read_bytes() == file_of(partners, name).body
    words = ("payments", "received", to(partners, name, "bob")["instruction"])
    more = ("EUR", "--on", today(), "--reference", "4711")
    assert partners.command(*words, "8.00", *more, key="bob").returncode == 1
    assert partners.command(*words, "9.00", *more, key="bob").returncode == 0
    assert to(partners, name, "bob")["state"] == "settled"


def test_nothing_of_a_run_is_there_before_it_is_frozen(partners: Front, window: str) -> None:
    drafted = partners.ask("POST", "/v1/runs", wish(window, terms=[], model="fewest"), key="operator").json
    assert approved(partners, drafted)["state"] == "approved"
    assert listed(partners, "ada", drafted["run"]) == []
    assert file_of(partners, drafted["run"]).code == "not_found"
