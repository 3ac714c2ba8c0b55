"""One batch: lock the lane, read what the items need, decide them in order, write arrays, advance the lane; one commit.

The lock is a statement of its own under READ COMMITTED, so what is read after it is what the last writer committed. The clock is
read once, after the lock has returned: an item's time, and so its window, is never older than that of any item before it.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from clearing import errors
from clearing.database import statement
from clearing.ledger import rows
from clearing.ledger.book import Book, CaseState, Chart, LiveKey, Read
from clearing.ledger.decide import decide
from clearing.ledger.items import (
    Answered,
    Cancel,
    Claim,
    Grant,
    Item,
    LeafView,
    Outcome,
    Postpone,
    Remember,
    Reserve,
    Resolve,
    Reverse,
    Sent,
)
from clearing.pipeline import Pipeline, Rows, Statement
from clearing.rules import merkle
from clearing.rules.limits import Cap
from clearing.rules.postings import Account, account_number
from clearing.rules.windows import Window, containing

Result = Outcome | errors.ClearingError


@dataclass(slots=True)
class Pen:
    """What a writer brings to every batch: its lane, its connection, and what enters at the front door."""

    lane: int
    pipeline: Pipeline
    calendar: Sequence[Window]
    clock: Callable[[], datetime]
    salts: Callable[[], bytes]
    points: Callable[[str], None]
    writer: UUID
    chart: Chart
    capped: set[int] = field(default_factory=set)  # accounts that are known to have a row among the caps
    planned: int = 0  # the log's size when plans were last made, as its number of bits


async def open_pen(
    connection: AsyncConnection[Any],
    lane: int,
    *,
    calendar: Sequence[Window],
    clock: Callable[[], datetime],
    salts: Callable[[], bytes],
    points: Callable[[str], None],
    writer: UUID,
) -> Pen:
    """A pen for this lane. The connection is its own from now on."""
    pipeline = Pipeline(connection)
    _, charted = await pipeline.run([(statement("lane_session"), {}), (statement("read_chart"), {})])
    return Pen(lane, pipeline, calendar, clock, salts, points, writer, chart_of(charted))


def _signed(items: Iterable[Item]) -> list[tuple[str, str]]:
    signing = (Remember, Reserve, Reverse, Cancel, Resolve)
    return [(item.signed.key_id, item.signed.nonce) for item in items if isinstance(item, signing)]


def _reads(pen: Pen, items: Sequence[Item]) -> list[tuple[str, Mapping[str, Any]]]:
    """The statements to read by, after the lock: only those that these items need."""
    found: list[tuple[str, Mapping[str, Any]]] = []

    def need(name: str, **columns: list[Any]) -> None:
        if all(columns.values()):
            found.append((name, columns))

    signed = _signed(items)
    keys = sorted({key_id for key_id, _ in signed})
    need("read_nonces", key_id=keys, nonce=[nonce for _, nonce in signed])
    need("read_keys", key_id=keys)
    asking = [item for item in items if isinstance(item, Reserve | Reverse)]
    partners = sorted({item.partner for item in asking})
    need("read_known", partner=partners, idempotency_key=[item.idempotency_key for item in asking])
    reserving = [item for item in items if isinstance(item, Reserve)]
    need("read_quotes", quote_id=[item.quote_id for item in reserving])
    owing = {pen.chart.owners(item.source_program, item.target_program).source_partner for item in reserving}
    owing |= {pen.chart.partners[item.partner] for item in items if isinstance(item, Grant)}
    need("read_caps", account=[account_number(number, Account.POSITION) for number in sorted(owing)])
    touched = {item.exchange_id for item in items if isinstance(item, Answered | Cancel | Sent | Postpone)}
    reversing = {item.original_id for item in items if isinstance(item, Reverse)}
    need("read_exchanges", exchange_id=list(touched | reversing))
    need("read_orders", exchange_id=list(touched))
    need("read_reversing", exchange_id=list(reversing))
    need("read_cases", seq=[item.case for item in items if isinstance(item, Resolve)])
    limit = sum(item.limit for item in items if isinstance(item, Claim))
    if limit:
        # an order that this very batch answers first leaves room for another
        found.append(("read_due", {"lane": pen.lane, "now": pen.clock(), "most": limit + len(touched)}))
    return found


_FILL: dict[str, Callable[[Read, Any, int], None]] = {
    "read_nonces": lambda read, row, _: read.nonces.__setitem__((row[0], row[1]), row[2]),
    "read_keys": lambda read, row, _: read.keys.__setitem__(row[0], LiveKey(*row[1:])),
    "read_quotes": lambda read, row, _: read.quotes.add(row[0]),
    "read_reversing": lambda read, row, _: read.reversing.add(row[0]),
    "read_caps": lambda read, row, _: read.caps.__setitem__(row[0], Cap(*row[1:])),
    "read_cases": lambda read, row, _: read.cases.__setitem__(row[0], CaseState(*row)),
}


def _fill_exchanges(read: Read, row: Any, _lane: int) -> None:
    exchange = rows.exchange_of(row)
    read.exchanges.setdefault(exchange.exchange_id, exchange)


def _fill_orders(read: Read, row: Any, _lane: int) -> None:
    order = rows.order_of(row)
    read.orders.setdefault((order.exchange_id, int(order.leg)), order)


def _fill_due(read: Read, row: Any, _lane: int) -> None:
    order = rows.order_of(row)
    read.due.append(read.orders.setdefault((order.exchange_id, int(order.leg)), order))


def _fill_known(read: Read, row: Any, _lane: int) -> None:
    exchange = rows.exchange_of(row)
    exchange = read.exchanges.setdefault(exchange.exchange_id, exchange)
    read.known[(exchange.partner, exchange.idempotency_key)] = exchange


def _fill_leaves(read: Read, row: Any, lane: int) -> None:
    read.leaves[row[0]] = LeafView(lane, *row)


_FILL |= {
    "read_exchanges": _fill_exchanges,
    "read_orders": _fill_orders,
    "read_due": _fill_due,
    "read_known": _fill_known,
    "read_leaves": _fill_leaves,
}


Wanted = Sequence[tuple[str, Mapping[str, Any]]]
"""Names of statements and their values; the lane is added to each."""

_BEGIN: Statement = ("BEGIN", {})
_COMMIT: Statement = ("COMMIT", {})
_DISCARD_PLANS: Statement = ("DISCARD PLANS", {})


def _of_lane(pen: Pen, wanted: Wanted) -> list[Statement]:
    return [(statement(name), {"lane": pen.lane, **values}) for name, values in wanted]


def _put_in_place(pen: Pen, read: Read, wanted: Wanted, found: Sequence[Rows]) -> None:
    """Orders come after exchanges, what is due after orders."""
    for (name, _), found_rows in zip(wanted, found, strict=True):
        fill = _FILL[name]
        for row in found_rows:
            fill(read, row, pen.lane)


def _missing(read: Read) -> list[tuple[str, Mapping[str, Any]]]:
    """What the first rows point to: the exchange of a case and of a due order, the original of a reversal, orders, receipts."""
    known = read.known.values()
    cases = {case.exchange_id for case in read.cases.values()}
    named = cases | {order.exchange_id for order in read.due}
    named |= {exchange.original_id for exchange in read.exchanges.values() if exchange.original_id}
    with_orders = {owner for owner, _ in read.orders} - {order.exchange_id for order in read.due}  # one leg is not all
    wanted: dict[str, Mapping[str, list[Any]]] = {
        "read_exchanges": {"exchange_id": sorted(named - read.exchanges.keys())},
        "read_orders": {"exchange_id": sorted((cases | {exchange.exchange_id for exchange in known}) - with_orders)},
        "read_leaves": {"seq": sorted({exchange.reserved_seq for exchange in known} - read.leaves.keys())},
    }
    return [(name, columns) for name, columns in wanted.items() if all(columns.values())]


async def _learn(pen: Pen, wanted: Wanted) -> tuple[Any, Read]:
    """(1) Lock the lane, (2) read what the batch needs: each a statement of its own, sent together, run in order."""
    read = Read()
    _, head, *found = await pen.pipeline.run([_BEGIN, *_of_lane(pen, [("lane_lock", {}), *wanted])])
    if not head:
        message = f"lane {pen.lane} does not exist: run the migration"
        raise errors.Misconfigured(message)
    _put_in_place(pen, read, wanted, found)
    for _ in range(2):  # a case leads to a reversal, a reversal to its original
        if more := _missing(read):
            _put_in_place(pen, read, more, await pen.pipeline.run(_of_lane(pen, more)))
    return head[0], read


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
    codes = {code for item in items if isinstance(item, Reserve) for code in (item.source_program, item.target_program)}
    partners = {item.partner for item in items if isinstance(item, Grant)}
    if not (codes <= pen.chart.programs.keys() and partners <= pen.chart.partners.keys()):
        await _load_chart(pen)


async def _complete_chart(pen: Pen, book: Book) -> None:
    """Know the numbers of programs that another process met first: its exchanges are moved on here too."""
    found = book.read.exchanges.values()
    if {code for one in found for code in (one.source_program, one.target_program)} - pen.chart.programs.keys():
        await _load_chart(pen)
        book.chart = pen.chart


async def _load_chart(pen: Pen) -> None:
    (found,) = await pen.pipeline.run([(statement("read_chart"), {})])
    pen.chart = chart_of(found)


def _caps_to_open(pen: Pen, book: Book) -> list[tuple[str, Mapping[str, Any]]]:
    """Have a row for every partner whose position moves; one that is only ever owed was granted nothing."""
    new = sorted(book.changes.caps.keys() - pen.capped)
    return [("open_caps", {"account": new})] if new else []


def chart_of(found: Iterable[Sequence[Any]]) -> Chart:
    """The numbers of all programs and partners, from the rows of `read_chart`."""
    listed = list(found)
    programs = {program: (number, owner) for program, number, _, owner in listed if program is not None}
    return Chart(programs, {partner: owner for _, _, partner, owner in listed})


async def write_batch(pen: Pen, items: Sequence[Item]) -> list[Result]:
    """Write these items as one transaction and return one result for each, in order. Raises when nothing was kept, or unknown."""
    await _ensure_chart(pen, items)
    (last_at, size, frontier, window_id, _), read = await _learn(pen, _reads(pen, items))
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
    await pen.pipeline.run([*_of_lane(pen, wanted), _COMMIT], sent=lambda: _pass(pen, book, "written"))
    pen.capped |= book.changes.caps.keys()
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
