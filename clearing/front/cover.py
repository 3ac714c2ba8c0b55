"""Cover at the door: funds in and out by two keys, funds in by a bank's file, and who is or was below the low water.

What may leave is decided in the ledger, under the lane's lock, together with what is owed and pending by then.
"""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any
from uuid import UUID

from clearing import errors, partners
from clearing.front import agreement_messages as messages
from clearing.front import granting, logs, paging, problems, reading
from clearing.front.agreements import partner_of, proposal_said
from clearing.front.doors import BOTH, OPERATORS, Asked, Door, Reply
from clearing.front.granting import LowWater
from clearing.front.house import LANE
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.ledger.items import Lodge
from clearing.partners import Crossing, Movement, Proposal
from clearing.partners.cover import KIND
from clearing.partners.rows import Connection
from clearing.rules.refusals import Refusal, RefusalCode
from settlement.run import is_instruction_id

if TYPE_CHECKING:
    from clearing.front.house import House


async def propose_cover(house: "House", asked: Asked) -> Reply | Problem:
    """Propose a movement of cover: funds that come in, or that shall go out. A partner proposes its own; an operator's key confirms it.

    Funds that come in are confirmed by the bank's file as well, where the payment has this reference as its EndToEndId and the reference
    begins with the partner's code and a full stop. A partner's own always does, so none announces what is another's.
    """
    _ = asked.idempotency_key
    document = asked.parse(messages.CoverWish).model_dump()
    partner = document["partner"]
    async with house.reads.connection() as connection:
        if asked.caller.partner not in {None, partner} or partner not in (await partners.load(connection)).partners:
            raise errors.NotFound("no such partner")
        known = await partners.movements(connection, LANE, partner)
        digest = partners.digest_of(KIND, document)
        if found := next((one for one in known if one.digest == digest), None):
            return Reply(200, _said(found))
        _require_own(document, by_partner=asked.caller.partner is not None)
        if refusal := partners.refused(known, document):
            return problems.of_refusal(refusal)
        kept = await keep_request(house, asked)
        proposed = await partners.propose(connection, KIND, partner, document, asked.caller.key_id, kept, asked.at)
    return Reply(202, proposal_said(proposed))


async def confirm_cover(house: "House", asked: Asked) -> Reply | Problem:
    """Book what was proposed, with a second key, an operator's. A prepaid cap follows with it; what is needed does not leave."""
    _ = asked.idempotency_key, asked.parse(messages.ConfirmWish)
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], KIND)
        if refusal := await partners.alone(connection, proposed, asked.caller.key_id, asked.at):
            return problems.of_refusal(refusal)
        if found := await _known(connection, proposed):
            return Reply(200, _said(found))
        kept = await keep_request(house, asked)
        if refused := await lodge(house, connection, [proposed], kept):
            return problems.of_refusal(refused[proposed.digest])
        booked = await _known(connection, proposed)
    if booked is None:
        raise errors.Unavailable
    return Reply(201, _said(booked))


async def lodge(
    house: "House", connection: Connection, proposed: Sequence[Proposal], evidence_id: UUID
) -> dict[str, Refusal]:
    """Have the ledger book these movements, each decided by itself, and keep who is below its low water then.

    Which it refuses, by their digests. Where the ledger could not say of one, that is raised after the others: said again, what was
    booked is not booked twice.
    """
    agreed = (await partners.load(connection)).agreements
    done = await house.writer.put_all(
        Lodge(
            partners.movement_id(one.partner, one.document["reference"]),
            one.partner,
            partners.amount_of(one.document),
            agreed.get(one.partner, ()),
            one.document["reference"],
            evidence_id,
        )
        for one in proposed
    )
    await granting.grant_due(connection, house.writer)
    await watch_low_water(house, connection)
    for result in done:
        if isinstance(result, errors.ClearingError):
            raise result
    found = zip(proposed, done, strict=True)
    return {one.digest: _as_proposed(result) for one, result in found if isinstance(result, Refusal)}


def _as_proposed(said: Refusal) -> Refusal:
    if said.code is RefusalCode.ADJUSTMENT_DIFFERS:
        return Refusal(RefusalCode.REFERENCE_USED, "another movement of this partner's cover has this reference")
    return said


def _require_own(document: Mapping[str, Any], *, by_partner: bool) -> None:
    """Funds that come in are named as nothing else that comes in is. Raises errors.ValidationFailed."""
    reference, partner = document["reference"], document["partner"]
    if document["direction"] == "in" and is_instruction_id(reference):
        raise errors.ValidationFailed("reference: this is how payments of settlement runs are named")
    if document["direction"] == "in" and by_partner and not partners.is_own(partner, reference):
        raise errors.ValidationFailed(f"reference: of funds that come in it begins with {partner}.")


