"""A member's lots: what its program tells of them now, and what its signed answers said of every operation that touched them."""

import base64
from typing import TYPE_CHECKING, Any
from uuid import UUID

import orjson

from clearing import errors, partners
from clearing.adapter import Adapter, Answer, Call, Order, Part
from clearing.adapter import Reply as Heard
from clearing.evidence import open_sealed, place
from clearing.front import shapes
from clearing.front.doors import BOTH, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.lot_messages import LotsSaid
from clearing.partners import Program, Told
from clearing.rules.lifecycle import Operation, order_id
from clearing.rules.lots import Lot

if TYPE_CHECKING:
    from clearing.front.house import House

MOST = 200
"""Operations of the history, the newest."""
_JSON = {"content-type": "application/json"}


async def lots(house: "House", asked: Asked) -> Reply:
    """A member's lots as its program tells them now, oldest first; and the newest operations by which the house moved its points.

    What each took, made or gave back is read out of the program's signed answer, which is kept: a lot leads to the exchange that made it.
    """
    token = shapes.named_id(asked.path["account"])
    directory = await house.live.directory(asked.at)
    async with house.reads.connection() as connection:
        account = await partners.account(connection, LANE, token)
        if account is not None and account.program not in directory.programs:  # taken in this very moment
            directory = await house.live.directory(asked.at, fresh=True)
        program = None if account is None else directory.programs[account.program]
        if program is None or asked.caller.partner not in {None, program.partner}:
            raise errors.NotFound
        told = await partners.told_of(connection, LANE, token, MOST)
    now = await house.delivery.look_up_lots(program.code, token)
    history = [(one, _parts(house, program, one, token)) for one in told]
    return Reply(200, _said(program, asked, str(token), now, history))


History = list[tuple[Told, tuple[Part, ...] | None]]


def _parts(house: "House", program: Program, told: Told, account: UUID) -> tuple[Part, ...] | None:
    """The lots that the answer named for this operation; None where it named none, was erased, or speaks another dialect by now."""
    adapter, evidence = house.adapters.get(program.adapter), told.evidence
    try:
        plain = open_sealed(house.keyring, place("evidence", LANE, evidence.evidence_id, "box"), evidence.sealed)
        found = _answers(adapter, program, told, account, plain) if adapter and evidence.kind == "call" else ()
    except (errors.SealBroken, errors.AnswerUnreadable):
        return None
    name = order_id(told.exchange_id.hex, told.leg)
    return next((answer.lots for answer in found if answer.id == name), None)


def _answers(adapter: Adapter, program: Program, told: Told, account: UUID, plain: bytes) -> tuple[Answer, ...]:
    """What the kept answer says, read as it was read when it came."""
    meta, bodies = orjson.loads(told.evidence.meta), orjson.loads(plain)
    name = order_id(told.exchange_id.hex, told.leg)
    order = Order(name, Operation(told.operation), program.code, str(account), program.unit_name, told.amount)
    call = Call(meta["method"], f"https://{meta['target']}", (), base64.b64decode(bodies["request"]), (order,))
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
    ),
)
