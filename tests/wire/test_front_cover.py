"""Cover at the door: asked for by a partner, confirmed by an operator or by the bank; alerts that are told once; never overdrawn."""

import asyncio
import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from clearing import database
from clearing.front.app import create_app
from clearing.front.house import LANE
from clearing.front.keeping import keep_request
from clearing.ledger.verify import verify
from clearing.partners import digest_of, seconded
from settlement.run.steps import instruction_id
from tests.agreed import document
from tests.files.bank import entry, notification, payment
from tests.wire.front_room import Answer, Front, walks_to_the_end
from tests.wire.test_front_agreements import DAY, NOW, agreed, covered, desk, iris, owing, position, register, waiting
from tests.wire.test_front_doors import validator

__all__ = ["desk", "iris"]  # the fixtures

PREPAID = {"prepaid": {"of_cover": {"num": 1, "den": 1}}}
DETAILS = {
    "name": "Points House", "iban": "NL91ABNA0417164300", "account": "", "town": "Utrecht", "country": "NL", "bic": "",
    "currency": "EUR",
}  # fmt: skip


def prepaid(desk: Front, partner: str, **more: Any) -> None:
    agreed(desk, document(partner, NOW - DAY, cap=PREPAID, **more))


def proposed(desk: Front, partner: str, amount: int, reference: str, key: str) -> Answer:
    direction = "in" if amount > 0 else "out"
    wish = {"partner": partner, "direction": direction, "amount": abs(amount), "reference": reference}
    return desk.ask("POST", "/v1/cover", wish, key=key)


def findings(desk: Front) -> list[str]:
    async def found() -> list[str]:
        async with await database.connect(desk.url) as connection:
            told = [one for check in await verify(connection, LANE) for one in check.findings]
            # the bank details of these tests are nobody's
            return told + [one for one in (await seconded(connection, LANE))[1] if not one.startswith("bank_details")]

    return asyncio.run(found())


@pytest.fixture
def banked(desk: Front) -> Iterator[Front]:
    """The house has an account in euros, which nobody signed, and which is gone afterwards."""
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute("DELETE FROM bank_details")
        connection.execute(
            "INSERT INTO bank_details VALUES ('house', 1, %s, %s, repeat('a', 64), %s, 'first', 'second', %s)",
            [NOW - DAY, NOW - DAY, Jsonb(DETAILS), UUID(int=1)],
        )
    yield desk
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute("DELETE FROM bank_details")


def sent(desk: Front, *entries: str, key: str = "second", message: str = "N-1") -> Answer:
    file = notification(*entries, message=message)
    return desk.ask("POST", "/v1/cover/funds", file, key=key, headers={"content-type": "application/xml"})


def credit(value: str, reference: str, **more: Any) -> str:
    return entry(value, payment(reference), **{"way": "CRDT", **more})


# --- by two keys


def test_a_partner_asks_for_its_own_cover_and_an_operator_confirms(desk: Front, iris: str) -> None:
    prepaid(desk, iris)
    covered(desk, iris, "in", 1_000, "wire 1")
    asked = proposed(desk, iris, -400, "back 1", key=iris)
    assert (asked.status, asked.json["proposed_by"]) == (202, desk.keys[iris].public.key_id)
    at = f"/v1/cover/{asked.json['proposal']}/confirm"
    assert desk.ask("POST", at, {}, key=iris).status == 403  # its own word is not enough
    done = desk.ask("POST", at, {}, key="second")
    assert (done.status, done.json["amount"]) == (201, -400)
    assert desk.ask("POST", at, {}, key="operator").json == done.json
    assert position(desk, iris) == (600, 0)
    assert proposed(desk, "palm", -1, "back 2", key=iris).code == "not_found"
    assert findings(desk) == []


def test_ten_withdrawals_confirmed_at_once_never_overdraw(desk: Front, iris: str) -> None:
    prepaid(desk, iris)
    covered(desk, iris, "in", 1_000, "wire 1")
    asked = [proposed(desk, iris, -300, f"back {number}", key=iris).json["proposal"] for number in range(10)]
    with ThreadPoolExecutor(10) as pool:
        said = list(pool.map(lambda one: desk.ask("POST", f"/v1/cover/{one}/confirm", {}, key="second"), asked))
    assert [one.status for one in said].count(201) == 3
    assert {one.code for one in said if one.status != 201} == {"cover_needed"}
    assert desk.ask("GET", "/v1/cover", key=iris).json["cover"] == {iris: "100"}
    assert position(desk, iris) == (100, 0)
    assert findings(desk) == []


