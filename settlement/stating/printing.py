"""What people read of a statement, printed of its sealed evidence: a pure function of it, the same bytes whenever, and kept once printed.

A run is final when its evidence is kept; printing a long statement takes longer than all that, so it is done afterwards: by a job, or by
whoever asks first. A statement whose fonts lack a character has no PDF, and says so.
"""

from collections.abc import Sequence

from clearing import errors
from settlement.reports import EVIDENCE, FORMATS, render, reopened
from settlement.stating.apart import apart
from settlement.stating.store import Connection, keep_file, kept_file, rows

PRINTED = tuple([form for form in FORMATS if form != EVIDENCE])
ALWAYS = [form for form in PRINTED if form != "pdf"]
"""What every statement can be printed as: no font lacks anything for them."""
MUCH = 2**20
"""Bytes of evidence, some three thousand lines, from which on a statement is printed in a process of its own."""
NO_FONT = "no font of the house has all characters of this statement: render its JSON lines"


async def file_of(connection: Connection, name: str, form: str, partner: str | None) -> bytes:
    """The bytes of a file: as they were kept, or printed now and kept.

    Raises errors.NotFound, also for a partner that asks for another's, and for a PDF where no font of the house has all its characters.
    """
    content = await kept_file(connection, name, form, partner)
    if content is not None:
        return content
    (printed,) = await _printed(connection, name, (form,))
    if printed is None:
        raise errors.NotFound(NO_FONT)
    return printed


async def print_statement(connection: Connection, name: str) -> int:
    """Print what is not printed of a statement; how many files."""
    missing = [form for form in PRINTED if await kept_file(connection, name, form, None) is None]
    return sum(one is not None for one in await _printed(connection, name, missing))


async def unprinted(connection: Connection, most: int) -> list[str]:
    """Statements that are not printed, the oldest first."""
    return [row["statement"] for row in await rows(connection, "statement_unprinted", forms=ALWAYS, most=most)]


async def _printed(connection: Connection, name: str, forms: Sequence[str]) -> list[bytes | None]:
    """These files, printed and kept, one after the other; None for one that no font of the house can show."""
    evidence = await kept_file(connection, name, EVIDENCE, None) or b""
    found = []
    async with apart(evidence, much=len(evidence) >= MUCH) as room:
        for form in forms:
            content = await room.do(printed, form)
            if content is not None:
                await keep_file(connection, name, form, content)
            found.append(content)
    return found


def printed(evidence: bytes, form: str) -> bytes | None:
    """One file of this evidence."""
    try:
        return render(reopened(evidence), form)
    except errors.GlyphMissing:
        return None
