"""The reader of contracts and the schema that is published refuse the same shapes; the reader refuses contradictions besides."""

import copy
import json
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from clearing.rules.agreements import Share
from clearing.rules.shapes import SHAPE_LAWS, Fault
from settlement.rules.contracts import (
    BASE,
    Applies,
    CoFunding,
    Contract,
    Fee,
    Gross,
    Residual,
    Step,
    Tax,
    Tier,
    TrueUp,
)
from settlement.rules.interest import DayCount, Late
from settlement.rules.share_json import read_contract
from settlement.rules.share_shape import SCHEMA
from settlement.rules.sharing import share

ROOT = Path(__file__).parents[2]
FILE = ROOT / "openapi" / "share-contract.schema.json"
JUDGE = Draft202012Validator(json.loads(FILE.read_text(encoding="utf-8")))
PAGE = (ROOT / "docs" / "sharing.md").read_text(encoding="utf-8")
WHOLE: dict[str, Any] = json.loads(re.findall(r"```json\n(.*?)```", PAGE, re.DOTALL)[0])


def test_the_committed_schema_is_the_table() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == SCHEMA
    Draft202012Validator.check_schema(SCHEMA)


def test_everything_that_is_said_is_read() -> None:
    assert JUDGE.is_valid(WHOLE)
    tiers = (Tier(0, 250), Tier(10_000_000_000, 150))
    sponsors = (Share("palm", 600_000), Share("shop", 400_000))
    assert read_contract(WHOLE) == Contract(
        "spring-deal",
        2,
        "EUR",
        ("lotus", "palm", "shop", "treasury"),
        (
            Step("gross", Gross("shop")),
            Step("scheme", Fee("house", tiers, Applies.SLICE, 1_000_000, 50_000_000)),
            Step("spring", CoFunding("lotus", 100_000, sponsors, 250_000_000, BASE)),
            Step("vat", Tax("scheme", "treasury", 1_900, by_taker=False)),
            Step("rest", Residual((("lotus", 2), ("palm", 1)))),
            Step("floor", TrueUp("palm", "lotus", 600_000_000, None)),
        ),
        Late(800, DayCount.ACT_360, "lotus"),
    )


def changed(path: str, value: Any) -> dict[str, Any]:
    """WHOLE with one place replaced; the path is written as faults name it, without the $."""
    document = copy.deepcopy(WHOLE)
    *way, last = path.replace("[", ".").replace("]", "").split(".")
    place: Any = document
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[int(last) if last.isdigit() else last] = value
    return document


