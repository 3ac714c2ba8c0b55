"""The ways of one exchange through the books: what each answer leads to, what it books, and who is asked next."""

from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from clearing.ledger.outcomes import Moved, Reserved
from clearing.rules.lifecycle import Operation, Path, State, Verdict
from clearing.rules.refusals import Refusal, RefusalCode
from tests.conftest import FixedClock
from tests.ledger.books import AIR, HOTEL, TERMS, D, F, House, N, P, U, X, moved_in, uid

BOTH = pytest.mark.parametrize("path", [Path.HELD, Path.DEBITED])


@pytest.fixture
async def house(database_url: str, clock: FixedClock) -> AsyncIterator[House]:
    async with moved_in(database_url, clock) as opened:
        yield opened
        assert await opened.findings() == []  # a law of every way


def code(outcome: object) -> RefusalCode | None:
    return outcome.code if isinstance(outcome, Refusal) else None


# --- forward


async def test_held_points_are_held_credited_and_captured(house: House) -> None:
    outcome = await house.put(house.reserve())
    assert isinstance(outcome, Reserved)
    assert [(order.operation, order.program, order.amount) for order in outcome.due] == [
        (Operation.HOLD, "nights", 1_000)
    ]
    asked = []
    for leg in (1, 2, 3):
        moved = await house.tell((leg, D))
        asked += [(order.operation, order.program, order.amount, order.refers) for order in moved.due]
    hold = f"{uid(1).hex}-1"
    assert asked == [(Operation.CREDIT, "miles", 500, None), (Operation.CAPTURE, "nights", 1_000, hold)]
    assert (await house.exchange()).state is State.COMPLETED
    assert (await house.exchange()).kept_leg == 3
    assert await house.kinds() == ["reserved", "posted"]


async def test_without_holds_points_are_debited_and_credited(house: House) -> None:
    await house.put(house.reserve(path=Path.DEBITED))
    await house.tell((1, D))
    assert await house.balance() == {1 * 16 + 1: -1_000, 1 * 16 + 2: 1_000}  # in transit, in no window
    await house.tell((2, D))
    assert (await house.exchange()).state is State.COMPLETED
    assert await house.kinds() == ["reserved", "debited", "posted"]


@BOTH
async def test_a_completed_exchange_leaves_obligation_and_points(house: House, path: Path) -> None:
    await house.complete(path=path)
    assert await house.balance() == {
        1 * 16 + 1: -1_000,
        1 * 16 + 3: 1_000,
        2 * 16 + 1: 500,
        2 * 16 + 4: -500,
        1 * 16 + 8: 10_000,
        2 * 16 + 8: -9_000,
        14: -997,
        15: -3,
    }
    assert (await house.cap_of(HOTEL)).position == 10_000
    assert (await house.cap_of(AIR)).position == -9_000
    assert (await house.cap_of(HOTEL)).pending == 0


@BOTH
async def test_a_decline_at_the_source_ends_it_without_entries(house: House, path: Path) -> None:
    await house.put(house.reserve(path=path))
    assert (await house.tell((1, X))).due == ()
    exchange = await house.exchange()
    assert (exchange.state, exchange.reason) == (State.REVERSED, "nights: because")
    assert await house.balance() == {}
    assert (await house.cap_of()).pending == 0


@pytest.mark.parametrize(("path", "back"), [(Path.HELD, Operation.RELEASE), (Path.DEBITED, Operation.REVERSE)])
async def test_a_decline_at_the_target_gives_the_points_back(house: House, path: Path, back: Operation) -> None:
    await house.put(house.reserve(path=path))
    moved = await house.tell((1, D), (2, X))
    assert [(order.operation, order.refers) for order in moved.due] == [(back, f"{uid(1).hex}-1")]
    assert (await house.tell((4, D))).state is State.REVERSED
    assert await house.balance() == {}
    assert (await house.cap_of()).pending == 0


@BOTH
async def test_a_source_that_refuses_its_points_back_is_a_case(house: House, path: Path) -> None:
    await house.put(house.reserve(path=path))
    assert (await house.tell((1, D), (2, X), (4, X))).state is State.REVIEW
    assert [case.kind for case in await house.cases()] == ["return_refused"]


