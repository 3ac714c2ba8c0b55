"""The models in which parties pay each other: what they pay clears every net to the millionth and makes it to the minor unit."""

import json
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.rules.direct import Transfer
from settlement.rules.fewest import EXACT_MAX
from settlement.rules.flows import HOUSE, Flow, flows, nets
from settlement.rules.netting import Model
from settlement.rules.run import (
    Inputs,
    PaymentDates,
    Rate,
    Result,
    Terms,
    TwoCurrenciesError,
    canonical,
    inputs_document,
    inputs_of,
    replayed,
    result_document,
    settle,
)
from tests.settlement.test_run_rules import PARTNERS, RATES, booked, inputs

DIRECT = (Model.BILATERAL, Model.GROSS, Model.FEWEST)
model = st.sampled_from(DIRECT)
MANY = tuple(f"p{number:02}" for number in range(30))


@st.composite
def matrix(draw: st.DrawFn) -> tuple[Flow, ...]:
    """Flows between few or many parties, the house among them; some are below zero, some smaller than any minor unit."""
    parties = (*MANY[: draw(st.integers(2, len(MANY)))], HOUSE)
    micros = st.one_of(st.integers(-20_000, 20_000), st.integers(-(10**13), 10**13))
    pair = st.tuples(st.sampled_from(parties), st.sampled_from(parties)).filter(lambda one: one[0] != one[1])
    cells = draw(st.dictionaries(pair, micros.filter(bool), max_size=60))
    return tuple([Flow(*one, micros) for one, micros in sorted(cells.items())])


def settled(found: tuple[Flow, ...], chosen: Model, currency: str = "EUR", **changes: Any) -> tuple[Inputs, Result]:
    terms = tuple([Terms(one, currency, 800, 365) for one in sorted({*PARTNERS, *MANY})])
    made_of = inputs(found, **({"model": chosen, "terms": terms} | changes))
    return made_of, settle(made_of)


def received(found: tuple[Transfer, ...], payer: str, payee: str) -> dict[str, int]:
    """What each party receives on the whole, of these two columns."""
    said: dict[str, int] = defaultdict(int)
    for one in found:
        said[one.payer] -= getattr(one, payer)
        said[one.payee] += getattr(one, payee)
    return said


@given(matrix(), model, st.sampled_from(("EUR", "JPY", "KWD")))
def test_what_a_partners_payments_clear_is_its_net_and_what_travels_is_its_minor_units(
    found: tuple[Flow, ...], chosen: Model, currency: str
) -> None:
    _, result = settled(found, chosen, currency)
    exact, minor = (
        received(result.transfers, "paid", "received"),
        received(result.transfers, "minor", "minor"),
    )
    assert {net.party: net.micros for net in result.nets if net.micros} == {p: n for p, n in nets(found).items() if n}
    for net in result.nets:
        assert minor[net.party] == net.minor
        if net.party != HOUSE:
            assert exact[net.party] == net.micros
    assert sum(net.minor for net in result.nets) == sum(net.micros for net in result.nets) == 0
    assert {one.currency for one in result.transfers} <= {currency}
    assert all(one.payer != one.payee and min(one.minor, one.paid, one.received) >= 0 for one in result.transfers)


@given(matrix(), model, st.sampled_from(("EUR", "JPY", "KWD")))
def test_either_side_of_a_payment_is_less_than_a_minor_unit_from_what_travels(
    found: tuple[Flow, ...], chosen: Model, currency: str
) -> None:
    """A part of a net is rounded to a millionth besides. What rounding leaves is the house's, and none of it where pairs are rounded."""
    _, result = settled(found, chosen, currency)
    rate = next(rate for rate in RATES.rates if rate.currency == currency)
    worth = Fraction(rate.den * 10**rate.digits, rate.num * 10**6)  # minor units of a millionth
    for one in result.transfers:
        for micros in (one.paid, one.received):
            assert abs(micros * worth - one.minor) < 1 + worth
        if chosen is not Model.FEWEST or HOUSE in {one.payer, one.payee}:
            assert one.paid == one.received


@given(matrix())
def test_of_a_pair_one_pays_the_other_once_or_both_pay_all_they_owe(found: tuple[Flow, ...]) -> None:
    owed: dict[tuple[str, str], int] = defaultdict(int)
    for debtor, creditor, micros in found:
        owed[(debtor, creditor) if micros > 0 else (creditor, debtor)] += abs(micros)
    gross = {(one.payer, one.payee): one.paid for one in settled(found, Model.GROSS)[1].transfers}
    assert gross == {pair: micros for pair, micros in owed.items() if micros}
    left = {(one, other): micros - owed.get((other, one), 0) for (one, other), micros in owed.items()}
    bilateral = {(one.payer, one.payee): one.paid for one in settled(found, Model.BILATERAL)[1].transfers}
    assert bilateral == {pair: micros for pair, micros in left.items() if micros > 0}


