"""What a rate card says: one corridor in one direction, its dates, and every rule that prices it.

A card is read from a document (`card_json`), never changed, and priced by `pricing`. Points are whole units of the source, units of the
target; value is in millionths of the common unit. Windows contain their beginning and not their end.
"""

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum

from clearing.rules.units import Ratio

BEGINNING = datetime.min.replace(tzinfo=UTC)
END = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Span:
    """The instants from `begins` up to, and without, `ends`."""

    begins: datetime = BEGINNING
    ends: datetime = END

    def contains(self, at: datetime) -> bool:
        """Whether `at` is one of them."""
        return self.begins <= at < self.ends

    def meets(self, other: "Span") -> bool:
        """Whether some instant is in both."""
        return max(self.begins, other.begins) < min(self.ends, other.ends)


ALWAYS = Span()
NOWHERE: frozenset[str] = frozenset()
"""Of a member who is in no segment."""


@dataclass(frozen=True, slots=True)
class When:
    """For whom and when a rule holds. None: whoever; names: whoever has one of them."""

    tiers: frozenset[str] | None = None
    cards: frozenset[str] | None = None
    channels: frozenset[str] | None = None
    span: Span = ALWAYS
    segments: frozenset[str] | None = None  # lists that a member may be on, several at once

    def holds(
        self, tier: str | None, card: str | None, channel: str | None, at: datetime, segments: frozenset[str] = NOWHERE
    ) -> bool:
        """Whether the rule holds for this member, here and now."""
        return (
            (self.tiers is None or tier in self.tiers)
            and (self.cards is None or card in self.cards)
            and (self.channels is None or channel in self.channels)
            and self.span.begins <= at < self.span.ends
            and (self.segments is None or not self.segments.isdisjoint(segments))
        )

    def meets(self, other: "When") -> bool:
        """Whether somebody could be under both at one instant: a member may be in any two segments."""
        pairs = ((self.tiers, other.tiers), (self.cards, other.cards), (self.channels, other.channels))
        return all(a is None or b is None or a & b for a, b in pairs) and self.span.meets(other.span)

    @property
    def narrowed(self) -> frozenset[str]:
        """By what the rule is narrowed. A rule narrowed by all that another is, and by more, goes before it."""
        by = (
            ("tiers", self.tiers is not None),
            ("cards", self.cards is not None),
            ("channels", self.channels is not None),
            ("dates", self.span != ALWAYS),
            ("segments", self.segments is not None),
        )
        return frozenset(name for name, narrowed in by if narrowed)


@dataclass(frozen=True, slots=True)
class Band:
    """Amounts that travel at one ratio: `minimum`, then every `step` up to `maximum`; each of them gives whole units."""

    minimum: int
    maximum: int
    step: int
    ratio: Ratio

    def lower(self, amount: int) -> int:
        """The largest amount of the band that is not above `amount`, which is at least the minimum."""
        top = min(amount, self.maximum)
        return top - (top - self.minimum) % self.step


@dataclass(frozen=True, slots=True)
class Rate:
    """What base units an amount gives: bands in ascending order, none overlapping. The whole amount travels at its band's ratio."""

    name: str
    when: When
    bands: tuple[Band, ...]

    @property
    def minimum(self) -> int:
        """The smallest amount."""
        return self.bands[0].minimum

    @property
    def maximum(self) -> int:
        """The largest amount."""
        return self.bands[-1].maximum

    def band(self, amount: int) -> Band | None:
        """The last band that begins at or below `amount`; None below the minimum."""
        for band in reversed(self.bands):
            if band.minimum <= amount:
                return band
        return None

    def around(self, amount: int) -> tuple[int | None, int | None]:
        """The largest valid amount up to `amount`, and the smallest above it."""
        below = None
        for band in self.bands:
            if amount < band.minimum:
                return below, band.minimum
            below = band.lower(amount)
            if amount < band.maximum:
                return below, below + band.step
        return below, None


class BonusKind(StrEnum):
    """How bonus units are counted."""

    PER_FULL = "per_full"
    """So many units for every full amount of points sent."""
    SHARE_OF_BASE = "share_of_base"
    """A fraction of the base units, rounded down."""
    FLAT = "flat"
    """So many units, once."""


@dataclass(frozen=True, slots=True)
class Funder:
    """Who pays for a bonus: `weight` parts of `whole`; the weights of its funders add up to the whole."""

    code: str
    weight: int
    whole: int


