"""Rows of the books as the ledger's records, and records as the parallel arrays that statements take."""

from collections.abc import Callable, Iterable, Sequence
from operator import attrgetter
from typing import Any

from clearing.ledger.book import Changes, OrderState
from clearing.ledger.outcomes import ExchangeView, LeafView
from clearing.rules.lifecycle import Kind, Leg, Operation, Path, State

EXCHANGE_COLUMNS = (
    "exchange_id",
    "path",
    "original_id",
    "partner",
    "idempotency_key",
    "fingerprint",
    "request_id",
    "quote_id",
    "terms_version",
    "state",
    "reserved_at",
    "posted_at",
    "window_id",
    "ended_at",
    "reason",
    "source_program",
    "target_program",
    "source_account",
    "target_account",
    "sent",
    "received",
    "debit",
    "funding",
    "credit",
    "fee",
    "rounding",
    "reversed",
    "kept_leg",
    "cancelled",
    "reserved_seq",
    "kind",
    "occurred_at",
    "reference",
    "capture_by",
    "captured",
    "bearer",
    "bonus",
    "bonus_credit",
    "bonus_due",
    "shares",
    "device",
    "charges",
)
_EXCHANGE_MOVED = (
    "exchange_id",
    "state",
    "posted_at",
    "window_id",
    "ended_at",
    "reason",
    "reversed",
    "kept_leg",
    "cancelled",
    "captured",
)
ORDER_COLUMNS = (
    "exchange_id",
    "leg",
    "operation",
    "program",
    "account",
    "amount",
    "refers",
    "state",
    "lease",
    "due_at",
    "created_at",
    "sent_at",
    "attempts",
    "answered_at",
    "reason",
    "evidence_id",
)
_ORDER_MOVED = (
    "exchange_id",
    "leg",
    "state",
    "lease",
    "due_at",
    "sent_at",
    "attempts",
    "answered_at",
    "reason",
    "evidence_id",
)
_NONCE = ("key_id", "nonce", "request_id", "expires_at")
_EVIDENCE = ("evidence_id", "kind", "key_id", "signed_at", "base", "signature", "digest", "meta")
_SEALED = ("kek_id", "wrapped", "seal_nonce", "box")
_ENTRY = ("seq", "line", "account", "window_id", "amount", "exchange_id")
_LEAF = ("seq", "at", "kind", "exchange_id", "salt", "event", "hash")
_TILE = ("level", "place", "hash")
_POSITION = ("window_id", "account", "debits", "credits")
_GRANT = ("account", "granted", "position", "pending")
_CAP = ("account", "position", "pending")
_FUND = ("campaign", "units", "value")
_BUDGET = ("campaign", "units_used", "value_used")
_ADJUSTMENT = (
    "adjustment_id",
    "kind",
    "seq",
    "at",
    "window_id",
    "of_window",
    "reason",
    "reference",
    "lines",
    "evidence_id",
)
_CASE = ("seq", "exchange_id", "leg", "kind", "owner", "opened_at", "due_at", "detail")
_CLOSED = ("seq", "closed_at", "decision", "closed_by")

_LEG = ORDER_COLUMNS.index("leg")
_PATH, _STATE, _KIND = (EXCHANGE_COLUMNS.index(name) for name in ("path", "state", "kind"))


# Looking a word up in a dict takes a sixth of calling its enum.
_PATHS, _STATES = {str(path): path for path in Path}, {str(state): state for state in State}
_KINDS = {str(kind): kind for kind in Kind}
_LEGS, _OPERATIONS = {int(leg): leg for leg in Leg}, {str(operation): operation for operation in Operation}


def exchange_of(row: Sequence[Any]) -> ExchangeView:
    """An exchange from its columns, in the order of the SQL files."""
    values = list(row)
    values[_PATH], values[_STATE], values[_KIND] = _PATHS[row[_PATH]], _STATES[row[_STATE]], _KINDS[row[_KIND]]
    return ExchangeView(*values)


