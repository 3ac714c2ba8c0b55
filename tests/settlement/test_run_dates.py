"""The days of a run: those of a published calendar, and the interest of what is not confirmed by its day."""

import asyncio
import json
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import pytest

from clearing import database, errors, partners
from clearing.front.materialised import calendar_of
from clearing.partners import FiledPaper
from clearing.rules.refusals import Refusal, RefusalCode
from settlement import run as runs
from settlement.rules.netting import Model
from settlement.rules.run import (
    PaymentDates,
    Terms,
    inputs_of,
    replayed,
    result_document,
    settle,
)
from settlement.run import auditing
from tests.agreed import BOTH
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.rules.test_settlement_calendar import DOCUMENT
from tests.settlement.runs_room import (
    BACK,
    BIG,
    DUE,
    RATES,
    WINDOW,
    confirmations,
    drafted,
    frozen,
    lively,
    paid,
    positions,
    seal,
    step,
    wanted,
)


async def test_interest_accrues_while_a_pay_in_is_overdue_and_not_again_when_it_is_confirmed(house: House) -> None:
    """10.00 at 10 % of 360: 2777.78 millionths a day. Four days, then sixteen, make 55,555; 36 days in all 100,000."""
    await lively(house)
    row = await frozen(house)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))

    async def accrued(days: int) -> list[int]:
        found = await runs.overdue(house.owner, house.writer, DUE + timedelta(days=days))
        return [one.micros for one in found]

    assert await accrued(0) == []
    assert await accrued(4) == [11_111]
    assert await accrued(4) == []
    assert await accrued(3) == []
    assert await accrued(20) == [44_444]
    held = (await runs.accrued(house.owner, 0, row.run)).values()
    assert [(one.payer, one.until, one.micros) for one in held] == [(HOTEL, DUE + timedelta(days=20), 55_555)]
    assert await positions(house) == {HOTEL: 10_055_555, AIR: -5_000_000, SHOP: -3_500_000}
    assert (await paid(house, row.run, late=36)).state == "settled"
    assert await positions(house) == {HOTEL: 100_000, AIR: 0, SHOP: 0}
    assert await accrued(50) == []
    assert await house.findings() == []


async def test_interest_for_days_on_which_the_money_was_there_is_given_back(house: House) -> None:
    await lively(house)
    row = await frozen(house)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    await runs.overdue(house.owner, house.writer, DUE + timedelta(days=40))
    assert (await paid(house, row.run, late=36)).state == "settled"
    assert await positions(house) == {HOTEL: 100_000, AIR: 0, SHOP: 0}


async def test_a_pay_in_that_differs_owes_interest_like_one_that_nobody_spoke_of(house: House) -> None:
    """10.00 at 10 % of 360 for nine days, of which the bank told another amount."""
    await lively(house)
    row = await frozen(house)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    (said,) = await confirmations(house, row.run)
    await runs.confirm(house.owner, row.run, [replace(said, minor=said.minor - 1)], step(house))
    assert [one.state for one in await runs.instructions(house.owner, row.run) if one.partner == HOTEL] == ["differs"]
    found = await runs.overdue(house.owner, house.writer, DUE + timedelta(days=9))
    assert [(one.payer, one.micros) for one in found] == [(HOTEL, 25_000)]
    assert await positions(house) == {HOTEL: 10_025_000, AIR: -5_000_000, SHOP: -3_500_000}


async def test_two_that_accrue_at_once_and_one_that_broke_off_book_each_day_once(house: House) -> None:
    await lively(house)
    row = await frozen(house)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    async with await database.connect(house.url) as other:
        await other.set_autocommit(True)
        both = await asyncio.gather(
            *(runs.overdue(one, house.writer, DUE + timedelta(days=36)) for one in (house.owner, other))
        )
    assert sorted(len(one) for one in both) == [0, 1]
    assert await positions(house) == {HOTEL: 10_100_000, AIR: -5_000_000, SHOP: -3_500_000}


async def test_the_days_of_a_run_are_those_of_its_last_window_in_a_published_calendar(house: House) -> None:
    await lively(house)
    number = (await house.rows("SELECT window_id FROM calendar WHERE code = %s", WINDOW))[0][0]
    dated = "UPDATE calendar SET scheme_version = version, advice_date = %s, value_date = %s WHERE window_id = %s"
    await house.owner.execute(dated, ["2026-03-17", "2026-03-19", number])
    with pytest.raises(errors.ValidationFailed, match="is 2026-03-19, by the published calendar"):
        await runs.draft(house.owner, house.lane, wanted(), step(house))
    row = await drafted(house, value_date=None)
    assert row.value_date.isoformat() == "2026-03-19"
    assert json.loads(row.result or b"")["advice_date"] == "2026-03-17"
    assert await drafted(house, value_date="2026-03-19") == row
    assert {
        one.value_date for one in await runs.instructions(house.owner, (await frozen(house, value_date=None)).run)
    } == {row.value_date}


async def test_where_no_scheme_is_published_the_draft_says_the_day(house: House) -> None:
    await lively(house)
    with pytest.raises(errors.ValidationFailed, match="no scheme gives one"):
        await runs.draft(house.owner, house.lane, wanted(value_date=None), step(house))