# --- by the bank


def test_the_banks_notification_books_what_was_announced_once(banked: Front, iris: str) -> None:
    prepaid(banked, iris)
    digest = proposed(banked, iris, 12_340_000, f"{iris}.A", key=iris).json["proposal"]
    strange = credit("99.00", "somebody-else")
    said = sent(banked, strange, credit("12.34", f"{iris}.A"))
    assert said.json == {
        "blocked": False,
        "findings": [],
        "funds": [{"partner": iris, "reference": f"{iris}.A", "proposal": digest, "outcome": "booked", "differs": None}],
    }  # fmt: skip
    assert position(banked, iris) == (12_340_000, 0)
    assert waiting(banked, iris) == []
    again = sent(banked, strange, credit("12.34", f"{iris}.A"))
    assert (again.json["blocked"], again.json["funds"]) == (False, [])
    assert position(banked, iris) == (12_340_000, 0)
    assert banked.ask("POST", f"/v1/cover/{digest}/confirm", {}, key="operator").json["amount"] == 12_340_000
    assert findings(banked) == []


@pytest.mark.parametrize(
    ("entries", "differs"),
    [
        ([("12.35", {})], "amount: announced 12.34, booked 12.35"),
        ([("12.34", {"currency": "USD"})], "currency: announced EUR, booked USD"),
        ([("12.34", {}), ("12.34", {})], "it is there 2 times"),
    ],
)
def test_what_differs_books_nothing_of_the_file(
    banked: Front, iris: str, entries: list[tuple[str, dict[str, Any]]], differs: str
) -> None:
    prepaid(banked, iris)
    for letter in "AB":
        proposed(banked, iris, 12_340_000, f"{iris}.{letter}", key=iris)
    wrong = [credit(value, f"{iris}.A", **more) for value, more in entries]
    said = sent(banked, credit("12.34", f"{iris}.B"), *wrong).json
    told = {one["reference"][-1]: (one["outcome"], one["differs"]) for one in said["funds"]}
    assert said["blocked"]
    assert told == {"A": ("differs", differs), "B": ("blocked", None)}
    assert position(banked, iris) == (0, 0)


@pytest.mark.parametrize("entry_", [{"way": "DBIT"}, {"status": "PDNG"}])
def test_what_left_or_is_not_booked_confirms_nothing(banked: Front, iris: str, entry_: dict[str, Any]) -> None:
    prepaid(banked, iris)
    proposed(banked, iris, 12_340_000, f"{iris}.A", key=iris)
    assert sent(banked, credit("12.34", f"{iris}.A", **entry_)).json["funds"] == []
    assert position(banked, iris) == (0, 0)


def test_the_file_is_sent_by_another_key_than_announced_the_funds(banked: Front, iris: str) -> None:
    proposed(banked, iris, 12_340_000, f"{iris}.A", key="second")
    proposed(banked, iris, 5_000_000, f"{iris}.B", key=iris)
    file = credit("12.34", f"{iris}.A"), credit("5.00", f"{iris}.B")
    assert outcomes(sent(banked, *file)) == {"A": "refused", "B": "booked"}
    assert sent(banked, *file, key=iris).status == 403
    assert outcomes(sent(banked, *file, key="operator")) == {"A": "booked"}
    assert position(banked, iris)[0] == 0  # no agreement yet: nothing is granted
    assert banked.ask("GET", "/v1/cover", key=iris).json["cover"] == {iris: "17340000"}


def outcomes(answer: Answer) -> dict[str, str]:
    assert not answer.json["blocked"], answer.json
    return {one["reference"].rpartition(".")[2]: one["outcome"] for one in answer.json["funds"]}


# --- whose money it is


def pays_in(iris: str) -> str:
    return instruction_id("R-2026-W47", iris)


