"""Who could not be paid by the bank details in force: told before a run is approved, and while its payments wait; reckoned when asked."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from clearing import partners
from clearing.partners import FiledDetails
from settlement.rules.flows import HOUSE
from settlement.run.banking import apart, at_first, chosen, frozen_at, lacks, why_not
from settlement.run.store import Connection, InstructionRow, RunRow, instructions

BEFORE, BEHIND = ("drafted", "previewed", "approved"), ("frozen", "instructed", "paying")
OPEN = ("waiting", "due", "differs", "rejected")
FIRST, OWN = "first", "own"
"""Which message carries a payment: that of its run, or one of its own."""


@dataclass(frozen=True, slots=True)
class Unready:
    """Who cannot be paid as it stands now, and why."""

    partner: str
    why: str


@dataclass(frozen=True, slots=True)
class Sent:
    """Which message carries a payment (None: none yet), and why it waits."""

    message: str | None
    waits: str | None


async def unready(connection: Connection, row: RunRow, now: datetime) -> list[Unready]:
    """Who would not be paid what this run owes it, as bank details stand now; of the house too, where it is to pay anybody."""
    if row.state not in {*BEFORE, *BEHIND}:
        return []
    filed = await _filed(connection, now)
    if row.state in BEHIND:
        out = [one for one in await instructions(connection, row.run) if _goes_out(one) and one.state in OPEN]
        at = await frozen_at(connection, row.run)
        found = [(one.partner, _sent(filed, one, at).waits) for one in out]
    else:
        at = now
        owed = [net for net in json.loads(row.result or b'{"nets": []}')["nets"] if _is_paid(net)]
        found = [(one["party"], lacks(chosen(filed, one["party"], now), one["party"], one["currency"])) for one in owed]
    if found and chosen(filed, HOUSE, at) is None:
        found.insert(0, (HOUSE, f"{HOUSE} has no bank details in force"))
    return [Unready(partner, why) for partner, why in found if why is not None]


async def sent_by(connection: Connection, found: Iterable[InstructionRow], now: datetime) -> dict[str, Sent]:
    """Of each payment that goes out, which message carries it."""
    out = [one for one in found if _goes_out(one)]
    if not out:
        return {}
    filed, at = await _filed(connection, now), await frozen_at(connection, out[0].run)
    return {one.instruction: _sent(filed, one, at) for one in out}


async def _filed(connection: Connection, now: datetime) -> list[FiledDetails]:
    return [one for one in await partners.filed_details(connection, None) if one.valid_from <= now]


def _sent(filed: Sequence[FiledDetails], one: InstructionRow, at: datetime) -> Sent:
    if apart(filed, one, at) is not None:
        return Sent(OWN, None)
    first = at_first(filed, one, at) is not None
    waits = one.state in OPEN and (not first or one.rejected_at is not None)
    return Sent(FIRST if first else None, why_not(filed, one, at) if waits else None)


def _goes_out(one: InstructionRow) -> bool:
    return one.direction == "pay_out" and one.minor > 0


def _is_paid(net: dict[str, str]) -> bool:
    return net["party"] != HOUSE and int(net["minor"]) > 0
