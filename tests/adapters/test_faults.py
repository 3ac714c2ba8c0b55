"""Every row of the fault table, over real sockets: what the house hears, what really happened, and that the repeat ends it."""

import time
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from adapters.sandbox.faults import BY_NAME, TABLE, Level, of_amount
from clearing.adapter import Answer, Order, Verdict, compare
from clearing.errors import AnswerUnreadable, SignatureInvalid, SignatureKeyUnknown, SignatureRequired
from tests.adapters.far_side import FarSide, order

SILENCE = (httpx.RemoteProtocolError, httpx.ReadError)
TRANSPORT: dict[str, tuple[type[Exception], ...]] = {
    "timeout_applied": SILENCE,
    "timeout_not_applied": SILENCE,
    "error_not_applied": (AnswerUnreadable,),
    "error_applied": (AnswerUnreadable,),
    "too_many": (AnswerUnreadable,),
    "garbage": (AnswerUnreadable,),
    "wrong_signature": (SignatureKeyUnknown, SignatureInvalid),
    "unsigned": (SignatureRequired,),
}
LIES: dict[str, Callable[[Order, list[Answer]], bool]] = {
    "other_amount": lambda asked, said: said[0].amount == asked.amount + 1,
    "other_account": lambda asked, said: said[0].account != asked.account,
    "other_unit": lambda asked, said: said[0].unit != asked.unit,
    "other_operation": lambda asked, said: said[0].operation != asked.operation,
    "missing_answer": lambda asked, said: said == [],
    "doubled_answer": lambda asked, said: said[0] == said[1],
}
NAMES = {level: [fault.name for fault in TABLE if fault.level is level] for level in Level}


def magic(name: str, operation: str, account: str, refers: Order | None = None) -> Order:
    return order(operation, account, 5_000 + BY_NAME[name].digits, refers)


def eventually(said: Callable[[], bool]) -> None:
    ends = time.monotonic() + 5
    while not said():
        assert time.monotonic() < ends
        time.sleep(0.05)


def test_every_row_is_tested_here() -> None:
    assert set(NAMES[Level.TRANSPORT]) == {*TRANSPORT, "slow"}
    assert set(NAMES[Level.ANSWER]) == {*LIES, "surplus_answer"}
    assert len(BY_NAME) == len(TABLE) == len({fault.digits for fault in TABLE})


def test_whatever_went_wrong_the_books_of_the_program_agree_with_its_effects(far: FarSide) -> None:
    account, _ = far.member()
    hold = order("hold", account)
    far.ask(hold, order("credit", account), order("hold", account, 700), order("capture", account, refers=hold))
    assert far.points(account) == (0, 700)
    doubled = "SELECT id FROM effect GROUP BY id HAVING count(*) > 1"
    strayed = """SELECT number FROM member WHERE balance <> opening + (SELECT coalesce(sum(change), 0) FROM effect
        JOIN account ON account.token = effect.account WHERE account.number = member.number)"""
    held = """SELECT number FROM member WHERE held <> (SELECT coalesce(sum(remaining), 0) FROM operation
        JOIN account ON account.token = operation.account WHERE account.number = member.number AND operation = 'hold')"""
    assert [far.rows(query) for query in (doubled, strayed, held)] == [[], [], []]


@pytest.mark.parametrize("step", [10, 100, 500, 1000])
def test_ordinary_amounts_hit_nothing(step: int) -> None:
    assert all(of_amount(amount, "credit") is None for amount in range(step, 100_000, step))


@pytest.mark.parametrize("operation", ["hold", "debit", "credit"])
@pytest.mark.parametrize("name", TRANSPORT)
def test_a_fault_of_the_transport_says_nothing_and_the_repeat_does(far: FarSide, name: str, operation: str) -> None:
    account, _ = far.member()
    asked = magic(name, operation, account)
    with pytest.raises(TRANSPORT[name]) as heard:
        far.ask(asked)
    if name == "too_many":
        assert getattr(heard.value, "retry_after", None) == 1
    eventually(lambda: far.effects(asked) == int(BY_NAME[name].applied))
    assert far.look_up(asked).verdict is (Verdict.DONE if BY_NAME[name].applied else Verdict.NOT_FOUND)
    assert [answer.verdict for answer in far.ask(asked)] == [Verdict.DONE]
    assert far.effects(asked) == 1


