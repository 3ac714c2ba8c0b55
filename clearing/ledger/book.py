"""The open page of one batch: what was read under the lane's lock, and what will be written before it is let go."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import orjson

from clearing import errors
from clearing.ledger.items import Reserve, Signed
from clearing.ledger.outcomes import AdjustmentView, DueOrder, ExchangeView, LeafView
from clearing.ledger.papers import Evidence
from clearing.rules import merkle
from clearing.rules.agreements import HOUSE as HOUSE_CODE
from clearing.rules.lifecycle import Leg, Operation
from clearing.rules.limits import Budget, Cap, Used
from clearing.rules.postings import HOUSE, Entry, Owners
from clearing.rules.quoting import Share
from clearing.rules.windows import Window

TILE_LEVELS = 8  # a proof reads at most 2^8 hashes for each of these steps up the tree
CASE_OWNER = "operations"
CASE_DUE = timedelta(hours=24)
NO_WINDOW = 0  # the slice of sums of entries that belong to no settlement window


@dataclass(slots=True)
class OrderState:
    """An order as the books have it now. Its fields are the columns of `orders`, in the order of the SQL files."""

    exchange_id: UUID
    leg: Leg
    operation: Operation
    program: str
    account: UUID
    amount: int
    refers: str | None
    state: str
    lease: UUID | None
    due_at: datetime | None
    created_at: datetime
    sent_at: datetime | None
    attempts: int
    answered_at: datetime | None
    reason: str | None
    evidence_id: UUID | None

    def due(self) -> DueOrder:
        """What its new holder gets to see."""
        return DueOrder(
            self.exchange_id,
            self.leg,
            self.operation,
            self.program,
            self.account,
            self.amount,
            self.refers,
            self.attempts,
            self.created_at,
            self.sent_at,
            self.state,
        )


@dataclass(slots=True)
class CaseState:
    """A case as the books have it now."""

    seq: int
    exchange_id: UUID
    leg: Leg
    kind: str
    closed_at: datetime | None
    decision: str | None = None
    closed_by: str | None = None


@dataclass(frozen=True, slots=True)
class Chart:
    """The numbers of programs and partners among the owners of accounts."""

    programs: dict[str, tuple[int, int]]  # code → number of the program, number of its partner
    partners: dict[str, int]

    def owners(self, exchange: "Reserve | ExchangeView") -> Owners:
        """Whose accounts an exchange touches. On a side without a program the partner itself pays, or is paid."""
        alone = (HOUSE, self.partners.get(exchange.partner, HOUSE))
        source_program, source_partner = self.programs[exchange.source_program] if exchange.source_program else alone
        target_program, target_partner = self.programs[exchange.target_program] if exchange.target_program else alone
        return Owners(source_program, target_program, source_partner, target_partner)

    def knows(self, exchange: "Reserve | ExchangeView") -> bool:
        """Whether every program and partner of this exchange has its number here."""
        programs = {exchange.source_program, exchange.target_program} - {None}
        return programs <= self.programs.keys() and exchange.partner in self.partners

    def pays(self, shares: Iterable[Share]) -> bool:
        """Whether every funder has its number here."""
        return all(share.funder == HOUSE_CODE or share.funder in self.partners for share in shares)

    def funder(self, code: str) -> int:
        """The number of who pays for a share: the house's own, or that of a partner."""
        return HOUSE if code == HOUSE_CODE else self.partners[code]

    def charged(self, shares: Iterable[Share]) -> list[tuple[int, Share]]:
        """The shares that partners pay, each with its partner's number. What the house pays counts against no cap."""
        return [(self.partners[share.funder], share) for share in shares if share.funder != HOUSE_CODE]


@dataclass(frozen=True, slots=True)
class LiveKey:
    """When a key may sign."""

    not_before: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


