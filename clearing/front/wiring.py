"""Where the house is put together: settings in, every room built once and passed on by name. The composition root."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from time import monotonic
from typing import Any, cast

import psycopg
from aiohttp import ClientSession, DummyCookieJar, TCPConnector
from httpx_aiohttp import AiohttpTransport
from psycopg import AsyncConnection
from psycopg_pool import PoolTimeout

from clearing import database, errors, evidence, partners
from clearing.adapter import load_adapters
from clearing.delivery import Delivery
from clearing.embedded import Embedded
from clearing.evidence import Evidence, Keyring
from clearing.front import granting, logs, sources, terminal, vault
from clearing.front.house import CLOCK_DIFFERENCE_MAX, LANE, House, Reads, Soundness
from clearing.front.metrics import CountedWriter, Meters
from clearing.front.nonces import NonceCount
from clearing.front.settings import Settings
from clearing.front.windows import Windows
from clearing.ledger import Writer
from clearing.ledger.items import Tick
from clearing.ledger.pen import Sealed
from clearing.partners import KEY_PROOF, KeyRow, Live, key_proof
from clearing.rules.lifecycle import State
from clearing.rules.windows import Window
from clearing.signatures import Message, Presented, PrivateKey, PublicKey, jws_sign

WATCH_SECONDS = 2
TIDY_SECONDS = 60
NONCE_GRACE = timedelta(seconds=180)  # a signature is believed for 60 seconds after it expired; thrice that


@dataclass(frozen=True, slots=True)
class SoundKey:
    """The house's key, which signs nothing while the clock is not to be trusted: no answer and no call."""

    key: PrivateKey
    soundness: Soundness

    @property
    def public(self) -> PublicKey:
        """The public part."""
        return self.key.public

    def sign(self, data: bytes) -> bytes:
        """The signature. Raises errors.ClockUnsound."""
        self.soundness.require()
        return self.key.sign(data)


@contextmanager
def database_of(settings: Settings) -> Iterator[str]:
    """The address of the database; the embedded one runs for as long as it is used."""
    if settings.database_url is not None:
        yield settings.database_url.get_secret_value()
        return
    with Embedded(settings.home / "postgres") as server:
        yield server.url


async def prepare(url: str, *, tuned: bool = True) -> None:
    """Bring the schema to the newest revision, make that of jobs, publish the calendar, begin the lane. For the owner of the tables."""
    from clearing.front import jobs  # noqa: PLC0415 - most commands schedule nothing

    await asyncio.to_thread(database.migrate, url)
    await asyncio.to_thread(jobs.make_schema, url)
    if tuned:
        await asyncio.to_thread(database.tune, url)
    now = sources.clock()
    async with await database.connect(url, application=False, name="clearing-migrate") as connection:
        await partners.fill_calendar(connection, now)
        await partners.open_lane(connection, LANE, now)


@asynccontextmanager
async def open_house(settings: Settings, url: str, *, migrates: bool = False) -> AsyncIterator[House]:
    """The house, open: pool, books, delivery, and a watch on clock and database. Everything closes in the opposite order."""
    if migrates:
        await prepare(url)
    async with contextlib.AsyncExitStack() as open_rooms:
        reads = await open_rooms.enter_async_context(_opened(url, settings))
        house = await _built(settings, url, reads, open_rooms)
        watch = asyncio.create_task(_watch(house), name="watch")
        try:
            yield house
        finally:
            watch.cancel()
            with suppress(asyncio.CancelledError):
                await watch


@asynccontextmanager
async def _opened(url: str, settings: Settings) -> AsyncIterator[Reads]:
    pool = database.pool(url, size=settings.pool_size)
    try:
        await pool.open(wait=True, timeout=settings.database_wait_seconds)
    except PoolTimeout:
        raise errors.Misconfigured("the database cannot be reached; see CLEARING_DATABASE_URL") from None
    try:
        yield pool
    finally:
        await pool.close()


