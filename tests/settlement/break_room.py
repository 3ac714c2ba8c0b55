"""A house whose hotel sends books of its own: what tests of breaks and disputes do with it."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count
from typing import Any

from psycopg import AsyncConnection

from clearing import database
from clearing.partners import key_proof, register_key
from clearing.rules.refusals import Refusal
from clearing.signatures import PrivateKey, jws_sign
from settlement import matching
from settlement.matching import BreakView, Said
from settlement.rules.breaks import Decision, Side
from settlement.rules.matching import Form, Head, Line, written
from tests.ledger.books import HOTEL, KEYS, NUMBERS, House, uid

DAY = timedelta(days=1)
SECOND = PrivateKey.generate(b"2" * 32)
_numbers = count()


@dataclass
class Room:
    """A house whose hotel keeps a book of its own."""

    house: House
    app: AsyncConnection
    url: str
    sequence: Any = field(default_factory=lambda: count(1))

    @property
    def window(self) -> int:
        return next(w.number for w in self.house.calendar if w.opens_at <= self.house.clock() < w.closes_at)

    @property
    def closes(self) -> dict[int, datetime]:
        return {window.number: window.closes_at for window in self.house.calendar}

    async def sends(self, *lines: Line) -> matching.Acknowledgement:
        head = Head(HOTEL, self.window, next(self.sequence))
        return await matching.receive(
            self.app,
            written(head, [one._replace(number=n) for n, one in enumerate(lines, 1)]),
            Form.CSV,
            partner=HOTEL,
            windows=self.closes,
            at=self.house.clock(),
            key_id="hotel",
        )

    async def matched(self, later: timedelta = timedelta(), window: int | None = None) -> list[BreakView]:
        """A run, so much later: nothing else of the house hears of that hour."""
        await matching.match(
            self.app,
            lane=0,
            partner=HOTEL,
            account=NUMBERS[HOTEL] * 16 + 8,
            window_id=self.window if window is None else window,
            neighbours=[],
            at=self.house.clock() + later,
        )
        return await matching.breaks(self.app, HOTEL)

    async def broken(self, amount: int) -> BreakView:
        """The hotel says `amount` of an exchange that we never saw."""
        at = self.house.clock() - timedelta(hours=60)
        answer = await self.sends(Line(1, str(uid("unseen", amount)), None, at, amount, None, "final"))
        assert answer.taken, answer
        return next(one for one in await self.matched() if one.amount == amount)

    async def differs(self, difference: int) -> BreakView:
        """The hotel says another amount of an exchange that we know."""
        await self.house.complete(("differs", difference))
        exchange = uid(("differs", difference))
        line = Line(1, str(exchange), None, self.house.clock(), 10_000 + difference, None, "final")
        answer = await self.sends(line)
        assert answer.taken, answer
        return next(one for one in await self.matched() if one.amount == difference)

    async def say(
        self,
        found: BreakView,
        decision: Decision,
        side: Side = Side.HOUSE,
        key: str = "operator",
        part: int | None = None,
    ) -> BreakView | Refusal:
        key_id = (SECOND if key == "second" else KEYS[key]).public.key_id
        said = Said(decision, side, "because", key_id, uid("evidence", next(_numbers)), part)
        return await matching.resolve(self.app, found.break_id, said, self.house.clock(), self.house.put)

    async def second_operator(self) -> None:
        proof = jws_sign(key_proof(SECOND.public.key_id, None, "operator"), SECOND, "clearing-key-proof+jws")
        jwk = dict(SECOND.public.jwk)
        async with await database.connect(self.url, application=False) as owner:
            await register_key(owner, jwk, "operator", None, "sandbox", proof, self.house.clock())

    async def position(self) -> int:
        return (await self.house.balance()).get(NUMBERS[HOTEL] * 16 + 8, 0)

    async def clock_runs(self, days: int) -> list[BreakView]:
        """Days pass within the calendar: only the clock of disputes looks at this instant."""
        return await matching.act_due(self.app, self.house.clock() + days * DAY, self.house.put)


async def aged(room: Room, found: BreakView, days: int = 4) -> BreakView:
    """The break comes to a person, who may move up to 100 alone."""
    await room.clock_runs(days)
    now = await matching.break_of(room.app, found.break_id)
    assert now is not None
    return now
