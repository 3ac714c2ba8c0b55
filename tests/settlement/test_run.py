"""A settlement run on a real ledger: by hand, step by step, broken off anywhere, again, and to the last payment."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from clearing import errors
from clearing.rules.lifecycle import Verdict
from clearing.rules.rates import Terms as Amounts
from clearing.rules.refusals import RefusalCode
from settlement import run as runs
from settlement.rules.run import Terms, replayed
from settlement.run import RunRow
from settlement.run import confirming as confirming_room
from settlement.run import late as late_room
from settlement.run import paying as paying_room
from settlement.run import reading as reading_room
from settlement.run import shares as shares_room
from settlement.run import sharing as sharing_room
from settlement.run import steps as steps_room
from settlement.run import store as store_room
from tests.ledger.books import AIR, HOTEL, SHOP, House
from tests.settlement.runs_room import (
    BIG,
    DUE,
    FIRST,
    NEXT_WINDOW,
    SECOND,
    WINDOW,
    confirmations,
    drafted,
    frozen,
    lively,
    nets,
    paid,
    positions,
    refused,
    seal,
    states,
    step,
    wanted,
)
from tests.settlement.share_room import contract, publish


async def test_a_small_window_by_hand(house: House) -> None:
    """Hotel −10.00; Air 9.00 − 4.00 = 5.00; Shop 3.50; the house 1.00 + 0.50 = 1.50."""
    await lively(house)
    row = await drafted(house)
    assert (row.run, row.state) == (f"{WINDOW}.1", "drafted")
    assert await nets(house, row.run) == {
        HOTEL: ("EUR", -10_000_000, -1_000),
        AIR: ("EUR", 5_000_000, 500),
        SHOP: ("EUR", 3_500_000, 350),
        "house": ("EUR", 1_500_000, 150),
    }
    cells = await house.rows("SELECT debtor, creditor, micros FROM settlement_bilateral WHERE run = %s", row.run)
    assert sorted(cells) == [
        (AIR, "house", 500_000),
        (AIR, SHOP, 3_500_000),
        (HOTEL, AIR, 9_000_000),
        (HOTEL, "house", 1_000_000),
    ]


async def test_from_draft_to_settled_positions_come_to_zero(house: House) -> None:
    await lively(house)
    row = await frozen(house)
    row = await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert row.state == "instructed"
    found = {
        one.partner: (one.direction, one.minor, one.state) for one in await runs.instructions(house.owner, row.run)
    }
    assert found == {
        HOTEL: ("pay_in", 1_000, "due"),
        AIR: ("pay_out", 500, "waiting"),
        SHOP: ("pay_out", 350, "waiting"),
    }
    (pay_in,) = await confirmations(house, row.run)
    await runs.confirm(house.owner, row.run, [pay_in], step(house))
    row = await runs.carry_on(house.owner, house.writer, row.run, step(house))
    assert row.state == "paying"
    assert {one.state for one in await runs.instructions(house.owner, row.run) if one.partner != HOTEL} == {"due"}
    row = await paid(house, row.run)
    assert row.state == "settled"
    assert await states(house, row.run) == [
        "drafted", "previewed", "approved", "frozen", "instructed", "confirmed", "paying", "confirmed", "confirmed", "settled",
    ]  # fmt: skip
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    assert (await house.balance())[13] == 1_500_000  # what came in less what went out: the house's own
    assert (await house.cap_of()).position == 0
    assert await house.findings() == []


async def test_an_open_window_is_not_settled(house: House) -> None:
    await house.complete(1, terms=BIG)
    said = await runs.draft(house.owner, house.lane, wanted(), step(house))
    assert refused(said) is RefusalCode.WINDOW_NOT_SEALED
    with pytest.raises(errors.NotFound):
        await runs.draft(house.owner, house.lane, wanted("W-1999-01"), step(house))


async def test_an_empty_window_settles_at_once(house: House) -> None:
    await seal(house)
    row = await frozen(house)
    assert await nets(house, row.run) == {}
    assert (await paid(house, row.run)).state == "settled"


async def test_a_window_of_zero_nets_settles_without_instructions(house: House) -> None:
    """G14. What one owes the other, the other owes it; nobody earned anything."""
    even = Amounts(sent=1_000, received=500, debit=7_000_000, funding=0, credit=7_000_000, fee=0, rounding=0)
    await house.complete(1, terms=even)
    await house.complete(2, source=AIR, target=HOTEL, terms=even)
    await seal(house)
    row = await frozen(house)
    assert {micros for _, micros, _ in (await nets(house, row.run)).values()} == {0}
    assert await runs.instructions(house.owner, row.run) == []
    assert (await paid(house, row.run)).state == "settled"


async def test_a_one_sided_window_settles(house: House) -> None:
    """Hotel's whole debit is the house's fee: nobody is paid out."""
    await house.complete(
        1, terms=Amounts(sent=1_000, received=500, debit=2_000_000, funding=0, credit=0, fee=2_000_000, rounding=0)
    )
    await seal(house)
    row = await frozen(house)
    assert [one.direction for one in await runs.instructions(house.owner, row.run)] == ["pay_in"]
    assert (await paid(house, row.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}


async def test_what_rounds_to_nothing_is_settled_without_the_bank(house: House) -> None:
    tiny = Amounts(sent=1_000, received=500, debit=10_000, funding=0, credit=3_000, fee=7_000, rounding=0)
    await house.complete(1, terms=tiny)
    await seal(house)
    row = await frozen(house)
    assert await nets(house, row.run) == {
        HOTEL: ("EUR", -10_000, -1), AIR: ("EUR", 3_000, 0), "house": ("EUR", 7_000, 1),
    }  # fmt: skip
    assert (await paid(house, row.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}


async def test_each_is_paid_in_its_own_currency_and_every_currency_adds_up_to_zero(house: House) -> None:
    await lively(house)
    row = await drafted(house, terms=(Terms(AIR, "JPY", 0, 365),))
    found = await house.rows("SELECT party, currency, micros, minor FROM settlement_net WHERE run = %s", row.run)
    assert sorted(found) == [
        (AIR, "JPY", 5_000_000, 800), (HOTEL, "EUR", -10_000_000, -1_000), ("house", "EUR", 6_500_000, 650),
        ("house", "JPY", -5_000_000, -800), (SHOP, "EUR", 3_500_000, 350),
    ]  # fmt: skip


async def test_a_currency_without_a_rate_is_refused_by_name(house: House) -> None:
    await lively(house)
    with pytest.raises(errors.ValidationFailed, match="no rate of USD"):
        await runs.draft(house.owner, house.lane, wanted(terms=(Terms(HOTEL, "USD", 0, 365),)), step(house))


@pytest.mark.parametrize(
    ("change", "why"),
    [
        ("UPDATE entry SET amount = amount + 1 WHERE account = 2 * 16 + 8", "do not|not to zero"),
        ("UPDATE position_slice SET debits = debits + 1 WHERE account = 1 * 16 + 8", "its position says"),
    ],
)
async def test_books_out_of_balance_hold_the_run_and_it_says_why(house: House, change: str, why: str) -> None:
    await lively(house)
    await house.owner.execute(change)
    row = await drafted(house)
    assert row.state == "held"
    assert row.result is None
    assert row.held_because is not None
    assert any(part in row.held_because for part in why.split("|"))
    said = await runs.approve(house.owner, row.run, "0" * 64, step(house))
    assert refused(said) is RefusalCode.RUN_DIFFERS
    assert refused(await runs.freeze(house.owner, house.lane, row.run, step(house))) is RefusalCode.RUN_DIFFERS


async def test_a_run_takes_two_keys_over_the_very_result(house: House) -> None:
    await lively(house)
    row = await drafted(house)
    digest = row.result_sha256 or ""
    assert refused(await runs.approve(house.owner, row.run, "0" * 64, step(house))) is RefusalCode.RUN_DIFFERS
    previewed = await runs.approve(house.owner, row.run, digest, step(house))
    assert isinstance(previewed, RunRow)
    assert previewed.state == "previewed"
    alone = await runs.approve(house.owner, row.run, digest, step(house))
    assert refused(alone) is RefusalCode.SECOND_KEY_NEEDED
    assert refused(await runs.freeze(house.owner, house.lane, row.run, step(house))) is RefusalCode.RUN_NOT_READY
    approved = await runs.approve(house.owner, row.run, digest, step(house, SECOND))
    assert isinstance(approved, RunRow)
    assert (approved.state, approved.previewed_by, approved.approved_by) == ("approved", FIRST, SECOND)
    assert await runs.approve(house.owner, row.run, digest, step(house, SECOND)) == approved


async def test_a_first_key_that_was_revoked_meanwhile_counts_no_more(house: House) -> None:
    await lively(house)
    row = await drafted(house)
    await runs.approve(house.owner, row.run, row.result_sha256 or "", step(house))
    await house.owner.execute("UPDATE key SET revoked_at = %s WHERE key_id = %s", [house.clock(), FIRST])
    said = await runs.approve(house.owner, row.run, row.result_sha256 or "", step(house, SECOND))
    assert refused(said) is RefusalCode.SECOND_KEY_NEEDED


async def test_the_database_itself_wants_two_keys(house: House) -> None:
    await lively(house)
    row = await drafted(house)
    with pytest.raises(psycopg.errors.CheckViolation):
        await house.owner.execute("UPDATE settlement_run SET previewed_by = 'a', approved_by = 'a'")
    with pytest.raises(psycopg.errors.CheckViolation):
        await house.owner.execute("UPDATE settlement_run SET state = 'frozen' WHERE run = %s", [row.run])


async def test_the_same_draft_again_is_the_same_run_and_another_is_refused(house: House) -> None:
    await lively(house)
    row = await drafted(house)
    assert await drafted(house) == row
    other = await runs.draft(house.owner, house.lane, wanted(value_date="2026-03-13"), step(house))
    assert refused(other) is RefusalCode.WINDOW_IN_RUN


async def test_an_aborted_run_runs_again_with_the_same_bytes(house: House) -> None:
    await lively(house)
    first = await drafted(house)
    await runs.approve(house.owner, first.run, first.result_sha256 or "", step(house))
    before = await positions(house)
    aborted = await runs.abort(house.owner, first.run, "wrong day", step(house))
    assert isinstance(aborted, RunRow)
    assert aborted.state == "aborted"
    assert await runs.abort(house.owner, first.run, "wrong day", step(house)) == aborted
    assert await positions(house) == before
    again = await drafted(house)
    assert (again.run, again.inputs, again.result) == (f"{WINDOW}.2", first.inputs, first.result)
    final = await frozen(house)
    assert final.run == again.run
    assert refused(await runs.abort(house.owner, final.run, "too late", step(house))) is RefusalCode.RUN_NOT_READY


async def test_a_run_replays_to_identical_bytes(house: House) -> None:
    await lively(house)
    row = await drafted(house)
    assert replayed(row.inputs) == row.result


async def test_freezing_reads_the_books_once_more(house: House) -> None:
    await lively(house)
    row = await drafted(house)
    for key in (FIRST, SECOND):
        await runs.approve(house.owner, row.run, row.result_sha256 or "", step(house, key))
    await house.owner.execute("UPDATE entry SET amount = amount * 2 WHERE window_id IS NOT NULL")
    await house.owner.execute(
        "UPDATE position_slice SET debits = debits * 2, credits = credits * 2 WHERE window_id > 0"
    )
    assert refused(await runs.freeze(house.owner, house.lane, row.run, step(house))) is RefusalCode.RUN_DIFFERS


class BrokenOffError(Exception):
    """The process ended here."""


async def _whole_run(house: House) -> RunRow:
    """All steps in order, each as often as it takes; what was done before has no second effect."""
    row = await drafted(house)
    if row.state in {"drafted", "previewed", "approved"}:
        for key in (FIRST, SECOND):
            await runs.approve(house.owner, row.run, row.result_sha256 or "", step(house, key))
        final = await runs.freeze(house.owner, house.lane, row.run, step(house))
        assert isinstance(final, RunRow), final
    await runs.carry_on(house.owner, house.writer, row.run, step(house))
    await runs.overdue(house.owner, house.writer, DUE + timedelta(days=2))
    return await paid(house, row.run, late=36)


class Breaking:
    """Lets each different call break off twice: once before it did anything, once after."""

    def __init__(self) -> None:
        self.seen: set[tuple[str, str]] = set()

    def wrap(self, real: Any) -> Any:
        async def breaking(*arguments: Any, **values: Any) -> Any:
            self._end("before", (arguments[1:], values))
            found = await real(*arguments, **values)
            self._end("after", (arguments[1:], values))
            return found

        return breaking

    def _end(self, when: str, what: object) -> None:
        if (when, repr(what)) not in self.seen:
            self.seen.add((when, repr(what)))
            raise BrokenOffError


@pytest.mark.parametrize("shares", [False, True])
async def test_broken_off_at_every_statement_it_goes_on_to_the_same_end(
    house: House, monkeypatch: pytest.MonkeyPatch, *, shares: bool
) -> None:
    """Every statement of a run, and every booking, is once the last that the process did, and once the first that it did not."""
    if shares:
        await publish(house, contract())
    await lively(house)
    with monkeypatch.context() as patched:
        breaking = Breaking()
        rooms = (store_room, steps_room, paying_room, late_room, confirming_room, reading_room, sharing_room)
        for room in rooms:
            for verb in ("rows", "write"):
                if hasattr(room, verb):
                    patched.setattr(room, verb, breaking.wrap(getattr(room, verb)))
        put = house.writer.put
        for room in (paying_room, late_room, shares_room):
            patched.setattr(room, "put", breaking.wrap(lambda _writer, item: put(item)))
        row = None
        while row is None:
            try:
                row = await _whole_run(house)
            except BrokenOffError:
                continue
    assert row.state == "settled"
    found = await states(house, row.run)
    for once in ("drafted", "previewed", "approved", "frozen", "instructed", "paying", "settled"):
        assert found.count(once) == 1, found
    assert found.count("confirmed") == 3
    assert len(breaking.seen) > 80
    booked = await house.rows("SELECT count(*) FROM adjustment")
    assert booked == [(5 + shares,)]  # three payments; interest accrued and the rest of it; what is shared
    assert await positions(house) == {HOTEL: 100_000, AIR: 0, SHOP: 0}  # 36 days of 10 % a year of 10.00, over 360
    assert await house.findings() == []


async def test_overdue_owes_simple_interest_in_the_open_window(house: House) -> None:
    """10.00 at 10 % for 36 days of 360: 0.10. It is settled with the window that it is booked in."""
    await lively(house)
    row = await frozen(house)
    assert (await paid(house, row.run, late=36)).state == "settled"
    assert await positions(house) == {HOTEL: 100_000, AIR: 0, SHOP: 0}
    await seal(house)
    later = await frozen(house, NEXT_WINDOW)
    assert await nets(house, later.run) == {HOTEL: ("EUR", -100_000, -10), "house": ("EUR", 100_000, 10)}
    assert (await paid(house, later.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}


async def test_a_suspended_partners_flows_are_parked_listed_and_resumed(house: House) -> None:
    """Air is suspended: what Hotel owes it, and what it owes Shop and the house, waits; Hotel pays the fee of 1.00."""
    await lively(house)
    row = await frozen(house, suspended=(AIR,))
    assert await nets(house, row.run) == {HOTEL: ("EUR", -1_000_000, -100), "house": ("EUR", 1_000_000, 100)}
    parked = await house.rows("SELECT debtor, creditor, micros FROM settlement_parked WHERE resumed_by IS NULL")
    assert sorted(parked) == [(AIR, "house", 500_000), (AIR, SHOP, 3_500_000), (HOTEL, AIR, 9_000_000)]
    assert (await paid(house, row.run)).state == "settled"
    await seal(house)
    still = await drafted(house, NEXT_WINDOW, suspended=(AIR,))
    assert await nets(house, still.run) == {}
    await runs.abort(house.owner, still.run, "Air is back", step(house))
    given_up = await drafted(house, NEXT_WINDOW)
    await runs.abort(house.owner, given_up.run, "once more", step(house))
    resumed = await frozen(house, NEXT_WINDOW)
    assert await nets(house, resumed.run) == {
        HOTEL: ("EUR", -9_000_000, -900), AIR: ("EUR", 5_000_000, 500),
        SHOP: ("EUR", 3_500_000, 350), "house": ("EUR", 500_000, 50),
    }  # fmt: skip
    assert (await paid(house, resumed.run)).state == "settled"
    assert await positions(house) == {HOTEL: 0, AIR: 0, SHOP: 0}
    await seal(house)
    assert await nets(house, (await drafted(house, "W-2026-12")).run) == {}


async def test_a_reversal_is_taken_off_and_one_in_a_later_window_is_its_mirror(house: House) -> None:
    await house.complete(1, terms=BIG)
    await seal(house)
    await house.put(house.reverse())
    await house.tell((1, Verdict.DONE), (2, Verdict.DONE), name="back")
    await seal(house)
    first, second = await drafted(house, WINDOW), await drafted(house, NEXT_WINDOW)
    mirror = {
        party: (currency, -micros, -minor)
        for party, (currency, micros, minor) in (await nets(house, first.run)).items()
    }
    assert await nets(house, second.run) == mirror
    await runs.abort(house.owner, first.run, "together", step(house))
    await runs.abort(house.owner, second.run, "together", step(house))
    both = await drafted(house, WINDOW, NEXT_WINDOW)
    assert {micros for _, micros, _ in (await nets(house, both.run)).values()} <= {0}
