"""Recompute the books of a lane from entries, log and exchanges, and say what was checked and what does not hold.

The verifier trusts nothing that the writer keeps for speed: positions, caps, tiles, the frontier and sealed roots are all made again.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from clearing.database import statement
from clearing.ledger import rows
from clearing.ledger.accept import accepted
from clearing.ledger.adjust import ADJUSTED, HOUSE_PARTIES, LODGED, PAID, entries_of
from clearing.ledger.book import TILE_LEVELS, Chart
from clearing.ledger.outcomes import AdjustmentView, ExchangeView
from clearing.ledger.pen import chart_of
from clearing.rules import merkle, postings
from clearing.rules.agreements import Bearer
from clearing.rules.lifecycle import Event, Path
from clearing.rules.postings import Account, account_number

Connection = AsyncConnection[Any]
SHOWN_MOST = 20


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was checked: how much of it, and what was found wrong."""

    name: str
    looked_at: int
    findings: tuple[str, ...]

    @property
    def holds(self) -> bool:
        """Whether nothing was found."""
        return not self.findings


async def verify(connection: Connection, lane: int) -> list[Check]:
    """Every check, on one snapshot of the books. Law: untouched books give no finding; any changed row of them gives one."""
    await connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
    checks = await examine(connection, lane)
    await connection.rollback()
    return checks


async def examine(connection: Connection, lane: int) -> list[Check]:
    """Every check, on the books as this connection sees them now."""
    checks = [await _sql(connection, lane, *named) for named in _QUERIES]
    return checks + [await check(connection, lane) for check in _WALKS]


_QUERIES: tuple[tuple[str, str, str], ...] = (
    (
        "entries of every event add up to zero in each unit",
        "verify_entries",
        "SELECT count(*) FROM entry WHERE lane = %s",
    ),
    (
        "entries of every window add up to zero in each unit",
        "verify_windows",
        "SELECT count(DISTINCT window_id) FROM entry WHERE lane = %s",
    ),
    (
        "positions are the sums of their entries",
        "verify_positions",
        "SELECT count(*) FROM position_slice WHERE lane = %s",
    ),
    ("caps are what is booked and pending", "verify_caps", "SELECT count(*) FROM cap_slice WHERE lane = %s"),
    ("every exchange is resolved once at most", "verify_resolutions", "SELECT count(*) FROM exchange WHERE lane = %s"),
    (
        "reversed parts are the sums of their reversals",
        "verify_reversed",
        "SELECT count(*) FROM exchange WHERE lane = %s AND original_id IS NOT NULL",
    ),
    (
        "every receipt number stands once",
        "verify_references",
        "SELECT count(*) FROM exchange WHERE lane = %s AND reference IS NOT NULL",
    ),
    ("budgets are what their bonuses promised", "verify_budgets", "SELECT count(*) FROM budget_slice WHERE lane = %s"),
    (
        "every exchange in review has an owner and a due time",
        "verify_owners",
        "SELECT count(*) FROM exchange WHERE lane = %s AND state = 'review'",
    ),
    (
        "every exchange that has not ended is being asked about, and no other",
        "verify_asked",
        "SELECT count(*) FROM orders WHERE lane = %s AND due_at IS NOT NULL",
    ),
)


async def _sql(connection: Connection, lane: int, name: str, query: str, counted: str) -> Check:
    found = await (await connection.execute(statement(query), {"lane": lane})).fetchall()
    count = await (await connection.execute(counted, [lane])).fetchone()
    return Check(name, count[0] if count else 0, tuple(" ".join(map(str, row)) for row in found[:SHOWN_MOST]))


