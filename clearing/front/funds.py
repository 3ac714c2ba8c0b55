"""Cover that a bank's file tells, at the door: announced by one key, booked by the bank, sent by another key."""

from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.front import agreement_messages as messages
from clearing.front import problems
from clearing.front.cover import lodge
from clearing.front.doors import OPERATORS, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.partners import Proposal
from clearing.partners.cover import KIND
from clearing.partners.rows import Connection
from clearing.rules.agreements import HOUSE
from settlement.files import confirmations, lodging
from settlement.files.bankfile import BankFile
from settlement.files.lodging import Announced, Came, Told
from settlement.files.parties import Account
from settlement.run import party_of

if TYPE_CHECKING:
    from clearing.front.house import House

XML = "application/xml"


async def take_funds(house: "House", asked: Asked) -> Reply | Problem:
    """Book the funds that came in, by the bank's camt.054 or camt.053: those whose EndToEndId is the reference of a proposal.

    The file is taken whole: when it does not hold by itself, or anything of it differs from what was announced, it books nothing. The same
    again books nothing more. What nobody announced is left alone.
    """
    _ = asked.idempotency_key
    file = confirmations.read(asked.message.body)
    async with house.reads.connection() as connection:
        waiting = {one.digest: one for one in await _announced(connection)}
        account, currency = await _account(connection, asked)
        told = lodging.told(file, account, currency, [_announcement(one) for one in waiting.values()])
        if file.findings or any(one.came is Came.DIFFERS for one in told):
            return Reply(200, _said(file, told, waiting, blocked=True))
        for one in told:
            if refusal := await partners.alone(connection, waiting[one.name], asked.caller.key_id, asked.at):
                return problems.of_refusal(refusal)
        if told:
            kept = await keep_request(house, asked)
            for one in told:
                if refusal := await lodge(house, connection, waiting[one.name], kept):
                    return problems.of_refusal(refusal)
    return Reply(200, _said(file, told, waiting, blocked=False))


async def _announced(connection: Connection) -> list[Proposal]:
    """What shall come in and is not booked yet."""
    found = await partners.open_proposals(connection, LANE)
    return [one for one in found if one.kind == KIND and one.document["direction"] == "in"]


async def _account(connection: Connection, asked: Asked) -> tuple[Account, str]:
    """The house's own account and its currency, which is that of the scheme. Raises errors.ValidationFailed where there is none."""
    filed = await partners.filed_details(connection, HOUSE)
    details = partners.details_at(filed, HOUSE, asked.at)
    if details is None:
        raise errors.ValidationFailed("house has no bank details in force")
    party, currency = party_of(details.document), str(details.document["currency"])
    schemes = {one.document["scheme"]["currency"] for one in (await partners.filed_calendars(connection))[-1:]}
    if party.account is None or schemes - {currency}:
        raise errors.ValidationFailed(
            "cover is lodged in the scheme's own currency, and the house's account is in another"
        )
    return party.account, currency


def _announcement(one: Proposal) -> Announced:
    return Announced(one.digest, one.document["reference"], partners.amount_of(one.document))


def _said(file: BankFile, told: list[Told], waiting: dict[str, Proposal], *, blocked: bool) -> dict[str, Any]:
    return {
        "blocked": blocked,
        "findings": list(file.findings),
        "funds": [
            {
                "partner": waiting[one.name].partner,
                "reference": waiting[one.name].document["reference"],
                "proposal": one.name,
                "outcome": "blocked" if blocked and one.came is Came.BOOKED else str(one.came),
                "differs": one.differs,
            }
            for one in told
        ],
    }


DOORS = (
    Door(
        "POST",
        "/v1/cover/funds",
        take_funds,
        {200: messages.FundsSaid},
        refuses=("not_found", "second_key_needed", "reference_used"),
        purposes=OPERATORS,
        tag="agreements",
        bulk=(XML,),
    ),
)
