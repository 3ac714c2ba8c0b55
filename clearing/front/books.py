"""What the books say to those who may ask: positions, programs, proofs, the head of the log, and figures for operators."""

from typing import TYPE_CHECKING

from clearing import database, errors, exchange
from clearing.front import granting, messages, shapes, sources
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.ledger import proofs, reads
from clearing.ledger.outcomes import ExchangeView, LeafView
from clearing.rules.postings import Account
from clearing.signatures import note_sign
from settlement import run as settling

if TYPE_CHECKING:
    from clearing.front.house import House

_NUMBERS_EACH = 16  # the number of an account is its owner's times this, plus its kind
_ASKED_AGAIN = frozenset({"unknown", "not_found", "sent"})


async def position(house: "House", asked: Asked) -> Reply:
    """What the caller owes the house (plus) or is owed (minus), what is pending, and its cap."""
    partner = (await house.live.directory(asked.at)).partners.get(asked.caller.code)
    if partner is None:  # taken in this very moment, by another process
        partner = (await house.live.directory(asked.at, fresh=True)).partners[asked.caller.code]
    async with house.reads.connection() as connection:
        cap = await reads.cap(connection, LANE, partner.number)
    amounts = {"granted": str(cap.granted), "position": str(cap.position), "pending": str(cap.pending)}
    return Reply(200, {"partner": partner.code, **amounts, "unit": "millionths"})


async def programs(house: "House", asked: Asked) -> Reply:
    """All programs of the scheme, and what each declares that it can do."""
    directory = await house.live.directory(asked.at)
    return Reply(200, {"programs": [shapes.program(found) for found in directory.programs.values()]})


async def proof(house: "House", asked: Asked) -> Reply:
    """The place of an exchange's receipt in the log, and the way from there to a root that the house signs."""
    view, leaf = await visible(house, asked)
    async with house.reads.connection() as connection:
        head = await reads.head(connection, LANE)
        path = await reads.inclusion(connection, LANE, leaf.seq, head.size)
    said = {
        "receipt": exchange.receipt(view.exchange_id, leaf, house.key),
        "index": leaf.seq,
        "size": head.size,
        "path": [node.hex() for node in path],
        "checkpoint": note_sign(origin(house), head.size, head.root, house.key, origin(house)),
    }
    return Reply(200, said)


async def checkpoint(house: "House", _asked: Asked) -> Reply:
    """The head of the log as a signed note (C2SP tlog-checkpoint): how many events, and the root of all of them."""
    async with house.reads.connection() as connection:
        head = await reads.head(connection, LANE)
    note = note_sign(origin(house), head.size, head.root, house.key, origin(house))
    return Reply(200, note.encode(), "text/plain; charset=utf-8")


async def consistency(house: "House", asked: Asked) -> Reply:
    """The head of the log, and the proof that it extends the log of so many events: nothing before was changed or taken out."""
    size = shapes.whole(asked.path["size"])
    async with house.reads.connection() as connection:
        head = await reads.head(connection, LANE)
        if not 0 < size <= head.size:
            raise errors.NotFound("the log never had so many events, or none")
        path = await proofs.consistency(connection, LANE, size, head.size)
    note = note_sign(origin(house), head.size, head.root, house.key, origin(house))
    return Reply(200, {"since": size, "size": head.size, "path": [node.hex() for node in path], "checkpoint": note})


def origin(house: "House") -> str:
    """The name of the lane's log, and of the key that signs its checkpoints."""
    return f"{house.settings.log_name}/{LANE}"


async def visible(house: "House", asked: Asked) -> tuple[ExchangeView, LeafView]:
    """The exchange that the path names, if the caller submitted it or is an operator. Raises errors.NotFound for every other."""
    exchange_id = shapes.named_id(asked.path["exchange"])
    async with house.reads.connection() as connection:
        found = await reads.exchange(connection, LANE, exchange_id)
    if found is None or (asked.caller.partner is not None and found[0].partner != asked.caller.partner):
        raise errors.NotFound
    return found


async def gauge(house: "House") -> None:
    """Set the gauges to what the books say now."""
    meters, now = house.meters, sources.clock()
    async with house.reads.connection() as connection:
        meters.states(await reads.states(connection, LANE))
        orders = await reads.open_orders(connection, LANE)
        cases = await connection.execute(database.statement("cases_count"), {"lane": LANE})
        meters.cases.set((await cases.fetchone() or (0,))[0])
        balance = await reads.trial_balance(connection, LANE)
        low = await granting.low_waters(connection, await house.live.directory(now), now)
        meters.low_water.set(len(low))
        meters.unsettled.set(len(await settling.unsettled(connection, LANE)))
        meters.log_size.set((await reads.head(connection, LANE)).size)
    asked_again = [(count, oldest) for _, state, count, oldest in orders if state in _ASKED_AGAIN]
    meters.unknown.set(sum(count for count, _ in asked_again))
    meters.unknown_age.set(max(((now - oldest).total_seconds() for _, oldest in asked_again), default=0))
    meters.ledger_sum.set(
        sum(debits - credits_ for number, debits, credits_ in balance if number % _NUMBERS_EACH >= Account.POSITION)
    )
    meters.queue.set(house.writer.waiting)
    meters.batches.set(house.writer.batches)
    meters.items.set(house.writer.items)
    meters.clock.set(house.soundness.difference.total_seconds())
    for program, count in house.delivery.waiting.items():
        meters.waiting.labels(program).set(count)


DOORS = (
    Door("GET", "/v1/position", position, {200: messages.PositionSaid}, tag="books"),
    Door("GET", "/v1/programs", programs, {200: messages.ProgramsSaid}, purposes=BOTH, tag="books"),
    Door(
        "GET",
        "/v1/exchanges/{exchange}/proof",
        proof,
        {200: messages.ProofSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="books",
    ),
    Door("GET", "/v1/checkpoint", checkpoint, {200: None}, purposes=BOTH, tag="books"),
    Door(
        "GET",
        "/v1/checkpoint/{size}/consistency",
        consistency,
        {200: messages.ConsistencySaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="books",
    ),
)
