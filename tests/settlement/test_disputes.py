"""Decisions on breaks: what moves value is booked once, with two keys above the limit, and silence decides when clocks run out."""

import asyncio
from datetime import datetime
from typing import Any
from uuid import UUID

import pytest

from clearing import database, errors
from clearing.rules.refusals import Refusal, RefusalCode
from settlement import matching
from settlement.matching import BreakView, Said
from settlement.rules.breaks import Decision, Side, State
from settlement.rules.matching import Form, Head, Line, written
from tests.ledger.books import HOTEL, KEYS, NUMBERS, uid
from tests.settlement.break_room import DAY, Room, aged


async def test_an_exchange_of_the_ledger_matches_the_line_that_names_it(room: Room) -> None:
    await room.house.complete()
    found = await room.matched()
    assert [(str(one.class_), one.our_id, one.amount) for one in found] == [("TIMING", uid(1), -10_000)]
    await room.sends(Line(1, str(uid(1)), None, room.house.clock(), 10_000, 1_000, "final"))
    assert await room.matched() == []
    cleared = await matching.break_of(room.app, found[0].break_id)
    assert cleared is not None
    assert cleared.state is State.CLEARED


async def test_a_line_of_an_exchange_that_is_not_posted_is_a_mismatch_of_status(room: Room) -> None:
    await room.house.put(room.house.reserve())
    await room.sends(Line(1, str(uid(1)), None, room.house.clock(), 10_000, 1_000, "final"))
    assert [(str(one.class_), one.amount) for one in await room.matched()] == [("STATUS_MISMATCH", 0)]


async def test_of_two_books_of_one_number_at_once_one_is_taken_and_the_other_is_told(
    room: Room, database_url: str
) -> None:
    head = Head(HOTEL, room.window, 1)
    kept: list[str] = []

    async def sends(amount: int) -> matching.Acknowledgement:
        line = Line(1, str(uid(1)), None, room.house.clock(), amount, 1_000, "final")
        more = [line._replace(number=n, exchange=str(uid("more", n))) for n in range(2, 2_001)]

        async def keep() -> UUID:
            kept.append(str(amount))
            return uid("kept", amount)

        async with await database.connect(database_url) as connection:
            await connection.set_autocommit(True)
            return await matching.receive(
                connection,
                written(head, [line, *more]),
                Form.CSV,
                partner=HOTEL,
                windows=room.closes,
                at=room.house.clock(),
                key_id="hotel",
                keep=keep,
            )

    different = await asyncio.gather(sends(10_000), sends(20_000))
    assert sorted((one.taken, one.reason or "") for one in different) == [(False, "sequence_used"), (True, "")]
    head = Head(HOTEL, room.window, 2)
    same = await asyncio.gather(sends(10_000), sends(10_000))
    assert sorted((one.taken, one.replayed) for one in same) == [(True, False), (True, True)]
    assert len(kept) == 2  # one for each book that was taken


async def test_runs_at_once_take_a_number_each(room: Room, database_url: str) -> None:
    await room.house.complete()
    await room.sends(Line(1, str(uid(1)), None, room.house.clock(), 10_000, 1_000, "final"))

    async def run() -> matching.Summary:
        async with await database.connect(database_url) as connection:
            await connection.set_autocommit(True)
            return await matching.match(
                connection,
                lane=0,
                partner=HOTEL,
                account=NUMBERS[HOTEL] * 16 + 8,
                window_id=room.window,
                neighbours=[],
                at=room.house.clock(),
            )

    found = await asyncio.gather(*(run() for _ in range(4)))
    assert sorted(one.run for one in found) == [1, 2, 3, 4]
    assert [one.matched for one in found] == [{1: 1}] * 4


async def test_ours_stands_and_nothing_is_booked(room: Room) -> None:
    found = await room.broken(-5_000_000)
    done = await room.say(found, Decision.ACCEPT_OURS)
    assert isinstance(done, BreakView)
    assert (done.state, done.resolution) == (State.RESOLVED, "accept_ours")
    assert await room.position() == 0
    assert await room.matched() == []  # a run again finds it resolved


async def test_theirs_stands_and_the_difference_is_booked_once_in_the_open_window(room: Room) -> None:
    found = await aged(room, await room.broken(-5_000_000))
    assert found.owner == "owner"
    done = await room.say(found, Decision.ACCEPT_THEIRS)
    assert isinstance(done, BreakView)
    assert done.state is State.RESOLVED
    assert await room.position() == -5_000_000
    booked = await room.house.rows("SELECT evidence_id FROM adjustment")
    assert booked == await room.house.rows("SELECT evidence_id FROM break_step WHERE decision = 'accept_theirs'")
    again = await room.say(found, Decision.ACCEPT_THEIRS)
    assert isinstance(again, Refusal)
    assert again.code is RefusalCode.CASE_CLOSED
    assert await room.position() == -5_000_000
    assert await room.house.findings() == []


async def test_a_split_books_its_part(room: Room) -> None:
    found = await aged(room, await room.broken(-5_000_000))
    for wrong in (None, 2_000_000, -5_000_000, 0):
        assert isinstance(await room.say(found, Decision.SPLIT, part=wrong), Refusal)
    assert isinstance(await room.say(found, Decision.SPLIT, part=-2_000_000), BreakView)
    assert await room.position() == -2_000_000


