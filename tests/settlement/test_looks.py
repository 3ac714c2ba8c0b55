"""A file is verified only where every byte of it is as the house prints it: no cell elsewhere, no page overdrawn, no byte unread."""

import io
import json
import re
import zipfile
from codecs import BOM_UTF8
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import pypdf
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st
from typer.testing import CliRunner

from clearing.front import cli_statements
from settlement.reports import Verdict, looks, pdf, pdf_joined, render, seal, verify, xlsx
from settlement.rules.statement import Party
from tests.settlement.made import HOUSE_KEY, PARTIES, a_statement
from tests.settlement.tiny_font import tiny_font

KEYS = {HOUSE_KEY.public.key_id: HOUSE_KEY.public}
SEALED = seal(a_statement(converted=True), HOUSE_KEY)
SAID = json.loads(SEALED.header)
FILES = {form: render(SEALED, form) for form in ("jsonl", "csv", "xlsx", "pdf")}
BOOK, PDF = FILES["xlsx"], FILES["pdf"]
SUMMARY, LINES = "xl/worksheets/sheet1.xml", "xl/worksheets/sheet5.xml"
STYLES, DRAWN_BY = "xl/styles.xml", "docProps/custom.xml"
OTHER_BOOK = "layout 1, xlsxwriter 0.0.1, zlib 0.0.1"
OTHER_PDF = "layout 1, typst 0.0.1, fonts none"


def wrong(verdict: Verdict) -> tuple[str, str]:
    """The check that does not hold, and what it says."""
    assert verdict.sealed is None
    (found,) = [one for one in verdict.findings if not one.holds]
    return found.check, found.detail


def changed(part: str, change: Callable[[str], str], data: bytes = BOOK) -> bytes:
    """The workbook with one part of it written anew."""
    made = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED) as new:
        for name in old.namelist():
            text = old.read(name).decode()
            told = change(text) if name == part else text
            assert name != part or told != text
            new.writestr(name, told)
    return made.getvalue()


def swap(one: str, other: str) -> Callable[[str], str]:
    return lambda text: text.replace(f'"{one}"', '"\0"').replace(f'"{other}"', f'"{one}"').replace('"\0"', f'"{other}"')


def printed_elsewhere(data: bytes) -> bytes:
    """A workbook that says of itself that another version printed it."""
    return changed(DRAWN_BY, lambda text: text.replace(xlsx.PRINTER, OTHER_BOOK), data)


# --- one byte


@pytest.mark.parametrize("form", FILES)
def test_the_file_as_the_house_prints_it_verifies(form: str) -> None:
    assert verify(FILES[form], KEYS).sealed == SEALED


@pytest.mark.parametrize("form", FILES)
@settings(max_examples=25, deadline=None)
@given(data=st.data(), difference=st.integers(1, 255), accept=st.booleans())
def test_no_file_with_a_changed_byte_verifies(form: str, data: st.DataObject, difference: int, accept: bool) -> None:  # noqa: FBT001
    whole = bytearray(FILES[form])
    whole[data.draw(st.integers(0, len(whole) - 1))] ^= difference
    assert verify(bytes(whole), KEYS, accept_unseen=accept).sealed is None


def test_no_changed_byte_makes_a_file_that_was_printed_here_one_of_another_version() -> None:
    told = pdf.printer().encode()
    starts = [found.start() for found in re.finditer(re.escape(told), PDF)]
    assert len(starts) == 2
    named = [(BOOK, found.start(), len(DRAWN_BY)) for found in re.finditer(re.escape(DRAWN_BY.encode()), BOOK)]
    for whole, start, size in [(PDF, start, len(told)) for start in starts] + named:
        for place in range(start, start + size, 9):
            data = bytearray(whole)
            data[place] ^= 1
            verdict = verify(bytes(data), KEYS, accept_unseen=True)
            assert (verdict.sealed, verdict.unseen) == (None, False)


@pytest.mark.parametrize("form", FILES)
def test_nothing_may_stand_before_or_behind_a_file(form: str) -> None:
    for odd in (b"\n", b"\0", b" "):
        assert verify(FILES[form] + odd, KEYS).sealed is None
        assert verify(odd + FILES[form], KEYS).sealed is None


@pytest.mark.parametrize("form", ["jsonl", "csv"])
def test_a_mark_of_byte_order_is_named(form: str) -> None:
    check, detail = wrong(verify(BOM_UTF8 + FILES[form], KEYS))
    assert check == "file"
    assert "byte order mark" in detail


