"""The audit of runs: what two keys approved is what is kept, it adds up, what is settled was booked, and invoices have no gap."""

from collections.abc import Iterator

from settlement.rules.run import replayed, sha256
from settlement.run.store import Connection, Row, rows


async def unsound(connection: Connection, lane: int) -> tuple[int, list[str]]:
    """How many approved runs there are, and what does not hold of them. Nothing is taken from a hash that was not made anew here."""
    found = await rows(connection, "verify_runs", lane=lane)
    billed = await rows(connection, "verify_invoices", lane=lane)
    faults = [f"{one['run']}: {fault}" for one in found for fault in _faults(one)]
    return len(found), [*faults, *(f"{one['what']}: {one['fault']}" for one in billed)]


def _faults(run: Row) -> Iterator[str]:
    """1. bytes and hashes; 2. two operators' keys, each over this result by a kept request; 3. nets; 4. payments."""
    if sha256(run["result"]) != run["result_sha256"] or sha256(run["inputs"]) != run["inputs_sha256"]:  # 1
        yield "its bytes are not what their hash says"
    elif replayed(run["inputs"]) != run["result"]:
        yield "its inputs do not give its result"
    said = [f"{key} {run['result_sha256']}" for key in (run["previewed_by"], run["approved_by"])]
    if run["previewed_by"] == run["approved_by"] or run["signed"] != said:  # 2
        yield "no two operators' kept requests approve this result"
    if run["micros"]:  # 3
        yield f"its nets add up to {run['micros']}, not to zero"
    if run["uneven"]:
        yield f"its minor units of {', '.join(run['uneven'])} do not add up to zero"
    if run["unbooked"]:  # 4
        yield f"settled, but not booked once as paid: {', '.join(run['unbooked'])}"
    if run["state"] == "settled" and run["unsettled"]:
        yield f"it is settled, and {run['unsettled']} of its payments are not"
