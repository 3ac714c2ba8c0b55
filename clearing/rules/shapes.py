"""Shapes of documents: a table in the words of JSON Schema 2020-12, and the strict reader that goes by it.

What is published as a schema and what refuses a document here are the same table, so both refuse the same shapes. One thing JSON Schema
cannot say: 5.0 is no whole number here. What several fields say together is judged by whoever reads the document.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from clearing.rules.units import AMOUNT_MAX

Shape = dict[str, Any]

END_OF_TEXT = r"(?![\s\S])"  # `$` would let Python pass a line feed that other readers refuse
CODE = rf"^[a-z0-9](?:[a-z0-9-]{{0,38}}[a-z0-9])?{END_OF_TEXT}"
NAME = rf"^[a-z0-9][a-z0-9_.-]{{0,63}}{END_OF_TEXT}"
INSTANT = (
    r"^(19|2[0-9])[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|[12][0-9]|3[01])"
    rf"T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](Z|[+-](0[0-9]|1[0-4]):[0-5][0-9]){END_OF_TEXT}"
)


class Law(StrEnum):
    """What a document breaks. Stable: publishers branch on these."""

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
    EXACTLY_ONE = "exactly_one"
    """Of fields that exclude one another exactly one is given."""
    # --- what fields say together, in any document
    NO_INSTANT = "no_instant"
    """A date that no calendar has."""
    WINDOW = "window"
    """It ends before it begins, or a window lies outside of the document's validity."""
    TWICE = "twice"
    """A list names the same thing twice; where its entries are plain, JSON Schema may say so too."""
    SHARES = "shares"
    """The shares do not add up to the whole."""
    # --- in an agreement
    BOUNDS = "bounds"
    """The smallest is above the largest."""
    RESERVED = "reserved"
    """A code that means the house itself."""
    # --- in a rate card
    NOTICE = "notice"
    """The card begins earlier than its announcement and the promised notice allow."""
    UNDECLARED = "undeclared"
    """A channel or a party that the document does not list."""
    BAND = "band"
    """Block, minimum, step and maximum of a band contradict one another, or two bands overlap."""
    WHOLE = "whole"
    """A minimum or step that gives no whole units."""
    MONOTONE = "monotone"
    """More points would give fewer units, and the card promises that they never do."""
    AMBIGUOUS = "ambiguous"
    """Two rates could hold together, and none of them is the narrower."""
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
    # --- in risk rules
    CONTRADICTION = "contradiction"
    """Fields that do not go together, or one that lacks what it needs beside it."""
    # --- in a settlement scheme
    ZONE = "zone"
    """A name that no time zone has."""
    RULE = "rule"
    """A rule that means no day, or that this house does not read."""


SHAPE_LAWS = frozenset(list(Law)[:6])
"""The laws that JSON Schema states of every document."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a document is not what it should be. `path` is written like `$.prices[0].issue.value`."""

    path: str
    law: Law
    detail: str

    def __str__(self) -> str:
        """One sentence for the publisher."""
        return f"{self.path}: {self.detail} ({self.law})"


# --- the table


def whole(about: str, minimum: int = 0, maximum: int = AMOUNT_MAX) -> Shape:
    """A whole number."""
    return {"description": about, "type": "integer", "minimum": minimum, "maximum": maximum}


def positive(about: str, maximum: int = AMOUNT_MAX) -> Shape:
    """A whole number from one on."""
    return whole(about, 1, maximum)


def truth(about: str) -> Shape:
    """True or false."""
    return {"description": about, "type": "boolean"}


def text(about: str, pattern: str) -> Shape:
    """A text that is written like this."""
    return {"description": about, "type": "string", "pattern": pattern}


def one_of(about: str, *words: str) -> Shape:
    """One of these words."""
    return {"description": about, "type": "string", "enum": [str(word) for word in words]}


def either(about: str, *shapes: Shape) -> Shape:
    """A value of any one of these shapes."""
    return {"description": about, "anyOf": list(shapes)}


def several(about: str, item: Shape, most: int, least: int = 0) -> Shape:
    """A list."""
    return {"description": about, "type": "array", "items": item, "minItems": least, "maxItems": most}


