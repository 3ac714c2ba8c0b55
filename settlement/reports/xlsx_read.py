"""A workbook of ours taken apart again: the lines as they were sealed, the seal, and what every other cell says.

A cell keeps the binary number that is nearest to an amount. Below 2^33 units six digits of that number are the amount, exactly; whatever
is further away than such a number can be is not taken for it, and of a larger amount it is said that no cell can keep it.
"""

import re
import zipfile
import zlib
from collections.abc import Iterator
from decimal import Decimal, InvalidOperation
from io import BytesIO
from typing import IO, NamedTuple

from lxml import etree

from settlement.reports.claims import Claim, Seen, seen
from settlement.rules.statement_lines import COLUMNS, MONEY, POINTS, canonical

SIZE_MAX = 1 << 30  # of all parts, unpacked
FORM = "a workbook"
NET_FORMULA = (
    "lines[[#This Row],[credit]]-lines[[#This Row],[debit]]-lines[[#This Row],[fee]]-lines[[#This Row],[funding]]"
)

_MAIN = "{http://schemas.openxmlformats.org/spreadsheetml/2006/main}"
_PLACE = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_NUMBER = re.compile(r"-?[0-9]{1,25}(?:\.[0-9]{1,25})?(?:[Ee][+-]?[0-9]{1,2})?")
_REFERENCE = re.compile(r"([A-Z]{1,3})([1-9][0-9]{0,6})")
_HASHES = re.compile(r"hashes from ([1-9][0-9]{0,15})")
_KEPT_MAX = 2**33  # units; above, neighbouring binary numbers are more than a millionth apart
_SIX = Decimal("0.000001")
_NEAR = 2**52  # a binary number is this many times nearer to what it stands for than to zero


class Cell(NamedTuple):
    """What a cell holds: the text of its value, whether that is a number, and its formula."""

    text: str
    is_number: bool = False
    formula: str = ""


class Place(NamedTuple):
    """Where a cell says that it stands; that is what decides where others see it."""

    letters: str
    row: int


Row = dict[Place, Cell]
"""The cells of a row by their places."""


