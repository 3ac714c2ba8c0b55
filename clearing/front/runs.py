"""Settlement runs at the door: operators draft, approve with two keys, freeze, see the payments and say what the bank booked."""

import json
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from clearing import errors
from clearing.front import problems, reading, statements
from clearing.front import run_messages as messages
from clearing.front.currencies import currency_of, day_of, digits_of, ratio_of
from clearing.front.doors import OPERATORS, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import keep_request
from clearing.front.messages import Wish
from clearing.front.papers import named_rates
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.rules.refusals import Refusal
from settlement import run as settling
from settlement import stating
from settlement.files import confirmations
from settlement.rules.flows import HOUSE
from settlement.rules.money import written
from settlement.rules.netting import Model
from settlement.rules.run import RateSet, replayed
from settlement.rules.terms import SaidTerms
from settlement.run import Accrued, Confirmation, InstructionRow, RunRow, Sent, Step, Wanted

if TYPE_CHECKING:
    from clearing.front.house import House

FILE, XML = "pain.001", "application/xml"


async def draft_run(house: "House", asked: Asked) -> Reply | Problem:
    """Draft the settlement of sealed windows. The same again is the same run; books that are out of balance hold it, and it says why."""
    _ = asked.idempotency_key
    wish = asked.parse(messages.RunWish)
    known = await house.live.directory(asked.at, fresh=True)
    if strangers := {*wish.suspended, *(one.partner for one in wish.terms)} - known.partners.keys():
        raise errors.NotFound(f"no such partner: {', '.join(sorted(strangers))}")
    async with house.reads.connection() as connection:
        rates = await named_rates(connection, wish.rates)
        if isinstance(rates, Refusal):
            return problems.of_refusal(rates)
        wanted = _wanted(wish, rates)
        drafted = await settling.draft(connection, LANE, wanted, await _step(house, asked))
        return await _said(connection, drafted, asked.at, 201)


async def approve_run(house: "House", asked: Asked) -> Reply | Problem:
    """Approve a result by its digest: the first key previews, another operator's key approves."""
    _ = asked.idempotency_key
    digest = asked.parse(messages.ApproveWish).result_sha256
    async with house.reads.connection() as connection:
        approved = await settling.approve(connection, asked.path["run"], digest, await _step(house, asked))
        return await _said(connection, approved, asked.at)


async def freeze_run(house: "House", asked: Asked) -> Reply | Problem:
    """Make an approved run final, instruct its payments, seal its statements and invoices. The books are read once more first.

    A run without payments is settled. What was broken off, the same request goes on with.
    """
    _ = asked.idempotency_key, asked.parse(messages.FreezeWish)
    step = await _step(house, asked)
    async with house.reads.connection() as connection:
        frozen = await settling.freeze(connection, LANE, asked.path["run"], step)
        if isinstance(frozen, Refusal):
            return problems.of_refusal(frozen)
        row = await settling.carry_on(connection, house.writer, frozen.run, step)
        await stating.state_run(connection, LANE, row.run, house.key)
        await stating.seal_invoices(connection, row.run, house.key)
        return await _said(connection, row, asked.at)


async def abort_run(house: "House", asked: Asked) -> Reply | Problem:
    """End a run that is not frozen. Its windows can be settled by another, and what it had resumed waits again."""
    _ = asked.idempotency_key
    reason = asked.parse(messages.AbortWish).reason
    async with house.reads.connection() as connection:
        aborted = await settling.abort(connection, asked.path["run"], reason, await _step(house, asked))
        return await _said(connection, aborted, asked.at)


async def confirm_payments(house: "House", asked: Asked) -> Reply | Problem:
    """Say what the bank booked, or send its file. It must be what was instructed: what differs is kept, said, and holds the run.

    A camt.054, camt.053 or pain.002 is taken whole: when anything in it differs, it confirms nothing. The same file again: the same answer.
    """
    _ = asked.idempotency_key
    if _media(asked) == XML:
        return await _take_file(house, asked)
    if len(asked.message.body) > reading.BODY_BYTES_MAX:
        raise errors.BodyTooLarge
    booked = [_confirmation(one) for one in asked.parse(messages.ConfirmationsWish).confirmations]
    step, run = await _step(house, asked), asked.path["run"]
    async with house.reads.connection() as connection:
        found = await settling.confirm(connection, run, booked, step)
        if isinstance(found, Refusal):
            return problems.of_refusal(found)
        row = await settling.carry_on(connection, house.writer, run, step)
    told = [{"instruction": one.instruction, "outcome": one.outcome, "differs": one.differs} for one in found]
    return Reply(200, {"run": run, "state": row.state, "confirmations": told})


async def _take_file(house: "House", asked: Asked) -> Reply | Problem:
    file, run = confirmations.read(asked.message.body), asked.path["run"]
    step = await _step(house, asked)
    async with house.reads.connection() as connection:
        answer = await settling.take(connection, run, file, step, asked.at, digits_of)
        if isinstance(answer, Refusal):
            return problems.of_refusal(answer)
        row = await settling.carry_on(connection, house.writer, run, step)
    return Reply(200, {"run": run, "state": row.state, **answer})


