"""Golden figures that other ledgers publish, on ours: positions through a settlement, accounts closed, what fails together, tolerance."""

import re
import subprocess
import sys
from pathlib import Path
from uuid import UUID

import pytest

from clearing import errors
from clearing.ledger.items import Adjust
from clearing.rules.postings import Account, account_number
from clearing.rules.rates import Terms as Amounts
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.settlement.runs_room import frozen, paid, positions, seal

ROOT = Path(__file__).parents[1]
LISTED = (1, 4, 5, 6, 7, 8, 11, 13, 14, 15, 17, 18, 19, 21, 25, 26, 27)
"""The golden tests of the reference, by number."""
JUDGE = Path(sys.executable).with_name("bean-check")
ALL_HOUSE, ALL_FEE = account_number(0, Account.CASH), account_number(0, Account.FEE)


def amounts(debit: int, credit: int) -> Amounts:
    """An exchange that is debited and credited so much, in whole units; the difference is the house's fee."""
    unit = 1_000_000
    return Amounts(
        sent=1_000,
        received=500,
        debit=debit * unit,
        funding=0,
        credit=credit * unit,
        fee=(debit - credit) * unit,
        rounding=0,
    )


async def sums(house: House, *accounts: int) -> list[tuple[int, int]]:
    """Debits and credits of these accounts by now, in whole units."""
    found = await house.rows(
        "SELECT account, sum(debits)::bigint, sum(credits)::bigint FROM position_slice GROUP BY account"
    )
    told = {account: (debits // 1_000_000, credits_ // 1_000_000) for account, debits, credits_ in found}
    return [told.get(account, (0, 0)) for account in accounts]


def test_every_golden_figure_has_a_test_that_names_it() -> None:
    texts = "\n".join(path.read_text(encoding="utf-8") for path in ROOT.rglob("test_*.py") if path != Path(__file__))
    texts += Path(__file__).read_text(encoding="utf-8").partition("GOLDEN FIGURES")[2]
    missing = [number for number in LISTED if not re.search(rf"\bG{number}\b|_g{number}_", texts)]
    assert missing == []


# GOLDEN FIGURES


async def test_g13_positions_and_the_house_come_back_to_nothing(house: House) -> None:
    """Mojaloop: 50 of one to another through position, multilateral net and settlement: positions 0, the hub's 0."""
    await house.complete(1, terms=amounts(50, 50))
    assert await positions(house) == {HOTEL: 50_000_000, AIR: -50_000_000, SHOP: 0}
    await seal(house)
    row = await frozen(house)
    assert (await paid(house, row.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    assert await sums(house, ALL_HOUSE, ALL_FEE) == [(50, 50), (0, 0)]
    assert (await house.cap_of(HOTEL)).position == 0
    assert await house.findings() == []


async def test_g18_each_account_is_closed_by_what_its_sides_differ_in(house: House) -> None:
    """TigerBeetle: A (dr 10, cr 20) and B (dr 30, cr 5) are closed against C: 10 and 25; A 20/20, B 30/30, C 25/10."""
    await house.complete(1, terms=amounts(30, 20))  # the hotel is B, the airline A
    await house.complete(2, source=AIR, target=HOTEL, terms=amounts(10, 5))
    numbers = dict(await house.rows("SELECT partner, number FROM partner"))
    a, b = (account_number(numbers[partner], Account.POSITION) for partner in (AIR, HOTEL))
    assert await sums(house, a, b, ALL_HOUSE) == [(10, 20), (30, 5), (0, 0)]
    await seal(house)
    row = await frozen(house)
    assert (await paid(house, row.run)).state == "settled"
    moved = await house.rows("SELECT payer, payee, minor FROM settlement_instruction ORDER BY minor")
    assert [({*pair}, minor) for *pair, minor in moved] == [({AIR, "house"}, 1_000), ({HOTEL, "house"}, 2_500)]
    assert await sums(house, a, b, ALL_HOUSE) == [(20, 20), (30, 30), (25, 10)]
    assert await house.findings() == []


async def test_g19_lines_that_belong_together_fail_together_and_their_neighbours_stand(house: House) -> None:
    """TigerBeetle: A, (B C D), E of one batch; C fails: A and E succeed, and nothing of B C D is there."""

    def moves(name: int, *lines: tuple[str, int]) -> Adjust:
        return Adjust(None, None, UUID(int=name), "golden", lines)

    chain = moves(2, (HOTEL, 1), ("house", -1), ("nobody", 1), ("house", -1), (AIR, 1), ("house", -1))
    said = await house.writer.put_all(
        [moves(1, (HOTEL, 10), ("house", -10)), chain, moves(3, (AIR, 20), ("house", -20))]
    )
    assert [isinstance(one, errors.NotFound) for one in said] == [False, True, False]
    assert await positions(house) == {HOTEL: 10, AIR: 20, SHOP: 0}
    assert await house.rows("SELECT count(*) FROM adjustment") == [(2,)]
    assert await house.findings() == []


HEAD = "2026-01-01 open Assets:A\n2026-01-01 open Assets:B\n"
SPLIT = '2026-01-02 * "moved"\n  Assets:A  {} \n  Assets:B  {}\n'


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        (HEAD + SPLIT.format("100.00 EUR", "-100.004 EUR"), True),
        ('option "tolerance_multiplier" "0"\n' + HEAD + SPLIT.format("100.00 EUR", "-100.004 EUR"), False),
        (HEAD + SPLIT.format("100000 EUR.M", "-100004 EUR.M"), False),
    ],
)
def test_g25_a_judge_with_tolerance_overlooks_what_integers_show(tmp_path: Path, text: str, *, passes: bool) -> None:
    """An error of 0.004 passes bean-check as it comes; with tolerance 0, or in integers as our export has them, it does not."""
    file = tmp_path / "books.beancount"
    file.write_text(text, encoding="utf-8")
    assert (subprocess.run([JUDGE, file], capture_output=True, check=False).returncode == 0) == passes
