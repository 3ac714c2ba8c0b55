"""Runs that are frozen at once: one bills after the other, whatever their series and years, and the second sees what the first billed."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime
from typing import Any

import pytest
from psycopg import AsyncConnection

from clearing import database
from settlement import run as runs
from settlement.run import RunRow, Step, invoicing, steps
from tests.ledger.books import AIR, HOTEL, D, House
from tests.settlement.billing_room import NEW_YEAR, STANDARD, approved, customer, documents, publish, said, table
from tests.settlement.runs_room import BIG, FIRST, NEXT_WINDOW, WINDOW, frozen, seal
from tests.settlement.test_run_at_once import WAITS

CUSTOMERS = [customer(HOTEL, STANDARD), customer(AIR, STANDARD)]
THIRD, FOURTH = "W-2026-12", "W-2026-13"


@pytest.fixture
async def two(house: House) -> AsyncIterator[list[AsyncConnection]]:
    """Two connections, as two processes have them."""
    async with await database.connect(house.url) as one, await database.connect(house.url) as other:
        for opened in (one, other):
            await opened.set_autocommit(True)
        yield [one, other]


async def reversed_later(house: House, name: str) -> None:
    """An exchange is reversed whole, with its fee of 1.00."""
    await house.put(house.reverse(f"back-{name}", name))
    for leg in (1, 2):
        await house.tell((leg, D), name=f"back-{name}")


async def met(house: House, other: AsyncConnection, done: Callable[[], bool]) -> None:
    """The other one waits for a row, or is done without having waited."""
    while not done() and (await house.rows(WAITS, other.info.backend_pid))[0][0] == 0:
        pass  # asking the database lets the other one go on


async def freeze(connection: AsyncConnection, house: House, run: str, at: datetime) -> RunRow:
    row = await runs.freeze(connection, house.lane, run, Step(at, FIRST, None))
    assert isinstance(row, RunRow), row
    return row


@pytest.mark.parametrize(
    ("series", "at", "numbers"),
    [
        ("CH", None, ["CH-2026-000001", "CH-2026-000002"]),
        ("CX", None, ["CH-2026-000001", "CH-2026-000002"]),
        ("CH", NEW_YEAR, ["CH-2026-000001", "CH-2027-000001"]),
    ],
)
async def test_a_run_frozen_beside_another_sees_what_that_one_billed(
    house: House,
    two: list[AsyncConnection],
    monkeypatch: pytest.MonkeyPatch,
    series: str,
    at: datetime | None,
    numbers: list[str],
) -> None:
    """The exchange is in one window, its reversal in the next. The first run has billed and is not committed when the second begins."""
    await publish(house, table(customers=CUSTOMERS))
    await publish(house, table("later", series=series, valid_from="2026-03-09", customers=CUSTOMERS))
    await house.complete("one", terms=BIG)
    await seal(house)
    await reversed_later(house, "one")
    await seal(house)
    ready = [await approved(house, name) for name in (WINDOW, NEXT_WINDOW)]
    billed, begun = invoicing.invoice_fees, []

    async def holding(connection: AsyncConnection, lane: int, run: str, *given: Any) -> Any:
        refusal = await billed(connection, lane, run, *given)
        if run == ready[0].run:
            second = asyncio.ensure_future(freeze(two[1], house, ready[1].run, at or house.clock()))
            begun.append(second)
            await met(house, two[1], second.done)
        return refusal

    monkeypatch.setattr(steps, "invoice_fees", holding)
    await freeze(two[0], house, ready[0].run, house.clock())
    await begun[0]
    found = [said(one) for row in ready for one in await documents(house, row.run)]
    assert [(one[0], one[1], one[3]) for one in found] == [
        (numbers[0], "invoice", None),
        (numbers[1], "credit_note", numbers[0]),
    ]


async def test_two_runs_that_credit_each_others_series_are_both_frozen(
    house: House, two: list[AsyncConnection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first bills in CX and credits in CH, the second bills in CH and credits in CX; both have begun before either numbers."""
    tables = [("CH", "2026-03-02"), ("CX", "2026-03-09"), ("CX", "2026-03-16"), ("CH", "2026-03-23")]
    for place, (series, day) in enumerate(tables):
        await publish(house, table(f"table-{place}", series=series, valid_from=day, customers=CUSTOMERS))
    for name in ("one", "two"):
        await house.complete(name, terms=BIG)
        await seal(house)
    for name in ("one", "two"):
        await reversed_later(house, name)
        await house.complete(f"new-{name}", terms=BIG)
        await seal(house)
    for name in (WINDOW, NEXT_WINDOW):
        await frozen(house, name)
    ready = [await approved(house, name) for name in (THIRD, FOURTH)]
    read, entered = invoicing._fees, []

    async def reading(connection: AsyncConnection, *given: Any) -> Any:
        entered.append(connection)
        other = next(one for one in two if one is not connection)
        await met(house, other, lambda: len(entered) == len(two))
        return await read(connection, *given)

    monkeypatch.setattr(invoicing, "_fees", reading)
    at = house.clock()
    await asyncio.gather(*(freeze(one, house, row.run, at) for one, row in zip(two, ready, strict=True)))
    found = [[said(one) for one in await documents(house, row.run)] for row in ready]
    assert [sorted((one[0][:2], one[1], one[3]) for one in of_run) for of_run in found] == [
        [("CH", "credit_note", "CH-2026-000001"), ("CX", "invoice", None)],
        [("CH", "invoice", None), ("CX", "credit_note", "CX-2026-000001")],
    ]
