"""How points move at a member: one function for each operation. Each does it, or says why not and does nothing."""

import sqlite3

from adapters.sandbox import lots
from adapters.sandbox.words import AMOUNT_HIGHEST, Asked, Reason, Terms

Refused = Reason | None


def exchange_of(id_: str) -> str:
    """The part of an order id that all orders of one exchange share: what stands before the last dash, if there is one."""
    head, dash, _ = id_.rpartition("-")
    return head if dash else id_


def move(sql: sqlite3.Connection, terms: Terms, asked: Asked, now: int) -> Refused:
    """Do one operation, or say why not. Of a balance below zero no lot is free."""
    refused = _moved(sql, terms, asked, now)
    if refused is None and terms.below_zero and terms.lot_months is not None:
        lots.make_good(sql, asked.account)
    return refused


def _moved(sql: sqlite3.Connection, terms: Terms, asked: Asked, now: int) -> Refused:
    """The checks stand in the order in which they are reported."""
    if asked.unit != terms.unit:
        return Reason.UNIT_UNKNOWN
    if terms.hold_ms == 0 and asked.operation in ("hold", "capture", "release"):
        return Reason.OPERATION_NOT_OFFERED
    if asked.amount > terms.limit:
        return Reason.LIMIT_EXCEEDED
    if asked.operation in ("hold", "debit", "credit"):
        return _fresh(sql, terms, asked, now)
    if asked.operation == "claw_back" and not terms.below_zero:
        return Reason.OPERATION_NOT_OFFERED
    if asked.operation in ("reverse", "claw_back"):
        return _reverse(sql, terms, asked, now)
    return _end_hold(sql, terms, asked, now)


def expire_holds(sql: sqlite3.Connection, now: int) -> None:
    """Give back what is held beyond its time."""
    late = sql.execute("SELECT id, account, remaining FROM operation WHERE expires_at <= ?", (now,)).fetchall()
    for id_, account, remaining in late:
        _change(sql, account, 0, -remaining)
        lots.expire_hold(sql, account, id_)
        lots.make_good(sql, account)
        sql.execute("UPDATE operation SET remaining = 0, ended = 'expired', expires_at = NULL WHERE id = ?", (id_,))


def _fresh(sql: sqlite3.Connection, terms: Terms, asked: Asked, now: int) -> Refused:
    """A hold, a debit or a credit: what refers to nothing before it."""
    if asked.amount % terms.step:
        return Reason.AMOUNT_OFF_STEP
    change, held = {"hold": (0, asked.amount), "debit": (-asked.amount, 0), "credit": (asked.amount, 0)}[
        asked.operation
    ]
    moved = sql.execute(
        "UPDATE member SET balance = balance + ?1, held = held + ?2 WHERE number = (SELECT number FROM account WHERE token = ?3)"
        " AND status = 'active' AND (?1 > 0 OR balance + ?1 - held - ?2 >= 0) AND balance + ?1 <= ?4",
        (change, held, asked.account, AMOUNT_HIGHEST),
    )
    if moved.rowcount == 1:
        if terms.lot_months is not None:
            if asked.operation == "credit":
                lots.earn(sql, terms, asked, asked.amount, now)
            else:
                lots.take(sql, terms, asked, asked.amount)
        return _record(sql, asked, now, change)
    member = sql.execute(
        "SELECT status FROM account JOIN member USING (number) WHERE token = ?", (asked.account,)
    ).fetchone()
    if member is None:
        return Reason.ACCOUNT_UNKNOWN
    if member[0] != "active":
        return Reason.ACCOUNT_CLOSED if member[0] == "closed" else Reason.ACCOUNT_FROZEN
    return Reason.LIMIT_EXCEEDED if asked.operation == "credit" else Reason.INSUFFICIENT_POINTS


def _end_hold(sql: sqlite3.Connection, terms: Terms, asked: Asked, now: int) -> Refused:
    """Capture or release. A capture of less gives the rest back; to release what ran out changes nothing and is done."""
    hold = sql.execute(
        "SELECT remaining, ended FROM operation WHERE id = ? AND operation = 'hold' AND account = ? AND unit = ? AND result = 'done'",
        (asked.refers, asked.account, asked.unit),
    ).fetchone()
    if hold is None:
        return Reason.HOLD_UNKNOWN
    remaining, ended = hold
    capture = asked.operation == "capture"
    if ended == "expired":
        return Reason.HOLD_EXPIRED if capture else None
    if ended is not None:
        return Reason.HOLD_ENDED
    if asked.amount > remaining:
        return Reason.AMOUNT_EXCEEDS_ORIGINAL
    sql.execute(
        "UPDATE operation SET remaining = 0, ended = ?, expires_at = NULL WHERE id = ?",
        ("captured" if capture else "released", asked.refers),
    )
    if terms.lot_months is not None:
        if capture:
            lots.keep(sql, asked)
        else:
            lots.give_back(sql, terms, asked, None, now)
    return _done(sql, asked, now, -asked.amount if capture else 0, -remaining)


def _reverse(sql: sqlite3.Connection, terms: Terms, asked: Asked, now: int) -> Refused:
    """Undo all or part of a done capture, debit or credit; a claw-back only of a credit, and also where the points are spent."""
    original = sql.execute(
        "SELECT operation, remaining FROM operation WHERE id = ? AND account = ? AND unit = ? AND result = 'done'"
        " AND operation IN ('capture', 'debit', 'credit')",
        (asked.refers, asked.account, asked.unit),
    ).fetchone()
    clawed = asked.operation == "claw_back"
    if original is None or not terms.reversal or (clawed and original[0] != "credit"):
        return Reason.NOT_REVERSIBLE
    operation, remaining = original
    if asked.amount > remaining:
        return Reason.AMOUNT_EXCEEDS_ORIGINAL
    balance, held = sql.execute(
        "SELECT balance, held FROM account JOIN member USING (number) WHERE token = ?", (asked.account,)
    ).fetchone()
    if operation == "credit" and not clawed and balance - held < asked.amount:
        return Reason.POINTS_SPENT
    sql.execute("UPDATE operation SET remaining = remaining - ? WHERE id = ?", (asked.amount, asked.refers))
    if terms.lot_months is not None:
        if operation == "credit":
            lots.take_back(sql, asked)
        else:
            lots.give_back(sql, terms, asked, asked.amount, now)
    return _done(sql, asked, now, -asked.amount if operation == "credit" else asked.amount, 0)


def _change(sql: sqlite3.Connection, account: str, change: int, held: int) -> None:
    sql.execute(
        "UPDATE member SET balance = balance + ?, held = held + ? WHERE number = (SELECT number FROM account WHERE token = ?)",
        (change, held, account),
    )


def _done(sql: sqlite3.Connection, asked: Asked, now: int, change: int, held: int) -> Refused:
    _change(sql, asked.account, change, held)
    return _record(sql, asked, now, change)


def _record(sql: sqlite3.Connection, asked: Asked, now: int, change: int) -> Refused:
    """Leave the one row that says that points moved, and refuse nothing."""
    sql.execute(
        "INSERT INTO effect (id, exchange, operation, account, amount, change, at) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (asked.id, exchange_of(asked.id), asked.operation, asked.account, asked.amount, change, now),
    )
    return None
