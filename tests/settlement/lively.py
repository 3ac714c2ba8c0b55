"""Lively books: every kind of exchange and everything that can happen to one, in any order, over windows that come and go."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from clearing.ledger.items import Fund, Reserve, Reverse
from clearing.ledger.outcomes import DueOrder, Moved, Reserved
from clearing.rules.agreements import Bearer
from clearing.rules.lifecycle import Path, Verdict
from clearing.rules.quoting import Share
from clearing.rules.rates import Terms
from tests.ledger.books import AIR, HOTEL, PROGRAM, SHOP, D, House, X, uid

DAY = 86_400
SHARES = (Share("summer", HOTEL, 60, 1_201), Share("summer", AIR, 20, 400), Share("summer", SHOP, 7, 3))
WITH_BONUS = Terms(1_000, 500, 10_000, 1_604, 10_600, 1_004, 7, bonus=87, bonus_credit=1_600)
ALONE = (Share("summer", SHOP, 40, 801),)
WITH_SMALL_BONUS = Terms(1_000, 500, 10_000, 801, 9_800, 1_001, 4, bonus=40, bonus_credit=800)


@dataclass
class Lively:
    """A house and what happens in it. Every deed is one of `DEEDS`, by its number; the same numbers give the same books."""

    house: House
    numbers: Any = field(default_factory=count)
    done: list[tuple[str, str]] = field(default_factory=list)  # exchanges that may be reversed, and whose they are

    async def begin(self) -> None:
        await self.house.put(Fund("summer", None, None))

    async def live(self, deeds: Sequence[tuple[int, int]]) -> None:
        """Each deed after so many hours."""
        for deed, hours in deeds:
            self.house.clock.advance(hours * 3_600)
            await DEEDS[deed % len(DEEDS)](self, f"x{next(self.numbers)}")

    async def drive(self, name: str, due: Sequence[DueOrder], said: Sequence[Verdict] = (), most: int = 99) -> None:
        """Answer what is asked, the first as said and all else well, `most` at the most."""
        waiting, told = list(due), list(said)
        while waiting and most:
            order, verdict, most = waiting.pop(0), told.pop(0) if told else D, most - 1
            moved = await self.house.put(self.house.answered(int(order.leg), verdict, name))
            assert isinstance(moved, Moved)
            waiting += moved.due

    async def reserve(self, name: str, item: Reserve | Reverse, said: Sequence[Verdict] = (), most: int = 99) -> None:
        outcome = await self.house.put(item)
        assert isinstance(outcome, Reserved), outcome
        await self.drive(name, outcome.due, said, most)

    # --- deeds

    async def exchange(self, name: str) -> None:
        ends = ((HOTEL, AIR), (AIR, SHOP), (SHOP, HOTEL))[int(name[1:]) % 3]
        await self.reserve(name, self.house.reserve(name, Path.HELD, *ends))
        self.done.append((name, ends[0]))

    async def by_debit(self, name: str) -> None:
        await self.reserve(name, self.house.reserve(name, Path.DEBITED, AIR, HOTEL))
        self.done.append((name, AIR))

    async def left_in_transit(self, name: str) -> None:
        await self.reserve(name, self.house.reserve(name, Path.DEBITED, SHOP, HOTEL), most=1)

    async def given_back(self, name: str) -> None:
        await self.reserve(name, self.house.reserve(name, Path.DEBITED), (D, X))

    async def with_bonus(self, name: str) -> None:
        terms, shares = ((WITH_BONUS, SHARES), (WITH_SMALL_BONUS, ALONE))[int(name[1:]) % 2]
        await self.reserve(name, self.house.reserve(name, terms=terms, shares=shares))
        self.done.append((name, HOTEL))

    async def issued(self, name: str) -> None:
        await self.reserve(name, self.house.issue(name))
        self.done.append((name, SHOP))

    async def issued_by_itself(self, name: str) -> None:
        own: dict[str, Any] = {"partner": HOTEL, "signed": self.house.signed(HOTEL), "target_program": PROGRAM[HOTEL]}
        await self.reserve(name, self.house.issue(name, **own, target_account=uid("account", HOTEL)))

    async def charged(self, name: str) -> None:
        await self.reserve(name, self.house.spend(name, Path.CHARGED))
        self.done.append((name, SHOP))

    async def captured(self, name: str) -> None:
        await self.reserve(name, self.house.spend(name, Path.AUTHORISED))
        moved = await self.house.put(self.house.capture(333, name))
        await self.drive(name, moved.due)
        self.done.append((name, SHOP))

    async def late_credit(self, name: str) -> None:
        await self.reserve(name, self.house.reserve(name, Path.HELD), (D, X, D))
        await self.house.put(self.house.answered(2, D, name))

    async def undo(self, name: str, sent: int | None = None, bearer: Bearer | None = None, most: int = 99) -> None:
        if not self.done:
            return await self.exchange(name)
        original, partner = self.done.pop(0)
        changes = {"partner": partner, "signed": self.house.signed(partner), "bearer": bearer}
        item = self.house.reverse(name, original, sent, **changes)
        if bearer:
            outcome = await self.house.put(item)
            assert isinstance(outcome, Reserved)
            leg = int(outcome.due[0].leg)
            answer = self.house.answered(leg, X, name, reason="points_spent")
            moved = await self.house.put(answer)
            return await self.drive(name, moved.due)
        return await self.reserve(name, item, most=most)

    async def undo_a_part(self, name: str) -> None:
        await self.undo(name, sent=101)

    async def undo_by_half(self, name: str) -> None:
        await self.undo(name, most=1)

    async def undo_short(self, name: str) -> None:
        await self.undo(name, bearer=Bearer.PROGRAM)

    async def undo_paid(self, name: str) -> None:
        await self.undo(name, bearer=Bearer.PARTNER)

    async def refused(self, name: str) -> None:
        await self.reserve(name, self.house.reserve(name), (X,))


Deed = Callable[[Lively, str], Any]
DEEDS: tuple[Deed, ...] = (
    Lively.exchange,
    Lively.by_debit,
    Lively.left_in_transit,
    Lively.given_back,
    Lively.with_bonus,
    Lively.issued,
    Lively.issued_by_itself,
    Lively.charged,
    Lively.captured,
    Lively.late_credit,
    Lively.undo,
    Lively.undo_a_part,
    Lively.undo_by_half,
    Lively.undo_short,
    Lively.undo_paid,
    Lively.refused,
)
ALL_KINDS = [(deed, hours) for hours in (5, 20, 40) for deed in range(len(DEEDS))]
"""Every deed three times, over three weeks and more."""
