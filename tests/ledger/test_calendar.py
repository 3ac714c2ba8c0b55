"""A published calendar counts for every writer from its first batch on, and each exchange is in the window that its own instant says."""

import asyncio
import random
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from uuid import UUID

import pytest

from clearing import database, errors, partners
from clearing.ledger import Writer
from clearing.ledger.items import Tick
from clearing.ledger.outcomes import Moved
from clearing.ledger.pen import Sealed
from clearing.partners import Signers
from clearing.rules.lifecycle import State
from clearing.rules.windows import Window, containing
from tests.conftest import FixedClock
from tests.ledger.books import D, House, moved_in, salts

MONDAY = datetime(2026, 3, 9, tzinfo=UTC)  # the cut-off after the clock's Wednesday
SECOND = timedelta(seconds=1)
KEYS = Signers("first", "second", UUID(int=5))
CLOSINGS = 1_000


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []


def document(opens_at: datetime, *cut_offs: datetime, month: str = "2026-03") -> dict[str, Any]:
    """What is published, with nothing in it but what counts here: when windows end."""
    windows = [
        {
            "window": f"{month}-{place}",
            "cut_off_utc": at.isoformat(),
            "advice_date": "2027-01-04",
            "value_date": "2027-01-05",
        }
        for place, at in enumerate(cut_offs, 1)
    ]
    return {"scheme": {}, "year": 2026, "opens_at": opens_at.isoformat(), "windows": windows}


async def published(house: House, said: dict[str, Any]) -> list[Window]:
    await partners.publish_calendar(house.owner, said, house.clock(), KEYS)
    return await partners.calendar(house.owner)


def touching(windows: list[Window]) -> bool:
    return all(one.closes_at == two.opens_at and one.number < two.number for one, two in pairwise(windows))


async def codes(house: House) -> dict[int, str]:
    return dict(await house.rows("SELECT window_id, code FROM calendar"))


def another(house: House, number: int, **options: Any) -> Writer:
    """The writer of another process, with the calendar of now."""
    return Writer(
        lambda: database.connect(house.url),
        house.lane,
        clock=house.clock,
        salts=salts(),
        calendar=house.calendar,
        writer_id=UUID(int=number),
        **options,
    )


# --- publication


async def test_windows_that_have_begun_stay_and_the_first_new_one_begins_where_they_end(house: House) -> None:
    before = await partners.calendar(house.owner)
    cut_offs = [MONDAY - 3 * SECOND, MONDAY + timedelta(days=2), MONDAY + timedelta(days=9)]
    after = await published(house, document(MONDAY - timedelta(days=10), *cut_offs))
    place = containing(before, house.clock())
    assert after[: place + 1] == before[: place + 1]
    assert [(one.code, one.opens_at, one.closes_at) for one in after[place + 1 : place + 4]] == [
        ("2026-03-2", MONDAY, cut_offs[1]),
        ("2026-03-3", cut_offs[1], cut_offs[2]),
        ("W-2026-12", cut_offs[2], MONDAY + timedelta(days=14)),
    ]
    assert [one.scheme_version for one in after[place : place + 4]] == [None, 1, 1, None]
    assert touching(after)
    assert after[-1].closes_at == before[-1].closes_at


async def test_a_year_that_lies_ahead_leaves_the_windows_before_it(house: House) -> None:
    before = await partners.calendar(house.owner)
    begins = MONDAY + timedelta(days=31)
    after = await published(house, document(begins, begins + timedelta(days=30)))
    place = containing(before, begins)
    assert after[: place + 1] == before[: place + 1]
    assert after[place + 1].opens_at == before[place].closes_at
    assert touching(after)


async def test_a_later_version_takes_over_and_nothing_published_is_edited(house: House) -> None:
    first = await published(house, document(MONDAY, MONDAY + timedelta(days=3), MONDAY + timedelta(days=20)))
    rows = set(await house.rows("SELECT * FROM calendar"))
    house.clock.at = MONDAY + SECOND
    await house.put(Tick())
    again = document(MONDAY, MONDAY + timedelta(days=5), MONDAY + timedelta(days=6))
    second = await published(house, again)
    assert rows <= set(await house.rows("SELECT * FROM calendar"))
    place = containing(first, house.clock())
    assert second[: place + 1] == first[: place + 1]
    begun = first[place]
    assert [(one.code, one.opens_at, one.scheme_version) for one in second[place + 1 : place + 4]] == [
        ("2026-03-1-v2", begun.closes_at, 2),  # the window that runs has that name
        ("2026-03-2", MONDAY + timedelta(days=5), 2),
        ("2026-03-2-v2", MONDAY + timedelta(days=6), 1),  # the rest of the first version's last window
    ]
    assert touching(second)
    assert len({one.code for one in second}) == len(second)


