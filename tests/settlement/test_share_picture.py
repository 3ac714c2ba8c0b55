"""Laws of the picture of a contract: it leads from the base to zero, shows a party its own legs alone, and has room for every name."""

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from settlement.reports import render, seal
from settlement.reports import share_picture as room
from settlement.reports.share_picture import share_picture
from settlement.rules.share_json import contract_of
from settlement.rules.sharing import Before, Leg, claw_back, share
from settlement.rules.statement import Party
from settlement.rules.statement_lines import StatementError
from settlement.rules.statement_shares import documents, drawn_of
from settlement.rules.statement_shares import drawn as told
from settlement.rules.waterfall import Version, Waterfall
from tests.settlement.made import HOUSE_KEY, a_statement
from tests.settlement.test_statement_files import pages

VERSION = Version("spring", 2, "0" * 64)
NAMES = {"lotus": "Lotus Air", "palm": "Palm Hotels", "shop": "Corner & <Shop>", "house": "clearing house"}
STEPS: list[dict[str, Any]] = [
    {"name": "gross", "base": {"payer": "shop"}},
    {"name": "scheme", "fee": {"to": "house", "tiers": [{"volume": 0, "basis_points": 250}]}},
    {"name": "spring", "co_funding": {
        "to": "lotus", "ppm": 100_000, "budget": 50_000_000, "overflow": "base", "sponsors": [{"party": "palm", "ppm": 1_000_000}]}},
    {"name": "vat", "tax": {"fee": "scheme", "to": "treasury", "basis_points": 1_900, "borne_by": "base"}},
    {"name": "rest", "residual": {"weights": [{"party": "lotus", "weight": 2}, {"party": "palm", "weight": 1}]}},
    {"name": "floor", "true_up": {"party": "palm", "against": "lotus", "minimum": 400_000_000}},
]  # fmt: skip
CONTRACT = contract_of(
    {
        "format": "share-contract/1",
        "contract": "spring",
        "version": 2,
        "parties": ["lotus", "palm", "shop", "treasury"],
        "steps": STEPS,
    }
)
SHARED = share(CONTRACT, 1_000_000_000, Before(), closing=True)
WHOLE = Waterfall(VERSION, 1, "W-2026-10", SHARED.base, None, SHARED.legs)


def drawn(waterfall: Waterfall, reader: str | None, names: dict[str, str] | None = None) -> list[tuple[str, str, str]]:
    """Each row of the picture: its name, its amount, and how it is filled."""
    root = etree.fromstring(share_picture(told("W-2026-10.1", waterfall, reader), names or NAMES, "EUR"))
    (group,) = root.findall("{*}g")
    rows: list[tuple[str, str, str]] = []
    words: list[str] = []
    for one in list(group)[2 * len(room._KEY) :]:
        if one.tag.endswith("rect"):
            fill = one.get("stroke-dasharray") or one.get("fill") or ""
        elif one.get("text-anchor") == "end":
            rows.append((" ".join(words), one.text or "", fill))
            words = []
        else:
            words.append(one.text or "")
    return rows


def bars(waterfall: Waterfall, reader: str | None) -> list[room.Bar]:
    return list(room._bars(told("W-2026-10.1", waterfall, reader), NAMES))


def test_the_waterfall_by_hand() -> None:
    """1,000.00: fee 25.00; the bonus costs 100.00, of which 50.00 are beyond the budget; tax 4.75; the rest 2 : 1; 400.00 for Palm."""
    assert [(name, amount) for name, amount, _ in drawn(WHOLE, None)] == [
        ("base, of Corner & <Shop>", "1\u202f000.00"),
        ("scheme: to clearing house", "25.00"),
        ("spring: to Lotus Air", "50.00"),
        ("vat: to treasury", "4.75"),
        ("rest: to Lotus Air", "613.50"),
        ("rest: to Palm Hotels", "306.75"),
        ("spring: Palm Hotels to Lotus Air", "50.00"),
        ("floor: Lotus Air to Palm Hotels", "93.25"),
    ]


def test_a_party_sees_its_own_legs_and_of_others_what_is_left_of_the_base() -> None:
    assert [(name, amount) for name, amount, _ in drawn(WHOLE, "treasury")] == [
        ("base, of Corner & <Shop>", "1\u202f000.00"),
        ("vat: to treasury", "4.75"),
        ("between others", "995.25"),
    ]
    palms = share_picture(told("W-2026-10.1", WHOLE, "palm"), NAMES, "EUR")
    for word in ("scheme", "vat", "treasury", "25.00", "4.75", "613.50"):
        assert word not in palms


def test_what_is_given_back_is_drawn_with_what_rounding_leaves() -> None:
    back = Waterfall(VERSION, 1, "W-2026-10", 333, "W-2026-10.1", claw_back(SHARED, 0, 333))
    rows = drawn(back, None)
    assert rows[0][:2] == ("base that was reversed, of Corner & <Shop>", "0.000333")
    assert ("rest: back from Palm Hotels", "0.000102") in [row[:2] for row in rows]
    assert [row[:2] for row in rows if row[0] == "left by rounding"] == [("left by rounding", "0.000002")]


