"""What is owed since when, and what will be owed at the next cut-off. What is posted is owed until a settlement says that it was paid."""

from dataclasses import dataclass
from datetime import datetime

from settlement.books.chart import Chart, Connection, rows
from settlement.rules.ageing import Aged, aged


@dataclass(frozen=True, slots=True)
class Forecast:
    """One partner at the next cut-off, millionths: what is posted in the open window, and what may still be added to what it owes."""

    partner: str
    window: str
    cut_off: datetime
    posted: int
    pending: int

    @property
    def at_most(self) -> int:
        """The net of the window if everything pending is posted before the cut-off, and nothing new is asked for."""
        return self.posted + self.pending


async def ageing(connection: Connection, chart: Chart, lane: int, as_of: datetime) -> tuple[Aged, ...]:
    """Receivables and payables by partner and age, as of an instant, out of the kept positions of all windows."""
    found = await rows(connection, "books_aged", lane=lane)
    return aged([(chart.accounts[row["account"]].owner, row["closes_at"], row["net"]) for row in found], as_of)


async def forecast(connection: Connection, chart: Chart, lane: int) -> list[Forecast]:
    """Every partner with a cap, to the next cut-off."""
    return [
        Forecast(chart.accounts[row["account"]].owner, row["code"], row["closes_at"], row["posted"], row["pending"])
        for row in await rows(connection, "books_forecast", lane=lane)
    ]
