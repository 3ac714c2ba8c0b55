"""Reads what strangers send: a body of bounded size, JSON that has one meaning, header fields in their one form."""

import json
import re
from codecs import BOM_UTF8
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from clearing import errors

BODY_BYTES_MAX = 64 * 1024
BULK_BYTES_MAX = 8 * 1024 * 1024  # of a file
DEPTH_MAX = 16
WAIT_SECONDS_MAX = 30

# RFC 9651 section 3.3.3: a string, without parameters.
_QUOTED = re.compile(r'"((?:[ !#-\[\]-~]|\\["\\]){1,255})"')
_WAIT = re.compile(r"(?:^|[,;]) *wait=([0-9]{1,9}) *(?:$|[,;])", re.IGNORECASE)

Model = TypeVar("Model", bound=BaseModel)
Receive = Callable[[], Awaitable[Any]]


class CallerLeftError(Exception):
    """The connection closed before the request was whole; there is nobody to answer."""


async def body_of(headers: tuple[tuple[str, str], ...], receive: Receive, most: int = BODY_BYTES_MAX) -> bytes:
    """All bytes of the body, declared or chunked; nothing beyond the limit is read. Raises errors.BodyTooLarge."""
    for name, value in headers:
        if name == "content-length" and (not value.isdigit() or int(value) > most):
            raise errors.BodyTooLarge
    body = bytearray()
    while True:
        event = await receive()
        if event["type"] != "http.request":
            raise CallerLeftError
        chunk: bytes = event.get("body", b"")
        body += chunk
        if len(body) > most:
            raise errors.BodyTooLarge
        if not event.get("more_body", False):
            return bytes(body)


def parse(model: type[Model], body: bytes, media: str) -> Model:
    """The wish in this body. Raises errors.RequestMalformed (no JSON with one meaning) or errors.ValidationFailed.

    1. the media type; 2. UTF-8 without NUL; 3. JSON, no name twice in one object, no NaN; 4. depth; 5. strings of Unicode
    scalar values; 6. the fields, strictly: nothing unknown, no conversion. No message repeats what was sent.
    """
    if media.partition(";")[0].strip().lower() != "application/json":  # 1
        raise errors.RequestMalformed("the Content-Type is not application/json")
    value = document(body)  # 2 to 5
    try:
        return model.model_validate(value)  # 6
    except ValidationError as reason:
        raise errors.ValidationFailed(_faults(reason)) from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise errors.RequestMalformed("an object names a member twice")
    return found


def _no_constant(name: str) -> NoReturn:
    raise errors.RequestMalformed(f"{name} is not JSON")


def _require_plain(value: Any) -> None:
    """Steps 4 and 5, without recursion: what is inside was sent by a stranger."""
    level = [value]
    for _ in range(DEPTH_MAX + 1):
        inner: list[Any] = []
        for item in level:
            if isinstance(item, str):
                _require_text(item)
            elif isinstance(item, dict):
                inner += item
                inner += item.values()
            elif isinstance(item, list):
                inner += item
        if not inner:
            return
        level = inner
    raise errors.RequestMalformed(f"the body is nested deeper than {DEPTH_MAX}")


def _require_text(text: str) -> None:
    surrogates = not text.isascii() and any("\ud800" <= char <= "\udfff" for char in text)
    if surrogates or "\0" in text:
        raise errors.RequestMalformed("a string has NUL or a lone surrogate")


def _faults(reason: ValidationError) -> str:
    """Which fields, and what is wrong with them; an unknown field is not named, since its name is the caller's text."""
    said = []
    for fault in reason.errors(include_url=False, include_context=False, include_input=False)[:5]:
        where = "a field" if fault["type"] == "extra_forbidden" else ".".join(map(str, fault["loc"])) or "the body"
        said.append(f"{where}: {_SAYINGS.get(fault['type'], fault['msg'])}")
    return "; ".join(said)


_SAYINGS: Mapping[str, str] = {
    "extra_forbidden": "not known here",
    "missing": "missing",
    "int_type": "must be a whole number, not text, a fraction or a truth value",
    "int_from_float": "must be a whole number, not text, a fraction or a truth value",
}


def query(text: str, *names: str) -> dict[str, str]:
    """What a query that begins with "?" says of these names, each at most once and no other. Raises errors.ValidationFailed."""
    said: dict[str, str] = {}
    for pair in filter(None, text[1:].split("&")):
        name, equals, value = pair.partition("=")
        if name not in names or name in said or not equals:
            raise errors.ValidationFailed(f"the query says {' and '.join(names)}, each once")
        said[name] = value
    return said


def document(body: bytes) -> Any:
    """A JSON value with one meaning. Raises errors.RequestMalformed.

    1. UTF-8 without NUL; 2. JSON, no name twice in one object, no NaN; 3. depth; 4. strings of Unicode scalar values.
    """
    try:
        text = body.decode("utf-8")  # 1
        value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)  # 2
    except UnicodeDecodeError:
        raise errors.RequestMalformed("the body is not UTF-8") from None
    except (ValueError, RecursionError):
        raise errors.RequestMalformed("the body is not JSON") from None
    _require_plain(value)  # 3, 4
    return value


def file_document(body: bytes) -> Any:
    """The JSON value of a file: what `document` reads, less the mark of byte order that editors put in front. Raises as it does."""
    return document(body.removeprefix(BOM_UTF8))


def idempotency_key(fields: Mapping[str, str]) -> str:
    """The Idempotency-Key, a quoted string (RFC 9651), unquoted. Raises errors.IdempotencyKeyRequired."""
    match = _QUOTED.fullmatch(fields.get("idempotency-key", "").strip(" \t"))
    if match is None:
        raise errors.IdempotencyKeyRequired
    key = match[1]
    return re.sub(r"\\(.)", r"\1", key) if "\\" in key else key


def wait_seconds(fields: Mapping[str, str]) -> int:
    """How long the caller would wait (RFC 7240 section 4.3), at most 30; 0 when nothing was said."""
    match = _WAIT.search(fields.get("prefer", ""))
    return min(int(match[1]), WAIT_SECONDS_MAX) if match else 0
