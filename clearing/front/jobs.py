"""Scheduled jobs: what falls due although nobody asks, on procrastinate, in a schema `jobs` of its own. Time enters here.

Nothing that matters is kept in that schema: each job looks in the tables what is due, so a missed tick only delays, and twice is as good as
once. Any number of processes run them; a tick is taken up by one. Windows are closed elsewhere, by the watch of every process (wiring.py).
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from time import monotonic
from typing import TYPE_CHECKING

import psycopg
from procrastinate import App, PsycopgConnector, __version__
from procrastinate.jobs import Status
from procrastinate.schema import SchemaManager
from procrastinate.worker import Worker
from psycopg import sql

from clearing import database, errors
from clearing.front import cover, logs, sources
from clearing.front.house import LANE
from settlement import matching, stating
from settlement import run as settling

if TYPE_CHECKING:
    from clearing.front.house import House

SCHEMA = "jobs"
POLL_SECONDS = 2
AGAIN_SECONDS = 5
STOP_SECONDS = 5
STOP_AGAIN_SECONDS = 0.2
PRINTED_MOST = 20
_GRANTS = (
    "GRANT USAGE ON SCHEMA {schema} TO {role}",
    "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {schema} TO {role}",
    "GRANT USAGE ON ALL SEQUENCES IN SCHEMA {schema} TO {role}",
)
_VERSION = "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %s"


@dataclass(frozen=True, slots=True)
class Job:
    """Something done at every tick of `cron`, and once when a process starts. `do` says how many things it moved or found."""

    name: str
    cron: str
    do: Callable[["House"], Awaitable[int]]


async def act_clocks(house: "House") -> int:
    """Reconciliation's clocks: breaks go on to their next owner, silence decides disputes, what was being posted is posted."""
    async with house.reads.connection() as connection:
        return len(await matching.act_due(connection, sources.clock(), house.writer.put))


async def remind_of_runs(house: "House") -> int:
    """Sealed windows with value in them that are in no run: said in the log; drafting needs an operator's key."""
    async with house.reads.connection() as connection:
        found = await settling.unsettled(connection, LANE)
    for code in found:
        logs.log().warning("a run could be drafted", window=code)
    return len(found)


async def accrue_overdue(house: "House") -> int:
    """The interest of every pay-in that no bank has confirmed by its day, up to today; each day counts once."""
    async with house.reads.connection() as connection:
        return len(await settling.overdue(connection, house.writer, sources.clock().date()))


async def watch_low_water(house: "House") -> int:
    """Who fell below its low water since somebody last looked: said in the log and counted, each crossing once."""
    async with house.reads.connection() as connection:
        return await cover.watch_low_water(house, connection)


async def print_statements(house: "House") -> int:
    """What people read of statements whose evidence is kept: workbook, pages, CSV and picture, the oldest first, some at each tick."""
    async with house.reads.connection() as connection:
        return sum(
            [
                await stating.print_statement(connection, one)
                for one in await stating.unprinted(connection, PRINTED_MOST)
            ]
        )


JOBS = (
    Job("watch_low_water", "* * * * *", watch_low_water),
    Job("act_clocks", "* * * * *", act_clocks),
    Job("print_statements", "* * * * *", print_statements),
    Job("remind_of_runs", "*/10 * * * *", remind_of_runs),
    Job("accrue_overdue", "0 * * * *", accrue_overdue),
)


# --- the schema


def make_schema(url: str) -> None:
    """Make the schema of this version of procrastinate, as the owner of the tables. One of another version is made anew."""
    names = {"schema": sql.Identifier(SCHEMA), "role": sql.Identifier(database.APPLICATION_ROLE)}
    with psycopg.connect(url) as connection:
        connection.execute("LOCK TABLE alembic_version IN SHARE UPDATE EXCLUSIVE MODE")  # one at a time
        if _made(connection):
            return
        connection.execute(sql.SQL("DROP SCHEMA IF EXISTS {schema} CASCADE").format(**names))
        connection.execute(sql.SQL("CREATE SCHEMA {schema}").format(**names))
        connection.execute(sql.SQL("SET LOCAL search_path TO {schema}").format(**names))
        connection.execute(SchemaManager.get_schema())
        for grant in _GRANTS:
            connection.execute(sql.SQL(grant).format(**names))
        connection.execute(sql.SQL("COMMENT ON SCHEMA {schema} IS {version}").format(version=__version__, **names))


