"""What travels on the wire about cases. Like `messages`."""

from typing import Annotated, Literal

from pydantic import Field

from clearing.front.messages import Instant, Said, Token, Wish
from clearing.rules.lifecycle import State


class CaseSaid(Said):
    """Something a person must look at."""

    case: int
    exchange: Token
    leg: int
    kind: str
    owner: str
    opened_at: Instant
    due_at: Instant
    detail: str


class CasesSaid(Said):
    """The open cases, the most urgent first."""

    cases: list[CaseSaid]


class ResolveWish(Wish):
    """An operator's decision on a case."""

    decision: Literal["ask_again", "done", "declined", "close", "release", "refuse"]
    note: Annotated[str, Field(min_length=1, max_length=500)]


class ResolvedSaid(Said):
    """What the decision led to."""

    case: int
    exchange: Token
    state: State
