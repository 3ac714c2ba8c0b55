"""pgledger (github.com/pgr0ss/pgledger), unmodified, on the same server, used the way its README says.

One exchange is four transfers, eight entries: points leave the source's members, units are issued at the target, the source owes the
credit to the target and the fee to the house. `pgledger_create_transfers` takes several transfers in one call, which its README offers for
exactly this (an exchange between two currencies). Two ways to batch are tried, and the better one is reported: one call for each exchange,
many calls in a transaction, sent as a pipeline; and one call with the transfers of all exchanges of the batch.

Every exchange touches the same seven accounts, as it does in ours, so its transactions wait for one another; and within one transaction a
row that is changed over and over leaves a chain of dead versions behind, so large batches do not help it. Since neither is its fault, it is
measured a second time with a set of accounts for each connection, where nothing waits: the most that it could do on this machine if the
work were not what it is.

It keeps balances, versions and history of each account. It has no idempotency, no nonces, no evidence, no caps with pending amounts, no
windows, no log of hashes; nothing of that is added here, so it does less work than ours for the same exchange.
"""

import asyncio
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from bench.ground import TERMS

HELPERS = ("ulid-to-uuid.sql", "uuid-to-ulid.sql")  # its own install order: these two, then pgledger.sql
UNITS = {"hotel": "NIGHT", "air": "MILE", "value": "MICRO"}
ACCOUNTS = {
    "hotel.outstanding": "hotel",
    "hotel.exchanged_out": "hotel",
    "air.exchanged_in": "air",
    "air.outstanding": "air",
    "position.hotel": "value",
    "position.air": "value",
    "house.fee": "value",
}
MOVES = (
    ("hotel.outstanding", "hotel.exchanged_out", TERMS.sent),
    ("air.exchanged_in", "air.outstanding", TERMS.received),
    ("position.air", "position.hotel", TERMS.credit),
    ("house.fee", "position.hotel", TERMS.fee),
)
_CALL = "SELECT count(*) FROM pgledger_create_transfers(%s::transfer_request[])"


@dataclass(frozen=True, slots=True)
class Way:
    """How it is used: connections at once, and whether a batch is one call."""

    connections: int
    one_call: bool
    apart: bool = False  # each connection has accounts of its own

    @property
    def said(self) -> str:
        """In words."""
        return "one call for the whole batch" if self.one_call else "one call for each exchange, pipelined"


def files(path: Path) -> list[Path] | None:
    """Its SQL files in the order of its README, or None when this is no clone of it. A path to pgledger.sql itself is one too."""
    home = path.parent if path.is_file() else path
    vendor = home / "vendor" / "scoville-pgsql-ulid"
    wanted = [*(vendor / name for name in HELPERS), home / "pgledger.sql"]
    return wanted if all(file.is_file() for file in wanted) else None


Transfers = list[str]
"""The transfers of one exchange, as literals ready to be put into an array."""


def install(url: str, found: list[Path], sets: int) -> list[Transfers]:
    """Install it and make so many sets of accounts; the transfers of an exchange in each."""
    with psycopg.connect(url) as connection:
        for file in found:
            connection.execute(file.read_bytes())
        return [_accounts(connection) for _ in range(sets)]


def _accounts(connection: psycopg.Connection[Any]) -> Transfers:
    ids: dict[str, str] = {}
    for name, unit in ACCOUNTS.items():
        made = connection.execute("SELECT id FROM pgledger_create_account(%s, %s)", (name, UNITS[unit])).fetchone()
        ids[name] = made[0] if made else ""
    return [f'"({ids[taken]},{ids[given]},{amount})"' for taken, given, amount in MOVES]


async def measure(url: str, sets: list[Transfers], way: Way, batch: int, exchanges: int) -> float:
    """Exchanges posted in a second, with batches of this size shared out among the connections."""
    connections = [await psycopg.AsyncConnection.connect(url) for _ in range(way.connections)]
    own = sets if way.apart else sets[:1] * way.connections
    left = iter(range(max(way.connections, exchanges // batch)))
    done = 0

    async def work(connection: psycopg.AsyncConnection[Any], transfers: Transfers) -> None:
        nonlocal done
        for _ in left:
            await _post(connection, transfers, way, batch)
            done += batch

    try:
        for connection in connections:  # warm: plans cached, statements prepared
            await _post(connection, sets[0], way, 1)
        started = time.perf_counter()
        await asyncio.gather(*map(work, connections, own))
        return done / (time.perf_counter() - started)
    finally:
        for connection in connections:
            await connection.close()


async def _post(connection: psycopg.AsyncConnection[Any], transfers: Transfers, way: Way, batch: int) -> None:
    if way.one_call:
        await connection.execute(_CALL, ["{" + ",".join(transfers * batch) + "}"], prepare=True)
        await connection.commit()
        return
    async with connection.pipeline():
        for _ in range(batch):
            await connection.execute(_CALL, ["{" + ",".join(transfers) + "}"], prepare=True)
        await connection.commit()