@dataclass(frozen=True, slots=True)
class Bonus:
    """Units on top of the base. Every bonus that holds is given; each is paid for whole by its funders."""

    name: str
    when: When
    kind: BonusKind
    ratio: Ratio  # per_full: units for each full `den` points; flat: units over 1
    from_points: int
    most_units: int | None
    first_only: bool
    late_days: int  # 0: arrives with the base
    funders: tuple[Funder, ...]

    def units(self, sent: int, base: int) -> int:
        """The bonus of an exchange. Law: it never falls when `sent` and `base` do not."""
        if sent < self.from_points:
            return 0
        if self.kind is BonusKind.PER_FULL:
            units = sent // self.ratio.den * self.ratio.num
        elif self.kind is BonusKind.SHARE_OF_BASE:
            units = base * self.ratio.num // self.ratio.den
        else:
            units = self.ratio.num
        return units if self.most_units is None else min(units, self.most_units)


class FeePer(StrEnum):
    """What a fee is charged for."""

    EVENT = "per_event"
    """Every exchange."""
    YEAR = "per_year"
    """The first exchange of a year."""
    POINT = "per_point"
    """Every point sent, rounded down, up to a cap."""


@dataclass(frozen=True, slots=True)
class Fee:
    """What the member is charged besides the points sent: millionths of the common unit, or points of the source."""

    name: str
    when: When
    per: FeePer
    amount: Ratio  # per point: `num` for every `den` points; otherwise over 1
    in_points: bool
    most: int | None
    waived: tuple[Span, ...]
    to_house: bool = False  # the partner of the source program collects it, and owes it to the house


class LimitPer(StrEnum):
    """Over which time a limit counts."""

    EXCHANGE = "exchange"
    """One exchange alone."""
    DAY = "day"
    """A day, with what was sent in it before."""
    MONTH = "month"
    """A month, with what was sent in it before."""
    YEAR = "year"
    """A year, with what was sent in it before."""


@dataclass(frozen=True, slots=True)
class Limit:
    """How many points a member may send. `whole_program`: over all corridors of the source together; otherwise over this one."""

    name: str
    per: LimitPer
    whole_program: bool
    most: int
    rolling: bool  # the last 24 hours, 30 or 365 days; otherwise the calendar's day, month, year in `zone`
    zone: str  # empty: UTC


@dataclass(frozen=True, slots=True)
class Link:
    """What must be true of the link between the accounts."""

    min_age_days: int = 0
    one_card: bool = False


@dataclass(frozen=True, slots=True)
class Pool:
    """The source account may be a household's pool of at most so many members; what is sent is drawn pro rata (`shares`)."""

    members_most: int


@dataclass(frozen=True, slots=True)
class Values:
    """What a point and a unit are worth, in millionths of the common unit: paid for each point that leaves, for each unit issued."""

    redeem: Ratio
    issue: Ratio


@dataclass(frozen=True, slots=True)
class Channel:
    """A way in which members may ask, and when it is open."""

    name: str
    span: Span


@dataclass(frozen=True, slots=True)
class Example:
    """What the publisher says comes out. The card is refused where its own rules say something else."""

    sent: int
    received: int
    at: datetime
    tier: str | None
    card: str | None
    channel: str | None


@dataclass(frozen=True, slots=True)
class Card:
    """One version of the rate card of a corridor. What was published is never edited; a later version takes its place."""

    source: str
    target: str
    version: int
    announced_at: datetime
    notice_days: int
    span: Span
    trims: bool  # an amount off the step is trimmed and the rest stays with the member; otherwise it is refused
    monotone: bool  # the publisher promises that more points never give fewer units
    rates: tuple[Rate, ...]  # the narrower first: the first that holds is the one in force
    bonuses: tuple[Bonus, ...] = ()
    fees: tuple[Fee, ...] = ()
    limits: tuple[Limit, ...] = ()
    channels: tuple[Channel, ...] = ()  # none: channels play no part
    link: Link = Link()
    pool: Pool | None = None
    values: Values | None = None
    examples: tuple[Example, ...] = ()
    note: str = ""

    def ranked(self) -> "Card":
        """The same card with its narrower rates first: of rates that hold together they are strictly narrower."""
        return replace(self, rates=tuple(sorted(self.rates, key=lambda rate: -len(rate.when.narrowed))))