@given(matrix())
def test_fewest_takes_fewer_payments_than_there_are_parties(found: tuple[Flow, ...]) -> None:
    result = settled(found, Model.FEWEST)[1]
    travel = [one for one in result.transfers if one.minor]
    standing = [net for net in result.nets if net.minor]
    assert len(travel) <= max(len(standing) - 1, 0)
    payers, payees = {one.payer for one in travel}, {one.payee for one in travel}
    assert not payers & payees  # nobody passes money on


def test_fewest_is_the_optimum_of_small_sets_by_hand() -> None:
    """Air and Hotel are even, and so are Shop and Till with the house: two groups of five parties are three payments."""
    found = (Flow("air", "hotel", 7_000_000), Flow("shop", "till", 2_000_000), Flow("shop", HOUSE, 1_000_000))
    assert len(found) < EXACT_MAX
    assert settled(found, Model.FEWEST)[1].transfers == (
        Transfer("air", "hotel", "EUR", 700, 7_000_000, 7_000_000),
        Transfer("shop", HOUSE, "EUR", 100, 1_000_000, 1_000_000),
        Transfer("shop", "till", "EUR", 200, 2_000_000, 2_000_000),
    )


def test_what_rounding_leaves_between_two_partners_by_hand() -> None:
    """Air owes 0.008, Hotel is owed 0.006, the house 0.002: a cent goes from Air to Hotel, and the house's share is its rounding."""
    found = (Flow("air", "hotel", 6_000), Flow("air", HOUSE, 2_000))
    result = settled(found, Model.FEWEST)[1]
    assert {net.party: net.minor for net in result.nets} == {"air": -1, "hotel": 1, HOUSE: 0}
    assert result.transfers == (Transfer("air", "hotel", "EUR", 1, 8_000, 6_000),)
    nothing = settled((Flow("air", "hotel", 4_000),), Model.BILATERAL)[1].transfers
    assert nothing == (Transfer("air", "hotel", "EUR", 0, 4_000, 4_000),)


@given(booked(), model, st.sets(st.sampled_from(PARTNERS)))
def test_the_same_inputs_give_the_same_bytes_in_every_model(sums: Any, chosen: Model, suspended: set[str]) -> None:
    made_of, result = settled(flows(sums), chosen, suspended=tuple(sorted(suspended)))
    dates = tuple(PaymentDates(one.payer, one.payee, "2026-03-13", "2026-03-16") for one in result.transfers)
    made_of = replace(made_of, dates=(*dates, PaymentDates("nobody", "none", "2026-03-13", "2026-03-16")))
    told = canonical(inputs_document(made_of))
    assert inputs_document(inputs_of(json.loads(told))) == json.loads(told)
    assert replayed(told) == canonical(result_document(made_of, result))
    again = replace(made_of, flows=tuple(reversed(made_of.flows)), terms=tuple(reversed(made_of.terms)))
    assert canonical(inputs_document(again)) == told
    said = json.loads(replayed(told))
    assert (said["model"], len(said["payments"])) == (chosen, len(result.transfers))
    assert len(said.get("dates", ())) == len(dates)
    assert not suspended & {one for paid in said["payments"] for one in (paid["payer"], paid["payee"])}


@given(booked())
def test_a_multilateral_run_says_nothing_of_models(sums: Any) -> None:
    made_of, result = settled(flows(sums), Model.MULTILATERAL)
    said = {**inputs_document(made_of), **result_document(made_of, result)}
    assert not {"model", "payments"} & said.keys()
    assert {one.payee if one.payer == HOUSE else one.payer: one.received for one in result.transfers} == {
        net.party: abs(net.micros) for net in result.nets if net.party != HOUSE and net.micros
    }


@pytest.mark.parametrize("chosen", DIRECT)
def test_parties_that_pay_each_other_are_paid_in_one_currency(chosen: Model) -> None:
    terms = (Terms("air", "EUR", 0, 365), Terms("hotel", "JPY", 0, 365))
    found = (Flow("air", "hotel", 1_000_000),)
    with pytest.raises(TwoCurrenciesError, match="air in EUR and hotel in JPY"):
        settled(found, chosen, terms=terms)
    assert settled((), chosen, terms=terms)[1] == Result((), (), (), ())
    assert settled(found, Model.MULTILATERAL, terms=terms)[1].transfers


@given(st.lists(st.tuples(st.sampled_from(MANY[:6]), st.sampled_from(MANY[:6]), st.integers(1, 9)), max_size=20))
def test_where_a_minor_unit_is_worth_less_than_a_millionth_every_payment_still_moves_something(found: Any) -> None:
    """Of a millionth, six or seven of them: a part of a net may clear nothing of either side, and travels all the same."""
    rates = replace(RATES, rates=(Rate("XTS", 3, 20, 6),))
    terms = tuple([Terms(one, "XTS", 0, 365) for one in MANY[:6]])
    owed = tuple([Flow(*one) for one in found if one[0] != one[1]])
    result = settle(inputs(owed, model=Model.FEWEST, terms=terms, rates=rates))
    exact = received(result.transfers, "paid", "received")
    assert {net.party: net.micros for net in result.nets if net.party != HOUSE} == {
        net.party: exact[net.party] for net in result.nets if net.party != HOUSE
    }
    assert all(one.minor + one.paid + one.received > 0 for one in result.transfers)
