"""The stage of the demo: a folder, a database, two sandbox programs and the house, each a process of its own on loopback."""

import asyncio
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from rich.console import Console

from clearing import errors
from clearing.client import Clearing
from clearing.front import onboarding, settings, sources, vault, wiring
from clearing.front.settings import Settings
from clearing.front.shapes import instant

START_SECONDS_MAX = 30
SETTLE_SECONDS_MAX = 10.0
QUIET_SECONDS = 0.05
PACE = {
    "lease_seconds": 2,
    "poll_seconds": 0.2,
    "call_timeout_seconds": 0.8,
    "backoff_first_seconds": 0.1,
    "backoff_most_seconds": 1,
    "breaker_seconds": 1,
}

PLAN = """
partners:
  - {{partner: palm, name: Palm Hotels, cap: 5000000000, valid_from: "{now}", shortfall: program, funding: &summer [
      {{campaign: summer, funders: [{{funder: palm, ppm: 500000}}, {{funder: lotus, ppm: 500000}}]}}], keys: [
      {{purpose: requests, key_file: palm-requests.jwk}}, {{purpose: answers, key_file: palm-hotels.jwk}}]}}
  - {{partner: lotus, name: Lotus Air, cap: 5000000000, valid_from: "{now}", shortfall: member_negative, funding: *summer, keys: [
      {{purpose: requests, key_file: lotus-requests.jwk}}, {{purpose: answers, key_file: lotus-air.jwk}}]}}
  - {{partner: corner, name: Corner Shop, cap: 5000000000, valid_from: "{now}", shortfall: program,
      keys: [{{purpose: requests, key_file: corner-requests.jwk}}],
      rights: [{{program: lotus-air, kinds: [accrual, purchase, redemption]}},
        {{program: palm-hotels, kinds: [accrual, purchase, redemption]}}]}}
operators: [{{key_file: operator.jwk}}, {{key_file: second.jwk}}]
programs:
  - {{program: palm-hotels, partner: palm, name: Palm Points, unit_name: POINT, endpoint: "{hotel}",
      capabilities: {hotel_can}, price: {{issue: 6000, redeem: 5000}}}}
  - {{program: lotus-air, partner: lotus, name: Lotus Miles, unit_name: MILE, endpoint: "{airline}",
      capabilities: {airline_can}, price: {{issue: 9000, redeem: 7500}}}}
cards:
  - format: rate-card/1
    source: palm-hotels
    target: lotus-air
    version: 1
    announced_at: "{now}"
    valid_from: "{now}"
    rates: [{{name: base, bands: [{{minimum: 1000, step: 2, ratio: {{points: 2, units: 1}}}}]}}]
    bonuses:  # half of it is paid by each of the two, and there are units for one summer only
      - {{name: summer, when: {{tiers: [gold]}}, share_of_base: {{num: 1, den: 5}}, funders: [
          {{code: palm, share: {{num: 1, den: 2}}}}, {{code: lotus, share: {{num: 1, den: 2}}}}]}}
campaigns:
  - {{campaign: summer, units: 3000}}
"""
FIRST_STEPS = """
Be the hotel's engineer in another terminal (add --curl to see the signed request instead of sending it):

  .venv/bin/clearing account palm-hotels SBX-OK-20048852 --key {key} --url {url}
  .venv/bin/clearing account lotus-air SBX-OK-71130046 --key {key} --url {url}
  .venv/bin/clearing quote PALM_ACCOUNT LOTUS_ACCOUNT --sent 20000 --key {key} --url {url}
  .venv/bin/clearing exchange QUOTE --wait 10 --key {key} --url {url}

Ctrl-C closes the house; its books stay."""
CAPABILITIES = """{{hold_seconds: 900, idempotent: true, look_up: true, reversal: true, batch: 100, longest_seconds: 30, signed: true,
      lots: true, lot_months: {lot_months}, below_zero: true}}"""
POINT_MONTHS, MILE_MONTHS = 24, 36  # how long the hotel's points and the airline's miles live


@dataclass
class Stage:
    """Everything that runs, and where it is."""

    folder: Path
    settings: Settings
    database: str
    programs: Mapping[str, str] = field(default_factory=dict)
    house: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where the house is."""
        return f"http://127.0.0.1:{self.settings.port}"

    @property
    def jwks(self) -> dict[str, Any]:
        """The house's public keys."""
        return {"keys": [dict(vault.house_key(self.settings).public.jwk)]}

    def client(self, partner: str) -> Clearing:
        """A partner's engineer at the desk."""
        key = vault.private_key(self.folder / f"{partner}-requests.jwk")
        house = vault.house_key(self.settings).public
        return Clearing(self.url, key, {house.key_id: house})

    def open_house(self, kill_at: str | None = None) -> None:
        """Start the house and wait until it is ready; with `kill_at` it will SIGKILL itself at that step."""
        told = {
            "CLEARING_HOME": str(self.settings.home),
            "CLEARING_PACE": json.dumps(PACE),
            "CLEARING_LOG_LEVEL": "info",
            "CLEARING_BANK_COOLING_HOURS": str(settings.SANDBOX_COOLING_HOURS),
        }
        if kill_at:
            told["CLEARING_KILL_AT"] = kill_at
        command = [sys.executable, "-m", "clearing.front", "serve", "--port", str(self.settings.port)]
        with (self.folder / "house.log").open("ab") as log:
            self.house = subprocess.Popen(command, env={**_bare(), **told}, stdout=log, stderr=log)
        _until(lambda: httpx.get(f"{self.url}/readyz").status_code == httpx.codes.OK, self.house, "the house")

    def wait_for_end(self) -> int:
        """How the house's process ended: minus the number of the signal."""
        return 0 if self.house is None else self.house.wait(START_SECONDS_MAX)

    def wait_for_ever(self) -> None:
        """Until the house ends, or the person at the keyboard has seen enough."""
        if self.house is not None:
            self.house.wait()

    def close_house(self) -> None:
        """Ask the house to stop."""
        if self.house is not None and self.house.poll() is None:
            self.house.send_signal(signal.SIGTERM)
            self.house.wait(START_SECONDS_MAX)

    def balance(self, program: str, account: str) -> int:
        """What a member has, in the program's own books."""
        accounts = httpx.get(f"{self.programs[program]}/sandbox/state").json()["accounts"]
        return next(int(found["balance"]) for found in accounts if found["account"] == account)

    def settled_balance(self, program: str, account: str, wanted: int) -> int:
        """What a member has once it is this, or after a while: what is credited apart may come a moment later."""
        until = time.monotonic() + SETTLE_SECONDS_MAX
        while (found := self.balance(program, account)) != wanted and time.monotonic() < until:
            time.sleep(QUIET_SECONDS)
        return found

    def effects(self, program: str, exchange_id: str) -> list[str]:
        """What really moved or held points at a program for one exchange, in its own durable store."""
        query = "SELECT operation FROM effect WHERE exchange = ? ORDER BY rowid"
        with closing(sqlite3.connect(f"file:{self.folder / program}.db?mode=ro", uri=True)) as store:
            return [operation for (operation,) in store.execute(query, [exchange_id.replace("-", "")])]