async def test_a_payment_is_due_by_the_calendars_of_its_parties_and_its_currency(house: House) -> None:
    """The window closes on Wednesday, 18 March; Friday, 20 March is a holiday of Japan, and Thursday one of no calendar here."""
    own = {
        "currency": ["TARGET"],
        "parties": [{"party": HOTEL, "calendars": ["JP"]}],
        "currencies": [{"currency": "JPY", "calendars": ["JP"]}],
    }
    document = DOCUMENT | {"calendars": own, "cycle": {"dates": ["2026-03-18", "2026-03-25"]}}
    said = calendar_of(document, 2026)
    assert isinstance(said, dict)
    await partners.publish_calendar(house.owner, said, house.clock(), BOTH)
    await seal(house)
    await house.complete(1, terms=BIG)
    await house.complete(2, source=AIR, target=SHOP, terms=BACK)
    for _ in range(2):
        await seal(house)
    asked: dict[str, Any] = {"value_date": None, "terms": (Terms(HOTEL, "EUR", 1_000, 360), Terms(AIR, "JPY", 0, 360))}
    short = wanted(
        "2026-03-1", **asked, rates=replace(RATES, until="2026-03-20")
    )  # the run's day, and not that of all payments
    told = await runs.draft(house.owner, house.lane, short, step(house))
    assert isinstance(told, Refusal)
    assert told.code is RefusalCode.RATES_NOT_IN_FORCE
    assert told.detail.endswith("not on 2026-03-23")
    asked |= {"rates": replace(RATES, until="2026-03-23")}
    row = await drafted(house, "2026-03-1", **asked)
    assert row.value_date.isoformat() == "2026-03-20"
    assert json.loads(row.result or b"")["dates"] == [
        [AIR, "pay_out", "2026-03-19", "2026-03-23"],
        [HOTEL, "pay_in", "2026-03-19", "2026-03-23"],
    ]
    assert replayed(row.inputs) == row.result
    final = await frozen(house, "2026-03-1", **asked)
    assert final.run == row.run
    due = {one.partner: one.value_date.isoformat() for one in await runs.instructions(house.owner, row.run)}
    assert due == {HOTEL: "2026-03-23", AIR: "2026-03-23", SHOP: "2026-03-20"}
    late = await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert late.state == "instructed"
    assert (
        await runs.overdue(house.owner, house.writer, date(2026, 3, 23)) == []
    )  # due by its own calendar, not by the run's
    assert [one.micros for one in await runs.overdue(house.owner, house.writer, date(2026, 3, 24))] == [2_777]


@pytest.mark.parametrize("model", [Model.BILATERAL, Model.GROSS, Model.FEWEST])
async def test_a_payment_between_partners_is_due_by_the_calendars_of_both(house: House, model: Model) -> None:
    """As above, and Hotel alone keeps the holiday: what it pays waits until Monday, whoever is paid; what Air pays does not."""
    own = {"currency": ["TARGET"], "parties": [{"party": HOTEL, "calendars": ["JP"]}]}
    document = DOCUMENT | {"calendars": own, "cycle": {"dates": ["2026-03-18", "2026-03-25"]}}
    said = calendar_of(document, 2026)
    assert isinstance(said, dict)
    await partners.publish_calendar(house.owner, said, house.clock(), BOTH)
    await seal(house)
    await house.complete(1, terms=BIG)
    await house.complete(2, source=AIR, target=SHOP, terms=BACK)
    for _ in range(2):
        await seal(house)
    asked: dict[str, Any] = {"value_date": None, "model": model}
    short = wanted("2026-03-1", **asked, rates=replace(RATES, until="2026-03-20"))
    told = await runs.draft(house.owner, house.lane, short, step(house))
    assert isinstance(told, Refusal)
    assert told.code is RefusalCode.RATES_NOT_IN_FORCE
    asked |= {"rates": replace(RATES, until="2026-03-23")}
    row = await frozen(house, "2026-03-1", **asked)
    due = {(one.payer, one.payee): one.value_date.isoformat() for one in await runs.instructions(house.owner, row.run)}
    assert {day for (payer, _), day in due.items() if payer == HOTEL} == {"2026-03-23"}
    assert {day for (payer, _), day in due.items() if payer != HOTEL} <= {"2026-03-20"}
    dates = json.loads(row.result or b"")["dates"]
    assert dates == [[*pair, "2026-03-19", "2026-03-23"] for pair in sorted(due) if HOTEL in pair]
    assert replayed(row.inputs) == row.result


@pytest.mark.parametrize(("until", "faults"), [("2026-03-16", []), ("2026-03-15", ["its rates are not those of ECB"])])
async def test_the_audit_finds_a_payment_whose_day_is_not_one_of_its_rates(
    house: House, until: str, faults: list[str]
) -> None:
    """Hotel pays on the sixteenth by its own calendars; the run's own day is the twelfth."""
    await lively(house)
    row = await drafted(house, rates=replace(RATES, name="ECB", until=until))
    dates = (PaymentDates(HOTEL, "house", "2026-03-12", "2026-03-16"),)
    inputs = replace(inputs_of(json.loads(row.inputs)), dates=dates)
    days = date.fromisoformat(RATES.date), date.fromisoformat(until)
    paper = FiledPaper("ECB", *days, house.clock(), "", {"rates": {"EUR": "1", "JPY": "0.00625"}}, "first", "second")
    result = result_document(inputs, settle(inputs))
    assert list(auditing._rate_faults(inputs, result, {"ECB": paper})) == faults
