"""The world of the crash harness: four sandbox programs with short times, and a house's books in which they are onboarded.

Every amount is multiplied by three on its way (or divided, towards the kiosk), so that one amount aims a fault at one side only: no
fault has digits that are another's three times.
"""

import asyncio
import itertools
import json
import secrets
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import psycopg

from adapters.house_json import ADAPTER
from adapters.sandbox import faults
from clearing import database, evidence, partners
from clearing.adapter import Capabilities
from clearing.evidence import Keyring
from clearing.front import granting, sources, wiring
from clearing.front.settings import Settings
from clearing.partners import KEY_PROOF, key_proof
from clearing.rules.lifecycle import Kind as Kinds
from clearing.rules.units import Ratio
from clearing.signatures import PrivateKey, jws_sign
from tests import canary
from tests.adapters.far_side import HOUSE, FarSide
from tests.agreed import card, document

LANE = 0
KEYRING = Keyring("kek-harness", b"k" * 32, b"p" * 32, b"b" * 32)
SIGNERS = {code: PrivateKey.generate(code.encode().ljust(32, b".")) for code in ("airline", "hotel", "shop", "kiosk")}
OPERATOR = PrivateKey.generate(b"operator of the crash harness".ljust(32, b"."))
SHORT = ("--silence-seconds", "0.3", "--slow-seconds", "0.3", "--decide-seconds", "0.1")
CAP = 10**15


@dataclass(frozen=True, slots=True)
class Kind:
    """A program: what it declares, and the options that make its sandbox so."""

    unit: str
    hold_seconds: int
    batch: int
    idempotent: bool
    issue: Ratio
    redeem: Ratio

    @property
    def capabilities(self) -> Capabilities:
        """As the house knows it."""
        return Capabilities(self.hold_seconds, self.idempotent, True, True, self.batch, longest_seconds=1)

    @property
    def options(self) -> tuple[str, ...]:
        """As its process is started."""
        holds = ("--hold-seconds", str(self.hold_seconds))
        return (*SHORT, *holds, *(() if self.idempotent else ("--not-idempotent",)))


PROGRAMS = {
    "airline": Kind("MILE", 900, 1, True, Ratio(20_999, 7), Ratio(3_000, 1)),
    "hotel": Kind("NIGHT", 900, 1, True, Ratio(7_000, 1), Ratio(9_000, 1)),
    "shop": Kind("STAMP", 0, 4, True, Ratio(7_000, 1), Ratio(9_001, 1)),
    "kiosk": Kind("COIN", 0, 2, False, Ratio(6_000, 1), Ratio(9_000, 1)),
}
CORRIDORS = {
    ("hotel", "airline"): Ratio(3, 1),
    ("shop", "airline"): Ratio(3, 1),
    ("kiosk", "airline"): Ratio(3, 1),
    ("airline", "kiosk"): Ratio(1, 3),
}

AT_SOURCE = tuple([10_000 + fault.digits for fault in faults.TABLE])
"""Points to send that meet each fault at the source."""
AT_TARGET = tuple(
    [next(sent for sent in itertools.count(10_000) if sent * 3 % 1000 == fault.digits) for fault in faults.TABLE]
)
"""Points to send that meet each fault at a target that gets three units for each."""
AT_THIRD = tuple([3 * amount for amount in AT_SOURCE])
"""Points to send that meet each fault at a target that gets a unit for every three."""
ORDINARY = (12_000, 15_000, 18_000)


@dataclass(frozen=True, slots=True)
class Wish:
    """What a partner asks for, under one idempotency key: an exchange, or (`original`) a reversal; and whether it then cancels.

    With `kind` accrual it issues its own points to the target, with redemption it has them spent by the source; `later`: captures then.
    """

    key: str
    partner: str
    source: UUID
    target: UUID
    sent: int | None
    original: UUID | None = None
    cancels: bool = False
    kind: Kinds = Kinds.EXCHANGE
    later: bool = False


@dataclass
class FarSides:
    """The four programs, running."""

    sides: dict[str, FarSide]

    def answer_key(self, code: str) -> PrivateKey:
        """The key with which a program signs its answers."""
        return PrivateKey.from_jwk(json.loads((self.sides[code].folder / "key.json").read_text()))


