"""One batch: lock the lane, read what the items need, decide them in order, write arrays, advance the lane; one commit.

The lock is a statement of its own under READ COMMITTED, so what is read after it is what the last writer committed. The clock is
read once, after the lock has returned: an item's time, and so its window, is never older than that of any item before it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

from clearing import errors
from clearing.ledger import rows
from clearing.ledger.adjust import HOUSE_PARTY
from clearing.ledger.book import Book
from clearing.ledger.decide import decide
from clearing.ledger.items import Adjust, Grant, Item, Lodge, Pay
from clearing.ledger.learn import learn, wishes
from clearing.ledger.outcomes import Outcome
from clearing.ledger.pen import Pen, Sealed, load_calendar, load_chart, of_lane
from clearing.pipeline import Rows, Statement
from clearing.rules import merkle
from clearing.rules.windows import Window, containing

Result = Outcome | errors.ClearingError

_COMMIT: Statement = ("COMMIT", {})
_DISCARD_PLANS: Statement = ("DISCARD PLANS", {})


def _crossing(pen: Pen, book: Book, window_id: int) -> list[tuple[str, Mapping[str, Any]]]:
    """Seal the window that the lane is leaving, and every window crossed without a batch; open the one that contains `at`."""
    root = merkle.root(book.frontier)
    crossed = [window.number for window in pen.calendar if window_id < window.number <= book.window.number]
    last = len(crossed) - 1
    opened: dict[str, list[Any]] = {
        "window_id": crossed,
        "opened_size": [book.size] * len(crossed),
        "sealed_at": [None if place == last else book.at for place in range(len(crossed))],
        "sealed_size": [None if place == last else book.size for place in range(len(crossed))],
        "sealed_root": [None if place == last else root for place in range(len(crossed))],
    }
    sealed = {"window_id": window_id, "sealed_at": book.at, "sealed_size": book.size, "sealed_root": root}
    return [("window_seal", sealed), ("window_open", opened)]


async def _window(pen: Pen, at: datetime, version: int) -> Window:
    """The window that contains this instant, by the calendar that the locked lane goes by, read again when it is not the one at hand.

    Raises CalendarEndedError, once a calendar that was made longer meanwhile was read too.
    """
    if version != pen.version or not pen.calendar or at >= pen.calendar[-1].closes_at:
        await load_calendar(pen, version)
    return pen.calendar[containing(pen.calendar, at)]


def _seals(pen: Pen, book: Book, window_id: int) -> list[Sealed]:
    """The windows that this batch is about to seal, the one that the lane is leaving first. Their events are counted by `_tell_sealed`."""
    left = [window for window in pen.calendar if window_id <= window.number < book.window.number]
    root = merkle.root(book.frontier) if left else b""
    return [Sealed(window, 0, book.size, root) for window in left]


def _tell_sealed(pen: Pen, seals: Sequence[Sealed], found: Rows) -> None:
    """Tell of the windows that were sealed. Only the first of them can have events: the others were crossed without a batch."""
    for seal in seals:
        events = seal.size - found[0][0] if seal is seals[0] else 0
        pen.sealed(replace(seal, events=events))


async def _ensure_chart(pen: Pen, items: Sequence[Item]) -> None:
    """Know the numbers of every program and partner that is named; they are given once and never change."""
    reserving = wishes(items)
    partners = {item.partner for item in items if isinstance(item, Grant | Pay | Lodge)}
    partners |= {party for item in items if isinstance(item, Adjust) for party, _ in item.lines if party != HOUSE_PARTY}
    known = all(pen.chart.knows(item) and pen.chart.pays(item.shares) for item in reserving)
    if not (known and partners <= pen.chart.partners.keys()):
        await load_chart(pen)


async def _complete_chart(pen: Pen, book: Book) -> None:
    """Know the numbers of programs that another process met first: its exchanges are moved on here too."""
    known = book.read.exchanges.values()
    if not all(pen.chart.knows(exchange) and pen.chart.pays(exchange.funders) for exchange in known):
        await load_chart(pen)
        book.chart = pen.chart


def _caps_to_open(pen: Pen, book: Book) -> list[tuple[str, Mapping[str, Any]]]:
    """Have a row for every partner whose position moves; one that is only ever owed was granted nothing."""
    new = sorted(book.changes.caps.keys() - pen.capped)
    return [("open_caps", {"account": new})] if new else []


async def write_batch(pen: Pen, items: Sequence[Item]) -> list[Result]:
    """Write these items as one transaction and return one result for each, in order. Raises when nothing was kept, or unknown."""
    await _ensure_chart(pen, items)
    (last_at, size, frontier, window_id, version), read = await learn(pen, items)
    at = max(pen.clock(), last_at)
    window = await _window(pen, at, version)
    book = Book(pen.lane, at, window, size, list(frontier), pen.chart, pen.salts, read)
    await _complete_chart(pen, book)
    pen.points("lane.locked")
    # (3) decide in memory, in order
    wanted = _crossing(pen, book, window_id) if window.number != window_id else []
    seals = _seals(pen, book, window_id)
    results = [decide(book, item) for item in items]
    _pass(pen, book, "decided")
    # (4) write arrays, one statement for each table; (5) advance the lane; and commit
    wanted += [*_caps_to_open(pen, book), *rows.writes(book.changes), ("lane_advance", _head_of(pen, book))]
    written = await pen.pipeline.run(
        [*of_lane(pen, wanted), *_plan_again(pen, book), _COMMIT], sent=lambda: _pass(pen, book, "written")
    )
    pen.capped |= book.changes.caps.keys()
    pen.memory.keep(book, items)
    _tell_sealed(pen, seals, written[0])
    _pass(pen, book, "committed")
    return results


def _plan_again(pen: Pen, book: Book) -> list[Statement]:
    """Forget the plans whenever the log has doubled: those made for a table of a few rows read the whole lane for each batch."""
    if book.size.bit_length() == pen.planned:
        return []
    pen.planned = book.size.bit_length()
    return [_DISCARD_PLANS]


def _head_of(pen: Pen, book: Book) -> dict[str, Any]:
    return {
        "last_at": book.at,
        "size": book.size,
        "frontier": book.frontier,
        "window_id": book.window.number,
        "writer": pen.writer,
    }


def _pass(pen: Pen, book: Book, where: str) -> None:
    """The named steps at which the crash harness may stop this process."""
    for verb in sorted(book.verbs):
        pen.points(f"{verb}.{where}")
