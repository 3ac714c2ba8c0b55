"""Revenue-sharing contracts: versions of ordered steps. Amounts are micros; percentages are basis points or parts per million."""

from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from clearing.rules.agreements import Share
from settlement.rules.interest import Late

DROPPED, BASE = (
    "dropped",
    "base",
)  # what becomes of a bonus beyond its budget, if no party pays; no party has these codes


class Figure(StrEnum):
    """What of exchanges is shared."""

    FEE = "fee"
    """What the house earned, its rounding with it, bonuses aside."""
    GROSS = "gross"
    """What their sources paid, bonuses aside."""


class Period(StrEnum):
    """Over which windows tiers, budgets and guarantees count. A window belongs to where it opens, in UTC."""

    WINDOW = "window"
    MONTH = "month"
    QUARTER = "quarter"
    YEAR = "year"

    def of(self, opens_at: datetime) -> tuple[datetime | int, ...]:
        """The period of a window that opens then, told apart from all others."""
        at = opens_at.astimezone(UTC)
        match self:
            case Period.WINDOW:
                return (at,)
            case Period.MONTH:
                return (at.year, at.month)
            case Period.QUARTER:
                return (at.year, (at.month - 1) // 3)
            case Period.YEAR:
                return (at.year,)


@dataclass(frozen=True, slots=True, order=True)
class Of:
    """The exchanges whose figure is the base: from `source` to `target`, or all in which `program` takes part; what is not said is None."""

    figure: Figure
    source: str | None = None
    target: str | None = None
    program: str | None = None


@dataclass(frozen=True, slots=True)
class Gross:
    """The first step: who pays the base. `of` says what it is in a settlement run."""

    payer: str
    of: Of | None = None


@dataclass(frozen=True, slots=True)
class Tier:
    """From this cumulative volume on, so many basis points."""

    volume: int
    basis_points: int


class Applies(StrEnum):
    """What a tier's rate applies to."""

    SLICE = "slice"
    """Each part of the base at the rate of the tier that the volume is in by then."""
    WHOLE = "whole"
    """The whole base at the rate of the tier that the volume reaches with it."""


@dataclass(frozen=True, slots=True)
class Fee:
    """Basis points of the base, rounded up, then held between minimum and maximum (None: none); never more than is left."""

    to: str
    tiers: tuple[Tier, ...]
    applies: Applies
    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class CoFunding:
    """A campaign's bonus costs `ppm` of the base, rounded down, and sponsors pay it by their shares, as far as the budget lasts.

    `overflow` is a party that pays what is beyond, `BASE` for out of what is left of the base, or `DROPPED`: nobody.
    """

    to: str
    ppm: int
    sponsors: tuple[Share, ...]
    budget: int
    overflow: str


@dataclass(frozen=True, slots=True)
class Tax:
    """Basis points of what the fee step of this name took, rounded down; out of the base, or out of the fee by who took it."""

    fee: str
    to: str
    basis_points: int
    by_taker: bool


@dataclass(frozen=True, slots=True)
class Residual:
    """What is left of the base, by weights, with largest remainder, the earlier first among equals."""

    weights: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class TrueUp:
    """At close: what `party` got over the period is made up to the minimum, or given back above the maximum."""

    party: str
    against: str
    minimum: int
    maximum: int | None = None


Rule = Gross | Fee | CoFunding | Tax | Residual | TrueUp


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a contract."""

    name: str
    rule: Rule


@dataclass(frozen=True, slots=True)
class Contract:
    """One version of a contract. Steps run in their order; the first says who pays, one divides the residual.

    No currency: the amounts are of the common unit.
    """

    contract: str
    version: int
    currency: str | None
    parties: tuple[str, ...]
    steps: tuple[Step, ...]
    late: Late | None = None
    valid_from: datetime | None = None
    valid_to: datetime | None = None
    period: Period | None = None

    @property
    def gross(self) -> Gross:
        """The first step."""
        return next(step.rule for step in self.steps if isinstance(step.rule, Gross))

    @property
    def payer(self) -> str:
        """Who pays the base."""
        return self.gross.payer
