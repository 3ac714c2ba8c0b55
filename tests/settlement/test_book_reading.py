"""A partner's book is read strictly: what is written comes back, and each way of being wrong has its code and its line."""

import io
import json
from datetime import UTC, datetime, timedelta
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.rules.matching import AMOUNT_MAX, Book, FaultCode, Form, Head, Line, micros, units, written

HEAD = Head("lotus", 202610, 7)
AT = datetime(2026, 3, 4, 12, 0, tzinfo=UTC)
LINES = [
    Line(1, "0192f0c4-8f5e-7b11-9d0a-5a3c2b1d0e4f", None, AT, 12_500_000, 1_000, "final"),
    Line(2, None, 'R-1, "two"', AT.replace(microsecond=5), -3_000_001, None, "pending"),
]


def read(raw: bytes, form: Form = Form.CSV) -> tuple[Book, list[Line]]:
    book = Book(form)
    return book, list(book.lines(io.BytesIO(raw)))


def file() -> bytes:
    return b"".join(written(HEAD, LINES))


amounts = st.integers(-AMOUNT_MAX, AMOUNT_MAX).filter(bool)
references = st.none() | st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=64).filter(
    lambda text: text == text.strip()
)


@given(st.lists(st.tuples(amounts, references), max_size=20))
def test_what_is_written_is_read_back(said: list[tuple[int, str | None]]) -> None:
    lines = [Line(n, None, reference, AT, amount, n, "final") for n, (amount, reference) in enumerate(said, 1)]
    book, found = read(b"".join(written(HEAD, lines)))
    if sum(abs(amount) for amount, _ in said) <= AMOUNT_MAX:  # totals are amounts, and bounded like them
        assert book.faults == []
        assert book.head == HEAD
    assert found == lines


@given(st.integers(0, AMOUNT_MAX))
def test_a_decimal_string_is_exact(amount: int) -> None:
    assert micros(units(amount)) == amount


def test_json_lines_say_the_same() -> None:
    def record(**fields: object) -> bytes:
        return json.dumps(fields).encode() + b"\n"

    line = record(
        record="D", line=1, exchange=None, reference="R", at="2026-03-04T12:00:00Z", debit="1.5", status="final"
    )
    head = record(
        record="H", schema="clearing-book/1", partner="lotus", window=202610, sequence=7, sign="plus owes the house"
    )
    trailer = record(record="T", count=1, debit="1.5", credit="0", sha256=sha256(line).hexdigest())
    book, found = read(head + line + trailer, Form.JSON_LINES)
    assert (book.faults, book.head) == ([], HEAD)
    assert found == [Line(1, None, "R", AT, 1_500_000, None, "final")]
    floating = read(head + line.replace(b'"1.5"', b"1.5") + trailer, Form.JSON_LINES)[0]
    assert floating.faults[0].code is FaultCode.LINE_MALFORMED


@pytest.mark.parametrize(
    ("was", "becomes", "line", "code"),
    [
        (b"clearing-book/1", b"clearing-book/2", 1, FaultCode.HEADER_MALFORMED),
        (b"H,", b"D,", 1, FaultCode.HEADER_MALFORMED),
        (b"D,1,", b"D,1,,", 2, FaultCode.LINE_MALFORMED),
        (b"D,2,", b"D,3,", 3, FaultCode.LINE_OUT_OF_ORDER),
        (b",12.5,0,", b",12.5,1,", 2, FaultCode.AMOUNT_MALFORMED),
        (b",12.5,0,", b",0,0,", 2, FaultCode.AMOUNT_MALFORMED),
        (b",12.5,0,", b",12.5000001,0,", 2, FaultCode.AMOUNT_MALFORMED),
        (b",12.5,0,", b",1e1,0,", 2, FaultCode.AMOUNT_MALFORMED),
        (b"0192f0c4", b"0192F0C4", 2, FaultCode.FIELD_MALFORMED),
        (b"12:00:00Z", b"12:00:00", 2, FaultCode.FIELD_MALFORMED),
        (b"1000,final", b"10.5,final", 2, FaultCode.FIELD_MALFORMED),
        (b"final", b"done", 2, FaultCode.FIELD_MALFORMED),
        (b"T,2,", b"T,3,", 4, FaultCode.COUNT_DIFFERS),
        (b"T,2,12.5,", b"T,2,12.6,", 4, FaultCode.TOTAL_DIFFERS),
        (b"D,1,", b'D,"1",', 4, FaultCode.HASH_DIFFERS),
    ],
)
def test_each_fault_has_its_line_and_its_code(was: bytes, becomes: bytes, line: int, code: FaultCode) -> None:
    assert was in file()
    book, _ = read(file().replace(was, becomes, 1))
    assert (line, code) in {(fault.line, fault.code) for fault in book.faults}