async def watch_low_water(house: "House", connection: Connection) -> int:
    """Say in the log and count who fell below its low water since somebody last looked; how many."""
    crossed = await granting.cross(connection)
    for one in crossed:
        house.meters.crossings.labels(one.partner).inc()
        logs.log().warning("low water", partner=one.partner, left=one.room, low_water=one.agreed)
    return len(crossed)


async def _known(connection: Connection, proposed: Proposal) -> Movement | None:
    """The movement that a proposal became."""
    found = await partners.movements(connection, LANE, proposed.partner)
    return next((one for one in found if one.digest == proposed.digest), None)


async def list_cover(house: "House", asked: Asked) -> Reply:
    """The caller's cover and its movements; for an operator everybody's, or those of the `partner` that the query names."""
    whose = partner_of(asked)
    async with house.reads.connection() as connection:
        found = await partners.movements(connection, LANE, whose)
    sums: dict[str, int] = {}
    for one in found:
        sums[one.partner] = sums.get(one.partner, 0) + one.amount
    covers = {partner: str(amount) for partner, amount in sums.items()}
    return Reply(200, {"cover": covers, "movements": [_said(one) for one in found]})


async def list_alerts(house: "House", asked: Asked) -> Reply:
    """Who has less room left than the low water of the agreement in force: the caller itself, or for an operator anybody."""
    whose = partner_of(asked)
    async with house.reads.connection() as connection:
        found = await granting.low_waters(connection, await partners.load(connection), asked.at)
    return Reply(200, {"alerts": [_alert(one) for one in found if whose in {None, one.partner}]})


async def list_crossings(house: "House", asked: Asked) -> Reply:
    """Times in which the caller, or for an operator anybody, was below the low water, the latest first: each crossing once."""
    whose, place = partner_of(asked, "after"), paging.place_of(reading.query(asked.message.query, "partner", "after"))
    async with house.reads.connection() as connection:
        found = await partners.crossings(connection, whose, place, paging.PAGE + 1)
    page, following = paging.paged(found, lambda one: (one.began_at, one.partner), paging.PAGE)
    return Reply(200, {"crossings": [_crossing(one) for one in page], "next": following})


def _said(one: Movement) -> dict[str, Any]:
    return {
        "partner": one.partner,
        "number": one.number,
        "at": instant(one.at),
        "amount": one.amount,
        "reference": one.reference,
        "digest": one.digest,
        "proposed_by": one.proposed_by,
        "confirmed_by": one.confirmed_by,
    }


def _alert(one: LowWater) -> dict[str, str]:
    return {
        "partner": one.partner,
        "granted": str(one.cap.granted),
        "position": str(one.cap.position),
        "pending": str(one.cap.pending),
        "left": str(one.alert.left),
        "low_water": str(one.alert.low_water),
    }


def _crossing(one: Crossing) -> dict[str, Any]:
    return {
        "partner": one.partner,
        "number": one.number,
        "began_at": instant(one.began_at),
        "left": str(one.room),
        "low_water": str(one.agreed),
        "ended_at": None if one.ended_at is None else instant(one.ended_at),
    }


REFUSES = ("not_found", "reference_used", "cover_needed", "second_key_needed")
DOORS = (
    Door(
        "POST",
        "/v1/cover",
        propose_cover,
        {202: messages.ProposalSaid, 200: messages.MovementSaid},
        messages.CoverWish,
        REFUSES[:-1],
        purposes=BOTH,
        tag="agreements",
    ),
    Door(
        "POST",
        "/v1/cover/{proposal}/confirm",
        confirm_cover,
        {201: messages.MovementSaid, 200: messages.MovementSaid},
        messages.ConfirmWish,
        REFUSES,
        purposes=OPERATORS,
        tag="agreements",
    ),
    Door(
        "GET",
        "/v1/cover",
        list_cover,
        {200: messages.CoverSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="agreements",
        asks=("partner",),
    ),
    Door(
        "GET",
        "/v1/alerts",
        list_alerts,
        {200: messages.AlertsSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="agreements",
        asks=("partner",),
    ),
    Door(
        "GET",
        "/v1/alerts/crossings",
        list_crossings,
        {200: messages.CrossingsSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="agreements",
        asks=("partner", "after"),
    ),
)
