"""Statements as files: pure rendering, a sealed statement in, bytes out. No database, no clock; the same bytes every time."""

import json
from collections.abc import Sequence
from pathlib import Path

from settlement.reports import csv_file, jsonl, pdf, pictures, xlsx
from settlement.reports.kept import reopened
from settlement.reports.seal import Sealed, Unsigned, seal, signature, unsigned
from settlement.reports.verify import Finding, Verdict, verify

EVIDENCE = "jsonl"
"""The one file that is made when a statement is sealed: it holds the lines and the seal, and every other is made of it."""
FORMATS = (EVIDENCE, "csv", "xlsx", "pdf", "svg")
"""Endings of the files that a sealed statement is rendered as."""


def render(sealed: Sealed, form: str, fonts: Sequence[Path] = ()) -> bytes:
    """The file of one of `FORMATS`; `fonts` are folders of fonts for the PDF."""
    said = json.loads(sealed.header)
    match form:
        case "jsonl":
            return jsonl.write(sealed)
        case "csv":
            return csv_file.write(sealed, said)
        case "xlsx":
            return xlsx.write(sealed, said)
        case "pdf":
            return pdf.write(sealed, said, fonts)
        case "svg":
            return pictures.sheet(sealed.statement)
    message = f"a statement is rendered as one of {', '.join(FORMATS)}, not as {form}"
    raise ValueError(message)


__all__ = [
    "EVIDENCE",
    "FORMATS",
    "Finding",
    "Sealed",
    "Unsigned",
    "Verdict",
    "render",
    "reopened",
    "seal",
    "signature",
    "unsigned",
    "verify",
]
