"""What travels when something is refused: the problem document (RFC 9457), a frozen model like those of `messages`."""

from typing import Annotated, Literal

from pydantic import Field

from clearing.front.messages import Instant, Said


class ProblemSaid(Said):
    """A refusal (RFC 9457). Branch on `code`; repeat only what is `retryable`, with the same Idempotency-Key and a new signature."""

    type: str
    title: str
    status: int
    code: str
    detail: str
    retryable: bool
    trace_id: str
    side: (
        Annotated[Literal["source", "target"], Field(description="which of the two accounts stands in the way")] | None
    ) = None
    remedy: Annotated[str, Field(description="what the member can do")] | None = None
    rule: Annotated[str, Field(description="the rule of the rate card that says so")] | None = None
    next_valid: Annotated[list[int], Field(description="the nearest amounts that would fit")] | None = None
    fits_from: Annotated[Instant, Field(description="the instant from which it will fit")] | None = None
