"""A run's payments as a bank takes them: each with the bank details in force when the run was frozen, the same bytes each time.

Who had no details then is paid by the first that came into force since. What the bank rejected is instructed again by details that
came into force after the rejection, in a message of its own, so that the first message never changes.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clearing import errors, partners
from clearing.partners import FiledDetails
from settlement.files import payments
from settlement.files.parties import Account, Party
from settlement.files.payments import Instruction
from settlement.rules.flows import HOUSE
from settlement.run.store import Connection, InstructionRow, events, instructions, run_of

Digits = Callable[[str], int]


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent to the bank: an id and a time that follow from the run, who pays, and whom."""

    id: str
    created_at: datetime
    debtor: Party
    instructions: tuple[Instruction, ...]

    def file(self) -> bytes:
        """The pain.001.001.09. Raises errors.ValidationFailed."""
        return payments.pain001(
            self.instructions,
            message=self.id,
            created_at=self.created_at,
            initiator=self.debtor.name,
            debtor=self.debtor,
        )


def party_of(document: Mapping[str, Any]) -> Party:
    """Who is paid by these bank details. Raises errors.ValidationFailed with what no bank would take."""
    if bool(document["iban"]) == bool(document["account"]):
        raise errors.ValidationFailed("one of iban and account")
    account = Account(document["iban"]) if document["iban"] else Account(document["account"], iban=False)
    return Party(document["name"], account, document["town"], document["country"], document["bic"])


async def message(connection: Connection, run: str, now: datetime, digits: Digits) -> Message:
    """What is to be paid out for a run, once it is released. Raises errors.NotFound, errors.ValidationFailed."""
    await run_of(connection, run)
    out = [one for one in await instructions(connection, run) if one.direction == "pay_out" and one.minor]
    if not out:
        raise errors.ValidationFailed(f"{run} pays nobody")
    if any(one.state == "waiting" for one in out):
        raise errors.ValidationFailed(f"what goes out of {run} waits for what comes in")
    frozen = await _frozen_at(connection, run)
    filed = [one for one in await partners.filed_details(connection, None) if one.valid_from <= now]
    found = {one.partner: chosen(filed, one.partner, frozen) for one in out}
    return _message(out, _required(chosen(filed, HOUSE, frozen), HOUSE), found, frozen, digits)


async def again(connection: Connection, run: str, instruction: str, now: datetime, digits: Digits) -> Message:
    """One payment that the bank rejected, by the details that came into force after the rejection: a message of its own.

    Raises errors.NotFound, errors.ValidationFailed.
    """
    one = next((one for one in await instructions(connection, run) if one.instruction == instruction), None)
    if one is None:
        raise errors.NotFound("there is no such payment")
    if one.rejected_at is None or one.direction != "pay_out":
        raise errors.ValidationFailed(f"{instruction}: the bank did not reject it")
    filed = [each for each in await partners.filed_details(connection, None) if each.valid_from <= now]
    found = partners.details_since(filed, one.partner, one.rejected_at)
    if found is None:
        raise errors.ValidationFailed(f"{one.partner}: no other bank details came into force since it was rejected")
    own = _required(chosen(filed, HOUSE, await _frozen_at(connection, run)), HOUSE)
    return _message([one], own, {one.partner: found}, one.rejected_at, digits)


async def expected(
    connection: Connection, run: str, now: datetime, digits: Digits
) -> tuple[list[Instruction], dict[str, tuple[str, ...]]]:
    """Every payment of a run as the bank's files should tell it, and what each message's id and batches stand for.

    Raises errors.ValidationFailed without the house's own account: nobody could say what came in and what went out.
    """
    frozen = await _frozen_at(connection, run)
    filed = [one for one in await partners.filed_details(connection, None) if one.valid_from <= now]
    own = party_of(_required(chosen(filed, HOUSE, frozen), HOUSE).document)
    made: list[Instruction] = []
    sent: dict[str, tuple[str, ...]] = {}
    known = [one for one in await instructions(connection, run) if one.minor]
    for one in known:
        details = chosen(filed, one.partner, frozen)
        other = Party("partner") if details is None else party_of(details.document)
        payer, payee = (own, other) if one.direction == "pay_out" else (other, own)
        figures = (one.minor, digits(one.currency), one.currency, one.value_date)
        made.append(Instruction(one.instruction, payer, payee, *figures))
    out = {one.instruction for one in known if one.direction == "pay_out"}
    first = tuple(one for one in made if one.id in out)
    if first and all(one.payee.account for one in first):
        sent |= payments.sent(first, payments.message_id(first))
    for one in known:
        if one.rejected_at is not None and partners.details_since(filed, one.partner, one.rejected_at):
            anew = await again(connection, run, one.instruction, now, digits)
            sent |= payments.sent(anew.instructions, anew.id)
    return made, sent


def chosen(filed: Sequence[FiledDetails], partner: str, at: datetime) -> FiledDetails | None:
    """The version in force at this instant; where there was none, the first that came into force since."""
    return partners.details_at(filed, partner, at) or partners.details_since(filed, partner, at)


def _message(
    out: Sequence[InstructionRow],
    own: FiledDetails,
    found: Mapping[str, FiledDetails | None],
    created_at: datetime,
    digits: Digits,
) -> Message:
    debtor = party_of(own.document)
    made = tuple(_instruction(one, debtor, _required(found[one.partner], one.partner), digits) for one in out)
    return Message(payments.message_id(made), created_at, debtor, made)


def _instruction(one: InstructionRow, debtor: Party, details: FiledDetails, digits: Digits) -> Instruction:
    if details.document["currency"] != one.currency:
        said = f"{one.partner} is paid in {one.currency}, and its account is in {details.document['currency']}"
        raise errors.ValidationFailed(said)
    payee, known = party_of(details.document), digits(one.currency)
    return Instruction(
        one.instruction, debtor, payee, one.minor, known, one.currency, one.value_date, f"Settlement {one.run}"
    )


def _required(details: FiledDetails | None, partner: str) -> FiledDetails:
    if details is None:
        raise errors.ValidationFailed(f"{partner} has no bank details in force")
    return details


async def _frozen_at(connection: Connection, run: str) -> datetime:
    return next(one.at for one in await events(connection, run) if one.step == "frozen")
