"""Small builders for laws of revenue sharing in a run: contracts as documents, published by two keys, with a calendar that tests live."""

import json
from datetime import datetime
from typing import Any

from clearing import partners
from clearing.partners import FiledContract, Signers
from clearing.partners.contracts import KIND
from clearing.rules.lifecycle import Verdict
from settlement import run as runs
from settlement.rules.run import inputs_of
from settlement.rules.waterfall import Waterfall
from settlement.run import RunRow
from tests.ledger.books import AIR, HOTEL, PROGRAM, SHOP, House, uid
from tests.settlement.runs_room import FIRST, SECOND, frozen, step

PARTIES = [AIR, HOTEL, SHOP]
FEES = {"figure": "fee", "corridor": {"source": PROGRAM[HOTEL], "target": PROGRAM[AIR]}}
"""What the house earns of what Hotel's members send to Air."""
HALVES: list[dict[str, Any]] = [
    {"name": "rest", "residual": {"weights": [{"party": "house", "weight": 1}, {"party": AIR, "weight": 1}]}}
]
"""The house shares with Air."""
GROSS = {"figure": "gross", "corridor": FEES["corridor"]}
WATERFALL: list[dict[str, Any]] = [
    {"name": "scheme", "fee": {
        "to": "house", "minimum": 100_000, "maximum": 5_000_000,
        "tiers": [{"volume": 0, "basis_points": 250}, {"volume": 15_000_000, "basis_points": 100}]}},
    {"name": "spring", "co_funding": {
        "to": AIR, "ppm": 100_000, "budget": 1_200_000, "overflow": "base",
        "sponsors": [{"party": SHOP, "ppm": 600_000}, {"party": "house", "ppm": 400_000}]}},
    {"name": "vat", "tax": {"fee": "scheme", "to": SHOP, "basis_points": 1_900, "borne_by": "base"}},
    {"name": "rest", "residual": {"weights": [{"party": AIR, "weight": 2}, {"party": SHOP, "weight": 1}]}},
    {"name": "floor", "true_up": {"party": SHOP, "against": AIR, "minimum": 8_000_000}},
]  # fmt: skip
"""Of 10.00: a fee, a bonus of 1.00 that sponsors pay, tax on the fee, the rest 2 : 1, and 8.00 for Shop at the end of the period."""


def contract(version: int = 1, /, **changes: Any) -> dict[str, Any]:
    """The house pays; what is left after `steps` of its own is shared in halves with Air."""
    steps = changes.pop("steps", HALVES)
    base = {"name": "base", "base": {"payer": changes.pop("payer", "house"), "of": changes.pop("of", FEES)}}
    given = {
        "format": "share-contract/1",
        "contract": "spring",
        "version": version,
        "parties": PARTIES,
        "period": "month",
        "valid_from": "2026-01-01T00:00:00Z",
        "steps": [base, *steps],
    }
    return given | changes


async def publish(house: House, document: dict[str, Any]) -> FiledContract:
    """By two keys, at an instant before it begins."""
    at = datetime.fromisoformat(document["valid_from"])
    digest = partners.digest_of(KIND, document)
    proposed = await partners.propose(house.owner, KIND, "house", document, FIRST, uid("proposed", digest), at)
    filed = await partners.publish_contract(house.owner, proposed, Signers(FIRST, SECOND, uid("confirmed", digest)), at)
    assert isinstance(filed, FiledContract), filed
    return filed


async def booked(house: House, *codes: str, **changes: Any) -> RunRow:
    """A run that is frozen and has booked its contracts."""
    row = await frozen(house, *codes, **changes)
    return await runs.carry_on(house.owner, house.writer, row.run, step(house))


def waterfalls(row: RunRow) -> tuple[Waterfall, ...]:
    return inputs_of(json.loads(row.inputs)).sharing.waterfalls


def legs(row: RunRow) -> list[tuple[str, str, str, int]]:
    """Step, from, to, and how much: of every waterfall of the run, in order."""
    return [(leg.step, leg.payer, leg.payee, leg.amount) for one in waterfalls(row) for leg in one.legs]


async def back(house: House, sent: int | None = None, name: str = "back") -> None:
    """Something of the first exchange is reversed."""
    await house.put(house.reverse(name, sent=sent))
    await house.tell((1, Verdict.DONE), (2, Verdict.DONE), name=name)


async def faults(house: House) -> list[str]:
    """What the audit finds of runs, whose steps in these tests are by no request."""
    _, said = await runs.unsound(house.owner, house.lane)
    return [one for one in said if "kept requests" not in one]
