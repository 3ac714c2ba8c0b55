"""Every registered dialect conforms, and a dialect with one fault fails on exactly that fault."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any, ClassVar

import orjson
import pytest

from adapters.conformance import SECRET, Case, Example, Far, cases, check, lot_cases, sample
from adapters.house_json import ADAPTER, HouseJson
from clearing.adapter import Adapter, Answer, Call, Lot, Member, Order, Reply, Verdict, load_adapters
from tests.adapters.far_side import FarSide

JSON = {"content-type": "application/json"}


def rows(orders: Sequence[Order], **more: object) -> list[dict[str, Any]]:
    said = [(order.id, order.operation, order.account, order.unit, order.amount) for order in orders]
    return [{**dict(zip(("id", "operation", "account", "unit", "amount"), row, strict=True)), **more} for row in said]


def house_examples() -> list[Example]:
    orders = sample(3)
    one = orders[:1]

    def batch(name: str, verdict: Verdict, **more: object) -> Example:
        return Example(
            name, orders, "batch", Reply(200, JSON, orjson.dumps({"operations": rows(orders, **more)})), (verdict,) * 3
        )

    def look_up(name: str, verdict: Verdict, **more: object) -> Example:
        return Example(name, one, "look_up", Reply(200, JSON, orjson.dumps(rows(one, **more)[0])), (verdict,))

    unknown = orjson.dumps(
        {"type": "about:blank", "status": 404, "code": "operation_unknown", "title": "-", "id": one[0].id}
    )
    return [
        batch("done", Verdict.DONE, result="done"),
        batch("pending", Verdict.PENDING, result="pending"),
        batch("declined", Verdict.DECLINED, result="declined", reason="account_closed"),
        batch("declined for a new reason", Verdict.DECLINED, result="declined", reason="moon_in_scorpio"),
        look_up("found done", Verdict.DONE, result="done"),
        look_up("found pending", Verdict.PENDING, result="pending"),
        look_up("found declined", Verdict.DECLINED, result="declined", reason="hold_unknown"),
        Example(
            "not found",
            one,
            "look_up",
            Reply(404, {"content-type": "application/problem+json"}, unknown),
            (Verdict.NOT_FOUND,),
        ),
        Example("somebody's 404", one, "look_up", Reply(404, {"content-type": "text/html"}, b"<h1>404</h1>"), None),
        Example("cannot be asked", one, "look_up", Reply(501, JSON, b"{}"), None),
        Example("maintenance", one, "batch", Reply(503, {"retry-after": "7"}, b""), None),
    ]


EXAMPLES: dict[str, Callable[[], list[Example]]] = {"house_json": house_examples}
REGISTERED = load_adapters() or {"house_json": ADAPTER}


def test_the_house_dialect_is_registered_and_every_dialect_has_examples() -> None:
    assert REGISTERED["house_json"] is ADAPTER
    assert set(EXAMPLES) == set(REGISTERED)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=f"{name}-{case}")
        for name, adapter in REGISTERED.items()
        for case in cases(adapter, EXAMPLES[name]())
    ],
)
def test_registered_dialects_conform(case: Case) -> None:
    assert case.run() == []


# --- a running program that tells lots


def judged(folder: Path, *options: str, holds: bool = True) -> set[str]:
    """The rules of lots that a sandbox program breaks."""
    with FarSide(folder, "--lot-months", "36", *options) as side:
        account, _ = side.member()
        names = (f"judged-{number}-1" for number in count())
        far = Far(
            lambda one: side.ask(one)[0], lambda: side.lots(account), "lotus-air", account, "MILE", 3_000, names, holds
        )
        assert len(far.lots()) == 3
        return {finding.rule for case in lot_cases(far) for finding in case.run()}


def test_a_program_that_gives_back_the_lots_it_took_conforms(tmp_path: Path) -> None:
    assert judged(tmp_path) == set()
    assert judged(tmp_path / "without_holds", "--hold-seconds", "0", holds=False) == set()


@pytest.mark.parametrize(
    ("mistake", "rule"),
    [
        ("newest_first", "oldest_lots_go_first"),
        ("release_anew", "released_hold_restores_lots"),
        ("reverse_anew", "reversed_debit_restores_lots"),
    ],
)
def test_a_program_with_one_mistake_fails_on_exactly_that(tmp_path: Path, mistake: str, rule: str) -> None:
    assert judged(tmp_path, "--lots-wrong", mistake) == {rule}


def test_a_program_that_refuses_is_no_proof_of_anything(tmp_path: Path) -> None:
    rules = {"oldest_lots_go_first", "released_hold_restores_lots", "reversed_debit_restores_lots"}
    assert judged(tmp_path, "--limit", "1000") == rules


# --- dialects with one fault each


class Named(HouseJson):
    name = "House JSON"


class Counting(HouseJson):
    """Its requests differ each time, since it keeps a count outside itself."""

    count: ClassVar = [0]

    def calls(self, orders: Sequence[Order], endpoint: str, secrets: Mapping[str, str]) -> list[Call]:
        self.count[0] += 1
        made = super().calls(orders, endpoint, secrets)
        return [replace(call, headers=(*call.headers, ("x-count", str(self.count[0])))) for call in made]


class Reversed(HouseJson):
    def calls(self, orders: Sequence[Order], endpoint: str, secrets: Mapping[str, str]) -> list[Call]:
        return list(super().calls(orders[::-1], endpoint, secrets))


class Greedy(HouseJson):
    def calls(self, orders: Sequence[Order], endpoint: str, secrets: Mapping[str, str]) -> list[Call]:
        (*made,) = super().calls(orders, endpoint, secrets)
        return [replace(made[0], orders=tuple(orders))] if made else []


class Astray(HouseJson):
    def inquire(self, order: Order, endpoint: str, secrets: Mapping[str, str]) -> Call:
        return replace(super().inquire(order, endpoint, secrets), url=f"https://elsewhere.example/{order.id}")


class Clocked(HouseJson):
    def member_call(
        self, account: str, member: str, name: str | None, endpoint: str, secrets: Mapping[str, str]
    ) -> Call:
        assert time.time() > 0
        return super().member_call(account, member, name, endpoint, secrets)


class Keeping(HouseJson):
    def inquire(self, order: Order, endpoint: str, secrets: Mapping[str, str]) -> Call:
        self.last = order.id
        return super().inquire(order, endpoint, secrets)


class Showing(HouseJson):
    def inquire(self, order: Order, endpoint: str, secrets: Mapping[str, str]) -> Call:
        call = super().inquire(order, endpoint, secrets)
        return replace(call, url=f"{call.url}?token={secrets['token']}")


class Telling(HouseJson):
    def member_call(
        self, account: str, member: str, name: str | None, endpoint: str, secrets: Mapping[str, str]
    ) -> Call:
        call = super().member_call(account, member, name, endpoint, secrets)
        return replace(call, headers=(*call.headers, ("x-member", member)))


class Stumbling(HouseJson):
    def member(self, call: Call, reply: Reply) -> Member:
        orjson.loads(reply.body)
        return super().member(call, reply)


class Fumbling(HouseJson):
    """Reads lots without looking whether there are any."""

    def lots(self, call: Call, reply: Reply) -> tuple[Lot, ...]:
        return super().lots(call, reply) if reply.body else ()


class Hopeful(HouseJson):
    """Takes any status 200 for a yes."""

    def answers(self, call: Call, reply: Reply) -> tuple[Answer, ...]:
        if reply.status == 200 and b'"operations":null' in reply.body:
            return tuple(Answer(o.id, o.operation, o.account, o.unit, o.amount, Verdict.DONE) for o in call.orders)
        return super().answers(call, reply)


class Impatient(HouseJson):
    def answers(self, call: Call, reply: Reply) -> tuple[Answer, ...]:
        return super().answers(call, replace(reply, headers={"content-type": "application/json"}))


class Deaf(HouseJson):
    """Knows no pending."""

    def answers(self, call: Call, reply: Reply) -> tuple[Answer, ...]:
        said = super().answers(call, reply)
        return tuple(replace(one, verdict=Verdict.DONE) if one.verdict is Verdict.PENDING else one for one in said)


FAULTY: list[tuple[Adapter, str]] = [
    (Named(), "named"),
    (Counting(), "same_orders_same_calls"),
    (Reversed(), "every_order_once_in_order"),
    (Greedy(), "batch_limit"),
    (Astray(), "stays_at_endpoint"),
    (Clocked(), "no_clock_no_chance_no_io"),
    (Keeping(), "keeps_nothing"),
    (Showing(), "no_secret_shown"),
    (Telling(), "member_number_in_body_only"),
    (Stumbling(), "garbage_is_unreadable"),
    (Fumbling(), "garbage_is_unreadable"),
    (Hopeful(), "garbage_is_unreadable"),
    (Impatient(), "busy_is_unreadable"),
    (Deaf(), "examples"),
]


@pytest.mark.parametrize(
    ("adapter", "rule"), FAULTY, ids=lambda value: type(value).__name__ if not isinstance(value, str) else value
)
def test_a_faulty_dialect_fails_on_exactly_its_fault(adapter: Adapter, rule: str) -> None:
    examples = [one for one in house_examples() if one.name != "somebody's 404"]
    found = check(adapter, examples)
    assert {finding.rule for finding in found} == {rule}
    assert all(SECRET not in finding.says for finding in found)


def test_every_rule_has_a_dialect_that_breaks_it() -> None:
    assert {rule for _, rule in FAULTY} == {str(case) for case in cases(ADAPTER)}
