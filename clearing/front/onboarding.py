"""Onboarding by one YAML file: partners, caps, keys, programs with prices, corridors. Said again, nothing changes.

    partners:
      - partner: lotus                    # code: lower-case letters, digits, hyphens
        name: Lotus Air
        cap: 500000000000                 # net debit cap, millionths of the common unit
        keys:
          - purpose: requests             # signs requests to the house
            key_file: keys/lotus.jwk      # a private JWK at hand (made if missing): the proof of possession is made here
          - purpose: answers              # signs answers to the house's calls
            jwk: {kty: OKP, crv: Ed25519, x: …}
            proof: eyJ…                   # JWS of the key over {"key_id":…,"partner":…,"purpose":…}
    operators:
      - key_file: keys/operator.jwk
    programs:
      - program: lotus-air
        partner: lotus
        name: Lotus Miles
        unit_name: MILE
        adapter: house_json
        endpoint: http://127.0.0.1:9001
        capabilities: {hold_seconds: 900, idempotent: true, look_up: true, reversal: true, batch: 100, longest_seconds: 60}
        price: {issue: 9000/1, redeem: 7000/1}    # millionths of the common unit for each unit, as fractions
        # where the program tells lots: lots: true, lot_months: 36 (how long a new unit lives; 0: for ever)
    corridors:
      - {source: palm-hotels, target: lotus-air, ratio: 1/3, step: 3, minimum: 300}

Files are found beside the YAML file. A price or corridor that differs from the one in force is published as its next version from now
on, or from `valid_from`.
"""

import re
from collections.abc import Callable
from datetime import datetime
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal, Self
from urllib.parse import urlsplit

import yaml
from psycopg import AsyncConnection
from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from clearing import errors, partners
from clearing.adapter import Capabilities, load_adapters
from clearing.front import sources, vault
from clearing.front.settings import Environment, Settings
from clearing.front.wiring import register_own
from clearing.ledger import Writer
from clearing.ledger.items import Grant
from clearing.partners import Directory
from clearing.rules.refusals import Refusal
from clearing.rules.units import AMOUNT_MAX, Ratio

Said = Callable[[str], None]
Connection = AsyncConnection[Any]
_FRACTION = re.compile(r"([0-9]{1,16})(?:/([0-9]{1,16}))?")


def _ratio(value: object) -> object:
    match = _FRACTION.fullmatch(str(value)) if isinstance(value, str | int) else None
    return Ratio(int(match[1]), int(match[2] or 1)) if match else value


Fraction = Annotated[Ratio, BeforeValidator(_ratio)]
Whole = Annotated[int, Field(ge=0, le=AMOUNT_MAX, strict=True)]


class Part(BaseModel):
    """A part of the file."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


class Key(Part):
    """A key: a file with its private part at hand, or the public part with a proof of possession."""

    purpose: Literal["requests", "answers"]
    key_file: Path | None = None
    jwk: dict[str, Any] | None = None
    proof: str | None = None

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if (self.key_file is None) == (self.jwk is None) or (self.jwk is None) != (self.proof is None):
            raise ValueError("say key_file, or jwk and proof")
        return self


class OperatorKey(Part):
    """An operator's key."""

    key_file: Path


class PartnerPart(Part):
    """A partner, its cap, its keys."""

    partner: str
    name: str
    cap: Whole | None = None
    keys: tuple[Key, ...] = ()


class PricePart(Part):
    """A program's price, millionths of the common unit for each unit."""

    issue: Fraction
    redeem: Fraction
    valid_from: AwareDatetime | None = None


class ProgramPart(Part):
    """A program, its capabilities, its price."""

    program: str
    partner: str
    name: str
    unit_name: str
    adapter: str = "house_json"
    endpoint: str
    capabilities: dict[str, int | bool]
    price: PricePart | None = None


class CorridorPart(Part):
    """A corridor."""

    source: str
    target: str
    ratio: Fraction
    step: Whole
    minimum: Whole
    maximum: Whole | None = None
    valid_from: AwareDatetime | None = None
    valid_to: AwareDatetime | None = None


class Plan(Part):
    """The whole file."""

    partners: tuple[PartnerPart, ...] = ()
    operators: tuple[OperatorKey, ...] = ()
    programs: tuple[ProgramPart, ...] = ()
    corridors: tuple[CorridorPart, ...] = ()


def read_plan(path: Path) -> Plan:
    """The plan in this file. Raises errors.Misconfigured with every fault."""
    try:
        return Plan.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")) or {})
    except (OSError, yaml.YAMLError) as reason:
        raise errors.Misconfigured(f"{path} cannot be read: {type(reason).__name__}") from None
    except ValidationError as reason:
        faults = [f"{'.'.join(map(str, fault['loc']))}: {fault['msg']}" for fault in reason.errors()]
        raise errors.Misconfigured(f"{path}: {'; '.join(faults)}") from None