async def _built(settings: Settings, url: str, reads: Reads, open_rooms: contextlib.AsyncExitStack) -> House:
    soundness = Soundness(schema=await asyncio.to_thread(database.migrated, url))
    if not soundness.schema:
        raise errors.Misconfigured("the schema is not the newest: run `clearing migrate`")
    async with reads.connection() as connection:
        soundness.seen(await database.clock_difference(connection, sources.clock))
        calendar = await partners.calendar(connection)
        key = await _registered(connection, settings)
        published = [row for row in await partners.keys_of(connection, None) if row.purpose == "house"]
    points, keyring, meters = sources.points(settings.kill_at), vault.keyring(settings), Meters()
    house_key = cast("PrivateKey", SoundKey(key, soundness))
    writer = await open_rooms.enter_async_context(
        writing(settings, url, calendar, points, meters.ended, _sealing(meters))
    )
    live, adapters = Live(reads), load_adapters()
    transport = await open_rooms.enter_async_context(_transport())
    delivery = Delivery(
        writer,
        programs=lambda: live.directory(sources.clock()),
        keys=_keys_here(live, settings.environment),
        adapters=adapters,
        transport=transport,
        house_key=house_key,
        seal=sealer(keyring),
        clock=sources.clock,
        random=sources.random,
        points=points,
        count=meters.delivered,
        pace=settings.pace,
    )
    await delivery.start()
    open_rooms.push_async_callback(delivery.stop)
    return House(
        settings=settings,
        reads=reads,
        live=live,
        writer=writer,
        delivery=delivery,
        adapters=adapters,
        keyring=keyring,
        key=house_key,
        keys={row.public.key_id: row.public for row in published} | {key.public.key_id: key.public},
        meters=meters,
        nonces=NonceCount(settings.nonces_per_key_max),
        windows=Windows(reads, calendar),
        soundness=soundness,
    )


def _keys_here(live: Live, environment: str) -> Callable[[str], Awaitable[KeyRow | None]]:
    """Keys of this environment: what a sandbox key signed is no answer to a live house."""

    async def key_of(key_id: str) -> KeyRow | None:
        row = await live.key(key_id, sources.clock())
        return row if row is not None and row.environment == environment else None

    return key_of


def _transport() -> AiohttpTransport:
    """The way out: no proxy of the environment, no cookies of one partner's answer in the next call, connections kept."""
    return AiohttpTransport(
        client=lambda: ClientSession(cookie_jar=DummyCookieJar(), connector=TCPConnector(limit=0), trust_env=False)
    )


@asynccontextmanager
async def writing(
    settings: Settings,
    url: str,
    calendar: Sequence[Window],
    points: sources.Points = sources.no_points,
    ended: Callable[[State], None] = lambda _state: None,
    sealed: Callable[[Sealed], None] = lambda _sealed: None,
) -> AsyncIterator[Writer]:
    """The writer of the lane, running."""

    async def connect() -> AsyncConnection[Any]:
        return await database.connect(url, name="clearing-writer")

    writer = CountedWriter(
        connect,
        LANE,
        clock=sources.clock,
        salts=sources.salt,
        calendar=calendar,
        writer_id=sources.some_id(),
        points=points,
        queue_most=settings.queue_max,
        clock_difference_max=CLOCK_DIFFERENCE_MAX,
        ended=ended,
        sealed=sealed,
    )
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


@asynccontextmanager
async def desk(settings: Settings) -> AsyncIterator[tuple[AsyncConnection[Any], Writer]]:
    """What an operator's command needs: a connection that commits each statement, and the writer of the lane."""
    with database_of(settings) as url:
        async with await database.connect(url, name="clearing-operator") as connection:
            await connection.set_autocommit(True)
            calendar = await partners.calendar(connection)
            async with writing(settings, url, calendar, sealed=_say_sealed) as writer:
                yield connection, writer


