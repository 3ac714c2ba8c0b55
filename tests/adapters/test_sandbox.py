"""The sandbox program over real sockets: what operations do, idempotency, trust, and what it remembers when it is killed."""

import json
import secrets
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest

from clearing.adapter import Order, Verdict
from clearing.client import HouseAuth, PrivateKey
from clearing.errors import AnswerUnreadable
from tests import canary
from tests.adapters.far_side import HOUSE, FarSide, order


def one(far: FarSide, asked: Order) -> tuple[str, str | None]:
    (answer,) = far.ask(asked)
    assert (answer.id, answer.operation, answer.account, answer.unit, answer.amount) == (
        asked.id,
        asked.operation,
        asked.account,
        asked.unit,
        asked.amount,
    )
    return str(answer.verdict), answer.reason


def test_a_hold_sets_points_aside_and_a_capture_takes_them(far: FarSide) -> None:
    account, _ = far.member()
    hold = order("hold", account)
    assert one(far, hold) == ("done", None)
    assert far.points(account) == (0, 5_000)
    assert one(far, order("capture", account, refers=hold)) == ("done", None)
    assert far.points(account) == (-5_000, 0)


def test_a_partial_capture_gives_the_rest_back_and_ends_the_hold(far: FarSide) -> None:
    account, _ = far.member()
    hold = order("hold", account)
    far.ask(hold)
    assert one(far, order("capture", account, 2_000, refers=hold)) == ("done", None)
    assert far.points(account) == (-2_000, 0)
    assert one(far, order("release", account, refers=hold)) == ("declined", "hold_ended")


def test_a_release_gives_held_points_back(far: FarSide) -> None:
    account, _ = far.member()
    hold = order("hold", account)
    far.ask(hold)
    assert one(far, order("release", account, refers=hold)) == ("done", None)
    assert far.points(account) == (0, 0)
    assert one(far, order("capture", account, refers=hold)) == ("declined", "hold_ended")


def test_a_hold_runs_out_and_then_only_the_release_is_done(far: FarSide) -> None:
    account, _ = far.member()
    hold = order("hold", account)
    far.ask(hold)
    far.advance(901)
    assert far.points(account) == (0, 0)
    assert one(far, order("capture", account, refers=hold)) == ("declined", "hold_expired")
    assert one(far, order("release", account, refers=hold)) == ("done", None)
    assert far.points(account) == (0, 0)


@pytest.mark.parametrize(("operation", "change"), [("debit", -5_000), ("credit", 5_000)])
def test_a_movement_is_reversed_in_parts_and_never_by_more(far: FarSide, operation: str, change: int) -> None:
    account, _ = far.member()
    original = order(operation, account)
    assert one(far, original) == ("done", None)
    assert far.points(account) == (change, 0)
    assert one(far, order("reverse", account, 2_000, refers=original)) == ("done", None)
    assert one(far, order("reverse", account, 3_001, refers=original)) == ("declined", "amount_exceeds_original")
    assert one(far, order("reverse", account, 3_000, refers=original)) == ("done", None)
    assert far.points(account) == (0, 0)


def test_a_capture_can_be_reversed_but_not_a_hold(far: FarSide) -> None:
    account, _ = far.member()
    hold = order("hold", account)
    capture = order("capture", account, refers=hold)
    far.ask(hold, capture)
    assert one(far, order("reverse", account, refers=hold)) == ("declined", "not_reversible")
    assert one(far, order("reverse", account, refers=capture)) == ("done", None)
    assert far.points(account) == (0, 0)


def test_spent_points_cannot_be_taken_back(far: FarSide) -> None:
    account, _ = far.member("SBX-LOWBALANCE")
    credit = order("credit", account)
    far.ask(credit, order("debit", account, 5_050))
    assert one(far, order("reverse", account, refers=credit)) == ("declined", "points_spent")


@pytest.mark.parametrize(
    ("member", "operation", "reason"),
    [
        ("SBX-LOWBALANCE", "hold", "insufficient_points"),
        ("SBX-LOWBALANCE", "debit", "insufficient_points"),
        ("SBX-FROZEN", "credit", "account_frozen"),
        ("SBX-CLOSED", "credit", "account_closed"),
        ("SBX-NOTFOUND", "credit", "account_unknown"),
    ],
)
def test_a_member_who_cannot_is_declined_for_the_right_reason(
    far: FarSide, member: str, operation: str, reason: str | None
) -> None:
    account, _ = far.member(member)
    assert one(far, order(operation, account)) == ("declined", reason)
    assert far.rows("SELECT 1 FROM effect WHERE account = ?", account) == []


def test_a_hold_of_another_account_is_unknown(far: FarSide) -> None:
    mine, _ = far.member()
    other, _ = far.member()
    hold = order("hold", other)
    far.ask(hold)
    assert one(far, order("capture", mine, refers=hold)) == ("declined", "hold_unknown")
    assert one(far, order("credit", mine, unit="NIGHT")) == ("declined", "unit_unknown")


