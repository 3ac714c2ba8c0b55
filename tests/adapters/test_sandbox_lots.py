"""The sandbox's lots, in its own books: they add up, the oldest go first, and what comes back is as old as it was."""

from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.sandbox import lots
from adapters.sandbox.books import Books
from adapters.sandbox.words import Asked, Said, Terms
from clearing.rules.lots import months_after

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
NOON = int(datetime(2026, 1, 31, 12, tzinfo=UTC).timestamp()) * 1000
DAY = 86_400_000
TOKEN, NUMBER = "acc-1", "SBX-OK-1"
_numbers = count(1)


class Shop:
    """The books of one program with one member, in memory, at a time that moves when told."""

    def __init__(self, **terms: Any) -> None:
        self.books = Books(Path(":memory:"), Terms("shop", "STAR", **{"lot_months": 12, "balance": 20_000, **terms}))
        self.now, self.ids = NOON, count(1)
        self.books.teach(TOKEN, NUMBER, None, self.now)

    def do(self, operation: str, amount: int, refers: Said | None = None) -> Said:
        asked = Asked(f"x{next(self.ids)}-1", operation, TOKEN, "STAR", amount, refers.id if refers else None)
        with self.books.writing():
            self.books.pass_time(self.now)
            (said,) = self.books.perform([asked], {}, self.now)
        return said

    def table(self) -> list[tuple[str, int, int | None]]:
        """Lot, amount, expiry, oldest first."""
        query = "SELECT lot, amount, expires_at FROM lot WHERE amount > 0 ORDER BY earned_at, lot"
        return self.books.sql.execute(query).fetchall()

    def free(self) -> int:
        (free,) = self.books.sql.execute("SELECT balance - held FROM member").fetchone()
        assert isinstance(free, int)
        return free


@pytest.fixture
def shop() -> Iterator[Shop]:
    shop = Shop()
    with closing(shop.books):
        yield shop


def amounts(shop: Shop) -> list[int]:
    return [amount for _, amount, _ in shop.table()]


def test_a_new_member_has_two_old_lots_and_one_of_today(shop: Shop) -> None:
    assert amounts(shop) == [1_200, 8_800, 10_000]
    assert shop.table()[0][2] == NOON + 11 * DAY
    with closing(Shop(balance=100).books) as poor:
        assert poor.sql.execute("SELECT lot, amount FROM lot").fetchall() == [("opening-1", 100)]


def test_the_oldest_go_first_and_the_answer_says_which(shop: Shop) -> None:
    said = shop.do("debit", 2_000)
    assert said.lots == (("opening-1", 1_200), ("opening-2", 800))
    assert amounts(shop) == [8_000, 10_000]
    assert shop.books.look_up(said.id) == said


def test_a_credit_makes_a_lot_that_bears_its_id_and_ends_with_the_month(shop: Shop) -> None:
    with closing(Shop(lot_months=1).books) as books:
        books.perform([Asked("y-2", "credit", TOKEN, "STAR", 500, None)], {}, NOON)
        row = books.sql.execute("SELECT amount, earned_at, expires_at FROM lot WHERE lot = 'y-2'").fetchone()
    assert row == (500, NOON, NOON + 28 * DAY)  # 31 January and one month: the end of February
    with closing(Shop(lot_months=0).books) as books:
        assert books.sql.execute("SELECT DISTINCT expires_at FROM lot").fetchall() == [(None,)]


def test_months_are_those_of_the_house(shop: Shop) -> None:
    for at in range(NOON, NOON + 800 * DAY, 7 * DAY + 12_345):
        there = EPOCH + timedelta(milliseconds=lots.months_after(at, 13))
        assert there == months_after(EPOCH + timedelta(milliseconds=at), 13)


@pytest.mark.parametrize("operation", ["hold", "debit"])
def test_what_is_given_back_is_as_old_as_it_was(shop: Shop, operation: str) -> None:
    before = shop.table()
    taken = shop.do(operation, 12_345)
    shop.now += 60_000
    shop.do("credit", 700)
    back = shop.do("release" if operation == "hold" else "reverse", 12_345, taken)
    assert back.result == "done"
    assert dict(back.lots) == dict(taken.lots)
    assert [row for row in shop.table() if row[1] != 700] == before


def test_a_captured_hold_is_reversed_into_its_lots(shop: Shop) -> None:
    before = shop.table()
    hold = shop.do("hold", 1_500)
    capture = shop.do("capture", 1_300, hold)
    assert (capture.lots, amounts(shop)) == ((("opening-1", 1_200), ("opening-2", 100)), [8_700, 10_000])
    shop.do("reverse", 1_300, capture)
    assert shop.table() == before


def test_after_a_partial_reversal_less_was_taken(shop: Shop) -> None:
    whole = shop.do("debit", 12_000)
    shop.do("reverse", 11_000, whole)
    with closing(Shop().books) as other:
        other.perform([Asked("z-1", "debit", TOKEN, "STAR", 1_000, None)], {}, NOON)
        less = other.sql.execute("SELECT lot, amount FROM lot WHERE amount > 0 ORDER BY earned_at").fetchall()
    assert [(lot, amount) for lot, amount, _ in shop.table()] == less


def test_a_hold_that_runs_out_leaves_no_trace(shop: Shop) -> None:
    before = shop.table()
    shop.do("hold", 9_999)
    shop.now += shop.books.terms.hold_ms
    shop.books.pass_time(shop.now)
    assert shop.table() == before


