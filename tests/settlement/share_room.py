"""Small builders for laws of revenue sharing in a run: contracts as documents, published by two keys, with a calendar that tests live."""

import json
from datetime import datetime
from typing import Any

from clearing import partners
from clearing.partners import FiledContract, Signers
from clearing.partners.contracts import KIND
from settlement.rules.run import inputs_of
from settlement.rules.waterfall import Waterfall
from settlement.run import RunRow
from tests.ledger.books import AIR, HOTEL, PROGRAM, SHOP, House, uid
from tests.settlement.runs_room import FIRST, SECOND

PARTIES = [AIR, HOTEL, SHOP]
FEES = {"figure": "fee", "corridor": {"source": PROGRAM[HOTEL], "target": PROGRAM[AIR]}}
"""What the house earns of what Hotel's members send to Air."""
HALVES: list[dict[str, Any]] = [
    {"name": "rest", "residual": {"weights": [{"party": "house", "weight": 1}, {"party": AIR, "weight": 1}]}}
]
"""The house shares with Air."""


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


def waterfalls(row: RunRow) -> tuple[Waterfall, ...]:
    return inputs_of(json.loads(row.inputs)).sharing.waterfalls


def legs(row: RunRow) -> list[tuple[str, str, str, int]]:
    """Step, from, to, and how much: of every waterfall of the run, in order."""
    return [(leg.step, leg.payer, leg.payee, leg.amount) for one in waterfalls(row) for leg in one.legs]
