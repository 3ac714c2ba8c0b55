"""Cover that a bank's file tells: what was announced, once, to the cent; everything else is named or left alone."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.files import confirmations
from settlement.files.lodging import Announced, Came, Told, told
from tests.files.bank import HOUSE, PALM, entry, notification, payment, statement

CENT = 10_000


def credit(value: str, reference: str, **more: str) -> str:
    return entry(value, payment(reference), **{"way": "CRDT", **more})


def heard(*entries: str, announced: list[Announced]) -> list[Told]:
    assert HOUSE.account is not None
    return told(confirmations.read(notification(*entries)), HOUSE.account, "EUR", announced)


A, B = Announced("a", "R-1", 1_234 * CENT), Announced("b", "R-2", 500 * CENT)


def test_what_was_announced_is_booked_and_what_was_not_is_left_alone() -> None:
    found = heard(credit("12.34", "R-1"), credit("99.00", "R-9"), credit("1.00", ""), announced=[A, B])
    assert found == [Told("a", Came.BOOKED)]


def test_a_statement_tells_it_as_a_notification_does() -> None:
    assert HOUSE.account is not None
    file = confirmations.read(statement(credit("12.34", "R-1"), closing="10012.34"))
    assert file.findings == ()
    assert told(file, HOUSE.account, "EUR", [A]) == [Told("a", Came.BOOKED)]


def test_another_account_of_the_house_tells_nothing() -> None:
    assert HOUSE.account is not None
    other = "<IBAN>DE89370400440532013000</IBAN>"
    file = confirmations.read(notification(credit("12.34", "R-1"), account=other))
    assert told(file, HOUSE.account, "EUR", [A]) == []


@pytest.mark.parametrize("more", [{"way": "DBIT"}, {"status": "PDNG"}, {"middle": "<RvslInd>true</RvslInd>"}])
def test_what_left_is_pending_or_was_returned_is_no_cover(more: dict[str, str]) -> None:
    assert heard(credit("12.34", "R-1", **more), announced=[A]) == []


def test_of_two_announcements_with_one_reference_the_one_that_fits_is_meant() -> None:
    mistyped = Announced("mistyped", "R-1", 1_243 * CENT)
    assert heard(credit("12.34", "R-1"), announced=[mistyped, A]) == [Told("a", Came.BOOKED)]
    both = heard(credit("12.34", "R-1"), announced=[Announced("other", "R-1", A.amount), A])
    assert both == [Told(name, Came.DIFFERS, "it was announced more than once") for name in ("other", "a")]
    neither = heard(credit("1.00", "R-1"), announced=[mistyped, A])
    assert [one.differs for one in neither] == [
        "amount: announced 12.43, booked 1.00", "amount: announced 12.34, booked 1.00",
    ]  # fmt: skip


def test_what_is_there_twice_or_in_another_currency_differs() -> None:
    twice = heard(credit("12.34", "R-1"), credit("12.34", "R-1"), announced=[A])
    assert twice == [Told("a", Came.DIFFERS, "it is there 2 times")]
    dollars = heard(credit("12.34", "R-1", currency="USD"), announced=[A])
    assert dollars == [Told("a", Came.DIFFERS, "currency: announced EUR, booked USD")]


@pytest.mark.parametrize(
    ("payer", "came"),
    [
        ("<IBAN>DE89370400440532013000</IBAN>", Came.BOOKED),
        ("<IBAN>GB82WEST12345698765432</IBAN>", Came.DIFFERS),
        ("<Othr><Id>0532013000</Id></Othr>", Came.BOOKED),  # another name of an account: not to be compared
        ("<IBAN>DE00</IBAN>", Came.BOOKED),  # no account at all
    ],
)
def test_who_pays_is_who_announced_it_where_both_are_known(payer: str, came: Came) -> None:
    paid = entry("12.34", payment("R-1", payer=payer), way="CRDT")
    (found,) = heard(paid, announced=[replace(A, payer=PALM.account)])
    assert found.came is came
    assert heard(paid, announced=[A]) == [Told("a", Came.BOOKED)]


@given(
    st.lists(st.tuples(st.sampled_from("RSTU"), st.integers(1, 5)), max_size=6),
    st.lists(st.tuples(st.sampled_from("RSTU"), st.integers(1, 5)), max_size=6),
)
def test_nothing_is_booked_that_was_not_both_announced_and_told_once(
    announced: list[tuple[str, int]], came: list[tuple[str, int]]
) -> None:
    known = [Announced(f"{place}", f"R-{letter}", cents * CENT) for place, (letter, cents) in enumerate(announced)]
    found = heard(*(credit(f"0.0{cents}", f"R-{letter}") for letter, cents in came), announced=known)
    for one in known:
        mine = [cents * CENT for letter, cents in came if one.reference == f"R-{letter}"]
        same = [other for other in known if (other.reference, other.amount) == (one.reference, one.amount)]
        booked = Told(one.name, Came.BOOKED) in found
        assert booked == (mine == [one.amount] and len(same) == 1)
