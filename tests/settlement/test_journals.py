"""Laws of the export: every journal balances, the same books give the same bytes, and an independent judge agrees or objects."""

import csv
import re
import subprocess
import sys
from datetime import date
from io import StringIO
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.ledger.items import Adjust, Lodge
from clearing.rules.postings import Account
from clearing.rules.shapes import Fault, Law
from settlement import books
from settlement.books.journals import journals
from settlement.rules.journal import (
    WHATS,
    BookAccount,
    Codes,
    Journal,
    bean_account,
    bean_of,
    codes_of,
    csv_head,
    csv_of,
    what_of,
)
from settlement.rules.money import major
from settlement.rules.waterfall import SHARE
from settlement.run.late import INTEREST
from settlement.run.taxes import VAT
from tests.ledger.books import HOTEL, House
from tests.settlement.runs_room import frozen, paid, seal
from tests.settlement.runs_room import lively as owing

JUDGE = Path(sys.executable).with_name("bean-check")


async def exported(
    house: House, shape: str, first: str | None = None, last: str | None = None, codes: Codes | None = None
) -> str:
    async with books.snapshot(house.owner):
        chart = await books.chart(house.owner)
        span = await books.span_of(house.owner, house.lane, first, last)
        return "".join([piece async for piece in books.export(house.owner, chart, span, shape, codes)])


def judged(text: str, folder: Path) -> tuple[bool, str]:
    file = folder / "books.beancount"
    file.write_text(text, encoding="utf-8")
    told = subprocess.run([JUDGE, file], capture_output=True, text=True, check=False)
    return told.returncode == 0, told.stdout + told.stderr


async def windows(house: House) -> list[str]:
    found = await house.rows("SELECT code FROM lane_window JOIN calendar USING (window_id) ORDER BY opened_size")
    return [code for (code,) in found]


async def test_books_that_were_paid_export_the_houses_cash(house: House, tmp_path: Path) -> None:
    """10.00 came in, 8.50 went out; the judge agrees with every sum."""
    await owing(house)
    row = await frozen(house)
    assert (await paid(house, row.run)).state == "settled"
    await seal(house)
    text = await exported(house, "beancount")
    assert "Assets:House:Cash  10000000 CU.U" in text
    assert judged(text, tmp_path) == (True, "")
    assert "house.cash" in await exported(house, "csv")


async def test_cover_is_exported_as_what_the_house_has_to_give_back(house: House, tmp_path: Path) -> None:
    await house.put(Lodge(UUID(int=1), HOTEL, 7_000_000, (), "wire 1", UUID(int=1)))
    await seal(house)
    text = await exported(house, "beancount")
    assert "Liabilities:Partners:Hotel:Cover  -7000000 CU.U" in text
    assert "Assets:House:Funds  7000000 CU.U" in text
    assert judged(text, tmp_path) == (True, "")
    assert "hotel.cover,,7.000000," in await exported(house, "csv")


ADJUSTED = {
    VAT: ("CH-2026-000001", 2_000_000),
    INTEREST: ('CL"1\\2/2026-03-31', 300_000),
    SHARE: ("=1+1", -40_000),
    "break AMOUNT_MISMATCH: accept_theirs": ("a break", 5_000),
}
"""Reason, reference, and what the hotel owes more by it."""


async def adjusted(house: House) -> None:
    for number, (reason, (reference, value)) in enumerate(ADJUSTED.items(), 1):
        lines = ((HOTEL, value), ("house", -value))
        await house.put(Adjust(None, None, UUID(int=number), reason, lines, None, reference))


async def test_tax_interest_and_shares_stand_apart_from_fees(house: House, tmp_path: Path) -> None:
    """An invoice's 2.00 of tax, 0.30 of interest, 0.04 given, 0.005 of a break; the fees are what they were before."""
    await owing(house)
    before = await exported(house, "beancount")
    await adjusted(house)
    await seal(house)
    text = await exported(house, "beancount")
    assert judged(text, tmp_path) == (True, "")
    held = dict(re.findall(r"(?m)^\S+ balance (\S+) (-?[0-9]+) CU\.U$", text))
    assert (held["Liabilities:House:Tax"], held["Income:House:Interest"]) == ("-2000000", "-300000")
    assert (held["Income:House:Share"], held["Income:House:Adjustment"]) == ("40000", "-5000")
    assert held["Income:House:Fee"] == re.findall(r"balance Income:House:Fee (\S+)", before)[0]
    assert '  reason: "vat"\n  reference: "CH-2026-000001"\n' in text
    assert f'* "adjusted {UUID(int=1)}: vat CH-2026-000001" ^clearing' in text


async def test_the_judge_objects_where_an_adjustment_is_not_what_it_says(house: House, tmp_path: Path) -> None:
    await owing(house)
    await adjusted(house)
    await house.owner.execute("UPDATE adjustment SET reason = 'interest' WHERE reason = 'vat'")
    await house.owner.execute("UPDATE adjustment SET lines = replace(lines, '300000', '300001')")
    agreed, why = judged(await exported(house, "beancount"), tmp_path)
    assert not agreed
    assert "Income:House:Interest" in why


