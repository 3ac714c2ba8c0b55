"""A withdrawal of cover as a file for the bank: from the house's account to the partner's, once both keys have booked it.

Cover is in the scheme's own currency, and so are both accounts. The file follows from the movement and from the bank details in force when
it was booked, or that came into force first since: the same bytes every time, whatever comes after.
"""

from collections.abc import Mapping, Sequence
from datetime import UTC
from typing import TYPE_CHECKING, Any

from clearing import errors, partners
from clearing.front.currencies import digits_of
from clearing.front.doors import OPERATORS, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.partners import FiledDetails, Movement
from clearing.partners.cover import KIND
from clearing.partners.rows import Connection
from clearing.rules.agreements import HOUSE
from settlement.files import payments
from settlement.files.parties import latin
from settlement.files.payments import REMITTANCE_MAX, Instruction
from settlement.rules.money import MICRO_DIGITS, major
from settlement.run import Message, chosen, party_of

if TYPE_CHECKING:
    from clearing.front.house import House

XML = "application/xml"


async def pay_cover(house: "House", asked: Asked) -> Reply:
    """A withdrawal of cover as a pain.001.001.09, by the proposal that was confirmed: the same bytes each time.

    The payment is named after the movement, and is asked for on the day of its booking; its remittance is the movement's reference.
    """
    async with house.reads.connection() as connection:
        proposed = await partners.proposal(connection, asked.path["proposal"], KIND)
        found = await partners.movements(connection, LANE, proposed.partner)
        one = next((one for one in found if one.digest == proposed.digest), None)
        if one is None:
            raise errors.NotFound("this movement is not booked")
        if one.amount > 0:
            raise errors.ValidationFailed("funds that came in are paid by the partner")
        return Reply(200, (await _message(connection, one, asked)).file(), XML)


async def _message(connection: Connection, one: Movement, asked: Asked) -> Message:
    filed = [each for each in await partners.filed_details(connection, None) if each.valid_from <= asked.at]
    own, theirs = (_details(filed, party, one) for party in (HOUSE, one.partner))
    unit = await partners.scheme_currency(connection) or str(own["currency"])
    for party, details in ((HOUSE, own), (one.partner, theirs)):
        if details["currency"] != unit:
            raise errors.ValidationFailed(f"cover is in {unit}, and the account of {party} is in {details['currency']}")
    at, digits, debtor = one.at.astimezone(UTC), digits_of(unit), party_of(own)
    amount, said = _minor(-one.amount, digits), _remittance(one.reference)
    made = Instruction(withdrawal_id(one), debtor, party_of(theirs), amount, digits, unit, at.date(), said)
    return Message(payments.message_id([made]), at, debtor, (made,))


def _details(filed: Sequence[FiledDetails], party: str, one: Movement) -> Mapping[str, Any]:
    """The bank details of a party for this movement. Raises errors.ValidationFailed."""
    details = chosen(filed, party, one.at)
    if details is None:
        raise errors.ValidationFailed(f"{party} has no bank details in force")
    return details.document


def withdrawal_id(one: Movement) -> str:
    """The name of a withdrawal, as it travels through banks: 30 letters and digits."""
    return "CV" + partners.movement_id(one.partner, one.reference).hex[:28].upper()


def _minor(micros: int, digits: int) -> int:
    """So many minor units. Raises errors.ValidationFailed for what is not whole: nobody pays it."""
    minor, rest = divmod(micros, int(10 ** (MICRO_DIGITS - digits)))
    if rest:
        raise errors.ValidationFailed(f"{major(micros)} cannot be paid: the currency has {digits} digits")
    return minor


def _remittance(reference: str) -> str:
    """The reference, if its letters are those of banks."""
    try:
        return latin(reference, "reference", REMITTANCE_MAX)
    except errors.ValidationFailed:
        return ""


DOORS = (
    Door(
        "GET",
        "/v1/cover/{proposal}/payment",
        pay_cover,
        {200: None},
        refuses=("not_found",),
        purposes=OPERATORS,
        tag="agreements",
    ),
)
