"""The program's durable store: members, holds and every operation by its id. One SQLite file, one commit a request."""

import hashlib
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from adapters.sandbox import lots, moves
from adapters.sandbox.faults import Fault
from adapters.sandbox.schema import SCHEMA
from adapters.sandbox.words import Asked, Reason, Said, Terms

TIERS = ("base", "silver", "gold", "platinum")
LOW_BALANCE = 100
OPENINGS = (  # what the beginning of a membership number says of the member: status, name match
    ("SBX-OK", "active", "match"),
    ("SBX-NAMEMISMATCH", "active", "mismatch"),
    ("SBX-NAMEPARTIAL", "active", "partial"),
    ("SBX-FROZEN", "frozen", "match"),
    ("SBX-CLOSED", "closed", "match"),
    ("SBX-LOWBALANCE", "active", "match"),
    ("SBX-NEW", "active", "match"),
)
NEW = "SBX-NEW"  # such an account was opened when the program was first asked for it; all others long ago
LONG_AGO_MS = 1_451_606_400_000  # 1 January 2016, UTC
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class AccountTaken(Exception):
    """This token names another member already."""


class Books:
    """Everything the program knows. Times are milliseconds of its own clock and are always given."""

    def __init__(self, path: Path, terms: Terms) -> None:
        self.terms = terms
        self.sql = sqlite3.connect(path, isolation_level=None, cached_statements=256)
        for setting in ("journal_mode=WAL", "synchronous=FULL", "foreign_keys=ON", "busy_timeout=5000"):
            self.sql.execute(f"PRAGMA {setting}")
        self.sql.executescript(SCHEMA)

    def begin(self, now: int) -> None:
        """Have lots for whoever was a member before this store kept any."""
        if self.terms.lot_months is not None:
            with self.writing():
                lots.have_lots(self.sql, now)

    def close(self) -> None:
        """Close the file."""
        self.sql.close()

    @contextmanager
    def writing(self) -> Iterator[None]:
        """One commit around whatever happens inside; nothing of it stays when it fails."""
        self.sql.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.sql.execute("ROLLBACK")
            raise
        self.sql.execute("COMMIT")

    def first_use(self, key_id: str, nonce: str, expires: int, now: int) -> bool:
        """Remember a nonce; False if it was used before. Those that no signature can still use are forgotten."""
        row = self.sql.execute(
            "INSERT INTO nonce VALUES (?, ?, ?) ON CONFLICT DO NOTHING RETURNING 1", (key_id, nonce, expires)
        ).fetchone()
        if row is not None and nonce[:1] == "A":  # now and then is often enough
            self.sql.execute("DELETE FROM nonce WHERE expires < ?", (now // 1000 - 60,))
        return row is not None

    def hit(self, id_: str, fault: str, times: int) -> bool:
        """Count that this id met this fault; whether it is among the first `times` that are spoilt."""
        (seen,) = self.sql.execute(
            "INSERT INTO fault_seen VALUES (?, ?, 1) ON CONFLICT DO UPDATE SET times = times + 1 RETURNING times",
            (id_, fault),
        ).fetchone()
        return int(seen) <= times

    def pass_time(self, now: int) -> None:
        """Let holds run out and decide what was left undecided."""
        moves.expire_holds(self.sql, now)
        if self.terms.lot_months is not None:
            lots.lapse(self.sql, now)
        due = self.sql.execute(
            "SELECT * FROM operation WHERE decides_at <= ? ORDER BY decides_at, id", (now,)
        ).fetchall()
        for row in due:
            asked, decision = Asked(*row[:6]), row[12]
            said = self._decided(asked, now) if decision == "done" else _declined(asked, Reason.REFUSED)
            self._remember(asked, said, now)

    def due(self, now: int) -> bool:
        """Whether time has something to do."""
        query = "SELECT EXISTS (SELECT 1 FROM operation WHERE decides_at <= ?1) OR EXISTS (SELECT 1 FROM operation WHERE expires_at <= ?1)"
        lapses = "SELECT EXISTS (SELECT 1 FROM lot WHERE expires_at <= ?1 AND amount > 0)"
        return any(self.sql.execute(asked, (now,)).fetchone()[0] for asked in (query, lapses))

    def perform(self, asked: Sequence[Asked], faults: dict[str, Fault], now: int) -> list[Said]:
        """Do each operation, in order, unless its id was seen before."""
        said = [self._perform(one, faults.get(one.id), now) for one in asked]
        return said if self.terms.lot_months is None else [self._with_lots(one) for one in said]

    def _with_lots(self, said: Said) -> Said:
        """With the lots that were touched, if it is done; asked again, the same ones."""
        return replace(said, lots=lots.touched(self.sql, said.id)) if said.result == "done" else said

    def _perform(self, asked: Asked, fault: Fault | None, now: int) -> Said:
        if self.terms.idempotent:
            before = self.sql.execute(
                "SELECT id, operation, account, unit, amount, refers, result, reason FROM operation WHERE id = ?",
                (asked.id,),
            ).fetchone()
            if before is not None and before[6] != "hidden":
                same = before[1:6] == (asked.operation, asked.account, asked.unit, asked.amount, asked.refers)
                return Said(*before[:5], *before[6:]) if same else _declined(asked, Reason.ID_REUSED)
        if fault is not None and fault.level == "course":
            return self._postpone(asked, fault.name, now)
        said = (
            self._spoilt(asked, fault, now)
            if fault is not None and fault.level == "decline"
            else self._decided(asked, now)
        )
        self._remember(asked, said, now)
        return said

    def _decided(self, asked: Asked, now: int) -> Said:
        reason = moves.move(self.sql, self.terms, asked, now)
        return _declined(asked, reason) if reason else _said(asked, "done")

    def _spoilt(self, asked: Asked, fault: Fault, now: int) -> Said:
        if fault.name == "hold_expired" and asked.refers:
            self.sql.execute(
                "UPDATE operation SET expires_at = ? WHERE id = ? AND expires_at > ?", (now, asked.refers, now)
            )
            moves.expire_holds(self.sql, now)
        return _declined(asked, Reason.REFUSED if fault.name == "capture_refused" else Reason(fault.name))

    def _remember(self, asked: Asked, said: Said, now: int) -> None:
        open_hold = asked.operation == "hold" and said.result == "done"
        remaining = (
            asked.amount if said.result == "done" and asked.operation not in ("release", "reverse", "claw_back") else 0
        )
        self.sql.execute(
            "INSERT OR REPLACE INTO operation VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, NULL, ?, NULL, NULL)",
            (*_columns(asked), said.result, said.reason, remaining, now + self.terms.hold_ms if open_hold else None),
        )

    def _postpone(self, asked: Asked, course: str, now: int) -> Said:
        """Write down an operation that time will decide. What is hidden is not yet known to a look-up."""
        result = {"late_success": "declined", "applied_late": "hidden"}.get(course, "pending")
        reason = Reason.REFUSED if result == "declined" else None
        decides_at = None if course == "pending_stuck" else now + self.terms.decide_ms
        decision = "declined" if course == "pending_then_declined" else "done"
        self.sql.execute(
            "INSERT OR REPLACE INTO operation VALUES (?, ?, ?, ?, ?, ?, ?, ?, 0, NULL, NULL, ?, ?)",
            (*_columns(asked), result, reason, decides_at, decision),
        )
        return _said(asked, result, reason)

    def look_up(self, id_: str) -> Said | None:
        """What is known of an operation; None is not proof that it will never come."""
        row = self.sql.execute(
            "SELECT id, operation, account, unit, amount, result, reason FROM operation WHERE id = ? AND result <> 'hidden'",
            (id_,),
        ).fetchone()
        if row is None or self.terms.lot_months is None:
            return None if row is None else Said(*row)
        return self._with_lots(Said(*row))

    def lots(self, token: str) -> dict[str, object] | None:
        """The lots of the member that this token names; None for a token that names nobody."""
        known = self.sql.execute("SELECT 1 FROM account WHERE token = ?", (token,)).fetchone()
        return None if known is None else {"account": token, "lots": lots.told(self.sql, token)}

    def teach(self, token: str, number: str, name: str | None, now: int) -> dict[str, object]:
        """Let a token name a member, and say of the member what the house may know."""
        opening = next((row for row in OPENINGS if number.startswith(row[0])), None)
        unknown: dict[str, object] = {
            "account": token,
            "status": "unknown",
            "name_match": None,
            "tier": None,
            "balance": None,
            "opened_at": None,
        }
        if opening is None:
            return unknown
        known = self.sql.execute("SELECT number FROM account WHERE token = ?", (token,)).fetchone()
        if known is not None and known[0] != number:
            raise AccountTaken
        balance = LOW_BALANCE if number.startswith("SBX-LOWBALANCE") else self.terms.balance
        tier = TIERS[hashlib.sha256(number.encode()).digest()[0] % len(TIERS)]
        opened = now if number.startswith(NEW) else LONG_AGO_MS
        insert = (
            "INSERT INTO member (number, status, tier, balance, opening, opened_at) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT DO NOTHING"
        )
        new = self.sql.execute(insert, (number, opening[1], tier, balance, balance, opened)).rowcount == 1
        if new and self.terms.lot_months is not None:
            lots.opened(self.sql, self.terms, number, balance, now)
        self.sql.execute("INSERT INTO account VALUES (?, ?) ON CONFLICT DO NOTHING", (token, number))
        status, tier, free, opened = self.sql.execute(
            "SELECT status, tier, balance - held, opened_at FROM member WHERE number = ?", (number,)
        ).fetchone()
        told = {} if self.terms.lot_months is None else {"lots": lots.told(self.sql, token)}
        return {
            **told,
            "account": token,
            "status": status,
            "name_match": opening[2] if name else None,
            "tier": tier,
            "balance": free,
            "opened_at": _instant(opened),
        }

    def state(self) -> dict[str, object]:
        """Everything a test may want to see, by account token; never a membership number."""
        accounts = self.sql.execute(
            "SELECT token, status, tier, balance, held, opening FROM account JOIN member USING (number) ORDER BY token"
        ).fetchall()
        effects = self.sql.execute("SELECT operation, count(*), sum(amount) FROM effect GROUP BY operation").fetchall()
        results = self.sql.execute(
            "SELECT operation, result, count(*) FROM operation GROUP BY operation, result"
        ).fetchall()
        names = ("account", "status", "tier", "balance", "held", "opening")
        return {
            "program": self.terms.program,
            "unit": self.terms.unit,
            "accounts": [dict(zip(names, row, strict=True)) for row in accounts],
            "effects": {row[0]: {"count": row[1], "amount": row[2]} for row in effects},
            "operations": [{"operation": row[0], "result": row[1], "count": row[2]} for row in results],
        }


def _instant(milliseconds: int) -> str:
    return (_EPOCH + timedelta(milliseconds=milliseconds)).isoformat()


def _said(asked: Asked, result: str, reason: str | None = None) -> Said:
    return Said(asked.id, asked.operation, asked.account, asked.unit, asked.amount, result, reason)


def _declined(asked: Asked, reason: Reason) -> Said:
    return _said(asked, "declined", reason.value)


def _columns(asked: Asked) -> tuple[str | int | None, ...]:
    return asked.id, asked.operation, asked.account, asked.unit, asked.amount, asked.refers
