"""What the books say of one event, as the line of a statement. Law: the net of the line is the entry, with the other sign.

An exchange books an amount above zero to whoever sends, and one below it to whoever receives; what the house earned in the event was paid
by whoever sends, and is its fee. A bonus books to whoever receives and to each that funds it. A reversal books it the other way round.
"""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from settlement.rules.statement_lines import Line, LineKind, StatementError, require_text

ADJUSTED = "adjusted"
BONUS = frozenset({"bonus_posted", "bonus_returned"})
_KINDS = {kind.value: kind for kind in LineKind}
_REASONS = {"interest": LineKind.INTEREST}


class Booked(NamedTuple):
    """One entry of a partner's position, with its event. An adjustment has no exchange: its kind is None."""

    account: int
    window: int
    event: str
    at: datetime
    booked_as: UUID
    kind: str | None
    original: UUID | None
    other: int | None
    amount: int
    earned: int
    sent: int | None
    received: int | None
    bonus: int | None
    reason: str | None
    reference: str | None


def line_of(entry: Booked, counterparty: str) -> Line:
    """The line of this entry."""
    if entry.kind is None:
        return Line(
            kind=adjusted_as(entry.reason),
            at=entry.at,
            counterparty=counterparty,
            debit=max(entry.amount, 0),
            credit=max(-entry.amount, 0),
            exchange=str(entry.booked_as),
            reference=told(entry.reference or entry.reason),
        )
    bonus, forward = entry.event in BONUS, entry.original is None
    sends = (entry.amount > 0) == forward
    fee = entry.earned if sends and not bonus else 0
    funding = entry.amount if sends and bonus else 0
    rest = entry.amount - fee - funding
    units = _units(entry, bonus=bonus, sends=sends)
    return Line(
        kind=_KINDS[entry.kind],
        at=entry.at,
        counterparty=counterparty,
        debit=max(rest, 0),
        credit=max(-rest, 0),
        fee=fee,
        funding=funding,
        sent=units if sends == forward else 0,
        received=0 if sends == forward else units,
        exchange=str(entry.booked_as),
        reference="" if entry.original is None else str(entry.original),
    )


def _units(entry: Booked, *, bonus: bool, sends: bool) -> int:
    """The partner's own points that moved with the entry: a funder moves none."""
    if bonus:
        return 0 if sends else entry.bonus or 0
    return (entry.sent if sends else entry.received) or 0


def adjusted_as(reason: str | None) -> LineKind:
    """What an adjustment for this reason is among the kinds of lines."""
    return _REASONS.get(reason or "", LineKind.ADJUSTMENT)


def told(text: str | None) -> str:
    """A text of the books, if a statement can carry it; else none."""
    try:
        require_text("text", text or "")
    except StatementError:
        return ""
    return text or ""