@pytest.mark.parametrize("name", TRANSPORT)
def test_a_fault_of_the_transport_leaves_the_neighbours_unknown_too(far: FarSide, name: str) -> None:
    account, _ = far.member()
    batch = [order("credit", account), magic(name, "credit", account), order("credit", account)]
    with pytest.raises(TRANSPORT[name]):
        far.ask(*batch)
    for asked in batch:
        assert far.effects(asked) == int(BY_NAME[name].applied)
    assert [answer.verdict for answer in far.ask(*batch)] == [Verdict.DONE] * 3
    assert [far.effects(asked) for asked in batch] == [1, 1, 1]


@pytest.mark.parametrize("operation", ["capture", "release", "reverse"])
@pytest.mark.parametrize("name", ["timeout_applied", "timeout_not_applied", "error_applied", "too_many"])
def test_later_legs_are_hit_by_script(far: FarSide, name: str, operation: str) -> None:
    account, _ = far.member()
    first = order("credit" if operation == "reverse" else "hold", account)
    asked = order(operation, account, refers=first)
    far.ask(first)
    far.script(operation, name, account=account)
    with pytest.raises(TRANSPORT[name]):
        far.ask(asked)
    assert [answer.verdict for answer in far.ask(asked)] == [Verdict.DONE]
    assert far.effects(asked) == 1
    assert far.points(account) == ((-5_000, 0) if operation == "capture" else (0, 0))


def test_slow_is_late_and_right(far: FarSide) -> None:
    account, _ = far.member()
    began = time.monotonic()
    assert [answer.verdict for answer in far.ask(magic("slow", "credit", account))] == [Verdict.DONE]
    assert time.monotonic() - began >= 0.4


@pytest.mark.parametrize("name", LIES)
def test_an_answer_that_differs_is_seen_and_the_operation_was_done(far: FarSide, name: str) -> None:
    account, _ = far.member()
    before, asked, after = order("credit", account), magic(name, "credit", account), order("credit", account)
    said = far.ask(before, asked, after)
    lies = [answer for answer in said if answer.id == asked.id]
    assert LIES[name](asked, lies)
    assert compare(asked, said) is None
    assert [compare(one, said) is not None for one in (before, after)] == [True, True]
    assert far.effects(asked) == 1
    assert compare(asked, far.ask(asked)) == far.look_up(asked)


def test_a_surplus_answer_names_what_was_never_asked(far: FarSide) -> None:
    account, _ = far.member()
    asked = magic("surplus_answer", "credit", account)
    assert [answer.id for answer in far.ask(asked)] == [asked.id, "never-asked-1"]


@pytest.mark.parametrize("operation", ["hold", "credit"])
@pytest.mark.parametrize(
    ("name", "first", "then", "effects"),
    [
        ("pending_then_done", Verdict.PENDING, Verdict.DONE, 1),
        ("pending_then_declined", Verdict.PENDING, Verdict.DECLINED, 0),
        ("late_success", Verdict.DECLINED, Verdict.DONE, 1),
    ],
)
def test_what_is_decided_later(
    far: FarSide, name: str, first: Verdict, then: Verdict, effects: int, operation: str
) -> None:
    account, _ = far.member()
    asked = magic(name, operation, account)
    assert [answer.verdict for answer in far.ask(asked)] == [first]
    assert far.effects(asked) == 0
    eventually(lambda: far.rows("SELECT 1 FROM operation WHERE id = ? AND decides_at IS NULL", asked.id) != [])
    assert far.look_up(asked).verdict is then
    assert far.ask(asked) == [far.look_up(asked)]
    assert far.effects(asked) == effects


def test_stuck_pending_is_never_decided(far: FarSide) -> None:
    account, _ = far.member()
    asked = magic("pending_stuck", "credit", account)
    far.ask(asked)
    far.advance(100_000)
    assert far.look_up(asked).verdict is Verdict.PENDING


