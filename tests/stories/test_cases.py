"""The cases that only a person can end: each is reached for real, and an operator's signed command ends it."""

from collections.abc import Callable

import pytest

from adapters.sandbox import faults
from clearing.rules.postings import Account
from tests.stories import crash, invariants
from tests.stories.crash_child import Run
from tests.stories.far_sides import AT_TARGET, World

CASES = "SELECT seq, kind, owner, due_at - opened_at, decision FROM review_case ORDER BY seq"
CREDITED = "SELECT 1 FROM effect WHERE account = ? AND operation = 'credit'"
STATES = "SELECT path, state FROM exchange ORDER BY exchange_id"


@pytest.fixture
def world(new_world: Callable[[], World]) -> World:
    return new_world()


def _cases(world: World) -> list[tuple[int, str, str | None]]:
    """Number, kind and decision; every case has an owner and a day to be ended in."""
    found = world.rows(CASES)
    assert all(owner == "operations" and due.total_seconds() == 86_400 for _, _, owner, due, _ in found)
    return [(case, kind, decision) for case, kind, _, _, decision in found]


def _aimed_at_target(fault: str) -> int:
    return AT_TARGET[[row.name for row in faults.TABLE].index(fault)]


def _sound(world: World) -> bool:
    return invariants.at_rest(world, crash.receipts(world)) == []


def test_a_capture_and_a_debit_that_are_both_declined_leave_the_source_owing_until_an_operator_ends_it(
    world: World,
) -> None:
    world.far.sides["hotel"].script("debit", "account_frozen", account=str(world.accounts["hotel"]))
    crash.end(world, world.wish("hotel", "airline", 10_000 + faults.BY_NAME["capture_refused"].digits))
    ((case, kind, _),) = _cases(world)
    assert (kind, world.rows(STATES)) == ("capture_lost", [("held", "review")])
    owed = world.rows(
        "SELECT position > 0, pending FROM cap_slice JOIN partner ON account = number * 16 + 8 WHERE partner = 'hotel'"
    )
    assert owed == [(True, 0)], "the credit was given: nothing unposts it"
    assert _sound(world)

    crash.end(world, decisions=((case, "declined"),))
    assert (world.folder / "refused.txt").read_text() == "case_closed", "that it was declined is known already"
    crash.end(world, decisions=((case, "done"),))
    assert (_cases(world), world.rows(STATES)) == ([(case, "capture_lost", "done")], [("held", "completed")])


def test_an_answer_that_speaks_of_something_else_stops_the_exchange_until_an_operator_has_looked(world: World) -> None:
    crash.end(world, world.wish("hotel", "airline", _aimed_at_target("other_amount")))
    ((case, kind, _),) = _cases(world)
    assert (kind, world.rows(STATES)) == ("answer_differs", [("held", "review")])
    assert world.rows("SELECT count(*) FROM entry") == [(0,)], "nothing posts"
    assert _sound(world)

    crash.end(world, decisions=((case, "ask_again"),))
    assert (_cases(world), world.rows(STATES)) == ([(case, "answer_differs", "ask_again")], [("held", "completed")])
    assert _sound(world)


def test_a_success_after_the_reversal_is_booked_to_suspense_and_a_case_tells_of_it(world: World) -> None:
    """One life is about to send the credit and is stopped; another sends it, hears a decline, gives the points back. The first wakes:
    meanwhile the program has changed its mind, since its clock was moved on. Both hear every answer out, however busy the machine is."""
    wish = world.wish("hotel", "airline", _aimed_at_target("late_success"))
    run = Run(world.url, world.folder, (wish,), ("deliver.before_send", 2), patient=True)
    with crash.asleep(run) as wake:
        crash.end(world, patient=True)
        assert world.rows(STATES) == [("held", "reversed")]
        world.far.sides["airline"].advance(1)
        assert len(world.far.sides["airline"].rows(CREDITED, str(world.accounts["airline"]))) == 1
        assert wake() == 0
    ((case, kind, _),) = _cases(world)
    assert (kind, world.rows(STATES)) == ("late_success", [("held", "reversed")])
    suspense = world.rows("SELECT sum(amount) FROM entry WHERE mod(account, 16) = %s", int(Account.SUSPENSE))
    assert suspense == [(-3 * (wish.sent or 0),)]
    assert _sound(world)

    crash.end(world, decisions=((case, "close"),))
    assert _cases(world) == [(case, "late_success", "close")]
    crash.end(world, wish)
    assert world.rows(STATES) == [("held", "reversed")], "the same key again is the same exchange"
