"""Bank details at the door: one operator proposes where a partner is paid, a second one's key confirms, and after a while it counts."""

from collections.abc import Mapping
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.front import bank_messages as messages
from clearing.front import problems, reading
from clearing.front.agreement_messages import ConfirmWish, ProposalSaid
from clearing.front.agreements import proposal_said
from clearing.front.doors import OPERATORS, Asked, Door, Reply
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.partners import FiledDetails, Signers
from clearing.partners.bank_details import KIND
from clearing.rules.agreements import HOUSE
from settlement.run import party_of

if TYPE_CHECKING:
    from clearing.front.house import House

SHOWN_FIRST, SHOWN_LAST = 4, 4  # letters of an account that a list shows
LONGEST_HIDDEN = 12  # a shorter account shows its last ones only


async def propose_bank_details(house: "House", asked: Asked) -> Reply | Problem:
    """Propose where a partner is paid. An account whose check digits do not hold, or a name no bank can exchange, is refused here."""
    _ = asked.idempotency_key
    document = asked.parse(messages.BankDetailsWish).model_dump()
    known = await house.live.directory(asked.at, fresh=True)
    if document["partner"] not in {HOUSE, *known.partners}:
        raise errors.NotFound("there is no such partner")
    party_of(document)
    digest = partners.digest_of(KIND, document)
    async with house.reads.connection() as connection:
        filed = await partners.filed_details(connection, document["partner"])
        if stands := next((one for one in filed if one.digest == digest), None):
            return Reply(200, _said(stands, filed, asked))
        if refusal := partners.details_refused(filed, document):
            return problems.of_refusal(refusal)
        kept, by = await keep_request(house, asked), asked.caller.key_id
        proposed = await partners.propose(connection, KIND, document["partner"], document, by, kept, asked.at)
    return Reply(202, proposal_said(proposed))


async def confirm_bank_details(house: "House", asked: Asked) -> Reply | Problem:
    """Publish what was proposed, with a second operator's key. It is in force after the cooling-off time, the old details until then."""
    _ = asked.idempotency_key, asked.parse(ConfirmWish)
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], KIND)
        if refusal := await partners.alone(connection, proposed, asked.caller.key_id, asked.at):
            return problems.of_refusal(refusal)
        filed = await partners.filed_details(connection, proposed.partner)
        if stands := next((one for one in filed if one.digest == proposed.digest), None):
            return Reply(200, _said(stands, filed, asked))
        if refusal := partners.details_refused(filed, proposed.document):
            return problems.of_refusal(refusal)
        signers = Signers(proposed.proposed_by, asked.caller.key_id, await keep_request(house, asked))
        cooling = timedelta(hours=house.settings.bank_cooling_hours)
        published = await partners.publish_details(connection, proposed, signers, asked.at, cooling)
        if not isinstance(published, FiledDetails):
            return problems.of_refusal(published)
        filed = await partners.filed_details(connection, proposed.partner)
    return Reply(201, _said(published, filed, asked))


async def list_bank_details(house: "House", asked: Asked) -> Reply:
    """All versions with masked accounts; those of the `partner` that the query names in full."""
    whose = reading.query(asked.message.query, "partner").get("partner")
    async with house.reads.connection() as connection:
        filed = await partners.filed_details(connection, whose)
    return Reply(200, {"bank_details": [_said(one, filed, asked, full=whose is not None) for one in filed]})


def masked(account: str) -> str:
    """An account as a list shows it: enough to tell two apart, too little to pay to."""
    first = SHOWN_FIRST if len(account) > LONGEST_HIDDEN else 0
    last = SHOWN_LAST if len(account) > SHOWN_LAST else 0
    hidden = len(account) - first - last
    return account[:first] + "*" * hidden + account[first + hidden :]


def _said(one: FiledDetails, filed: list[FiledDetails], asked: Asked, *, full: bool = True) -> dict[str, Any]:
    document: Mapping[str, Any] = one.document
    hidden = {} if full else {name: masked(document[name]) for name in ("iban", "account")}
    return {
        "partner": one.partner,
        "version": one.version,
        "valid_from": instant(one.valid_from),
        "in_force": partners.details_at(filed, one.partner, asked.at) == one,
        "published_at": instant(one.published_at),
        "digest": one.digest,
        "document": {**document, **hidden},
        "proposed_by": one.proposed_by,
        "confirmed_by": one.confirmed_by,
    }


DOORS = (
    Door(
        "POST",
        "/v1/bank-details",
        propose_bank_details,
        {202: ProposalSaid, 200: messages.DetailsSaid},
        messages.BankDetailsWish,
        ("not_found", "version_taken"),
        purposes=OPERATORS,
        tag="settlement",
    ),
    Door(
        "POST",
        "/v1/bank-details/{proposal}/confirm",
        confirm_bank_details,
        {201: messages.DetailsSaid, 200: messages.DetailsSaid},
        ConfirmWish,
        ("not_found", "second_key_needed", "version_taken"),
        purposes=OPERATORS,
        tag="settlement",
    ),
    Door(
        "GET",
        "/v1/bank-details",
        list_bank_details,
        {200: messages.DetailsListSaid},
        purposes=OPERATORS,
        tag="settlement",
        asks=("partner",),
    ),
)
