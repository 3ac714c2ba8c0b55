"""The audit of runs: what two keys approved is what is kept, it adds up, what is settled was booked, and invoices have no gap."""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

from clearing import partners
from clearing.partners import FiledPaper
from clearing.partners.contracts import KIND
from settlement.rules.run import Inputs, inputs_of, replayed, settle, sha256
from settlement.rules.waterfall import SHARE, Sharing, before_document, booked, reference_of
from settlement.run.store import Connection, Row, rows

FROZEN = ("frozen", "instructed", "paying", "settled")
BOOKED = FROZEN[1:]
"""States of a run that has booked all that its contracts share."""


async def unsound(connection: Connection, lane: int) -> tuple[int, list[str]]:
    """How many approved runs there are, and what does not hold of them. Nothing is taken from a hash that was not made anew here."""
    found = await rows(connection, "verify_runs", lane=lane)
    billed = await rows(connection, "verify_invoices", lane=lane)
    papers = {one.name: one for one in await partners.filed_papers(connection, partners.RATES)}
    filed = await partners.filed_contracts(connection)
    digests = {(one.contract, one.version): one.digest for one in filed}
    bookings = await rows(connection, "verify_shares", lane=lane, reason=SHARE)
    kept: dict[str, list[Any]] = defaultdict(list)
    for one in await rows(connection, "verify_shared"):
        kept[one["run"]].append(one["said"])
    faults = [
        f"{one['run']}: {fault}"
        for one in found
        for fault in _every_fault(one, papers, bookings, digests, kept[one["run"]])
    ]
    known = {one["run"] for one in found}
    faults += [f"{one['reference']}: no approved run booked it" for one in bookings if _run_of(one) not in known]
    return len(found), [*faults, *(f"{one['what']}: {one['fault']}" for one in billed)]


def _every_fault(
    run: Row,
    papers: Mapping[str, FiledPaper],
    bookings: Sequence[Row],
    digests: Mapping[tuple[str, int], str],
    kept: Sequence[Any],
) -> Iterator[str]:
    """Inputs are read only where their bytes are those of their hash: of others nothing more can be said."""
    yield from _faults(run)
    if sha256(run["inputs"]) != run["inputs_sha256"]:
        return
    inputs = inputs_of(json.loads(run["inputs"]))
    yield from _rate_faults(inputs, json.loads(replayed(run["inputs"])), papers)
    transfers = settle(inputs).transfers if run["state"] in FROZEN else ()
    if sorted(map(tuple, run["instructed"])) != sorted(transfers):
        yield "its payments are not those of its result"
    yield from _shared(run, inputs, bookings, digests)
    if sorted(kept, key=_named) != _read_later(inputs.sharing):
        yield "what later runs read of its contracts is not what its inputs say"


def _read_later(sharing: Sharing) -> list[Any]:
    """What tiers, budgets, guarantees and claw-backs of later runs go by: as verify_shared tells it, by contract and window."""
    found: list[Any] = [
        [
            "shared",
            *(one.contract, one.number, one.version, one.micros, before_document(one.before)),
            *(before_document(sharing.shared(one).after), one.closing),
        ]
        for one in sharing.bases
    ]
    found += [["undone", one.base.contract, one.base.number, one.since, one.until] for one in sharing.undone]
    return sorted(found, key=_named)


def _named(said: list[Any]) -> list[Any]:
    return said[:3]


def _shared(run: Row, inputs: Inputs, bookings: Sequence[Row], digests: Mapping[tuple[str, int], str]) -> Iterator[str]:
    """What the run books of contracts: by versions that two keys signed, what its inputs give, once, and nothing else."""
    for version, said in inputs.sharing.documents:
        name = f"version {version.version} of {version.contract}"
        published = digests.get((version.contract, version.version))
        if published != version.digest or partners.digest_of(KIND, said) != version.digest:
            yield f"{name} is not what was published"
    found = [(one["reference"], one["lines"]) for one in bookings if _run_of(one) == run["run"]]
    given = [
        (reference_of(run["run"], one), part)
        for one in inputs.sharing.contracts
        for part in booked(inputs.sharing, one)
    ]
    wanted = sorted([(name, json.dumps(lines, separators=(",", ":"))) for name, lines in given])
    most = Counter(wanted if run["state"] == "frozen" else ())  # a frozen run books next what it has not booked yet
    if sorted(found) != wanted if run["state"] in BOOKED else not Counter(found) <= most:
        yield "its contracts are not booked once, as it shares"


def _run_of(booking: Row) -> str:
    """The run that made this booking."""
    return str(booking["reference"]).rpartition("/")[0]


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


def _rate_faults(inputs: Inputs, result: Mapping[str, Any], papers: Mapping[str, FiledPaper]) -> Iterator[str]:
    """A run that names a rate set was converted by that very set, which was in force on every day on which it pays."""
    rates, paper = inputs.rates, papers.get(inputs.rates.name)
    if not rates.name:
        return
    if paper is None:
        yield f"no rate set {rates.name} is published"
        return
    said = {currency: Fraction(text) for currency, text in paper.document["rates"].items()}
    used = {one.currency: Fraction(one.num, one.den) for one in rates.rates}
    days = (paper.valid_from.isoformat(), paper.valid_until.isoformat())
    paid = {inputs.value_date, *(value_date for *_, value_date in result.get("dates", ()))}
    if said != used or days != (rates.date, rates.until) or not all(map(rates.in_force, paid)):
        yield f"its rates are not those of {rates.name}"
