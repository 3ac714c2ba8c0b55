"""The whole story over real sockets: the house is `clearing serve`, the programs are processes, the partner is its engineer's client.

What happens is compared with exchange.txt. A membership number that is nobody's travels through all of it; then it is looked for.
"""

import asyncio
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from clearing import database
from clearing.client import Clearing, Problem, holds, verify_receipt
from clearing.front import vault
from clearing.front.stage import Stage, stage
from clearing.ledger.verify import verify
from tests import canary

CANARY = canary.NUMBER
GOLDEN = Path(__file__).with_name("exchange.txt")
WAIT = 20


class Overhears(httpx.BaseTransport):
    """Sends as usual and keeps every answer, headers and all."""

    def __init__(self) -> None:
        self.usual, self.heard = httpx.HTTPTransport(), list[bytes]()

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        response = self.usual.handle_request(request)
        body = response.read()
        self.heard.append(repr(response.headers.raw).encode() + body)
        return httpx.Response(response.status_code, headers=response.headers.raw, content=body)


@dataclass
class Told:
    """The stage, whoever speaks on it, and what was seen."""

    on: Stage
    overhears: Overhears = field(default_factory=Overhears)
    lines: list[str] = field(default_factory=list)
    source: str = ""
    target: str = ""

    def __post_init__(self) -> None:
        self.palm, self.operator = self._speaks("palm-requests.jwk"), self._speaks("operator.jwk")

    def _speaks(self, key_file: str) -> Clearing:
        key, house = vault.private_key(self.on.folder / key_file), vault.house_key(self.on.settings).public
        return Clearing(self.on.url, key, {house.key_id: house}, transport=self.overhears)

    def balances(self) -> tuple[int, int]:
        return self.on.balance("palm-hotels", self.source), self.on.balance("lotus-air", self.target)

    def exchange(self, title: str, sent: int, key: str) -> dict[str, Any]:
        """Quote, exchange, wait, and write down how it ended and what moved."""
        before = self.balances()
        token = self.palm.quote(self.source, self.target, sent=sent)["quote"]
        return self.sees(title, self.palm.exchange(token, key, wait=WAIT), before)

    def sees(self, title: str, ended: dict[str, Any], before: tuple[int, int]) -> dict[str, Any]:
        moved = [now - then for now, then in zip(self.balances(), before, strict=True)]
        self.lines.append(f"{title}: {ended['state']} ({ended['reason']}), {moved[0]:+} points, {moved[1]:+} miles")
        return ended

    def refused(self, title: str, ask: Any) -> None:
        with pytest.raises(Problem) as problem:
            ask()
        self.lines.append(f"{title}: {problem.value.code}")

    def rows(self, query: Any) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.on.database) as connection:
            return connection.execute(query).fetchall()


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Told]:
    with stage(tmp_path) as on:
        told = Told(on)
        yield told
        told.overhears.usual.close()


def test_a_signed_exchange_from_the_first_request_to_the_proof(told: Told) -> None:
    _linked(told)
    first = _completed(told)
    told.exchange("the airline declines", 21_876, "declined")
    told.exchange("the airline credits and its answer is lost", 21_802, "lost")
    _killed(told)
    _reversed(told, first)
    _decided(told)
    asyncio.run(_balanced(told))
    _proven(told, first)
    assert "\n".join(told.lines) + "\n" == GOLDEN.read_text()
    _hidden(told)


def _linked(told: Told) -> None:
    told.source = told.palm.account("palm-hotels", f"SBX-OK-{CANARY}", key="link-1")["account"]
    told.target = told.palm.account("lotus-air", f"SBX-OK-{CANARY}", name="Canary Bird", key="link-2")["account"]
    told.refused("a member nobody knows", lambda: told.palm.account("lotus-air", f"NOBODY-{CANARY}"))
    told.refused("a frozen member", lambda: told.palm.account("lotus-air", f"SBX-FROZEN-{CANARY}"))
    told.refused("a program nobody knows", lambda: told.palm.account("moon-air", f"SBX-OK-{CANARY}"))
    told.refused("a number too long", lambda: told.palm.account("lotus-air", CANARY * 9))
    told.refused("a field nobody knows", lambda: told.palm._post("/v1/accounts", {CANARY: CANARY}, None))
    told.refused("no JSON", lambda: told.palm._ask("POST", "/v1/accounts", f"{{{CANARY}".encode(), _POST))


_POST = {"content-type": "application/json", "idempotency-key": '"no-json"'}


