"""Statements of frozen runs on a real ledger: they add up, to zero together and to the books each, and are made once."""

from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from clearing.ledger import history
from clearing.ledger.items import Adjust
from clearing.rules.postings import Account, account_number
from settlement import stating
from settlement.reports import FORMATS
from settlement.rules.run import Terms
from settlement.rules.statement import Statement
from settlement.rules.statement_lines import LineKind
from settlement.stating import making as making_room
from settlement.stating import printing as printing_room
from settlement.stating.store import keep
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, NUMBERS, SHOP, SPEND, House, moved_in, uid
from tests.settlement.lively import ALL_KINDS, Lively
from tests.settlement.runs_room import BIG, NEXT_WINDOW, WINDOW, frozen, paid, seal
from tests.settlement.runs_room import lively as two_exchanges
from tests.settlement.stating_room import KEY, printed, stated, sums

PARTIES = (HOTEL, AIR, SHOP, "house")


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as known:
        yield known


async def held_at_the_end(house: House, window: str) -> dict[str, int]:
    """What the books say of every party in the last instant of a window; plus is owed by the house."""
    ((closes_at,),) = await house.rows("SELECT closes_at FROM calendar WHERE code = %s", window)
    kinds = (Account.POSITION, Account.REMAINDER, Account.CASH, Account.FEE, Account.ROUNDING)
    accounts = {account_number(0, kind): "house" for kind in kinds}
    accounts |= {account_number(number, Account.POSITION): name for name, number in NUMBERS.items()}
    said = await history.balances(house.owner, house.lane, list(accounts), closes_at - timedelta(microseconds=1))
    found = dict.fromkeys(PARTIES, 0)
    for account, amount in said.of.items():
        found[accounts[account]] -= amount
    return found


def closings(found: dict[str, Statement]) -> dict[str, int]:
    return {party: found[party].figures.closing if party in found else 0 for party in PARTIES}


async def lived(house: House) -> list[str]:
    """The windows that are sealed, in order."""
    found = await house.rows(
        "SELECT c.code FROM lane_window w JOIN calendar c USING (window_id) "
        "WHERE w.lane = %s AND w.sealed_size IS NOT NULL ORDER BY c.opens_at",
        house.lane,
    )
    return [code for (code,) in found]


async def test_two_exchanges_by_hand(house: House) -> None:
    """Hotel pays 9.00 to Air and a fee of 1.00; Air pays 3.50 to Shop and a fee of 0.50; the house is paid both fees."""
    await two_exchanges(house)
    found = await stated(house, (await frozen(house)).run)
    lines = {
        party: [(line.counterparty, line.debit, line.credit, line.fee, line.funding) for line in one.lines]
        for party, one in found.items()
    }
    assert lines == {
        HOTEL: [(AIR, 9_000_000, 0, 1_000_000, 0)],
        AIR: [(HOTEL, 0, 9_000_000, 0, 0), (SHOP, 3_500_000, 0, 500_000, 0)],
        SHOP: [(AIR, 0, 3_500_000, 0, 0)],
        "house": [(AIR, 0, 500_000, 0, 0), (HOTEL, 0, 1_000_000, 0, 0)],
    }
    assert {party: one.net for party, one in found.items()} == {
        HOTEL: -10_000_000,
        AIR: 5_000_000,
        SHOP: 3_500_000,
        "house": 1_500_000,
    }
    assert [(one.sent, one.received) for one in found[AIR].lines] == [(0, 500), (1_000, 0)]
    payment = found[HOTEL].payment
    assert payment is not None
    assert (payment.amount, [(item.what, item.amount) for item in payment.items]) == (
        -10_000_000,
        [(f"net of {WINDOW}", -10_000_000)],
    )
    assert payment.converted is not None
    assert (payment.converted.currency, payment.converted.amount) == ("EUR", -1_000)
    assert found["house"].payment is None


