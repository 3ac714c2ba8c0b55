"""Laws of netting: zero-sum, paid exactly, in no order, by as few payments as there can be."""

from fractions import Fraction
from functools import cache
from itertools import combinations
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from clearing.rules.agreements import HOUSE
from clearing.rules.units import Ratio
from settlement.rules.fewest import EXACT_MAX, Payment, fewest, greedy
from settlement.rules.money import Reason, Refused, minor
from settlement.rules.netting import Model, Netted, Obligation, made, net, payout
from settlement.rules.rates import RateSet, only

MICRO = 1_000_000
EURO = only("EUR")
RATES = RateSet("EUR", {"EUR": Ratio(1, 1), "USD": Ratio(9_216, 10_000), "JPY": Ratio(1, 163)})
PARTIES = (HOUSE, "lotus", "palm", "shop", "tower")
MODELS = st.sampled_from(Model)


@st.composite
def obligations(draw: st.DrawFn, currencies: tuple[str, ...] = tuple(RATES.values), step: int = 1) -> list[Obligation]:
    """Any list of obligations; amounts are multiples of `step`."""
    pairs = st.sampled_from([(one, other) for one in PARTIES for other in PARTIES if one != other])
    rows = draw(st.lists(st.tuples(pairs, st.integers(0, 10**9), st.sampled_from(currencies)), max_size=20))
    return [Obligation(*pair, amount * step, currency) for pair, amount, currency in rows]


def netted(owed: list[Obligation], model: Model = Model.MULTILATERAL, rates: RateSet = EURO, digits: int = 2) -> Netted:
    found = net(owed, rates, digits, model)
    assert isinstance(found, Netted)
    return found


def paid(found: Netted) -> dict[str, int]:
    """What the payments give each party. The house between the parties keeps nothing."""
    given_each = made(found.payments, found.nets)
    if HOUSE not in found.nets:
        assert given_each.pop(HOUSE, 0) == 0
    return given_each


# --- golden


@pytest.mark.parametrize("model", [Model.BILATERAL, Model.FEWEST])
def test_two_debts_of_a_pair_become_one_payment(model: Model) -> None:
    """G11."""
    owed = [Obligation("B", "A", 75_000 * MICRO, "EUR"), Obligation("A", "B", 30_000 * MICRO, "EUR")]
    assert netted(owed, model).payments == (Payment("B", "A", 4_500_000),)
    through = netted(owed)
    assert through.payments == (Payment("B", HOUSE, 4_500_000), Payment(HOUSE, "A", 4_500_000))
    assert (through.gross, through.bilateral, through.multilateral) == (10_500_000, 4_500_000, 4_500_000)
    assert through.ratio == Fraction(7, 3)


@pytest.mark.parametrize("model", set(Model) - {Model.GROSS})
def test_parties_that_owe_each_other_the_same_pay_nothing(model: Model) -> None:
    """G14: a zero-net window settles without instructions."""
    found = netted([Obligation("A", "B", 7, "EUR"), Obligation("B", "A", 7, "EUR")], model)
    assert (found.nets, found.payments, found.ratio, found.matrix) == ({"A": 0, "B": 0}, (), None, {})


@pytest.mark.parametrize("model", Model)
def test_an_empty_window_settles(model: Model) -> None:
    found = netted([], model)
    assert (found.nets, found.payments, found.gross) == ({}, (), 0)


@pytest.mark.parametrize("model", Model)
def test_a_window_is_rounded_once_and_not_each_exchange(model: Model) -> None:
    """G17: 1,000 × 1 point at 0.0058 is 5.80; rounding each would bill 10.00."""
    assert netted([Obligation("A", "B", 5_800, "EUR")] * 1_000, model).nets == {"A": -580, "B": 580}


def test_a_circle_of_debts_needs_no_payment_through_the_house_and_three_without_set_off() -> None:
    owed = [Obligation(one, other, 5 * MICRO, "EUR") for one, other in ("AB", "BC", "CA")]
    assert netted(owed).payments == ()
    assert len(netted(owed, Model.BILATERAL).payments) == 3
    assert (netted(owed).gross, netted(owed).bilateral, netted(owed).multilateral) == (1_500, 1_500, 0)


