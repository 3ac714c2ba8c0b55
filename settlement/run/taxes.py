"""The tax of a frozen run's invoices: one adjustment for each, named by its invoice, which the ledger books once.

It stands in the window that is open then, of the last window of the run, and is settled with the window that it stands in.
"""

import hashlib
from uuid import UUID

from clearing.ledger import Writer
from clearing.ledger.items import Adjust
from settlement.rules.flows import HOUSE
from settlement.rules.money import MICRO_DIGITS
from settlement.run.late import put
from settlement.run.store import Connection, Row, rows

VAT = "vat"
"""The reason of the adjustment that books the tax of an invoice."""


async def book_tax(connection: Connection, writer: Writer, run: str, behind: UUID | None = None) -> None:
    """Book the tax of every invoice; `behind` is the signed request. Done before, it has no second effect. Raises errors.ItemRejected."""
    for one in await rows(connection, "invoice_of_run", run=run):
        if one["tax"]:
            await put(writer, _tax(one, behind))


def _tax(one: Row, behind: UUID | None) -> Adjust:
    """The partner owes the tax, and the house has it to hand on."""
    micros = one["tax"] * 10 ** (MICRO_DIGITS - one["digits"])
    name = UUID(bytes=hashlib.sha256(f"{VAT}|{one['invoice']}".encode()).digest()[:16])
    lines = ((one["partner"], micros), (HOUSE, -micros))
    return Adjust(None, None, name, VAT, lines, one["of_window"], one["invoice"], behind)
