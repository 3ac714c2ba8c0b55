"""The directory: a frozen snapshot of partners, programs, rate cards and agreements, and the holder that keeps one at most a second old."""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import lru_cache

from psycopg_pool import AsyncConnectionPool

from clearing import errors
from clearing.adapter import Capabilities
from clearing.partners.keys import KeyRow, key
from clearing.partners.rows import Connection, Row, rows
from clearing.rules import agreements, risk
from clearing.rules.agreement_json import agreement_of
from clearing.rules.agreements import Agreement
from clearing.rules.card_json import read_card
from clearing.rules.cards import Card
from clearing.rules.kinds import Nature
from clearing.rules.rates import Price
from clearing.rules.risk import RiskRule, RuleSet
from clearing.rules.risk_json import rules_of
from clearing.rules.shapes import Fault
from clearing.rules.versions import card_in_force


@dataclass(frozen=True, slots=True)
class Partner:
    """A company that signs for programs."""

    code: str
    number: int
    name: str


@dataclass(frozen=True, slots=True)
class Program:
    """A brand's currency, who signs for it, where it is reached and what it declares."""

    code: str
    number: int
    partner: str
    partner_number: int
    name: str
    unit_name: str
    adapter: str
    endpoint: str
    capabilities: Capabilities
    nature: Nature = Nature.POINTS


@dataclass(frozen=True, slots=True)
class Directory:
    """Everything that a quote is made of, as it was at one moment."""

    partners: Mapping[str, Partner]
    programs: Mapping[str, Program]
    cards: Mapping[tuple[str, str], tuple[Card, ...]]
    agreements: Mapping[str, tuple[Agreement, ...]]
    risk: tuple[RuleSet, ...] = ()

    def card(self, source: str, target: str, at: datetime) -> Card | None:
        """The rate card in force from `source` to `target` at this instant: the corridor is open."""
        return card_in_force(self.cards.get((source, target), ()), at)

    def agreement(self, partner: str, at: datetime) -> Agreement | None:
        """The agreement in force with this partner at this instant."""
        return agreements.in_force(self.agreements.get(partner, ()), at)

    def risk_rules(self, at: datetime) -> tuple[RiskRule, ...]:
        """The risk rules that hold at this instant; none before the first version."""
        version = self.risk_version(at)
        return () if version is None else version.rules

    def risk_version(self, at: datetime) -> RuleSet | None:
        """The version of the risk rules in force at this instant."""
        return risk.in_force(self.risk, at)

    def price(self, program: str, at: datetime) -> Price | None:
        """The price of a program at this instant: what the agreement in force with its partner says; its version is the agreement's."""
        known = self.programs.get(program)
        agreement = None if known is None else self.agreement(known.partner, at)
        worth = None if agreement is None else agreement.worth(program)
        if agreement is None or worth is None:
            return None
        return Price(program, agreement.version, agreement.valid_from, worth.issue, worth.redeem)


async def load(connection: Connection) -> Directory:
    """The directory as it is now. Rows are only ever added: what refers is read before what it refers to, so nothing dangles."""
    ruled = [rules_of(found["document"], found["version"]) for found in await rows(connection, "risk_rules_list")]
    cards: dict[tuple[str, str], tuple[Card, ...]] = {}
    for card in [card_of(found["digest"], found["document"]) for found in await rows(connection, "card_list")]:
        cards[card.source, card.target] = (*cards.get((card.source, card.target), ()), card)
    agreed: dict[str, tuple[Agreement, ...]] = {}
    for found in await rows(connection, "agreement_list", partner=None):
        one = agreement_of(found["document"], found["version"], found["announced_at"])
        agreed[one.partner] = (*agreed.get(one.partner, ()), one)
    programs = [program_of(found) for found in await rows(connection, "program_list")]
    partners = [Partner(**found) for found in await rows(connection, "partner_list")]
    return Directory(
        {partner.code: partner for partner in partners},
        {program.code: program for program in programs},
        cards,
        agreed,
        tuple(ruled),
    )


def program_of(found: Row) -> Program:
    """A program's row as a program."""
    told = {"capabilities": Capabilities(**found["capabilities"]), "nature": Nature(found["nature"])}
    return Program(**{**found, **told})


@lru_cache(maxsize=1_000)
def _card_of(_digest: str, text: str) -> Card:
    card = read_card(json.loads(text))
    if isinstance(card, Fault):
        raise errors.Misconfigured(f"a published rate card cannot be read: {card}")
    return card


def card_of(digest: str, document: Mapping[str, object]) -> Card:
    """A published document as the card it was when it was published. Reading it takes milliseconds, so it is read once."""
    return _card_of(digest, json.dumps(document))


class Live:
    """The directory and the keys in use, read again when they are older than `seconds_max`. One reader at a time; others wait for it.

    Keys are remembered no longer than the directory. That a key is live is decided once more by the ledger, under the lane lock.
    """

    def __init__(self, pool: AsyncConnectionPool[Connection], *, seconds_max: int = 1) -> None:
        self._pool = pool
        self._age_max = timedelta(seconds=seconds_max)
        self._reading = asyncio.Lock()
        self._started = 0
        self._forgotten = 0
        self._read_at: datetime | None = None
        self._directory: Directory | None = None
        self._keys: dict[str, KeyRow] = {}

    async def directory(self, now: datetime, *, fresh: bool = False) -> Directory:
        """The directory, at most `seconds_max` old; with `fresh`, read no earlier than this call: ask so when something is unknown."""
        if not fresh and self._directory is not None and self._is_young(now):
            return self._directory
        seen = self._started
        async with self._reading:
            read_since = self._started > seen  # by somebody who started after this call
            if self._directory is None or not (read_since or (not fresh and self._is_young(now))):
                self._started += 1
                forgotten = self._forgotten
                async with self._pool.connection() as connection:
                    self._directory = await load(connection)
                self._keys = {}
                self._read_at = now if forgotten == self._forgotten else None  # changed while it was read
            return self._directory

    async def key(self, key_id: str, now: datetime) -> KeyRow | None:
        """A key, as it was at most `seconds_max` ago. An unknown id is looked up every time."""
        await self.directory(now)
        if key_id not in self._keys:
            keys = self._keys  # a reading that overlaps a newer one must not outlive it
            async with self._pool.connection() as connection:
                found = await key(connection, key_id)
            if found is None:
                return None
            keys[key_id] = found
            return found
        return self._keys[key_id]

    def forget(self) -> None:
        """Read everything again at the next question: something was changed through this process."""
        self._forgotten += 1
        self._read_at = None

    def _is_young(self, now: datetime) -> bool:
        return self._read_at is not None and now - self._read_at < self._age_max
