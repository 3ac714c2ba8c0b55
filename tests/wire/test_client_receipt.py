"""A receipt holds offline, and a change anywhere in it is found."""

import json
from typing import Any

import pytest

from clearing.client.receipt import holds, verify_receipt
from clearing.rules import merkle
from clearing.signatures import encode, jws_sign, note_sign
from tests.wire.make_vectors import HOUSE, STRANGER

LOG = "clearing.example/lane/0"
JWKS = {"keys": [STRANGER.public.jwk, HOUSE.public.jwk]}
SALT = bytes(range(32))
EVENT = b'{"exchange":"0001","kind":"reserved","sent":1000}'
OTHERS = [merkle.leaf_hash(bytes([number])) for number in range(4)]
LEAF = merkle.leaf_hash(merkle.commitment(SALT, EVENT))
LEAVES = [*OTHERS[:3], LEAF, OTHERS[3]]
INDEX = 3


def look_up(level: int, index: int) -> bytes:
    if level == 0:
        return LEAVES[index]
    return merkle.node_hash(look_up(level - 1, 2 * index), look_up(level - 1, 2 * index + 1))


ROOT = merkle.subtree(0, len(LEAVES), look_up)
PATH = [node.hex() for node in merkle.inclusion(INDEX, len(LEAVES), look_up)]
SAID = {"exchange": "0001", "event": encode(EVENT), "salt": encode(SALT), "lane": 0, "index": INDEX, "leaf": LEAF.hex()}
NOTE = note_sign(LOG, len(LEAVES), ROOT, HOUSE, LOG)


def receipt(said: dict[str, Any] | None = None, key: Any = HOUSE, typ: str = "clearing-receipt+jws") -> dict[str, Any]:
    return {"receipt": jws_sign(json.dumps(SAID | (said or {})).encode(), key, typ)}


def proven(**more: Any) -> dict[str, Any]:
    return receipt() | {"proof": {"index": INDEX, "path": PATH, "checkpoint": NOTE} | more}


def failed(document: dict[str, Any], **more: Any) -> list[str]:
    return [finding.check for finding in verify_receipt(document, JWKS, **more) if not finding.holds]


def test_an_honest_receipt_holds_with_and_without_proof() -> None:
    bare, whole = verify_receipt(receipt(), JWKS), verify_receipt(proven(), JWKS, origin=LOG)
    assert holds(bare)
    assert not holds(bare, proven=True)
    assert holds(whole, proven=True)
    checks = ["signature", "leaf", "event", "checkpoint", "origin", "place", "inclusion"]
    assert [finding.check for finding in whole] == checks


def test_nothing_checked_is_nothing_held() -> None:
    assert not holds(())


@pytest.mark.parametrize(
    "document",
    [
        {},
        {"receipt": None},
        {"receipt": "a.b.c"},
        receipt(typ="clearing-quote+jws"),
        receipt({"salt": encode(b"short")}),
        receipt({"salt": 1}),
        receipt({"leaf": "zz"}),
        receipt({"index": True}),
        receipt({"exchange": 1}),
        {"receipt": jws_sign(b"[]", HOUSE, "clearing-receipt+jws")},
        {"receipt": jws_sign(b"\xff", HOUSE, "clearing-receipt+jws")},
    ],
)
def test_what_is_not_a_receipt_of_the_house_is_found(document: dict[str, Any]) -> None:
    assert failed(document) == ["signature"]


def test_a_receipt_of_a_key_that_is_not_the_house_s_is_found() -> None:
    findings = verify_receipt(receipt(), {"keys": [STRANGER.public.jwk]})
    assert not holds(findings)


def test_an_event_that_was_not_committed_to_is_found() -> None:
    other = encode(EVENT.replace(b"1000", b"9000"))
    assert failed(receipt({"event": other})) == ["leaf"]
    assert failed(receipt({"salt": encode(SALT[::-1])})) == ["leaf"]


def test_an_event_of_another_exchange_is_found() -> None:
    assert failed(receipt({"exchange": "0002"})) == ["event"]


@pytest.mark.parametrize(
    ("more", "checks"),
    [
        ({"index": 2}, ["place"]),
        ({"path": PATH[::-1]}, ["inclusion"]),
        ({"path": PATH[:-1]}, ["inclusion"]),
        ({"path": [*PATH, PATH[0]]}, ["inclusion"]),
        ({"path": ["zz"]}, ["checkpoint"]),
        ({"path": None}, ["checkpoint"]),
        ({"checkpoint": NOTE.replace("\n5\n", "\n6\n")}, ["checkpoint"]),
        ({"checkpoint": note_sign(LOG, 5, ROOT, STRANGER, "other")}, ["checkpoint"]),
        ({"checkpoint": note_sign(LOG, 5, SALT, HOUSE, LOG)}, ["inclusion"]),
        ({"checkpoint": note_sign("other.example", 5, ROOT, HOUSE, "other.example")}, ["origin"]),
    ],
)
def test_a_proof_that_does_not_fit_is_found(more: dict[str, Any], checks: list[str]) -> None:
    assert failed(proven(**more), origin=LOG) == checks
