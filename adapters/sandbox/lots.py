"""The member's lots: points of one origin and one expiry. What leaves takes the oldest first; what comes back goes where it was taken.

Law: the free lots of a member add up to what the member can spend, balance less held, and to nothing below zero. Times are milliseconds
of the program's clock.
A lot bears the id of the credit that made it, so whoever holds the house's books can follow it to the exchange it came from.
"""

import sqlite3
from calendar import monthrange
from datetime import UTC, datetime, timedelta

from adapters.sandbox.words import Asked, Terms

Uses = tuple[tuple[str, int], ...]
TOLD_MOST = 400  # a look-up tells the oldest ones

OPENING = ((1_200, 11), (8_800, 200))
"""A new member's oldest points and the days they have left, or a quarter and a half of a life that is shorter; the rest is earned now."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DAY_MS = 86_400_000
_FREE = "SELECT lot, amount FROM lot WHERE number = ? AND amount > 0 ORDER BY "
_USED = "SELECT lot_use.lot, remaining FROM lot_use JOIN lot USING (lot) WHERE number = ? AND id = ? AND remaining > 0 ORDER BY "
_OLDEST, _NEWEST = "earned_at, lot.lot", "earned_at DESC, lot.lot DESC"


def months_after(at: int, months: int) -> int:
    """The same day and time so many months later, or the last day of that month: 31 January and one month give the end of February."""
    then = _EPOCH + timedelta(milliseconds=at)
    years, month = divmod(then.month - 1 + months, 12)
    year = then.year + years
    then = then.replace(year=year, month=month + 1, day=min(then.day, monthrange(year, month + 1)[1]))
    return (then - _EPOCH) // timedelta(milliseconds=1)


def expiry(earned_at: int, terms: Terms) -> int | None:
    """When points expire that are earned now; None: never."""
    return months_after(earned_at, terms.lot_months) if terms.lot_months else None


def instant(at: int | None) -> str | None:
    """RFC 3339 in UTC."""
    return None if at is None else (_EPOCH + timedelta(milliseconds=at)).isoformat().replace("+00:00", "Z")


# --- points come


def opened(sql: sqlite3.Connection, terms: Terms, number: str, balance: int, now: int) -> None:
    """The lots of a new member: two that are old, and the rest, earned now."""
    life = months_after(now, terms.lot_months or 24) - now
    shares = (life // 4, life // 2)
    for place, ((most, days), share) in enumerate(zip(OPENING, shares, strict=True), 1):
        left = min(days * _DAY_MS, share)
        amount = min(most, balance)
        balance -= amount
        _lot(sql, number, f"opening-{place}", now + left - life, now + left if terms.lot_months else None, amount)
    _lot(sql, number, "opening-3", now, expiry(now, terms), balance)


def have_lots(sql: sqlite3.Connection, now: int) -> None:
    """Members of a time when this store knew no lots: all they have, and had, is one lot that never expires."""
    sql.execute(
        "INSERT INTO lot SELECT number, 'before-lots', ?, NULL, balance - held FROM member"
        " WHERE NOT EXISTS (SELECT 1 FROM lot WHERE lot.number = member.number)",
        (now,),
    )
    sql.execute(
        "INSERT INTO lot_use SELECT id, 'before-lots', remaining, remaining FROM operation WHERE remaining > 0"
        " AND operation IN ('hold', 'capture', 'debit') AND NOT EXISTS (SELECT 1 FROM lot_use WHERE lot_use.id = operation.id)"
    )


def earn(sql: sqlite3.Connection, terms: Terms, asked: Asked, amount: int, now: int) -> None:
    """A credit makes a lot of its own."""
    _lot(sql, _number(sql, asked.account), asked.id, now, expiry(now, terms), amount)
    _use(sql, asked.id, asked.id, amount, 0)


# --- points go


def take(sql: sqlite3.Connection, terms: Terms, asked: Asked, amount: int) -> None:
    """Take points of the oldest lots, and remember which."""
    number = _number(sql, asked.account)
    order = _NEWEST if terms.lots_wrong == "newest_first" else _OLDEST
    for lot, free in sql.execute(_FREE + order, (number,)).fetchall():
        part = min(free, amount)
        if part == 0:
            return
        amount -= part
        _change(sql, number, lot, -part)
        _use(sql, asked.id, lot, part, part)


def keep(sql: sqlite3.Connection, asked: Asked) -> None:
    """A capture keeps the oldest of what is held; what it leaves goes back."""
    number, amount = _number(sql, asked.account), asked.amount
    for lot, part in sql.execute(_USED + _OLDEST, (number, asked.refers)).fetchall():
        kept = min(part, amount)
        if kept == 0:
            break
        amount -= kept
        _give_up(sql, asked.refers, lot, kept)
        _use(sql, asked.id, lot, kept, kept)
    _return(sql, number, asked.refers, None)


# --- points come back


def give_back(sql: sqlite3.Connection, terms: Terms, asked: Asked, amount: int | None, now: int) -> None:
    """What a hold, a debit or a capture took goes back into the same lots, with their first expiry; of a part the newest lots come first.

    So what stays taken is what a smaller debit would have taken. None: all that is left.
    """
    number = _number(sql, asked.account)
    back = _return(sql, number, asked.refers, amount)
    for lot, part in back:
        _use(sql, asked.id, lot, part, 0)
    if terms.lots_wrong == {"release": "release_anew", "reverse": "reverse_anew"}.get(asked.operation):
        _spoil(sql, terms, number, asked.id, back, now)


def expire_hold(sql: sqlite3.Connection, account: str, id_: str) -> None:
    """What is held beyond its time goes back into the same lots."""
    _return(sql, _number(sql, account), id_, None)


def take_back(sql: sqlite3.Connection, asked: Asked) -> None:
    """What a credit gave is taken from the lot that it made, and what was spent of that since, from the oldest."""
    number, amount = _number(sql, asked.account), asked.amount
    free = sql.execute(_FREE + _OLDEST, (number,)).fetchall()
    for lot, left in sorted(free, key=lambda row: row[0] != asked.refers):
        part = min(left, amount)
        if part == 0:
            return
        amount -= part
        _change(sql, number, lot, -part)
        _use(sql, asked.id, lot, part, 0)


def make_good(sql: sqlite3.Connection, account: str) -> None:
    """After a claw-back of what was spent, points that come in make that good first: the oldest free lots give what is missing."""
    number = _number(sql, account)
    (more,) = sql.execute(
        "SELECT (SELECT coalesce(sum(amount), 0) FROM lot WHERE number = ?1) - max(balance - held, 0) FROM member WHERE number = ?1",
        (number,),
    ).fetchone()
    for lot, free in sql.execute(_FREE + _OLDEST, (number,)).fetchall() if more > 0 else ():
        part = min(free, more)
        more -= part
        _change(sql, number, lot, -part)


def lapse(sql: sqlite3.Connection, now: int) -> None:
    """Points whose time is over are gone; the effect says so, under the member's first token."""
    late = sql.execute("SELECT number, lot, amount FROM lot WHERE expires_at <= ? AND amount > 0", (now,)).fetchall()
    for number, lot, amount in late:
        _change(sql, number, lot, -amount)
        sql.execute("UPDATE member SET balance = balance - ? WHERE number = ?", (amount, number))
        sql.execute(
            "INSERT INTO effect (id, exchange, operation, account, amount, change, at)"
            " SELECT ?1, ?1, 'lapse', min(token), ?2, -?2, ?3 FROM account WHERE number = ?4",
            (f"lapse-{lot}", amount, now, number),
        )


