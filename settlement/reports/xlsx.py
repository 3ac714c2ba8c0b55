"""The statement as a workbook: real tables with totals that calculate, number formats, print titles; the same bytes every time.

A cell keeps the binary number that is nearest to an amount, and the sheet "seal" says so. Those of lines are exact to the millionth again;
the sheet has the hashes of all lines, so that the workbook is checked like the other files (`xlsx_read`).
"""

import io
import zlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import xlsxwriter
from xlsxwriter.format import Format
from xlsxwriter.worksheet import Worksheet

from settlement.reports.figures import cover_rows, steps, way_of
from settlement.reports.seal import Sealed, hash_rows
from settlement.rules.statement import Cover, Payment, Statement, Total
from settlement.rules.statement_lines import COLUMNS, MONEY, POINTS, TEXT_MAX, decimal, record
from settlement.rules.statement_shares import Drawn

LAYOUT = 1
"""Counts up whenever the same statement gives another workbook (a test says when): a reader must tell an old one from a forged one."""
PRINTER = f"layout {LAYOUT}, xlsxwriter {xlsxwriter.__version__}, zlib {zlib.ZLIB_RUNTIME_VERSION}"
"""What decides the bytes of a workbook beside its statement; each says it of itself."""
CELL_MAX = 30_000  # a cell holds 32,767 characters
THIS = "this payment"
"""What stands beside the sum of a payment, and beside nothing else: the sum of all payments is that of these."""
MICROS = "#,##0.000000;[Red]-#,##0.000000;0.000000"
WHOLE = "#,##0;[Red]-#,##0;0"
_TOTAL_COLUMNS = ("lines", *POINTS, *MONEY)
_WIDTHS = {"line": 7, "kind": 12, "at": 21, "exchange": 38, "counterparty": 18, "reference": 24}


def write(sealed: Sealed, said: Mapping[str, Any], printer: str = PRINTER) -> bytes:
    """The workbook; `said` is the header of the seal, `printer` what the workbook says that it was printed by."""
    return _written(sealed, said, printer, with_rows=True)


def frame(sealed: Sealed, said: Mapping[str, Any]) -> bytes:
    """The same workbook without the rows of its lines: all that stands beside them."""
    return _written(sealed, said, PRINTER, with_rows=False)


def _written(sealed: Sealed, said: Mapping[str, Any], printer: str, *, with_rows: bool) -> bytes:
    data, statement = io.BytesIO(), sealed.statement
    with xlsxwriter.Workbook(data, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False}) as book:
        book.set_properties(
            {
                "title": f"Statement {statement.reference}",
                "author": "clearing house",
                "keywords": said["root"],
                "created": statement.made_at.replace(tzinfo=None),
            }
        )
        book.set_custom_property("clearing root", said["root"], "text")
        book.set_custom_property("clearing key", said["key"], "text")
        book.set_custom_property("clearing printer", printer, "text")
        sheets = Sheets(book, statement.digits)
        sheets.summary(statement, said)
        sheets.payments(statement)
        sheets.totals("counterparties", "counterparty", statement.figures.by_counterparty, statement.figures.total)
        sheets.totals("kinds", "kind", statement.figures.by_kind, statement.figures.total)
        if statement.waterfalls:
            sheets.waterfalls(statement.waterfalls)
        sheets.lines(statement, with_rows=with_rows)
        sheets.seal(sealed, said)
    return data.getvalue()


class Sheet(Worksheet):  # type: ignore[misc]
    """A sheet that prepares a formula once, and not for every row of a table that has it: fifty thousand times thirty searches."""

    def __init__(self) -> None:
        super().__init__()
        self._prepared: dict[tuple[str, bool], str] = {}

    def _prepare_formula(self, formula: str, expand_future_functions: bool = False) -> str:  # noqa: FBT001, FBT002 - not our signature
        known = self._prepared.get((formula, expand_future_functions))
        if known is None:
            known = super()._prepare_formula(formula, expand_future_functions)
            self._prepared[(formula, expand_future_functions)] = known
        return known


