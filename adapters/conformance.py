"""What every dialect must hold to, as checks that anyone can run over theirs.

    from adapters.conformance import Example, check

    def test_my_dialect_conforms():
        assert check(ADAPTER, [Example("hold done", (order,), "batch", Reply(200, headers, body), (Verdict.DONE,)), ...]) == []

or one test for each case: `@pytest.mark.parametrize("case", cases(ADAPTER, examples), ids=str)` and in it `assert case.run() == []`.
`lot_cases` judges a running program that tells lots; how it is reached is passed in.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from types import CodeType, FunctionType
from typing import Literal

from clearing.adapter import Adapter, Answer, Call, Lot, Operation, Order, Reply, ReportsLots, Verdict
from clearing.errors import AnswerUnreadable

SECRET = "canary-secret-2b7e151628aed2a6"  # noqa: S105 - a canary, looked for where no secret may be
MEMBER = "CANARY-7281940"
SECRETS = {"token": SECRET, "api_key": SECRET, "client_id": SECRET, "client_secret": SECRET}
ENDPOINT = "https://program.example"
IMPURE = frozenset(
    {
        "time",
        "random",
        "secrets",
        "os",
        "socket",
        "subprocess",
        "asyncio",
        "httpx",
        "aiohttp",
        "requests",
        "urllib.request",
    }
)
CLOCK = frozenset({"now", "utcnow", "today", "uuid1", "uuid4"})
HEADERS = {"content-type": "application/json"}


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that is not as it must be."""

    rule: str
    says: str


@dataclass(frozen=True, slots=True)
class Example:
    """A documented answer: to a `batch` or `look_up` of these orders, and the verdicts it means, or None: unreadable."""

    name: str
    orders: tuple[Order, ...]
    to: Literal["batch", "look_up"]
    reply: Reply
    verdicts: tuple[Verdict, ...] | None


@dataclass(frozen=True, slots=True)
class Case:
    """One rule, ready to run."""

    rule: str
    find: Callable[[], Iterable[str]]

    def __str__(self) -> str:
        return self.rule

    def run(self) -> list[Finding]:
        """What was found; a rule that stops with an exception has found just that."""
        try:
            return [Finding(self.rule, says) for says in self.find()]
        except Exception as reason:  # noqa: BLE001 - whatever an adapter raises is a finding, never the end of the check
            return [Finding(self.rule, f"raised {type(reason).__name__}: {reason}".replace(SECRET, "<the secret>"))]


@dataclass(frozen=True, slots=True)
class Far:
    """A running program to be judged, as its dialect speaks to it, and a member whose oldest lot is smaller than `amount`."""

    perform: Callable[[Order], Answer]
    lots: Callable[[], Sequence[Lot]]  # what the member can spend now: at least `amount`
    program: str
    account: str
    unit: str
    amount: int
    names: Iterator[str]  # ids that no order had yet
    holds: bool = True


def check(adapter: Adapter, examples: Sequence[Example] = (), *, batch: int = 100) -> list[Finding]:
    """Run every rule; an adapter that conforms gives an empty list."""
    return [finding for case in cases(adapter, examples, batch=batch) for finding in case.run()]


def cases(adapter: Adapter, examples: Sequence[Example] = (), *, batch: int = 100) -> list[Case]:
    """Every rule for one adapter. `batch` is the largest batch that its program takes."""
    rules: dict[str, Callable[[], Iterable[str]]] = {
        "named": lambda: _named(adapter),
        "same_orders_same_calls": lambda: _same(adapter, batch),
        "every_order_once_in_order": lambda: _once(adapter, batch),
        "batch_limit": lambda: _limit(adapter, batch),
        "stays_at_endpoint": lambda: _endpoint(adapter, batch),
        "no_clock_no_chance_no_io": lambda: _pure(adapter),
        "keeps_nothing": lambda: _keeps(adapter, batch),
        "no_secret_shown": lambda: _secret(adapter, batch),
        "member_number_in_body_only": lambda: _member(adapter),
        "garbage_is_unreadable": lambda: _garbage(adapter),
        "busy_is_unreadable": lambda: _busy(adapter),
        "examples": lambda: _examples(adapter, examples),
    }
    return [Case(rule, find) for rule, find in rules.items()]


