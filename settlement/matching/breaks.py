"""Breaks followed to their end: decisions of operators and partners, and what the clock decides when nobody speaks.

A decision is a step, written first; what it books follows, named by break and step, so that it is booked once however often it is tried;
only then does the break move. A break caught between the two is `posting`, and whoever looks at what is due finishes it.
"""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from uuid import UUID

from clearing import errors
from clearing.ledger.items import Adjust
from clearing.ledger.outcomes import Booked
from clearing.partners import key
from clearing.rules.refusals import Refusal, RefusalCode
from settlement.matching.rows import Connection, Row, row, rows
from settlement.rules import breaks as rules
from settlement.rules.breaks import Break, BreakClass, Decision, Outcome, Side, State

DUE_AT_ONCE = 500
AT_ONCE_MAX = 100
Post = Callable[[Adjust], Awaitable[Booked | Refusal]]
"""How an adjustment gets into the books: the writer of the lane."""


@dataclass(frozen=True, slots=True)
class BreakView:
    """A break as it stands. `amount` is theirs minus ours, millionths; `provisional` is what was booked until its dispute is decided.

    `known`: what their line names is in our books, in this window or in another.
    """

    break_id: UUID
    partner: str
    window_id: int
    run: int
    class_: BreakClass
    our_id: UUID | None
    line: int | None
    suggested: UUID | None
    amount: int
    known: bool
    owner: str
    opened_at: datetime
    due_at: datetime | None
    state: State
    provisional: int
    resolution: str | None


@dataclass(frozen=True, slots=True)
class Step:
    """What was said about a break, and the state that follows; the clock has no key. `books` is what it moves of the partner's position."""

    number: int
    at: datetime
    decision: Decision
    books: int
    state: State
    note: str
    key_id: str | None
    evidence_id: UUID | None


@dataclass(frozen=True, slots=True)
class Said:
    """A decision as it was signed. `part` is what a split books, in millionths."""

    decision: Decision
    side: Side
    note: str
    key_id: str
    evidence_id: UUID
    part: int | None = None


@dataclass(frozen=True, slots=True)
class _Clock:
    """A decision of the clock: nobody signed it."""

    decision: Decision
    note: str


@dataclass(frozen=True, slots=True)
class _Undecided:
    """What stands on a partner's position that no person of the house agreed to, and how often it was credited when that was read."""

    turn: int
    amount: int


async def breaks(
    connection: Connection,
    partner: str | None = None,
    window_id: int | None = None,
    after: tuple[datetime, str] | None = None,
    most: int | None = None,
) -> list[BreakView]:
    """Breaks that have not ended, the oldest first: of one partner and window, or of all; those after one opened then, of this id."""
    at, name = after or (None, None)
    asked = {"partner": partner, "window_id": window_id, "after_at": at, "after": name, "most": most}
    found = await rows(connection, "breaks_list", **asked)
    return [_view(one) for one in found]


async def break_of(connection: Connection, break_id: UUID) -> BreakView | None:
    """A break, also one that has ended."""
    found = await row(connection, "break_read", break_id=break_id)
    return None if found is None else _view(found)


async def steps_of(connection: Connection, break_id: UUID) -> list[Step]:
    """Everything said about a break, in order."""
    found = await rows(connection, "break_steps", break_id=break_id)
    return [Step(**one | {"decision": Decision(one["decision"]), "state": State(one["state"])}) for one in found]


async def evidence_of(connection: Connection, lane: int, break_id: UUID) -> list[tuple[str, UUID]]:
    """The bundle: what was signed about the break, by kind."""
    found = await rows(connection, "break_evidence", lane=lane, break_id=break_id)
    return [(one["kind"], one["evidence_id"]) for one in found]


class _Overtaken(Exception):
    """Somebody else wrote meanwhile what was read: nothing was written, and it is to be read again."""


async def resolve(connection: Connection, break_id: UUID, said: Said, now: datetime, post: Post) -> BreakView | Refusal:
    """Decide a break, or lead its dispute on. What moves more than its owner alone may is done when a second operator's key says the same.

    Raises errors.NotFound for a break that is not there, errors.Unavailable when others kept on writing.
    """
    for _ in range(AT_ONCE_MAX):
        with suppress(_Overtaken):
            return await _resolved(connection, await _there(connection, break_id), said, now, post)
    raise errors.Unavailable("too many decisions at once", retry_after=5)


