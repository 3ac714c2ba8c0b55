"""A partner's book is taken whole or not at all, in the order of its sequence, streamed into the tables as it is read."""

from collections.abc import Awaitable, Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from uuid import UUID

import psycopg

from clearing.database import statement
from settlement.matching.rows import Connection, row, rows
from settlement.rules.matching import Book, Fault, Form, Head, Line, Totals

LINES_OF_A_BOOK = 1_000_000
"""A line is named by its book's sequence times this, plus its own number."""
_CHUNK = 1_000


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
    windows: Iterable[int],
    at: datetime,
    key_id: str,
    keep: Callable[[], Awaitable[UUID | None]] = _unkept,
) -> Acknowledgement:
    """Take a book of this partner, or say what is wrong with it; a book that is not taken leaves no trace.

    `raw` are the lines of the file with their ends, `windows` the calendar's; `keep` keeps what was signed and names it, and is asked once
    the book is found to be good. 1. the lines, streamed; 2. whose book, of which window; 3. the same bytes again are acknowledged again;
    4. a gap or another book of this number stops the partner's queue; 5. taken.
    """
    book, hashed, known = Book(form), _Hashed(raw), frozenset(windows)
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


async def results_of(connection: Connection, book: TakenBook) -> list[tuple[int, str, UUID]]:
    """The lines of a book that are not matched, each with the class of its break and its id: the handback. All others are."""
    first = book.sequence * LINES_OF_A_BOOK
    found = await rows(
        connection,
        "book_results",
        partner=book.partner,
        window_id=book.window_id,
        first=first,
        last=first + LINES_OF_A_BOOK - 1,
    )
    return [(one["line"] - first, one["class"], one["break_id"]) for one in found]