# --- not yet, not known


async def test_pending_is_asked_again_and_moves_nothing(house: House) -> None:
    await house.put(house.reserve())
    assert (await house.tell((1, P))).state is State.RESERVED
    ((state, due_at, lease),) = await house.rows("SELECT state, due_at, lease FROM orders")
    assert (state, due_at, lease) == ("pending", house.later(30), None)
    assert (await house.tell((1, D))).state is State.SOURCE_HELD


@pytest.mark.parametrize("verdict", [U, N])
async def test_absence_and_silence_are_unknown_until_known(house: House, verdict: Verdict) -> None:
    await house.put(house.reserve())
    assert (await house.tell((1, D), (2, verdict))).state is State.UNKNOWN
    assert (await house.cap_of()).pending == 10_000  # nothing comes back while nothing is known
    assert (await house.tell((2, D))).state is State.CREDITED


async def test_giving_up_is_a_case_with_owner_and_due_time(house: House) -> None:
    await house.put(house.reserve())
    moved = await house.put(house.answered(1, U, retry_at=None))
    (case,) = await house.cases()
    assert (moved.state, case.kind, case.owner) == (State.REVIEW, "outcome_unknown", "operations")
    assert case.due_at == house.later(24 * 3600)


async def test_silence_reported_by_one_who_lost_the_lease_is_not_heard(house: House) -> None:
    await house.put(house.reserve(lease_until=house.later(0)))
    (order,) = (await house.put(house.claim())).due
    assert order.exchange_id == uid(1)
    await house.put(house.answered(1, U, retry_at=None))
    assert (await house.exchange()).state is State.RESERVED
    assert await house.rows("SELECT attempts FROM orders") == [(0,)]


async def test_an_answer_that_differs_posts_nothing_and_is_a_case(house: House) -> None:
    await house.put(house.reserve())
    assert (await house.tell((1, D), (2, F))).state is State.REVIEW
    assert [case.kind for case in await house.cases()] == ["answer_differs"]
    assert await house.kinds() == ["reserved", "case_opened"]
    assert (await house.tell((2, D))).state is State.REVIEW  # a person decides now


# --- capture


async def test_a_declined_capture_tries_one_debit(house: House) -> None:
    await house.put(house.reserve())
    moved = await house.tell((1, D), (2, D), (3, X))
    assert [order.operation for order in moved.due] == [Operation.DEBIT]
    assert (await house.tell((5, D))).state is State.COMPLETED
    assert (await house.exchange()).kept_leg == 5


async def test_a_capture_that_is_lost_leaves_the_source_owing(house: House) -> None:
    await house.put(house.reserve())
    assert (await house.tell((1, D), (2, D), (3, X), (5, X))).state is State.REVIEW
    (case,) = await house.cases()
    assert case.kind == "capture_lost"
    assert (await house.cap_of()).position == 10_000
    assert code(await house.put(house.resolve(case.case, "declined"))) is RefusalCode.CASE_CLOSED
    moved = await house.put(house.resolve(case.case, "done"))
    assert (moved.state, (await house.exchange()).kept_leg) == (State.COMPLETED, 5)


# --- contradictions


@BOTH
async def test_a_late_success_is_booked_to_suspense_once(house: House, path: Path) -> None:
    await house.put(house.reserve(path=path))
    await house.tell((1, D), (2, X), (4, D))
    house.clock.advance(7 * 86400)
    for verdict in (D, D, X, D, X):
        assert (await house.tell((2, verdict))).state is State.REVERSED
    assert await house.balance() == {2 * 16 + 5: -500, 2 * 16 + 1: 500}
    assert [case.kind for case in await house.cases()] == ["late_success", "answer_differs"]
    assert (await house.kinds()).count("late_credit") == 1
    open_window = house.calendar[2].number
    assert await house.rows("SELECT DISTINCT window_id FROM entry WHERE account = 37") == [(open_window,)]


