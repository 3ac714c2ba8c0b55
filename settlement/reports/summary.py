"""The two short reports of a statement: from opening to closing, and what is in this payment. Each is rows that add up to its last."""

from typing import NamedTuple

from settlement.reports.figures import grouped, steps, way_of
from settlement.rules.money import MICRO_DIGITS
from settlement.rules.statement import Payment, Statement

Row = tuple[str, str]


class Report(NamedTuple):
    """A title, the rows, and the row that they add up to."""

    title: str
    rows: list[Row]
    sum: Row


def reports_of(statement: Statement) -> list[Report]:
    """The summary, then each payment."""
    windows = ", ".join(one.code for one in statement.periods)
    rows = [("opening", statement.opening), *steps(statement)]
    summary = Report(
        f"{statement.partner.name}, {windows}, in {statement.currency}",
        [(name, grouped(amount, MICRO_DIGITS)) for name, amount in rows],
        ("closing", grouped(statement.figures.closing, MICRO_DIGITS)),
    )
    return [summary, *[_payment(one, statement) for one in statement.paid]]


def _payment(payment: Payment, statement: Statement) -> Report:
    way = way_of(payment)
    title, other = f"In payment {payment.reference}, {way} on {payment.on.isoformat()}", payment.converted
    if other is not None:
        title += f": {grouped(other.amount, other.digits)} {other.currency} ({other.source})"
    rows = [(item.what, grouped(item.amount, statement.digits)) for item in payment.items]
    return Report(title, rows, ("this payment", grouped(payment.amount, statement.digits)))