def known_of(row: Sequence[Any], lane: int) -> tuple[ExchangeView, LeafView]:
    """An exchange with the leaf of its receipt."""
    exchange = exchange_of(row[:-3])
    return exchange, LeafView(lane, exchange.reserved_seq, *row[-3:])


def order_of(row: Sequence[Any]) -> OrderState:
    """An order from its columns, in the order of the SQL files."""
    values = list(row)
    values[_LEG], values[_LEG + 1] = _LEGS[values[_LEG]], _OPERATIONS[values[_LEG + 1]]
    return OrderState(*values)


Arrays = dict[str, list[Any]]


def _arrays(columns: tuple[str, ...], rows: Iterable[Sequence[Any]]) -> Arrays:
    return dict(zip(columns, map(list, zip(*rows, strict=True)), strict=True))


def _picked(columns: tuple[str, ...], records: Iterable[Any]) -> Arrays:
    return _arrays(columns, map(attrgetter(*columns), records))


def _evidence(changes: Changes) -> Arrays:
    plain = attrgetter(*_EVIDENCE)
    sealed = attrgetter("kek_id", "wrapped", "nonce", "box")
    return _arrays(_EVIDENCE + _SEALED, [(*plain(one), *sealed(one.sealed)) for one in changes.evidence.values()])


def _moved(changes: Changes) -> list[ExchangeView]:
    new = {exchange.exchange_id for exchange in changes.exchanges}
    return [exchange for name, exchange in changes.moved.items() if name not in new]


def _positions(changes: Changes) -> list[tuple[int, ...]]:
    return [(*name, *sums) for name, sums in sorted(changes.positions.items())]


_STATEMENTS: tuple[tuple[str, Callable[[Changes], Any], Callable[[Any], Arrays]], ...] = (
    ("insert_nonces", lambda c: c.nonces, lambda rows: _arrays(_NONCE, rows)),
    ("insert_exchanges", lambda c: c.exchanges, lambda rows: _picked(EXCHANGE_COLUMNS, rows)),
    ("update_exchanges", _moved, lambda rows: _picked(_EXCHANGE_MOVED, rows)),
    ("insert_orders", lambda c: list(c.orders.values()), lambda rows: _picked(ORDER_COLUMNS, rows)),
    ("update_orders", lambda c: list(c.asked.values()), lambda rows: _picked(_ORDER_MOVED, rows)),
    ("insert_entries", lambda c: c.entries, lambda rows: _arrays(_ENTRY, rows)),
    ("insert_leaves", lambda c: c.leaves, lambda rows: _arrays(_LEAF, rows)),
    ("insert_tiles", lambda c: c.tiles, lambda rows: _arrays(_TILE, rows)),
    ("upsert_positions", _positions, lambda rows: _arrays(_POSITION, rows)),
    ("grant_caps", lambda c: [(*one, 0, 0) for one in c.grants.items()], lambda rows: _arrays(_GRANT, rows)),
    (
        "update_caps",
        lambda c: [(name, *sums) for name, sums in sorted(c.caps.items())],
        lambda rows: _arrays(_CAP, rows),
    ),
    ("fund_budgets", lambda c: [(name, *given) for name, given in c.funds.items()], lambda rows: _arrays(_FUND, rows)),
    (
        "update_budgets",
        lambda c: [(name, *sums) for name, sums in sorted(c.budgets.items())],
        lambda rows: _arrays(_BUDGET, rows),
    ),
    ("insert_adjustments", lambda c: c.adjustments, lambda rows: _picked(_ADJUSTMENT, rows)),
    ("insert_cases", lambda c: c.cases, lambda rows: _arrays(_CASE, rows)),
    ("close_cases", lambda c: c.closed, lambda rows: _arrays(_CLOSED, rows)),
)


def writes(changes: Changes) -> list[tuple[str, Arrays]]:
    """The statements that this batch needs, each with its arrays; statements without rows are left out."""
    found = [(name, arrays(rows)) for name, pick, arrays in _STATEMENTS if (rows := pick(changes))]
    if changes.evidence:
        found.append(("insert_evidence", _evidence(changes)))
    return found