STEPS = WHOLE["steps"]
REST, FLOOR = STEPS[4], STEPS[5]
REFUSED: list[tuple[str, Any, str, str]] = [
    ("format", "share-contract/2", "range", "$.format"),
    ("contract", "Spring", "pattern", "$.contract"),
    ("version", 0, "range", "$.version"),
    ("version", 1.0, "type", "$.version"),
    ("version", True, "type", "$.version"),
    ("currency", "eur", "pattern", "$.currency"),
    ("colour", "red", "unknown_field", "$"),
    ("parties", [], "range", "$.parties"),
    ("parties[1]", "lotus", "twice", "$.parties[1]"),
    ("parties[1]", "base", "reserved", "$.parties[1]"),
    ("parties[1]", "dropped", "reserved", "$.parties[1]"),
    ("parties[1]", "tower", "undeclared", "$.steps[2].co_funding.sponsors[0].party"),
    ("steps[0].base.payer", "tower", "undeclared", "$.steps[0].base.payer"),
    ("steps[1].fee.to", "tower", "undeclared", "$.steps[1].fee.to"),
    ("steps[2].co_funding.overflow", "tower", "undeclared", "$.steps[2].co_funding.overflow"),
    ("steps[4].residual.weights[1].party", "tower", "undeclared", "$.steps[4].residual.weights[1].party"),
    ("steps[5].true_up.against", "tower", "undeclared", "$.steps[5].true_up.against"),
    ("late.to", "tower", "undeclared", "$.late.to"),
    ("steps[1].name", "gross", "twice", "$.steps[1]"),
    ("steps[1].tax", STEPS[3]["tax"], "exactly_one", "$.steps[1]"),
    ("steps[1]", {"name": "nothing"}, "exactly_one", "$.steps[1]"),
    ("steps[1].fee.tiers", [], "range", "$.steps[1].fee.tiers"),
    ("steps[1].fee.tiers[0].volume", 1, "band", "$.steps[1].fee.tiers"),
    ("steps[1].fee.tiers[1].volume", 0, "band", "$.steps[1].fee.tiers"),
    ("steps[1].fee.tiers[0].basis_points", 10_001, "range", "$.steps[1].fee.tiers[0].basis_points"),
    ("steps[1].fee.tiers[0].basis_points", 2.5, "type", "$.steps[1].fee.tiers[0].basis_points"),
    ("steps[1].fee.applies", "twice", "range", "$.steps[1].fee.applies"),
    ("steps[1].fee.minimum", 50_000_001, "bounds", "$.steps[1].fee.minimum"),
    ("steps[1].fee.minimum", -1, "range", "$.steps[1].fee.minimum"),
    ("steps[2].co_funding.sponsors[0].ppm", 599_999, "shares", "$.steps[2].co_funding.sponsors"),
    ("steps[2].co_funding.sponsors[1].party", "palm", "twice", "$.steps[2].co_funding.sponsors[1]"),
    ("steps[2].co_funding.budget", 2**53, "range", "$.steps[2].co_funding.budget"),
    ("steps[3].tax.fee", "rest", "contradiction", "$.steps[3].tax.fee"),
    ("steps[3].tax", {**STEPS[3]["tax"], "to": "house", "borne_by": "taker"}, "contradiction", "$.steps[3].tax.to"),
    ("steps[4].residual.weights[1].party", "lotus", "twice", "$.steps[4].residual.weights[1]"),
    ("steps[4].residual.weights[0].weight", 0, "range", "$.steps[4].residual.weights[0].weight"),
    ("steps[5].true_up.against", "palm", "contradiction", "$.steps[5].true_up.against"),
    ("steps[5].true_up.maximum", 1, "bounds", "$.steps[5].true_up.minimum"),
    ("steps", STEPS[1:], "contradiction", "$.steps[0]"),
    ("steps", [STEPS[0], {**STEPS[0], "name": "again"}, REST], "contradiction", "$.steps[1]"),
    ("steps", STEPS[:4], "contradiction", "$.steps"),
    ("steps", [STEPS[0], REST, STEPS[1]], "contradiction", "$.steps[2]"),
    ("steps", [STEPS[0], REST, {**REST, "name": "again"}], "contradiction", "$.steps[2]"),
    ("steps", [STEPS[0], FLOOR, REST], "contradiction", "$.steps[1]"),
    ("late.day_count", "30/360", "range", "$.late.day_count"),
]


@pytest.mark.parametrize(
    ("path", "value", "law", "where"), REFUSED, ids=[f"{path}-{law}" for path, _, law, _ in REFUSED]
)
def test_a_fault_is_refused_with_its_path_and_the_schema_agrees(path: str, value: Any, law: str, where: str) -> None:
    document = changed(path, value)
    fault = read_contract(document)
    assert isinstance(fault, Fault)
    assert (fault.law, fault.path) == (law, where)
    if not isinstance(value, float) or value != int(value):  # 1.0 is an integer to JSON Schema
        assert JUDGE.is_valid(document) == (fault.law not in SHAPE_LAWS)


@pytest.mark.parametrize("name", SCHEMA["required"])
def test_what_is_needed_is_needed(name: str) -> None:
    document = {field: said for field, said in WHOLE.items() if field != name}
    fault = read_contract(document)
    assert isinstance(fault, Fault)
    assert (fault.law, fault.path) == ("missing_field", "$")


SCALARS = st.sampled_from([None, True, 0, 1, 250, 10**6, 2**53, -1, 0.5, "lotus", "house", "base", "scheme", "EUR", ""])
JUNK = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "fee", "to", "x"]), inner),
    max_leaves=6,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for name, one in inner for found in _places(one, (*path, name)))]


PLACES = _places(WHOLE)[1:]


@settings(max_examples=300)
@given(st.lists(st.tuples(st.sampled_from(PLACES), JUNK | st.just("drop")), min_size=1, max_size=3))
def test_reader_and_schema_refuse_the_same_shapes_and_what_is_read_runs(mutations: list[tuple[Any, Any]]) -> None:
    document = copy.deepcopy(WHOLE)
    for (*way, last), value in mutations:
        place: Any = document
        try:
            for step in way:
                place = place[step]
            if value == "drop":
                del place[last]
            else:
                place[last] = value
        except (KeyError, IndexError, TypeError):
            continue  # an earlier mutation took the place away
    found = read_contract(document)
    refused = isinstance(found, Fault) and found.law in SHAPE_LAWS
    assert JUDGE.is_valid(document) is not refused
    if isinstance(found, Contract):
        run = share(found, 1_000_000_001, closing=True)
        assert sum(leg.amount for leg in run.legs if leg.of_base) == run.base


@given(JUNK)
def test_no_value_makes_the_reader_raise(value: Any) -> None:
    assert isinstance(read_contract(value), Fault)
