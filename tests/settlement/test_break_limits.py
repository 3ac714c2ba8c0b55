"""What may move without a person of the house is little: of a break, of a partner, by who says it. Each limit: at it, and one above."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from clearing import database
from clearing.rules.refusals import Refusal, RefusalCode
from settlement import matching
from settlement.matching import BreakView, Said
from settlement.rules import breaks as rules
from settlement.rules.breaks import Break, Decision, Outcome, Side, State
from settlement.rules.matching import Line
from tests.ledger.books import HOTEL, KEYS, uid
from tests.settlement.break_room import DAY, Room, aged

UNIT = 1_000_000


async def differing(room: Room, *differences: int) -> list[BreakView]:
    """As many exchanges that we know, each told by the hotel with another amount."""
    lines = []
    for number, difference in enumerate(differences):
        await room.house.complete(("known", number))
        exchange = str(uid(("known", number)))
        lines.append(Line(1, exchange, None, room.house.clock(), 10_000 + difference, None, "final"))
    await room.sends(*lines)
    return [one for one in await room.matched() if one.line]


async def disputed(room: Room, *found: BreakView) -> list[int]:
    credited = []
    for one in found:
        filed = await room.say(one, Decision.DISPUTE, Side.PARTNER, HOTEL)
        assert isinstance(filed, BreakView)
        credited.append(filed.provisional)
    return credited


# --- the rules alone


@pytest.mark.parametrize(
    ("owner", "limit"),
    [
        ("automatic", 0),
        ("owner", 100 * UNIT),
        ("manager", 1_000 * UNIT),
        ("finance_head", 10_000 * UNIT),
        ("write_off_candidate", 10_000 * UNIT),
    ],
)
def test_an_owner_moves_as_much_as_its_limit_alone_and_no_millionth_more(owner: str, limit: int) -> None:
    for sign in (1, -1):
        found = Break(State.OPEN, owner, sign * limit)
        assert not rules.needs_second_key(found, Outcome(State.RESOLVED, sign * limit))
        assert rules.needs_second_key(found, Outcome(State.RESOLVED, sign * (limit + 1)))


def test_a_dispute_is_credited_up_to_a_thousand_and_no_millionth_more() -> None:
    at, above = Break(State.OPEN, "automatic", -1_000 * UNIT), Break(State.OPEN, "automatic", -1_000 * UNIT - 1)
    assert (rules.provisional(at, 0), rules.provisional(above, 0)) == (-1_000 * UNIT, 0)
    assert rules.provisional(Break(State.OPEN, "automatic", 1), 0) == 0  # it would be to the partner's harm


def test_a_dispute_is_credited_within_what_the_partner_may_have_undecided() -> None:
    found = Break(State.OPEN, "automatic", -1_000 * UNIT)
    assert rules.provisional(found, 4_000 * UNIT) == -1_000 * UNIT
    assert rules.provisional(found, 4_000 * UNIT + 1) == 0


def test_what_we_know_nothing_of_is_not_credited() -> None:
    assert rules.provisional(Break(State.OPEN, "automatic", -1, known=False), 0) == 0


def test_silence_books_up_to_a_thousand_within_what_may_be_undecided_and_no_millionth_more() -> None:
    for sign in (1, -1):
        found = Break(State.FILED, "owner", sign * 1_000 * UNIT)
        assert rules.silence_books(found, 4_000 * UNIT)
        assert not rules.silence_books(found, 4_000 * UNIT + 1)
        assert not rules.silence_books(Break(State.FILED, "owner", sign * (1_000 * UNIT + 1)), 0)


# --- a partner that disputes


async def test_lines_that_name_nothing_we_know_are_not_credited(room: Room) -> None:
    at = room.house.clock() - timedelta(hours=60)
    await room.sends(*[Line(n, str(uid("invented", n)), None, at, -1_000 * UNIT, None, "final") for n in range(30)])
    found = await room.matched()
    assert len(found) == 30
    assert set(await disputed(room, *found)) == {0}
    assert await room.position() == 0


async def test_disputes_of_one_partner_are_credited_up_to_a_total_and_what_is_decided_frees_it(room: Room) -> None:
    found = await differing(room, *[-1_000 * UNIT] * 4, -999 * UNIT, -1 * UNIT - 1, -1 * UNIT)
    by_size = sorted(found, key=lambda one: one.amount)
    assert await disputed(room, *by_size[:5]) == [-1_000 * UNIT] * 4 + [-999 * UNIT]
    assert await disputed(room, *by_size[5:]) == [0, -1 * UNIT]  # a millionth too much, and exactly what is left
    again = await room.differs(-2 * UNIT)
    await room.say(by_size[4], Decision.DROP)  # the house takes 999 back
    assert await disputed(room, again) == [-2 * UNIT]


async def test_of_two_disputes_at_once_that_fit_only_one_by_one_one_is_credited(room: Room, database_url: str) -> None:
    found = await differing(room, *[-1_000 * UNIT] * 6)
    await disputed(room, *found[:4])

    async def disputes(one: BreakView, number: int) -> BreakView | Refusal:
        said = Said(Decision.DISPUTE, Side.PARTNER, "ours", KEYS[HOTEL].public.key_id, uid("at once", number))
        async with await database.connect(database_url) as connection:
            await connection.set_autocommit(True)
            return await matching.resolve(connection, one.break_id, said, room.house.clock(), room.house.put)

    filed = await asyncio.gather(*(disputes(one, number) for number, one in enumerate(found[4:])))
    assert sorted(one.provisional for one in filed if isinstance(one, BreakView)) == [-1_000 * UNIT, 0]


async def test_who_credited_the_partner_meanwhile_is_heard_before_the_next_is_credited(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between reading the total and writing, another dispute of the partner is credited: what was read is read again."""
    found = await differing(room, *[-1_000 * UNIT] * 6)
    await disputed(room, *found[:4])
    told: list[Any] = []
    real = matching.breaks.__globals__["row"]

    async def meanwhile(connection: Any, name: str, /, **values: object) -> Any:
        read = await real(connection, name, **values)
        if name == "break_undecided" and not told:
            told.append(name)
            await disputed(room, found[5])
        return read

    monkeypatch.setitem(matching.breaks.__globals__, "row", meanwhile)
    assert await disputed(room, found[4]) == [0]
    assert told


