"""The handback: what became of each line of a book, one result a line; and the days that a line may be dated."""

from datetime import UTC, datetime, timedelta

import pytest

from clearing.ledger.items import Adjust
from settlement import matching
from settlement.matching import LineEnd, LineResult
from settlement.rules.breaks import BreakClass, Decision, State
from settlement.rules.matching import FaultCode, Form, Head, Line, written
from tests.ledger.books import HOTEL, uid
from tests.settlement.break_room import DAY, Room

TICK = timedelta(microseconds=1)


async def results(room: Room, sequence: int = 1, after: int = 0, most: int = 1_000) -> list[LineResult]:
    book = await matching.book_of(room.app, HOTEL, sequence)
    assert book is not None
    return await matching.results_of(room.app, book, after, most)


def line(room: Room, exchange: object, amount: int, **changes: object) -> Line:
    at = room.house.clock() - timedelta(hours=60)
    return Line(1, str(uid(exchange)), None, at, amount, None, "final")._replace(**changes)  # type: ignore[arg-type]


async def test_each_line_has_one_result_with_what_matched_it_or_its_break(room: Room) -> None:
    for name in (1, "parts", "later"):
        await room.house.complete(name)
    await room.sends(
        line(room, 1, 10_000),
        line(room, "parts", 4_000),
        line(room, "parts", 6_000),
        line(room, "later", 10_000, status="pending"),
        line(room, "unseen", -5_000),
    )
    assert {one.result for one in await results(room)} == {LineEnd.WAITING}
    found = await room.matched()
    missing = next(one for one in found if one.line == 1_000_005)
    pending = next(one for one in found if one.line == 1_000_004)
    assert await results(room) == [
        LineResult(1, LineEnd.MATCHED, 1, (uid(1),), None, None, None),
        LineResult(2, LineEnd.MATCHED, 4, (uid("parts"),), None, None, None),
        LineResult(3, LineEnd.MATCHED, 4, (uid("parts"),), None, None, None),
        LineResult(4, LineEnd.BREAK, None, (), BreakClass.STATUS_MISMATCH, pending.break_id, State.OPEN),
        LineResult(5, LineEnd.BREAK, None, (), BreakClass.MISSING_OURS, missing.break_id, State.OPEN),
    ]
    await room.sends(line(room, "later", 10_000))
    await room.say(missing, Decision.ACCEPT_OURS)
    await room.matched()
    assert [str(one.result) for one in await results(room)] == ["matched", "matched", "matched", "replaced", "break"]
    assert (await results(room))[4].state is State.RESOLVED
    assert [(one.line, one.result, one.exchanges) for one in await results(room, 2)] == [
        (1, LineEnd.MATCHED, (uid("later"),))
    ]


async def test_a_page_begins_after_its_line_and_ends_with_the_book(room: Room) -> None:
    await room.sends(*[line(room, number, -5_000) for number in range(5)])
    await room.sends(line(room, "another book", -5_000))
    assert [one.line for one in await results(room, after=0, most=2)] == [1, 2]
    assert [one.line for one in await results(room, after=2, most=9)] == [3, 4, 5]
    assert await results(room, after=5) == await results(room, after=999_999) == []
    assert [one.line for one in await results(room, 2)] == [1]


async def test_of_a_group_at_most_ten_items_are_told(room: Room) -> None:
    for number in range(12):
        lines = ((HOTEL, 1_000), ("house", -1_000))
        await room.house.put(Adjust(None, None, uid("part", number), "test", lines, room.window, "G-1"))
    await room.sends(line(room, 1, 12_000, reference="G-1")._replace(exchange=None))
    assert await room.matched() == []
    (one,) = await results(room)
    assert (one.result, one.pass_number) == (LineEnd.MATCHED, 4)
    assert list(one.exchanges) == sorted(uid("part", number) for number in range(12))[:10]


@pytest.mark.parametrize("beyond", [timedelta(), TICK])
async def test_what_is_dated_after_its_open_window_and_the_tolerance_is_refused(room: Room, beyond: timedelta) -> None:
    at = room.closes[room.window] + 2 * DAY + beyond
    answer = await room.sends(line(room, "future", -5_000, at=at))
    told = [(fault.line, fault.code) for fault in answer.faults]
    assert (answer.taken, told) == ((False, [(2, FaultCode.DATED_TOO_LATE)]) if beyond else (True, []))


async def test_a_line_of_the_year_9999_is_refused(room: Room) -> None:
    answer = await room.sends(line(room, "never", -5_000, at=datetime(9999, 1, 1, tzinfo=UTC)))
    assert (answer.taken, answer.reason) == (False, "faulty")


@pytest.mark.parametrize("beyond", [timedelta(), TICK])
async def test_a_correction_of_a_closed_window_is_dated_today_and_not_of_days_to_come(
    room: Room, beyond: timedelta
) -> None:
    now = room.house.clock()
    closed = max(number for number, closes_at in room.closes.items() if closes_at < now)
    corrected = line(room, "corrected", -5_000, at=now + 2 * DAY + beyond)
    answer = await matching.receive(
        room.app,
        written(Head(HOTEL, closed, 1), [corrected]),
        Form.CSV,
        partner=HOTEL,
        windows=room.closes,
        at=now,
        key_id="hotel",
    )
    assert answer.taken == (not beyond)
