"""The audit of runs: what two keys approved is what is kept, it adds up, what is settled was booked, and invoices have no gap."""

import json
from collections.abc import Iterator, Mapping
from fractions import Fraction

from clearing import partners
from clearing.partners import FiledPaper
from settlement.rules.run import inputs_of, replayed, sha256
from settlement.run.store import Connection, Row, rows


async def unsound(connection: Connection, lane: int) -> tuple[int, list[str]]:
    """How many approved runs there are, and what does not hold of them. Nothing is taken from a hash that was not made anew here."""
    found = await rows(connection, "verify_runs", lane=lane)
    billed = await rows(connection, "verify_invoices", lane=lane)
    papers = {one.name: one for one in await partners.filed_papers(connection, partners.RATES)}
    faults = [f"{one['run']}: {fault}" for one in found for fault in (*_faults(one), *_rate_faults(one, papers))]
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


def _rate_faults(run: Row, papers: Mapping[str, FiledPaper]) -> Iterator[str]:
    """A run that names a rate set was converted by that very set, on a day on which it was in force."""
    inputs = inputs_of(json.loads(run["inputs"]))
    rates, paper = inputs.rates, papers.get(inputs.rates.name)
    if not rates.name:
        return
    if paper is None:
        yield f"no rate set {rates.name} is published"
        return
    said = {currency: Fraction(text) for currency, text in paper.document["rates"].items()}
    used = {one.currency: Fraction(one.num, one.den) for one in rates.rates}
    days = (paper.valid_from.isoformat(), paper.valid_until.isoformat())
    if said != used or days != (rates.date, rates.until) or not rates.in_force(inputs.value_date):
        yield f"its rates are not those of {rates.name}"
