"""Tax tables by two keys, and invoices at the door: a partner's own and an operator's all, the same bytes every time."""

import asyncio
import hashlib
import json
import subprocess
import sys
from collections.abc import Iterator
from datetime import date
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clearing import database
from settlement.rules.invoice import Fee, Issue, document, drafts
from settlement.rules.run import canonical, sha256
from settlement.rules.tax import table_of
from settlement.run.store import write
from settlement.stating import seal_invoices
from tests.settlement.billing_room import REVERSE, STANDARD, customer, table
from tests.wire.front_room import Front
from tests.wire.papers_room import published
from tests.wire.test_front_runs import desk

__all__ = ["desk"]  # the fixture

RUN, INVOICE = "W-1999-50.1", "TST-2026-000001"


def taxes(name: str, **changes: Any) -> dict[str, Any]:
    """A table of days to come: no run of these tests is billed by it."""
    days = {"valid_from": "2090-01-01", "valid_until": "2090-12-31", "series": "TST"}
    said = table(name, **days, customers=[customer("palm", STANDARD), customer("lotus", REVERSE)])
    return {field: value for field, value in said.items() if field != "digits"} | changes


def test_a_tax_table_takes_two_keys_and_its_name_stands_for_it(desk: Front) -> None:
    spent = REVERSE | {"kinds": ["redemption", "cash_back"]}
    said = taxes("two-keys", customers=[customer("palm", STANDARD, spent)])
    first = desk.ask("POST", "/v1/taxes", said, key="operator")
    assert (first.status, first.json["kind"], first.json["document"]) == (202, "tax_table", said | {"digits": 2})
    at = f"/v1/taxes/{first.json['proposal']}/confirm"
    assert desk.ask("POST", at, {}, key="operator").code == "second_key_needed"
    done = desk.ask("POST", at, {}, key="auditor")
    assert done.status == 201
    assert done.json in desk.ask("GET", "/v1/taxes", key="operator").json["taxes"]
    assert desk.ask("POST", "/v1/taxes", said | {"series": "OTHER"}, key="operator").code == "version_taken"
    assert desk.ask("GET", "/v1/taxes", key="palm").code == "forbidden"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"customers": [customer("nobody", STANDARD)]}, 404),
        ({"customers": [customer(f"nobody-{number}", STANDARD) for number in range(400)]}, 404),  # 90 kB are read
        ({"customers": [customer("palm", STANDARD, STANDARD)]}, 422),
        ({"customers": [customer("palm", REVERSE | {"reason": ""})]}, 422),
        ({"customers": [customer("palm", STANDARD | {"basis_points": 10_001})]}, 422),
        ({"customers": [customer("palm", STANDARD)] * 2}, 422),
        ({"customers": [customer("palm", STANDARD, REVERSE | {"kinds": ["redemptions"]})]}, 422),
        ({"currency": "ZZZ"}, 422),
        ({"series": "low"}, 422),
        ({"valid_until": "2089-12-31"}, 422),
    ],
)
def test_what_is_no_tax_table_is_refused(desk: Front, change: dict[str, Any], status: int) -> None:
    assert desk.ask("POST", "/v1/taxes", taxes("refused", **change), key="operator").status == status


@pytest.fixture(scope="module")
def issued(desk: Front) -> Iterator[str]:
    """An invoice of palm, sealed by the house; its tax rate is zero, so nothing is booked. Gone after these tests: no run issued it."""
    said = table("issued", series="TST", customers=[customer("palm", REVERSE)])
    (draft,) = drafts([Fee("palm", "", "exchange", False, 3, 1_234_567)], table_of(said), {})
    content = canonical(document(draft, Issue(2026, 1, "2026-03-09", RUN, "1999-12-06", "1999-12-12", ("W-1999-50",))))

    async def issue() -> None:
        async with await database.connect(desk.url) as connection:
            await connection.set_autocommit(True)
            told = {"invoice": INVOICE, "series": "TST", "year": 2026, "number": 1, "run": RUN, "partner": "palm"}
            told |= {"kind": draft.kind, "corrects": None, "tax_table": "issued", "currency": "EUR", "digits": 2}
            told |= {"net": draft.net, "tax": draft.tax, "issued_on": date(2026, 3, 9), "of_window": 1}
            await write(connection, "invoice_insert", **told, document=content, sha256=sha256(content))
            await seal_invoices(connection, RUN, desk.house.key)

    asyncio.run(issue())
    yield INVOICE
    with psycopg.connect(desk.url, autocommit=True) as connection:
        for kept in ("settlement_invoice_file", "settlement_invoice"):
            connection.execute(f"DELETE FROM {kept} WHERE invoice = %s", [INVOICE])


