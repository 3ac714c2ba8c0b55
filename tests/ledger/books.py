"""Small builders for laws of the ledger: a house with three partners, items with ids that count, books as plain values."""

import hashlib
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any
from uuid import UUID

import orjson
from psycopg import AsyncConnection

from clearing import database, errors, partners
from clearing.adapter import Capabilities
from clearing.ledger import Writer, reads
from clearing.ledger.items import (
    Answered,
    Cancel,
    Capture,
    Claim,
    Grant,
    Item,
    Reserve,
    Resolve,
    Reverse,
    Signed,
)
from clearing.ledger.outcomes import ExchangeView, Moved, Outcome, Reserved
from clearing.ledger.verify import examine, verify
from clearing.rules.lifecycle import Kind, Leg, Path, State, Verdict
from clearing.rules.limits import Cap
from clearing.rules.rates import Terms
from clearing.rules.windows import Window
from clearing.signatures import PrivateKey, jws_sign
from tests.conftest import FixedClock

HOTEL, AIR, SHOP = "hotel", "air", "shop"
NUMBERS = {HOTEL: 1, AIR: 2, SHOP: 3}  # partners are registered in this order
PROGRAM = {HOTEL: "nights", AIR: "miles", SHOP: "stars"}
KEYS = {name: PrivateKey.generate(bytes([place]) * 32) for place, name in enumerate((HOTEL, AIR, SHOP, "operator"), 1)}
TERMS = Terms(sent=1_000, received=500, debit=10_000, funding=0, credit=9_000, fee=1_000, rounding=3)
ISSUE = Terms(sent=0, received=400, debit=8_001, funding=0, credit=8_000, fee=1, rounding=1)
SPEND = Terms(sent=900, received=0, debit=7_000, funding=0, credit=6_500, fee=500, rounding=1)
LEASE, OTHER_LEASE = UUID(int=0xA), UUID(int=0xB)
D, X, P, U, N, F = (
    Verdict.DONE,
    Verdict.DECLINED,
    Verdict.PENDING,
    Verdict.UNKNOWN,
    Verdict.NOT_FOUND,
    Verdict.DIFFERS,
)
CAN = Capabilities(hold_seconds=900, idempotent=True, look_up=True, reversal=True, batch=100, longest_seconds=60)


def salts() -> Any:
    """Salts that count: the same log again gives the same leaves."""
    numbers = count()
    return lambda: hashlib.sha256(b"salt %d" % next(numbers)).digest()


def uid(*parts: object) -> UUID:
    """A UUID made of a name."""
    return UUID(bytes=hashlib.sha256(repr(parts).encode()).digest()[:16])


@dataclass(frozen=True, slots=True)
class Box:
    kek_id: str = "kek-1"
    wrapped: bytes = b"w"
    nonce: bytes = b"n" * 12
    box: bytes = b"box"


@dataclass(frozen=True, slots=True)
class Paper:
    """Evidence of nothing in particular."""

    evidence_id: UUID
    signed_at: datetime
    kind: str = "request"
    key_id: str = "k"
    base: bytes = b"base"
    signature: bytes = b"signature"
    digest: bytes | None = None
    meta: bytes = b"{}"
    sealed: Box = field(default_factory=Box)


async def furnish(connection: AsyncConnection, now: datetime) -> None:
    """Three partners with a program and a key each, an operator, and the calendar."""
    await connection.set_autocommit(True)
    await partners.fill_calendar(connection, now)
    for partner in (HOTEL, AIR, SHOP):
        await partners.register_partner(connection, partner, partner.title(), now)
        await partners.register_program(
            connection,
            PROGRAM[partner],
            partner,
            name=PROGRAM[partner],
            unit_name="point",
            adapter="house_json",
            endpoint="http://127.0.0.1:9",
            capabilities=CAN,
            now=now,
        )
    for name, private in KEYS.items():
        owner, purpose = (None, "operator") if name == "operator" else (name, "requests")
        proof = jws_sign(partners.key_proof(private.public.key_id, owner, purpose), private, "clearing-key-proof+jws")
        jwk = dict(private.public.jwk)
        await partners.register_key(connection, jwk, purpose, owner, "sandbox", proof, now)


