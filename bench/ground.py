"""The ground that benches stand on: the embedded PostgreSQL as it is delivered (fsync on), two programs, one lane, and items."""

import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import urlsplit, urlunsplit
from uuid import UUID, uuid4

import psycopg
from psycopg import sql

from clearing import database, partners
from clearing.adapter import Capabilities
from clearing.embedded import Embedded
from clearing.evidence import Evidence, Sealed
from clearing.front.wiring import prepare
from clearing.ledger import Writer
from clearing.ledger.items import Answered, Grant, Reserve, Signed
from clearing.partners import KEY_PROOF, key_proof
from clearing.rules import lifecycle
from clearing.rules.lifecycle import Leg, Verdict
from clearing.rules.rates import Terms
from clearing.signatures import PrivateKey, jws_sign

SOURCE, TARGET = "palm-hotels", "lotus-air"
TERMS = Terms(sent=1000, received=500, debit=5_000_000, funding=0, credit=4_000_000, fee=1_000_000, rounding=0)
CAP = 10**15
CALL_ORDERS_MOST = 100  # as many as adapters/house_json.py puts into one call
TAG_BYTES = 16

# Sizes as they come from real requests: a signature base, a request body sealed, what a call adds for each order in it.
BASE_BYTES, BODY_BYTES, CALL_BYTES, CALL_ORDER_BYTES = 450, 900, 200, 400
CAPABILITIES = Capabilities(
    hold_seconds=900, idempotent=True, look_up=True, reversal=True, batch=100, longest_seconds=60
)


@contextmanager
def server(given: str | None = None) -> Iterator[str]:
    """A fresh embedded PostgreSQL with the settings it is delivered with, or a database of the server at `given`; gone afterwards."""
    if given is not None:
        with new_database(given) as url:
            yield url
        return
    with TemporaryDirectory(prefix="clearing-bench-") as folder, Embedded(Path(folder) / "postgres") as embedded:
        yield embedded.url


@contextmanager
def new_database(url: str) -> Iterator[str]:
    """An empty database of the same server; gone afterwards."""
    name = f"clearing_bench_{uuid4().hex[:12]}"
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    try:
        yield urlunsplit(urlsplit(url)._replace(path=f"/{name}")).replace("postgresql:///", "postgresql://")
    finally:
        database.drop_database(url, name)


@dataclass(slots=True)
class Items:
    """Makes items like those that the front makes of requests and answers. Everything random, so that nothing compresses."""

    key: PrivateKey
    lease: UUID = field(default_factory=uuid4)

    def reserve(self) -> Reserve:
        """A signed, quoted exchange with its evidence."""
        now = datetime.now(UTC)
        later = now + timedelta(minutes=5)
        return Reserve(
            signed=Signed(self.key.public.key_id, os.urandom(16).hex(), later, uuid4()),
            evidence=self._evidence("request", now, BODY_BYTES),
            exchange_id=self._id(now),
            path=lifecycle.Path.HELD,
            partner="palm",
            idempotency_key=str(uuid4()),
            fingerprint=os.urandom(32),
            quote_id=uuid4(),
            quote_expires_at=later,
            terms_version="corridor 3, prices 2 and 5",
            source_program=SOURCE,
            target_program=TARGET,
            source_account=self._id(now),
            target_account=self._id(now),
            terms=TERMS,
            lease=self.lease,
            lease_until=later,
        )

    def answers(self, exchanges: list[UUID], leg: Leg) -> list[Answered]:
        """DONE to the order `leg` of each; up to a hundred orders were answered by one call and share its evidence, as in delivery."""
        now = datetime.now(UTC)
        later = now + timedelta(minutes=5)
        said: list[Answered] = []
        for start in range(0, len(exchanges), CALL_ORDERS_MOST):
            together = exchanges[start : start + CALL_ORDERS_MOST]
            kept = self._evidence("call", now, CALL_BYTES + CALL_ORDER_BYTES * len(together))
            said += [Answered(one, leg, Verdict.DONE, None, kept, None, self.lease, later) for one in together]
        return said

    def _id(self, now: datetime) -> UUID:
        return partners.bucketed_uuid(now, int.from_bytes(os.urandom(2), "big") >> 6, os.urandom(10))

    def _evidence(self, kind: str, now: datetime, size: int) -> Evidence:
        sealed = Sealed("kek-1", os.urandom(40), os.urandom(12), os.urandom(size + TAG_BYTES))
        meta = b'{"method":"POST","target":"clearing.example/v1/exchanges","tag":"clearing-req-v1","alg":"ed25519"}'
        own = self.key.public.key_id
        return Evidence(uuid4(), kind, own, now, os.urandom(BASE_BYTES), os.urandom(64), os.urandom(32), meta, sealed)


async def found(url: str) -> Items:
    """Migrate, open the lane, and register two partners, a key and two programs in it."""
    await prepare(url)
    now, key = datetime.now(UTC), PrivateKey.generate(os.urandom(32))
    async with await database.connect(url, application=False) as connection:
        await connection.set_autocommit(True)
        for partner, program in (("palm", SOURCE), ("lotus", TARGET)):
            await partners.register_partner(connection, partner, partner.title(), now)
            await partners.register_program(
                connection,
                program,
                partner,
                name=program.title(),
                unit_name="POINT",
                adapter="house_json",
                endpoint="http://127.0.0.1:9",
                capabilities=CAPABILITIES,
                now=now,
            )
        proof = jws_sign(key_proof(key.public.key_id, "palm", "requests"), key, KEY_PROOF)
        await partners.register_key(connection, key.public.jwk, "requests", "palm", "sandbox", proof, now)
    return Items(key)


@asynccontextmanager
async def lane_writer(url: str) -> AsyncIterator[Writer]:
    """The writer that the house uses, with its own connection."""
    async with await database.connect(url) as connection:
        calendar = await partners.calendar(connection)

    async def connect() -> psycopg.AsyncConnection[Any]:
        return await database.connect(url, name="clearing-writer")

    writer = Writer(
        connect,
        0,
        clock=lambda: datetime.now(UTC),
        salts=lambda: os.urandom(32),
        calendar=calendar,
        writer_id=uuid4(),
    )
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


async def grant(writer: Writer) -> None:
    """Caps that never stand in the way of a measurement, and are counted all the same."""
    for partner in ("palm", "lotus"):
        await writer.put(Grant(partner, CAP))
