"""What a frozen run books of its contracts: one adjustment for each, named by run and contract, which the ledger books once.

It stands in the window that is open then, of the last window of the run: the run's payments settle it, and the run of the window that it
stands in leaves it out.
"""

import hashlib
from uuid import UUID

from clearing.ledger import Writer
from clearing.ledger.items import Adjust
from settlement.rules.run import Inputs
from settlement.rules.waterfall import booked
from settlement.run.late import put
from settlement.run.sharing import SHARE


async def book_shares(writer: Writer, run: str, inputs: Inputs) -> None:
    """Book the legs of every contract, pair by pair. Done before, it has no second effect."""
    of_window = max(one.number for one in inputs.windows)
    for contract in inputs.sharing.contracts:
        lines = booked(inputs.sharing, contract)
        name = booking_name(run, contract)
        await put(writer, Adjust(None, None, name, SHARE, lines, of_window, reference_of(run, contract)))


def reference_of(run: str, contract: str) -> str:
    """What the booking of a contract refers to; no code of a contract has a slash."""
    return f"{run}/{contract}"


def booking_name(run: str, contract: str) -> UUID:
    """The name of the booking."""
    return UUID(bytes=hashlib.sha256(f"{SHARE}|{run}|{contract}".encode()).digest()[:16])