def test_what_the_house_earns_is_what_pay_ins_leave_it() -> None:
    owed = [Obligation("A", "B", 98 * MICRO, "EUR"), Obligation("A", HOUSE, 2 * MICRO, "EUR")]
    found = netted(owed)
    assert found.nets == {"A": -10_000, "B": 9_800, HOUSE: 200}
    assert found.payments == (Payment("A", HOUSE, 10_000), Payment(HOUSE, "B", 9_800))


def test_amounts_with_several_currencies_are_counted_once() -> None:
    """Mojaloop #2304: two currencies between the same parties doubled amounts."""
    owed = [Obligation("A", "B", 100 * MICRO, "EUR"), Obligation("A", "B", 100 * MICRO, "USD")]
    found = netted(owed, rates=RATES)
    assert found.nets == {"A": -19_216, "B": 19_216}
    assert found.by_currency == {currency: {"A": -100 * MICRO, "B": 100 * MICRO} for currency in ("EUR", "USD")}


# --- every model


@given(obligations(), MODELS, st.sampled_from([0, 2, 3]))
def test_nets_add_up_to_zero_and_the_payments_make_them_exactly(
    owed: list[Obligation], model: Model, digits: int
) -> None:
    found = netted(owed, model, RATES, digits)
    assert sum(found.nets.values()) == 0
    assert paid(found) == found.nets
    assert all(payment.amount > 0 and payment.payer != payment.payee for payment in found.payments)
    assert found.nets.keys() == {party for one in owed for party in one[:2]}


@given(obligations(), MODELS, st.randoms())
def test_the_same_obligations_in_any_order_give_the_same_answer(
    owed: list[Obligation], model: Model, luck: Random
) -> None:
    shuffled = luck.sample(owed, len(owed))
    first, second = netted(owed, model, RATES), netted(shuffled, model, RATES)
    assert repr(first) == repr(second)  # every mapping in the same order too


@given(obligations(("EUR",), step=10_000))
def test_where_nothing_is_rounded_every_model_gives_the_same_nets_and_each_set_off_moves_less(
    owed: list[Obligation],
) -> None:
    found = [netted(owed, model) for model in Model]
    assert len({tuple(one.nets.items()) for one in found}) == 1
    assert found[0].gross >= found[0].bilateral >= found[0].multilateral
    assert found[0].gross == sum(one.amount for one in owed) // 10_000
    for one, total in ((found[1], found[0].bilateral), (found[3], found[0].gross)):
        assert sum(payment.amount for payment in one.payments) == total


@given(obligations())
def test_the_pairs_of_a_party_in_the_matrix_add_up_to_its_net(owed: list[Obligation]) -> None:
    found = netted(owed, rates=RATES)
    rows = {currency: dict.fromkeys(nets, 0) for currency, nets in found.by_currency.items()}
    for (debtor, creditor, currency), amount in found.matrix.items():
        assert amount > 0
        assert (creditor, debtor, currency) not in found.matrix
        rows[currency][debtor] -= amount
        rows[currency][creditor] += amount
    assert rows == found.by_currency
    for nets in found.by_currency.values():
        assert sum(nets.values()) == 0


@given(obligations(), st.sampled_from([Model.MULTILATERAL, Model.FEWEST]))
def test_each_net_is_less_than_a_minor_unit_from_its_exact_amount(owed: list[Obligation], model: Model) -> None:
    found = netted(owed, model, RATES)
    for party, amount in found.nets.items():
        value = sum(
            (
                one.amount
                * ((one.creditor == party) - (one.debtor == party))
                * Fraction(RATES.values[one.currency].num, RATES.values[one.currency].den)
            )
            for one in owed
        )
        assert abs(amount - minor(Fraction(value), 2)) < 1


@given(obligations())
def test_through_the_house_each_party_pays_or_is_paid_once_and_pay_ins_come_first(owed: list[Obligation]) -> None:
    found = netted(owed, rates=RATES)
    outside = [payment.payee if payment.payer == HOUSE else payment.payer for payment in found.payments]
    assert sorted(outside) == sorted(party for party, amount in found.nets.items() if amount and party != HOUSE)
    ins = [payment.payee == HOUSE for payment in found.payments]
    assert ins == sorted(ins, reverse=True)


