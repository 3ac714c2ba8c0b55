"""Laws of partners, programs, the directory and keys, on a real database."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from psycopg import AsyncConnection

from clearing import database, errors, partners
from clearing.adapter import Capabilities
from clearing.rules.rates import Price
from clearing.rules.units import Ratio
from clearing.signatures import PrivateKey, jws_sign
from tests.agreed import agreed, carded

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)
DAY = timedelta(days=1)
CAN = Capabilities(hold_seconds=900, idempotent=True, look_up=True, reversal=True, batch=100, longest_seconds=60)
ONE = Ratio(1, 1)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[AsyncConnection]:
    async with await database.connect(database_url) as opened:
        await opened.set_autocommit(True)
        yield opened


async def _program(connection: AsyncConnection, code: str, partner: str = "acme", **changes: Any) -> partners.Program:
    given: dict[str, Any] = {
        "name": code,
        "unit_name": "mile",
        "adapter": "house_json",
        "endpoint": "http://127.0.0.1:9001",
    }
    return await partners.register_program(
        connection, code, partner, **{**given, "capabilities": CAN, "now": NOW, **changes}
    )


async def _world(connection: AsyncConnection, *programs: str) -> None:
    await partners.register_partner(connection, "acme", "Acme", NOW)
    for code in programs:
        await _program(connection, code)


async def _corridor(connection: AsyncConnection, source: str, target: str, ratio: Ratio = ONE, **changes: Any) -> Any:
    return await carded(connection, source, target, ratio, now=NOW, **changes)


# --- partners and programs


async def test_numbers_follow_one_another_and_stay(connection: AsyncConnection) -> None:
    first = await partners.register_partner(connection, "acme", "Acme", NOW)
    second = await partners.register_partner(connection, "bolt", "Bolt", NOW)
    assert (first.number, second.number) == (1, 2)
    assert await partners.register_partner(connection, "acme", "Acme", NOW) == first
    with pytest.raises(errors.Forbidden):
        await partners.register_partner(connection, "acme", "Somebody else", NOW)


async def test_simultaneous_registrations_get_different_numbers(database_url: str) -> None:
    async with database.pool(database_url, size=4) as pool:

        async def one(code: str) -> int:
            async with pool.connection() as connection:
                return (await partners.register_partner(connection, code, code, NOW)).number

        numbers = await asyncio.gather(*(one(f"p{index}") for index in range(12)))
    assert sorted(numbers) == list(range(1, 13))


async def test_program_of_the_same_partner_may_move_but_not_change_its_name(connection: AsyncConnection) -> None:
    await _world(connection, "air")
    moved = await _program(connection, "air", endpoint="http://127.0.0.1:9002")
    assert (moved.number, moved.endpoint) == (1, "http://127.0.0.1:9002")
    assert (await partners.load(connection)).programs["air"] == moved
    await partners.register_partner(connection, "bolt", "Bolt", NOW)
    for changes in ({"partner": "bolt"}, {"name": "other"}, {"unit_name": "point"}, {"adapter": "other"}):
        with pytest.raises(errors.Forbidden):
            await _program(connection, "air", **changes)
    with pytest.raises(errors.NotFound):
        await _program(connection, "sea", "nobody")


@pytest.mark.parametrize("code", ["", "Air", "a_b", "-a", "a" * 41, "a\0", "\ud800", "é", "house"])
async def test_codes_are_plain_and_not_the_houses_own(connection: AsyncConnection, code: str) -> None:
    with pytest.raises(errors.ValidationFailed):
        await partners.register_partner(connection, code, "name", NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"name": ""},
        {"name": "a\0b"},
        {"name": "\ud800"},
        {"endpoint": "ftp://x"},
        {"endpoint": "http://"},
        {"capabilities": Capabilities(0, True, True, True, 0, 60)},
        {"capabilities": replace(CAN, lots=True, lot_months=1_201)},
        {"capabilities": replace(CAN, lot_months=12)},
        {"capabilities": replace(CAN, lots=1)},  # type: ignore[arg-type]
        {"capabilities": Capabilities(-1, True, True, True, 1, 60)},
        {"capabilities": Capabilities(0, 1, True, True, 1, 60)},  # type: ignore[arg-type]
    ],
)
async def test_programs_are_sound(connection: AsyncConnection, changes: dict[str, Any]) -> None:
    await _world(connection)
    with pytest.raises(errors.ValidationFailed):
        await _program(connection, "air", **changes)


# --- the directory


async def test_directory_is_everything_as_published(connection: AsyncConnection) -> None:
    await _world(connection, "air", "hotel")
    await agreed(connection, "acme", NOW, dict.fromkeys(("air", "hotel"), (Ratio(10, 1), Ratio(10, 1))))
    card = await _corridor(connection, "hotel", "air", Ratio(1, 2), valid_to=NOW + DAY)
    directory = await partners.load(connection)
    assert directory.partners["acme"] == partners.Partner("acme", 1, "Acme")
    assert directory.programs["hotel"].capabilities == CAN
    assert directory.card("hotel", "air", NOW) == card
    assert directory.card("hotel", "air", NOW + DAY) is None
    assert directory.card("air", "hotel", NOW) is None
    assert directory.price("air", NOW) == Price("air", 1, NOW, Ratio(10, 1), Ratio(10, 1))
    assert directory.price("air", NOW - DAY) is None


async def test_directory_is_read_once_a_second_or_when_asked(database_url: str, connection: AsyncConnection) -> None:
    async with database.pool(database_url) as pool:
        live = partners.Live(pool)
        with database.recording() as ran:
            first = (await asyncio.gather(*(live.directory(NOW) for _ in range(20))))[0]
        assert len([text for text in ran if "FROM rate_card" in text]) == 1
        await _world(connection, "air")
        assert await live.directory(NOW + timedelta(milliseconds=999)) is first
        assert "air" in (await live.directory(NOW, fresh=True)).programs
        await _program(connection, "sea")
        assert "sea" in (await live.directory(NOW + timedelta(seconds=2))).programs
        await _program(connection, "rail")
        live.forget()
        assert "rail" in (await live.directory(NOW + timedelta(seconds=2))).programs


async def test_change_during_a_reading_is_not_missed(database_url: str, connection: AsyncConnection) -> None:
    async with database.pool(database_url) as pool:
        live = partners.Live(pool)
        reading = asyncio.create_task(live.directory(NOW))
        await asyncio.sleep(0)  # it has begun
        live.forget()
        await reading
        await _world(connection, "air")
        assert "air" in (await live.directory(NOW)).programs


async def test_keys_are_remembered_for_a_second(database_url: str, connection: AsyncConnection) -> None:
    await _world(connection)
    async with database.pool(database_url) as pool:
        live = partners.Live(pool)
        held = _key(1)
        assert await live.key(held.public.key_id, NOW) is None
        row = await _register(connection, held)
        assert await live.key(held.public.key_id, NOW) == row
        await partners.revoke_key(connection, held.public.key_id, "acme", NOW)
        with database.recording() as ran:
            assert await live.key(held.public.key_id, NOW) == row
        assert ran == []
        later = await live.key(held.public.key_id, NOW + timedelta(seconds=1))
        assert later is not None
        assert not later.live(NOW)


# --- keys


def _key(seed: int) -> PrivateKey:
    return PrivateKey.generate(bytes([seed]) * 32)


async def _register(
    connection: AsyncConnection,
    held: PrivateKey,
    purpose: str = "requests",
    partner: str | None = "acme",
    **changes: Any,
) -> partners.KeyRow:
    challenge = partners.key_proof(held.public.key_id, partner, purpose)
    given: dict[str, Any] = {
        "environment": "sandbox",
        "proof": jws_sign(challenge, held, partners.KEY_PROOF),
        "now": NOW,
    }
    return await partners.register_key(connection, held.public.jwk, purpose, partner, **{**given, **changes})


def test_proof_is_canonical_json() -> None:
    assert partners.key_proof("id", None, "operator") == b'{"key_id":"id","partner":null,"purpose":"operator"}'


async def test_key_registers_once_and_only_for_one_owner_and_use(connection: AsyncConnection) -> None:
    await _world(connection)
    await partners.register_partner(connection, "bolt", "Bolt", NOW)
    held = _key(1)
    first = await _register(connection, held, expires_at=NOW + DAY)
    assert (first.partner, first.purpose, first.environment, first.public) == (
        "acme",
        "requests",
        "sandbox",
        held.public,
    )
    assert first.live(NOW)
    assert not first.live(NOW + DAY)
    assert not first.live(NOW - DAY)
    assert await _register(connection, held, now=NOW + timedelta(hours=1)) == first
    assert await partners.key(connection, held.public.key_id) == first
    for purpose, partner, environment in (
        ("requests", "bolt", "sandbox"),
        ("answers", "acme", "sandbox"),
        ("operator", None, "sandbox"),
        ("requests", "acme", "live"),
    ):
        with pytest.raises(errors.KeyRefused):
            await _register(connection, held, purpose, partner, environment=environment)
    assert await partners.keys_of(connection, "bolt") == []


async def test_proof_must_be_by_the_key_over_exactly_this(connection: AsyncConnection) -> None:
    await _world(connection)
    held, other = _key(1), _key(2)
    right = partners.key_proof(held.public.key_id, "acme", "requests")
    proofs = [
        jws_sign(right, other, partners.KEY_PROOF),
        jws_sign(right, held, "clearing-quote+jws"),
        jws_sign(right + b" ", held, partners.KEY_PROOF),
        jws_sign(partners.key_proof(held.public.key_id, "acme", "answers"), held, partners.KEY_PROOF),
        jws_sign(partners.key_proof(held.public.key_id, "bolt", "requests"), held, partners.KEY_PROOF),
        "",
        "a.b.c",
    ]
    for proof in proofs:
        with pytest.raises(errors.ProofOfPossessionInvalid):
            await _register(connection, held, proof=proof)
    assert await partners.keys_of(connection, "acme") == []


async def test_owner_and_environment_must_fit(connection: AsyncConnection) -> None:
    await _world(connection)
    for purpose, partner, changes in (
        ("requests", None, {}),
        ("operator", "acme", {}),
        ("signing", "acme", {}),
        ("requests", "acme", {"environment": "test"}),
        ("requests", "acme", {"expires_at": NOW}),
    ):
        with pytest.raises(errors.KeyRefused):
            await _register(connection, _key(1), purpose, partner, **changes)
    with pytest.raises(errors.NotFound):
        await _register(connection, _key(1), partner="nobody")


async def test_two_keys_are_live_for_one_purpose(connection: AsyncConnection) -> None:
    await _world(connection)
    for seed in (1, 2):
        await _register(connection, _key(seed))
    await _register(connection, _key(9), "answers")
    with pytest.raises(errors.KeyRefused, match="too_many_keys"):
        await _register(connection, _key(3))
    await partners.revoke_key(connection, _key(1).public.key_id, "acme", NOW)
    await _register(connection, _key(3))
    for seed in (20, 21, 22):
        await _register(connection, _key(seed), "operator", None)
    assert len(await partners.keys_of(connection, "acme")) == 4
    assert len(await partners.keys_of(connection, None)) == 3


async def test_revocation_is_at_once_the_owners_and_for_ever(connection: AsyncConnection) -> None:
    await _world(connection)
    key_id = (await _register(connection, _key(1))).public.key_id
    with pytest.raises(errors.NotFound):
        await partners.revoke_key(connection, key_id, "bolt", NOW)
    with pytest.raises(errors.ValidationFailed):
        await partners.revoke_key(connection, key_id, "acme", NOW, NOW + DAY)
    revoked = await partners.revoke_key(connection, key_id, "acme", NOW + DAY)
    assert not revoked.live(NOW + DAY)
    again = await partners.revoke_key(connection, key_id, None, NOW + 2 * DAY, NOW)
    assert (again.revoked_at, again.compromised_since) == (NOW + DAY, NOW)
    with pytest.raises(errors.KeyRefused, match="revoked"):
        await _register(connection, _key(1))
