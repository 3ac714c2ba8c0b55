"""A sandbox program as a process of its own, and a house small enough to ask it: what these tests stand on."""

import json
import secrets
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import httpx

from adapters.house_json import ADAPTER
from clearing.adapter import Answer, Call, Lot, Member, Operation, Order, Reply
from clearing.client import HouseAuth, PrivateKey, parse_public_jwk
from tests import canary

HOUSE = PrivateKey.generate(b"house key of the adapter tests..")
SHORT = ("--silence-seconds", "0.2", "--slow-seconds", "0.4", "--decide-seconds", "1.0", "--fault-times", "1")


class FarSide:
    """One running program."""

    def __init__(self, folder: Path, *options: str, unit: str = "MILE") -> None:
        self.folder, self.unit, self.options = folder, unit, options
        folder.mkdir(parents=True, exist_ok=True)
        (folder / "house.json").write_text(json.dumps({"keys": [dict(HOUSE.public.jwk)]}))
        self.start()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        command = [sys.executable, "-m", "adapters.sandbox", "--program", "lotus-air", "--unit", self.unit]
        places = ["--store", self.folder, "--house-jwks", self.folder / "house.json", "--key", self.folder / "key.json"]
        self.process = subprocess.Popen([*command, *map(str, places), *SHORT, *self.options], stdout=subprocess.PIPE)
        assert self.process.stdout is not None
        ready = json.loads(self.process.stdout.readline())
        self.url: str = ready["url"]
        key = parse_public_jwk({name: value for name, value in ready["jwk"].items() if name != "kid"})
        auth = HouseAuth(HOUSE, {key.key_id: key})
        hears: dict[str, Any] = {"event_hooks": {"response": [_hears]}, "trust_env": False, "timeout": 5}
        self.http = httpx.Client(auth=auth, **hears)
        self.plain = httpx.Client(base_url=self.url, **hears)

    def stop(self, *, kill: bool = False) -> None:
        self.http.close()
        self.plain.close()
        (self.process.kill if kill else self.process.terminate)()
        self.process.wait(5)
        assert self.process.stdout is not None
        with self.process.stdout as told:
            assert not canary.shown(told.read())

    def send(self, call: Call) -> Reply:
        heard = self.http.request(call.method, call.url, headers=list(call.headers), content=call.body)
        return Reply(heard.status_code, heard.headers, heard.content)

    def ask(self, *orders: Order) -> list[Answer]:
        calls = ADAPTER.calls(orders, self.url, {})
        return [answer for call in calls for answer in ADAPTER.answers(call, self.send(call))]

    def look_up(self, order: Order) -> Answer:
        call = ADAPTER.inquire(order, self.url, {})
        (answer,) = ADAPTER.answers(call, self.send(call))
        return answer

    def member(self, number: str = "SBX-OK", name: str | None = None, account: str | None = None) -> tuple[str, Member]:
        account = account or f"acc-{secrets.token_hex(6)}"
        call = ADAPTER.member_call(account, f"{number}-{canary.NUMBER}-{account}", name, self.url, {})
        return account, ADAPTER.member(call, self.send(call))

    def lots(self, account: str) -> tuple[Lot, ...]:
        call = ADAPTER.lots_call(account, self.url, {})
        return ADAPTER.lots(call, self.send(call))

    def script(self, operation: str | None, fault: str, times: int = 1, **more: Any) -> None:
        body = {"operation": operation, "fault": fault, "times": times, **more}
        assert self.plain.post("/sandbox/script", json=body).status_code == 200

    def advance(self, seconds: int) -> None:
        assert self.plain.post("/sandbox/clock/advance", json={"seconds": seconds}).status_code == 200

    def rows(self, query: str, *values: str) -> Sequence[tuple[Any, ...]]:
        store = sqlite3.connect(f"file:{self.folder / 'lotus-air.db'}?mode=ro", uri=True)
        try:
            return store.execute(query, values).fetchall()
        finally:
            store.close()

    def effects(self, order: Order) -> int:
        return len(self.rows("SELECT 1 FROM effect WHERE id = ?", order.id))

    def points(self, account: str) -> tuple[int, int]:
        """Balance less the opening one, and what is held."""
        query = "SELECT balance - opening, held FROM account JOIN member USING (number) WHERE token = ?"
        ((balance, held),) = self.rows(query, account)
        return balance, held


def _hears(response: httpx.Response) -> None:
    """No answer of a program names a member but by the token."""
    assert not canary.shown(repr(response.headers.raw).encode() + response.read())


def order(operation: str, account: str, amount: int = 5_000, refers: Order | None = None, **more: str) -> Order:
    """An order of a fresh exchange, or of the exchange of the order it refers to."""
    leg = {"hold": 1, "debit": 1, "credit": 2, "capture": 3, "release": 4, "reverse": 1, "claw_back": 1}[operation]
    exchange = (
        refers.id.rpartition("-")[0] if refers and operation not in ("reverse", "claw_back") else secrets.token_hex(16)
    )
    unit = more.get("unit", "MILE")
    return Order(
        f"{exchange}-{leg}", Operation(operation), "lotus-air", account, unit, amount, refers.id if refers else None
    )