async def test_every_statement_closes_at_what_the_books_said_then(database_url: str, clock: FixedClock) -> None:
    """Over everything that can happen, window after window, payments between them: all sums are zero, all closings are balances."""
    async with moved_in(database_url, clock) as house:
        books = Lively(house)
        await books.begin()
        known: list[str] = []
        kinds: set[LineKind] = set()
        funded: set[bool] = set()
        settled = 0
        for _ in range(2):
            await books.live(ALL_KINDS)
            await seal(house)
            for code in [code for code in await lived(house) if code not in known]:
                known.append(code)
                run = (await frozen(house, code)).run
                found = await stated(house, run)
                assert sums(found) == (0, 0, 0, 0)
                assert closings(found) == await held_at_the_end(house, code)
                funded |= {line.funding > 0 for one in found.values() for line in one.lines if line.funding}
                settled += sum(len(one.settled) for one in found.values())
                kinds |= {line.kind for one in found.values() for line in one.lines}
                await paid(house, run)
        assert len(known) > 5
        assert kinds >= {LineKind.EXCHANGE, LineKind.ACCRUAL, LineKind.REDEMPTION, LineKind.REVERSAL}
        assert funded == {True, False}  # bonuses were funded, and given back
        assert settled > 0


async def test_windows_apart_are_one_statement_and_what_lies_between_is_open_before(house: House) -> None:
    await two_exchanges(house)
    await house.complete(3, terms=BIG)
    await seal(house)
    await house.complete(4, terms=BIG)
    await seal(house)
    first, between, last = [code for code in await lived(house) if code >= WINDOW][:3]
    assert between == NEXT_WINDOW
    found = await stated(house, (await frozen(house, first, last)).run)
    assert sums(found) == (0, 0, 0, 0)
    assert closings(found) == await held_at_the_end(house, last)
    assert found[HOTEL].opening == -10_000_000
    payment = found[HOTEL].payment
    assert payment is not None
    assert [item.amount for item in payment.items] == [-10_000_000, -10_000_000]


async def test_what_was_paid_meanwhile_leads_from_opening_to_closing(house: House) -> None:
    await two_exchanges(house)
    run = (await frozen(house)).run
    await paid(house, run, late=3)
    await house.complete(3, terms=BIG)
    await seal(house)
    found = await stated(house, (await frozen(house, NEXT_WINDOW)).run)
    assert sums(found) == (0, 0, 0, 0)
    assert closings(found) == await held_at_the_end(house, NEXT_WINDOW)
    hotel = found[HOTEL]
    assert (hotel.opening, [one.amount for one in hotel.settled]) == (-10_000_000, [10_000_000])
    interest = [(line.debit, line.counterparty) for line in hotel.lines if line.kind is LineKind.INTEREST]
    assert interest == [(8_333, "house")]
    assert [line.credit for line in found["house"].lines if line.kind is LineKind.INTEREST] == [8_333]


async def test_an_adjustment_is_a_line_of_whom_it_moves(house: House) -> None:
    await house.complete(1, terms=BIG)
    lines = ((HOTEL, 70), (SHOP, -50), ("house", -20))
    await house.put(Adjust(None, None, uid("adjusted"), "goodwill", lines, None, "=1+1"))
    await seal(house)
    found = await stated(house, (await frozen(house)).run)
    assert sums(found) == (0, 0, 0, 0)
    said = {
        party: [(line.debit, line.credit, line.reference) for line in one.lines if line.kind is LineKind.ADJUSTMENT]
        for party, one in found.items()
    }
    assert said == {HOTEL: [(70, 0, "")], AIR: [], SHOP: [(0, 50, "")], "house": [(0, 20, f"{WINDOW}, 1 booking")]}


async def test_a_captured_part_is_told_with_its_fee_and_without_one_where_there_is_none(house: House) -> None:
    """300 of 900 points: a third of the fee of 500 is 166; of terms without a fee there is none, and no entry of it."""
    books = Lively(house)
    for name, terms in (("x1", SPEND), ("x2", replace(SPEND, credit=SPEND.debit, fee=0, rounding=0))):
        await books.reserve(name, house.spend(name, terms=terms))
        await books.drive(name, (await house.put(house.capture(300, name))).due)
    await seal(house)
    found = await stated(house, (await frozen(house)).run)
    assert sums(found) == (0, 0, 0, 0)
    assert closings(found) == await held_at_the_end(house, WINDOW)
    assert sorted((line.fee, line.debit + line.fee) for line in found[HOTEL].lines) == [(0, 2_333), (166, 2_332)]
    assert sorted(line.credit for line in found[SHOP].lines) == [2_166, 2_333]
    assert found["house"].net == 166


