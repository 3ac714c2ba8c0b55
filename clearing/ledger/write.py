"""One batch: lock the lane, read what the items need, decide them in order, write arrays, advance the lane; one commit.

The lock is a statement of its own under READ COMMITTED, so what is read after it is what the last writer committed. The clock is
read once, after the lock has returned: an item's time, and so its window, is never older than that of any item before it.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from clearing import errors
from clearing.ledger import rows
from clearing.ledger.book import Book
from clearing.ledger.decide import decide
from clearing.ledger.items import Grant, Item, Outcome
from clearing.ledger.learn import learn, wishes
from clearing.ledger.pen import Pen, load_chart, of_lane
from clearing.pipeline import Statement
from clearing.rules import merkle
from clearing.rules.windows import containing

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


async def _ensure_chart(pen: Pen, items: Sequence[Item]) -> None:
    """Know the numbers of every program and partner that is named; they are given once and never change."""
    reserving = wishes(items)
    partners = {item.partner for item in items if isinstance(item, Grant)}
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
    (last_at, size, frontier, window_id), read = await learn(pen, items)
    at = max(pen.clock(), last_at)
    window = pen.calendar[containing(pen.calendar, at)]
    book = Book(pen.lane, at, window, size, list(frontier), pen.chart, pen.salts, read)
    await _complete_chart(pen, book)
    pen.points("lane.locked")
    # (3) decide in memory, in order
    wanted = _crossing(pen, book, window_id) if window.number != window_id else []
    results = [decide(book, item) for item in items]
    _pass(pen, book, "decided")
    # (4) write arrays, one statement for each table; (5) advance the lane; and commit
    wanted += [*_caps_to_open(pen, book), *rows.writes(book.changes), ("lane_advance", _head_of(pen, book))]
    await pen.pipeline.run(
        [*of_lane(pen, wanted), *_plan_again(pen, book), _COMMIT], sent=lambda: _pass(pen, book, "written")
    )
    pen.capped |= book.changes.caps.keys()
    pen.memory.keep(book, items)
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
