"""What the books say of one event, as the line of a statement. Law: the net of the line is the entry, with the other sign.

An exchange books an amount above zero to whoever sends, and one below it to whoever receives; what the house earned in the event was paid
by whoever sends, and is its fee. A bonus books to whoever receives and to each that funds it. A reversal books it the other way round.
"""

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import NamedTuple

from settlement.rules.statement_lines import Line, LineKind, StatementError, require_text

ADJUSTED = "adjusted"
BONUS = frozenset({"bonus_posted", "bonus_returned"})
_NO_BONUS = ("0", "")
_KINDS = {kind.value: kind for kind in LineKind}
_REASONS = {"interest": LineKind.INTEREST}


class Booked(NamedTuple):
    """One entry of a partner's position, with its event. An adjustment has no exchange: its kind is empty."""

    window: int
    event: str
    at: datetime
    booked_as: str
    kind: str
    original: str
    other: int
    amount: int
    earned: int
    sent: int
    received: int
    bonus: int
    reason: str
    reference: str


def entries_of(text: str, parts: Mapping[int, int]) -> Iterator[Booked]:
    """The entries of a text that the database made of them: a line for each, a tab between columns, nothing for what is not there.

    `parts`: what the house took in events of which only a part was captured, if it took anything; the text names the event, behind an @.
    """
    for row in text.split("\n"):
        (
            window,
            event,
            at,
            booked_as,
            kind,
            original,
            other,
            amount,
            earned,
            sent,
            received,
            bonus,
            reason,
            reference,
        ) = row.split("\t")
        yield Booked(
            int(window),
            event,
            datetime.fromisoformat(at[1:-1]),
            booked_as,
            kind,
            original,
            int(other) if other else 0,
            int(amount),
            parts.get(int(earned[1:]), 0) if earned[:1] == "@" else int(earned) if earned else 0,
            int(sent) if sent else 0,
            int(received) if received else 0,
            0 if bonus in _NO_BONUS else int(bonus),
            reason,
            reference,
        )


def line_of(entry: Booked, counterparty: str) -> Line:
    """The line of this entry."""
    if not entry.kind:
        return Line(
            kind=adjusted_as(entry.reason),
            at=entry.at,
            counterparty=counterparty,
            debit=max(entry.amount, 0),
            credit=max(-entry.amount, 0),
            exchange=entry.booked_as,
            reference=told(entry.reference or entry.reason),
        )
    _, event, at, booked_as, kind, original, _, amount, earned, *_ = entry
    bonus, forward = event in BONUS, not original
    sends = (amount > 0) == forward
    fee = earned if sends and not bonus else 0
    funding = amount if sends and bonus else 0
    rest = amount - fee - funding
    units = _units(entry, bonus=bonus, sends=sends)
    own = sends == forward
    return Line(
        _KINDS[kind],
        at,
        counterparty,
        max(0, rest),
        0 if rest > 0 else -rest,
        fee,
        funding,
        units if own else 0,
        0 if own else units,
        booked_as,
        original,
    )


def _units(entry: Booked, *, bonus: bool, sends: bool) -> int:
    """The partner's own points that moved with the entry: a funder moves none."""
    if bonus:
        return 0 if sends else entry.bonus
    return entry.sent if sends else entry.received


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
