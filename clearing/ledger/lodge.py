"""Cover and the caps that follow it: funds in and out, decided under the lane's lock with all that is owed and pending by then."""

from clearing import errors
from clearing.ledger.adjust import COVER, HOUSE_PARTY, LODGED, Words, booked
from clearing.ledger.book import Book
from clearing.ledger.items import Grant, Lodge
from clearing.ledger.outcomes import Booked
from clearing.rules import agreements
from clearing.rules.agreements import Credit, Postpaid, Prepaid
from clearing.rules.limits import Cap
from clearing.rules.postings import Account, account_number
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import AMOUNT_MAX


def lodge(book: Book, item: Lodge) -> Booked | Refusal:
    """Book funds that come in or leave, and grant what follows. Raises ValidationFailed beyond what travels exactly."""
    if not item.value:
        raise errors.ValidationFailed("a movement of cover moves something")
    number = book.chart.partners.get(item.partner)
    if number is None:
        raise errors.NotFound
    known = item.movement_id in book.read.adjustments
    left = book.read.covers.get(account_number(number, Account.COVER), 0) + item.value
    agreed = agreements.in_force(item.agreements, book.at)
    credit = None if agreed is None else agreed.credit
    if not known and (refusal := _refused(book, item, credit, number, left)):
        return refusal
    lines = ((item.partner, -item.value), (HOUSE_PARTY, item.value))
    words = Words(LODGED, lines, COVER, None, item.reference)
    done = booked(book, item.movement_id, words, None, lambda: item.evidence_id)
    if not known:
        book.read.covers[account_number(number, Account.COVER)] = left
        if isinstance(credit, Prepaid):
            _granted(book, item.partner, agreements.room(credit, left))
    return done


def grant(book: Book, item: Grant) -> None:
    """Grant a cap: so much, or its part of the cover that the books have now."""
    if item.partner not in book.chart.partners:
        raise errors.NotFound
    granted = item.granted
    if not isinstance(granted, int):
        account = account_number(book.chart.partners[item.partner], Account.COVER)
        granted = agreements.room(granted, book.read.covers.get(account, 0))
    _granted(book, item.partner, granted)


def _refused(book: Book, item: Lodge, credit: Credit | None, number: int, left: int) -> Refusal | None:
    """What leaves must be there, and what is left must cover what is owed and pending. On its word a partner may owe without cover."""
    if left > AMOUNT_MAX:
        raise errors.ValidationFailed("the cover would be beyond 2^53 - 1")
    if left < 0:
        return Refusal(RefusalCode.COVER_NEEDED, "more would leave than is lodged")
    if item.value > 0 or isinstance(credit, Postpaid):
        return None
    cap = book.read.caps.get(account_number(number, Account.POSITION), Cap(0))
    room = 0 if credit is None else agreements.room(credit, left)
    if Cap(room, cap.position, cap.pending).fits(0):
        return None
    said = f"{cap.position + cap.pending} are owed or pending; the cap would be {room}"
    return Refusal(RefusalCode.COVER_NEEDED, said)


def _granted(book: Book, partner: str, granted: int) -> None:
    number = account_number(book.chart.partners[partner], Account.POSITION)
    cap = book.read.caps.get(number)
    if cap is not None and cap.granted == granted:
        return  # said before; a batch that is written again says nothing twice
    book.append("granted", None, {"partner": partner, "granted": granted})
    book.changes.grants[number] = granted
    cap = cap or Cap(0)
    book.read.caps[number] = Cap(granted, cap.position, cap.pending)
