"""What is asked of a rate card, and what it answers when it does not refuse."""

from dataclasses import dataclass
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class Used:
    """Points that the member sent before in the running day, month and year, each as the card's limits count them."""

    day: int = 0
    month: int = 0
    year: int = 0


NOTHING_USED = Used()


@dataclass(frozen=True, slots=True)
class Ask:
    """Who asks for what, when. Exactly one of `points` (to send) and `units` (to arrive now) is said.

    `used` is what went over this corridor, `used_program` over all corridors of the source (None: over this one alone). A link age of
    None is not known, which a card that asks for an age refuses. `year_paid`: whether a yearly fee is paid (None: if anything was used).
    Raises ValueError where it is no question at all: no amount or two, an amount that is no whole number, an instant without a zone.
    """

    at: datetime
    points: int | None = None
    units: int | None = None
    tier: str | None = None
    card: str | None = None
    channel: str | None = None
    link_age_days: int | None = None
    linked_elsewhere: bool = False
    used: Used = NOTHING_USED
    used_program: Used | None = None
    year_paid: bool | None = None
    first: bool = False
    segments: frozenset[str] = frozenset()

    def __post_init__(self) -> None:
        """Refuse what is no question."""
        amounts = [amount for amount in (self.points, self.units) if amount is not None]
        if len(amounts) != 1 or type(amounts[0]) is not int:
            raise ValueError("a price is asked by points or by units: one whole number")
        if self.at.tzinfo is not UTC:
            if self.at.tzinfo is None:
                raise ValueError("an instant has a zone")
            object.__setattr__(self, "at", self.at.astimezone(UTC))


@dataclass(frozen=True, slots=True)
class BonusPart:
    """What one funder gives of one bonus. `value` is what it pays, None where the values are not known; late units arrive later."""

    rule: str
    funder: str
    units: int
    value: int | None
    late_days: int


@dataclass(frozen=True, slots=True)
class FeePart:
    """One fee: points taken on top of those sent, or value; `capped` and `waived` say why it is less than its rate."""

    rule: str
    points: int
    value: int
    capped: bool
    waived: bool
    to_house: bool = False


@dataclass(frozen=True, slots=True)
class Priced:
    """What an exchange would move: `received` arrives at once (base and punctual bonus); `remainder` points stay with the member.

    `version` and `rate` name what was applied.
    """

    sent: int
    received: int
    base: int
    bonus: tuple[BonusPart, ...]
    fees: tuple[FeePart, ...]
    remainder: int
    version: int
    rate: str

    @property
    def late(self) -> int:
        """Bonus units that arrive after the base."""
        return sum(part.units for part in self.bonus if part.late_days)
