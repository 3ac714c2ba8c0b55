"""Reads the document of an agreement: a parsed JSON value becomes an agreement, or the first reason why it is none."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from clearing.rules.agreement_shape import SCHEMA
from clearing.rules.agreements import (
    HOUSE,
    PARTS,
    Agreement,
    Bearer,
    Credit,
    Fee,
    Funding,
    LateInterest,
    Postpaid,
    Prepaid,
    Right,
    Share,
    Worth,
)
from clearing.rules.lifecycle import Kind
from clearing.rules.shapes import Fault, Law, Reader
from clearing.rules.units import Ratio

Document = dict[str, Any]
READER = Reader(SCHEMA)


def read_agreement(value: Any, version: int, announced_at: datetime) -> Agreement | Fault:
    """The agreement of this document, as the version that the house makes it. Never raises, whatever JSON value is given.

    1. the shape, which JSON Schema states too; 2. dates that exist, in order; 3. nothing twice in a list; 4. bounds and shares.
    """
    for look in (
        READER.departures,
        _dates,
        _lists,
        _sums,
    ):  # each begins to look only when those before it found nothing
        if fault := next(look(value), None):
            return fault
    return agreement_of(value, version, announced_at)


def _dates(document: Document) -> Iterator[Fault]:
    found: list[datetime] = []
    for name in ("valid_from", "valid_to"):
        if name not in document:
            return
        try:
            found.append(_instant(document[name]))
        except ValueError:
            yield Fault(f"$.{name}", Law.NO_INSTANT, "no calendar has this date")
            return
    if found[1] <= found[0]:
        yield Fault("$.valid_to", Law.WINDOW, "it ends before it begins")


def _lists(document: Document) -> Iterator[Fault]:
    yield from _once(document.get("prices", ()), "$.prices", lambda price: price["program"])
    yield from _once(document.get("fees", ()), "$.fees", lambda fee: fee["kind"])
    yield from _once(document.get("funding", ()), "$.funding", lambda funding: funding["campaign"])
    yield from _once(document.get("rights", ()), "$.rights", lambda right: (right["program"], right["kind"]))
    for place, funding in enumerate(document.get("funding", ())):
        yield from _once(funding.get("funders", ()), f"$.funding[{place}].funders", lambda share: share["funder"])
    for place, right in enumerate(document.get("rights", ())):
        yield from _once(right.get("channels", ()), f"$.rights[{place}].channels", lambda channel: channel)


def _once(records: list[Any], path: str, name_of: Callable[[Any], object]) -> Iterator[Fault]:
    seen: set[object] = set()
    for place, record in enumerate(records):
        name = name_of(record)
        if name in seen:
            yield Fault(f"{path}[{place}]", Law.TWICE, "is in this list already")
        seen.add(name)


def _sums(document: Document) -> Iterator[Fault]:
    if document["partner"] == HOUSE:
        yield Fault("$.partner", Law.RESERVED, "means the house itself")
    for place, fee in enumerate(document.get("fees", ())):
        if fee["minimum"] > fee["maximum"]:
            yield Fault(f"$.fees[{place}].minimum", Law.BOUNDS, "is above the maximum")
    for place, funding in enumerate(document.get("funding", ())):
        total = sum(share["ppm"] for share in funding.get("funders", ()))
        if "funders" in funding and total != PARTS:
            yield Fault(f"$.funding[{place}].funders", Law.SHARES, f"the shares add up to {total:,}, not to {PARTS:,}")
    cover = document["cap"].get("prepaid", {}).get("of_cover")
    if cover is not None and cover["num"] > 10 * cover["den"]:
        yield Fault("$.cap.prepaid.of_cover.num", Law.BOUNDS, "is more than ten times the cover")


# --- the agreement


def agreement_of(document: Document, version: int, announced_at: datetime) -> Agreement:
    """The agreement of a document that was read before."""
    return Agreement(
        partner=document["partner"],
        version=version,
        valid_from=_instant(document["valid_from"]),
        valid_to=_instant(document["valid_to"]) if "valid_to" in document else None,
        announced_at=announced_at,
        notice_days=document["notice_days"],
        prices=tuple([_worth(price) for price in document.get("prices", ())]),
        fees=tuple([_fee(fee) for fee in document.get("fees", ())]),
        funding=tuple([_funding(funding, document["partner"]) for funding in document.get("funding", ())]),
        credit=_credit(document["cap"]),
        low_water=document.get("low_water", 0),
        rights=tuple([_right(right) for right in document.get("rights", ())]),
        shortfall=Bearer(document["shortfall"]),
        payout_currency=document.get("payout_currency"),
        late_interest=LateInterest(**document["late_interest"]) if "late_interest" in document else None,
    )


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _worth(price: Document) -> Worth:
    issue, redeem = price["issue"], price["redeem"]
    return Worth(price["program"], Ratio(issue["value"], issue["units"]), Ratio(redeem["value"], redeem["points"]))


def _fee(fee: Document) -> Fee:
    return Fee(Kind(fee["kind"]), fee["basis_points"], fee["minimum"], fee["maximum"])


def _funding(funding: Document, partner: str) -> Funding:
    """All shares in the order of their funders, so that two agreements that say the same are the same."""
    if "ppm" in funding:
        shares = [Share(partner, funding["ppm"]), Share(HOUSE, PARTS - funding["ppm"])]
    else:
        shares = [Share(share["funder"], share["ppm"]) for share in funding["funders"]]
    agreed = sorted((share for share in shares if share.ppm), key=lambda share: share.funder)
    return Funding(funding["campaign"], tuple(agreed))


def _credit(cap: Document) -> Credit:
    if "postpaid" in cap:
        return Postpaid(cap["postpaid"]["granted"])
    return Prepaid(Ratio(cap["prepaid"]["of_cover"]["num"], cap["prepaid"]["of_cover"]["den"]))


def _right(right: Document) -> Right:
    channels = right.get("channels")
    return Right(right["program"], Kind(right["kind"]), None if channels is None else tuple(sorted(channels)))
