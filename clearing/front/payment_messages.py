"""What travels about the payments that a partner is a side of: frozen models like those of `messages`."""

from typing import Annotated, Literal

from pydantic import Field

from clearing.front.messages import Code, Said, Total, Wish
from clearing.front.run_messages import Currency, Day, Decimal, Named


class ReceivedWish(Wish):
    """What your bank booked of this payment of another partner; `bank_reference` is its own name for the booking."""

    currency: Currency
    amount: Decimal
    booked_on: Day
    bank_reference: Named


class ReceivedSaid(Said):
    """What became of it: `confirmed`, `again` where it was known, or `differs` with what was not as instructed; nothing is booked then."""

    instruction: str
    outcome: Literal["confirmed", "again", "differs"]
    differs: str | None


class PaymentSaid(Said):
    """A payment of a run that the caller is a side of. `settles` is what it takes of what the caller owes, in millionths.

    What the house pays is `waiting` until all that the house is paid is settled. `overdue`: a partner is to pay it, its day has passed and
    nobody has confirmed it.
    """

    instruction: str
    run: str
    payer: Code
    payee: Code
    currency: Currency
    amount: str
    settles: Total
    value_date: Day
    overdue: bool
    state: Literal["waiting", "due", "differs", "rejected", "confirmed", "settled"]
    bank_reference: str | None
    booked_on: Day | None
    differs: str | None


class PaymentsSaid(Said):
    """Payments, those of the latest day first. `next`: what to say as `after` for those behind them; null where there are none."""

    payments: list[PaymentSaid]
    next: Annotated[str | None, Field(description="the last of these, where there are more")]
