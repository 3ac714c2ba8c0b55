"""How a partner is paid and what it owes when it is late: by its agreement, and where that is silent by the draft of a run."""

from dataclasses import dataclass
from typing import TypeVar

from clearing.rules.agreements import Agreement
from clearing.rules.refusals import Refusal, RefusalCode
from settlement.rules.run import Terms

PLACES = ("currency", "interest_basis_points", "year_days")
Said = TypeVar("Said", str, int)
NO_INTEREST, DAYS_OF_A_YEAR = 0, 365
"""Where neither says anything."""


@dataclass(frozen=True, slots=True)
class SaidTerms:
    """What a draft says of one partner; None: nothing."""

    partner: str
    currency: str | None = None
    interest_basis_points: int | None = None
    year_days: int | None = None


def terms_of(said: SaidTerms | Terms, agreed: Agreement | None, usual: str) -> Terms | Refusal:
    """The terms of a partner: what its agreement says, else the draft, else `usual` as its currency and no interest.

    Refused where a draft says something else than an agreement that says it.
    """
    contract = _contract(agreed)
    for name, one, other in zip(PLACES, _places(contract), _places(said), strict=True):
        if None not in {one, other} and one != other:
            told = f"terms of {said.partner}: {name} is {one} by the agreement in force, not {other}"
            return Refusal(RefusalCode.TERMS_DIFFER, told)
    return Terms(
        said.partner,
        _first(contract.currency, said.currency, usual),
        _first(contract.interest_basis_points, said.interest_basis_points, NO_INTEREST),
        _first(contract.year_days, said.year_days, DAYS_OF_A_YEAR),
    )


def _contract(agreed: Agreement | None) -> SaidTerms:
    if agreed is None:
        return SaidTerms("")
    late = agreed.late_interest
    interest = () if late is None else (late.basis_points, late.year_days)
    return SaidTerms(agreed.partner, agreed.payout_currency, *interest)


def _places(said: SaidTerms | Terms) -> tuple[str | int | None, ...]:
    return said.currency, said.interest_basis_points, said.year_days


def _first(contract: Said | None, draft: Said | None, otherwise: Said) -> Said:
    return next((one for one in (contract, draft) if one is not None), otherwise)
