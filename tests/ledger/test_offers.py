"""What a partner does alone is priced purely: by the price in force when it asks, never by when it happened; and what stands in the way."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from clearing import exchange
from clearing.adapter import Capabilities
from clearing.exchange import Deed, Offer, Wish
from clearing.partners import Account, Directory, Program
from clearing.rules.agreement_json import read_agreement
from clearing.rules.agreements import Agreement
from clearing.rules.card_json import read_card
from clearing.rules.cards import Card
from clearing.rules.kinds import Nature
from clearing.rules.lifecycle import Kind, Path
from clearing.rules.limits import Used
from clearing.rules.members import Consent, Link
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import Ratio
from tests.agreed import card, document

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CAN = Capabilities(hold_seconds=900, idempotent=True, look_up=True, reversal=True, batch=100, longest_seconds=60)
MILES = Program("miles", 1, "air", 1, "Miles", "MILE", "house_json", "http://127.0.0.1:9001", CAN)
MEMBER = Account(0, UUID(int=9), "miles", "****", NOW)
RIGHTS = [{"program": "miles", "kind": kind} for kind in ("accrual", "redemption")]


def agreement(partner: str, version: int, at: datetime, **more: Any) -> Agreement:
    found = read_agreement(document(partner, at, **more), version, at)
    assert isinstance(found, Agreement), found
    return found


AIR = tuple(
    agreement("air", number, NOW + ahead, prices={"miles": (Ratio(issue, 2), Ratio(issue, 3))})
    for number, ahead, issue in ((1, -100 * DAY, 18_001), (2, -DAY, 20_000), (3, DAY, 30_000))
)
CORNER = agreement("corner", 1, NOW - 200 * DAY, rights=RIGHTS)
CONSENT = Consent(("redemption",), ("corner",), "air", "key", UUID(int=1), NOW)
LINK = Link(0, UUID(int=2), "miles", MEMBER.account, "points", UUID(int=3), False, NOW, consent=CONSENT)


def directory(program: Program = MILES, corner: Agreement = CORNER) -> Directory:
    return Directory({}, {"miles": program}, {}, {"air": AIR, "corner": (corner,)})


def offered(now: datetime = NOW, program: Program = MILES, **changes: Any) -> Offer | Refusal:
    deed = replace(Deed(Kind.ACCRUAL, "corner", MEMBER, 101, links=(LINK,)), **changes)
    return exchange.offer(deed, directory(program), now)


def priced(now: datetime = NOW, **changes: Any) -> Offer:
    found = offered(now, **changes)
    assert isinstance(found, Offer), found
    return found


@pytest.mark.parametrize("occurred", [None, NOW, NOW - 2 * DAY, NOW - 99 * DAY])
def test_an_issue_costs_what_it_costs_on_the_day_it_is_issued(occurred: datetime | None) -> None:
    found = priced(occurred_at=occurred)
    assert (found.terms_version, found.terms.debit, found.terms.credit) == ("agreement 2", 1_010_000, 1_010_000)


@pytest.mark.parametrize(
    ("now", "version", "debit", "credit"),
    [
        (NOW - DAY - timedelta(microseconds=1), "agreement 1", 909_051, 909_050),
        (NOW - DAY, "agreement 2", 1_010_000, 1_010_000),
        (NOW + DAY, "agreement 3", 1_515_000, 1_515_000),
    ],
)
def test_a_price_holds_from_its_first_instant_on(now: datetime, version: str, debit: int, credit: int) -> None:
    terms = priced(now).terms
    assert (priced(now).terms_version, terms.debit, terms.credit, terms.fee) == (version, debit, credit, debit - credit)


def test_points_spent_are_priced_at_what_they_redeem_for() -> None:
    terms = priced(kind=Kind.REDEMPTION).terms
    assert (terms.sent, terms.received, terms.debit, terms.credit) == (101, 0, 673_334, 673_333)


def test_each_deed_takes_its_path() -> None:
    spend: dict[str, Any] = {"kind": Kind.REDEMPTION}
    assert [priced().path, priced(**spend).path, priced(**spend, later=True).path] == [
        Path.ISSUED,
        Path.CHARGED,
        Path.AUTHORISED,
    ]


def test_a_hold_can_be_captured_while_the_slowest_capture_still_finds_it() -> None:
    found = priced(kind=Kind.REDEMPTION, later=True)
    assert found.capture_by == NOW + timedelta(seconds=900 - 60 - 60)
    assert priced(kind=Kind.REDEMPTION).capture_by is None
    for seconds, offers in ((120, False), (121, True)):
        short = replace(MILES, capabilities=replace(CAN, hold_seconds=seconds))
        held = offered(program=short, kind=Kind.REDEMPTION, later=True)
        assert isinstance(held, Offer) is offers
        assert offers or held.code is RefusalCode.HOLD_NOT_OFFERED  # type: ignore[union-attr]


IN_ORDER: list[tuple[RefusalCode, dict[str, Any], dict[str, Any]]] = [
    (RefusalCode.ACCOUNT_CLOSED, {"account": replace(MEMBER, closed_at=NOW)}, {}),
    (RefusalCode.CHANNEL_NOT_GRANTED, {"partner": "kiosk"}, {}),
    (RefusalCode.KIND_MISMATCH, {}, {"nature": Nature.CHARITY}),
    (RefusalCode.CONSENT_MISSING, {"links": ()}, {}),
    (RefusalCode.HOLD_NOT_OFFERED, {"later": True}, {"capabilities": replace(CAN, hold_seconds=0)}),
    (RefusalCode.ABOVE_MAXIMUM, {"points": 2**53 - 1}, {}),
]


def test_refusals_come_in_their_stated_order() -> None:
    deed: dict[str, Any] = {"kind": Kind.REDEMPTION}
    program = MILES
    for code, changes, differs in reversed(IN_ORDER):
        deed, program = deed | changes, replace(program, **differs)
        found = offered(program=program, **deed)
        assert isinstance(found, Refusal)
        assert found.code is code


def test_before_the_first_price_there_is_none() -> None:
    found = offered(NOW - 101 * DAY)
    assert isinstance(found, Refusal)
    assert found.code is RefusalCode.PRICE_MISSING


@pytest.mark.parametrize(
    "link",
    [
        replace(LINK, ended_at=NOW),
        replace(LINK, consent=None),
        replace(LINK, consent=replace(CONSENT, withdrawn_at=NOW)),
        replace(LINK, consent=replace(CONSENT, scope=("exchange", "accrual"))),
        replace(LINK, consent=replace(CONSENT, channels=("kiosk",))),
        replace(LINK, source_account=UUID(int=3), target_account=MEMBER.account),
    ],
    ids=["ended", "none", "withdrawn", "scope", "channel", "the other way round"],
)
def test_only_a_live_consent_of_this_account_for_this_lets_points_be_spent(link: Link) -> None:
    found = offered(kind=Kind.REDEMPTION, links=(link,))
    assert isinstance(found, Refusal)
    assert found.code is RefusalCode.CONSENT_MISSING
    assert isinstance(offered(kind=Kind.REDEMPTION, links=(link, LINK)), Offer)


def test_issuing_needs_no_consent() -> None:
    assert isinstance(offered(links=()), Offer)


@pytest.mark.parametrize("kind", [Kind.ACCRUAL, Kind.REDEMPTION])
def test_the_fee_of_the_house_is_paid_by_who_pays(kind: Kind) -> None:
    fees = [{"kind": str(kind), "basis_points": 100, "minimum": 0, "maximum": 10**6}]
    corner = agreement("corner", 1, NOW - 200 * DAY, rights=RIGHTS, fees=fees)
    air = tuple(replace(one, fees=corner.fees) for one in AIR)
    deed = Deed(kind, "corner", MEMBER, 101, links=(LINK,))
    plain, charged = (
        exchange.offer(deed, Directory({}, {"miles": MILES}, {}, {"air": theirs, "corner": (ours,)}), NOW)
        for theirs, ours in ((AIR, CORNER), (air, corner) if kind is Kind.REDEMPTION else (AIR, corner))
    )
    assert isinstance(plain, Offer)
    assert isinstance(charged, Offer)
    fee = -(-plain.terms.debit // 100)
    assert charged.terms.debit - plain.terms.debit == charged.terms.fee - plain.terms.fee == fee
    assert charged.terms.credit == plain.terms.credit


LIMITS = [
    {"name": "once", "per": "exchange", "over": "program", "most": 900},
    {"name": "day", "per": "day", "over": "program", "most": 2_000, "period": "rolling"},
    {"name": "corridor", "per": "day", "over": "corridor", "most": 1_000, "period": "rolling"},
]


def limited(source: str, target: str) -> Card:
    found = read_card(card(source, target, Ratio(1, 1), NOW - DAY, limits=LIMITS))
    assert isinstance(found, Card), found
    return found


def test_points_spent_are_held_against_what_cards_say_of_all_that_leaves_the_program() -> None:
    cards = {("miles", "points"): (limited("miles", "points"),), ("points", "miles"): (limited("points", "miles"),)}
    known = replace(directory(), cards=cards)
    spent = exchange.offer(Deed(Kind.REDEMPTION, "corner", MEMBER, 101, links=(LINK,)), known, NOW)
    issued = exchange.offer(Deed(Kind.ACCRUAL, "corner", MEMBER, 101), known, NOW)
    assert isinstance(spent, Offer)
    assert isinstance(issued, Offer)
    assert [(one.rule, one.since, one.points, one.target) for one in spent.limits] == [
        ("once", None, 900, None),
        ("day", NOW - DAY, 2_000, None),
    ]
    assert issued.limits == ()


def gift(least: int = 500, **more: Any) -> Any:
    """A quote of a gift, in a program whose card with itself says more."""
    one = {"points": 1, "units": 1}
    rates = [{"name": "base", "bands": [{"minimum": least, "step": 500, "maximum": 2_000, "ratio": one}]}]
    found = read_card(card("miles", "miles", Ratio(1, 1), NOW - DAY, rates=rates, **more))
    assert isinstance(found, Card), found
    known = replace(directory(), cards={("miles", "miles"): (found,)})
    other = replace(MEMBER, account=UUID(int=10))
    return exchange.quote(Wish("air", MEMBER, other, 1_500, None, kind=Kind.GIFT), known, NOW, UUID(int=11))


def test_a_gift_keeps_the_amounts_and_limits_of_its_programs_card_with_itself() -> None:
    found = gift(limits=LIMITS[1:2])
    assert (found.terms.sent, found.terms.received, found.terms.debit) == (1_500, 1_500, 0)
    assert [(one.rule, one.points) for one in found.limits] == [("day", 2_000)]
    assert gift(2_000).code is RefusalCode.BELOW_MINIMUM
    assert gift(limits=LIMITS[:1]).code is RefusalCode.LIMIT_EXCEEDED


# --- what a year's fee, and a limit of another card, make of an exchange

POINTS = Program("points", 2, "shop", 2, "Points", "POINT", "house_json", "http://127.0.0.1:9002", CAN)
OTHER = Account(0, UUID(int=12), "points", "****", NOW)
SHOPS = (agreement("shop", 1, NOW - 100 * DAY, prices={"points": (Ratio(1_000, 1), Ratio(1_000, 1))}),)
YEARLY: dict[str, Any] = {"fees": [{"name": "yearly", "in": "value", "per_year": 25, "owed_to": "house"}]}


def across(*cards: Card, at: datetime = NOW, used: tuple[Used, ...] = ()) -> Any:
    """A quote from miles to points under the first of these cards."""
    filed = {(one.source, one.target): (one,) for one in cards}
    known = Directory({}, {"miles": MILES, "points": POINTS}, filed, {"air": AIR, "shop": SHOPS})
    wish = Wish("air", MEMBER, OTHER, 100, None, used=used)
    assert used == () or exchange.needs_usage(wish, known, at)
    return exchange.quote(wish, known, at, UUID(int=13))


def yearly() -> Card:
    found = read_card(card("miles", "points", Ratio(1, 1), NOW - 99 * DAY, **YEARLY))
    assert isinstance(found, Card), found
    return found


@pytest.mark.parametrize(
    ("sent_at", "to", "fee"),
    [
        (datetime(2026, 1, 1, tzinfo=UTC), "points", 0),
        (datetime(2025, 12, 31, 23, 59, tzinfo=UTC), "points", 25),
        (NOW - DAY, "elsewhere", 25),
    ],
)
def test_a_yearly_fee_is_charged_with_the_first_exchange_of_the_corridor_in_the_year(
    sent_at: datetime, to: str, fee: int
) -> None:
    first = across(yearly())
    assert [(one.rule, one.value) for one in first.charges] == [("yearly", 25)]
    later = across(yearly(), used=(Used(sent_at, 100, "miles", to),))
    assert (sum(one.value for one in later.charges), later.terms.fee) == (fee, first.terms.fee - 25 + fee)


def test_of_two_quotes_that_charge_the_fee_of_one_year_the_books_take_one() -> None:
    (limit,) = across(yearly()).limits
    assert (limit.rule, limit.since, limit.count, limit.target) == (
        "yearly",
        datetime(2026, 1, 1, tzinfo=UTC),
        1,
        "points",
    )
    assert across(yearly(), used=(Used(NOW - DAY, 100, "miles", "points"),)).limits == ()


def test_an_exchange_is_held_against_what_other_cards_say_of_all_that_leaves_the_program() -> None:
    plain = read_card(card("miles", "points", Ratio(1, 1), NOW - DAY))
    assert isinstance(plain, Card)
    found = across(plain, limited("miles", "elsewhere"), limited("miles", "faraway"), limited("points", "miles"))
    assert [(one.rule, one.since, one.points, one.target) for one in found.limits] == [
        ("once", None, 900, None),
        ("day", NOW - DAY, 2_000, None),
    ]
    own = across(limited("miles", "points")).limits
    assert [(one.rule, one.target) for one in own] == [("day", None), ("corridor", "points")]
