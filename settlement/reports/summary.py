"""The short reports of a statement: opening to closing, what is in this payment, or in all and each, its cover. Rows add up to the last."""

from typing import NamedTuple

from settlement.reports.figures import cover_rows, grouped, steps, way_of
from settlement.rules.money import MICRO_DIGITS
from settlement.rules.statement import Cover, Payment, Statement

Row = tuple[str, str]


class Report(NamedTuple):
    """A title, the rows, and the row that they add up to."""

    title: str
    rows: list[Row]
    sum: Row


def reports_of(statement: Statement) -> list[Report]:
    """The summary, all payments where partners pay each other, each payment, and the cover where there is any."""
    windows = ", ".join(one.code for one in statement.periods)
    rows = [("opening", statement.opening), *steps(statement)]
    summary = Report(
        f"{statement.partner.name}, {windows}, in {statement.currency}",
        [(name, grouped(amount, MICRO_DIGITS)) for name, amount in rows],
        ("closing", grouped(statement.figures.closing, MICRO_DIGITS)),
    )
    several = [Report("All payments", *together(statement))] if statement.payments else []
    cover = [] if statement.cover is None else [_cover(statement.cover, statement)]
    return [summary, *several, *[_payment(one, statement) for one in statement.paid], *cover]


def together(statement: Statement) -> tuple[list[Row], Row]:
    """Every payment between this partner and others, and what they come to."""
    rows = [(f"{one.reference}, {way_of(one)}", grouped(one.amount, statement.digits)) for one in statement.payments]
    return rows, ("all payments", grouped(sum(one.amount for one in statement.payments), statement.digits))


def _cover(cover: Cover, statement: Statement) -> Report:
    rows = [(name, grouped(amount, MICRO_DIGITS)) for name, amount in cover_rows(cover)]
    title = f"Cover lodged with the clearing house, in {statement.currency}"
    return Report(title, rows, ("cover at the closing", grouped(cover.closing, MICRO_DIGITS)))


def _payment(payment: Payment, statement: Statement) -> Report:
    way = way_of(payment)
    title, other = f"In payment {payment.reference}, {way} on {payment.on.isoformat()}", payment.converted
    if other is not None:
        title += f": {grouped(other.amount, other.digits)} {other.currency} ({other.source})"
    rows = [(item.what, grouped(item.amount, statement.digits)) for item in payment.items]
    return Report(title, rows, ("this payment", grouped(payment.amount, statement.digits)))
