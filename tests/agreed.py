"""Agreements for tests: a document in short, and its publication."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from clearing import partners
from clearing.partners import Signers
from clearing.rules.agreements import Agreement
from clearing.rules.refusals import Refusal
from clearing.rules.units import Ratio

BOTH = Signers("first-key", "second-key", UUID(int=1))


def document(partner: str, at: datetime, prices: Mapping[str, tuple[Ratio, Ratio]] | None = None, **more: Any) -> Any:
    """A postpaid agreement without notice; `more` replaces whole fields."""
    said = [
        {
            "program": program,
            "issue": {"value": issue.num, "units": issue.den},
            "redeem": {"value": redeem.num, "points": redeem.den},
        }
        for program, (issue, redeem) in (prices or {}).items()
    ]
    return {
        "format": "agreement/1",
        "partner": partner,
        "valid_from": at.replace(microsecond=0).isoformat(),
        "notice_days": 0,
        "prices": said,
        "cap": {"postpaid": {"granted": 0}},
        "shortfall": "refuse",
        **more,
    }


async def agreed(
    connection: AsyncConnection,
    partner: str,
    at: datetime,
    prices: Mapping[str, tuple[Ratio, Ratio]] | None = None,
    *,
    now: datetime | None = None,
    **more: Any,
) -> Agreement | Refusal:
    """Publish the next version by two keys."""
    return await partners.publish_agreement(connection, document(partner, at, prices, **more), now or at, BOTH)
