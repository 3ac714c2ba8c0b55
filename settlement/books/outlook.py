"""What is owed since when, and what will be owed at the next cut-off. What is posted is owed until it was paid."""

from dataclasses import dataclass
from datetime import date, datetime

from clearing.ledger import history
from settlement.books.chart import Chart, Connection, Row, rows
from settlement.rules.ageing import Aged, Fixed, Item, Paid, aged, by_currency, left_open, unpaid


@dataclass(frozen=True, slots=True)
class Forecast:
    """One partner at the next settlement, millionths; plus: it owes the house. `value_date` is None where no scheme gives one.

    `earlier` is what windows before the open one came to and nobody has paid yet, `posted` is in the open window, `pending` may still be
    added to what it owes before the cut-off, and `granted` is its cap. `cover` is what it has lodged, which pays no net
    by itself; None: it never lodged any.
    """

    partner: str
    window: str
    cut_off: datetime
    value_date: date | None
    earlier: int
    posted: int
    pending: int
    granted: int
    cover: int | None

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


@dataclass(frozen=True, slots=True)
class Ageing:
    """Receivables and payables by partner, age and currency; and what runs that were instructed have yet to see paid."""

    aged: tuple[Aged, ...]
    fixed: tuple[Fixed, ...]


async def ageing(connection: Connection, chart: Chart, lane: int, as_of: datetime) -> Ageing:
    """The books as they were at an instant: what was posted, paid and instructed by then. Nothing later shows."""
    size = (await history.edge(connection, lane, as_of)).size
    items = [
        Item(chart.accounts[row["account"]].owner, row["window_id"], row["closes_at"], row["net"])
        for row in await rows(connection, "books_aged", lane=lane, size=size)
    ]
    booked: dict[tuple[str | None, str], int] = {}
    payments = []
    for row in await rows(connection, "books_paid", lane=lane, size=size):
        partner = chart.accounts[row["account"]].owner
        payments.append(_paid(partner, row["amount"], row))
        booked[row["run"], partner] = booked.get((row["run"], partner), 0) + row["amount"]
    nets = [
        unpaid(
            _paid(row["party"], row["micros"], row),
            row["minor"],
            row["currency"],
            booked.get((row["run"], row["party"]), 0),
        )
        for row in await rows(connection, "books_fixed", as_of=as_of)
    ]
    fixed = tuple([one for one in nets if one.rest.net])
    return Ageing(aged(by_currency(left_open(items, payments), fixed), as_of), fixed)


def _paid(partner: str, net: int, row: Row) -> Paid:
    return Paid(partner, net, frozenset(row["windows"]), row["of_window"], row["closes_at"], row.get("whole"))


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
            row["cover"],
        )
        for row in await rows(connection, "books_forecast", lane=lane)
    ]