def sample(count: int = 3, operation: Operation = Operation.CREDIT) -> tuple[Order, ...]:
    """Orders that look like real ones; those that refer to an earlier order do."""
    refers = (
        "0192f0c4a1b27d31b0a2c4d5e6f7{:04x}-1"
        if operation in (Operation.CAPTURE, Operation.RELEASE, Operation.REVERSE, Operation.CLAW_BACK)
        else None
    )
    return tuple(
        Order(
            f"0192f0c4a1b27d31b0a2c4d5e6f7{n:04x}-2",
            operation,
            "lotus-air",
            f"acc-{n:04x}",
            "MILE",
            500 + n,
            refers and refers.format(n),
        )
        for n in range(count)
    )


def _named(adapter: Adapter) -> Iterator[str]:
    if (
        type(adapter.name) is not str
        or not adapter.name.replace("_", "").isalnum()
        or adapter.name != adapter.name.lower()
    ):
        yield f"name is not a lower-case word: {adapter.name!r}"


def _every(adapter: Adapter, batch: int) -> list[Call]:
    """One call of each kind for each operation."""
    made: list[Call] = []
    for operation in Operation:
        orders = sample(min(3, batch), operation)
        made += adapter.calls(orders, ENDPOINT, SECRETS)
        made.append(adapter.inquire(orders[0], ENDPOINT, SECRETS))
    made.append(adapter.member_call("acc-0001", MEMBER, "Ann Example", ENDPOINT, SECRETS))
    made.append(adapter.member_call("acc-0001", MEMBER, None, ENDPOINT, SECRETS))
    if isinstance(adapter, ReportsLots):
        made.append(adapter.lots_call("acc-0001", ENDPOINT, SECRETS))
    return made


def _same(adapter: Adapter, batch: int) -> Iterator[str]:
    first, again = _every(adapter, batch), _every(adapter, batch)
    yield from (
        f"{one.method} {one.url} was not built the same twice"
        for one, two in zip(first, again, strict=True)
        if one != two
    )
    alone = [_carrying(adapter, (order,)) for order in sample(2)]
    if alone[0].body == alone[1].body and alone[0].url == alone[1].url:
        yield "two different orders make the same request"


def _once(adapter: Adapter, batch: int) -> Iterator[str]:
    for count in (1, 2, batch + 1):
        orders = sample(count)
        carried = [order for call in adapter.calls(orders, ENDPOINT, SECRETS) for order in call.orders]
        if carried != list(orders):
            yield f"of {count} orders the calls carry {len(carried)}, or in another order"
    if list(adapter.calls((), ENDPOINT, SECRETS)):
        yield "no orders make a call"
    if adapter.inquire(sample(1)[0], ENDPOINT, SECRETS).orders != sample(1):
        yield "a look-up does not carry its order"


def _limit(adapter: Adapter, batch: int) -> Iterator[str]:
    sizes = [len(call.orders) for call in adapter.calls(sample(2 * batch + 1), ENDPOINT, SECRETS)]
    if any(size > batch for size in sizes):
        yield f"a call carries {max(sizes)} orders, and at most {batch} are allowed"
    if 0 in sizes:
        yield "a call carries no order"


def _endpoint(adapter: Adapter, batch: int) -> Iterator[str]:
    for call in _every(adapter, batch):
        if not call.url.startswith(ENDPOINT + "/"):
            yield f"{call.url} is not under the endpoint"
        if not call.url.isascii() or any(mark in call.url for mark in ("%", "/../", "/./", "#", " ")):
            yield f"{call.url} is not in normal form and cannot be signed"
        if any(name != name.lower() for name, _ in call.headers):
            yield "a header name is not lower-case"
        if call.method not in ("GET", "HEAD") and "idempotency-key" not in dict(call.headers):
            yield f"{call.method} {call.url} has no idempotency-key, which the signing profile asks for"