async def test_a_payment_says_what_was_parked_and_what_was_resumed(house: House) -> None:
    """Shop is suspended: Air's 3.50 to it wait, and are in the payment of the next run."""
    await two_exchanges(house)
    terms = {"terms": (Terms(HOTEL, "EUR", 1_000, 360),)}
    first = await stated(house, (await frozen(house, suspended=(SHOP,), **terms)).run)
    await house.complete(3, terms=BIG)
    await seal(house)
    second = await stated(house, (await frozen(house, NEXT_WINDOW, **terms)).run)
    items = {
        when: [(item.what, item.amount) for item in one.payment.items]
        for when, one in (("first", first[AIR]), ("second", second[AIR]))
        if one.payment is not None
    }
    assert items == {
        "first": [(f"net of {WINDOW}", 5_000_000), ("parked by this run", 3_500_000)],
        "second": [(f"net of {NEXT_WINDOW}", 9_000_000), ("resumed from earlier runs", -3_500_000)],
    }
    assert first[SHOP].payment is None
    assert first[SHOP].figures.closing == 3_500_000
    shop = second[SHOP]
    assert (shop.lines, shop.opening, shop.payment and shop.payment.amount) == ((), 3_500_000, 3_500_000)


async def test_broken_off_between_two_partners_the_same_call_goes_on(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_exchanges(house)
    run = (await frozen(house)).run
    whole = keep
    kept: list[Any] = []

    async def breaks(*arguments: Any) -> bool:
        if len(kept) == 2:
            message = "the house fell over"
            raise ConnectionError(message)
        kept.append(arguments)
        return await whole(*arguments)

    monkeypatch.setattr(making_room, "keep", breaks)
    with pytest.raises(ConnectionError):
        await stating.state_run(house.owner, house.lane, run, KEY)
    monkeypatch.setattr(making_room, "keep", whole)
    before = await stating.kept(house.owner, run=run)
    assert len(before) == 2
    assert await stating.state_run(house.owner, house.lane, run, KEY) == 2
    after = await stating.kept(house.owner, run=run)
    assert len(after) == 4
    assert [one for one in after if one in before] == before
    assert await stating.state_run(house.owner, house.lane, run, KEY) == 0
    assert await stating.kept(house.owner, run=run) == after


async def test_made_anew_the_bytes_are_the_same(house: House) -> None:
    await two_exchanges(house)
    run = (await frozen(house)).run
    await stating.state_run(house.owner, house.lane, run, KEY)
    await printed(house)
    query = "SELECT statement, form, content FROM settlement_statement_file ORDER BY statement, form"
    first = await house.rows(query)
    assert len(first) == 4 * len(FORMATS)
    await house.owner.execute("TRUNCATE settlement_statement, settlement_statement_file")
    await seal(house)  # a later day, and payments that came meanwhile, change nothing
    await paid(house, run)
    await stating.state_run(house.owner, house.lane, run, KEY)
    await printed(house)
    assert await house.rows(query) == first


async def test_made_in_processes_of_their_own_the_bytes_are_the_same(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    await two_exchanges(house)
    run = (await frozen(house)).run
    query = "SELECT statement, form, content FROM settlement_statement_file ORDER BY statement, form"
    await stating.state_run(house.owner, house.lane, run, KEY)
    await printed(house)
    first = await house.rows(query)
    await house.owner.execute("TRUNCATE settlement_statement, settlement_statement_file")
    monkeypatch.setattr(making_room, "MUCH", 0)
    monkeypatch.setattr(printing_room, "MUCH", 0)
    await stating.state_run(house.owner, house.lane, run, KEY)
    await printed(house)
    assert await house.rows(query) == first
