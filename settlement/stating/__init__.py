"""Statements of frozen runs: one for each partner and one for the house, made of the run and the books, sealed, and kept for ever.

A statement is made once. Whatever breaks off between two of them, the same call goes on with those that are missing. Its evidence is kept
as it is sealed; what people read is printed of that later, and kept as well.
"""

from settlement.stating.invoices import KeptInvoice, invoice_file, invoices, seal_invoices
from settlement.stating.making import state_run
from settlement.stating.printing import file_of, print_statement, unprinted
from settlement.stating.store import Kept, KeptFile, kept

__all__ = [
    "Kept",
    "KeptFile",
    "KeptInvoice",
    "file_of",
    "invoice_file",
    "invoices",
    "kept",
    "print_statement",
    "seal_invoices",
    "state_run",
    "unprinted",
]
