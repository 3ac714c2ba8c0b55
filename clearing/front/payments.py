"""Payments of runs at the door of the partners that are a side of them: who pays whom, the file for the payer's bank, and "it is here"."""

import re
from typing import TYPE_CHECKING, Any

from clearing import errors
from clearing.front import payment_messages as messages
from clearing.front import problems, reading
from clearing.front.currencies import day_of, digits_of
from clearing.front.doors import PARTNERS, Asked, Door, Reply
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.runs import FILE, XML, minor_of, payment_file
from clearing.rules.refusals import Refusal
from settlement import run as settling
from settlement.rules.money import written
from settlement.run import DIRECT, Confirmation, InstructionRow, Step

if TYPE_CHECKING:
    from clearing.front.house import House

PAGE = 200
RUN = re.compile("[!-~]{1,80}")


async def list_payments(house: "House", asked: Asked) -> Reply:
    """The payments that the caller is a side of, of all runs or of one. `format=pain.001` with a `run`: what it pays in it, as a file.

    The file is the same bytes each time, by the bank details in force when the run was frozen. `again` names a payment that the caller's
    bank rejected: it alone, by the payee's details that came into force since.
    """
    said, caller = reading.query(asked.message.query, "run", "after", "format", "again"), asked.caller.code
    form, run = said.get("format"), said.get("run")
    if form not in {None, FILE} or (form and (run is None or "after" in said)) or ("again" in said and form is None):
        raise errors.ValidationFailed(f"the format is {FILE}, for a run, or none")
    async with house.reads.connection() as connection:
        if form and run:
            if not await settling.payments_of(connection, caller, run, None, 1):
                raise errors.NotFound("there is no such run, or no payment of yours in it")
            return Reply(200, await payment_file(connection, asked, run, caller, said.get("again")), XML)
        found = await settling.payments_of(connection, caller, run, said.get("after"), PAGE + 1)
    told = [_payment(one, caller, asked) for one in found[:PAGE]]
    return Reply(200, {"payments": told, "next": found[PAGE - 1].instruction if len(found) > PAGE else None})


async def confirm_received(house: "House", asked: Asked) -> Reply | Problem:
    """Say that a payment of another partner is booked to the caller's account: it is settled by that. Said again it has no effect.

    The payee alone says so; what the house pays or is paid, the house's bank confirms. What differs is kept, and the payment waits.
    """
    _ = asked.idempotency_key
    wish, caller = asked.parse(messages.ReceivedWish), asked.caller.code
    booked_on = day_of(wish.booked_on)
    if booked_on > asked.at.date():  # of UTC, as for whatever a bank says
        raise errors.ValidationFailed("booked_on: that day is to come")
    async with house.reads.connection() as connection:
        one = await settling.payment_of(connection, caller, asked.path["instruction"])
        if one.direction != DIRECT or one.payee != caller:
            raise errors.Forbidden
        minor = minor_of(wish.amount, wish.currency)
        said = Confirmation(one.instruction, DIRECT, wish.currency, minor, booked_on, wish.bank_reference)
        step = Step(asked.at, asked.caller.key_id, await keep_request(house, asked))
        found = await settling.confirm(connection, one.run, [said], step)
        if isinstance(found, Refusal):
            return problems.of_refusal(found)
        await settling.carry_on(connection, house.writer, one.run, step)
    (outcome,) = found
    told = {"instruction": outcome.instruction, "outcome": outcome.outcome, "differs": outcome.differs}
    return Reply(200, told)


def _payment(one: InstructionRow, caller: str, asked: Asked) -> dict[str, Any]:
    return {
        "instruction": one.instruction,
        "run": one.run,
        "payer": one.payer,
        "payee": one.payee,
        "currency": one.currency,
        "amount": written(one.minor, digits_of(one.currency)),
        "settles": str(one.paid if one.payer == caller else -one.received),
        "value_date": one.value_date.isoformat(),
        "overdue": one.overdue(asked.at.date()),
        "state": one.state,
        "bank_reference": one.bank_reference,
        "booked_on": None if one.booked_on is None else one.booked_on.isoformat(),
        "differs": None if one.differs is None else _without_accounts(one.differs),
    }


def _without_accounts(differs: str) -> str:
    """What differs, and of an account only that: an operator's file may be of anybody's."""
    parts = ["account" if part.startswith("account: ") else part for part in differs.split("; ")]
    return "; ".join(parts)  # no account has a semicolon in it


DOORS = (
    Door(
        "GET",
        "/v1/payments",
        list_payments,
        {200: messages.PaymentsSaid},
        refuses=("not_found",),
        purposes=PARTNERS,
        tag="settlement",
        asks=("run", "after", "format", "again"),
    ),
    Door(
        "POST",
        "/v1/payments/{instruction}/received",
        confirm_received,
        {200: messages.ReceivedSaid},
        messages.ReceivedWish,
        ("not_found", "run_not_ready"),
        purposes=PARTNERS,
        tag="settlement",
    ),
)
