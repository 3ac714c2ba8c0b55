"""Laws of invoices without any books: one rounding, tax on the sum of each rate, sums that are exact, and a golden document."""

import json
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.reports.invoice_file import invoice_pdf, seal_invoice, verify_invoice
from settlement.rules import tax
from settlement.rules.invoice import Fee, Issue, document, drafts, faults_of, spread
from settlement.rules.run import canonical
from settlement.rules.tax import Tax, Treatment, table_of
from tests.ledger.books import AIR, HOTEL, SHOP
from tests.settlement.billing_room import EXEMPT, KEY, PUBLIC, REVERSE, STANDARD, customer, table

GOLDEN = Path(__file__).parent / "golden" / "invoice.json"
ISSUE = Issue(2026, 7, "2026-03-09", "W-2026-10.1", "2026-03-02", "2026-03-08", ("W-2026-10",))
REDEEMED = EXEMPT | {"kinds": ["redemption"]}
OWN = table(customers=[customer(HOTEL, STANDARD, REDEEMED), customer(AIR, REVERSE), customer(SHOP, EXEMPT)])

fees = st.lists(
    st.builds(
        Fee,
        st.sampled_from([HOTEL, AIR, SHOP]),
        st.just(""),
        st.sampled_from(["exchange", "redemption", "accrual"]),
        st.booleans(),
        st.integers(1, 9),
        st.integers(-(10**12), 10**12).filter(bool),
    ),
    max_size=12,
    unique_by=lambda fee: fee[:4],
)


@given(st.lists(st.fractions(-(10**9), 10**9), max_size=12))
def test_parts_add_up_to_the_rounded_sum_and_none_is_one_away(amounts: list[Fraction]) -> None:
    parts = spread(amounts)
    assert abs(sum(parts) - sum(amounts, Fraction())) * 2 <= 1
    assert all(abs(part - exact) < 1 for part, exact in zip(parts, amounts, strict=True))


def test_a_thousand_fees_of_058_hundredths_are_billed_as_580() -> None:
    """G17: rounded once, not fee by fee."""
    (draft,) = drafts([Fee(HOTEL, "", "exchange", False, 1_000, 1_000 * 5_800)], table_of(OWN), {})
    assert (draft.net, draft.tax) == (580, 122)  # 121.8


@given(fees)
def test_every_document_adds_up_by_its_own_check(found: list[Fee]) -> None:
    for draft in drafts(found, table_of(OWN), {}):
        said = document(draft, ISSUE)
        assert faults_of(said) == []
        assert draft.kind == ("credit_note" if draft.net < 0 else "invoice")
        owed = sum(line.net for line in draft.lines if line.tax.treatment is Treatment.STANDARD)
        assert abs(Fraction(owed * 2_100, 10_000) - draft.tax) * 2 <= 1


@given(fees, st.randoms(use_true_random=False))
def test_the_order_in_which_fees_are_read_does_not_matter(found: list[Fee], luck: Any) -> None:
    mixed = list(found)
    luck.shuffle(mixed)
    assert drafts(mixed, table_of(OWN), {}) == drafts(found, table_of(OWN), {})


@pytest.mark.parametrize("name", ["net", "tax", "gross"])
def test_a_sum_that_is_off_is_named(name: str) -> None:
    assert faults_of(golden() | {name: "999.99"}) != []


def test_other_documents_are_no_invoices() -> None:
    for said in ({}, {"digits": 2, "lines": [], "taxes": 7}, golden() | {"lines": [1]}):
        assert faults_of(said) != []


@pytest.mark.parametrize(
    ("taxes", "vat_id", "fault"),
    [
        ([REDEEMED], "NL1", "exactly one holds for all other kinds"),
        ([STANDARD, STANDARD], "NL1", "exactly one holds for all other kinds"),
        ([STANDARD, REDEEMED, REDEEMED], "NL1", "taxed twice"),
        ([STANDARD | {"basis_points": 0}], "NL1", "a rate above zero"),
        ([EXEMPT | {"basis_points": 5}], "NL1", "a rate above zero"),
        ([EXEMPT | {"reason": ""}], "NL1", "the reason is to be said"),
        ([REVERSE], "", "the customer's vat_id"),
    ],
)
def test_what_no_tax_table_can_say_is_named(taxes: list[dict[str, Any]], vat_id: str, fault: str) -> None:
    (found,) = tax.faults_of(table(customers=[customer(HOTEL, *taxes) | {"vat_id": vat_id}]))
    assert fault in found


def test_a_customer_is_named_once() -> None:
    assert tax.faults_of(table(customers=[customer(HOTEL, STANDARD)] * 2)) == [f"$.customers: {HOTEL} is named twice"]
    assert tax.faults_of(table()) == []


def test_the_narrower_tax_holds_for_its_kinds() -> None:
    known = table_of(OWN)
    assert known.tax_of(HOTEL, "redemption").treatment is Treatment.EXEMPT
    assert known.tax_of(HOTEL, "exchange") == Tax(Treatment.STANDARD, 2_100, "")


# --- golden


def golden() -> dict[str, Any]:
    given_ = [
        Fee(HOTEL, "", "exchange", False, 12, 10_004_999),
        Fee(HOTEL, "", "exchange", True, 1, -504_999),
        Fee(HOTEL, "", "redemption", False, 3, 3_333_333),
    ]
    (draft,) = drafts(given_, table_of(OWN), {})
    return document(draft, ISSUE)


def test_the_document_is_the_golden_one_by_hand() -> None:
    """10.004999 - 0.504999 + 3.333333 = 12.833333: 12.83; 9.50 at 21 % is 1.995: 2.00."""
    assert json.loads(GOLDEN.read_text()) == golden()
    assert (golden()["net"], golden()["tax"], golden()["gross"]) == ("12.83", "2.00", "14.83")


def test_the_files_of_the_golden_document_are_the_same_each_time_and_verify() -> None:
    sealed = seal_invoice(canonical(golden()), KEY)
    assert seal_invoice(canonical(golden()), KEY) == sealed
    page = invoice_pdf(sealed)
    assert invoice_pdf(sealed) == page
    assert verify_invoice(page, PUBLIC).sealed == sealed
