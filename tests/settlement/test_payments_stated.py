"""A statement with several payments: each is the sum of its parts in every format, and what is changed of one is found."""

from dataclasses import replace
from datetime import date
from io import BytesIO
from typing import Any

import pytest
from openpyxl import load_workbook
from pypdf import PdfReader

from clearing.rules.units import Ratio
from settlement.reports import render, seal, verify
from settlement.reports.summary import reports_of
from settlement.rules.statement import Conversion, Item, Payment, Statement
from settlement.rules.statement_json import document, statement_of
from settlement.rules.statement_lines import StatementError
from tests.settlement.made import HOUSE_KEY, a_statement

KEYS = {HOUSE_KEY.public.key_id: HOUSE_KEY.public}
ON = date(2026, 11, 26)


def paid(name: str, amount: int, other: str, *items: Item) -> Payment:
    said = Conversion("USD", 2, amount * 2, Ratio(2, 1), "ECB 2026-11-20")
    return Payment(name, ON, amount, items or (Item(f"owed to {other}", amount),), said, other)


TO_LOTUS = paid("CL01", -550, "lotus-air", Item("owed by lotus-air", 350), Item("owed to lotus-air", -900))
FROM_CORNER = paid("CL02", 120, "corner", Item("owed by corner", 120))
TO_HOUSE = paid("CL03", -100, "house")


def stated(*payments: Payment) -> Statement:
    return replace(a_statement(), payment=None, payments=payments)


MADE = stated(TO_LOTUS, FROM_CORNER, TO_HOUSE)
SEALED = seal(MADE, HOUSE_KEY)


@pytest.mark.parametrize("form", ["jsonl", "csv", "xlsx", "pdf"])
def test_every_format_carries_all_payments_and_verifies(form: str) -> None:
    verdict = verify(render(SEALED, form), KEYS)
    assert verdict.sealed is not None, verdict.findings
    assert verdict.sealed.statement == MADE


def test_the_document_says_payments_where_there_are_any_and_else_nothing_of_them() -> None:
    assert statement_of(document(MADE), MADE.lines) == MADE
    assert [one["with"] for one in document(MADE)["payments"]] == ["lotus-air", "corner", "house"]
    assert document(MADE)["payment"] is None
    assert "payments" not in document(a_statement())
    assert "with" not in document(a_statement())["payment"]


def test_the_reports_are_all_payments_together_and_what_is_in_each() -> None:
    _, together, *each = reports_of(MADE)
    assert together.rows == [
        ("CL01, by you to lotus-air", "−5.50"), ("CL02, to you by corner", "1.20"), ("CL03, by you to house", "−1.00"),
    ]  # fmt: skip
    assert together.sum == ("all payments", "−5.30")
    assert [one.sum for one in each] == [("this payment", amount) for amount in ("−5.50", "1.20", "−1.00")]
    assert each[0].rows == [("owed by lotus-air", "3.50"), ("owed to lotus-air", "−9.00")]
    assert "by you to lotus-air on 2026-11-26: −11.00 USD" in each[0].title


def test_the_sheet_of_payments_calculates() -> None:
    sheet = load_workbook(BytesIO(render(SEALED, "xlsx")))["payment"]
    rows = {row: (sheet.cell(row, 1).value, sheet.cell(row, 2).value) for row in range(1, sheet.max_row + 1)}
    sums = {row: formula for row, (name, formula) in rows.items() if name == "this payment"}
    assert list(sums.values()) == [
        f"=SUM(B{row - parts}:B{row - 1})" for row, parts in zip(sums, (2, 1, 1), strict=True)
    ]
    assert rows[sheet.max_row] == (
        "all payments",
        f'=SUMIF(A1:A{sheet.max_row - 1},"this payment",B1:B{sheet.max_row - 1})',
    )
    kept = load_workbook(BytesIO(render(SEALED, "xlsx")), data_only=True)["payment"]
    assert kept.cell(sheet.max_row, 2).value == -5.3


def test_the_pages_show_every_payment() -> None:
    text = "".join(page.extract_text() for page in PdfReader(BytesIO(render(SEALED, "pdf"))).pages)
    assert "What is in these payments" in text
    for told in ("paid by you to lotus-air", "paid to you by corner", "paid by you to house", "all payments −5.30"):
        assert told in text


@pytest.mark.parametrize(
    ("was", "now"),
    [(b"H,payment,1.20", b"H,payment,1.21"), (b"owed to lotus-air", b"owed to corner"), (b"CL03", b"CL04")],
)
def test_a_payment_that_was_changed_in_a_file_is_found(was: bytes, now: bytes) -> None:
    data = render(SEALED, "csv")
    assert was in data
    verdict = verify(data.replace(was, now, 1), KEYS)
    assert verdict.sealed is None
    assert [one.check for one in verdict.findings if not one.holds] == ["header"]


@pytest.mark.parametrize(
    ("figure", "make"),
    [
        ("payments", lambda: replace(MADE, payment=a_statement().payment)),
        ("payments", lambda: stated(replace(TO_HOUSE, other=""))),
        ("payments", lambda: replace(a_statement(), payment=TO_HOUSE)),
        ("payment", lambda: replace(TO_LOTUS, amount=-551)),
        ("other side", lambda: replace(TO_LOTUS, other="Lotus Air")),
        ("converted", lambda: stated(replace(TO_HOUSE, converted=Conversion("USD", 2, -203, Ratio(2, 1), "ECB")))),
    ],
)
def test_what_cannot_be_paid_is_refused_by_name(figure: str, make: Any) -> None:
    with pytest.raises(StatementError) as refused:
        make()
    assert refused.value.figure == figure
