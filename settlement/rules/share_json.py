"""Reads the document of a revenue-sharing contract: a parsed JSON value becomes a contract, or the first reason why it is none."""

from collections.abc import Callable, Iterable, Iterator
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

from clearing.rules.agreements import HOUSE, PARTS, Share
from clearing.rules.shapes import Fault, Law, Reader
from settlement.rules.contracts import (
    BASE,
    DROPPED,
    Applies,
    CoFunding,
    Contract,
    Fee,
    Figure,
    Gross,
    Of,
    Period,
    Residual,
    Rule,
    Step,
    Tax,
    Tier,
    TrueUp,
)
from settlement.rules.interest import DayCount, Late
from settlement.rules.share_shape import SCHEMA

Document = dict[str, Any]
READER = Reader(SCHEMA)


def read_contract(value: Any) -> Contract | Fault:
    """The contract of this document. Never raises, whatever JSON value is given.

    1. the shape, which JSON Schema states too; 2. nothing twice in a list, no reserved code; 3. every party is listed; 4. the order of
    steps; 5. tiers, bounds and shares; 6. from when to when it holds. Each begins to look only when those before it found nothing.
    """
    for look in (READER.departures, _lists, _named, _order, _sums, _validity):
        if fault := next(look(value), None):
            return fault
    return contract_of(value)


def unpublishable(contract: Contract) -> Fault | None:
    """What this contract lacks, or says too much, for settlement runs to go by it; None where they can."""
    needed = {"valid_from": contract.valid_from, "period": contract.period, "steps[0].base.of": contract.gross.of}
    for name, value in needed.items():
        if value is None:
            return Fault(f"$.{name}", Law.MISSING_FIELD, "a published contract says it")
    if contract.currency is not None:
        return Fault("$.currency", Law.CONTRADICTION, "runs share the common unit, and convert once, at the net")
    if contract.late is not None:
        return Fault("$.late", Law.CONTRADICTION, "who pays a run late owes interest by the terms of its draft")
    return None


# --- what fields say together


def _lists(document: Document) -> Iterator[Fault]:
    yield from _once(document["parties"], "$.parties", str)
    yield from _once(document["steps"], "$.steps", lambda step: step["name"])
    for place, step in enumerate(document["steps"]):
        if "residual" in step:
            yield from _once(step["residual"]["weights"], f"$.steps[{place}].residual.weights", _party)
        if "co_funding" in step:
            yield from _once(step["co_funding"]["sponsors"], f"$.steps[{place}].co_funding.sponsors", _party)
    for place, party in enumerate(document["parties"]):
        if party in {BASE, DROPPED}:
            yield Fault(f"$.parties[{place}]", Law.RESERVED, "means no party")


def _party(record: Document) -> Any:
    return record["party"]


def _once(records: Iterable[Any], path: str, name_of: Callable[[Any], object]) -> Iterator[Fault]:
    seen: set[object] = set()
    for place, record in enumerate(records):
        name = name_of(record)
        if name in seen:
            yield Fault(f"{path}[{place}]", Law.TWICE, "is in this list already")
        seen.add(name)


_PLACES = ("payer", "to", "party", "against")


def _named(document: Document) -> Iterator[Fault]:
    known = {*document["parties"], HOUSE}
    for place, step in enumerate(document["steps"]):
        kind, rule = _of(step)
        path = f"$.steps[{place}].{kind}"
        named = [(f"{path}.{name}", rule[name]) for name in _PLACES if name in rule]
        for name in ("sponsors", "weights"):
            named += [(f"{path}.{name}[{at}].party", _party(one)) for at, one in enumerate(rule.get(name, ()))]
        if "overflow" in rule and rule["overflow"] not in {BASE, DROPPED}:
            named.append((f"{path}.overflow", rule["overflow"]))
        yield from (
            Fault(where, Law.UNDECLARED, "is not among the parties") for where, code in named if code not in known
        )
    if "late" in document and document["late"]["to"] not in known:
        yield Fault("$.late.to", Law.UNDECLARED, "is not among the parties")


