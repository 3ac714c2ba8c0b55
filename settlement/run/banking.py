"""A run's payments as a bank takes them: each with the bank details in force when the run was frozen, the same bytes each time.

Every payer has a message of its own: the house, and each partner that pays it or another partner. Who had no details then that a bank
could pay to waits, and holds up nobody else: it is instructed by the first that came into force since, in a message of its own. So is what
the bank rejected, by details that came into force after the rejection. The first message never changes.
"""

from collections import defaultdict
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
from settlement.run.store import DIRECT, Connection, InstructionRow, events, instructions, run_of

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


async def message(connection: Connection, run: str, payer: str, now: datetime, digits: Digits) -> Message:
    """What this party is to pay in a run, once it is released, to all who could be paid when it was frozen.

    Raises errors.NotFound, errors.ValidationFailed.
    """
    await run_of(connection, run)
    out = [one for one in await instructions(connection, run) if one.payer == payer and one.minor]
    if not out:
        raise errors.ValidationFailed(f"{run} pays nobody" if payer == HOUSE else f"{payer} pays nobody in {run}")
    if any(one.state == "waiting" for one in out):
        raise errors.ValidationFailed(f"what goes out of {run} waits for what comes in")
    frozen = await frozen_at(connection, run)
    filed = await in_force(connection, now)
    own = _required(chosen(filed, payer, frozen), payer)
    ready = {one.payee: at_first(filed, one, frozen) for one in out}
    first = [one for one in out if ready[one.payee] is not None]
    if not first:
        raise errors.ValidationFailed("; ".join(why_not(filed, one, frozen) for one in out))
    return _message(first, own, ready, frozen, digits)


async def again(
    connection: Connection, run: str, instruction: str, payer: str, now: datetime, digits: Digits
) -> Message:
    """One payment that waited for bank details, by the first that came into force since; or that this party's bank rejected, likewise.

    A message of its own. Raises errors.NotFound, errors.ValidationFailed.
    """
    known = {one.instruction: one for one in await instructions(connection, run) if one.payer == payer}
    if instruction not in known:
        raise errors.NotFound("there is no such payment")
    one, filed = known[instruction], await in_force(connection, now)
    frozen = await frozen_at(connection, run)
    if one.rejected_at is None and at_first(filed, one, frozen):
        raise errors.ValidationFailed(f"{instruction}: the bank did not reject it")
    if one.state == "waiting":
        raise errors.ValidationFailed(f"what goes out of {run} waits for what comes in")
    found = apart(filed, one, frozen)
    if found is None:
        raise errors.ValidationFailed(why_not(filed, one, frozen))
    own = _required(chosen(filed, payer, frozen), payer)
    return _message([one], own, {one.payee: found}, one.rejected_at or found.valid_from, digits)


async def expected(
    connection: Connection, run: str, now: datetime, digits: Digits
) -> tuple[list[Instruction], dict[str, tuple[str, ...]]]:
    """Every payment of a run as banks' files should tell it, and what each message's id and batches stand for.

    Raises errors.ValidationFailed without the house's own account, where the house is a side of any: nobody could say what came in and
    what went out. A payment between partners of whom one has no bank details is not looked for, for the same reason.
    """
    frozen, filed = await frozen_at(connection, run), await in_force(connection, now)
    known = [one for one in await instructions(connection, run) if one.minor]
    if any(one.direction != DIRECT for one in known) or not known:
        _required(chosen(filed, HOUSE, frozen), HOUSE)
    made: list[Instruction] = []
    messages: dict[str, list[Instruction]] = defaultdict(list)
    for one in known:
        payer, payee = (_party(chosen(filed, party, frozen)) for party in (one.payer, one.payee))
        if one.direction == DIRECT and not (payer.account and payee.account):
            continue
        figures = (one.minor, digits(one.currency), one.currency, one.value_date)
        made.append(Instruction(one.instruction, payer, payee, *figures))
        if at_first(filed, one, frozen):
            messages[one.payer].append(made[-1])
        for place, details in enumerate(_own(filed, one, frozen)):
            messages[f"{one.instruction} {place}"] = [Instruction(one.instruction, payer, _party(details), *figures)]
    sent: dict[str, tuple[str, ...]] = {}
    for told in messages.values():
        sent |= payments.sent(told, payments.message_id(told))
    return made, sent


async def in_force(connection: Connection, now: datetime) -> list[FiledDetails]:
    """All bank details that have come into force by now."""
    return [one for one in await partners.filed_details(connection, None) if one.valid_from <= now]


def _party(details: FiledDetails | None) -> Party:
    return Party("partner") if details is None else party_of(details.document)


def chosen(filed: Sequence[FiledDetails], partner: str, at: datetime) -> FiledDetails | None:
    """The version in force at this instant; where there was none, the first that came into force since."""
    return partners.details_at(filed, partner, at) or partners.details_since(filed, partner, at)


def at_first(filed: Sequence[FiledDetails], one: InstructionRow, frozen: datetime) -> FiledDetails | None:
    """The details by which the first message of its run pays it; None where it waits for others."""
    found = partners.details_at(filed, one.payee, frozen)
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
    return partners.details_since(usable, one.payee, at)


def why_not(filed: Sequence[FiledDetails], one: InstructionRow, frozen: datetime) -> str:
    """Why a payment is in no message."""
    if one.rejected_at is not None:
        return f"{one.payee}: no other bank details came into force since it was rejected"
    if at_first(filed, one, frozen) or apart(filed, one, frozen):
        return f"{one.payee} has bank details since the run was frozen: its payment {one.instruction} is a message of its own"
    return lacks(chosen(filed, one.payee, frozen), one.payee, one.currency) or ""


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
    made = tuple(_instruction(one, debtor, _required(found[one.payee], one.payee), digits) for one in out)
    return Message(payments.message_id(made), created_at, debtor, made)


def _instruction(one: InstructionRow, debtor: Party, details: FiledDetails, digits: Digits) -> Instruction:
    if details.document["currency"] != one.currency:
        said = f"{one.payee} is paid in {one.currency}, and its account is in {details.document['currency']}"
        raise errors.ValidationFailed(said)
    payee, known = party_of(details.document), digits(one.currency)
    return Instruction(
        one.instruction, debtor, payee, one.minor, known, one.currency, one.value_date, f"Settlement {one.run}"
    )


def _required(details: FiledDetails | None, partner: str) -> FiledDetails:
    if details is None:
        raise errors.ValidationFailed(f"{partner} has no bank details in force")
    return details