def _bare() -> dict[str, str]:
    """The environment without what was told to this process about its own house."""
    return {name: value for name, value in os.environ.items() if not name.startswith(settings.PREFIX)}


def _until(ready: Any, process: subprocess.Popen[bytes], name: str) -> None:
    until = time.monotonic() + START_SECONDS_MAX
    while time.monotonic() < until:
        if process.poll() is not None:
            raise errors.Misconfigured(f"{name} ended with {process.returncode} before it was ready")
        try:
            if ready():
                return
        except httpx.HTTPError:
            pass
        time.sleep(QUIET_SECONDS)
    raise errors.Unavailable(f"{name} was not ready after {START_SECONDS_MAX} seconds")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@contextmanager
def _program(folder: Path, code: str, unit: str, lot_months: int) -> Iterator[str]:
    """A sandbox program, as a process with its own key and its own durable store; yields where it is."""
    command = [sys.executable, "-m", "adapters.sandbox", "--program", code, "--unit", unit, "--store", str(folder)]
    command += ["--house-jwks", str(folder / "house-jwks.json"), "--key", str(folder / f"{code}.jwk")]
    command += ["--silence-seconds", "2", "--balance", "1000000", "--lot-months", str(lot_months), "--below-zero"]
    with (folder / f"{code}.log").open("ab") as log:
        process = subprocess.Popen(command, env=_bare(), stdout=subprocess.PIPE, stderr=log)
    try:
        line = process.stdout.readline() if process.stdout else b""
        if not line:
            raise errors.Misconfigured(f"the sandbox program {code} did not start; see {folder / f'{code}.log'}")
        yield str(json.loads(line)["url"])
    finally:
        process.terminate()
        process.wait(START_SECONDS_MAX)
        if process.stdout:
            process.stdout.close()


@contextmanager
def stage(folder: Path, port: int = 0) -> Iterator[Stage]:
    """Set the stage: database migrated, programs running, partners taken in, the house open. All of it stops at the end."""
    given = settings.alone(home=folder, port=port or _free_port())
    with ExitStack() as open_parts:
        set_up = Stage(folder, given, open_parts.enter_context(wiring.database_of(given)))
        asyncio.run(wiring.prepare(set_up.database))
        (folder / "house-jwks.json").write_text(json.dumps(set_up.jwks))
        hotel = open_parts.enter_context(_program(folder, "palm-hotels", "POINT", POINT_MONTHS))
        airline = open_parts.enter_context(_program(folder, "lotus-air", "MILE", MILE_MONTHS))
        set_up.programs = {"palm-hotels": hotel, "lotus-air": airline}
        plan = folder / "onboarding.yaml"
        hotel_can, airline_can = (CAPABILITIES.format(lot_months=months) for months in (POINT_MONTHS, MILE_MONTHS))
        told = {"hotel": hotel, "airline": airline, "hotel_can": hotel_can, "airline_can": airline_can}
        plan.write_text(PLAN.format(**told, now=instant(sources.clock().replace(microsecond=0))))
        asyncio.run(_take_in(set_up, plan))
        open_parts.callback(set_up.close_house)
        set_up.open_house()
        yield set_up


async def _take_in(set_up: Stage, plan: Path) -> None:
    async with wiring.desk(set_up.settings) as (connection, writer):
        await onboarding.onboard(onboarding.read_plan(plan), connection, writer, set_up.settings, set_up.folder)


def keep_open(given: Settings) -> None:
    """The house with its two sandbox programs, until it is interrupted; what it did is there again at the next start."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started this in the background
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    folder = settings.sandbox_home(given)
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    console = Console(soft_wrap=True, highlight=False)
    with stage(folder, given.port) as set_up:
        console.print(f"The house is open at [bold]{set_up.url}[/bold]; its API is described at {set_up.url}/docs")
        for program, url in sorted(set_up.programs.items()):
            console.print(f"  program {program} at {url}")
        console.print(FIRST_STEPS.format(key=folder / "palm-requests.jwk", url=set_up.url), markup=False)
        with suppress(KeyboardInterrupt):
            set_up.wait_for_ever()
