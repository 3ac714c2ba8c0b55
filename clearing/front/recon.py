"""Reconciliation at the door: partners send their books, everybody sees their breaks, and each decision is somebody's signed request."""

import io
from bisect import bisect_left
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from clearing import errors, partners
from clearing.front import paging, problems, reading, shapes
from clearing.front import recon_messages as messages
from clearing.front.doors import BOTH, OPERATORS, Asked, Door, Reply
from clearing.front.house import LANE
from clearing.front.keeping import keep_request
from clearing.front.problems import Problem
from clearing.front.shapes import instant
from clearing.ledger.items import Remember
from clearing.partners.rows import Connection
from clearing.rules.postings import Account, account_number
from clearing.rules.refusals import Refusal
from clearing.rules.windows import Window
from settlement import matching
from settlement.matching import Acknowledgement, BreakView, LineResult, Summary
from settlement.rules.breaks import REASON, Decision, Side
from settlement.rules.matching import Form, micros, units

if TYPE_CHECKING:
    from clearing.front.house import House


LINE_DIGITS_MAX = 6  # of the number of a line in its book


async def send_book(house: "House", asked: Asked) -> Reply:
    """Send the caller's own book of a window, CSV or JSON lines. It is taken whole, in sequence, and matched; or told what is wrong.

    The same bytes again are acknowledged again. A book that is not taken is answered with 200 and `taken: false`.
    """
    _ = asked.idempotency_key
    form = _form(asked)
    kept: list[UUID] = []

    async def keep() -> UUID:
        kept.append(await keep_request(house, asked))
        return kept[0]

    async with house.reads.connection() as connection:
        calendar = await partners.calendar(connection)
        answer = await matching.receive(
            connection,
            io.BytesIO(asked.message.body),
            form,
            partner=asked.caller.code,
            windows={window.number: window.closes_at for window in calendar},
            at=asked.at,
            key_id=asked.caller.key_id,
            keep=keep,
        )
        if not kept:
            await house.writer.put(Remember(asked.signed))  # what is not taken is judged anew when it comes again
        if answer.taken and not answer.replayed and answer.head is not None:
            await _matched(house, connection, calendar, answer.head.partner, answer.head.window, asked.at)
    return Reply(201 if answer.taken and not answer.replayed else 200, _taken(answer))


async def look_at_book(house: "House", asked: Asked) -> Reply:
    """A book as it was taken, with its handback: what became of each line, a thousand lines at a time.

    A line that is not matched has its break; a book with a line that is refused was not taken, and its acknowledgement said which and why.
    """
    after = _after(reading.query(asked.message.query, "after"))
    partner, _, sequence = asked.path["book"].rpartition(".")
    if asked.caller.partner not in {None, partner}:
        raise errors.NotFound
    async with house.reads.connection() as connection:
        found = await matching.book_of(connection, partner, shapes.whole(sequence))
        if found is None:
            raise errors.NotFound
        results = await matching.results_of(connection, found, after, matching.RESULTS_MAX + 1)
    page = results[: matching.RESULTS_MAX]
    said = {
        "book": asked.path["book"],
        "partner": found.partner,
        "sequence": found.sequence,
        "window": found.window_id,
        "digest": found.digest,
        "lines": found.lines,
        "debit": units(found.debit),
        "credit": units(found.credit),
        "received_at": instant(found.received_at),
        "handback": [_handed_back(one) for one in page],
        "next": str(page[-1].line) if len(results) > len(page) else None,
    }
    return Reply(200, said)


async def list_breaks(house: "House", asked: Asked) -> Reply:
    """The caller's breaks that have not ended; for an operator everybody's, or those of the `partner` that the query names."""
    query = reading.query(asked.message.query, "partner", "after")
    said, own = query.get("partner"), asked.caller.partner
    if own is not None and said not in {None, own}:
        raise errors.NotFound
    place = paging.place_of(query, UUID)
    async with house.reads.connection() as connection:
        found = await matching.breaks(connection, own or said, after=place, most=paging.PAGE + 1)
    page, following = paging.paged(found, lambda one: (one.opened_at, str(one.break_id)), paging.PAGE)
    return Reply(200, {"breaks": [_break(one) for one in page], "next": following})