async def test_a_credit_that_is_denied_later_stays_booked_once(house: House) -> None:
    await house.complete()
    before = await house.balance()
    await house.tell((2, X), (2, D), (2, X), (2, D))
    assert await house.balance() == before
    assert [case.kind for case in await house.cases()] == ["answer_differs"]


async def test_a_reversal_that_is_denied_later_stays_completed_and_is_a_case(house: House) -> None:
    await house.complete()
    await house.put(house.reverse())
    await house.tell((1, D), (2, D), (1, X), name="back")
    assert (await house.exchange("back")).state is State.COMPLETED
    assert await house.balance() == {}
    assert [(case.kind, case.leg) for case in await house.cases()] == [("answer_differs", 1)]


# --- cancel


@BOTH
async def test_cancelled_before_the_target_is_asked_gives_everything_back(house: House, path: Path) -> None:
    await house.put(house.reserve(path=path))
    assert (await house.put(house.cancel())).state is State.RESERVED
    assert (await house.put(house.cancel())).state is State.RESERVED  # said twice
    assert (await house.tell((1, D))).state is State.RELEASING
    assert (await house.tell((4, D))).state is State.REVERSED
    assert await house.balance() == {}
    assert (await house.cap_of()).pending == 0
    assert (await house.kinds()).count("cancelled") == 1


async def test_cancelled_once_the_target_is_asked_is_too_late(house: House) -> None:
    await house.put(house.reserve())
    await house.tell((1, D))
    assert code(await house.put(house.cancel())) is RefusalCode.TOO_LATE
    await house.tell((2, D), (3, D))
    assert code(await house.put(house.cancel())) is RefusalCode.TOO_LATE


# --- reversal


@BOTH
async def test_an_exchange_reversed_whole_leaves_every_account_at_zero(house: House, path: Path) -> None:
    await house.complete(path=path)
    outcome = await house.put(house.reverse())
    kept = 3 if path is Path.HELD else 1
    assert [(o.operation, o.program, o.amount, o.refers) for o in outcome.due] == [
        (Operation.REVERSE, "miles", 500, f"{uid(1).hex}-2")
    ]
    moved = await house.tell((1, D), name="back")
    assert [(o.operation, o.program, o.amount, o.refers) for o in moved.due] == [
        (Operation.REVERSE, "nights", 1_000, f"{uid(1).hex}-{kept}")
    ]
    assert (await house.tell((2, D), name="back")).state is State.COMPLETED
    assert await house.balance() == {}
    assert ((await house.cap_of(HOTEL)).position, (await house.cap_of(AIR)).position) == (0, 0)
    assert (await house.exchange()).reversed == 1_000


async def test_reversals_in_parts_add_up_to_the_exchange(house: House) -> None:
    await house.complete()
    for name, sent in (("a", 333), ("b", 334), ("c", None)):
        assert isinstance(await house.put(house.reverse(name, sent=sent)), Reserved)
        await house.tell((1, D), (2, D), name=name)
    assert await house.balance() == {}
    assert code(await house.put(house.reverse("d"))) is RefusalCode.REVERSAL_EXCEEDS


async def test_points_that_were_spent_refuse_the_reversal_and_may_be_tried_again(house: House) -> None:
    await house.complete()
    before = await house.balance()
    await house.put(house.reverse("a", sent=400))
    assert (await house.exchange()).reversed == 400
    moved = await house.put(house.answered(1, X, "a", reason="points_spent"))
    assert moved.state is State.REVERSED
    assert (await house.exchange("a")).reason == "miles: points_spent"
    assert (await house.exchange()).reversed == 0
    assert await house.balance() == before
    assert isinstance(await house.put(house.reverse("b")), Reserved)
    await house.tell((1, D), (2, D), name="b")


async def test_a_source_that_refuses_the_reversed_points_is_a_case(house: House) -> None:
    await house.complete()
    await house.put(house.reverse())
    assert (await house.tell((1, D), (2, X), name="back")).state is State.REVIEW
    assert [case.kind for case in await house.cases()] == ["return_refused"]


