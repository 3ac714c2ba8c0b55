"""Who could not be paid by the bank details in force: told before a run is approved, and while its payments wait; reckoned when asked."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from clearing.partners import FiledDetails
from settlement.rules.flows import HOUSE
from settlement.run.banking import apart, at_first, chosen, frozen_at, in_force, lacks, why_not
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
    filed, at = await in_force(connection, now), now
    if row.state in BEHIND:
        at = await frozen_at(connection, row.run)
        out = [one for one in await instructions(connection, row.run) if _to_partner(one) and one.state in OPEN]
        pays = any(one.payer == HOUSE for one in out)
        found = [(one.payee, _sent(filed, one, at).waits) for one in out]
    else:
        ways = _ways(json.loads(row.result or b"{}"))
        pays = any(payer == HOUSE for payer, *_ in ways)
        owed = sorted({(payee, currency) for _, payee, currency in ways if payee != HOUSE})
        found = [(payee, lacks(chosen(filed, payee, now), payee, currency)) for payee, currency in owed]
    if pays and chosen(filed, HOUSE, at) is None:
        found.insert(0, (HOUSE, f"{HOUSE} has no bank details in force"))
    return [Unready(partner, why) for partner, why in dict.fromkeys(found) if why is not None]


def _ways(result: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """Payer, payee and currency of what a result would pay: those of its payments, or out of the house where it stands between all."""
    if "payments" in result:
        return [(one["payer"], one["payee"], one["currency"]) for one in result["payments"] if int(one["minor"])]
    nets = [one for one in result.get("nets", ()) if one["party"] != HOUSE and int(one["minor"]) > 0]
    return [(HOUSE, one["party"], one["currency"]) for one in nets]


async def sent_by(connection: Connection, found: Iterable[InstructionRow], now: datetime) -> dict[str, Sent]:
    """Of each payment that a partner is to have, which message carries it."""
    out = [one for one in found if _to_partner(one)]
    if not out:
        return {}
    filed, at = await in_force(connection, now), await frozen_at(connection, out[0].run)
    return {one.instruction: _sent(filed, one, at) for one in out}


def _sent(filed: Sequence[FiledDetails], one: InstructionRow, at: datetime) -> Sent:
    if apart(filed, one, at) is not None:
        return Sent(OWN, None)
    first = at_first(filed, one, at) is not None
    waits = one.state in OPEN and (not first or one.rejected_at is not None)
    return Sent(FIRST if first else None, why_not(filed, one, at) if waits else None)


def _to_partner(one: InstructionRow) -> bool:
    return one.payee != HOUSE and one.minor > 0