async def _log(connection: Connection, lane: int) -> Check:
    """The log is gapless, every leaf opens its commitment, and tiles, frontier and sealed roots follow from the leaves."""
    found: list[str] = []
    frontier: list[bytes] = []
    tiles: dict[tuple[int, int], bytes] = {}
    windows = await (await connection.execute(statement("verify_sealed"), {"lane": lane})).fetchall()
    sealed = {size for _, _, size, _ in windows}
    roots: dict[int, bytes] = {0: merkle.EMPTY_ROOT}
    size = 0
    for seq, kind, exchange_id, salt, event, kept in await _all(connection, lane, "verify_leaves"):
        if seq != size:
            found.append(f"event {size} is missing")
            break
        leaf = merkle.leaf_hash(merkle.commitment(salt, event))
        told = _read(event)
        name = None if exchange_id is None else str(exchange_id)
        if leaf != kept or (told.get("seq"), told.get("event"), told.get("exchange")) != (seq, kind, name):
            found.append(f"event {seq} does not open its commitment")
        for level, node in merkle.append(frontier, seq, leaf):
            if level and level % TILE_LEVELS == 0:
                tiles[(level, seq >> level)] = node
        size += 1
        if size in sealed:
            roots[size] = merkle.root(frontier)
    found += [
        f"window {window} is sealed over another root"
        for window, _, at, root in windows
        if at is not None and roots.get(at) != root
    ]
    begins = [0, *(at for _, _, at, _ in windows)]
    if [opened for _, opened, _, _ in windows] != begins[:-1] or None in begins[:-1] or begins[-1] is not None:
        found.append("the windows do not follow one another up to the open one")
    kept_tiles = {(level, place): node for level, place, node in await _all(connection, lane, "verify_tiles")}
    found += [f"tile {name} is not the hash of its leaves" for name in tiles.keys() ^ kept_tiles.keys()]
    found += [
        f"tile {name} is not the hash of its leaves"
        for name in tiles.keys() & kept_tiles.keys()
        if tiles[name] != kept_tiles[name]
    ]
    head = await (await connection.execute(statement("lane_head"), {"lane": lane})).fetchone()
    if head is None or (head[1], list(head[2]), head[3]) != (size, frontier, windows[-1][0] if windows else None):
        found.append("the head of the lane is not the end of the log")
    return Check("the log is gapless and its Merkle roots follow from its events", size, tuple(found[:SHOWN_MOST]))


def _read(event: bytes) -> dict[str, Any]:
    """What the bytes of an event say; nothing, when they are no event."""
    try:
        told = orjson.loads(event)
    except orjson.JSONDecodeError:
        return {}
    return told if isinstance(told, dict) else {}


async def _all(connection: Connection, lane: int, name: str) -> list[Any]:
    return await (await connection.execute(statement(name), {"lane": lane})).fetchall()


_BOOKED: dict[tuple[str, Path], Event] = {
    ("posted", Path.HELD): Event.GIVEN,
    ("posted", Path.DEBITED): Event.GIVEN,
    ("posted", Path.ISSUED): Event.GIVEN,
    ("posted", Path.CHARGED): Event.TAKEN,
    ("posted", Path.AUTHORISED): Event.KEPT,
    ("debited", Path.DEBITED): Event.TAKEN,
    ("voided", Path.DEBITED): Event.RETURNED,
    ("reversal_posted", Path.REVERSAL): Event.TAKEN,
    ("reversal_posted", Path.CLAWBACK): Event.TAKEN,
    ("reversal_posted", Path.REFUND): Event.GIVEN,
    ("returned", Path.REVERSAL): Event.GIVEN,
}


_POSTS = frozenset({"posted", "reversal_posted"})
_BONUS = {"bonus_posted": (postings.BONUS_GIVEN, +1), "bonus_returned": (postings.BONUS_TAKEN_BACK, -1)}


async def _postings(connection: Connection, lane: int) -> Check:
    """What each event booked is what the table of postings says for the terms that were signed for."""
    chart = chart_of(await (await connection.execute(statement("read_chart"))).fetchall())
    exchanges = {row[0]: rows.exchange_of(row) for row in await _all(connection, lane, "verify_exchanges")}
    booked = {seq: [tuple(line) for line in entries] for seq, entries in await _all(connection, lane, "verify_booked")}
    adjustments = {row[0]: AdjustmentView(*row) for row in await _all(connection, lane, "verify_adjustments")}
    reserved: dict[UUID, dict[str, Any]] = {}
    debited: set[UUID] = set()
    found: list[str] = []
    for seq, kind, exchange_id, _, event, _ in await _all(connection, lane, "verify_leaves"):
        told = _read(event)
        if kind in {"reserved", "reversal_reserved"}:
            reserved[exchange_id] = told
        elif kind == "debited":
            debited.add(exchange_id)
        if kind in {ADJUSTED, PAID, LODGED}:
            if booked.pop(seq, []) != _adjusted(adjustments.pop(exchange_id, None), seq, kind, told, chart):
                found.append(f"event {seq} ({kind}) booked something else than it says")
            continue
        exchange = exchanges.get(exchange_id)
        due = _due(exchange, kind, told, chart, taken=exchange_id in debited) if exchange else []
        if exchange and kind in _POSTS and told.get("window") != exchange.window_id:
            found.append(f"exchange {exchange_id} is not in the window that it was posted in")
        if booked.pop(seq, []) != due or [tuple(line) for line in told.get("entries", [])] != due:
            found.append(f"event {seq} ({kind}) booked something else than the table says")
    found += [f"entries of event {seq} belong to no event" for seq in booked]
    found += [f"adjustment {name} belongs to no event" for name in adjustments]
    found += [
        f"exchange {name} is not what was accepted"
        for name, row in exchanges.items()
        if not _as_accepted(row, reserved.get(name))
    ]
    return Check("every event booked what the table of postings says", len(exchanges), tuple(found[:SHOWN_MOST]))


