"""What must hold after every crash, read from SQL on both sides: the house's database and the stores of the programs.

I1 the books: `clearing.ledger.verify` finds nothing. I2 points leave a member only through an exchange that completed. I3 every exchange
ends completed, reversed or in an owned review. I4 at most one effective credit for each exchange, exactly one for a completed one.
I5 the members' number is in no column of any table, in no log and in nothing that a caller heard; sealed boxes hide it.
"""

import asyncio
import base64
from collections import Counter
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

import orjson

from adapters.sandbox import faults
from clearing import database, evidence, partners
from clearing.ledger.verify import verify
from clearing.partners import KeyRow
from tests import canary
from tests.stories.far_sides import HOUSE, KEYRING, LANE, World

EXCHANGES = "SELECT exchange_id, path, state, sent, received FROM exchange"
ORDERS = "SELECT exchange_id, leg, operation, program, account, amount, state, evidence_id, sent_at FROM orders"
CASES = "SELECT exchange_id, leg, kind FROM review_case WHERE closed_at IS NULL AND owner <> '' AND due_at > opened_at"
LATE = "SELECT exchange_id FROM leaf WHERE kind = 'late_credit'"
LEAVES = "SELECT seq, hash, exchange_id FROM leaf WHERE kind IN ('reserved', 'reversal_reserved')"


@dataclass(frozen=True, slots=True)
class Order:
    """An order as the house has it, and how often the far side did it."""

    id: str
    leg: int
    operation: str
    program: str
    account: str
    amount: int
    state: str
    evidence_id: UUID | None
    sent: bool
    effects: int

    disputed: bool  # a case is open about its answers

    @property
    def broken_word(self) -> bool:
        """The program declined, signed that, and did it all the same later: a case, if it is ever heard of; no house knows before.

        Where the house heard of the success first and of the refusal later, the books stand on the success, and the order `differs`.
        """
        fault = faults.of_amount(self.amount, self.operation)
        refused_first = self.state == "declined" or (self.disputed and self.state == "done")
        return refused_first and fault is not None and fault.name == "late_success"

    @property
    def counted(self) -> int:
        """The effects that the house must answer for."""
        return 0 if self.broken_word else self.effects


@dataclass
class Found:
    """Both sides as they are now."""

    world: World
    effects: Counter[str] = field(default_factory=Counter)
    operations: dict[str, tuple[str, str, int]] = field(default_factory=dict)
    orders: dict[UUID, dict[int, Order]] = field(default_factory=dict)
    cases: dict[UUID, dict[int, str]] = field(default_factory=dict)
    late: set[UUID] = field(default_factory=set)


def look(world: World) -> Found:
    """Read everything. The far side is read first: what it was asked for, the house wrote down before."""
    found = Found(world)
    for code, account in world.accounts.items():
        side = world.far.sides[code]
        for id_, operation, amount in side.rows(
            "SELECT id, operation, amount FROM effect WHERE account = ?", str(account)
        ):
            found.effects[id_] += 1
            found.operations[id_] = (code, operation, amount)
        for id_, operation, amount in side.rows(
            "SELECT id, operation, amount FROM operation WHERE account = ?", str(account)
        ):
            found.operations[id_] = (code, operation, amount)
    for exchange_id, leg, kind in world.rows(CASES):
        found.cases.setdefault(exchange_id, {})[leg] = kind
    for exchange_id, leg, operation, program, account, amount, state, proof, sent_at in world.rows(ORDERS):
        id_ = f"{exchange_id.hex}-{leg}"
        order = Order(
            id_,
            leg,
            operation,
            program,
            str(account),
            amount,
            state,
            proof,
            sent_at is not None,
            found.effects[id_],
            found.cases.get(exchange_id, {}).get(leg) in {"late_success", "answer_differs"},
        )
        found.orders.setdefault(exchange_id, {})[leg] = order
    found.late = {row[0] for row in world.rows(LATE)}
    return found


def after_a_crash(world: World, receipts: list[dict[str, Any]]) -> list[str]:
    """What holds even while exchanges are on their way: sound books, receipts that are kept, nothing unknown at the far side."""
    return [*_books(world), *in_flight(world, receipts)]


def in_flight(world: World, receipts: list[dict[str, Any]]) -> list[str]:
    """The same without the books."""
    return [*_receipts(world, receipts), *_strangers(look(world))]