class LongSheet(Sheet):
    """A sheet whose many rows are made when the file is written, one after the other, and kept nowhere; their texts stand in the cells."""

    def __init__(self) -> None:
        super().__init__()
        self._places = range(0)
        self._make: Callable[[int], None] = _nothing

    def rows_later(self, places: range, make: Callable[[int], None]) -> None:
        """`make` writes the cells of the row at one of these places, whenever it is asked."""
        self._places, self._make = places, make

    def _write_rows(self) -> None:
        for row in range(self.dim_rowmin, self.dim_rowmax + 1):
            self.constant_memory, self.previous_row = row in self._places, row
            if self.constant_memory:
                self._make(row)
            if cells := self.table.pop(row, None):
                self._write_row(row, None)
                for place, cell in sorted(cells.items()):
                    self._write_cell(row, place, cell)
                self._xml_end_tag("row")
        self.constant_memory = False


def _nothing(_row: int) -> None:
    return


class Sheets:
    """The sheets of one workbook, one after the other, and the formats that they share."""

    def __init__(self, book: xlsxwriter.Workbook, digits: int) -> None:
        point = f".{'0' * digits}" if digits else ""
        self._book = book
        self._micros: Format = book.add_format({"num_format": MICROS})
        self._whole: Format = book.add_format({"num_format": WHOLE})
        self._net: Format = book.add_format(
            {"num_format": f"#,##0{point};[Red]-#,##0{point};0{point}", "bold": True, "font_size": 16}
        )
        self._minor: Format = book.add_format({"num_format": f"#,##0{point};[Red]-#,##0{point};0{point}"})
        self._bold: Format = book.add_format({"bold": True})

    def _sheet(self, name: str, repeated: int, kind: type[Sheet] = Sheet) -> Sheet:
        """A sheet in landscape, as broad as a page, whose row `repeated` is on top of every page and stays in sight."""
        sheet: Sheet = self._book.add_worksheet(name, kind)
        sheet.set_landscape()
        sheet.set_paper(9)
        sheet.fit_to_pages(1, 0)
        sheet.repeat_rows(repeated)
        sheet.freeze_panes(repeated + 1, 0)
        sheet.set_footer("&L&F&C&A&Rpage &P of &N")
        return sheet

    def summary(self, statement: Statement, said: Mapping[str, Any]) -> None:
        """Opening, activity, closing. The closing is a sum of the cells above it."""
        sheet = self._sheet("summary", 0)
        sheet.set_column(0, 0, 34)
        sheet.set_column(1, 1, 26)
        sheet.write(0, 0, f"Statement {statement.reference}", self._bold)
        facts = [
            ("partner", f"{statement.partner.name} ({statement.partner.code})"),
            *(("window", one.code) for one in statement.periods),
            ("currency", statement.currency),
            ("made at", said["made_at"]),
            ("sign rule", said["sign_rule"]),
            ("line rule", said["line_rule"]),
        ]
        row = 1
        for name, text in facts:
            sheet.write_string(row, 0, name)
            sheet.write_string(row, 1, text)
            row += 1
        sheet.write(row, 0, "net", self._bold)
        sheet.write_number(row, 1, _exact(statement.net, statement.digits), self._net)
        row += 2
        first = row
        for name, amount in (("opening", statement.opening), *steps(statement)):
            sheet.write_string(row, 0, name)
            sheet.write_number(row, 1, _exact(amount), self._micros)
            row += 1
        closing = _exact(statement.figures.closing)
        sheet.write(row, 0, "closing", self._bold)
        sheet.write_formula(row, 1, f"=SUM(B{first + 1}:B{row})", self._micros, closing)
        if statement.cover is not None:
            self._cover(sheet, row + 2, statement.cover)

    def _cover(self, sheet: Sheet, first: int, cover: Cover) -> None:
        """What is lodged: its closing is a sum of the cells above it."""
        for row, (name, amount) in enumerate(cover_rows(cover), first):
            sheet.write_string(row, 0, name)
            sheet.write_number(row, 1, _exact(amount), self._micros)
        last = first + len(cover_rows(cover))
        sheet.write(last, 0, "cover at the closing", self._bold)
        sheet.write_formula(last, 1, f"=SUM(B{first + 1}:B{last})", self._micros, _exact(cover.closing))

    def payments(self, statement: Statement) -> None:
        """What is in this payment, or in each of these: its items, and their sum."""
        sheet, row = self._sheet("payment", 0), 0
        sheet.set_column(0, 0, 50)
        sheet.set_column(1, 1, 20)
        if not statement.paid:
            sheet.write_string(0, 0, "Nothing is paid for this statement.")
        for payment in statement.paid:
            row = self._payment(sheet, row, payment, statement.digits) + 2
        if statement.payments:
            amount = _exact(sum(one.amount for one in statement.payments), statement.digits)
            sheet.write(row, 0, "all payments", self._bold)
            sheet.write_formula(row, 1, f'=SUMIF(A1:A{row},"{THIS}",B1:B{row})', self._minor, amount)

    def _payment(self, sheet: Sheet, top: int, payment: Payment, digits: int) -> int:
        """One payment from this row on; the last that it takes."""
        way = f", {way_of(payment)}" if payment.other else ""
        sheet.write(top, 0, f"{payment.reference}, on {payment.on.isoformat()}{way}", self._bold)
        for row, item in enumerate(payment.items, top + 1):
            sheet.write_string(row, 0, item.what)
            sheet.write_number(row, 1, _exact(item.amount, digits), self._minor)
        row = top + len(payment.items) + 1
        sheet.write(row, 0, THIS, self._bold)
        amount = _exact(payment.amount, digits)
        sheet.write_formula(row, 1, f"=SUM(B{top + 2}:B{row})" if payment.items else "=0", self._minor, amount)
        other = payment.converted
        if other is not None:
            row += 1
            rate = f"{other.rate.num}/{other.rate.den}, {other.source}"
            sheet.write_string(row, 0, f"in {other.currency} at {rate}")
            sheet.write_number(row, 1, _exact(other.amount, other.digits))
        return row

    def waterfalls(self, found: Sequence[Drawn]) -> None:
        """By contract the base, the legs that the partner is told, and what others have of the base."""
        sheet = self._sheet("waterfalls", 0)
        for place, width in enumerate((24, 24, 24, 24, 18, 9)):
            sheet.set_column(place, place, width)
        for place, name in enumerate(("contract", "step", "from", "to", "amount", "of")):
            sheet.write(0, place, name, self._bold)
        row = 1
        for one in found:
            title = f"{one.contract} v{one.version}, {one.window}"
            back = "" if one.undone is None else f", given back by {one.run}"
            rows = [
                ("base", "", "", one.base, "base"),
                *(
                    (leg.step, leg.payer, leg.payee, leg.amount, "base" if leg.of_base else "beside")
                    for leg in one.legs
                ),
                *([("between others", "", "", one.others, "base")] if one.others else []),
            ]
            for step, payer, payee, amount, of in rows:
                for place, text in enumerate((f"{title}{back}", step, payer, payee)):
                    sheet.write_string(row, place, text)
                sheet.write_number(row, 4, _exact(amount), self._micros)
                sheet.write_string(row, 5, of)
                row += 1

    def totals(self, name: str, of: str, totals: Sequence[Total], whole: Total) -> None:
        """Subtotals as a table; its own totals calculate."""
        sheet = self._sheet(name, 0)
        sheet.set_column(0, 0, 24)
        sheet.set_column(1, len(_TOTAL_COLUMNS) + 1, 18)
        columns = [{"header": of, "total_string": "total"}, *(self._column(one, whole) for one in _TOTAL_COLUMNS)]
        net = self._table(sheet, name, len(totals), columns, whole)
        for row, one in enumerate(totals, 1):
            sheet.write_string(row, 0, one.name)
            for place, column in enumerate(_TOTAL_COLUMNS, 1):
                sheet.write_number(row, place, self._cell(column, getattr(one, column)), self._format(column))
            sheet.write_formula(row, len(columns), net, self._micros, _exact(one.net))

    def lines(self, statement: Statement, *, with_rows: bool) -> None:
        """Every line, in the order of the statement, or only what is above and below them."""
        sheet = self._sheet("lines", 0, LongSheet)
        for place, name in enumerate(COLUMNS):
            sheet.set_column(place, place, _WIDTHS.get(name, 16))
        sheet.set_column(len(COLUMNS), len(COLUMNS), 16)
        whole, lines = statement.figures.total, statement.lines
        columns = [self._column(name, whole) if name in (*MONEY, *POINTS) else {"header": name} for name in COLUMNS]
        net = self._table(sheet, "lines", len(lines), columns, whole)

        def make(row: int) -> None:
            line = lines[row - 1]
            values = record(line, row)
            for place, name in enumerate(COLUMNS):
                if name in MONEY:
                    sheet.write_number(row, place, _exact(getattr(line, name)), self._micros)
                elif isinstance(values[name], int):
                    sheet.write_number(row, place, values[name], self._whole if name in POINTS else None)
                elif values[name]:
                    sheet.write_string(row, place, values[name])
            sheet.write_formula(row, len(COLUMNS), net, self._micros, _exact(line.net))

        sheet.rows_later(range(1, len(lines) + 1) if with_rows else range(0), make)

    def _table(self, sheet: Sheet, name: str, rows: int, columns: list[dict[str, Any]], whole: Total) -> str:
        """A table with a row of totals and, as its last column, the net: what every row has there is this formula."""
        last = max(1, rows)
        credit, *less = (f"{name}[[#This Row],[{column}]]" for column in ("credit", "debit", "fee", "funding"))
        net = "-".join((credit, *less))
        options = {
            "name": name,
            "style": "Table Style Light 1",
            "total_row": True,
            "columns": [*columns, self._column("net", whole)],
        }
        sheet.add_table(0, 0, last + 1, len(columns), options)
        sheet.tables[-1]["columns"][-1]["formula"] = net  # said so, it is the column's, and add_table writes no cell
        return f"={net}"

    def _column(self, name: str, whole: Total) -> dict[str, Any]:
        total = self._cell(name, getattr(whole, name))
        return {"header": name, "format": self._format(name), "total_function": "sum", "total_value": total}

    def _format(self, name: str) -> Format:
        return self._micros if name in (*MONEY, "net") else self._whole

    def _cell(self, name: str, amount: int) -> Decimal | int:
        return _exact(amount) if name in (*MONEY, "net") else amount

    def seal(self, sealed: Sealed, said: Mapping[str, Any]) -> None:
        """Root, key, signature and the hashes of the lines, in cells that hold them."""
        sheet = self._sheet("seal", 0)
        sheet.set_column(0, 0, 12)
        sheet.set_column(1, 1, TEXT_MAX)
        rows = [
            (
                "note",
                "Cells keep the nearest binary number; six digits of it are the amount. `clearing statement verify` checks this file.",
            ),
            *((name, str(said[name])) for name in ("schema", "lines", "root", "key")),
            *(("signature", sealed.token[start : start + CELL_MAX]) for start in range(0, len(sealed.token), CELL_MAX)),
            *((f"hashes from {first}", hashes) for first, hashes in hash_rows(sealed.leaves)),
        ]
        for row, (name, text) in enumerate(rows):
            sheet.write_string(row, 0, name)
            sheet.write_string(row, 1, text)


def _exact(amount: int, digits: int = 6) -> Decimal:
    return Decimal(decimal(amount, digits))
