"""The house's own dialect, `openapi/program.yaml`: one batch endpoint, look-up by id, member look-up. All JSON, all signed."""

import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any, NoReturn

import orjson

from clearing.adapter import Answer, Call, Lot, Member, Operation, Order, Part, Reply, Verdict
from clearing.errors import AnswerUnreadable

BATCH_LARGEST = 100
BODY_LARGEST = 65_536
AMOUNT_HIGHEST = 2**53 - 1
RETRY_AFTER_LONGEST = 3_600
LOTS_MOST = 400

_VERDICTS = {"done": Verdict.DONE, "pending": Verdict.PENDING, "declined": Verdict.DECLINED}
_STATUSES = frozenset({"active", "frozen", "closed", "unknown"})
_NAME_MATCHES = frozenset({None, "match", "partial", "mismatch"})
_FOUR_WORDS = re.compile(r"[!-~]{1,128}(?: [!-~]{1,128}){3}\Z")
_REASON = re.compile(r"[a-z][a-z0-9_]{0,63}\Z")
_TEXT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,64}\Z")
_LOT = re.compile(r"[!-~]{1,64}\Z")
_INSTANT = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(?:\.[0-9]{1,6})?(?:Z|[+-][0-9]{2}:[0-9]{2})"
)
_TAKES = frozenset({Operation.HOLD, Operation.DEBIT, Operation.CAPTURE})
_SECONDS = re.compile(r"[0-9]{1,9}\Z", re.ASCII)
_JSON = ("content-type", "application/json")


class HouseJson:
    """Keeps nothing: every method is a function of what it is given."""

    name = "house_json"

    def calls(self, orders: Sequence[Order], endpoint: str, secrets: Mapping[str, str]) -> Iterable[Call]:  # noqa: ARG002 - signed, not secret
        """As few batches as carry the orders, in the given order."""
        starts = range(0, len(orders), BATCH_LARGEST)
        return [_batch(tuple(orders[start : start + BATCH_LARGEST]), endpoint) for start in starts]

    def inquire(self, order: Order, endpoint: str, secrets: Mapping[str, str]) -> Call:  # noqa: ARG002
        """GET of the operation by its id."""
        headers = (("accept", "application/json"),)
        return Call("GET", f"{endpoint.rstrip('/')}/v1/operations/{order.id}", headers, b"", (order,))

    def answers(self, call: Call, reply: Reply) -> tuple[Answer, ...]:
        """What a batch or a look-up says. Only a typed 404 to a look-up is NOT_FOUND; other statuses say nothing certain."""
        look_up = call.method == "GET"
        if look_up and reply.status == 404:
            return (_not_found(call.orders[0], _document(reply)),)
        _expect_ok(reply)
        document = _document(reply)
        if look_up:
            return (_answer(document),)
        rows = document.get("operations") if type(document) is dict else None
        if type(rows) is not list:
            _unreadable("the answer has no list of operations")
        return tuple([_answer(row) for row in rows])

    def member_call(
        self,
        account: str,
        member: str,
        name: str | None,
        endpoint: str,
        secrets: Mapping[str, str],  # noqa: ARG002
    ) -> Call:
        """The one call that carries a membership number."""
        asked = {"account": account, "member": member} | ({} if name is None else {"name": name})
        headers = (_JSON, ("accept", "application/json"), ("idempotency-key", f'"member-{account}"'))
        return Call("POST", f"{endpoint.rstrip('/')}/v1/members/look-up", headers, orjson.dumps(asked))

    def member(self, call: Call, reply: Reply) -> Member:
        """What the program says of the member, provided it speaks of the account that was asked."""
        _expect_ok(reply)
        said = _document(reply)
        if type(said) is not dict or said.get("account") != orjson.loads(call.body)["account"]:
            _unreadable("the answer speaks of another account")
        status, match, tier, balance = (said.get(field) for field in ("status", "name_match", "tier", "balance"))
        if type(status) is not str or status not in _STATUSES:
            _unreadable("the status of the member is none that is known")
        if not isinstance(match, str | None) or match not in _NAME_MATCHES:
            _unreadable("the name match is none that is known")
        if tier is not None and (type(tier) is not str or not _TEXT.match(tier)):
            _unreadable("the tier is not a short text")
        if balance is not None and (type(balance) is not int or not -AMOUNT_HIGHEST <= balance <= AMOUNT_HIGHEST):
            _unreadable("the balance is not a whole number in range")
        lots = said.get("lots")
        opened_at = said.get("opened_at")
        return Member(
            status,
            match,
            tier,
            balance,
            None if opened_at is None else _instant(opened_at),
            None if lots is None else _lots(lots),
        )

    def lots_call(self, account: str, endpoint: str, secrets: Mapping[str, str]) -> Call:  # noqa: ARG002
        """GET of the lots of an account."""
        headers = (("accept", "application/json"),)
        return Call("GET", f"{endpoint.rstrip('/')}/v1/accounts/{account}/lots", headers, b"")

    def lots(self, call: Call, reply: Reply) -> tuple[Lot, ...]:
        """The lots, provided the program speaks of the account that was asked."""
        _expect_ok(reply)
        said = _document(reply)
        if type(said) is not dict or said.get("account") != call.url.split("/")[-2]:
            _unreadable("the answer speaks of another account")
        return _lots(said.get("lots"))


