"""The files of a statement: the same bytes every time, what people and spreadsheets read in them, and a glyph that is missing."""

import io
import json
import re
from decimal import Decimal
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import openpyxl
import pypdf
import pytest

from clearing import errors
from settlement.reports import FORMATS, Sealed, pdf, pdf_joined, pdf_lines, render, seal, verify
from settlement.reports.figures import grouped
from settlement.reports.pdf import TABLED_LINES_MAX
from settlement.reports.xlsx import MICROS
from settlement.rules.statement import Party, Statement, state
from settlement.rules.statement_lines import Line, LineKind
from tests.settlement.made import CLOSES, HOUSE_KEY, PARTIES, a_statement
from tests.settlement.tiny_font import tiny_font

GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    return seal(a_statement(converted=True), HOUSE_KEY)


@pytest.mark.parametrize("form", ["csv", "jsonl", "svg"])
def test_the_file_is_the_golden_one(form: str, sealed: Sealed) -> None:
    assert render(sealed, form) == (GOLDEN / f"statement.{form}").read_bytes()


@pytest.mark.parametrize("form", FORMATS)
def test_every_file_has_the_same_bytes_every_time(form: str, sealed: Sealed) -> None:
    again = seal(a_statement(converted=True), HOUSE_KEY)
    assert again == sealed
    assert render(again, form) == render(sealed, form)


def test_another_format_is_no_format(sealed: Sealed) -> None:
    with pytest.raises(ValueError, match="docx"):
        render(sealed, "docx")


# --- the workbook

OF_ROW = re.compile(r"\w+\[\[#This Row\],\[(\w+)\]\]")


def exactly(value: Any) -> Decimal:
    return Decimal(str(value)).quantize(Decimal("0.000001"))


def books(sealed: Sealed) -> tuple[Any, Any]:
    """The workbook with its formulas, and with the values that were stored beside them."""
    data = render(sealed, "xlsx")
    return openpyxl.load_workbook(io.BytesIO(data)), openpyxl.load_workbook(io.BytesIO(data), data_only=True)


@pytest.mark.parametrize("name", ["lines", "counterparties", "kinds"])
def test_a_workbooks_tables_calculate_what_the_statement_says(name: str, sealed: Sealed) -> None:
    formulas, values = books(sealed)
    sheet, stored = formulas[name], values[name]
    table = sheet.tables[name]
    assert table.ref == sheet.dimensions
    assert table.totalsRowCount == 1
    head, *rows, foot = list(sheet.iter_rows(values_only=True))
    shown = list(stored.iter_rows(values_only=True))
    calculated: dict[str, Decimal] = dict.fromkeys(head, Decimal(0))
    for place, row in enumerate(rows, 1):
        cells = dict(zip(head, row, strict=True))
        credit, *less = [cells[found] for found in OF_ROW.findall(cells["net"])]
        cells["net"] = exactly(credit) - sum(exactly(one) for one in less)
        assert cells["net"] == exactly(shown[place][-1])
        for column in ("sent", "received", "debit", "credit", "fee", "funding", "net"):
            calculated[column] += exactly(cells[column])
    total = sealed.statement.figures.total
    for column, formula, cached in zip(head, foot, shown[-1], strict=True):
        if column in ("sent", "received", "debit", "credit", "fee", "funding", "net"):
            assert formula == f"=SUBTOTAL(109,[{column}])"
            ours = getattr(total, column)
            assert (
                calculated[column]
                == exactly(cached)
                == (ours if column in ("sent", "received") else Decimal(ours) / 10**6)
            )
    assert sheet.cell(2, head.index("net") + 1).number_format == MICROS
    assert sheet.freeze_panes == "A2"
    assert sheet.print_title_rows == "$1:$1"


def test_the_workbooks_closing_is_the_sum_of_the_cells_above_it(sealed: Sealed) -> None:
    formulas, values = books(sealed)
    row = next(cell.row for cell in formulas["summary"]["A"] if cell.value == "closing")
    found = re.fullmatch(r"=SUM\(B(\d+):B(\d+)\)", formulas["summary"].cell(row, 2).value)
    assert found is not None
    cells = [values["summary"].cell(place, 2).value for place in range(int(found[1]), int(found[2]) + 1)]
    closing = Decimal(sealed.statement.figures.closing) / 10**6
    assert sum(exactly(cell) for cell in cells) == exactly(values["summary"].cell(row, 2).value) == closing