def _order(document: Document) -> Iterator[Fault]:
    kinds = [_of(step)[0] for step in document["steps"]]
    fees: dict[str, str] = {}
    for place, (kind, step) in enumerate(zip(kinds, document["steps"], strict=True)):
        path = f"$.steps[{place}]"
        if (kind == "base") != (place == 0):
            yield Fault(path, Law.CONTRADICTION, "the first step is `base`, and no other is")
        if "residual" in kinds[:place] and kind != "true_up":
            yield Fault(path, Law.CONTRADICTION, "behind the residual nothing is left to share")
        if kind == "true_up" and "residual" not in kinds[:place]:
            yield Fault(path, Law.CONTRADICTION, "a true-up stands behind the residual")
        if kind == "fee":
            fees[step["name"]] = step["fee"]["to"]
        if kind == "tax" and step["tax"]["fee"] not in fees:
            yield Fault(f"{path}.tax.fee", Law.CONTRADICTION, "is no fee step before this one")
        if kind == "tax" and step["tax"]["borne_by"] == "taker" and fees[step["tax"]["fee"]] == step["tax"]["to"]:
            yield Fault(f"{path}.tax.to", Law.CONTRADICTION, "takes the fee itself, and would pay the tax to itself")
    if "residual" not in kinds:
        yield Fault("$.steps", Law.CONTRADICTION, "a `residual` is needed: the whole base is shared")


def _sums(document: Document) -> Iterator[Fault]:
    for place, step in enumerate(document["steps"]):
        kind, rule = _of(step)
        path = f"$.steps[{place}].{kind}"
        volumes = [tier["volume"] for tier in rule.get("tiers", ())]
        if volumes and (volumes[0] != 0 or any(after <= before for before, after in pairwise(volumes))):
            yield Fault(
                f"{path}.tiers", Law.BAND, "the first tier begins at 0, and each later one above the one before"
            )
        if "maximum" in rule and rule["maximum"] < rule.get("minimum", 0):
            yield Fault(f"{path}.minimum", Law.BOUNDS, "is above the maximum")
        total = sum(sponsor["ppm"] for sponsor in rule.get("sponsors", ()))
        if "sponsors" in rule and total != PARTS:
            yield Fault(f"{path}.sponsors", Law.SHARES, f"the shares add up to {total:,}, not to {PARTS:,}")
        if "against" in rule and rule["against"] == rule["party"]:
            yield Fault(f"{path}.against", Law.CONTRADICTION, "nobody guarantees its own share")


def _validity(document: Document) -> Iterator[Fault]:
    for name in ("valid_from", "valid_to"):
        try:
            _instant(document, name)
        except ValueError:
            yield Fault(f"$.{name}", Law.NO_INSTANT, "no calendar has this instant")
            return
    begins, ends = _instant(document, "valid_from"), _instant(document, "valid_to")
    if begins is not None and ends is not None and ends <= begins:
        yield Fault("$.valid_to", Law.WINDOW, "is not after valid_from")


# --- the contract


def _of(step: Document) -> tuple[str, Document]:
    """The kind of a step and what it says."""
    return next((name, rule) for name, rule in step.items() if name != "name")


def contract_of(document: Document) -> Contract:
    """The contract of a document that was read before."""
    late = document.get("late")
    return Contract(
        contract=document["contract"],
        version=document["version"],
        currency=document.get("currency"),
        parties=tuple(sorted({*document["parties"]})),
        steps=tuple(
            [Step(step["name"], _READ[kind](rule)) for step in document["steps"] for kind, rule in [_of(step)]]
        ),
        late=Late(late["basis_points"], DayCount(late["day_count"]), late["to"]) if late else None,
        valid_from=_instant(document, "valid_from"),
        valid_to=_instant(document, "valid_to"),
        period=Period(document["period"]) if "period" in document else None,
    )


def _instant(document: Document, name: str) -> datetime | None:
    return datetime.fromisoformat(document[name]).astimezone(UTC) if name in document else None


def _fee(rule: Document) -> Fee:
    return Fee(
        rule["to"],
        tuple([Tier(tier["volume"], tier["basis_points"]) for tier in rule["tiers"]]),
        Applies(rule.get("applies", Applies.SLICE)),
        rule.get("minimum", 0),
        rule.get("maximum"),
    )


def _co_funding(rule: Document) -> CoFunding:
    sponsors = tuple([Share(sponsor["party"], sponsor["ppm"]) for sponsor in rule["sponsors"]])
    return CoFunding(rule["to"], rule["ppm"], sponsors, rule["budget"], rule["overflow"])


def _gross(rule: Document) -> Gross:
    if "of" not in rule:
        return Gross(rule["payer"])
    said = rule["of"]
    corridor = said.get("corridor", {})
    of = Of(Figure(said["figure"]), corridor.get("source"), corridor.get("target"), said.get("program"))
    return Gross(rule["payer"], of)


_READ: dict[str, Callable[[Document], Rule]] = {
    "base": _gross,
    "fee": _fee,
    "co_funding": _co_funding,
    "tax": lambda rule: Tax(rule["fee"], rule["to"], rule["basis_points"], rule["borne_by"] == "taker"),
    "residual": lambda rule: Residual(tuple([(one["party"], one["weight"]) for one in rule["weights"]])),
    "true_up": lambda rule: TrueUp(rule["party"], rule["against"], rule["minimum"], rule.get("maximum")),
}
