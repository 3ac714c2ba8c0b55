"""Small builders for laws of the settlement run: windows that were lived and sealed, wishes, keys, and the books as plain values."""

from datetime import UTC, date, datetime, time, timedelta
from typing import Any

from clearing.ledger.items import Tick
from clearing.rules.rates import Terms as Amounts
from clearing.rules.refusals import Refusal, RefusalCode
from settlement import run as runs
from settlement.rules.run import Rate, RateSet, Terms
from settlement.run import Confirmation, RunRow, Step, Wanted
from tests.ledger.books import AIR, HOTEL, KEYS, SHOP, House

WINDOW, NEXT_WINDOW = "W-2026-10", "W-2026-11"
FIRST, SECOND = KEYS["operator"].public.key_id, "second"
RATES = RateSet("ECB", "2026-03-09", "2026-03-09T15:00:00Z", (Rate("EUR", 1, 1, 2), Rate("JPY", 1, 160, 0)))
DUE = date(2026, 3, 12)
BIG = Amounts(sent=1_000, received=500, debit=10_000_000, funding=0, credit=9_000_000, fee=1_000_000, rounding=3)
BACK = Amounts(sent=1_000, received=500, debit=4_000_000, funding=0, credit=3_500_000, fee=500_000, rounding=0)


def wanted(*codes: str, **changes: Any) -> Wanted:
    given: dict[str, Any] = {
        "windows": codes or (WINDOW,),
        "rates": RATES,
        "currency": "EUR",
        "terms": (Terms(HOTEL, "EUR", 1_000, 360),),
        "suspended": (),
        "value_date": (DUE + timedelta(weeks=max(map(_weeks, codes), default=0))).isoformat(),
    }
    return Wanted(**given | changes)


def _weeks(code: str) -> int:
    """How many weeks after the first window this one is; none where it is no week."""
    return max(int(code[-2:]) - int(WINDOW[-2:]), 0) if code.startswith("W-2026-") else 0


def step(house: House, key: str = FIRST, late: int = 0) -> Step:
    """A step of now, or of so many days after the day of payment, though the books do not go on meanwhile."""
    day = datetime.combine(DUE + timedelta(days=late), time(), UTC)
    return Step(max(house.clock(), day) if late else house.clock(), key, None)


async def seal(house: House) -> None:
    """A week passes, and the closer looks."""
    house.clock.advance(7 * 86_400)
    await house.put(Tick())


async def lively(house: House) -> None:
    """Hotel owes 10.00, of which Air is owed 9.00; Air owes 4.00, of which Shop is owed 3.50: the house keeps 1.50."""
    await house.complete(1, terms=BIG)
    await house.complete(2, source=AIR, target=SHOP, terms=BACK)
    await seal(house)


async def drafted(house: House, *codes: str, **changes: Any) -> RunRow:
    row = await runs.draft(house.owner, house.lane, wanted(*codes, **changes), step(house))
    assert isinstance(row, RunRow), row
    return row


async def frozen(house: House, *codes: str, **changes: Any) -> RunRow:
    """A run drafted, approved by two keys and frozen."""
    row = await drafted(house, *codes, **changes)
    assert row.result_sha256 is not None
    for key in (FIRST, SECOND):
        said = await runs.approve(house.owner, row.run, row.result_sha256, step(house, key))
        assert not isinstance(said, Refusal), said
    final = await runs.freeze(house.owner, house.lane, row.run, step(house))
    assert isinstance(final, RunRow), final
    return final


async def confirmations(house: House, run: str, late: int = 0) -> list[Confirmation]:
    """What the bank would say of every payment that is due, on its day, which has come by then, or so many days later."""
    due = [one for one in await runs.instructions(house.owner, run) if one.state in {"due", "differs"}]
    house.clock.at = max([house.clock.at, *(datetime.combine(one.value_date, time(), UTC) for one in due)])
    day = house.clock().date() if not late else DUE + timedelta(days=late)
    return [
        Confirmation(one.instruction, one.direction, one.currency, one.minor, day, f"bank-{one.instruction}")
        for one in due
    ]


async def paid(house: House, run: str, late: int = 0) -> RunRow:
    """Everything that is due is confirmed, then what that releases, until nothing is."""
    row = await runs.carry_on(house.owner, house.writer, run, step(house))
    while said := await confirmations(house, run, late):
        told = await runs.confirm(house.owner, run, said, step(house, late=late))
        assert not isinstance(told, Refusal), told
        assert {one.outcome for one in told} <= {"confirmed", "again"}, told  # else it would never end
        row = await runs.carry_on(house.owner, house.writer, run, step(house))
    return row


async def nets(house: House, run: str) -> dict[str, tuple[str, int, int]]:
    found = await house.rows("SELECT party, currency, micros, minor FROM settlement_net WHERE run = %s", run)
    return {party: (currency, micros, minor) for party, currency, micros, minor in found}


async def positions(house: House) -> dict[str, int]:
    """What each partner owes by the books, all windows and payments together."""
    found = await house.rows(
        "SELECT p.partner, coalesce(sum(s.debits - s.credits), 0)::bigint FROM partner p "
        "LEFT JOIN position_slice s ON s.account = p.number * 16 + 8 GROUP BY p.partner"
    )
    return dict(found)


def refused(said: object) -> RefusalCode:
    assert isinstance(said, Refusal), said
    return said.code


async def states(house: House, run: str) -> list[str]:
    return [one.step for one in await runs.events(house.owner, run)]