def _adjusted(
    row: AdjustmentView | None, seq: int, kind: str, told: dict[str, Any], chart: Chart
) -> list[tuple[int, int]]:
    """What an adjustment or a payment must have booked, if its row still says what its event says."""
    said = [tuple(line) for line in told.get("lines", [])]
    if row is None or not {party for party, _ in said} - HOUSE_PARTIES <= chart.partners.keys():
        return [(-1, 0)]
    kept = (row.seq, row.kind, row.window_id, row.of_window, row.reason, row.reference, row.lines)
    words = (told.get("window"), told.get("of_window"), told.get("reason"), told.get("reference"))
    if kept != (seq, kind, *words, orjson.dumps(said).decode()):
        return [(-1, 0)]
    return [(entry.account, entry.amount) for entry in entries_of(kind, said, chart)]


def _due(
    exchange: ExchangeView, kind: str, told: dict[str, Any], chart: Chart, *, taken: bool
) -> list[tuple[int, int]]:
    if not chart.knows(exchange) or not chart.pays(exchange.funders):
        return [(-1, 0)]  # nobody's accounts: whatever was booked is not what the table says
    owners = chart.owners(exchange)
    entries: tuple[postings.Entry, ...]
    if kind == "late_credit":
        entries = postings.book(postings.LATE_CREDIT, exchange.terms, owners)
    elif kind in _BONUS:
        rules, sign = _BONUS[kind]
        paid = [(chart.funder(share.funder), share.value) for share in exchange.funders]
        entries = (*postings.book(rules, exchange.terms, owners), *postings.funded(paid, sign))
    elif told.get("shortfall"):
        short = Event.TAKEN_PAID if exchange.bearer == Bearer.PARTNER else Event.TAKEN_SHORT
        entries = postings.entries(exchange.path, short, exchange.terms, owners)
    elif (event := _BOOKED.get((kind, exchange.path))) and (kind != "voided" or taken):
        entries = postings.entries(exchange.path, event, exchange.terms, owners)
    else:
        entries = ()
    return [(entry.account, entry.amount) for entry in entries]


def _as_accepted(exchange: ExchangeView, told: dict[str, Any] | None) -> bool:
    """Whether the row still says what the receipt's event says."""
    if told is None or told.get("seq") != exchange.reserved_seq:
        return False
    row: dict[str, Any] = orjson.loads(orjson.dumps(accepted(exchange), option=orjson.OPT_UTC_Z))
    return {name: value for name, value in told.items() if name not in _NOT_ACCEPTED} == row


_NOT_ACCEPTED = frozenset({"event", "lane", "seq", "at", "exchange", "evidence"})
"""What an event says beside the terms that were accepted."""


async def _grants(connection: Connection, lane: int) -> Check:
    """What each partner may owe is what the log granted last."""
    chart = chart_of(await (await connection.execute(statement("read_chart"))).fetchall())
    granted = {account_number(number, Account.POSITION): 0 for number in chart.partners.values()}
    for _, kind, _, _, event, _ in await _all(connection, lane, "verify_leaves"):
        told = _read(event)
        if kind == "granted" and told.get("partner") in chart.partners:
            granted[account_number(chart.partners[told["partner"]], Account.POSITION)] = told["granted"]
    kept = dict(await _all(connection, lane, "verify_granted"))
    found = tuple(f"{name} was granted {was}" for name, was in granted.items() if kept.get(name, 0) != was)
    return Check("caps are what was granted last", len(granted), found[:SHOWN_MOST])


async def _budgets(connection: Connection, lane: int) -> Check:
    """What each campaign may spend is what the log gave it last."""
    given: dict[str, tuple[int | None, int | None]] = {}
    for _, kind, _, _, event, _ in await _all(connection, lane, "verify_leaves"):
        told = _read(event)
        if kind == "funded":
            given[told.get("campaign", "")] = (told.get("units"), told.get("value"))
    kept = {name: (units, value) for name, units, value in await _all(connection, lane, "verify_funded")}
    found = tuple(f"{name} was given {was}" for name, was in given.items() if kept.get(name) != was)
    return Check("budgets are what was given last", len(given), found[:SHOWN_MOST])


_WALKS: tuple[Callable[[Connection, int], Awaitable[Check]], ...] = (_log, _postings, _grants, _budgets)
