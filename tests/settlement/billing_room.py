"""Small builders for laws of invoices: tax tables, published as two operators would, and what was issued, as plain values."""

import json
from datetime import UTC, datetime
from typing import Any

from clearing import partners
from clearing.partners import FiledPaper, Signers
from settlement import run as runs
from settlement import stating
from settlement.run import RunRow
from tests.ledger.books import AIR, HOTEL, KEYS, SHOP, House, uid
from tests.settlement.runs_room import FIRST, SECOND, drafted, step

KEY = KEYS["operator"]
PUBLIC = {KEY.public.key_id: KEY.public}
STANDARD = {"treatment": "standard", "basis_points": 2_100, "reason": "", "kinds": []}
REVERSE = {
    "treatment": "reverse_charge",
    "basis_points": 0,
    "reason": "Article 196 of Directive 2006/112/EC",
    "kinds": [],
}
EXEMPT = {"treatment": "exempt", "basis_points": 0, "reason": "Article 135(1)(d) of Directive 2006/112/EC", "kinds": []}


def customer(partner: str, *taxes: dict[str, Any]) -> dict[str, Any]:
    name, address = f"{partner.title()} B.V.", ["Quay 1", "1011 AA Amsterdam", "Netherlands"]
    return {"partner": partner, "name": name, "address": address, "vat_id": "NL001234567B01", "taxes": list(taxes)}


def table(name: str = "2026", **changes: Any) -> dict[str, Any]:
    customers = [customer(HOTEL, STANDARD), customer(AIR, REVERSE), customer(SHOP, EXEMPT)]
    supplier = {"name": "Clearing House B.V.", "address": ["Canal 2", "1012 BB Amsterdam"], "vat_id": "NL009876543B01"}
    days = {"valid_from": "2026-01-01", "valid_until": "2026-12-31"}
    said = {"name": name, **days, "series": "CH", "currency": "EUR", "digits": 2, "supplier": supplier}
    return {**said, "customers": customers} | changes


async def publish(house: House, document: dict[str, Any]) -> None:
    kind, now = partners.TAXES, house.clock()
    proposed = await partners.propose(house.owner, kind, "house", document, FIRST, uid("tax", document["name"]), now)
    signers = Signers(FIRST, SECOND, uid("taxed", document["name"]))
    assert isinstance(await partners.publish_paper(house.owner, proposed, signers, now), FiledPaper)


async def approved(house: House, *codes: str, **changes: Any) -> RunRow:
    row = await drafted(house, *codes, **changes)
    for key in (FIRST, SECOND):
        await runs.approve(house.owner, row.run, row.result_sha256 or "", step(house, key))
    return row


async def billed(house: House, run: str) -> list[dict[str, Any]]:
    """The documents of a frozen run once its tax is booked and its files are sealed, by number."""
    await runs.carry_on(house.owner, house.writer, run, step(house))
    await stating.seal_invoices(house.owner, run, KEY)
    return await documents(house, run)


async def documents(house: House, run: str) -> list[dict[str, Any]]:
    found = await house.rows("SELECT document FROM settlement_invoice WHERE run = %s ORDER BY number", run)
    return [json.loads(content) for (content,) in found]


def said(one: dict[str, Any]) -> tuple[Any, ...]:
    return (
        one["invoice"],
        one["kind"],
        one["customer"]["partner"],
        one["corrects"],
        one["net"],
        one["tax"],
        one["gross"],
    )


NEW_YEAR = datetime(2027, 1, 4, tzinfo=UTC)
