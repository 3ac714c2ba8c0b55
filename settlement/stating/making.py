"""The statements of a frozen run: made, sealed with the house's key, and kept as evidence. What people read is printed of that, later.

Each is made where there is a processor for it, in order of the partners' numbers; it is signed and kept here.
"""

import asyncio
import json
from collections import deque
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing
from typing import Any, NamedTuple

from clearing.rules.postings import HOUSE as HOUSE_NUMBER
from clearing.signatures import PrivateKey
from settlement.reports import jsonl, signature, unsigned
from settlement.rules.statement import Statement
from settlement.rules.statement_lines import Line, read_instant
from settlement.stating import telling
from settlement.stating.apart import Apart, apart
from settlement.stating.frame import Frame, frame_of
from settlement.stating.lines import Stream, house_lines, stream
from settlement.stating.store import Connection, Evidence, keep, kept

MUCH = 20_000
"""Events of a run from which on statements are made in processes of their own: beginning one takes as long as making thousands of lines."""


class Made(NamedTuple):
    """A statement's evidence but for the signature: what is signed, and the rows behind it."""

    header: bytes
    body: bytes


Given = tuple[Frame, str]
"""What every statement of a run is made of beside its lines: the frame, and the id of the key that is going to sign."""


async def state_run(connection: Connection, lane: int, run: str, key: PrivateKey) -> int:
    """Make the statements of a run that are not there yet; how many that were. A party of whom there is nothing to tell has none.

    Law: over all statements of a run, the house's among them, opening, net, settled and closing add up to zero each.
    Raises errors.NotFound for a run that is not frozen.
    """
    frame = await frame_of(connection, lane, run)
    there = {one.partner for one in await kept(connection, run=run)}
    missing = [number for number, party in frame.parties.items() if party.code not in there]
    given, made = (frame, key.public.key_id), 0
    async with (
        apart(given, much=frame.until - frame.first >= MUCH) as room,
        stream(connection, frame, [one for one in missing if one != HOUSE_NUMBER]) as entries,
        aclosing(_each(connection, frame, missing, entries, room)) as found,
    ):
        async for one in found:
            made += one is not None and await keep(connection, run, _evidence(one, key))
    return made


async def _each(
    connection: Connection, frame: Frame, missing: Sequence[int], entries: Stream, room: Apart
) -> AsyncGenerator[Made | None, None]:
    """Every statement, in order. One more is begun than there are processors: while it waits, the next is read."""
    begun: deque[asyncio.Task[Made | None]] = deque()
    try:
        for number in missing:
            if number == HOUSE_NUMBER:
                work = room.do(made_of_house, await house_lines(connection, frame))
            else:
                work = room.do(made_of_partner, number, await entries.texts(number))
            begun.append(asyncio.create_task(work))
            if len(begun) > room.size:
                yield await begun.popleft()
        while begun:
            yield await begun.popleft()
    finally:
        for task in begun:
            task.cancel()


def made_of_partner(given: Given, number: int, texts: Sequence[str]) -> Made | None:
    """The evidence of a partner's statement by what was booked; None where there is nothing to tell."""
    frame, key_id = given
    return _made(telling.of_partner(frame, number, texts), key_id)


def made_of_house(given: Given, lines: Sequence[Line]) -> Made | None:
    """That of the house's own."""
    frame, key_id = given
    return _made(telling.of_house(frame, HOUSE_NUMBER, lines), key_id)


def _made(statement: Statement | None, key_id: str) -> Made | None:
    if statement is None:
        return None
    found = unsigned(statement, key_id)
    return Made(found.header, jsonl.body(found.records, found.leaves))


def _evidence(made: Made, key: PrivateKey) -> Evidence:
    """Signed: what is looked for is what the header says."""
    said: dict[str, Any] = json.loads(made.header)
    content = jsonl.signed(made.header, made.body, signature(made.header, key))
    made_at = read_instant("made_at", said["made_at"])
    return Evidence(
        said["statement"],
        said["partner"]["code"],
        said["currency"],
        made_at,
        said["lines"],
        said["root"],
        said["key"],
        content,
    )
