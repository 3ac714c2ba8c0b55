"""The pure run: flows out of sums, nets that add up to zero, one rounding, the same bytes for the same inputs in any order."""

import json
from collections import defaultdict
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.rules.flows import HOUSE, Flow, Sum, flows, imbalance, nets
from settlement.rules.interest import DayCount, accrued
from settlement.rules.run import (
    Contract,
    Counted,
    Inputs,
    Rate,
    RateSet,
    SealedWindow,
    Terms,
    UnsettleableError,
    canonical,
    inputs_document,
    inputs_of,
    replayed,
    result_document,
    settle,
)

PARTNERS = ("air", "hotel", "shop", "till")
RATES = RateSet(
    "ECB", "2026-03-09", "2026-03-09T15:00:00Z", (Rate("EUR", 1, 1, 2), Rate("JPY", 1, 163, 0), Rate("KWD", 29, 10, 3))
)
partner = st.sampled_from(PARTNERS)
micros = st.integers(-(10**13), 10**13)


@st.composite
def booked(draw: st.DrawFn) -> list[Sum]:
    """Random exchanges, bonuses, reversals and adjustments, as sums of accounts; every pair adds up to zero."""
    found: list[Sum] = []
    for _ in range(draw(st.integers(0, 12))):
        source, target, funder = draw(partner), draw(partner), draw(st.sampled_from((*PARTNERS, HOUSE)))
        debit, fee, bonus = draw(micros), draw(st.integers(-(10**9), 10**9)), draw(st.integers(-(10**9), 10**9))
        lines = [(source, debit), (target, -(debit - fee) - bonus), (funder, bonus)]
        found.append(summed(source, target, lines, fee))
        if funder not in {source, target}:
            found.append(Sum(source, target, funder, 0, 0, 0, bonus))
    for _ in range(draw(st.integers(0, 3))):
        party, amount = draw(partner), draw(micros)
        found += [Sum(None, None, party, 0, 0, 0, amount), Sum(None, None, None, 0, 0, -amount, 0)]
    return found


def summed(source: str, target: str, lines: list[tuple[str, int]], fee: int) -> Sum:
    """As the books sum it: a line of the source counts as paid, also where it is the target as well."""
    paid = sum(amount for party, amount in lines if party == source)
    received = sum(amount for party, amount in lines if party == target != source)
    return Sum(source, target, None, paid, received, -fee, 0)


def totals(sums: list[Sum]) -> dict[str, int]:
    said: dict[str, int] = defaultdict(int)
    for one in sums:
        for party, amount in (
            (one.source, one.paid), (one.target, one.received), (one.other, one.funded), (HOUSE, one.earned)
        ):  # fmt: skip
            if party is not None:
                said[party] += amount
    return said


def inputs(found: tuple[Flow, ...], **changes: Any) -> Inputs:
    given_: dict[str, Any] = {
        "windows": (SealedWindow(202610, "W-2026-10", 0, 99, "ab" * 32),),
        "flows": found,
        "resumed": (),
        "counts": (Counted("exchange", 7, 1),),
        "contracts": tuple(Contract(one, 1, "cd" * 32) for one in PARTNERS),
        "rates": RATES,
        "terms": tuple(
            Terms(one, currency, 800, 365) for one, currency in zip(PARTNERS, ("EUR", "JPY", "EUR", "KWD"), strict=True)
        ),
        "suspended": (),
        "advice_date": None,
        "value_date": "2026-03-12",
    }
    return Inputs(**given_ | changes)


def test_an_exchange_with_a_funded_bonus_by_hand() -> None:
    """Hotel pays 10, of which 1 is the house's; Air gets 9 and 2 of bonus, which Shop pays."""
    sums = [Sum("hotel", "air", None, 10, -11, -1, 0), Sum("hotel", "air", "shop", 0, 0, 0, 2)]
    assert imbalance(sums, totals(sums)) is None
    assert flows(sums) == (Flow("hotel", "air", 9), Flow("hotel", HOUSE, 1), Flow("shop", "air", 2))


def test_a_bonus_that_the_house_funds_is_a_flow_of_the_house() -> None:
    sums = [Sum("hotel", "air", None, 10, -11, -1, 0), Sum("hotel", "air", HOUSE, 0, 0, 0, 2)]
    assert flows(sums) == (Flow("hotel", "air", 9), Flow("hotel", HOUSE, 1), Flow(HOUSE, "air", 2))


@given(booked())
def test_the_matrix_says_for_every_party_what_the_entries_say(sums: list[Sum]) -> None:
    assert imbalance(sums, totals(sums)) is None
    net = nets(flows(sums))
    assert sum(net.values()) == 0
    assert {party: -amount for party, amount in totals(sums).items() if amount} == {p: n for p, n in net.items() if n}
    assert not [flow for flow in flows(sums) if flow.debtor == flow.creditor or not flow.micros]