async def test_every_window_opens_with_the_tax_that_the_one_before_closed_with(house: House, tmp_path: Path) -> None:
    await owing(house)
    await adjusted(house)
    await seal(house)
    await house.put(Adjust(None, None, UUID(int=9), VAT, ((HOTEL, 7), ("house", -7)), None, "CH-2026-000002"))
    lived = await windows(house)
    assert len(lived) == 3
    for first, last in ((lived[0], lived[0]), (lived[1], lived[1]), (lived[2], lived[2]), (lived[1], None)):
        text = await exported(house, "beancount", first, last)
        assert judged(text, tmp_path) == (True, ""), (first, last)
    assert "Liabilities:House:Tax  -2000000" in text
    assert "balance Liabilities:House:Tax -2000007" in text


async def test_csv_tells_why_and_by_which_paper_and_a_mapping_sends_tax_elsewhere(house: House) -> None:
    await owing(house)
    await adjusted(house)
    codes = Codes("EUR", {"house.fee/tax": "2200 VAT payable", "house.fee/interest": "7100"}, {"fee": "4000"})
    records = list(csv.DictReader(StringIO(await exported(house, "csv", codes=codes))))
    told = {
        record["account"]: record for record in records if record["reason"] and record["account"] != "hotel.position"
    }
    assert {name: (one["credit"] or f"-{one['debit']}") for name, one in told.items()} == {
        "2200 VAT payable": "2.000000",
        "7100": "0.300000",
        "house.fee/share": "-0.040000",
        "house.fee/adjustment": "0.005000",
    }
    assert [one["reason"] for one in told.values()] == list(ADJUSTED)
    assert [one["reference"] for one in told.values()] == [
        "CH-2026-000001", 'CL"1\\2/2026-03-31', "'=1+1", "a break",
    ]  # fmt: skip
    assert {one["reason"] for one in records if one["account"] == "4000"} == {""}


async def test_every_journal_balances_and_together_they_are_all_entries(lively: House) -> None:
    chart, span = await books.chart(lively.owner), await books.span_of(lively.owner, lively.lane)
    found = [journal async for journal in journals(lively.owner, chart, span)]
    assert [journal.faults for journal in found] == [()] * len(found)
    ((entries,),) = await lively.rows("SELECT count(*) FROM entry")
    assert sum(len(journal.lines) for journal in found) == entries > 200
    booked = {journal.memo.partition(" ")[0] for journal in found}
    assert booked == {
        "posted", "debited", "voided", "returned", "reversal_posted", "bonus_posted", "bonus_returned", "late_credit",
    }  # fmt: skip


async def test_the_independent_judge_agrees_with_the_whole_and_with_every_span(lively: House, tmp_path: Path) -> None:
    lived = await windows(lively)
    assert len(lived) > 4
    for first, last in ((None, None), (lived[2], lived[3]), (lived[-1], None), (None, lived[0])):
        text = await exported(lively, "beancount", first, last)
        assert judged(text, tmp_path) == (True, "")
        assert (" * " in text, " balance " in text) == (True, True)


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE entry SET amount = amount + 1 WHERE account = 24 AND seq = (SELECT min(seq) FROM entry WHERE account = 24)",
        "UPDATE entry SET amount = amount + sign(amount) WHERE abs(amount) = 333",
        "UPDATE position_slice SET debits = debits + 1 WHERE account = 33 AND window_id > 0",
        "DELETE FROM entry WHERE seq = (SELECT max(seq) FROM entry)",
    ],
)
async def test_the_judge_objects_to_books_that_were_changed(lively: House, tmp_path: Path, tampering: str) -> None:
    assert (await lively.owner.execute(tampering)).rowcount > 0
    agreed, why = judged(await exported(lively, "beancount"), tmp_path)
    assert not agreed
    assert "balance" in why.lower()


async def test_g25_the_judge_objects_to_four_thousandths_of_a_millionth(lively: House, tmp_path: Path) -> None:
    text = await exported(lively, "beancount")
    changed, count = re.subn(r"(?m)^(  \S+  -?[0-9]+)( CU\.U)$", r"\1.004\2", text, count=1)
    assert count == 1
    agreed, why = judged(changed, tmp_path)
    assert not agreed
    assert "does not balance: (" in why


