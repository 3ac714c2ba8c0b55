"""The document of `clearing deferral`: one sale of points, and what was redeemed and estimated since. Read strictly, answered as JSON."""

from dataclasses import asdict
from typing import Any

from clearing.rules.shapes import Fault, Law, Reader, positive, record, several, whole
from clearing.rules.shapes import one_of as word
from clearing.rules.units import Ratio
from settlement.rules.breakage import Estimate, Role, allocate, presented, schedule, stand_alone

_PERIOD = record(
    "One period.",
    "redeemed",
    redeemed=whole("points redeemed in it"),
    expected=positive("points expected to be redeemed ever, as estimated at its end; none: as before"),
)
SHAPE = record(
    "A sale with points: amounts in whole minor units of one currency.",
    "price points",
    ("goods", "service", "paid"),
    price=whole("what the customer pays for everything"),
    goods=whole("what the other goods would cost alone"),
    service=whole(
        "what marketing and other services, delivered at once, would cost alone: two elements of a sold mile"
    ),
    paid=whole("the points alone are sold, and their reward is somebody else's: what it is paid"),
    role=word("whose the reward is; none: principal", *Role),
    points=record(
        "The points.",
        "expected",
        expected=positive("points expected to be redeemed ever, as estimated at the sale"),
        value=record(
            "What one point is worth alone; none: 1/1.", "num den", num=whole("of so many"), den=positive("parts")
        ),
    ),
    periods=several("What happened since, the first first.", _PERIOD, 1_000),
)
READER = Reader(SHAPE)


def answer(document: Any) -> dict[str, Any] | Fault:
    """The schedule of this document, or the first thing that is wrong with it."""
    for fault in READER.departures(document):
        return fault
    told = document["points"]
    expected, role = told["expected"], Role(document.get("role", Role.PRINCIPAL))
    if role is Role.AGENT and ("paid" not in document or document.get("periods")):
        return Fault("$.role", Law.CONTRADICTION, "an agent is paid for a reward of others, and defers nothing")
    if "paid" in document and document["paid"] > document["price"]:
        return Fault("$.paid", Law.RANGE, "more than the price")
    worth = stand_alone(expected, Ratio(**told.get("value", {"num": 1, "den": 1})))
    beside = document.get("goods", document.get("service", 0))
    if worth + beside == 0:
        return Fault("$.points.value", Law.RANGE, "nothing is worth anything alone")
    at_once, deferred = allocate(document["price"], (beside, worth))
    if role is Role.AGENT:
        return {"role": role, "deferred": 0, **asdict(presented(deferred, document["paid"], role))}
    lines = schedule(deferred, expected, _periods(document))
    said = {"role": role, "revenue_at_once": at_once, "deferred": deferred, "periods": [asdict(one) for one in lines]}
    return said | ({"in_all": asdict(presented(deferred, document["paid"], role))} if "paid" in document else {})


def _periods(document: dict[str, Any]) -> list[Estimate]:
    expected = document["points"]["expected"]
    found: list[Estimate] = []
    for period in document.get("periods", ()):
        expected = period.get("expected", expected)
        found.append(Estimate(period["redeemed"], expected))
    return found
