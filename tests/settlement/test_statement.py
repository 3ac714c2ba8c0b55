"""A statement adds up or it cannot be made; what it says is read back as it was."""

import json
import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from settlement.rules.statement import Figures, Item, Party, Payment, Period, Statement, state
from settlement.rules.statement_json import document, statement_of
from settlement.rules.statement_lines import (
    COLUMNS,
    Line,
    LineKind,
    StatementError,
    canonical,
    decimal,
    read_record,
    record,
    scaled,
)
from tests.settlement.made import CLOSES, OPENS, PARTNER, a_line, a_statement

AT = datetime(2026, 11, 17, 9, 30, tzinfo=UTC)


def test_opening_and_net_and_what_was_settled_are_the_closing() -> None:
    made = a_statement()
    assert made.figures.closing == made.opening + made.net_micros - 1_000_000
    assert made.figures.total.net + made.figures.steps.rounding == made.net_micros


def test_the_steps_and_the_subtotals_are_each_the_whole() -> None:
    made = a_statement(200)
    assert sum(amount for _, amount in made.figures.steps.parts()) == made.net_micros
    for totals in (made.figures.by_counterparty, made.figures.by_kind):
        for name in ("lines", "sent", "received", "debit", "credit", "fee", "funding", "net"):
            assert sum(getattr(one, name) for one in totals) == getattr(made.figures.total, name)


def test_the_order_in_which_lines_come_does_not_matter() -> None:
    made = a_statement(50)
    lines = list(made.lines)
    random.Random(7).shuffle(lines)
    again = state(
        reference=made.reference, partner=made.partner, counterparties=made.counterparties[::-1], periods=made.periods,
        currency=made.currency, digits=made.digits, made_at=made.made_at, opening=made.opening, lines=lines, net=made.net,
        settled=made.settled, payment=made.payment,
    )  # fmt: skip
    assert again == made


@pytest.mark.parametrize("figure", list(Figures.__dataclass_fields__))
def test_a_figure_that_is_not_what_follows_is_refused_by_name(figure: str) -> None:
    made, other = a_statement(20), a_statement(25)
    wrong: Any = made.figures.closing + 1 if figure == "closing" else getattr(other.figures, figure)
    with pytest.raises(StatementError) as refused:
        replace(made, figures=replace(made.figures, **{figure: wrong}))
    assert refused.value.figure == figure


def changed(**other: Any) -> Statement:
    return replace(a_statement(), **other)


@pytest.mark.parametrize(
    ("figure", "make"),
    [
        ("closing", lambda: changed(opening=1)),
        ("total", lambda: changed(lines=a_statement().lines[1:])),
        ("lines", lambda: changed(lines=a_statement().lines[::-1])),
        ("counterparties", lambda: changed(counterparties=(Party("house", "House"),))),
        ("windows", lambda: changed(periods=())),
        ("windows", lambda: changed(periods=a_statement().periods * 2)),
        ("closes_at", lambda: Period("W", CLOSES, OPENS)),
        ("currency", lambda: changed(currency="eur")),
        ("digits", lambda: changed(digits=7)),
        ("made_at", lambda: changed(made_at=datetime(2026, 11, 23, tzinfo=timezone(timedelta(hours=1))))),
        ("payment", lambda: Payment("SI", CLOSES.date(), 100, (Item("net", 99),))),
        ("debit", lambda: Line(LineKind.EXCHANGE, AT, "lotus-air", debit=-1)),
        ("sent", lambda: Line(LineKind.EXCHANGE, AT, "lotus-air", sent=2**53)),
        ("fee", lambda: Line(LineKind.EXCHANGE, AT, "lotus-air", fee=-(2**53))),
        ("counterparty", lambda: Line(LineKind.EXCHANGE, AT, "Lotus Air")),
        ("reference", lambda: Line(LineKind.EXCHANGE, AT, "lotus-air", reference="=1+1")),
        ("reference", lambda: Line(LineKind.EXCHANGE, AT, "lotus-air", reference="a\nb")),
        ("reference", lambda: Line(LineKind.EXCHANGE, AT, "lotus-air", reference="\ud800")),
        ("at", lambda: Line(LineKind.EXCHANGE, AT.replace(tzinfo=None), "lotus-air")),
    ],
)  # fmt: skip
def test_what_cannot_be_is_refused_by_name(figure: str, make: Any) -> None:
    with pytest.raises(StatementError) as refused:
        make()
    assert refused.value.figure == figure


def test_a_net_may_be_rounded_up_or_down_and_no_further() -> None:
    made = a_statement()
    parts: dict[str, Any] = {
        name: getattr(made, name)
        for name in (
            "reference",
            "partner",
            "counterparties",
            "periods",
            "currency",
            "digits",
            "made_at",
            "opening",
            "lines",
        )
    }
    down = made.figures.total.net // 10_000
    for net in (down, down + 1):
        assert state(**parts, net=net).net == net
    for net in (down - 1, down + 2):
        with pytest.raises(StatementError, match="net"):
            state(**parts, net=net)


def test_a_payment_in_another_currency_keeps_to_its_rate() -> None:
    made = a_statement(converted=True)
    assert made.payment is not None
    assert made.payment.converted is not None
    wrong = replace(made.payment.converted, amount=made.payment.converted.amount + 2)
    with pytest.raises(StatementError, match="converted"):
        replace(made, payment=replace(made.payment, converted=wrong))


@pytest.mark.parametrize("digits", [0, 2, 3])
def test_document_and_lines_are_read_back_as_they_were(digits: int) -> None:
    made = a_statement(30, digits=digits, converted=True)
    lines = [read_record(record(line, number)) for number, line in enumerate(made.lines, 1)]
    assert statement_of(document(made), lines) == made


def test_a_statement_without_lines_stands() -> None:
    made = state(
        reference="W-1", partner=PARTNER, counterparties=(), periods=(Period("W-1", OPENS, CLOSES),), currency="JPY",
        digits=0, made_at=CLOSES, opening=-5_000_000, lines=(), net=0,
    )  # fmt: skip
    assert made.figures.closing == -5_000_000
    assert statement_of(document(made), []) == made


@given(st.integers(-(10**24), 10**24), st.integers(0, 6))
def test_an_amount_is_read_back_and_is_written_in_one_way_only(amount: int, digits: int) -> None:
    text = decimal(amount, digits)
    assert scaled("amount", text, digits) == amount
    for other in (f"0{text}", f"+{text}", f"{text}.0", f" {text}", f"{text}."):
        with pytest.raises(StatementError):
            scaled("amount", other, digits)


def test_a_line_is_written_in_one_way() -> None:
    said = canonical(record(a_line(1), 1))
    assert said == (
        b'{"at":"2026-11-16T00:01:01Z","counterparty":"lotus-air","credit":"7.126119","debit":"0.000000",'
        b'"exchange":"019a9b3c-7c1e-7000-8000-000000000001","fee":"0.000000","funding":"0.311311","kind":"exchange",'
        b'"line":1,"received":1001,"reference":"R-000001","sent":333}'
    )
    assert set(json.loads(said)) == set(COLUMNS)
