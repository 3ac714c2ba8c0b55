"""Laws of reading a rate card: what contradicts itself is refused with path and law, and JSON Schema refuses the same shapes."""

import copy
import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from clearing.rules.card_json import read_card
from clearing.rules.card_shape import SHAPE_LAWS
from clearing.rules.cards import Card
from clearing.rules.shapes import Fault, Law
from tests.rules.random_cards import Document, document

ROOT = Path(__file__).parents[2]
FIXTURES = sorted((ROOT / "tests" / "rules" / "cards").glob("*.json"))
SCHEMA = json.loads((ROOT / "openapi" / "rate-card.schema.json").read_text())
VALIDATOR = Draft202012Validator(SCHEMA)
PATHS = tuple[str | int, ...]


@cache
def _fixture(name: str) -> Document:
    made: Document = json.loads((ROOT / "tests" / "rules" / "cards" / f"{name}.json").read_text())
    return made


def _fault(made: Any) -> Fault:
    found = read_card(made)
    assert isinstance(found, Fault), "this card should be refused"
    return found


# --- the fixtures and the schema


@pytest.mark.parametrize("path", FIXTURES, ids=lambda path: path.stem)
def test_every_fixture_is_a_card_and_fits_the_schema(path: Path) -> None:
    made = json.loads(path.read_text())
    found = read_card(made)
    assert isinstance(found, Card), found
    assert found.note
    VALIDATOR.validate(made)


def test_no_fixture_names_a_brand_outside_of_its_note() -> None:
    brands = {
        "marriott",
        "hyatt",
        "hilton",
        "accor",
        "avios",
        "nectar",
        "tesco",
        "jal",
        "amex",
        "chase",
        "qantas",
        "starwood",
    }
    for path in FIXTURES:
        made = json.loads(path.read_text()) | {"note": ""}
        assert not [brand for brand in brands if brand in json.dumps(made).lower()], path.stem


def test_the_schema_is_one_and_describes_every_field() -> None:
    Draft202012Validator.check_schema(SCHEMA)
    fields = [shape["properties"] for shape in (SCHEMA, *SCHEMA["$defs"].values()) if "properties" in shape]
    bare = [name for known in fields for name, shape in known.items() if not {"description", "$ref"} & shape.keys()]
    assert bare == []


# --- each law, broken once

PLAIN = "own-complex"
TWO = {"code": "x", "share": {"num": 1, "den": 2}}
LATER = {"from": "2026-03-01T00:00:00Z", "to": "2026-02-01T00:00:00Z"}
BEFORE = {"to": "2025-01-01T00:00:00Z"}
BLOCK = {"block": 100, "ratio": {"points": 100, "units": 40}}


