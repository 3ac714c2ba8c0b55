"""What travels on the wire about finance's books: what a figure is made of, and what a program reports as expired. Like `messages`."""

from typing import Annotated
from uuid import UUID

from pydantic import Field

from clearing.front.balance_messages import Sum
from clearing.front.kind_messages import Reference
from clearing.front.messages import Amount, Code, Instant, Said, Token, Wish
from clearing.rules.units import AMOUNT_MAX


class ExpiryWish(Wish):
    """Points of the program that expired by an instant, since the report before."""

    as_of: Instant
    points: Amount
    reference: Annotated[
        Reference, Field(description="the program's own name for this report; the same name, the same report")
    ]


class ExpirySaid(Said):
    """A report as it was taken in: a memo beside the books, in the window that was open then."""

    program: Code
    reference: Reference
    as_of: Instant
    points: Amount
    reported_at: Instant
    window: int
    evidence: UUID


Moved = Annotated[int, Field(ge=0, le=AMOUNT_MAX)]


class OutsideWish(Wish):
    """What the program moved outside of the house by an instant, since the report before: one in a window of the house."""

    as_of: Instant
    reference: Annotated[
        Reference, Field(description="the program's own name for this report; the same name, the same report")
    ]
    opening: Annotated[
        Moved | None,
        Field(
            description="what was outstanding beside what the house moved; the first report needs it, later ones carry it on"
        ),
    ] = None
    issued: Moved = 0
    redeemed: Moved = 0
    expired: Annotated[Moved, Field(description="that no report of expired points has told")] = 0


class OutsideSaid(Said):
    """A report as it was taken in: a memo beside the books, in the window that was open then."""

    program: Code
    reference: Reference
    as_of: Instant
    opening: Annotated[
        int, Field(description="what the reports before left; below zero where more was spent than issued")
    ]
    issued: int
    redeemed: int
    expired: int
    reported_at: Instant
    window: int
    evidence: UUID


class ShareSaid(Said):
    """What one funder pays of a campaign's bonus."""

    campaign: str
    funder: Code
    units: int
    value: Annotated[int, Field(description="millionths of the common unit")]


class LeafSaid(Said):
    """One entry of the books."""

    seq: Annotated[int, Field(ge=0, description="its event's place in the log")]
    line: Annotated[int, Field(ge=0)]
    at: Instant
    event: str
    account: Annotated[str, Field(description="as in `GET /v1/balances`")]
    unit: str
    window: int | None
    amount: Annotated[Sum, Field(description="plus: added to the account; of a position, plus: it owes the house")]


class CauseSaid(Said):
    """An exchange or reversal, with the entries of the figure that it booked."""

    exchange: Token
    kind: str
    path: str
    original: Token | None
    partner: Annotated[Code, Field(description="who asked for it")]
    state: str
    source_program: Code | None
    target_program: Code | None
    terms: Annotated[str, Field(description="the versions of the card and the agreements that priced it")]
    card: Annotated[str | None, Field(description="digest of that card, as two operators' keys signed it")]
    agreements: Annotated[list[str], Field(description="digests of those agreements, the source's first")]
    shares: Annotated[list[ShareSaid], Field(description="who funds the bonus; a partner sees its own part")]
    evidence: Annotated[UUID | None, Field(description="the signed request, kept; for who signed it, and operators")]
    signed_by: str | None
    signed_at: Instant | None
    entries: list[LeafSaid]


class LegSaid(Said):
    """One leg of a waterfall: who owes whom how much, by which step and why."""

    from_: Annotated[Code, Field(alias="from")]
    to: Code
    amount: Annotated[Sum, Field(description="millionths of the common unit")]
    step: str
    why: str
    of_base: Annotated[bool, Field(description="of the base, to which such legs add up; else beside it")]


class SharedSaid(Said):
    """What a run shared of a window by a contract. A partner sees its own legs."""

    run: str
    contract: Code
    version: int
    digest: Annotated[str, Field(description="of the version, as two operators' keys signed it")]
    valid_from: Instant
    proposed_by: str
    confirmed_by: str
    booking: Annotated[UUID, Field(description="in the books, and on the lines of statements")]
    window: str
    claws_back: Annotated[
        str | None, Field(description="the run whose legs are given back, of what was reversed since")
    ]
    base: Annotated[Sum, Field(description="what is shared; of a claw-back, what was reversed of it")]
    legs: list[LegSaid]


class PartSaid(Said):
    """A figure that another one is the sum of: what it is, and what to ask for to have it explained, if there is more to it."""

    what: str
    amount: Sum
    figure: str | None
    window: str | None
    evidence: Annotated[UUID | None, Field(description="the signed request that says it")]


class ExplainedSaid(Said):
    """A figure and what it is made of. `brought` and the entries of this page add up to `carried`; on the last page that and the `parts`
    are `amount`. Plus: added to the account; owes the house.

    Of a share, a party is told its own entries: `brought` and `carried` are sums of these, `amount` is of everybody's.
    """

    figure: str
    window: str | None
    unit: str | None
    amount: Annotated[Sum | None, Field(description="by the kept sums; null for an exchange, which has several units")]
    brought: Annotated[Sum, Field(description="the entries of the pages before")]
    carried: Annotated[Sum | None, Field(description="with those of this page")]
    adds_up: Annotated[bool, Field(description="the entries are the figure; of an exchange, every unit is at zero")]
    next: Annotated[str | None, Field(description="`after` of the next page")]
    cash: Annotated[
        Sum | None,
        Field(description="of a position in a window: what was paid meanwhile; not in `amount`"),
    ]
    parts: Annotated[list[PartSaid], Field(description="other figures that this one is the sum of, beside its entries")]
    exchanges: list[CauseSaid]
    share: Annotated[SharedSaid | None, Field(description="the waterfall, where the figure is the base of one")]
