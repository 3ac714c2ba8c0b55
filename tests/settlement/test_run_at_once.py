"""Two at the same step of a run: no row is held for its own sake; one has the effect, the other reads again or is told so."""

import asyncio
from collections.abc import AsyncIterator, Awaitable
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from clearing import database
from clearing.rules.refusals import Refusal, RefusalCode
from settlement import run as runs
from settlement.files import confirmations as files
from settlement.files.bankfile import BankFile
from settlement.run import InstructionRow, RunRow
from settlement.run import late as late_room
from tests.files.bank import entry, notification, payment
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.settlement.runs_room import (
    DUE,
    FIRST,
    SECOND,
    confirmations,
    drafted,
    frozen,
    lively,
    positions,
    states,
    step,
)

DETAILS = {
    "name": "Points House",
    "iban": "NL91ABNA0417164300",
    "account": "",
    "town": "Utrecht",
    "country": "NL",
    "bic": "",
}
WAITS = "SELECT count(*) FROM pg_stat_activity WHERE pid = %s AND wait_event_type = 'Lock'"
HELD = "UPDATE settlement_run SET turn = turn + 1 WHERE run = %s"
DAY_MOVED = "UPDATE settlement_instruction SET accrued_until = %s WHERE instruction = %s"


@pytest.fixture
async def other(house: House) -> AsyncIterator[AsyncConnection]:
    """A second connection, as another process has it."""
    async with await database.connect(house.url) as opened:
        await opened.set_autocommit(True)
        yield opened


async def banked(house: House) -> RunRow:
    """A frozen run whose house has an account."""
    await lively(house)
    row = await frozen(house)
    await house.owner.execute(
        "INSERT INTO bank_details VALUES ('house', 1, %s, %s, repeat('a', 64), %s, 'first', 'second', %s)",
        [house.clock(), house.clock(), Jsonb(DETAILS | {"currency": "EUR"}), UUID(int=1)],
    )
    return await runs.carry_on(house.owner, house.writer, row.run, step(house))


async def pay_in(house: House, run: str) -> InstructionRow:
    return next(one for one in await runs.instructions(house.owner, run) if one.partner == HOTEL)


def booked(one: InstructionRow, value: str = "10.00", message: str = "N-1") -> BankFile:
    booking = entry(value, payment(one.instruction), way="CRDT", day="2026-03-11")  # on which the run was frozen
    return files.read(notification(booking, message=message))


async def taken(connection: AsyncConnection, house: House, run: str, file: BankFile) -> Any:
    return await runs.take(connection, run, file, step(house), house.clock(), lambda _code: 2)


async def after(house: House, connection: AsyncConnection, begun: Awaitable[Any], *first: tuple[str, list[Any]]) -> Any:
    """What becomes of a step that was begun on this connection while another transaction, not yet committed, did `first`."""
    async with await psycopg.AsyncConnection.connect(house.url) as held:
        for query, values in first:
            await held.execute(query, values)
        waiting = asyncio.ensure_future(begun)
        pid = connection.info.backend_pid
        while not waiting.done() and (await house.rows(WAITS, pid))[0][0] == 0:
            pass  # asking the database lets the other one go on
        assert not waiting.done(), "it did not meet the other one"
        await held.commit()
    return await waiting


async def test_two_files_at_once_are_matched_one_after_the_other(house: House, other: AsyncConnection) -> None:
    row = await banked(house)
    one = await pay_in(house, row.run)
    both = [booked(one), booked(one, message="N-2")]
    said = await asyncio.gather(
        *(taken(connection, house, row.run, file) for connection, file in zip((house.owner, other), both, strict=True))
    )
    outcomes = [each["outcome"] for answer in said for each in answer["confirmations"]]
    assert sorted(outcomes) == ["again", "confirmed"]
    assert (await states(house, row.run)).count("confirmed") == 1


async def test_the_same_file_at_once_has_one_effect_and_one_answer(house: House, other: AsyncConnection) -> None:
    row = await banked(house)
    file = booked(await pay_in(house, row.run))
    said = await asyncio.gather(*(taken(one, house, row.run, file) for one in (house.owner, other)))
    assert said[0] == said[1]
    assert [each["outcome"] for each in said[0]["confirmations"]] == ["confirmed"]
    assert (await house.rows("SELECT count(*) FROM settlement_bank_file"))[0][0] == 1


