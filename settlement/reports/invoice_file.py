"""An invoice as files: JSON with the house's seal over the document, and a PDF that carries it; and the check of either, offline."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from importlib.resources import files
from pathlib import Path
from typing import Any

from clearing import errors
from clearing.signatures import PrivateKey, PublicKey, jws_sign, jws_verify
from settlement.reports import pdf_attached
from settlement.reports.figures import MINUS
from settlement.reports.pdf import compiled
from settlement.reports.verify import Finding
from settlement.rules.invoice import CREDIT_NOTE, SCHEMA, faults_of
from settlement.rules.run import canonical

INVOICE_TYPE = "clearing-invoice+jws"
"""The type of the token: it passes for nothing else, and nothing else for it."""

_TEMPLATE = files("settlement.reports").joinpath("invoice.typ").read_bytes()
_TREATMENTS = {"standard": "", "reverse_charge": "reverse charge", "exempt": "exempt"}


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found of a file; where all of it holds, the sealed JSON, which a PDF carries."""

    findings: tuple[Finding, ...]
    sealed: bytes | None = None


def seal_invoice(document: bytes, key: PrivateKey) -> bytes:
    """The JSON file: the document as it was kept, and the seal over those bytes. Ed25519: the same bytes every time."""
    return canonical({"invoice": json.loads(document), "seal": jws_sign(document, key, INVOICE_TYPE)}) + b"\n"


def invoice_pdf(sealed: bytes, fonts: Sequence[Path] = ()) -> bytes:
    """The pages, PDF/A-3a, with the JSON file attached. Raises errors.GlyphMissing as a statement does."""
    said = json.loads(sealed)["invoice"]
    inputs = {"data": json.dumps(_shown(said)), "evidence": sealed.decode()}
    return compiled(_TEMPLATE, inputs, _noon(said["issued_on"]), fonts)


def verify_invoice(data: bytes, keys: Mapping[str, PublicKey]) -> Checked:
    """1. signature: a key of the house signed it; 2. document: the file says what was signed; 3. sums: every figure adds up."""
    try:
        sealed = pdf_attached.attached(data) if data.startswith(b"%PDF") else data
        said = json.loads(sealed)
        token, told = str(said["seal"]), canonical(said["invoice"])
    except (ValueError, KeyError, TypeError, RecursionError) as fault:
        return Checked((Finding("file", False, f"it is no invoice of the house: {fault}"),))
    try:
        signed = jws_verify(token, keys.get, INVOICE_TYPE)  # 1
    except errors.TokenInvalid as fault:
        return Checked((Finding("signature", False, fault.detail),))
    findings = [Finding("signature", True, "the house signed it")]
    if signed != told:  # 2
        return Checked((*findings, Finding("document", False, _changed(json.loads(signed), said["invoice"]))))
    findings.append(Finding("document", True, "it says what was signed"))
    faults = faults_of(said["invoice"]) if said["invoice"].get("schema") == SCHEMA else ["another schema"]  # 3
    if faults:
        return Checked((*findings, Finding("sums", False, "; ".join(faults))))
    one = said["invoice"]
    detail = f"{one['invoice']}: net {one['net']}, tax {one['tax']}, gross {one['gross']} {one['currency']}"
    return Checked((*findings, Finding("sums", True, detail)), sealed)


def _changed(signed: Mapping[str, Any], told: object) -> str:
    """Which parts of the document are not what was signed."""
    if not isinstance(told, dict):
        return "it is no document"
    names = sorted({*signed, *told})
    return "changed: " + ", ".join(name for name in names if signed.get(name) != told.get(name))


def _noon(day: str) -> datetime:
    """The day of issue as the instant that a PDF wants."""
    return datetime.combine(date.fromisoformat(day), time(12), UTC)


def _shown(said: Mapping[str, Any]) -> dict[str, Any]:
    """Everything that pages show, as text."""
    credit = said["kind"] == CREDIT_NOTE
    return {
        "title": f"{'Credit note' if credit else 'Invoice'} {said['invoice']}",
        "kind": "Credit note" if credit else "Invoice",
        "invoice": said["invoice"],
        "supplier": _side(said["supplier"]),
        "customer": _side(said["customer"]),
        "facts": [
            ["issued on", said["issued_on"]],
            *([["corrects invoice", said["corrects"]]] if said["corrects"] else []),
            ["supplied", f"{said['supplied']['from']} to {said['supplied']['until']}"],
            ["windows", ", ".join(said["supplied"]["windows"])],
            ["settlement run", said["run"]],
            ["customer", said["customer"]["partner"]],
        ],
        "currency": said["currency"],
        "lines": [
            [str(one["line"]), _fee(one), str(one["bookings"]), _rate(one), _signed(one["net"])]
            for one in said["lines"]
        ],
        "taxes": [[_rate(one), one["reason"], _signed(one["net"]), _signed(one["tax"])] for one in said["taxes"]],
        "sums": [["net", _signed(said["net"])], ["tax", _signed(said["tax"])], ["gross", _signed(said["gross"])]],
        "sign": said["sign"],
        "payment": said["payment"],
    }


def _side(said: Mapping[str, Any]) -> list[str]:
    return [said["name"], *said["address"], *([f"VAT {said['vat_id']}"] if said["vat_id"] else [])]


def _fee(line: Mapping[str, Any]) -> str:
    return f"{line['fee'].replace('_', ' ')} fees{', given back' if line['returned'] else ''}"


def _rate(said: Mapping[str, Any]) -> str:
    whole, rest = divmod(said["basis_points"], 100)
    return _TREATMENTS[said["treatment"]] or f"{whole}.{rest:02} %"


def _signed(text: str) -> str:
    return text.replace("-", MINUS)
