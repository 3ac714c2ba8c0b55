"""Cover that a bank's file tells, at the door: announced by one key, booked by the bank, sent by another key."""

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.front import agreement_messages as messages
from clearing.front.cover import lodge
from clearing.front.doors import OPERATORS, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import keep_request
from clearing.partners import FiledDetails, Proposal
from clearing.partners.cover import KIND
from clearing.partners.rows import Connection
from clearing.rules.agreements import HOUSE
from clearing.rules.refusals import Refusal
from settlement.files import confirmations, lodging
from settlement.files.bankfile import BankFile
from settlement.files.lodging import Announced, Came, Told
from settlement.files.parties import Account
from settlement.run import is_instruction_id, party_of

if TYPE_CHECKING:
    from clearing.front.house import House

XML = "application/xml"


async def take_funds(house: "House", asked: Asked) -> Reply:
    """Book the funds that came in, by the bank's camt.054 or camt.053: those whose EndToEndId is the reference of a proposal.

    The file is judged whole: when it does not hold by itself, or anything of it differs from what was announced, it books nothing. Then
    all are put to the books at once, and each is an outcome of its own: `refused` where it waits for another key or its reference is
    used up, which holds back no other. The same again books nothing more. What nobody announced is left alone.
    """
    _ = asked.idempotency_key
    file = confirmations.read(asked.message.body)
    async with house.reads.connection() as connection:
        waiting = {one.digest: one for one in await _announced(connection)}
        filed = await partners.filed_details(connection, None)
        account, currency = await _account(connection, filed, asked)
        told = lodging.told(file, account, currency, [_announcement(one, filed, asked) for one in waiting.values()])
        if file.findings or any(one.came is Came.DIFFERS for one in told):
            return Reply(200, _said(file, told, waiting, {}, blocked=True))
        refused = await _alone(connection, [waiting[one.name] for one in told], asked)
        meant = [waiting[one.name] for one in told if one.name not in refused]
        if meant:
            refused |= await lodge(house, connection, meant, await keep_request(house, asked))
    return Reply(200, _said(file, told, waiting, refused, blocked=False))


async def _announced(connection: Connection) -> list[Proposal]:
    """What shall come in under a reference that is the partner's alone, and is not booked yet."""
    found = await partners.open_proposals(connection, LANE)
    return [one for one in found if one.kind == KIND and one.document["direction"] == "in" and _own(one)]


def _own(one: Proposal) -> bool:
    reference = one.document["reference"]
    return partners.is_own(one.partner, reference) and not is_instruction_id(reference)


async def _alone(connection: Connection, found: Iterable[Proposal], asked: Asked) -> dict[str, Refusal]:
    """Those that wait for another key than the one that sends the file, by their digests."""
    said = {one.digest: await partners.alone(connection, one, asked.caller.key_id, asked.at) for one in found}
    return {digest: refusal for digest, refusal in said.items() if refusal is not None}


async def _account(connection: Connection, filed: Sequence[FiledDetails], asked: Asked) -> tuple[Account, str]:
    """The house's own account and its currency, which is that of the scheme. Raises errors.ValidationFailed where there is none."""
    details = partners.details_at(filed, HOUSE, asked.at)
    if details is None:
        raise errors.ValidationFailed("house has no bank details in force")
    party, currency = party_of(details.document), str(details.document["currency"])
    if party.account is None or await partners.scheme_currency(connection) not in {None, currency}:
        raise errors.ValidationFailed(
            "cover is lodged in the scheme's own currency, and the house's account is in another"
        )
    return party.account, currency


def _announcement(one: Proposal, filed: Sequence[FiledDetails], asked: Asked) -> Announced:
    details = partners.details_at(filed, one.partner, asked.at)
    payer = None if details is None else party_of(details.document).account
    return Announced(one.digest, one.document["reference"], partners.amount_of(one.document), payer)


def _said(
    file: BankFile, told: list[Told], waiting: dict[str, Proposal], refused: Mapping[str, Refusal], *, blocked: bool
) -> dict[str, Any]:
    return {
        "blocked": blocked,
        "findings": list(file.findings),
        "funds": [
            {
                "partner": waiting[one.name].partner,
                "reference": waiting[one.name].document["reference"],
                "proposal": one.name,
                **_outcome(one, refused.get(one.name), blocked=blocked),
            }
            for one in told
        ],
    }


def _outcome(one: Told, refusal: Refusal | None, *, blocked: bool) -> dict[str, str | None]:
    if refusal is not None:
        return {"outcome": "refused", "differs": f"{refusal.code}: {refusal.detail}"}
    return {"outcome": "blocked" if blocked and one.came is Came.BOOKED else str(one.came), "differs": one.differs}


DOORS = (
    Door(
        "POST",
        "/v1/cover/funds",
        take_funds,
        {200: messages.FundsSaid},
        refuses=("not_found",),
        purposes=OPERATORS,
        tag="agreements",
        bulk=(XML,),
    ),
)