def _completed(told: Told) -> dict[str, Any]:
    before = told.balances()
    quote = told.palm.quote(told.source, told.target, sent=20_000)
    first = told.sees("an exchange", told.palm.exchange(quote["quote"], "first", wait=WAIT), before)
    again = told.palm.exchange(quote["quote"], "first")
    assert (again["receipt"], again["exchange"]) == (first["receipt"], first["exchange"])
    told.sees("asked again under the same key", again, told.balances())
    told.refused("the same quote under another key", lambda: told.palm.exchange(quote["quote"], "second"))
    return first


def _killed(told: Told) -> None:
    """SIGKILL when the airline has answered the credit and nothing of it is written; then a house that knows nothing of that."""
    before = told.balances()
    token = told.palm.quote(told.source, told.target, sent=24_000)["quote"]
    told.on.close_house()
    told.on.open_house(kill_at="deliver.heard:2")
    with pytest.raises(httpx.HTTPError):
        told.palm.exchange(token, "killed", wait=WAIT)
    assert told.on.wait_for_end() == -9
    told.on.open_house()
    ended = told.sees("the house is killed in the middle", told.palm.exchange(token, "killed", wait=WAIT), before)
    assert told.on.effects("lotus-air", ended["exchange"]) == ["credit"]
    assert told.on.effects("palm-hotels", ended["exchange"]) == ["hold", "capture"]


def _reversed(told: Told, first: dict[str, Any]) -> None:
    before = told.balances()
    part = told.palm.reverse(first["exchange"], 8_000, "the member asked for it", "part", wait=WAIT)
    told.sees("a part is reversed", part, before)
    told.refused("more than is left", lambda: told.palm.reverse(first["exchange"], 12_002, "greed", "too-much"))
    before = told.balances()
    told.sees("the rest is reversed", told.palm.reverse(first["exchange"], 12_000, "all", "rest", wait=WAIT), before)


def _decided(told: Told) -> None:
    """The airline answers for another amount; an operator, who alone may, has looked and asks again."""
    before = told.balances()
    odd = told.exchange("the airline names another amount", 21_822, "odd")
    operator = told.operator
    (case,) = operator._ask("GET", "/v1/cases", None, {})["cases"]
    told.lines.append(f"  a case: {case['kind']}, owned by {case['owner']}")
    path = f"/v1/cases/{case['case']}/resolve"
    told.refused("  a partner decides", lambda: told.palm._post(path, {"decision": "done", "note": "please"}, None))
    operator._post(path, {"decision": "ask_again", "note": "the airline says it was a slip"}, "decide")
    told.sees("  an operator asks again", told.palm.look_up(odd["exchange"], wait=WAIT), before)


async def _balanced(told: Told) -> None:
    async with await database.connect(told.on.database) as connection:
        found = [line for check in await verify(connection, 0) for line in check.findings]
    assert found == []
    ((value,),) = told.rows("SELECT sum(amount) FROM entry WHERE mod(account, 16) >= 8")
    told.lines.append(f"the trial balance: {value}")
    for partner, position, pending in told.rows(
        "SELECT partner, position, pending FROM cap_slice JOIN partner ON account = number * 16 + 8 ORDER BY partner"
    ):
        told.lines.append(f"  {partner}: {position:+} ({pending} pending)")


def _proven(told: Told, first: dict[str, Any]) -> None:
    proof = told.palm.proof(first["exchange"])
    metrics = httpx.get(f"{told.on.url}/metrics").content
    told.overhears.heard += [metrics, httpx.get(f"{told.on.url}/openapi.json").content]
    told.on.close_house()
    findings = verify_receipt({"receipt": proof["receipt"], "proof": proof}, told.on.jwks)
    told.lines += [f"  {one.check}: {'holds' if one.holds else 'does not hold'}" for one in findings]
    assert holds(findings, proven=True)


def _hidden(told: Told) -> None:
    """The number is in the programs' own stores and nowhere else: not in an answer, a log, a leaf, a row, a file of PostgreSQL."""
    own = [path for path in told.on.folder.iterdir() if path.name.startswith(("palm-hotels.db", "lotus-air.db"))]
    for path in [path for path in own if path.suffix == ".db"]:
        with closing(sqlite3.connect(path)) as store:
            assert store.execute("SELECT count(*) FROM member WHERE number = ?", [f"SBX-OK-{CANARY}"]).fetchone() == (
                1,
            )
    assert not [body for body in told.overhears.heard if canary.shown(body)]
    assert canary.in_tables(told.on.database) == []
    files = [path for path in told.on.folder.rglob("*") if path.is_file() and path not in own]
    assert any(path.name == "house.log" for path in files)
    assert any("postgres" in str(path) for path in files)
    assert canary.in_files(files) == []
