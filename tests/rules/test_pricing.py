"""Laws of the price, over random cards: exact, funded, the same both ways, monotone where promised; what is refused would fit."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from functools import cache
from pathlib import Path
from random import Random

import pytest

from clearing.rules.asks import Ask, Priced, Used
from clearing.rules.card_json import read_card
from clearing.rules.cards import Card, Values
from clearing.rules.pricing import price
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.shapes import Fault, Law
from clearing.rules.units import AMOUNT_MAX, Ratio
from tests.rules.random_cards import CARDS, NOW, TIERS, Document, base_of, bonus_of, document

MANY = 10_000
FIXTURES = Path(__file__).parent / "cards"


@cache
def _random() -> tuple[list[tuple[Document, Card]], list[Fault]]:
    chance = Random(20260601)
    sound, refused = [], []
    for _ in range(MANY):
        made = document(chance)
        found = read_card(made)
        if isinstance(found, Card):
            sound.append((made, found))
        else:
            refused.append(found)
    return sound, refused


def _asks(seed: int) -> list[tuple[Document, Card, Ask]]:
    """A question to each sound card: points, nothing used, somebody of some tier and card."""
    chance = Random(seed)
    asks = []
    for made, card in _random()[0]:
        band = chance.choice(chance.choice(card.rates).bands)
        points = band.lower(chance.randint(band.minimum, band.minimum + 50 * band.step))
        if chance.random() < 0.4:
            points = chance.choice([chance.randint(1, 100), chance.randint(1, 3_000), chance.randint(1, AMOUNT_MAX)])
        tier, held = chance.choice([None, *TIERS]), chance.choice([None, *CARDS])
        asks.append((made, card, Ask(NOW, points, tier=tier, card=held)))
    return asks


def test_ten_thousand_random_cards_are_sound_or_refused_with_a_reason() -> None:
    sound, refused = _random()
    assert len(sound) + len(refused) == MANY
    assert min(len(sound), len(refused)) > MANY // 10
    assert all(fault.path.startswith("$") and fault.detail for fault in refused)
    assert len({fault.law for fault in refused}) >= 7


def test_a_price_is_exact_and_trims_only_where_the_card_says_so() -> None:
    priced = 0
    for made, card, ask in _asks(1):
        found = price(card, ask)
        if isinstance(found, Refusal):
            continue
        priced += 1
        base = base_of(made, found.sent, ask.tier, ask.card)
        assert base == found.base
        bonus = bonus_of(made, found.sent, found.base, ask.tier, ask.card)
        given = {name: sum(part.units for part in found.bonus if part.rule == name) for name in bonus}
        assert given == {name: units for name, (units, _) in bonus.items()}
        assert found.received == base + sum(units for units, late in bonus.values() if not late)
        assert found.late == sum(units for units, late in bonus.values() if late)
        assert found.sent + found.remainder == ask.points
        assert found.remainder == 0 or card.trims
        between = range(found.sent + 1, min(found.sent + found.remainder, found.sent + 50) + 1)
        assert all(base_of(made, more, ask.tier, ask.card) is None for more in between)
    assert priced > 1_000


def test_what_is_refused_names_its_rule_and_the_nearest_amounts_that_travel() -> None:
    seen = set()
    for made, card, ask in _asks(2):
        found = price(card, ask)
        if not isinstance(found, Refusal) or ask.points is None:
            continue
        seen.add(found.code)
        assert found.rule
        for fit in found.next_valid:
            assert f"{fit:,}" in found.detail
            assert isinstance(price(card, replace(ask, points=fit)), Priced)
        if found.code is RefusalCode.AMOUNT_OFF_STEP:
            assert base_of(made, ask.points, ask.tier, ask.card) is None
            lower, *upper = found.next_valid
            assert lower < ask.points < min(upper, default=AMOUNT_MAX + 1)
            nearer = range(max(lower + 1, ask.points - 50), ask.points)
            assert all(base_of(made, points, ask.tier, ask.card) is None for points in nearer)
    assert seen == {
        RefusalCode.BELOW_MINIMUM,
        RefusalCode.ABOVE_MAXIMUM,
        RefusalCode.AMOUNT_OFF_STEP,
        RefusalCode.LIMIT_EXCEEDED,
    }


def test_asked_by_points_or_by_the_units_they_give_the_price_is_one() -> None:
    agreed = 0
    for _, card, ask in _asks(3):
        there = price(card, ask)
        if isinstance(there, Refusal):
            continue
        back = price(card, replace(ask, points=None, units=there.received))
        assert isinstance(back, Priced)
        assert back.received == there.received
        assert back.sent <= there.sent, "the fewest points are taken"
        if all(len(rate.bands) == 1 for rate in card.rates):
            agreed += 1
            assert back == replace(there, remainder=0)
        assert price(card, replace(ask, points=back.sent)) == back
    assert agreed > 500


def test_units_that_no_amount_gives_are_refused_between_those_that_some_do() -> None:
    chance, seen = Random(4), 0
    for _, card, ask in _asks(4):
        wish = replace(ask, points=None, units=chance.randint(0, 5_000))
        found = price(card, wish)
        if isinstance(found, Priced):
            assert found.received == wish.units
            assert found.remainder == 0
            continue
        for fit in found.next_valid:
            one = price(card, replace(wish, units=fit))
            assert isinstance(one, Priced)
            assert one.received == fit
        if found.code is RefusalCode.AMOUNT_OFF_STEP and len(found.next_valid) == 2:
            seen += 1
            assert found.next_valid[0] < (wish.units or 0) < found.next_valid[1]
    assert seen > 500


def test_more_points_never_give_fewer_units_where_the_card_says_so() -> None:
    chance, compared = Random(5), 0
    for _, card, ask in _asks(5):
        more_points = (ask.points or 0) + chance.choice([card.rates[0].bands[-1].step, chance.randint(1, 3_000)])
        one, other = price(card, ask), price(card, replace(ask, points=more_points))
        if card.monotone and isinstance(one, Priced) and isinstance(other, Priced):
            compared += 1
            less, more = sorted((one, other), key=lambda found: found.sent)
            assert less.received <= more.received
            assert less.received + less.late <= more.received + more.late
    assert compared > 300


def test_no_price_creates_value_and_funders_pay_for_every_bonus_unit() -> None:
    checked = 0
    for _, card, ask in _asks(6):
        found = price(card, ask)
        if isinstance(found, Refusal) or card.values is None:
            continue
        checked += 1
        redeem, issue = (Fraction(one.num, one.den) for one in (card.values.redeem, card.values.issue))
        paid = sum(part.value or 0 for part in found.bonus)
        assert found.base * issue <= found.sent * redeem
        assert (found.received + found.late) * issue <= found.sent * redeem + paid
        assert paid <= (found.received + found.late - found.base) * issue + len(card.bonuses)
        assert max(found.received + found.late, paid) <= AMOUNT_MAX
    assert checked > 300


def test_values_in_force_that_are_worse_than_the_cards_refuse_a_price_that_would_create_value() -> None:
    card = _read({})
    ask = Ask(NOW, 300)
    even, short = Values(Ratio(1, 3), Ratio(1, 1)), Values(Ratio(999_999, 3_000_000), Ratio(1, 1))
    assert isinstance(price(card, ask, even), Priced)
    refused = price(card, ask, short)
    assert isinstance(refused, Refusal)
    assert (refused.code, refused.rule) == (RefusalCode.UNFUNDED_VALUE, "base")
    beyond = price(card, ask, Values(Ratio(AMOUNT_MAX, 1), Ratio(1, 1)))
    assert isinstance(beyond, Refusal)
    assert beyond.code is RefusalCode.ABOVE_MAXIMUM


def test_a_price_without_values_leaves_the_worth_of_a_bonus_open() -> None:
    funders = [{"code": "a", "share": {"num": 1, "den": 3}}, {"code": "b", "share": {"num": 2, "den": 3}}]
    card = _read({"bonuses": [{"name": "x", "flat": 10, "funders": funders}]})
    found = price(card, Ask(NOW, 300))
    assert isinstance(found, Priced)
    assert [(part.funder, part.units, part.value) for part in found.bonus] == [("a", 3, None), ("b", 7, None)]


def _read(more: Document) -> Card:
    made: Document = {
        "format": "rate-card/1",
        "source": "palm",
        "target": "lotus",
        "version": 1,
        "announced_at": "2026-01-01T00:00:00Z",
        "valid_from": "2026-01-01T00:00:00Z",
        "valid_to": "2027-01-01T00:00:00Z",
        "rates": [{"name": "base", "bands": [{"block": 300, "ratio": {"points": 3, "units": 1}}]}],
    }
    found = read_card(made | more)
    assert isinstance(found, Card), found
    return found


# --- each refusal, in the order in which it is checked

LIMITS = [
    {"name": "day", "per": "day", "over": "corridor", "most": 3_000},
    {"name": "all", "per": "year", "over": "program", "most": 9_000},
]
GOLD = {"block": 300, "maximum": 6_000, "ratio": {"points": 3, "units": 1}}
STRICT: Document = {
    "channels": [{"name": "manual"}, {"name": "automatic", "from": "2026-07-01T00:00:00Z"}],
    "link": {"min_age_days": 30, "one_card": True},
    "limits": LIMITS,
    "rates": [{"name": "gold", "when": {"tiers": ["gold"]}, "bands": [GOLD]}],
}


@pytest.mark.parametrize(
    ("wrong", "code", "rule", "told", "fits"),
    [
        ({"at": NOW.replace(year=2025)}, "corridor_closed", "validity", "begins at 2026-01-01", ()),
        ({"at": NOW.replace(year=2027)}, "corridor_closed", "validity", "ended at 2027-01-01", ()),
        ({"channel": None}, "channel_closed", "channels", "open at this instant: manual", ()),
        ({"channel": "automatic"}, "channel_closed", "channels", "open at this instant: manual", ()),
        ({"linked_elsewhere": True}, "already_linked", "link", "one card to one account", ()),
        ({"link_age_days": 29}, "link_too_new", "link", "30 days; 1 more to wait", ()),
        ({"link_age_days": None}, "link_too_new", "link", "not known", ()),
        ({"tier": None}, "rate_missing", "rates", "tier gold", ()),
        ({"points": 0}, "below_minimum", "gold", "300", (300,)),
        ({"points": 6_001, "used": Used()}, "limit_exceeded", "day", "leaves 3,000", (3_000,)),
        ({"points": 301}, "amount_off_step", "gold", "300 or 600", (300, 600)),
        ({"points": 1_200, "used": Used(day=2_000)}, "limit_exceeded", "day", "leaves 1,000", (900,)),
        ({"points": 899, "used": Used(day=2_200)}, "amount_off_step", "gold", "amount: 600", (600,)),
        ({"points": 600, "used_program": Used(year=8_600)}, "limit_exceeded", "all", "leaves 400", (300,)),
        ({"points": 300, "used": Used(day=9_999)}, "limit_exceeded", "day", "leaves 0; none fits", ()),
        ({"points": None, "units": 400, "used": Used(day=2_000)}, "limit_exceeded", "day", "leaves 1,000", (300,)),
        ({"points": None, "units": 99}, "below_minimum", "gold", "100", (100,)),
        ({"points": None, "units": 101}, "amount_off_step", "gold", "100 or 200", (100, 200)),
    ],
)
def test_each_refusal_names_its_rule_and_what_would_fit(
    wrong: dict[str, object], code: str, rule: str, told: str, fits: tuple[int, ...]
) -> None:
    card = _read(STRICT)
    right = Ask(NOW, 300, tier="gold", channel="manual", link_age_days=30)
    assert isinstance(price(card, right), Priced)
    found = price(card, replace(right, **wrong))  # type: ignore[arg-type] # a table of fields
    assert isinstance(found, Refusal)
    assert (found.code, found.rule, found.next_valid) == (code, rule, fits)
    assert told in found.detail


@pytest.mark.parametrize(
    "wrong",
    [{"points": None}, {"points": 1, "units": 1}, {"points": True}, {"points": 1.0}, {"at": NOW.replace(tzinfo=None)}],
)
def test_what_is_no_question_is_an_error(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"price is asked|instant has a zone"):
        replace(Ask(NOW, 300), **wrong)  # type: ignore[arg-type]


def test_a_bonus_for_a_segment_is_given_to_whoever_is_on_its_list() -> None:
    bonus = {
        "name": "spring",
        "when": {"segments": ["welcome", "lapsed"]},
        "flat": 100,
        "funders": [{"code": "palm", "share": {"num": 1, "den": 1}}],
    }
    found = read_card({**json.loads((FIXTURES / "own-block.json").read_text()), "bonuses": [bonus]})
    assert isinstance(found, Card), found
    for segments, units in (((), 0), (("others",), 0), (("lapsed",), 100), (("others", "welcome", "lapsed"), 100)):
        priced = price(found, Ask(datetime(2026, 6, 1, tzinfo=UTC), points=1_000, segments=frozenset(segments)))
        assert isinstance(priced, Priced)
        assert sum(part.units for part in priced.bonus) == units


def test_two_segments_may_hold_for_one_member_so_neither_rate_goes_first() -> None:
    band = {"block": 1_000, "ratio": {"points": 1_000, "units": 330}}
    rates = [{"name": name, "when": {"segments": [name]}, "bands": [band]} for name in ("welcome", "lapsed")]
    document = {**json.loads((FIXTURES / "own-block.json").read_text()), "rates": rates}
    document.pop("examples")
    found = read_card(document)
    assert isinstance(found, Fault)
    assert found.law is Law.AMBIGUOUS
