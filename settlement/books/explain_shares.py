"""What a leg of revenue sharing comes from: run and contract → waterfall → its version, as two keys signed it, and the entries of its base.

A base is the sum of entries of its window; what was reversed of one is the sum of entries of the run's windows. The figure explained is
that sum, with the signs of the books: what the house earned stands below zero, what a source paid above.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from clearing import errors, partners
from settlement.books.chart import Chart, Connection, rows
from settlement.books.explain import BEGINNING, PAGE, Explained, Place, causes_of, leaves_of
from settlement.rules.contracts import Figure, Of
from settlement.rules.run import Inputs, inputs_of
from settlement.rules.share_json import contract_of
from settlement.rules.waterfall import Waterfall, booking_name

BACK = "/back"
"""Behind run and contract: what is given back, and not what is shared."""


@dataclass(frozen=True, slots=True)
class ExplainedShare:
    """A waterfall of a run, the booking that it is part of, who is party to it, by whose keys it stands, and the entries of its base."""

    run: str
    waterfall: Waterfall
    booking: UUID
    parties: tuple[str, ...]
    valid_from: datetime
    proposed_by: str
    confirmed_by: str
    entries: Explained

    def seen_by(self, reader: str | None) -> bool:
        """Whether this partner is a party of the contract; None sees all."""
        return reader is None or reader in self.parties


async def share_booked(connection: Connection, lane: int, name: UUID) -> str | None:
    """Run and contract of this booking, as `RUN/CONTRACT`; None for every other."""
    found = await rows(connection, "share_booking", lane=lane, name=name)
    return found[0]["reference"] if found else None


async def explain_share(
    connection: Connection,
    chart: Chart,
    lane: int,
    figure: str,
    window: str | None = None,
    after: Place = BEGINNING,
    most: int = PAGE,
    reader: str | None = None,
) -> ExplainedShare:
    """A waterfall by `RUN/CONTRACT` or `RUN/CONTRACT/back`, and the window of its base. Raises NotFound, ValidationFailed.

    A `reader` is given its own entries, summed and paged by themselves, and the exchanges that it asked for: whatever `after` it names,
    nothing that it is told follows from another's entries but their whole sum, which its contract shares.
    """
    run, _, contract = figure.removesuffix(BACK).rpartition("/")
    found = await rows(connection, "share_run", run=run)
    if not found:
        raise errors.NotFound("there is no such run, or it is not frozen")
    inputs = inputs_of(json.loads(found[0]["inputs"]))
    waterfall = _chosen(inputs.sharing.of(contract), window, back=figure.endswith(BACK))
    said = next(said for one, said in inputs.sharing.documents if one == waterfall.version)
    filed = await partners.filed_contracts(connection, contract)
    stands = next((one for one in filed if one.digest == waterfall.version.digest), None)
    if stands is None:
        raise errors.NotFound("the version of the contract is not kept")
    entries = await _entries(connection, chart, lane, inputs, waterfall, said, after, most, reader)
    keys = (stands.valid_from, stands.proposed_by, stands.confirmed_by)
    return ExplainedShare(run, waterfall, booking_name(run, contract), tuple(said["parties"]), *keys, entries)


def _chosen(found: Sequence[Waterfall], window: str | None, *, back: bool) -> Waterfall:
    """The one that is meant: what was shared before what is given back of it, if a run does both of a window."""
    named = [one for one in found if window in {None, one.window} and (one.undone is not None or not back)]
    if not named:
        raise errors.NotFound("the run shares nothing of that by this contract")
    if codes := sorted({one.window for one in named} - {named[0].window}):
        said = ", ".join([named[0].window, *codes])
        raise errors.ValidationFailed(f"window: the run shares several by this contract, say which: {said}")
    return named[0]


async def _entries(
    connection: Connection,
    chart: Chart,
    lane: int,
    inputs: Inputs,
    waterfall: Waterfall,
    said: Mapping[str, Any],
    after: Place,
    most: int,
    reader: str | None,
) -> Explained:
    """The entries of the base, or, of a claw-back, of what was reversed of it."""
    of = contract_of(dict(said)).gross.of
    if of is None:
        raise errors.NotFound("the contract says nothing of its base")
    back = waterfall.undone is not None
    found = await rows(
        connection,
        "share_entries",
        lane=lane,
        **_asked(of),
        windows=[one.number for one in inputs.windows if one.number != waterfall.number]
        if back
        else [waterfall.number],
        of_window=waterfall.number,
        with_own=not back,
        after_seq=after[0],
        after_line=after[1],
        most=most + 1,
        reader=reader,
    )
    figure = -waterfall.micros if (of.figure is Figure.FEE) is not back else waterfall.micros
    page = [row for row in found if row["seq"] is not None]
    seen = page[:most]
    leaves = leaves_of(chart, [row for row in seen if row["mine"]])
    brought = page[0]["so_far"] - (page[0]["amount"] if page[0]["mine"] else 0) if page else found[0]["whole_mine"]
    causes = await causes_of(connection, lane, [row["exchange_id"] for row in seen])
    following = (seen[-1]["seq"], seen[-1]["line"]) if len(page) > most else None
    return Explained(None, figure, brought, leaves, causes, following, None if reader is None else found[0]["whole"])


def _asked(of: Of) -> dict[str, Any]:
    return {"figure": of.figure.value, "source": of.source, "target": of.target, "program": of.program}
