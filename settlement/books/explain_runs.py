"""What figures of a run are made of: run → nets of its parties → entries; payment → its net, and the request that confirmed it; a booking.

Signs are those of the books: plus owes the house. A net on a run's paper has the other one.
"""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from clearing import errors
from clearing.rules.postings import HOUSE as HOUSE_NUMBER
from clearing.rules.postings import Account, account_number
from settlement.books.chart import HOUSE_CODE, Chart, Connection, Row, rows
from settlement.books.explain import BEGINNING, PAGE, Explained, Leaf, Part, Place, causes_of, leaves_of
from settlement.rules.run import Inputs, inputs_of
from settlement.rules.waterfall import SHARE, booked, reference_of

Turned = tuple[int, tuple[Leaf, ...], Place | None]
"""A page: what came before it, its leaves, and where the next begins."""


@dataclass(frozen=True, slots=True)
class RunRead:
    """A run with its result, and the bookings of its contracts by what they refer to."""

    run: str
    inputs: Inputs
    result: dict[str, Any]
    booked: dict[str, list[int]]

    def net(self, party: str) -> int:
        """What the run settles of this party, over all currencies."""
        return -sum(int(one["micros"]) for one in self.result["nets"] if one["party"] == party)


async def explain_run(connection: Connection, lane: int, run: str) -> Explained:
    """The nets of a run, which are zero together. Raises errors.NotFound."""
    read = await run_read(connection, lane, run)
    parties = sorted({one["party"] for one in read.result["nets"]})
    parts = tuple([Part(f"net of {party}", read.net(party), f"{run}:{party}") for party in parties])
    return Explained(None, 0, 0, (), (), None, parts=parts)


async def explain_net(
    connection: Connection,
    chart: Chart,
    lane: int,
    run: str,
    party: str,
    after: Place = BEGINNING,
    most: int = PAGE,
) -> Explained:
    """The net of a party: the entries of the run's windows, what its contracts share, and what is parked or resumed. Raises NotFound."""
    read = await run_read(connection, lane, run)
    accounts = accounts_of(chart, party)
    found = await among(connection, lane, read, accounts, after, most)
    brought, leaves, following = turned(chart, found, most)
    causes = await causes_of(connection, lane, [leaf.exchange_id for leaf in leaves])
    return Explained(None, read.net(party), brought, leaves, causes, following, parts=tuple(_beside(read, party)))


async def explain_payment(connection: Connection, lane: int, instruction: str) -> tuple[str, Explained]:
    """Whose payment it is, and the net that it settles; what was booked of it is among the causes. Raises errors.NotFound."""
    found = await rows(connection, "explain_payment", instruction=instruction)
    if not found:
        raise errors.NotFound("there is no such payment")
    one, *others = found
    run, partner = one["run"], one["partner"]
    read = await run_read(connection, lane, run)
    parts = [Part("net of the run", read.net(partner), f"{run}:{partner}")]
    parts += [Part("settled by another payment", -other["micros"], other["instruction"]) for other in others]
    about = await rows(connection, "explain_booked", lane=lane, names=[], papers=[instruction])
    causes = await causes_of(connection, lane, [row["adjustment_id"] for row in about])
    return partner, Explained(None, one["micros"], 0, (), causes, None, parts=tuple(parts))


async def explain_booking(connection: Connection, chart: Chart, lane: int, name: UUID) -> Explained | None:
    """An adjustment, a payment or a movement of cover: its entries, why it was booked, and by which request. None where it is none."""
    found = await rows(connection, "explain_booked", lane=lane, names=[name], papers=[])
    if not found:
        return None
    told: dict[str, Any] = {"lane": lane, "first": found[0]["seq"], "until": found[0]["seq"] + 1, "account": None}
    told |= {"after_seq": BEGINNING[0], "after_line": BEGINNING[1], "windows": None, "sign": 0}
    leaves = leaves_of(chart, await rows(connection, "explain_leaves", **told, exchange_id=None, most=None))
    return Explained(None, None, 0, leaves, await causes_of(connection, lane, [name]), None)


async def run_read(connection: Connection, lane: int, run: str) -> RunRead:
    """The run as it is kept. Raises errors.NotFound."""
    found = await rows(connection, "run_read", run=run)
    if not found or found[0]["result"] is None:
        raise errors.NotFound("there is no such run, or it is held and has no nets")
    about = await rows(connection, "explain_booked", lane=lane, names=[], papers=[run])
    shares: dict[str, list[int]] = {}
    for row in about:
        if row["reason"] == SHARE:
            shares.setdefault(row["reference"], []).append(row["seq"])
    return RunRead(run, inputs_of(json.loads(found[0]["inputs"])), json.loads(found[0]["result"]), shares)


async def among(
    connection: Connection,
    lane: int,
    read: RunRead,
    accounts: Sequence[int],
    after: Place = BEGINNING,
    most: int | None = None,
    exchanges: Sequence[UUID] | None = None,
) -> list[Row]:
    """The entries of these accounts that the run settles, in the order of the log; of these exchanges, if some are named."""
    told = await windows_of(connection, lane, read.run)
    told |= {"after_seq": after[0], "after_line": after[1], "most": None if most is None else most + 1}
    bookings = [seq for seqs in read.booked.values() for seq in seqs]
    named = None if exchanges is None else list(exchanges)
    return await rows(
        connection, "explain_among", **told, accounts=list(accounts), bookings=bookings, exchange_id=named
    )


async def windows_of(connection: Connection, lane: int, run: str) -> dict[str, Any]:
    """The windows of a run, and the part of the log that they are in."""
    found = await rows(connection, "state_windows", lane=lane, run=run)
    first, until = min(one["first"] for one in found), max(one["until"] for one in found)
    return {"lane": lane, "first": first, "until": until, "windows": [one["window_id"] for one in found]}


def turned(chart: Chart, found: Sequence[Row], most: int) -> Turned:
    """A page of rows that were read with one more than it holds, and with their sums."""
    page = [row for row in found if row["seq"] is not None]
    leaves = leaves_of(chart, page[:most])
    brought = page[0]["so_far"] - page[0]["amount"] if page else found[0]["whole"]
    return brought, leaves, leaves[-1].place if len(page) > most else None


def accounts_of(chart: Chart, party: str) -> list[int]:
    """The accounts that a party's net is of. Raises errors.NotFound."""
    if party == HOUSE_CODE:
        return [account_number(HOUSE_NUMBER, kind) for kind in (Account.FEE, Account.ROUNDING)]
    number = next((number for number, code in chart.partners.items() if code == party), None)
    if number is None:
        raise errors.NotFound("the run has no such party")
    return [account_number(number, Account.POSITION)]


def _beside(read: RunRead, party: str) -> Iterable[Part]:
    """What is in a net and in no entry yet, or in those of another run."""
    for contract in read.inputs.sharing.contracts:
        reference = reference_of(read.run, contract)
        amount = sum(value for who, value in booked(read.inputs.sharing, contract) if who == party)
        if amount and reference not in read.booked:
            yield Part(f"shares by {contract}, not booked yet", amount, reference)
    parked = [(debtor, creditor, int(micros)) for debtor, creditor, micros in read.result["parked"]]
    for what, sign, found in (
        ("parked by this run", -1, parked),
        ("resumed from earlier runs", 1, read.inputs.resumed),
    ):
        amount = sum(micros * ((debtor == party) - (creditor == party)) for debtor, creditor, micros in found)
        if amount:
            yield Part(what, sign * amount)