async def test_what_waits_for_a_second_key_takes_nothing_of_the_total(room: Room) -> None:
    large, small = sorted(await differing(room, -5_000 * UNIT, -1_000 * UNIT), key=lambda one: one.amount)
    assert isinstance(await room.say(large, Decision.ACCEPT_THEIRS), BreakView)
    assert await disputed(room, small) == [-1_000 * UNIT]


# --- an operator that disputes for it


async def test_an_operators_dispute_credits_no_more_than_its_owner_may_move_until_a_second_key_says_it(
    room: Room,
) -> None:
    found = await room.differs(-900 * UNIT)
    before = await room.position()
    waiting = await room.say(found, Decision.DISPUTE)
    assert isinstance(waiting, BreakView)
    assert (waiting.state, waiting.provisional) == (State.OPEN, 0)
    alone = await room.say(found, Decision.DISPUTE)
    assert isinstance(alone, Refusal)
    assert alone.code is RefusalCode.SECOND_KEY_NEEDED
    assert await room.position() == before
    await room.second_operator()
    filed = await room.say(found, Decision.DISPUTE, key="second")
    assert isinstance(filed, BreakView)
    assert (filed.state, filed.provisional) == (State.FILED, -900 * UNIT)


async def test_an_operators_dispute_counts_in_the_partners_total(room: Room) -> None:
    found = await differing(room, *[-1_000 * UNIT] * 5, -50 * UNIT)
    by_size = sorted(found, key=lambda one: one.amount)
    await disputed(room, *by_size[:5])
    last = await aged(room, by_size[5])
    filed = await room.say(last, Decision.DISPUTE)
    assert isinstance(filed, BreakView)
    assert (filed.state, filed.provisional) == (State.FILED, 0)


# --- silence


async def test_a_large_claim_that_nobody_answers_goes_from_owner_to_owner_and_is_never_booked_by_itself(
    room: Room,
) -> None:
    found = await room.broken(-5_000_000 * UNIT)
    await disputed(room, found)
    (first,) = await room.clock_runs(7)
    assert (first.state, first.owner, first.due_at) == (State.FILED, "finance_head", room.house.clock() + 14 * DAY)
    (second,) = await room.clock_runs(14)
    assert (second.state, second.owner, second.due_at) == (State.FILED, "write_off_candidate", None)
    assert await room.clock_runs(400) == []
    assert await room.position() == 0
    steps = await matching.steps_of(room.app, found.break_id)
    assert [(str(one.decision), one.books, one.key_id is None) for one in steps] == [
        ("dispute", 0, False),
        ("escalate", 0, True),
        ("escalate", 0, True),
    ]
    assert steps[1].note == "more than silence may book: goes on to finance_head"
    await room.second_operator()
    await room.say(found, Decision.UPHOLD)
    done = await room.say(found, Decision.UPHOLD, key="second")
    assert isinstance(done, BreakView)
    assert done.state is State.RESOLVED  # persons may


async def test_a_claim_of_a_millionth_above_the_limit_is_not_booked_by_silence_and_one_at_it_is(room: Room) -> None:
    at, above = await room.broken(-1_000 * UNIT), await room.broken(-1_000 * UNIT - 1)
    await disputed(room, at, above)
    moved = {one.amount: str(one.state) for one in await room.clock_runs(7)}
    assert moved == {-1_000 * UNIT: "resolved", -1_000 * UNIT - 1: "filed"}
    assert await room.position() == -1_000 * UNIT


async def test_credit_that_is_there_already_is_upheld_by_silence_up_to_the_whole_total(room: Room) -> None:
    found = await differing(room, *[-1_000 * UNIT] * 5)
    before = await room.position()
    assert await disputed(room, *found) == [-1_000 * UNIT] * 5
    assert [str(one.state) for one in await room.clock_runs(7)] == ["resolved"] * 5
    assert await room.position() - before == -5_000 * UNIT


async def test_silence_books_no_more_of_one_partner_than_its_total_and_counts_for_thirty_days(room: Room) -> None:
    at = room.house.clock() - timedelta(hours=60)
    await room.sends(*[Line(n, str(uid("invented", n)), None, at, -1_000 * UNIT, None, "final") for n in range(30)])
    await disputed(room, *await room.matched())
    for day in (7, 14, 21, 28, 400):
        await room.clock_runs(day)
    assert await room.position() == -5_000 * UNIT
    later = await room.broken(-999 * UNIT)
    await disputed(room, later)
    (waits,) = [one for one in await room.clock_runs(7) if one.break_id == later.break_id]
    assert waits.state is State.FILED
    (done,) = [one for one in await room.clock_runs(38) if one.break_id == later.break_id]
    assert done.state is State.RESOLVED


async def test_a_second_operators_word_still_seconds_after_the_clock_handed_the_dispute_on(room: Room) -> None:
    found = await room.broken(-50_000 * UNIT)
    await disputed(room, found)
    await room.say(found, Decision.CONCEDE)
    await room.clock_runs(7)
    await room.second_operator()
    done = await room.say(found, Decision.CONCEDE, key="second")
    assert isinstance(done, BreakView)
    assert done.state is State.RESOLVED
