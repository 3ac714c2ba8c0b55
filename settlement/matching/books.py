"""A partner's book is taken whole or not at all, in the order of its sequence, streamed into the tables as it is read."""

from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from uuid import UUID

import psycopg

from clearing.database import statement
from settlement.matching.rows import Connection, Row, row, rows
from settlement.rules.breaks import TOLERANCE, BreakClass, State
from settlement.rules.matching import Book, Fault, Form, Head, Line, Totals

LINES_OF_A_BOOK = 1_000_000
"""A line is named by its book's sequence times this, plus its own number."""
_CHUNK = 1_000
RESULTS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """What a book is answered with: taken (now or before, by the same bytes), or why not. Amounts in millionths.

    `reason` speaks of the whole book: `sequence_gap`, `sequence_used`, `wrong_partner`, `unknown_window`, `faulty`; `faults` of lines,
    the first of as many as are `faulty`.
    """

    taken: bool
    reason: str | None = None
    head: Head | None = None
    totals: Totals | None = None
    digest: str = ""
    expected: int = 0  # the sequence number that the next book has
    faults: tuple[Fault, ...] = ()
    replayed: bool = False
    faulty: int = 0


@dataclass(frozen=True, slots=True)
class TakenBook:
    """A book as it was taken."""

    partner: str
    sequence: int
    window_id: int
    digest: str
    lines: int
    debit: int
    credit: int
    received_at: datetime


class LineEnd(StrEnum):
    """What became of a line of a book that was taken. A line that is refused takes its book with it: the acknowledgement says so."""

    MATCHED = "matched"
    """It is in our book too."""
    BREAK = "break"
    """It is not, or not so."""
    REPLACED = "replaced"
    """It was pending, and a later line that is final is matched."""
    WAITING = "waiting"
    """It was taken a moment ago, and is yet to be compared."""


@dataclass(frozen=True, slots=True)
class LineResult:
    """One line of the handback: which pass matched it, with which of our items (at most ten are told), and its break if it has one."""

    line: int
    result: LineEnd
    pass_number: int | None
    exchanges: tuple[UUID, ...]
    class_: BreakClass | None
    break_id: UUID | None
    state: State | None


class _Hashed:
    """Lines on their way through, and the digest of all bytes that went by."""

    def __init__(self, raw: Iterable[bytes]) -> None:
        self._raw, self._sum = raw, sha256()

    def __iter__(self) -> Iterator[bytes]:
        for line in self._raw:
            self._sum.update(line)
            yield line

    @property
    def digest(self) -> str:
        return self._sum.hexdigest()


async def _unkept() -> UUID | None:
    return None


async def receive(
    connection: Connection,
    raw: Iterable[bytes],
    form: Form,
    *,
    partner: str,
    windows: Mapping[int, datetime],
    at: datetime,
    key_id: str,
    keep: Callable[[], Awaitable[UUID | None]] = _unkept,
) -> Acknowledgement:
    """Take a book of this partner, or say what is wrong with it; a book that is not taken leaves no trace.

    `raw` are the lines of the file with their ends, `windows` the calendar's with when each closes; `keep` keeps what was signed and names
    it, and is asked once the book is found to be good. 1. the lines, streamed; 2. whose book, of which window; 3. the same bytes again are
    acknowledged again; 4. a gap or another book of this number stops the partner's queue; 5. taken.
    """
    latest = {number: max(closes_at, at) + TOLERANCE for number, closes_at in windows.items()}
    book, hashed, known = Book(form, latest), _Hashed(raw), frozenset(windows)
    found = book.lines(hashed)
    with suppress(psycopg.errors.UniqueViolation):  # another process takes one of this number in this very moment
        async with connection.transaction():
            await _streamed(connection, book, found, partner)  # 1
            answer = await _judged(connection, book, hashed.digest, partner, known)  # 2 to 4
            if not answer.taken or answer.replayed:
                raise psycopg.Rollback
            await _insert(connection, answer, at, key_id, await keep())  # 5
        return answer
    for _ in found:
        pass
    return await _judged(connection, book, hashed.digest, partner, known)


