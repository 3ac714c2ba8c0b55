"""Taking in: an exchange, or the reversal of one. Everything that may refuse it is looked at before anything of it is written."""

from collections import defaultdict
from uuid import UUID

import orjson

from clearing import errors
from clearing.ledger.advance import open_order
from clearing.ledger.book import Book
from clearing.ledger.items import Reserve, Reverse, Try
from clearing.ledger.outcomes import ExchangeView, Reserved, Tried
from clearing.rules import rates
from clearing.rules.agreements import Bearer
from clearing.rules.lifecycle import UNDOES, Leg, State, Verdict
from clearing.rules.limits import Cap, Limit, Used
from clearing.rules.members import Side, link_refusal, stands_refusal
from clearing.rules.postings import Account, account_number
from clearing.rules.quoting import Charge, Share, exhausted
from clearing.rules.rates import Terms
from clearing.rules.refusals import Refusal, RefusalCode

RISK = "risk_hold"
"""The kind of case of an exchange that was accepted and waits, before anybody is asked, for a person's word."""


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


# --- an exchange


def reserve(book: Book, item: Reserve) -> Reserved | Refusal:
    """Accept an exchange: its quote and receipt number are used, what it may cost is pending, its first order is leased."""
    book.use(item.signed)
    if earlier := _replay(book, item):
        return earlier
    if refusal := _refusal(book, item):
        return refusal
    held = _held(book, item)
    for number, value in _owed(book, item).items():
        book.move_cap(number, pending=value)
    book.promise(item.shares, +1)
    book.read.quotes.add(item.quote_id)
    if item.reference is not None:
        book.read.references.add((item.partner, item.reference))
    used = Used(book.at, item.terms.counted, item.source_program, item.target_program)
    for subject in _subjects(item):
        book.read.used[subject].append(used)
    exchange = _exchange_of(book, item)
    if held is not None:
        exchange.state, exchange.reason = State.REVIEW, f"held: {held}"
    reserved = _open(book, item, exchange, "reserved")
    if held is not None:
        book.open_case(exchange, Leg.TAKE, RISK, held)
    return reserved


def would(book: Book, item: Try) -> Tried:
    """What `reserve` would say now. Law: nothing is written but the nonce."""
    wish = item.wish
    book.use(wish.signed)
    refusal = _refusal(book, wish)
    return Tried(refusal, None if refusal else _held(book, wish))


def _refusal(book: Book, item: Reserve) -> Refusal | None:
    """Why this cannot be accepted: 1. its quote, 2. its members, as they are now, 3. its receipt number, 4. a member's limit,
    5. a partner's cap, 6. a budget.

    Who owes nothing by it needs no room: points that change hands inside a program do, also when their partner's cap was lowered.
    """
    if item.quote_id in book.read.quotes:  # 1
        return Refusal(RefusalCode.QUOTE_USED, "another exchange used this quote")
    if item.quote_expires_at <= book.at:
        return Refusal(RefusalCode.QUOTE_EXPIRED, f"the quote expired at {item.quote_expires_at.isoformat()}")
    if book.read.looked_at and (refusal := _gone(book, item)):  # 2
        return refusal
    if item.reference is not None and (item.partner, item.reference) in book.read.references:  # 3
        return Refusal(RefusalCode.REFERENCE_USED, "this receipt number was used before, and that exchange stands")
    if exceeded := _exceeded(book, item, holds=False):  # 4
        return Refusal(RefusalCode.LIMIT_EXCEEDED, f"over the limit {exceeded}")
    for number, value in _owed(book, item).items():  # 5
        if value and not book.read.caps.get(number, Cap(0)).fits(value):
            return Refusal(RefusalCode.NET_DEBIT_CAP_EXCEEDED, "the net debit cap of a partner leaves no room for this")
    return exhausted(item.shares, book.read.budgets) if item.shares else None  # 6


def _gone(book: Book, item: Reserve) -> Refusal | None:
    """What has ended since the price was given: an account, the member's consent, the link that a rule wants."""
    ends = (item.source_account, item.target_account)
    for side, account in zip(Side, ends, strict=True):
        if account in book.read.closed:
            return Refusal(RefusalCode.ACCOUNT_CLOSED, f"the {side} account was closed meanwhile", side=side)
    if refusal := stands_refusal(book.read.links, ends, item.consent, item.partner):
        return refusal
    if item.link_days is None:
        return None
    between = [link for link in book.read.links if (link.source_account, link.target_account) == ends]
    return link_refusal(between[0] if between else None, item.link_days, book.at)


