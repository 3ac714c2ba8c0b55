"""What a run shares, out of the books: bases by the versions in force, what was reversed, and what earlier runs shared and settled.

Bases build on one another: tiers, budgets and guarantees count over a period, and a claw-back needs its original. So where a contract is in
force, windows are settled in their order: an earlier one keeps back the draft until the run that settles it is frozen and has booked its
contracts, so that statements of the later run open where those of the earlier closed.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence

from clearing import partners
from clearing.rules.refusals import Refusal, RefusalCode
from settlement.rules.contracts import Figure, Of
from settlement.rules.flows import HOUSE, Sum
from settlement.rules.share_booked import Booked, Pair
from settlement.rules.share_json import contract_of
from settlement.rules.share_plan import Original, Published, Span, plan
from settlement.rules.waterfall import (
    NOTHING,
    Base,
    Sharing,
    Version,
    before_document,
    before_of,
)
from settlement.run.store import Connection, Row, rows, tuples, write
from settlement.run.window import Window


async def read_sharing(connection: Connection, lane: int, windows: Sequence[Window]) -> Sharing | Refusal:
    """What these windows share by the contracts that are published; refused while an earlier window waits to be settled."""
    published = await _published(connection)
    if not published:
        return NOTHING
    numbers = [one.number for one in windows]
    since = min(one.contract.valid_from for one in published if one.contract.valid_from)
    behind = await rows(connection, "share_behind", lane=lane, windows=numbers, since=since)
    if behind:
        code = behind[0]["code"]
        said = f"a contract counts from {code} on: settle it before; a run that was broken off is frozen once more"
        return Refusal(RefusalCode.RUN_NOT_READY, said)
    booked = await _booked(connection, lane, windows, _figures(published))
    sums = {of: booked.of(of) for of in _figures(published)}
    reversed_ones = {of for found in sums.values() for _, of in found if of is not None}
    spans = [Span(one.number, one.code, one.opens_at, one.closes_at) for one in windows]
    earlier = await _originals(connection, numbers, reversed_ones)
    return plan(published, spans, sums, earlier)


async def settled_before(connection: Connection, lane: int, windows: Iterable[Window]) -> list[Sum]:
    """The other way round, what earlier runs booked of contracts in these windows: they settled it, so no run does again."""
    found: dict[str, int] = defaultdict(int)
    for window in windows:
        for row in await rows(connection, "share_settled", lane=lane, window_id=window.number):
            found[row["party"]] -= row["micros"]
    house = found.pop(HOUSE, 0)
    return [Sum(None, None, None, 0, 0, house, 0), *[Sum(None, None, one, 0, 0, 0, it) for one, it in found.items()]]


async def keep_sharing(connection: Connection, run: str, sharing: Sharing) -> None:
    """Write down the bases of a run and what it gives back: later runs build on them once it is frozen."""
    await write(
        connection,
        "share_insert",
        run=run,
        contracts=[one.contract for one in sharing.bases],
        windows=[one.number for one in sharing.bases],
        versions=[one.version for one in sharing.bases],
        micros=[one.micros for one in sharing.bases],
        befores=[_text(before_document(one.before)) for one in sharing.bases],
        afters=[_text(before_document(sharing.shared(one).after)) for one in sharing.bases],
        closings=[one.closing for one in sharing.bases],
    )
    await write(
        connection,
        "share_undone_insert",
        run=run,
        contracts=[one.base.contract for one in sharing.undone],
        windows=[one.base.number for one in sharing.undone],
        sinces=[one.since for one in sharing.undone],
        untils=[one.until for one in sharing.undone],
    )


async def _published(connection: Connection) -> list[Published]:
    return [
        Published(Version(one.contract, one.version, one.digest), contract_of(dict(one.document)), one.document)
        for one in await partners.filed_contracts(connection)
    ]


def _figures(published: Iterable[Published]) -> set[Of]:
    return {one.contract.gross.of for one in published if one.contract.gross.of is not None}


async def _booked(connection: Connection, lane: int, windows: Sequence[Window], asked: Iterable[Of]) -> Booked:
    """What the windows booked of all that can be shared, read once for all contracts."""
    found = await tuples(
        connection,
        "share_sums",
        lane=lane,
        first=min(one.first for one in windows),
        until=max(one.until for one in windows),
        windows=[one.number for one in windows],
        gross=any(of.figure is Figure.GROSS for of in asked),
    )
    return Booked([Pair(*one) for one in found])


async def _originals(connection: Connection, numbers: Sequence[int], reversed_ones: Iterable[int]) -> list[Original]:
    """The last base of each contract before these windows, and those of which something was reversed in them."""
    last = await rows(connection, "share_last", window_id=min(numbers))
    asked = sorted({*reversed_ones} - {*numbers})
    back = await rows(connection, "share_originals", windows=asked, last=max(numbers))
    known = {(one["contract"], one["window_id"]): one for one in (*last, *back)}
    return [_original(row) for row in known.values()]


def _original(row: Row) -> Original:
    figures = (row["window_id"], row["code"], row["micros"], before_of(row["before"]), row["closing"])
    base = Base(row["contract"], row["version"], *figures)
    return Original(row["run"], row["opens_at"], base, before_of(row["after"]), row["undone"])


def _text(document: object) -> str:
    return json.dumps(document, sort_keys=True)