def test_a_book_without_a_trailer_was_cut_off() -> None:
    book, _ = read(b"".join(list(written(HEAD, LINES))[:-1]))
    assert [fault.code for fault in book.faults] == [FaultCode.TRAILER_MALFORMED]
    assert [fault.code for fault in read(b"")[0].faults] == [FaultCode.TRAILER_MALFORMED]


def test_a_fault_repeats_nothing_that_was_sent() -> None:
    book, _ = read(file().replace(b"final", b"secret", 1))
    assert "secret" not in str(book.faults)


def json_lines(line: bytes, mark: bytes = b"") -> bytes:
    head = b'{"record":"H","schema":"clearing-book/1","partner":"lotus","window":202610,"sequence":7,"sign":"plus owes the house"}\n'
    trailer = {"record": "T", "count": 1, "debit": "1.5", "credit": "0", "sha256": sha256(line).hexdigest()}
    return mark + head + line + json.dumps(trailer).encode() + b"\n"


GOOD = b'{"record":"D","line":1,"reference":"R","at":"2026-03-04T12:00:00Z","debit":"1.5","status":"final"}\n'


def test_a_byte_order_mark_before_the_header_says_nothing() -> None:
    for raw, form in ((file(), Form.CSV), (json_lines(GOOD), Form.JSON_LINES)):
        plain, marked = read(raw, form), read(b"\xef\xbb\xbf" + raw, form)
        assert (plain[0].faults, plain[0].head) == ([], HEAD)
        assert (marked[0].faults, marked[0].head, marked[1]) == ([], HEAD, plain[1])
    twice, _ = read(b"\xef\xbb\xbf" * 2 + file())
    assert [fault.code for fault in twice.faults] == [FaultCode.HEADER_MALFORMED]


@pytest.mark.parametrize("deep", [b"[" * 100_000, b'{"a":' * 100_000, b"[" * 100_000 + b"]" * 100_000])
def test_a_line_nested_without_end_is_no_record(deep: bytes) -> None:
    for raw, line in ((json_lines(deep + b"\n"), 2), (deep + b"\n" + json_lines(GOOD), 1)):
        book, _ = read(raw, Form.JSON_LINES)
        assert (line, book.faults[0].line) == (line, line)
        assert book.faults[0].code in {FaultCode.LINE_MALFORMED, FaultCode.HEADER_MALFORMED}


def test_a_line_may_be_dated_up_to_the_last_day_of_its_window_and_no_later() -> None:
    latest = AT + timedelta(days=2)
    at, above = LINES[0]._replace(at=latest), LINES[0]._replace(at=latest + timedelta(microseconds=1))
    for line, codes in ((at, []), (above, [(2, FaultCode.DATED_TOO_LATE)])):
        book = Book(Form.CSV, {HEAD.window: latest})
        found = list(book.lines(io.BytesIO(b"".join(written(HEAD, [line])))))
        assert [(fault.line, fault.code) for fault in book.faults] == codes
        assert found == ([] if codes else [line])
