"""A member's lots: what its program tells of them now, and what its signed answers said of every operation that touched them."""

import asyncio
import base64
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from clearing import errors, partners
from clearing.adapter import Adapter, Answer, Call, Order, Part
from clearing.adapter import Reply as Heard
from clearing.evidence import open_sealed, place
from clearing.front import paging, reading, shapes
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.lot_messages import LotsSaid
from clearing.partners import Program, Told
from clearing.rules.lifecycle import Leg, Operation, order_id
from clearing.rules.lots import Lot

if TYPE_CHECKING:
    from clearing.front.house import House

MOST = 200
"""Operations of one page of the history: each costs the opening of an answer."""
_JSON = {"content-type": "application/json"}


async def lots(house: "House", asked: Asked) -> Reply:
    """A member's lots as its program tells them now, oldest first; and the operations by which the house moved its points, newest first.

    What each took, made or gave back is read out of the program's signed answer, which is kept: a lot leads to the exchange that made it.
    """
    token, place = shapes.named_id(asked.path["account"]), _place_of(asked)
    directory = await house.live.directory(asked.at)
    async with house.reads.connection() as connection:
        account = await partners.account(connection, LANE, token)
        if account is not None and account.program not in directory.programs:  # taken in this very moment
            directory = await house.live.directory(asked.at, fresh=True)
        program = None if account is None else directory.programs[account.program]
        if program is None or asked.caller.partner not in {None, program.partner}:
            raise errors.NotFound
        found = await partners.told_of(connection, LANE, token, place, MOST + 1)
    told, following = paging.paged(found, lambda one: (one.answered_at, f"{one.exchange_id}.{one.leg}"), MOST)
    now = await house.delivery.look_up_lots(program.code, token)
    # opening and reading up to two hundred answers would hold up everybody else
    history = await asyncio.to_thread(_history, house, program, token, told)
    return Reply(200, _said(program, asked, str(token), now, history) | {"next": following})


def _place_of(asked: Asked) -> tuple[datetime, UUID, int] | None:
    """The operation that a page of the history begins after. Raises errors.ValidationFailed."""
    place = paging.place_of(reading.query(asked.message.query, "after"), _operation)
    if place is None:
        return None
    exchange, _, leg = place[1].partition(".")
    return place[0], UUID(exchange), int(leg)


def _operation(name: str) -> str:
    """A name out of `next`, exchange and leg. Raises ValueError."""
    exchange, _, leg = name.partition(".")
    return f"{UUID(exchange)}.{Leg(int(leg))}"


Parts = tuple[Part, ...] | None
History = list[tuple[Told, Parts]]


def _history(house: "House", program: Program, account: UUID, told: Sequence[Told]) -> History:
    """Each operation with the lots that its answer named; None where it named none, was erased, or speaks another dialect by now.

    One answer may speak of many operations: it is opened and read once.
    """
    together: dict[UUID, list[Told]] = defaultdict(list)
    for one in told:
        together[one.evidence.evidence_id].append(one)
    named = {evidence_id: _named(house, program, account, ones) for evidence_id, ones in together.items()}
    return [(one, named[one.evidence.evidence_id].get(_name(one))) for one in told]


def _name(told: Told) -> str:
    return order_id(told.exchange_id.hex, told.leg)


def _named(house: "House", program: Program, account: UUID, told: Sequence[Told]) -> Mapping[str, Parts]:
    """The lots that the one answer to these operations named, by operation."""
    adapter, evidence = house.adapters.get(program.adapter), told[0].evidence
    if adapter is None or evidence.kind != "call":
        return {}
    try:
        plain = open_sealed(house.keyring, place("evidence", LANE, evidence.evidence_id, "box"), evidence.sealed)
        found = _answers(adapter, program, account, told, plain)
    except (errors.SealBroken, errors.AnswerUnreadable):
        return {}
    return {answer.id: answer.lots for answer in found}


def _answers(
    adapter: Adapter, program: Program, account: UUID, told: Sequence[Told], plain: bytes
) -> tuple[Answer, ...]:
    """What the kept answer says, read as it was read when it came."""
    meta, bodies = orjson.loads(told[0].evidence.meta), orjson.loads(plain)
    orders = tuple(
        [
            Order(_name(one), Operation(one.operation), program.code, str(account), program.unit_name, one.amount)
            for one in told
        ]
    )
    call = Call(meta["method"], f"https://{meta['target']}", (), base64.b64decode(bodies["request"]), orders)
    return adapter.answers(call, Heard(meta["status"], _JSON, base64.b64decode(bodies["answer"])))


def _said(program: Program, asked: Asked, account: str, now: tuple[Lot, ...], history: History) -> dict[str, Any]:
    made = {
        part.lot: told.exchange_id
        for told, parts in history
        if told.operation == Operation.CREDIT
        for part in parts or ()
    }
    return {
        "account": account,
        "program": program.code,
        "unit": program.unit_name,
        "at": shapes.instant(asked.at),
        "lots": [
            {
                "lot": lot.lot,
                "amount": lot.amount,
                "earned_at": shapes.instant(lot.earned_at),
                "expires_at": shapes.instant(lot.expires_at),
                "exchange": str(made[lot.lot]) if lot.lot in made else None,
            }
            for lot in now
        ],
        "history": [_move(told, parts) for told, parts in history],
    }


def _move(told: Told, parts: tuple[Part, ...] | None) -> dict[str, Any]:
    return {
        "exchange": str(told.exchange_id),
        "operation": told.operation,
        "amount": told.amount,
        "answered_at": shapes.instant(told.answered_at),
        "evidence": str(told.evidence.evidence_id),
        "lots": None if parts is None else [{"lot": part.lot, "amount": part.amount} for part in parts],
    }


DOORS = (
    Door(
        "GET",
        "/v1/accounts/{account}/lots",
        lots,
        {200: LotsSaid},
        refuses=("not_found", "program_unavailable"),
        purposes=BOTH,
        tag="accounts",
        asks=("after",),
    ),
)
