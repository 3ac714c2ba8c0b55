"""Balances at past instants: whatever happened, an instant's balance is the sum of all entries up to it, and now is what is kept."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearing.ledger import history
from clearing.ledger.items import Fund
from clearing.ledger.outcomes import Moved, Reserved
from clearing.rules.agreements import Bearer
from clearing.rules.lifecycle import Path, State
from clearing.rules.postings import Account, account_number
from clearing.rules.quoting import Share
from clearing.rules.rates import Terms
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, NUMBERS, SHOP, TERMS, D, House, X, moved_in, uid

PARTNERS = (HOTEL, AIR, SHOP)
PROGRAMS = {HOTEL: 1, AIR: 2, SHOP: 3}  # programs are registered in the order of their partners
ACCOUNTS = [
    *(account_number(PROGRAMS[who], kind) for who in PARTNERS for kind in Account if kind < Account.POSITION),
    *(account_number(NUMBERS[who], Account.POSITION) for who in PARTNERS),
    int(Account.FEE),
    int(Account.ROUNDING),
]
_lanes = count(1)  # every example has its own


@pytest.fixture
async def url(database_url: str, clock: FixedClock) -> str:
    async with moved_in(database_url, clock):
        return database_url


async def recomputed(house: House, at: datetime) -> dict[int, int]:
    """The slow truth: every entry whose event is not later."""
    rows = await house.rows(
        "SELECT entry.account, sum(entry.amount)::bigint FROM entry JOIN leaf USING (lane, seq)"
        " WHERE lane = %s AND leaf.at <= %s GROUP BY entry.account",
        house.lane,
        at,
    )
    return dict.fromkeys(ACCOUNTS, 0) | dict(rows)


async def told(house: House, at: datetime) -> dict[int, int]:
    return (await history.balances(house.owner, house.lane, ACCOUNTS, at)).of


@dataclass
class Days:
    """A random history: exchanges of three partners on both paths, reversals, and answers that come when they come."""

    house: House
    data: st.DataObject
    asked: dict[object, tuple[Path, int, str]] = field(default_factory=dict)  # the leg under way, and who is the source
    done: list[object] = field(default_factory=list)
    instants: list[datetime] = field(default_factory=list)
    numbers: Any = field(default_factory=count)

    async def pass_by(self, steps: int) -> None:
        for _ in range(steps):
            self.instants.append(self.house.clock.at)
            jump = self.data.draw(st.sampled_from((0, 0, 1, 1, 3_600, 3 * 86_400)))
            self.house.clock.at += timedelta(seconds=jump)
            if self.asked and self.chance(4):
                await self.answer()
            elif self.done and not self.chance(3):
                await self.reverse()
            else:
                await self.reserve()

    def chance(self, of: int) -> bool:
        """Yes, but for one time in so many."""
        return self.data.draw(st.integers(0, of - 1)) > 0

    async def reserve(self) -> None:
        name = next(self.numbers)
        source, target = self.data.draw(st.permutations(PARTNERS))[:2]
        path = self.data.draw(st.sampled_from((Path.HELD, Path.DEBITED)))
        assert isinstance(await self.house.put(self.house.reserve(name, path, source, target)), Reserved)
        self.asked[name] = (path, 1, source)

    async def reverse(self) -> None:
        original = self.done.pop()
        source = (await self.house.exchange(original)).partner
        name = f"back-{next(self.numbers)}"
        item = self.house.reverse(name, original, partner=source, signed=self.house.signed(source))
        assert isinstance(await self.house.put(item), Reserved)
        self.asked[name] = (Path.REVERSAL, 1, source)

    async def answer(self) -> None:
        names: list[object] = sorted(self.asked, key=str)
        name = self.data.draw(st.sampled_from(names))
        path, leg, source = self.asked.pop(name)
        verdict = D if self.chance(4) else X
        moved = await self.house.put(self.house.answered(leg, verdict, name))
        assert isinstance(moved, Moved)
        if moved.due:
            self.asked[name] = (path, int(moved.due[0].leg), source)
        elif moved.state is State.COMPLETED and path is not Path.REVERSAL:
            self.done.append(name)


@settings(max_examples=10, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=st.integers(1, 60), data=st.data())
async def test_a_balance_at_an_instant_is_the_sum_of_all_entries_up_to_it(
    url: str, clock: FixedClock, steps: int, data: st.DataObject
) -> None:
    clock.at = FixedClock().at
    async with moved_in(url, clock, next(_lanes), furnished=True) as house:
        days = Days(house, data)
        await days.pass_by(steps)
        for at in {*days.instants, clock.at, clock.at - timedelta(days=365), clock.at + timedelta(days=1)}:
            assert await told(house, at) == await recomputed(house, at)
        kept = await house.balance()
        assert {account: held for account, held in (await told(house, clock.at)).items() if held} == kept
        await _moved_is_what_the_log_says(days)
        assert await house.findings() == []


async def _moved_is_what_the_log_says(days: Days) -> None:
    """Every member's moves again, from nothing but the events of the log."""
    house = days.house
    for at in {*days.instants, house.clock.at}:
        events = await house.rows(
            "SELECT leaf.kind, exchange.path, exchange.source_account, exchange.target_account, leaf.exchange_id FROM leaf"
            " JOIN exchange USING (lane, exchange_id) WHERE lane = %s AND leaf.at <= %s ORDER BY leaf.seq",
            house.lane,
            at,
        )
        for who in PARTNERS:
            account = uid("account", who)
            net = 0
            for kind, path, source, target, _ in events:
                net -= TERMS.sent * (source == account and kind == "posted")
                net += TERMS.received * (target == account and kind == "posted")
                net -= TERMS.received * (target == account and kind == "reversal_posted")
                net += TERMS.sent * (source == account and kind == "returned" and path == "reversal")
            moved = await history.moved(house.owner, house.lane, account, at)
            assert moved.net == net
            begun = len({event[4] for event in events if event[2] == account and event[1] != "reversal"})
            ended = {event[4] for event in events if event[0] in {"posted", "voided"} and event[2] == account}
            forward = [event[4] for event in events if event[4] in ended and event[1] != "reversal"]
            assert moved.sending == TERMS.sent * (begun - len(set(forward)))


