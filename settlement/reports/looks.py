"""How a PDF or a workbook looks, compared: it is printed again of the statement that it carries, and all bytes of both are compared.

A file says what printed it. Where that is here too, another byte is a change, and it is said where. Where it is not, by another layout,
program or fonts, nobody can tell a change from a difference of printing, and that is said instead.
"""

import re
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any, NamedTuple

from clearing import errors
from settlement.reports import pdf, pdf_joined, xlsx, xlsx_read
from settlement.reports.seal import Sealed

_PAGES_NAMED = 8
_AT_ONCE = 1 << 16
_PDF_SAYS = re.compile(rb"printed by (layout [0-9]{1,6}, typst [0-9A-Za-z.+-]{1,32}, fonts (?:none|[0-9a-f]{16}))")
_BOOK_SAYS = re.compile(rb">(layout [0-9]{1,6}, xlsxwriter [0-9A-Za-z.+-]{1,32}, zlib [0-9A-Za-z.+-]{1,32})<")
_BOOK_SAYS_IN = "docProps/custom.xml"
_CELL = re.compile(rb'<(?:c|row) r="([A-Z]{0,3}[0-9]{1,7})"')


class Look(NamedTuple):
    """Whether a file looks as the house prints it, and what is to be said of that; None where it cannot be compared here."""

    same: bool | None
    detail: str


_BROKEN = Look(False, "a part of the workbook is broken")


def pages(data: bytes, sealed: Sealed, said: Mapping[str, Any], fonts: Sequence[Path]) -> Look:
    """A PDF beside the one that is printed here, with the fonts in these folders."""
    stated, here = _PDF_SAYS.search(data), pdf.printer(fonts)
    printed_here = (
        f"printed by {here}".encode() in data
    )  # said more than once: one that was changed is no other version
    told = stated[1].decode() if stated and not printed_here else here
    try:
        again = pdf.write(sealed, said, fonts, told)
    except errors.GlyphMissing as fault:
        return Look(None, f"its pages cannot be printed here: {fault.detail}")
    if again == data:
        return Look(
            True,
            f"every byte of {pdf_joined.page_count(again)} pages and what is around them is as the house prints it ({told})",
        )
    if not printed_here:
        return _elsewhere(stated and told, here)
    return Look(False, f"{_pages(data, again)} not as the house prints it of this evidence")


def workbook(data: bytes, sealed: Sealed, said: Mapping[str, Any]) -> Look:
    """A workbook beside the one that is printed here."""
    try:
        with zipfile.ZipFile(BytesIO(data)) as there:
            if there.testzip() is not None:
                return _BROKEN
            stated = _BOOK_SAYS.search(there.read(_BOOK_SAYS_IN)) if _BOOK_SAYS_IN in there.namelist() else None
            told = stated[1].decode() if stated else xlsx.PRINTER
            again = xlsx.write(sealed, said, told)
            if again == data:
                return Look(True, f"every byte is as the house prints it ({told})")
            with zipfile.ZipFile(BytesIO(again)) as ours:
                wrong = _parts(there, ours)
    except (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, NotImplementedError):
        return _BROKEN
    if not wrong:
        return _packed(told)
    if stated is None or told != xlsx.PRINTER:
        return _elsewhere(stated and told, xlsx.PRINTER)
    return Look(False, f"{wrong} not as the house prints it of these lines")


def _elsewhere(told: str | None, here: str) -> Look:
    by = f"it was printed by {told}" if told else "it does not say what printed it"
    return Look(
        None, f"{by}, here is {here}: what it shows beside the figures that were compared cannot be compared here"
    )


# --- where


def _pages(data: bytes, again: bytes) -> str:
    """Which pages differ, as the beginning of a sentence."""
    drift = abs(len(data) - len(again))

    def stands(start: int, end: int) -> bool:
        return again[start:end] in data[max(0, start - drift) : end + drift]

    wrong = [
        str(at) for at, spans in enumerate(pdf_joined.pages_of(again), 1) if not all(stands(*one) for one in spans)
    ]
    if not wrong:
        return "no page's own text, but what pages share (fonts, pictures, structure, metadata) is"
    more = f" and {len(wrong) - _PAGES_NAMED} more" if len(wrong) > _PAGES_NAMED else ""
    return f"page{'s' if len(wrong) > 1 else ''} {', '.join(wrong[:_PAGES_NAMED])}{more} {'are' if len(wrong) > 1 else 'is'}"


def _parts(there: zipfile.ZipFile, ours: zipfile.ZipFile) -> str:
    """The first part that differs, and where in it, as the beginning of a sentence; empty where all are the same."""
    have, wanted = there.namelist(), ours.namelist()
    if have != wanted:
        odd = sorted({*have} ^ {*wanted})
        return f"the list of its parts ({', '.join(ascii(one) for one in odd[:3]) or 'their order'}) is"
    names = {path: f"the sheet {name}" for name, path in xlsx_read.sheets(ours)}
    for part in wanted:
        with ours.open(part) as one, there.open(part) as other:
            place = _first(_blocks(one.read), _blocks(other.read))
        if place is not None:
            return f"{names.get(part, f'the part {part}')}{place} is"
    return ""


def _blocks(read: Callable[[int], bytes]) -> Iterator[bytes]:
    while block := read(_AT_ONCE):
        yield block
    yield b""


def _first(ours: Iterator[bytes], theirs: Iterator[bytes]) -> str | None:
    """The cell or row in which the first byte differs, or only that one does; None where none does."""
    before = b""
    for one, other in zip(ours, theirs, strict=False):
        if one == other:
            before = one
            continue
        at = next((at for at, (a, b) in enumerate(zip(one, other, strict=False)) if a != b), min(len(one), len(other)))
        cells = [found for found in _CELL.finditer(before + one) if found.start() < len(before) + at]
        return f" at {cells[-1][1].decode()}" if cells else ""
    return None


def _packed(told: str) -> Look:
    """All parts are the same, and not the bytes: only how they are packed differs."""
    by, here = told.rpartition(" ")[2], xlsx.PRINTER.rpartition(" ")[2]
    if by == here:
        return Look(False, "every part is as the house prints it, but they are packed in another way")
    return Look(
        True,
        f"every part is as the house prints it; zlib {by} packed them, here is {here}, so the packing is not compared",
    )
