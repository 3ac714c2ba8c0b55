"""A house on a socket with two real sandbox programs, and a caller who can send any bytes, signed or not."""

import asyncio
import http.client
import json
import secrets
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import psycopg
import pytest
import uvicorn
import uvloop

from clearing.front import logs, onboarding, paging, serving, vault, wiring
from clearing.front.house import House
from clearing.front.settings import Settings
from clearing.signatures import Message, PrivateKey, sign_request, verify_response
from tests import canary
from tests.command_line import clearing

CANARY = f"SBX-OK-{canary.NUMBER}"
UNSENT = object()
PLAN = """
partners:
  - {partner: lotus, name: Lotus Air, cap: 1000000000, shortfall: program, keys: [
      {purpose: requests, key_file: lotus.jwk}, {purpose: answers, key_file: air.jwk}]}
  - {partner: palm, name: Palm Hotels, cap: 1000000000, shortfall: program, keys: [
      {purpose: requests, key_file: palm.jwk}, {purpose: answers, key_file: hotels.jwk}]}
  - {partner: corner, name: Corner Shop, cap: 1000000000, shortfall: program, keys: [{purpose: requests, key_file: corner.jwk}],
     rights: [{program: lotus-air, kinds: [accrual, purchase, redemption]}, {program: palm-hotels, kinds: [accrual, redemption]},
       {program: brief, kinds: [redemption]}, {program: relief, kinds: [accrual, redemption]}, {program: lone, kinds: [accrual]}]}
  - {partner: kiosk, name: Kiosk, cap: 100000, keys: [{purpose: requests, key_file: kiosk.jwk}],
     rights: [{program: lotus-air, kinds: [accrual]}]}
  - {partner: stand, name: Stand, cap: 1000000000, keys: [{purpose: requests, key_file: stand.jwk}],
     rights: [{program: lotus-air, kinds: [accrual]}]}
  - {partner: booth, name: Booth, cap: 1000000000, shortfall: partner, keys: [{purpose: requests, key_file: booth.jwk}],
     rights: [{program: lotus-air, kinds: [accrual]}]}
operators: [{key_file: operator.jwk}]
programs:
  - {program: lotus-air, partner: lotus, name: Lotus Miles, unit_name: MILE, endpoint: "AIR", capabilities: &can
      {hold_seconds: 900, idempotent: true, look_up: true, reversal: true, batch: 100, longest_seconds: 60},
     price: {issue: 9000/1, redeem: 7000/1}}
  - {program: palm-hotels, partner: palm, name: Palm Points, unit_name: POINT, endpoint: "HOTELS", capabilities: *can,
     price: {issue: 4000/1, redeem: 3500/1}}
  - {program: lone, partner: palm, name: Lone, unit_name: LONE, endpoint: "HOTELS", capabilities: *can}
  - {program: strict, partner: palm, name: Strict, unit_name: STRICT, endpoint: "HOTELS", price: {issue: 4000/1, redeem: 3500/1},
     capabilities: {<<: *can, account_age_days: 30, link_age_days: 2, one_card_per_account: true}}
  - {program: relief, partner: palm, name: Relief Fund, unit_name: POINT, endpoint: "HOTELS", capabilities: *can, nature: charity,
     price: {issue: 4000/1, redeem: 3500/1}}
  - {program: purse, partner: palm, name: Palm Purse, unit_name: POINT, endpoint: "HOTELS", capabilities: *can, nature: money,
     price: {issue: 10000/1, redeem: 10000/1}}
  - {program: brief, partner: palm, name: Brief, unit_name: POINT, endpoint: "HOTELS", price: {issue: 4000/1, redeem: 3500/1},
     capabilities: {<<: *can, hold_seconds: 120}}
corridors:
  - {source: lotus-air, target: relief, ratio: 1/1, step: 1, minimum: 10}
  - {source: lotus-air, target: purse, ratio: 1/2, step: 2, minimum: 10}
  - {source: palm-hotels, target: lotus-air, ratio: 1/3, step: 3, minimum: 300, maximum: 30000000}
  - {source: strict, target: lotus-air, ratio: 1/3, step: 3, minimum: 300, maximum: 30000000}
"""


