"""A break is one break for as long as it is there: it keeps its id whatever it turns out to be, and nothing is booked of it twice."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from settlement import matching
from settlement.matching import BreakView
from settlement.rules.breaks import Decision, Side, State
from settlement.rules.matching import Line
from tests.ledger.books import HOTEL, D, uid
from tests.settlement.break_room import DAY, Room, aged

HOUR = timedelta(hours=1)


async def young(room: Room, amount: int = -900_000_000, name: str = "unseen") -> BreakView:
    """A line of an hour ago that names something we never saw."""
    at = room.house.clock() - HOUR
    await room.sends(Line(1, str(uid(name, amount)), None, at, amount, None, "final"))
    return next(one for one in await room.matched() if one.amount == amount)


async def resolved(room: Room, found: BreakView) -> BreakView:
    """What the hotel says is booked, by two operators."""
    await room.second_operator()
    await room.say(found, Decision.ACCEPT_THEIRS)
    done = await room.say(found, Decision.ACCEPT_THEIRS, key="second")
    assert isinstance(done, BreakView)
    assert done.state is State.RESOLVED
    return done


async def of_line(room: Room, line: int | None) -> list[BreakView]:
    names = await room.house.rows("SELECT break_id FROM break_item WHERE line = %s", line)
    found = [await matching.break_of(room.app, name) for (name,) in names]
    return [one for one in found if one is not None]


async def test_what_was_on_its_way_and_is_missing_now_is_the_same_break(room: Room) -> None:
    first = await young(room)
    assert str(first.class_) == "TIMING"
    (later,) = await room.matched(3 * DAY)
    assert str(later.class_) == "MISSING_OURS"
    assert (later.break_id, later.opened_at, later.owner) == (first.break_id, first.opened_at, first.owner)


async def test_a_dispute_stays_the_only_one_of_its_line(room: Room) -> None:
    first = await young(room)
    await room.say(first, Decision.DISPUTE, Side.PARTNER, HOTEL)
    (later,) = [one for one in await room.matched(3 * DAY) if one.line]
    assert (later.break_id, later.state, str(later.class_)) == (first.break_id, State.FILED, "MISSING_OURS")
    await room.clock_runs(11)
    assert await room.position() == -900_000_000  # claimed once, booked once
    assert [one.state for one in await of_line(room, first.line)] == [State.RESOLVED]


async def test_what_was_resolved_is_not_opened_again_as_something_else(room: Room) -> None:
    first = await young(room)
    done = await resolved(room, first)
    assert await room.position() == -900_000_000
    assert [one for one in await room.matched(3 * DAY) if one.line] == []
    assert await of_line(room, first.line) == [replace(done, run=2)]


async def test_a_line_whose_break_was_resolved_opens_none_when_our_exchange_comes_with_another_amount(
    room: Room,
) -> None:
    at = room.house.clock() - HOUR
    await room.sends(Line(1, str(uid(1)), None, at, -900_000_000, None, "final"))
    (first,) = await room.matched()
    await resolved(room, first)
    await room.house.complete()
    found = await room.matched()
    assert {one.our_id for one in found} & {uid(1)} == set()
    assert [one.state for one in await of_line(room, first.line)] == [State.RESOLVED]


async def test_a_break_of_nothing_that_was_resolved_hides_no_difference_later(room: Room) -> None:
    await room.house.put(room.house.reserve())
    await room.sends(Line(1, str(uid(1)), None, room.house.clock(), 25_000, 1_000, "final"))
    (first,) = await room.matched()
    assert (str(first.class_), first.amount) == ("STATUS_MISMATCH", 0)
    await room.say(first, Decision.ACCEPT_OURS, Side.PARTNER, HOTEL)
    await room.house.tell((1, D), (2, D), (3, D))
    (second,) = await room.matched()
    assert (str(second.class_), second.amount) == ("RATE_MISMATCH", 15_000)


async def test_a_line_and_our_item_that_find_each_other_go_on_as_the_break_that_was_there(room: Room) -> None:
    await room.house.complete()
    (ours,) = await room.matched()
    await room.say(ours, Decision.DISPUTE, Side.PARTNER, HOTEL)
    await room.sends(Line(1, str(uid(1)), None, room.house.clock(), 4_000, 1_000, "final"))
    (both,) = [one for one in await room.matched() if one.our_id == uid(1)]
    assert (both.break_id, both.our_id, both.line, both.amount) == (ours.break_id, uid(1), 1_000_001, -6_000)
    assert both.state is State.FILED


async def test_a_dispute_about_what_both_books_have_by_now_falls_by_its_clock(room: Room) -> None:
    await room.sends(Line(1, str(uid(1)), None, room.house.clock(), 10_000, 1_000, "final"))
    (found,) = await room.matched()
    await room.say(found, Decision.DISPUTE, Side.PARTNER, HOTEL)
    await room.house.complete()
    await room.matched()
    position = await room.position()
    (done,) = await room.clock_runs(7)
    assert (done.state, done.resolution) == (State.RESOLVED, "drop")
    assert await room.position() == position == 10_000
    assert (await matching.steps_of(room.app, found.break_id))[-1].note == "both books agree by now"


async def test_of_one_break_that_falls_in_two_our_item_keeps_it_and_the_line_gets_its_own(room: Room) -> None:
    found = await room.differs(5_000)
    line = Line(1, str(found.our_id), None, room.house.clock() - HOUR, 12_000, None, "final")
    await room.sends(line)  # says the same exchange again, dated earlier
    first, second = sorted(await room.matched(), key=lambda one: one.our_id is None)
    assert (first.break_id, first.our_id, first.amount) == (found.break_id, found.our_id, 2_000)
    assert (str(second.class_), second.line, second.amount) == ("DUPLICATE_THEIRS", found.line, 15_000)
    again = sorted(await room.matched(), key=lambda one: one.our_id is None)
    assert [one.break_id for one in again] == [first.break_id, second.break_id]


async def test_the_clock_says_of_what_was_on_its_way_that_it_is_missing(room: Room) -> None:
    await room.house.complete("ours alone")
    theirs = await young(room)
    dated = theirs.opened_at - HOUR
    before = await matching.act_due(room.app, dated + 2 * DAY - timedelta(microseconds=1), room.house.put)
    assert before == []
    assert {str(one.class_) for one in await matching.breaks(room.app, HOTEL)} == {"TIMING"}
    await matching.act_due(room.app, dated + 2 * DAY, room.house.put)
    line = await matching.break_of(room.app, theirs.break_id)
    assert line is not None
    assert str(line.class_) == "MISSING_OURS"
    await matching.act_due(room.app, room.house.clock() + 2 * DAY, room.house.put)
    found = {(one.line is None, str(one.class_)) for one in await matching.breaks(room.app, HOTEL)}
    assert found == {(True, "MISSING_THEIRS"), (False, "MISSING_OURS")}


async def test_a_resolved_break_that_falls_in_two_opens_none_for_either_of_its_items(room: Room) -> None:
    found = await aged(room, await room.differs(5_000))
    done = await room.say(found, Decision.ACCEPT_THEIRS)
    assert isinstance(done, BreakView)
    assert done.state is State.RESOLVED
    earlier = Line(1, str(found.our_id), None, room.house.clock() - HOUR, 12_000, None, "final")
    await room.sends(earlier)
    again = await room.matched()
    assert [one for one in again if one.line == found.line or one.our_id == found.our_id] == []


async def test_a_difference_that_a_run_changes_meanwhile_is_booked_as_it_is_then(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = await aged(room, await room.differs(-5_000_000))
    earlier = Line(1, str(found.our_id), None, room.house.clock() - HOUR, 10_000 - 2_000_000, None, "final")
    before, told = await room.position(), list[str]()
    real = matching.resolve.__globals__["rows"]

    async def meanwhile(connection: Any, name: str, /, **values: object) -> Any:
        read = await real(connection, name, **values)
        if name == "break_steps" and not told:
            told.append(name)
            await room.sends(earlier)
            await room.matched()
        return read

    monkeypatch.setitem(matching.resolve.__globals__, "rows", meanwhile)
    done = await room.say(found, Decision.ACCEPT_THEIRS)
    assert isinstance(done, BreakView)
    assert (told, done.state, done.amount) == (["break_steps"], State.RESOLVED, -2_000_000)
    assert await room.position() - before == -2_000_000
