"""What a frozen run books of its contracts: an adjustment for each, named by run and contract, which the ledger books once; several, with
names of their own, where one event of the ledger does not hold all its entries.

It stands in the window that is open then, of the last window of the run: the run's payments settle it, and the run of the window that it
stands in leaves it out.
"""

from uuid import UUID

from clearing.ledger import Writer
from clearing.ledger.items import Adjust
from settlement.rules.run import Inputs
from settlement.rules.waterfall import SHARE, booked, booking_name, reference_of
from settlement.run.late import put


async def book_shares(writer: Writer, run: str, inputs: Inputs, behind: UUID | None = None) -> None:
    """Book the legs of every contract, pair by pair; `behind` is the signed request. Done before, it has no second effect; broken off
    between two, it goes on.
    """
    of_window = max(one.number for one in inputs.windows)
    for contract in inputs.sharing.contracts:
        for part, lines in enumerate(booked(inputs.sharing, contract)):
            name = booking_name(run, contract, part)
            await put(writer, Adjust(None, None, name, SHARE, lines, of_window, reference_of(run, contract), behind))
