"""Month-end accruals: with what was billed they are all that was earned, they go back on the first, and an independent judge agrees."""

import csv
from datetime import UTC, date, datetime
from io import StringIO
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing.ledger.items import Adjust
from settlement import books
from settlement import run as runs
from settlement.rules.accruals import WHATS, Month, Unbilled, accruals_bean, accruals_csv
from settlement.rules.journal import Codes
from tests.ledger.books import AIR, HOTEL, SHOP, House, uid
from tests.settlement.billing_room import publish, table
from tests.settlement.runs_room import BACK, BIG, frozen, seal, step
from tests.settlement.runs_room import lively as two_exchanges
from tests.settlement.share_room import contract
from tests.settlement.share_room import publish as published
from tests.settlement.test_journals import judged, windows

MARCH, APRIL, MAY = Month(2026, 3), Month(2026, 4), Month(2026, 5)
FOUND = [Unbilled(AIR, "fee", 500_000), Unbilled(HOTEL, "bonus", -250_001), Unbilled(HOTEL, "fee", 1_000_000)]

found_ever = st.lists(
    st.builds(
        Unbilled,
        st.sampled_from(["9lives", "air", "palm-hotels", "house"]),
        st.sampled_from(WHATS),
        st.integers(-(2**53), 2**53).filter(bool),
    ),
    max_size=12,
    unique_by=lambda one: one[:2],
)


@pytest.mark.parametrize(
    ("month", "last", "after"),
    [
        (Month(2026, 11), "2026-11-30", "2026-12-01"),
        (Month(2026, 12), "2026-12-31", "2027-01-01"),
        (Month(2028, 2), "2028-02-29", "2028-03-01"),
    ],
)
def test_a_month_ends_on_its_last_day(month: Month, last: str, after: str) -> None:
    assert (month.last, month.after) == (date.fromisoformat(last), date.fromisoformat(after))
    assert month.ends_at == datetime.fromisoformat(f"{after}T00:00:00+00:00")


def test_accruals_and_their_reversals_by_hand() -> None:
    codes = Codes("EUR", {f"{AIR}.unbilled": "1400"})
    lines = list(csv.DictReader(StringIO(accruals_csv(Month(2026, 11), FOUND[:2], codes))))
    assert [(one["date"], one["account"], one["debit"], one["credit"], one["unit"]) for one in lines] == [
        ("2026-11-30", "1400", "0.500000", "", "EUR"),
        ("2026-11-30", "house.accrued_fee", "", "0.500000", "EUR"),
        ("2026-12-01", "1400", "", "0.500000", "EUR"),
        ("2026-12-01", "house.accrued_fee", "0.500000", "", "EUR"),
        ("2026-11-30", f"{HOTEL}.unbilled", "", "0.250001", "EUR"),
        ("2026-11-30", "house.accrued_bonus", "0.250001", "", "EUR"),
        ("2026-12-01", f"{HOTEL}.unbilled", "0.250001", "", "EUR"),
        ("2026-12-01", "house.accrued_bonus", "", "0.250001", "EUR"),
    ]
    assert len({one["external_id"] for one in lines}) == 4


@given(found_ever)
def test_every_journal_balances_and_nothing_is_left_after_the_first(found: list[Unbilled]) -> None:
    left: dict[str, int] = {}
    sums: dict[str, int] = {}
    for one in csv.DictReader(StringIO(accruals_csv(APRIL, found, Codes()))):
        amount = int((one["debit"] or "0").replace(".", "")) - int((one["credit"] or "0").replace(".", ""))
        for into, name in ((left, one["account"]), (sums, one["journal_id"])):
            into[name] = into.get(name, 0) + amount
    assert not any(left.values())
    assert not any(sums.values())


@pytest.mark.parametrize("found", [FOUND, [], [Unbilled("9lives", "interest", -7), Unbilled("house", "adjustment", 3)]])
def test_the_judge_agrees_with_accruals_and_objects_to_others(found: list[Unbilled], tmp_path: Path) -> None:
    text = accruals_bean(Month(2026, 11), found)
    assert judged(text, tmp_path) == (True, "")
    if found:
        line = f"  {abs(found[0].amount)} "
        assert text.count(line) > 0
        assert judged(text.replace(line, f"  {abs(found[0].amount) + 1} ", 1), tmp_path)[0] is False


async def accrued(house: House, month: Month) -> list[Unbilled]:
    async with books.snapshot(house.owner):
        return await books.unbilled(house.owner, house.lane, month)


async def test_fees_of_windows_that_no_run_has_frozen_are_accrued_open_or_sealed(house: House) -> None:
    """Of two windows the first is frozen; the second is sealed, and one more exchange is in the open window."""
    await two_exchanges(house)
    assert await accrued(house, MARCH) == [Unbilled(AIR, "fee", 500_000), Unbilled(HOTEL, "fee", 1_000_000)]
    await frozen(house)
    assert await accrued(house, MARCH) == []
    await house.complete("sealed", terms=BIG)
    await seal(house)
    await house.complete("open", source=AIR, target=SHOP, terms=BACK)
    assert await accrued(house, MARCH) == [Unbilled(AIR, "fee", 500_000), Unbilled(HOTEL, "fee", 1_000_000)]
    assert await accrued(house, Month(2026, 2)) == []


async def test_what_was_frozen_after_the_month_was_still_accrued_at_its_end(house: House) -> None:
    await two_exchanges(house)
    before = await accrued(house, MARCH)
    house.clock.advance(30 * 86_400)
    await frozen(house)
    assert await accrued(house, MARCH) == before != []
    assert await accrued(house, APRIL) == []


async def test_tax_is_never_accrued_and_interest_is_told_apart(house: House) -> None:
    await two_exchanges(house)
    await publish(house, table())
    row = await frozen(house)
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    lines = ((HOTEL, 70), ("house", -70))
    await house.put(Adjust(None, None, uid("late"), "interest", lines, None, "CL1"))
    assert await accrued(house, MARCH) == [Unbilled(HOTEL, "interest", 70)]


async def test_accruals_and_what_was_frozen_are_all_that_was_earned(lively: House, tmp_path: Path) -> None:
    """Over everything that can happen: whichever windows are frozen, the rest is accrued, to the millionth.

    What the frozen run gives on by a contract stands in an open window, and is of the run.
    """
    await published(lively, contract())
    await seal(lively)
    lived = await windows(lively)
    everything = sum(one.amount for one in await accrued(lively, MAY))
    ((earned,),) = await lively.rows("SELECT -sum(amount)::bigint FROM entry WHERE account IN (14, 15)")
    assert everything == earned != 0
    first = lived[: len(lived) // 2]
    ((billed,),) = await lively.rows(
        "SELECT -sum(amount)::bigint FROM entry JOIN calendar USING (window_id) WHERE account IN (14, 15) AND code = any(%s)", first
    )  # fmt: skip
    row = await frozen(lively, *first)
    await runs.carry_on(lively.owner, lively.writer, row.run, step(lively))
    assert await lively.rows("SELECT reason FROM adjustment WHERE reason = 'share'") == [("share",)]
    found = await accrued(lively, MAY)
    assert sum(one.amount for one in found) + billed == earned
    assert judged(accruals_bean(MAY, found), tmp_path) == (True, "")
    assert lively.clock() < datetime(2026, 6, 1, tzinfo=UTC)