@dataclass(repr=False)
class House:
    """One lane with its writer, and a connection beside it that sees and may do everything."""

    url: str
    lane: int
    clock: FixedClock
    writer: Writer
    owner: AsyncConnection
    calendar: Sequence[Window]
    cap: int = 10**12
    _numbers: Any = field(default_factory=count)

    # --- items

    def signed(self, by: str = HOTEL, nonce: str | None = None, request: object = None) -> Signed:
        number = next(self._numbers)
        request_id = uid("request", number if request is None else request)
        expires = self.clock() + timedelta(seconds=300)
        return Signed(KEYS[by].public.key_id, nonce or f"nonce-{number}", expires, request_id)

    def paper(self) -> Paper:
        return Paper(uid("paper", next(self._numbers)), self.clock())

    def later(self, seconds: int) -> datetime:
        return self.clock() + timedelta(seconds=seconds)

    def reserve(
        self, name: object = 1, path: Path = Path.HELD, source: str = HOTEL, target: str = AIR, **changes: Any
    ) -> Reserve:
        given: dict[str, Any] = {
            "signed": self.signed(source),
            "evidence": self.paper(),
            "exchange_id": uid(name),
            "path": path,
            "partner": source,
            "idempotency_key": f"key-{name}",
            "fingerprint": b"f" * 32,
            "quote_id": uid("quote", name),
            "quote_expires_at": self.later(600),
            "terms_version": "corridor 1, prices 1 and 1",
            "source_program": PROGRAM[source],
            "target_program": PROGRAM[target],
            "source_account": uid("account", source),
            "target_account": uid("account", target),
            "terms": TERMS,
            "lease": LEASE,
            "lease_until": self.later(60),
        }
        return Reserve(**given | changes)

    def issue(self, name: object = 1, **changes: Any) -> Reserve:
        """The shop issues miles and pays for them."""
        given: dict[str, Any] = {
            "path": Path.ISSUED,
            "source": SHOP,
            "target": AIR,
            "source_program": None,
            "source_account": None,
            "kind": Kind.ACCRUAL,
            "terms": ISSUE,
            "reference": f"receipt {name}",
        }
        return self.reserve(name, **given | changes)

    def spend(self, name: object = 1, path: Path = Path.AUTHORISED, **changes: Any) -> Reserve:
        """A member spends nights at the shop, which is paid for them."""
        given: dict[str, Any] = {
            "partner": SHOP,
            "signed": self.signed(SHOP),
            "target_program": None,
            "target_account": None,
            "kind": Kind.REDEMPTION,
            "terms": SPEND,
            "capture_by": self.later(600) if path is Path.AUTHORISED else None,
        }
        return self.reserve(name, path, **given | changes)

    def capture(self, points: int, name: object = 1, **changes: Any) -> Capture:
        given: dict[str, Any] = {
            "signed": self.signed(SHOP),
            "evidence": self.paper(),
            "exchange_id": uid(name),
            "partner": SHOP,
            "points": points,
            "lease": LEASE,
            "lease_until": self.later(60),
        }
        return Capture(**given | changes)

    def reverse(self, name: object = "back", original: object = 1, sent: int | None = None, **changes: Any) -> Reverse:
        given: dict[str, Any] = {
            "signed": self.signed(),
            "evidence": self.paper(),
            "exchange_id": uid(name),
            "original_id": uid(original),
            "partner": HOTEL,
            "idempotency_key": f"key-{name}",
            "fingerprint": b"r" * 32,
            "sent": sent,
            "reason": "changed_mind",
            "lease": LEASE,
            "lease_until": self.later(60),
        }
        return Reverse(**given | changes)

    def answered(self, leg: int, verdict: Verdict, name: object = 1, **changes: Any) -> Answered:
        given: dict[str, Any] = {
            "exchange_id": uid(name),
            "leg": Leg(leg),
            "verdict": verdict,
            "reason": "because" if verdict is X else None,
            "evidence": self.paper(),
            "retry_at": self.later(30),
            "lease": LEASE,
            "lease_until": self.later(60),
        }
        return Answered(**given | changes)

    def cancel(self, name: object = 1, **changes: Any) -> Cancel:
        given: dict[str, Any] = {"signed": self.signed(), "evidence": self.paper(), "partner": HOTEL}
        return Cancel(**given | {"exchange_id": uid(name)} | changes)

    def resolve(self, case: int, decision: str, **changes: Any) -> Resolve:
        given: dict[str, Any] = {
            "signed": self.signed("operator"),
            "evidence": self.paper(),
            "case": case,
            "decision": decision,
            "operator": "olga",
            "lease": LEASE,
            "lease_until": self.later(60),
        }
        return Resolve(**given | changes)

    def claim(self, limit: int = 10, lease: UUID = OTHER_LEASE) -> Claim:
        return Claim(lease, self.later(60), limit)

    # --- writing

    async def put(self, item: Item) -> Any:
        return await self.writer.put(item)

    async def tell(self, *answers: tuple[int, Verdict], name: object = 1) -> Moved:
        """These answers, one after the other."""
        moved: Moved | None = None
        for leg, verdict in answers:
            moved = await self.writer.put(self.answered(leg, verdict, name))
        assert moved is not None
        return moved

    async def complete(self, name: object = 1, path: Path = Path.HELD, **changes: Any) -> None:
        """An exchange from the beginning to its good end."""
        assert isinstance(await self.put(self.reserve(name, path, **changes)), Reserved)
        ways = ((1, D), (2, D), (3, D)) if path is Path.HELD else ((1, D), (2, D))
        assert (await self.tell(*ways, name=name)).state is State.COMPLETED

    # --- looking

    async def rows(self, query: str, *arguments: object) -> list[tuple[Any, ...]]:
        return await (await self.owner.execute(query, arguments)).fetchall()

    async def exchange(self, name: object = 1) -> ExchangeView:
        found = await reads.exchange(self.owner, self.lane, uid(name))
        assert found is not None
        return found[0]

    async def cap_of(self, partner: str = HOTEL) -> Cap:
        return await reads.cap(self.owner, self.lane, NUMBERS[partner])

    async def cases(self) -> list[reads.OpenCase]:
        return await reads.cases(self.owner, self.lane)

    async def kinds(self) -> list[str]:
        """The verbs of the log, in order, without those of the caps."""
        found = await self.rows("SELECT kind FROM leaf WHERE lane = %s ORDER BY seq", self.lane)
        return [kind for (kind,) in found if kind != "granted"]

    async def balance(self) -> dict[int, int]:
        """Every account that is not at zero."""
        found = await reads.trial_balance(self.owner, self.lane)
        return {account: debits - credits_ for account, debits, credits_ in found if debits != credits_}

    async def findings_within(self) -> list[str]:
        """What the verifier says of the owner's own open transaction."""
        checks = await examine(self.owner, self.lane)
        return [finding for check in checks for finding in check.findings]

    async def findings(self) -> list[str]:
        """What the verifier says."""
        async with await database.connect(self.url) as connection:
            checks = await verify(connection, self.lane)
        return [f"{check.name}: {finding}" for check in checks for finding in check.findings]


