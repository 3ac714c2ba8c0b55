"""Revenue-sharing contracts at the door: one operator proposes a version, a second one's key publishes it; its parties read it."""

from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.front import contract_messages as messages
from clearing.front import problems, reading
from clearing.front.agreement_messages import ConfirmWish, ProposalSaid
from clearing.front.agreements import proposal_said
from clearing.front.doors import BOTH, OPERATORS, Asked, Door, Reply
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.partners import Directory, FiledContract, Signers
from clearing.partners.contracts import KIND
from clearing.rules.agreements import HOUSE
from clearing.rules.shapes import Fault
from settlement.rules.contracts import Contract
from settlement.rules.share_json import contract_of, read_contract, unpublishable
from settlement.rules.share_plan import in_force

if TYPE_CHECKING:
    from clearing.front.house import House


async def propose_contract(house: "House", asked: Asked) -> Reply | Problem:
    """Propose the next version of a contract. A party or a program that nobody knows is refused here, and so is a day that has passed."""
    _ = asked.idempotency_key
    document = asked.parse(messages.ShareContractWish).contract
    contract = read_contract(document)
    fault = contract if isinstance(contract, Fault) else unpublishable(contract)
    if isinstance(contract, Fault) or fault is not None:
        raise errors.ValidationFailed(str(fault))
    _require_known(contract, await house.live.directory(asked.at, fresh=True))
    digest = partners.digest_of(KIND, document)
    async with house.reads.connection() as connection:
        filed = await partners.filed_contracts(connection, contract.contract)
        if stands := next((one for one in filed if one.digest == digest), None):
            return Reply(200, _said(stands, filed, asked))
        if refusal := partners.contract_refused(filed, document, asked.at):
            return problems.of_refusal(refusal)
        kept, by = await keep_request(house, asked), asked.caller.key_id
        proposed = await partners.propose(connection, KIND, HOUSE, document, by, kept, asked.at)
    return Reply(202, proposal_said(proposed))


async def confirm_contract(house: "House", asked: Asked) -> Reply | Problem:
    """Publish what was proposed, with a second operator's key. Windows that open from its day on are shared by it."""
    _ = asked.idempotency_key, asked.parse(ConfirmWish)
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], KIND)
        if refusal := await partners.alone(connection, proposed, asked.caller.key_id, asked.at):
            return problems.of_refusal(refusal)
        filed = await partners.filed_contracts(connection, proposed.document["contract"])
        if stands := next((one for one in filed if one.digest == proposed.digest), None):
            return Reply(200, _said(stands, filed, asked))
        if refusal := partners.contract_refused(filed, proposed.document, asked.at):
            return problems.of_refusal(refusal)
        signers = Signers(proposed.proposed_by, asked.caller.key_id, await keep_request(house, asked))
        published = await partners.publish_contract(connection, proposed, signers, asked.at)
        if not isinstance(published, FiledContract):
            return problems.of_refusal(published)
        filed = await partners.filed_contracts(connection, published.contract)
    return Reply(201, _said(published, filed, asked))


async def list_contracts(house: "House", asked: Asked) -> Reply:
    """All versions, or those of the `contract` that the query names. A partner sees the contracts that it is a party of."""
    named = reading.query(asked.message.query, "contract").get("contract")
    async with house.reads.connection() as connection:
        filed = await partners.filed_contracts(connection, named)
    reader = asked.caller.partner
    seen = [one for one in filed if reader is None or reader in one.document["parties"]]
    if named is not None and not seen:
        raise errors.NotFound("there is no such contract")
    return Reply(200, {"contracts": [_said(one, filed, asked) for one in seen]})


def _require_known(contract: Contract, known: Directory) -> None:
    """Every party is a partner, and every program is one. Raises errors.NotFound, errors.ValidationFailed."""
    if strangers := {*contract.parties} - {HOUSE, *known.partners}:
        raise errors.NotFound(f"no such partner: {', '.join(sorted(strangers))}")
    of = contract.gross.of
    if of is None:
        return
    named = {one for one in (of.source, of.target, of.program) if one is not None}
    if unknown := named - known.programs.keys():
        raise errors.NotFound(f"no such program: {', '.join(sorted(unknown))}")
    if of.source is not None and of.source == of.target:
        raise errors.ValidationFailed("$.steps[0].base.of.corridor: leads from a program to another")


def _said(one: FiledContract, filed: list[FiledContract], asked: Asked) -> dict[str, Any]:
    now = in_force([contract_of(dict(each.document)) for each in filed], one.contract, asked.at)
    return {
        "contract": one.contract,
        "version": one.version,
        "valid_from": instant(one.valid_from),
        "in_force": now is not None and now.version == one.version,
        "published_at": instant(one.published_at),
        "digest": one.digest,
        "document": one.document,
        "proposed_by": one.proposed_by,
        "confirmed_by": one.confirmed_by,
    }


DOORS = (
    Door(
        "POST",
        "/v1/contracts",
        propose_contract,
        {202: ProposalSaid, 200: messages.ShareContractSaid},
        messages.ShareContractWish,
        ("not_found", "version_taken"),
        purposes=OPERATORS,
        tag="settlement",
    ),
    Door(
        "POST",
        "/v1/contracts/{proposal}/confirm",
        confirm_contract,
        {201: messages.ShareContractSaid, 200: messages.ShareContractSaid},
        ConfirmWish,
        ("not_found", "second_key_needed", "version_taken"),
        purposes=OPERATORS,
        tag="settlement",
    ),
    Door(
        "GET",
        "/v1/contracts",
        list_contracts,
        {200: messages.ShareContractsSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="settlement",
        asks=("contract",),
    ),
)
