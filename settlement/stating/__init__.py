"""Statements of frozen runs: one for each partner and one for the house, made of the run and the books, sealed, and kept as files for ever.

A statement is made once. Whatever breaks off between two of them, the same call goes on with those that are missing.
"""

from settlement.stating.invoices import KeptInvoice, invoice_file, invoices, seal_invoices
from settlement.stating.making import state_run
from settlement.stating.store import Kept, KeptFile, file_of, kept

__all__ = [
    "Kept",
    "KeptFile",
    "KeptInvoice",
    "file_of",
    "invoice_file",
    "invoices",
    "kept",
    "seal_invoices",
    "state_run",
]