@contextmanager
def running(folder: Path) -> Iterator[FarSides]:
    """All four programs, each a process with a store of its own."""
    with ExitStack() as stack:
        sides = {
            code: stack.enter_context(FarSide(folder / code, *kind.options, unit=kind.unit))
            for code, kind in PROGRAMS.items()
        }
        yield FarSides(sides)


@dataclass
class World:
    """One house's books with the programs around it: where they are, who its members are, what was asked so far."""

    url: str
    folder: Path
    far: FarSides
    accounts: dict[str, UUID]
    name: str = field(default_factory=lambda: secrets.token_hex(4))
    asked: int = 0
    proven: set[UUID] = field(default_factory=set)  # evidence that was verified already

    @property
    def member(self) -> str:
        """The number of its members, at each program the same: a canary."""
        return f"SBX-OK-{canary.NUMBER}-{self.name}"

    def key(self) -> str:
        """An idempotency key that nobody used."""
        self.asked += 1
        return f"{self.name}-{self.asked}"

    def wish(self, source: str, target: str, sent: int, *, cancels: bool = False) -> Wish:
        """An exchange from the one member to the other."""
        return Wish(self.key(), source, self.accounts[source], self.accounts[target], sent, cancels=cancels)

    def alone(self, code: str, kind: Kinds, points: int, *, later: bool = False) -> Wish:
        """What a partner does alone with its own points."""
        account = self.accounts[code]
        return Wish(self.key(), code, account, account, points, kind=kind, later=later)

    def rows(self, query: Any, *values: Any) -> list[tuple[Any, ...]]:
        """What the house's database says."""
        with psycopg.connect(self.url) as connection:
            return connection.execute(query, values).fetchall()


def furnish(url: str, folder: Path, far: FarSides) -> World:
    """Onboard everybody in a fresh database, link one member of each program, and teach the programs their tokens."""
    folder.mkdir(parents=True, exist_ok=True)
    world = World(url, folder, far, {})
    asyncio.run(_furnish(world))
    for code, account in world.accounts.items():
        side = far.sides[code]
        ADAPTER.member(call := _member_call(world, code, account), side.send(call))
    return world


def _member_call(world: World, code: str, account: UUID) -> Any:
    return ADAPTER.member_call(str(account), world.member, None, world.far.sides[code].url, {})


async def _furnish(world: World) -> None:
    now = sources.clock()
    async with await database.connect(world.url, application=False) as connection:
        await partners.fill_calendar(connection, now)
        await partners.open_lane(connection, LANE, now)
    async with await database.connect(world.url) as connection:
        await connection.set_autocommit(True)
        await _keys(world, connection)
        for code, kind in PROGRAMS.items():
            await _program(world, connection, code, kind)
        for (source, target), ratio in CORRIDORS.items():
            await partners.publish_card(connection, card(source, target, ratio, now), sources.clock())
        async with wiring.writing(Settings(), world.url, await partners.calendar(connection)) as writer:
            await granting.grant_due(connection, writer)


async def _keys(world: World, connection: Any) -> None:
    async def register(key: PrivateKey, purpose: str, partner: str | None) -> None:
        proof = jws_sign(key_proof(key.public.key_id, partner, purpose), key, KEY_PROOF)
        await partners.register_key(connection, key.public.jwk, purpose, partner, "sandbox", proof, sources.clock())

    for code, signer in SIGNERS.items():
        await partners.register_partner(connection, code, code.title(), sources.clock())
        await register(signer, "requests", code)
        await register(world.far.answer_key(code), "answers", code)
    await register(OPERATOR, "operator", None)


async def _program(world: World, connection: Any, code: str, kind: Kind) -> None:
    now = sources.clock()
    await partners.register_program(
        connection,
        code,
        code,
        name=code.title(),
        unit_name=kind.unit,
        adapter="house_json",
        endpoint=world.far.sides[code].url,
        capabilities=kind.capabilities,
        now=now,
    )
    credit = {"cap": {"postpaid": {"granted": CAP}}}
    await partners.publish_agreement(connection, document(code, now, {code: (kind.issue, kind.redeem)}, **credit), now)
    token = partners.bucketed_uuid(now, evidence.bucket(KEYRING, code, world.member), sources.random(10))
    await partners.link_account(connection, KEYRING, LANE, token, code, world.member, now, sources.random)
    world.accounts[code] = token


__all__ = ["HOUSE", "KEYRING", "LANE", "OPERATOR", "SIGNERS", "FarSides", "Wish", "World", "furnish", "running"]