def made(url: str) -> bool:
    """Whether the schema is there, and of this version of procrastinate."""
    with psycopg.connect(url) as connection:
        return _made(connection)


def _made(connection: psycopg.Connection) -> bool:
    return connection.execute(_VERSION, (SCHEMA,)).fetchone() == (__version__,)


# --- the worker


@asynccontextmanager
async def scheduled(house: "House", url: str) -> AsyncIterator[None]:
    """The jobs run for as long as this lasts; what runs at its end is heard out for some seconds. Raises errors.Misconfigured."""
    if not await asyncio.to_thread(made, url):
        raise errors.Misconfigured("the schema of jobs is not the newest: run `clearing migrate`")
    stop = asyncio.Event()
    running = asyncio.create_task(_run(house, url, stop), name="jobs")
    try:
        yield
    finally:
        stop.set()
        await running


async def _run(house: "House", url: str, stop: asyncio.Event) -> None:
    """Work until told to stop, and begin again where the database went away meanwhile."""
    while not stop.is_set():
        try:
            async with _app(house, url).open_async() as app:
                await _work(app, stop)
        except Exception as fault:  # noqa: BLE001 - whatever it is, the jobs go on
            logs.log().warning("jobs", **logs.failure(fault))
        with suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), AGAIN_SECONDS)


async def _work(app: App, stop: asyncio.Event) -> None:
    """One worker, until told to stop or until it fails. It is asked and never cancelled: what it had begun would be left behind."""
    worker = Worker(
        app,
        fetch_job_polling_interval=POLL_SECONDS,
        shutdown_graceful_timeout=STOP_SECONDS,
        listen_notify=False,  # a connection less; nothing here waits for a second
        delete_jobs="always",
        install_signal_handlers=False,
    )
    working, told = asyncio.create_task(worker.run()), asyncio.create_task(stop.wait())  # type: ignore[no-untyped-call]
    await asyncio.wait({working, told}, return_when=asyncio.FIRST_COMPLETED)
    told.cancel()
    while not working.done():
        worker.stop()  # type: ignore[no-untyped-call]  # again and again: one that is only beginning forgets it
        await asyncio.wait({working}, timeout=STOP_AGAIN_SECONDS)
    await working


def _app(house: "House", url: str) -> App:
    arguments = database.arguments(url, name="clearing-jobs", schemas=f"{SCHEMA},public")
    app = App(connector=PsycopgConnector(conninfo=url, kwargs=arguments, min_size=1, max_size=2))
    for job in JOBS:
        _register(app, house, job)
    return app


def _register(app: App, house: "House", job: Job) -> None:
    """At most one of a kind waits, however many processes tick."""

    @app.periodic(cron=job.cron)
    @app.task(name=job.name, queueing_lock=job.name)
    async def run(timestamp: int) -> None:  # noqa: ARG001 - when it was meant to run; what is due now is done now
        await _forget_dead(app)
        await done(house, job)


async def done(house: "House", job: Job) -> None:
    """Do a job, and count it. What fails is tried again at the next tick."""
    began = monotonic()
    try:
        house.soundness.require()
        count = await job.do(house)
    except Exception:
        house.meters.job(job.name, "failed")
        raise
    house.meters.job(job.name, "done")
    if count:
        logs.log().info("job", what=job.name, count=count, seconds=round(monotonic() - began, 3))


async def _forget_dead(app: App) -> None:
    """Drop what processes had taken up that died: its next tick does the same."""
    for dead in await app.job_manager.get_stalled_jobs():
        await app.job_manager.finish_job(dead, Status.FAILED, delete_job=True)
