"""Budgets of campaigns at the door: proposed and confirmed by two operators' keys, then said to the books, which stop what exceeds them."""

from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.database import statement
from clearing.front import agreement_messages, problems
from clearing.front import risk_messages as messages
from clearing.front.agreements import proposal_said
from clearing.front.doors import BOTH, OPERATORS, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.ledger.items import Fund
from clearing.partners import FiledBudget, Proposal, Signers
from clearing.partners.campaigns import KIND
from clearing.partners.rows import Connection
from clearing.rules.agreements import HOUSE
from clearing.rules.limits import Budget
from clearing.rules.refusals import Refusal, RefusalCode

if TYPE_CHECKING:
    from clearing.front.house import House


async def propose_campaign(house: "House", asked: Asked) -> Reply | Problem:
    """Propose what a campaign may spend in all. Another operator's key confirms it; what is promised already counts."""
    _ = asked.idempotency_key
    wish = asked.parse(messages.CampaignWish)
    if wish.units is None and wish.value is None:
        raise errors.ValidationFailed("say units, value, or both: a budget limits something")
    async with house.reads.connection() as connection:
        known = partners.latest(await partners.filed_budgets(connection))
        current = known.get(wish.campaign)
        if current is not None and (current.units, current.value) == (wish.units, wish.value):
            return Reply(200, await _filed(connection, current))
        document = partners.budget_document(known, wish.campaign, wish.units, wish.value)
        if refusal := await _promised(connection, document):
            return problems.of_refusal(refusal)
        kept = await keep_request(house, asked)
        proposed = await partners.propose(connection, KIND, HOUSE, document, asked.caller.key_id, kept, asked.at)
    return Reply(202, proposal_said(proposed))


async def confirm_campaign(house: "House", asked: Asked) -> Reply | Problem:
    """Give the campaign the budget that was proposed, with a second operator's key. It counts at once."""
    _ = asked.idempotency_key, asked.parse(agreement_messages.ConfirmWish)
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], KIND)
        if refusal := await partners.alone(connection, proposed, asked.caller.key_id, asked.at):
            return problems.of_refusal(refusal)
        status = 200
        if not await _is_filed(connection, proposed):
            if refusal := await _promised(connection, proposed.document):
                return problems.of_refusal(refusal)
            signers = Signers(proposed.proposed_by, asked.caller.key_id, await keep_request(house, asked))
            if refusal := await _funded(house, connection, proposed, signers, asked):
                return problems.of_refusal(refusal)
            status = 201
        filed = await partners.filed_budgets(connection)
        return Reply(status, await _filed(connection, next(one for one in filed if one.digest == proposed.digest)))


async def list_campaigns(house: "House", asked: Asked) -> Reply:
    """Every campaign's budget, what is promised, what is left; for a partner those that its agreement in force names it a funder of."""
    directory = await house.live.directory(asked.at)
    async with house.reads.connection() as connection:
        filed = partners.latest(await partners.filed_budgets(connection))
        books = await _budgets(connection)
    own = asked.caller.partner
    agreement = None if own is None else directory.agreement(own, asked.at)
    funded = {one.campaign for one in agreement.funding} if agreement is not None else set()
    shown = [one for one in filed.values() if own is None or one.campaign in funded]
    return Reply(200, {"campaigns": [_said(one, books) for one in shown]})


async def _funded(
    house: "House", connection: Connection, proposed: Proposal, signers: Signers, asked: Asked
) -> Refusal | None:
    """File the budget and say it to the books, or neither. Filed first, so that of two versions the books hear the later one last."""
    said = proposed.document
    try:
        async with connection.transaction():
            if not await partners.file_budget(connection, proposed, signers, asked.at):
                return Refusal(RefusalCode.BUDGET_CHANGED, "this budget was changed meanwhile; propose it anew")
            await house.writer.put(Fund(said["campaign"], said["units"], said["value"]))
    except errors.ItemRejected:  # promised meanwhile: the books themselves refuse a budget below what is promised
        if refusal := await _promised(connection, said):
            return refusal
        raise
    return None


async def _promised(connection: Connection, document: Any) -> Refusal | None:
    """Whether more is promised than this budget would allow."""
    used = (await _budgets(connection)).get(document["campaign"], Budget(0, 0))
    if Budget(document["units"], document["value"], used.units_used, used.value_used).fits(0, 0):
        return None
    detail = f"{used.units_used} units and {used.value_used} millionths are promised already"
    return Refusal(RefusalCode.BUDGET_PROMISED, detail)


async def _is_filed(connection: Connection, proposed: Proposal) -> bool:
    return any(one.digest == proposed.digest for one in await partners.filed_budgets(connection))


async def _budgets(connection: Connection) -> dict[str, Budget]:
    """What each campaign may spend and has promised, as the books have it."""
    found = await (await connection.execute(statement("budgets_list"), {"lane": LANE})).fetchall()
    return {campaign: Budget(*amounts) for campaign, *amounts in found}


async def _filed(connection: Connection, filed: FiledBudget) -> dict[str, Any]:
    return _said(filed, await _budgets(connection))


def _said(filed: FiledBudget, books: dict[str, Budget]) -> dict[str, Any]:
    budget = books.get(filed.campaign, Budget(0, 0))
    return {
        "campaign": filed.campaign,
        "version": filed.version,
        "at": instant(filed.at),
        "units": budget.units,
        "value": budget.value,
        "promised_units": str(budget.units_used),
        "promised_value": str(budget.value_used),
        "left_units": None if budget.units is None else budget.units - budget.units_used,
        "left_value": None if budget.value is None else budget.value - budget.value_used,
        "digest": filed.digest,
        "proposed_by": filed.proposed_by,
        "confirmed_by": filed.confirmed_by,
    }


REFUSES = ("not_found", "budget_promised", "budget_changed", "second_key_needed")
DOORS = (
    Door(
        "POST",
        "/v1/campaigns",
        propose_campaign,
        {202: agreement_messages.ProposalSaid, 200: messages.CampaignSaid},
        messages.CampaignWish,
        REFUSES[1:2],
        purposes=OPERATORS,
        tag="risk",
    ),
    Door(
        "POST",
        "/v1/campaigns/{proposal}/confirm",
        confirm_campaign,
        {201: messages.CampaignSaid, 200: messages.CampaignSaid},
        agreement_messages.ConfirmWish,
        REFUSES,
        purposes=OPERATORS,
        tag="risk",
    ),
    Door("GET", "/v1/campaigns", list_campaigns, {200: messages.CampaignsSaid}, purposes=BOTH, tag="risk"),
)
