"""Revenue sharing in a run: what each contract in force makes of the bases of its windows, and gives back of what was reversed since.

Pure and replayable: a run keeps the documents of the versions, the bases with what their periods had seen before, and, of every original
that was clawed back, all that it was shared by. Everything else follows. Amounts are millionths of the common unit; texts outside.
"""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any
from uuid import UUID

from settlement.rules.contracts import Contract
from settlement.rules.flows import Flow, merged
from settlement.rules.share_json import contract_of
from settlement.rules.sharing import Before, Leg, Shared, claw_back, share


@dataclass(frozen=True, slots=True, order=True)
class Version:
    """A version of a contract, with the digest that two keys signed."""

    contract: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True)
class Base:
    """What a window gave a contract to share, by its version then, and what the period had seen before. `closing`: its last."""

    contract: str
    version: int
    number: int
    window: str
    micros: int
    before: Before
    closing: bool


@dataclass(frozen=True, slots=True)
class Undone:
    """What was reversed of the base of an earlier window since: from one cumulative mark to another. `run` shared it."""

    run: str
    base: Base
    since: int
    until: int


@dataclass(frozen=True, slots=True)
class Waterfall:
    """The legs of one base, or of what was reversed of one (`undone`). Law: of a base, the legs of the base add up to it."""

    version: Version
    number: int
    window: str
    micros: int
    undone: str | None
    legs: tuple[Leg, ...]

    @property
    def contract(self) -> str:
        """The contract's code."""
        return self.version.contract


@dataclass(frozen=True)
class Sharing:
    """All that a run shares: versions with their documents, bases, and what was reversed. Not slotted: it keeps what it worked out."""

    documents: tuple[tuple[Version, Mapping[str, Any]], ...] = ()
    bases: tuple[Base, ...] = ()
    undone: tuple[Undone, ...] = ()

    @cached_property
    def _read(self) -> dict[tuple[str, int], tuple[Version, Contract]]:
        return {(one.contract, one.version): (one, contract_of(dict(said))) for one, said in self.documents}

    def shared(self, base: Base) -> Shared:
        """This base through its version's steps."""
        return share(self._read[base.contract, base.version][1], base.micros, base.before, closing=base.closing)

    @cached_property
    def waterfalls(self) -> tuple[Waterfall, ...]:
        """Every waterfall of the run: bases by contract and window, then what was reversed."""
        return (*[self._shared(one) for one in self.bases], *[self._undone(one) for one in self.undone])

    @property
    def contracts(self) -> tuple[str, ...]:
        """The contracts that move anything."""
        return tuple(sorted({one.contract for one in self.waterfalls if lines(one.legs)}))

    def of(self, contract: str) -> tuple[Waterfall, ...]:
        """The waterfalls of this contract."""
        return tuple([one for one in self.waterfalls if one.contract == contract])

    def flows(self) -> tuple[Flow, ...]:
        """Who owes whom by all of them."""
        return merged(Flow(leg.payer, leg.payee, leg.amount) for one in self.waterfalls for leg in one.legs)

    def _shared(self, base: Base) -> Waterfall:
        version = self._read[base.contract, base.version][0]
        return Waterfall(version, base.number, base.window, base.micros, None, self.shared(base).legs)

    def _undone(self, undone: Undone) -> Waterfall:
        version = self._read[undone.base.contract, undone.base.version][0]
        legs = claw_back(self.shared(undone.base), undone.since, undone.until)
        base = undone.base
        return Waterfall(version, base.number, base.window, undone.until - undone.since, undone.run, legs)


NOTHING = Sharing()
SHARE = "share"
"""The reason of what a run books of its contracts."""
LINES_MAX = 2**15
"""The most entries that one event of the ledger has: their numbers are smallints, from zero on."""


def reference_of(run: str, contract: str) -> str:
    """What the booking of a contract refers to; no code of a contract has a slash."""
    return f"{run}/{contract}"