def _pure(adapter: Adapter) -> Iterator[str]:
    """Read the code: which modules it reaches by name, and whether it asks a clock."""
    module = sys.modules[type(adapter).__module__]
    functions = [
        value for owner in (type(adapter), module) for value in vars(owner).values() if isinstance(value, FunctionType)
    ]
    for code in {
        code for function in functions if function.__module__ == module.__name__ for code in _codes(function.__code__)
    }:
        for name in code.co_names:
            value = vars(module).get(name)
            home = (
                getattr(value, "__name__", "")
                if isinstance(value, type(sys))
                else str(getattr(value, "__module__", ""))
            )
            if home in IMPURE or name in IMPURE | {"open"}:
                yield f"{code.co_name} uses {name}"
            if name in CLOCK:
                yield f"{code.co_name} asks {name}()"


def _codes(code: CodeType) -> Iterator[CodeType]:
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from _codes(constant)


def _keeps(adapter: Adapter, batch: int) -> Iterator[str]:
    """What the adapter holds must be the same after one use and after another, whatever went before."""
    held: list[str] = []
    for order in sample(2):
        calls = (
            *_every(adapter, batch),
            *adapter.calls((order,), ENDPOINT, SECRETS),
            adapter.inquire(order, ENDPOINT, SECRETS),
        )
        for call in calls:
            with suppress(AnswerUnreadable):
                adapter.answers(call, Reply(200, HEADERS, b"{}"))
        held.append(repr(getattr(adapter, "__dict__", {})))
    if held[0] != held[1]:
        yield "the adapter has changed by being used"


def _secret(adapter: Adapter, batch: int) -> Iterator[str]:
    for call in _every(adapter, batch):
        if SECRET in call.url:
            yield f"a secret stands in the URL of {call.method}"
        try:
            adapter.answers(call, Reply(200, HEADERS, b"\x00"))
        except AnswerUnreadable as unreadable:
            if SECRET in str(unreadable) or MEMBER in str(unreadable):
                yield "a secret or a membership number stands in an error"
    if SECRET in repr(adapter) + str(adapter):
        yield "a secret stands in the repr of the adapter"


def _member(adapter: Adapter) -> Iterator[str]:
    call = adapter.member_call("acc-0001", MEMBER, "Ann Example", ENDPOINT, SECRETS)
    if MEMBER in call.url or any(MEMBER in value for _, value in call.headers):
        yield "the membership number stands in the URL or in a header"


def _replies() -> Iterator[Reply]:
    """Bodies that say nothing, in every status; more of them are found by fuzzing."""
    bodies = (
        b"", b" ", b"null", b"[]", b"{}", b"true", b"1e400", b"NaN", b'"text"', b"\xff\xfe", b"\x00", b"<html></html>", b"{", b"[" * 60_000,
        b'{"a":' * 10_000, b'{"operations":[]', b'{"operations":null}', b'{"operations":{}}', b'{"operations":[null]}',
        b'{"operations":[{}]}', b'{"operations":[[]]}', b'{"operations":[{"id":1}]}', b'{"code":"operation_unknown"}',
        b'{"operations":[],"operations":[{}]}', b'{"id":"\\ud800"}', b"9" * 5_000, b"x" * 10_000_000, '{"é":"\u0000"}'.encode("utf-16"),
    )  # fmt: skip
    for status in (200, 201, 204, 301, 400, 401, 404, 409, 422, 500):
        yield from (Reply(status, HEADERS, body) for body in bodies)
    yield Reply(200, {}, b"{}")
    yield Reply(404, {"content-type": "text/html"}, b"<h1>not here</h1>")


def _heard(adapter: Adapter, call: Call, reply: Reply) -> Iterator[str]:
    """What is wrong with how one empty reply is read. To say nothing of an order is allowed; to be certain of it is not."""
    try:
        said: Iterable[Answer] = adapter.answers(call, reply)
    except AnswerUnreadable:
        return
    except Exception as reason:  # noqa: BLE001 - the very thing that is looked for
        yield f"{call.method} {reply.status} {reply.body[:30]!r} raised {type(reason).__name__}"
        return
    certain = [answer.verdict for answer in said if answer.verdict is not Verdict.UNKNOWN]
    if certain:
        yield f"{call.method} {reply.status} {reply.body[:30]!r} was read as {certain[0]}"


