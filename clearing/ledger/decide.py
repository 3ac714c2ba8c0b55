"""The decision on each item, in order, in memory, while the lane is locked: one item's refusal never costs its neighbours.

An item is refused before anything of it is written to the page. An expected refusal is returned, misuse is raised.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from clearing import errors
from clearing.ledger.advance import advance, open_order, outcome_unknown
from clearing.ledger.book import Book, OrderState
from clearing.ledger.items import (
    Answered,
    Cancel,
    Claim,
    Claimed,
    DueOrder,
    ExchangeView,
    Grant,
    Item,
    Moved,
    Outcome,
    Postpone,
    Remember,
    Reserve,
    Reserved,
    Resolve,
    Reverse,
    Sent,
    Tick,
)
from clearing.rules import rates
from clearing.rules.lifecycle import TERMINAL, Event, Leg, Path, State, Verdict, after
from clearing.rules.limits import Cap
from clearing.rules.postings import Account, account_number
from clearing.rules.rates import Terms
from clearing.rules.refusals import Refusal, RefusalCode


def _remember(book: Book, item: Remember) -> None:
    book.use(item.signed)
    book.keep(item.evidence)


def _replay(book: Book, item: Reserve | Reverse) -> Reserved | Refusal | None:
    """The earlier outcome of this idempotency key, if there is one. A batch written again finds its own work here."""
    known = book.read.known.get((item.partner, item.idempotency_key))
    if known is None:
        return None
    exchange, leaf = known, book.read.leaves[known.reserved_seq]
    if exchange.fingerprint != item.fingerprint:
        return Refusal(RefusalCode.IDEMPOTENCY_KEY_REUSED, "this Idempotency-Key came with another body before")
    if exchange.request_id != item.signed.request_id:
        return Reserved(exchange, leaf, (), replayed=True)
    return Reserved(exchange, leaf, book.held(exchange.exchange_id, item.lease), replayed=False)


def _reserve(book: Book, item: Reserve) -> Reserved | Refusal:
    book.use(item.signed)
    if earlier := _replay(book, item):
        return earlier
    if item.quote_id in book.read.quotes:
        return Refusal(RefusalCode.QUOTE_USED, "another exchange used this quote")
    if item.quote_expires_at <= book.at:
        return Refusal(RefusalCode.QUOTE_EXPIRED, f"the quote expired at {item.quote_expires_at.isoformat()}")
    owners = book.chart.owners(item.source_program, item.target_program)
    number = account_number(owners.source_partner, Account.POSITION)
    cap = book.read.caps.get(number, Cap(0))
    if not cap.fits(item.terms.debit):
        return Refusal(RefusalCode.NET_DEBIT_CAP_EXCEEDED, "the source partner's net debit cap leaves no room for this")
    book.move_cap(number, pending=item.terms.debit)
    book.read.quotes.add(item.quote_id)
    return _open(book, item, _exchange_of(book, item), "reserved")


def _exchange_of(book: Book, item: Reserve) -> ExchangeView:
    terms = item.terms
    return ExchangeView(
        exchange_id=item.exchange_id,
        path=item.path,
        original_id=None,
        partner=item.partner,
        idempotency_key=item.idempotency_key,
        fingerprint=item.fingerprint,
        request_id=item.signed.request_id,
        quote_id=item.quote_id,
        terms_version=item.terms_version,
        state=State.RESERVED,
        reserved_at=book.at,
        posted_at=None,
        window_id=None,
        ended_at=None,
        reason=None,
        source_program=item.source_program,
        target_program=item.target_program,
        source_account=item.source_account,
        target_account=item.target_account,
        sent=terms.sent,
        received=terms.received,
        debit=terms.debit,
        funding=terms.funding,
        credit=terms.credit,
        fee=terms.fee,
        rounding=terms.rounding,
        reversed=0,
        kept_leg=0,
        cancelled=False,
        reserved_seq=book.size,
    )


def _open(book: Book, item: Reserve | Reverse, exchange: ExchangeView, verb: str) -> Reserved:
    """Write down a new exchange or reversal, its receipt's leaf, and its first order."""
    evidence_id = book.keep(item.evidence)
    leaf = book.append(
        verb,
        exchange.exchange_id,
        {
            "partner": exchange.partner,
            "path": exchange.path,
            "original": exchange.original_id,
            "quote": exchange.quote_id,
            "terms": exchange.terms_version,
            "source": {"program": exchange.source_program, "account": exchange.source_account, "amount": exchange.sent},
            "target": {
                "program": exchange.target_program,
                "account": exchange.target_account,
                "amount": exchange.received,
            },
            "debit": exchange.debit,
            "funding": exchange.funding,
            "credit": exchange.credit,
            "fee": exchange.fee,
            "rounding": exchange.rounding,
            "evidence": evidence_id,
        },
    )
    book.read.exchanges[exchange.exchange_id] = exchange
    book.read.known[(item.partner, item.idempotency_key)] = exchange
    book.read.leaves[leaf.seq] = leaf
    book.changes.exchanges.append(exchange)
    order = open_order(book, exchange, item.lease, item.lease_until)
    book.verbs.add("reserve" if exchange.original_id is None else "reverse")
    return Reserved(exchange, leaf, (order,) if order else (), replayed=False)


