"""What travels on the wire about partners' books and breaks. Like `messages`; amounts are decimal strings of the common unit."""

from typing import Annotated, Literal

from pydantic import Field

from clearing.front.messages import Code, Instant, Next, Said, Token, Wish

Money = Annotated[
    str, Field(pattern=r"^-?[0-9]{1,13}(?:\.[0-9]{1,6})?$", description="of the common unit; plus owes the house")
]


class FaultSaid(Said):
    """What is wrong with one line of the file, counted from 1, header included."""

    line: int
    code: str
    reason: str


class TakenSaid(Said):
    """The acknowledgement of a book: taken whole, or not at all, and why."""

    taken: bool
    book: Annotated[str | None, Field(description="the id of the book, where it was taken")]
    reason: Literal["faulty", "wrong_partner", "unknown_window", "sequence_gap", "sequence_used"] | None
    expected: Annotated[int, Field(description="the sequence number that the next book has")]
    digest: Annotated[str, Field(description="SHA-256 of the whole file")]
    lines: int
    debit: Money
    credit: Money
    faulty: Annotated[int, Field(description="how many faults there are, of lines and of the book as a whole")]
    faults: Annotated[list[FaultSaid], Field(description="the first thousand of them")]


class HandbackSaid(Said):
    """What became of one line: matched by a pass with what it names, or a break, or replaced by a later line that is final."""

    line: int
    result: Annotated[
        Literal["matched", "break", "replaced", "waiting"], Field(description="waiting: not compared yet, ask again")
    ]
    pass_number: int | None
    exchanges: Annotated[list[Token], Field(description="what it is matched with; of a group at most ten")]
    code: Annotated[str | None, Field(description="the class of its break")]
    reason: str | None
    breaks: Annotated[Token | None, Field(description="the id of its break")]
    state: Annotated[str | None, Field(description="where its break stands")]


class BookSaid(Said):
    """A book as it was taken, and what became of its lines so far, a thousand a page."""

    book: str
    partner: Code
    sequence: int
    window: int
    digest: str
    lines: int
    debit: Money
    credit: Money
    received_at: Instant
    handback: list[HandbackSaid]
    next: Annotated[str | None, Field(description="what the next page is `after`; null: this is the last one")]


class StepSaid(Said):
    """What was said about a break; the clock has no key."""

    number: int
    at: Instant
    decision: str
    books: Money
    state: str
    note: str
    key_id: str | None
    evidence: Token | None


class EvidenceSaid(Said):
    """Something signed that the break rests on: `clearing evidence verify` re-checks it."""

    kind: Literal["book", "answer", "step"]
    evidence: Token


class BreakSaid(Said):
    """A break. `difference` is theirs minus ours; `provisional` is credited until its dispute is decided."""

    break_id: Token
    partner: Code
    window: int
    break_class: str
    exchange: Token | None
    line: Annotated[int | None, Field(description="the book's sequence number times a million, plus the line's")]
    suggested: Annotated[Token | None, Field(description="an exchange that may be the same; nothing is booked on it")]
    difference: Money
    owner: str
    opened_at: Instant
    due_at: Instant | None
    state: str
    provisional: Money
    resolution: str | None


class BreaksSaid(Said):
    """Breaks that have not ended, the oldest first, a thousand a page."""

    breaks: list[BreakSaid]
    next: Next


class BreakTold(BreakSaid):
    """A break with everything said about it, and the bundle of what was signed."""

    steps: list[StepSaid]
    evidence: list[EvidenceSaid]


class DecideWish(Wish):
    """A decision on a break. Operators end it; the partner disputes, escalates, drops, or accepts ours."""

    decision: Literal[
        "accept_ours",
        "accept_theirs",
        "split",
        "write_off",
        "dispute",
        "contest",
        "concede",
        "escalate",
        "uphold",
        "drop",
    ]
    note: Annotated[str, Field(min_length=1, max_length=500)]
    amount: Annotated[
        str | None,
        Field(
            pattern=r"^-?[0-9]{1,9}(?:\.[0-9]{1,6})?$", description="split: what is booked, with the difference's sign"
        ),
    ] = None


class MatchWish(Wish):
    """Compare a partner's window again, and do what is due."""

    partner: Code
    window: Annotated[int, Field(gt=0, le=2**31 - 1)]


class MatchSaid(Said):
    """What a run found; lines of theirs matched by pass, breaks by class."""

    run: int
    totals_agree: bool
    our_lines: int
    our_debit: Money
    our_credit: Money
    their_lines: int
    their_debit: Money
    their_credit: Money
    matched: dict[str, int]
    breaks: dict[str, int]
    moved: Annotated[int, Field(description="breaks whose clock had run out, and which moved")]
