"""A run's payments as a bank takes them: each with the bank details in force when the run was frozen, the same bytes each time.

Every payer has a message of its own: the house, and each partner that pays it or another partner. Who had no details then is paid by the
first that came into force since. What the bank rejected is instructed again by details that came into force after the rejection, in a
message of its own, so that the first message never changes.
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
    """What this party is to pay in a run, once it is released. Raises errors.NotFound, errors.ValidationFailed."""
    await run_of(connection, run)
    out = [one for one in await instructions(connection, run) if one.payer == payer and one.minor]
    if not out:
        raise errors.ValidationFailed(f"{run} pays nobody" if payer == HOUSE else f"{payer} pays nobody in {run}")
    if any(one.state == "waiting" for one in out):
        raise errors.ValidationFailed(f"what goes out of {run} waits for what comes in")
    frozen = await _frozen_at(connection, run)
    filed = await _filed(connection, now)
    found = {one.payee: chosen(filed, one.payee, frozen) for one in out}
    return _message(out, _required(chosen(filed, payer, frozen), payer), found, frozen, digits)


async def again(
    connection: Connection, run: str, instruction: str, payer: str, now: datetime, digits: Digits
) -> Message:
    """One payment that this party's bank rejected, by the details that came into force after the rejection: a message of its own.

    Raises errors.NotFound, errors.ValidationFailed.
    """
    known = {one.instruction: one for one in await instructions(connection, run) if one.payer == payer}
    if instruction not in known:
        raise errors.NotFound("there is no such payment")
    one, filed = known[instruction], await _filed(connection, now)
    if one.rejected_at is None:
        raise errors.ValidationFailed(f"{instruction}: the bank did not reject it")
    found = partners.details_since(filed, one.payee, one.rejected_at)
    if found is None:
        raise errors.ValidationFailed(f"{one.payee}: no other bank details came into force since it was rejected")
    own = _required(chosen(filed, payer, await _frozen_at(connection, run)), payer)
    return _message([one], own, {one.payee: found}, one.rejected_at, digits)


async def expected(
    connection: Connection, run: str, now: datetime, digits: Digits
) -> tuple[list[Instruction], dict[str, tuple[str, ...]]]:
    """Every payment of a run as banks' files should tell it, and what each message's id and batches stand for.

    Raises errors.ValidationFailed without the house's own account, where the house is a side of any: nobody could say what came in and
    what went out. A payment between partners of whom one has no bank details is not looked for, for the same reason.
    """
    frozen, filed = await _frozen_at(connection, run), await _filed(connection, now)
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
        messages[one.payer].append(made[-1])
        anew = None if one.rejected_at is None else partners.details_since(filed, one.payee, one.rejected_at)
        if anew is not None:
            messages[f"{one.instruction} again"] = [Instruction(one.instruction, payer, _party(anew), *figures)]
    sent: dict[str, tuple[str, ...]] = {}
    for told in messages.values():
        if all(one.payee.account for one in told):
            sent |= payments.sent(told, payments.message_id(told))
    return made, sent


async def _filed(connection: Connection, now: datetime) -> list[FiledDetails]:
    """All bank details that have come into force by now."""
    return [one for one in await partners.filed_details(connection, None) if one.valid_from <= now]


def _party(details: FiledDetails | None) -> Party:
    return Party("partner") if details is None else party_of(details.document)


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


async def _frozen_at(connection: Connection, run: str) -> datetime:
    return next(one.at for one in await events(connection, run) if one.step == "frozen")
