"""What travels about invoices: which there are, what they come to, and what their files must hash to."""

from typing import Literal

from clearing.front.agreement_messages import Digest
from clearing.front.messages import Code, Next, Said
from clearing.front.run_messages import Currency, Day


class InvoiceFileSaid(Said):
    """A file of an invoice: where it is, and the SHA-256 of its bytes, which never change."""

    format: Literal["json", "pdf"]
    href: str
    sha256: Digest
    bytes: int


class InvoiceSaid(Said):
    """An invoice, or a credit note; amounts in major units, minus where they are given back. `corrects` is the invoice they belong to."""

    invoice: str
    kind: Literal["invoice", "credit_note"]
    corrects: str | None
    run: str
    partner: Code
    issued_on: Day
    currency: Currency
    net: str
    tax: str
    gross: str
    document_sha256: Digest
    files: list[InvoiceFileSaid]


class InvoicesSaid(Said):
    """Invoices and credit notes, the newest first, a thousand a page."""

    invoices: list[InvoiceSaid]
    next: Next
