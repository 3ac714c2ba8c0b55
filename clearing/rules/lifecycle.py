"""The states of an exchange and everything that may follow: tables, and the few functions that look things up in them.

An exchange travels one of these paths. HELD: hold at the source, credit at the target, capture at the source. DEBITED: for sources
without holds, debit, credit, and give back on a final refusal. ISSUED: credit at the target; a partner without points pays. CHARGED: debit
at the source; a partner without points is paid. AUTHORISED: hold at the source, and capture when that partner says so, or release when the
time is over. REVERSAL, CLAWBACK and REFUND undo them: take back from the target, give back at the source, or both in this order.
On entering a state the house sends the order that `STEPS` names; the answer to it is an event; `TRANSITIONS` says where that leads.
The diagram in docs/ and the CHECK lists of the database are generated from these tables.
"""

from dataclasses import dataclass
from enum import IntEnum, StrEnum


class Operation(StrEnum):
    """What a program can be asked to do with points of one account."""

    HOLD = "hold"
    """Set points aside; they can no longer be spent, and are not yet gone."""
    CAPTURE = "capture"
    """Take held points for good."""
    RELEASE = "release"
    """Give held points back."""
    DEBIT = "debit"
    """Take points at once."""
    CREDIT = "credit"
    """Issue points."""
    REVERSE = "reverse"
    """Undo all or part of an earlier capture, debit or credit, at its original terms."""
    CLAW_BACK = "claw_back"
    """Undo all or part of an earlier credit, also where the points are spent: the balance goes below zero."""


class Verdict(StrEnum):
    """What is known of an order after asking."""

    DONE = "done"
    """The program did it."""
    PENDING = "pending"
    """The program accepted it and will decide later."""
    DECLINED = "declined"
    """The program refuses for good, and signed that."""
    UNKNOWN = "unknown"
    """Nothing readable was heard; it may have happened."""
    NOT_FOUND = "not_found"
    """A look-up found no such order; absence is not proof."""
    DIFFERS = "differs"
    """The answer speaks of something else than was asked."""


class Path(StrEnum):
    """Which legs an exchange has, in which order."""

    HELD = "held"
    """Hold, credit, capture."""
    DEBITED = "debited"
    """Debit, credit."""
    ISSUED = "issued"
    """Credit; the source is a partner, not a program."""
    CHARGED = "charged"
    """Debit; the target is a partner, not a program."""
    AUTHORISED = "authorised"
    """Hold, wait for the partner's word, capture all or a part; or release."""
    REVERSAL = "reversal"
    """Undoes HELD and DEBITED: take back from the target, give back at the source."""
    CLAWBACK = "clawback"
    """Undoes ISSUED: take back from the target."""
    REFUND = "refund"
    """Undoes CHARGED and AUTHORISED: give back at the source."""


class Kind(StrEnum):
    """What an exchange is for. It chooses path and price; everything else is the same."""

    EXCHANGE = "exchange"
    """Points of one program become units of another, for the same member."""
    TRANSFER = "transfer"
    """The same, for another member."""
    GIFT = "gift"
    """Points of one member become another's, in one program."""
    DONATION = "donation"
    """To a charity's program."""
    CASH_BACK = "cash_back"
    """To a program whose unit is money."""
    ACCRUAL = "accrual"
    """A partner issues a program's points for something bought from it, and pays for them."""
    PURCHASE = "purchase"
    """A partner buys points for a member."""
    REDEMPTION = "redemption"
    """Points are spent at a partner, which is owed for them."""


UNDOES: dict[Path, Path] = {
    Path.HELD: Path.REVERSAL,
    Path.DEBITED: Path.REVERSAL,
    Path.ISSUED: Path.CLAWBACK,
    Path.CHARGED: Path.REFUND,
    Path.AUTHORISED: Path.REFUND,
}
"""The path that undoes an exchange on this path; the paths that are not here undo others."""