def test_a_csv_that_is_written_in_another_way_is_told_from_a_changed_one() -> None:
    check, detail = wrong(verify(FILES["csv"].replace(b"\r\n", b"\n"), KEYS))
    assert check == "file"
    assert detail.startswith("every value is there")


# --- workbooks


@pytest.mark.parametrize("elsewhere", [False, True])
def test_cells_that_changed_places_are_named(elsewhere: bool) -> None:  # noqa: FBT001
    data = changed(SUMMARY, swap("B8", "B10"))
    check, detail = wrong(verify(printed_elsewhere(data) if elsewhere else data, KEYS, accept_unseen=True))
    assert check == "header"
    assert detail.startswith(("column B, row 10 of the sheet summary", "column B, row 8 of the sheet summary"))


def test_a_cell_that_stands_in_another_row_than_it_says_is_named() -> None:
    data = printed_elsewhere(changed(SUMMARY, lambda text: text.replace('<row r="8"', '<row r="7"')))
    assert wrong(verify(data, KEYS, accept_unseen=True))[0] == "header"
    back = printed_elsewhere(
        changed(SUMMARY, lambda text: re.sub(r"(<row r=\"8\".*?</row>)(<row.*?</row>)", r"\2\1", text))
    )
    check, detail = wrong(verify(back, KEYS, accept_unseen=True))
    assert (check, detail) == ("header", "column A, row 8 of the sheet summary is out of its order")


def test_cells_in_another_order_within_their_row_are_named() -> None:
    data = printed_elsewhere(
        changed(SUMMARY, lambda text: re.sub(r'(<c r="A8".*?</c>)(<c r="B8".*?</c>)', r"\2\1", text))
    )
    check, detail = wrong(verify(data, KEYS, accept_unseen=True))
    assert (check, "out of its order" in detail) == ("header", True)


def test_a_cell_that_is_there_twice_is_no_workbook() -> None:
    check, detail = wrong(verify(changed(SUMMARY, lambda text: re.sub(r'(<c r="B8".*?</c>)', r"\1\1", text)), KEYS))
    assert (check, detail) == ("file", "the cell B8 of a sheet of the workbook stands there twice")


@pytest.mark.parametrize("elsewhere", [False, True])
def test_lines_that_say_other_rows_are_named(elsewhere: bool) -> None:  # noqa: FBT001
    def lower(text: str) -> str:
        """Every row from the third line on, one further down."""
        return re.sub(r'(<(?:row|c) r="[A-Z]*)([0-9]+)"', lambda at: f'{at[1]}{int(at[2]) + (int(at[2]) > 3)}"', text)

    data = changed(LINES, lower)
    check, detail = wrong(verify(printed_elsewhere(data) if elsewhere else data, KEYS, accept_unseen=True))
    assert (check, detail) == ("header", "line 3 stands in row 5 of the sheet lines, its place is row 4")


def test_lines_whose_cells_say_one_another_s_rows_are_named() -> None:
    data = printed_elsewhere(changed(LINES, swap("H4", "H6")))
    check, detail = wrong(verify(data, KEYS, accept_unseen=True))
    assert (check, detail) == ("header", "column H, row 6 of the sheet lines is kept in row 4")


@pytest.mark.parametrize(
    ("part", "old", "new", "where"),
    [
        (SUMMARY, '<row r="8"', '<row r="8" hidden="1"', "the sheet summary at 8"),
        (LINES, '<row r="5"', '<row r="5" hidden="1"', "the sheet lines at 5"),
        (STYLES, "#,##0.000000;", "&quot;9&quot;#,##0.000000;", "the part xl/styles.xml"),
        (SUMMARY, '<c r="B10" s="', '<c r="B10" s="1', "the sheet summary at B10"),
        (
            "xl/workbook.xml",
            '<sheet name="payment"',
            '<sheet state="hidden" name="payment"',
            "the part xl/workbook.xml",
        ),
        ("[Content_Types].xml", "<Types", "<Types ", "the part [Content_Types].xml"),
    ],
)
def test_looks_that_were_forged_are_named(part: str, old: str, new: str, where: str) -> None:
    data = changed(part, lambda text: text.replace(old, new, 1))
    check, detail = wrong(verify(data, KEYS, accept_unseen=True))
    assert (check, detail) == ("print", f"{where} is not as the house prints it of these lines")


