"""Worked checks: what published corridors and our own give, each figure computed by hand."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from clearing.rules.asks import Ask, Priced, Used
from clearing.rules.card_json import read_card
from clearing.rules.cards import Card
from clearing.rules.pricing import price
from clearing.rules.refusals import Refusal
from clearing.rules.shares import pro_rata_draw
from clearing.rules.trips import RoundTrip, round_trip
from clearing.rules.units import Ratio
from clearing.rules.versions import Change, ChangeKind, announced, card_in_force

CARDS = Path(__file__).parent / "cards"


@cache
def card(name: str) -> Card:
    found = read_card(json.loads((CARDS / f"{name}.json").read_text()))
    assert isinstance(found, Card), found
    return found


def on(day: str) -> datetime:
    return datetime.fromisoformat(day).replace(tzinfo=UTC)


def ask(name: str, points: int, **who: Any) -> Ask:
    return replace(Ask(card(name).span.begins, points), **who)


def priced(name: str, points: int, **who: Any) -> Priced:
    found = price(card(name), ask(name, points, **who))
    assert isinstance(found, Priced), found
    return found


MANUAL, AUTOMATIC = {"channel": "manual"}, {"channel": "automatic"}
LATER = {"at": on("2026-02-23")}
METAL = {"channel": "manual", "card": "metal", "tier": "gold", "link_age_days": 30}


@pytest.mark.parametrize(
    ("name", "points", "who", "sent", "base", "received"),
    [
        ("f01-hotel-to-airline", 3_000, {}, 3_000, 1_000, 1_000),
        ("f01-hotel-to-airline", 59_999, {}, 59_997, 19_999, 19_999),
        ("f01-hotel-to-airline", 60_000, {}, 60_000, 20_000, 25_000),
        ("f01-hotel-to-airline", 119_999, {}, 119_997, 39_999, 44_999),
        ("f01-hotel-to-airline", 120_000, {}, 120_000, 40_000, 50_000),
        ("f01-other-ratio", 60_199, {}, 60_000, 300, 5_300),
        ("f01-third-ratio", 60_005, {}, 60_000, 10_000, 10_000),
        ("f01-bonus-ended", 60_000, {"at": on("2022-10-30")}, 60_000, 20_000, 25_000),
        ("f01-bonus-ended", 60_000, {"at": on("2022-10-31")}, 60_000, 20_000, 20_000),
        ("f01-bonus-ended-later", 60_000, {"at": on("2022-10-31")}, 60_000, 20_000, 25_000),
        ("f02-minimum-then-step", 6_250, {}, 6_250, 2_500, 2_500),
        ("f02-minimum-then-step", 50_000, {}, 50_000, 20_000, 25_000),
        ("f02-minimum-then-step", 100_000, {}, 100_000, 40_000, 50_000),
        ("f03-block", 10_000, {}, 10_000, 2_000, 2_000),
        ("f04-ratio-850", 30_000, {}, 30_000, 2_550, 2_550),
        ("f04-ratio-1500", 30_000, {}, 30_000, 4_500, 4_500),
        ("f05-fraction", 8_000, {}, 8_000, 6_400, 6_400),
        ("f05-thirteen-and-a-half", 100, {}, 81, 6, 6),
        ("f08-closing", 500, {"at": on("2021-01-17")}, 500, 1_200, 1_200),
        ("f09-version-2", 1_000, {"at": on("2023-05-15")}, 1_000, 500, 575),
        ("f13-there", 2, {}, 2, 1, 1),
        ("f13-back", 3_000, {}, 3_000, 1_500, 1_500),
        ("f13-back", 9_000, {}, 9_000, 4_500, 4_500),
        ("f13-back", 10_000, {}, 10_000, 10_000, 10_000),
        ("f17-by-card", 400, {"card": "centurion"}, 400, 250, 250),
        ("f17-by-card", 450, {"card": "gold"}, 450, 250, 250),
        ("f17-by-card", 500, {"card": "centurion", **LATER}, 500, 250, 250),
        ("f17-by-card", 1_100, LATER, 1_100, 500, 500),
        ("f18-automatic-above", 17_500, AUTOMATIC, 17_500, 35_000, 35_000),
        ("f18-by-tier", 69_000, {"tier": "personal"}, 69_000, 20_000, 20_000),
        ("f20-late-bonus", 10_000, {}, 10_000, 10_000, 10_000),
        ("f21-two-to-one-and-a-half", 1_003, {}, 1_000, 750, 750),
        ("f21-five-to-three", 1_009, {}, 1_005, 603, 603),
        ("f22-bonus-by-tier", 3_000, {"tier": "gold", "at": on("2026-02-01")}, 3_000, 2_000, 2_800),
        ("f23-link-age-2", 1, {"link_age_days": 30}, 1, 1, 1),
        ("f25-between-members", 5_001, {}, 5_001, 5_001, 5_001),
        ("f26-daily-cap", 190, {"used": Used(day=6_935)}, 190, 2_000, 2_000),
        ("f27-bonus-per-20000", 39_999, {}, 39_999, 39_999, 44_999),
        ("own-bonus-capped", 1_900, {}, 1_900, 1_900, 1_900),
        ("own-bonus-capped", 9_000, {}, 9_000, 9_000, 9_600),
        ("own-bands", 900, {}, 900, 450, 450),
        ("own-bands", 5_000, {}, 5_000, 5_000, 5_000),
        ("own-bands", 10_000, {}, 10_000, 4_000, 4_000),
        ("own-override", 10_000, {}, 10_000, 8_000, 8_800),
        ("own-tiers", 1_000, {"tier": "gold"}, 1_000, 500, 650),
        ("own-campaign", 1_000, {"first": True}, 1_000, 1_000, 1_500),
        ("own-cards-held", 600, {"card": "metal", "tier": "gold"}, 600, 500, 500),
        ("own-channel-dates", 100, {**MANUAL, "at": on("2026-08-01")}, 100, 50, 50),
        ("own-complex", 99_999, METAL, 99_950, 45_977, 45_977 + 3_000 + 2_250 + 6_896),
    ],
)  # fmt: skip
def test_worked_checks(name: str, points: int, who: dict[str, Any], sent: int, base: int, received: int) -> None:
    found = priced(name, points, **who)
    assert (found.sent, found.base, found.received) == (sent, base, received)
    assert found.sent + found.remainder == points, "what a step leaves stays with the member"


@pytest.mark.parametrize(
    ("name", "points", "who", "code", "fits"),
    [
        ("f01-hotel-to-airline", 2_999, {}, "below_minimum", (3_000,)),
        ("f02-minimum-then-step", 6_000, {}, "amount_off_step", (5_000, 6_250)),
        ("f05-blocks-of-6000", 4_000, {}, "below_minimum", (6_000,)),
        ("f05-most", 4_000, {"linked_elsewhere": True}, "already_linked", ()),
        ("f08-closing", 250, {"at": on("2021-01-18")}, "corridor_closed", ()),
        ("f13-back", 9_500, {}, "amount_off_step", (9_000, 10_000)),
        ("f13-back", 2_000, {}, "below_minimum", (3_000,)),
        ("f18-automatic-above", 12_500, AUTOMATIC, "below_minimum", (15_000,)),
        ("f18-by-tier", 25_000, {}, "rate_missing", ()),
        ("f23-link-age-1", 1, {"link_age_days": 30}, "link_too_new", ()),
        ("f25-between-members", 100_001, {}, "above_maximum", (100_000,)),
        ("f26-daily-cap", 285, {"used": Used(day=6_935)}, "limit_exceeded", (190,)),
        ("f26-daily-cap", 95, {"used_program": Used(day=7_125)}, "limit_exceeded", ()),
        ("own-block", 24_500, {}, "amount_off_step", (24_000, 25_000)),
        ("own-minimum-then-step", 60_501, {}, "above_maximum", (60_000,)),
        ("own-bands", 950, {}, "amount_off_step", (900, 1_000)),
        ("own-closing", 100, {**AUTOMATIC, "at": on("2026-11-01")}, "channel_closed", ()),
        ("own-limits", 5_100, {}, "limit_exceeded", (5_000,)),
        ("own-limits", 500, {"used": Used(day=7_700)}, "limit_exceeded", (300,)),
        ("own-limits", 500, {"used": Used(month=19_900)}, "limit_exceeded", (100,)),
        ("own-limits", 500, {"used": Used(year=99_800)}, "limit_exceeded", (200,)),
        ("own-limits", 500, {"used": Used(year=90_000), "used_program": Used(year=119_999)}, "limit_exceeded", ()),
    ],
)  # fmt: skip
def test_worked_refusals(name: str, points: int, who: dict[str, Any], code: str, fits: tuple[int, ...]) -> None:
    found = price(card(name), ask(name, points, **who))
    assert isinstance(found, Refusal)
    assert (found.code, found.next_valid) == (code, fits)


# --- bonuses, fees, pools


def test_a_late_bonus_is_told_apart_from_what_arrives_and_paid_by_its_funder() -> None:
    found = priced("f20-late-bonus", 10_000)
    ((rule, funder, units, value, late),) = [(p.rule, p.funder, p.units, p.value, p.late_days) for p in found.bonus]
    assert (rule, funder, units, value, late) == ("december", "kite-air", 3_000, 30_000_000, 1)
    assert (found.received, found.late) == (10_000, 3_000)


def test_a_co_funded_bonus_is_shared_by_largest_remainder_in_units_and_in_value() -> None:
    found = priced("own-campaign", 1_000, at=on("2026-03-31"))
    assert [(p.funder, p.units, p.value) for p in found.bonus] == [
        ("ash-shop", 50, 500_000),
        ("ibis-air", 33, 333_333),
        ("birch-bank", 17, 166_667),
    ]


@pytest.mark.parametrize(
    ("name", "points", "who", "fees"),
    [
        ("f15-fees", 5_000, MANUAL, [("each", 0, 26_750_000)]),
        ("f15-fees", 500, AUTOMATIC, [("yearly", 0, 43_200_000)]),
        ("f15-fees", 500, {**AUTOMATIC, "used": Used(year=500)}, [("yearly", 0, 0)]),
        ("f15-fees", 500, {**AUTOMATIC, "used": Used(year=500), "year_paid": False}, [("yearly", 0, 43_200_000)]),
        ("f15-fees", 500, {**AUTOMATIC, "year_paid": True}, [("yearly", 0, 0)]),
        ("own-fees", 100, {}, [("each", 0, 1_500_000), ("yearly", 25, 0)]),
        ("own-fee-per-point", 100, {}, [("excise", 0, 60_000)]),
        ("own-fee-per-point", 164_900, {}, [("excise", 0, 98_940_164)]),
        ("own-fee-per-point", 165_000, {}, [("excise", 0, 99_000_000)]),
        ("own-fee-per-point", 9_000_000, {}, [("excise", 0, 99_000_000)]),
        ("own-fee-per-point", 9_000_000, {"at": on("2026-06-30")}, [("excise", 0, 0)]),
    ],
)  # fmt: skip
def test_worked_fees(name: str, points: int, who: dict[str, Any], fees: list[tuple[str, int, int]]) -> None:
    found = priced(name, points, **who)
    assert [(fee.rule, fee.points, fee.value) for fee in found.fees] == fees


def test_a_fee_says_why_it_is_less_than_its_rate() -> None:
    assert [fee.capped for fee in priced("own-fee-per-point", 164_900).fees] == [False]
    assert [fee.capped for fee in priced("own-fee-per-point", 165_000).fees] == [True]
    (waived,) = priced("own-fee-per-point", 165_000, at=on("2026-06-01")).fees
    assert (waived.waived, waived.capped) == (True, False)


def test_a_pool_is_drawn_pro_rata() -> None:
    """F24: the card says that the source may be a pool; its price is the same, and each member gives in proportion."""
    found = priced("f24-pooled", 1_000)
    pool = card("f24-pooled").pool
    assert pool is not None
    assert pool.members_most == 7
    assert pro_rata_draw(found.sent, [3_000, 2_000, 1_000, 1]) == (500, 333, 167, 0)


# --- pairs and versions


def trip(name: str, back: str, points: int, day: str) -> RoundTrip:
    found = round_trip(card(name), card(back), ask(name, points, at=on(day)))
    assert isinstance(found, RoundTrip), found
    return found


def test_the_round_trip_of_f6_loses_three_eighths_also_where_blocks_let_nothing_back() -> None:
    small, large = (
        trip("f06-there", "f06-back-3", 400, "2024-03-11"),
        trip("f06-there", "f06-back-3", 3_200, "2024-03-11"),
    )
    assert (small.received, small.sent_back, small.left, small.returned) == (250, 0, 250, 0)
    assert small.refusal is not None
    assert small.refusal.next_valid == (400,)
    assert (large.received, large.sent_back, large.left, large.returned) == (2_000, 2_000, 0, 2_000)
    assert str(small.lost) == str(large.lost) == "3/8"
    assert (small.lost_points, large.lost_points) == (150, 1_200)


def test_a_round_trip_at_the_old_rate_loses_nothing_and_at_the_second_one_sixth() -> None:
    assert trip("f06-there", "f06-back-1", 400, "2022-01-01").lost == 0
    later = trip("f06-there", "f06-back-2", 4_800, "2023-01-01")
    assert (later.received, later.returned, later.left, str(later.lost)) == (3_000, 4_000, 0, "1/6")


def test_what_the_way_back_leaves_is_shown_and_a_gain_is_a_loss_below_zero() -> None:
    found = trip("own-there", "own-back", 110, "2026-06-01")
    assert (found.received, found.sent_back, found.left, found.returned) == (77, 75, 2, 90)
    assert str(found.lost) == "4/25"  # 1 - 7/10 × 6/5
    other = trip("own-back", "own-there", 100, "2026-06-01")
    assert (other.received, other.returned, str(other.lost)) == (120, 84, "4/25")
    band = replace(card("own-back").rates[0].bands[0], ratio=Ratio(2, 1))
    generous = replace(card("own-back"), rates=(replace(card("own-back").rates[0], bands=(band,)),))
    gain = round_trip(card("own-there"), generous, ask("own-there", 100))
    assert isinstance(gain, RoundTrip)
    assert (str(gain.lost), gain.lost_points) == ("-2/5", -40)


def test_a_way_back_that_is_closed_has_no_loss_and_one_that_is_none_is_an_error() -> None:
    closed = trip("f06-there", "f06-back-3", 400, "2023-01-01")
    assert (closed.lost, closed.lost_points) == (None, None)
    assert closed.refusal is not None
    assert closed.refusal.code == "corridor_closed"
    with pytest.raises(ValueError, match="way back"):
        round_trip(card("f06-there"), card("f06-there"), ask("f06-there", 400))
    refused = round_trip(card("f06-there"), card("f06-back-1"), ask("f06-there", 401))
    assert isinstance(refused, Refusal)


BACK = [card(f"f06-back-{version}") for version in (1, 2, 3)]


@pytest.mark.parametrize(
    ("day", "version"),
    [
        ("2021-01-24", None),
        ("2021-01-25", 1),
        ("2022-11-15", 1),
        ("2022-11-16", 2),
        ("2024-03-11", 3),
        ("2030-01-01", 3),
    ],
)
def test_the_version_that_began_last_is_in_force(day: str, version: int | None) -> None:
    found = card_in_force(reversed(BACK), on(day))
    assert (found.version if found else None) == version


def test_a_version_that_has_ended_does_not_give_way_to_an_earlier_one() -> None:
    short = replace(BACK[1], span=replace(BACK[1].span, ends=on("2023-01-01")))
    assert card_in_force([BACK[0], short], on("2022-12-31")) is short
    assert card_in_force([BACK[0], short], on("2023-01-01")) is None


def told_at(cards: list[Card], day: str) -> list[tuple[str, str, str, str]]:
    return told(announced(cards, on(day)))


def told(changes: tuple[Change, ...]) -> list[tuple[str, str, str, str]]:
    return [(change.kind.value, change.part, change.name, change.at.date().isoformat()) for change in changes]


def test_a_change_is_announced_from_the_day_of_its_announcement_until_it_happens() -> None:
    assert announced(BACK, on("2022-10-15")) == ()
    (change,) = announced(BACK, on("2022-10-16"))
    assert (change.kind, change.version, change.parts) == (ChangeKind.VERSION_BEGINS, 2, ("rates",))
    assert (change.at, change.announced_at) == (on("2022-11-16"), on("2022-10-16"))
    assert announced(BACK, on("2022-11-16")) == ()


def test_windows_inside_a_version_are_changes_too() -> None:
    cards = [card("own-channel-dates"), card("own-closing"), card("own-fee-per-point")]
    assert told_at(cards, "2026-06-15") == [
        ("begins", "rates", "automatic", "2026-07-01"),
        ("ends", "rates", "automatic-until", "2026-07-01"),
        ("ends", "waivers", "excise", "2026-07-01"),
        ("begins", "rates", "manual", "2026-08-01"),
        ("ends", "rates", "manual-until", "2026-08-01"),
        ("ends", "channels", "automatic", "2026-11-01"),
        ("corridor_closes", "", "", "2026-12-01"),
    ]  # fmt: skip


def test_a_version_that_is_replaced_before_changes_nothing_more() -> None:
    old = card("own-channel-dates")
    new = replace(old, version=2, span=replace(old.span, begins=on("2026-07-15")), rates=old.rates[:1], bonuses=())
    assert told_at([new, old], "2026-06-15") == [
        ("begins", "rates", "automatic", "2026-07-01"),
        ("ends", "rates", "automatic-until", "2026-07-01"),
        ("version_begins", "", "", "2026-07-15"),
        *[found for found in told_at([new], "2026-07-15") if found[3] > "2026-07-15"],
    ]
    assert next(change.parts for change in announced([new, old], on("2026-07-02"))) == ("rates",)
