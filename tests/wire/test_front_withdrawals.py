"""A withdrawal of cover as a file for the bank: what was booked by two keys, to the account in force, the same bytes every time."""

from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg
import pytest
from lxml import etree
from psycopg.types.json import Jsonb

from tests.wire.front_room import Answer, Front
from tests.wire.test_front_agreements import DAY, NOW, covered, desk, iris
from tests.wire.test_front_cover import DETAILS, banked, prepaid, proposed

__all__ = ["banked", "desk", "iris"]  # the fixtures

THEIRS = DETAILS | {"name": "Iris Flowers", "iban": "DE89370400440532013000"}


def settled_in(desk: Front, partner: str, version: int = 1, **changes: Any) -> None:
    """Bank details of a partner, which nobody signed; the second version is in force from now on."""
    begins = NOW - DAY if version == 1 else NOW
    with psycopg.connect(desk.url, autocommit=True) as connection:
        connection.execute(
            "INSERT INTO bank_details VALUES (%s, %s, %s, %s, %s, %s, 'first', 'second', %s)",
            [partner, version, begins, begins, f"{version}" * 64, Jsonb(THEIRS | changes), UUID(int=version + 1)],
        )


def withdrawn(desk: Front, partner: str, amount: int = 4_000_000, reference: str = "back 1") -> str:
    """A withdrawal that two keys booked."""
    digest: str = proposed(desk, partner, -amount, reference, key=partner).json["proposal"]
    done = desk.ask("POST", f"/v1/cover/{digest}/confirm", {}, key="second")
    assert done.status == 201, done.body
    return digest


def file_of(desk: Front, digest: str, key: str = "operator") -> Answer:
    return desk.ask("GET", f"/v1/cover/{digest}/payment", key=key)


@pytest.fixture
def lodged(banked: Front, iris: str) -> str:
    """A partner with 10.00 of cover."""
    prepaid(banked, iris)
    covered(banked, iris, "in", 10_000_000, "wire 1")
    return iris


def test_a_withdrawal_is_paid_from_the_houses_account_to_the_partners(banked: Front, lodged: str) -> None:
    settled_in(banked, lodged)
    digest = withdrawn(banked, lodged)
    answer = file_of(banked, digest)
    assert (answer.status, answer.headers["content-type"]) == (200, "application/xml")
    read = etree.fromstring(answer.body)
    assert [leaf.text for leaf in read.iter("{*}IBAN")] == [DETAILS["iban"], THEIRS["iban"]]
    assert [(leaf.get("Ccy"), leaf.text) for leaf in read.iter("{*}InstdAmt")] == [("EUR", "4.00")]
    assert [leaf.text for leaf in read.iter("{*}Ustrd")] == ["back 1"]
    (name,) = [leaf.text or "" for leaf in read.iter("{*}EndToEndId")]
    assert name.startswith("CV")
    (booked,) = [one for one in banked.ask("GET", "/v1/cover", key=lodged).json["movements"] if one["amount"] < 0]
    assert next(read.iter("{*}Dt")).text == booked["at"][:10]


def test_the_file_stays_as_it_was_when_the_partner_moves_its_account(banked: Front, lodged: str) -> None:
    settled_in(banked, lodged)
    digest = withdrawn(banked, lodged)
    first = file_of(banked, digest).body
    with psycopg.connect(banked.url, autocommit=True) as connection:
        settled_in(banked, lodged, 2, iban="GB82WEST12345698765432")
        connection.execute("UPDATE bank_details SET published_at = now(), valid_from = now() WHERE version = 2")
    assert file_of(banked, digest).body == first
    later = file_of(banked, withdrawn(banked, lodged, 1_000_000, "back 2")).body
    assert b"GB82WEST12345698765432" in later
    assert b"CV" in later


def test_what_cannot_be_paid_is_named(banked: Front, lodged: str) -> None:
    digest = withdrawn(banked, lodged)
    assert file_of(banked, digest).json["detail"] == f"{lodged} has no bank details in force"
    settled_in(banked, lodged, currency="JPY")
    assert file_of(banked, digest).json["detail"].startswith("cover is in EUR, and the account of")
    with psycopg.connect(banked.url, autocommit=True) as connection:
        connection.execute("DELETE FROM bank_details WHERE partner = %s", [lodged])
    settled_in(banked, lodged)
    assert file_of(banked, digest).status == 200
    uneven = file_of(banked, withdrawn(banked, lodged, 1_005_001, "back 2"))
    assert (uneven.status, uneven.json["detail"]) == (422, "1.005001 cannot be paid: the currency has 2 digits")
    odd = file_of(banked, withdrawn(banked, lodged, 1_000_000, "back_3"))  # banks exchange no underscore
    assert (odd.status, b"Ustrd" in odd.body) == (200, False)


def test_only_what_two_keys_booked_is_paid_and_only_operators_pay_it(banked: Front, lodged: str) -> None:
    settled_in(banked, lodged)
    waiting = proposed(banked, lodged, -1_000_000, "back 1", key=lodged).json["proposal"]
    assert file_of(banked, waiting).json["detail"] == "this movement is not booked"
    came = proposed(banked, lodged, 1_000_000, f"{lodged}.2", key="operator").json["proposal"]
    assert banked.ask("POST", f"/v1/cover/{came}/confirm", {}, key="second").status == 201
    assert file_of(banked, came).json["detail"] == "funds that came in are paid by the partner"
    assert file_of(banked, "0" * 64).code == "not_found"
    assert file_of(banked, waiting, key=lodged).code == "forbidden"


def test_the_same_from_the_command_line(banked: Front, lodged: str, tmp_path: Path) -> None:
    settled_in(banked, lodged)
    digest, out = withdrawn(banked, lodged), tmp_path / "back.xml"
    done = banked.command("cover", "pay", digest, "--out", out)
    assert done.returncode == 0, done.stderr
    assert out.read_bytes() == file_of(banked, digest).body