async def test_points_in_transit_are_of_the_time_between(database_url: str, clock: FixedClock) -> None:
    transit = account_number(PROGRAMS[HOTEL], Account.TRANSIT)
    async with moved_in(database_url, clock) as house:
        before = clock()
        clock.advance(10)
        await house.put(house.reserve(1, Path.DEBITED))
        await house.tell((1, D))
        clock.advance(10)
        await house.tell((2, D))
        clock.advance(10)
        seen = [(await told(house, before + timedelta(seconds=passed)))[transit] for passed in (0, 9, 10, 19, 20, 30)]
        assert seen == [0, 0, TERMS.sent, TERMS.sent, 0, 0]
        source, target = uid("account", HOTEL), uid("account", AIR)
        under_way = await history.moved(house.owner, house.lane, source, before + timedelta(seconds=15))
        assert (under_way.net, under_way.sending) == (0, TERMS.sent)
        ended = await history.moved(house.owner, house.lane, target, clock())
        assert (ended.net, ended.received, ended.receiving) == (TERMS.received, TERMS.received, 0)


async def test_an_instant_is_settled_once_the_log_has_gone_on(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        at = clock()
        assert not (await history.edge(house.owner, house.lane, at)).settled
        clock.advance(1)
        await house.put(house.reserve(1))
        assert (await history.edge(house.owner, house.lane, at)).settled
        assert not (await history.edge(house.owner, house.lane, clock())).settled


async def test_a_past_balance_reads_the_nearer_end_of_its_window(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        for number in range(8):
            await house.complete(number)
            clock.advance(10)
        late = await history.edge(house.owner, house.lane, clock() - timedelta(seconds=15))
        early = await history.edge(house.owner, house.lane, clock() - timedelta(seconds=70))
        assert history._parts(late)["cut_sign"] == -1
        assert history._parts(early)["cut_sign"] == 1
        for at in (clock() - timedelta(seconds=15), clock() - timedelta(seconds=70)):
            assert await told(house, at) == await recomputed(house, at)


async def test_a_sealed_window_is_read_whole(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        await house.complete(1)
        clock.advance(7 * 86_400)
        await house.complete(2)
        clock.advance(7 * 86_400)
        await house.complete(3)
        edge = await history.edge(house.owner, house.lane, clock())
        assert len(edge.whole) == 2
        assert edge.window_id not in edge.whole
        boundary = await history.edge(house.owner, house.lane, clock() - timedelta(days=14))
        assert (boundary.whole, boundary.window_id) == (
            edge.whole[:1],
            None,
        )  # nothing happened until that week was over
        position = account_number(NUMBERS[HOTEL], Account.POSITION)
        back = (clock() - timedelta(days=days) for days in (15, 14, 7, 0))
        assert [(await told(house, at))[position] for at in back] == [TERMS.debit * owed for owed in (0, 1, 2, 3)]


WITH_BONUS = Terms(1_000, 500, 10_000, 1_601, 10_600, 1_001, 4, bonus=80, bonus_credit=1_600)
SHARES = (Share("summer", HOTEL, 60, 1_201), Share("summer", AIR, 20, 400))


async def _every_kind(house: House) -> list[datetime]:
    """One of each, where the points of a program are those of one member: a bonus, an issue, a part of what was authorised, a shortfall."""
    seen: list[datetime] = []

    async def then(*answers: tuple[int, Any], name: object) -> None:
        for leg, verdict in answers:
            seen.append(house.clock())
            house.clock.advance(1)
            spent = {"reason": "points_spent"} if verdict is X else {}
            await house.put(house.answered(leg, verdict, name, **spent))

    await house.put(Fund("summer", 1_000, 20_000))
    await house.put(house.reserve("bonus", terms=WITH_BONUS, shares=SHARES))
    await then((1, D), (2, D), (3, D), (6, D), name="bonus")
    await house.put(house.reverse("bonus-back", "bonus"))
    await then((1, D), (2, D), (6, D), name="bonus-back")
    await house.put(house.issue("issue"))
    await then((2, D), name="issue")
    await house.put(house.spend("meal"))
    await then((1, D), name="meal")
    await house.put(house.capture(400, "meal"))
    await then((3, D), name="meal")
    await house.put(house.reserve("spent"))
    await then((1, D), (2, D), (3, D), name="spent")
    await house.put(house.reverse("spent-back", "spent", bearer=Bearer.PROGRAM))
    await then((1, X), (2, D), name="spent-back")
    await house.put(house.reserve("declined"))
    await then((1, D), (2, X), (4, D), name="declined")
    return [*seen, house.clock()]


async def test_what_a_member_moved_is_what_its_program_has_more_or_less_at_every_instant(
    database_url: str, clock: FixedClock
) -> None:
    async with moved_in(database_url, clock) as house:
        instants = await _every_kind(house)
        for who in (HOTEL, AIR):
            outstanding = account_number(PROGRAMS[who], Account.OUTSTANDING)
            for at in instants:
                moved = await history.moved(house.owner, house.lane, uid("account", who), at)
                assert moved.net == (await told(house, at))[outstanding], (who, at)
        hotel, air = [
            await history.moved(house.owner, house.lane, uid("account", who), clock()) for who in (HOTEL, AIR)
        ]
        assert hotel == history.Moved(1_000 + 400 + 1_000, 0, 2_000, 0, 0, 0, 0, 0)
        assert air == history.Moved(
            0, 580 + 400 + 500, 0, 580, 0, 0, 0, 0
        )  # what was spent stays: the program bears it
        assert await house.findings() == []


async def test_a_bonus_is_under_way_until_it_is_credited(database_url: str, clock: FixedClock) -> None:
    async with moved_in(database_url, clock) as house:
        instants = (await _every_kind(house))[:4]  # before the hold, the credit, the capture, the bonus
        air = [await history.moved(house.owner, house.lane, uid("account", AIR), at) for at in instants]
        assert [(moved.received, moved.receiving) for moved in air] == [(0, 580), (0, 580), (500, 80), (500, 80)]
