"""How rows of the books look on the wire. Plain dictionaries, checked against `messages` by tests, since validation costs time."""

from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from clearing import errors
from clearing.ledger.outcomes import ExchangeView
from clearing.ledger.reads import OpenCase
from clearing.partners import Doubt, KeyRow, Program
from clearing.rules.lifecycle import Path, State
from clearing.rules.windows import Window

_DIGITS_MAX = 18  # a bigint
LATE = "credited_after_cut_off"


def instant(at: datetime | None) -> str | None:
    """RFC 3339 in UTC, with Z."""
    if at is None:
        return None
    return at.astimezone(UTC).isoformat().replace("+00:00", "Z")


def exchange(view: ExchangeView, receipt: str, carried: tuple[Window, Window] | None) -> dict[str, Any]:
    """An exchange or reversal: `messages.ExchangeSaid`. Amounts are those that move: of a capture, the captured part."""
    original, terms = view.original_id, view.terms
    return {
        "exchange": str(view.exchange_id),
        "kind": view.kind,
        "path": view.path,
        "original": None if original is None else str(original),
        "state": view.state,
        "reason": view.reason,
        "source": _side(view.source_program, view.source_account, terms.sent),
        "target": _side(view.target_program, view.target_account, terms.received),
        "debit": terms.debit,
        "credit": terms.credit,
        "fee": terms.fee,
        "rounding": terms.rounding,
        "occurred_at": instant(view.occurred_at),
        "reference": view.reference,
        "capture_by": instant(view.capture_by),
        "held": view.sent if view.path is Path.AUTHORISED and view.state is State.SOURCE_HELD else 0,
        "captured": view.captured,
        "reserved_at": instant(view.reserved_at),
        "posted_at": instant(view.posted_at),
        "ended_at": instant(view.ended_at),
        "window": view.window_id,
        "carried_to": None if carried is None else _carried(*carried),
        "reversed": view.reversed,
        "shortfall": _shortfall(view),
        "bearer": view.bearer,
        "charges": [charge._asdict() for charge in view.charged],
        "terms_version": view.terms_version,
        "receipt": receipt,
    }


def _side(program: str | None, account: UUID | None, amount: int) -> dict[str, Any] | None:
    return None if program is None else {"program": program, "account": str(account), "amount": amount}


def _carried(accepted: Window, posted: Window) -> dict[str, str]:
    """From the window it was accepted in to the one it is settled in: only what is credited counts for a window."""
    return {"window": posted.code, "accepted_in": accepted.code, "reason": LATE}


def _shortfall(view: ExchangeView) -> int:
    """Of a reversal that was booked although its points were spent: the units that `bearer` bears."""
    borne = view.bearer and view.posted_at is not None and view.reason == f"{view.target_program}: points_spent"
    return view.received if borne else 0


def key(row: KeyRow) -> dict[str, Any]:
    """A registered key: `messages.KeySaid`."""
    return {
        "key_id": row.public.key_id,
        "purpose": row.purpose,
        "environment": row.environment,
        "alg": row.public.alg,
        "jwk": dict(row.public.jwk),
        "registered_at": instant(row.registered_at),
        "not_before": instant(row.not_before),
        "expires_at": instant(row.expires_at),
        "revoked_at": instant(row.revoked_at),
        "compromised_since": instant(row.compromised_since),
    }


def doubt(found: Doubt) -> dict[str, Any]:
    """What a compromised key puts in doubt: `messages.DoubtSaid`."""
    return {"seq": found.seq, "exchange": str(found.exchange_id), "event": found.kind, "at": instant(found.at)}


def program(found: Program) -> dict[str, Any]:
    """A program: `messages.ProgramSaid`."""
    return {
        "program": found.code,
        "partner": found.partner,
        "name": found.name,
        "unit_name": found.unit_name,
        "nature": found.nature,
        "capabilities": asdict(found.capabilities),
    }


def named_id(text: str) -> UUID:
    """An id out of an address. Raises errors.NotFound: what is no id names nothing."""
    try:
        found = UUID(text)
    except ValueError:
        raise errors.NotFound from None
    if str(found) != text:
        raise errors.NotFound
    return found


def whole(text: str) -> int:
    """A number out of an address, up to what a bigint holds. Raises errors.NotFound: what is no number names nothing."""
    if not (text.isascii() and text.isdigit() and len(text) <= _DIGITS_MAX):
        raise errors.NotFound
    return int(text)


def case(found: OpenCase) -> dict[str, Any]:
    """A case: `case_messages.CaseSaid`."""
    return {
        "case": found.case,
        "exchange": str(found.exchange_id),
        "leg": found.leg,
        "kind": found.kind,
        "owner": found.owner,
        "opened_at": instant(found.opened_at),
        "due_at": instant(found.due_at),
        "detail": found.detail,
    }
