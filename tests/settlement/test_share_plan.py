"""Laws of what a run shares, over any contracts, windows and reversals: legs add up to their base, and grouping windows changes nothing."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing.rules.shapes import Fault
from settlement.rules import waterfall as waterfall_room
from settlement.rules.contracts import Contract, Figure, Of, Period
from settlement.rules.flows import nets
from settlement.rules.share_json import read_contract, unpublishable
from settlement.rules.share_plan import THIS_RUN, Original, Published, Span, Sums, in_force, plan
from settlement.rules.waterfall import NOTHING, Sharing, Version, booked, lines, sharing_document, sharing_of

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)
WEEK = timedelta(days=7)
SPANS = tuple(Span(n, f"W-{n}", BEGIN + n * WEEK, BEGIN + (n + 1) * WEEK) for n in range(1, 7))
PARTIES = ("lotus", "palm", "shop")
SOMEBODY = st.sampled_from([*PARTIES, "house"])
AMOUNTS = st.integers(0, 10**9)
FEE, GROSS = Of(Figure.FEE, program="miles"), Of(Figure.GROSS, "nights", "miles")
_FIGURES = {
    FEE: {"figure": "fee", "program": "miles"},
    GROSS: {"figure": "gross", "corridor": {"source": "nights", "target": "miles"}},
}


@st.composite
def documents(draw: st.DrawFn, code: str, version: int, begins: datetime, period: Period) -> dict[str, Any]:
    """A contract that may be published, of any terms."""
    first, minimum = draw(st.integers(1, 999_999)), draw(AMOUNTS)
    tiers = [{"volume": 0, "basis_points": draw(st.integers(0, 10_000))}]
    tiers += [{"volume": draw(st.integers(1, 10**9)), "basis_points": draw(st.integers(0, 10_000))}]
    sponsors = [{"party": draw(st.sampled_from(PARTIES)), "ppm": first}, {"party": "house", "ppm": 1_000_000 - first}]
    weights = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=3))
    fee = {"to": draw(SOMEBODY), "tiers": tiers, "applies": draw(st.sampled_from(["slice", "whole"])), "minimum": 7}
    overflow = draw(st.sampled_from(["base", "dropped", *PARTIES]))
    funding = {"to": "palm", "ppm": draw(st.integers(1, 10**6)), "sponsors": sponsors, "budget": draw(AMOUNTS)}
    tax = {"fee": "fee", "to": "treasury", "basis_points": draw(st.integers(0, 10_000)), "borne_by": "base"}
    true_up = {"party": "palm", "against": "shop", "minimum": minimum, "maximum": minimum + draw(AMOUNTS)}
    rest = [{"party": party, "weight": weight} for party, weight in zip(PARTIES, weights, strict=False)]
    steps = [
        {"name": "base", "base": {"payer": draw(SOMEBODY), "of": draw(st.sampled_from(list(_FIGURES.values())))}},
        {"name": "fee", "fee": fee},
        {"name": "fund", "co_funding": funding | {"overflow": overflow}},
        {"name": "tax", "tax": tax},
        {"name": "rest", "residual": {"weights": rest}},
        {"name": "floor", "true_up": true_up},
    ]
    return {
        "format": "share-contract/1",
        "contract": code,
        "version": version,
        "valid_from": begins.isoformat().replace("+00:00", "Z"),
        "period": period.value,
        "parties": [*PARTIES, "treasury"],
        "steps": steps,
    }


def published(document: dict[str, Any]) -> Published:
    contract = read_contract(document)
    assert isinstance(contract, Contract), contract
    assert unpublishable(contract) is None
    name = Version(contract.contract, contract.version, f"{contract.version:064}")
    return Published(name, contract, document)


@st.composite
def worlds(draw: st.DrawFn) -> tuple[list[Published], dict[Of, dict[tuple[int, int | None], int]]]:
    """Contracts in two versions, and what windows booked: figures, and reversals of at most what there is, then or later."""
    made = [
        published(draw(documents(code, version, BEGIN + after * WEEK, period)))
        for code in ("spring", "autumn")
        for period in [draw(st.sampled_from(Period))]
        for version, after in ((1, draw(st.integers(0, 2))), (2, draw(st.integers(3, 7))))
    ]
    sums: dict[Of, dict[tuple[int, int | None], int]] = {}
    for of in _FIGURES:
        sign, sums[of] = (-1 if of.figure is Figure.FEE else 1), {}
        for span in SPANS:
            left = draw(AMOUNTS)
            sums[of][span.number, None] = sign * left
            for later in SPANS[span.number - 1 :]:
                part = draw(st.integers(0, left)) if draw(st.booleans()) else 0
                sums[of][later.number, span.number] = -sign * part
                left -= part
    return made, sums


def one_by_one(made: list[Published], sums: Sums, spans: Iterable[Span] = SPANS) -> list[Sharing]:
    """Every window in a run of its own."""
    known: dict[tuple[str, int], Original] = {}
    found = []
    for span in spans:
        sharing = plan(made, [span], sums, known.values())
        for back in sharing.undone:
            name = (back.base.contract, back.base.number)
            known[name] = replace(known[name], undone=back.until)
        for base in sharing.bases:
            after = sharing.shared(base).after
            known[base.contract, base.number] = Original(f"{span.code}.1", span.opens_at, base, after)
        found.append(sharing)
    return found


def total(sharings: list[Sharing]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for sharing in sharings:
        for party, micros in nets(sharing.flows()).items():
            found[party] += micros
    return {party: micros for party, micros in found.items() if micros}


@given(worlds(), st.integers(2, 9))
@settings(deadline=None)
def test_legs_of_every_contract_add_up_to_its_base_and_all_of_them_to_zero(
    world: tuple[list[Published], dict[Of, dict[tuple[int, int | None], int]]], most: int
) -> None:
    made, sums = world
    sharing = plan(made, SPANS, sums, [])
    for one in sharing.waterfalls:
        if one.undone is None:
            assert sum(leg.amount for leg in one.legs if leg.of_base) == one.micros
    for contract in sharing.contracts:
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(waterfall_room, "LINES_MAX", most)
            parts = booked(sharing, contract)
        moving = [line for one in sharing.of(contract) for line in lines(one.legs)]
        assert [line for part in parts for line in part] == moving
        assert all(sum(amount for _, amount in part) == 0 and 0 < len(part) <= most for part in parts)
        assert all(amount for _, amount in moving)
    assert sum(total([sharing]).values()) == 0


@given(worlds())
@settings(deadline=None)
def test_grouping_windows_changes_no_base_and_nobodys_share(
    world: tuple[list[Published], dict[Of, dict[tuple[int, int | None], int]]],
) -> None:
    made, sums = world
    whole, apart = plan(made, SPANS, sums, []), one_by_one(made, sums)
    assert sorted(whole.bases, key=repr) == sorted([base for one in apart for base in one.bases], key=repr)
    assert total([whole]) == total(apart)
    assert {back.run for back in whole.undone} <= {THIS_RUN}
    marks = {(back.base.contract, back.base.number): back.until for one in apart for back in one.undone}
    assert {(back.base.contract, back.base.number): back.until for back in whole.undone} == marks


@given(worlds())
@settings(deadline=None)
def test_what_is_shared_is_read_back_from_its_document(
    world: tuple[list[Published], dict[Of, dict[tuple[int, int | None], int]]],
) -> None:
    made, sums = world
    sharing = plan(made, SPANS, sums, [])
    again = sharing_of(sharing_document(sharing))
    assert sharing_document(again) == sharing_document(sharing)
    assert again.waterfalls == sharing.waterfalls


def test_nothing_is_shared_where_nothing_is_published() -> None:
    assert plan([], SPANS, {}, []) == NOTHING
    assert NOTHING.flows() == ()


@pytest.mark.parametrize(
    ("period", "same"),
    [
        (Period.WINDOW, [False, False, False]),
        (Period.MONTH, [True, False, False]),
        (Period.QUARTER, [True, True, False]),
        (Period.YEAR, [True, True, True]),
    ],
)
def test_a_window_belongs_to_the_period_in_which_it_opens_in_utc(period: Period, same: list[bool]) -> None:
    first = datetime(2026, 1, 1, tzinfo=UTC)
    later = [
        datetime.fromisoformat(at)
        for at in ("2026-02-01T00:30:00+01:00", "2026-03-31T23:59:59Z", "2026-04-01T00:00:00Z")
    ]
    assert [period.of(one) == period.of(first) for one in later] == same


def test_a_version_holds_from_its_day_to_its_end_or_the_next() -> None:
    at = [BEGIN + weeks * WEEK for weeks in range(4)]
    base = {"name": "base", "base": {"payer": "shop", "of": _FIGURES[FEE]}}
    rest = {"name": "rest", "residual": {"weights": [{"party": "palm", "weight": 1}]}}
    said = {"format": "share-contract/1", "contract": "spring", "parties": ["palm", "shop"], "steps": [base, rest]}
    one, two = (
        read_contract(said | {"version": number, "valid_from": begins.isoformat()} | more)
        for number, begins, more in ((1, at[1], {}), (2, at[2], {"valid_to": at[3].isoformat()}))
    )
    assert not isinstance(one, Fault)
    assert not isinstance(two, Fault)
    assert [in_force([two, one], "spring", when) for when in at] == [None, one, two, None]
    assert in_force([one], "autumn", at[3]) is None


# --- guarantees and caps

DAYS = (1, 8, 15, 22, 32)
MARCH = tuple(
    Span(n, f"M-{n}", *(datetime(2026, 3, 1, tzinfo=UTC) + timedelta(days=day - 1) for day in DAYS[n - 1 : n + 1]))
    for n in range(1, 5)
)
"""Four windows that are one March."""


def guaranteed(version: int, day: int, until: int | None = None, **bounds: int) -> Published:
    """Palm has a tenth of what there is, and 600 of a month at least, on Shop; from one day of March on, up to another."""
    ends = {} if until is None else {"valid_to": f"2026-03-{until:02}T00:00:00Z"}
    rest = [{"party": "palm", "weight": 1}, {"party": "lotus", "weight": 9}]
    steps = [
        {"name": "base", "base": {"payer": "shop", "of": _FIGURES[GROSS]}},
        {"name": "rest", "residual": {"weights": rest}},
        {"name": "floor", "true_up": {"party": "palm", "against": "shop", "minimum": 600} | bounds},
    ]
    said = {"format": "share-contract/1", "contract": "spring", "version": version, "period": "month", "steps": steps}
    return published(
        said | {"parties": [*PARTIES], "valid_from": f"2026-03-{day:02}T00:00:00Z"} | ends,
    )


def trued_up(made: list[Published], *booked_in: int) -> list[tuple[int, str, str, int]]:
    """Window, from, to and amount of every leg of the guarantee, where each of these windows booked 1,000; grouped or not."""
    sums: Sums = {GROSS: {(number, None): 1_000 for number in booked_in}}
    grouped = [plan(made, MARCH, sums, [])]
    found = [
        [
            (one.number, leg.payer, leg.payee, leg.amount)
            for sharing in sharings
            for one in sharing.waterfalls
            for leg in one.legs
            if leg.step == "floor"
        ]
        for sharings in (grouped, one_by_one(made, sums, MARCH))
    ]
    assert found[0] == found[1]
    return found[0]


def test_a_guarantee_is_of_all_windows_of_its_period_and_paid_in_the_last() -> None:
    """Four tenths of 1,000 are 400 of 600; where a window booked nothing, less is got and more made up for."""
    assert trued_up([guaranteed(1, 1)], 1, 2, 3, 4) == [(4, "shop", "palm", 200)]
    assert trued_up([guaranteed(1, 1)], 2) == [(4, "shop", "palm", 500)]
    assert trued_up([guaranteed(1, 1, maximum=600)], 1, 2, 3, 4) == [(4, "shop", "palm", 200)]


def test_a_contract_that_ends_and_begins_anew_within_a_period_pays_its_guarantee_once() -> None:
    """Ended on the 8th, Palm has 100 and 500: of the 600 of March. From the 22nd on it gets its tenth, and no more is due."""
    gap = [guaranteed(1, 1, 8), guaranteed(2, 22)]
    assert trued_up(gap, 1, 4) == [(1, "shop", "palm", 500)]
    more = [guaranteed(1, 1, 8), guaranteed(2, 22, minimum=1_000)]
    assert trued_up(more, 1, 4) == [(1, "shop", "palm", 500), (4, "shop", "palm", 300)]


def test_what_a_cap_took_back_is_not_taken_back_again() -> None:
    """Palm may keep 30 of March: 70 of its first tenth go back, and the whole of its second; what was made up for is under the cap too."""
    capped = [guaranteed(1, 1, 8, minimum=0, maximum=30), guaranteed(2, 22, minimum=0, maximum=30)]
    assert trued_up(capped, 1, 4) == [(1, "palm", "shop", 70), (4, "palm", "shop", 100)]
    both = [guaranteed(1, 1, 8), guaranteed(2, 22, maximum=650)]
    assert trued_up(both, 1, 4) == [(1, "shop", "palm", 500), (4, "palm", "shop", 50)]
