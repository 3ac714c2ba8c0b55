"""What a partner has lodged, as its statements and the forecast tell it: opening, lodged, withdrawn, closing, in every file."""

import csv
import io
import json
from dataclasses import replace

import openpyxl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.agreements import Postpaid
from settlement import books, reports
from settlement.reports.summary import reports_of
from settlement.rules.statement import Cover
from settlement.rules.statement_lines import StatementError
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.ledger.test_cover import moved
from tests.settlement.made import HOUSE_KEY, a_statement
from tests.settlement.runs_room import NEXT_WINDOW, WINDOW, frozen, lively, paid, seal
from tests.settlement.stating_room import stated
from tests.settlement.test_statement_files import pages

KEYS = {HOUSE_KEY.public.key_id: HOUSE_KEY.public}
COVER = Cover(opening=5_000_000, lodged=12_345_678, withdrawn=2_000_001, closing=15_345_677)
ROWS = [
    ("cover at the opening", "5.000000"),
    ("lodged", "12.345678"),
    ("withdrawn", "\u22122.000001"),
    ("cover at the closing", "15.345677"),
]
MADE = reports.seal(replace(a_statement(), cover=COVER), HOUSE_KEY)


# --- on a real ledger


async def lodge(house: House, partner: str, amount: int, reference: str) -> None:
    await house.put(moved(partner, amount, reference, Postpaid(0)))


async def test_a_statement_tells_what_was_lodged_and_withdrawn_in_its_windows(house: House) -> None:
    """Hotel lodges 50.00, takes 20.00 in the next window and lodges 1.00 after it; Air never lodges any."""
    await house.complete("first")
    await lodge(house, HOTEL, 50_000_000, "wire 1")
    await lively(house)
    await house.complete("second")
    await lodge(house, HOTEL, -20_000_000, "back 1")
    await lodge(house, HOTEL, 3, "wire 2")
    await house.complete("third")
    await seal(house)
    await lodge(house, HOTEL, 1_000_000, "wire 3")
    first = await frozen(house, WINDOW)
    found = await stated(house, first.run)
    assert found[HOTEL].cover == Cover(0, 50_000_000, 0, 50_000_000)
    assert {party for party, one in found.items() if one.cover is not None} == {HOTEL}
    await paid(house, first.run)
    second = await frozen(house, NEXT_WINDOW)
    found = await stated(house, second.run)
    assert found[HOTEL].cover == Cover(50_000_000, 3, 20_000_000, 30_000_003)
    assert all(
        "cover" not in json.loads(reports.seal(one, HOUSE_KEY).header) for one in found.values() if not one.cover
    )
    assert sum(one.figures.closing for one in found.values()) == 0  # cover is no part of what is owed


async def test_who_only_lodged_has_a_statement_that_says_so(house: House) -> None:
    await house.complete("first")
    await lodge(house, SHOP, 7_000_000, "wire 1")
    await house.complete("second")
    await seal(house)
    await house.complete("third")
    await seal(house)
    row = await frozen(house, WINDOW)
    shop = (await stated(house, row.run))[SHOP]
    assert (shop.lines, shop.net, shop.payment, shop.cover) == ((), 0, None, Cover(0, 7_000_000, 0, 7_000_000))
    await paid(house, row.run)
    assert SHOP not in await stated(house, (await frozen(house, NEXT_WINDOW)).run)  # nothing moved


async def test_the_forecast_tells_what_is_lodged_by_now(house: House) -> None:
    await lodge(house, HOTEL, 50_000_000, "wire 1")
    await lodge(house, HOTEL, -20_000_000, "back 1")
    found = {one.partner: one for one in await books.forecast(house.owner, await books.chart(house.owner), house.lane)}
    assert (found[HOTEL].cover, found[HOTEL].to_pay, found[AIR].cover) == (30_000_000, 0, None)


# --- in every file


@pytest.mark.parametrize("form", ["jsonl", "csv", "xlsx", "pdf"])
def test_every_file_that_can_be_checked_has_the_cover_and_verifies(form: str) -> None:
    sealed = reports.verify(reports.render(MADE, form), KEYS).sealed
    assert sealed is not None
    assert sealed.statement.cover == COVER


def test_the_cover_reads_the_same_on_pages_in_cells_and_in_the_summary() -> None:
    text = "\n".join(pages(reports.render(MADE, "pdf")))
    assert all(name in text and amount in text for name, amount in ROWS)
    sheet = openpyxl.load_workbook(io.BytesIO(reports.render(MADE, "xlsx")), data_only=True)["summary"]
    cells = {row[0]: row[1] for row in sheet.iter_rows(values_only=True)}
    assert [cells[name] for name, _ in ROWS] == [5, 12.345678, -2.000001, 15.345677]
    told = reports_of(MADE.statement)[-1]
    assert [*told.rows, told.sum] == ROWS
    assert len(reports_of(a_statement())) == len(reports_of(MADE.statement)) - 1


def test_a_changed_cover_is_named_in_the_csv_and_the_workbook() -> None:
    rows = list(csv.reader(io.StringIO(reports.render(MADE, "csv").decode(), newline="")))
    place = rows.index(["H", "cover withdrawn", "2.000001"])
    for changed in ([["H", "cover withdrawn", "1.000001"]], []):
        text = io.StringIO(newline="")
        csv.writer(text).writerows([*rows[:place], *changed, *rows[place + 1 :]])
        verdict = reports.verify(text.getvalue().encode(), KEYS)
        assert ("cover withdrawn" in verdict.findings[1].detail, verdict.sealed) == (True, None)
    book = openpyxl.load_workbook(io.BytesIO(reports.render(MADE, "xlsx")))
    (cell,) = [row[1] for row in book["summary"].iter_rows() if row[0].value == "withdrawn"]
    cell.value = -1.000001
    data = io.BytesIO()
    book.save(data)
    assert reports.verify(data.getvalue(), KEYS).sealed is None


# --- laws


@given(st.integers(-3, 9), st.integers(-3, 9), st.integers(-3, 9), st.integers(-3, 9))
def test_a_cover_that_does_not_add_up_or_is_below_zero_cannot_be_told(
    opening: int, lodged: int, withdrawn: int, closing: int
) -> None:
    holds = opening + lodged - withdrawn == closing and min(opening, lodged, withdrawn, closing) >= 0
    try:
        Cover(opening, lodged, withdrawn, closing)
    except StatementError:
        assert not holds
    else:
        assert holds