async def onboard(
    plan: Plan,
    connection: Connection,
    writer: Writer,
    settings: Settings,
    folder: Path,
    said: Said = lambda _line: None,
) -> None:
    """Make the directory say what the plan says, in the order in which one thing needs another; `said` hears of each."""
    for who in plan.partners:
        found = await partners.register_partner(connection, who.partner, who.name, sources.clock())
        said(f"partner {who.partner} has number {found.number}")
        for key in who.keys:
            said(
                f"key {await _key(connection, key, who.partner, settings, folder)} signs {key.purpose} of {who.partner}"
            )
        if who.cap is not None:
            await writer.put(Grant(who.partner, who.cap))
            said(f"cap of {who.partner} is {who.cap}")
    for operator in plan.operators:
        private = vault.private_key(folder / operator.key_file, make=True)
        await register_own(connection, private, "operator", None, settings)
        said(f"key {private.public.key_id} is an operator's")
    for program in plan.programs:
        _require_public(program.endpoint, settings)
        await _program(connection, program)
        said(f"program {program.program} at {program.endpoint}")
    for corridor in plan.corridors:
        await _corridor(connection, corridor)
        said(f"corridor from {corridor.source} to {corridor.target}")


async def _key(connection: Connection, key: Key, partner: str, settings: Settings, folder: Path) -> str:
    if key.key_file is not None:
        private = vault.private_key(folder / key.key_file, make=True)
        row = await register_own(connection, private, key.purpose, partner, settings)
    else:
        row = await partners.register_key(
            connection, key.jwk or {}, key.purpose, partner, settings.environment, key.proof or "", sources.clock()
        )
    return row.public.key_id


def _require_public(endpoint: str, settings: Settings) -> None:
    """A live house calls no address that is not a public one; a sandbox calls what it likes. Raises errors.Misconfigured."""
    if settings.environment is not Environment.LIVE:
        return
    target = urlsplit(endpoint)
    try:
        public = ip_address(target.hostname or "").is_global
    except ValueError:  # a name, not an address
        public = "." in (target.hostname or "") and not (target.hostname or "").endswith(
            (".localhost", ".local", ".internal")
        )
    if target.scheme != "https" or not public:
        raise errors.Misconfigured(f"{endpoint}: a live program is reached by https at a public host")


async def _program(connection: Connection, part: ProgramPart) -> None:
    if part.adapter not in load_adapters():
        raise errors.Misconfigured(f"no adapter {part.adapter!r} is installed")
    try:
        capabilities = Capabilities(**part.capabilities)  # type: ignore[arg-type]  # register_program checks every value
    except TypeError:
        raise errors.Misconfigured(f"{part.program}: capabilities are {', '.join(Capabilities.__slots__)}") from None
    named = {"name": part.name, "unit_name": part.unit_name, "adapter": part.adapter, "endpoint": part.endpoint}
    await partners.register_program(
        connection, part.program, part.partner, capabilities=capabilities, now=sources.clock(), **named
    )
    if part.price is not None:
        await _price(connection, part.program, part.price)


async def _price(connection: Connection, program: str, part: PricePart) -> None:
    now, current = sources.clock(), (await partners.load(connection)).price(program, sources.clock())
    if part.valid_from is None and current and (current.issue, current.redeem) == (part.issue, part.redeem):
        return
    _granted(await partners.publish_price(connection, program, part.valid_from or now, part.issue, part.redeem, now))


async def _corridor(connection: Connection, part: CorridorPart) -> None:
    now = sources.clock()
    if part.valid_from is None and _stands(await partners.load(connection), part, now):
        return
    _granted(
        await partners.publish_corridor(
            connection,
            part.source,
            part.target,
            valid_from=part.valid_from or now,
            ratio=part.ratio,
            step=part.step,
            minimum=part.minimum,
            maximum=part.maximum,
            valid_to=part.valid_to,
            now=now,
        )
    )


def _stands(directory: Directory, part: CorridorPart, now: datetime) -> bool:
    card = directory.corridor(part.source, part.target, now)
    shape = (part.ratio, part.step, part.minimum, part.maximum, part.valid_to)
    return card is not None and (card.ratio, card.step, card.minimum, card.maximum, card.valid_to) == shape


def _granted(outcome: object) -> None:
    if isinstance(outcome, Refusal):
        raise errors.ValidationFailed(f"{outcome.code}: {outcome.detail}")