def _reversible(book: Book, item: Reverse) -> ExchangeView | Refusal:
    original = book.read.exchanges.get(item.original_id)
    if original is None or original.partner != item.partner:
        raise errors.NotFound
    if original.path is Path.REVERSAL or original.state is not State.COMPLETED:
        return Refusal(RefusalCode.NOT_COMPLETED, f"the exchange is {original.state}; only a completed one is reversed")
    if original.exchange_id in book.read.reversing:
        return Refusal(RefusalCode.REVERSAL_IN_PROGRESS, "wait until the earlier reversal has ended")
    return original


def _reverse(book: Book, item: Reverse) -> Reserved | Refusal:
    book.use(item.signed)
    if earlier := _replay(book, item):
        return earlier
    original = _reversible(book, item)
    if isinstance(original, Refusal):
        return original
    left = original.sent - original.reversed
    sent = left if item.sent is None else item.sent
    if not 0 < sent <= left:
        return Refusal(RefusalCode.REVERSAL_EXCEEDS, f"{left} points of this exchange are not reversed")
    terms = rates.reversal(original.terms, original.reversed, original.reversed + sent)
    if terms.received == 0:
        return Refusal(RefusalCode.REVERSAL_TOO_SMALL, "this part is worth no whole unit of the target")
    original.reversed += sent
    book.moved(original)
    book.read.reversing.add(original.exchange_id)
    return _open(book, item, _reversal_of(book, item, original, terms), "reversal_reserved")


def _reversal_of(book: Book, item: Reverse, original: ExchangeView, terms: Terms) -> ExchangeView:
    return ExchangeView(
        exchange_id=item.exchange_id,
        path=Path.REVERSAL,
        original_id=original.exchange_id,
        partner=item.partner,
        idempotency_key=item.idempotency_key,
        fingerprint=item.fingerprint,
        request_id=item.signed.request_id,
        quote_id=original.quote_id,
        terms_version=original.terms_version,
        state=State.RESERVED,
        reserved_at=book.at,
        posted_at=None,
        window_id=None,
        ended_at=None,
        reason=item.reason,
        source_program=original.source_program,
        target_program=original.target_program,
        source_account=original.source_account,
        target_account=original.target_account,
        sent=terms.sent,
        received=terms.received,
        debit=terms.debit,
        funding=terms.funding,
        credit=terms.credit,
        fee=terms.fee,
        rounding=terms.rounding,
        reversed=0,
        kept_leg=original.kept_leg,
        cancelled=False,
        reserved_seq=book.size,
    )


def _cancel(book: Book, item: Cancel) -> Moved | Refusal:
    book.use(item.signed)
    exchange = book.read.exchanges.get(item.exchange_id)
    if exchange is None or exchange.partner != item.partner:
        raise errors.NotFound
    if exchange.cancelled:
        return Moved(exchange.exchange_id, exchange.state)
    asked = (exchange.exchange_id, int(Leg.GIVE)) in book.read.orders
    if exchange.path is Path.REVERSAL or exchange.state in TERMINAL or asked:
        return Refusal(RefusalCode.TOO_LATE, "the target is being asked, or the exchange has ended")
    exchange.cancelled = True
    book.moved(exchange)
    evidence_id = book.keep(item.evidence)
    book.append("cancelled", exchange.exchange_id, {"partner": item.partner, "evidence": evidence_id})
    return Moved(exchange.exchange_id, exchange.state)


def _order(book: Book, item: Sent | Answered | Postpone) -> OrderState:
    order = book.read.orders.get((item.exchange_id, int(item.leg)))
    if order is None:
        raise errors.NotFound
    return order


def _sent(book: Book, item: Sent) -> Moved:
    order = _order(book, item)
    exchange = book.read.exchanges[item.exchange_id]
    if order.lease != item.lease or order.due_at is None or order.state not in {"waiting", "not_found"}:
        return Moved(item.exchange_id, exchange.state)
    order.state, order.sent_at = "sent", order.sent_at or book.at
    book.moved_order(order)
    return Moved(item.exchange_id, exchange.state, (order.due(),))


