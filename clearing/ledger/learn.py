"""What a batch must know before it decides: the head of its lane, and the rows that its items are about, read under the lane's lock."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from clearing import errors
from clearing.ledger import rows
from clearing.ledger.book import CaseState, LiveKey, Read
from clearing.ledger.items import (
    Adjust,
    Answered,
    Cancel,
    Capture,
    Claim,
    Fund,
    Grant,
    Item,
    Lodge,
    Pay,
    Postpone,
    Remember,
    Reserve,
    Resolve,
    Reverse,
    Sent,
    Try,
)
from clearing.ledger.outcomes import AdjustmentView, LeafView
from clearing.ledger.pen import Pen, Wanted, of_lane
from clearing.pipeline import Rows, Statement
from clearing.rules.limits import Budget, Cap, Used
from clearing.rules.members import Consent, Link
from clearing.rules.postings import Account, account_number
from clearing.rules.quoting import QUOTE_LIFE

_BEGIN: Statement = ("BEGIN", {})
_OF_PARTNERS = (Adjust, Fund, Grant, Lodge, Pay)
"""Items that are of no exchange: rare, so that most batches are looked through for them once and find none."""


def _signed(items: Iterable[Item]) -> list[tuple[str, str]]:
    signing = (Remember, Reserve, Reverse, Capture, Cancel, Resolve)
    found = [item.signed for item in items if isinstance(item, signing)]
    found += [item.wish.signed for item in items if isinstance(item, Try)]
    found += [item.signed for item in items if isinstance(item, Adjust | Pay) and item.signed is not None]
    return [(signed.key_id, signed.nonce) for signed in found]


def wishes(items: Iterable[Item]) -> list[Reserve]:
    """The exchanges that are to be accepted, or only tried."""
    wanted = [item.wish if isinstance(item, Try) else item for item in items]
    return [item for item in wanted if isinstance(item, Reserve)]


def _touched(items: Sequence[Item]) -> set[UUID]:
    return {item.exchange_id for item in items if isinstance(item, Answered | Capture | Cancel | Sent | Postpone)}


def _reads(pen: Pen, items: Sequence[Item], touched: Sequence[UUID]) -> list[tuple[str, Mapping[str, Any]]]:
    """The statements to read by, after the lock: only those that these items need. `touched` are exchanges that are not remembered."""
    found: list[tuple[str, Mapping[str, Any]]] = []

    def need(name: str, **columns: Any) -> None:
        if all(columns.values()):
            found.append((name, columns))

    signed = _signed(items)
    answering = {item.key_id for item in items if isinstance(item, Answered) and item.key_id}
    keys = sorted({key_id for key_id, _ in signed})
    need("read_nonces", key_id=keys, nonce=[nonce for _, nonce in signed])
    need("read_keys", key_id=sorted(answering.union(keys)))
    asking = [item for item in items if isinstance(item, Reserve | Reverse)]
    need("read_known", idempotency_key=[item.idempotency_key for item in asking])
    reserving, rare = wishes(items), [item for item in items if isinstance(item, _OF_PARTNERS)]
    need("read_quotes", quote_id=[item.quote_id for item in reserving])
    for name, columns in _limits(reserving, {item.campaign for item in rare if isinstance(item, Fund)}):
        need(name, **columns)
    owing = {pen.chart.owners(item).source_partner for item in reserving}
    owing |= {funder for item in reserving for funder, _ in pen.chart.charged(item.shares)}
    capped = {item.partner for item in rare if isinstance(item, Grant | Lodge)} & pen.chart.partners.keys()
    owing |= {pen.chart.partners[partner] for partner in capped}
    need("read_caps", account=[account_number(number, Account.POSITION) for number in sorted(owing)])
    covered = {item.partner for item in rare if isinstance(item, Lodge) or (isinstance(item, Grant) and item.covered)}
    numbers = [pen.chart.partners[partner] for partner in sorted(covered & capped)]
    need("read_covers", account=[account_number(number, Account.COVER) for number in numbers])
    reversing = {item.original_id for item in items if isinstance(item, Reverse)}
    need("read_exchanges", exchange_id=list(reversing.union(touched)))
    need("read_orders", exchange_id=list(reversing.union(touched)))
    need("read_reversing", exchange_id=list(reversing))
    need("read_adjustments", adjustment_id=[booked for item in rare if (booked := _booking(item)) is not None])
    need("read_cases", seq=[item.case for item in items if isinstance(item, Resolve)])
    limit = sum(item.limit for item in items if isinstance(item, Claim))
    if limit:
        # an order that this very batch answers first leaves room for another
        found.append(("read_due", {"lane": pen.lane, "now": pen.clock(), "most": limit + len(touched)}))
    return found


def _booking(item: Item) -> UUID | None:
    """The name of what an item books without points."""
    if isinstance(item, Adjust):
        return item.adjustment_id
    if isinstance(item, Pay):
        return item.payment_id
    return item.movement_id if isinstance(item, Lodge) else None


def _limits(reserving: Sequence[Reserve], funded: set[str]) -> list[tuple[str, dict[str, Any]]]:
    """What receipt numbers, budgets and the limits of members and devices are decided by: nothing, for a plain exchange."""
    named = [item for item in reserving if item.reference is not None]
    found: list[tuple[str, dict[str, Any]]] = [
        (
            "read_references",
            {"partner": sorted({item.partner for item in named}), "reference": [item.reference for item in named]},
        ),
        (
            "read_budgets",
            {"campaign": sorted({share.campaign for item in reserving for share in item.shares} | funded)},
        ),
    ]
    counting = {limit.since for item in reserving for limit in item.limits if limit.since is not None}
    if counting:
        limited, since = [item for item in reserving if item.limits], min(counting)
        sending = [one for item in limited if item.source_account for one in (item.source_account, *item.others)]
        issued = [
            one for item in limited if item.target_account and not item.source_account for one in _issued_to(item)
        ]
        devices = [item.device for item in limited if item.device]
        found += [
            ("read_sent", {"source_account": sending, "since": since}),
            ("read_issued", {"target_account": issued, "since": since}),
            ("read_devices", {"device": devices, "since": since}),
        ]
    return found


_LATELY = QUOTE_LIFE + timedelta(minutes=5)
"""How long after a change of members quotes from before it may still come; the five minutes are for waiting and for other clocks."""


def _members(pen: Pen, items: Sequence[Item], members_at: datetime | None) -> list[tuple[str, Mapping[str, Any]]]:
    """Who is closed, and which links live, of those who would move points, if that has changed since they were given a price."""
    if members_at is None or members_at < pen.clock() - _LATELY:
        return []
    reserving = wishes(items)
    ends = sorted({end for item in reserving for end in (item.source_account, item.target_account) if end is not None})
    bound = {item.source_account for item in reserving if item.consent is not None or item.link_days is not None}
    sources = sorted([end for end in bound if end is not None])
    wanted = {"accounts_closed": ends, "links_live": sources}
    return [(name, {"account": accounts}) for name, accounts in wanted.items() if accounts]


def _issued_to(item: Reserve) -> tuple[UUID, ...]:
    return (item.target_account, *item.others) if item.target_account else item.others


_FILL: dict[str, Callable[[Read, Any, int], None]] = {
    "read_nonces": lambda read, row, _: read.nonces.__setitem__((row[0], row[1]), row[2]),
    "read_keys": lambda read, row, _: read.keys.__setitem__(row[0], LiveKey(*row[1:])),
    "read_quotes": lambda read, row, _: read.quotes.add(row[0]),
    "read_reversing": lambda read, row, _: read.reversing.add(row[0]),
    "read_caps": lambda read, row, _: read.caps.__setitem__(row[0], Cap(*row[1:])),
    "read_covers": lambda read, row, _: read.covers.__setitem__(row[0], row[1]),
    "read_references": lambda read, row, _: read.references.add(tuple(row)),
    "read_budgets": lambda read, row, _: read.budgets.__setitem__(row[0], Budget(*row[1:])),
    "read_sent": lambda read, row, _: read.used[row[0]].append(Used(*row[1:])),
    "read_issued": lambda read, row, _: read.used[row[0]].append(Used(*row[1:])),
    "read_devices": lambda read, row, _: read.used[row[0]].append(Used(*row[1:])),
    "read_adjustments": lambda read, row, _: read.adjustments.__setitem__(row[0], AdjustmentView(*row)),
    "accounts_closed": lambda read, row, _: read.closed.add(row[0]),
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


def _fill_links(read: Read, row: Any, _lane: int) -> None:
    *link, scope, channels = row[:13]
    consent = None if row[14] is None else Consent(tuple(scope), tuple(channels), *row[13:])
    read.links.append(replace(Link(*link), consent=consent))


def _fill_leaves(read: Read, row: Any, lane: int) -> None:
    read.leaves[row[0]] = LeafView(lane, *row)


_FILL |= {
    "read_exchanges": _fill_exchanges,
    "read_orders": _fill_orders,
    "read_due": _fill_due,
    "read_known": _fill_known,
    "read_leaves": _fill_leaves,
    "links_live": _fill_links,
}


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
        "read_leaves": {"seq": sorted(_receipts(read) - read.leaves.keys())},
    }
    return [(name, columns) for name, columns in wanted.items() if all(columns.values())]


def _receipts(read: Read) -> set[int]:
    """The events of what was accepted before by the same key or id."""
    return {one.reserved_seq for one in read.known.values()} | {one.seq for one in read.adjustments.values()}


def _require_sound(pen: Pen, asked_at: datetime, told_at: datetime) -> None:
    """A clock that is wrong must not write: the lane never goes back, so one batch would move every later one, and seal windows.

    The database told its time between the question and now. Raises errors.ClockUnsound; nothing is kept.
    """
    if (most := pen.clock_difference_max) is not None and not asked_at - most <= told_at <= pen.clock() + most:
        raise errors.ClockUnsound(retry_after=5)


async def learn(pen: Pen, items: Sequence[Item]) -> tuple[Any, Read]:
    """(1) Lock the lane, (2) read what the batch needs: each a statement of its own, sent together, run in order.

    Returns the lane's row (last time, size, frontier, window, version of the calendar) and what was read. What this writer remembers is
    not read, unless another has written meanwhile.
    """
    pen.memory.prepare(items)
    known, unknown = pen.memory.split(_touched(items))
    wanted = _reads(pen, items, unknown)
    read = Read()
    asked_at = pen.clock()
    _, head, *found = await pen.pipeline.run([_BEGIN, *of_lane(pen, [("lane_lock", {}), *wanted])])
    if not head:
        message = f"lane {pen.lane} does not exist: run the migration"
        raise errors.Misconfigured(message)
    *lane, writer, version, told_at, members_at = head[0]
    _require_sound(pen, asked_at, told_at)
    if writer == pen.writer:
        pen.memory.recall(read, known)
    elif known:
        late = [("read_exchanges", {"exchange_id": known}), ("read_orders", {"exchange_id": known})]
        _put_in_place(pen, read, late, await pen.pipeline.run(of_lane(pen, late)))
    if writer != pen.writer:
        pen.memory.forget()
    _put_in_place(pen, read, wanted, found)
    if members := _members(pen, items, members_at):
        read.looked_at = True
        _put_in_place(pen, read, members, await pen.pipeline.run(of_lane(pen, members)))
    for _ in range(2):  # a case leads to a reversal, a reversal to its original
        if more := _missing(read):
            _put_in_place(pen, read, more, await pen.pipeline.run(of_lane(pen, more)))
    return (*lane, version), read
