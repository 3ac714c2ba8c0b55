"""What a run shared by contracts, as lines of its statements: one for each leg on either side, and what each contract is in a payment."""

from collections import defaultdict
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from settlement.rules.sharing import Leg
from settlement.rules.statement import Item
from settlement.rules.statement_booked import told
from settlement.rules.statement_lines import Line, LineKind
from settlement.rules.waterfall import Sharing, Waterfall, booked, booking_name, part_of
from settlement.stating.store import Connection, rows


class Shares(NamedTuple):
    """The lines of each party, and the items of its payment, by the party's code. Law: the items add up to the lines."""

    lines: Mapping[str, tuple[Line, ...]]
    items: Mapping[str, tuple[Item, ...]]

    def net(self, party: str) -> int:
        """What the shares add to what the house owes a party."""
        return sum(line.net for line in self.lines.get(party, ()))


async def shares_of(connection: Connection, lane: int, run: str, sharing: Sharing) -> Shares:
    """What the run shared, as it booked it."""
    names = {
        one: [booking_name(run, one, part) for part, _ in enumerate(booked(sharing, one))] for one in sharing.contracts
    }
    every = [name for parts in names.values() for name in parts]
    found = await rows(connection, "state_shares", lane=lane, names=every) if every else []
    at = {row["adjustment_id"]: row["at"].astimezone(UTC) for row in found}
    lines: dict[str, list[Line]] = defaultdict(list)
    items: dict[str, list[Item]] = defaultdict(list)
    for contract, parts in names.items():
        ours: dict[str, list[Line]] = defaultdict(list)
        moving = [(one, leg) for one in sharing.of(contract) for leg in one.legs if leg.payer != leg.payee]
        for place, (one, leg) in enumerate(moving):
            name = parts[part_of(place)]
            for party, line in _lines(one, leg, at[name], str(name)):
                ours[party].append(line)
        for party, own in sorted(ours.items()):
            lines[party] += own
            items[party].append(Item(f"shares by {contract}", sum(line.net for line in own)))
    return Shares({one: tuple(own) for one, own in lines.items()}, {one: tuple(own) for one, own in items.items()})


def _lines(waterfall: Waterfall, leg: Leg, at: datetime, name: str) -> Iterator[tuple[str, Line]]:
    """The two sides of a leg."""
    said = told(_said(waterfall, leg))
    yield leg.payer, Line(LineKind.SHARE, at, leg.payee, debit=leg.amount, exchange=name, reference=said)
    yield leg.payee, Line(LineKind.SHARE, at, leg.payer, credit=leg.amount, exchange=name, reference=said)


def _said(waterfall: Waterfall, leg: Leg) -> str:
    back = "" if waterfall.undone is None else f" back of {waterfall.window}"
    return f"{waterfall.contract} v{waterfall.version.version} {leg.step}{back}"