# --- what is told


def told(sql: sqlite3.Connection, token: str) -> list[dict[str, object]]:
    """The lots that a member can spend now, in the order in which they will be used; at most so many, the oldest."""
    query = "SELECT lot, amount, earned_at, expires_at FROM lot WHERE number = ? AND amount > 0 ORDER BY earned_at, lot LIMIT ?"
    rows = sql.execute(query, (_number(sql, token), TOLD_MOST)).fetchall()
    return [
        {"lot": lot, "amount": amount, "earned_at": instant(earned_at), "expires_at": instant(expires_at)}
        for lot, amount, earned_at, expires_at in rows
    ]


def touched(sql: sqlite3.Connection, id_: str) -> Uses:
    """The lots that one operation took, made or gave back."""
    return tuple(sql.execute("SELECT lot, amount FROM lot_use WHERE id = ? ORDER BY rowid", (id_,)).fetchall())


# --- rows


def _number(sql: sqlite3.Connection, token: str) -> str:
    (number,) = sql.execute("SELECT number FROM account WHERE token = ?", (token,)).fetchone()
    return str(number)


def _lot(sql: sqlite3.Connection, number: str, lot: str, earned_at: int, expires_at: int | None, amount: int) -> None:
    if amount:
        sql.execute(
            "INSERT INTO lot VALUES (?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount",
            (number, lot, earned_at, expires_at, amount),
        )


def _change(sql: sqlite3.Connection, number: str, lot: str, amount: int) -> None:
    sql.execute("UPDATE lot SET amount = amount + ? WHERE number = ? AND lot = ?", (amount, number, lot))


def _use(sql: sqlite3.Connection, id_: str, lot: str, amount: int, remaining: int) -> None:
    sql.execute(
        "INSERT INTO lot_use VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET amount = amount + excluded.amount,"
        " remaining = remaining + excluded.remaining",
        (id_, lot, amount, remaining),
    )


def _give_up(sql: sqlite3.Connection, id_: str | None, lot: str, amount: int) -> None:
    """An operation has so much less of a lot than it took."""
    sql.execute("UPDATE lot_use SET remaining = remaining - ? WHERE id = ? AND lot = ?", (amount, id_, lot))


def _return(sql: sqlite3.Connection, number: str, id_: str | None, amount: int | None) -> Uses:
    """Put back what an operation took, newest first, up to an amount; which lots, and how much of each."""
    back: list[tuple[str, int]] = []
    for lot, taken in sql.execute(_USED + _NEWEST, (number, id_)).fetchall():
        part = taken if amount is None else min(taken, amount)
        if part == 0:
            break
        amount = None if amount is None else amount - part
        _give_up(sql, id_, lot, part)
        _change(sql, number, lot, part)
        back.append((lot, part))
    return tuple(back)


def _spoil(sql: sqlite3.Connection, terms: Terms, number: str, id_: str, back: Uses, now: int) -> None:
    """The mistake that no program may make: what came back is a new lot with a new expiry."""
    for lot, part in back:
        _change(sql, number, lot, -part)
    _lot(sql, number, id_, now, expiry(now, terms), sum(part for _, part in back))
