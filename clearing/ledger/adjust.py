"""Value that moves without points: what settlement or a person corrects, in the open window, and money that arrived or left, in none."""

from collections.abc import Iterable
from uuid import UUID

import orjson

from clearing import errors
from clearing.ledger.book import Book, Chart
from clearing.ledger.items import Adjust, Pay
from clearing.ledger.outcomes import AdjustmentView, Booked
from clearing.rules.postings import HOUSE, Account, Entry, account_number
from clearing.rules.refusals import Refusal, RefusalCode

HOUSE_PARTY = "house"
"""The house among the parties of an adjustment: what it gains or bears there is on its account of fees."""
ADJUSTED, PAID = "adjusted", "paid"
"""The kinds of their events."""


def adjust(book: Book, item: Adjust) -> Booked | Refusal:
    """Book the lines of an adjustment. Raises ValidationFailed where they do not balance, NotFound for a partner nobody knows."""
    if not item.lines or sum(value for _, value in item.lines) != 0 or any(not value for _, value in item.lines):
        raise errors.ValidationFailed("the lines of an adjustment move something each, and add up to zero")
    return _booked(book, item, item.adjustment_id, ADJUSTED, item.lines, book.window.number)


def pay(book: Book, item: Pay) -> Booked | Refusal:
    """Book money that arrived (plus) or left (minus): the partner owes, or is owed, so much less."""
    if not item.value:
        raise errors.ValidationFailed("a payment moves something")
    return _booked(book, item, item.payment_id, PAID, ((item.partner, -item.value), (HOUSE_PARTY, item.value)), None)


def entries_of(kind: str, lines: Iterable[tuple[str, int]], chart: Chart) -> tuple[Entry, ...]:
    """What these lines book: a partner's on its position, the house's on its fees or its cash. Raises NotFound."""
    house = account_number(HOUSE, Account.CASH if kind == PAID else Account.FEE)
    found = []
    for party, value in lines:
        if party != HOUSE_PARTY and party not in chart.partners:
            raise errors.NotFound
        number = house if party == HOUSE_PARTY else account_number(chart.partners[party], Account.POSITION)
        found.append(Entry(number, value))
    return tuple(found)


def _booked(
    book: Book, item: Adjust | Pay, name: UUID, kind: str, lines: tuple[tuple[str, int], ...], window: int | None
) -> Booked | Refusal:
    if item.signed is not None:
        book.use(item.signed)
    said = orjson.dumps(lines).decode()
    if known := book.read.adjustments.get(name):
        same = (known.kind, known.lines, known.reason) == (kind, said, item.reason)
        same = same and (known.of_window, known.reference) == (item.of_window, item.reference)
        if not same:
            return Refusal(RefusalCode.ADJUSTMENT_DIFFERS, f"{name} was {known.kind} with other words before")
        return Booked(book.read.leaves[known.seq], known.window_id, replayed=True)
    entries = entries_of(kind, lines, book.chart)
    evidence_id = book.keep(item.evidence)
    told: dict[str, object] = {"window": window, "lines": lines, "reason": item.reason, "of_window": item.of_window}
    told |= {
        "reference": item.reference,
        "evidence": evidence_id,
        "entries": [(one.account, one.amount) for one in entries],
    }
    leaf = book.append(kind, name, told)
    book.enter(leaf.seq, name, entries, window)
    for entry in entries:
        if entry.account % 16 == Account.POSITION:
            book.move_cap(entry.account, position=entry.amount)
    row = AdjustmentView(
        name, kind, leaf.seq, book.at, window, item.of_window, item.reason, item.reference, said, evidence_id
    )
    book.read.adjustments[name] = row
    book.read.leaves[leaf.seq] = leaf
    book.changes.adjustments.append(row)
    return Booked(leaf, window, replayed=False)
