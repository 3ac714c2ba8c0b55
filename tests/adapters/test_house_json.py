"""The house's own dialect: what it writes, what it reads, and that nothing a program says can make it stumble."""

import contextlib
import copy
import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adapters.house_json import ADAPTER
from clearing.adapter import Lot, Operation, Order, Part, Reply, ReportsLots, Verdict
from clearing.errors import AnswerUnreadable
from tests import canary

JSON = {"content-type": "application/json"}
ORDER = Order("0192f0c4a1b27d31b0a2c4d5e6f70811-2", Operation.CREDIT, "lotus-air", "acc-1", "MILE", 500)
(BATCH,) = ADAPTER.calls([ORDER], "https://program.example", {})
LOOK_UP = ADAPTER.inquire(ORDER, "https://program.example", {})
MEMBER = ADAPTER.member_call("acc-1", canary.NUMBER, "Ann", "https://program.example", {})
ROW: dict[str, Any] = {
    "id": ORDER.id,
    "operation": "credit",
    "account": "acc-1",
    "unit": "MILE",
    "amount": 500,
    "result": "done",
}
PERSON: dict[str, Any] = {"account": "acc-1", "status": "active", "name_match": "match", "tier": "gold", "balance": 7}
GONE = orjson.dumps({"code": "operation_unknown", "id": ORDER.id})


def said(*rows: object) -> Reply:
    return Reply(200, JSON, orjson.dumps({"operations": rows}))


def test_up_to_a_hundred_orders_travel_together_in_order() -> None:
    orders = [Order(f"x{n}-1", Operation.HOLD, "p", "acc", "MILE", 500) for n in range(250)]
    calls = list(ADAPTER.calls(orders, "https://program.example/", {}))
    assert [len(call.orders) for call in calls] == [100, 100, 50]
    assert [order for call in calls for order in call.orders] == orders
    assert [dict(call.headers)["idempotency-key"] for call in calls] == ['"x0-1+100"', '"x100-1+100"', '"x200-1+50"']
    assert {call.url for call in calls} == {"https://program.example/v1/operations"}


@pytest.mark.parametrize(
    ("result", "reason", "verdict"),
    [
        ("done", None, Verdict.DONE),
        ("pending", None, Verdict.PENDING),
        ("declined", "account_frozen", Verdict.DECLINED),
    ],
)
def test_each_result_is_one_verdict(result: str, reason: str | None, verdict: Verdict) -> None:
    row = {**ROW, "result": result, **({"reason": reason} if reason else {})}
    for call, reply in ((BATCH, said(row)), (LOOK_UP, Reply(200, JSON, orjson.dumps(row)))):
        (answer,) = ADAPTER.answers(call, reply)
        assert (answer.id, answer.operation, answer.account, answer.unit, answer.amount) == (
            ORDER.id,
            "credit",
            "acc-1",
            "MILE",
            500,
        )
        assert (answer.verdict, answer.reason) == (verdict, reason)


def test_only_a_typed_404_of_this_id_is_not_found() -> None:
    (answer,) = ADAPTER.answers(LOOK_UP, Reply(404, {"content-type": "application/problem+json"}, GONE))
    assert answer.verdict is Verdict.NOT_FOUND
    other = orjson.dumps({"code": "operation_unknown", "id": "other-2"})
    for call, body in ((LOOK_UP, other), (LOOK_UP, b'{"code":"not_found"}'), (LOOK_UP, b""), (BATCH, GONE)):
        with pytest.raises(AnswerUnreadable):
            ADAPTER.answers(call, Reply(404, JSON, body))


def test_it_repeats_what_was_said_and_does_not_compare() -> None:
    answers = ADAPTER.answers(BATCH, said({**ROW, "amount": 501}, ROW, ROW, {**ROW, "id": "stranger", "more": [1]}))
    assert [(answer.id, answer.amount) for answer in answers] == [
        (ORDER.id, 501),
        (ORDER.id, 500),
        (ORDER.id, 500),
        ("stranger", 500),
    ]
    assert ADAPTER.answers(BATCH, said()) == ()


@pytest.mark.parametrize(
    ("status", "headers", "wait"),
    [
        (429, {"retry-after": "7"}, 7),
        (503, {"Retry-After": "7"}, 7),
        (429, {"retry-after": "99999999"}, 3600),
        (500, {}, None),
    ]
    + [
        (429, {"retry-after": text}, None)
        for text in ("", "-1", "1.5", "Wed, 04 Mar 2026 12:00:00 GMT", "9" * 5000, "٣")
    ],
)
def test_busy_is_unreadable_and_says_when_to_come_again(status: int, headers: dict[str, str], wait: int | None) -> None:
    for call in (BATCH, LOOK_UP):
        with pytest.raises(AnswerUnreadable) as heard:
            ADAPTER.answers(call, Reply(status, headers, b""))
        assert heard.value.retry_after == wait


