"""Cover at the door: funds in and out by two operators' keys, and who is below the low water."""

from functools import partial
from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.front import agreement_messages as messages
from clearing.front import granting, problems
from clearing.front.agreements import partner_of, proposal_said
from clearing.front.doors import BOTH, OPERATORS, Asked, Door, Reply
from clearing.front.granting import LowWater
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.ledger.items import Grant
from clearing.partners import Movement, Signers
from clearing.partners.cover import KIND
from clearing.partners.rows import Connection
from clearing.rules import agreements
from clearing.rules.agreements import Postpaid
from clearing.rules.refusals import Refusal, RefusalCode

if TYPE_CHECKING:
    from clearing.front.house import House


async def propose_cover(house: "House", asked: Asked) -> Reply | Problem:
    """Propose a movement of cover: funds that came in, or that shall go out. Another operator's key confirms it."""
    _ = asked.idempotency_key
    document = asked.parse(messages.CoverWish).model_dump()
    partner = document["partner"]
    async with house.reads.connection() as connection:
        if partner not in (await partners.load(connection)).partners:
            raise errors.NotFound("no such partner")
        known = await partners.movements(connection, partner)
        digest = partners.digest_of(KIND, document)
        if found := next((one for one in known if one.digest == digest), None):
            return Reply(200, _said(found))
        if refusal := partners.refused(known, document):
            return problems.of_refusal(refusal)
        kept = await keep_request(house, asked)
        proposed = await partners.propose(connection, KIND, partner, document, asked.caller.key_id, kept, asked.at)
    return Reply(202, proposal_said(proposed))


async def confirm_cover(house: "House", asked: Asked) -> Reply | Problem:
    """Book what was proposed, with a second operator's key. A prepaid cap follows at once; what is needed does not leave."""
    _ = asked.idempotency_key, asked.parse(messages.ConfirmWish)
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], KIND)
        if refusal := await partners.alone(connection, proposed, asked.caller.key_id, asked.at):
            return problems.of_refusal(refusal)
        known = await partners.movements(connection, proposed.partner)
        if found := next((one for one in known if one.digest == proposed.digest), None):
            return Reply(200, _said(found))
        if refusal := partners.refused(known, proposed.document):
            return problems.of_refusal(refusal)
        spared = partial(_needed, house, connection, asked, proposed.partner)
        booked: Movement | Refusal | None = None
        if (amount := partners.amount_of(proposed.document)) < 0:
            booked = await spared(sum(one.amount for one in known) + amount)
        if booked is None:
            signers = Signers(proposed.proposed_by, asked.caller.key_id, await keep_request(house, asked))
            booked = await partners.move_cover(connection, proposed, signers, asked.at, spared)
        await granting.grant_due(connection, house.writer)  # also where the cap was lowered for nothing
    return problems.of_refusal(booked) if isinstance(booked, Refusal) else Reply(201, _said(booked))


async def _needed(house: "House", connection: Connection, asked: Asked, partner: str, cover: int) -> Refusal | None:
    """Whether the cap that this `cover` gives is below what is owed and pending. It is granted first, so nothing slips in between."""
    directory = await partners.load(connection)
    agreement = directory.agreement(partner, asked.at)
    if agreement is not None and isinstance(agreement.credit, Postpaid):
        return None
    left = 0 if agreement is None else agreements.room(agreement.credit, cover)
    await house.writer.put(Grant(partner, left))
    cap = (await granting.caps_of(connection, directory))[partner]
    if cap.fits(0):
        return None
    return Refusal(
        RefusalCode.COVER_NEEDED, f"{cap.position + cap.pending} are owed or pending; the cap would be {left}"
    )


async def list_cover(house: "House", asked: Asked) -> Reply:
    """The caller's cover and its movements; for an operator everybody's, or those of the `partner` that the query names."""
    whose = partner_of(asked)
    async with house.reads.connection() as connection:
        found = await partners.movements(connection, whose)
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


REFUSES = ("not_found", "reference_used", "cover_needed", "second_key_needed")
DOORS = (
    Door(
        "POST",
        "/v1/cover",
        propose_cover,
        {202: messages.ProposalSaid, 200: messages.MovementSaid},
        messages.CoverWish,
        REFUSES[:-1],
        purposes=OPERATORS,
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
)
