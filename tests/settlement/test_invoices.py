"""Invoices on a real ledger: one for each partner that paid fees, numbered without a gap, taxed, booked once, sealed for ever."""

import asyncio
from datetime import timedelta
from typing import Any

import psycopg
import pytest

from clearing import database, errors, partners
from clearing.front.materialised import calendar_of
from clearing.ledger.items import Adjust
from clearing.rules.refusals import Refusal, RefusalCode
from settlement import reports, stating
from settlement import run as runs
from settlement.reports.invoice_file import verify_invoice
from settlement.rules.invoice import faults_of
from settlement.rules.run import Rate, RateSet
from settlement.run import RunRow
from settlement.run import taxes as taxes_room
from settlement.run.invoicing import invoice_fees
from settlement.run.taxes import VAT
from settlement.stating.store import rows
from tests.agreed import BOTH
from tests.ledger.books import AIR, HOTEL, SHOP, D, House, uid
from tests.rules.test_settlement_calendar import DOCUMENT
from tests.settlement.billing_room import (
    KEY,
    PUBLIC,
    STANDARD,
    approved,
    billed,
    customer,
    documents,
    publish,
    said,
    table,
)
from tests.settlement.runs_room import BIG, NEXT_WINDOW, WINDOW, frozen, paid, positions, refused, seal, step
from tests.settlement.runs_room import lively as two_exchanges

UNBOOKED = "its tax is not booked once under its number"


class BrokenOffError(Exception):
    """The process ended here."""


async def given_back(house: House) -> None:
    """Hotel's exchange is reversed whole, with its fee of 1.00."""
    await house.put(house.reverse())
    for leg in (1, 2):
        await house.tell((leg, D), name="back")
    await seal(house)


async def bill_faults(house: House) -> list[str]:
    """What the audit finds of invoices. Of runs it finds that the keys of these tests keep no requests."""
    return [one for one in (await runs.unsound(house.owner, house.lane))[1] if one.startswith("CH")]


async def test_every_partner_that_paid_fees_gets_an_invoice_by_hand(house: House) -> None:
    """Hotel paid 1.00, taxed at 21 %; Air paid 0.50 and owes its own tax; Shop paid nothing."""
    await two_exchanges(house)
    await publish(house, table())
    found = await billed(house, (await frozen(house)).run)
    assert [said(one) for one in found] == [
        ("CH-2026-000001", "invoice", AIR, None, "0.50", "0.00", "0.50"),
        ("CH-2026-000002", "invoice", HOTEL, None, "1.00", "0.21", "1.21"),
    ]
    assert [faults_of(one) for one in found] == [[], []]
    assert found[0]["taxes"][0]["reason"] == "Article 196 of Directive 2006/112/EC"
    assert found[1]["supplied"] == {"from": "2026-03-02", "until": "2026-03-08", "windows": [WINDOW]}


async def test_fees_billed_are_those_of_the_partners_statements(lively: House) -> None:
    """Over everything that can happen: exact sums of all documents are the column `fee` of the statements."""
    await publish(lively, table())
    await seal(lively)
    windows = [code for (code,) in await lively.rows(
        "SELECT c.code FROM lane_window w JOIN calendar c USING (window_id) WHERE w.sealed_size IS NOT NULL ORDER BY c.opens_at"
    )]  # fmt: skip
    row = await frozen(lively, *windows)
    exact: dict[str, int] = {}
    for fee in await _fees(lively, row.run):
        exact[fee["partner"]] = exact.get(fee["partner"], 0) + fee["micros"]
    await stating.state_run(lively.owner, lively.lane, row.run, KEY)
    told: dict[str, int] = {}
    for kept in await stating.kept(lively.owner, run=row.run):
        sealed = reports.verify(await stating.file_of(lively.owner, kept.statement, "jsonl", None), PUBLIC).sealed
        assert sealed is not None
        if kept.partner != "house":
            told[kept.partner] = sum(line.fee for line in sealed.statement.lines)
    assert {who: fee for who, fee in told.items() if fee} == exact
    assert len(exact) == 3


async def _fees(house: House, run: str) -> list[dict[str, Any]]:
    windows = await rows(house.owner, "state_windows", lane=house.lane, run=run)
    first, until = min(one["first"] for one in windows), max(one["until"] for one in windows)
    asked: dict[str, Any] = {"lane": house.lane, "first": first, "until": until}
    return await rows(house.owner, "invoice_fees", **asked, windows=[one["window_id"] for one in windows])