BAD_ROWS: list[dict[str, object]] = [
    {"amount": 1.0}, {"amount": "500"}, {"amount": True}, {"amount": -1}, {"amount": 2**53}, {"amount": None},
    {"id": None}, {"id": ""}, {"id": 5}, {"id": "a b"}, {"id": "a\x00"}, {"id": "x" * 129},
    {"account": {}}, {"unit": []}, {"operation": None},
    {"result": "DONE"}, {"result": None}, {"result": []}, {"result": "declined"},
    {"result": "declined", "reason": 5}, {"result": "declined", "reason": "No way"}, {"reason": "\x00"},
]  # fmt: skip


@pytest.mark.parametrize("change", BAD_ROWS, ids=repr)
def test_one_malformed_result_makes_the_whole_answer_unreadable(change: dict[str, object]) -> None:
    with pytest.raises(AnswerUnreadable):
        ADAPTER.answers(BATCH, said(ROW, {**ROW, **change}))
    with pytest.raises(AnswerUnreadable):
        ADAPTER.answers(LOOK_UP, Reply(200, JSON, orjson.dumps({**ROW, **change})))


BODY = orjson.dumps({"operations": [ROW]})
BAD_BODIES = {
    "doubled_key": BODY.replace(b'"amount":500', b'"amount":500,"amount":500'),
    "doubled_top_key": BODY[:-1] + b',"operations":[]}',
    "fraction": BODY.replace(b"500", b"500.0"),
    "exponent": BODY.replace(b"500", b"5e2"),
    "not_a_number": BODY.replace(b"500", b"NaN"),
    "beyond_64_bits": BODY.replace(b"500", b"18446744073709551616"),
    "not_utf8": BODY.replace(b"MILE", b"MIL\xff"),
    "utf16": BODY.decode().encode("utf-16"),
    "byte_order_mark": b"\xef\xbb\xbf" + BODY,
    "lone_surrogate": BODY.replace(b"MILE", b"\\ud800"),
    "nul": BODY.replace(b"MILE", b"M\\u0000"),
    "raw_nul": BODY.replace(b"MILE", b"M\x00"),
    "deep": b"[" * 30_000 + b"]" * 30_000,
    "large": BODY + b" " * 65_536,
    "two_documents": BODY + BODY,
    "empty": b"",
}


@pytest.mark.parametrize("name", BAD_BODIES)
def test_a_body_that_is_not_strict_json_is_unreadable(name: str) -> None:
    with pytest.raises(AnswerUnreadable):
        ADAPTER.answers(BATCH, Reply(200, JSON, BAD_BODIES[name]))


@pytest.mark.parametrize(
    "headers", [{}, {"content-type": "text/html"}, {"content-type": ""}, {"content-type": "application/jsonp"}]
)
def test_a_body_that_is_not_declared_as_json_is_unreadable(headers: dict[str, str]) -> None:
    with pytest.raises(AnswerUnreadable):
        ADAPTER.answers(BATCH, Reply(200, headers, BODY))


@pytest.mark.parametrize("body", [BODY, BODY.replace(b",", b" ,\n"), BODY.replace(b"credit", b"\\u0063redit")])
@pytest.mark.parametrize("kind", ["application/json", "Application/JSON; charset=utf-8"])
def test_another_spelling_of_the_same_json_is_read_the_same(body: bytes, kind: str) -> None:
    assert ADAPTER.answers(BATCH, Reply(200, {"Content-Type": kind}, body)) == ADAPTER.answers(
        BATCH, Reply(200, JSON, BODY)
    )


def test_a_member_is_read() -> None:
    member = ADAPTER.member(MEMBER, Reply(200, JSON, orjson.dumps(PERSON)))
    assert (member.status, member.name_match, member.tier, member.balance) == ("active", "match", "gold", 7)
    assert member.opened_at is None
    opened = ADAPTER.member(
        MEMBER, Reply(200, JSON, orjson.dumps({**PERSON, "opened_at": "2019-05-01T02:00:00+02:00"}))
    )
    assert opened.opened_at == datetime(2019, 5, 1, tzinfo=UTC)
    unknown = {"account": "acc-1", "status": "unknown", "name_match": None, "tier": None, "balance": None}
    assert ADAPTER.member(MEMBER, Reply(200, JSON, orjson.dumps(unknown))).status == "unknown"


