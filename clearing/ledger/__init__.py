"""The books: the only writer of entries. `Writer.put(item)` writes to a lane; the items and their outcomes are the whole interface."""

from clearing.ledger.writer import Writer

__all__ = ["Writer"]
