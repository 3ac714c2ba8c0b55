"""Invoices of a frozen run after their numbers are decided: sealed with the house's key, kept as files, and told.

They may be sealed again, and a file that is there stays.
"""

import asyncio
import hashlib
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from itertools import groupby

from clearing import errors
from clearing.database import statement
from clearing.signatures import PrivateKey
from settlement.reports.invoice_file import invoice_pdf, seal_invoice
from settlement.stating.store import Connection, KeptFile, Row, rows


@dataclass(frozen=True, slots=True)
class KeptInvoice:
    """An invoice that was issued; amounts in minor units. Its files are there once it is sealed."""

    invoice: str
    kind: str
    corrects: str | None
    run: str
    partner: str
    currency: str
    digits: int
    net: int
    tax: int
    issued_on: date
    document_sha256: str
    files: tuple[KeptFile, ...]


async def seal_invoices(connection: Connection, run: str, key: PrivateKey) -> None:
    """Seal the invoices of a run that are not."""
    for one in await rows(connection, "invoice_of_run", run=run):
        if not one["is_sealed"]:
            await _seal(connection, one, key)


async def invoices(
    connection: Connection,
    *,
    partner: str | None = None,
    run: str | None = None,
    after: tuple[date, str] | None = None,
    most: int | None = None,
) -> list[KeptInvoice]:
    """Invoices, the newest first: of a partner, of a run, or all; those after one that was issued then and has this number."""
    on, name = after or (None, None)
    found = await rows(connection, "invoice_list", partner=partner, run=run, after_on=on, after=name, most=most)
    return [_kept(list(group)) for _, group in groupby(found, key=lambda row: row["invoice"])]


async def invoice_file(connection: Connection, invoice: str, form: str, partner: str | None) -> bytes:
    """The bytes of a file as they were kept. Raises errors.NotFound, also for a partner that asks for another's.

    No file is there until the invoice is sealed, and no PDF where no font of the house had all its characters.
    """
    found = await rows(connection, "invoice_file", invoice=invoice, form=form)
    if not found or partner not in {None, found[0]["partner"]}:
        raise errors.NotFound("there is no such invoice")
    content: bytes | None = found[0]["content"]
    if not found[0]["is_sealed"]:
        raise errors.NotFound("this invoice is not sealed yet: freezing its run again goes on with it")
    if content is None:
        raise errors.NotFound("no font of the house has all characters of this invoice: render its JSON")
    return content


async def _seal(connection: Connection, one: Row, key: PrivateKey) -> None:
    files = await asyncio.to_thread(_files, one["document"], key)
    async with connection.transaction():
        for form, content in files.items():
            told = {"form": form, "content": content, "sha256": hashlib.sha256(content).hexdigest()}
            async with connection.cursor() as cursor:
                await cursor.execute(
                    statement("invoice_file_insert", "settlement"), {"invoice": one["invoice"], **told}
                )


def _files(document: bytes, key: PrivateKey) -> dict[str, bytes]:
    """The JSON, and the PDF where the house's fonts have every character."""
    files = {"json": seal_invoice(document, key)}
    with suppress(errors.GlyphMissing):
        files["pdf"] = invoice_pdf(files["json"])
    return files


def _kept(found: list[Row]) -> KeptInvoice:
    parts = [(row.pop("form"), row.pop("sha256"), row.pop("size")) for row in found]
    return KeptInvoice(**found[0], files=tuple([KeptFile(*part) for part in parts if part[0] is not None]))
