"""The house and two sandbox programs as processes of their own, on loopback, onboarded, with linked members; gone afterwards."""

import asyncio
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx

from bench import ground
from bench.burden import postmaster
from bench.ground import SOURCE, TARGET
from clearing import database
from clearing.client import Clearing, house_keys
from clearing.front import onboarding, settings, vault
from clearing.front.onboarding import Plan
from clearing.front.settings import Settings
from clearing.front.wiring import prepare
from clearing.signatures import PrivateKey, PublicKey

ROOT = Path(__file__).parents[1]
START_SECONDS_MAX, STOP_SECONDS_MAX = 60.0, 20.0
CAP = 10**15
UNITS = {SOURCE: "POINT", TARGET: "MILE"}
OWNERS = {SOURCE: "palm", TARGET: "lotus"}
PRICES = {
    SOURCE: ("6000", "5000"),
    TARGET: ("8000", "7000"),
}  # issue, redeem: 1000 points pay 5.00, 500 miles cost 4.00
PLANNED = {
    "hold_seconds": 900,
    "idempotent": True,
    "look_up": True,
    "reversal": True,
    "batch": 100,
    "longest_seconds": 60,
}


@dataclass(frozen=True, slots=True)
class Stand:
    """What a load needs to know."""

    authority: str
    key: PrivateKey
    keys: dict[str, PublicKey]
    accounts: list[tuple[str, str]]  # source and target account tokens of each member
    house: int
    sandboxes: tuple[int, int]
    postgres: int


@contextmanager
def standing(members: int, say: Callable[[str], None], database_url: str | None = None) -> Iterator[Stand]:
    """Start everything, link so many members, stop everything."""
    with TemporaryDirectory(prefix="clearing-bench-") as folder, ExitStack() as running:
        home = Path(folder)
        given = Settings(home=home, database_url=None, port=0)
        own = vault.house_key(given)
        (home / "house.json").write_text(json.dumps({"keys": [dict(own.public.jwk)]}))
        server = running.enter_context(ground.server(database_url))
        say("exchange: starting two programs and the house")
        told = {program: running.enter_context(_sandbox(home, program)) for program in UNITS}
        key_file = home / "keys" / "palm.jwk"
        postgres = asyncio.run(_onboard(server, given, told, key_file))
        authority, pid = running.enter_context(_house(home, server))
        url = f"http://{authority}"
        key, keys = vault.private_key(key_file), house_keys(url)
        say(f"exchange: linking {2 * members} members")
        accounts = _linked(url, key, keys, members)
        sandboxes = (int(told[SOURCE]["pid"]), int(told[TARGET]["pid"]))
        yield Stand(authority, key, keys, accounts, pid, sandboxes, postgres)


@contextmanager
def _sandbox(home: Path, program: str) -> Iterator[dict[str, Any]]:
    """One program; what it says when it is ready."""
    named = {
        "--program": program,
        "--unit": UNITS[program],
        "--store": home / "stores",
        "--house-jwks": home / "house.json",
        "--key": home / "stores" / f"{program}.jwk",
    }
    options = [str(part) for pair in named.items() for part in pair]
    with _process([sys.executable, "-m", "adapters.sandbox", *options], stdout=subprocess.PIPE) as process:
        line = process.stdout.readline() if process.stdout is not None else b""
        if not line:
            message = f"the sandbox program {program} did not start"
            raise RuntimeError(message)
        yield json.loads(line)


@contextmanager
def _house(home: Path, database_url: str) -> Iterator[tuple[str, int]]:
    """`clearing serve` with its defaults, logs in a file; its authority and process id once it is ready."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}
    environment |= {f"{settings.PREFIX}HOME": str(home), f"{settings.PREFIX}DATABASE_URL": database_url}
    log = home / "house.log"
    with log.open("wb") as file:
        command = [sys.executable, "-m", "clearing.front", "serve", "--host", "127.0.0.1", "--port", "0"]
        with _process(command, stderr=file, env=environment) as process:
            port = _awaited(lambda: _port(log), process, log)
            authority = f"127.0.0.1:{port}"
            _awaited(lambda: _ready(f"http://{authority}/readyz"), process, log)
            yield authority, process.pid


@contextmanager
def _process(command: list[str], **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    process = subprocess.Popen(command, cwd=ROOT, **options)
    try:
        yield process
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        if process.stdout is not None:
            process.stdout.close()


def _awaited(look: Callable[[], Any], process: subprocess.Popen[bytes], log: Path) -> Any:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until and process.poll() is None:
        if found := look():
            return found
        time.sleep(0.05)
    message = f"the house did not start: {log.read_text(errors='replace')[-2000:]}"
    raise RuntimeError(message)


def _port(log: Path) -> int | None:
    """The port in the line that says that the house is serving."""
    for line in log.read_bytes().splitlines():
        if line.startswith(b"{") and line.endswith(b"}"):
            said = json.loads(line)
            if said.get("event") == "serving":
                return int(said["port"])
    return None


def _ready(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0, trust_env=False).status_code == 200
    except httpx.HTTPError:
        return False


async def _onboard(url: str, given: Settings, told: dict[str, dict[str, Any]], key_file: Path) -> int:
    """Migrate and register everything, before the house starts; the process id of PostgreSQL."""
    home = given.home
    await prepare(url)
    async with await database.connect(url, application=False) as connection, ground.lane_writer(url) as writer:
        await connection.set_autocommit(True)
        await onboarding.onboard(_plan(home, told, key_file), connection, writer, given, home)
        return await postmaster(connection)


def _plan(home: Path, told: dict[str, dict[str, Any]], key_file: Path) -> Plan:
    """Two partners with a program each, and the corridor from the hotel to the airline, two points for a mile."""
    answers = {program: {"purpose": "answers", "key_file": home / "stores" / f"{program}.jwk"} for program in UNITS}
    requests = {SOURCE: [{"purpose": "requests", "key_file": key_file}], TARGET: []}
    partners = [
        {"partner": who, "name": who.title(), "cap": CAP, "keys": [*requests[program], answers[program]]}
        for program, who in OWNERS.items()
    ]
    programs = [
        {
            "program": program,
            "partner": OWNERS[program],
            "name": program.title(),
            "unit_name": UNITS[program],
            "endpoint": told[program]["url"],
            "capabilities": PLANNED,
            "price": dict(zip(("issue", "redeem"), PRICES[program], strict=True)),
        }
        for program in UNITS
    ]
    corridors = [{"source": SOURCE, "target": TARGET, "ratio": "1/2", "step": 2, "minimum": 100}]
    return Plan.model_validate({"partners": partners, "programs": programs, "corridors": corridors})


def _linked(url: str, key: PrivateKey, keys: dict[str, PublicKey], members: int) -> list[tuple[str, str]]:
    with Clearing(url, key, keys) as house:
        return [
            (
                str(house.account(SOURCE, f"SBX-OK-{number:06}")["account"]),
                str(house.account(TARGET, f"SBX-OK-{number:06}")["account"]),
            )
            for number in range(members)
        ]