def test_the_workbook_carries_root_key_and_signature(sealed: Sealed) -> None:
    book, _ = books(sealed)
    said = json.loads(sealed.header)
    seals: dict[str, str] = dict(book["seal"].iter_rows(values_only=True))
    assert (seals["root"], seals["key"], seals["signature"]) == (said["root"], said["key"], sealed.token)
    assert book.custom_doc_props["clearing root"].value == said["root"]


# --- the PDF


def pages(data: bytes) -> list[str]:
    return [page.extract_text() for page in pypdf.PdfReader(io.BytesIO(data)).pages]


def test_the_pdf_shows_the_net_and_counts_its_pages() -> None:
    made = seal(a_statement(150), HOUSE_KEY)
    found = pages(render(made, "pdf"))
    net = f"{made.statement.net // 100}.{made.statement.net % 100:02}"
    assert net in found[0]
    assert "the clearing house owes you" in found[0]
    assert len(found) > 4
    for number, text in enumerate(found, 1):
        assert f"page {number} of {len(found)}" in text
    everything = "\n".join(found)
    assert all(line.exchange in everything for line in made.statement.lines)
    assert everything.count("subtotal") == 3
    assert made.token.rpartition(".")[2] in everything


def test_the_pdf_is_tagged_pdf_a_with_the_evidence_in_it(sealed: Sealed) -> None:
    reader = pypdf.PdfReader(io.BytesIO(render(sealed, "pdf")))
    assert reader.attachments["evidence.jsonl"] == [render(sealed, "jsonl")]
    catalog: Any = reader.trailer["/Root"]
    assert catalog["/MarkInfo"]["/Marked"]
    metadata = catalog["/Metadata"].get_data().decode()
    assert "<pdfaid:part>3</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert json.loads(sealed.header)["root"] in metadata


def test_a_pdf_of_many_lines_shows_every_line_behind_the_seal() -> None:
    made = seal(a_statement(TABLED_LINES_MAX), HOUSE_KEY)  # and two that the house adds
    data = render(made, "pdf")
    assert data == render(made, "pdf")
    found = pages(data)
    assert "stand on the pages behind the seal" in "\n".join(found)
    for number, text in enumerate(found, 1):
        assert f"page {number} of {len(found)}" in text
    first = next(at for at, text in enumerate(found) if made.statement.lines[0].exchange in text)
    behind = "\n".join(found[first:])
    assert all(behind.count(line.exchange) == 1 for line in made.statement.lines if line.exchange)
    assert behind.count("subtotal") == 3
    assert grouped(made.statement.figures.by_counterparty[0].net, 6) in behind
    assert pypdf.PdfReader(io.BytesIO(data)).attachments["evidence.jsonl"] == [render(made, "jsonl")]


def test_of_a_pdf_that_was_made_in_parts_every_page_finds_its_structure() -> None:
    reader = pypdf.PdfReader(io.BytesIO(render(seal(a_statement(TABLED_LINES_MAX), HOUSE_KEY), "pdf")))
    root: Any = reader.trailer["/Root"]["/StructTreeRoot"]  # type: ignore[index]
    nums = list(root["/ParentTree"]["/Nums"])
    keys, elements = nums[::2], nums[1::2]
    assert list(range(len(reader.pages))) == keys == [page["/StructParents"] for page in reader.pages]
    assert root["/ParentTreeNextKey"] == len(keys)
    for page, found in zip(reader.pages, elements, strict=True):
        for element in found.get_object():
            assert element.get_object()["/Pg"].indirect_reference == page.indirect_reference
    for top in root["/K"]:
        assert top.get_object()["/P"].get_object() == root


def test_the_metadata_of_a_pdf_that_was_made_in_parts_count_all_its_pages() -> None:
    reader = pypdf.PdfReader(io.BytesIO(render(seal(a_statement(TABLED_LINES_MAX), HOUSE_KEY), "pdf")), strict=True)
    metadata: Any = reader.trailer["/Root"]["/Metadata"]  # type: ignore[index]
    told = metadata.get_data().decode()
    assert f"<xmpTPg:NPages>{len(reader.pages)}</xmpTPg:NPages>" in told
    assert told.rstrip().endswith("?>")  # its length is that of what it says


