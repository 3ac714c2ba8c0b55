"""What may be wrong between two books, who looks after it as it ages, and which decisions end it. A resolution never edits a book.

Amounts are millionths of the common unit. The `difference` of a break is theirs minus ours: what would have to be booked for our book to
say what theirs says, plus on the partner's position.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from clearing.rules.refusals import Refusal, RefusalCode

TOLERANCE = timedelta(days=2)
"""How far apart two books may date the same thing, and how long what is on one side alone may simply be on its way."""
SUGGESTED_WITHIN = 10_000
"""Amounts this close are suggested as the same; nothing is ever booked on a suggestion."""

PROVISIONAL_MAX = 1_000_000_000
"""As much is credited as soon as a dispute is filed."""
SILENCE_MAX = 1_000_000_000
"""As much is booked because nobody of the house answered; more goes on to the next owner, and in the end waits for a person."""
UNDECIDED_MAX = 5_000_000_000
"""As much may stand on a partner's position that nobody of the house agreed to: credit for what is undecided, and what silence booked."""
SILENCE_COUNTS_FOR = timedelta(days=30)
"""How long what silence booked takes of that limit."""


class BreakClass(StrEnum):
    """Why an item of one book has no equal in the other."""

    TIMING = "TIMING"
    """On one side alone, and so young that the other may still send it."""
    MISSING_OURS = "MISSING_OURS"
    """They name something that is not in our book."""
    MISSING_THEIRS = "MISSING_THEIRS"
    """We booked something that is not in theirs."""
    AMOUNT_MISMATCH = "AMOUNT_MISMATCH"
    """The same thing, with another amount or other points."""
    RATE_MISMATCH = "RATE_MISMATCH"
    """The same thing and the same points, at another price."""
    DUPLICATE_OURS = "DUPLICATE_OURS"
    """We booked twice what they booked once."""
    DUPLICATE_THEIRS = "DUPLICATE_THEIRS"
    """They booked twice what we booked once."""
    WRONG_WINDOW = "WRONG_WINDOW"
    """Both have it, in different windows."""
    STATUS_MISMATCH = "STATUS_MISMATCH"
    """Pending in one book, final in the other."""
    UNIDENTIFIED = "UNIDENTIFIED"
    """A line that names nothing, and that no single item of ours fits."""


REASON: dict[BreakClass, str] = {
    BreakClass.TIMING: "not in our book yet",
    BreakClass.MISSING_OURS: "not in our book",
    BreakClass.MISSING_THEIRS: "not in your book",
    BreakClass.AMOUNT_MISMATCH: "another amount, or other points, in our book",
    BreakClass.RATE_MISMATCH: "another price in our book",
    BreakClass.DUPLICATE_OURS: "twice in our book",
    BreakClass.DUPLICATE_THEIRS: "said by an earlier line",
    BreakClass.WRONG_WINDOW: "in another window of our book",
    BreakClass.STATUS_MISMATCH: "pending in one book, final in the other",
    BreakClass.UNIDENTIFIED: "names nothing, and no single item fits",
}
"""What the partner is told of a line."""


@dataclass(frozen=True, slots=True)
class Age:
    """Who looks after a break until it is so many days old, and how much that owner alone may move."""

    until_days: int
    owner: str
    limit: int


AGES = (
    Age(3, "automatic", 0),
    Age(6, "owner", 100_000_000),
    Age(31, "manager", 1_000_000_000),
    Age(61, "finance_head", 10_000_000_000),
)
CANDIDATE = Age(0, "write_off_candidate", 10_000_000_000)
"""Older than all ages: nobody's turn comes next."""


def age_of(owner: str) -> Age:
    """The step of the ladder that this owner stands on."""
    return next((age for age in AGES if age.owner == owner), CANDIDATE)


def aged(opened_at: datetime, now: datetime) -> tuple[str, datetime | None]:
    """Whose it is now, and when it goes on to the next."""
    days = (now - opened_at).days
    for age in AGES:
        if days < age.until_days:
            return age.owner, opened_at + timedelta(days=age.until_days)
    return CANDIDATE.owner, None


def next_owner(owner: str, opened_at: datetime, now: datetime) -> str | None:
    """Who comes after this owner, or after the one that its age has led it to; None after the last."""
    names = [*(age.owner for age in AGES), CANDIDATE.owner]
    place = max(names.index(owner), names.index(aged(opened_at, now)[0])) + 1
    return names[place] if place < len(names) else None


class Decision(StrEnum):
    """What can be said of a break, and of a dispute about one."""

    ACCEPT_OURS = "accept_ours"
    ACCEPT_THEIRS = "accept_theirs"
    SPLIT = "split"
    WRITE_OFF = "write_off"
    DISPUTE = "dispute"
    CONTEST = "contest"
    CONCEDE = "concede"
    ESCALATE = "escalate"
    UPHOLD = "uphold"
    DROP = "drop"


class State(StrEnum):
    """Where a break stands. A step that waits for a second key is `seconded`.

    `posting` is decided, and its adjustment not yet known to be booked.
    """

    OPEN = "open"
    SECONDED = "seconded"
    FILED = "filed"
    CONTESTED = "contested"
    ESCALATED = "escalated"
    POSTING = "posting"
    RESOLVED = "resolved"
    CLEARED = "cleared"