def test_the_same_id_has_one_effect_and_one_answer(far: FarSide) -> None:
    account, _ = far.member()
    credit = order("credit", account)
    assert [one(far, credit) for _ in range(3)] == [("done", None)] * 3
    assert far.effects(credit) == 1
    assert far.points(account) == (5_000, 0)


def test_the_same_id_with_other_content_is_declined_and_does_nothing(far: FarSide) -> None:
    account, _ = far.member()
    credit = order("credit", account)
    far.ask(credit)
    for other in (replace(credit, amount=5_500), replace(credit, operation=order("debit", account).operation)):
        assert one(far, other) == ("declined", "id_reused")
    assert one(far, credit) == ("done", None)
    assert far.points(account) == (5_000, 0)


def test_a_decline_is_final(far: FarSide) -> None:
    account, _ = far.member("SBX-LOWBALANCE")
    hold = order("hold", account)
    assert one(far, hold) == ("declined", "insufficient_points")
    far.ask(order("credit", account, 10_000))
    assert one(far, hold) == ("declined", "insufficient_points")


def test_one_declined_operation_costs_its_neighbours_nothing(far: FarSide) -> None:
    account, _ = far.member()
    poor, _ = far.member("SBX-LOWBALANCE")
    batch = [order("credit", account), order("debit", poor), order("credit", account)]
    assert [answer.verdict for answer in far.ask(*batch)] == [Verdict.DONE, Verdict.DECLINED, Verdict.DONE]
    assert far.points(account) == (10_000, 0)


def test_a_look_up_says_what_is_known(far: FarSide) -> None:
    account, _ = far.member()
    credit = order("credit", account)
    assert far.look_up(credit).verdict is Verdict.NOT_FOUND
    far.ask(credit)
    assert far.look_up(credit).verdict is Verdict.DONE


@pytest.mark.parametrize(
    ("number", "status", "match"),
    [
        ("SBX-OK", "active", "match"),
        ("SBX-NAMEMISMATCH", "active", "mismatch"),
        ("SBX-NAMEPARTIAL", "active", "partial"),
        ("SBX-FROZEN", "frozen", "match"),
        ("SBX-CLOSED", "closed", "match"),
        ("SBX-NEW", "active", "match"),
        ("SBX-NOTFOUND", "unknown", None),
        ("4711", "unknown", None),
    ],
)
def test_members_have_the_character_of_their_number(far: FarSide, number: str, status: str, match: str | None) -> None:
    account, member = far.member(number, "Ann Example")
    assert (member.status, member.name_match) == (status, match)
    assert far.member(number, None, account)[1].name_match is None
    assert far.member(number, "Ann Example", account)[1] == member


def test_an_account_says_when_it_was_opened(far: FarSide) -> None:
    _, old = far.member("SBX-OK")
    assert old.opened_at == datetime(2016, 1, 1, tzinfo=UTC)
    assert far.member("SBX-NOTFOUND")[1].opened_at is None
    account, new = far.member("SBX-NEW")
    assert new.opened_at is not None
    assert new.opened_at > datetime.now(UTC) - timedelta(minutes=5)
    assert far.member("SBX-NEW", None, account)[1].opened_at == new.opened_at


def test_a_token_names_one_member_for_ever(far: FarSide) -> None:
    account, _ = far.member("SBX-OK")
    with pytest.raises(AnswerUnreadable, match="409"):
        far.member("SBX-FROZEN", None, account)


def test_state_shows_no_membership_number(far: FarSide) -> None:
    far.member()
    assert not canary.shown(far.plain.get("/sandbox/state").content)


def test_repeats_at_the_same_time_have_one_effect(far: FarSide) -> None:
    account, _ = far.member()
    credits_ = [order("credit", account) for _ in range(8)]
    with ThreadPoolExecutor(8) as threads:
        said = list(threads.map(lambda _: far.ask(*credits_), range(16)))
    assert all(answer.verdict is Verdict.DONE for answers in said for answer in answers)
    assert far.points(account) == (40_000, 0)


# --- trust


def raw(far: FarSide, body: bytes, key: PrivateKey = HOUSE, nonce: str | None = None) -> httpx.Response:
    """Whatever is answered to a signed body, without looking at the signature of the answer."""
    auth = HouseAuth(key, {}, nonces=lambda: nonce or secrets.token_urlsafe(18))
    request = httpx.Request(
        "POST",
        f"{far.url}/v1/operations",
        content=body,
        headers={"content-type": "application/json", "idempotency-key": '"k"'},
    )
    next(auth.sync_auth_flow(request))
    return far.plain.send(request)