async def test_a_file_that_met_another_writer_reads_again_what_that_one_left(
    house: House, other: AsyncConnection
) -> None:
    """It read the payment as due; the other has it confirmed by another booking when it commits."""
    row = await banked(house)
    one = await pay_in(house, row.run)
    confirmed = "UPDATE settlement_instruction SET state = 'confirmed', bank_reference = 'other' WHERE instruction = %s"
    said = await after(
        house, other, taken(other, house, row.run, booked(one)), (HELD, [row.run]), (confirmed, [one.instruction])
    )
    assert [each["differs"] for each in said["confirmations"]] == ["it was booked twice: as other, and as B-1"]


async def test_a_confirmation_that_met_another_writer_reads_again(house: House, other: AsyncConnection) -> None:
    row = await banked(house)
    (said,) = await confirmations(house, row.run)
    confirmed = "UPDATE settlement_instruction SET state = 'confirmed', bank_reference = %s WHERE instruction = %s"
    found = await after(
        house,
        other,
        runs.confirm(other, row.run, [said], step(house)),
        (HELD, [row.run]),
        (confirmed, [said.bank_reference, said.instruction]),
    )
    assert [one.outcome for one in found] == ["again"]
    assert "confirmed" not in await states(house, row.run)


async def test_ten_that_confirm_the_same_payment_at_once_write_one_step(house: House, database_url: str) -> None:
    row = await banked(house)
    (said,) = await confirmations(house, row.run)
    async with database.pool(database_url, size=10) as pool:

        async def one(number: int) -> str:
            async with pool.connection() as own:
                found = await runs.confirm(own, row.run, [replace(said, bank_reference=f"B-{number % 2}")], step(house))
            assert not isinstance(found, Refusal)
            return found[0].outcome

        outcomes = sorted(await asyncio.gather(*(one(number) for number in range(10))))
    assert outcomes == ["again"] * 4 + ["confirmed"] + ["differs"] * 5
    assert (await states(house, row.run)).count("confirmed") == 1


async def test_of_two_that_approve_with_the_second_key_one_has_the_effect(house: House, other: AsyncConnection) -> None:
    await lively(house)
    row = await drafted(house)
    digest = row.result_sha256 or ""
    await runs.approve(house.owner, row.run, digest, step(house, FIRST))
    third = "UPDATE settlement_run SET state = 'approved', approved_by = 'third' WHERE run = %s"
    said = await after(house, other, runs.approve(other, row.run, digest, step(house, SECOND)), (third, [row.run]))
    assert isinstance(said, Refusal)
    assert said.code is RefusalCode.RUN_NOT_READY
    assert (await runs.run_of(other, row.run)).approved_by == "third"


async def test_of_two_that_accrue_at_once_one_books_and_the_other_nothing(house: House, other: AsyncConnection) -> None:
    row = await banked(house)
    one = await pay_in(house, row.run)
    until = DUE + timedelta(days=36)
    met = await after(house, other, runs.overdue(other, house.writer, until), (DAY_MOVED, [until, one.instruction]))
    assert met == []  # the other one has decided this span, and books it
    found = await runs.overdue(house.owner, house.writer, until)  # unless it ended there: then whoever comes next
    assert [span.micros for span in found] == [100_000]
    assert await runs.overdue(house.owner, house.writer, until) == []
    assert await positions(house) == {HOTEL: 10_100_000, AIR: -5_000_000, SHOP: -3_500_000}


async def test_a_confirmation_between_the_decision_and_its_booking_owes_each_day_once(
    house: House, other: AsyncConnection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Interest up to the fortieth day is decided; before it is booked, the bank confirms the payment as of the thirty-sixth."""
    row = await banked(house)
    (said,) = await confirmations(house, row.run, late=36)
    put, goes_on = late_room.put, asyncio.Event()
    reached = asyncio.Event()

    async def waiting(writer: Any, item: Any) -> Any:
        reached.set()
        await goes_on.wait()
        return await put(writer, item)

    with monkeypatch.context() as patched:
        patched.setattr(late_room, "put", waiting)
        accruing = asyncio.ensure_future(runs.overdue(other, house.writer, DUE + timedelta(days=40)))
        await reached.wait()
    await runs.confirm(house.owner, row.run, [said], step(house, late=36))
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert (await positions(house))[HOTEL] == 100_000
    goes_on.set()
    assert await accruing == []  # booked before, by the same words
    assert (await positions(house))[HOTEL] == 100_000
    assert await house.findings() == []
