"""Roll-forwards of programs, and what partners owe one another, over a span of windows. Reads inside the caller's snapshot."""

from clearing.rules.postings import HOUSE, Account, account_number
from settlement.books.chart import OF_PROGRAMS, Chart, Connection, rows
from settlement.books.outside import reported
from settlement.books.spans import Span, closing, opening
from settlement.rules.liability import Mirror, RollForward, Sums, View, roll_forward


async def roll_forwards(connection: Connection, chart: Chart, span: Span) -> list[RollForward]:
    """Every program's roll-forward. Law: each closes, and ties to the kept sums."""
    before, after = await opening(connection, span), await closing(connection, span)
    between = {"lane": span.lane, "first": span.first, "until": span.until}
    moved = {
        row["account"]: (row["debits"], row["credits"]) for row in await rows(connection, "books_movements", **between)
    }
    expiries = await rows(connection, "books_expired", lane=span.lane, window_id=list(span.windows))
    expired = {row["program"]: row["points"] for row in expiries}
    outside = await reported(connection, span)

    def sums(number: int) -> Sums:
        return Sums(before.get(number, 0), *moved.get(number, (0, 0)), after.get(number, 0))

    found = []
    for program in chart.programs:
        owner = (program.number - Account.OUTSTANDING) // account_number(1, Account.SHORTFALL)
        told = {kind: sums(account_number(owner, kind)) for kind in OF_PROGRAMS}
        found.append(
            roll_forward(program.owner, program.unit, told, expired.get(program.owner, 0), outside.get(program.owner))
        )
    return found


async def mirror(connection: Connection, chart: Chart, span: Span) -> Mirror:
    """Who owes whom for a span: every partner's views by counterparty, beside kept positions, what the house gained and what was paid."""
    between = {"lane": span.lane, "first": span.first, "until": span.until}
    views = [
        View(chart.partners[row["partner"]], chart.partners.get(row["counterparty"]), row["owed"])
        for row in await rows(connection, "books_views", **between)
        if row["partner"] != HOUSE
    ]
    before, after = await opening(connection, span), await closing(connection, span)
    gained = {
        number: after.get(number, 0) - before.get(number, 0) for number, one in chart.accounts.items() if one.in_value
    }
    positions = {who: gained[account_number(number, Account.POSITION)] for number, who in chart.partners.items()}
    house = sum(gained[account_number(HOUSE, kind)] for kind in (Account.FEE, Account.ROUNDING))
    cash, remainder = (gained[account_number(HOUSE, kind)] for kind in (Account.CASH, Account.REMAINDER))
    return Mirror(tuple(views), positions, house, cash, remainder)
