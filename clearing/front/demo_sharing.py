"""A scene of the demo about revenue: a contract by two keys, the waterfall that a run makes of it, and what its base is made of."""

from typing import Any

from rich.table import Table

from clearing.front.cli_ask import Session
from clearing.front.story import Story, common

CODE = "fee-share"
KEPT_BY_THE_HOUSE = 3_000  # basis points of what it earns


def publish(operator: Session, second: Session, begins: str) -> dict[str, Any]:
    """From then on the house keeps a part of what it earns on the corridor, and the hotel and the airline share the rest 2 : 1."""
    document = {
        "format": "share-contract/1",
        "contract": CODE,
        "version": 1,
        "valid_from": begins,
        "period": "month",
        "parties": ["palm", "lotus"],
        "steps": [
            {
                "name": "earned",
                "base": {
                    "payer": "house",
                    "of": {"figure": "fee", "corridor": {"source": "palm-hotels", "target": "lotus-air"}},
                },
            },
            {
                "name": "service",
                "fee": {"to": "house", "tiers": [{"volume": 0, "basis_points": KEPT_BY_THE_HOUSE}]},
            },
            {
                "name": "rest",
                "residual": {"weights": [{"party": "palm", "weight": 2}, {"party": "lotus", "weight": 1}]},
            },
        ],
    }
    proposed = operator.ask("POST", "/v1/contracts", {"contract": document})["proposal"]
    found: dict[str, Any] = second.ask("POST", f"/v1/contracts/{proposed}/confirm", {})
    return found


def tell(story: Story, operator: Session, run: str, result: dict[str, Any]) -> None:
    """The waterfalls of a run, if it has any: the legs add up to the base, and the base to the entries behind it."""
    found = result.get("waterfalls", ())
    for one in found:
        story.console.print(_table(one))
        legs = sum(int(leg["micros"]) for leg in one["legs"] if leg["of_base"])
        told = f"{common(int(one['base']))} earned in {one['window']}, version {one['version']}"
        story.shows("the legs add up to what the house earned", held=legs == int(one["base"]), detail=told)
        figure = f"/v1/explain?figure={run}/{one['contract']}&window={one['window']}"
        said = operator.ask("GET", figure)
        entries = sum(int(entry["amount"]) for cause in said["exchanges"] for entry in cause["entries"])
        held = said["adds_up"] and -entries == int(one["base"]) and said["share"]["digest"] == one["digest"]
        told = f"{len(said['exchanges'])} exchanges, by the version that two keys signed"
        story.shows("and that is what its entries add up to", held=held, detail=told)


def _table(one: dict[str, Any]) -> Table:
    table = Table("step", "from", "to", title=f"{one['contract']}, {one['window']}", title_justify="left")
    table.add_column("amount", justify="right")
    table.add_column("why")
    for leg in one["legs"]:
        table.add_row(leg["step"], leg["from"], leg["to"], common(int(leg["micros"])), leg["why"])
    return table