def _batch(orders: tuple[Order, ...], endpoint: str) -> Call:
    """One POST. Its Idempotency-Key only satisfies the signing profile; what counts is the id of each operation."""
    headers = (_JSON, ("accept", "application/json"), ("idempotency-key", f'"{orders[0].id}+{len(orders)}"'))
    body = orjson.dumps({"operations": [_row(order) for order in orders]})
    return Call("POST", f"{endpoint.rstrip('/')}/v1/operations", headers, body, orders)


def _row(order: Order) -> dict[str, object]:
    row: dict[str, object] = {
        "id": order.id,
        "operation": order.operation,
        "account": order.account,
        "unit": order.unit,
        "amount": order.amount,
    }
    if order.refers is not None:
        row["refers"] = order.refers
    return row


def _answer(row: Any) -> Answer:
    """One operation of an answer. Fields that are not known are ignored, since the protocol may grow."""
    if type(row) is not dict:
        _unreadable("an operation of the answer is not an object")
    get: Callable[[str], Any] = row.get
    id_, operation, account, unit, amount = get("id"), get("operation"), get("account"), get("unit"), get("amount")
    texts = type(id_) is type(operation) is type(account) is type(unit) is str
    if not texts or not _FOUR_WORDS.match(f"{id_} {operation} {account} {unit}"):  # a word with a space would make five
        _unreadable("an operation of the answer lacks id, operation, account or unit")
    if type(amount) is not int or not 0 <= amount <= AMOUNT_HIGHEST:
        _unreadable("an amount of the answer is not a whole number in range")
    result, reason = get("result"), get("reason")
    verdict = _VERDICTS.get(result) if type(result) is str else None
    if verdict is None:
        _unreadable("a result of the answer is none of done, pending, declined")
    if reason is not None and (type(reason) is not str or not _REASON.match(reason)):
        _unreadable("a reason of the answer is malformed")
    if verdict is Verdict.DECLINED and reason is None:
        _unreadable("an operation is declined without a reason")
    touched = None if get("lots") is None else _touched(get("lots"), operation, amount, verdict)
    return Answer(id_, operation, account, unit, amount, verdict, reason, touched)


def _lots(rows: Any) -> tuple[Lot, ...]:
    """A member's lots: named once each, none empty, oldest first, together an amount."""
    parts = _parts(rows)
    lots = tuple(
        [
            Lot(
                part.lot,
                part.amount,
                _instant(row.get("earned_at")),
                None if (at := row.get("expires_at")) is None else _instant(at),
            )
            for part, row in zip(parts, rows, strict=True)
        ]
    )
    if any(later.earned_at < earlier.earned_at for earlier, later in pairwise(lots)):
        _unreadable("the lots are not told oldest first")
    return lots


