"""What a line of a program's roll-forward is made of: entries of its contra account, or the lines before it.

A line that moves points is explained by the entries of its contra account, with the sign of that account: what was issued stands below zero
there. `opening` and `closing` have the sign of the roll-forward. What is told as reported is made of reports, each with its signed request.
"""

from clearing import errors
from settlement.books.chart import Chart, Connection, rows
from settlement.books.explain import BEGINNING, PAGE, Explained, Part, Place, page_of
from settlement.books.liability import roll_forwards
from settlement.books.spans import Span
from settlement.rules.journal import BookAccount
from settlement.rules.liability import LINES, RollForward

OPENING, CLOSING = "opening", "closing"
REPORTED = {"issued_outside": "issued", "redeemed_outside": "redeemed", "expired": "expired"}
"""What is told as reported, and what it is in a report."""


async def explain_rolled(
    connection: Connection,
    chart: Chart,
    program: BookAccount,
    line: str,
    span: Span,
    window: str | None = None,
    after: Place = BEGINNING,
    most: int = PAGE,
) -> Explained:
    """A line of the roll-forward of a program, given by its account of points outstanding. `window` is that of the span, if it is one.

    Raises errors.NotFound for a line that a roll-forward does not have.
    """
    found = next(one for one in await roll_forwards(connection, chart, span) if one.program == program.owner)
    if line == OPENING:
        return Explained(program, found.opening, 0, (), (), None, parts=await _before(connection, found, span))
    if line == CLOSING:
        return Explained(program, found.closing, 0, (), (), None, parts=_moved(found, window))
    if line in REPORTED:
        parts = await _reported(connection, program.owner, REPORTED[line], span)
        return Explained(program, sum(part.amount for part in parts), 0, (), (), None, parts=parts)
    known = next(((kind, sign) for name, kind, sign in LINES if name == line), None)
    if known is None:
        raise errors.NotFound("a roll-forward has no such line")
    kind, sign = known
    account = program.number - program.kind + kind
    page = await page_of(connection, chart, span, account, after, most, sign=-sign)
    return Explained(chart.accounts[account], -dict(found.lines)[line], *page)


def _moved(found: RollForward, window: str | None) -> tuple[Part, ...]:
    told = [(OPENING, found.opening), *found.lines]
    return tuple([Part(name, amount, f"{found.program}:{name}", window) for name, amount in told if amount])


async def _reported(connection: Connection, program: str, what: str, span: Span) -> tuple[Part, ...]:
    """The reports that say something of it, each with its signed request."""
    windows = list(span.windows)
    found = await rows(connection, "explain_reported", lane=span.lane, program=program, window_id=windows)
    return tuple([Part(row["reference"], row[what], evidence_id=row["evidence_id"]) for row in found if row[what]])


async def _before(connection: Connection, found: RollForward, span: Span) -> tuple[Part, ...]:
    """The closing of the window before; none before the first."""
    codes = [row["code"] for row in await rows(connection, "books_windows", lane=span.lane)]
    place = codes.index(span.first_code)
    if not place:
        return ()
    return (Part(CLOSING, found.opening, f"{found.program}:{CLOSING}", codes[place - 1]),)