async def _insert(
    connection: Connection, answer: Acknowledgement, at: datetime, key_id: str, evidence_id: UUID | None
) -> None:
    head, totals = answer.head, answer.totals
    if head is None or totals is None:
        return
    await rows(
        connection,
        "book_insert",
        partner=head.partner,
        sequence=head.sequence,
        window_id=head.window,
        digest=answer.digest,
        lines=totals.count,
        debit=totals.debit,
        credit=totals.credit,
        received_at=at,
        received_from=key_id,
        evidence_id=evidence_id,
    )


async def _streamed(connection: Connection, book: Book, found: Iterator[Line], partner: str) -> None:
    """Every line into the table until the first fault; the rest is only read, so that every fault is told."""
    first = next(found, None)
    head = book.head
    if first is None or head is None or head.partner != partner:
        for _ in found:
            pass
        return
    if await row(connection, "book_read", partner=partner, sequence=head.sequence):
        for _ in found:
            pass
        return
    offset, start = head.sequence * LINES_OF_A_BOOK, f"{partner}\t{head.window}\t"
    async with (
        connection.cursor() as cursor,
        cursor.copy(statement("book_lines_copy", "settlement")) as copy,
    ):
        waiting = [_row(start, offset, first)]
        for line in found:
            if book.faulty:
                continue
            waiting.append(_row(start, offset, line))
            if len(waiting) == _CHUNK:
                await copy.write("".join(waiting))
                waiting.clear()
        await copy.write("".join(waiting))


def _row(start: str, offset: int, line: Line) -> str:
    """A line in PostgreSQL's text format."""
    reference = "\\N" if line.reference is None else line.reference.replace("\\", "\\\\")
    points = "\\N" if line.points is None else line.points
    named = f"{start}{offset + line.number}\t{line.exchange or chr(92) + 'N'}\t{reference}"
    return f"{named}\t{line.at.isoformat()}\t{line.amount}\t{points}\t{line.status}\n"


async def _judged(
    connection: Connection, book: Book, digest: str, partner: str, windows: frozenset[int]
) -> Acknowledgement:
    last = await row(connection, "book_last", partner=partner)
    expected = (last["sequence"] if last else 0) + 1
    said = Acknowledgement(
        False, "faulty", book.head, book.totals, digest, expected, tuple(book.faults), faulty=book.faulty
    )
    if book.faulty or book.head is None:
        return said
    if book.head.partner != partner:
        return replace(said, reason="wrong_partner")
    if book.head.window not in windows:
        return replace(said, reason="unknown_window")
    if known := await book_of(connection, partner, book.head.sequence):
        same = known.digest == digest
        return replace(said, taken=same, replayed=same, reason=None if same else "sequence_used")
    if book.head.sequence != expected:
        return replace(said, reason="sequence_gap")
    return replace(said, taken=True, reason=None, expected=expected + 1)


async def book_of(connection: Connection, partner: str, sequence: int) -> TakenBook | None:
    """A book by its place in the partner's sequence."""
    found = await row(connection, "book_read", partner=partner, sequence=sequence)
    return None if found is None else TakenBook(**found)


async def results_of(
    connection: Connection, book: TakenBook, after: int = 0, most: int = RESULTS_MAX
) -> list[LineResult]:
    """The handback: what became of each line of a book so far, in order; so many of those after a line."""
    first = book.sequence * LINES_OF_A_BOOK
    found = await rows(
        connection,
        "book_results",
        partner=book.partner,
        window_id=book.window_id,
        first=first,
        after=first + min(after, LINES_OF_A_BOOK - 1),
        last=first + LINES_OF_A_BOOK - 1,
        most=most,
    )
    return [_result(one, first) for one in found]


def _result(found: Row, first: int) -> LineResult:
    return LineResult(
        found["line"] - first,
        LineEnd(found["result"]),
        found["pass_number"],
        tuple(found["our_ids"] or ()),
        None if found["class"] is None else BreakClass(found["class"]),
        found["break_id"],
        None if found["state"] is None else State(found["state"]),
    )
