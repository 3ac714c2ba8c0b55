"""Agreements and rate cards for tests: documents in short, and their publication."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from clearing import partners
from clearing.partners import Signers
from clearing.rules.agreements import Agreement, Bearer, Credit
from clearing.rules.cards import Card
from clearing.rules.refusals import Refusal
from clearing.rules.units import Ratio

LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)
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


def terms(partner: str, credit: Credit, at: datetime = LONG_AGO) -> Agreement:
    """An agreement as the books know it, of which only the credit matters."""
    return Agreement(partner, 1, at, None, at, 0, (), (), (), credit, 0, (), Bearer.REFUSE)


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


def card(source: str, target: str, ratio: Ratio, at: datetime, version: int = 1, **more: Any) -> Any:
    """A rate card of one rate in steps of its ratio, without notice; `band` changes the band, `more` replaces whole fields."""
    band = {"block": ratio.den, "ratio": {"points": ratio.den, "units": ratio.num}, **more.pop("band", {})}
    return {
        "format": "rate-card/1",
        "source": source,
        "target": target,
        "version": version,
        "announced_at": at.replace(microsecond=0).isoformat(),
        "valid_from": at.replace(microsecond=0).isoformat(),
        "rates": [{"name": "base", "bands": [band]}],
        **more,
    }


async def carded(
    connection: AsyncConnection,
    source: str,
    target: str,
    ratio: Ratio,
    *,
    now: datetime,
    valid_from: datetime | None = None,
    valid_to: datetime | None = None,
    **more: Any,
) -> Card | Refusal:
    """Publish the next version of a rate card by two keys."""
    series = (await partners.load(connection)).cards.get((source, target), ())
    begins = (valid_from or now).replace(microsecond=0).isoformat()
    ends = {} if valid_to is None else {"valid_to": valid_to.replace(microsecond=0).isoformat()}
    document = card(source, target, ratio, now, len(series) + 1, **{"valid_from": begins, **ends, **more})
    return await partners.publish_card(connection, document, now, BOTH)