class Side(StrEnum):
    """Who speaks."""

    HOUSE = "house"
    PARTNER = "partner"


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a dispute: how long it lasts, and what is decided when nobody spoke in that time."""

    lasts: timedelta
    silence: Decision


STAGES: dict[State, Stage] = {
    State.FILED: Stage(timedelta(days=7), Decision.UPHOLD),  # who does not answer agrees
    State.CONTESTED: Stage(timedelta(days=7), Decision.DROP),  # who does not insist gives in
    State.ESCALATED: Stage(timedelta(days=14), Decision.UPHOLD),  # the house bears its own delay
}

MOVES: dict[tuple[State, Decision], State] = {
    (State.OPEN, Decision.DISPUTE): State.FILED,
    (State.FILED, Decision.CONTEST): State.CONTESTED,
    (State.CONTESTED, Decision.ESCALATE): State.ESCALATED,
}
"""What leads a dispute on; every other decision ends it, or is refused."""

PARTNERS_SAY = frozenset({Decision.DISPUTE, Decision.ESCALATE, Decision.DROP, Decision.ACCEPT_OURS})
"""What the partner itself may say of its own breaks: it files, insists, gives in."""
ENDS: dict[State, frozenset[Decision]] = {
    State.OPEN: frozenset({Decision.ACCEPT_OURS, Decision.ACCEPT_THEIRS, Decision.SPLIT, Decision.WRITE_OFF}),
    State.FILED: frozenset({Decision.CONCEDE, Decision.DROP, Decision.SPLIT, Decision.UPHOLD}),
    State.CONTESTED: frozenset({Decision.CONCEDE, Decision.DROP, Decision.SPLIT}),
    State.ESCALATED: frozenset({Decision.CONCEDE, Decision.DROP, Decision.SPLIT, Decision.UPHOLD}),
}


@dataclass(frozen=True, slots=True)
class Break:
    """What a decision is made about. `known`: what their line names is in our books, here or in another window."""

    state: State
    owner: str
    difference: int
    known: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """The state that follows, and what is booked on the partner's position, with the contra on the house's account."""

    state: State
    books: int = 0

    @property
    def ends(self) -> bool:
        """Whether nothing more is to be decided."""
        return self.state is State.RESOLVED


def decided(found: Break, decision: Decision, side: Side, part: int | None = None) -> Outcome | Refusal:
    """What follows of a decision. 1. who may say it; 2. whether it fits the stage; 3. what it books.

    A `part` is what a split books: of the difference's sign, and less than all of it.
    """
    if side is Side.PARTNER and decision not in PARTNERS_SAY:  # 1
        return Refusal(RefusalCode.CASE_CLOSED, f"{decision} is for the house to say")
    if (found.state, decision) in MOVES:  # 2
        return Outcome(MOVES[found.state, decision])
    if decision not in ENDS.get(found.state, frozenset()):
        return Refusal(RefusalCode.CASE_CLOSED, f"a break that is {found.state} does not take {decision}")
    return _booked(found, decision, part)  # 3


def _booked(found: Break, decision: Decision, part: int | None) -> Outcome | Refusal:
    if decision in {Decision.ACCEPT_OURS, Decision.DROP}:
        return Outcome(State.RESOLVED)
    if decision is Decision.SPLIT:
        if part is None or part * found.difference <= 0 or abs(part) >= abs(found.difference):
            return Refusal(RefusalCode.CASE_CLOSED, "a split books a part of the difference, with its sign")
        return Outcome(State.RESOLVED, part)
    if decision is Decision.WRITE_OFF and found.difference >= 0:
        return Refusal(RefusalCode.CASE_CLOSED, "the house would gain by it: there is nothing to write off")
    return Outcome(State.RESOLVED, found.difference)


def provisional(found: Break, undecided: int) -> int:
    """What a dispute credits the partner with until it is decided: the difference, where it is in its favour and small enough.

    Nothing for what we know nothing of, and nothing that goes beyond what the partner may have undecided; it has `undecided` already.
    """
    fits = -PROVISIONAL_MAX <= found.difference < 0 and undecided - found.difference <= UNDECIDED_MAX
    return found.difference if found.known and fits else 0


def silence_books(found: Break, undecided: int) -> bool:
    """Whether nobody's answer is answer enough: the difference is small, and so is all that the partner has `undecided` besides it."""
    return abs(found.difference) <= SILENCE_MAX and undecided + abs(found.difference) <= UNDECIDED_MAX


def needs_second_key(found: Break, outcome: Outcome) -> bool:
    """Whether this moves more than the break's owner alone may."""
    return abs(outcome.books) > age_of(found.owner).limit


def silence(state: State) -> Decision | None:
    """What is decided when the clock of this stage runs out."""
    stage = STAGES.get(state)
    return None if stage is None else stage.silence


def due(state: State, now: datetime) -> datetime | None:
    """When the clock of a stage that begins now runs out."""
    stage = STAGES.get(state)
    return None if stage is None else now + stage.lasts
