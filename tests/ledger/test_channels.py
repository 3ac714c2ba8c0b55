"""Laws of channel rights, of a program's nature and of claims, on a real database."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from clearing import database, errors, partners
from clearing.adapter import Capabilities
from clearing.partners import Claim
from clearing.rules.agreements import Agreement, Bearer
from clearing.rules.kinds import Nature
from clearing.rules.lifecycle import Kind
from clearing.rules.refusals import Refusal, RefusalCode
from tests.agreed import agreed

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CAN = Capabilities(hold_seconds=900, idempotent=True, look_up=True, reversal=True, batch=100, longest_seconds=60)
ISSUE, SPEND = Kind.ACCRUAL, Kind.REDEMPTION


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with await database.connect(database_url) as opened:
        await opened.set_autocommit(True)
        for partner in ("air", "corner"):
            await partners.register_partner(opened, partner, partner.title(), NOW)
        await _program(opened)
        yield opened


async def _program(
    connection: AsyncConnection, nature: Nature = Nature.POINTS, *, below_zero: bool = False
) -> partners.Program:
    named = {"name": "Miles", "unit_name": "MILE", "adapter": "house_json", "endpoint": "http://127.0.0.1:9001"}
    return await partners.register_program(
        connection, "miles", "air", capabilities=replace(CAN, below_zero=below_zero), now=NOW, nature=nature, **named
    )


async def _may(connection: AsyncConnection, partner: str, kind: Kind, channel: str | None = None) -> bool:
    refusal = partners.channel_refusal(await partners.load(connection), partner, "miles", kind, channel, NOW)
    assert refusal is None or refusal.code is RefusalCode.CHANNEL_NOT_GRANTED
    return refusal is None


async def test_a_channel_right_lets_a_partner_do_what_it_names_and_nothing_else(connection: AsyncConnection) -> None:
    assert [await _may(connection, "corner", kind) for kind in (ISSUE, SPEND)] == [False, False]
    rights = [{"program": "miles", "kind": "accrual"}, {"program": "miles", "kind": "redemption", "channels": ["till"]}]
    await agreed(connection, "corner", NOW, rights=rights)
    assert [await _may(connection, "corner", kind) for kind in (ISSUE, SPEND)] == [True, False]
    assert [await _may(connection, "corner", SPEND, channel) for channel in ("till", "app")] == [True, False]
    directory = await partners.load(connection)
    assert partners.channel_refusal(directory, "corner", "miles", ISSUE, None, NOW - DAY) is not None  # not agreed yet


async def test_a_partner_needs_no_channel_to_its_own_program(connection: AsyncConnection) -> None:
    assert [await _may(connection, "air", kind) for kind in (ISSUE, SPEND)] == [True, True]


@pytest.mark.parametrize(
    ("asks", "theirs", "bears"),
    [
        ("refuse", "refuse", None),
        ("program", "refuse", None),
        ("refuse", "program", None),
        ("program", "program", Bearer.PROGRAM),
        ("partner", "refuse", Bearer.PARTNER),
        ("partner", "program", Bearer.PARTNER),
        ("refuse", "partner", None),
    ],
)
async def test_a_shortfall_is_borne_by_whoever_agreed_to_it_itself(
    connection: AsyncConnection, asks: str, theirs: str, bears: Bearer | None
) -> None:
    await agreed(connection, "corner", NOW, shortfall=asks)
    await agreed(connection, "air", NOW, shortfall=theirs)
    assert partners.bearer(await partners.load(connection), "corner", "miles", NOW) is bears


async def test_members_bear_a_shortfall_where_their_program_takes_balances_below_zero(
    connection: AsyncConnection,
) -> None:
    for refused in ("air", "corner"):  # a program that does not, no program
        refusal = await agreed(connection, refused, NOW, shortfall="member_negative")
        assert isinstance(refusal, Refusal)
        assert refusal.code is RefusalCode.SHORTFALL_NOT_OFFERED
    await _program(connection, Nature.POINTS, below_zero=True)
    assert isinstance(await agreed(connection, "air", NOW, shortfall="member_negative"), Agreement)
    assert partners.bearer(await partners.load(connection), "corner", "miles", NOW) is Bearer.MEMBER_NEGATIVE
    await _program(connection, Nature.POINTS)
    assert partners.bearer(await partners.load(connection), "corner", "miles", NOW) is None


async def test_a_program_keeps_its_nature(connection: AsyncConnection) -> None:
    assert (await partners.load(connection)).programs["miles"].nature is Nature.POINTS
    with pytest.raises(errors.Forbidden):
        await _program(connection, Nature.MONEY)


async def test_a_receipt_is_claimed_once_for_an_account_whatever_the_code_says(connection: AsyncConnection) -> None:
    receipt = ("corner", "receipt 7", NOW)
    claims = [Claim(0, UUID(int=n), "miles", UUID(int=9), *receipt, None, NOW, UUID(int=5)) for n in (1, 2)]
    await partners.file_claim(connection, claims[0])
    with pytest.raises(psycopg.errors.UniqueViolation):
        await partners.file_claim(connection, claims[1])
    assert await partners.claims_open(connection, 0, "corner") == claims[:1]
    assert await partners.claim_of(connection, 0, "corner", "receipt 7", UUID(int=9)) == claims[0]
    for reason in ("first", "second"):
        await partners.reject_claim(connection, 0, claims[0].claim, reason, UUID(int=6), NOW)
    rejected = await partners.claim(connection, 0, claims[0].claim)
    assert rejected is not None
    assert (rejected.state, rejected.rejected_reason) == ("rejected", "first")
    assert await partners.claims_open(connection, 0, "corner") == []
