"""The steps of a run up to its freezing: draft, preview by one key, approval by another, freeze; and the way out, abort."""

import hashlib
import json
import re
from collections.abc import Iterable
from datetime import date

from psycopg import Rollback

from clearing import errors, partners
from clearing.rules.refusals import Refusal, RefusalCode
from settlement.rules.direct import Transfer
from settlement.rules.flows import HOUSE, Flow
from settlement.rules.netting import Model
from settlement.rules.run import (
    Inputs,
    Result,
    TwoCurrenciesError,
    UnsettleableError,
    canonical,
    inputs_document,
    inputs_of,
    own_dates,
    result_document,
    settle,
    sha256,
)
from settlement.run.invoicing import invoice_fees
from settlement.run.reading import Parked, Read, Wanted, out_of_force, read_inputs
from settlement.run.sharing import keep_sharing
from settlement.run.store import Connection, RunRow, Step, moved, noted, rows, run_of, write

ATTEMPTS_MAX = 10  # others who draft or abort meanwhile
BEFORE_FREEZING = ("held", "drafted", "previewed", "approved")
FROZEN = ("frozen", "instructed", "paying", "settled")
INSTRUCTION = re.compile("CL[0-9A-F]{28}", re.IGNORECASE)


async def draft(connection: Connection, lane: int, wanted: Wanted, step: Step) -> RunRow | Refusal:
    """The run of these windows: a new one, or the one that is there if it was made of the same. Books out of balance hold it.

    Raises errors.NotFound for an unknown window, errors.ValidationFailed when a currency of a net has no rate.
    """
    for _ in range(ATTEMPTS_MAX):
        read = await read_inputs(connection, lane, wanted)
        if isinstance(read, Refusal):
            return read
        known = await rows(connection, "run_of_windows", windows=list(read.numbers))
        if known:
            return await _same(connection, lane, wanted, [row["run"] for row in known])
        result = _settled(read)
        if isinstance(result, Refusal):
            return result
        own = [] if result is None else own_dates(read.inputs, result.transfers)
        if refusal := out_of_force(wanted.rates, [one.value_date for one in own]):
            return refusal
        async with connection.transaction():
            made = await _kept(connection, read, result, step)
            if made is None:
                raise Rollback
        if made is not None:
            return await run_of(connection, made)
    raise errors.Unavailable


async def approve(connection: Connection, run: str, result_sha256: str, step: Step) -> RunRow | Refusal:
    """Say that this very result is right: the first key's word is the preview, another operator's key approves."""
    row = await run_of(connection, run)
    if row.result_sha256 != result_sha256:
        return Refusal(RefusalCode.RUN_DIFFERS, f"the result of {run} is {row.result_sha256}")
    if row.approved_by == step.key_id:
        return row
    if row.previewed_by is not None and (refusal := await _alone(connection, row.previewed_by, step)):
        return refusal
    name, what = ("run_preview", "previewed") if row.previewed_by is None else ("run_approve", "approved")
    async with connection.transaction():
        if not await rows(connection, name, run=run, by=step.key_id):
            return _not_now(await run_of(connection, run))
        await noted(connection, run, what, step, result_sha256)
    return await run_of(connection, run)


async def freeze(connection: Connection, lane: int, run: str, step: Step) -> RunRow | Refusal:
    """Make an approved run final, with its payments. The windows are read once more: they must still say what was approved."""
    row = await run_of(connection, run)
    if row.state in FROZEN:
        return row
    inputs = inputs_of(json.loads(row.inputs))
    again = await read_inputs(connection, lane, wanted_of(inputs), run)
    if isinstance(again, Refusal):
        return again
    if again.imbalance or sha256(canonical(inputs_document(again.inputs))) != row.inputs_sha256:
        return Refusal(RefusalCode.RUN_DIFFERS, again.imbalance or "the books do not say any more what was approved")
    async with connection.transaction():
        if not await moved(connection, run, ["approved"], "frozen"):
            now = await run_of(connection, run)
            return now if now.state in FROZEN else _not_now(now)
        await _instruct(connection, run, settle(inputs).transfers, inputs)
        await noted(connection, run, "frozen", step, row.result_sha256)
        if refusal := await invoice_fees(connection, lane, run, inputs, step):
            raise Rollback
    return refusal or await run_of(connection, run)


async def abort(connection: Connection, run: str, reason: str, step: Step) -> RunRow | Refusal:
    """End a run that is not frozen: its windows may be settled by another, and what it resumed waits again."""
    async with connection.transaction():
        if not await moved(connection, run, BEFORE_FREEZING, "aborted"):
            now = await run_of(connection, run)
            return now if now.state == "aborted" else _not_now(now)
        await write(connection, "run_windows_free", run=run)
        await write(connection, "run_parked_return", run=run)
        await noted(connection, run, "aborted", step, reason)
    return await run_of(connection, run)


def wanted_of(inputs: Inputs) -> Wanted:
    """What must be asked to read these inputs again."""
    codes = tuple(sorted({one.code for one in inputs.windows}))
    return Wanted(codes, inputs.rates, "", inputs.terms, inputs.suspended, inputs.value_date, inputs.model)


async def _same(connection: Connection, lane: int, wanted: Wanted, known: list[str]) -> RunRow | Refusal:
    """The run that has these windows, if it is the same again."""
    row = await run_of(connection, known[0])
    read = await read_inputs(connection, lane, wanted, row.run)
    if isinstance(read, Refusal):
        return read
    if len(known) == 1 and sha256(canonical(inputs_document(read.inputs))) == row.inputs_sha256:
        return row
    return Refusal(RefusalCode.WINDOW_IN_RUN, f"the window is in {', '.join(known)}, which was made of something else")