async def test_above_the_owners_limit_the_same_word_of_a_second_operator_is_needed(room: Room) -> None:
    found = await aged(room, await room.broken(-100_000_001))
    assert isinstance(await room.say(found, Decision.WRITE_OFF), BreakView)
    assert await room.position() == 0
    alone = await room.say(found, Decision.WRITE_OFF)
    assert isinstance(alone, Refusal)
    assert alone.code is RefusalCode.SECOND_KEY_NEEDED
    partners_own = await room.say(found, Decision.WRITE_OFF, key=HOTEL)
    assert isinstance(partners_own, Refusal)
    assert partners_own.code is RefusalCode.SECOND_KEY_NEEDED
    assert await room.position() == 0
    await room.second_operator()
    done = await room.say(found, Decision.WRITE_OFF, key="second")
    assert isinstance(done, BreakView)
    assert done.state is State.RESOLVED
    assert await room.position() == -100_000_001


async def test_at_the_limit_one_key_is_enough(room: Room) -> None:
    found = await aged(room, await room.broken(-100_000_000))
    assert isinstance(await room.say(found, Decision.WRITE_OFF), BreakView)
    assert await room.position() == -100_000_000


async def test_what_the_house_would_gain_by_is_not_written_off(room: Room) -> None:
    found = await aged(room, await room.broken(5_000_000))
    assert isinstance(await room.say(found, Decision.WRITE_OFF), Refusal)


async def test_a_partner_disputes_and_does_not_decide(room: Room) -> None:
    found = await room.differs(-5_000_000)
    before = await room.position()
    assert isinstance(await room.say(found, Decision.ACCEPT_THEIRS, Side.PARTNER, HOTEL), Refusal)
    filed = await room.say(found, Decision.DISPUTE, Side.PARTNER, HOTEL)
    assert isinstance(filed, BreakView)
    assert (filed.state, filed.provisional, filed.due_at) == (State.FILED, -5_000_000, room.house.clock() + 7 * DAY)
    assert await room.position() - before == -5_000_000


async def test_a_dispute_that_nobody_answers_is_upheld_by_its_clock(room: Room) -> None:
    found = await room.differs(-5_000_000)
    before = await room.position()
    await room.say(found, Decision.DISPUTE, Side.PARTNER, HOTEL)
    assert await room.clock_runs(6) == []
    (done,) = await room.clock_runs(7)
    assert (done.state, done.resolution, done.provisional) == (State.RESOLVED, "uphold", 0)
    assert await room.position() - before == -5_000_000  # the provisional credit is the adjustment
    last = (await matching.steps_of(room.app, found.break_id))[-1]
    assert (last.key_id, last.note) == (None, "the clock ran out")


async def test_a_contested_dispute_that_nobody_insists_on_falls_and_its_credit_is_taken_back(room: Room) -> None:
    found = await room.differs(-5_000_000)
    before = await room.position()
    await room.say(found, Decision.DISPUTE, Side.PARTNER, HOTEL)
    contested = await room.say(found, Decision.CONTEST)
    assert isinstance(contested, BreakView)
    assert (contested.state, contested.provisional) == (State.CONTESTED, -5_000_000)
    (done,) = await room.clock_runs(7)
    assert done.resolution == "drop"
    assert await room.position() == before
    assert await room.house.findings() == []


async def test_an_escalated_dispute_is_upheld_when_the_house_lets_its_clock_run_out(room: Room) -> None:
    found = await room.differs(-5_000_000)
    before = await room.position()
    await room.say(found, Decision.DISPUTE, Side.PARTNER, HOTEL)
    await room.say(found, Decision.CONTEST)
    escalated = await room.say(found, Decision.ESCALATE, Side.PARTNER, HOTEL)
    assert isinstance(escalated, BreakView)
    assert escalated.due_at == room.house.clock() + 14 * DAY
    (done,) = await room.clock_runs(14)
    assert done.resolution == "uphold"
    assert await room.position() - before == -5_000_000


async def test_what_was_decided_and_not_yet_booked_is_booked_by_whoever_looks_at_what_is_due(room: Room) -> None:
    found = await aged(room, await room.broken(-5_000_000))

    async def falls(_item: object) -> Any:
        raise errors.Unavailable

    said = Said(Decision.WRITE_OFF, Side.HOUSE, "because", KEYS["operator"].public.key_id, UUID(int=5))
    with pytest.raises(errors.Unavailable):
        await matching.resolve(room.app, found.break_id, said, room.house.clock(), falls)
    assert await room.position() == 0
    (done,) = await room.clock_runs(0)
    assert (done.state, done.resolution) == (State.RESOLVED, "write_off")
    assert await room.position() == -5_000_000


@pytest.mark.parametrize(
    ("days", "owner"),
    [
        (0, "automatic"),
        (2, "automatic"),
        (3, "owner"),
        (6, "manager"),
        (31, "finance_head"),
        (61, "write_off_candidate"),
    ],
)
async def test_a_break_goes_from_owner_to_owner_as_it_ages(room: Room, days: int, owner: str) -> None:
    found = await aged(room, await room.broken(-5_000_000), days)
    assert found.owner == owner
    due: datetime | None = found.due_at
    assert (due is None) == (owner == "write_off_candidate")