class _Logs(StringIO):
    """One way out for all logs of a process: what is written goes to every house that is open in it."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[StringIO] = []

    def write(self, text: str) -> int:
        for room in self.open:
            room.write(text)
        return len(text)


_LOGS = _Logs()


@contextmanager
def listening() -> Iterator[StringIO]:
    """What is logged in this process from now on, beside whoever else listens."""
    log = StringIO()
    _LOGS.open.append(log)
    logs.configure("info", _LOGS)
    try:
        yield log
    finally:
        logs.flush()
        _LOGS.open.remove(log)


@dataclass(frozen=True)
class Answer:
    """What came back on the socket."""

    status: int
    headers: dict[str, str]
    body: bytes
    signed: bool
    sent: tuple[tuple[str, str], ...] = ()

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        code: str = self.json["code"]
        return code


@dataclass
class Front:
    """The house under test, and everybody's keys."""

    house: House
    host: str
    url: str
    folder: Path
    log: StringIO
    loop: asyncio.AbstractEventLoop  # of the house, which lives in a thread of its own
    keys: dict[str, PrivateKey] = field(default_factory=dict)
    told: list[bytes] = field(default_factory=list)  # every answer, for the canary

    def ask(
        self,
        method: str,
        path: str,
        body: Any = UNSENT,
        *,
        key: str | PrivateKey = "palm",
        name: str | None = None,
        headers: dict[str, str] | None = None,
        created: int | None = None,
        nonce: str | None = None,
    ) -> Answer:
        """One signed request; `body` as JSON, or as the very bytes."""
        return self.send(
            *self.signed(method, path, body, key=key, name=name, headers=headers, created=created, nonce=nonce)
        )

    def signed(
        self,
        method: str,
        path: str,
        body: Any = UNSENT,
        *,
        key: str | PrivateKey = "palm",
        name: str | None = None,
        headers: dict[str, str] | None = None,
        created: int | None = None,
        nonce: str | None = None,
    ) -> tuple[str, str, list[tuple[str, str]], bytes]:
        raw = b"" if body is UNSENT else body if isinstance(body, bytes) else json.dumps(body).encode()
        private = self.keys[key] if isinstance(key, str) else key
        given = [("host", self.host), *(headers or {}).items()]
        if raw and "content-type" not in dict(given):
            given.append(("content-type", "application/json"))
        if method != "GET" and "idempotency-key" not in dict(given):
            given.append(("idempotency-key", f'"{name or secrets.token_hex(8)}"'))
        plain, _, query = path.partition("?")
        message = Message(method, self.host, plain, f"?{query}", tuple(given), raw)
        at = int(time.time()) if created is None else created
        given += sign_request(message, private, created=at, expires=at + 120, nonce=nonce or secrets.token_urlsafe(18))
        return method, path, given, raw

    def command(self, *words: str | Path, key: str = "operator") -> subprocess.CompletedProcess[str]:
        """A command that asks this house, signed with a key of its folder."""
        return clearing(*words, "--key", self.folder / f"{key}.jwk", "--url", f"http://{self.host}")

    def send(self, method: str, path: str, headers: list[tuple[str, str]], body: bytes = b"") -> Answer:
        """Exactly these headers and bytes, in this order. If the answer is signed, the signature must hold."""
        connection = http.client.HTTPConnection(self.host, timeout=40)
        try:
            connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
            for header, value in headers:
                connection.putheader(header, value)
            if body:
                connection.putheader("content-length", str(len(body)))
            connection.endheaders(body or None)
            response = connection.getresponse()
            content = response.read()
            found = tuple((header.lower(), value) for header, value in response.getheaders())
        finally:
            connection.close()
        self.told.append(content)
        plain, _, query = path.partition("?")
        request = Message(method, self.host, plain, f"?{query}", tuple(headers), body)
        answer = Message(method, self.host, plain, f"?{query}", found, content, response.status)
        signed = "signature" in dict(found)
        if signed:
            verify_response(request, answer, self.house.keys.get, now=int(time.time()))
        return Answer(response.status, dict(found), content, signed, tuple(headers))

    def link(self, program: str, member: str, key: str = "palm") -> str:
        answer = self.ask("POST", "/v1/accounts", {"program": program, "member": member}, key=key)
        assert answer.status in {200, 201}, answer.body
        account: str = answer.json["account"]
        return account

    def quote(self, sent: int = 3000, **more: Any) -> Answer:
        wish = {
            "source_account": self.link("palm-hotels", CANARY),
            "target_account": self.link("lotus-air", CANARY),
            "sent": sent,
        }
        return self.ask("POST", "/v1/quotes", wish | more)

    def completed(self, sent: int = 3000) -> dict[str, Any]:
        answer = self.ask(
            "POST", "/v1/exchanges", {"quote": self.quote(sent).json["quote"]}, headers={"prefer": "wait=20"}
        )
        assert answer.status == 201, answer.body
        found: dict[str, Any] = answer.json
        return found

    def books(self) -> list[tuple[Any, ...]]:
        """Everything that a refusal must leave alone, once the exchanges of earlier tests have come to their ends."""
        tables = (
            "exchange",
            "orders",
            "entry",
            "leaf",
            "cap_slice",
            "position_slice",
            "evidence",
            "review_case",
            "account",
            "account_evidence",
            "link",
            "consent",
            "claim",
        )
        with psycopg.connect(self.url) as connection:
            self._at_rest(connection)
            counts = [connection.execute(f"SELECT '{t}', count(*) FROM {t}").fetchone() for t in tables]
            caps = connection.execute("SELECT * FROM cap_slice ORDER BY account").fetchall()
        return [*(row for row in counts if row), *caps]

    @staticmethod
    def _at_rest(connection: psycopg.Connection) -> None:
        """An exchange that an earlier test did not wait for goes on by itself: only after it can two counts be compared.

        Programs that some tests add have nobody at their address: what waits for them moves nothing.
        """
        deadline = time.monotonic() + 30
        while connection.execute(
            "SELECT 1 FROM exchange WHERE state NOT IN ('completed', 'reversed', 'review') "
            " AND source_program = ANY(%s)",
            [["palm-hotels", "lotus-air"]],
        ).fetchone():
            connection.rollback()
            assert time.monotonic() < deadline, "an exchange of an earlier test does not come to an end"
            time.sleep(0.02)


