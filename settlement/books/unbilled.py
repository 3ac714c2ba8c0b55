"""What was earned and owed by the end of a month and had not been billed by then, out of entries of windows that no run had frozen."""

from settlement.books.chart import Connection, rows
from settlement.rules.accruals import Month, Unbilled


async def unbilled(connection: Connection, lane: int, month: Month) -> list[Unbilled]:
    """By partner, and what it is. Law: of a month that is over, what is asked later is the same."""
    return [Unbilled(**found) for found in await rows(connection, "books_accruals", lane=lane, ends_at=month.ends_at)]
