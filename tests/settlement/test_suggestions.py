"""How near is near: what is suggested as the same, and what is simply on its way. Each limit: at it, and one beyond."""

from datetime import datetime, timedelta

import pytest

from clearing.ledger.items import Adjust
from settlement.matching import BreakView
from settlement.rules.breaks import Decision, Side, State
from settlement.rules.matching import Line
from tests.ledger.books import HOTEL, uid
from tests.settlement.break_room import DAY, Room

TICK = timedelta(microseconds=1)
OURS = 10_000  # millionths


async def named_nothing(room: Room, away: timedelta, amount: int) -> BreakView:
    """The break of a line that names nothing, dated so far from our exchange."""
    await room.house.complete()
    ((at,),) = await room.house.rows("SELECT posted_at FROM exchange WHERE exchange_id = %s", uid(1))
    assert isinstance(at, datetime)
    answer = await room.sends(Line(1, None, None, at + away, amount, None, "final"))
    assert answer.taken
    return next(one for one in await room.matched() if one.line)


@pytest.mark.parametrize("sign", [1, -1])
async def test_what_is_within_two_days_is_suggested_and_what_is_beyond_is_not(room: Room, sign: int) -> None:
    found = await named_nothing(room, sign * 2 * DAY, OURS + 1)
    assert (str(found.class_), found.suggested) == ("UNIDENTIFIED", uid(1))


@pytest.mark.parametrize("sign", [1, -1])
async def test_what_is_beyond_two_days_by_a_microsecond_is_not_suggested(room: Room, sign: int) -> None:
    found = await named_nothing(room, sign * (2 * DAY + TICK), OURS + 1)
    assert (str(found.class_), found.suggested) == ("UNIDENTIFIED", None)


@pytest.mark.parametrize(("difference", "suggested"), [(10_000, uid(1)), (10_001, None), (-9_999, uid(1))])
async def test_what_is_within_a_hundredth_is_suggested_and_booked_by_nobody(
    room: Room, difference: int, suggested: object
) -> None:
    found = await named_nothing(room, timedelta(), OURS + difference)
    assert (found.suggested, found.state, found.amount) == (suggested, State.OPEN, OURS + difference)
    assert await room.position() == OURS


@pytest.mark.parametrize(("age", "name"), [(2 * DAY - TICK, "TIMING"), (2 * DAY, "MISSING_OURS")])
async def test_what_is_two_days_old_is_no_longer_on_its_way(room: Room, age: timedelta, name: str) -> None:
    await room.sends(Line(1, str(uid("unseen")), None, room.house.clock() - age, -5_000, None, "final"))
    (found,) = await room.matched()
    assert str(found.class_) == name


async def test_an_item_that_is_suggested_is_not_thereby_known(room: Room) -> None:
    lines = ((HOTEL, -OURS), ("house", OURS))
    await room.house.put(Adjust(None, None, uid("near"), "test", lines, room.window, "G-1"))
    await room.sends(Line(1, None, None, room.house.clock(), -OURS - 1, None, "final"))
    found = next(one for one in await room.matched() if one.line)
    assert found.suggested == uid("near")
    filed = await room.say(found, Decision.DISPUTE, Side.PARTNER, HOTEL)
    assert isinstance(filed, BreakView)
    assert filed.provisional == 0