def test_rows_of_long_statements_are_never_wider_than_the_page_and_lose_nothing() -> None:
    names = ("x" * 140, "荷" * 60, "Ωß" * 30, "")
    lines = [
        Line(LineKind.ADJUSTMENT, CLOSES, "corner", debit=2**53 - 1, fee=1 - 2**53, reference=name, exchange=name[:140])
        for name in names
    ]
    plain = a_statement()
    made = state(
        reference=plain.reference, partner=plain.partner, counterparties=PARTIES, periods=plain.periods, currency="EUR",
        digits=6, made_at=plain.made_at, opening=0, lines=lines, net=sum(line.net for line in lines),
    )  # fmt: skip
    texts = list(pdf_lines.pages(made))
    rows = "\n".join(texts).split("\n")
    assert all(sum(2 if character == "荷" else 1 for character in row) <= len(rows[1]) for row in rows)
    assert all(len(text.split("\n")) <= pdf_lines.ROWS_A_PAGE for text in texts)
    for character, count in (("x", 280 + rows[0].count("x") * len(texts)), ("荷", 120), ("ß", 60)):
        assert "".join(rows[2:] if character != "x" else rows).count(character) == count


def test_a_pdf_of_too_many_lines_shows_sums_and_attaches_the_rest(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pdf, "PRINTED_LINES_MAX", TABLED_LINES_MAX)
    made = seal(a_statement(TABLED_LINES_MAX), HOUSE_KEY)
    data = render(made, "pdf")
    assert "are not printed here" in "\n".join(pages(data))
    assert pypdf.PdfReader(io.BytesIO(data)).attachments["evidence.jsonl"] == [render(made, "jsonl")]


def test_a_pdf_that_is_written_in_another_way_is_not_joined() -> None:
    ours = render(seal(a_statement(2), HOUSE_KEY), "pdf")
    for wrong in (b"", b"%PDF-1.7", ours[:-20], ours.replace(b"/Type/StructTreeRoot", b"/Type/StructTreeTree")):
        with pytest.raises(ValueError, match="not written as typst writes"):
            pdf_joined.joined(ours, [wrong])
    with pytest.raises(ValueError, match="a name is used once"):
        pdf_joined.joined(ours, [ours])


def with_a_name(name: str) -> Statement:
    return a_statement(4, parties=tuple(Party(one.code, name) if one.code == "corner" else one for one in PARTIES))


def test_a_glyph_without_a_font_is_refused_until_a_folder_has_it(tmp_path: Path) -> None:
    made = seal(with_a_name("荷"), HOUSE_KEY)
    with pytest.raises(errors.GlyphMissing, match="荷"):
        render(made, "pdf")
    (tmp_path / "tiny.ttf").write_bytes(tiny_font("荷"))
    assert render(made, "pdf", [tmp_path]).startswith(b"%PDF-")


def test_tables_longer_than_a_page_are_whole() -> None:
    made = seal(with_counterparties(90), HOUSE_KEY)
    everything = "\n".join(pages(render(made, "pdf")))
    shown = everything[everything.index("By counterparty") : everything.index("By kind")]
    assert all(f"Partner {number} " in shown or f"Partner {number}\n" in shown for number in range(90))


# --- pictures


def with_counterparties(count: int) -> Statement:
    parties = tuple(Party(f"p-{number:02}", f"Partner {number}") for number in range(count))
    lines = tuple(Line(LineKind.EXCHANGE, CLOSES, one.code, credit=1_000_000 * at) for at, one in enumerate(parties, 1))
    plain = a_statement()
    return state(
        reference=plain.reference, partner=plain.partner, counterparties=parties, periods=plain.periods, currency="EUR",
        digits=2, made_at=plain.made_at, opening=0, lines=lines, net=50 * count * (count + 1),
    )  # fmt: skip


def test_pictures_are_svg_whatever_the_names_are() -> None:
    made = seal(with_a_name("<&'\">"), HOUSE_KEY)
    root = ET.fromstring(render(made, "svg"))
    assert "<&'\">" in "".join(root.itertext())


def test_pictures_show_many_counterparties_as_eight_streams() -> None:
    text = render(seal(with_counterparties(20), HOUSE_KEY), "svg").decode()
    assert "13 others" in text
    assert "Partner 19" in text
    assert "Partner 0 " not in text


def test_a_statement_without_lines_has_every_file() -> None:
    plain = a_statement()
    empty = state(
        reference=plain.reference, partner=plain.partner, counterparties=(), periods=plain.periods, currency="JPY", digits=0,
        made_at=plain.made_at, opening=-7_000_000, lines=(), net=0,
    )  # fmt: skip
    made = seal(empty, HOUSE_KEY)
    keys = {HOUSE_KEY.public.key_id: HOUSE_KEY.public}
    for form in ("jsonl", "csv", "pdf"):
        assert verify(render(made, form), keys).sealed == made
    assert openpyxl.load_workbook(io.BytesIO(render(made, "xlsx")))["lines"].dimensions == "A1:M3"
    ET.fromstring(render(made, "svg"))