async def look_at_break(house: "House", asked: Asked) -> Reply:
    """A break with everything said about it, and what was signed: the evidence attaches itself."""
    async with house.reads.connection() as connection:
        found = await _visible(connection, asked)
        steps = await matching.steps_of(connection, found.break_id)
        bundle = await matching.evidence_of(connection, LANE, found.break_id)
    told = [
        {
            "number": one.number,
            "at": instant(one.at),
            "decision": str(one.decision),
            "books": units(one.books),
            "state": str(one.state),
            "note": one.note,
            "key_id": one.key_id,
            "evidence": None if one.evidence_id is None else str(one.evidence_id),
        }
        for one in steps
    ]
    evidence = [{"kind": kind, "evidence": str(name)} for kind, name in bundle]
    return Reply(200, _break(found) | {"steps": told, "evidence": evidence})


async def resolve_break(house: "House", asked: Asked) -> Reply | Problem:
    """Decide a break, or lead its dispute on. What moves more than its owner may is done when a second operator's key says the same."""
    _ = asked.idempotency_key
    wish = asked.parse(messages.DecideWish)
    async with house.reads.connection() as connection:
        found = await _visible(connection, asked)
        side = Side.HOUSE if asked.caller.partner is None else Side.PARTNER
        kept = await keep_request(house, asked)
        said = matching.Said(Decision(wish.decision), side, wish.note, asked.caller.key_id, kept, _part(wish.amount))
        outcome = await matching.resolve(connection, found.break_id, said, asked.at, house.writer.put)
    return problems.of_refusal(outcome) if isinstance(outcome, Refusal) else Reply(200, _break(outcome))


async def match_again(house: "House", asked: Asked) -> Reply:
    """Compare a partner's window again, and do what is due: owners change, silence decides disputes, what was being posted is posted."""
    _ = asked.idempotency_key
    wish = asked.parse(messages.MatchWish)
    async with house.reads.connection() as connection:
        calendar = await partners.calendar(connection)
        if wish.window not in {window.number for window in calendar}:
            raise errors.NotFound
        found = await _matched(house, connection, calendar, wish.partner, wish.window, asked.at)
        moved = await matching.act_due(connection, asked.at, house.writer.put)
    return Reply(200, _summary(found) | {"moved": len(moved)})


# --- what is done


async def _matched(
    house: "House", connection: Connection, calendar: list[Window], partner: str, window: int, at: datetime
) -> Summary:
    directory = await house.live.directory(at)
    if partner not in directory.partners:
        directory = await house.live.directory(at, fresh=True)
    if partner not in directory.partners:
        raise errors.NotFound
    numbers = [one.number for one in calendar]
    place = bisect_left(numbers, window)
    return await matching.match(
        connection,
        lane=LANE,
        partner=partner,
        account=account_number(directory.partners[partner].number, Account.POSITION),
        window_id=window,
        neighbours=[*numbers[max(0, place - 1) : place], *numbers[place + 1 : place + 2]],
        at=at,
    )


async def _visible(connection: Connection, asked: Asked) -> BreakView:
    """The break in the address, for its partner and for operators. Raises errors.NotFound for everybody else."""
    found = await matching.break_of(connection, shapes.named_id(asked.path["break"]))
    if found is None or asked.caller.partner not in {None, found.partner}:
        raise errors.NotFound
    return found


def _form(asked: Asked) -> Form:
    try:
        return Form(asked.fields.get("content-type", "").partition(";")[0].strip().lower())
    except ValueError:
        raise errors.RequestMalformed("the Content-Type is text/csv or application/x-ndjson") from None


