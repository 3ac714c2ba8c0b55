"""Invoices at the door: a partner sees its own, operators see all; a file is given as it was kept, byte for byte."""

from datetime import UTC, datetime, time
from typing import TYPE_CHECKING, Any

from clearing import errors
from clearing.front import invoice_messages as messages
from clearing.front import paging, reading
from clearing.front.doors import BOTH, Asked, Door, Reply
from settlement import stating
from settlement.rules.money import written
from settlement.stating import KeptInvoice

if TYPE_CHECKING:
    from clearing.front.house import House

MEDIA = {"json": "application/json", "pdf": "application/pdf"}


async def list_invoices(house: "House", asked: Asked) -> Reply:
    """The caller's invoices and credit notes, the newest first; for an operator everybody's, or those of a `run` or a `partner`."""
    said, own = reading.query(asked.message.query, "run", "partner", "after"), asked.caller.partner
    if own is not None and ("run" in said or said.get("partner") not in {None, own}):
        raise errors.NotFound
    place = paging.place_of(said)
    whose = {"partner": own or said.get("partner"), "run": said.get("run")}
    after = None if place is None else (place[0].date(), place[1])
    async with house.reads.connection() as connection:
        found = await stating.invoices(connection, **whose, after=after, most=paging.PAGE + 1)
    page, following = paging.paged(found, _place, paging.PAGE)
    return Reply(200, {"invoices": [_said(one) for one in page], "next": following})


async def fetch_invoice(house: "House", asked: Asked) -> Reply:
    """A file of an invoice as it was sealed: `format` is json (the usual) or pdf."""
    form = reading.query(asked.message.query, "format").get("format", "json")
    if form not in MEDIA:
        raise errors.ValidationFailed(f"format is one of {', '.join(MEDIA)}")
    name = asked.path["invoice"]
    async with house.reads.connection() as connection:
        content = await stating.invoice_file(connection, name, form, asked.caller.partner)
    return Reply(200, content, MEDIA[form], [("content-disposition", f'attachment; filename="{name}.{form}"')])


def _place(one: KeptInvoice) -> paging.Place:
    return datetime.combine(one.issued_on, time(), UTC), one.invoice


def _said(one: KeptInvoice) -> dict[str, Any]:
    return {
        "invoice": one.invoice,
        "kind": one.kind,
        "corrects": one.corrects,
        "run": one.run,
        "partner": one.partner,
        "issued_on": one.issued_on.isoformat(),
        "currency": one.currency,
        "net": written(one.net, one.digits),
        "tax": written(one.tax, one.digits),
        "gross": written(one.net + one.tax, one.digits),
        "document_sha256": one.document_sha256,
        "files": [
            {
                "format": file.form,
                "href": f"/v1/invoices/{one.invoice}?format={file.form}",
                "sha256": file.sha256,
                "bytes": file.size,
            }
            for file in one.files
        ],
    }


DOORS = (
    Door(
        "GET",
        "/v1/invoices",
        list_invoices,
        {200: messages.InvoicesSaid},
        refuses=("not_found",),
        purposes=BOTH,
        tag="settlement",
        asks=("run", "partner", "after"),
    ),
    Door(
        "GET",
        "/v1/invoices/{invoice}",
        fetch_invoice,
        {200: None},
        refuses=("not_found",),
        purposes=BOTH,
        tag="settlement",
        asks=("format",),
    ),
)
