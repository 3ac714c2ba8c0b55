"""A lane and a model of fifty lines live the same random days: same answers, same sums, and a verifier that finds nothing."""

from collections import Counter
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from clearing.ledger import reads
from clearing.ledger.outcomes import Moved, Reserved
from clearing.rules.lifecycle import TERMINAL, Path, State
from clearing.rules.refusals import Refusal
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, TERMS, D, House, X, moved_in


@dataclass
class Model:
    """What ought to be: exchanges between two partners as (state, leg asked), and what the source owes and may owe."""

    cap: int
    states: dict[int, str] = field(default_factory=dict)
    legs: dict[int, int] = field(default_factory=dict)
    paths: dict[int, Path] = field(default_factory=dict)
    owed: int = 0
    pending: int = 0

    def reserve(self, name: int, path: Path) -> str:
        if name in self.states:
            return self.states[name]
        if self.owed + self.pending + TERMS.debit > self.cap:
            return "refused"
        self.pending += TERMS.debit
        self.states[name], self.legs[name], self.paths[name] = "reserved", 1, path
        return "reserved"

    def answer(self, name: int, *, done: bool) -> str:
        """The order that is under way is done, or declined."""
        held = self.paths[name] is Path.HELD
        state, leg = {
            (1, True): ("source_held", 2),
            (1, False): ("reversed", 0),
            (2, True): ("credited", 3) if held else ("completed", 0),
            (2, False): ("releasing", 4),
            (3, True): ("completed", 0),
            (3, False): ("credited", 5),
            (4, True): ("reversed", 0),
            (4, False): ("review", 0),
            (5, True): ("completed", 0),
            (5, False): ("review", 0),
        }[(self.legs[name], done)]
        if self.legs[name] == 2 and done:
            self.owed += TERMS.debit
        if (self.legs[name] == 2 and done) or state == "reversed":
            self.pending -= TERMS.debit
        self.states[name], self.legs[name] = state, leg
        return state


_lanes = count(1)  # every example has its own


@pytest.fixture
async def url(database_url: str, clock: FixedClock) -> str:
    async with moved_in(database_url, clock):
        return database_url


def said(outcome: Any) -> str:
    if isinstance(outcome, Refusal):
        return "refused"
    assert isinstance(outcome, Reserved | Moved)
    return str(outcome.exchange.state if isinstance(outcome, Reserved) else outcome.state)


async def live(house: House, model: Model, data: st.DataObject) -> None:
    for _ in range(data.draw(st.integers(5, 40))):
        house.clock.at += data.draw(st.sampled_from((timedelta(0), timedelta(seconds=1), timedelta(days=3))))
        asked = [name for name, leg in model.legs.items() if leg]
        if asked and data.draw(st.sampled_from((True, True, True, False))):
            name, done = data.draw(st.sampled_from(asked)), data.draw(st.sampled_from((True, True, True, False)))
            item = house.answered(model.legs[name], D if done else X, name)
            expected = model.answer(name, done=done)
            assert said(await house.put(item)) == expected
            assert said(await house.put(item)) == expected  # heard twice
        else:
            name, path = data.draw(st.integers(0, 9)), data.draw(st.sampled_from((Path.HELD, Path.DEBITED)))
            assert said(await house.put(house.reserve(name, path))) == model.reserve(name, path)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(room=st.integers(1, 8), data=st.data())
async def test_a_lane_lives_as_its_model_does(url: str, clock: FixedClock, room: int, data: st.DataObject) -> None:
    clock.at = FixedClock().at
    model = Model(cap=room * TERMS.debit)
    async with moved_in(url, clock, next(_lanes), cap=model.cap, furnished=True) as house:
        await live(house, model, data)
        cap = await house.cap_of(HOTEL)
        assert (cap.position, cap.pending) == (model.owed, model.pending)
        assert cap.position + cap.pending <= model.cap
        posted = model.owed // TERMS.debit
        assert (await house.cap_of(AIR)).position == -posted * TERMS.credit
        for name, state in model.states.items():
            exchange = await house.exchange(name)
            assert exchange.state == state
            assert (exchange.state in TERMINAL) == (exchange.ended_at is not None)
        moving = Counter(state for state in model.states.values() if state not in TERMINAL)
        assert await reads.states(house.owner, house.lane) == moving
        assert len(await house.cases()) == sum(state == State.REVIEW for state in model.states.values())
        assert await house.findings() == []
