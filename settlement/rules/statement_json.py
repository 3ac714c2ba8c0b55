"""What a statement says beside its lines, as one document, and the statement read back out of it. The seal signs this document."""

from collections.abc import Sequence
from dataclasses import fields
from datetime import date
from typing import Any

from clearing.rules.units import Ratio
from settlement.rules.statement import (
    LINE_RULE,
    SIGN_RULE,
    Conversion,
    Cover,
    Figures,
    Item,
    Party,
    Payment,
    Period,
    Settled,
    Statement,
    Steps,
    Total,
)
from settlement.rules.statement_lines import (
    COLUMNS,
    MONEY,
    POINTS,
    Line,
    StatementError,
    decimal,
    instant,
    read_instant,
    scaled,
)
from settlement.rules.statement_shares import documents, drawn_of

SCHEMA = "clearing-statement/1"


def document(statement: Statement) -> dict[str, Any]:
    """The statement without its lines. Totals are text: they may be larger than what every JSON reader keeps exact."""
    digits, figures = statement.digits, statement.figures
    return {
        "schema": SCHEMA,
        "sign_rule": SIGN_RULE,
        "line_rule": LINE_RULE,
        "columns": list(COLUMNS),
        "statement": statement.reference,
        "partner": _party(statement.partner),
        "counterparties": [_party(one) for one in statement.counterparties],
        "windows": [
            {"code": one.code, "opens_at": instant(one.opens_at), "closes_at": instant(one.closes_at)}
            for one in statement.periods
        ],
        "currency": statement.currency,
        "digits": digits,
        "made_at": instant(statement.made_at),
        "lines": len(statement.lines),
        "opening": decimal(statement.opening),
        "steps": {name: decimal(amount) for name, amount in figures.steps.parts()},
        "net": decimal(statement.net, digits),
        "settled": [
            {"on": one.on.isoformat(), "reference": one.reference, "amount": decimal(one.amount, digits)}
            for one in statement.settled
        ],
        "closing": decimal(figures.closing),
        "payment": None if statement.payment is None else _payment(statement.payment, digits),
        "total": _total(figures.total),
        "by_counterparty": [_total(one) for one in figures.by_counterparty],
        "by_kind": [_total(one) for one in figures.by_kind],
        **({} if statement.cover is None else {"cover": _cover(statement.cover)}),
        **({"waterfalls": documents(statement.waterfalls)} if statement.waterfalls else {}),
    } | _payments(statement.payments, digits)


def statement_of(said: dict[str, Any], lines: Sequence[Line]) -> Statement:
    """The statement of a document and its lines. Raises StatementError: what is missing, what cannot be, what does not add up."""
    try:
        return _read(said, lines)
    except (KeyError, TypeError, AttributeError, ValueError) as fault:
        if isinstance(fault, StatementError):
            raise
        raise StatementError("header", "is not that of a statement") from None


def _read(said: dict[str, Any], lines: Sequence[Line]) -> Statement:
    digits = said["digits"]
    steps = Steps(**{name: scaled(name, text, 6) for name, text in said["steps"].items()})
    return Statement(
        reference=said["statement"],
        partner=Party(**said["partner"]),
        counterparties=tuple(Party(**one) for one in said["counterparties"]),
        periods=tuple(
            Period(one["code"], read_instant("opens_at", one["opens_at"]), read_instant("closes_at", one["closes_at"]))
            for one in said["windows"]
        ),
        currency=said["currency"],
        digits=digits,
        made_at=read_instant("made_at", said["made_at"]),
        opening=scaled("opening", said["opening"], 6),
        lines=tuple(lines),
        net=scaled("net", said["net"], digits),
        figures=Figures(
            total=_read_total(said["total"]),
            by_counterparty=tuple(_read_total(one) for one in said["by_counterparty"]),
            by_kind=tuple(_read_total(one) for one in said["by_kind"]),
            steps=steps,
            closing=scaled("closing", said["closing"], 6),
        ),
        settled=tuple(
            Settled(date.fromisoformat(one["on"]), one["reference"], scaled("settled", one["amount"], digits))
            for one in said["settled"]
        ),
        payment=None if said["payment"] is None else _read_payment(said["payment"], digits),
        cover=_read_cover(said["cover"]) if "cover" in said else None,
        payments=tuple(_read_payment(one, digits) for one in said.get("payments", ())),
        waterfalls=tuple([drawn_of(one) for one in said.get("waterfalls", ())]),
    )


def _party(party: Party) -> dict[str, str]:
    return {"code": party.code, "name": party.name}


def _total(total: Total) -> dict[str, Any]:
    return {
        "name": total.name,
        "lines": total.lines,
        **{name: str(getattr(total, name)) for name in POINTS},
        **{name: decimal(getattr(total, name)) for name in (*MONEY, "net")},
    }


def _read_total(said: dict[str, Any]) -> Total:
    points = {name: scaled(name, said[name], 0) for name in POINTS}
    money = {name: scaled(name, said[name], 6) for name in (*MONEY, "net")}
    return Total(name=said["name"], lines=said["lines"], **points, **money)


def _payments(payments: Sequence[Payment], digits: int) -> dict[str, list[dict[str, Any]]]:
    """What parties pay each other, where they do: other statements have no such member."""
    told = [{"with": one.other, **_payment(one, digits)} for one in payments]
    return {"payments": told} if told else {}


def _payment(payment: Payment, digits: int) -> dict[str, Any]:
    other = payment.converted
    return {
        "reference": payment.reference,
        "on": payment.on.isoformat(),
        "amount": decimal(payment.amount, digits),
        "items": [{"what": item.what, "amount": decimal(item.amount, digits)} for item in payment.items],
        "converted": None
        if other is None
        else {
            "currency": other.currency,
            "digits": other.digits,
            "amount": decimal(other.amount, other.digits),
            "rate": {"num": other.rate.num, "den": other.rate.den},
            "source": other.source,
        },
    }


def _cover(cover: Cover) -> dict[str, str]:
    return {one.name: decimal(getattr(cover, one.name)) for one in fields(Cover)}


def _read_cover(said: dict[str, Any]) -> Cover:
    return Cover(**{name: scaled("cover", text, 6) for name, text in said.items()})


def _read_payment(said: dict[str, Any], digits: int) -> Payment:
    other = said["converted"]
    return Payment(
        reference=said["reference"],
        on=date.fromisoformat(said["on"]),
        amount=scaled("payment", said["amount"], digits),
        items=tuple(Item(one["what"], scaled("item", one["amount"], digits)) for one in said["items"]),
        converted=None
        if other is None
        else Conversion(
            other["currency"],
            other["digits"],
            scaled("converted", other["amount"], other["digits"]),
            Ratio(other["rate"]["num"], other["rate"]["den"]),
            other["source"],
        ),
        other=said.get("with", ""),
    )