class State(StrEnum):
    """Where an exchange is."""

    RESERVED = "reserved"
    """Accepted; amounts count against the cap; the source is being asked."""
    SOURCE_HELD = "source_held"
    """The source holds or has debited the points; the target is being asked."""
    CREDITED = "credited"
    """The target has credited and the obligation is booked (reversal: taken back and unbooked); the last leg is under way."""
    COMPLETED = "completed"
    """Both sides are done."""
    RELEASING = "releasing"
    """The target refused or the exchange was cancelled; the points are on their way back."""
    REVERSED = "reversed"
    """Ended without effect: the points are where they were."""
    UNKNOWN = "unknown"
    """An order was sent and its outcome is not known; it is asked again until it is."""
    REVIEW = "review"
    """A person owns it, with a due time; only a signed operator's command leads out."""


class Event(StrEnum):
    """What can happen to an exchange."""

    TAKEN = "taken"
    """The first leg is done: points held or debited; in a reversal, taken back from the target."""
    NOT_TAKEN = "not_taken"
    """The first leg was declined."""
    TAKEN_IN_VAIN = "taken_in_vain"
    """The first leg is done, but the exchange was cancelled meanwhile."""
    GIVEN = "given"
    """The second leg is done: the target credited; in a reversal, the source has its points again."""
    NOT_GIVEN = "not_given"
    """The second leg was declined."""
    TAKEN_SHORT = "taken_short"
    """The target has not enough left to take back, and bears that itself."""
    TAKEN_PAID = "taken_paid"
    """The target has not enough left to take back, and the partner that asks pays for what is missing."""
    WITHDRAWN = "withdrawn"
    """The partner wants no capture any more."""
    KEPT = "kept"
    """The held points were captured, or debited after a capture that failed."""
    NOT_KEPT = "not_kept"
    """The capture was declined; one debit is tried."""
    LOST = "lost"
    """The debit after a failed capture was declined too: the source owes all the same."""
    RETURNED = "returned"
    """The points are back at the source."""
    NOT_RETURNED = "not_returned"
    """The source refuses to take its points back."""
    UNSURE = "unsure"
    """The outcome of the order on its way is unknown."""
    GIVEN_UP = "given_up"
    """Asking again is over, or the answer differs from the order: a person must look."""


class Leg(IntEnum):
    """The place of an order in its exchange; exchange and leg together make the order's id."""

    TAKE = 1
    GIVE = 2
    KEEP = 3
    RETURN = 4
    TAKE_ANYWAY = 5
    BONUS = 6


class Side(StrEnum):
    """Which of the two programs an order goes to."""

    SOURCE = "source"
    TARGET = "target"


@dataclass(frozen=True, slots=True)
class Step:
    """An order to send: what, to which side, and to which earlier leg it refers (of the original, in a reversal)."""

    leg: Leg
    operation: Operation
    side: Side
    refers: Leg | None = None


TERMINAL = frozenset({State.COMPLETED, State.REVERSED})
"""States without a way out."""

_ASKED_AGAIN = {Event.UNSURE: State.UNKNOWN, Event.GIVEN_UP: State.REVIEW}

_FORWARD: dict[State, dict[Event, State]] = {
    State.RESERVED: {
        Event.TAKEN: State.SOURCE_HELD,
        Event.NOT_TAKEN: State.REVERSED,
        Event.TAKEN_IN_VAIN: State.RELEASING,
        **_ASKED_AGAIN,
    },
    State.SOURCE_HELD: {Event.GIVEN: State.CREDITED, Event.NOT_GIVEN: State.RELEASING, **_ASKED_AGAIN},
    State.CREDITED: {
        Event.KEPT: State.COMPLETED,
        Event.NOT_KEPT: State.CREDITED,
        Event.LOST: State.REVIEW,
        **_ASKED_AGAIN,
    },
    State.RELEASING: {Event.RETURNED: State.REVERSED, Event.NOT_RETURNED: State.REVIEW, **_ASKED_AGAIN},
}


def _resumable(table: dict[State, dict[Event, State]]) -> dict[State, dict[Event, State]]:
    """UNKNOWN and REVIEW take every event of the state they were entered from: the leg being asked makes it certain which."""
    every = {event: state for row in table.values() for event, state in row.items()}
    return {**table, State.UNKNOWN: every, State.REVIEW: {**every, Event.GIVEN_UP: State.REVIEW}}


