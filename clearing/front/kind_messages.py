"""What travels on the wire about points that a partner issues, spends, captures and claims. Like `messages`."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from clearing.front.messages import Amount, Code, Device, Instant, Next, Said, Token, Wish

Reference = Annotated[
    str,
    Field(
        pattern=r"^[!-~](?:[ -~]{0,62}[!-~])?$",
        description="the partner's receipt number: 1 to 64 printable ASCII characters, used once while its exchange stands; "
        "never a membership number",
    ),
]
Reason = Annotated[str, Field(min_length=1, max_length=200)]


class AccrualWish(Wish):
    """Issue units of a program to its member. The caller pays for them, at the price of now."""

    account: Token
    units: Amount
    kind: Annotated[
        Literal["accrual", "purchase"],
        Field(
            description="accrual: for something bought, with its receipt number; purchase: points bought for the member"
        ),
    ] = "accrual"
    occurred_at: Instant | None = None
    reference: Reference | None = None
    channel: Code | None = None
    device: Device | None = None

    @model_validator(mode="after")
    def _has_a_receipt(self) -> Self:
        if self.kind == "accrual" and (self.reference is None or self.occurred_at is None):
            raise ValueError("an accrual has a reference and an occurred_at")
        return self


class RedemptionWish(Wish):
    """Spend points of a member at the caller, which is paid for them, at the price of now."""

    account: Token
    points: Amount
    capture: Annotated[
        Literal["now", "later"], Field(description="later: the points are held until they are captured or cancelled")
    ] = "now"
    occurred_at: Instant | None = None
    reference: Reference | None = None
    channel: Code | None = None
    device: Device | None = None


class CaptureWish(Wish):
    """Take so many of the held points; the rest goes back to the member."""

    points: Amount


class ClaimWish(Wish):
    """A member of the caller's program misses points for something bought at a partner."""

    account: Token
    partner: Annotated[Code, Field(description="code of the partner that should have issued them")]
    reference: Reference
    occurred_at: Instant
    units: Annotated[Amount | None, Field(description="how many, where that is known")] = None


class AcceptWish(Wish):
    """Pay this claim: an accrual with its receipt number."""

    units: Amount


class RejectWish(Wish):
    """Do not pay this claim."""

    reason: Reason


class ClaimSaid(Said):
    """A claim as it stands. `claim` is null where nothing was stored, because the receipt had been paid before."""

    claim: Token | None
    state: Annotated[
        Literal["open", "matched", "paid", "already_paid", "rejected"],
        Field(
            description="matched: an accrual with this receipt number is under way; paid: it is completed; already_paid: it was "
            "there before the claim, or is another account's"
        ),
    ]
    exchange: Annotated[Token | None, Field(description="the accrual, if it is this account's")]
    program: Code
    account: Token
    partner: Code
    reference: str
    occurred_at: Instant
    units: Amount | None
    claimed_at: Instant | None
    rejected_at: Instant | None
    rejected_reason: str | None


class ClaimsSaid(Said):
    """The claims that wait for the caller's word, the oldest first, a thousand a page."""

    claims: list[ClaimSaid]
    next: Next