@pytest.mark.parametrize(
    "change",
    [
        {"account": "acc-2"}, {"account": None}, {"status": "ok"}, {"status": []},
        {"name_match": "yes"}, {"name_match": []}, {"name_match": 1},
        {"opened_at": 1}, {"opened_at": "2019-05-01"}, {"opened_at": "2019-05-01T00:00:00"}, {"opened_at": "2019-02-30T00:00:00Z"},
        {"opened_at": "0001-01-01T00:00:00+14:00"}, {"opened_at": "2019-05-01T00:00:00Z\n"},
        {"tier": 1}, {"tier": "\x00"}, {"tier": "x" * 65}, {"balance": -(2**53)}, {"balance": 1.0}, {"balance": True}, {"balance": 2**53},
    ],
    ids=repr,
)  # fmt: skip
def test_a_member_that_is_malformed_is_unreadable(change: dict[str, object]) -> None:
    with pytest.raises(AnswerUnreadable):
        ADAPTER.member(MEMBER, Reply(200, JSON, orjson.dumps({**PERSON, **change})))


# --- lots

LOTS_CALL = ADAPTER.lots_call("acc-1", "https://program.example", {})
LOT: dict[str, Any] = {
    "lot": "a",
    "amount": 300,
    "earned_at": "2025-01-31T10:00:00Z",
    "expires_at": "2027-01-31T10:00:00Z",
}
YOUNGER: dict[str, Any] = {"lot": "b", "amount": 200, "earned_at": "2025-03-01T01:00:00.5+01:00", "expires_at": None}
LOTS: dict[str, Any] = {"account": "acc-1", "lots": [LOT, YOUNGER]}
TOUCHED: list[dict[str, Any]] = [{"lot": "a", "amount": 300}, {"lot": "b", "amount": 200}]
(HOLD,) = ADAPTER.calls([replace(ORDER, operation=Operation.HOLD)], "https://program.example", {})


def test_lots_are_asked_for_by_the_token_alone() -> None:
    assert isinstance(ADAPTER, ReportsLots)
    assert (LOTS_CALL.method, LOTS_CALL.url) == ("GET", "https://program.example/v1/accounts/acc-1/lots")
    assert (LOTS_CALL.body, LOTS_CALL.orders) == (b"", ())


def test_lots_are_read_from_a_look_up_and_from_a_member() -> None:
    expected = (
        Lot("a", 300, datetime(2025, 1, 31, 10, tzinfo=UTC), datetime(2027, 1, 31, 10, tzinfo=UTC)),
        Lot("b", 200, datetime(2025, 3, 1, 0, 0, 0, 500_000, tzinfo=UTC), None),
    )
    assert ADAPTER.lots(LOTS_CALL, Reply(200, JSON, orjson.dumps(LOTS))) == expected
    assert ADAPTER.member(MEMBER, Reply(200, JSON, orjson.dumps({**PERSON, "lots": LOTS["lots"]}))).lots == expected
    assert ADAPTER.member(MEMBER, Reply(200, JSON, orjson.dumps(PERSON))).lots is None
    assert ADAPTER.lots(LOTS_CALL, Reply(200, JSON, orjson.dumps({**LOTS, "lots": []}))) == ()


BAD_LOTS: list[object] = [
    None, {}, "a", [None], [[]], [LOT, LOT], [YOUNGER, LOT], [LOT] * 401,
    [{**LOT, "amount": 0}], [{**LOT, "amount": 1.0}], [{**LOT, "amount": True}], [{**LOT, "amount": 2**53}],
    [{**LOT, "amount": 2**53 - 1}, YOUNGER], [{**LOT, "lot": ""}], [{**LOT, "lot": "a b"}], [{**LOT, "lot": 7}], [{**LOT, "lot": "x" * 65}],
    [{**LOT, "earned_at": None}], [{**LOT, "earned_at": "2025-01-31"}], [{**LOT, "expires_at": "2027-02-30T10:00:00Z"}],
    [{**LOT, "expires_at": "2027-01-31T10:00:00"}], [{**LOT, "expires_at": 1_800_000_000}],
    [{**LOT, "expires_at": "0001-01-01T00:00:00+14:00"}],
]  # fmt: skip


@pytest.mark.parametrize("rows", BAD_LOTS, ids=lambda rows: repr(rows)[:80])
def test_lots_that_are_malformed_are_unreadable(rows: object) -> None:
    with pytest.raises(AnswerUnreadable):
        ADAPTER.lots(LOTS_CALL, Reply(200, JSON, orjson.dumps({"account": "acc-1", "lots": rows})))
    if rows is not None:
        with pytest.raises(AnswerUnreadable):
            ADAPTER.member(MEMBER, Reply(200, JSON, orjson.dumps({**PERSON, "lots": rows})))


