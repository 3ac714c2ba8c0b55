"""What travels about rate sets and tax tables: frozen models like those of `messages`."""

from typing import Annotated, Any

from pydantic import Field

from clearing.front.agreement_messages import Digest
from clearing.front.messages import Instant, Said, Wish
from clearing.front.run_messages import Currency, Day, Decimal, Named

PaperName = Annotated[
    str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="it stands for this content, for ever")
]


class RatesWish(Wish):
    """Propose a rate set: what one unit of each currency is worth in the common unit, as its source gave it for `valid_from`."""

    name: PaperName
    source: Named
    valid_from: Annotated[Day, Field(description="the day that the source gives the rates for")]
    valid_until: Annotated[Day, Field(description="the last day of payment that may go by them")]
    published_at: Annotated[Instant, Field(description="when the source did")]
    rates: Annotated[dict[Currency, Decimal], Field(min_length=1, max_length=100)]


class PaperSaid(Said):
    """A published paper. Its document is what two operators' keys signed."""

    name: str
    valid_from: Day
    valid_until: Day
    published_at: Instant
    digest: Digest
    document: dict[str, Any]
    proposed_by: str
    confirmed_by: str


class RatesSaid(Said):
    """All rate sets, by their first day."""

    rates: list[PaperSaid]
