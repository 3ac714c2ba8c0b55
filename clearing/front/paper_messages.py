"""What travels about rate sets and tax tables: frozen models like those of `messages`."""

from typing import Annotated, Any, Literal

from pydantic import Field

from clearing.front.agreement_messages import Digest
from clearing.front.messages import Code, Instant, Said, Wish
from clearing.front.run_messages import Currency, Day, Decimal, Named
from clearing.rules.lifecycle import Kind

PaperName = Annotated[
    str, Field(pattern="^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", description="it stands for this content, for ever")
]

Words = Annotated[str, Field(min_length=1, max_length=140)]


class RatesWish(Wish):
    """Propose a rate set: what one unit of each currency is worth in the common unit, as its source gave it for `valid_from`."""

    name: PaperName
    source: Named
    valid_from: Annotated[Day, Field(description="the day that the source gives the rates for")]
    valid_until: Annotated[Day, Field(description="the last day of payment that may go by them")]
    published_at: Annotated[Instant, Field(description="when the source did")]
    rates: Annotated[dict[Currency, Decimal], Field(min_length=1, max_length=100)]


class SideWish(Wish):
    """Who is named on an invoice: the address line by line, and an id for value added tax, if there is one."""

    name: Words
    address: Annotated[list[Words], Field(min_length=1, max_length=6)]
    vat_id: Annotated[str, Field(pattern="^[A-Z0-9]{0,16}$")] = ""


class TaxWish(Wish):
    """How fees are taxed: at a rate in basis points, or at none for a reason that is printed. Without kinds it holds for all others."""

    treatment: Literal["standard", "reverse_charge", "exempt"]
    basis_points: Annotated[int, Field(ge=0, le=10_000, strict=True)] = 0
    reason: Annotated[str, Field(max_length=140)] = ""
    kinds: Annotated[list[Annotated[Kind, Field(strict=False)]], Field(max_length=10, default_factory=list)]


class CustomerWish(SideWish):
    """A partner as it is billed, and how."""

    partner: Code
    taxes: Annotated[list[TaxWish], Field(min_length=1, max_length=5)]


class TaxTableWish(Wish):
    """Propose a tax table. Fees are billed in the currency that the common unit is, in one series, numbered anew each year."""

    name: PaperName
    valid_from: Annotated[Day, Field(description="the first end of a supply that it is for")]
    valid_until: Annotated[Day, Field(description="the last")]
    series: Annotated[str, Field(pattern="^[A-Z][A-Z0-9]{0,9}$")]
    currency: Currency
    supplier: SideWish
    customers: Annotated[list[CustomerWish], Field(max_length=500)]


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


class TaxesSaid(Said):
    """All tax tables, by their first day."""

    taxes: list[PaperSaid]


class RatesSaid(Said):
    """All rate sets, by their first day."""

    rates: list[PaperSaid]