async def list_runs(house: "House", _asked: Asked) -> Reply:
    """All runs, the newest first."""
    async with house.reads.connection() as connection:
        found = await settling.runs(connection)
    return Reply(
        200,
        {
            "runs": [
                {
                    "run": one.run,
                    "state": one.state,
                    "held_because": one.held_because,
                    "result_sha256": one.result_sha256,
                    "value_date": one.value_date.isoformat(),
                    "created_at": instant(one.created_at),
                }
                for one in found
            ]
        },
    )


async def look_up_run(house: "House", asked: Asked) -> Reply:
    """A run with its result, history and statements, and whether its inputs give that result again."""
    async with house.reads.connection() as connection:
        row = await settling.run_of(connection, asked.path["run"])
        events = await settling.events(connection, row.run)
        stated = [statements.statement(one) for one in await stating.kept(connection, run=row.run)]
        said = await _told(connection, row, asked.at)
    told = [
        {
            "number": one.number,
            "at": instant(one.at),
            "step": one.step,
            "key_id": one.key_id,
            "evidence": None if one.evidence_id is None else str(one.evidence_id),
            "detail": one.detail,
        }
        for one in events
    ]
    replays = row.result is not None and replayed(row.inputs) == row.result
    result = None if row.result is None else json.loads(row.result)
    return Reply(200, {**said, "result": result, "replays": replays, "events": told, "statements": stated})


async def list_instructions(house: "House", asked: Asked) -> Reply:
    """The payments of a run: what the house is paid first, then what partners pay each other. `format=pain.001`: what goes out, as a file.

    The file is a pain.001.001.09, the same bytes each time, by the bank details in force when the run was frozen: what the house pays, or
    what the `payer` does that is named. Who had none that could be used waits (`waits`). `again` names such a payment, or one that the
    bank rejected: it alone, by details that came into force since.
    """
    said = reading.query(asked.message.query, "format", "again", "payer")
    if said.get("format") not in {None, FILE} or (len(said) > 0 and "format" not in said):
        raise errors.ValidationFailed(f"the format is {FILE}, or none")
    async with house.reads.connection() as connection:
        if said:
            payer, again = said.get("payer", HOUSE), said.get("again")
            return Reply(200, await payment_file(connection, asked, asked.path["run"], payer, again), XML)
        row = await settling.run_of(connection, asked.path["run"])
        found = await settling.instructions(connection, row.run)
        accrued = await settling.accrued(connection, LANE, row.run)
        sent = await settling.sent_by(connection, found, asked.at)
    told = [
        _instruction(one, asked.at.date(), accrued.get(one.instruction)) | _sent(sent.get(one.instruction))
        for one in found
    ]
    return Reply(200, {"run": row.run, "state": row.state, "instructions": told})


async def payment_file(
    connection: settling.Connection, asked: Asked, run: str, payer: str, rejected: str | None
) -> bytes:
    """What a party pays in a run as a pain.001.001.09, or anew the one payment that its bank rejected."""
    if rejected is None:
        return (await settling.message(connection, run, payer, asked.at, digits_of)).file()
    return (await settling.again(connection, run, rejected, payer, asked.at, digits_of)).file()


async def accrue_overdue(house: "House", asked: Asked) -> Reply:
    """Book the interest of every payment of a partner whose day has passed without a confirmation, up to today. Again: nothing more."""
    _ = asked.idempotency_key, asked.parse(messages.OverdueWish)
    behind = await keep_request(house, asked)
    async with house.reads.connection() as connection:
        found = await settling.overdue(connection, house.writer, asked.at.date(), behind)
    told = [
        {
            "run": one.run,
            "instruction": one.instruction,
            "partner": one.payer,
            "payee": one.payee,
            "since": one.since.isoformat(),
            "until": one.until.isoformat(),
            "interest": str(one.micros),
        }
        for one in found
    ]
    return Reply(200, {"accrued": told})


# --- in


async def _step(house: "House", asked: Asked) -> Step:
    """The step of this request, once the request is kept."""
    return Step(asked.at, asked.caller.key_id, await keep_request(house, asked))


def _wanted(wish: messages.RunWish, rates: RateSet) -> Wanted:
    terms = tuple([_terms(one) for one in wish.terms])
    if len({one.partner for one in terms}) != len(terms):
        raise errors.ValidationFailed("terms: a partner is named twice")
    return Wanted(
        tuple(sorted(set(wish.windows))),
        rates,
        currency_of(wish.currency),
        terms,
        tuple(sorted(set(wish.suspended))),
        None if wish.value_date is None else day_of(wish.value_date).isoformat(),
        Model(wish.model),
    )


def _terms(wish: messages.TermsWish) -> SaidTerms:
    currency = None if wish.currency is None else currency_of(wish.currency)
    return SaidTerms(wish.partner, currency, wish.interest_basis_points, wish.year_days)


