"""Laws of revenue sharing: legs add up, budgets end, guarantees hold, and what is clawed back is what was given."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.rules.agreements import Share
from settlement.rules.contracts import (
    BASE,
    DROPPED,
    Applies,
    CoFunding,
    Contract,
    Fee,
    Gross,
    Residual,
    Rule,
    Step,
    Tax,
    Tier,
    TrueUp,
)
from settlement.rules.sharing import Before, Leg, Shared, claw_back, differences, nets, share, totals

MICRO = 1_000_000
PARTIES = ("lotus", "palm", "shop", "treasury")
FLAT = (Tier(0, 250),)
EVEN = Residual((("lotus", 1), ("palm", 1)))
AMOUNTS = st.integers(0, 10**12)
SOMEBODY = st.sampled_from(PARTIES)


def contract(*rules: Rule, version: int = 1) -> Contract:
    """Steps named by their place: s0 is who pays."""
    steps = tuple(Step(f"s{place}", rule) for place, rule in enumerate((Gross("shop"), *rules)))
    return Contract("deal", version, "EUR", PARTIES, steps)


def legs(shared: Shared, step: str) -> list[tuple[str, str, int]]:
    return [leg[:3] for leg in shared.legs if leg.step == step]


@st.composite
def contracts(draw: st.DrawFn) -> Contract:
    """Any steps in any order the reader would take."""
    volumes = draw(st.lists(st.integers(1, 10**12), max_size=3, unique=True))
    tiers = tuple(Tier(volume, draw(st.integers(0, 10_000))) for volume in [0, *sorted(volumes)])
    minimum = draw(AMOUNTS)
    maximum = draw(st.none() | AMOUNTS.map(lambda more: minimum + more))
    fee = Fee(draw(SOMEBODY), tiers, draw(st.sampled_from(Applies)), minimum, maximum)
    first = draw(st.integers(1, 999_999))
    sponsors = (Share(draw(SOMEBODY), first), Share("house", 1_000_000 - first))
    overflow = draw(st.sampled_from([BASE, DROPPED, *PARTIES]))
    funding = CoFunding(draw(SOMEBODY), draw(st.integers(1, 10**6)), sponsors, draw(AMOUNTS), overflow)
    weights = draw(st.lists(st.integers(1, 10**6), min_size=1, max_size=4))
    rest = Residual(tuple(zip(PARTIES, weights, strict=False)))
    true_up = TrueUp("palm", "shop", minimum, maximum)
    tax = Tax("s1", "treasury", draw(st.integers(0, 10_000)), draw(st.booleans()))
    middle: list[Rule] = draw(st.permutations([funding, tax]))
    return contract(fee, *middle, rest, true_up)


BEFORES = st.builds(Before, AMOUNTS, st.fixed_dictionaries({"s2": AMOUNTS}), st.fixed_dictionaries({"palm": AMOUNTS}))


# --- every contract


@given(terms=contracts(), base=AMOUNTS, before=BEFORES, closing=st.booleans())
def test_legs_of_the_base_and_totals_add_up_to_it_and_nets_to_zero(
    *, terms: Contract, base: int, before: Before, closing: bool
) -> None:
    found = share(terms, base, before, closing=closing)
    assert sum(leg.amount for leg in found.legs if leg.of_base) == base
    assert sum(totals(found).values()) == base
    assert sum(nets(found.legs).values()) == 0
    assert all(leg.amount > 0 and leg.why for leg in found.legs)
    assert all(leg.payer == "shop" for leg in found.legs if leg.of_base)
    assert found.after.volume == before.volume + base


@given(contracts(), AMOUNTS, BEFORES, st.data())
def test_claw_backs_in_parts_give_back_each_leg_exactly(
    terms: Contract, base: int, before: Before, data: st.DataObject
) -> None:
    original = share(terms, base, before, closing=True)
    marks = [0, *sorted(data.draw(st.lists(st.integers(0, base), max_size=4))), base]
    parts = [leg for undone, until in pairwise(marks) for leg in claw_back(original, undone, until)]
    assert all(part.amount > 0 for part in parts)
    whole = claw_back(original, 0, base)
    assert nets(parts, PARTIES) == nets(whole, PARTIES)
    mirrored = [(leg.payee, leg.payer, leg.amount) for leg in original.legs if leg.step != "s5"]
    assert [leg[:3] for leg in whole] == (mirrored if base else [])
    assert sum(leg.amount for leg in whole if leg.of_base) == base


@given(contracts(), contracts(), AMOUNTS)
def test_a_shadow_run_moves_money_and_makes_none(old: Contract, new: Contract, base: int) -> None:
    before, after = share(old, base), share(new, base)
    found = differences(before, after)
    assert sum(found.values()) == 0
    assert {party: totals(before).get(party, 0) + more for party, more in found.items()} == {
        party: totals(after).get(party, 0) for party in found
    }
    assert set(differences(before, before).values()) == {0}


@given(contracts(), st.lists(AMOUNTS, max_size=5))
def test_over_a_period_sponsors_never_spend_more_than_the_budget(terms: Contract, bases: list[int]) -> None:
    (name, funding), *_ = [(step.name, step.rule) for step in terms.steps if isinstance(step.rule, CoFunding)]
    before = Before()
    for base in bases:
        before = share(terms, base, before).after
    assert before.spent.get(name, 0) <= funding.budget
    assert sum(before.received.values()) == before.volume == sum(bases)


# --- fees


@pytest.mark.parametrize(
    ("fee", "volume", "base", "amount"),
    [
        (Fee("house", FLAT, Applies.SLICE), 0, 1_000 * MICRO, 25 * MICRO),
        (Fee("house", FLAT, Applies.SLICE), 0, 1, 1),  # up to a whole micro
        (Fee("house", FLAT, Applies.SLICE, minimum=30 * MICRO), 0, 1_000 * MICRO, 30 * MICRO),
        (Fee("house", FLAT, Applies.SLICE, maximum=20 * MICRO), 0, 1_000 * MICRO, 20 * MICRO),
        (Fee("house", FLAT, Applies.SLICE, minimum=30 * MICRO), 0, 10 * MICRO, 10 * MICRO),  # no more than there is
        (Fee("house", FLAT, Applies.SLICE, maximum=0), 0, 10 * MICRO, 0),
    ],
)
def test_a_fee_is_rounded_up_and_held_between_its_bounds(fee: Fee, volume: int, base: int, amount: int) -> None:
    found = share(contract(fee, EVEN), base, Before(volume))
    assert sum(leg.amount for leg in found.legs if leg.step == "s1") == amount


TIERS = (Tier(0, 300), Tier(1_000, 200), Tier(5_000, 100))


@pytest.mark.parametrize(
    ("applies", "volume", "base", "ten_thousandths"),
    [
        (Applies.SLICE, 0, 1_000, 300 * 1_000),
        (Applies.SLICE, 0, 1_001, 300 * 1_000 + 200),
        (Applies.SLICE, 500, 5_000, 300 * 500 + 200 * 4_000 + 100 * 500),
        (Applies.SLICE, 9_000, 1_000, 100 * 1_000),
        (Applies.WHOLE, 0, 999, 300 * 999),
        (Applies.WHOLE, 0, 1_000, 200 * 1_000),
        (Applies.WHOLE, 4_999, 1, 100),
    ],
)
def test_tiers_go_by_cumulative_volume(applies: Applies, volume: int, base: int, ten_thousandths: int) -> None:
    found = share(contract(Fee("house", TIERS, applies), EVEN), base, Before(volume))
    assert sum(leg.amount for leg in found.legs if leg.step == "s1") == -(-ten_thousandths // 10_000)


@given(st.lists(st.integers(0, 10**9), max_size=6))
def test_slices_cost_the_same_in_one_base_and_in_many_but_for_rounding(bases: list[int]) -> None:
    terms, before, paid = contract(Fee("house", TIERS, Applies.SLICE), EVEN), Before(), 0
    for base in bases:
        found = share(terms, base, before)
        paid, before = paid + sum(leg.amount for leg in found.legs if leg.payee == "house"), found.after
    at_once = sum(leg.amount for leg in share(terms, sum(bases)).legs if leg.payee == "house")
    assert at_once <= paid <= at_once + len(bases)


# --- co-funding


SPONSORS = (Share("palm", 333_333), Share("shop", 333_333), Share("house", 333_334))


@pytest.mark.parametrize(
    ("overflow", "beyond"),
    [(DROPPED, []), (BASE, [("shop", "lotus", 60)]), ("palm", [("palm", "lotus", 60)])],
)
def test_beyond_the_budget_pays_who_was_agreed(overflow: str, beyond: list[tuple[str, str, int]]) -> None:
    funding = CoFunding("lotus", 100_000, SPONSORS, 100, overflow)
    found = share(contract(funding, EVEN), 1_000, Before(spent={"s1": 60}))
    within = [("palm", "lotus", 13), ("shop", "lotus", 13), ("house", "lotus", 14)]
    assert legs(found, "s1") == within + beyond
    assert found.after.spent == {"s1": 100}
    spent = share(contract(funding, EVEN), 1_000, found.after)
    assert spent.after.spent == {"s1": 100}
    assert sum(leg.amount for leg in spent.legs if leg.step == "s1") == (100 if beyond else 0)


def test_sponsors_share_to_the_micro() -> None:
    """G15, with sponsors in thirds."""
    thirds = tuple(Share(party, 1) for party in ("palm", "shop", "house"))
    found = share(contract(CoFunding("lotus", 1_000_000, thirds, 100, DROPPED), EVEN), 100)
    assert [amount for *_, amount in legs(found, "s1")] == [34, 33, 33]


# --- tax, residual, true-up


@pytest.mark.parametrize(("by_taker", "leg"), [(False, ("shop", "treasury", 4)), (True, ("house", "treasury", 4))])
def test_tax_on_a_fee_is_paid_by_who_bears_it_and_rounded_down(*, by_taker: bool, leg: tuple[str, str, int]) -> None:
    found = share(
        contract(Fee("house", FLAT, Applies.SLICE), Tax("s1", "treasury", 1_900, by_taker=by_taker), EVEN), 1_000
    )
    assert legs(found, "s2") == [leg]
    assert totals(found)["house"] == 25 - (4 if by_taker else 0)
    assert totals(found)["lotus"] == (488 if by_taker else 486)


def test_tax_takes_no_more_than_is_left() -> None:
    greedy = Fee("house", FLAT, Applies.SLICE, minimum=95)
    found = share(contract(greedy, Tax("s1", "treasury", 1_900, by_taker=False), EVEN), 100)
    assert legs(found, "s2") == [("shop", "treasury", 5)]
    assert legs(found, "s3") == []


@pytest.mark.parametrize(
    ("base", "weights", "parts"),
    [(100, (1, 1, 1), [34, 33, 33]), (5, (3, 7), [2, 3]), (5, (7, 3), [4, 1]), (800, (1, 1, 1), [267, 267, 266])],
)
def test_the_residual_is_split_by_largest_remainder(base: int, weights: tuple[int, ...], parts: list[int]) -> None:
    """G15."""
    found = share(contract(Residual(tuple(zip(PARTIES, weights, strict=False)))), base)
    assert [amount for *_, amount in legs(found, "s1")] == parts


@pytest.mark.parametrize(
    ("before", "closing", "leg"),
    [
        (0, True, [("lotus", "palm", 50)]),
        (49, True, [("lotus", "palm", 1)]),
        (50, True, []),
        (150, True, []),
        (151, True, [("palm", "lotus", 1)]),
        (0, False, []),
        (500, False, []),
    ],
)
def test_a_guarantee_and_a_cap_are_made_up_for_at_close(
    *, before: int, closing: bool, leg: list[tuple[str, str, int]]
) -> None:
    terms = contract(EVEN, TrueUp("palm", "lotus", 100, 200))
    assert legs(share(terms, 100, Before(received={"palm": before}), closing=closing), "s2") == leg


def test_what_was_made_up_for_counts_as_got() -> None:
    """50 of the base and 50 of the guarantee; of two guarantees the second makes up for what the first left."""
    terms = contract(EVEN, TrueUp("palm", "lotus", 100), TrueUp("palm", "shop", 130, 200))
    first = share(terms, 100, closing=True)
    assert (legs(first, "s2"), legs(first, "s3")) == ([("lotus", "palm", 50)], [("shop", "palm", 30)])
    assert first.after.received == {"lotus": 50, "palm": 130}
    second = share(terms, 200, first.after, closing=True)
    assert (legs(second, "s2"), legs(second, "s3")) == ([], [("palm", "shop", 30)])
    assert second.after.received["palm"] == 200


# --- claw-back


def test_a_claw_back_is_at_the_original_version_whatever_came_after() -> None:
    old = contract(Fee("house", FLAT, Applies.SLICE), EVEN, version=1)
    new = contract(Fee("house", (Tier(0, 9_000),), Applies.SLICE), EVEN, version=2)
    original = share(old, 1_000)
    back = claw_back(original, 0, 500)
    assert [leg[:3] for leg in back] == [("house", "shop", 12), ("lotus", "shop", 244), ("palm", "shop", 243)]
    assert {leg.why for leg in back} == {"claw-back at the terms of version 1"}
    rest = claw_back(original, 500, 1_000)
    assert [leg[:3] for leg in rest] == [("house", "shop", 13), ("lotus", "shop", 244), ("palm", "shop", 244)]
    assert share(new, 1_000).legs[0].amount == 900


def test_no_more_is_clawed_back_than_was_shared() -> None:
    original = share(contract(EVEN), 100)
    for undone, until in ((0, 101), (50, 49), (-1, 1)):
        with pytest.raises(ValueError, match="claw-back"):
            claw_back(original, undone, until)
    assert claw_back(share(contract(EVEN), 0), 0, 0) == ()


def test_nets_name_parties_without_legs_too() -> None:
    assert nets([Leg("b", "a", 5, "s", "why", of_base=True)], ["c"]) == {"a": 5, "b": -5, "c": 0}