def test_a_pay_in_of_a_run_is_nobodys_cover(banked: Front, iris: str) -> None:
    """The partner knows the name of its pay-in from its statement: what comes in under it settles the run and nothing else."""
    for key, reference in ((iris, pays_in(iris)), ("operator", pays_in(iris)), ("operator", pays_in(iris).lower())):
        said = proposed(banked, iris, 10_000_000, reference, key=key)
        assert (said.status, said.code) == (422, "validation_failed")
    announced_before(banked, iris, pays_in(iris))
    assert sent(banked, credit("10.00", pays_in(iris))).json == {"blocked": False, "findings": [], "funds": []}
    assert banked.ask("GET", "/v1/cover", key=iris).json["cover"] == {}


def announced_before(desk: Front, iris: str, reference: str) -> None:
    """The partner has announced this while every reference was taken."""
    digest = proposed(desk, iris, 10_000_000, f"{iris}.old", key=iris).json["proposal"]
    said = {"partner": iris, "direction": "in", "amount": 10_000_000, "reference": reference}
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute(
            "UPDATE proposal SET document = %s, digest = %s WHERE digest = %s",
            [Jsonb(said), digest_of("cover", said), digest],
        )


def test_no_partner_announces_what_is_anothers(banked: Front, iris: str) -> None:
    register(banked, f"{iris}-x", "requests", f"{iris}-x")
    for mine in (f"{iris}-x.A", "wire 1", f"{iris}A", iris):
        assert proposed(banked, iris, 10_000_000, mine, key=iris).code == "validation_failed"
    proposed(banked, f"{iris}-x", 10_000_000, f"{iris}-x.A", key=f"{iris}-x")
    announced_before(banked, iris, f"{iris}-x.A")
    assert outcomes(sent(banked, credit("10.00", f"{iris}-x.A"))) == {"A": "booked"}
    assert banked.ask("GET", "/v1/cover", key=f"{iris}-x").json["cover"] == {f"{iris}-x": "10000000"}
    assert banked.ask("GET", "/v1/cover", key=iris).json["cover"] == {}
    assert findings(banked) == []


def test_what_another_account_paid_than_the_partners_is_not_its_cover(banked: Front, iris: str) -> None:
    mine = DETAILS | {"name": "Iris", "iban": "DE89370400440532013000"}
    with psycopg.connect(banked.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO bank_details VALUES (%s, 1, %s, %s, repeat('b', 64), %s, 'first', 'second', %s)",
            [iris, NOW - DAY, NOW - DAY, Jsonb(mine), UUID(int=1)],
        )
    proposed(banked, iris, 12_340_000, f"{iris}.A", key=iris)
    strange = entry("12.34", payment(f"{iris}.A", payer="<IBAN>GB82WEST12345698765432</IBAN>"), way="CRDT")
    said = sent(banked, strange).json
    assert said["blocked"]
    assert said["funds"][0]["differs"].startswith("payer:")
    own = entry("12.34", payment(f"{iris}.A", payer=f"<IBAN>{mine['iban']}</IBAN>"), way="CRDT")
    assert outcomes(sent(banked, own)) == {"A": "booked"}


def test_funds_whose_key_was_rotated_hold_back_nobody_and_are_announced_anew(banked: Front, iris: str) -> None:
    other = f"{iris}-x"
    register(banked, other, "requests", other)
    digest = proposed(banked, iris, 12_340_000, f"{iris}.A", key=iris).json["proposal"]
    proposed(banked, other, 5_000_000, f"{other}.B", key=other)
    old = banked.keys[iris].public.key_id
    register(banked, f"{iris}-new", "requests", None, of=iris)
    assert banked.ask("POST", f"/v1/keys/{old}/revoke", {}, key=f"{iris}-new").status == 200
    file = credit("12.34", f"{iris}.A"), credit("5.00", f"{other}.B")
    assert outcomes(sent(banked, *file)) == {"A": "refused", "B": "booked"}
    anew = proposed(banked, iris, 12_340_000, f"{iris}.A", key=f"{iris}-new").json
    assert (anew["proposal"], anew["proposed_by"]) == (digest, banked.keys[f"{iris}-new"].public.key_id)
    assert outcomes(sent(banked, *file)) == {"A": "booked"}
    assert findings(banked) == []