def _garbage(adapter: Adapter) -> Iterator[str]:
    orders = sample(1)
    asked = (*adapter.calls(orders, ENDPOINT, SECRETS), adapter.inquire(orders[0], ENDPOINT, SECRETS))
    looked_up: list[tuple[str, Call, Callable[[Call, Reply], object]]] = [
        ("member", adapter.member_call("acc-0001", MEMBER, "Ann Example", ENDPOINT, SECRETS), adapter.member)
    ]
    if isinstance(adapter, ReportsLots):
        looked_up.append(("lots", adapter.lots_call("acc-0001", ENDPOINT, SECRETS), adapter.lots))
    found: list[str] = []
    for reply in _replies():
        for call in asked:
            found += _heard(adapter, call, reply)
        for what, call, read in looked_up:
            try:
                read(call, reply)
                found.append(f"look-up of {what}: {reply.status} {reply.body[:30]!r} was read as an answer")
            except AnswerUnreadable:
                pass
            except Exception as reason:  # noqa: BLE001 - the very thing that is looked for
                found.append(f"look-up of {what}: {reply.status} {reply.body[:30]!r} raised {type(reason).__name__}")
    yield from islice(found, 5)


def _busy(adapter: Adapter) -> Iterator[str]:
    call = _carrying(adapter, sample(1))
    for status in (429, 500, 502, 503, 504):
        headers: Mapping[str, str] = {**HEADERS, "retry-after": "7"}
        try:
            adapter.answers(call, Reply(status, headers, b'{"operations":[]}'))
        except AnswerUnreadable as unreadable:
            if status in (429, 503) and unreadable.retry_after != 7:
                yield f"status {status} with Retry-After: 7 gives retry_after={unreadable.retry_after}"
        else:
            yield f"status {status} was read as an answer"


def _examples(adapter: Adapter, examples: Sequence[Example]) -> Iterator[str]:
    for example in examples:
        look_up = example.to == "look_up"
        call = adapter.inquire(example.orders[0], ENDPOINT, SECRETS) if look_up else _carrying(adapter, example.orders)
        try:
            said = adapter.answers(call, example.reply)
        except AnswerUnreadable as unreadable:
            if example.verdicts is not None:
                yield f"{example.name}: unreadable, {unreadable.detail}"
            continue
        if tuple(answer.verdict for answer in said) != example.verdicts:
            yield f"{example.name}: read as {[str(answer.verdict) for answer in said]}"


def _carrying(adapter: Adapter, orders: Sequence[Order]) -> Call:
    """The one call for a few orders."""
    return next(iter(adapter.calls(orders, ENDPOINT, SECRETS)))


# --- a running program that tells lots


def lot_cases(far: Far) -> list[Case]:
    """The rules of lots. Each moves points of the member and gives them back; none is left held or taken."""
    rules: dict[str, Callable[[], Iterable[str]]] = {
        "oldest_lots_go_first": lambda: _oldest(far),
        "released_hold_restores_lots": lambda: _restored(far, Operation.HOLD, Operation.RELEASE),
        "reversed_debit_restores_lots": lambda: _restored(far, Operation.DEBIT, Operation.REVERSE),
    }
    return [Case(rule, find) for rule, find in rules.items() if far.holds or "hold" not in rule]


def _done(far: Far, operation: Operation, refers: Order | None = None) -> Order:
    name, earlier = next(far.names), None if refers is None else refers.id
    order = Order(name, operation, far.program, far.account, far.unit, far.amount, earlier)
    answer = far.perform(order)
    if answer.verdict is not Verdict.DONE:
        raise ValueError(f"{operation} was not done: {answer.verdict} {answer.reason}")
    return order


def _oldest(far: Far) -> Iterator[str]:
    before, debit = far.lots(), _done(far, Operation.DEBIT)
    left, after = far.amount, {lot.lot: lot.amount for lot in far.lots()}
    for lot in before:
        used, gone = min(lot.amount, left), lot.amount - after.get(lot.lot, 0)
        left -= used
        if gone != used:
            yield f"of lot {lot.lot}, {gone} points were taken and not {used}"
    _done(far, Operation.REVERSE, debit)


def _restored(far: Far, taking: Operation, returning: Operation) -> Iterator[str]:
    before = far.lots()
    _done(far, returning, _done(far, taking))
    after = far.lots()
    yield from (f"lot {lot.lot} of {lot.amount} is not what it was" for lot in before if lot not in after)
    yield from (f"lot {lot.lot} of {lot.amount} was not there before" for lot in after if lot not in before)
