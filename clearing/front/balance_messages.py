"""What travels on the wire about balances at past instants, and what a member moved by then. Like `messages`."""

from typing import Annotated

from pydantic import Field

from clearing.front.messages import Code, Instant, Said, Token

Sum = Annotated[str, Field(pattern=r"^-?[0-9]{1,19}$", description="whole units; may pass 2^53")]


class BalanceSaid(Said):
    """What one account of the books held."""

    account: Annotated[
        str,
        Field(
            description="`CODE.outstanding`, `.transit`, `.exchanged_out`, `.exchanged_in`, `.accrued`, `.redeemed`, "
            "`.suspense`, `.shortfall` of a program; `CODE.position` of a partner, plus: it owes the house; `house.fee`, `house.rounding`"
        ),
    ]
    balance: Sum
    unit: Annotated[str, Field(description="the program's unit, or millionths of the common unit")]


class BalancesSaid(Said):
    """Balances at an instant: the sums of all entries that were booked at it or before."""

    at: Instant
    events: Annotated[int, Field(ge=0, description="how long the log was then")]
    settled: Annotated[
        bool,
        Field(description="something later is in the log: nothing can be added at or before this instant any more"),
    ]
    balances: list[BalanceSaid]


class MovedSaid(Said):
    """What one member's account moved through the house by an instant, in its program's unit."""

    account: Token
    program: Code
    unit: str
    at: Instant
    net: Annotated[Sum, Field(description="received + returned - sent - taken_back")]
    sent: Annotated[Sum, Field(description="points that left for good")]
    received: Annotated[Sum, Field(description="units that arrived")]
    returned: Annotated[Sum, Field(description="points that reversals gave back")]
    taken_back: Annotated[Sum, Field(description="units that reversals took back")]
    sending: Annotated[Sum, Field(description="under way: may yet leave")]
    receiving: Annotated[Sum, Field(description="under way: may yet arrive")]
    returning: Annotated[Sum, Field(description="under way: may yet come back")]
    taking_back: Annotated[Sum, Field(description="under way: may yet be taken back")]