TRANSITIONS: dict[Path, dict[State, dict[Event, State]]] = {
    Path.HELD: _resumable(_FORWARD),
    Path.DEBITED: _resumable(
        {
            State.RESERVED: _FORWARD[State.RESERVED],
            State.SOURCE_HELD: {**_FORWARD[State.SOURCE_HELD], Event.GIVEN: State.COMPLETED},
            State.RELEASING: _FORWARD[State.RELEASING],
        }
    ),
    Path.ISSUED: _resumable(
        {State.RESERVED: {Event.GIVEN: State.COMPLETED, Event.NOT_GIVEN: State.REVERSED, **_ASKED_AGAIN}}
    ),
    Path.CHARGED: _resumable(
        {State.RESERVED: {Event.TAKEN: State.COMPLETED, Event.NOT_TAKEN: State.REVERSED, **_ASKED_AGAIN}}
    ),
    Path.AUTHORISED: _resumable(
        {
            State.RESERVED: _FORWARD[State.RESERVED],
            State.SOURCE_HELD: {
                Event.KEPT: State.COMPLETED,
                Event.NOT_KEPT: State.RELEASING,
                Event.WITHDRAWN: State.RELEASING,
                Event.RETURNED: State.REVERSED,
                Event.NOT_RETURNED: State.REVIEW,
                **_ASKED_AGAIN,
            },
            State.RELEASING: _FORWARD[State.RELEASING],
        }
    ),
    Path.REVERSAL: _resumable(
        {
            State.RESERVED: {
                Event.TAKEN: State.CREDITED,
                Event.TAKEN_SHORT: State.CREDITED,
                Event.TAKEN_PAID: State.CREDITED,
                Event.NOT_TAKEN: State.REVERSED,
                **_ASKED_AGAIN,
            },
            State.CREDITED: {Event.GIVEN: State.COMPLETED, Event.NOT_GIVEN: State.REVIEW, **_ASKED_AGAIN},
        }
    ),
    Path.CLAWBACK: _resumable(
        {
            State.RESERVED: {
                Event.TAKEN: State.COMPLETED,
                Event.TAKEN_SHORT: State.COMPLETED,
                Event.TAKEN_PAID: State.COMPLETED,
                Event.NOT_TAKEN: State.REVERSED,
                **_ASKED_AGAIN,
            }
        }
    ),
    Path.REFUND: _resumable(
        {State.RESERVED: {Event.GIVEN: State.COMPLETED, Event.NOT_GIVEN: State.REVERSED, **_ASKED_AGAIN}}
    ),
}
"""Path × state × event → state. What is not here cannot happen."""

STEPS: dict[tuple[Path, State], Step] = {
    (Path.HELD, State.RESERVED): Step(Leg.TAKE, Operation.HOLD, Side.SOURCE),
    (Path.HELD, State.SOURCE_HELD): Step(Leg.GIVE, Operation.CREDIT, Side.TARGET),
    (Path.HELD, State.CREDITED): Step(Leg.KEEP, Operation.CAPTURE, Side.SOURCE, Leg.TAKE),
    (Path.HELD, State.RELEASING): Step(Leg.RETURN, Operation.RELEASE, Side.SOURCE, Leg.TAKE),
    (Path.DEBITED, State.RESERVED): Step(Leg.TAKE, Operation.DEBIT, Side.SOURCE),
    (Path.DEBITED, State.SOURCE_HELD): Step(Leg.GIVE, Operation.CREDIT, Side.TARGET),
    (Path.DEBITED, State.RELEASING): Step(Leg.RETURN, Operation.REVERSE, Side.SOURCE, Leg.TAKE),
    (Path.ISSUED, State.RESERVED): Step(Leg.GIVE, Operation.CREDIT, Side.TARGET),
    (Path.CHARGED, State.RESERVED): Step(Leg.TAKE, Operation.DEBIT, Side.SOURCE),
    (Path.AUTHORISED, State.RESERVED): Step(Leg.TAKE, Operation.HOLD, Side.SOURCE),
    (Path.AUTHORISED, State.RELEASING): Step(Leg.RETURN, Operation.RELEASE, Side.SOURCE, Leg.TAKE),
    (Path.REVERSAL, State.RESERVED): Step(Leg.TAKE, Operation.REVERSE, Side.TARGET, Leg.GIVE),
    (Path.REVERSAL, State.CREDITED): Step(Leg.GIVE, Operation.REVERSE, Side.SOURCE, Leg.KEEP),
    (Path.CLAWBACK, State.RESERVED): Step(Leg.TAKE, Operation.REVERSE, Side.TARGET, Leg.GIVE),
    (Path.REFUND, State.RESERVED): Step(Leg.GIVE, Operation.REVERSE, Side.SOURCE, Leg.KEEP),
}
"""Path × state entered → the order to send. States that are not here send nothing."""

