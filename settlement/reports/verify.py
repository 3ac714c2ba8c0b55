"""A sealed file checked offline: that the house signed it, that every line is the one that was signed, and, if not, which and how.

1. signature: a key of the house signed the seal; without it nothing else is looked at. 2. header: the file says beside its lines what was
signed. 3. hashes: the hashes of the lines make the signed root. 4. lines: every line is the one of its place. 5. sums: every figure is
what the lines add up to. 6. print: the file is the one that the house makes of all this, byte for byte, so what it shows is what is signed.
"""

import json
from codecs import BOM_UTF8
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path
from typing import Any

from clearing import errors
from clearing.rules import merkle
from clearing.signatures import PublicKey, encode, jws_verify
from settlement.reports import csv_file, jsonl, looks, pdf_attached, xlsx, xlsx_read
from settlement.reports.claims import Claim, Seen
from settlement.reports.seal import SEALED, STATEMENT, Sealed, column_hashes, hashes_of, root_of
from settlement.rules.statement import Statement
from settlement.rules.statement_json import SCHEMA, document, statement_of
from settlement.rules.statement_lines import (
    COLUMNS,
    MONEY,
    POINTS,
    StatementError,
    canonical,
    decimal,
    read_record,
    scaled,
)

_PDF, _ZIP, _OBJECT = b"%PDF-", b"PK", b"{"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was checked, and whether it holds."""

    check: str  # file, signature, header, hashes, lines, sums, print
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """What was found, and the sealed statement when all of it holds.

    `unseen`: every figure holds, but how the file looks could not be compared here; whether that is enough is for the caller to say.
    """

    findings: tuple[Finding, ...]
    sealed: Sealed | None = None
    unseen: bool = False


def verify(
    data: bytes, keys: Mapping[str, PublicKey], fonts: Sequence[Path] = (), *, accept_unseen: bool = False
) -> Verdict:
    """What can be said of a file with the house's public keys alone: JSON lines, CSV, a workbook, or a PDF.

    `fonts` are the folders that a PDF was printed with. With `accept_unseen` a file holds that says of itself that what printed it is not
    here; never one that is not what would be printed here.
    """
    found = _told(data, keys)
    return (
        found if found.sealed is None else _printed(data, found, found.sealed, fonts, accept_unseen=accept_unseen)
    )  # 6


def _told(data: bytes, keys: Mapping[str, PublicKey]) -> Verdict:
    """What the file says, up to its sums."""
    try:
        claim = claimed(data)
    except ValueError as fault:
        return _refused("file", str(fault))
    try:
        signed = jws_verify(claim.token, keys.get, STATEMENT)  # 1
    except errors.TokenInvalid as fault:
        return _refused("signature", fault.detail)
    said: dict[str, Any] = json.loads(signed)
    if said.get("schema") != SCHEMA:
        return _refused("signature", f"the house signed another schema than {SCHEMA}")
    findings = [Finding("signature", True, f"signed by {said['key']}; {claim.form}")]
    if claim.form != xlsx_read.FORM:  # what a workbook says beside its lines is compared when these are known to hold
        findings.append(_header(claim, signed, said))  # 2
    hashes, leaves = _hashes(claim, said)  # 3
    findings.append(hashes)
    findings.append(_lines(claim.lines, leaves, said))  # 4
    if not all(one.holds for one in findings):
        return Verdict(tuple(findings))
    return _summed(claim, signed, said, findings)  # 5


def _refused(check: str, detail: str) -> Verdict:
    return Verdict((Finding(check, False, detail),))


def claimed(data: bytes) -> Claim:
    """The file taken apart, by what it begins with. Raises ValueError for what is no statement."""
    if data.startswith(BOM_UTF8):
        raise ValueError(
            "the file begins with a byte order mark, which the house never writes; every byte of a sealed file counts"
        )
    if data.startswith(_PDF):
        return jsonl.read(pdf_attached.attached(data), "the evidence in a PDF")
    if data.startswith(_ZIP):
        return xlsx_read.read(data)
    return jsonl.read(data) if data.startswith(_OBJECT) else csv_file.read(data)


def _header(claim: Claim, signed: bytes, said: Mapping[str, Any]) -> Finding:
    if claim.header is not None:
        wrong = None if claim.header == signed else _member(claim.header, said)
    else:
        wanted = (*csv_file.head(said), *csv_file.foot(said))
        wrong = next((_row(was, now) for was, now in zip_longest(wanted, claim.frame) if was != now), None)
    return Finding("header", wrong is None, wrong or "what is said beside the lines is what was signed")


def _member(header: bytes, said: Mapping[str, Any]) -> str:
    try:
        found = json.loads(header)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        return "the header is no JSON object"
    for name in sorted({*said, *found}):
        if name not in found or name not in said or canonical(found[name]) != canonical(said[name]):
            return f"{name} was changed: it is {found.get(name)!r}, signed was {said.get(name)!r}"
    return "the header is written in another way than it was signed"


def _row(was: tuple[str, ...] | None, now: tuple[str, ...] | None) -> str:
    if was is None:
        return f"a row that was not signed: {','.join(now or ())}"
    return f"the row {','.join(was)} was changed or dropped: in its place is {','.join(now) if now else 'nothing'}"


def _hashes(claim: Claim, said: Mapping[str, Any]) -> tuple[Finding, tuple[bytes, ...] | None]:
    """The leaf hashes of the file, if they are the signed ones."""
    try:
        leaves = hashes_of(claim.hashes)
    except ValueError as fault:
        return Finding("hashes", False, str(fault)), None
    if len(leaves) != said["lines"] or encode(root_of(leaves)) != said["root"]:
        return Finding("hashes", False, "the hashes of the lines are not those that were signed"), None
    return Finding("hashes", True, f"{len(leaves)} hashes make the signed root"), leaves


# --- 4: the lines


def _lines(lines: Sequence[Seen], leaves: Sequence[bytes] | None, said: Mapping[str, Any]) -> Finding:
    found = [line.leaf for line in lines]
    if encode(root_of(found)) == said["root"] and len(found) == said["lines"]:
        return Finding("lines", True, f"all {len(found)} are the lines that were signed")
    if leaves is None:
        return Finding(
            "lines",
            False,
            f"not those that were signed; which cannot be told without their hashes{_columns(lines, said)}",
        )
    place, what = _first(found, leaves)
    detail = f"line {place + 1} was {what}"
    if what == CHANGED:
        detail += _figure(lines, leaves, place, said)
    return Finding("lines", False, detail)


CHANGED = "changed"


def _first(found: Sequence[bytes], signed: Sequence[bytes]) -> tuple[int, str]:
    """The first place where the lines are not those that were signed, and what was done there."""
    pairs = zip_longest(found, signed)
    place = next(place for place, (one, other) in enumerate(pairs) if one != other)
    if place == len(found):
        return place, "dropped"
    if place == len(signed):
        return place, "added"
    here, wanted = found[place], signed[place]
    later = found.index(wanted, place) if wanted in found[place:] else None
    if here in signed[place:]:
        home = signed.index(here, place)
        if later is None:
            return place, "dropped"
        if found[home : home + 1] == [wanted]:
            return place, f"swapped with line {home + 1}"
        return place, f"moved to place {later + 1}"
    if later is not None and len(found) > len(signed):
        return place, "added"
    return place, CHANGED


def _figure(lines: Sequence[Seen], leaves: Sequence[bytes], place: int, said: Mapping[str, Any]) -> str:
    """Which figure of a changed line it was, and what it was, as far as the columns tell."""
    values = lines[place].values
    if set(values) != set(COLUMNS):
        wrong = sorted(set(values) ^ set(COLUMNS))
        return f": it is no line with the columns of one ({', '.join(wrong)})" if values else ": it is no line any more"
    if len(lines) != len(leaves):
        return f"; {len(lines)} lines are here, {len(leaves)} were signed"
    changed = _changed(lines, said)
    if not changed:
        return ": its figures are the same, written in another way"
    if len(changed) > 1:
        return f" in one or more of {', '.join(changed)}"
    name = changed[0]
    was = _was(lines, place, name, said)
    before = dict(values) | {name: was}
    known = was is not None and merkle.leaf_hash(canonical(before)) == leaves[place]
    return f": {name} is {values[name]}" + (f", signed was {was}" if known else ", which was not signed")


def _changed(lines: Sequence[Seen], said: Mapping[str, Any]) -> list[str]:
    made = column_hashes([line.values for line in lines])
    return [name for name in COLUMNS if made[name] != said["column_hashes"][name]]


def _columns(lines: Sequence[Seen], said: Mapping[str, Any]) -> str:
    changed = _changed(lines, said)
    return f"; columns that differ: {', '.join(changed)}" if len(changed) < len(COLUMNS) else ""


def _was(lines: Sequence[Seen], place: int, name: str, said: Mapping[str, Any]) -> str | int | None:
    """The figure that the signed total of its column leaves for this line, if only this line was changed."""
    if name == "line":
        return place + 1
    if name not in (*MONEY, *POINTS):
        return None
    digits = 0 if name in POINTS else 6
    try:
        others = [scaled(name, str(line.values[name]), digits) for at, line in enumerate(lines) if at != place]
        left = scaled(name, said["total"][name], digits) - sum(others)
    except StatementError:
        return None
    return left if name in POINTS else decimal(left)


# --- 5: the sums


def _summed(claim: Claim, signed: bytes, said: dict[str, Any], findings: list[Finding]) -> Verdict:
    """The statement made anew of header and lines: it refuses what does not add up, even where the house signed it."""
    rows = [line.values for line in claim.lines]
    try:
        statement = statement_of(said, [read_record(dict(row)) for row in rows])
    except StatementError as fault:
        return Verdict((*findings, Finding("sums", False, str(fault))))
    plain = {name: value for name, value in said.items() if name not in SEALED}
    if plain != document(statement) or column_hashes(rows) != said["column_hashes"]:
        return Verdict((*findings, Finding("sums", False, "the header says something else than the statement does")))
    sealed = _sealed(statement, claim, signed)
    if claim.header is not None and jsonl.write(sealed) != claim.data:
        return Verdict((*findings, Finding("file", False, "all of it is there, but not as the house writes it")))
    if claim.form == xlsx_read.FORM:
        findings.append(_sheets(claim, sealed, said))
        if not findings[-1].holds:
            return Verdict(tuple(findings))
    detail = f"opening {said['opening']}, net {said['net']} {said['currency']}, closing {said['closing']}: every figure adds up"
    return Verdict((*findings, Finding("sums", True, detail)), sealed)


def _sheets(claim: Claim, sealed: Sealed, said: Mapping[str, Any]) -> Finding:
    """Every cell of a workbook beside those of its lines, as the house writes it of the same statement."""
    wanted = dict(map(xlsx_read.cell_of, xlsx_read.read(xlsx.frame(sealed, said)).frame))
    there = dict(map(xlsx_read.cell_of, claim.frame))
    for place in sorted({*wanted, *there}):
        was, now = wanted.get(place, xlsx_read.Cell("")), there.get(place, xlsx_read.Cell(""))
        if not xlsx_read.same(was, now):
            sheet, row, column = place
            told = f"column {column}, row {row} of the sheet {sheet} was changed"
            return Finding(
                "header", False, f"{told}: it is {now.formula or now.text}, signed was {was.formula or was.text}"
            )
    if claim.displaced:
        return Finding("header", False, claim.displaced)
    return Finding("header", True, "what is said beside the lines is what was signed")


def _sealed(statement: Statement, claim: Claim, signed: bytes) -> Sealed:
    records = tuple(canonical(line.values) for line in claim.lines)
    return Sealed(statement, signed, records, tuple(line.leaf for line in claim.lines), claim.token)


# --- 6: the file, made again


def _printed(data: bytes, found: Verdict, sealed: Sealed, fonts: Sequence[Path], *, accept_unseen: bool) -> Verdict:
    said: dict[str, Any] = json.loads(sealed.header)
    if data.startswith(_PDF):
        look = looks.pages(data, sealed, said, fonts)
    elif data.startswith(_ZIP):
        look = looks.workbook(data, sealed, said)
    elif data.startswith(_OBJECT) or data == csv_file.write(sealed, said):  # all bytes of the evidence were compared
        return found
    else:
        told = "every value is there, but not written as the house writes it (line ends, quotes, the order of rows)"
        return Verdict((*found.findings, Finding("file", False, told)))
    holds = accept_unseen if look.same is None else look.same
    findings = (*found.findings, Finding("print", holds, look.detail))
    return Verdict(findings, sealed if holds else None, unseen=look.same is None)
