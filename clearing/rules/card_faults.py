"""What is wrong with a rate card: the place in the document, the law it breaks, a sentence."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from clearing.rules.card_shape import DEFINITIONS, Shape


class Law(StrEnum):
    """What every card keeps. Stable: publishers branch on these."""

    # --- the shape; JSON Schema refuses the same
    TYPE = "type"
    """A value is of another kind than the field; whole numbers have no fraction, and a truth value is no number."""
    UNKNOWN_FIELD = "unknown_field"
    """A field that the format does not know."""
    MISSING_FIELD = "missing_field"
    """A field that the format needs."""
    RANGE = "range"
    """A number is too small or too large, a list too short or too long, or a word is not one of those allowed."""
    PATTERN = "pattern"
    """A text is not written as this field is."""
    TWICE = "twice"
    """A list names the same thing twice."""
    EXACTLY_ONE = "exactly_one"
    """Of fields that exclude one another exactly one is given."""
    # --- what fields say together
    NO_INSTANT = "no_instant"
    """A date that no calendar has."""
    WINDOW = "window"
    """A window ends before it begins, or lies outside of the card's validity."""
    NOTICE = "notice"
    """The card begins earlier than its announcement and the promised notice allow."""
    UNDECLARED = "undeclared"
    """A channel that the card does not list."""
    BAND = "band"
    """Block, minimum, step and maximum of a band contradict one another, or two bands overlap."""
    WHOLE = "whole"
    """A minimum or step that gives no whole units."""
    MONOTONE = "monotone"
    """More points would give fewer units, and the card promises that they never do."""
    AMBIGUOUS = "ambiguous"
    """Two rates could hold together, and none of them is the narrower."""
    SHARES = "shares"
    """The shares of a bonus do not add up to one."""
    LIMIT = "limit"
    """A limit below the smallest amount, or one whose period has no meaning."""
    FEE = "fee"
    """A cap on a fee that needs none."""
    UNFUNDED = "unfunded"
    """Base units would be worth more than their points pay."""
    BEYOND = "beyond"
    """Amounts or values would pass 2^53 - 1."""
    EXAMPLE = "example"
    """The card's own rules do not give what its example says."""


SHAPE_LAWS = frozenset(list(Law)[:7])
"""The laws that JSON Schema states too."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a document is no rate card. `path` is written like `$.rates[0].bands[1].step`."""

    path: str
    law: Law
    detail: str


def departures(value: Any, shape: Shape, path: str = "$") -> Iterator[Fault]:
    """Where `value` leaves `shape`, in the order of the document. Never raises, whatever JSON value is given."""
    if "$ref" in shape:
        shape = DEFINITIONS[shape["$ref"].removeprefix("#/$defs/")]
    kind, found = shape["type"], type(value)
    if found is not _KINDS[kind]:  # exactly: True is an int to Python
        yield Fault(path, Law.TYPE, _CALLED[kind])
    elif kind == "object":
        yield from _object(value, shape, path)
    elif kind == "array":
        yield from _array(value, shape, path)
    elif kind == "integer" and not shape["minimum"] <= value <= shape["maximum"]:
        yield Fault(path, Law.RANGE, f"must be from {shape['minimum']:,} to {shape['maximum']:,}")
    elif kind == "string":
        yield from _string(value, shape, path)


_KINDS = {"object": dict, "array": list, "integer": int, "string": str, "boolean": bool}
_CALLED = {
    "object": "must be an object",
    "array": "must be a list",
    "integer": "must be a whole number, not text, a fraction or a truth value",
    "string": "must be text",
    "boolean": "must be true or false",
}


def _object(value: dict[str, Any], shape: Shape, path: str) -> Iterator[Fault]:
    known = shape["properties"]
    for name, inner in value.items():
        if name in known:
            yield from departures(inner, known[name], f"{path}.{name}")
        else:
            yield Fault(path, Law.UNKNOWN_FIELD, f"{ascii(name)[:42]} is not known here")
    needed = list(shape["required"])
    for name, others in shape.get("dependentRequired", {}).items():
        needed += others if name in value else ()
    yield from (Fault(path, Law.MISSING_FIELD, f"{name} is needed") for name in needed if name not in value)
    names = [choice["required"][0] for choice in shape.get("oneOf", ())]
    if names and sum(name in value for name in names) != 1:
        yield Fault(path, Law.EXACTLY_ONE, f"exactly one of {', '.join(names)} is needed")


def _array(value: list[Any], shape: Shape, path: str) -> Iterator[Fault]:
    if not shape["minItems"] <= len(value) <= shape["maxItems"]:
        yield Fault(path, Law.RANGE, f"must have from {shape['minItems']} to {shape['maxItems']} entries")
        return
    for index, inner in enumerate(value):
        yield from departures(inner, shape["items"], f"{path}[{index}]")
        if shape.get("uniqueItems") and inner in value[:index]:
            yield Fault(f"{path}[{index}]", Law.TWICE, "is in this list already")


def _string(value: Any, shape: Shape, path: str) -> Iterator[Fault]:
    if "enum" in shape and value not in shape["enum"]:
        yield Fault(path, Law.RANGE, f"must be {' or '.join(shape['enum'])}")
    elif "pattern" in shape and not re.search(shape["pattern"], value):
        yield Fault(path, Law.PATTERN, shape["description"])
