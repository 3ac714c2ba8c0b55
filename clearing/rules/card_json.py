"""Reads the document of a rate card: a parsed JSON value becomes a card, or the first reason why it is none."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime
from math import gcd, lcm
from typing import Any

from clearing.rules import card_laws
from clearing.rules.card_shape import SCHEMA
from clearing.rules.cards import (
    BEGINNING,
    END,
    Band,
    Bonus,
    BonusKind,
    Card,
    Channel,
    Example,
    Fee,
    FeePer,
    Funder,
    Limit,
    LimitPer,
    Link,
    Pool,
    Rate,
    Span,
    Values,
    When,
)
from clearing.rules.shapes import Fault, Law, Reader
from clearing.rules.units import Ratio

Document = dict[str, Any]
READER = Reader(SCHEMA, tells_strangers=True)
INSTANTS = ("announced_at", "valid_from", "valid_to", "from", "to", "at")


def read_card(value: Any) -> Card | Fault:
    """The card of this document. Never raises, whatever JSON value is given.

    1. the shape, which JSON Schema states too; 2. dates that exist; 3. names once in their list; 4. what bands need to be bands;
    5. what the whole card must keep (`card_laws`).
    """
    for faults in (READER.departures(value), _dates(value, "$"), _names(value), _bands(value)):  # 1-4
        if fault := next(faults, None):  # each begins to look only when those before it found nothing
            return fault
    card = _card(value)
    if fault := next(card_laws.broken(card), None):  # 5
        return fault
    return card.ranked()


# --- 2 to 4: what must hold before a card can be made


def _dates(value: Any, path: str) -> Iterator[Fault]:
    if isinstance(value, dict):
        for name, inner in value.items():
            if name in INSTANTS:
                try:
                    datetime.fromisoformat(inner)
                except ValueError:
                    yield Fault(f"{path}.{name}", Law.NO_INSTANT, "no calendar has this date")
            else:
                yield from _dates(inner, f"{path}.{name}")
    elif isinstance(value, list):
        for index, inner in enumerate(value):
            yield from _dates(inner, f"{path}[{index}]")


def _names(document: Document) -> Iterator[Fault]:
    for part in ("channels", "rates", "bonuses", "fees", "limits"):
        yield from _once(f"$.{part}", "name", document.get(part, ()))
    for index, bonus in enumerate(document.get("bonuses", ())):
        yield from _once(f"$.bonuses[{index}].funders", "code", bonus["funders"])


def _once(path: str, field: str, records: list[Document]) -> Iterator[Fault]:
    seen: set[str] = set()
    for index, record in enumerate(records):
        if record[field] in seen:
            yield Fault(f"{path}[{index}].{field}", Law.TWICE, "is in this list already")
        seen.add(record[field])


def _bands(document: Document) -> Iterator[Fault]:
    """Block, minimum and maximum of each band."""
    for i, rate in enumerate(document["rates"]):
        for j, band in enumerate(rate["bands"]):
            path, block = f"$.rates[{i}].bands[{j}]", band.get("block", 1)
            minimum = band.get("minimum", block)
            if minimum % block:
                yield Fault(f"{path}.minimum", Law.BAND, f"{minimum:,} is no multiple of the block of {block:,}")
            elif band.get("maximum", minimum) < minimum:
                yield Fault(f"{path}.maximum", Law.BAND, "the maximum is below the minimum")


# --- the card


def _card(document: Document) -> Card:
    link, pool, values = document.get("link", {}), document.get("pool"), document.get("values")
    card = Card(
        source=document["source"],
        target=document["target"],
        version=document["version"],
        announced_at=_instant(document["announced_at"]),
        notice_days=document.get("notice_days", 0),
        span=_span(document, "valid_from", "valid_to"),
        trims=document.get("off_step") == "trim",
        monotone=document.get("monotone", False),
        rates=(),
        bonuses=tuple([_bonus(bonus) for bonus in document.get("bonuses", ())]),
        fees=tuple([_fee(fee) for fee in document.get("fees", ())]),
        limits=tuple([_limit(limit) for limit in document.get("limits", ())]),
        channels=tuple([Channel(channel["name"], _span(channel)) for channel in document.get("channels", ())]),
        link=Link(link.get("min_age_days", 0), link.get("one_card", False)),
        pool=None if pool is None else Pool(pool["members_most"]),
        values=None if values is None else _values(values),
        examples=tuple([_example(example, document) for example in document.get("examples", ())]),
        note=document.get("note", ""),
    )
    return replace(card, rates=tuple([_rate(rate, card) for rate in document["rates"]]))


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _span(record: Document, begins: str = "from", ends: str = "to") -> Span:
    return Span(
        _instant(record[begins]) if begins in record else BEGINNING, _instant(record[ends]) if ends in record else END
    )


def _when(record: Document) -> When:
    when = record.get("when", {})

    def among(field: str) -> frozenset[str] | None:
        return frozenset(when[field]) if field in when else None

    return When(among("tiers"), among("cards"), among("channels"), _span(when), among("segments"))


def _rate(record: Document, card: Card) -> Rate:
    return Rate(record["name"], _when(record), tuple([_band(band, card) for band in record["bands"]]))


def _band(record: Document, card: Card) -> Band:
    """A band whose maximum is on its step; where none is published, the largest amount that stays exact."""
    ratio = Ratio(record["ratio"]["units"], record["ratio"]["points"])
    step: int = record["block"] if "block" in record else record["step"]
    minimum: int = record.get("minimum", step)
    most: int = record.get("maximum", 0) or max(minimum, card_laws.reach(card, ratio))
    return Band(minimum, most - (most - minimum) % step, step, ratio)


def _bonus(record: Document) -> Bonus:
    if full := record.get("per_full"):
        kind, ratio = BonusKind.PER_FULL, Ratio(full["units"], full["points"])
    elif share := record.get("share_of_base"):
        kind, ratio = BonusKind.SHARE_OF_BASE, Ratio(share["num"], share["den"])
    else:
        kind, ratio = BonusKind.FLAT, Ratio(record["flat"], 1)
    return Bonus(
        record["name"],
        _when(record),
        kind,
        ratio,
        from_points=record.get("from_points", 1),
        most_units=record.get("most_units"),
        first_only=record.get("first_only", False),
        late_days=record.get("late_days", 0),
        funders=_funders(record["funders"]),
    )


def _funders(records: list[Document]) -> tuple[Funder, ...]:
    """Shares as whole weights over their common denominator; a weight beyond the whole is what `card_laws` finds."""
    whole = lcm(*[record["share"]["den"] for record in records])
    weights = [record["share"]["num"] * whole // record["share"]["den"] for record in records]
    common = gcd(whole, *weights)
    return tuple(
        [
            Funder(record["code"], weight // common, whole // common)
            for record, weight in zip(records, weights, strict=True)
        ]
    )


def _fee(record: Document) -> Fee:
    if rate := record.get("per_point"):
        per, amount = FeePer.POINT, Ratio(rate["fee"], rate["points"])
    else:
        per = FeePer.EVENT if "per_event" in record else FeePer.YEAR
        amount = Ratio(record[per], 1)
    waived = tuple([_span(window) for window in record.get("waived", ())])
    to_house = record.get("owed_to") == "house"
    return Fee(
        record["name"], _when(record), per, amount, record["in"] == "points", record.get("most"), waived, to_house
    )


def _limit(record: Document) -> Limit:
    return Limit(
        record["name"],
        LimitPer(record["per"]),
        whole_program=record["over"] == "program",
        most=record["most"],
        rolling=record.get("period") == "rolling",
        zone=record.get("zone", ""),
    )


def _values(record: Document) -> Values:
    redeem, issue = record["redeem"], record["issue"]
    return Values(Ratio(redeem["value"], redeem["points"]), Ratio(issue["value"], issue["units"]))


def _example(record: Document, document: Document) -> Example:
    at = _instant(record["at"] if "at" in record else document["valid_from"])
    return Example(
        record["points"], record["received"], at, record.get("tier"), record.get("card"), record.get("channel")
    )