async def test_the_same_books_give_the_same_bytes_in_pages_of_any_size(
    lively: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = {shape: await exported(lively, shape) for shape in books.FORMATS}
    monkeypatch.setattr("settlement.books.journals.PAGE", 7)
    assert {shape: await exported(lively, shape) for shape in books.FORMATS} == whole


async def test_csv_is_double_entry_with_the_codes_of_the_other_ledger(lively: House) -> None:
    codes = Codes("EUR", {"hotel.position": "1200-H"}, {"position": "1200", "fee": "4000"})
    records = list(csv.DictReader(StringIO(await exported(lively, "csv", codes=codes))))
    seen = {record["account"] for record in records}
    assert {"1200-H", "1200", "4000", "miles.outstanding", "house.rounding"} <= seen
    for name, lines in groupby(records, key=lambda record: record["journal_id"]):
        told = list(lines)
        assert {line["external_id"] for line in told} == {f"clearing-{name}"}
        for unit in {line["unit"] for line in told}:
            sides = [
                sum(int(line[side].replace(".", "") or 0) for line in told if line["unit"] == unit)
                for side in ("debit", "credit")
            ]
            assert sides[0] == sides[1] > 0
    ((fee,),) = await lively.rows("SELECT sum(debits - credits)::bigint FROM position_slice WHERE account = 14")
    earned = [record for record in records if record["account"] == "4000"]
    total = sum(int((line["debit"] or f"-{line['credit']}").replace(".", "")) for line in earned)
    assert total == fee
    assert {record["unit"] for record in earned} == {"EUR"}


# --- the rules by themselves

CHECKING = BookAccount(8, "checking", Account.POSITION, "millionths", "checking")
PETTY = BookAccount(24, "petty", Account.POSITION, "millionths", "petty")


def test_g27_two_rows_of_one_journal_have_the_same_external_id() -> None:
    journal = Journal(0, 10_008, date(2026, 3, 4), "moved", ((CHECKING, 100_000_000), (PETTY, -100_000_000)))
    codes = Codes("USD", {"checking.position": "1000", "petty.position": "1006"})
    assert csv_head() + csv_of(journal, codes) == (
        "journal_id,date,account,debit,credit,unit,memo,external_id,reason,reference\r\n"
        "0-10008,2026-03-04,1000,100.000000,,USD,moved,clearing-0-10008,,\r\n"
        "0-10008,2026-03-04,1006,,100.000000,USD,moved,clearing-0-10008,,\r\n"
    )
    assert journal.faults == ()
    assert Journal(0, 1, date(2026, 3, 4), "half", ((CHECKING, 1),)).faults == ("CU.U",)


@given(st.integers(-(2**63), 2**63))
def test_a_decimal_is_exactly_its_millionths(micros: int) -> None:
    text = major(micros)
    assert int(text.replace(".", "")) == micros
    assert len(text.partition(".")[2]) == 6


CODE = st.from_regex(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?", fullmatch=True)


@given(CODE, CODE)
def test_no_two_codes_become_one_in_beancount(one: str, other: str) -> None:
    told = [
        bean_of(Journal(0, 1, date(2026, 3, 4), "x", ((BookAccount(17, code, Account.OUTSTANDING, "P", "p"), 1),)))
        for code in (one, other)
    ]
    assert (told[0] == told[1]) == (one == other)


@given(CODE)
def test_beancount_can_spell_every_code(code: str) -> None:
    account = BookAccount(17, code, Account.EXCHANGED_OUT, "P", "p")
    name = bean_account(account)
    assert re.fullmatch(r"Equity:Programs:[A-Z0-9][A-Za-z0-9-]*:Exchanged-Out", name)
    unit = bean_of(Journal(0, 1, date(2026, 3, 4), "x", ((account, 1),))).split()[-1]
    assert re.fullmatch(r"[A-Z][A-Z0-9._-]*[A-Z0-9]", unit)


@pytest.mark.parametrize(
    ("document", "path", "law"),
    [
        ({"currency": "euro"}, "$.currency", Law.PATTERN),
        ({"kinds": [{"kind": "money", "code": "1"}]}, "$.kinds[0].kind", Law.RANGE),
        ({"accounts": [{"account": "palm", "code": "1"}]}, "$.accounts[0].account", Law.PATTERN),
        ({"accounts": [{"account": "house.fee/vat", "code": "1"}]}, "$.accounts[0].account", Law.PATTERN),
        ({"more": 1}, "$", Law.UNKNOWN_FIELD),
    ],
)
def test_a_mapping_that_says_something_else_is_refused_with_its_place(document: Any, path: str, law: Law) -> None:
    found = codes_of(document)
    assert isinstance(found, Fault)
    assert (found.path, found.law) == (path, law)


def test_who_says_where_fees_go_has_not_said_where_tax_goes() -> None:
    codes = codes_of(
        {"accounts": [{"account": "house.fee", "code": "4000"}, {"account": "petty.position/tax", "code": "1"}]}
    )
    assert isinstance(codes, Codes)
    fee = BookAccount(14, "house", Account.FEE, "millionths", None)
    assert {what: codes.code(fee, what) for what in ("", *WHATS)} == {
        "": "4000", **{what: f"house.fee/{what}" for what in WHATS},
    }  # fmt: skip
    assert (codes.code(PETTY, "tax"), codes.code(PETTY, "interest"), codes.code(PETTY)) == (
        "1", "petty.position", "petty.position",
    )  # fmt: skip
    assert [what_of(reason) for reason in (VAT, INTEREST, SHARE, "break")] == list(WHATS)


def test_a_mapping_says_what_is_not_called_as_the_house_calls_it() -> None:
    found = codes_of({"currency": "EUR", "kinds": [{"kind": "position", "code": "1200"}]})
    assert isinstance(found, Codes)
    assert (found.code(PETTY), found.currency) == ("1200", "EUR")
    assert found.code(BookAccount(14, "house", Account.FEE, "millionths", None)) == "house.fee"
    assert codes_of({}) == Codes()