def test_a_zombie_is_unknown_to_look_ups_and_then_there(far: FarSide) -> None:
    account, _ = far.member()
    asked = magic("applied_late", "credit", account)
    with pytest.raises(SILENCE):
        far.ask(asked)
    assert far.look_up(asked).verdict is Verdict.NOT_FOUND
    eventually(lambda: far.effects(asked) == 1)
    assert far.look_up(asked).verdict is Verdict.DONE


def test_a_repeat_overtakes_the_zombie_and_there_is_one_effect(far: FarSide) -> None:
    account, _ = far.member()
    asked = magic("applied_late", "credit", account)
    with pytest.raises(SILENCE):
        far.ask(asked)
    assert [answer.verdict for answer in far.ask(asked)] == [Verdict.DONE]
    far.advance(10)
    assert far.effects(asked) == 1


@pytest.mark.parametrize(
    ("name", "operation"),
    [(fault.name, kind) for fault in TABLE if fault.level is Level.DECLINE for kind in sorted(fault.operations)],
)
def test_a_decline_by_amount_is_final_and_moves_nothing(far: FarSide, name: str, operation: str) -> None:
    account, _ = far.member()
    first = None
    if operation in ("capture", "release", "reverse"):
        first = magic(name, "credit" if operation == "reverse" else "hold", account)
        assert [answer.verdict for answer in far.ask(first)] == [Verdict.DONE]
    asked = magic(name, operation, account, first)
    reason = "refused" if name == "capture_refused" else name
    for _ in range(2):
        assert [(answer.verdict, answer.reason) for answer in far.ask(asked)] == [(Verdict.DECLINED, reason)]
    assert far.effects(asked) == 0


def test_an_expired_hold_is_really_gone(far: FarSide) -> None:
    account, _ = far.member()
    hold = magic("hold_expired", "hold", account)
    far.ask(hold)
    far.ask(magic("hold_expired", "capture", account, hold))
    assert far.points(account) == (0, 0)
    assert [answer.verdict for answer in far.ask(magic("hold_expired", "debit", account))] == [Verdict.DONE]


@pytest.mark.parametrize("name", ["timeout_applied", "error_not_applied", "too_many"])
def test_look_ups_and_member_look_ups_can_fail_as_well(far: FarSide, name: str) -> None:
    account, _ = far.member()
    asked = order("credit", account)
    far.ask(asked)
    far.script("look_up", name)
    with pytest.raises(TRANSPORT[name]):
        far.look_up(asked)
    assert far.look_up(asked).verdict is Verdict.DONE
    far.script("member", name)
    with pytest.raises(TRANSPORT[name]):
        far.member()
    assert far.member()[1].status == "active"


def test_a_slow_look_up_of_nothing_still_says_not_found(far: FarSide) -> None:
    far.script("look_up", "slow")
    assert far.look_up(order("credit", "acc-1")).verdict is Verdict.NOT_FOUND


def test_a_script_hits_so_often_and_can_be_forgotten(far: FarSide) -> None:
    account, _ = far.member()
    far.script(None, "error_not_applied", times=2, account=account)
    asked = order("credit", account)
    for _ in range(2):
        with pytest.raises(AnswerUnreadable):
            far.ask(asked)
    assert [answer.verdict for answer in far.ask(asked)] == [Verdict.DONE]
    far.script("credit", "error_not_applied", times=1_000)
    assert far.plain.delete("/sandbox/script").json() == {"scripts": 0}
    far.ask(order("credit", account))


@pytest.mark.parametrize(
    "body",
    [
        {"fault": "no_such"},
        {"fault": "points_spent", "operation": "credit"},
        {"fault": "garbage", "times": 0},
        {"faults": "garbage"},
        [],
    ],
    ids=repr,
)
def test_a_script_that_makes_no_sense_is_refused(far: FarSide, body: object) -> None:
    assert far.plain.post("/sandbox/script", json=body).status_code == 422


def test_a_fault_can_be_set_from_the_start(tmp_path: Path) -> None:
    with FarSide(tmp_path, "--fault", "credit:error_applied:1", "--fault", "*:too_many") as far:
        account, _ = far.member()
        asked = order("credit", account)
        for _ in range(2):
            with pytest.raises(AnswerUnreadable):
                far.ask(asked)
        assert [answer.verdict for answer in far.ask(asked)] == [Verdict.DONE]
        assert far.effects(asked) == 1