def _answered(book: Book, item: Answered) -> Moved:
    order = _order(book, item)
    if item.key_id is not None and not book.is_live(item.key_id):
        item = replace(item, verdict=Verdict.UNKNOWN, reason="answer_key_revoked", retry_at=item.lease_until)
    if item.verdict in {Verdict.DONE, Verdict.DECLINED, Verdict.DIFFERS}:
        return advance(book, order, item)
    return outcome_unknown(book, order, item)


def _postpone(book: Book, item: Postpone) -> Moved:
    order = _order(book, item)
    if order.lease == item.lease and order.due_at is not None:
        order.lease, order.due_at = None, item.retry_at
        if order.state == "sent":  # marked, and then the call provably never left
            order.state, order.sent_at = "waiting", None
        book.moved_order(order)
    return Moved(item.exchange_id, book.read.exchanges[item.exchange_id].state)


def _claim(book: Book, item: Claim) -> Claimed:
    taken: list[DueOrder] = []
    for order in book.read.due:
        if len(taken) >= item.limit:
            break
        if order.due_at is None or order.due_at > book.at:
            continue  # another item of this batch was quicker
        order.lease, order.due_at = item.lease, item.lease_until
        book.moved_order(order)
        taken.append(order.due())
    return Claimed(tuple(taken))


def _resolve(book: Book, item: Resolve) -> Moved | Refusal:
    again = book.use(item.signed)
    case = book.read.cases.get(item.case)
    if case is None:
        raise errors.NotFound
    exchange = book.read.exchanges[case.exchange_id]
    if again and (case.decision, case.closed_by) == (item.decision, item.operator):
        return Moved(exchange.exchange_id, exchange.state, book.held(exchange.exchange_id, item.lease))
    stuck = exchange.state is State.REVIEW
    if case.closed_at is not None or stuck == (item.decision == "close"):
        return Refusal(
            RefusalCode.CASE_CLOSED,
            f"the case is {'open' if case.closed_at is None else 'closed'}, the exchange {exchange.state}",
        )
    order = book.read.orders[(case.exchange_id, int(case.leg))]
    if stuck and any(leg > order.leg for owner, leg in book.read.orders if owner == case.exchange_id):
        return Refusal(
            RefusalCode.CASE_CLOSED, "a later order is in review; this case is closed once that one is decided"
        )
    if item.decision == "declined" and order.leg is Leg.TAKE_ANYWAY:
        return Refusal(RefusalCode.CASE_CLOSED, "the debit was declined already; only done or ask_again lead on")
    case.closed_at, case.decision, case.closed_by = book.at, item.decision, item.operator
    book.changes.closed.append((case.seq, book.at, item.decision, item.operator))
    told = {
        "case": case.seq,
        "decision": item.decision,
        "operator": item.operator,
        "evidence": book.keep(item.evidence),
    }
    book.append("case_resolved", exchange.exchange_id, told)
    if item.decision == "close":
        return Moved(exchange.exchange_id, exchange.state)
    if item.decision == "ask_again":
        exchange.state = after(exchange.path, exchange.state, Event.UNSURE)
        order.state, order.lease, order.due_at = "unknown", item.lease, item.lease_until
        book.moved(exchange)
        book.moved_order(order)
        return Moved(exchange.exchange_id, exchange.state, (order.due(),))
    exchange.state = after(exchange.path, exchange.state, Event.UNSURE)
    said = Answered(
        exchange.exchange_id,
        order.leg,
        Verdict(item.decision),
        f"decided by {item.operator}",
        item.evidence,
        None,
        item.lease,
        item.lease_until,
    )
    order.state = "unknown"
    return advance(book, order, said)


def _grant(book: Book, item: Grant) -> None:
    number = account_number(book.chart.partners[item.partner], Account.POSITION)
    cap = book.read.caps.get(number)
    if cap is not None and cap.granted == item.granted:
        return  # said before; a batch that is written again says nothing twice
    book.append("granted", None, {"partner": item.partner, "granted": item.granted})
    book.changes.grants[number] = item.granted
    cap = cap or Cap(0)
    book.read.caps[number] = Cap(item.granted, cap.position, cap.pending)


def _tick(_book: Book, _item: Tick) -> None:
    """The window was sealed, where it was due, before any item was looked at."""


_DECISIONS: dict[type[Item], Callable[[Book, Any], Outcome]] = {
    Remember: _remember,
    Reserve: _reserve,
    Reverse: _reverse,
    Cancel: _cancel,
    Sent: _sent,
    Answered: _answered,
    Postpone: _postpone,
    Claim: _claim,
    Resolve: _resolve,
    Grant: _grant,
    Tick: _tick,
}


def decide(book: Book, item: Item) -> Outcome | errors.ClearingError:
    """The outcome of one item. Misuse comes back as the exception to raise to whoever put the item."""
    try:
        return _DECISIONS[type(item)](book, item)
    except errors.ClearingError as misuse:
        return misuse