def read(data: bytes) -> Claim:
    """What a workbook claims; nothing is believed yet. Raises ValueError for what is no workbook, or none that may be opened."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as parts:
            return _claim(parts)
    except (zipfile.BadZipFile, zlib.error, etree.XMLSyntaxError, KeyError, IndexError, EOFError, OSError):
        raise ValueError("the file is no workbook, or a broken one") from None
    except (RuntimeError, NotImplementedError):
        raise ValueError("the workbook is locked, or packed in a way that is not read") from None


def same(one: Cell, other: Cell) -> bool:
    """Whether two cells say the same; two writings of one binary number are the same number."""
    if one == other:
        return True
    if not (one.is_number and other.is_number) or one.formula != other.formula:
        return False
    first, second = _decimal(one.text), _decimal(other.text)
    return first is not None and second is not None and _near(second, first)


# --- parts, sheets, rows


def _claim(parts: zipfile.ZipFile) -> Claim:
    names = parts.namelist()
    if len(names) != len(set(names)) or sum(one.file_size for one in parts.infolist()) > SIZE_MAX:
        raise ValueError("the workbook has a part twice, or is too large")
    texts = _texts(parts) if "xl/sharedStrings.xml" in names else []
    lines: list[Seen] = []
    frame: list[tuple[str, ...]] = []
    hashes: list[tuple[int, str]] = []
    token: list[str] = []
    displaced: list[str] = []
    for name, path in sheets(parts):
        with parts.open(path) as part:
            rows = _ordered(_rows(part, texts), name, displaced)
            if name == "lines":
                lines, told = _lines(rows, displaced)
                frame += told
                continue
            for row in rows:
                first, text = (
                    next((one.text for at, one in row.items() if at.letters == wanted), "") for wanted in "AB"
                )
                if name == "seal" and first == "signature":
                    token.append(text)
                elif name == "seal" and (found := _HASHES.fullmatch(first)):
                    hashes.append((int(found[1]), text))
                else:
                    frame += _told(name, row)
    wrong = displaced[0] if displaced else ""
    return Claim(FORM, tuple(lines), tuple(hashes), "".join(token), frame=tuple(frame), displaced=wrong)


def _told(sheet: str, cells: Row, row: str = "") -> Iterator[tuple[str, ...]]:
    """The cells of a row beside the lines; `row` is what it is called where its number says nothing."""
    return (
        (sheet, row or str(at.row), at.letters, cell.text, "number" if cell.is_number else "", cell.formula)
        for at, cell in cells.items()
    )


def cell_of(row: tuple[str, ...]) -> tuple[tuple[str, ...], Cell]:
    """Where a row of the frame stands, and the cell that it tells of."""
    return row[:3], Cell(row[3], bool(row[4]), row[5])


def sheets(parts: zipfile.ZipFile) -> list[tuple[str, str]]:
    """The sheets of the workbook by name, in their order, and the part that each is in."""
    places = {one.get("Id", ""): one.get("Target", "") for one in _tree(parts, "xl/_rels/workbook.xml.rels")}
    found = []
    for one in _tree(parts, "xl/workbook.xml").iter(f"{_MAIN}sheet"):
        path = places[one.get(_PLACE, "")]
        found.append((one.get("name", ""), path.removeprefix("/") if path.startswith("/") else f"xl/{path}"))
    return found


def _tree(parts: zipfile.ZipFile, path: str) -> etree._Element:
    root = etree.fromstring(parts.read(path), etree.XMLParser(resolve_entities=False, no_network=True))
    _require_plain(root)
    return root


def _require_plain(element: etree._Element) -> None:
    if element.getroottree().docinfo.internalDTD is not None:
        raise ValueError("the workbook has a DOCTYPE; none has one")


def _elements(part: IO[bytes], tag: str) -> Iterator[etree._Element]:
    """The elements of a part one after the other; each is gone when the next is asked for."""
    for _, element in etree.iterparse(part, tag=f"{_MAIN}{tag}", resolve_entities=False, no_network=True):
        _require_plain(element)
        yield element
        element.clear()
        while element.getprevious() is not None:
            del element.getparent()[0]


def _texts(parts: zipfile.ZipFile) -> list[str]:
    with parts.open("xl/sharedStrings.xml") as part:
        return [_text(one) for one in _elements(part, "si")]


def _text(element: etree._Element) -> str:
    return "".join(one.text or "" for one in element.iter(f"{_MAIN}t"))


def _rows(part: IO[bytes], texts: list[str]) -> Iterator[tuple[int, Row]]:
    """Every row by the number that it gives itself, none twice in it. A cell that says nothing is none, wherever it says that it stands."""
    for element in _elements(part, "row"):
        cells: Row = {}
        for one in element.iter(f"{_MAIN}c"):
            found = _REFERENCE.fullmatch(one.get("r", ""))
            if found is None:
                raise ValueError("a cell of the workbook does not say where it stands")
            place = Place(found[1], int(found[2]))
            cell = _cell(one, texts)
            if place in cells:
                raise ValueError(f"the cell {found[0]} of a sheet of the workbook stands there twice")
            if cell.text or cell.formula:
                cells[place] = cell
        if cells:
            yield int(element.get("r", "0")), cells


def _ordered(rows: Iterator[tuple[int, Row]], sheet: str, displaced: list[str]) -> Iterator[Row]:
    """The rows; of each that does not follow those above it, or has a cell of another row or out of its order, it is said where."""
    above = 0
    for number, cells in rows:
        columns = [(len(at.letters), at.letters) for at in cells]
        wrong = next((at for at in cells if at.row != number), None)
        if wrong is None and (number <= above or columns != sorted(columns)):
            wrong = next(iter(cells))
        if wrong is not None:
            how = "out of its order" if wrong.row == number else f"kept in row {number}"
            displaced.append(f"column {wrong.letters}, row {wrong.row} of the sheet {sheet} is {how}")
        above = number
        yield cells


def _cell(element: etree._Element, texts: list[str]) -> Cell:
    value, formula = element.findtext(f"{_MAIN}v") or "", element.findtext(f"{_MAIN}f") or ""
    match element.get("t", "n"):
        case "n":
            return Cell(value, bool(value), formula)
        case "s":
            return Cell(texts[int(value)], formula=formula)
        case "inlineStr":
            return Cell(_text(element), formula=formula)
    return Cell(value, formula=formula)


# --- lines


def _lines(rows: Iterator[Row], displaced: list[str]) -> tuple[list[Seen], list[tuple[str, ...]]]:
    """The lines between the names of the columns above them and their totals below, and what is said in those two."""
    found: list[Seen] = []
    head = next(rows, Row())
    last: Row | None = None
    for row in rows:
        if last is not None:
            found.append(_line(last))
            displaced += _elsewhere(last, len(found) + 1, f"line {len(found)}")
        last = row
    displaced += [
        *_elsewhere(head, 1, "what names the columns"),
        *_elsewhere(last or {}, max(len(found), 1) + 2, "the total"),
    ]
    return found, [*_told("lines", head, "names"), *_told("lines", last or {}, "totals")]


def _elsewhere(cells: Row, row: int, what: str) -> list[str]:
    """That a row of the lines is not the one that it is taken for."""
    wrong = next((at for at in cells if at.row != row), None)
    return [] if wrong is None else [f"{what} stands in row {wrong.row} of the sheet lines, its place is row {row}"]


def _line(cells: Row) -> Seen:
    """A row as a line. The net is not a column of it, and told where it is not what its columns make, or comes by another formula."""
    letters = [chr(ord("A") + place) for place in range(len(COLUMNS) + 1)]
    by_letters = {at.letters: cell for at, cell in cells.items()}
    values = {
        name: _value(name, by_letters.get(letter, Cell(""))) for name, letter in zip(COLUMNS, letters, strict=False)
    }
    net = by_letters.get(letters[-1], Cell(""))
    if not _makes_net(net, values):
        values["net"] = f"{net.text} by ={net.formula}"
    for letter in sorted(by_letters.keys() - set(letters)):
        values[f"column {letter}"] = by_letters[letter].text
    return seen(canonical(values), values)


def _value(name: str, cell: Cell) -> str | int:
    """A cell's value as a line has it; where a number stands as text, or a formula makes it, it is none of a line's."""
    if cell.formula:
        return f"={cell.formula}"
    if name not in {*MONEY, *POINTS, "line"}:
        return cell.text
    number = _decimal(cell.text) if cell.is_number else None
    if number is None:
        return f"'{cell.text}"
    if name in MONEY:
        return _amount(number) or f"{cell.text}, which is no amount that a cell keeps"
    return int(number) if number == int(number) else cell.text


def _amount(number: Decimal) -> str | None:
    """The amount of six digits that a cell keeps as this number; None where there is none."""
    six = number.quantize(_SIX)
    return str(six or abs(six)) if abs(six) < _KEPT_MAX and _near(number, six) else None


def _near(number: Decimal, exact: Decimal) -> bool:
    """Whether a binary number that is written so may stand for this one."""
    return abs(number - exact) * _NEAR <= abs(exact)


def _makes_net(cell: Cell, values: dict[str, str | int]) -> bool:
    """Whether the cell has the house's formula, and what that makes of its line; of a line with what is no amount nobody can tell."""
    number = _decimal(cell.text)
    parts = [_decimal(str(values[name])) for name in ("credit", "debit", "fee", "funding")]
    known = [one for one in parts if one is not None]
    if len(known) < len(parts):
        return True
    return number is not None and cell.formula == NET_FORMULA and _near(number, known[0] - sum(known[1:]))


def _decimal(text: str) -> Decimal | None:
    if not _NUMBER.fullmatch(text):
        return None
    try:
        found = Decimal(text)
        found.quantize(_SIX)
    except InvalidOperation:
        return None
    return found