def at_rest(world: World, receipts: list[dict[str, Any]]) -> list[str]:
    """Everything, once nothing is open."""
    found = look(world)
    violations = [*_books(world), *_receipts(world, receipts), *_strangers(found), *_members(world), *private(world)]
    violations += [line for orders in found.orders.values() for order in orders.values() for line in _order(order)]
    violations += asyncio.run(_evidence(world, found))
    for exchange_id, path, state, _, _ in world.rows(EXCHANGES):
        orders, cases = found.orders.get(exchange_id, {}), found.cases.get(exchange_id, {})
        lines = _exchange(path, state, orders, cases)
        if "late_success" in cases.values() and exchange_id not in found.late:
            lines.append("I4 a late success is in no suspense")
        violations += [f"{line}: {path} {exchange_id} {state} {_told(orders)} {cases}" for line in lines]
    (pending,) = world.rows("SELECT coalesce(sum(pending), 0) FROM cap_slice")[0]
    (stuck,) = world.rows(
        "SELECT coalesce(sum(debit), 0) FROM exchange WHERE state = 'review' AND original_id IS NULL AND posted_at IS NULL"
    )[0]
    return violations if pending == stuck else [*violations, f"I1 {pending} pending, {stuck} in review"]


def _told(orders: dict[int, Order]) -> str:
    return " ".join(f"{order.operation} {order.amount}={order.state}/{order.effects}" for order in orders.values())


def _books(world: World) -> list[str]:
    async def checked() -> list[str]:
        async with await database.connect(world.url, application=False) as connection:
            return [f"I1 {check.name}: {line}" for check in await verify(connection, LANE) for line in check.findings]

    return asyncio.run(checked())


def _receipts(world: World, receipts: list[dict[str, Any]]) -> list[str]:
    """A caller who heard of an exchange finds it in the log; one who was killed before the commit left nothing."""
    leaves = {seq: (leaf.hex(), str(exchange_id)) for seq, leaf, exchange_id in world.rows(LEAVES)}
    lost = [
        f"I4 receipt of {line['exchange']} is not in the log"
        for line in receipts
        if leaves.get(line["seq"]) != (line["hash"], line["exchange"])
    ]
    ((kept, told),) = world.rows(
        "SELECT (SELECT count(*) FROM evidence WHERE kind = 'request'),"
        " (SELECT count(*) FROM leaf WHERE kind IN ('reserved', 'reversal_reserved', 'cancelled', 'case_resolved', 'capture_asked'))"
    )
    keys = {line["key"]: line["exchange"] for line in receipts}
    lost += [f"I4 two exchanges for {line['key']}" for line in receipts if keys[line["key"]] != line["exchange"]]
    return lost if kept == told else [*lost, f"I4 {kept} requests are kept and {told} were accepted"]


def _strangers(found: Found) -> list[str]:
    """Orders at the far side that the house never wrote down, or wrote down otherwise."""
    known = {order.id: order for orders in found.orders.values() for order in orders.values()}
    return [
        f"I4 {code} was asked to {operation} {amount} as {id_}, which the house does not know"
        for id_, (code, operation, amount) in found.operations.items()
        if id_ not in known
        or (known[id_].program, known[id_].operation, known[id_].amount) != (code, operation, amount)
    ]


def _members(world: World) -> list[str]:
    """The programs' own books: a balance is its opening and every effect, what is held are the open holds."""
    query = (
        "SELECT balance - opening - (SELECT coalesce(sum(change), 0) FROM effect WHERE effect.account = account.token),"
        " held - (SELECT coalesce(sum(remaining), 0) FROM operation WHERE operation.account = account.token AND"
        " operation = 'hold' AND result = 'done' AND ended IS NULL) FROM account JOIN member USING (number) WHERE token = ?"
    )
    odd = {code: world.far.sides[code].rows(query, str(account)) for code, account in world.accounts.items()}
    return [f"I2 the member of {code} is off by {rows}" for code, rows in odd.items() if rows != [(0, 0)]]


def private(world: World) -> list[str]:
    """Whatever the house kept of its own accord, and whatever its lives and their callers wrote down."""
    places = [*canary.in_tables(world.url), *canary.in_files(world.folder.rglob("*"))]
    return [f"I5 the membership number is in {place}" for place in places]


def _order(order: Order) -> list[str]:
    """What the house believes of an order is what the far side did."""
    if order.effects > 1:
        return [f"I4 {order.id} ({order.operation}) had {order.effects} effects"]
    if order.state == "done" and order.effects != 1 and order.operation != "release":
        return [f"I4 {order.id} ({order.operation}) is done for the house, and was not done"]
    if order.state == "declined" and order.effects and not order.broken_word:
        return [f"I4 {order.id} ({order.operation}) is declined for the house, and was done"]
    if not order.sent and order.effects:
        return [f"I4 {order.id} ({order.operation}) was never sent, and was done"]
    if order.state in {"done", "declined"} and order.evidence_id is None:
        return [f"I4 {order.id} ({order.operation}) is {order.state} without a signed answer"]
    return []


