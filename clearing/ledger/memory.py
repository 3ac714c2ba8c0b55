"""Exchanges under way as this process last committed them, so that the answer to an order costs no reading.

It is believed only while the lane's row says that the last batch was this writer's own: another process's batch makes it forget. Ended
exchanges are let go, and so is everything when a batch fails or holds an item that is not on the way of an exchange.
"""

from collections.abc import Iterable, Sequence
from uuid import UUID

from clearing.ledger.book import Book, OrderState, Read
from clearing.ledger.items import (
    Answered,
    Item,
    Remember,
    Reserve,
    Try,
)
from clearing.ledger.outcomes import ExchangeView
from clearing.rules.lifecycle import TERMINAL

KEPT_MOST = 50_000
_ON_THE_WAY = frozenset({Remember, Reserve, Try, Answered})


class Memory:
    """What one writer remembers of its lane."""

    def __init__(self) -> None:
        self._known: dict[UUID, tuple[ExchangeView, list[OrderState]]] = {}

    def prepare(self, items: Sequence[Item]) -> None:
        """Forget, if one of these items may touch exchanges by other ways than the answers to their orders."""
        if len(self._known) > KEPT_MOST or not _ON_THE_WAY.issuperset({type(item) for item in items}):
            self._known.clear()

    def forget(self) -> None:
        """Somebody else wrote the lane."""
        self._known.clear()

    def split(self, exchange_ids: Iterable[UUID]) -> tuple[list[UUID], list[UUID]]:
        """The ids that are remembered, and those that must be read."""
        known: list[UUID] = []
        unknown: list[UUID] = []
        for exchange_id in exchange_ids:
            (known if exchange_id in self._known else unknown).append(exchange_id)
        return known, unknown

    def recall(self, read: Read, exchange_ids: Iterable[UUID]) -> None:
        """Put these exchanges and their orders among what was read."""
        for exchange_id in exchange_ids:
            exchange, orders = self._known[exchange_id]
            read.exchanges[exchange_id] = exchange
            for order in orders:
                read.orders[(exchange_id, int(order.leg))] = order

    def keep(self, book: Book, items: Sequence[Item]) -> None:
        """Remember what this batch committed: new exchanges whole, known ones with their new orders."""
        if not _ON_THE_WAY.issuperset({type(item) for item in items}):
            return
        changes = book.changes
        for exchange in changes.exchanges:
            self._known[exchange.exchange_id] = (exchange, [])
        for (exchange_id, _), order in changes.orders.items():
            if known := self._known.get(exchange_id):
                known[1].append(order)
        for exchange_id, exchange in changes.moved.items():
            if exchange.state in TERMINAL:
                self._known.pop(exchange_id, None)