def record(about: str, required: str, choice: tuple[str, ...] = (), **properties: Shape) -> Shape:
    """An object of these fields and no other; of the fields `choice` it has exactly one."""
    shape: Shape = {
        "description": about,
        "type": "object",
        "properties": properties,
        "required": required.split(),
        "additionalProperties": False,
    }
    return shape | ({"oneOf": [{"required": [name]} for name in choice]} if choice else {})


def ref(name: str) -> Shape:
    """The shape of this name among the `$defs` of the document."""
    return {"$ref": f"{_DEFINITIONS}{name}"}


_DEFINITIONS = "#/$defs/"


# --- the reader


@dataclass(frozen=True, slots=True)
class Reader:
    """Reads documents of one format by its table."""

    schema: Shape
    tells_strangers: bool = False
    """Whether a fault repeats the name, cut short, of a field that the format does not know; else it repeats nothing that was sent."""

    def departures(self, value: Any) -> Iterator[Fault]:
        """Where `value` leaves the table, in the order of the document. Never raises, whatever JSON value is given."""
        return self._value(value, self.schema, "$")

    def _value(self, value: Any, shape: Shape, path: str) -> Iterator[Fault]:
        if "$ref" in shape:
            shape = self.schema["$defs"][shape["$ref"].removeprefix(_DEFINITIONS)]
        if "anyOf" in shape:
            if all(next(self._value(value, one, path), None) for one in shape["anyOf"]):
                yield Fault(path, Law.TYPE, shape["description"])
            return
        kind, found = shape["type"], type(value)
        if found is not _KINDS[kind]:  # exactly: True is an int to Python
            yield Fault(path, Law.TYPE, _CALLED[kind])
        elif kind == "object":
            yield from self._object(value, shape, path)
        elif kind == "array":
            yield from self._array(value, shape, path)
        elif kind == "integer" and not shape["minimum"] <= value <= shape["maximum"]:
            yield Fault(path, Law.RANGE, f"must be from {shape['minimum']:,} to {shape['maximum']:,}")
        elif kind == "string":
            yield from _string(value, shape, path)

    def _object(self, value: dict[str, Any], shape: Shape, path: str) -> Iterator[Fault]:
        known = shape["properties"]
        for name, inner in value.items():
            if name in known:
                yield from self._value(inner, known[name], f"{path}.{name}")
            else:
                stranger = ascii(name)[:42] if self.tells_strangers else "a field"
                yield Fault(path, Law.UNKNOWN_FIELD, f"{stranger} is not known here")
        yield from _fields(value, shape, path)

    def _array(self, value: list[Any], shape: Shape, path: str) -> Iterator[Fault]:
        if not shape["minItems"] <= len(value) <= shape["maxItems"]:
            yield Fault(path, Law.RANGE, f"must have from {shape['minItems']} to {shape['maxItems']} entries")
            return
        for index, inner in enumerate(value):
            yield from self._value(inner, shape["items"], f"{path}[{index}]")
            if shape.get("uniqueItems") and inner in value[:index]:
                yield Fault(f"{path}[{index}]", Law.TWICE, "is in this list already")


_KINDS = {"object": dict, "array": list, "integer": int, "string": str, "boolean": bool}
_CALLED = {
    "object": "must be an object",
    "array": "must be a list",
    "integer": "must be a whole number, not text, a fraction or a truth value",
    "string": "must be text",
    "boolean": "must be true or false",
}


def _fields(value: dict[str, Any], shape: Shape, path: str) -> Iterator[Fault]:
    """What an object needs: fields of its own, fields that others bring along, exactly one of a choice."""
    needed = list(shape["required"])
    for name, others in shape.get("dependentRequired", {}).items():
        needed += others if name in value else ()
    yield from (Fault(path, Law.MISSING_FIELD, f"{name} is needed") for name in needed if name not in value)
    names = [choice["required"][0] for choice in shape.get("oneOf", ())]
    if names and sum(name in value for name in names) != 1:
        yield Fault(path, Law.EXACTLY_ONE, f"exactly one of {', '.join(names)} is needed")


def _string(value: str, shape: Shape, path: str) -> Iterator[Fault]:
    if "enum" in shape and value not in shape["enum"]:
        yield Fault(path, Law.RANGE, f"must be {' or '.join(shape['enum'])}")
    elif "pattern" in shape and not re.search(shape["pattern"], value):
        yield Fault(path, Law.PATTERN, shape["description"])
