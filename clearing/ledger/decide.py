"""The decision on each item, in order, in memory, while the lane is locked: one item's refusal never costs its neighbours.

An item is refused before anything of it is written to the page. An expected refusal is returned, misuse is raised.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from clearing import errors
from clearing.ledger.accept import RISK, reserve, reverse, would
from clearing.ledger.adjust import adjust, pay
from clearing.ledger.advance import advance, ask, end_held, open_order, outcome_unknown
from clearing.ledger.book import Book, CaseState, OrderState
from clearing.ledger.items import (
    Adjust,
    Answered,
    Cancel,
    Capture,
    Claim,
    Fund,
    Grant,
    Item,
    Lodge,
    Pay,
    Postpone,
    Remember,
    Reserve,
    Resolve,
    Reverse,
    Sent,
    Tick,
    Try,
)
from clearing.ledger.lodge import grant, lodge
from clearing.ledger.outcomes import (
    Claimed,
    DueOrder,
    ExchangeView,
    Moved,
    Outcome,
)
from clearing.rules.lifecycle import CAPTURE, TERMINAL, Event, Leg, Path, State, Verdict, after
from clearing.rules.limits import Budget
from clearing.rules.refusals import Refusal, RefusalCode


def _remember(book: Book, item: Remember) -> None:
    book.use(item.signed)
    book.keep(item.evidence)


def _cancel(book: Book, item: Cancel) -> Moved | Refusal:
    book.use(item.signed)
    exchange = book.read.exchanges.get(item.exchange_id)
    if exchange is None or exchange.partner != item.partner:
        raise errors.NotFound
    if exchange.cancelled:
        return Moved(exchange.exchange_id, exchange.state)
    release = _parked(book, exchange)
    if release is None and not _stoppable(book, exchange):
        return Refusal(RefusalCode.TOO_LATE, "the target or a capture is being asked for, or the exchange has ended")
    exchange.cancelled = True
    if release is not None:  # held points wait for nothing but this word
        exchange.state = after(exchange.path, exchange.state, Event.WITHDRAWN)
        release.due_at = book.at
        book.moved_order(release)
    book.moved(exchange)
    evidence_id = book.keep(item.evidence)
    book.append("cancelled", exchange.exchange_id, {"partner": item.partner, "evidence": evidence_id})
    return Moved(exchange.exchange_id, exchange.state)


def _stoppable(book: Book, exchange: ExchangeView) -> bool:
    """Whether a word can still stop it: nothing was asked that only a reversal could undo."""
    last = Leg.GIVE if exchange.path in {Path.HELD, Path.DEBITED} else Leg.KEEP
    asked = (exchange.exchange_id, int(last)) in book.read.orders
    stops = exchange.path in {Path.HELD, Path.DEBITED, Path.AUTHORISED}
    return stops and exchange.state not in TERMINAL and not asked


def _parked(book: Book, exchange: ExchangeView) -> OrderState | None:
    """The release of an authorisation that waits for its time, and was not sent by anybody yet."""
    order = book.read.orders.get((exchange.exchange_id, int(Leg.RETURN)))
    waits = order is not None and order.state == "waiting" and order.lease is None and order.due_at is not None
    return order if waits and exchange.path is Path.AUTHORISED and exchange.state is State.SOURCE_HELD else None


def _capture(book: Book, item: Capture) -> Moved | Refusal:
    again = book.use(item.signed)
    exchange = book.read.exchanges.get(item.exchange_id)
    if exchange is None or exchange.partner != item.partner or exchange.path is not Path.AUTHORISED:
        raise errors.NotFound
    if exchange.captured == item.points:  # said before
        due = book.held(exchange.exchange_id, item.lease) if again else ()
        return Moved(exchange.exchange_id, exchange.state, due, exchange)
    release = _parked(book, exchange)
    if release is None or release.due_at is None or release.due_at <= book.at:
        return Refusal(RefusalCode.NOT_HELD, f"no points wait to be captured; the exchange is {exchange.state}")
    if item.points > exchange.sent:
        return Refusal(RefusalCode.CAPTURE_EXCEEDS, f"{exchange.sent} points are held")
    release.due_at = None
    book.moved_order(release)
    exchange.captured = item.points
    book.moved(exchange)
    told = {"partner": item.partner, "points": item.points, "evidence": book.keep(item.evidence)}
    book.append("capture_asked", exchange.exchange_id, told)
    order = ask(book, exchange, CAPTURE, item.lease, item.lease_until)
    return Moved(exchange.exchange_id, exchange.state, (order,), exchange)


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
    if case.kind == RISK and case.closed_at is None:
        return _risk_decided(book, item, case, exchange)
    order = book.read.orders.get((case.exchange_id, int(case.leg)))
    bonus = order is not None and order.leg is Leg.BONUS
    stuck = exchange.state is State.REVIEW
    if order is not None and order.leg is Leg.BONUS:  # it moves no state, so its own says whether it is stuck
        stuck = order.state not in {Verdict.DONE, Verdict.DECLINED}
    if case.closed_at is not None or stuck == (item.decision == "close"):
        return Refusal(
            RefusalCode.CASE_CLOSED,
            f"the case is {'open' if case.closed_at is None else 'closed'}, the exchange {exchange.state}",
        )
    if order is None or item.decision in {"release", "refuse"}:
        return Refusal(RefusalCode.CASE_CLOSED, "only an exchange that is held for its risk is released or refused")
    if stuck and not bonus and _later(book, order):
        return Refusal(
            RefusalCode.CASE_CLOSED, "a later order is in review; this case is closed once that one is decided"
        )
    if item.decision == "declined" and order.leg is Leg.TAKE_ANYWAY:
        return Refusal(RefusalCode.CASE_CLOSED, "the debit was declined already; only done or ask_again lead on")
    _close(book, item, case)
    if item.decision == "close":
        return Moved(exchange.exchange_id, exchange.state)
    if not bonus:
        exchange.state = after(exchange.path, exchange.state, Event.UNSURE)
        book.moved(exchange)
    if item.decision == "ask_again":
        order.state, order.lease, order.due_at = "unknown", item.lease, item.lease_until
        book.moved_order(order)
        return Moved(exchange.exchange_id, exchange.state, (order.due(),))
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


def _later(book: Book, order: OrderState) -> bool:
    """Whether a later order of the same exchange is with a person, too."""
    legs = [leg for owner, leg in book.read.orders if owner == order.exchange_id and leg != Leg.BONUS]
    return any(leg > order.leg for leg in legs)


def _close(book: Book, item: Resolve, case: CaseState) -> None:
    """Write the decision down, signed by the operator that made it."""
    case.closed_at, case.decision, case.closed_by = book.at, item.decision, item.operator
    book.changes.closed.append((case.seq, book.at, item.decision, item.operator))
    told = {
        "case": case.seq,
        "decision": item.decision,
        "operator": item.operator,
        "evidence": book.keep(item.evidence),
    }
    book.append("case_resolved", case.exchange_id, told)


def _risk_decided(book: Book, item: Resolve, case: CaseState, exchange: ExchangeView) -> Moved | Refusal:
    """Let an exchange go on that was held before anybody was asked, or end it without effect, as its partner may have asked meanwhile."""
    if item.decision not in {"release", "refuse"}:
        return Refusal(RefusalCode.CASE_CLOSED, "an exchange that is held for its risk is released or refused")
    _close(book, item, case)
    if item.decision == "refuse" or exchange.cancelled:
        return end_held(book, exchange, "refused by operator" if item.decision == "refuse" else "cancelled")
    exchange.state, exchange.reason = State.RESERVED, None
    book.moved(exchange)
    order = open_order(book, exchange, item.lease, item.lease_until)
    return Moved(exchange.exchange_id, exchange.state, (order,) if order else (), exchange)


def _fund(book: Book, item: Fund) -> None:
    budget = book.read.budgets.get(item.campaign)
    if budget is not None and (budget.units, budget.value) == (item.units, item.value):
        return  # said before
    book.append("funded", None, {"campaign": item.campaign, "units": item.units, "value": item.value})
    book.changes.funds[item.campaign] = (item.units, item.value)
    used = budget or Budget(0, 0)
    book.read.budgets[item.campaign] = Budget(item.units, item.value, used.units_used, used.value_used)


def _tick(_book: Book, _item: Tick) -> None:
    """The window was sealed, where it was due, before any item was looked at."""


_DECISIONS: dict[type[Item], Callable[[Book, Any], Outcome]] = {
    Remember: _remember,
    Reserve: reserve,
    Try: would,
    Reverse: reverse,
    Capture: _capture,
    Cancel: _cancel,
    Sent: _sent,
    Answered: _answered,
    Postpone: _postpone,
    Claim: _claim,
    Resolve: _resolve,
    Grant: grant,
    Fund: _fund,
    Adjust: adjust,
    Pay: pay,
    Lodge: lodge,
    Tick: _tick,
}


def decide(book: Book, item: Item) -> Outcome | errors.ClearingError:
    """The outcome of one item. Misuse comes back as the exception to raise to whoever put the item."""
    try:
        return _DECISIONS[type(item)](book, item)
    except errors.ClearingError as misuse:
        return misuse