def test_lots_of_another_account_and_other_statuses_are_unreadable() -> None:
    for reply in (
        Reply(200, JSON, orjson.dumps({**LOTS, "account": "acc-2"})),
        Reply(404, JSON, orjson.dumps({"code": "account_unknown"})),
        Reply(501, JSON, b"{}"),
        Reply(200, JSON, b"[]"),
    ):
        with pytest.raises(AnswerUnreadable):
            ADAPTER.lots(LOTS_CALL, reply)


def test_an_answer_says_which_lots_it_touched() -> None:
    row = {**ROW, "operation": "hold"}
    (answer,) = ADAPTER.answers(HOLD, said({**row, "lots": TOUCHED}))
    assert answer.lots == (Part("a", 300), Part("b", 200))
    assert ADAPTER.answers(HOLD, said(row))[0].lots is None
    partly = {**ROW, "operation": "release", "lots": TOUCHED[:1]}
    assert ADAPTER.answers(HOLD, said(partly))[0].lots == (Part("a", 300),)


@pytest.mark.parametrize(
    "change",
    [
        {"lots": TOUCHED[:1]},
        {"lots": [*TOUCHED, {"lot": "c", "amount": 1}]},
        {"lots": [TOUCHED[0], TOUCHED[0]]},
        {"lots": {}},
        {"lots": [{"lot": "a"}]},
        {"operation": "release", "lots": [*TOUCHED, {"lot": "c", "amount": 1}]},
        {"result": "declined", "reason": "refused", "lots": TOUCHED},
        {"result": "pending", "lots": TOUCHED},
    ],
    ids=repr,
)
def test_lots_that_contradict_their_operation_are_unreadable(change: dict[str, object]) -> None:
    with pytest.raises(AnswerUnreadable):
        ADAPTER.answers(HOLD, said({**ROW, "operation": "hold", **change}))


# --- fuzz: whatever is said, an answer or AnswerUnreadable, and nothing else

_leaf = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["done", "declined", "active", "acc-1", ORDER.id])
)
_value = st.recursive(
    _leaf,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=8,
)
_headers = st.sampled_from([JSON, {}, {"content-type": "application/problem+json", "retry-after": "x"}])
_status = st.sampled_from([200, 200, 200, 404, 404, 429, 500, 0, 999])


def hears_or_refuses(status: int, headers: dict[str, str], body: bytes) -> None:
    reply = Reply(status, headers, body)
    for call in (BATCH, LOOK_UP):
        try:
            answers = ADAPTER.answers(call, reply)
        except AnswerUnreadable:
            continue
        assert all(type(answer.amount) is int and "\x00" not in answer.id for answer in answers)
    with contextlib.suppress(AnswerUnreadable):
        ADAPTER.member(MEMBER, reply)
    with contextlib.suppress(AnswerUnreadable):
        assert all(lot.amount > 0 for lot in ADAPTER.lots(LOTS_CALL, reply))


@settings(deadline=None)
@given(_status, _headers, st.binary(max_size=200))
def test_no_bytes_make_it_stumble(status: int, headers: dict[str, str], body: bytes) -> None:
    hears_or_refuses(status, headers, body)


@settings(deadline=None)
@given(_status, _headers, st.data())
def test_no_json_makes_it_stumble(status: int, headers: dict[str, str], data: st.DataObject) -> None:
    document = copy.deepcopy(
        data.draw(
            st.sampled_from(
                [
                    {"operations": [ROW]},
                    ROW,
                    PERSON,
                    LOTS,
                    {**ROW, "lots": TOUCHED},
                    {"code": "operation_unknown", "id": ORDER.id},
                ]
            )
        )
    )
    target = document["operations"][0] if "operations" in document and data.draw(st.booleans()) else document
    target[data.draw(st.sampled_from([*target, "reason"]))] = data.draw(_value)
    try:
        body = orjson.dumps(document)
    except TypeError:  # lone surrogates, integers beyond 64 bits: the slow writer can say them
        body = json.dumps(document).encode()
    hears_or_refuses(status, headers, body)


@settings(deadline=None)
@given(
    st.integers(0, len(BODY)),
    st.integers(0, 255),
    st.sampled_from([BODY, GONE, orjson.dumps(ROW), orjson.dumps(PERSON), orjson.dumps(LOTS)]),
)
@example(0, 0xEF, BODY)
def test_no_changed_byte_makes_it_stumble(place: int, byte: int, body: bytes) -> None:
    hears_or_refuses(200, JSON, body[:place] + bytes([byte]) + body[place + 1 :])
