"""What an answer does to an exchange: the next state, what is booked, the next order; or a case for a person."""

from datetime import datetime
from uuid import UUID

from clearing.ledger.book import Book, OrderState
from clearing.ledger.items import Answered, DueOrder, ExchangeView, Moved
from clearing.rules import postings
from clearing.rules.lifecycle import (
    DEBIT_ANYWAY,
    STEPS,
    TERMINAL,
    Event,
    Leg,
    Path,
    Side,
    State,
    Step,
    Verdict,
    after,
    event_of,
    order_id,
)
from clearing.rules.postings import Account, Owners, account_number

_FINAL = frozenset({Verdict.DONE, Verdict.DECLINED})
_CASES = {Event.LOST: "capture_lost", Event.NOT_RETURNED: "return_refused", Event.NOT_GIVEN: "return_refused"}
_VOIDS = frozenset({Event.NOT_TAKEN, Event.RETURNED})


def open_order(book: Book, exchange: ExchangeView, lease: UUID, lease_until: datetime) -> DueOrder | None:
    """The order that the state just entered asks for, leased to the caller."""
    step = STEPS.get((exchange.path, exchange.state))
    return _ask(book, exchange, step, lease, lease_until) if step else None


def _refers(exchange: ExchangeView, step: Step) -> str | None:
    if step.refers is None:
        return None
    if exchange.path is not Path.REVERSAL or exchange.original_id is None:
        return order_id(exchange.exchange_id.hex, step.refers)
    leg = exchange.kept_leg if step.refers is Leg.KEEP else step.refers
    return order_id(exchange.original_id.hex, leg)


def _ask(book: Book, exchange: ExchangeView, step: Step, lease: UUID, lease_until: datetime) -> DueOrder:
    at_source = step.side is Side.SOURCE
    order = OrderState(
        exchange_id=exchange.exchange_id,
        leg=step.leg,
        operation=step.operation,
        program=exchange.source_program if at_source else exchange.target_program,
        account=exchange.source_account if at_source else exchange.target_account,
        amount=exchange.sent if at_source else exchange.received,
        refers=_refers(exchange, step),
        state="waiting",
        lease=lease,
        due_at=lease_until,
        created_at=book.at,
        sent_at=None,
        attempts=0,
        answered_at=None,
        reason=None,
        evidence_id=None,
    )
    book.order(order)
    return order.due()


def outcome_unknown(book: Book, order: OrderState, item: Answered) -> Moved:
    """The program has not said, or will say later: ask again at `retry_at`, or hand the exchange to a person."""
    exchange = book.read.exchanges[item.exchange_id]
    if order.due_at is None or order.lease != item.lease or order.state in _FINAL or exchange.state is State.REVIEW:
        return Moved(item.exchange_id, exchange.state)  # said by one who holds it no longer, or said before
    order.evidence_id = book.keep(item.evidence) or order.evidence_id
    order.state, order.reason = item.verdict, item.reason
    order.attempts += 1
    order.sent_at = order.sent_at or book.at
    order.lease, order.due_at = None, item.retry_at
    book.moved_order(order)
    if item.retry_at is None:
        _review(book, exchange, order, "outcome_unknown", item.reason or "the program never said what became of it")
    elif (event := event_of(order.leg, item.verdict)) and exchange.state is not State.UNKNOWN:
        exchange.state = after(exchange.path, exchange.state, event)
        book.moved(exchange)
    return Moved(item.exchange_id, exchange.state)


def _review(book: Book, exchange: ExchangeView, order: OrderState, kind: str, detail: str) -> None:
    exchange.state = after(exchange.path, exchange.state, Event.GIVEN_UP)
    order.lease = order.due_at = None
    book.moved(exchange)
    book.open_case(exchange, order.leg, kind, detail)


def advance(book: Book, order: OrderState, item: Answered) -> Moved:
    """A final answer, or one that differs from the order."""
    exchange = book.read.exchanges[item.exchange_id]
    if order.state in _FINAL or order.state == Verdict.DIFFERS or exchange.state is State.REVIEW:
        return _answered_before(book, exchange, order, item)
    order.evidence_id = book.keep(item.evidence) or order.evidence_id
    order.state, order.reason, order.answered_at = item.verdict, item.reason, book.at
    order.sent_at = order.sent_at or book.at
    order.attempts += 1
    order.lease = order.due_at = None
    book.moved_order(order)
    if item.verdict is Verdict.DIFFERS:
        _review(book, exchange, order, "answer_differs", item.reason or "the answer speaks of something else")
        return Moved(item.exchange_id, exchange.state)
    event = event_of(order.leg, item.verdict)
    if event is None:  # final verdicts always are events; this keeps the type checker and the reader sure
        return Moved(item.exchange_id, exchange.state)
    if event is Event.TAKEN and exchange.cancelled:
        event = Event.TAKEN_IN_VAIN
    return _happen(book, exchange, order, event, item)