# --- below the minor unit


@pytest.mark.parametrize("model", Model)
def test_of_pairs_that_round_to_nothing_nothing_is_paid_though_together_they_make_a_net(model: Model) -> None:
    found = netted([Obligation("a", one, 4_000, "EUR") for one in "bcd"], model)  # 0.4 cents each
    assert (found.gross, found.bilateral, found.multilateral) == (0, 0, 1)
    assert found.ratio == Fraction(0)
    through = model in {Model.MULTILATERAL, Model.FEWEST}
    assert found.nets == ({"a": -1, "b": 1, "c": 0, "d": 0} if through else dict.fromkeys("abcd", 0))


@pytest.mark.parametrize("model", Model)
@pytest.mark.parametrize(("debtor", "creditor"), [("b", "z"), ("z", "b")])
def test_a_half_is_paid_whatever_the_names(model: Model, debtor: str, creditor: str) -> None:
    found = netted([Obligation(debtor, creditor, 5_000, "EUR")], model)
    assert found.nets == {debtor: -1, creditor: 1}
    assert (found.gross, found.bilateral, found.multilateral) == (1, 1, 1)


@given(obligations(step=500), MODELS, st.permutations(PARTIES[1:]))
def test_names_decide_only_among_equal_amounts(owed: list[Obligation], model: Model, names: list[str]) -> None:
    first = netted(owed, model, RATES)
    called = dict(zip(PARTIES, [HOUSE, *names], strict=True))
    second = netted(
        [one._replace(debtor=called[one.debtor], creditor=called[one.creditor]) for one in owed], model, RATES
    )
    told = [sorted((found.exact[party], amount) for party, amount in found.nets.items()) for found in (first, second)]
    if model in {Model.MULTILATERAL, Model.FEWEST}:
        assert told[0] == told[1]
    else:
        assert {called[party]: amount for party, amount in first.nets.items()} == second.nets
    assert (first.gross, first.bilateral, first.multilateral) == (second.gross, second.bilateral, second.multilateral)


# --- rates


def test_a_currency_without_a_rate_is_named() -> None:
    found = net([Obligation("A", "B", 1, "KWD"), Obligation("A", "B", 1, "CHF")], RATES, 2, Model.GROSS)
    assert isinstance(found, Refused)
    assert (found.reason, found.detail) == (Reason.RATE_MISSING, "the rates have none for CHF")


def test_crossing_goes_through_the_settlement_currency_and_back_again_exactly() -> None:
    assert RATES.cross("USD", "JPY") == Fraction(9_216 * 163, 10_000)
    assert RATES.cross("USD", "JPY") * RATES.cross("JPY", "USD") == 1
    assert RATES.cross("USD", "EUR") == Fraction(RATES.converted(10_000, "USD"), 10_000)


def test_a_payout_is_rounded_once_from_the_exact_net() -> None:
    found = netted([Obligation("A", "B", 4_000, "EUR")], rates=RATES)
    assert found.nets["B"] == 0  # 0.4 cents
    assert payout(found, "B", "JPY", RATES, 0) == 1  # 0.652 yen
    assert payout(found, "A", "JPY", RATES, 0) == -1


# --- the fewest payments


@st.composite
def nets_of(draw: st.DrawFn, most: int, size: int = 6) -> dict[str, int]:
    """Nets of few sizes, so that groups which add up to zero are common."""
    amounts = draw(st.lists(st.integers(-size, size), max_size=most - 1))
    return dict(zip("abcdefghijklmnopqrstuvwxyz", [*amounts, -sum(amounts)], strict=False))


def optimum(nets: dict[str, int]) -> int:
    """By brute force: n - k over every way to take groups apart."""
    amounts = tuple(sorted(amount for amount in nets.values() if amount))

    @cache
    def most(left: tuple[int, ...]) -> int:
        if not left:
            return 0
        first, rest = left[0], left[1:]
        best = 0
        for size in range(len(rest) + 1):
            for places in combinations(range(len(rest)), size):
                if first + sum(rest[place] for place in places) == 0:
                    best = max(best, 1 + most(tuple(one for place, one in enumerate(rest) if place not in places)))
        return best

    return len(amounts) - most(amounts)


