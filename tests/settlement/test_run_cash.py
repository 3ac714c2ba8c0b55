"""The house's cash is money: what the bank moved, at the run's rates. What that is beside the nets it settles has an account of its own."""

import pytest

from clearing.rules.postings import Account, account_number
from clearing.rules.rates import Terms as Amounts
from settlement import run as runs
from settlement.rules.run import Terms
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.settlement.runs_room import frozen, paid, positions, seal


async def cash(house: House) -> tuple[int, int]:
    """The house's money, and what was left by payments in whole minor units."""
    held = await house.balance()
    money, left = (held.get(account_number(0, kind), 0) for kind in (Account.CASH, Account.REMAINDER))
    return money, left


@pytest.mark.parametrize("owed", [10_004, 9_996, 10_000])
async def test_the_houses_cash_is_what_the_bank_moved_and_the_rest_is_told_apart(house: House, owed: int) -> None:
    """At 160 JPY for one common unit, a payment of whole yen is worth another amount than the net that it settles."""
    amounts = {"debit": owed * 1_000, "credit": owed * 900, "fee": owed * 100}
    await house.complete(1, terms=Amounts(sent=1_000, received=500, funding=0, rounding=0, **amounts))
    await seal(house)
    row = await frozen(house, terms=(Terms(AIR, "JPY", 0, 365),))
    moved = {one.partner: one.minor for one in await runs.instructions(house.owner, row.run)}
    assert (await paid(house, row.run)).state == "settled"
    money, left = await cash(house)
    assert money == moved[HOTEL] * 10_000 - moved[AIR] * 6_250
    assert money + left == owed * 100  # what it earned
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    assert await house.findings() == []


async def test_what_rounds_to_nothing_moves_no_money(house: House) -> None:
    tiny = Amounts(sent=1_000, received=500, debit=10_000, funding=0, credit=3_000, fee=7_000, rounding=0)
    await house.complete(1, terms=tiny)
    await seal(house)
    assert (await paid(house, (await frozen(house)).run)).state == "settled"
    assert await cash(house) == (10_000, -3_000)