def booking_name(run: str, contract: str, part: int = 0) -> UUID:
    """The name of a booking, the same for the same run, contract and part: what is more than one event holds is booked in several."""
    said = f"{SHARE}|{run}|{contract}|{part}" if part else f"{SHARE}|{run}|{contract}"
    return UUID(bytes=hashlib.sha256(said.encode()).digest()[:16])


def part_of(leg: int) -> int:
    """The part in which the leg of this place, from 0, is booked: both of its entries stand in one event, so each event adds up to zero."""
    return leg // (LINES_MAX // 2)


def lines(legs: Iterable[Leg]) -> tuple[tuple[str, int], ...]:
    """What is booked of these legs, pair by pair: plus owes the house. Who would pay itself moves nothing. Law: adds up to zero."""
    return tuple(
        line for leg in legs if leg.payer != leg.payee for line in ((leg.payer, leg.amount), (leg.payee, -leg.amount))
    )


def booked(sharing: Sharing, contract: str) -> tuple[tuple[tuple[str, int], ...], ...]:
    """What a run books of this contract, part by part. Law: every part adds up to zero, and is not more than one event holds."""
    found = tuple(line for one in sharing.of(contract) for line in lines(one.legs))
    size = LINES_MAX // 2 * 2
    return tuple(found[start : start + size] for start in range(0, len(found), size))


# --- documents


def sharing_document(sharing: Sharing) -> dict[str, Any]:
    """As it is kept and hashed among the inputs of a run."""
    return {
        "contracts": [[one.contract, one.version, one.digest, said] for one, said in sharing.documents],
        "bases": [_base_told(one) for one in sharing.bases],
        "undone": [[one.run, _base_told(one.base), str(one.since), str(one.until)] for one in sharing.undone],
    }


def sharing_of(document: Mapping[str, Any]) -> Sharing:
    """The same again. Law: `sharing_document(sharing_of(document)) == document`."""
    return Sharing(
        tuple((Version(contract, version, digest), said) for contract, version, digest, said in document["contracts"]),
        tuple(_base_heard(one) for one in document["bases"]),
        tuple(Undone(run, _base_heard(base), int(since), int(until)) for run, base, since, until in document["undone"]),
    )


def told(sharing: Sharing) -> list[dict[str, Any]]:
    """The waterfalls as the result of a run says them."""
    return [
        {
            "contract": one.contract,
            "version": one.version.version,
            "digest": one.version.digest,
            "window": one.window,
            "claws_back": one.undone,
            "base": str(one.micros),
            "legs": [
                {
                    "from": leg.payer,
                    "to": leg.payee,
                    "micros": str(leg.amount),
                    "step": leg.step,
                    "why": leg.why,
                    "of_base": leg.of_base,
                }
                for leg in one.legs
            ],
        }
        for one in sharing.waterfalls
    ]


def before_document(before: Before) -> dict[str, Any]:
    """What a period had seen, as it is kept."""
    return {"volume": str(before.volume), "spent": _texts(before.spent), "received": _texts(before.received)}


def before_of(document: Mapping[str, Any]) -> Before:
    """The same again."""
    return Before(int(document["volume"]), _numbers(document["spent"]), _numbers(document["received"]))


def _base_told(base: Base) -> list[Any]:
    said = before_document(base.before)
    return [base.contract, base.version, base.number, base.window, str(base.micros), said, base.closing]


def _base_heard(said: Iterable[Any]) -> Base:
    contract, version, number, window, micros, before, closing = said
    return Base(contract, version, number, window, int(micros), before_of(before), closing)


def _texts(amounts: Mapping[str, int]) -> dict[str, str]:
    return {name: str(amount) for name, amount in sorted(amounts.items())}


def _numbers(amounts: Mapping[str, str]) -> dict[str, int]:
    return {name: int(amount) for name, amount in sorted(amounts.items())}