def test_what_is_over_lapses_and_what_is_held_is_not_over_before_it_comes_back(shop: Shop) -> None:
    hold = shop.do("hold", 1_000)
    shop.now += 11 * DAY
    assert shop.books.due(shop.now)
    shop.books.sql.execute("UPDATE operation SET expires_at = NULL")  # a hold that lives long
    shop.books.pass_time(shop.now)
    assert (shop.free(), amounts(shop)) == (18_800, [8_800, 10_000])  # 200 lapsed, 1,000 are held
    shop.do("release", 1_000, hold)
    shop.books.pass_time(shop.now)
    assert (shop.free(), shop.books.due(shop.now)) == (18_800, False)  # its first expiry was over
    lapsed = shop.books.sql.execute("SELECT sum(change) FROM effect WHERE operation = 'lapse'").fetchone()
    assert lapsed == (-1_200,)


def test_a_credit_that_is_taken_back_takes_its_own_lot_first(shop: Shop) -> None:
    shop.now += DAY
    credit = shop.do("credit", 5_000)
    shop.do("reverse", 2_000, credit)
    assert amounts(shop) == [1_200, 8_800, 10_000, 3_000]
    shop.do("debit", 22_000)
    assert shop.do("reverse", 3_000, credit).reason == "points_spent"


def test_members_from_before_lots_have_one_that_never_expires(tmp_path: Path) -> None:
    before = Books(tmp_path / "shop.db", Terms("shop", "STAR", balance=20_000))
    before.teach(TOKEN, NUMBER, None, NOON)
    before.perform([Asked("a-1", "hold", TOKEN, "STAR", 1_500, None)], {}, NOON)
    before.close()
    after = Books(tmp_path / "shop.db", Terms("shop", "STAR", balance=20_000, lot_months=12))
    with closing(after):
        after.begin(NOON)
        after.begin(NOON)
        assert after.sql.execute("SELECT lot, amount, expires_at FROM lot").fetchall() == [
            ("before-lots", 18_500, None)
        ]
        after.perform([Asked("a-4", "release", TOKEN, "STAR", 1_500, "a-1")], {}, NOON)
        assert after.sql.execute("SELECT amount FROM lot").fetchall() == [(20_000,)]


def test_a_program_without_lots_says_nothing_of_them() -> None:
    with closing(Shop(lot_months=None).books) as books:
        (said,) = books.perform([Asked("b-1", "debit", TOKEN, "STAR", 1_500, None)], {}, NOON)
        assert said.lots == ()
        assert "lots" not in books.teach(TOKEN, NUMBER, None, NOON)
        assert books.sql.execute("SELECT count(*) FROM lot").fetchone() == (0,)


# --- any history


STEPS: Sequence[str] = ("hold", "debit", "credit", "end", "undo", "claw_back", "time")


@settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(1, 12_000), st.integers(0, 9)), max_size=40))
def test_the_lots_always_add_up_to_what_can_be_spent(steps: list[tuple[str, int, int]]) -> None:
    shop = Shop(lot_months=3, hold_ms=20 * DAY, below_zero=True)
    holds: list[Said] = []
    done: list[Said] = []
    with closing(shop.books):
        for step, amount, pick in steps:
            if step == "time":
                shop.now += amount * 300_000
                shop.books.pass_time(shop.now)
            elif step == "end" and holds:
                hold = holds.pop(pick % len(holds))
                capture = pick % 2 == 0
                said = shop.do("capture" if capture else "release", min(amount, hold.amount), hold)
                done += [said] if capture and said.result == "done" else []
            elif step in ("undo", "claw_back") and done:
                shop.do("reverse" if step == "undo" else step, amount, done[pick % len(done)])
            elif step in ("hold", "debit", "credit"):
                said = shop.do(step, amount)
                (holds if step == "hold" else done).extend([said] if said.result == "done" else [])
                if said.result == "done":
                    assert sum(part for _, part in said.lots) == amount
            assert sum(amounts(shop)) == max(shop.free(), 0)


def test_a_claw_back_of_what_was_spent_is_made_good_by_what_comes_in() -> None:
    shop = Shop(below_zero=True, balance=100)
    with closing(shop.books):
        earned = shop.do("credit", 400)
        shop.do("debit", 450)
        assert shop.do("reverse", 400, earned).reason == "points_spent"
        assert (shop.do("claw_back", 400, earned).result, shop.free()) == ("done", -350)
        assert amounts(shop) == []
        assert shop.do("debit", 1).reason == "insufficient_points"
        assert (shop.do("credit", 300).result, shop.free(), amounts(shop)) == ("done", -50, [])
        last = shop.do("credit", 80)
        assert (shop.free(), shop.table()[0][:2]) == (30, (last.id, 30))


def test_only_credits_are_clawed_back_and_only_where_balances_go_below_zero(shop: Shop) -> None:
    assert shop.do("claw_back", 10, shop.do("credit", 10)).reason == "operation_not_offered"
    other = Shop(below_zero=True)
    with closing(other.books):
        assert other.do("claw_back", 10, other.do("debit", 10)).reason == "not_reversible"
        earned = other.do("credit", 10)
        assert other.do("claw_back", 11, earned).reason == "amount_exceeds_original"