@settings(max_examples=150)
@given(nets_of(most=8))
def test_up_to_fifteen_parties_nobody_finds_fewer_payments(nets: dict[str, int]) -> None:
    payments = fewest(nets)
    assert len(payments) == optimum(nets)
    assert made(payments, nets) == nets


@given(nets_of(most=11))
def test_the_fewest_are_no_more_than_the_greedy_ones_and_those_fewer_than_the_parties(nets: dict[str, int]) -> None:
    standing = sum(1 for amount in nets.values() if amount)
    assert len(fewest(nets)) <= len(greedy(nets)) <= max(0, standing - 1)
    assert made(greedy(nets), nets) == nets


def test_greedy_alone_would_pay_once_too_often() -> None:
    assert len(greedy(HARD)) == 6
    assert len(fewest(HARD)) == optimum(HARD) < 6


@given(nets_of(most=12), st.randoms())
def test_equal_nets_are_told_apart_by_name_and_not_by_order(nets: dict[str, int], luck: Random) -> None:
    names = luck.sample(list(nets), len(nets))
    assert fewest({name: nets[name] for name in names}) == fewest(nets)


def test_above_fifteen_parties_the_greedy_payments_are_taken() -> None:
    exact = {f"p{place:02}": (place // 2 + 1) * (-1) ** place for place in range(EXACT_MAX - 1)}
    assert len(fewest(exact)) == (EXACT_MAX - 1) // 2
    more = {f"p{place:02}": place + 1 for place in range(EXACT_MAX)}
    more |= {"z": -sum(more.values())}
    assert fewest(more) == greedy(more)
    assert len(greedy(more)) == EXACT_MAX


# greedy pays these seven once too often
HARD = {"a": 6, "b": 5, "c": 4, "d": -7, "e": -8, "f": -3, "g": 3}
APART = 1_000  # times this, no sum with the others is zero, so the optimum of both is that of each


def beside(one: dict[str, int], other: dict[str, int]) -> dict[str, int]:
    """Both sets of nets at once, those of the first so much larger that no group has parties of both."""
    assert sum(abs(amount) for amount in other.values()) < APART
    return {f"l{name}": amount * APART for name, amount in one.items()} | {f"s{name}": other[name] for name in other}


@pytest.mark.parametrize("standing", range(10, 16))
def test_from_ten_to_fifteen_parties_nobody_finds_fewer_payments_where_greedy_pays_more(standing: int) -> None:
    rest = dict(zip("hijklmno", [*range(1, standing - 7), -(standing - 7) * (standing - 8) // 2], strict=False))
    nets = beside(HARD, rest)
    assert len(nets) == standing
    payments = fewest(nets)
    assert len(payments) == optimum(HARD) + optimum(rest) < len(greedy(nets))
    assert made(payments, nets) == nets


@settings(max_examples=12, deadline=None)
@given(nets_of(most=8).filter(lambda nets: len(nets) > 6), nets_of(most=7).filter(lambda nets: len(nets) > 4))
def test_above_nine_parties_nobody_finds_fewer_payments(one: dict[str, int], other: dict[str, int]) -> None:
    nets = beside(one, other)
    payments = fewest(nets)
    assert len(payments) == optimum(one) + optimum(other)
    assert made(payments, nets) == nets


# --- many


@pytest.mark.parametrize("parties", [15, 500])
@pytest.mark.parametrize("model", Model)
def test_ten_thousand_obligations_are_paid_to_the_last_minor_unit(model: Model, parties: int) -> None:
    luck = Random(7)
    names = [f"p{place:03}" for place in range(parties)]
    currencies = list(RATES.values)
    pairs = [luck.sample(names, 2) for _ in range(10_000)]
    owed = [Obligation(one, other, luck.randrange(10**12), luck.choice(currencies)) for one, other in pairs]
    found = netted(owed, model, RATES)
    assert paid(found) == found.nets
