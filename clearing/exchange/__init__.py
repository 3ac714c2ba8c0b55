"""What partners ask for: quoted exchanges, what one partner issues or spends alone, captures, cancellations, reversals, look-ups.

Every function that changes something puts one item into the ledger; what it may refuse is decided before, on what it was given.
"""

from clearing.exchange.moving import Asked, Lease, cancel, look_up, path_of, receipt, reservation, reverse, submit
from clearing.exchange.onesided import Deed, Offer, capture, deed_reservation, needs_consent, offer
from clearing.exchange.quoted import Quote, Wish, needs_link, needs_usage, quote, quote_token, read_quote

__all__ = [
    "Asked",
    "Deed",
    "Lease",
    "Offer",
    "Quote",
    "Wish",
    "cancel",
    "capture",
    "deed_reservation",
    "look_up",
    "needs_consent",
    "needs_link",
    "needs_usage",
    "offer",
    "path_of",
    "quote",
    "quote_token",
    "read_quote",
    "receipt",
    "reservation",
    "reverse",
    "submit",
]
