"""A workbook is checked like the other files: what was changed in it is named, and what another program writes of a number is still it."""

import io
import re
import zipfile
from collections.abc import Callable
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from settlement.reports import render, seal, verify
from settlement.reports.xlsx_read import NET_FORMULA
from settlement.rules.statement import state
from settlement.rules.statement_lines import COLUMNS, MONEY, POINTS, Line, LineKind
from tests.settlement.made import CLOSES, HOUSE_KEY, PARTIES, a_statement

KEYS = {HOUSE_KEY.public.key_id: HOUSE_KEY.public}
SEALED = seal(a_statement(converted=True), HOUSE_KEY)
BOOK = render(SEALED, "xlsx")
COUNT = len(SEALED.records)
SUMMARY, LINES, SEAL = (f"xl/worksheets/sheet{number}.xml" for number in (1, 5, 6))


def found(data: bytes) -> dict[str, tuple[bool, str]]:
    verdict = verify(data, KEYS)
    assert (verdict.sealed is not None) == all(one.holds for one in verdict.findings)
    return {one.check: (one.holds, one.detail) for one in verdict.findings}


def named(data: bytes) -> str:
    holds, detail = found(data)["lines"]
    assert not holds
    return detail


def changed(part: str, change: Callable[[str], str], data: bytes = BOOK) -> bytes:
    """The workbook with one part of it written anew."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name)
            if name == part:
                told = change(text.decode())
                assert told != text.decode()
                text = told.encode()
            new.writestr(name, text)
    return made.getvalue()


def with_cell(place: str, inner: str, *, kind: str = "", part: str = LINES) -> bytes:
    """The workbook with another content of one cell."""

    def change(text: str) -> str:
        return re.sub(rf'(<c r="{place}"(?: s="[0-9]+")?)[^>]*>.*?</c>', rf"\g<1>{kind}>{inner}</c>", text, count=1)

    return changed(part, change)


def cell(column: str, line: int) -> str:
    return f"{chr(ord('A') + COLUMNS.index(column))}{line + 1}"


def test_a_workbook_verifies_and_gives_the_sealed_statement_back() -> None:
    verdict = verify(BOOK, KEYS)
    assert [one.check for one in verdict.findings] == ["signature", "hashes", "lines", "header", "sums", "print"]
    assert verdict.sealed == SEALED


def test_a_workbook_of_many_hash_rows_verifies() -> None:
    many = seal(a_statement(1_300), HOUSE_KEY)
    assert verify(render(many, "xlsx"), KEYS).sealed == many


def test_a_workbook_without_lines_verifies() -> None:
    plain = a_statement()
    empty = state(
        reference=plain.reference, partner=plain.partner, counterparties=(), periods=plain.periods, currency="JPY", digits=0,
        made_at=plain.made_at, opening=-7_000_000, lines=(), net=0,
    )  # fmt: skip
    made = seal(empty, HOUSE_KEY)
    assert verify(render(made, "xlsx"), KEYS).sealed == made


def with_amounts(amounts: list[int]) -> bytes:
    plain = a_statement()
    lines = [Line(LineKind.EXCHANGE, CLOSES, "corner", credit=micros) for micros in amounts]
    made = state(
        reference=plain.reference, partner=plain.partner, counterparties=PARTIES, periods=plain.periods, currency="EUR",
        digits=6, made_at=plain.made_at, opening=0, lines=lines, net=sum(amounts),
    )  # fmt: skip
    return render(seal(made, HOUSE_KEY), "xlsx")


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(1, 2**33 * 10**6 - 1), min_size=1, max_size=40))
def test_every_amount_below_two_to_the_33rd_units_is_kept_to_the_millionth(amounts: list[int]) -> None:
    assert all(holds for holds, _ in found(with_amounts([*amounts, 2**33 * 10**6 - 1])).values())


def test_of_an_amount_that_no_cell_keeps_it_is_said() -> None:
    assert "no amount that a cell keeps" in named(with_amounts([2**53 - 1]))


# --- what was changed


@pytest.mark.parametrize("column", [*MONEY, *POINTS, "line"])
def test_every_change_of_a_number_is_named(column: str) -> None:
    detail = named(with_cell(cell(column, 3), "<v>77</v>"))
    wrong = "77.000000" if column in MONEY else "77"
    assert detail.startswith(f"line 3 was changed: {column} is {wrong}, signed was ") or "net" in detail


@pytest.mark.parametrize("column", ["kind", "at", "exchange", "counterparty"])
def test_every_change_of_a_text_is_named(column: str) -> None:
    detail = named(with_cell(cell(column, 2), "<is><t>other</t></is>", kind=' t="inlineStr"'))
    assert detail.startswith(f"line 2 was changed: {column} is other")


@pytest.mark.parametrize("place", [1, 5, COUNT])
def test_a_row_that_was_dropped_is_named(place: int) -> None:
    data = changed(LINES, lambda text: re.sub(rf'<row r="{place + 1}".*?</row>', "", text))
    assert named(data) == f"line {place} was dropped"


def test_rows_that_changed_places_are_named() -> None:
    def swap(text: str) -> str:
        rows = re.findall(r"<row .*?</row>", text)
        return text.replace(rows[2], "\0").replace(rows[7], rows[2]).replace("\0", rows[7])

    assert named(changed(LINES, swap)) == "line 2 was swapped with line 7"


def test_a_number_that_stands_as_text_or_comes_by_a_formula_is_none_of_the_lines() -> None:
    place = cell("sent", 1)
    as_text = named(with_cell(place, f"<is><t>{SEALED.statement.lines[0].sent}</t></is>", kind=' t="inlineStr"'))
    assert as_text.startswith(f"line 1 was changed: sent is '{SEALED.statement.lines[0].sent}")
    assert "sent is =1+1" in named(with_cell(place, f"<f>1+1</f><v>{SEALED.statement.lines[0].sent}</v>"))


@pytest.mark.parametrize("inner", [f"<f>{NET_FORMULA}</f><v>1</v>", "<f>B1+1</f><v>{net}</v>", "<v>{net}</v>"])
def test_a_net_that_is_not_what_its_line_makes_is_named(inner: str) -> None:
    net = SEALED.statement.lines[3].net
    data = with_cell(f"{chr(ord('A') + len(COLUMNS))}5", inner.format(net=f"{net / 10**6:.6f}"))
    assert named(data).startswith("line 4 was changed: it is no line with the columns of one (net)")


def test_cells_beside_the_lines_are_compared() -> None:
    with zipfile.ZipFile(io.BytesIO(BOOK)) as parts:
        sheets = [
            name for name in parts.namelist() if name.startswith("xl/worksheets/sheet") and name not in {LINES, SEAL}
        ]
        places = [
            (name, place)
            for name in sheets
            for place in re.findall(r'<c r="([A-Z]+[0-9]+)"[^>]*><(?:f|v)', parts.read(name).decode())
        ]
    assert len(places) > 40
    for part, place in places[::7]:
        holds, detail = found(with_cell(place, "<v>4711</v>", part=part))["header"]
        assert not holds
        letters, number = re.fullmatch(r"([A-Z]+)([0-9]+)", place).groups()  # type: ignore[union-attr]
        assert f"column {letters}, row {number} of the sheet" in detail
        assert "it is 4711, signed was" in detail


def test_names_and_totals_of_the_columns_are_compared() -> None:
    for row in (1, COUNT + 2):
        holds, detail = found(with_cell(f"H{row}", "<v>5</v>"))["header"]
        assert not holds
        assert "it is 5, signed was" in detail


def test_a_sheet_that_was_added_is_found() -> None:
    data = changed("xl/workbook.xml", lambda text: text.replace("</sheets>", '<sheet name="x" r:id="rId1"/></sheets>'))
    assert not found(data)["header"][0]


# --- what is the same


def test_another_writing_of_the_same_binary_number_is_the_same_number() -> None:
    at, line = next((at, one) for at, one in enumerate(SEALED.statement.lines, 1) if one.credit)
    exactly = f"{float(f'{line.credit}e-6'):.20f}"
    told = found(with_cell(cell("credit", at), f"<v>{exactly}</v>"))
    assert [check for check, (holds, _) in told.items() if not holds] == ["print"]  # another text of the same figure
    assert f"at {cell('credit', at)} is not" in told["print"][1]
    beside = Decimal(line.credit) / 10**6 + Decimal("0.0000001")
    assert not found(with_cell(cell("credit", at), f"<v>{beside}</v>"))["lines"][0]


# --- what is no workbook


@settings(max_examples=30, deadline=None)
@given(st.binary(max_size=200))
def test_whatever_begins_like_a_workbook_is_refused_and_breaks_nothing(data: bytes) -> None:
    for given_data in (b"PK" + data, BOOK[:900] + data):
        assert verify(given_data, KEYS).sealed is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, len(BOOK) - 1), st.integers(1, 255))
def test_no_byte_can_change(place: int, difference: int) -> None:
    changed_book = bytearray(BOOK)
    changed_book[place] ^= difference
    assert verify(bytes(changed_book), KEYS).sealed is None


def test_a_workbook_with_entities_is_refused() -> None:
    entity = '<!DOCTYPE x [<!ENTITY e "9">]><worksheet'
    for part in (LINES, SUMMARY):
        holds, detail = found(changed(part, lambda text: text.replace("<worksheet", entity, 1)))["file"]
        assert (holds, detail) == (False, "the workbook has a DOCTYPE; none has one")


def test_a_workbook_that_has_a_part_twice_is_refused() -> None:
    made = io.BytesIO(BOOK)
    with zipfile.ZipFile(made, "a") as parts, pytest.warns(UserWarning, match="Duplicate"):
        parts.writestr(LINES, "<worksheet/>")
    assert found(made.getvalue())["file"] == (False, "the workbook has a part twice, or is too large")


def test_another_zip_is_no_workbook() -> None:
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as parts:
        parts.writestr("x", "y")
    assert found(made.getvalue()) == {"file": (False, "the file is no workbook, or a broken one")}
