"""What travels on the wire about a member's lots: as its program tells them, and as it said of each operation. Like `messages`."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from clearing.front.messages import Amount, Code, Instant, Next, Said, Token

LotName = Annotated[str, Field(description="the program's own name of the lot, for ever")]


class LotSaid(Said):
    """Points that were earned together and expire together."""

    lot: LotName
    amount: Amount
    earned_at: Instant
    expires_at: Annotated[Instant | None, Field(description="null: never")]
    exchange: Annotated[UUID | None, Field(description="whose credit made it, where the history says so")]


class LotPartSaid(Said):
    """So many points of a lot."""

    lot: LotName
    amount: Amount


class LotMoveSaid(Said):
    """One operation that the program did for the house, and which lots it took, made or gave back."""

    exchange: UUID
    operation: str
    amount: Amount
    answered_at: Instant
    evidence: Annotated[UUID, Field(description="the signed answer: `clearing evidence verify`")]
    lots: Annotated[
        list[LotPartSaid] | None,
        Field(description="null: the answer told none, or its body was erased, or cannot be read any more"),
    ]


class LotsSaid(Said):
    """A member's lots and their history."""

    account: Token
    program: Code
    unit: str
    at: Instant
    lots: Annotated[
        list[LotSaid], Field(description="what the member can spend now, oldest first, as the program uses them")
    ]
    history: Annotated[list[LotMoveSaid], Field(description="newest first, 200 a page")]
    next: Next
