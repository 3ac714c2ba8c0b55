"""The review queue: what a person must look at, and the signed decision that ends it. For operators alone."""

from datetime import timedelta
from typing import TYPE_CHECKING

from clearing import errors
from clearing.front import problems, shapes
from clearing.front.case_messages import CasesSaid, ResolvedSaid, ResolveWish
from clearing.front.doors import OPERATORS, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import kept_request
from clearing.front.problems import Problem
from clearing.ledger import reads
from clearing.ledger.items import Resolve
from clearing.ledger.outcomes import Moved
from clearing.rules.refusals import Refusal

if TYPE_CHECKING:
    from clearing.front.house import House


async def list_cases(house: "House", _asked: Asked) -> Reply:
    """The open cases, the first due first."""
    async with house.reads.connection() as connection:
        found = await reads.cases(connection, LANE)
    return Reply(200, {"cases": [shapes.case(case) for case in found]})


async def resolve_case(house: "House", asked: Asked) -> Reply | Problem:
    """Decide a case: ask the program again, state what became of the order, close what moves nothing; let go on or end what is held."""
    _ = asked.idempotency_key
    wish = asked.parse(ResolveWish)
    case = shapes.whole(asked.path["case"])
    kept = kept_request(house, asked)
    until = asked.at + timedelta(seconds=house.delivery.pace.lease_seconds)
    item = Resolve(asked.signed, kept, case, wish.decision, asked.caller.key_id, house.delivery.lease, until)
    outcome = await house.writer.put(item)
    if isinstance(outcome, Refusal):
        return problems.of_refusal(outcome)
    if not isinstance(outcome, Moved):
        raise errors.ItemRejected
    house.delivery.moved(outcome)
    return Reply(200, {"case": case, "exchange": str(outcome.exchange_id), "state": outcome.state})


DOORS = (
    Door("GET", "/v1/cases", list_cases, {200: CasesSaid}, purposes=OPERATORS, tag="cases"),
    Door(
        "POST",
        "/v1/cases/{case}/resolve",
        resolve_case,
        {200: ResolvedSaid},
        ResolveWish,
        ("not_found", "case_closed"),
        purposes=OPERATORS,
        writes=True,
        tag="cases",
    ),
)
