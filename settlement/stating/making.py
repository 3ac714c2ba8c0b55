"""The statements of a frozen run, one after the other: made, sealed with the house's key, rendered in every format, and kept."""

import asyncio

from clearing import errors
from clearing.rules.postings import HOUSE as HOUSE_NUMBER
from clearing.signatures import PrivateKey
from settlement.reports import FORMATS, Sealed, render, seal
from settlement.rules.money import MICRO_DIGITS
from settlement.rules.statement import Statement, state
from settlement.rules.statement_shares import drawn_for
from settlement.stating.frame import Frame, frame_of
from settlement.stating.lines import Lines, Stream, house_lines, stream
from settlement.stating.store import Connection, keep, kept


async def state_run(connection: Connection, lane: int, run: str, key: PrivateKey) -> int:
    """Make the statements of a run that are not there yet; how many that were. A party of whom there is nothing to tell has none.

    Law: over all statements of a run, the house's among them, opening, net, settled and closing add up to zero each.
    Raises errors.NotFound for a run that is not frozen.
    """
    frame = await frame_of(connection, lane, run)
    there = {one.partner for one in await kept(connection, run=run)}
    missing = [number for number, party in frame.parties.items() if party.code not in there]
    made = 0
    async with stream(connection, frame, [number for number in missing if number != HOUSE_NUMBER]) as entries:
        for number in missing:
            made += await _made(connection, frame, number, entries, key)
    return made


async def _made(connection: Connection, frame: Frame, number: int, entries: Stream, key: PrivateKey) -> bool:
    """Make one statement; nothing of it stays in memory when the next begins."""
    lines = await (house_lines(connection, frame) if number == HOUSE_NUMBER else entries.lines(number))
    statement = _statement(frame, number, lines)
    if statement is None:
        return False
    sealed, files = await asyncio.to_thread(_files, statement, key)
    return await keep(connection, frame.run, sealed, files)


def _statement(frame: Frame, number: int, found: Lines) -> Statement | None:
    """What is told of this party, exactly to the millionth; None where there is nothing to tell."""
    partner, (booked, nets) = frame.parties[number], found
    lines = [*booked, *frame.shares.lines.get(partner.code, ())]
    net = sum(nets.values()) + frame.shares.net(partner.code)
    opening, settled = frame.opening.get(number, 0), frame.settled.get(number, ())
    payment, payments = frame.payment(partner.code, nets), frame.payments(partner.code, nets)
    cover = frame.covers.get(number)
    moved = cover is not None and (cover.lodged or cover.withdrawn)
    if not (lines or opening or settled or payment or payments or moved):
        return None
    return state(
        reference=f"{frame.run}-{partner.code}",
        partner=partner,
        counterparties=frame.parties.values(),
        periods=tuple(frame.windows.values()),
        currency=frame.currency,
        digits=MICRO_DIGITS,
        made_at=frame.made_at,
        opening=opening,
        lines=lines,
        net=net,
        settled=settled,
        payment=payment,
        cover=cover,
        payments=payments,
        waterfalls=drawn_for(frame.run, frame.inputs.sharing, partner.code),
    )


def _files(statement: Statement, key: PrivateKey) -> tuple[Sealed, dict[str, bytes]]:
    """The sealed statement and its files; no PDF where its fonts lack a character, which `clearing statement render` can be given."""
    sealed, files = seal(statement, key), {}
    for form in FORMATS:
        try:
            files[form] = render(sealed, form)
        except errors.GlyphMissing:
            continue
    return sealed, files