def _after(query: dict[str, str]) -> int:
    """The line that a page of the handback begins after. Raises errors.ValidationFailed."""
    said = query.get("after", "0")
    if not (said.isascii() and said.isdigit() and len(said) <= LINE_DIGITS_MAX):
        raise errors.ValidationFailed("after is the number of a line")
    return int(said)


def _part(text: str | None) -> int | None:
    if text is None:
        return None
    amount = micros(text.removeprefix("-")) or 0
    return -amount if text.startswith("-") else amount


# --- what is said


def _taken(answer: Acknowledgement) -> dict[str, Any]:
    totals, head = answer.totals, answer.head
    return {
        "taken": answer.taken,
        "book": f"{head.partner}.{head.sequence}" if answer.taken and head is not None else None,
        "reason": answer.reason,
        "expected": answer.expected,
        "digest": answer.digest,
        "lines": 0 if totals is None else totals.count,
        "debit": units(0 if totals is None else totals.debit),
        "credit": units(0 if totals is None else totals.credit),
        "faulty": answer.faulty,
        "faults": [{"line": line, "code": str(code), "reason": reason} for line, code, reason in answer.faults],
    }


def _handed_back(one: LineResult) -> dict[str, Any]:
    return {
        "line": one.line,
        "result": str(one.result),
        "pass_number": one.pass_number,
        "exchanges": [str(name) for name in one.exchanges],
        "code": None if one.class_ is None else str(one.class_),
        "reason": None if one.class_ is None else REASON[one.class_],
        "breaks": None if one.break_id is None else str(one.break_id),
        "state": None if one.state is None else str(one.state),
    }


def _break(found: BreakView) -> dict[str, Any]:
    return {
        "break_id": str(found.break_id),
        "partner": found.partner,
        "window": found.window_id,
        "break_class": str(found.class_),
        "exchange": None if found.our_id is None else str(found.our_id),
        "line": found.line,
        "suggested": None if found.suggested is None else str(found.suggested),
        "difference": units(found.amount),
        "owner": found.owner,
        "opened_at": instant(found.opened_at),
        "due_at": instant(found.due_at),
        "state": str(found.state),
        "provisional": units(found.provisional),
        "resolution": found.resolution,
    }


def _summary(found: Summary) -> dict[str, Any]:
    sums = {name: units(getattr(found, name)) for name in ("our_debit", "our_credit", "their_debit", "their_credit")}
    counted = {"run": found.run, "our_lines": found.our_lines, "their_lines": found.their_lines}
    matched = {str(name): lines for name, lines in found.matched.items()}
    return {**counted, **sums, "totals_agree": found.totals_agree, "matched": matched, "breaks": found.breaks}


DOORS = (
    Door(
        "POST",
        "/v1/books",
        send_book,
        {201: messages.TakenSaid, 200: messages.TakenSaid},
        bulk=(Form.CSV, Form.JSON_LINES),
        tag="reconciliation",
    ),
    Door(
        "GET",
        "/v1/books/{book}",
        look_at_book,
        {200: messages.BookSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="reconciliation",
        asks=("after",),
    ),
    Door(
        "GET",
        "/v1/breaks",
        list_breaks,
        {200: messages.BreaksSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="reconciliation",
        asks=("partner", "after"),
    ),
    Door(
        "GET",
        "/v1/breaks/{break}",
        look_at_break,
        {200: messages.BreakTold},
        refuses=("not_found",),
        purposes=BOTH,
        tag="reconciliation",
    ),
    Door(
        "POST",
        "/v1/breaks/{break}/resolve",
        resolve_break,
        {200: messages.BreakSaid},
        messages.DecideWish,
        ("not_found", "case_closed", "second_key_needed"),
        purposes=BOTH,
        tag="reconciliation",
    ),
    Door(
        "POST",
        "/v1/matches",
        match_again,
        {200: messages.MatchSaid},
        messages.MatchWish,
        ("not_found",),
        purposes=OPERATORS,
        tag="reconciliation",
    ),
)
