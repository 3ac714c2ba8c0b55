"""Value that moves without points: what settlement or a person corrects, in the open window; money and cover that came or left, in none."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
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
REMAINDER_PARTY = "house.remainder"
"""The house again, where a payment was not worth what it settles to the millionth. No partner's code has a full stop."""
HOUSE_PARTIES = frozenset({HOUSE_PARTY, REMAINDER_PARTY})
ADJUSTED, PAID, LODGED = "adjusted", "paid", "lodged"
"""The kinds of their events."""


COVER = "cover"
"""Why cover moves."""
_HOUSE = {ADJUSTED: Account.FEE, PAID: Account.CASH, LODGED: Account.FUNDS}
_PARTNER = {ADJUSTED: Account.POSITION, PAID: Account.POSITION, LODGED: Account.COVER}


def adjust(book: Book, item: Adjust) -> Booked | Refusal:
    """Book the lines of an adjustment. Raises ValidationFailed where they do not balance, NotFound for a partner nobody knows."""
    if not item.lines or sum(value for _, value in item.lines) != 0 or any(not value for _, value in item.lines):
        raise errors.ValidationFailed("the lines of an adjustment move something each, and add up to zero")
    return _written(book, item, item.adjustment_id, ADJUSTED, item.lines, book.window.number)


def pay(book: Book, item: Pay) -> Booked | Refusal:
    """Book money that arrived (plus) or left (minus): the partner owes, or is owed, so much less."""
    if not item.value:
        raise errors.ValidationFailed("a payment moves something")
    money = item.value if item.money is None else item.money
    lines = ((item.partner, -item.value), (HOUSE_PARTY, money), (REMAINDER_PARTY, item.value - money))
    return _written(book, item, item.payment_id, PAID, tuple([line for line in lines if line[1]]), None)


def entries_of(kind: str, lines: Iterable[tuple[str, int]], chart: Chart) -> tuple[Entry, ...]:
    """What these lines book: a partner's on its position or its cover, the house's on its fees, cash, funds or remainders.

    Raises NotFound.
    """
    found = []
    for party, value in lines:
        if party in HOUSE_PARTIES:
            owner, account = HOUSE, _HOUSE[kind] if party == HOUSE_PARTY else Account.REMAINDER
        elif party in chart.partners:
            owner, account = chart.partners[party], _PARTNER[kind]
        else:
            raise errors.NotFound
        found.append(Entry(account_number(owner, account), value))
    return tuple(found)


def _written(
    book: Book, item: Adjust | Pay, name: UUID, kind: str, lines: tuple[tuple[str, int], ...], window: int | None
) -> Booked | Refusal:
    if item.signed is not None:
        book.use(item.signed)
    words = Words(kind, lines, item.reason, item.of_window, item.reference)
    return booked(book, name, words, window, lambda: item.evidence_id or book.keep(item.evidence))


@dataclass(frozen=True, slots=True)
class Words:
    """What is said of a booking: the same name with other words is another booking, and refused."""

    kind: str
    lines: tuple[tuple[str, int], ...]
    reason: str
    of_window: int | None
    reference: str | None


def booked(
    book: Book, name: UUID, words: Words, window: int | None, evidence: Callable[[], UUID | None]
) -> Booked | Refusal:
    """Book these words once; `evidence` gives the id of the signed request behind them, once they are booked."""
    said = orjson.dumps(words.lines).decode()
    if known := book.read.adjustments.get(name):
        if (known.kind, known.lines, known.reason, known.of_window, known.reference) != (
            words.kind,
            said,
            words.reason,
            words.of_window,
            words.reference,
        ):
            return Refusal(RefusalCode.ADJUSTMENT_DIFFERS, f"{name} was {known.kind} with other words before")
        return Booked(book.read.leaves[known.seq], known.window_id, replayed=True)
    entries = entries_of(words.kind, words.lines, book.chart)
    evidence_id = evidence()
    told: dict[str, object] = {"window": window, "lines": words.lines, "reason": words.reason}
    told |= {"of_window": words.of_window, "reference": words.reference, "evidence": evidence_id}
    told["entries"] = [(one.account, one.amount) for one in entries]
    leaf = book.append(words.kind, name, told)
    book.enter(leaf.seq, name, entries, window)
    for entry in entries:
        if entry.account % 16 == Account.POSITION:
            book.move_cap(entry.account, position=entry.amount)
    of = (words.of_window, words.reason, words.reference)
    row = AdjustmentView(name, words.kind, leaf.seq, book.at, window, *of, said, evidence_id)
    book.read.adjustments[name] = row
    book.read.leaves[leaf.seq] = leaf
    book.changes.adjustments.append(row)
    return Booked(leaf, window, replayed=False)
