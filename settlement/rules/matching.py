"""A partner's book of debits and credits, read as it streams by: header, lines, trailer, in CSV or JSON lines. No line is guessed.

    H,clearing-book/1,lotus,202648,7,plus owes the house
    D,1,0192f0c4-8f5e-7b11-9d0a-5a3c2b1d0e4f,,2026-11-24T09:30:00Z,12.50,0,1000,final
    D,2,,R-4711,2026-11-24T10:00:00Z,0,3.000001,,pending
    T,2,12.50,3.000001,<sha-256 of the bytes of all D lines, with their line ends>

A debit is what the partner owes the house, a credit what it is owed. Amounts are decimal strings of the common unit, exact to a
millionth; inside they are whole millionths, plus owes the house. Lines count upwards from 1. A book with a fault is refused whole, each
faulty line told with a code and a reason: half a book would reconcile to nothing.
"""

import csv
import json
import re
from codecs import BOM_UTF8
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any, NamedTuple

from settlement.rules import money

SCHEMA = "clearing-book/1"
SIGN_RULE = "plus owes the house"
LINES_MAX = 999_999  # of one book
SEQUENCE_MAX = 9_000_000_000  # sequence and line make one number that JSON keeps exact
AMOUNT_MAX = 2**53 - 1
FAULTS_SHOWN_MAX = 1_000

HEAD_FIELDS = ("record", "schema", "partner", "window", "sequence", "sign")
LINE_FIELDS = ("record", "line", "exchange", "reference", "at", "debit", "credit", "points", "status")
TRAILER_FIELDS = ("record", "count", "debit", "credit", "sha256")

_AMOUNT = re.compile(r"([0-9]{1,12})(?:\.([0-9]{1,6}))?")
_WHOLE = re.compile(r"[1-9][0-9]{0,17}")
_CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_ID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_REFERENCE = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?")
_AT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?Z")
_FINAL, _PENDING = "final", "pending"
_ANY_DAY = datetime.max.replace(tzinfo=UTC)


class Form(StrEnum):
    """How a book is written."""

    CSV = "text/csv"
    JSON_LINES = "application/x-ndjson"


class FaultCode(StrEnum):
    """What is wrong with a line, or with the book. Stable: partners branch on these."""

    HEADER_MALFORMED = "header_malformed"
    """The first line is not the header."""
    LINE_MALFORMED = "line_malformed"
    """The line is not a record of the schema."""
    LINE_OUT_OF_ORDER = "line_out_of_order"
    """Lines count upwards from 1, without a gap."""
    AMOUNT_MALFORMED = "amount_malformed"
    """Exactly one of debit and credit is above zero, as a decimal string with up to six places."""
    FIELD_MALFORMED = "field_malformed"
    """A field is not what the schema says."""
    DATED_TOO_LATE = "dated_too_late"
    """The line is of the future, and of no day that its window has, give or take the tolerance: it would be on its way for ever."""
    TRAILER_MALFORMED = "trailer_malformed"
    """The last line is not the trailer, or something follows it."""
    COUNT_DIFFERS = "count_differs"
    """The trailer counts other lines than there are."""
    TOTAL_DIFFERS = "total_differs"
    """The trailer's sums are not those of the lines."""
    HASH_DIFFERS = "hash_differs"
    """The trailer's hash is not that of the lines."""


class Fault(NamedTuple):
    """One fault: the line of the file (from 1), what it is, and a sentence. Nothing that was sent is repeated."""

    line: int
    code: FaultCode
    reason: str


class Head(NamedTuple):
    """Whose book, of which window, the how-manieth."""

    partner: str
    window: int
    sequence: int


class Line(NamedTuple):
    """One line: `amount` in millionths of the common unit, plus owes the house."""

    number: int
    exchange: str | None
    reference: str | None
    at: datetime
    amount: int
    points: int | None
    status: str


@dataclass(slots=True)
class Totals:
    """Control totals, in millionths."""

    count: int = 0
    debit: int = 0
    credit: int = 0

    def add(self, amount: int) -> None:
        """Count a line."""
        self.count += 1
        if amount > 0:
            self.debit += amount
        else:
            self.credit -= amount


