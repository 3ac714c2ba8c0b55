"""Laws of agreements on a real database: dated, funded, under two keys; caps and cover that follow them."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from clearing import database, errors, partners
from clearing.adapter import Capabilities
from clearing.partners import Signers
from clearing.rules.agreements import Agreement
from clearing.rules.cards import Card
from clearing.rules.rates import Price
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import Ratio
from clearing.signatures import PrivateKey, jws_sign
from tests.agreed import BOTH, agreed, carded, document

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CAN = Capabilities(hold_seconds=900, idempotent=True, look_up=True, reversal=True, batch=100, longest_seconds=60)
ONE = Ratio(1, 1)
PREPAID = {"prepaid": {"of_cover": {"num": 80, "den": 100}}}


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


async def _price(
    connection: AsyncConnection, program: str, issue: int, redeem: int, at: datetime = NOW, **more: Any
) -> Any:
    return await agreed(connection, program, at, {program: (Ratio(issue, 1), Ratio(redeem, 1))}, now=NOW, **more)


async def _corridor(connection: AsyncConnection, source: str, target: str, ratio: Ratio = ONE, **changes: Any) -> Any:
    return await carded(connection, source, target, ratio, now=NOW, **changes)


# --- versions


async def test_versions_follow_one_another_and_are_never_edited(connection: AsyncConnection) -> None:
    await _world(connection, "air")
    first = await _price(connection, "air", 10, 10, NOW - DAY)
    second = await _price(connection, "air", 11, 11, NOW + DAY)
    assert (first.version, second.version) == (1, 2)
    assert await _price(connection, "air", 11, 11, NOW + DAY) == second
    with pytest.raises(errors.ValidationFailed, match="another version begins"):
        await _price(connection, "air", 12, 12, NOW + DAY)
    refusal = await _price(connection, "air", 12, 12, NOW - timedelta(hours=1))
    assert refusal.code is RefusalCode.NOTICE_TOO_SHORT
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        await connection.execute("UPDATE agreement SET document = '{}'")


async def test_quotes_read_the_agreement_in_force(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel")
    await _price(connection, "air", 10, 9)
    await _price(connection, "air", 12, 11, NOW + DAY, valid_to=(NOW + 2 * DAY).isoformat())
    directory = await partners.load(connection)
    assert directory.price("air", NOW - DAY) is None
    assert directory.price("air", NOW) == Price("air", 1, NOW, Ratio(10, 1), Ratio(9, 1))
    assert directory.price("air", NOW + DAY) == Price("air", 2, NOW + DAY, Ratio(12, 1), Ratio(11, 1))
    assert directory.price("air", NOW + 2 * DAY) is None
    assert directory.price("hotel", NOW) is None


async def test_simultaneous_versions_follow_one_another(database_url: str, connection: AsyncConnection) -> None:
    await _world(connection, "air")
    await _price(connection, "air", 1, 1)
    async with database.pool(database_url, size=4) as pool:

        async def one(days: int) -> int:
            async with pool.connection() as own:
                version: int = (await _price(own, "air", days, days, NOW + days * DAY)).version
                return version

        versions = await asyncio.gather(*(one(days) for days in range(1, 9)))
    assert sorted(versions) == list(range(2, 10))


async def test_a_later_version_keeps_the_notice_of_the_one_in_force(connection: AsyncConnection) -> None:
    await _world(connection, "air")
    assert isinstance(await _price(connection, "air", 1, 1, NOW - 400 * DAY, notice_days=30), Agreement)
    soon = await _price(connection, "air", 2, 2, NOW + 30 * DAY - timedelta(seconds=1), notice_days=0)
    assert soon.code is RefusalCode.NOTICE_TOO_SHORT
    assert (NOW + 30 * DAY).isoformat() in soon.detail
    second = await _price(connection, "air", 2, 2, NOW + 30 * DAY, notice_days=0)
    assert (second.version, second.announced_at) == (2, NOW)
    sooner = await _price(connection, "air", 3, 3, NOW + DAY)
    assert sooner.code is RefusalCode.NOTICE_TOO_SHORT  # what is only announced promises nothing yet


@pytest.mark.parametrize(
    ("fault", "what"),
    [
        ({"prices": {"sea": (ONE, ONE)}}, "unknown_program"),
        ({"prices": {"hotel": (ONE, ONE)}}, r"\$.prices\[0\].program"),
        ({"rights": [{"program": "sea", "kind": "accrual"}]}, "unknown_program"),
        ({"rights": [{"program": "air", "kind": "accrual"}]}, r"\$.rights\[0\].program"),
        ({"funding": [{"campaign": "c", "funders": [{"funder": "sea", "ppm": 1_000_000}]}]}, r"\$.funding\[0\]"),
        ({"low_water": 2**53}, r"\$.low_water"),
        ({"low_water": 1.5}, r"\$.low_water"),
    ],
)
async def test_an_agreement_speaks_of_what_there_is(
    connection: AsyncConnection, fault: dict[str, Any], what: str
) -> None:
    await _world(connection, "air", "hotel")
    if what.startswith("unknown"):
        refusal = await agreed(connection, "air", NOW, **fault)
        assert isinstance(refusal, Refusal)
        assert refusal.code == what
    else:
        with pytest.raises(errors.ValidationFailed, match=what):
            await agreed(connection, "air", NOW, **fault)
    assert await partners.agreements_of(connection, None) == []


async def test_there_is_no_agreement_with_a_stranger(connection: AsyncConnection) -> None:
    with pytest.raises(errors.NotFound):
        await agreed(connection, "nobody", NOW)


# --- unfunded value, with the route named


async def test_an_agreement_that_would_leave_a_corridor_unfunded_is_not_published(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel")
    await _price(connection, "air", 10, 10)
    await _price(connection, "hotel", 10, 10)
    await _corridor(connection, "hotel", "air", valid_to=NOW + 10 * DAY)
    for program, issue, redeem in (("air", 11, 10), ("hotel", 10, 9)):
        refusal = await _price(connection, program, issue, redeem, NOW + DAY)
        assert refusal.code is RefusalCode.UNFUNDED_VALUE
        assert "hotel to air" in refusal.detail
        assert (NOW + DAY).isoformat() in refusal.detail
    assert isinstance(await _price(connection, "air", 11, 10, NOW + 10 * DAY), Agreement)  # the corridor has ended


async def test_an_agreement_is_held_against_what_comes_later(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel")
    await _price(connection, "air", 10, 10)
    await _price(connection, "hotel", 12, 12)
    await _corridor(connection, "hotel", "air", Ratio(6, 5), valid_from=NOW + 5 * DAY)
    await _corridor(connection, "hotel", "air", valid_from=NOW + 6 * DAY)
    refusal = await _price(connection, "air", 11, 10, NOW + DAY)  # fine until the corridor opens, and after its change
    assert refusal.code is RefusalCode.UNFUNDED_VALUE
    assert (NOW + 5 * DAY).isoformat() in refusal.detail


async def test_a_circle_through_three_programs_that_would_pay_its_start_is_not_published(
    connection: AsyncConnection,
) -> None:
    await _world(connection, "air", "hotel", "shop")
    await _price(connection, "air", 9, 8)
    await _price(connection, "hotel", 8, 8)
    await _price(connection, "shop", 8, 8)
    for hop in (("air", "hotel"), ("hotel", "shop")):
        assert isinstance(await _corridor(connection, *hop), Card)
    assert isinstance(await _corridor(connection, "shop", "air", Ratio(8, 9)), Card)
    assert isinstance(await _corridor(connection, "shop", "air", valid_from=NOW + 9 * DAY, ratio=Ratio(7, 9)), Card)
    # With a shop that redeems at 9, hops stay funded; only a ratio of one would bring nine for the eight that left.
    assert isinstance(await _price(connection, "shop", 8, 9, NOW + DAY), Agreement)
    refusal = await _corridor(connection, "shop", "air", valid_from=NOW + 2 * DAY)
    assert refusal.code is RefusalCode.UNFUNDED_VALUE
    assert "air would be paid more than it pays on air to hotel to shop to air" in refusal.detail
    assert (NOW + 2 * DAY).isoformat() in refusal.detail


async def test_an_agreement_that_would_make_a_circle_pay_is_not_published(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel", "shop")
    await _price(connection, "air", 9, 9)
    await _price(connection, "hotel", 8, 9)
    await _price(connection, "shop", 8, 9)
    for hop in (("air", "hotel"), ("hotel", "shop"), ("shop", "air")):
        assert isinstance(await _corridor(connection, *hop), Card)
    refusal = await _price(connection, "air", 9, 8, NOW + DAY)
    assert refusal.code is RefusalCode.UNFUNDED_VALUE
    assert "air would be paid more than it pays on air to hotel to shop to air" in refusal.detail


async def test_a_circle_through_three_programs_that_multiplies_points_is_not_published(
    connection: AsyncConnection,
) -> None:
    await _world(connection, "air", "hotel", "shop")
    for program in ("air", "hotel", "shop"):
        await _price(connection, program, 10, 40)
    assert isinstance(await _corridor(connection, "air", "hotel", Ratio(2, 1)), Card)
    assert isinstance(await _corridor(connection, "hotel", "shop", Ratio(2, 1)), Card)
    refusal = await _corridor(connection, "shop", "air", Ratio(1, 3))
    assert refusal.code is RefusalCode.UNFUNDED_VALUE
    assert "points would multiply on" in refusal.detail
    assert all(
        f"{hop[0]} to {hop[1]}" in refusal.detail for hop in (("air", "hotel"), ("hotel", "shop"), ("shop", "air"))
    )
    assert isinstance(await _corridor(connection, "shop", "air", Ratio(1, 4)), Card)


# --- two keys


async def test_only_a_first_version_stands_without_keys(connection: AsyncConnection) -> None:
    await _world(connection, "air")
    first = await partners.publish_agreement(connection, document("air", NOW), NOW)
    assert isinstance(first, Agreement)
    later = document("air", NOW + DAY, cap={"postpaid": {"granted": 5}})
    refusal = await partners.publish_agreement(connection, later, NOW)
    assert isinstance(refusal, Refusal)
    assert refusal.code is RefusalCode.SECOND_KEY_NEEDED
    alone = Signers("one-key", "one-key", UUID(int=1))
    with pytest.raises(psycopg.errors.CheckViolation):  # the table itself knows the law
        await partners.publish_agreement(connection, later, NOW, alone)
    assert isinstance(await partners.publish_agreement(connection, later, NOW, BOTH), Agreement)


async def _operator(connection: AsyncConnection, seed: int) -> str:
    held = PrivateKey.generate(bytes([seed]) * 32)
    proof = jws_sign(partners.key_proof(held.public.key_id, None, "operator"), held, partners.KEY_PROOF)
    row = await partners.register_key(connection, held.public.jwk, "operator", None, "sandbox", proof, NOW)
    return row.public.key_id


async def test_a_key_confirms_no_proposal_of_its_own_nor_of_a_key_that_ended(connection: AsyncConnection) -> None:
    await _world(connection, "air")
    one, other = await _operator(connection, 1), await _operator(connection, 2)
    wish = document("air", NOW + DAY)
    proposed = await partners.propose(connection, "agreement", "air", wish, one, UUID(int=1), NOW)
    assert await partners.propose(connection, "agreement", "air", wish, other, UUID(int=2), NOW) == proposed
    assert await partners.open_proposals(connection, 0) == [proposed]
    own = await partners.alone(connection, proposed, one, NOW)
    assert own is not None
    assert own.code is RefusalCode.SECOND_KEY_NEEDED
    assert await partners.alone(connection, proposed, other, NOW) is None
    await partners.revoke_key(connection, one, None, NOW)
    gone = await partners.alone(connection, proposed, other, NOW)
    assert gone is not None
    assert "no longer" in gone.detail
    with pytest.raises(errors.NotFound):
        await partners.proposal(connection, proposed.digest, "cover")
    third = await _operator(connection, 3)
    anew = await partners.propose(connection, "agreement", "air", wish, third, UUID(int=4), NOW)
    assert (anew.digest, anew.proposed_by, anew.evidence_id) == (proposed.digest, third, UUID(int=4))
    assert await partners.alone(connection, anew, other, NOW) is None
    assert await partners.propose(connection, "agreement", "air", wish, other, UUID(int=5), NOW) == anew
    await partners.publish_agreement(connection, wish, NOW, Signers(third, other, UUID(int=3)))
    assert await partners.open_proposals(connection, 0) == []


# --- announcements


async def test_coming_versions_are_announced_with_what_they_change(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel")
    await _price(connection, "air", 10, 9)
    await _price(connection, "hotel", 5, 5, NOW + 3 * DAY)
    await _price(connection, "air", 12, 9, NOW + 5 * DAY)
    await _price(connection, "air", 11, 9, NOW + 2 * DAY, low_water=7)
    directory = await partners.load(connection)
    coming = partners.announced(directory, NOW)
    assert [(one.agreement.partner, one.agreement.version) for one in coming] == [("air", 3), ("hotel", 1), ("air", 2)]
    told = [{change.path: (change.before, change.after) for change in one.changes} for one in coming]
    assert told[0] == {"prices.air.issue": ("10/1", "11/1"), "low_water": (0, 7)}
    assert told[1]["prices.hotel.issue"] == (None, "5/1")
    assert told[2] == {"prices.air.issue": ("11/1", "12/1"), "low_water": (7, 0)}
    assert [one.agreement.version for one in partners.announced(directory, NOW + 2 * DAY)] == [1, 2]
    assert partners.announced(directory, NOW + 5 * DAY) == []
