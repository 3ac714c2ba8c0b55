"""The statement as PDF/A-3a by typst: tagged, evidence attached, the same bytes every time. A character that no font has is an error."""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from importlib.metadata import version
from importlib.resources import files
from itertools import groupby
from pathlib import Path
from typing import Any, Literal

import typst

from clearing import errors
from settlement.reports import jsonl, pdf_lines
from settlement.reports.figures import cover_rows, grouped, steps, way_of
from settlement.reports.pdf_joined import joined, page_count
from settlement.reports.pictures import flow, waterfall
from settlement.reports.seal import Sealed
from settlement.reports.share_picture import share_picture
from settlement.reports.summary import together
from settlement.rules.statement import LINE_RULE, SIGN_RULE, Cover, Payment, Statement, Total
from settlement.rules.statement_lines import MONEY, POINTS, Line, unit

LAYOUT = 1
"""Counts up whenever the same statement gives another PDF (a test says when): a reader must tell an old one from a forged one."""
TABLED_LINES_MAX = 1_000
"""Lines that pages show as tables, some thirty pages: typst takes about 150 kB of memory for each. More are fixed-width text."""
PRINTED_LINES_MAX = 100_000
"""Lines that pages show at all, some two thousand pages. More are in the attached evidence alone."""
PAGES_AT_ONCE = 10
DRAWN_MAX = 12
"""Waterfalls of contracts that pages show."""
STANDARD: Literal["a-3a"] = "a-3a"

_TEMPLATE, _LINES = (files("settlement.reports").joinpath(name).read_bytes() for name in ("statement.typ", "lines.typ"))
_FONT_FILES = {".ttf", ".otf", ".ttc", ".otc"}
_TOTAL_NAMES = ["", "lines", "points sent", "points received", "debit", "credit", "fee", "funding", "net"]
_LINE_NAMES = ["line", "at", "kind", "exchange", "reference", "sent", "received", "debit", "credit", "fee", "funding"]


def printer(fonts: Sequence[Path] = ()) -> str:
    """What decides the bytes of a PDF beside its statement; each says it of itself."""
    files = sorted(one for folder in fonts for one in folder.rglob("*") if one.suffix.lower() in _FONT_FILES)
    told = sha256("".join(sorted(sha256(one.read_bytes()).hexdigest() for one in files)).encode()).hexdigest()[:16]
    return f"layout {LAYOUT}, typst {version('typst')}, fonts {told if files else 'none'}"


def write(sealed: Sealed, said: Mapping[str, Any], fonts: Sequence[Path] = (), printed_by: str = "") -> bytes:
    """The pages, with the fonts that typst brings and those in the folders `fonts`, never with what else a machine has.

    `printed_by` is what the PDF says that it was printed by; empty: `printer` of these fonts.
    Raises errors.GlyphMissing with the text that cannot be shown: PDF/A allows no empty box in the place of a letter.
    """
    lines, told = len(sealed.statement.lines), printed_by or printer(fonts)
    if not TABLED_LINES_MAX < lines <= PRINTED_LINES_MAX:
        return _front(sealed, said, fonts, told, 0)
    texts = list(pdf_lines.pages(sealed.statement))
    front = _front(sealed, said, fonts, told, len(texts))
    return joined(front, _behind(sealed, said, fonts, texts, page_count(front)))


def _front(sealed: Sealed, said: Mapping[str, Any], fonts: Sequence[Path], told: str, behind: int) -> bytes:
    """The pages before those of a long statement's lines, of which there are so many `behind`; or all pages."""
    inputs = {
        "data": json.dumps(_data(sealed, said, told) | {"behind": behind}),
        "evidence": jsonl.write(sealed).decode(),
        "waterfall": waterfall(sealed.statement),
        "flow": flow(sealed.statement),
        "shared": json.dumps(_shared(sealed.statement)),
    }
    return compiled(_TEMPLATE, inputs, sealed.statement.made_at, fonts)


def _behind(
    sealed: Sealed, said: Mapping[str, Any], fonts: Sequence[Path], texts: Sequence[str], before: int
) -> Iterator[bytes]:
    """The pages of a long statement's lines, some at a time."""
    plain = {"title": _title(sealed.statement), "root": said["root"], "pages": before + len(texts)}
    for start in range(0, len(texts), PAGES_AT_ONCE):
        some = texts[start : start + PAGES_AT_ONCE]
        data = plain | {"before": before + start, "texts": some}
        made = compiled(_LINES, {"data": json.dumps(data)}, sealed.statement.made_at, fonts)
        if page_count(made) != len(some):
            raise ValueError("a page of lines does not hold what it should")
        yield made


def compiled(template: bytes, inputs: Mapping[str, str], made_at: datetime, fonts: Sequence[Path]) -> bytes:
    """The PDF of a template: PDF/A-3a, dated, the same bytes for the same words. Raises errors.GlyphMissing."""
    try:
        return typst.compile(
            template,
            format="pdf",
            font_paths=typst.Fonts(include_system_fonts=False, font_paths=[str(folder) for folder in fonts]),
            sys_inputs=dict(inputs),
            pdf_standards=STANDARD,
            timestamp=made_at.replace(microsecond=0),  # typst takes whole seconds
        )
    except typst.TypstError as fault:
        if "could not be displayed" in str(fault):
            raise errors.GlyphMissing(
                f"{fault.message.partition(': ')[2]}; add a folder with a font that has it"
            ) from None
        raise