async def test_published_again_unchanged_it_is_the_version_it_was(house: House) -> None:
    said = document(MONDAY, MONDAY + timedelta(days=3))
    first = await published(house, said)
    assert await published(house, said) == first
    assert await house.rows("SELECT version FROM calendar_version") == [(1,)]


def rehearsal(opens_at: datetime, *cut_offs: datetime) -> dict[str, Any]:
    return document(opens_at, *cut_offs) | {"scheme": {"cycle": {"rehearsal": {}}}}


@pytest.mark.parametrize("ahead", [30, -1])
async def test_a_rehearsal_ends_the_open_window_and_is_closed_by_the_clock_alone(house: House, ahead: int) -> None:
    before = await partners.calendar(house.owner)
    place = containing(before, house.clock())
    rows = set(await house.rows("SELECT * FROM calendar"))
    now = house.clock()
    begins = now + ahead * SECOND
    after = await published(house, rehearsal(begins, begins + 5 * SECOND, begins + 10 * SECOND))
    cut = max(begins, now + timedelta(microseconds=1))  # what has begun already begins now
    assert after[:place] == before[:place]
    assert after[place] == replace(before[place], closes_at=cut)
    assert [(one.code, one.opens_at, one.closes_at) for one in after[place + 1 : place + 4]] == [
        ("2026-03-1", cut, begins + 5 * SECOND),
        ("2026-03-2", begins + 5 * SECOND, begins + 10 * SECOND),
        (f"{before[place].code}-v1", begins + 10 * SECOND, before[place].closes_at),
    ]
    assert touching(after)
    assert rows <= set(await house.rows("SELECT * FROM calendar"))
    for window in after[place : place + 3]:
        house.clock.at = window.closes_at - timedelta(microseconds=1)
        assert await partners.due(house.owner, house.lane, house.clock()) is None
        house.clock.at = window.closes_at
        assert await partners.due(house.owner, house.lane, house.clock()) == window.code
        await house.put(Tick())
    sealed = await house.rows("SELECT window_id FROM lane_window WHERE sealed_at IS NOT NULL ORDER BY 1")
    assert sealed == [(one.number,) for one in after[place : place + 3]]


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (document(MONDAY - timedelta(days=9), MONDAY - SECOND), "no window is left"),
        (document(MONDAY, MONDAY + timedelta(days=9)) | {"windows": []}, "there is none"),
        (document(MONDAY + timedelta(days=4_000), MONDAY + timedelta(days=4_001)), "further ahead"),
    ],
)
async def test_a_calendar_that_cannot_take_over_is_refused_and_leaves_nothing(
    house: House, said: dict[str, Any], told: str
) -> None:
    before = await house.rows("SELECT * FROM calendar ORDER BY window_id")
    with pytest.raises(errors.ValidationFailed, match=told):
        await published(house, said)
    assert await house.rows("SELECT * FROM calendar ORDER BY window_id") == before
    assert await house.rows("SELECT calendar FROM lane") == [(0,)]


async def test_after_the_last_published_window_weeks_go_on_and_are_filled_up(house: House) -> None:
    await published(house, document(MONDAY, MONDAY + timedelta(days=3)))
    later = house.clock() + timedelta(days=700)
    await partners.fill_calendar(house.owner, later)
    windows = await partners.calendar(house.owner)
    assert touching(windows)
    assert windows[-1].closes_at > later + timedelta(days=1_000)
    house.clock.at = windows[-1].opens_at
    assert await house.put(Tick()) is None  # a writer that started before reads on


# --- the writers


async def test_a_writer_that_started_before_writes_by_the_new_calendar(house: House) -> None:
    other = another(house, 98)
    await other.start()
    try:
        await other.put(Tick())
        windows = await published(house, document(MONDAY, MONDAY + timedelta(days=3), MONDAY + timedelta(days=4)))
        house.clock.at = MONDAY + timedelta(days=3)
        await other.put(Tick())
        await house.complete(1)
    finally:
        await other.stop()
    window = windows[containing(windows, house.clock())]
    assert window.code == "2026-03-2"
    assert (await house.exchange(1)).window_id == window.number
    lived = await house.rows("SELECT window_id FROM lane_window ORDER BY opened_size, window_id")
    assert [(await codes(house))[number] for (number,) in lived] == ["W-2026-10", "2026-03-1", "2026-03-2"]