LEGS = st.lists(
    st.builds(
        Leg,
        st.sampled_from(["shop", "lotus", "palm"]),
        st.sampled_from(["house", "lotus", "palm"]),
        st.integers(1, 10**12),
        st.sampled_from(["a", "b"]),
        st.just(""),
        st.booleans(),
    ),
    max_size=40,
)


@given(LEGS, st.sampled_from([None, "lotus", "palm", "shop"]))
def test_rows_out_of_the_base_lead_from_the_base_to_zero_and_rows_beside_it_are_the_readers_own(
    legs: list[Leg], reader: str | None
) -> None:
    base = sum(leg.amount for leg in legs if leg.of_base)
    found = bars(Waterfall(VERSION, 1, "W-2026-10", base, None, tuple(legs)), reader)
    inside = [bar for bar in found[1:] if bar.look != room._BESIDE]
    assert (found[0].begins, found[0].ends) == (0, base)
    assert [bar.begins for bar in inside] == [base, *(bar.ends for bar in inside[:-1])][: len(inside)]
    assert not inside or inside[-1].ends == 0
    own = [leg.amount for leg in legs if not leg.of_base and reader in {None, leg.payer, leg.payee}]
    assert sum(bar.ends for bar in found if bar.look == room._BESIDE) == sum(own)
    assert len(found) <= 1 + 2 * len(legs) + 1


@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=140))
def test_a_name_is_broken_into_lines_that_fit_and_loses_no_letter(name: str) -> None:
    lines = room._broken(name, room._NAME_WIDTH)
    assert all(room._wide(line) <= room._NAME_WIDTH for line in lines)
    assert "".join(lines).replace(" ", "") == name.replace(" ", "")


def test_rows_do_not_overlap_and_nothing_stands_outside_of_the_picture() -> None:
    long = dict.fromkeys(
        NAMES, "Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft 株式会社" * 2
    )
    picture = share_picture(told("W-2026-10.1", WHOLE, None), long, "EUR")
    height = int(re.findall(r"height='(\d+)' viewBox", picture)[0])
    ys = [int(y) for y in re.findall(r"<text x='24' y='(\d+)'", picture)]
    assert max(ys) < height
    assert len(ys) == len(set(ys))


def test_the_fillings_differ_without_colour_and_the_same_waterfall_gives_the_same_bytes() -> None:
    looks = {look for _, _, look in drawn(WHOLE, None)} | {look for _, _, look in drawn(WHOLE, "treasury")}
    assert looks == {"#41566b", "#a9cdbb", "url(#hatched)", "4 3"}
    dark, light = (sum(int(one[at : at + 2], 16) for at in (1, 3, 5)) for one in ("#41566b", "#a9cdbb"))
    assert light - dark > 250
    assert share_picture(told("r", WHOLE, None), NAMES, None) == share_picture(told("r", WHOLE, None), NAMES, None)


@pytest.mark.parametrize("many", [12, 13, 40])
def test_of_a_step_with_many_legs_the_smallest_share_a_row(many: int) -> None:
    legs = tuple([Leg("shop", f"p{n}", n + 1, "rest", "", True) for n in range(many)])
    rows = bars(Waterfall(VERSION, 1, "W", sum(leg.amount for leg in legs), None, legs), None)
    assert len(rows) == 1 + min(many, 12)
    assert (rows[-1].name == f"rest: {many - 11} smaller legs") is (many > 12)


def test_what_is_told_is_read_back_as_it_was_written() -> None:
    back = Waterfall(VERSION, 1, "W-2026-10", 333, "W-2026-10.1", claw_back(SHARED, 0, 333))
    for waterfall in (WHOLE, back):
        for reader in (None, "palm", "treasury"):
            (said,) = documents([told("W-2026-10.1", waterfall, reader)])
            assert documents([drawn_of(json.loads(json.dumps(said)))]) == [said]


@pytest.mark.parametrize("change", [{"base": 999_999_999}, {"others": 1}, {"others": -1}, {"run": "=1"}])
def test_what_does_not_add_up_cannot_be_told(change: dict[str, Any]) -> None:
    with pytest.raises(StatementError):
        replace(told("W-2026-10.1", WHOLE, None), **change)


def test_a_statement_whose_lines_say_another_share_cannot_be_made() -> None:
    whole = told("W-2026-10.1", WHOLE, "lotus")
    with pytest.raises(StatementError, match="what the lines say was shared"):
        replace(a_statement(), partner=Party("lotus", "Lotus Air"), waterfalls=(whole,))


def test_a_picture_that_is_higher_than_a_page_is_made_smaller_and_not_cut() -> None:
    legs = tuple([Leg("shop", "house", n + 1, f"step-{n}", "", True) for n in range(120)])
    base = sum(leg.amount for leg in legs)
    whole = told("W-2026-10.1", Waterfall(VERSION, 1, "W-2026-10", base, None, legs), None)
    made = seal(replace(a_statement(), waterfalls=(whole,)), HOUSE_KEY)
    text = "\n".join(pages(render(made, "pdf")))
    assert all(f"step-{n}: to Clearing house" in text for n in range(120))