BROKEN: list[tuple[PATHS, Any, Law, str]] = [
    (("version",), True, Law.TYPE, "$.version"),
    (("version",), 1.5, Law.TYPE, "$.version"),
    (("version",), 5.0, Law.TYPE, "$.version"),
    (("version",), "1", Law.TYPE, "$.version"),
    (("version",), None, Law.TYPE, "$.version"),
    (("rates", 0, "bands", 0, "step"), -1, Law.RANGE, "$.rates[0].bands[0].step"),
    (("rates", 0, "bands", 0, "minimum"), 2**53, Law.RANGE, "$.rates[0].bands[0].minimum"),
    (("rates", 0, "bands", 0, "ratio", "points"), 0, Law.RANGE, "$.rates[0].bands[0].ratio.points"),
    (("rates",), [], Law.RANGE, "$.rates"),
    (("off_step",), "floor", Law.RANGE, "$.off_step"),
    (("rounding",), "up", Law.UNKNOWN_FIELD, "$"),
    (("rates", 0, "bands", 0, "ratio", "rest"), 1, Law.UNKNOWN_FIELD, "$.rates[0].bands[0].ratio"),
    (("values",), {}, Law.MISSING_FIELD, "$.values"),
    (("rates", 0, "bands", 0), {"step": 3, "ratio": {"points": 3, "units": 1}}, Law.MISSING_FIELD, "$.rates[0].bands[0]"),
    (("rates", 0, "bands", 0, "block"), 100, Law.EXACTLY_ONE, "$.rates[0].bands[0]"),
    (("bonuses", 0, "flat"), 100, Law.EXACTLY_ONE, "$.bonuses[0]"),
    (("source",), "Palm Hotels", Law.PATTERN, "$.source"),
    (("source",), "palm\n", Law.PATTERN, "$.source"),
    (("note",), "\ud800", Law.PATTERN, "$.note"),
    (("valid_from",), "2026-01-01", Law.PATTERN, "$.valid_from"),
    (("valid_from",), "2026-02-30T00:00:00Z", Law.NO_INSTANT, "$.valid_from"),
    (("rates", 1, "name"), "manual", Law.TWICE, "$.rates[1].name"),
    (("bonuses", 0, "when"), {"tiers": ["a", "a"]}, Law.TWICE, "$.bonuses[0].when.tiers[1]"),
    (("bonuses", 0, "funders"), [TWO, TWO], Law.TWICE, "$.bonuses[0].funders[1].code"),
    (("valid_to",), "2026-01-01T00:00:00Z", Law.WINDOW, "$.valid_to"),
    (("bonuses", 0, "when"), LATER, Law.WINDOW, "$.bonuses[0].when"),
    (("fees", 0, "waived"), [LATER], Law.WINDOW, "$.fees[0].waived[0]"),
    (("rates", 1, "when", "to"), BEFORE["to"], Law.WINDOW, "$.rates[1].when"),
    (("channels", 0, "to"), BEFORE["to"], Law.WINDOW, "$.channels[0]"),
    (("notice_days",), 1, Law.NOTICE, "$.valid_from"),
    (("announced_at",), "2026-01-01T00:00:01Z", Law.NOTICE, "$.valid_from"),
    (("rates", 0, "when", "channels"), ["mail"], Law.UNDECLARED, "$.rates[0].when.channels"),
    (("fees", 0, "when", "channels"), ["mail"], Law.UNDECLARED, "$.fees[0].when.channels"),
    (("rates", 0, "bands", 0, "maximum"), 999, Law.BAND, "$.rates[0].bands[0].maximum"),
    (("rates", 0, "bands", 0, "maximum"), 10_000, Law.BAND, "$.rates[0].bands[1]"),
    (("rates", 0, "bands", 1), BLOCK, Law.BAND, "$.rates[0].bands[1]"),
    (("rates", 1, "bands", 0, "minimum"), 750, Law.BAND, "$.rates[1].bands[0].minimum"),
    (("rates", 0, "bands", 0, "step"), 1, Law.WHOLE, "$.rates[0].bands[0]"),
    (("rates", 0, "bands", 0, "minimum"), 1_001, Law.WHOLE, "$.rates[0].bands[0]"),
    (("rates", 0, "bands", 1, "ratio", "units"), 4, Law.MONOTONE, "$.rates[0].bands[1]"),
    (("rates", 3, "when"), {"channels": ["manual"]}, Law.AMBIGUOUS, "$.rates[3].when"),
    (("rates", 2, "when"), {"tiers": ["gold"]}, Law.AMBIGUOUS, "$.rates[2].when"),
    (("bonuses", 0, "funders", 0, "share", "num"), 1, Law.SHARES, "$.bonuses[0].funders"),
    (("fees", 0, "most"), 1, Law.FEE, "$.fees[0].most"),
    (("fees", 3, "owed_to"), "house", Law.FEE, "$.fees[3].owed_to"),
    (("limits", 0, "most"), 999, Law.LIMIT, "$.limits[0].most"),
    (("limits", 0, "period"), "rolling", Law.LIMIT, "$.limits[0].period"),
    (("limits", 2, "zone"), "Asia/Tokyo", Law.LIMIT, "$.limits[2].zone"),
    (("values", "issue", "value"), 10_417, Law.UNFUNDED, "$.rates[0].bands[2]"),
    (("rates", 0, "bands", 2, "maximum"), 2**53 - 1, Law.BEYOND, "$.rates[0].bands[2]"),
    (("bonuses", 0, "per_full", "units"), 2**53 - 1, Law.BEYOND, "$.rates[0].bands[0]"),
    (("examples", 0, "received"), 401, Law.EXAMPLE, "$.examples[0]"),
    (("examples", 0, "points"), 1_001, Law.EXAMPLE, "$.examples[0]"),
    (("examples", 0, "channel"), "mail", Law.EXAMPLE, "$.examples[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("where", "value", "law", "path"), BROKEN)
def test_what_contradicts_itself_is_refused_with_its_place_and_law(
    where: PATHS, value: Any, law: Law, path: str
) -> None:
    made = copy.deepcopy(_fixture(PLAIN))
    *outer, last = where
    inner: Any = made
    for step in outer:
        inner = inner[step]
    inner[last] = value
    fault = _fault(made)
    assert (fault.law, fault.path) == (law, path), fault
    assert fault.detail
    schema_refuses = not VALIDATOR.is_valid(made)
    by_name = law is Law.TWICE and not path.endswith("]")  # that names differ between records no schema can say
    assert schema_refuses == (law in SHAPE_LAWS and value != 5.0 and not by_name)


def test_every_law_is_broken_once() -> None:
    assert {law for _, _, law, _ in BROKEN} == set(Law) - {
        Law.BOUNDS,
        Law.RESERVED,
        Law.CONTRADICTION,
        Law.ZONE,
        Law.RULE,
    }  # which only agreements, risk rules and schemes break


def test_values_that_just_pay_are_funded() -> None:
    made = copy.deepcopy(_fixture(PLAIN))
    made["values"]["issue"]["value"] = 10_416  # 48 × 10,416 ≤ 100 × 5,000 < 48 × 10,417
    assert isinstance(read_card(made), Card)


def test_blocks_of_6000_of_which_4000_gives_2000_is_refused_however_it_is_written() -> None:
    """F5: the page says both; each way of writing both down contradicts the other."""
    told = _fixture("f05-blocks-of-6000")
    smaller = copy.deepcopy(told)
    smaller["rates"][0]["bands"][0]["minimum"] = 4_000
    assert (_fault(smaller).law, _fault(smaller).detail) == (Law.BAND, "4,000 is no multiple of the block of 6,000")
    shown = copy.deepcopy(told)
    shown["examples"] = [{"points": 4_000, "received": 2_000}]
    assert _fault(shown).law is Law.EXAMPLE
    assert "the smallest amount is 6,000" in _fault(shown).detail


def test_points_do_not_multiply_between_members_of_one_program() -> None:
    made = copy.deepcopy(_fixture("f25-between-members"))
    del made["examples"]
    made["rates"][0]["bands"][0]["ratio"] = {"points": 1, "units": 2}
    assert _fault(made).law is Law.UNFUNDED


@pytest.mark.parametrize("junk", [None, True, 1, 1.5, "card", [], {}, [{}], float("inf"), 10**400, {"format": []}])
def test_what_is_no_card_at_all_is_refused_without_an_exception(junk: Any) -> None:
    assert _fault(junk).law in SHAPE_LAWS
    assert not VALIDATOR.is_valid(junk)


# --- both readers, on documents that chance has broken

JUNK: tuple[Any, ...] = (
    None,
    True,
    -1,
    0,
    1,
    7,
    1.5,
    2**53,
    10**30,
    "",
    "gold",
    "Ü",
    "a\n",
    "2026-01-01T00:00:00Z",
    [],
    ["gold"],
    {},
    {"from": 1},
)


def _places(value: Any, path: PATHS = ()) -> Iterator[PATHS]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for step, one in inner:
        yield (*path, step)
        yield from _places(one, (*path, step))


def _broken(made: Document, chance: Random) -> Document:
    """The document with one or two places replaced, removed, added to or doubled."""
    for _ in range(chance.randint(1, 2)):
        *outer, last = chance.choice(list(_places(made)))
        inner: Any = made
        for step in outer:
            inner = inner[step]
        how = chance.randint(0, 3)
        if how == 0:
            inner[last] = chance.choice(JUNK)
        elif how == 1:
            del inner[last]
        elif isinstance(inner, dict):
            inner[chance.choice(["step", "block", "when", "from", "most", "flat", "more", "maximum"])] = chance.choice(
                JUNK
            )
        else:
            inner.append(copy.deepcopy(inner[last]))
        if not made:
            break
    return made


def _agree(made: Any) -> Law | None:
    """The law that the reader says is broken; the schema must refuse just the documents whose shape the reader refuses."""
    found = read_card(made)
    law = found.law if isinstance(found, Fault) else None
    named_twice = law is Law.TWICE and not str(getattr(found, "path", "")).endswith("]")
    assert VALIDATOR.is_valid(made) == (law not in SHAPE_LAWS or named_twice), (found, made)
    return law


def test_reader_and_schema_refuse_the_same_shapes() -> None:
    chance = Random(7)
    laws = {_agree(_broken(document(chance), chance)) for _ in range(2_000)}
    laws |= {_agree(_broken(copy.deepcopy(_fixture(chance.choice(FIXTURES).stem)), chance)) for _ in range(1_000)}
    assert laws >= SHAPE_LAWS - {Law.TWICE} | {None, Law.WINDOW, Law.WHOLE, Law.AMBIGUOUS}


WORDS = st.sampled_from(["format", "rates", "bands", "ratio", "points", "units", "name", "from", "when"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False).filter(lambda x: x % 1 != 0) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(max_size=3), inner, max_size=5),
    max_leaves=20,
)


@given(JSON, st.sampled_from(sorted(SCHEMA["properties"])))
def test_any_json_at_any_field_is_judged_alike(junk: Any, field: str) -> None:
    _agree(copy.deepcopy(_fixture(PLAIN)) | {field: junk})
    _agree(junk)


def test_a_whole_number_written_with_a_fraction_is_refused_though_the_schema_cannot_say_so() -> None:
    made = copy.deepcopy(_fixture(PLAIN)) | {"version": 1.0}
    assert VALIDATOR.is_valid(made)
    assert _fault(made).law is Law.TYPE