@asynccontextmanager
async def moved_in(
    url: str, clock: FixedClock, lane: int = 0, *, cap: int = 10**12, furnished: bool = False, **options: Any
) -> AsyncIterator[House]:
    """A house with an open lane; every partner has `cap`."""
    async with await database.connect(url, application=False) as owner:
        await owner.set_autocommit(True)
        if not furnished:
            await furnish(owner, clock())
        await partners.open_lane(owner, lane, clock())
        calendar = await partners.calendar(owner)
        writer = Writer(
            lambda: database.connect(url),
            lane,
            clock=clock,
            salts=salts(),
            calendar=calendar,
            writer_id=UUID(int=lane + 1),
            **options,
        )
        await writer.start()
        try:
            if cap:
                await writer.put_all([Grant(partner, cap) for partner in (HOTEL, AIR, SHOP)])
            yield House(url, lane, clock, writer, owner, calendar, cap)
        finally:
            await writer.stop()


TABLES = {
    "lane": "lane",
    "lane_window": "window_id",
    "exchange": "exchange_id",
    "orders": "exchange_id, leg",
    "entry": "seq, line",
    "leaf": "seq",
    "nonce": "key_id, nonce",
    "evidence": "evidence_id",
    "position_slice": "window_id, account",
    "cap_slice": "account",
    "budget_slice": "campaign",
    "review_case": "seq",
}
_OF_THE_LANE = {"lane", "frontier", "hash", "sealed_root", "writer"}  # follow from the lane's number


async def contents(house: House) -> dict[str, list[dict[str, Any]]]:
    """Everything the lane holds, apart from what its own number decides."""
    found: dict[str, list[dict[str, Any]]] = {}
    for table, order in TABLES.items():
        cursor = await house.owner.execute(f"SELECT * FROM {table} WHERE lane = %s ORDER BY {order}", [house.lane])
        names = [column.name for column in cursor.description or ()]
        rows = [dict(zip(names, row, strict=True)) for row in await cursor.fetchall()]
        found[table] = [{name: value for name, value in row.items() if name not in _OF_THE_LANE} for row in rows]
    for leaf in found["leaf"]:
        leaf["event"] = {name: value for name, value in orjson.loads(leaf["event"]).items() if name != "lane"}
    return found


def outline(outcomes: Iterable[Outcome | errors.ClearingError]) -> list[object]:
    """Outcomes without the views that move on with their exchange."""
    told: list[object] = []
    for outcome in outcomes:
        if isinstance(outcome, Reserved):
            told.append(("reserved", outcome.leaf.seq, outcome.due, outcome.replayed))
        elif isinstance(outcome, Moved):
            told.append(("moved", outcome.exchange_id, outcome.state, outcome.due))
        elif isinstance(outcome, errors.ClearingError):
            told.append(outcome.code)
        else:
            told.append(outcome)
    return told