def _exchange(path: str, state: str, orders: dict[int, Order], cases: dict[int, str]) -> list[str]:
    """What the far side did for this exchange is what its state says."""
    take, give, keep, back, anyway = (orders[leg].counted if leg in orders else 0 for leg in range(1, 6))
    if state == "review":
        sound = not cases
        return [line for line, wrong in (("I3 review without a case", sound), ("I4 two credits", give > 1)) if wrong]
    if state not in {"completed", "reversed"}:
        return ["I3 not ended"]
    done = state == "completed"
    if path == "reversal":
        return [] if (take, give) == ((1, 1) if done else (0, 0)) else ["I2 reversal half done"]
    if path in _ALONE:
        return _alone(path, (take, give, keep, back), orders, done=done)
    found = []
    if give != int(done):
        found.append(f"I4 {give} credits")
    if path == "debited" and take - back != int(done):
        found.append(f"I2 {take} debits and {back} returns")
    if path == "held":
        released = int(4 in orders and orders[4].state == "done")  # the release of a hold that ran out has no effect
        if keep + anyway != int(done):
            found.append(f"I2 {keep} captures and {anyway} debits")
        if not done and take != released:
            found.append(f"I2 {take} holds and {released} releases")
    return found


_ALONE = {"issued": 1, "charged": 0, "authorised": 2, "clawback": 0, "refund": 1}
"""The leg, counted from 0, whose one effect such an exchange is."""


def _alone(path: str, effects: tuple[int, ...], orders: dict[int, Order], *, done: bool) -> list[str]:
    """One effect if it completed, none otherwise; points that were held and not captured are released."""
    found = [] if effects[_ALONE[path]] == int(done) else [f"I4 {effects[_ALONE[path]]} effects of one"]
    released = int(4 in orders and orders[4].state == "done")  # the release of a hold that ran out has no effect
    if path == "authorised" and not done and effects[0] != released:
        found.append(f"I2 {effects[0]} holds and {released} releases")
    return found


async def _evidence(world: World, found: Found) -> list[str]:
    """Every order that was decided rests on an answer that the program signed and that says exactly that; verified once each."""
    wrong: list[str] = []
    async with await database.connect(world.url) as connection:
        keys = {row.public.key_id: row for code in world.accounts for row in await partners.keys_of(connection, code)}
        keys |= {row.public.key_id: row for row in await partners.keys_of(connection, None)}
        said: dict[UUID, list[dict[str, Any]]] = {}
        for order in [order for orders in found.orders.values() for order in orders.values() if not order.disputed]:
            proof = order.evidence_id
            if order.state not in {"done", "declined"} or proof is None or proof in world.proven:
                continue
            if proof not in said:
                kept = await partners.evidence_of(connection, LANE, proof)
                said[proof] = [] if kept is None else _said(kept, keys, wrong)
            if not _says(order, said[proof]):
                wrong.append(f"I4 {order.id} is {order.state}; the signed answer says {said[proof]}")
        world.proven |= said.keys()
    return wrong


def _said(kept: evidence.Evidence, keys: dict[str, KeyRow], wrong: list[str]) -> list[dict[str, Any]]:
    """The operations that the signed answer speaks of; a decision of an operator speaks for itself."""
    if kept.kind == "request":
        return [{"decided": True}] if keys[kept.key_id].purpose == "operator" else []
    key = evidence.answer_key_id(kept)
    row = None if key is None else keys.get(key)
    findings = ["unsigned"] if row is None else evidence.verify(kept, HOUSE.public, KEYRING, answer_key=row.public)
    wrong.extend(f"I4 evidence {kept.evidence_id}: {finding}" for finding in findings)
    place = evidence.place("evidence", LANE, kept.evidence_id, "box")
    try:
        body = orjson.loads(base64.b64decode(orjson.loads(evidence.open_sealed(KEYRING, place, kept.sealed))["answer"]))
    except orjson.JSONDecodeError:
        return [{"unreadable": True}]
    return list(body.get("operations", [body]))


def _house() -> Any:
    from tests.stories.far_sides import HOUSE

    return HOUSE.public


def _says(order: Order, said: list[dict[str, Any]]) -> bool:
    if said == [{"decided": True}]:
        return True
    named = [row for row in said if row.get("id") == order.id]
    wanted = (order.operation, order.account, order.amount, order.state)
    return (
        len(named) == 1 and tuple(named[0].get(name) for name in ("operation", "account", "amount", "result")) == wanted
    )
