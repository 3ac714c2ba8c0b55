"""Read what the house sent, strictly: no doubled key, no float, no unknown field, nothing out of range."""

import json
import re
from collections.abc import Mapping
from typing import Any, NoReturn

import orjson

from adapters.sandbox.words import AMOUNT_HIGHEST, Asked

BODY_LARGEST = 65_536
ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._:-]{0,127}\Z")
ACCOUNT = re.compile(r"[!-~]{1,128}\Z")
UNIT = re.compile(r"[A-Z0-9][A-Z0-9_-]{0,15}\Z")
TEXT = re.compile(r"[^\x00-\x1f\x7f\ud800-\udfff]{1,128}\Z")
OPERATIONS = frozenset({"hold", "capture", "release", "debit", "credit", "reverse", "claw_back"})
REFERRING = frozenset({"capture", "release", "reverse", "claw_back"})


class Unreadable(Exception):
    """The body is not JSON as this protocol takes it."""


class Invalid(Exception):
    """A field is missing, unknown or out of range."""


def document(body: bytes) -> Any:
    """The JSON value of a body. Bytes that come back the same from our own writer hold no doubled key; others are read slowly."""
    if len(body) > BODY_LARGEST:
        raise Unreadable("the body is larger than 64 KiB")
    try:
        value = orjson.loads(body)
        if orjson.dumps(value) == body:
            return value
        return json.loads(body.decode("utf-8"), object_pairs_hook=_object, parse_float=_refuse, parse_constant=_refuse)
    except (ValueError, RecursionError, TypeError) as reason:
        raise Unreadable("the body is not JSON, or has doubled keys or fractions") from reason


def mapping(body: bytes) -> dict[str, Any]:
    """A body that is an object."""
    value = document(body)
    if type(value) is not dict:
        raise Invalid("an object is expected")
    return value


def operations(body: bytes, highest: int) -> list[Asked]:
    """The operations of a batch. The whole batch is refused if one of them cannot be read, and nothing of it is done."""
    value = mapping(body)
    if set(value) != {"operations"}:
        raise Invalid("expected one field: operations")
    rows = value["operations"]
    if type(rows) is not list or not 1 <= len(rows) <= highest:
        raise Invalid(f"operations holds 1 to {highest} operations")
    asked = [_asked(row) for row in rows]
    if len({one.id for one in asked}) != len(asked):
        raise Invalid("an id stands in the batch twice")
    return asked


def member(body: bytes) -> tuple[str, str, str | None]:
    """Account token, membership number and name of a member look-up."""
    value = mapping(body)
    if not {"account", "member"} <= set(value) <= {"account", "member", "name"}:
        raise Invalid("expected account, member and perhaps name")
    name = value.get("name")
    _matches(value["account"], ACCOUNT, "account")
    _matches(value["member"], TEXT, "member")
    if name is not None:
        _matches(name, TEXT, "name")
    return value["account"], value["member"], name


def _asked(row: object) -> Asked:
    if type(row) is not dict:
        raise Invalid("an operation is an object")
    try:
        one = Asked(row["id"], row["operation"], row["account"], row["unit"], row["amount"], row.get("refers"))
    except KeyError as missing:
        raise Invalid(f"missing: {missing.args[0]}") from None
    if len(row) != 5 + ("refers" in row):
        raise Invalid("unknown field")
    _matches(one.id, ID, "id")
    _matches(one.account, ACCOUNT, "account")
    _matches(one.unit, UNIT, "unit")
    if type(one.operation) is not str or one.operation not in OPERATIONS:
        raise Invalid("operation is none of hold, capture, release, debit, credit, reverse, claw_back")
    if type(one.amount) is not int or not 1 <= one.amount <= AMOUNT_HIGHEST:
        raise Invalid("amount is a whole number from 1 to 2^53 - 1")
    if (one.refers is not None) != (one.operation in REFERRING):
        raise Invalid("refers stands with capture, release, reverse and claw_back, and with nothing else")
    if one.refers is not None:
        _matches(one.refers, ID, "refers")
    return one


def _matches(value: object, pattern: re.Pattern[str], field: str) -> None:
    if type(value) is not str or not pattern.match(value):
        raise Invalid(f"{field} is malformed")


def _object(pairs: list[tuple[str, Any]]) -> Mapping[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("doubled key")
    return value


def _refuse(text: str) -> NoReturn:
    raise ValueError(text[:20])
