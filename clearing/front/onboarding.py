"""Onboarding by one YAML file: partners, keys, programs, first agreements (cap and prices), corridors. Said again, nothing changes.

    partners:
      - partner: lotus                    # code: lower-case letters, digits, hyphens
        name: Lotus Air
        cap: 500000000000                 # net debit cap of the first agreement, millionths of the common unit
        notice_days: 30                   # the notice it promises for the next version
        rights:                           # what it may do alone with another's points (docs/kinds.md)
          - {program: palm-hotels, kinds: [accrual, purchase, redemption]}
        shortfall: refuse                 # or program, partner, member_negative: who bears what a claw-back cannot take
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
        nature: points                    # or charity, or money
        # where the program tells lots: lots: true, lot_months: 36 (how long a new unit lives; 0: for ever)
    corridors:
      - {source: palm-hotels, target: lotus-air, ratio: 1/3, step: 3, minimum: 300}
    cards: []                             # whole rate cards (docs/rate-cards.md), each the first version of its corridor
    campaigns:                            # budgets of bonuses that cards name; who pays stands in the partners' `funding`
      - {campaign: summer, units: 100000}

A program's rules of links stand with its capabilities too: account_age_days, link_age_days, one_card_per_account (docs/members.md).
Files are found beside the YAML file. Cap and prices become the partner's first agreement, from now on or from the partner's `valid_from`;
once there is one, a plan that differs from it is refused: terms change by `clearing agreement publish` and a second operator's key. A
corridor becomes the first version of its rate card in the same way (docs/rate-cards.md); from then on cards change by two keys.
"""

import re
from collections.abc import Callable
from dataclasses import replace
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
from clearing.front.first_agreements import NOTICE_DAYS, Terms, agree
from clearing.front.granting import grant_due
from clearing.front.settings import Environment, Settings
from clearing.front.shapes import instant
from clearing.front.wiring import register_own
from clearing.ledger import Writer
from clearing.ledger.items import Fund
from clearing.rules.agreements import Bearer
from clearing.rules.card_json import read_card
from clearing.rules.cards import Card
from clearing.rules.kinds import Nature
from clearing.rules.refusals import Refusal
from clearing.rules.shapes import Fault
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


class RightPart(Part):
    """What a partner may do alone with the points of a program that another signs for."""

    program: str
    kinds: tuple[Literal["accrual", "purchase", "redemption"], ...]


class FunderPart(Part):
    """A funder's share, in parts per million."""

    funder: str
    ppm: Whole


class FundingPart(Part):
    """Who pays for a campaign's bonus; every partner among them says the same."""

    campaign: str
    funders: tuple[FunderPart, ...]


class PartnerPart(Part):
    """A partner, its keys, and what its first agreement says."""

    partner: str
    name: str
    cap: Whole | None = None
    notice_days: Whole = NOTICE_DAYS
    valid_from: AwareDatetime | None = None
    rights: tuple[RightPart, ...] = ()
    funding: tuple[FundingPart, ...] = ()
    shortfall: Bearer | None = None
    keys: tuple[Key, ...] = ()


class PricePart(Part):
    """A program's price, millionths of the common unit for each unit."""

    issue: Fraction
    redeem: Fraction


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
    nature: Nature = Nature.POINTS


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


class CampaignPart(Part):
    """What a campaign may spend in all: bonus units, millionths of the common unit, or both."""

    campaign: str
    units: Whole | None = None
    value: Whole | None = None


