"""Partners and programs come in: each gets the next free number, which names its accounts in the books for ever."""

import re
from dataclasses import asdict, fields
from datetime import datetime

from psycopg.types.json import Jsonb

from clearing import errors
from clearing.adapter import Capabilities
from clearing.partners.directory import Partner, Program, program_of
from clearing.partners.rows import Connection, row, run
from clearing.rules.agreements import HOUSE
from clearing.rules.kinds import Nature

ATTEMPTS_MAX = 100  # others who take the next number first; each of them makes progress
LOT_MONTHS_MAX = 1_200  # a hundred years: what lives longer does not expire
_CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_ENDPOINT = re.compile(r"https?://[!-~]{1,500}")
_TEXT_MAX = 100


async def register_partner(connection: Connection, partner: str, name: str, now: datetime) -> Partner:
    """The partner with this code, registered now or before. Raises errors.ValidationFailed, or Forbidden for another name.

    The number is the highest plus one; the unique constraint lets one of two simultaneous registrations through, the other tries again.
    """
    _require_code(partner)
    if partner == HOUSE:
        raise errors.ValidationFailed(f"{HOUSE} is the house itself, which funds bonuses under this code")
    _require_text("name", name)
    for _ in range(ATTEMPTS_MAX):
        await row(connection, "partner_insert", partner=partner, name=name, registered_at=now)
        if found := await row(connection, "partner_read", partner=partner):
            known = Partner(**found)
            if known.name != name:
                raise errors.Forbidden(f"the partner code {partner} is taken")
            return known
    raise errors.Unavailable


async def register_program(
    connection: Connection,
    program: str,
    partner: str,
    *,
    name: str,
    unit_name: str,
    adapter: str,
    endpoint: str,
    capabilities: Capabilities,
    now: datetime,
    nature: Nature = Nature.POINTS,
) -> Program:
    """The program with this code. If it was registered before by the same partner, endpoint and capabilities are these from now on.

    Raises errors.ValidationFailed, NotFound for an unknown partner, and Forbidden when the code is another's, or its names, adapter or
    nature differ.
    """
    _require_code(program)
    for what, said in (("name", name), ("unit_name", unit_name), ("adapter", adapter)):
        _require_text(what, said)
    _require_reachable(endpoint, capabilities)
    if await row(connection, "partner_read", partner=partner) is None:
        raise errors.NotFound("no such partner")
    mutable = {"endpoint": endpoint, "capabilities": Jsonb(asdict(capabilities))}
    named = {"partner": partner, "name": name, "unit_name": unit_name, "adapter": adapter, "nature": nature}
    fixed = {"program": program, **named}
    for _ in range(ATTEMPTS_MAX):
        await row(connection, "program_insert", **fixed, **mutable, registered_at=now)
        if found := await row(connection, "program_read", program=program):
            known = program_of(found)
            if {field: getattr(known, field) for field in named} != named:
                raise errors.Forbidden(f"the program code {program} is taken")
            if (known.endpoint, known.capabilities) == (endpoint, capabilities):
                return known
            await run(connection, "program_change", program=program, partner=partner, **mutable)
    raise errors.Unavailable


def _require_code(code: str) -> None:
    if _CODE.fullmatch(code) is None:
        raise errors.ValidationFailed("a code is 1 to 40 lower-case letters, digits and inner hyphens")


def _require_text(what: str, text: str) -> None:
    if not (0 < len(text) <= _TEXT_MAX and text.isprintable() and text == text.strip()):
        raise errors.ValidationFailed(f"{what} is 1 to {_TEXT_MAX} printable characters")


def _require_reachable(endpoint: str, capabilities: Capabilities) -> None:
    if _ENDPOINT.fullmatch(endpoint) is None:
        raise errors.ValidationFailed("endpoint is an http or https address in ASCII")
    for field in fields(Capabilities):
        value = getattr(capabilities, field.name)
        if type(value) is not field.type or (type(value) is int and not 0 <= value < 2**31):
            raise errors.ValidationFailed(f"the capability {field.name} is not what it should be")
    if capabilities.batch < 1:
        raise errors.ValidationFailed("a batch carries at least one order")
    if capabilities.lot_months > (LOT_MONTHS_MAX if capabilities.lots else 0):
        raise errors.ValidationFailed(f"lot_months is at most {LOT_MONTHS_MAX}, and stands with lots")
