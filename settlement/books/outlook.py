"""What is owed since when, and what will be owed at the next cut-off. What is posted is owed until it was paid."""

from dataclasses import dataclass
from datetime import date, datetime

from settlement.books.chart import Chart, Connection, rows
from settlement.rules.ageing import Aged, Item, Paid, aged, left_open


@dataclass(frozen=True, slots=True)
class Forecast:
    """One partner at the next settlement, millionths; plus: it owes the house. `value_date` is None where no scheme gives one.

    `earlier` is what windows before the open one came to and nobody has paid yet, `posted` is in the open window, `pending` may still be
    added to what it owes before the cut-off, and `granted` is its cap.
    """

    partner: str
    window: str
    cut_off: datetime
    value_date: date | None
    earlier: int
    posted: int
    pending: int
    granted: int

    @property
    def at_most(self) -> int:
        """The net of the window if everything pending is posted before the cut-off, and nothing new is asked for."""
        return self.posted + self.pending

    @property
    def to_pay(self) -> int:
        """What it pays (plus) or receives at most until the next settlement is done, if nothing new is asked for."""
        return self.earlier + self.at_most

    @property
    def left(self) -> int:
        """What it may still ask for before its cap is reached."""
        return self.granted - self.to_pay


async def ageing(connection: Connection, chart: Chart, lane: int, as_of: datetime) -> tuple[Aged, ...]:
    """Receivables and payables by partner and age, as of an instant: the kept positions of all windows, less what was paid by then."""
    items = [
        Item(chart.accounts[row["account"]].owner, row["window_id"], row["closes_at"], row["net"])
        for row in await rows(connection, "books_aged", lane=lane)
    ]
    payments = [
        Paid(
            chart.accounts[row["account"]].owner,
            row["amount"],
            frozenset(row["windows"]),
            row["of_window"],
            row["closes_at"],
            row["whole"],
        )
        for row in await rows(connection, "books_paid", lane=lane, as_of=as_of)
    ]
    return aged(left_open(items, payments), as_of)


async def forecast(connection: Connection, chart: Chart, lane: int) -> list[Forecast]:
    """Every partner with a cap, to the next settlement."""
    return [
        Forecast(
            chart.accounts[row["account"]].owner,
            row["code"],
            row["closes_at"],
            row["value_date"],
            row["position"] - row["posted"],
            row["posted"],
            row["pending"],
            row["granted"],
        )
        for row in await rows(connection, "books_forecast", lane=lane)
    ]