@dataclass(slots=True)
class Read:
    """What the batch needs to know, read once."""

    nonces: dict[tuple[str, str], UUID] = field(default_factory=dict)
    keys: dict[str, LiveKey] = field(default_factory=dict)
    known: dict[tuple[str, str], ExchangeView] = field(default_factory=dict)
    leaves: dict[int, LeafView] = field(default_factory=dict)
    quotes: set[UUID] = field(default_factory=set)
    exchanges: dict[UUID, ExchangeView] = field(default_factory=dict)
    reversing: set[UUID] = field(default_factory=set)
    orders: dict[tuple[UUID, int], OrderState] = field(default_factory=dict)
    due: list[OrderState] = field(default_factory=list)
    caps: dict[int, Cap] = field(default_factory=dict)
    covers: dict[int, int] = field(default_factory=dict)  # by account of cover: what is lodged
    references: set[tuple[str, str]] = field(default_factory=set)
    budgets: dict[str, Budget] = field(default_factory=dict)
    used: dict[UUID | bytes, list[Used]] = field(default_factory=lambda: defaultdict(list))  # of a member, or a device
    cases: dict[int, CaseState] = field(default_factory=dict)
    adjustments: dict[UUID, AdjustmentView] = field(default_factory=dict)


@dataclass(slots=True)
class Changes:
    """Rows to write, as tuples in the order of the columns of their statement; and the rows read that were moved."""

    nonces: list[tuple[Any, ...]] = field(default_factory=list)
    evidence: dict[UUID, Evidence] = field(default_factory=dict)
    exchanges: list[ExchangeView] = field(default_factory=list)
    moved: dict[UUID, ExchangeView] = field(default_factory=dict)
    orders: dict[tuple[UUID, int], OrderState] = field(default_factory=dict)
    asked: dict[tuple[UUID, int], OrderState] = field(default_factory=dict)
    entries: list[tuple[Any, ...]] = field(default_factory=list)
    leaves: list[tuple[Any, ...]] = field(default_factory=list)
    tiles: list[tuple[int, int, bytes]] = field(default_factory=list)
    positions: dict[tuple[int, int], list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    caps: dict[int, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    grants: dict[int, int] = field(default_factory=dict)
    budgets: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    funds: dict[str, tuple[int | None, int | None]] = field(default_factory=dict)
    adjustments: list[AdjustmentView] = field(default_factory=list)
    cases: list[tuple[Any, ...]] = field(default_factory=list)
    closed: list[tuple[Any, ...]] = field(default_factory=list)


@dataclass(slots=True)
class Book:
    """The page: decisions read from `read`, write to `changes`, and move the head of the lane on in memory."""

    lane: int
    at: datetime
    window: Window
    size: int
    frontier: list[bytes]
    chart: Chart
    salts: Callable[[], bytes]
    read: Read
    changes: Changes = field(default_factory=Changes)
    verbs: set[str] = field(default_factory=set)

    def use(self, signed: Signed) -> bool:
        """Use up the nonce of a signed request, and see that its key is live now. True: this very request was written before.

        Raises SignatureReplayed, SignatureKeyUnknown, SignatureKeyRevoked; a nonce stays used after the last two.
        """
        name = (signed.key_id, signed.nonce)
        used_by = self.read.nonces.get(name)
        if used_by is not None and used_by != signed.request_id:
            raise errors.SignatureReplayed
        if used_by is None:
            self.read.nonces[name] = signed.request_id
            self.changes.nonces.append((*name, signed.request_id, signed.expires_at))
        if signed.key_id not in self.read.keys:
            raise errors.SignatureKeyUnknown
        if not self.is_live(signed.key_id):
            raise errors.SignatureKeyRevoked
        return used_by is not None

    def is_live(self, key_id: str) -> bool:
        """Whether this key may sign at this instant."""
        key = self.read.keys.get(key_id)
        if key is None or key.revoked_at is not None or key.not_before > self.at:
            return False
        return key.expires_at is None or key.expires_at > self.at

    def keep(self, evidence: Evidence | None) -> UUID | None:
        """Keep what was signed, and return its id."""
        if evidence is None:
            return None
        self.changes.evidence[evidence.evidence_id] = evidence
        return evidence.evidence_id

    def append(self, kind: str, exchange_id: UUID | None, event: dict[str, object]) -> LeafView:
        """Append an event to the log. Its bytes are made here, once, and never again."""
        seq, salt = self.size, self.salts()
        told = orjson.dumps(
            {"event": kind, "lane": self.lane, "seq": seq, "at": self.at, "exchange": exchange_id, **event},
            option=orjson.OPT_UTC_Z,
        )
        leaf = merkle.leaf_hash(merkle.commitment(salt, told))
        for level, node in merkle.append(self.frontier, seq, leaf):
            if level and level % TILE_LEVELS == 0:
                self.changes.tiles.append((level, seq >> level, node))
        self.size = seq + 1
        self.changes.leaves.append((seq, self.at, kind, exchange_id, salt, told, leaf))
        return LeafView(self.lane, seq, salt, told, leaf)

    def enter(self, seq: int, exchange_id: UUID, entries: Sequence[Entry], window_id: int | None) -> None:
        """Book the entries of event `seq` and add them to the sums of their accounts."""
        slices = self.changes.positions
        for line, entry in enumerate(entries):
            self.changes.entries.append((seq, line, entry.account, window_id, entry.amount, exchange_id))
            sums = slices[(window_id or NO_WINDOW, entry.account)]
            if entry.amount > 0:
                sums[0] += entry.amount
            else:
                sums[1] -= entry.amount

    def order(self, order: OrderState) -> None:
        """Write down a new order."""
        name = (order.exchange_id, int(order.leg))
        self.read.orders[name] = self.changes.orders[name] = order

    def held(self, exchange_id: UUID, lease: UUID) -> tuple[DueOrder, ...]:
        """The orders of this exchange that wait for the holder of this lease: what a batch that is written again gave out before."""
        orders = [order for (owner, _), order in self.read.orders.items() if owner == exchange_id]
        return tuple(order.due() for order in orders if order.due_at is not None and order.lease == lease)

    def moved_order(self, order: OrderState) -> None:
        """Note that an order read (or new in this batch) has changed."""
        name = (order.exchange_id, int(order.leg))
        if name not in self.changes.orders:
            self.changes.asked[name] = order

    def moved(self, exchange: ExchangeView) -> None:
        """Note that an exchange read (or new in this batch) has changed."""
        self.changes.moved[exchange.exchange_id] = exchange

    def open_case(self, exchange: ExchangeView, leg: Leg, kind: str, detail: str) -> int:
        """Put a case into the review queue, with an owner and a due time."""
        leaf = self.append("case_opened", exchange.exchange_id, {"case": kind, "leg": int(leg), "detail": detail})
        due_at = self.at + CASE_DUE
        self.changes.cases.append((leaf.seq, exchange.exchange_id, int(leg), kind, CASE_OWNER, self.at, due_at, detail))
        self.read.cases[leaf.seq] = CaseState(leaf.seq, exchange.exchange_id, leg, kind, None)
        return leaf.seq

    def promise(self, shares: Iterable[Share], sign: int) -> None:
        """Take what these shares cost from the budgets of their campaigns (+1), or give it back (-1)."""
        for share in shares:
            sums = self.changes.budgets[share.campaign]
            sums[0] += sign * share.units
            sums[1] += sign * share.value
            if budget := self.read.budgets.get(share.campaign):
                self.read.budgets[share.campaign] = budget.moved(sign * share.units, sign * share.value)

    def move_cap(self, partner: int, *, position: int = 0, pending: int = 0) -> None:
        """Move what a partner's account has booked and pending."""
        sums = self.changes.caps[partner]
        sums[0] += position
        sums[1] += pending
        if cap := self.read.caps.get(partner):
            self.read.caps[partner] = Cap(cap.granted, cap.position + position, cap.pending + pending)