class _Wrong(Exception):
    def __init__(self, code: FaultCode, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Book:
    """A book while it is read: `lines(raw)` yields them; `head`, `totals` and `faults` are whole when it has ended.

    `latest` says of each window up to when its lines may be dated; of a window that is not in it, any day will do.
    """

    def __init__(self, form: Form, latest: Mapping[int, datetime] | None = None) -> None:
        self._fields: Callable[[str, tuple[str, ...]], list[str]] = _csv if form is Form.CSV else _json
        self.head: Head | None = None
        self.totals = Totals()
        self.faults: list[Fault] = []
        self.faulty = 0
        self._digest = sha256()
        self._ended = False
        self._latest_of, self._latest = latest or {}, _ANY_DAY

    def lines(self, raw: Iterable[bytes]) -> Iterator[Line]:
        """Every line without a fault, in order. `raw` are the lines of the file with their line ends."""
        place, before = 0, b""
        for place, line in enumerate(raw, 1):
            if place == 1:
                self._checked(place, self._head, line.removeprefix(BOM_UTF8))
                continue
            if place > 2 and (found := self._checked(place - 1, self._line, before)) is not None:
                yield found
            before = line
        if place < 2:
            self._fault(max(place, 1), FaultCode.TRAILER_MALFORMED, "the book has no trailer")
        else:
            self._checked(place, self._trailer, before)

    def _checked(self, place: int, reads: Callable[[bytes], Any], line: bytes) -> Any:
        try:
            return reads(line)
        except _Wrong as wrong:
            self._fault(place, wrong.code, wrong.reason)
        return None

    def _fault(self, place: int, code: FaultCode, reason: str) -> None:
        self.faulty += 1
        if len(self.faults) < FAULTS_SHOWN_MAX:
            self.faults.append(Fault(place, code, reason))

    def _split(self, line: bytes, names: tuple[str, ...], code: FaultCode) -> list[str]:
        try:
            found = self._fields(line.decode("utf-8").rstrip("\r\n"), names)
        except ValueError:
            raise _Wrong(code, f"not a record of {', '.join(names)}") from None
        if len(found) != len(names):
            raise _Wrong(code, f"not a record of {', '.join(names)}")
        return found

    def _head(self, line: bytes) -> None:
        code = FaultCode.HEADER_MALFORMED
        record, schema, partner, window, sequence, sign = self._split(line, HEAD_FIELDS, code)
        if (record, schema, sign) != ("H", SCHEMA, SIGN_RULE):
            raise _Wrong(code, f"the header says H, {SCHEMA} and {SIGN_RULE}")
        if not _CODE.fullmatch(partner):
            raise _Wrong(code, "the header names no partner")
        self.head = Head(partner, _whole(window, 2**31 - 1, code), _whole(sequence, SEQUENCE_MAX, code))
        self._latest = self._latest_of.get(self.head.window, _ANY_DAY)

    def _line(self, line: bytes) -> Line:
        self._digest.update(line)
        self.totals.count += 1  # counted even where it is faulty: the trailer counts it too
        number = self.totals.count
        if number > LINES_MAX:
            raise _Wrong(FaultCode.LINE_OUT_OF_ORDER, f"a book has at most {LINES_MAX} lines")
        fields = self._split(line, LINE_FIELDS, FaultCode.LINE_MALFORMED)
        record, said, exchange, reference, at, debit, credit, points, status = fields
        if record != "D":
            raise _Wrong(FaultCode.LINE_MALFORMED, "between header and trailer every record is D")
        if said != str(number):
            raise _Wrong(FaultCode.LINE_OUT_OF_ORDER, f"this is line {number}")
        paid, owed = micros(debit or "0"), micros(credit or "0")
        if paid is None or owed is None or (paid > 0) == (owed > 0):
            raise _Wrong(FaultCode.AMOUNT_MALFORMED, "one of debit and credit is above zero, with up to six places")
        self.totals.debit += paid
        self.totals.credit += owed
        if exchange and not _ID.fullmatch(exchange):
            raise _Wrong(FaultCode.FIELD_MALFORMED, "exchange is the id of an exchange, or empty")
        if reference and not _REFERENCE.fullmatch(reference):
            raise _Wrong(FaultCode.FIELD_MALFORMED, "reference is 1 to 64 printable ASCII characters, or empty")
        if status not in {_FINAL, _PENDING}:
            raise _Wrong(FaultCode.FIELD_MALFORMED, "status is final or pending")
        moved = _whole(points, AMOUNT_MAX, FaultCode.FIELD_MALFORMED) if points else None
        dated = instant(at)
        if dated > self._latest:
            raise _Wrong(FaultCode.DATED_TOO_LATE, "at is later than this window, and yet to come")
        return Line(number, exchange or None, reference or None, dated, paid - owed, moved, status)

    def _trailer(self, line: bytes) -> None:
        code = FaultCode.TRAILER_MALFORMED
        record, count, debit, credit, digest = self._split(line, TRAILER_FIELDS, code)
        if record != "T":
            raise _Wrong(code, "the last record is T")
        self._ended = True
        if count != str(self.totals.count):
            raise _Wrong(FaultCode.COUNT_DIFFERS, f"there are {self.totals.count} lines")
        if (micros(debit), micros(credit)) != (self.totals.debit, self.totals.credit):
            said = f"debits are {units(self.totals.debit)}, credits {units(self.totals.credit)}"
            raise _Wrong(FaultCode.TOTAL_DIFFERS, said)
        if digest != self._digest.hexdigest():
            raise _Wrong(FaultCode.HASH_DIFFERS, "the hash is not that of the lines")


def micros(text: str) -> int | None:
    """Whole millionths of a decimal string; None where it is none, or beyond what travels exactly."""
    found = _AMOUNT.fullmatch(text)
    if found is None:
        return None
    whole, part = found.groups()
    amount = int(whole + (part or "").ljust(money.MICRO_DIGITS, "0"))
    return amount if amount <= AMOUNT_MAX else None


def units(amount: int) -> str:
    """Millionths as a decimal string, without zeros that say nothing."""
    return money.plain(amount, 0)


def instant(text: str) -> datetime:
    """An instant in UTC."""
    try:
        if _AT.fullmatch(text):
            return datetime.fromisoformat(text)
    except ValueError:
        pass
    raise _Wrong(FaultCode.FIELD_MALFORMED, "at is an instant in UTC, with Z")


def written(head: Head, lines: Iterable[Line]) -> Iterator[bytes]:
    """A book in CSV, line by line: what a partner sends, and what `Book` reads back."""
    yield f"H,{SCHEMA},{head.partner},{head.window},{head.sequence},{SIGN_RULE}\r\n".encode()
    totals, digest = Totals(), sha256()
    for line in lines:
        raw = _written(line)
        totals.add(line.amount)
        digest.update(raw)
        yield raw
    yield f"T,{totals.count},{units(totals.debit)},{units(totals.credit)},{digest.hexdigest()}\r\n".encode()


def _written(line: Line) -> bytes:
    reference = line.reference or ""
    if "," in reference or '"' in reference:
        reference = '"' + reference.replace('"', '""') + '"'
    debit, credit = (units(line.amount), "0") if line.amount > 0 else ("0", units(-line.amount))
    at = line.at.isoformat().replace("+00:00", "Z")
    points = "" if line.points is None else line.points
    said = f"D,{line.number},{line.exchange or ''},{reference},{at},{debit},{credit},{points},{line.status}\r\n"
    return said.encode()


def _whole(text: str, most: int, code: FaultCode) -> int:
    if not _WHOLE.fullmatch(text) or int(text) > most:
        raise _Wrong(code, "a number is whole, above zero, and not too large")
    return int(text)


def _csv(text: str, _names: tuple[str, ...]) -> list[str]:
    if '"' not in text:
        return text.split(",")
    try:
        return next(csv.reader([text], strict=True), [])
    except csv.Error:
        raise ValueError(text) from None


def _json(text: str, names: tuple[str, ...]) -> list[str]:
    """The fields by name; an empty one may be null or left out. Numbers are whole: no float is ever made."""
    try:
        found = json.loads(text, object_pairs_hook=_object, parse_float=_no_number, parse_constant=_no_number)
    except RecursionError:
        raise ValueError(names) from None
    if not isinstance(found, dict) or not found.keys() <= set(names):
        raise ValueError(text)
    return [_text(found.get(name)) for name in names]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, str) or (isinstance(value, int) and not isinstance(value, bool)):
        return str(value)
    raise ValueError(value)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError(pairs)
    return found


def _no_number(text: str) -> object:
    raise ValueError(text)
