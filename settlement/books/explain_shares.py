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
from settlement.rules.waterfall import NOTHING, Waterfall, booking_name

BACK = "/back"
"""Behind run and contract: what is given back, and not what is shared."""


@dataclass(frozen=True, slots=True)
class ExplainedShare:
    """A waterfall of a run, the booking that it is part of, by whose keys it stands, and the entries of its base."""

    run: str
    waterfall: Waterfall
    booking: UUID
    valid_from: datetime
    proposed_by: str
    confirmed_by: str
    entries: Explained


async def share_booked(connection: Connection, lane: int, name: UUID, reader: str | None = None) -> str | None:
    """Run and contract of this booking, as `RUN/CONTRACT`; None for every other, and for a `reader` that is no party of it."""
    for one in await rows(connection, "share_booking", lane=lane, name=name):
        reference: str = one["reference"]
        run, _, contract = reference.rpartition("/")
        if seen(await _inputs(connection, run), contract, reader):
            return reference
    return None


async def _inputs(connection: Connection, run: str) -> Inputs | None:
    """What a final run is made of; None where there is none of this name."""
    found = await rows(connection, "share_run", run=run)
    return inputs_of(json.loads(found[0]["inputs"])) if found else None


def seen(inputs: Inputs | None, contract: str, reader: str | None) -> list[Waterfall]:
    """The waterfalls of a contract that are told to a reader: those by versions that it is a party of; None sees all."""
    sharing = NOTHING if inputs is None else inputs.sharing
    own = {one for one, said in sharing.documents if reader is None or reader in said["parties"]}
    return [one for one in sharing.of(contract) if one.version in own]


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

    To a `reader` that is no party of the version, all is as if there were no such run, whatever it asks. One that is a party is
    given its own entries, summed and paged by themselves, and the exchanges that it asked for: whatever `after` it names,
    nothing that it is told follows from another's entries but their whole sum, which its contract shares.
    """
    run, contract = _named(figure)
    inputs, waterfall = await _waterfall(connection, figure, window, reader)
    said = next(said for one, said in inputs.sharing.documents if one == waterfall.version)
    filed = await partners.filed_contracts(connection, contract)
    stands = next((one for one in filed if one.digest == waterfall.version.digest), None)
    if stands is None:
        raise errors.NotFound("the version of the contract is not kept")
    entries = await _entries(connection, chart, lane, inputs, waterfall, said, after, most, reader)
    keys = (stands.valid_from, stands.proposed_by, stands.confirmed_by)
    return ExplainedShare(run, waterfall, booking_name(run, contract), *keys, entries)


async def shared_waterfall(
    connection: Connection, figure: str, window: str | None = None, reader: str | None = None
) -> tuple[str, Waterfall]:
    """The run and the waterfall of this name, as `explain_share` finds them. Raises NotFound, ValidationFailed."""
    _, waterfall = await _waterfall(connection, figure, window, reader)
    return _named(figure)[0], waterfall


async def _waterfall(
    connection: Connection, figure: str, window: str | None, reader: str | None
) -> tuple[Inputs, Waterfall]:
    run, contract = _named(figure)
    inputs = await _inputs(connection, run)
    known = seen(inputs, contract, reader)
    if inputs is None or not known:
        raise errors.NotFound("no frozen run of this name shares anything by such a contract, or not by one of yours")
    return inputs, _chosen(known, window, back=figure.endswith(BACK))


def _named(figure: str) -> tuple[str, str]:
    """Run and contract of a figure."""
    run, _, contract = figure.removesuffix(BACK).rpartition("/")
    return run, contract


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