def _touched(rows: Any, operation: str, amount: int, verdict: Verdict) -> tuple[Part, ...]:
    """The lots that an operation touched: none before it is done, and what takes points says where all of them came from."""
    parts = _parts(rows)
    total = sum(part.amount for part in parts)
    if total > (amount if verdict is Verdict.DONE else 0):
        _unreadable("more points of lots than the operation moved")
    if verdict is Verdict.DONE and operation in _TAKES and total != amount:
        _unreadable("the lots do not add up to the amount that was taken")
    return parts


def _parts(rows: Any) -> tuple[Part, ...]:
    if type(rows) is not list or len(rows) > LOTS_MOST:
        _unreadable("the lots are no list, or too many")
    parts = []
    for row in rows:
        lot, amount = (row.get("lot"), row.get("amount")) if type(row) is dict else (None, None)
        if type(lot) is not str or not _LOT.match(lot) or type(amount) is not int or not 1 <= amount <= AMOUNT_HIGHEST:
            _unreadable("a lot lacks its name or a whole number in range")
        parts.append(Part(lot, amount))
    if len({part.lot for part in parts}) != len(parts) or sum(part.amount for part in parts) > AMOUNT_HIGHEST:
        _unreadable("a lot is told twice, or the lots together are out of range")
    return tuple(parts)


def _instant(said: Any) -> datetime:
    """An instant with its zone, in UTC."""
    if type(said) is not str or not _INSTANT.fullmatch(said):
        _unreadable("an instant is not RFC 3339 with its zone")
    try:
        return datetime.fromisoformat(said).astimezone(UTC)
    except (ValueError, OverflowError):
        _unreadable("an instant is none of the calendar")


def _not_found(order: Order, problem: Any) -> Answer:
    """Only the program itself says `operation_unknown` of this very id; any other 404 may come from something on the way."""
    if type(problem) is not dict or problem.get("code") != "operation_unknown" or problem.get("id") != order.id:
        _unreadable("a look-up was answered with an untyped 404")
    return Answer(order.id, order.operation, order.account, order.unit, order.amount, Verdict.NOT_FOUND)


def _expect_ok(reply: Reply) -> None:
    if reply.status != 200:
        said = _header(reply, "retry-after")
        wait = min(int(said), RETRY_AFTER_LONGEST) if _SECONDS.match(said) else None
        raise AnswerUnreadable(f"the program answered with status {reply.status}", retry_after=wait)


def _document(reply: Reply) -> Any:
    """The JSON of a reply. What our own writer would write the same has no doubled key; anything else is read slowly."""
    if len(reply.body) > BODY_LARGEST:
        _unreadable("the answer is larger than 64 KiB")
    kind = _header(reply, "content-type").partition(";")[0].strip().lower()
    if kind not in ("application/json", "application/problem+json"):
        _unreadable("the answer is not declared as JSON")
    try:
        value = orjson.loads(reply.body)
        if orjson.dumps(value) == reply.body:
            return value
        return json.loads(
            reply.body.decode("utf-8"), object_pairs_hook=_object, parse_float=_refuse, parse_constant=_refuse
        )
    except (ValueError, TypeError, RecursionError):
        _unreadable("the answer is not JSON, or has doubled keys or fractions")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        message = "doubled key"
        raise ValueError(message)
    return value


def _refuse(text: str) -> NoReturn:
    message = f"not a whole number: {text[:20]}"
    raise ValueError(message)


def _header(reply: Reply, name: str) -> str:
    value = reply.headers.get(name)
    if value is None:
        value = next((said for known, said in reply.headers.items() if known.lower() == name), "")
    return value


def _unreadable(detail: str) -> NoReturn:
    raise AnswerUnreadable(detail) from None


ADAPTER = HouseJson()