def test_what_the_books_refuse_of_a_file_is_that_credits_outcome(
    banked: Front, iris: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """While the file is read, two keys book another amount under the first reference."""
    for letter in "AB":
        proposed(banked, iris, 12_340_000, f"{iris}.{letter}", key=iris)
    other = proposed(banked, iris, 1, f"{iris}.A", key="operator").json["proposal"]

    async def meanwhile(house: Any, asked: Any) -> UUID:
        done = await asyncio.to_thread(banked.ask, "POST", f"/v1/cover/{other}/confirm", {}, key="operator-3")
        assert done.status == 201
        return await keep_request(house, asked)

    register(banked, "operator-3", "operator", None)
    monkeypatch.setattr("clearing.front.funds.keep_request", meanwhile)
    said = sent(banked, credit("12.34", f"{iris}.A"), credit("12.34", f"{iris}.B"))
    assert outcomes(said) == {"A": "refused", "B": "booked"}
    assert said.json["funds"][0]["differs"].startswith("reference_used")
    assert banked.ask("GET", "/v1/cover", key=iris).json["cover"] == {iris: "12340001"}
    assert findings(banked) == []


# --- low water


def test_a_fall_below_the_low_water_is_listed_once_and_counted(
    desk: Front, iris: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def counted() -> float:
        text = desk.send("GET", "/metrics", [("host", desk.host)]).body.decode()
        lines = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        assert float(lines["clearing_low_water"]) >= 1
        return float(lines[f'clearing_low_water_crossings_total{{partner="{iris}"}}'])

    prepaid(desk, iris, low_water=100)
    covered(desk, iris, "in", 99, "wire 1")
    covered(desk, iris, "out", 1, "back 1")
    (seen,) = desk.ask("GET", "/v1/alerts/crossings", key=iris).json["crossings"]
    assert (seen["left"], seen["low_water"], seen["ended_at"], counted()) == ("99", "100", None, 1)
    covered(desk, iris, "in", 2, "wire 2")  # exactly the low water
    with owing(desk, iris, 1):
        covered(desk, iris, "in", 1, "wire 3")
        assert desk.ask("GET", "/v1/alerts", key=iris).json == {"alerts": []}
    (ended,) = desk.ask("GET", f"/v1/alerts/crossings?partner={iris}", key="operator").json["crossings"]
    assert ended["ended_at"] is not None
    covered(desk, iris, "out", 2, "back 2")
    found = desk.ask("GET", "/v1/alerts/crossings", key=iris).json
    assert [one["number"] for one in found["crossings"]] == [2, 1]
    assert walks_to_the_end(desk, "/v1/alerts/crossings", "crossings", iris, monkeypatch) == found["crossings"]
    walks_to_the_end(desk, "/v1/alerts/crossings", "crossings", "operator", monkeypatch)
    assert counted() == 2
    validator(json.loads(json.dumps(create_app().openapi())), "CrossingsSaid").validate(found)
    assert desk.ask("GET", "/v1/alerts/crossings?partner=palm", key=iris).code == "not_found"


def test_the_same_from_the_command_line(banked: Front, iris: str, tmp_path: Any) -> None:
    prepaid(banked, iris, low_water=10_000_000)
    banked.command("cover", "move", iris, "in", "5000000", f"{iris}.A", key=iris)
    file = tmp_path / "came.xml"
    file.write_bytes(notification(credit("5.01", f"{iris}.A")))
    assert banked.command("cover", "funds", file, key="second").returncode == 1
    file.write_bytes(notification(credit("5.00", f"{iris}.A")))
    done = banked.command("cover", "funds", file, key="second")
    assert (done.returncode, json.loads(done.stdout)["funds"][0]["outcome"]) == (0, "booked")
    banked.command("cover", "move", iris, "in", "1000000", f"{iris}.B", key="second")
    file.write_bytes(notification(credit("1.00", f"{iris}.B"), message="N-2"))
    alone = banked.command("cover", "funds", file, key="second")
    assert (alone.returncode, json.loads(alone.stdout)["funds"][0]["outcome"]) == (1, "refused")
    assert iris in banked.command("agreement", "alerts", "--crossings", key=iris).stdout