def test_a_partner_sees_its_own_invoices_and_gets_the_same_bytes_each_time(desk: Front, issued: str) -> None:
    (one,) = desk.ask("GET", "/v1/invoices", key="palm").json["invoices"]
    assert (one["invoice"], one["net"], one["tax"], one["gross"]) == (issued, "1.23", "0.00", "1.23")
    assert one in desk.ask("GET", "/v1/invoices", key="operator").json["invoices"]
    assert desk.ask("GET", "/v1/invoices", key="lotus").json == {"invoices": [], "next": None}
    for query, told in ((f"run={RUN}", [one]), (f"run={RUN}&partner=lotus", []), ("run=W-1999-49.1", [])):
        assert desk.ask("GET", f"/v1/invoices?{query}", key="operator").json == {"invoices": told, "next": None}
    assert desk.ask("GET", "/v1/invoices?partner=palm", key="palm").json["invoices"] == [one]
    for query in ("after=", "after=1.", "after=x.TST", "after=99999999999999999999.TST", "after=1.a&after=1.a"):
        assert desk.ask("GET", f"/v1/invoices?{query}", key="operator").code == "validation_failed", query
    for query in ("partner=palm", f"run={RUN}"):
        assert desk.ask("GET", f"/v1/invoices?{query}", key="lotus").code == "not_found"
    assert {file["format"] for file in one["files"]} == {"json", "pdf"}
    for file in one["files"]:
        got = [desk.ask("GET", file["href"], key=key) for key in ("palm", "operator", "palm")]
        assert {hashlib.sha256(answer.body).hexdigest() for answer in got} == {file["sha256"]}
        assert len(got[0].body) == file["bytes"]
        assert desk.ask("GET", file["href"], key="lotus").code == "not_found"
    assert desk.ask("GET", f"/v1/invoices/{issued}?format=xml", key="palm").code == "validation_failed"


def test_invoices_from_the_command_line_are_verified_offline(desk: Front, issued: str, tmp_path: Path) -> None:
    house = tmp_path / "house.jwk"
    house.write_text(json.dumps(dict(desk.house.key.public.jwk)))

    def command(*words: str | Path) -> subprocess.CompletedProcess[str]:
        given = [sys.executable, "-m", "clearing.front", "invoice", *map(str, words)]
        return subprocess.run(given, capture_output=True, text=True, check=False, cwd=tmp_path)

    signed = ("--key", desk.folder / "palm.jwk", "--url", f"http://{desk.host}")
    assert issued in command("list", *signed).stdout
    signing = ("--key", desk.folder / "operator.jwk", "--url", f"http://{desk.host}")
    assert issued in command("list", "--run", RUN, "--partner", "palm", *signing).stdout
    assert issued not in command("list", "--run", "W-1999-49.1", *signing).stdout
    for form in ("json", "pdf"):
        assert command("get", issued, "--format", form, *signed).returncode == 0
        told = command("verify", f"{issued}.{form}", "--key", house)
        assert (told.returncode, f"{issued}: net 1.23, tax 0.00, gross 1.23 EUR" in told.stdout) == (0, True)
    assert command("render", f"{issued}.json", "--key", house, "--out", "again.pdf").returncode == 0
    assert (tmp_path / "again.pdf").read_bytes() == (tmp_path / f"{issued}.pdf").read_bytes()
    file = tmp_path / f"{issued}.json"
    file.write_bytes(file.read_bytes().replace(b'"net":"1.23"', b'"net":"1.32"'))
    told = command("verify", file, "--key", house)
    assert (told.returncode, "✗ document: changed: lines, net, taxes" in told.stdout) == (1, True)


def test_tax_tables_from_the_command_line(desk: Front, tmp_path: Path) -> None:
    file = tmp_path / "taxes.json"
    file.write_text(json.dumps(taxes("by-command")))

    def command(key: str, *words: str | Path) -> Any:
        told = desk.command("taxes", *words, key=key)
        assert told.returncode == 0, told.stderr
        return json.loads(told.stdout)

    proposed = command("operator", "publish", file)["proposal"]
    done = command("auditor", "confirm", proposed)
    assert done in command("auditor", "list")["taxes"]
    assert published(desk, "/v1/taxes", taxes("by-command")) == done