def test_a_part_too_many_too_few_or_broken_is_named() -> None:
    made = io.BytesIO(BOOK)
    with zipfile.ZipFile(made, "a") as parts:
        parts.writestr("xl/vbaProject.bin", "x")
    assert "'xl/vbaProject.bin'" in wrong(verify(made.getvalue(), KEYS))[1]
    fewer = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(BOOK)) as old, zipfile.ZipFile(fewer, "w") as new:
        for name in old.namelist():
            if name != STYLES:
                new.writestr(name, old.read(name))
    assert f"'{STYLES}'" in wrong(verify(fewer.getvalue(), KEYS))[1]
    with zipfile.ZipFile(io.BytesIO(BOOK)) as parts:
        start = parts.getinfo(STYLES).header_offset + 30 + len(STYLES)
    broken = BOOK[: start + 40] + bytes(20) + BOOK[start + 60 :]
    assert wrong(verify(broken, KEYS)) == ("print", "a part of the workbook is broken")


def test_the_same_parts_packed_in_another_way_are_told_unless_another_zlib_packed_them() -> None:
    def repacked(data: bytes) -> bytes:
        made = io.BytesIO()
        with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_STORED) as new:
            for name in old.namelist():
                new.writestr(name, old.read(name))
        return made.getvalue()

    assert "packed in another way" in wrong(verify(repacked(BOOK), KEYS, accept_unseen=True))[1]
    elsewhere = f"layout {xlsx.LAYOUT}, xlsxwriter {xlsxwriter.__version__}, zlib 9.9.9"
    verdict = verify(repacked(xlsx.write(SEALED, SAID, elsewhere)), KEYS)
    assert verdict.sealed == SEALED
    assert "the packing is not compared" in verdict.findings[-1].detail


def test_a_workbook_of_another_version_counts_only_where_its_looks_are_said_to_be_unchecked() -> None:
    elsewhere = printed_elsewhere(changed(STYLES, lambda text: text.replace("#,##0.000000", "#,##0.00", 1)))
    verdict = verify(elsewhere, KEYS)
    assert wrong(verdict)[0] == "print"
    assert verdict.unseen
    assert f"printed by {OTHER_BOOK}, here is {xlsx.PRINTER}" in wrong(verdict)[1]
    assert verify(elsewhere, KEYS, accept_unseen=True).sealed == SEALED
    silent = changed(DRAWN_BY, lambda text: text.replace(xlsx.PRINTER, "somebody"))
    assert "does not say what printed it" in wrong(verify(silent, KEYS))[1]


def test_a_workbook_that_another_version_prints_in_the_same_way_verifies() -> None:
    assert verify(xlsx.write(SEALED, SAID, OTHER_BOOK), KEYS).sealed == SEALED


# --- PDF


def test_pages_that_were_overwritten_are_named() -> None:
    shown = pdf_joined.pages_of(PDF)
    assert len(shown) == len(pypdf.PdfReader(io.BytesIO(PDF)).pages)
    for number, spans in enumerate(shown, 1):
        start = PDF.index(b"stream\n", spans[-1][0]) + 7
        end = PDF.index(b"endstream", start)
        assert end <= spans[-1][1]
        data = PDF[:start] + bytes(end - start) + PDF[end:]
        told = f"page {number} is not as the house prints it of this evidence"
        assert wrong(verify(data, KEYS, accept_unseen=True)) == ("print", told)


def test_of_many_pages_that_were_overwritten_eight_are_named() -> None:
    made = seal(a_statement(1_001), HOUSE_KEY)
    whole = render(made, "pdf")
    assert verify(whole, KEYS).sealed == made
    data = bytearray(whole)
    for spans in pdf_joined.pages_of(whole)[3:]:
        end = spans[-1][1]
        data[end - 40 : end - 30] = bytes(10)
    check, detail = wrong(verify(bytes(data), KEYS))
    assert check == "print"
    assert re.match(r"pages 4, 5, 6, 7, 8, 9, 10, 11 and [0-9]+ more are not as", detail)


def test_what_pages_share_is_told_from_a_page() -> None:
    at = PDF.index(b"/FontFile3") if b"/FontFile3" in PDF else PDF.index(b"/FontDescriptor")
    data = PDF[:at] + b"/X" + PDF[at + 2 :]
    check, detail = wrong(verify(data, KEYS))
    assert (check, detail.startswith("no page's own text, but what pages share")) == ("print", True)