def _answered_before(book: Book, exchange: ExchangeView, order: OrderState, item: Answered) -> Moved:
    """An answer to an order that is answered already, or in a person's hands. It is kept; if it contradicts, a case is opened."""
    book.keep(item.evidence)
    moved = Moved(item.exchange_id, exchange.state, book.held(item.exchange_id, item.lease))
    known = order.state in {item.verdict, Verdict.DIFFERS}  # an order that said both yes and no says nothing more
    if known or exchange.state is State.REVIEW or item.verdict is Verdict.DIFFERS:
        return moved
    late = order.leg is Leg.GIVE and item.verdict is Verdict.DONE and exchange.path is not Path.REVERSAL
    if late:
        owners = book.chart.owners(exchange.source_program, exchange.target_program)
        entries = postings.book(postings.LATE_CREDIT, exchange.terms, owners)
        leaf = book.append("late_credit", exchange.exchange_id, {"window": book.window.number, **_told(entries)})
        book.enter(leaf.seq, exchange.exchange_id, entries, book.window.number)
    kind = "late_success" if late else "answer_differs"
    book.open_case(exchange, order.leg, kind, f"{order.program} said {order.state} first and {item.verdict} later")
    order.state = Verdict.DONE if order.state == Verdict.DECLINED else Verdict.DIFFERS
    order.answered_at = book.at
    book.moved_order(order)
    return moved


def _told(entries: tuple[postings.Entry, ...]) -> dict[str, object]:
    return {"entries": [(entry.account, entry.amount) for entry in entries]}


def _happen(book: Book, exchange: ExchangeView, order: OrderState, event: Event, item: Answered) -> Moved:
    """Move the exchange, book what the event books, and ask for what comes next."""
    exchange.state = after(exchange.path, exchange.state, event)
    if event in {Event.NOT_TAKEN, Event.NOT_GIVEN, Event.NOT_KEPT} and item.reason:
        exchange.reason = f"{order.program}: {item.reason}"
    if event is Event.KEPT:
        exchange.kept_leg = int(order.leg)
    elif event is Event.GIVEN and exchange.path is Path.DEBITED:
        exchange.kept_leg = int(Leg.TAKE)
    if exchange.state in TERMINAL:
        exchange.ended_at = book.at
        if exchange.original_id is not None:
            book.read.reversing.discard(exchange.original_id)
    book.moved(exchange)
    _enter(book, exchange, event)
    if event in _CASES and exchange.state is State.REVIEW:
        book.open_case(exchange, order.leg, _CASES[event], f"{order.program}: {item.reason or 'declined'}")
    if event is Event.NOT_KEPT:
        due = _ask(book, exchange, DEBIT_ANYWAY, item.lease, item.lease_until)
        return Moved(exchange.exchange_id, exchange.state, (due,), exchange)
    follows = open_order(book, exchange, item.lease, item.lease_until)
    return Moved(exchange.exchange_id, exchange.state, (follows,) if follows else (), exchange)


def _enter(book: Book, exchange: ExchangeView, event: Event) -> None:
    """Book the event: entries, window, cap; and its leaf. A hold or a capture only moves orders and leaves no mark here."""
    owners = book.chart.owners(exchange.source_program, exchange.target_program)
    entries = postings.entries(exchange.path, event, exchange.terms, owners)
    posts = (exchange.path, event) in postings.IN_WINDOW
    if not entries and event not in _VOIDS:
        return
    told: dict[str, object] = _told(entries)
    if posts:
        exchange.posted_at, exchange.window_id = book.at, book.window.number
        told["window"] = book.window.number
    if event in _VOIDS:
        told["reason"] = exchange.reason
    leaf = book.append(_verb(exchange, event), exchange.exchange_id, told)
    book.enter(leaf.seq, exchange.exchange_id, entries, exchange.window_id if posts else None)
    if posts:
        _post_cap(book, exchange, owners)
    elif event in _VOIDS:
        _void(book, exchange, owners)


def _verb(exchange: ExchangeView, event: Event) -> str:
    if (exchange.path, event) in postings.IN_WINDOW:
        return "posted" if exchange.path is not Path.REVERSAL else "reversal_posted"
    if event in _VOIDS:
        return "voided"
    return "returned" if exchange.path is Path.REVERSAL else "debited"


def _post_cap(book: Book, exchange: ExchangeView, owners: Owners) -> None:
    source = account_number(owners.source_partner, Account.POSITION)
    target = account_number(owners.target_partner, Account.POSITION)
    if exchange.path is Path.REVERSAL:
        book.move_cap(source, position=-exchange.debit)
        book.move_cap(target, position=exchange.credit)
        book.verbs.add("reverse")
    else:
        book.move_cap(source, position=exchange.debit, pending=-exchange.debit)
        book.move_cap(target, position=-exchange.credit)
        book.verbs.add("post")


def _void(book: Book, exchange: ExchangeView, owners: Owners) -> None:
    """What was pending comes back; an original counts the part as not reversed again."""
    book.verbs.add("void")
    if exchange.original_id is None:
        book.move_cap(account_number(owners.source_partner, Account.POSITION), pending=-exchange.debit)
        return
    original = book.read.exchanges[exchange.original_id]
    original.reversed -= exchange.sent
    book.moved(original)
