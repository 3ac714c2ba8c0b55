"""Laws of a member's lots: kept answers are opened once each, and never on the loop that serves everybody."""

import base64
import os
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from types import SimpleNamespace
from typing import Any
from uuid import UUID

import orjson
import pytest

from adapters.house_json import ADAPTER
from clearing import evidence, partners
from clearing.evidence import Evidence, Sealed, erase, place, seal
from clearing.front import lots
from clearing.front.house import LANE
from clearing.partners import Directory, Program, Told
from clearing.rules.lifecycle import Leg, order_id
from tests.ledger.members import NOW, RING
from tests.wire.delivery_room import can

AIR = Program("air", 2, "lotus", 2, "Air", "MILE", "house_json", "http://a", can(lots=True))
ACCOUNT = UUID(int=7)
FIRST, SECOND = UUID(int=1), UUID(int=2)


def answered(evidence_id: UUID, *exchanges: int) -> Evidence:
    """A kept call with the program's answer to the credits of these exchanges, each with a lot of its own."""
    rows = [
        {
            "id": order_id(UUID(int=number).hex, Leg.GIVE),
            "operation": "credit",
            "account": str(ACCOUNT),
            "unit": "MILE",
            "amount": 100,
            "result": "done",
            "lots": [{"lot": f"lot-{number}", "amount": 100}],
        }
        for number in exchanges
    ]
    bodies = {"request": "", "answer": base64.b64encode(orjson.dumps({"operations": rows})).decode()}
    meta = orjson.dumps({"method": "POST", "target": "air.test/v1/operations", "status": 200})
    sealed = seal(RING, place("evidence", LANE, evidence_id, "box"), orjson.dumps(bodies), os.urandom)
    return Evidence(evidence_id, "call", "house", NOW, b"", b"", None, meta, sealed)


def told(number: int, kept: Evidence) -> Told:
    return Told(UUID(int=number), Leg.GIVE, "credit", 100, NOW, kept)


@asynccontextmanager
async def nowhere() -> AsyncIterator[None]:
    yield None


async def asked(monkeypatch: pytest.MonkeyPatch, *history: Told) -> Any:
    """What the door says where the books know these operations."""

    async def account(*_: object) -> Any:
        return SimpleNamespace(program="air")

    async def told_of(*_: object) -> list[Told]:
        return list(history)

    async def directory(_at: object) -> Directory:
        return Directory({}, {"air": AIR}, {}, {})

    async def look_up_lots(*_: object) -> tuple[()]:
        return ()

    monkeypatch.setattr(partners, "account", account)
    monkeypatch.setattr(partners, "told_of", told_of)
    house: Any = SimpleNamespace(
        live=SimpleNamespace(directory=directory),
        reads=SimpleNamespace(connection=nowhere),
        delivery=SimpleNamespace(look_up_lots=look_up_lots),
        adapters={"house_json": ADAPTER},
        keyring=RING,
    )
    told_to, nothing = SimpleNamespace(partner=None), SimpleNamespace(query="?")
    wish: Any = SimpleNamespace(path={"account": str(ACCOUNT)}, at=NOW, caller=told_to, message=nothing)
    reply = await lots.lots(house, wish)
    content: Any = reply.content
    return [(UUID(move["exchange"]).int, move["lots"]) for move in content["history"]]


async def test_an_answer_to_many_operations_is_opened_once_and_away_from_the_loop(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[tuple[bytes, int]] = []

    def opens(keyring: evidence.Keyring, aad: bytes, sealed: Sealed) -> bytes:
        opened.append((aad, threading.get_ident()))
        return evidence.open_sealed(keyring, aad, sealed)

    monkeypatch.setattr(lots, "open_sealed", opens)
    many, few = answered(FIRST, 1, 2, 3), answered(SECOND, 4, 5)
    said = await asked(monkeypatch, *[told(n, many if n <= 3 else few) for n in (5, 3, 4, 2, 1)])
    assert said == [(n, [{"lot": f"lot-{n}", "amount": 100}]) for n in (5, 3, 4, 2, 1)]
    assert sorted(aad for aad, _ in opened) == [place("evidence", LANE, one, "box") for one in (FIRST, SECOND)]
    assert threading.get_ident() not in {thread for _, thread in opened}


async def test_an_answer_speaks_only_of_the_operations_that_it_was_kept_for(monkeypatch: pytest.MonkeyPatch) -> None:
    early, erased = answered(FIRST, 1, 2), answered(SECOND, 2)  # the second exchange was asked about again
    gone = replace(erased, sealed=erase(erased.sealed))
    assert await asked(monkeypatch, told(2, gone), told(1, early)) == [
        (2, None),
        (1, [{"lot": "lot-1", "amount": 100}]),
    ]