def _sealing(meters: Meters) -> Callable[[Sealed], None]:
    """What a process does that sealed a window: a line in its log, a figure among its own."""

    def tell(sealed: Sealed) -> None:
        meters.sealed(sealed)
        said = {"window": sealed.window.code, "count": sealed.events, "size": sealed.size, "root": sealed.root.hex()}
        logs.log().info("sealed", **said)

    return tell


def _say_sealed(sealed: Sealed) -> None:
    """What an operator's command says that happened to be the first to write after a cut-off."""
    terminal.err.print(f"sealed {sealed.window.code}: {sealed.events} events, root {sealed.root.hex()}")


async def _registered(connection: AsyncConnection[Any], settings: Settings) -> PrivateKey:
    """The house's key, registered like any other, so that what it signed verifies long after it was retired."""
    key = vault.house_key(settings)
    row = await partners.key(connection, key.public.key_id)
    if row is None:
        row = await register_own(connection, key, "house", None, settings)
    if row.purpose != "house" or row.environment != settings.environment or not row.live(sources.clock()):
        raise errors.Misconfigured("the house's key is registered for something else, or retired")
    return key


async def register_own(
    connection: AsyncConnection[Any], key: PrivateKey, purpose: str, partner: str | None, settings: Settings
) -> KeyRow:
    """Register a key whose private part is at hand: the proof of possession is made here."""
    proof = jws_sign(key_proof(key.public.key_id, partner, purpose), key, KEY_PROOF)
    return await partners.register_key(
        connection, key.public.jwk, purpose, partner, settings.environment, proof, sources.clock()
    )


def sealer(keyring: Keyring) -> Callable[[Presented, Message, Presented | None, Message], Evidence]:
    """What makes the evidence of a call."""

    def seal(asked: Presented, request: Message, answered: Presented | None, answer: Message) -> Evidence:
        return evidence.of_call(
            asked,
            request,
            answered,
            answer,
            keyring=keyring,
            lane=LANE,
            evidence_id=sources.some_id(),
            random=sources.random,
        )

    return seal


async def _watch(house: House) -> None:
    """Look at database and clock for as long as the house is open, and now and then do what only time asks for."""
    tidied = monotonic()
    while True:
        await asyncio.sleep(WATCH_SECONDS)
        await look(house)
        if house.ready:
            with suppress(errors.ClearingError, psycopg.Error, PoolTimeout):
                await close_due(house)
        if house.ready and monotonic() - tidied > TIDY_SECONDS:
            tidied = monotonic()
            with suppress(errors.ClearingError, psycopg.Error, PoolTimeout):
                await tidy(house)


async def close_due(house: House) -> None:
    """Seal the open window once its cut-off has passed, and every one that was slept through: an empty batch is enough.

    Every process looks, so that none needs to be told; the lane lets the first one close, and the others find nothing to do.
    """
    async with house.reads.connection(timeout=WATCH_SECONDS) as connection:
        due = await partners.due(connection, LANE, sources.clock())
    if due is not None:
        await house.writer.put(Tick())


async def tidy(house: House) -> None:
    """Forget nonces that no signature can bring back, grant what agreements give from now on."""
    async with house.reads.connection() as connection:
        now = sources.clock() - NONCE_GRACE
        await connection.execute(database.statement("purge_nonces"), {"lane": LANE, "now": now})
        await granting.grant_due(connection, house.writer)


async def look(house: House) -> None:
    """Compare clocks. What the question itself took is not held against the clock."""
    sound = house.soundness
    was, asked = house.ready, monotonic()
    try:
        async with house.reads.connection(timeout=WATCH_SECONDS) as connection:
            difference = await database.clock_difference(connection, sources.clock)
    except (psycopg.Error, OSError):
        sound.database = False
    else:
        sound.seen(difference, (monotonic() - asked) / 2)
    if was != house.ready:
        logs.log().warning("readiness", status=200 if house.ready else 503)
