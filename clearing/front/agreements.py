"""Agreements at the door: an operator proposes a version, a second operator's key confirms it; everybody reads their own."""

from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.front import agreement_messages as messages
from clearing.front import granting, problems, reading
from clearing.front.currencies import currency_of
from clearing.front.doors import BOTH, OPERATORS, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.partners import Announcement, Directory, Filed, Proposal, Signers
from clearing.partners.agreements import KIND
from clearing.partners.rows import Connection
from clearing.rules.agreements import Agreement
from clearing.rules.refusals import Refusal

if TYPE_CHECKING:
    from clearing.front.house import House


async def propose_agreement(house: "House", asked: Asked) -> Reply | Problem:
    """Propose the next version of an agreement. What would refuse it is said now; another operator's key confirms it."""
    _ = asked.idempotency_key
    document = asked.parse(messages.AgreementWish).agreement
    async with house.reads.connection() as connection:
        directory = await partners.load(connection)
        draft = partners.drafted(directory, document, asked.at)
        if isinstance(draft, Refusal):
            return problems.of_refusal(draft)
        if draft.payout_currency is not None:
            currency_of(draft.payout_currency)
        if _stands(directory, draft):
            return Reply(200, await _published(connection, draft, asked))
        kept = await keep_request(house, asked)
        proposed = await partners.propose(
            connection, KIND, draft.partner, document, asked.caller.key_id, kept, asked.at
        )
    return Reply(202, proposal_said(proposed))


async def confirm_agreement(house: "House", asked: Asked) -> Reply | Problem:
    """Publish what was proposed, with a second operator's key. Its cap is granted as soon as it is in force."""
    _ = asked.idempotency_key, asked.parse(messages.ConfirmWish)
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], KIND)
        if refusal := await partners.alone(connection, proposed, asked.caller.key_id, asked.at):
            return problems.of_refusal(refusal)
        directory = await partners.load(connection)
        draft = partners.drafted(directory, proposed.document, asked.at)
        if isinstance(draft, Refusal):
            return problems.of_refusal(draft)
        if _stands(directory, draft):
            return Reply(200, await _published(connection, draft, asked))
        signers = Signers(proposed.proposed_by, asked.caller.key_id, await keep_request(house, asked))
        published = await partners.publish_agreement(connection, proposed.document, asked.at, signers)
        if isinstance(published, Refusal):
            return problems.of_refusal(published)
        house.live.forget()
        await granting.grant_due(connection, house.writer)
        return Reply(201, await _published(connection, published, asked))


async def list_proposals(house: "House", _asked: Asked) -> Reply:
    """Everything that waits for a second key, the oldest first."""
    async with house.reads.connection() as connection:
        found = await partners.open_proposals(connection, LANE)
    return Reply(200, {"proposals": [proposal_said(one) for one in found]})


async def list_agreements(house: "House", asked: Asked) -> Reply:
    """All versions of the caller's agreement; for an operator everybody's, or those of the `partner` that the query names."""
    whose = partner_of(asked)
    async with house.reads.connection() as connection:
        directory = await partners.load(connection)
        found = await partners.agreements_of(connection, whose)
    return Reply(200, {"agreements": [_said(one, directory, asked) for one in found]})


async def announced_agreements(house: "House", asked: Asked) -> Reply:
    """Versions that will come into force, the first to come first, each with what it changes: the feed of announced changes."""
    whose = partner_of(asked)
    async with house.reads.connection() as connection:
        directory = await partners.load(connection)
    coming = partners.announced(directory, asked.at)
    return Reply(200, {"announced": [_announced(one) for one in coming if whose in {None, one.agreement.partner}]})


def partner_of(asked: Asked, *others: str) -> str | None:
    """Whose agreements or cover is asked for: a partner sees its own, an operator everybody's. Raises errors.NotFound.

    `others` is what the query may say besides.
    """
    named = reading.query(asked.message.query, "partner", *others).get("partner")
    own = asked.caller.partner
    if own is not None and named not in {None, own}:
        raise errors.NotFound
    return own or named


def proposal_said(found: Proposal) -> dict[str, Any]:
    """A proposal: `agreement_messages.ProposalSaid`."""
    return {
        "proposal": found.digest,
        "kind": found.kind,
        "partner": found.partner,
        "document": found.document,
        "proposed_at": instant(found.proposed_at),
        "proposed_by": found.proposed_by,
    }


def _stands(directory: Directory, draft: Agreement) -> bool:
    """Whether this version was published before: it is found, and not made again."""
    return draft in directory.agreements.get(draft.partner, ())


async def _published(connection: Connection, published: Agreement, asked: Asked) -> dict[str, Any]:
    directory = await partners.load(connection)
    filed = await partners.agreements_of(connection, published.partner)
    return next(_said(one, directory, asked) for one in filed if one.agreement.version == published.version)


def _said(filed: Filed, directory: Directory, asked: Asked) -> dict[str, Any]:
    agreement = filed.agreement
    return {
        "partner": agreement.partner,
        "version": agreement.version,
        "valid_from": instant(agreement.valid_from),
        "valid_to": instant(agreement.valid_to),
        "announced_at": instant(agreement.announced_at),
        "in_force": directory.agreement(agreement.partner, asked.at) == agreement,
        "digest": filed.digest,
        "document": filed.document,
        "proposed_by": filed.proposed_by,
        "confirmed_by": filed.confirmed_by,
    }


def _announced(one: Announcement) -> dict[str, Any]:
    return {
        "partner": one.agreement.partner,
        "version": one.agreement.version,
        "announced_at": instant(one.agreement.announced_at),
        "valid_from": instant(one.agreement.valid_from),
        "valid_to": instant(one.agreement.valid_to),
        "changes": [{"path": change.path, "before": change.before, "after": change.after} for change in one.changes],
    }


REFUSES = (
    "not_found",
    "unknown_program",
    "unfunded_value",
    "notice_too_short",
    "shortfall_not_offered",
    "second_key_needed",
)
DOORS = (
    Door(
        "POST",
        "/v1/agreements",
        propose_agreement,
        {202: messages.ProposalSaid, 200: messages.AgreementSaid},
        messages.AgreementWish,
        REFUSES[:-1],
        purposes=OPERATORS,
        tag="agreements",
    ),
    Door(
        "POST",
        "/v1/agreements/{proposal}/confirm",
        confirm_agreement,
        {201: messages.AgreementSaid, 200: messages.AgreementSaid},
        messages.ConfirmWish,
        REFUSES,
        purposes=OPERATORS,
        tag="agreements",
    ),
    Door("GET", "/v1/proposals", list_proposals, {200: messages.ProposalsSaid}, purposes=OPERATORS, tag="agreements"),
    Door(
        "GET",
        "/v1/agreements",
        list_agreements,
        {200: messages.AgreementsSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="agreements",
        asks=("partner",),
    ),
    Door(
        "GET",
        "/v1/agreements/announced",
        announced_agreements,
        {200: messages.AnnouncedSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="agreements",
        asks=("partner",),
    ),
)