async def test_tax_is_booked_once_under_the_invoice_and_settled_with_the_next_window(house: House) -> None:
    await two_exchanges(house)
    await publish(house, table())
    row = await frozen(house)
    assert (await paid(house, row.run)).state == "settled"
    await billed(house, row.run)
    assert await positions(house) == {HOTEL: 210_000, AIR: 0, SHOP: 0}
    booked = await house.rows("SELECT reference, lines FROM adjustment WHERE reason = %s", VAT)
    assert booked == [("CH-2026-000002", '[["hotel",210000],["house",-210000]]'.replace("hotel", HOTEL))]
    assert await bill_faults(house) == []
    await seal(house)
    after = await frozen(house, NEXT_WINDOW)
    assert await documents(house, after.run) == []  # tax is no fee: it is not billed again
    await paid(house, after.run)
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    assert await house.findings() == []


async def test_a_run_that_broke_off_before_its_tax_was_booked_is_not_settled_without_it(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Frozen, and the process ended: whoever goes on, by a confirmation too, books the tax before anything is instructed."""
    await two_exchanges(house)
    await publish(house, table())
    row = await frozen(house)

    async def broken(*_: Any) -> None:
        raise BrokenOffError

    with monkeypatch.context() as patch:
        patch.setattr(taxes_room, "put", broken)
        with pytest.raises(BrokenOffError):
            await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert (await runs.run_of(house.owner, row.run)).state == "frozen"
    assert await bill_faults(house) == []  # it has yet to book it, and that is no finding
    await house.owner.execute("UPDATE settlement_run SET state = 'instructed'")
    assert await bill_faults(house) == [f"CH-2026-000002: {UNBOOKED}"]
    await house.owner.execute("UPDATE settlement_run SET state = 'frozen'")
    assert (await paid(house, row.run)).state == "settled"
    assert await house.rows("SELECT reference FROM adjustment WHERE reason = %s", VAT) == [("CH-2026-000002",)]
    assert await bill_faults(house) == []
    for form in ("json", "pdf"):
        with pytest.raises(errors.NotFound, match="is not sealed yet"):
            await stating.invoice_file(house.owner, "CH-2026-000002", form, HOTEL)


async def test_an_invoice_without_a_pdf_says_that_it_is_for_want_of_a_font(house: House) -> None:
    await two_exchanges(house)
    await publish(house, table())
    await billed(house, (await frozen(house)).run)
    await house.owner.execute("DELETE FROM settlement_invoice_file WHERE form = 'pdf'")
    with pytest.raises(errors.NotFound, match="no font of the house"):
        await stating.invoice_file(house.owner, "CH-2026-000002", "pdf", HOTEL)


async def test_what_is_given_back_later_is_a_credit_note_of_the_invoice_and_its_rate(house: House) -> None:
    await two_exchanges(house)
    await publish(house, table())
    first = await frozen(house)
    await billed(house, first.run)
    other = [customer(HOTEL, STANDARD | {"basis_points": 1_900}), customer(AIR, STANDARD)]
    await publish(house, table("later", valid_from="2026-03-09", customers=other))
    await given_back(house)
    (credit,) = await billed(house, (await frozen(house, NEXT_WINDOW)).run)
    assert said(credit) == ("CH-2026-000003", "credit_note", HOTEL, "CH-2026-000002", "-1.00", "-0.21", "-1.21")
    assert (credit["tax_table"], faults_of(credit)) == ("2026", [])
    assert await bill_faults(house) == []


async def test_what_is_given_back_before_it_was_billed_lessens_the_invoice(house: House) -> None:
    await two_exchanges(house)
    await given_back(house)
    await publish(house, table())
    found = await billed(house, (await frozen(house, WINDOW, NEXT_WINDOW)).run)
    assert [said(one)[1:5] for one in found] == [("invoice", AIR, None, "0.50")]  # Hotel's lines come to nothing


async def test_no_tax_is_given_back_of_a_fee_that_was_never_billed(house: House) -> None:
    """Hotel's fee was settled before the first table began; its run gives it back, and no document does. Its next fee is billed whole."""
    await two_exchanges(house)
    await frozen(house)  # no tax table yet
    await publish(house, table(valid_from="2026-03-09"))
    await house.complete("new", terms=BIG)
    await given_back(house)
    found = await billed(house, (await frozen(house, NEXT_WINDOW)).run)
    assert [said(one) for one in found] == [("CH-2026-000001", "invoice", HOTEL, None, "1.00", "0.21", "1.21")]
    assert await house.rows("SELECT reference FROM adjustment WHERE reason = %s", VAT) == [("CH-2026-000001",)]
    assert (await positions(house))[HOTEL] == 10_000_000 + 210_000  # the new exchange and its tax: the first is undone


async def test_a_run_that_only_gives_back_what_was_never_billed_issues_nothing(house: House) -> None:
    """Nor does it need a tax table: the one that had begun has ended."""
    await two_exchanges(house)
    await frozen(house)
    await publish(house, table(valid_from="2026-03-09", valid_until="2026-03-10"))
    await given_back(house)
    assert await billed(house, (await frozen(house, NEXT_WINDOW)).run) == []


async def test_what_is_given_back_of_a_window_waits_until_that_is_frozen(house: House) -> None:
    await two_exchanges(house)
    await publish(house, table())
    await given_back(house)
    later = await approved(house, NEXT_WINDOW)
    told = await runs.freeze(house.owner, house.lane, later.run, step(house))
    assert refused(told) is RefusalCode.RUN_NOT_READY
    assert isinstance(told, Refusal)
    assert WINDOW in told.detail
    await frozen(house)
    assert isinstance(await runs.freeze(house.owner, house.lane, later.run, step(house)), RunRow)
    assert [one["corrects"] for one in await documents(house, later.run)] == ["CH-2026-000002"]


async def test_a_house_without_a_tax_table_bills_nothing(house: House) -> None:
    await two_exchanges(house)
    assert await billed(house, (await frozen(house)).run) == []


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ({"customers": [customer(AIR, STANDARD)]}, f"how {HOTEL} is taxed"),
        ({"valid_until": "2026-02-28"}, "no tax table is in force"),
        ({"currency": "JPY", "digits": 0}, "bills in JPY, whose rate is not 1"),
        ({"currency": "USD"}, "bills in USD, of which the run has no rate"),
    ],
)
async def test_a_run_whose_fees_cannot_be_taxed_is_not_frozen_and_loses_no_number(
    house: House, change: dict[str, Any], why: str
) -> None:
    await two_exchanges(house)
    await publish(house, table(**change))
    row = await approved(house)
    told = await runs.freeze(house.owner, house.lane, row.run, step(house))
    assert refused(told) is RefusalCode.TAX_UNKNOWN
    assert isinstance(told, Refusal)
    assert why in told.detail
    assert (await runs.run_of(house.owner, row.run)).state == "approved"
    await publish(house, table("right", valid_from="2026-01-02"))
    assert isinstance(await runs.freeze(house.owner, house.lane, row.run, step(house)), RunRow)
    assert [one["number"] for one in await documents(house, row.run)] == [1, 2]