def _subjects(item: Reserve) -> list[UUID | bytes]:
    """Who is counted by limits: the member (of an issue: the one who receives), and the device."""
    member = item.target_account if item.source_account is None else item.source_account
    return [subject for subject in (member, item.device) if subject is not None]


def _exceeded(book: Book, item: Reserve, *, holds: bool) -> str | None:
    """The first limit of this sort that the exchange would exceed."""
    for limit in item.limits:
        counted = _counted(item, limit)
        if limit.holds is not holds or not counted:
            continue
        if limit.exceeded(_used(book, item, limit, counted), item.terms.counted):
            return limit.rule
    return None


def _used(book: Book, item: Reserve, limit: Limit, counted: list[UUID | bytes]) -> list[Used]:
    """What these did before: of members what left them for what leaves, what was issued to them for an issue; of a device all."""
    found = [used for subject in counted for used in book.read.used[subject]]
    return found if limit.device else [used for used in found if used.issued == (item.source_program is None)]


def _counted(item: Reserve, limit: Limit) -> list[UUID | bytes]:
    """Whom this limit counts: the device, the account, or the account with the member's others. Nobody without a device."""
    account = item.target_account if item.source_account is None else item.source_account
    named = (item.device,) if limit.device else (account, *(item.others if limit.member else ()))
    return [subject for subject in dict.fromkeys(named) if subject is not None]


def _held(book: Book, item: Reserve) -> str | None:
    return _exceeded(book, item, holds=True)


def _owed(book: Book, item: Reserve) -> dict[int, int]:
    """What each partner that pays will owe: the source the debit, every funder but the house its share."""
    owed: dict[int, int] = defaultdict(int)
    owed[account_number(book.chart.owners(item).source_partner, Account.POSITION)] += item.terms.debit
    for funder, share in book.chart.charged(item.shares):
        owed[account_number(funder, Account.POSITION)] += share.value
    return owed


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
        kind=item.kind,
        occurred_at=item.occurred_at,
        reference=item.reference,
        capture_by=item.capture_by,
        captured=0,
        bearer=None,
        bonus=terms.bonus,
        bonus_credit=terms.bonus_credit,
        bonus_due=item.bonus_due,
        shares=_written(item.shares),
        device=item.device,
        charges=_written(item.charges),
    )


def _written(lines: tuple[Share, ...] | tuple[Charge, ...]) -> str | None:
    return orjson.dumps([tuple(line) for line in lines]).decode() if lines else None


def _open(book: Book, item: Reserve | Reverse, exchange: ExchangeView, verb: str) -> Reserved:
    """Write down a new exchange or reversal, its receipt's leaf, and its first order."""
    evidence_id = book.keep(item.evidence)
    leaf = book.append(verb, exchange.exchange_id, {**accepted(exchange), "evidence": evidence_id})
    book.read.exchanges[exchange.exchange_id] = exchange
    book.read.known[(item.partner, item.idempotency_key)] = exchange
    book.read.leaves[leaf.seq] = leaf
    book.changes.exchanges.append(exchange)
    order = open_order(book, exchange, item.lease, item.lease_until)
    book.verbs.add("reserve" if exchange.original_id is None else "reverse")
    return Reserved(exchange, leaf, (order,) if order else (), replayed=False)


def accepted(exchange: ExchangeView) -> dict[str, object]:
    """What the log says of an exchange that was accepted; what does not apply to it is not said."""
    told: dict[str, object] = {
        "partner": exchange.partner,
        "kind": exchange.kind,
        "path": exchange.path,
        "original": exchange.original_id,
        "quote": exchange.quote_id,
        "terms": exchange.terms_version,
        "source": {"program": exchange.source_program, "account": exchange.source_account, "amount": exchange.sent},
        "target": {"program": exchange.target_program, "account": exchange.target_account, "amount": exchange.received},
        "debit": exchange.debit,
        "funding": exchange.funding,
        "credit": exchange.credit,
        "fee": exchange.fee,
        "rounding": exchange.rounding,
    }
    rare: dict[str, object | None] = {
        "occurred_at": exchange.occurred_at,
        "reference": exchange.reference,
        "capture_by": exchange.capture_by,
        "bearer": exchange.bearer,
        "bonus": exchange.bonus or None,
        "bonus_credit": exchange.bonus_credit or None,
        "bonus_due": exchange.bonus_due,
        "shares": [tuple(share) for share in exchange.funders] or None,
        "charges": [charge._asdict() for charge in exchange.charged] or None,
    }
    return told | {name: value for name, value in rare.items() if value is not None}


