"""A return at the till, over real sockets: points issued for a sale, some brought back, all of it; spent meanwhile, and who bears that.

The shop has no program. It issues the airline's miles, which the airline takes back below zero, and the hotel's points, for which the
hotel bears what its members spent. What happens is compared with return.txt.
"""

import asyncio
import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest

from clearing import database
from clearing.client import Clearing, Problem, holds, verify_receipt
from clearing.front.stage import Stage, stage
from clearing.ledger.verify import verify

GOLDEN = Path(__file__).with_name("return.txt")
SOLD = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
WAIT = 20


@dataclass
class Till:
    """The shop's engineer, and what was seen."""

    on: Stage
    shop: Clearing
    lines: list[str] = field(default_factory=list)

    def sees(self, title: str, program: str, account: str, ask: Any) -> dict[str, Any]:
        """What came of it, and what moved for the member."""
        before = self.on.balance(program, account)
        said: dict[str, Any] = ask()
        moved = self.on.balance(program, account) - before
        borne = f", {said['shortfall']} borne" if said["shortfall"] else ""
        self.lines.append(f"{title}: {said['path']} {said['state']} ({said['reason']}), {moved:+} units{borne}")
        return said

    def refused(self, title: str, ask: Any) -> None:
        with pytest.raises(Problem) as problem:
            ask()
        self.lines.append(f"{title}: {problem.value.code}")

    def owed(self) -> None:
        """Who owes the house what, in the books."""
        with psycopg.connect(self.on.database) as connection:
            query = (
                "SELECT partner, position, pending FROM cap_slice JOIN partner ON account = number * 16 + 8 ORDER BY 1"
            )
            told = [f"{partner} {position:+} ({pending})" for partner, position, pending in connection.execute(query)]
        self.lines.append(f"  owing: {', '.join(told)}")


def test_a_return_after_the_points_were_spent(tmp_path: Path) -> None:
    with stage(tmp_path) as on, on.client("corner") as shop:
        till = Till(on, shop)
        receipts = _airline(till) + _hotel(till)
        proofs = [till.shop.proof(exchange) for exchange in receipts]
        assert asyncio.run(_findings(on)) == []
        on.close_house()
        for proof in proofs:
            assert holds(verify_receipt({"receipt": proof["receipt"], "proof": proof}, on.jwks), proven=True)
        assert "\n".join(till.lines) + "\n" == GOLDEN.read_text()
        assert "CANARY" not in json.dumps(till.lines)


def _airline(till: Till) -> list[str]:
    """A sale of which a part comes back; the rest comes back when the miles are given away, and the member has less than none."""
    shop, account = till.shop, till.shop.account("lotus-air", "SBX-LOWBALANCE-CANARY-1")["account"]
    accrue: dict[str, Any] = {"key": "sale", "wait": WAIT}
    sale = till.sees("a sale", "lotus-air", account, lambda: shop.accrue(account, 2_937, SOLD, "receipt 1", **accrue))
    till.refused("the same receipt again", lambda: shop.accrue(account, 2_937, SOLD, "receipt 1", key="sale-2"))
    till.owed()

    def back(units: int, name: str) -> dict[str, Any]:
        return shop.reverse(sale["exchange"], units, "brought back", name, WAIT)

    first = till.sees("one thing is brought back", "lotus-air", account, lambda: back(1_000, "back-1"))
    _give_away(till, account, 2_000)
    spent = till.sees("the rest, given away meanwhile", "lotus-air", account, lambda: back(1_937, "back-2"))
    till.refused("more than was sold", lambda: back(1_938, "back-3"))
    till.owed()
    return [sale["exchange"], first["exchange"], spent["exchange"]]


def _give_away(till: Till, account: str, miles: int) -> None:
    """By the airline's own word, to another of its members."""
    with till.on.client("lotus") as airline:
        friend = airline.account("lotus-air", "SBX-OK-CANARY-3")["account"]
        quote = airline.quote(account, friend, sent=miles, kind="gift")
        given = till.sees(
            "miles are given away", "lotus-air", account, lambda: airline.exchange(quote["quote"], "gift", WAIT)
        )
    assert given["state"] == "completed"


def _hotel(till: Till) -> list[str]:
    """The same at the hotel, which bears what its member spent."""
    shop, account = till.shop, till.shop.account("palm-hotels", "SBX-OK-CANARY-2")["account"]
    sale = till.sees(
        "a sale at the hotel's rate",
        "palm-hotels",
        account,
        lambda: shop.accrue(account, 1_937, SOLD, "receipt 2", key="sale-3", wait=WAIT),
    )
    till.owed()
    borne = till.sees(
        "all of it is brought back, spent meanwhile",
        "palm-hotels",
        account,
        lambda: shop.reverse(sale["exchange"], 1_937, "brought back", "back-4", WAIT),
    )
    till.owed()
    return [sale["exchange"], borne["exchange"]]


async def _findings(on: Stage) -> list[str]:
    async with await database.connect(on.database) as connection:
        return [line for check in await verify(connection, 0) for line in check.findings]