async def _resolved(
    connection: Connection, found: BreakView, said: Said, now: datetime, post: Post
) -> BreakView | Refusal:
    steps = await steps_of(connection, found.break_id)
    if found.state is State.POSTING:
        return await _finished(connection, found, steps[-1], post)
    outcome = rules.decided(_rule(found), said.decision, said.side, said.part)
    if isinstance(outcome, Refusal):
        return outcome
    turn = None
    if said.decision is Decision.DISPUTE:
        undecided = await _undecided(connection, found, now)
        outcome = replace(outcome, books=rules.provisional(_rule(found), undecided.amount))
        turn = undecided.turn if outcome.books else None
    if said.side is Side.HOUSE and rules.needs_second_key(_rule(found), outcome):
        first = _waiting(steps, said, outcome)
        if first is None:
            await _step(connection, found, steps, replace(outcome, state=State.SECONDED), said, now)
            return found
        if refusal := await _not_seconded(connection, first, said, now):
            return refusal
    return await _taken(connection, found, steps, outcome, said, now, post, turn)


async def act_due(connection: Connection, now: datetime, post: Post) -> list[BreakView]:
    """Do what is due: what was on its way for too long is missing, open breaks go on to their next owner, disputes are decided by silence,
    what was being posted is posted.
    """
    await rows(connection, "breaks_reclass", until=now - rules.TOLERANCE)
    moved = []
    for one in await rows(connection, "breaks_due", now=now, most=DUE_AT_ONCE):
        with suppress(_Overtaken):  # whoever looks next does it
            found = await _there(connection, one["break_id"])
            outcome = await _due(connection, found, now, post, gone=one["gone"])
            if not isinstance(outcome, Refusal):
                moved.append(outcome)
    return moved


async def _due(
    connection: Connection, found: BreakView, now: datetime, post: Post, *, gone: bool
) -> BreakView | Refusal:
    if found.state is State.OPEN:
        owner, due_at = rules.aged(found.opened_at, now)
        return await _handed_on(connection, found, owner, due_at)
    steps = await steps_of(connection, found.break_id)
    if found.state is State.POSTING:
        return await _finished(connection, found, steps[-1], post)
    decision = Decision.DROP if gone else rules.silence(found.state)
    if decision is None:
        return found
    outcome = rules.decided(_rule(found), decision, Side.HOUSE)
    if isinstance(outcome, Refusal):
        return outcome
    turn = None
    if decision is Decision.UPHOLD:
        undecided = await _undecided(connection, found, now)
        if not rules.silence_books(_rule(found), undecided.amount):
            return await _too_much_for_silence(connection, found, steps, now)
        turn = undecided.turn
    clock = _Clock(decision, "both books agree by now" if gone else "the clock ran out")
    return await _taken(connection, found, steps, outcome, clock, now, post, turn)


async def _too_much_for_silence(
    connection: Connection, found: BreakView, steps: list[Step], now: datetime
) -> BreakView | Refusal:
    """The dispute goes on to the next owner, for another stage; after the last of them it waits for a person."""
    owner = rules.next_owner(found.owner, found.opened_at, now) or found.owner
    due_at = None if owner == rules.CANDIDATE.owner else rules.due(found.state, now)
    clock = _Clock(Decision.ESCALATE, f"more than silence may book: goes on to {owner}")
    async with connection.transaction():
        step = await _step(connection, found, steps, Outcome(found.state), clock, now)
        if isinstance(step, Refusal):
            return step
        return await _handed_on(connection, found, owner, due_at)


async def _handed_on(connection: Connection, found: BreakView, owner: str, due_at: datetime | None) -> BreakView:
    await rows(connection, "break_hand_on", break_id=found.break_id, state=str(found.state), owner=owner, due_at=due_at)
    return replace(found, owner=owner, due_at=due_at)


async def _undecided(connection: Connection, found: BreakView, now: datetime) -> _Undecided:
    since = now - rules.SILENCE_COUNTS_FOR
    asked = {"partner": found.partner, "break_id": found.break_id, "since": since}
    read = await row(connection, "break_undecided", **asked)
    return _Undecided(0, 0) if read is None else _Undecided(read["turn"], read["undecided"])


async def _taken(
    connection: Connection,
    found: BreakView,
    steps: list[Step],
    outcome: Outcome,
    said: Said | _Clock,
    now: datetime,
    post: Post,
    turn: int | None = None,
) -> BreakView | Refusal:
    """Write the step, then book, then move. What a dispute had booked for the time being is part of what its end books.

    `turn` is that of the partner's credit, for what no person of the house agreed to. Raises _Overtaken.
    """
    if outcome.ends:
        outcome = replace(outcome, books=outcome.books - found.provisional)
    named = {"break_id": found.break_id, "state": str(found.state), "amount": found.amount}
    async with connection.transaction():
        if turn is not None and not await row(connection, "break_turn", partner=found.partner, turn=turn):
            raise _Overtaken
        step = await _step(connection, found, steps, outcome, said, now)
        if isinstance(step, Refusal):
            return step
        if not await row(connection, "break_posting", due_at=now, **named):
            raise _Overtaken
    return await _finished(connection, found, step, post)