def _settled(read: Read) -> Result | Refusal | None:
    """The result; None where the books hold the run."""
    if read.imbalance is not None:
        return None
    try:
        return settle(read.inputs)
    except TwoCurrenciesError as several:
        return Refusal(RefusalCode.ONE_CURRENCY_NEEDED, str(several))
    except UnsettleableError as missing:
        raise errors.ValidationFailed(str(missing)) from missing


async def _kept(connection: Connection, read: Read, result: Result | None, step: Step) -> str | None:
    """Write the run; None when somebody else took its name, its windows or what it resumes."""
    prefix = f"{read.inputs.windows[0].code}."
    known = await rows(connection, "run_names", prefix=prefix)
    run = f"{prefix}{known[0]['known'] + 1}"
    told = None if result is None else canonical(result_document(read.inputs, result))
    inputs = canonical(inputs_document(read.inputs))
    inserted = await rows(
        connection,
        "run_insert",
        run=run,
        state="held" if told is None else "drafted",
        held_because=read.imbalance,
        inputs=inputs,
        inputs_sha256=sha256(inputs),
        result=told,
        result_sha256=None if told is None else sha256(told),
        value_date=date.fromisoformat(read.inputs.value_date),
        created_at=step.at,
        created_by=step.key_id,
    )
    taken = await rows(connection, "run_window_insert", run=run, windows=list(read.numbers)) if inserted else []
    if len(taken) != len(read.numbers) or not await _resumed(connection, run, read.resumes):
        return None
    if result is not None:
        await _told(connection, run, result)
        await keep_sharing(connection, run, read.inputs.sharing)
    await noted(connection, run, "held" if told is None else "drafted", step, read.imbalance)
    return run


async def _resumed(connection: Connection, run: str, resumes: Iterable[Parked]) -> bool:
    parked = list(resumes)
    told = _cells([one.flow for one in parked])
    del told["micros"]
    found = await rows(connection, "run_parked_resume", run=run, runs=[one.run for one in parked], **told)
    return len(found) == len(parked)


async def _told(connection: Connection, run: str, result: Result) -> None:
    await write(
        connection,
        "run_net_insert",
        run=run,
        parties=[net.party for net in result.nets],
        currencies=[net.currency for net in result.nets],
        micros=[net.micros for net in result.nets],
        minors=[net.minor for net in result.nets],
    )
    await write(connection, "run_bilateral_insert", run=run, **_cells(result.bilateral))
    await write(connection, "run_parked_insert", run=run, **_cells(result.parked))


def _cells(found: Iterable[Flow]) -> dict[str, list[object]]:
    known = list(found)
    return {
        "debtors": [flow.debtor for flow in known],
        "creditors": [flow.creditor for flow in known],
        "micros": [flow.micros for flow in known],
    }


async def _instruct(connection: Connection, run: str, transfers: Iterable[Transfer], inputs: Inputs) -> None:
    """The payments of a run, each on its day. One that rounds to nothing needs no bank: it is confirmed as it is made."""
    owed = list(transfers)
    days = {(one.payer, one.payee): one.value_date for one in inputs.dates}
    await write(
        connection,
        "run_instruction_insert",
        run=run,
        instructions=[instruction_id(run, *_named_after(one, inputs.model)) for one in owed],
        payers=[one.payer for one in owed],
        payees=[one.payee for one in owed],
        value_dates=[date.fromisoformat(days.get((one.payer, one.payee), inputs.value_date)) for one in owed],
        currencies=[one.currency for one in owed],
        minors=[one.minor for one in owed],
        paid=[one.paid for one in owed],
        received=[one.received for one in owed],
        states=["confirmed" if not one.minor else "waiting" if one.payer == HOUSE else "due" for one in owed],
    )


def instruction_id(run: str, *parties: str) -> str:
    """The name of a payment, as it travels through banks: 30 letters and digits, the same for the same run and parties.

    A partner has one payment with the house in a multilateral run, which is named after the partner alone. No party's code has a blank.
    """
    return "CL" + hashlib.sha256(f"{run}|{' '.join(parties)}".encode()).hexdigest()[:28].upper()


def _named_after(one: Transfer, model: Model) -> list[str]:
    return [one.payer, one.payee] if model is not Model.MULTILATERAL else sorted({one.payer, one.payee} - {HOUSE})


def is_instruction_id(reference: str) -> bool:
    """Whether this is, or looks like, the name of a payment of some run, however a bank has written it."""
    return INSTRUCTION.fullmatch(reference.strip()) is not None


async def _alone(connection: Connection, previewed_by: str, step: Step) -> Refusal | None:
    if previewed_by == step.key_id:
        return Refusal(RefusalCode.SECOND_KEY_NEEDED, "the key that previewed it cannot approve it")
    first = await partners.key(connection, previewed_by)
    if first is None or first.purpose != "operator" or not first.live(step.at):
        return Refusal(
            RefusalCode.SECOND_KEY_NEEDED, "the key that previewed it is no longer in use: abort and draft anew"
        )
    return None


def _not_now(row: RunRow) -> Refusal:
    return Refusal(RefusalCode.RUN_NOT_READY, f"{row.run} is {row.state}")
