"""Tables in: CSV by RFC 4180 with a header, read strictly, every fault with its line."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from io import StringIO

from clearing import errors

SIZE_MAX = 16 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Row:
    """One line of a table by its column names; a column that the table does not have is empty."""

    line: int
    cells: dict[str, str]

    def __getitem__(self, name: str) -> str:
        return self.cells.get(name, "")

    def fault(self, sentence: str) -> errors.ValidationFailed:
        """The refusal of this line."""
        return errors.ValidationFailed(f"line {self.line}: {sentence}")


def rows(body: bytes, needed: Sequence[str], allowed: Sequence[str] = ()) -> tuple[Row, ...]:
    """The lines of a table whose header names each needed column once and no other than the allowed, in any order.

    Raises errors.BodyTooLarge, errors.RequestMalformed (no CSV in UTF-8) or errors.ValidationFailed (other columns, a cell missing or
    surplus, white space at the end of a cell, no line at all).
    """
    if len(body) > SIZE_MAX:
        raise errors.BodyTooLarge(f"a table has at most {SIZE_MAX:,} bytes")
    try:
        reader = csv.reader(StringIO(body.decode("utf-8-sig"), newline=""), strict=True)
        lines = [(reader.line_num, cells) for cells in reader]
    except UnicodeDecodeError:
        raise errors.RequestMalformed("the table is not UTF-8") from None
    except csv.Error as fault:
        raise errors.RequestMalformed(f"the table is not CSV: {fault}") from None
    header = lines[0][1] if lines else []
    if len(set(header)) != len(header) or not set(needed) <= set(header) <= {*needed, *allowed}:
        may = f", and may have {', '.join(allowed)}" if allowed else ""
        raise errors.ValidationFailed(f"the table has the columns {', '.join(needed)}{may}")
    if len(lines) < 2:
        raise errors.ValidationFailed("the table has no line below its header")
    return tuple(_row(line, header, cells) for line, cells in lines[1:])


def _row(line: int, header: Sequence[str], cells: Sequence[str]) -> Row:
    found = Row(line, dict(zip(header, cells, strict=False)))
    if len(cells) != len(header):
        raise found.fault(f"{len(cells)} cells under {len(header)} columns")
    if any(cell != cell.strip() or not cell.isprintable() for cell in cells):
        raise found.fault("a cell has white space at its end, or what cannot be printed")
    return found