@pytest.mark.parametrize(("currency", "why"), [("EUR", None), ("USD", "and the scheme is in EUR")])
async def test_fees_are_billed_in_the_currency_of_the_published_scheme(
    house: House, currency: str, why: str | None
) -> None:
    """Whatever the rates say of another: these give both as 1."""
    await two_exchanges(house)
    year = calendar_of(DOCUMENT, 2026)
    assert isinstance(year, dict)
    await partners.publish_calendar(house.owner, year, house.clock(), BOTH)
    await publish(house, table(currency=currency))
    given = (Rate("EUR", 1, 1, 2), Rate("USD", 1, 1, 2), Rate("JPY", 1, 160, 0))
    pegged = RateSet("ECB", "2026-03-09", "2026-03-09T15:00:00Z", given)
    row = await approved(house, rates=pegged, currency="JPY", terms=())
    told = await runs.freeze(house.owner, house.lane, row.run, step(house))
    assert isinstance(told, RunRow) if why is None else isinstance(told, Refusal) and why in told.detail


async def test_a_freezing_that_breaks_off_after_numbering_takes_no_number(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_exchanges(house)
    await publish(house, table())
    row = await approved(house)

    async def broken(*given: Any) -> None:
        await invoice_fees(*given)
        raise BrokenOffError

    with monkeypatch.context() as patch:
        patch.setattr("settlement.run.steps.invoice_fees", broken)
        with pytest.raises(BrokenOffError):
            await runs.freeze(house.owner, house.lane, row.run, step(house))
    assert await house.rows("SELECT * FROM settlement_invoice_series") == []
    await runs.freeze(house.owner, house.lane, row.run, step(house))
    assert [one["number"] for one in await documents(house, row.run)] == [1, 2]


async def test_runs_frozen_at_once_number_without_a_gap(house: House, database_url: str) -> None:
    """Seven runs of windows that follow one another, each frozen twice: whatever the order, numbers are 1 to 7."""
    await publish(house, table())
    names = [WINDOW, *(f"W-2026-{number}" for number in range(11, 17))]
    for place, _ in enumerate(names):
        await house.complete(f"one-{place}", terms=BIG)
        await seal(house)
    ready = [await approved(house, name) for name in names]

    async def freeze(run: str) -> None:
        async with await database.connect(database_url) as own:
            await own.set_autocommit(True)
            assert isinstance(await runs.freeze(own, house.lane, run, step(house)), RunRow)

    await asyncio.gather(*(freeze(row.run) for row in ready for _ in range(2)))
    found = await house.rows("SELECT number, run FROM settlement_invoice ORDER BY number")
    assert [number for number, _ in found] == list(range(1, len(names) + 1))
    assert {run for _, run in found} == {row.run for row in ready}
    assert await house.rows("SELECT last FROM settlement_invoice_series WHERE series <> ''") == [(len(names),)]
    assert await bill_faults(house) == []
    await house.owner.execute("UPDATE settlement_run SET state = 'instructed'")
    assert await bill_faults(house) == [f"CH-2026-{number:06}: {UNBOOKED}" for number in range(1, len(names) + 1)]
    await house.owner.execute("UPDATE settlement_run SET state = 'frozen'")


async def test_files_are_sealed_once_and_every_change_is_found_offline(house: House) -> None:
    await two_exchanges(house)
    await publish(house, table())
    run = (await frozen(house)).run
    await billed(house, run)
    (hotel,) = [one for one in await stating.invoices(house.owner, partner=HOTEL) if one.run == run]
    files = {form: await stating.invoice_file(house.owner, hotel.invoice, form, HOTEL) for form in ("json", "pdf")}
    for content in files.values():
        checked = verify_invoice(content, PUBLIC)
        assert [one.check for one in checked.findings if one.holds] == ["signature", "document", "sums"]
        assert checked.sealed == files["json"]
        assert [one.check for one in verify_invoice(content, {}).findings if not one.holds] == ["signature"]
    changed = verify_invoice(files["json"].replace(b'"gross":"1.21"', b'"gross":"1.20"'), PUBLIC)
    assert [(one.check, one.detail) for one in changed.findings if not one.holds] == [("document", "changed: gross")]
    assert verify_invoice(b"%PDF-1.7 of somebody else", PUBLIC).sealed is None
    assert verify_invoice(b"[]", PUBLIC).sealed is None
    await house.owner.execute("DELETE FROM settlement_invoice_file")
    await billed(house, run)  # made anew, they are the same bytes
    assert {form: await stating.invoice_file(house.owner, hotel.invoice, form, None) for form in files} == files


async def test_invoices_are_told_in_pages_the_newest_first_each_once(house: House) -> None:
    await two_exchanges(house)
    await publish(house, table())
    run = (await frozen(house)).run

    async def listed(**asked: Any) -> list[int]:
        return [int(one.invoice[-6:]) for one in await stating.invoices(house.owner, **asked)]

    newest = (await stating.invoices(house.owner))[0]
    after = (newest.issued_on, newest.invoice)
    assert await listed() == [2, 1]
    assert await listed(most=1) == [2]
    assert await listed(after=after, most=1) == [1]
    assert await listed(after=(newest.issued_on - timedelta(days=1), newest.invoice)) == []
    assert await listed(partner=AIR) == [1]
    assert await listed(partner=HOTEL, after=after) == []
    assert await listed(run=run) == [2, 1]
    assert await listed(run=run, partner=HOTEL) == [2]
    assert await listed(run="W-2026-11.1") == []


async def test_the_database_itself_keeps_what_was_issued(house: House, database_url: str) -> None:
    await two_exchanges(house)
    await publish(house, table())
    await billed(house, (await frozen(house)).run)
    for change in ("UPDATE settlement_invoice SET net = 1", "DELETE FROM settlement_invoice"):
        async with await database.connect(database_url) as application:
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                await application.execute(change.encode())


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        ("DELETE FROM settlement_invoice WHERE number = 1", "CH 2026: its last number is 2, and 1 are there"),
        ("UPDATE adjustment SET reference = 'other' WHERE reason = 'vat'", f"CH-2026-000002: {UNBOOKED}"),
        ("UPDATE settlement_invoice SET tax = 20 WHERE number = 2", f"CH-2026-000002: {UNBOOKED}"),
    ],
)  # fmt: skip
async def test_the_audit_finds_gaps_and_tax_that_is_not_booked(house: House, change: str, fault: str) -> None:
    await two_exchanges(house)
    await publish(house, table())
    await billed(house, (await frozen(house)).run)
    await house.owner.execute(change.encode())
    assert await bill_faults(house) == [fault]


async def test_the_audit_finds_the_wrong_tax_of_a_run_that_is_not_instructed_yet(house: House) -> None:
    await two_exchanges(house)
    await publish(house, table())
    await frozen(house)
    await house.put(Adjust(None, None, uid("x"), VAT, ((HOTEL, 1), ("house", -1)), 1, "CH-2026-000002"))
    assert await bill_faults(house) == [f"CH-2026-000002: {UNBOOKED}"]
