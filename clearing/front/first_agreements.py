"""First agreements: what an onboarding plan says of a partner, in short, becomes the first version of its agreement.

The first is taken in by whoever holds the database; no keys sign it. From then on terms change by two operators' keys alone, so a plan
that says something else than what is agreed is refused instead of being believed.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import AsyncConnection

from clearing import errors, partners
from clearing.front import sources
from clearing.front.shapes import instant
from clearing.rules import agreements
from clearing.rules.agreement_shape import FORMAT
from clearing.rules.agreements import Agreement, Bearer, Postpaid, Worth
from clearing.rules.refusals import Refusal
from clearing.rules.units import Ratio

NOTICE_DAYS = 30


@dataclass(slots=True)
class Terms:
    """What a plan says of a partner: a postpaid cap (None: nothing said), prices by program, the notice, from when on (None: now)."""

    cap: int | None = None
    notice_days: int = NOTICE_DAYS
    valid_from: datetime | None = None
    prices: dict[str, tuple[Ratio, Ratio]] = field(default_factory=dict)
    rights: tuple[tuple[str, str], ...] = ()  # program and kind
    funding: tuple[dict[str, Any], ...] = ()
    shortfall: Bearer = Bearer.REFUSE


def document_of(partner: str, terms: Terms, now: datetime) -> dict[str, Any]:
    """The document of a first version: no fees."""
    return {
        "format": FORMAT,
        "partner": partner,
        "valid_from": instant((terms.valid_from or now).replace(microsecond=0)),
        "notice_days": terms.notice_days,
        "prices": [_price(program, *prices) for program, prices in sorted(terms.prices.items())],
        "cap": {"postpaid": {"granted": terms.cap or 0}},
        "rights": [{"program": program, "kind": kind} for program, kind in terms.rights],
        "funding": list(terms.funding),
        "shortfall": terms.shortfall.value,
    }


async def agree(connection: AsyncConnection[Any], plan: Mapping[str, Terms]) -> list[Agreement]:
    """Publish the first version of each partner that has none. Raises errors.ValidationFailed where a plan differs from what is agreed."""
    published = []
    for partner, terms in plan.items():
        if terms.cap is None and not terms.prices and not terms.rights:
            continue
        now = sources.clock()
        known = (await partners.load(connection)).agreements.get(partner, ())
        if known:
            _require_same(known, terms, now)
            continue
        outcome = await partners.publish_agreement(connection, document_of(partner, terms, now), now)
        if isinstance(outcome, Refusal):
            raise errors.ValidationFailed(f"{outcome.code}: {outcome.detail}")
        published.append(outcome)
    return published


def _require_same(known: tuple[Agreement, ...], terms: Terms, now: datetime) -> None:
    """The version in force, or one to come, says what the plan says."""
    current = agreements.in_force(known, now)
    coming = [agreement for agreement in known if agreement.valid_from > now]
    if not any(_says(agreement, terms) for agreement in [*coming, *([current] if current else [])]):
        raise errors.ValidationFailed(
            f"the plan differs from the agreement with {known[0].partner}: terms change by `clearing agreement publish` "
            "and a second operator's key"
        )


def _says(agreement: Agreement, terms: Terms) -> bool:
    capped = terms.cap is None or agreement.credit == Postpaid(terms.cap)
    rights = {(right.program, str(right.kind)) for right in agreement.rights}
    return (
        capped
        and rights >= set(terms.rights)
        and agreement.shortfall is terms.shortfall
        and all(agreement.worth(program) == Worth(program, *prices) for program, prices in terms.prices.items())
    )


def _price(program: str, issue: Ratio, redeem: Ratio) -> dict[str, Any]:
    return {
        "program": program,
        "issue": {"value": issue.num, "units": issue.den},
        "redeem": {"value": redeem.num, "points": redeem.den},
    }
