"""Laws of channel rights, of a program's nature and of claims, on a real database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection

from clearing import database, errors, partners
from clearing.adapter import Capabilities
from clearing.partners import Claim
from clearing.rules.kinds import Nature
from clearing.rules.lifecycle import Kind
from clearing.rules.refusals import RefusalCode

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
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


async def _program(connection: AsyncConnection, nature: Nature = Nature.POINTS) -> partners.Program:
    named = {"name": "Miles", "unit_name": "MILE", "adapter": "house_json", "endpoint": "http://127.0.0.1:9001"}
    return await partners.register_program(
        connection, "miles", "air", capabilities=CAN, now=NOW, nature=nature, **named
    )


async def _may(connection: AsyncConnection, partner: str, kind: Kind) -> bool:
    refusal = partners.channel_refusal(await partners.load(connection), partner, "miles", kind)
    assert refusal is None or refusal.code is RefusalCode.CHANNEL_NOT_GRANTED
    return refusal is None


async def test_a_channel_lets_a_partner_do_what_it_names_and_nothing_else(connection: AsyncConnection) -> None:
    assert [await _may(connection, "corner", kind) for kind in (ISSUE, SPEND)] == [False, False]
    granted = await partners.grant_channel(connection, "corner", "miles", [ISSUE, ISSUE], bears_shortfall=False)
    assert granted.kinds == ("accrual",)
    assert [await _may(connection, "corner", kind) for kind in (ISSUE, SPEND)] == [True, False]
    await partners.grant_channel(connection, "corner", "miles", [SPEND], bears_shortfall=False)
    assert [await _may(connection, "corner", kind) for kind in (ISSUE, SPEND)] == [False, True]
    await partners.grant_channel(connection, "corner", "miles", [], bears_shortfall=False)
    assert [await _may(connection, "corner", kind) for kind in (ISSUE, SPEND)] == [False, False]


async def test_a_partner_needs_no_channel_to_its_own_program(connection: AsyncConnection) -> None:
    assert [await _may(connection, "air", kind) for kind in (ISSUE, SPEND)] == [True, True]


async def test_a_program_bears_what_it_said_it_bears(connection: AsyncConnection) -> None:
    assert not partners.bears_shortfall(await partners.load(connection), "corner", "miles")
    for bears in (True, False):
        await partners.grant_channel(connection, "corner", "miles", [], bears_shortfall=bears)
        assert partners.bears_shortfall(await partners.load(connection), "corner", "miles") is bears
        assert not partners.bears_shortfall(await partners.load(connection), "air", "miles")


async def test_a_channel_that_cannot_be_is_refused(connection: AsyncConnection) -> None:
    with pytest.raises(errors.ValidationFailed):
        await partners.grant_channel(connection, "corner", "miles", [Kind.EXCHANGE], bears_shortfall=False)
    for partner, program in (("nobody", "miles"), ("corner", "stars")):
        with pytest.raises(errors.NotFound):
            await partners.grant_channel(connection, partner, program, [ISSUE], bears_shortfall=False)


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
