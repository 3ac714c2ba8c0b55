"""Risk rules at the door: operators propose a version, a second operator's key confirms it, operators read all of them."""

from typing import TYPE_CHECKING, Any

from clearing import partners
from clearing.front import agreement_messages, problems
from clearing.front import risk_messages as messages
from clearing.front.agreements import proposal_said
from clearing.front.doors import OPERATORS, Asked, Door, Reply
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.partners import Directory, FiledRules, Signers
from clearing.partners.risk import KIND
from clearing.partners.rows import Connection
from clearing.rules.agreements import HOUSE
from clearing.rules.refusals import Refusal
from clearing.rules.risk import RuleSet

if TYPE_CHECKING:
    from clearing.front.house import House


async def propose_risk_rules(house: "House", asked: Asked) -> Reply | Problem:
    """Propose the next version of all risk rules. What would refuse it is said now; another operator's key confirms it."""
    _ = asked.idempotency_key
    document = asked.parse(messages.RiskRulesWish).risk_rules
    async with house.reads.connection() as connection:
        directory = await partners.load(connection)
        draft = partners.drafted_rules(directory, document, asked.at)
        if isinstance(draft, Refusal):
            return problems.of_refusal(draft)
        if draft in directory.risk:
            return Reply(200, await _published(connection, draft, asked))
        kept = await keep_request(house, asked)
        proposed = await partners.propose(connection, KIND, HOUSE, document, asked.caller.key_id, kept, asked.at)
    return Reply(202, proposal_said(proposed))


async def confirm_risk_rules(house: "House", asked: Asked) -> Reply | Problem:
    """Publish what was proposed, with a second operator's key. It watches from its instant on, at the earliest from now on."""
    _ = asked.idempotency_key, asked.parse(agreement_messages.ConfirmWish)
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], KIND)
        if refusal := await partners.alone(connection, proposed, asked.caller.key_id, asked.at):
            return problems.of_refusal(refusal)
        directory = await partners.load(connection)
        draft = partners.drafted_rules(directory, proposed.document, asked.at)
        if isinstance(draft, Refusal):
            return problems.of_refusal(draft)
        if draft in directory.risk:
            return Reply(200, await _published(connection, draft, asked))
        signers = Signers(proposed.proposed_by, asked.caller.key_id, await keep_request(house, asked))
        published = await partners.publish_rules(connection, proposed.document, asked.at, signers)
        if isinstance(published, Refusal):
            return problems.of_refusal(published)
        house.live.forget()
        return Reply(201, await _published(connection, published, asked))


async def list_risk_rules(house: "House", asked: Asked) -> Reply:
    """Every version that was ever published, in order, and which one is in force."""
    async with house.reads.connection() as connection:
        directory = await partners.load(connection)
        filed = await partners.filed_rules(connection)
    return Reply(200, {"risk_rules": [_said(one, directory, asked) for one in filed]})


async def _published(connection: Connection, published: RuleSet, asked: Asked) -> dict[str, Any]:
    directory = await partners.load(connection)
    filed = await partners.filed_rules(connection)
    return next(_said(one, directory, asked) for one in filed if one.rules.version == published.version)


def _said(filed: FiledRules, directory: Directory, asked: Asked) -> dict[str, Any]:
    return {
        "version": filed.rules.version,
        "valid_from": instant(filed.rules.valid_from),
        "published_at": instant(filed.published_at),
        "in_force": directory.risk_version(asked.at) == filed.rules,
        "digest": filed.digest,
        "document": filed.document,
        "proposed_by": filed.proposed_by,
        "confirmed_by": filed.confirmed_by,
    }


REFUSES = ("not_found", "unknown_program", "second_key_needed")
DOORS = (
    Door(
        "POST",
        "/v1/risk-rules",
        propose_risk_rules,
        {202: agreement_messages.ProposalSaid, 200: messages.RiskRulesSaid},
        messages.RiskRulesWish,
        REFUSES[1:2],
        purposes=OPERATORS,
        tag="risk",
    ),
    Door(
        "POST",
        "/v1/risk-rules/{proposal}/confirm",
        confirm_risk_rules,
        {201: messages.RiskRulesSaid, 200: messages.RiskRulesSaid},
        agreement_messages.ConfirmWish,
        REFUSES,
        purposes=OPERATORS,
        tag="risk",
    ),
    Door("GET", "/v1/risk-rules", list_risk_rules, {200: messages.RiskVersionsSaid}, purposes=OPERATORS, tag="risk"),
)