def _media(asked: Asked) -> str:
    return asked.fields.get("content-type", "").partition(";")[0].strip().lower()


def _confirmation(wish: messages.BookedWish) -> Confirmation:
    minor = minor_of(wish.amount, wish.currency)
    return Confirmation(
        wish.instruction, wish.direction, wish.currency, minor, day_of(wish.booked_on), wish.bank_reference
    )


def minor_of(amount: str, currency: str) -> int:
    """A decimal in minor units of its currency. Raises errors.ValidationFailed."""
    num, den = ratio_of(amount, positive=False)
    minor, rest = divmod(num * int(10 ** digits_of(currency_of(currency))), den)
    if rest:
        raise errors.ValidationFailed(f"amount: {currency} has no such fractions")
    return minor


# --- out


async def _said(
    connection: settling.Connection, row: RunRow | Refusal, now: datetime, status: int = 200
) -> Reply | Problem:
    return problems.of_refusal(row) if isinstance(row, Refusal) else Reply(status, await _told(connection, row, now))


async def _told(connection: settling.Connection, row: RunRow, now: datetime) -> dict[str, Any]:
    unready = await settling.unready(connection, row, now)
    return {
        "run": row.run,
        "state": row.state,
        "held_because": row.held_because,
        "value_date": row.value_date.isoformat(),
        "inputs_sha256": row.inputs_sha256,
        "result_sha256": row.result_sha256,
        "created_at": instant(row.created_at),
        "created_by": row.created_by,
        "previewed_by": row.previewed_by,
        "approved_by": row.approved_by,
        "warnings": [{"partner": one.partner, "detail": one.why} for one in unready],
    }


def _sent(one: Sent | None) -> dict[str, str | None]:
    return {"message": None, "waits": None} if one is None else {"message": one.message, "waits": one.waits}


def _instruction(one: InstructionRow, today: date, accrued: Accrued | None) -> dict[str, Any]:
    return {
        "instruction": one.instruction,
        "partner": one.partner,
        "direction": one.direction,
        "payer": one.payer,
        "payee": one.payee,
        "currency": one.currency,
        "amount": written(one.minor, digits_of(one.currency)),
        "settles": str(one.paid if one.payer == one.partner else -one.received),
        "settles_of_payee": str(-one.received) if one.direction == settling.DIRECT else None,
        "value_date": one.value_date.isoformat(),
        "overdue": one.overdue(today),
        "accrued": str(accrued.micros if accrued else 0),
        "state": one.state,
        "bank_reference": one.bank_reference,
        "booked_on": None if one.booked_on is None else one.booked_on.isoformat(),
        "differs": one.differs,
    }


def _step_door(verb: str, run: Any, takes: type[Wish], *refuses: str) -> Door:
    gives = {200: messages.ConfirmationsSaid if verb == "confirmations" else messages.RunSaid}
    bulk = (XML,) if verb == "confirmations" else ()
    refused = ("not_found", *refuses)
    path = f"/v1/runs/{{run}}/{verb}"
    return Door("POST", path, run, gives, takes, refused, OPERATORS, tag="settlement", bulk=bulk)


DOORS = (
    Door(
        "POST",
        "/v1/runs",
        draft_run,
        {201: messages.RunSaid},
        messages.RunWish,
        (
            "not_found",
            "window_not_sealed",
            "window_in_run",
            "rates_not_in_force",
            "rates_not_of_scheme",
            "terms_differ",
            "run_not_ready",
            "one_currency_needed",
        ),
        purposes=OPERATORS,
        tag="settlement",
    ),
    Door("GET", "/v1/runs", list_runs, {200: messages.RunsSaid}, purposes=OPERATORS, tag="settlement"),
    Door(
        "GET",
        "/v1/runs/{run}",
        look_up_run,
        {200: messages.WholeRunSaid},
        refuses=("not_found",),
        purposes=OPERATORS,
        tag="settlement",
    ),
    Door(
        "GET",
        "/v1/runs/{run}/instructions",
        list_instructions,
        {200: messages.InstructionsSaid},
        refuses=("not_found",),
        purposes=OPERATORS,
        tag="settlement",
        asks=("format", "again", "payer"),
    ),
    Door(
        "POST",
        "/v1/overdue",
        accrue_overdue,
        {200: messages.OverdueSaid},
        messages.OverdueWish,
        purposes=OPERATORS,
        tag="settlement",
    ),
    _step_door("approve", approve_run, messages.ApproveWish, "run_not_ready", "run_differs", "second_key_needed"),
    _step_door(
        "freeze",
        freeze_run,
        messages.FreezeWish,
        "run_not_ready",
        "run_differs",
        "rates_not_of_scheme",
        "terms_differ",
        "window_not_sealed",
        "tax_unknown",
    ),
    _step_door("abort", abort_run, messages.AbortWish, "run_not_ready"),
    _step_door("confirmations", confirm_payments, messages.ConfirmationsWish, "run_not_ready", "run_differs"),
)
