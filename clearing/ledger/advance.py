"""What an answer does to an exchange: the next state, what is booked, the next order; or a case for a person."""

from datetime import datetime
from uuid import UUID

from clearing.ledger.book import Book, OrderState
from clearing.ledger.items import Answered
from clearing.ledger.outcomes import DueOrder, ExchangeView, Moved
from clearing.rules import postings
from clearing.rules.agreements import Bearer
from clearing.rules.lifecycle import (
    BONUS,
    BONUS_BACK,
    DEBIT_ANYWAY,
    RELEASE_IN_TIME,
    STEPS,
    TERMINAL,
    UNDOES,
    Event,
    Leg,
    Operation,
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
_SPENT = "points_spent"
_BORNE: dict[str | None, Event] = {Bearer.PROGRAM: Event.TAKEN_SHORT, Bearer.PARTNER: Event.TAKEN_PAID}
"""What becomes of a claw-back of spent points that somebody bears. A member's balance goes below zero, so there they are taken."""
_SHORT = frozenset(_BORNE.values())
_TELLS_WHY = frozenset({Event.NOT_TAKEN, Event.NOT_GIVEN, Event.NOT_KEPT, *_SHORT})


def open_order(book: Book, exchange: ExchangeView, lease: UUID, lease_until: datetime) -> DueOrder | None:
    """The order that the state just entered asks for, leased to the caller."""
    step = STEPS.get((exchange.path, exchange.state))
    if step is None:
        return None
    parked = book.read.orders.get((exchange.exchange_id, int(step.leg)))
    if parked is None:
        return ask(book, exchange, step, lease, lease_until)
    parked.lease, parked.due_at = lease, lease_until  # written down with the hold, and not sent yet
    book.moved_order(parked)
    return parked.due()


def _refers(exchange: ExchangeView, step: Step) -> str | None:
    if step.refers is None:
        return None
    if exchange.original_id is None:
        return order_id(exchange.exchange_id.hex, step.refers)
    leg = exchange.kept_leg if step.refers is Leg.KEEP else step.refers
    return order_id(exchange.original_id.hex, leg)


def ask(book: Book, exchange: ExchangeView, step: Step, lease: UUID | None, due_at: datetime) -> DueOrder:
    """Write down an order: leased to the caller until `due_at`, or, without a lease, to be sent by whoever finds it due then."""
    at_source = step.side is Side.SOURCE
    program = exchange.source_program if at_source else exchange.target_program
    account = exchange.source_account if at_source else exchange.target_account
    if program is None or account is None:
        raise LifecycleBrokenError(f"a {exchange.path} exchange has no {step.side} to ask")
    order = OrderState(
        exchange_id=exchange.exchange_id,
        leg=step.leg,
        operation=_operation(exchange, step),
        program=program,
        account=account,
        amount=_amount(exchange, step),
        refers=_refers(exchange, step),
        state="waiting",
        lease=lease,
        due_at=due_at,
        created_at=book.at,
        sent_at=None,
        attempts=0,
        answered_at=None,
        reason=None,
        evidence_id=None,
    )
    book.order(order)
    return order.due()


def _operation(exchange: ExchangeView, step: Step) -> Operation:
    """What a program that takes balances below zero is asked in place of a reversal of what it credited."""
    below = exchange.bearer == Bearer.MEMBER_NEGATIVE and step.side is Side.TARGET
    return Operation.CLAW_BACK if below and step.operation is Operation.REVERSE else step.operation


class LifecycleBrokenError(Exception):
    """The tables of the lifecycle ask for what an exchange of this path cannot have: a mistake of ours, and nothing is kept."""


def _amount(exchange: ExchangeView, step: Step) -> int:
    if step.leg is Leg.BONUS:
        return exchange.bonus
    if step.operation is Operation.CAPTURE:
        return exchange.captured or exchange.sent
    return exchange.sent if step.side is Side.SOURCE else exchange.received


def outcome_unknown(book: Book, order: OrderState, item: Answered) -> Moved:
    """The program has not said, or will say later: ask again at `retry_at`, or hand the exchange to a person."""
    exchange = book.read.exchanges[item.exchange_id]
    if order.due_at is None or order.lease != item.lease or order.state in _FINAL or _with_a_person(exchange, order):
        return Moved(item.exchange_id, exchange.state)  # said by one who holds it no longer, or said before
    order.evidence_id = book.keep(item.evidence) or order.evidence_id
    order.state, order.reason = item.verdict, item.reason
    order.attempts += 1
    order.sent_at = order.sent_at or book.at
    order.lease, order.due_at = None, item.retry_at
    book.moved_order(order)
    if item.retry_at is None:
        _review(book, exchange, order, "outcome_unknown", item.reason or "the program never said what became of it")
    elif order.leg is Leg.BONUS:
        pass  # it moves no state
    elif (event := event_of(order.leg, item.verdict)) and exchange.state is not State.UNKNOWN:
        exchange.state = after(exchange.path, exchange.state, event)
        book.moved(exchange)
    return Moved(item.exchange_id, exchange.state)


def _with_a_person(exchange: ExchangeView, order: OrderState) -> bool:
    """Whether only a person's decision moves this order on. A bonus does not wait for the exchange, nor that for it."""
    return exchange.state is State.REVIEW and order.leg is not Leg.BONUS


def _review(book: Book, exchange: ExchangeView, order: OrderState, kind: str, detail: str) -> None:
    order.lease = order.due_at = None
    if order.leg is not Leg.BONUS:
        exchange.state = after(exchange.path, exchange.state, Event.GIVEN_UP)
        book.moved(exchange)
    book.open_case(exchange, order.leg, kind, detail)


def advance(book: Book, order: OrderState, item: Answered) -> Moved:
    """A final answer, or one that differs from the order."""
    exchange = book.read.exchanges[item.exchange_id]
    if order.state in _FINAL or order.state == Verdict.DIFFERS or _with_a_person(exchange, order):
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
    if order.leg is Leg.BONUS:
        return bonus_answered(book, exchange, order, item)
    event = event_of(order.leg, item.verdict)
    if event is None:  # final verdicts always are events; this keeps the type checker and the reader sure
        return Moved(item.exchange_id, exchange.state)
    if event is Event.TAKEN and exchange.cancelled:
        event = Event.TAKEN_IN_VAIN
    if event is Event.NOT_TAKEN and item.reason == _SPENT:
        event = _BORNE.get(exchange.bearer, event)
    return _happen(book, exchange, order, event, item)


def _answered_before(book: Book, exchange: ExchangeView, order: OrderState, item: Answered) -> Moved:
    """An answer to an order that is answered already, or in a person's hands. It is kept; if it contradicts, a case is opened."""
    book.keep(item.evidence)
    moved = Moved(item.exchange_id, exchange.state, book.held(item.exchange_id, item.lease))
    known = order.state in {item.verdict, Verdict.DIFFERS}  # an order that said both yes and no says nothing more
    if known or _with_a_person(exchange, order) or item.verdict is Verdict.DIFFERS:
        return moved
    late = order.leg is Leg.GIVE and item.verdict is Verdict.DONE and exchange.original_id is None
    if late:
        owners = book.chart.owners(exchange)
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
    if item.reason and event in _TELLS_WHY:
        exchange.reason = f"{order.program}: {item.reason}"
    if event is Event.KEPT:
        exchange.kept_leg = int(order.leg)
    elif (exchange.path, event) in _KEPT_WITH_TAKE:
        exchange.kept_leg = int(Leg.TAKE)
    elif event is Event.NOT_KEPT and exchange.path is Path.AUTHORISED:
        exchange.captured = 0
    _ended(book, exchange)
    book.moved(exchange)
    _enter(book, exchange, event)
    if event in _CASES and exchange.state is State.REVIEW:
        book.open_case(exchange, order.leg, _CASES[event], f"{order.program}: {item.reason or 'declined'}")
    due = _follow(book, exchange, event, item)
    return Moved(exchange.exchange_id, exchange.state, due, exchange)


_KEPT_WITH_TAKE = frozenset({(Path.DEBITED, Event.GIVEN), (Path.CHARGED, Event.TAKEN)})


def _ended(book: Book, exchange: ExchangeView) -> None:
    if exchange.state in TERMINAL:
        exchange.ended_at = book.at
        if exchange.original_id is not None:
            book.read.reversing.discard(exchange.original_id)


def _follow(book: Book, exchange: ExchangeView, event: Event, item: Answered) -> tuple[DueOrder, ...]:
    """The orders that come next: of the state just entered, of a bonus, of a capture that was declined."""
    if event is Event.NOT_KEPT and exchange.path is Path.HELD:
        return (ask(book, exchange, DEBIT_ANYWAY, item.lease, item.lease_until),)
    if exchange.path is Path.AUTHORISED and exchange.state is State.SOURCE_HELD:
        ask(book, exchange, RELEASE_IN_TIME, None, exchange.capture_by or item.lease_until)
        return ()
    follows = open_order(book, exchange, item.lease, item.lease_until)
    due = (follows,) if follows else ()
    if not exchange.bonus or (exchange.path, event) not in postings.IN_WINDOW:
        return due
    if exchange.original_id is not None:
        return (*due, ask(book, exchange, BONUS_BACK, item.lease, item.lease_until))
    if exchange.bonus_due is None or exchange.bonus_due <= book.at:
        return (*due, ask(book, exchange, BONUS, item.lease, item.lease_until))
    ask(book, exchange, BONUS, None, exchange.bonus_due)
    return due


def end_held(book: Book, exchange: ExchangeView, reason: str) -> Moved:
    """End an exchange before anybody was asked."""
    exchange.state = after(exchange.path, State.REVIEW, _NOTHING_ASKED[exchange.path])
    exchange.reason = reason
    _ended(book, exchange)
    book.moved(exchange)
    _enter(book, exchange, _NOTHING_ASKED[exchange.path])
    return Moved(exchange.exchange_id, exchange.state, (), exchange)


_NOTHING_ASKED = {path: Event.NOT_GIVEN if path is Path.ISSUED else Event.NOT_TAKEN for path in UNDOES}
"""The event by which an exchange of each path ends when its first order was never sent."""


def _enter(book: Book, exchange: ExchangeView, event: Event) -> None:
    """Book the event: entries, window, cap; and its leaf. A hold or a capture only moves orders and leaves no mark here."""
    owners = book.chart.owners(exchange)
    entries = postings.entries(exchange.path, event, exchange.terms, owners)
    posts, voids = (exchange.path, event) in postings.IN_WINDOW, exchange.state is State.REVERSED
    if not entries and not voids and not posts:
        return
    told: dict[str, object] = _told(entries)
    if posts:
        exchange.posted_at, exchange.window_id = book.at, book.window.number
        told["window"] = book.window.number
    if voids:
        told["reason"] = exchange.reason
    if event in _SHORT:
        told["shortfall"] = exchange.received
    leaf = book.append(_verb(exchange, event), exchange.exchange_id, told)
    book.enter(leaf.seq, exchange.exchange_id, entries, exchange.window_id if posts else None)
    if posts:
        _post_cap(book, exchange, owners, event)
    elif voids:
        _void(book, exchange, owners)


def _verb(exchange: ExchangeView, event: Event) -> str:
    if (exchange.path, event) in postings.IN_WINDOW:
        return "posted" if exchange.original_id is None else "reversal_posted"
    if exchange.state is State.REVERSED:
        return "voided"
    return "returned" if exchange.original_id is not None else "debited"


def _post_cap(book: Book, exchange: ExchangeView, owners: Owners, event: Event) -> None:
    """What was pending is booked; of an authorisation that was captured in part, the rest is free again."""
    source = account_number(owners.source_partner, Account.POSITION)
    receives = owners.asking_partner if event is Event.TAKEN_PAID else owners.target_partner
    target = account_number(receives, Account.POSITION)
    terms = exchange.terms
    credit = terms.credit - terms.bonus_credit
    if exchange.original_id is not None:
        book.move_cap(source, position=-terms.debit)
        book.move_cap(target, position=credit)
        book.verbs.add("reverse")
    else:
        book.move_cap(source, position=terms.debit, pending=-exchange.debit)
        book.move_cap(target, position=-credit)
        book.verbs.add("post")


def _void(book: Book, exchange: ExchangeView, owners: Owners) -> None:
    """What was pending comes back, and so does a bonus; an original counts the part as not reversed again."""
    book.verbs.add("void")
    if exchange.original_id is None:
        book.move_cap(account_number(owners.source_partner, Account.POSITION), pending=-exchange.debit)
        _unpromise(book, exchange)
        return
    original = book.read.exchanges[exchange.original_id]
    original.reversed -= exchange.terms.counted
    book.moved(original)


# --- the bonus, beside the exchange


def _unpromise(book: Book, exchange: ExchangeView) -> None:
    for funder, share in book.chart.charged(exchange.funders):
        book.move_cap(account_number(funder, Account.POSITION), pending=-share.value)
    book.promise(exchange.funders, -1)


def bonus_answered(book: Book, exchange: ExchangeView, order: OrderState, item: Answered) -> Moved:
    """The final answer to the order of a bonus: booked with what each funder pays, or given back to budgets and a case for a person."""
    back = exchange.original_id is not None
    moved = Moved(exchange.exchange_id, exchange.state, (), exchange)
    if item.verdict is Verdict.DECLINED:
        if not back:
            book.append("bonus_voided", exchange.exchange_id, {"reason": item.reason})
            _unpromise(book, exchange)
        kind = "bonus_not_taken_back" if back else "bonus_refused"
        book.open_case(exchange, order.leg, kind, f"{order.program}: {item.reason or 'declined'}")
        return moved
    sign = -1 if back else 1
    rules = postings.BONUS_TAKEN_BACK if back else postings.BONUS_GIVEN
    owners = book.chart.owners(exchange)
    paid = [(book.chart.funder(share.funder), share.value) for share in exchange.funders]
    entries = (*postings.book(rules, exchange.terms, owners), *postings.funded(paid, sign))
    window = book.window.number
    leaf = book.append(
        "bonus_returned" if back else "bonus_posted", exchange.exchange_id, {"window": window, **_told(entries)}
    )
    book.enter(leaf.seq, exchange.exchange_id, entries, window)
    for funder, share in book.chart.charged(exchange.funders):
        pending = 0 if back else -share.value
        book.move_cap(account_number(funder, Account.POSITION), position=sign * share.value, pending=pending)
    target = account_number(owners.target_partner, Account.POSITION)
    book.move_cap(target, position=-sign * exchange.bonus_credit)
    return moved
