"""A run's payments as a bank takes them: each with the bank details in force when the run was frozen, the same bytes each time.

Who had none then that a bank could pay to waits, and holds up nobody else: it is instructed by the first that came into force since, in a
message of its own. So is what the bank rejected, by details that came into force after the rejection. The first message never changes.
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
    """What is to be paid out for a run, once it is released, to all who could be paid when it was frozen.

    Raises errors.NotFound, errors.ValidationFailed.
    """
    await run_of(connection, run)
    out = [one for one in await instructions(connection, run) if one.direction == "pay_out" and one.minor]
    if not out:
        raise errors.ValidationFailed(f"{run} pays nobody")
    if any(one.state == "waiting" for one in out):
        raise errors.ValidationFailed(f"what goes out of {run} waits for what comes in")
    frozen = await frozen_at(connection, run)
    filed = [one for one in await partners.filed_details(connection, None) if one.valid_from <= now]
    own = _required(chosen(filed, HOUSE, frozen), HOUSE)
    ready = {one.partner: at_first(filed, one, frozen) for one in out}
    first = [one for one in out if ready[one.partner] is not None]
    if not first:
        raise errors.ValidationFailed("; ".join(why_not(filed, one, frozen) for one in out))
    return _message(first, own, ready, frozen, digits)


async def again(connection: Connection, run: str, instruction: str, now: datetime, digits: Digits) -> Message:
    """One payment that waited for bank details, by the first that came into force since; or that the bank rejected, likewise.

    A message of its own. Raises errors.NotFound, errors.ValidationFailed.
    """
    one = next((one for one in await instructions(connection, run) if one.instruction == instruction), None)
    if one is None:
        raise errors.NotFound("there is no such payment")
    filed = [each for each in await partners.filed_details(connection, None) if each.valid_from <= now]
    frozen = await frozen_at(connection, run)
    if one.direction != "pay_out" or (one.rejected_at is None and at_first(filed, one, frozen)):
        raise errors.ValidationFailed(f"{instruction}: the bank did not reject it")
    if one.state == "waiting":
        raise errors.ValidationFailed(f"what goes out of {run} waits for what comes in")
    found = apart(filed, one, frozen)
    if found is None:
        raise errors.ValidationFailed(why_not(filed, one, frozen))
    own = _required(chosen(filed, HOUSE, frozen), HOUSE)
    return _message([one], own, {one.partner: found}, one.rejected_at or found.valid_from, digits)


async def expected(
    connection: Connection, run: str, now: datetime, digits: Digits
) -> tuple[list[Instruction], dict[str, tuple[str, ...]]]:
    """Every payment of a run as the bank's files should tell it, and what each message's id and batches stand for.

    Raises errors.ValidationFailed without the house's own account: nobody could say what came in and what went out.
    """
    frozen = await frozen_at(connection, run)
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
    out = {one.instruction for one in known if one.direction == "pay_out" and at_first(filed, one, frozen)}
    first = tuple(one for one in made if one.id in out)
    if first:
        sent |= payments.sent(first, payments.message_id(first))
    for one in known:
        for details in _own(filed, one, frozen) if one.direction == "pay_out" else ():
            alone = [_instruction(one, own, details, digits)]
            sent |= payments.sent(alone, payments.message_id(alone))
    return made, sent


def chosen(filed: Sequence[FiledDetails], partner: str, at: datetime) -> FiledDetails | None:
    """The version in force at this instant; where there was none, the first that came into force since."""
    return partners.details_at(filed, partner, at) or partners.details_since(filed, partner, at)


def at_first(filed: Sequence[FiledDetails], one: InstructionRow, frozen: datetime) -> FiledDetails | None:
    """The details by which the first message of its run pays it; None where it waits for others."""
    found = partners.details_at(filed, one.partner, frozen)
    return found if found is not None and found.document["currency"] == one.currency else None


def apart(filed: Sequence[FiledDetails], one: InstructionRow, frozen: datetime) -> FiledDetails | None:
    """The details by which it is instructed in a message of its own; None where it is not, or not yet."""
    if one.rejected_at is not None:
        return _since(filed, one, one.rejected_at)
    return None if at_first(filed, one, frozen) else _since(filed, one, frozen)


def _own(filed: Sequence[FiledDetails], one: InstructionRow, frozen: datetime) -> list[FiledDetails]:
    """By which details it was or may be instructed in messages of its own: while it waited, and since it was rejected."""
    found = [
        None if at_first(filed, one, frozen) else _since(filed, one, frozen),
        None if one.rejected_at is None else _since(filed, one, one.rejected_at),
    ]
    return [each for each in found if each is not None]


def _since(filed: Sequence[FiledDetails], one: InstructionRow, at: datetime) -> FiledDetails | None:
    """The first details since, in the currency in which it is paid."""
    usable = [each for each in filed if each.document["currency"] == one.currency]
    return partners.details_since(usable, one.partner, at)


def why_not(filed: Sequence[FiledDetails], one: InstructionRow, frozen: datetime) -> str:
    """Why a payment is in no message."""
    if one.rejected_at is not None:
        return f"{one.partner}: no other bank details came into force since it was rejected"
    if at_first(filed, one, frozen) or apart(filed, one, frozen):
        return f"{one.partner} has bank details since the run was frozen: its payment {one.instruction} is a message of its own"
    return lacks(chosen(filed, one.partner, frozen), one.partner, one.currency) or ""


def lacks(details: FiledDetails | None, partner: str, currency: str) -> str | None:
    """Why a partner cannot be paid in this currency by these details; None where it can."""
    if details is None:
        return f"{partner} has no bank details in force"
    other = details.document["currency"]
    return None if other == currency else f"{partner} is paid in {currency}, and its account is in {other}"


async def frozen_at(connection: Connection, run: str) -> datetime:
    """When this run was frozen."""
    return next(one.at for one in await events(connection, run) if one.step == "frozen")


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