RELEASE_IN_TIME = Step(Leg.RETURN, Operation.RELEASE, Side.SOURCE, Leg.TAKE)
"""The release of an authorisation that nobody captures: written down with the hold, due when the time is over."""

CAPTURE = Step(Leg.KEEP, Operation.CAPTURE, Side.SOURCE, Leg.TAKE)
"""The capture of an authorisation, of all that is held or of a part; the program gives the rest back by itself."""

BONUS = Step(Leg.BONUS, Operation.CREDIT, Side.TARGET)
"""Bonus units are credited apart from the base, when that is booked or later. Their order moves no state."""

BONUS_BACK = Step(Leg.BONUS, Operation.REVERSE, Side.TARGET, Leg.BONUS)
"""A reversal takes its part of the bonus back apart, too."""

DEBIT_ANYWAY = Step(Leg.TAKE_ANYWAY, Operation.DEBIT, Side.SOURCE)
"""The one debit that is tried when a capture was declined."""

_EVENTS: dict[Leg, tuple[Event, Event]] = {
    Leg.TAKE: (Event.TAKEN, Event.NOT_TAKEN),
    Leg.GIVE: (Event.GIVEN, Event.NOT_GIVEN),
    Leg.KEEP: (Event.KEPT, Event.NOT_KEPT),
    Leg.RETURN: (Event.RETURNED, Event.NOT_RETURNED),
    Leg.TAKE_ANYWAY: (Event.KEPT, Event.LOST),
    Leg.BONUS: (Event.GIVEN, Event.NOT_GIVEN),
}


class IllegalEventError(Exception):
    """This event cannot happen in this state."""


def after(path: Path, state: State, event: Event) -> State:
    """The state that `event` leads to. Raises IllegalEventError, and then nothing has changed."""
    try:
        return TRANSITIONS[path][state][event]
    except KeyError:
        message = f"{event} cannot happen to a {path} exchange that is {state}"
        raise IllegalEventError(message) from None


def event_of(leg: Leg, verdict: Verdict) -> Event | None:
    """What the answer to the order of `leg` means; nothing yet, while it is pending. Absence is not proof: NOT_FOUND is unsure."""
    done, declined = _EVENTS[leg]
    if verdict is Verdict.PENDING:
        return None
    if verdict is Verdict.DONE:
        return done
    if verdict is Verdict.DECLINED:
        return declined
    return Event.GIVEN_UP if verdict is Verdict.DIFFERS else Event.UNSURE


def order_id(exchange_hex: str, leg: int) -> str:
    """The key under which a program knows an order: the same for every repeat, different for every leg."""
    return f"{exchange_hex}-{leg}"


def diagram(path: Path) -> str:
    """The table of one path as a Mermaid state diagram; docs/lifecycle.md shows it. What UNKNOWN and REVIEW resume is left out."""
    lines = ["stateDiagram-v2", f"    [*] --> {State.RESERVED}"]
    for state, row in TRANSITIONS[path].items():
        if state in {State.UNKNOWN, State.REVIEW}:
            continue
        if step := STEPS.get((path, state)):
            lines.append(f"    {state}: {state} ({step.operation} at {step.side})")
        lines += [f"    {state} --> {follows}: {event}" for event, follows in row.items()]
    lines.append(f"    {State.UNKNOWN} --> {State.REVIEW}: {Event.GIVEN_UP}")
    lines.append(f"    {State.REVIEW} --> {State.UNKNOWN}: {Event.UNSURE}")
    lines += [f"    {state} --> [*]" for state in (State.COMPLETED, State.REVERSED)]
    return "\n".join(lines) + "\n"