async def test_reversals_are_refused_one_by_one_for_their_reason(house: House) -> None:
    await house.put(house.reserve(1))
    assert code(await house.put(house.reverse("a", 1))) is RefusalCode.NOT_COMPLETED
    await house.tell((1, D), (2, D), (3, D))
    assert code(await house.put(house.reverse("b", 1, 1_001))) is RefusalCode.REVERSAL_EXCEEDS
    assert code(await house.put(house.reverse("b", 1, 0))) is RefusalCode.REVERSAL_EXCEEDS
    assert code(await house.put(house.reverse("c", 1, 1))) is RefusalCode.REVERSAL_TOO_SMALL
    assert isinstance(await house.put(house.reverse("d", 1, 2)), Reserved)
    assert code(await house.put(house.reverse("e", 1, 2))) is RefusalCode.REVERSAL_IN_PROGRESS
    assert code(await house.put(house.reverse("f", "d"))) is RefusalCode.NOT_COMPLETED
    await house.tell((1, D), (2, D), name="d")
    assert isinstance(await house.put(house.reverse("g", 1, 2)), Reserved)


async def test_a_reversal_follows_the_debit_that_replaced_the_capture(house: House) -> None:
    await house.put(house.reserve())
    await house.tell((1, D), (2, D), (3, X), (5, D))
    await house.put(house.reverse())
    (order,) = (await house.tell((1, D), name="back")).due
    assert order.refers == f"{uid(1).hex}-5"


# --- a person decides


async def test_asked_again_the_order_goes_out_and_the_answer_counts(house: House) -> None:
    await house.put(house.reserve())
    await house.tell((1, D), (2, F))
    (case,) = await house.cases()
    moved = await house.put(house.resolve(case.case, "ask_again"))
    assert (moved.state, [order.operation for order in moved.due]) == (State.UNKNOWN, [Operation.CREDIT])
    assert await house.cases() == []
    assert (await house.tell((2, D), (3, D))).state is State.COMPLETED


@pytest.mark.parametrize(("decision", "state"), [("done", State.CREDITED), ("declined", State.RELEASING)])
async def test_a_decision_moves_the_exchange_as_the_answer_would(house: House, decision: str, state: State) -> None:
    await house.put(house.reserve())
    await house.tell((1, D), (2, F))
    (case,) = await house.cases()
    assert (await house.put(house.resolve(case.case, decision))).state is state
    assert await house.rows("SELECT decision, closed_by FROM review_case") == [(decision, "olga")]


async def test_a_case_is_closed_once_and_only_where_nothing_is_stuck(house: House) -> None:
    await house.put(house.reserve())
    await house.tell((1, X))
    await house.tell((1, D))  # the hold was made after all
    (case,) = await house.cases()
    assert case.kind == "answer_differs"
    assert code(await house.put(house.resolve(case.case, "done"))) is RefusalCode.CASE_CLOSED
    assert (await house.put(house.resolve(case.case, "close"))).state is State.REVERSED
    assert code(await house.put(house.resolve(case.case, "close"))) is RefusalCode.CASE_CLOSED
    await house.put(house.reserve(2))
    await house.tell((1, F), name=2)
    (case,) = await house.cases()
    assert code(await house.put(house.resolve(case.case, "close"))) is RefusalCode.CASE_CLOSED


async def test_an_older_case_cannot_undo_what_came_after_it(house: House) -> None:
    await house.put(house.reserve())
    await house.tell((1, D), (1, X), (2, D), (3, F))
    first, second = await house.cases()
    assert (first.leg, second.leg) == (1, 3)
    for decision in ("done", "declined", "ask_again"):
        assert code(await house.put(house.resolve(first.case, decision))) is RefusalCode.CASE_CLOSED
    assert isinstance(await house.put(house.resolve(second.case, "done")), Moved)
    assert isinstance(await house.put(house.resolve(first.case, "close")), Moved)
    assert (await house.exchange()).state is State.COMPLETED


async def test_an_exchange_worth_nothing_at_one_side_still_balances(house: House) -> None:
    free = replace(TERMS, credit=0, fee=10_000)
    await house.complete(terms=free)
    assert 2 * 16 + 8 not in await house.balance()