async def _finished(connection: Connection, found: BreakView, step: Step, post: Post) -> BreakView | Refusal:
    """Book what the step says, once, and move the break to where it leads."""
    if step.books:
        booked = await post(adjustment(found, step))
        if isinstance(booked, Refusal):
            return booked
    ends = step.state is State.RESOLVED
    held = 0 if ends else found.provisional + step.books
    due_at = None if ends else rules.due(step.state, step.at)
    await _moved(
        connection, found, step.state, due_at, held, step.at if ends else None, step.decision if ends else None
    )
    return await _there(connection, found.break_id)


def adjustment(found: BreakView, step: Step) -> Adjust:
    """What a step books in the open window: on the partner's position, with the house as the other side."""
    name = UUID(bytes=sha256(f"break {found.break_id} step {step.number}".encode()).digest()[:16])
    lines = ((found.partner, step.books), ("house", -step.books))
    reason = f"break {found.class_}: {step.decision}"
    return Adjust(None, None, name, reason, lines, found.window_id, str(found.break_id), step.evidence_id)


async def _step(
    connection: Connection, found: BreakView, steps: list[Step], outcome: Outcome, said: Said | _Clock, now: datetime
) -> Step | Refusal:
    key_id, evidence_id = (said.key_id, said.evidence_id) if isinstance(said, Said) else (None, None)
    books, state = outcome.books, outcome.state
    step = Step(len(steps) + 1, now, said.decision, books, state, said.note, key_id, evidence_id)
    made = await row(
        connection,
        "break_step_insert",
        break_id=found.break_id,
        number=step.number,
        at=step.at,
        decision=str(step.decision),
        books=step.books,
        state=str(step.state),
        note=step.note,
        key_id=step.key_id,
        evidence_id=step.evidence_id,
    )
    return step if made else Refusal(RefusalCode.CASE_CLOSED, "somebody else decided it in this very moment")


async def _moved(
    connection: Connection,
    found: BreakView,
    state: State,
    due_at: datetime | None,
    provisional: int,
    ended_at: datetime | None,
    resolution: Decision | None,
) -> None:
    await rows(
        connection,
        "break_move",
        break_id=found.break_id,
        state=str(state),
        due_at=due_at,
        provisional=provisional,
        ended_at=ended_at,
        resolution=None if resolution is None else str(resolution),
    )


def _waiting(steps: list[Step], said: Said, outcome: Outcome) -> Step | None:
    """The first key's word, when it was the last thing said and is the same as what is said now."""
    spoken = [step for step in steps if step.key_id is not None]  # the clock interrupts nobody
    last = spoken[-1] if spoken else None
    if last is None or last.state is not State.SECONDED:
        return None
    return last if (last.decision, last.books) == (said.decision, outcome.books) else None


async def _not_seconded(connection: Connection, first: Step, said: Said, now: datetime) -> Refusal | None:
    """Why this key does not second the first: it is the same, or one of the two is not an operator's live key."""
    if first.key_id == said.key_id or first.key_id is None:
        return Refusal(RefusalCode.SECOND_KEY_NEEDED, "the key that said it first cannot second it")
    if not await _an_operators(connection, first.key_id, now):
        return Refusal(RefusalCode.SECOND_KEY_NEEDED, "the key that said it first is no longer in use")
    if not await _an_operators(connection, said.key_id, now):
        return Refusal(RefusalCode.SECOND_KEY_NEEDED, "the second key is not an operator's, or no longer in use")
    return None


async def _an_operators(connection: Connection, key_id: str, now: datetime) -> bool:
    known = await key(connection, key_id)
    return known is not None and known.purpose == "operator" and known.live(now)


async def _there(connection: Connection, break_id: UUID) -> BreakView:
    found = await break_of(connection, break_id)
    if found is None:
        raise errors.NotFound
    return found


def _rule(found: BreakView) -> Break:
    return Break(found.state, found.owner, found.amount, found.known)


def _view(found: Row) -> BreakView:
    named = {name: value for name, value in found.items() if name != "class"}
    return BreakView(**named | {"class_": BreakClass(found["class"]), "state": State(found["state"])})