# --- a reversal


def reverse(book: Book, item: Reverse) -> Reserved | Refusal:
    """Accept a reversal of a completed exchange, whole or in part, at its original terms."""
    book.use(item.signed)
    if earlier := _replay(book, item):
        return earlier
    original = _reversible(book, item)
    if isinstance(original, Refusal):
        return original
    terms = original.terms if _has_bonus(book, original) else rates.base(original.terms)
    left = terms.counted - original.reversed
    points = left if item.sent is None else item.sent
    if not 0 < points <= left:
        return Refusal(RefusalCode.REVERSAL_EXCEEDS, f"{left} points of this exchange are not reversed")
    given = [(share.units, share.value) for share in original.funders] if terms.bonus else []
    undone = rates.portion(terms, original.reversed, original.reversed + points, given)
    if original.target_program is not None and undone.received == 0:
        return Refusal(RefusalCode.REVERSAL_TOO_SMALL, "this part is worth no whole unit of the target")
    shares = _shares_of(original, terms, original.reversed, original.reversed + points)
    original.reversed += points
    book.moved(original)
    book.read.reversing.add(original.exchange_id)
    return _open(book, item, _reversal_of(book, item, original, undone, shares), "reversal_reserved")


def _reversible(book: Book, item: Reverse) -> ExchangeView | Refusal:
    original = book.read.exchanges.get(item.original_id)
    if original is None or original.partner != item.partner:
        raise errors.NotFound
    if original.original_id is not None or original.state is not State.COMPLETED:
        return Refusal(RefusalCode.NOT_COMPLETED, f"the exchange is {original.state}; only a completed one is reversed")
    if original.exchange_id in book.read.reversing:
        return Refusal(RefusalCode.REVERSAL_IN_PROGRESS, "wait until the earlier reversal has ended")
    bonus = book.read.orders.get((original.exchange_id, int(Leg.BONUS)))
    if bonus is not None and bonus.state not in {Verdict.DONE, Verdict.DECLINED}:
        return Refusal(RefusalCode.BONUS_PENDING, "the bonus of this exchange is on its way; reverse it afterwards")
    return original


def _has_bonus(book: Book, original: ExchangeView) -> bool:
    """Whether the bonus arrived; one that the program refused is not there to be taken back."""
    order = book.read.orders.get((original.exchange_id, int(Leg.BONUS)))
    return order is not None and order.state == Verdict.DONE


def _shares_of(original: ExchangeView, terms: Terms, before: int, after: int) -> tuple[Share, ...]:
    """Each funder's part of what comes back. Law: the parts add up to the part's bonus and funding, and over all reversals to what each
    paid.
    """
    if not terms.bonus:
        return ()
    shares = original.funders
    given = [(share.units, share.value) for share in shares]
    parts = zip(shares, *(rates.funded_by(terms, mark, given) for mark in (before, after)), strict=True)
    return tuple(
        [Share(share.campaign, share.funder, late[0] - early[0], late[1] - early[1]) for share, early, late in parts]
    )


def _bearer(book: Book, item: Reverse, original: ExchangeView) -> Bearer | None:
    """Who bears what was spent. A partner only of what it paid or was paid: nobody's cap is looked at here, so nobody may owe more by it.

    The source's partner owes less after it, the target's as much as after any reversal.
    """
    owners = book.chart.owners(original)
    stranger = owners.asking_partner not in {owners.source_partner, owners.target_partner}
    return None if stranger and item.bearer is Bearer.PARTNER else item.bearer


def _reversal_of(
    book: Book, item: Reverse, original: ExchangeView, terms: Terms, shares: tuple[Share, ...]
) -> ExchangeView:
    return ExchangeView(
        exchange_id=item.exchange_id,
        path=UNDOES[original.path],
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
        kind=original.kind,
        occurred_at=None,
        reference=None,
        capture_by=None,
        captured=0,
        bearer=_bearer(book, item, original),
        bonus=terms.bonus,
        bonus_credit=terms.bonus_credit,
        bonus_due=None,
        shares=_written(shares),
        device=None,
        charges=None,
    )
