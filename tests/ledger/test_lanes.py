"""A lane is one sequence whatever happens to its writers: lost answers, killed connections, two processes, cut-offs, clocks."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest

from clearing import database, errors, partners
from clearing.ledger import Writer, reads
from clearing.ledger import writer as writer_module
from clearing.ledger.items import Grant, Item, Tick
from clearing.ledger.outcomes import Moved, Reserved
from clearing.ledger.pen import Pen, open_pen
from clearing.ledger.write import write_batch
from clearing.rules import merkle
from clearing.rules.lifecycle import Path, State
from clearing.rules.refusals import Refusal
from tests.conftest import FixedClock
from tests.ledger.books import AIR, CAN, LEASE, TERMS, D, House, N, U, X, contents, moved_in, outline, salts, uid

MONDAY = datetime(2026, 3, 9, tzinfo=UTC)  # the cut-off after the clock's Wednesday
W10, W11, W12, W13 = 202610, 202611, 202612, 202613


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writer_module, "RECONNECT_PAUSE", timedelta(0))


@asynccontextmanager
async def another_writer(house: House, **options: Any) -> AsyncIterator[Writer]:
    """A second process on the same lane."""
    given: dict[str, Any] = {
        "clock": house.clock,
        "salts": salts(),
        "calendar": house.calendar,
        "writer_id": UUID(int=99),
    }
    writer = Writer(lambda: database.connect(house.url), house.lane, **given | options)
    await writer.start()
    try:
        yield writer
    finally:
        await writer.stop()


# --- a commit whose answer was lost


@asynccontextmanager
async def pen_of(house: House, points: Callable[[str], None] = lambda _name: None) -> AsyncIterator[Pen]:
    connection = await database.connect(house.url)
    given = {
        "calendar": house.calendar,
        "clock": house.clock,
        "salts": salts(),
        "points": points,
        "writer": UUID(int=98),
    }
    pen = await open_pen(connection, house.lane, **given)
    try:
        yield pen
    finally:
        await pen.pipeline.close()


async def _stories(house: House) -> list[Callable[[], list[Item]]]:
    """Batches of every kind of item, each to be written twice."""
    await house.complete("c")
    await house.put(house.reserve("late"))
    await house.tell((1, D), (2, X), (4, D), name="late")
    await house.put(house.reserve("stuck"))
    await house.put(house.answered(1, U, "stuck", retry_at=None))
    (case,) = await house.cases()
    return [
        lambda: [house.reserve(1), house.reserve(2, Path.DEBITED), house.reserve(3, quote_expires_at=house.later(0))],
        lambda: [house.answered(1, D, 1), house.answered(1, X, 2), house.cancel("c")],
        lambda: [house.answered(2, U, 1)],
        lambda: [house.answered(2, D, 1), house.answered(2, D, "late"), house.reverse("back", "c", 100)],
        lambda: [house.answered(3, X, 1), house.answered(1, D, "back")],
        lambda: [house.answered(5, X, 1), house.answered(2, D, "back"), house.resolve(case.case, "ask_again")],
        lambda: [house.answered(1, X, "stuck"), Grant(AIR, 5), Tick()],
    ]


async def test_a_batch_written_again_has_the_same_outcome_and_doubles_nothing(house: House) -> None:
    for story in await _stories(house):
        items = story()
        async with pen_of(house) as pen:
            first = outline(await write_batch(pen, items))
            kept = await contents(house)
            again = outline(await write_batch(pen, items))
        assert again == first
        assert await contents(house) == kept


@pytest.mark.parametrize("step", ["lane.locked", "reserve.decided", "reserve.committed"])
async def test_a_connection_killed_at_any_step_costs_nothing(house: House, step: str) -> None:
    killed: list[str] = []

    def kill(name: str) -> None:
        if name == step and not killed:
            killed.append(name)
            with psycopg.connect(house.url, autocommit=True) as other:
                other.execute(
                    "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity"
                    " WHERE application_name = 'victim' AND datname = current_database()"
                )

    async with another_writer(house, points=kill) as writer:
        writer._connect = lambda: database.connect(house.url, name="victim")
        await writer._drop_pen()
        outcomes = await writer.put_all([house.reserve(name) for name in range(5)])
        outcomes += await writer.put_all([house.answered(1, X, 4)])
    assert killed == [step]
    assert all(isinstance(one, Reserved) and not one.replayed and len(one.due) == 1 for one in outcomes[:5])
    assert isinstance(outcomes[5], Moved)
    assert (await house.kinds()) == ["reserved"] * 5 + ["voided"]


async def test_without_a_database_items_are_refused_for_now(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nowhere() -> Any:
        raise psycopg.OperationalError

    monkeypatch.setattr(writer_module, "RECONNECT_MOST", timedelta(milliseconds=20))
    async with another_writer(house) as writer:
        connect, writer._connect = writer._connect, nowhere
        await writer._drop_pen()
        outcomes = await writer.put_all([house.reserve(1), Tick()])
        assert [type(outcome) for outcome in outcomes] == [errors.ReplayStoreUnavailable] * 2
        writer._connect = connect
        assert isinstance(await writer.put(house.reserve(1)), Reserved)


# --- two processes


async def test_two_writers_agree_without_deadlock_or_gap(house: House) -> None:
    async with another_writer(house) as other:

        async def live(writer: Writer, order: int) -> list[Any]:
            found: list[Any] = []
            for name in list(range(30))[::order]:
                found.append(await writer.put(house.reserve(name)))
                found.append(await writer.put(house.answered(1, X, name)))
            return found

        lived = await asyncio.gather(live(house.writer, 1), live(other, -1))
    reserved = [one for found in lived for one in found if isinstance(one, Reserved)]
    assert len(reserved) == 60
    assert len({(one.exchange.exchange_id, one.leaf.seq) for one in reserved}) == 30
    assert sum(one.replayed for one in reserved) == 30
    assert sorted(await house.kinds()) == ["reserved"] * 30 + ["voided"] * 30


async def test_a_quote_that_two_processes_use_is_won_by_one(house: House) -> None:
    async with another_writer(house) as other:
        for place in range(5):
            quote = uid("wanted", place)
            outcomes = await asyncio.gather(
                house.writer.put(house.reserve(f"a{place}", quote_id=quote)),
                other.put(house.reserve(f"b{place}", quote_id=quote)),
            )
            assert sorted(type(outcome).__name__ for outcome in outcomes) == ["Refusal", "Reserved"]


async def test_a_cap_that_two_processes_fill_is_kept(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock, cap=5 * TERMS.debit) as house, another_writer(house) as other:
        outcomes = await asyncio.gather(
            *(
                writer.put(house.reserve(f"{side}{place}"))
                for place in range(6)
                for side, writer in (("a", house.writer), ("b", other))
            )
        )
        assert sum(isinstance(outcome, Reserved) for outcome in outcomes) == 5
        assert (await house.cap_of()).pending == 5 * TERMS.debit


async def test_an_order_that_two_processes_claim_goes_to_one(house: House) -> None:
    await house.writer.put_all([house.reserve(name, lease_until=house.later(1)) for name in range(20)])
    house.clock.advance(1)
    async with another_writer(house) as other:
        claims = await asyncio.gather(
            *(
                writer.put(house.claim(3, lease))
                for _ in range(4)
                for writer, lease in ((house.writer, LEASE), (other, UUID(int=7)))
            )
        )
    taken = [order.exchange_id for one in claims for order in one.due]
    assert sorted(taken) == sorted({uid(name) for name in range(20)})


async def test_a_program_that_joined_after_a_writer_started_is_known_to_it(house: House) -> None:
    async with another_writer(house) as early:
        await early.put(Tick())
        await partners.register_partner(house.owner, "rail", "Rail", house.clock())
        await partners.register_program(
            house.owner,
            "tracks",
            "rail",
            name="tracks",
            unit_name="point",
            adapter="house_json",
            endpoint="http://127.0.0.1:9",
            capabilities=CAN,
            now=house.clock(),
        )
        await house.put(house.reserve(target_program="tracks"))
        moved = [await early.put(house.answered(leg, D)) for leg in (1, 2, 3)]
    assert moved[-1].state is State.COMPLETED


# --- windows and clocks


async def windows(house: House) -> list[tuple[Any, ...]]:
    return await house.rows("SELECT window_id, opened_size, sealed_size, sealed_at FROM lane_window ORDER BY window_id")


async def test_the_first_writer_after_a_cut_off_seals_the_old_window_first(house: House) -> None:
    house.clock.at = MONDAY - timedelta(microseconds=1)
    await house.complete(1)
    size = (await reads.head(house.owner, 0)).size
    house.clock.at = MONDAY
    await house.complete(2)
    assert [(await house.exchange(name)).window_id for name in (1, 2)] == [W10, W11]
    assert await windows(house) == [(W10, 0, size, MONDAY), (W11, size, None, None)]


async def test_an_exchange_belongs_to_the_window_in_which_it_is_posted(house: House) -> None:
    await house.put(house.reserve())
    house.clock.at = MONDAY + timedelta(days=1)
    await house.tell((1, D), (2, D), (3, D))
    await house.complete(2)
    assert (await house.exchange()).window_id == W11
    assert (await house.exchange()).reserved_at < MONDAY


async def test_windows_without_a_batch_are_born_sealed(house: House) -> None:
    house.clock.at = MONDAY + timedelta(weeks=2, hours=1)
    await house.put(Tick())
    assert [(window, sealed) for window, _, sealed, _ in await windows(house)] == [
        (W10, 3),
        (W11, 3),
        (W12, 3),
        (W13, None),
    ]
    roots = await house.rows("SELECT DISTINCT sealed_root FROM lane_window WHERE sealed_root IS NOT NULL")
    assert roots == [((await reads.head(house.owner, 0)).root,)]


async def test_a_tick_closes_and_within_a_window_changes_nothing_but_time(house: House) -> None:
    before = await contents(house)
    await house.put(Tick())
    assert await contents(house) == before
    house.clock.at = MONDAY
    await house.put(Tick())
    assert (await reads.head(house.owner, 0)).window_id == W11


async def test_a_sealed_window_never_changes(house: House) -> None:
    await house.complete(1)
    house.clock.at = MONDAY
    await house.put(Tick())

    async def sealed() -> Any:
        return [
            await house.rows(f"SELECT * FROM {table} WHERE window_id = %s ORDER BY 1, 2, 3", W10)
            for table in ("lane_window", "entry", "position_slice")
        ]

    before = await sealed()
    await house.put(house.reverse())
    await house.tell((1, D), (2, D), name="back")
    await house.tell((2, X))
    await house.complete(2)
    house.clock.at += timedelta(weeks=1)
    await house.put(Tick())
    assert await sealed() == before


async def test_a_clock_that_goes_back_does_not_take_the_books_with_it(house: House) -> None:
    house.clock.at = MONDAY + timedelta(hours=1)
    await house.complete(1)
    house.clock.at = MONDAY - timedelta(hours=1)
    await house.complete(2, quote_expires_at=house.later(9999))
    exchange = await house.exchange(2)
    assert (exchange.reserved_at, exchange.window_id) == (MONDAY + timedelta(hours=1), W11)
    assert isinstance(await house.put(house.reserve(3, quote_expires_at=MONDAY)), Refusal)  # expired by the lane's time


async def test_after_the_calendar_nothing_is_written(house: House) -> None:
    house.clock.at = house.calendar[-1].closes_at
    (outcome,) = await house.writer.put_all([house.reserve()])
    assert isinstance(outcome, errors.ItemRejected)
    house.clock.at -= timedelta(seconds=1)
    assert isinstance(await house.put(house.reserve(quote_expires_at=house.later(9))), Reserved)


# --- the log


async def test_every_event_is_provable_in_every_later_log(house: House) -> None:
    salt_of = salts()
    async with another_writer(house, salts=salt_of) as writer:
        for start in range(0, 560, 140):  # past two tiles
            await writer.put_all([house.reserve(name) for name in range(start, start + 140)])
    head = await reads.head(house.owner, 0)
    leaves = await house.rows("SELECT hash FROM leaf ORDER BY seq")
    assert head.size == len(leaves) == 563
    assert await house.rows("SELECT level, place FROM tile ORDER BY 1, 2") == [(8, 0), (8, 1)]
    for seq in (0, 255, 256, 511, 512, 562):
        path = await reads.inclusion(house.owner, 0, seq, head.size)
        assert merkle.verify_inclusion(leaves[seq][0], seq, head.size, path, head.root)


async def test_a_receipt_opens_its_leaf(house: House) -> None:
    outcome = await house.put(house.reserve(0, Path.DEBITED))
    leaf = outcome.leaf
    assert merkle.leaf_hash(merkle.commitment(leaf.salt, leaf.event)) == leaf.hash
    assert (await house.rows("SELECT hash FROM leaf WHERE seq = %s", leaf.seq)) == [(leaf.hash,)]
    async with AsyncExitStack() as stack:
        writer = await stack.enter_async_context(another_writer(house))
        again = await writer.put(house.reserve(0))
    assert again.leaf == leaf  # type: ignore[union-attr]


async def test_silence_is_counted_once_when_a_batch_is_written_again(house: House) -> None:
    await house.put(house.reserve())
    said: list[Item] = [house.answered(1, N)]
    await house.writer.put_all(said)
    await house.writer.put_all(said)
    assert await house.rows("SELECT attempts FROM orders") == [(1,)]