def _program(folder: Path, program: str, unit: str, key: Path) -> tuple[subprocess.Popen[bytes], str]:
    command = [sys.executable, "-m", "adapters.sandbox", "--program", program, "--unit", unit, "--store", str(folder)]
    process = subprocess.Popen(
        [*command, "--house-jwks", str(folder / "house-public.json"), "--key", str(key)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    return process, json.loads(process.stdout.readline())["url"]


@contextmanager
def opened(url: str, folder: Path) -> Iterator[Front]:
    """The house, its programs and its partners, up and ready."""
    names = ("lotus", "palm", "corner", "kiosk", "stand", "booth", "air", "hotels", "operator", "stranger")
    keys = {name: vault.private_key(folder / f"{name}.jwk", make=True) for name in names}
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        settings = Settings(home=folder / "home", port=port, log_level="info")
        public = vault.house_key(settings).public.jwk
        (folder / "house-public.json").write_text(json.dumps({"keys": [dict(public)]}))
        programs = [
            _program(folder, "lotus-air", "MILE", folder / "air.jwk"),
            _program(folder, "palm-hotels", "POINT", folder / "hotels.jwk"),
        ]
        try:
            with (
                listening() as log,
                _serving(settings, url, listener, folder, [at for _, at in programs]) as (house, loop),
            ):
                yield Front(house, f"127.0.0.1:{port}", url, folder, log, loop, keys)
        finally:
            for process, _ in programs:
                process.terminate()
                process.wait(5)
                if process.stdout:
                    process.stdout.close()


def _end(stop: threading.Event, server: uvicorn.Server) -> None:
    stop.wait()
    server.should_exit = True


@contextmanager
def _serving(
    settings: Settings, url: str, listener: socket.socket, folder: Path, at: list[str]
) -> Iterator[tuple[House, asyncio.AbstractEventLoop]]:
    """The house in a thread with a loop of its own, as `clearing serve` runs it."""
    ready, stop, failed, houses = threading.Event(), threading.Event(), [], []
    (folder / "plan.yaml").write_text(PLAN.replace('"AIR"', at[0]).replace('"HOTELS"', at[1]))

    async def live() -> None:
        await wiring.prepare(url)
        async with wiring.open_house(settings, url) as house:
            async with house.reads.connection() as connection:
                plan = onboarding.read_plan(folder / "plan.yaml")
                await onboarding.onboard(plan, connection, house.writer, settings, folder)
            houses.append((house, asyncio.get_running_loop()))
            server = uvicorn.Server(serving.config(house))
            threading.Thread(target=_end, args=(stop, server)).start()
            ready.set()  # the socket listens already: who comes early waits
            await server.serve(sockets=[listener])

    def work() -> None:
        try:
            with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
                runner.run(live())
        except BaseException as reason:  # noqa: BLE001 - told to the test
            failed.append(reason)
            ready.set()

    thread = threading.Thread(target=work)
    thread.start()
    try:
        assert ready.wait(60)
        if failed:
            raise failed[0]
        yield houses[0]
    finally:
        stop.set()
        thread.join(30)


def walks_to_the_end(front: Front, path: str, name: str, key: str, monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a list tells at once is what its pages of one and of two tell one after the other."""
    whole = front.ask("GET", path, key=key).json
    assert whole["next"] is None
    for most in (1, 2):
        walked, after = [], ""
        with monkeypatch.context() as patch:
            patch.setattr(paging, "PAGE", most)
            while True:
                page = front.ask("GET", path + after, key=key).json
                assert len(page[name]) <= most
                walked += page[name]
                if page["next"] is None:
                    break
                assert page[name]
                after = f"{'&' if '?' in path else '?'}after={page['next']}"
        assert walked == whole[name]
    found: list[Any] = whole[name]
    assert len(found) > 1
    return found
