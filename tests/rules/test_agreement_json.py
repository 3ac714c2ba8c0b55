"""The reader of agreements and the schema that is published refuse the same shapes; the reader refuses contradictions besides."""

import copy
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from clearing.rules.agreement_json import read_agreement
from clearing.rules.agreement_shape import SCHEMA
from clearing.rules.agreements import (
    HOUSE,
    Agreement,
    Bearer,
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
from clearing.rules.shapes import SHAPE_LAWS, Fault
from clearing.rules.units import Ratio

FILE = Path(__file__).parents[2] / "openapi" / "agreement.schema.json"
NOW = datetime(2026, 3, 4, tzinfo=UTC)
JUDGE = Draft202012Validator(json.loads(FILE.read_text(encoding="utf-8")))
WHOLE: dict[str, Any] = {
    "format": "agreement/1",
    "partner": "lotus",
    "valid_from": "2026-04-01T00:00:00+02:00",
    "valid_to": "2027-04-01T00:00:00Z",
    "notice_days": 30,
    "prices": [
        {"program": "lotus-air", "issue": {"value": 9_000, "units": 1}, "redeem": {"value": 15_001, "points": 2}}
    ],
    "fees": [{"kind": "exchange", "basis_points": 25, "minimum": 100, "maximum": 500}],
    "funding": [
        {"campaign": "spring", "ppm": 400_000},
        {
            "campaign": "autumn",
            "funders": [
                {"funder": "palm", "ppm": 300_000},
                {"funder": "lotus", "ppm": 500_000},
                {"funder": "house", "ppm": 200_000},
            ],
        },
    ],
    "cap": {"prepaid": {"of_cover": {"num": 4, "den": 5}}},
    "low_water": 1_000_000,
    "rights": [
        {"program": "palm-hotels", "kind": "redemption", "channels": ["till", "app"]},
        {"program": "palm-hotels", "kind": "accrual"},
    ],
    "shortfall": "member_negative",
    "payout_currency": "JPY",
    "late_interest": {"basis_points": 800, "day_count": "ACT/360"},
}


def read(document: Any) -> Agreement | Fault:
    return read_agreement(document, 3, NOW)


def test_the_committed_schema_is_the_table() -> None:
    assert json.loads(FILE.read_text(encoding="utf-8")) == SCHEMA
    Draft202012Validator.check_schema(SCHEMA)


def test_everything_that_is_said_is_read() -> None:
    assert JUDGE.is_valid(WHOLE)
    autumn = (Share(HOUSE, 200_000), Share("lotus", 500_000), Share("palm", 300_000))
    assert read(WHOLE) == Agreement(
        "lotus",
        3,
        datetime(2026, 3, 31, 22, tzinfo=UTC),
        datetime(2027, 4, 1, tzinfo=UTC),
        NOW,
        30,
        (Worth("lotus-air", Ratio(9_000, 1), Ratio(15_001, 2)),),
        (Fee(Kind.EXCHANGE, 25, 100, 500),),
        (Funding("spring", (Share(HOUSE, 600_000), Share("lotus", 400_000))), Funding("autumn", autumn)),
        Prepaid(Ratio(4, 5)),
        1_000_000,
        (Right("palm-hotels", Kind.REDEMPTION, ("app", "till")), Right("palm-hotels", Kind.ACCRUAL, None)),
        Bearer.MEMBER_NEGATIVE,
        "JPY",
        LateInterest(800, "ACT/360"),
    )


def test_what_is_left_out_is_nothing() -> None:
    needed = {name: WHOLE[name] for name in SCHEMA["required"]} | {"cap": {"postpaid": {"granted": 7}}}
    found = read(needed)
    assert isinstance(found, Agreement)
    assert (found.valid_to, found.prices, found.fees, found.funding, found.rights, found.low_water) == (
        None, (), (), (), (), 0,
    )  # fmt: skip
    assert found.credit == Postpaid(7)
    assert (found.payout_currency, found.late_interest) == (None, None)


def changed(path: str, value: Any) -> dict[str, Any]:
    """WHOLE with one place replaced; the path is written as faults name it, without the $."""
    document = copy.deepcopy(WHOLE)
    *way, last = path.replace("[", ".").replace("]", "").split(".")
    place: Any = document
    for step in way:
        place = place[int(step)] if step.isdigit() else place[step]
    place[int(last) if last.isdigit() else last] = value
    return document


MANY = 2**53
REFUSED: list[tuple[str, Any, str, str]] = [
    ("format", "agreement/2", "range", "$.format"),
    ("partner", "Lotus", "pattern", "$.partner"),
    ("partner", "lotus\n", "pattern", "$.partner"),
    ("partner", "house", "reserved", "$.partner"),
    ("colour", "red", "unknown_field", "$"),
    ("cap.prepaid.more", 1, "unknown_field", "$.cap.prepaid"),
    ("valid_from", "2026-04-01", "pattern", "$.valid_from"),
    ("valid_from", "2026-04-01T00:00:00", "pattern", "$.valid_from"),
    ("valid_from", "2026-02-30T00:00:00Z", "no_instant", "$.valid_from"),
    ("valid_to", "2026-03-31T22:00:00Z", "window", "$.valid_to"),
    ("payout_currency", "yen", "pattern", "$.payout_currency"),
    ("late_interest", {"basis_points": 800}, "missing_field", "$.late_interest"),
    ("late_interest.basis_points", 10_001, "range", "$.late_interest.basis_points"),
    ("late_interest.day_count", "30/360", "range", "$.late_interest.day_count"),
    ("notice_days", -1, "range", "$.notice_days"),
    ("notice_days", 1.0, "type", "$.notice_days"),
    ("notice_days", True, "type", "$.notice_days"),
    ("notice_days", None, "type", "$.notice_days"),
    ("prices", {}, "type", "$.prices"),
    ("prices[0].issue.value", -1, "range", "$.prices[0].issue.value"),
    ("prices[0].issue.value", MANY, "range", "$.prices[0].issue.value"),
    ("prices[0].issue.value", 0.5, "type", "$.prices[0].issue.value"),
    ("prices[0].issue.value", "9000", "type", "$.prices[0].issue.value"),
    ("prices[0].issue.units", 0, "range", "$.prices[0].issue.units"),
    ("prices[0].redeem.points", MANY, "range", "$.prices[0].redeem.points"),
    ("prices", WHOLE["prices"] * 2, "twice", "$.prices[1]"),
    ("fees[0].basis_points", 10_001, "range", "$.fees[0].basis_points"),
    ("fees[0].kind", "theft", "range", "$.fees[0].kind"),
    ("fees[0].minimum", 501, "bounds", "$.fees[0].minimum"),
    ("fees", WHOLE["fees"] * 2, "twice", "$.fees[1]"),
    ("funding[0].ppm", 1_000_001, "range", "$.funding[0].ppm"),
    ("funding[0].funders", [], "range", "$.funding[0].funders"),
    ("funding[0].funders", [{"funder": "lotus", "ppm": 1_000_000}], "exactly_one", "$.funding[0]"),
    ("funding[1].funders[0].ppm", 299_999, "shares", "$.funding[1].funders"),
    ("funding[1].funders[0].funder", "lotus", "twice", "$.funding[1].funders[1]"),
    ("funding[1].campaign", "spring", "twice", "$.funding[1]"),
    ("cap", {}, "exactly_one", "$.cap"),
    ("cap.postpaid", {"granted": 1}, "exactly_one", "$.cap"),
    ("cap.prepaid.of_cover.den", 0, "range", "$.cap.prepaid.of_cover.den"),
    ("cap.prepaid.of_cover.num", 51, "bounds", "$.cap.prepaid.of_cover.num"),
    ("low_water", -1, "range", "$.low_water"),
    ("rights[1].kind", "redemption", "twice", "$.rights[1]"),
    ("rights[0].kind", "gift", "range", "$.rights[0].kind"),
    ("rights[0].channels", [], "range", "$.rights[0].channels"),
    ("rights[0].channels[1]", "till", "twice", "$.rights[0].channels[1]"),
    ("shortfall", "nobody", "range", "$.shortfall"),
]


@pytest.mark.parametrize(("path", "value", "law", "where"), REFUSED, ids=[f"{p}={v!r}"[:60] for p, v, _, _ in REFUSED])
def test_a_fault_is_refused_with_its_path_and_the_schema_agrees(path: str, value: Any, law: str, where: str) -> None:
    document = changed(path, value)
    fault = read(document)
    assert isinstance(fault, Fault)
    assert (fault.law, fault.path) == (law, where)
    assert str(fault).startswith(f"{where}: ")
    if not isinstance(value, float) or value != int(value):  # 1.0 is an integer to JSON Schema
        assert JUDGE.is_valid(document) == (fault.law not in SHAPE_LAWS)


@pytest.mark.parametrize("name", SCHEMA["required"])
def test_what_is_needed_is_needed(name: str) -> None:
    document = {field: said for field, said in WHOLE.items() if field != name}
    fault = read(document)
    assert isinstance(fault, Fault)
    assert (fault.law, fault.path) == ("missing_field", "$")
    assert name in fault.detail
    assert not JUDGE.is_valid(document)


def test_no_fault_repeats_what_was_sent() -> None:
    for path in ("partner", "valid_from", "rights[0].program", "funding[0].campaign", "SECRET"):
        fault = read(changed(path, "SECRET"))
        assert isinstance(fault, Fault)
        assert "SECRET" not in str(fault)


whole_numbers = st.sampled_from([0, 1, 2, 25, 10_000, 10_001, 1_000_000, 1_000_001, 2**53 - 1, 2**53, -1])
scalars = st.one_of(
    st.none(), st.booleans(), whole_numbers, st.just(0.5), st.sampled_from(["lotus", "house", "", "redemption", "x y"])
)
junk = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(st.text(max_size=4), inner)),
    max_leaves=6,
)


def _places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path, *(found for name, one in inner for found in _places(one, (*path, name)))]


PLACES = _places(WHOLE)[1:]


@settings(max_examples=400)
@given(st.lists(st.tuples(st.sampled_from(PLACES), st.one_of(junk, st.just("drop"))), min_size=1, max_size=3))
def test_reader_and_schema_refuse_the_same_shapes(mutations: list[tuple[tuple[Any, ...], Any]]) -> None:
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
    found = read(document)
    refused = isinstance(found, Fault) and found.law in SHAPE_LAWS
    assert JUDGE.is_valid(document) is not refused


@given(junk)
def test_whatever_is_no_agreement_is_refused_and_never_raises(value: Any) -> None:
    assert isinstance(read(value), Fault)


def test_the_example_in_the_documentation_is_an_agreement() -> None:
    page = (FILE.parents[1] / "docs" / "agreements.md").read_text(encoding="utf-8")
    example = json.loads(page.split("```json\n")[1].split("```")[0])
    assert JUDGE.is_valid(example)
    assert isinstance(read(example), Agreement)
