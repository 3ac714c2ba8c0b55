"""The short reports of a statement: from opening to closing, what is in this payment, its cover. Each is rows that add up to its last."""

from typing import NamedTuple

from settlement.reports.figures import cover_rows, grouped, steps
from settlement.rules.money import MICRO_DIGITS
from settlement.rules.statement import Cover, Payment, Statement

Row = tuple[str, str]


class Report(NamedTuple):
    """A title, the rows, and the row that they add up to."""

    title: str
    rows: list[Row]
    sum: Row


def reports_of(statement: Statement) -> list[Report]:
    """The summary, then the payment and the cover where there are any."""
    windows = ", ".join(one.code for one in statement.periods)
    rows = [("opening", statement.opening), *steps(statement)]
    summary = Report(
        f"{statement.partner.name}, {windows}, in {statement.currency}",
        [(name, grouped(amount, MICRO_DIGITS)) for name, amount in rows],
        ("closing", grouped(statement.figures.closing, MICRO_DIGITS)),
    )
    payment = [] if statement.payment is None else [_payment(statement.payment, statement)]
    return [summary, *payment, *([] if statement.cover is None else [_cover(statement.cover, statement)])]


def _cover(cover: Cover, statement: Statement) -> Report:
    rows = [(name, grouped(amount, MICRO_DIGITS)) for name, amount in cover_rows(cover)]
    title = f"Cover lodged with the clearing house, in {statement.currency}"
    return Report(title, rows, ("cover at the closing", grouped(cover.closing, MICRO_DIGITS)))


def _payment(payment: Payment, statement: Statement) -> Report:
    way = "by you" if payment.amount < 0 else "to you"
    title, other = f"In payment {payment.reference}, {way} on {payment.on.isoformat()}", payment.converted
    if other is not None:
        title += f": {grouped(other.amount, other.digits)} {other.currency} ({other.source})"
    rows = [(item.what, grouped(item.amount, statement.digits)) for item in payment.items]
    return Report(title, rows, ("this payment", grouped(payment.amount, statement.digits)))
