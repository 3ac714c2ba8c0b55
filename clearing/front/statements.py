"""Statements at the door: a partner sees its own, operators see all; a file is given as it is kept, byte for byte."""

from typing import TYPE_CHECKING, Any

from clearing import errors
from clearing.front import paging, reading
from clearing.front import statement_messages as messages
from clearing.front.doors import BOTH, OPERATORS, Asked, Door, Reply
from clearing.front.shapes import instant
from settlement import run as settling
from settlement import stating
from settlement.stating import Kept

if TYPE_CHECKING:
    from clearing.front.house import House

MEDIA = {
    "jsonl": "application/jsonl",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "pdf": "application/pdf",
    "svg": "image/svg+xml",
}
"""The media type of each format."""


async def list_statements(house: "House", asked: Asked) -> Reply:
    """The caller's statements, the newest first; for an operator everybody's, the house's own among them."""
    place = paging.place_of(reading.query(asked.message.query, "after"))
    async with house.reads.connection() as connection:
        found = await stating.kept(connection, partner=asked.caller.partner, after=place, most=paging.PAGE + 1)
    return _listed(found)


async def list_run_statements(house: "House", asked: Asked) -> Reply:
    """The statements of a run: there are none before it is frozen."""
    place = paging.place_of(reading.query(asked.message.query, "after"))
    async with house.reads.connection() as connection:
        row = await settling.run_of(connection, asked.path["run"])
        found = await stating.kept(connection, run=row.run, after=place, most=paging.PAGE + 1)
    return _listed(found)


async def fetch_statement(house: "House", asked: Asked) -> Reply:
    """A file of a statement: `format` is jsonl (the usual), the evidence that was sealed when its run was frozen, or csv, xlsx, pdf or svg,
    printed of it. Who asks for one that is not printed yet has it printed; every later download gives the same bytes.
    """
    form = reading.query(asked.message.query, "format").get("format", "jsonl")
    if form not in MEDIA:
        raise errors.ValidationFailed(f"format is one of {', '.join(MEDIA)}")
    name = asked.path["statement"]
    async with house.reads.connection() as connection:
        content = await stating.file_of(connection, name, form, asked.caller.partner)
    return Reply(200, content, MEDIA[form], [("content-disposition", f'attachment; filename="{name}.{form}"')])


def _listed(found: list[Kept]) -> Reply:
    page, following = paging.paged(found, lambda one: (one.made_at, one.statement), paging.PAGE)
    return Reply(200, {"statements": [statement(one) for one in page], "next": following})


def statement(one: Kept) -> dict[str, Any]:
    """A statement as lists tell it."""
    return {
        "statement": one.statement,
        "run": one.run,
        "partner": one.partner,
        "currency": one.currency,
        "made_at": instant(one.made_at),
        "lines": one.lines,
        "root": one.root,
        "key_id": one.key_id,
        "files": [_file(one, form) for form in sorted(MEDIA)],
    }


def _file(one: Kept, form: str) -> dict[str, Any]:
    """A file, with its hash once it is printed."""
    kept = next((file for file in one.files if file.form == form), None)
    told = {"sha256": None, "bytes": None} if kept is None else {"sha256": kept.sha256, "bytes": kept.size}
    return {"format": form, "href": f"/v1/statements/{one.statement}?format={form}", **told}


DOORS = (
    Door(
        "GET",
        "/v1/statements",
        list_statements,
        {200: messages.StatementsSaid},
        purposes=BOTH,
        tag="settlement",
        asks=("after",),
    ),
    Door(
        "GET",
        "/v1/statements/{statement}",
        fetch_statement,
        {200: None},
        refuses=("not_found",),
        purposes=BOTH,
        tag="settlement",
        asks=("format",),
    ),
    Door(
        "GET",
        "/v1/runs/{run}/statements",
        list_run_statements,
        {200: messages.StatementsSaid},
        refuses=("not_found",),
        purposes=OPERATORS,
        tag="settlement",
        asks=("after",),
    ),
)