async def test_a_calendar_is_not_published_past_a_batch_that_is_being_written(house: House) -> None:
    """The lane's row is the lock: what is decided on is what is."""
    async with await database.connect(house.url) as writing:
        await writing.execute(database.statement("lane_lock"), {"lane": house.lane})
        publishing = asyncio.create_task(published(house, document(MONDAY, MONDAY + timedelta(days=3))))
        waits = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        async with await database.connect(house.url, application=False) as looking:
            await looking.set_autocommit(True)
            for _ in range(20_000):
                if (await (await looking.execute(waits)).fetchone()) == (1,):
                    break
            else:
                pytest.fail("nobody waits for the lane")
        at = MONDAY + timedelta(days=3, seconds=1)  # the batch ends in a window that was about to be replaced
        await writing.execute("UPDATE lane SET last_at = %s", [at])
        await writing.commit()
    house.clock.at = at
    with pytest.raises(errors.ValidationFailed, match="no window is left"):
        await publishing


async def test_every_seal_is_told_once_with_its_count_and_its_root(house: House) -> None:
    told: list[Sealed] = []
    writer = another(house, 97, sealed=told.append)
    await writer.start()
    try:
        await house.complete(1)
        ((size,),) = await house.rows("SELECT size FROM lane")
        house.clock.at = MONDAY + timedelta(weeks=2)  # the end of W-2026-12
        await writer.put(Tick())
        await writer.put(Tick())
    finally:
        await writer.stop()
    kept = await house.rows("SELECT window_id, sealed_size, sealed_root FROM lane_window WHERE sealed_at IS NOT NULL")
    assert sorted((one.window.number, one.size, one.root) for one in told) == sorted(kept)
    assert [(one.window.code, one.events) for one in told] == [("W-2026-10", size), ("W-2026-11", 0), ("W-2026-12", 0)]


# --- the property


async def test_closed_a_thousand_times_at_random_under_load_every_exchange_is_where_its_instant_says(
    house: House,
) -> None:
    luck = random.Random(20_260_309)
    cut_offs, at = [], MONDAY
    for _ in range(CLOSINGS + 200):
        at += SECOND * luck.randint(1, 4)
        cut_offs.append(at)
    sealed: list[Sealed] = []
    writers = [another(house, number, sealed=sealed.append) for number in (71, 72)]
    for writer in writers:
        await writer.start()  # with the weekly calendar: the short windows are published while they run
    windows = await published(house, document(MONDAY, *cut_offs))
    house.clock.at = MONDAY
    finished: list[int] = []

    async def trade(which: int) -> None:
        """Exchanges of one member after another, each step by one of the two processes."""
        number = which
        while len(sealed) <= CLOSINGS:
            await luck.choice(writers).put(house.reserve(number))
            for leg in (1, 2, 3):
                moved = await luck.choice(writers).put(house.answered(leg, D, number))
            assert isinstance(moved, Moved)
            assert moved.state is State.COMPLETED
            finished.append(number)
            number += 4

    async def pass_time() -> None:
        while len(sealed) <= CLOSINGS:
            house.clock.at += timedelta(milliseconds=luck.randint(200, 4_000))
            await luck.choice(writers).put(Tick())

    try:
        await asyncio.gather(pass_time(), *(trade(which) for which in range(4)))
    finally:
        for writer in writers:
            await writer.stop()
    found = await house.rows("SELECT posted_at, window_id, reserved_at FROM exchange WHERE posted_at IS NOT NULL")
    assert len(found) == len(finished) > 200
    wrong = [row for row in found if windows[containing(windows, row[0])].number != row[1]]
    assert wrong == []
    assert any(windows[containing(windows, reserved)].number != number for _, number, reserved in found)  # late ones
    entries = (
        "SELECT count(*) FROM entry JOIN exchange USING (lane, exchange_id) WHERE entry.window_id <> exchange.window_id"
    )
    assert await house.rows(entries) == [(0,)]
    lived = await house.rows("SELECT window_id, sealed_at FROM lane_window ORDER BY window_id")
    published_numbers = [window.number for window in windows if window.closes_at > MONDAY - SECOND]
    assert [number for number, _ in lived] == published_numbers[: len(lived)]  # none skipped, none twice
    assert sum(sealed_at is not None for _, sealed_at in lived) == len(sealed) > CLOSINGS