def test_an_unsigned_or_strangely_signed_request_is_refused(far: FarSide) -> None:
    assert far.plain.post("/v1/operations", json={}).json()["code"] == "signature_required"
    stranger = raw(far, b"{}", PrivateKey.generate(b"nobody knows this key at all....."[:32]))
    assert (stranger.status_code, stranger.json()["code"]) == (401, "signature_key_unknown")
    assert "Signature error=" in stranger.headers["www-authenticate"]


def test_the_same_bytes_are_never_accepted_twice_even_after_a_restart(tmp_path: Path) -> None:
    with FarSide(tmp_path) as far:
        nonce = secrets.token_urlsafe(18)
        assert raw(far, b"{}", nonce=nonce).json()["code"] == "validation_failed"
        assert raw(far, b"{}", nonce=nonce).json()["code"] == "signature_replayed"
        port = far.url.rpartition(":")[2]
        far.stop(kill=True)
        far.options = ("--port", port)
        far.start()
        assert raw(far, b"{}", nonce=nonce).json()["code"] == "signature_replayed"


BAD = {
    "not_json": (b"{", 400),
    "doubled_key": (b'{"operations":[],"operations":[]}', 400),
    "fraction": (b'{"operations":[{"amount":1.5}]}', 422),
    "not_utf8": (b'{"operations":"\xff"}', 400),
    "deep": (b"[" * 60_000, 400),
    "too_large": (b'{"operations":"' + b"x" * 66_000 + b'"}', 413),
    "empty": (b'{"operations":[]}', 422),
    "unknown_field": (b'{"operations":[],"more":1}', 422),
}


@pytest.mark.parametrize("name", BAD)
def test_what_cannot_be_read_is_refused_whole(far: FarSide, name: str) -> None:
    body, status = BAD[name]
    assert raw(far, body).status_code == status


@pytest.mark.parametrize(
    "change",
    [
        {"amount": 0}, {"amount": -1}, {"amount": 2**53}, {"amount": 2**63}, {"amount": 1.0}, {"amount": True}, {"amount": "1"}, {"id": ""},
        {"id": "a/b"}, {"id": "\x00"}, {"operation": "steal"}, {"operation": None}, {"account": ""}, {"account": "\ud800"},
        {"unit": "mile"},
        {"refers": "x-1"}, {"more": 1}, {"operation": "capture"}, {"operation": []},
    ],
    ids=repr,
)  # fmt: skip
def test_an_operation_out_of_range_is_refused_with_its_batch(far: FarSide, change: dict[str, object]) -> None:
    account, _ = far.member()
    good = {"id": secrets.token_hex(8), "operation": "credit", "account": account, "unit": "MILE", "amount": 500}
    bad = {**good, "id": secrets.token_hex(8), **change}
    answer = raw(far, json.dumps({"operations": [good, bad]}).encode())
    assert answer.status_code in (400, 422)
    assert far.points(account) == (0, 0)


def test_an_id_twice_in_a_batch_is_refused(far: FarSide) -> None:
    account, _ = far.member()
    credit = order("credit", account)
    with pytest.raises(AnswerUnreadable, match="422"):
        far.ask(credit, credit)


# --- capabilities


@pytest.fixture(scope="module")
def poor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[FarSide]:
    """A program that can do next to nothing."""
    options = (
        "--hold-seconds",
        "0",
        "--no-look-up",
        "--not-idempotent",
        "--no-reversal",
        "--batch",
        "2",
        "--step",
        "500",
        "--limit",
        "50000",
    )
    with FarSide(tmp_path_factory.mktemp("poor"), *options) as side:
        yield side


def test_a_program_without_idempotency_does_it_twice(poor: FarSide) -> None:
    account, _ = poor.member()
    credit = order("credit", account)
    poor.ask(credit)
    poor.ask(credit)
    assert poor.effects(credit) == 2


def test_a_program_can_only_what_it_declares(poor: FarSide) -> None:
    account, _ = poor.member()
    debit = order("debit", account)
    poor.ask(debit)
    assert one(poor, order("hold", account)) == ("declined", "operation_not_offered")
    assert one(poor, order("reverse", account, refers=debit)) == ("declined", "not_reversible")
    assert one(poor, order("credit", account, 501)) == ("declined", "amount_off_step")
    assert one(poor, order("credit", account, 50_500)) == ("declined", "limit_exceeded")
    with pytest.raises(AnswerUnreadable, match="501"):
        poor.look_up(debit)
    with pytest.raises(AnswerUnreadable, match="422"):
        poor.ask(*(order("credit", account) for _ in range(3)))


def test_what_was_answered_survives_a_kill(tmp_path: Path) -> None:
    with FarSide(tmp_path) as far:
        account, _ = far.member()
        orders = [order("credit", account) for _ in range(20)]
        far.ask(*orders)
        far.stop(kill=True)
        far.start()
        assert [answer.verdict for answer in far.ask(*orders)] == [Verdict.DONE] * 20
        assert far.points(account) == (100_000, 0)
        assert len(far.rows("SELECT 1 FROM effect")) == 20