def test_pages_of_another_statement_around_the_evidence_are_found() -> None:
    other = render(seal(a_statement(7), HOUSE_KEY), "pdf")
    stream = re.compile(rb"<</Length [0-9]+/Type/EmbeddedFile.*?endstream", re.DOTALL)
    ours, theirs = stream.search(PDF), stream.search(other)
    assert ours is not None
    assert theirs is not None
    data = other[: theirs.start()] + ours[0] + other[theirs.end() :]
    check, detail = wrong(verify(data, KEYS, accept_unseen=True))
    assert check == "print"
    assert detail.startswith("page")


def test_a_pdf_of_another_version_counts_only_where_its_looks_are_said_to_be_unchecked() -> None:
    here = pdf.printer().encode()
    elsewhere = PDF.replace(here, OTHER_PDF.encode())
    verdict = verify(elsewhere, KEYS)
    assert verdict.unseen
    assert f"printed by {OTHER_PDF}, here is {pdf.printer()}" in wrong(verdict)[1]
    assert verify(elsewhere, KEYS, accept_unseen=True).sealed == SEALED
    assert "does not say what printed it" in wrong(verify(PDF.replace(b"printed by ", b"printed on "), KEYS))[1]
    assert verify(pdf.write(SEALED, SAID, printed_by=OTHER_PDF), KEYS).sealed == SEALED


def test_fonts_that_are_not_here_are_said(tmp_path: Path) -> None:
    named = tuple(Party(one.code, "荷") if one.code == "corner" else one for one in PARTIES)
    made = seal(a_statement(4, parties=named), HOUSE_KEY)
    for number, character in enumerate("荷水"):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "tiny.ttf").write_bytes(tiny_font(character))
    data = render(made, "pdf", [tmp_path / "0"])
    assert verify(data, KEYS, [tmp_path / "0"]).sealed == made
    for fonts in ([], [tmp_path / "1"]):
        verdict = verify(data, KEYS, fonts)
        assert verdict.unseen
        assert "cannot be printed here" in wrong(verdict)[1]
        assert "荷" in wrong(verdict)[1]
    plain = verify(PDF, KEYS, [tmp_path / "0"])  # a font that nothing needs changes nothing
    assert plain.sealed == SEALED


# --- what prints


def test_another_layout_is_counted() -> None:
    """When this fails after a change of the PDF or the workbook: count LAYOUT up where it is, and keep the new digest here."""
    with zipfile.ZipFile(io.BytesIO(xlsx.write(SEALED, SAID, "x"))) as parts:
        book = sha256(b"".join(parts.read(name) for name in parts.namelist())).hexdigest()[:16]
    pages = sha256(pdf.write(SEALED, SAID, printed_by="x")).hexdigest()[:16]
    assert (xlsxwriter.__version__, xlsx.LAYOUT, book) == ("3.3.1", 1, "6803f5d433dd1028")
    assert (version("typst"), pdf.LAYOUT, pages) == ("0.15.2", 1, "cf74ce17fc67028e")


# --- the command


def told(*arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(cli_statements.statements, list(arguments))
    return result.exit_code, result.output


@pytest.fixture
def key(tmp_path: Path) -> str:
    path = tmp_path / "house.jwk"
    path.write_bytes(BOM_UTF8 + json.dumps(HOUSE_KEY.public.jwk).encode())  # as some editors write it
    return str(path)


@pytest.mark.parametrize("command", [("verify",), ("summary",), ("render", "--to", "csv")])
def test_the_exit_code_tells_wrong_from_unseen(command: tuple[str, ...], tmp_path: Path, key: str) -> None:
    file = tmp_path / "statement.pdf"
    for data, words, code in (
        (PDF, (), 0),
        (PDF.replace(pdf.printer().encode(), OTHER_PDF.encode()), (), cli_statements.UNSEEN),
        (PDF.replace(pdf.printer().encode(), OTHER_PDF.encode()), ("--looks-unchecked",), 0),
        (PDF[:-1], ("--looks-unchecked",), 1),
    ):
        file.write_bytes(data)
        found, said = told(*command, str(file), "--key", key, *words)
        assert found == code, said


def test_the_help_of_verify_names_every_format_that_it_checks() -> None:
    said = told("verify", "--help")[1]
    assert all(word in said for word in (".jsonl", "CSV", ".xlsx", "PDF", "--looks-unchecked"))


def test_a_look_is_never_both() -> None:
    assert {looks.pages(PDF, SEALED, SAID, ()).same, looks.workbook(BOOK, SEALED, SAID).same} == {True}
