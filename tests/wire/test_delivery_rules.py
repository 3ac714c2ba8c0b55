"""What delivery decides without a wire: the way of an order, when to ask again, what an answer means, and the breaker."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from clearing import errors
from clearing.adapter import Answer, Order
from clearing.delivery import Breaker
from clearing.delivery.asking import Way, company, judge, retry_at, typed, way_of
from clearing.delivery.breaker import Admission
from clearing.pace import Pace
from clearing.rules.lifecycle import Operation, Verdict
from tests.wire.delivery_room import NOW, PACE, Clock, asked_before, can, due

BOTH = can()
REPEATS = can(look_up=False)
LOOKS = can(idempotent=False)
NEITHER = can(idempotent=False, look_up=False)


@pytest.mark.parametrize(
    ("state", "capabilities", "ago", "way"),
    [
        ("sent", BOTH, 1, Way.SEND),
        ("sent", LOOKS, 1, Way.LOOK_UP),
        ("sent", NEITHER, 1, Way.GIVE_UP),
        ("unknown", BOTH, 1, Way.SEND),
        ("unknown", REPEATS, 1, Way.SEND),
        ("unknown", LOOKS, 1, Way.LOOK_UP),
        ("unknown", NEITHER, 1, Way.GIVE_UP),
        ("pending", BOTH, 1, Way.LOOK_UP),
        ("pending", REPEATS, 1, Way.SEND),
        ("pending", LOOKS, 1, Way.LOOK_UP),
        ("pending", NEITHER, 1, Way.GIVE_UP),
        ("not_found", BOTH, 59, Way.LOOK_UP),
        ("not_found", BOTH, 60, Way.SEND),
        ("not_found", LOOKS, 600, Way.LOOK_UP),
        ("not_found", NEITHER, 600, Way.GIVE_UP),
    ],
)
def test_an_order_goes_on_by_what_the_program_declares(state: str, capabilities: Any, ago: int, way: Way) -> None:
    assert way_of(asked_before(state, ago=ago), capabilities, NOW) is way


@pytest.mark.parametrize("capabilities", [BOTH, REPEATS, LOOKS, NEITHER])
def test_what_was_never_sent_is_sent(capabilities: Any) -> None:
    assert way_of(due(), capabilities, NOW) is Way.SEND


@pytest.mark.parametrize("state", ["sent", "unknown", "pending", "not_found"])
@pytest.mark.parametrize("capabilities", [LOOKS, NEITHER])
@pytest.mark.parametrize("ago", [0, 1, 60, 10_000_000])
def test_without_idempotency_nothing_is_ever_sent_twice(state: str, capabilities: Any, ago: int) -> None:
    assert way_of(asked_before(state, ago=ago), capabilities, NOW) is not Way.SEND


@given(attempts=st.integers(0, 200), chance=st.floats(0, 1))
def test_jitter_is_full_and_bounded(attempts: int, chance: float) -> None:
    order = asked_before("unknown", attempts=attempts)
    when = retry_at(order, Verdict.UNKNOWN, BOTH, PACE, NOW, chance)
    assert when is not None
    ceiling = min(30.0, 2.0 ** min(attempts, 10))
    assert (when - NOW).total_seconds() == pytest.approx(chance * ceiling, abs=1e-5)


@pytest.mark.parametrize(
    ("verdict", "capabilities", "ago", "seconds"),
    [
        (Verdict.UNKNOWN, BOTH, 1, 2),
        (Verdict.UNKNOWN, NEITHER, 1, None),
        (Verdict.PENDING, NEITHER, 1, None),
        (Verdict.PENDING, LOOKS, 1, 2),
        (Verdict.UNKNOWN, BOTH, 220, 2),
        (Verdict.UNKNOWN, BOTH, 221, None),  # 2 x 60 + 100: patience is over
        (Verdict.PENDING, LOOKS, 221, None),
        (Verdict.NOT_FOUND, BOTH, 20, 40),  # nothing is asked before the longest time has passed
        (Verdict.NOT_FOUND, BOTH, 60, 2),  # then once more with the same id
        (Verdict.NOT_FOUND, LOOKS, 20, 40),
        (Verdict.NOT_FOUND, LOOKS, 60, None),  # absence after the longest time, and no way to send again: a person
    ],
)
def test_asking_again_has_its_time_and_its_end(
    verdict: Verdict, capabilities: Any, ago: int, seconds: int | None
) -> None:
    when = retry_at(asked_before("unknown", ago=ago), verdict, capabilities, PACE, NOW, 1.0)
    assert when == (None if seconds is None else NOW + timedelta(seconds=seconds))


def test_retry_after_is_respected() -> None:
    assert retry_at(due(), Verdict.UNKNOWN, BOTH, PACE, NOW, 0.0, retry_after=17) == NOW + timedelta(seconds=17)


def test_time_in_the_house_is_not_the_programs_time() -> None:
    waited = due(created_at=NOW - timedelta(days=3))
    assert retry_at(waited, Verdict.UNKNOWN, BOTH, PACE, NOW, 1.0) == NOW + timedelta(seconds=1)


def test_company_shrinks_until_an_order_stands_alone() -> None:
    assert [company(asked_before("unknown", attempts=tried), BOTH) for tried in range(5)] == [100, 25, 6, 1, 1]


@pytest.mark.parametrize(
    "wrong", [{"lease_seconds": 10, "call_timeout_seconds": 6}, {"poll_seconds": 0}, {"rest_seconds": 0.0}]
)
def test_a_pace_that_contradicts_itself_is_refused(wrong: dict[str, float]) -> None:
    with pytest.raises(errors.Misconfigured):
        Pace(**wrong)  # type: ignore[arg-type]


# --- answers


ORDER = Order("a-1", Operation.CREDIT, "airline", "acc", "MILES", 5)
RIGHT = Answer("a-1", "credit", "acc", "MILES", 5, Verdict.DONE)


def said(**changes: Any) -> Answer:
    return Answer(**({name: getattr(RIGHT, name) for name in RIGHT.__slots__} | changes))


@pytest.mark.parametrize(
    ("answers", "verdict", "reason", "surplus"),
    [
        ([RIGHT], Verdict.DONE, None, False),
        ([said(verdict=Verdict.DECLINED, reason="account_closed")], Verdict.DECLINED, "account_closed", False),
        ([said(verdict=Verdict.DECLINED, reason="member 4711 is dead")], Verdict.DECLINED, "not_typed", False),
        ([], Verdict.DIFFERS, "answer_missing", False),
        ([RIGHT, RIGHT], Verdict.DIFFERS, "answer_doubled", False),
        ([RIGHT, said(verdict=Verdict.DECLINED)], Verdict.DIFFERS, "answer_doubled", False),
        ([said(amount=6)], Verdict.DIFFERS, "answer_other_amount", False),
        ([said(unit="YARDS")], Verdict.DIFFERS, "answer_other_unit", False),
        ([said(account="other")], Verdict.DIFFERS, "answer_other_account", False),
        ([said(operation="debit")], Verdict.DIFFERS, "answer_other_operation", False),
        ([RIGHT, said(id="b-1")], Verdict.DONE, None, True),
        ([said(id="b-1")], Verdict.DIFFERS, "answer_missing", True),
    ],
)
def test_an_answer_counts_when_it_repeats_the_order(
    answers: list[Answer],
    verdict: Verdict,
    reason: str | None,
    surplus: bool,  # noqa: FBT001
) -> None:
    findings, more = judge([ORDER], answers)
    assert (findings[0].verdict, findings[0].reason, more) == (verdict, reason, surplus)


@given(st.text())
def test_no_free_text_becomes_a_reason(text: str) -> None:
    reason = typed(text)
    assert reason is not None
    assert reason == "not_typed" or reason.isascii()
    assert len(reason) <= 64


# --- the breaker


def test_the_breaker_opens_after_failures_in_a_row_and_one_call_finds_out() -> None:
    clock = Clock()
    breaker = Breaker(3, 5, clock)
    for failed in (True, True, False, True, True):
        assert breaker.admit() is Admission.GO
        breaker.failed() if failed else breaker.succeeded()
    assert breaker.admit() is Admission.GO  # never three in a row
    breaker.failed()
    assert breaker.admit() is Admission.STOP
    clock.advance(4.9)
    assert breaker.admit() is Admission.STOP
    clock.advance(0.1)
    assert [breaker.admit(), breaker.admit()] == [Admission.GO, Admission.WAIT]
    breaker.failed()
    assert breaker.admit() is Admission.STOP
    clock.advance(5)
    assert breaker.admit() is Admission.GO
    breaker.unused()  # nothing was sent after all
    assert breaker.admit() is Admission.GO
    breaker.succeeded()
    assert [breaker.admit(), breaker.admit()] == [Admission.GO, Admission.GO]


def test_a_late_failure_does_not_prolong_an_open_breaker() -> None:
    clock = Clock()
    breaker = Breaker(1, 5, clock)
    breaker.failed()
    clock.advance(3)
    breaker.failed()
    assert breaker.until == NOW + timedelta(seconds=5)