def _data(sealed: Sealed, said: Mapping[str, Any], told: str) -> dict[str, Any]:
    statement = sealed.statement
    figures = statement.figures
    count = grouped(len(statement.lines), 0)
    return {
        "title": _title(statement),
        "author": "clearing house",
        "keywords": [said["schema"], f"root {said['root']}", f"key {said['key']}", f"printed by {told}"],
        "reference": statement.reference,
        "root": said["root"],
        "facts": _facts(statement),
        "currency": statement.currency,
        "net-name": "Net of " + ", ".join(one.code for one in statement.periods),
        "net": grouped(statement.net, statement.digits),
        "net-says": _direction(statement.net),
        "sign-rule": SIGN_RULE,
        "line-rule": LINE_RULE.capitalize(),
        "summary": _summary(statement),
        "closing": ["closing", grouped(figures.closing, 6)],
        "together": together(statement) if statement.payments else None,
        "payments": [_payment(one, statement) for one in statement.paid],
        "cover": None if statement.cover is None else _cover(statement.cover),
        "undrawn": max(0, len(statement.waterfalls) - DRAWN_MAX),
        "total-names": _TOTAL_NAMES,
        "total": _total("all", figures.total),
        "by-counterparty": [_total(_name(statement, one.name), one) for one in figures.by_counterparty],
        "by-kind": [_total(one.name, one) for one in figures.by_kind],
        "line-names": _LINE_NAMES,
        "groups": _groups(statement) if len(statement.lines) <= TABLED_LINES_MAX else None,
        "elsewhere": f"The {count} lines stand on the pages behind the seal."
        if len(statement.lines) <= PRINTED_LINES_MAX
        else f"The {count} lines are not printed here: pages show at most {grouped(PRINTED_LINES_MAX, 0)}. They are in the attached "
        "evidence, and in the CSV and the workbook of this statement.",
        "seal": [
            ["lines", str(said["lines"])],
            ["root", said["root"]],
            ["key", said["key"]],
            ["signature", sealed.token.rpartition(".")[2]],
        ],
    }


def _title(statement: Statement) -> str:
    return f"Statement {statement.reference}"


def _facts(statement: Statement) -> list[list[str]]:
    windows = [
        f"{one.code}, {_minute(one.opens_at.isoformat())} to {_minute(one.closes_at.isoformat())} UTC"
        for one in statement.periods
    ]
    return [
        ["partner", f"{statement.partner.name} ({statement.partner.code})"],
        *(["window", one] for one in windows),
        ["currency", statement.currency],
        ["made at", f"{_minute(statement.made_at.isoformat())} UTC"],
    ]


def _minute(instant: str) -> str:
    return instant[:16].replace("T", " ")


def _direction(net: int) -> str:
    if net == 0:
        return "nothing is owed"
    return "the clearing house owes you" if net > 0 else "you owe the clearing house"


def _summary(statement: Statement) -> list[list[str]]:
    """Opening and activity: each step once, the net where the lines end, then what was settled."""
    found = [["opening", grouped(statement.opening, 6)]]
    found += [[name, grouped(amount, 6)] for name, amount in steps(statement) if name != "settled"]
    found.append(["net of this statement", grouped(statement.net_micros, 6)])
    found += [
        [f"settled {one.on.isoformat()}, {one.reference}", grouped(one.amount * unit(statement.digits), 6)]
        for one in statement.settled
    ]
    return found


def _shared(statement: Statement) -> list[str]:
    """The pictures of contracts, the first of many."""
    names = {party.code: party.name for party in (*statement.counterparties, statement.partner)}
    return [share_picture(one, names, statement.currency) for one in statement.waterfalls[:DRAWN_MAX]]


def _cover(cover: Cover) -> dict[str, Any]:
    rows = [[name, grouped(amount, 6)] for name, amount in cover_rows(cover)]
    return {"rows": rows, "sum": ["cover at the closing", grouped(cover.closing, 6)]}


def _payment(payment: Payment, statement: Statement) -> dict[str, Any]:
    says = f"{payment.reference}, on {payment.on.isoformat()}, paid {way_of(payment)}"
    other = payment.converted
    if other is not None:
        amount = f"{grouped(other.amount, other.digits)} {other.currency}"
        says += f": {amount} at {other.rate.num}/{other.rate.den} ({other.source})"
    items = [[item.what, grouped(item.amount, statement.digits)] for item in payment.items]
    return {"says": says, "items": items, "sum": ["this payment", grouped(payment.amount, statement.digits)]}


def _name(statement: Statement, code: str) -> str:
    return next(party.name for party in statement.counterparties if party.code == code)


def _total(name: str, total: Total) -> list[str]:
    points = [grouped(getattr(total, column), 0) for column in POINTS]
    return [name, grouped(total.lines, 0), *points, *(grouped(getattr(total, column), 6) for column in (*MONEY, "net"))]


def _groups(statement: Statement) -> list[dict[str, Any]]:
    """The lines of each counterparty, under its name, above its subtotal."""
    totals = {one.name: one for one in statement.figures.by_counterparty}
    numbered = enumerate(statement.lines, 1)
    return [
        {
            "name": f"{_name(statement, code)} ({code})",
            "rows": [_row(line, number) for number, line in lines],
            "sum": ["", "", "", "subtotal", f"net {grouped(totals[code].net, 6)}", *_total("", totals[code])[2:8]],
        }
        for code, lines in groupby(numbered, key=lambda one: one[1].counterparty)
    ]


def _row(line: Line, number: int) -> list[str]:
    at = line.at.isoformat()[:19].replace("T", " ")
    points = [_unless_zero(getattr(line, column), 0) for column in POINTS]
    money = [_unless_zero(getattr(line, column), 6) for column in MONEY]
    return [str(number), at, line.kind.value, line.exchange, line.reference, *points, *money]


def _unless_zero(amount: int, digits: int) -> str:
    return grouped(amount, digits) if amount else ""