class Plan(Part):
    """The whole file."""

    partners: tuple[PartnerPart, ...] = ()
    operators: tuple[OperatorKey, ...] = ()
    programs: tuple[ProgramPart, ...] = ()
    corridors: tuple[CorridorPart, ...] = ()
    cards: tuple[dict[str, Any], ...] = ()
    campaigns: tuple[CampaignPart, ...] = ()


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
    for operator in plan.operators:
        private = vault.private_key(folder / operator.key_file, make=True)
        await register_own(connection, private, "operator", None, settings)
        said(f"key {private.public.key_id} is an operator's")
    for program in plan.programs:
        _require_public(program.endpoint, settings)
        await _program(connection, program)
        said(f"program {program.program} at {program.endpoint}")
    await _agree(connection, writer, plan, said)
    for corridor in plan.corridors:
        await _corridor(connection, corridor)
        said(f"corridor from {corridor.source} to {corridor.target}")
    for card in plan.cards:
        await _card(connection, card, sources.clock())
        said(f"rate card from {card.get('source')} to {card.get('target')}")
    for campaign in plan.campaigns:
        await writer.put(Fund(campaign.campaign, campaign.units, campaign.value))
        said(f"campaign {campaign.campaign} has its budget")


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
        connection,
        part.program,
        part.partner,
        capabilities=capabilities,
        now=sources.clock(),
        nature=part.nature,
        **named,
    )


async def _agree(connection: Connection, writer: Writer, plan: Plan, said: Said) -> None:
    """First agreements out of what the plan says in two places, and the caps that follow from them."""
    terms = {
        who.partner: Terms(
            cap=who.cap,
            notice_days=who.notice_days,
            valid_from=who.valid_from,
            rights=tuple((right.program, kind) for right in who.rights for kind in right.kinds),
            funding=tuple(funding.model_dump(mode="json") for funding in who.funding),
            shortfall=who.shortfall,
        )
        for who in plan.partners
    }
    for program in plan.programs:
        if program.price is not None:
            found = terms.setdefault(program.partner, Terms())
            found.prices[program.program] = (program.price.issue, program.price.redeem)
    for agreement in await agree(connection, terms):
        said(f"agreement with {agreement.partner} is version {agreement.version}")
    for grant in await grant_due(connection, writer):
        said(f"cap of {grant.partner} is {grant.granted}")


async def _corridor(connection: Connection, part: CorridorPart) -> None:
    """The corridor as the first version of its rate card. Raises errors.ValidationFailed where another card is in force."""
    now = sources.clock()
    await _card(connection, card_document(part, now), now)


async def _card(connection: Connection, document: dict[str, Any], now: datetime) -> None:
    """The first version of a rate card. Raises errors.ValidationFailed where another one is in force, or it is refused."""
    known = (await partners.load(connection)).cards.get((document.get("source", ""), document.get("target", "")), ())
    if known:
        _require_same(known[-1], document)
        return
    outcome = await partners.publish_card(connection, document, now)
    if isinstance(outcome, Refusal):
        raise errors.ValidationFailed(f"{outcome.code}: {outcome.detail}")


def card_document(part: CorridorPart, now: datetime) -> dict[str, Any]:
    """The rate card that a corridor in short stands for: one rate, one band."""
    band = {"minimum": part.minimum, "step": part.step, "ratio": {"points": part.ratio.den, "units": part.ratio.num}}
    if part.maximum is not None:
        band["maximum"] = part.maximum
    document: dict[str, Any] = {
        "format": "rate-card/1",
        "source": part.source,
        "target": part.target,
        "version": 1,
        "announced_at": instant(now.replace(microsecond=0)),
        "valid_from": instant((part.valid_from or now).replace(microsecond=0)),
        "rates": [{"name": "base", "bands": [band]}],
    }
    if part.valid_to is not None:
        document["valid_to"] = instant(part.valid_to.replace(microsecond=0))
    return document


def _require_same(known: Card, document: dict[str, Any]) -> None:
    """What the plan says is what the last card says, whenever that began."""
    wanted = read_card(document)
    if (
        isinstance(wanted, Fault)
        or replace(wanted, version=known.version, announced_at=known.announced_at, span=known.span) != known
    ):
        raise errors.ValidationFailed(
            f"the plan differs from the rate card from {known.source} to {known.target}: cards change by `clearing card publish` "
            "and a second operator's key"
        )