@given(booked(), st.randoms(use_true_random=False))
def test_the_order_of_what_was_read_does_not_matter(sums: list[Sum], luck: Any) -> None:
    mixed = list(sums)
    luck.shuffle(mixed)
    assert flows(mixed) == flows(sums)


@given(booked(), st.integers(1, 10**9))
def test_books_that_are_off_by_anything_are_named(sums: list[Sum], off: int) -> None:
    wrong = [*sums, Sum("air", "hotel", None, off, 0, 0, 0)]
    assert f"add up to {off}, not to zero" in str(imbalance(wrong, totals(wrong)))
    slices = totals(sums)
    slices["shop"] += off
    assert "its position says" in str(imbalance(sums, slices))


@given(booked(), st.sets(partner))
def test_nets_add_up_to_zero_with_the_house_and_in_every_currency(sums: list[Sum], suspended: set[str]) -> None:
    made_of = inputs(flows(sums), suspended=tuple(sorted(suspended)))
    result = settle(made_of)
    assert sum(net.micros for net in result.nets) == 0
    minor: dict[str, int] = defaultdict(int)
    for net in result.nets:
        minor[net.currency] += net.minor
    assert set(minor.values()) <= {0}
    assert not suspended & {net.party for net in result.nets}
    parts = {(flow.debtor, flow.creditor) for flow in (*result.bilateral, *result.parked)}
    assert parts == {(flow.debtor, flow.creditor) for flow in made_of.flows}
    for net in result.nets:
        rate = next(rate for rate in RATES.rates if rate.currency == net.currency)
        exact_times = net.micros * rate.den * 10**rate.digits
        assert abs(exact_times - net.minor * rate.num * 10**6) < rate.num * 10**6  # less than one minor unit away
        assert net.minor == 0 or (net.minor > 0) == (net.micros > 0)


@given(booked())
def test_what_was_parked_and_resumed_ends_as_if_it_never_had_been(sums: list[Sum]) -> None:
    whole = {net.party: net.micros for net in settle(inputs(flows(sums))).nets if net.party != HOUSE}
    kept_back = settle(inputs(flows(sums), suspended=("air",)))
    later = settle(inputs((), resumed=kept_back.parked))
    said: dict[str, int] = defaultdict(int)
    for net in (*kept_back.nets, *later.nets):
        said[net.party] += net.micros
    assert {p: n for p, n in said.items() if n and p != HOUSE} == {p: n for p, n in whole.items() if n}


@given(booked())
def test_the_same_inputs_give_the_same_bytes(sums: list[Sum]) -> None:
    made_of = inputs(flows(sums))
    told = canonical(inputs_document(made_of))
    again = replace(
        made_of,
        flows=tuple(reversed(made_of.flows)),
        terms=tuple(reversed(made_of.terms)),
        contracts=tuple(reversed(made_of.contracts)),
    )
    assert canonical(inputs_document(again)) == told
    assert inputs_document(inputs_of(json.loads(told))) == json.loads(told)
    assert replayed(told) == canonical(result_document(again, settle(again)))


def test_one_rounding_of_a_window_and_not_one_of_each_exchange() -> None:
    """G17: 1,000 exchanges of one point at 0.0058 are 5.80."""
    sums = [Sum("hotel", "air", None, 1_000 * 5_800, -1_000 * 5_800, 0, 0)]
    found = settle(inputs(flows(sums), terms=tuple(Terms(one, "EUR", 0, 365) for one in PARTNERS)))
    assert {net.party: net.minor for net in found.nets} == {"air": 580, "hotel": -580, HOUSE: 0}


def test_what_a_net_needs_and_nobody_said_is_named() -> None:
    with pytest.raises(UnsettleableError, match="in which currency air is paid"):
        settle(inputs((Flow("hotel", "air", 1),), terms=(Terms("hotel", "EUR", 0, 365),)))
    with pytest.raises(UnsettleableError, match="no rate of USD"):
        settle(inputs((Flow("hotel", "air", 1),), terms=(Terms("hotel", "USD", 0, 365), Terms("air", "EUR", 0, 365))))


@pytest.mark.parametrize(
    ("year_days", "day_count", "owed"), [(360, DayCount.ACT_360, 100_000), (365, DayCount.ACT_365, 98_630)]
)
def test_terms_say_interest_as_the_one_interest_reads_it(year_days: int, day_count: DayCount, owed: int) -> None:
    late = Terms("air", "EUR", 1_000, year_days).late
    assert (late.day_count, late.to) == (day_count, HOUSE)
    due = date(2026, 3, 12)
    assert accrued(10_000_000, late, due, due, due + timedelta(days=36)) == owed  # 98,630.136… is rounded down
