"""Laws of published rate cards under agreed prices: dated, funded, under two keys, without circles that multiply points."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from psycopg import AsyncConnection

from clearing import database, errors, partners
from clearing.adapter import Capabilities
from clearing.partners.funding import best_ratio
from clearing.rules.agreements import Agreement
from clearing.rules.asks import Ask
from clearing.rules.card_json import read_card
from clearing.rules.cards import Card, Values
from clearing.rules.pricing import price
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import Ratio
from tests.agreed import BOTH, agreed, card, carded

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CAN = Capabilities(hold_seconds=900, idempotent=True, look_up=True, reversal=True, batch=100, longest_seconds=60)
ONE = Ratio(1, 1)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with await database.connect(database_url) as opened:
        await opened.set_autocommit(True)
        yield opened


async def _world(connection: AsyncConnection, *programs: str) -> None:
    """Each program under a partner of its own, of the same code."""
    given: dict[str, Any] = {"unit_name": "mile", "adapter": "house_json", "endpoint": "http://127.0.0.1:9001"}
    for code in programs:
        await partners.register_partner(connection, code, code, NOW)
        await partners.register_program(connection, code, code, name=code, capabilities=CAN, now=NOW, **given)


async def _corridor(connection: AsyncConnection, source: str, target: str, ratio: Ratio = ONE, **changes: Any) -> Any:
    return await carded(connection, source, target, ratio, now=NOW, **changes)


async def _price(connection: AsyncConnection, program: str, issue: int, redeem: int, at: datetime = NOW) -> Any:
    return await agreed(connection, program, at, {program: (Ratio(issue, 1), Ratio(redeem, 1))}, now=NOW)


# --- cards


async def test_of_simultaneous_publications_of_one_version_one_wins(
    database_url: str, connection: AsyncConnection
) -> None:
    await _world(connection, "air", "hotel")
    async with database.pool(database_url, size=4) as pool:

        async def one(days: int) -> Any:
            async with pool.connection() as own:
                document = card("hotel", "air", ONE, NOW, valid_from=(NOW + days * DAY).isoformat())
                return await partners.publish_card(own, document, NOW)

        told = await asyncio.gather(*(one(days) for days in range(1, 9)))
    refused = [one.code for one in told if isinstance(one, Refusal)]
    assert refused == [RefusalCode.VERSION_TAKEN] * 7


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"valid_to": NOW.isoformat()}, "$.valid_to"),
        ({"rates": []}, "$.rates"),
        ({"band": {"block": 0}}, "$.rates[0]"),
        ({"band": {"block": 2**53}}, "$.rates[0]"),
        ({"announced_at": (NOW + DAY).isoformat(), "valid_from": (NOW + DAY).isoformat()}, "$.announced_at"),
        (
            {"limits": [{"name": "x", "per": "day", "over": "corridor", "most": 5, "zone": "Mars/Base"}]},
            "$.limits[0].zone",
        ),
        (
            {"bonuses": [{"name": "x", "flat": 5, "funders": [{"code": "moon", "share": {"num": 1, "den": 1}}]}]},
            "$.bonuses[0].funders",
        ),
        ({"surprise": 1}, "$"),
    ],
)
async def test_a_document_that_is_no_card_is_refused_with_the_place(
    connection: AsyncConnection, changes: dict[str, Any], named: str
) -> None:
    await _world(connection, "air", "hotel")
    with pytest.raises(errors.ValidationFailed) as refused:
        await partners.publish_card(connection, card("hotel", "air", Ratio(1, 2), NOW, **changes), NOW)
    assert named in refused.value.detail
    assert (await partners.load(connection)).cards == {}


async def test_a_card_of_programs_that_nobody_knows_is_refused(connection: AsyncConnection) -> None:
    await _world(connection, "air")
    refusal = await _corridor(connection, "air", "sea")
    assert refusal.code is RefusalCode.UNKNOWN_PROGRAM


async def test_a_published_card_is_never_edited_and_changes_by_two_keys_after_its_notice(
    connection: AsyncConnection,
) -> None:
    await _world(connection, "air", "hotel")
    first = card("hotel", "air", ONE, NOW, notice_days=30, announced_at=(NOW - 30 * DAY).isoformat())
    assert isinstance(await partners.publish_card(connection, first, NOW), Card)
    again = await partners.publish_card(connection, first, NOW)  # said again: the version it is
    assert isinstance(again, Card)
    assert again.version == 1
    later = card("hotel", "air", Ratio(1, 2), NOW, 2, valid_from=(NOW + 30 * DAY).isoformat())
    told = [
        await partners.publish_card(connection, document, NOW, signers)
        for document, signers in (
            (card("hotel", "air", Ratio(1, 2), NOW), BOTH),
            (card("hotel", "air", Ratio(1, 2), NOW, 2, valid_from=(NOW + 29 * DAY).isoformat()), BOTH),
            (later, None),
            (later, BOTH),
        )
    ]
    codes = [one.code if isinstance(one, Refusal) else None for one in told]
    assert codes == [
        RefusalCode.VERSION_TAKEN,
        RefusalCode.NOTICE_TOO_SHORT,
        RefusalCode.SECOND_KEY_NEEDED,
        None,
    ]
    directory = await partners.load(connection)
    assert [
        one and one.version for one in (directory.card("hotel", "air", NOW + days * DAY) for days in (-1, 0, 29, 30))
    ] == [
        None,
        1,
        1,
        2,
    ]


HALVES = [{"code": code, "share": {"num": 1, "den": 2}} for code in ("air", "hotel")]
WITH_HOUSE = [{"code": code, "share": {"num": 1, "den": 2}} for code in ("air", "house")]
AGREED = [{"campaign": "summer", "funders": [{"funder": "air", "ppm": 500_000}, {"funder": "hotel", "ppm": 500_000}]}]


@pytest.mark.parametrize(
    ("air", "hotel", "funders", "passes"),
    [
        (AGREED, AGREED, HALVES, True),
        (AGREED, [], HALVES, False),
        ([], [], HALVES, False),
        (AGREED, AGREED, [{"code": "air", "share": {"num": 1, "den": 1}}], False),
        ([{"campaign": "summer", "ppm": 500_000}], [], WITH_HOUSE, True),
        ([{"campaign": "summer", "ppm": 400_000}], [], WITH_HOUSE, False),
    ],
)
async def test_a_bonus_is_published_only_with_funders_that_agreed_to_their_shares(
    connection: AsyncConnection, air: Any, hotel: Any, funders: Any, *, passes: bool
) -> None:
    await _world(connection, "air", "hotel")
    for program, funding in (("air", air), ("hotel", hotel)):
        more = {"funding": funding} if funding else {}
        prices = {program: (Ratio(10, 1), Ratio(10, 1))}
        assert isinstance(await agreed(connection, program, NOW, prices, now=NOW, **more), Agreement)
    outcome = await _corridor(connection, "hotel", "air", bonuses=[{"name": "summer", "flat": 5, "funders": funders}])
    assert isinstance(outcome, Card) is passes
    assert passes or outcome.code is RefusalCode.UNFUNDED_VALUE


@pytest.mark.parametrize(
    ("ends", "funding", "passes"),
    [(None, AGREED, True), (None, [], False), (20, [], True), (21, [], False)],
)
async def test_a_funder_ends_a_campaign_no_earlier_than_the_card_does(
    connection: AsyncConnection, ends: int | None, funding: Any, *, passes: bool
) -> None:
    await _world(connection, "air", "hotel")
    prices = {code: {code: (Ratio(10, 1), Ratio(10, 1))} for code in ("air", "hotel")}
    for code, worth in prices.items():
        await agreed(connection, code, NOW, worth, now=NOW, funding=AGREED)
    when = {} if ends is None else {"when": {"to": (NOW + ends * DAY).isoformat()}}
    bonus = {"name": "summer", "flat": 5, "funders": HALVES, **when}
    assert isinstance(await _corridor(connection, "hotel", "air", bonuses=[bonus]), Card)
    outcome = await agreed(connection, "air", NOW + 20 * DAY, prices["air"], now=NOW, funding=funding)
    if passes:
        assert isinstance(outcome, Agreement)
    else:
        assert isinstance(outcome, Refusal)
        assert (outcome.code, "hotel to air" in outcome.detail) == (RefusalCode.UNFUNDED_VALUE, True)


@pytest.mark.parametrize(
    ("ratio", "more", "passes"),
    [
        (ONE, {}, True),
        (Ratio(1, 2), {}, False),
        (ONE, {"link": {"min_age_days": 1}}, False),
        (ONE, {"bonuses": [{"name": "summer", "flat": 5, "funders": HALVES}]}, False),
    ],
)
async def test_within_one_program_a_card_has_no_price(
    connection: AsyncConnection, ratio: Ratio, more: Any, *, passes: bool
) -> None:
    await _world(connection, "air", "hotel")
    await _price(
        connection, "air", 10, 8
    )  # what a point costs and what it pays play no part where it only changes hands
    if passes:
        assert isinstance(await _corridor(connection, "air", "air", ratio, **more), Card)
        assert isinstance(await _price(connection, "air", 12, 8, NOW + 99 * DAY), Agreement)
    else:
        with pytest.raises(errors.ValidationFailed):
            await _corridor(connection, "air", "air", ratio, **more)


@pytest.mark.parametrize(
    ("first", "second", "passes"),
    [
        ({}, {}, True),
        ({"late_days": 3}, {"late_days": 3}, True),
        ({}, {"late_days": 3}, False),
        ({"late_days": 1}, {"late_days": 3, "first_only": True}, False),
        ({"when": {"tiers": ["gold"]}}, {"late_days": 3, "when": {"tiers": ["blue"]}}, True),
        ({"when": {"segments": ["new"]}}, {"late_days": 3, "when": {"segments": ["old"]}}, False),
    ],
)
async def test_bonuses_that_could_be_given_together_arrive_on_one_day(
    connection: AsyncConnection, first: Any, second: Any, *, passes: bool
) -> None:
    await _world(connection, "air", "hotel")
    funding = [{"campaign": name, "ppm": 1_000_000} for name in ("one", "two")]
    for program in ("air", "hotel"):
        prices = {program: (Ratio(10, 1), Ratio(10, 1))}
        more = {"funding": funding} if program == "air" else {}
        await agreed(connection, program, NOW, prices, now=NOW, **more)
    funders = [{"code": "air", "share": {"num": 1, "den": 1}}]
    both = [
        {"name": "one", "flat": 5, "funders": funders} | first,
        {"name": "two", "flat": 5, "funders": funders} | second,
    ]
    if passes:
        assert isinstance(await _corridor(connection, "hotel", "air", bonuses=both), Card)
    else:
        with pytest.raises(errors.ValidationFailed, match="late_days"):
            await _corridor(connection, "hotel", "air", bonuses=both)


async def test_corridor_that_owes_more_than_is_paid_is_not_published(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel")
    await _price(connection, "air", 10, 8)
    await _price(connection, "hotel", 5, 4)
    refusal = await _corridor(connection, "hotel", "air", Ratio(1, 2))
    assert refusal.code is RefusalCode.UNFUNDED_VALUE
    assert "hotel to air" in refusal.detail
    found = await _corridor(connection, "hotel", "air", Ratio(2, 5))
    assert (found.version, best_ratio(found, NOW)) == (1, Fraction(2, 5))


async def test_later_price_change_is_seen_when_a_corridor_is_published(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel")
    await _price(connection, "air", 10, 10)
    await _price(connection, "hotel", 10, 10)
    await _price(connection, "air", 12, 10, NOW + 5 * DAY)
    refusal = await _corridor(connection, "hotel", "air")
    assert refusal.code is RefusalCode.UNFUNDED_VALUE
    assert (NOW + 5 * DAY).isoformat() in refusal.detail
    assert isinstance(await _corridor(connection, "hotel", "air", valid_to=NOW + 5 * DAY), Card)


async def test_circle_that_multiplies_points_is_not_published(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel", "shop")
    await _price(connection, "air", 10, 10)
    await _price(connection, "hotel", 10, 40)  # redeems far above its issue price: every hop is funded
    await _price(connection, "shop", 10, 10)
    assert isinstance(await _corridor(connection, "air", "hotel"), Card)
    assert isinstance(await _corridor(connection, "hotel", "shop"), Card)
    refusal = await _corridor(connection, "shop", "air", Ratio(1, 1))
    assert isinstance(refusal, Card)  # a circle of one to one gains nothing
    refusal = await _corridor(connection, "hotel", "air", Ratio(2, 1))
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.UNFUNDED_VALUE
    assert "air to hotel to air" in refusal.detail or "hotel to air to hotel" in refusal.detail


@given(
    redeem=st.fractions(0, 100, max_denominator=50),
    issue=st.fractions(0, 100, max_denominator=50),
    ratio=st.fractions(Fraction(1, 50), 50, max_denominator=50),
    blocks=st.integers(1, 10_000),
)
def test_funded_ratio_is_funded_for_every_amount(
    redeem: Fraction, issue: Fraction, ratio: Fraction, blocks: int
) -> None:
    exact = Ratio(ratio.numerator, ratio.denominator)
    found = read_card(card("hotel", "air", exact, NOW))
    assert isinstance(found, Card)
    values = Values(Ratio(redeem.numerator, redeem.denominator), Ratio(issue.numerator, issue.denominator))
    if best_ratio(found, NOW) == ratio and ratio * issue <= redeem:
        assert not isinstance(price(found, Ask(NOW, points=blocks * exact.den), values), Refusal)
