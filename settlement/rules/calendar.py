"""The calendar of a scheme: when its windows close, and on which business days their advice and their value fall.

A cut-off is a local time in the scheme's zone, made into an instant of UTC here, once. A window contains the instants from the cut-off
before up to, and without, its own; so windows touch, and every instant is in one. A local time that the zone's clocks leave out is
refused; of one that they show twice the first is taken.

Dates count from the day of the cut-off as the zone calls it: it is rolled onto a business day, and the lag counts business days from
there. A business day is one on which none of the scheme's calendars is closed; for a payment, none of those of who pays, of who is paid
and of its currency.
"""

from collections.abc import Iterator, Mapping
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum
from zoneinfo import ZoneInfo

from settlement.rules.recurrence import Dates, Recurrence, Rehearsal

DAY = timedelta(days=1)
LOOK_BACK = 9 * 366 * DAY  # a rule that means 29 February alone skips eight years at a turn of the century

Closed = Mapping[str, AbstractSet[date]]
"""By name of calendar: the days on which it is closed, weekends among them."""


class Roll(StrEnum):
    """Where a day goes that is no business day."""

    FOLLOWING = "FOLLOWING"
    """To the next business day."""
    MODIFIED_FOLLOWING = "MODIFIED_FOLLOWING"
    """To the next one, unless that is in another month: then to the one before."""


@dataclass(frozen=True, slots=True)
class Scheme:
    """How a scheme settles. `cut_off` is local to `zone`; lags are in business days; calendars by whose they are, each a set of names.

    `parties` and `currencies` have calendars of their own, which take the place of those of who pays, who is paid and the currency.
    """

    code: str
    currency: str
    zone: str
    cycle: Recurrence | Dates | Rehearsal
    cut_off: time
    advice_lag: int
    value_lag: int
    roll: Roll
    currency_calendars: frozenset[str]
    payer_calendars: frozenset[str]
    payee_calendars: frozenset[str]
    parties: Mapping[str, frozenset[str]] = field(default_factory=dict)
    currencies: Mapping[str, frozenset[str]] = field(default_factory=dict)

    @property
    def calendars(self) -> frozenset[str]:
        """All calendars that must be open: those of the currency, of who pays and of who is paid."""
        return self.currency_calendars | self.payer_calendars | self.payee_calendars

    @property
    def named(self) -> frozenset[str]:
        """All calendars that the scheme names, those of single parties and currencies as well."""
        return self.calendars.union(*self.parties.values(), *self.currencies.values())

    def of_payment(self, payer: str, payee: str, currency: str) -> frozenset[str]:
        """The calendars that must be open on the day of this payment."""
        paying = self.parties.get(payer, self.payer_calendars)
        paid = self.parties.get(payee, self.payee_calendars)
        return self.currencies.get(currency, self.currency_calendars) | paying | paid


@dataclass(frozen=True, slots=True)
class Cycle:
    """One window of the calendar: the instants from `opens_at` up to, and without, `cut_off_utc`."""

    window: str
    opens_at: datetime
    cut_off_utc: datetime
    advice_date: date
    value_date: date


@dataclass(frozen=True, slots=True)
class NoSuchTime:
    """A cut-off that never comes: on this day the clocks of the zone leave this time out."""

    day: date
    time: time
    zone: str

    def __str__(self) -> str:
        """One sentence for the publisher."""
        return f"{self.day.isoformat()} {self.time:%H:%M} does not exist in {self.zone}: the clocks are put forward past it"


def windows(scheme: Scheme, year: int, closed: Closed) -> tuple[Cycle, ...] | NoSuchTime:
    """The windows whose cut-off falls into this year, as the zone counts years. `closed` must know this year and the next.

    Raises KeyError for a calendar that `closed` does not know.
    """
    shut = [closed[name] for name in sorted(scheme.calendars)]
    if isinstance(scheme.cycle, Rehearsal):
        return tuple(_rehearsed(scheme, scheme.cycle, year, shut))
    days = list(scheme.cycle.between(date(year, 1, 1), date(year + 1, 1, 1)))
    instants = [_opening(scheme, year), *(instant(day, scheme.cut_off, scheme.zone) for day in days)]
    found: list[Cycle] = []
    for day, opens_at, cut_off, code in zip(days, instants, instants[1:], _codes(days), strict=False):
        if isinstance(opens_at, NoSuchTime):
            return opens_at
        if isinstance(cut_off, NoSuchTime):
            return cut_off
        found.append(Cycle(code, opens_at, cut_off, *_dates(scheme, day, shut)))
    return tuple(found)


def payment_dates(
    scheme: Scheme, cut_off: datetime, payer: str, payee: str, currency: str, closed: Closed
) -> tuple[date, date]:
    """When a payment for the window of this cut-off is advised, and when it is due.

    `closed` must know the calendars of `of_payment` in the year of the cut-off and the next. Raises KeyError for one that it does not.
    """
    day = cut_off.astimezone(ZoneInfo(scheme.zone)).date()
    return _dates(scheme, day, [closed[name] for name in sorted(scheme.of_payment(payer, payee, currency))])


def instant(day: date, local: time, zone: str) -> datetime | NoSuchTime:
    """The instant at which the clocks of this zone show this time on this day, the first one if they show it twice."""
    shown = datetime.combine(day, local, ZoneInfo(zone))  # fold 0: the first
    at = shown.astimezone(UTC)
    exists = at.astimezone(shown.tzinfo).replace(tzinfo=None) == shown.replace(tzinfo=None)
    return at if exists else NoSuchTime(day, local, zone)


def rolled(day: date, roll: Roll, shut: list[AbstractSet[date]]) -> date:
    """This day, or the business day that takes its place."""
    forward = next(_open(day, DAY, shut))
    if roll is Roll.MODIFIED_FOLLOWING and forward.month != day.month:
        return next(_open(day, -DAY, shut))
    return forward


def later(day: date, lag: int, shut: list[AbstractSet[date]]) -> date:
    """The business day so many business days after this one."""
    for _ in range(lag):
        day = next(_open(day + DAY, DAY, shut))
    return day


def _open(day: date, step: timedelta, shut: list[AbstractSet[date]]) -> Iterator[date]:
    """Business days from this one on, one after another."""
    while True:
        if not any(day in days for days in shut):
            yield day
        day += step


def _dates(scheme: Scheme, day: date, shut: list[AbstractSet[date]]) -> tuple[date, date]:
    """The days of advice and of value of a cut-off on this day."""
    traded = rolled(day, scheme.roll, shut)
    return later(traded, scheme.advice_lag, shut), later(traded, scheme.value_lag, shut)


def _rehearsed(scheme: Scheme, cycle: Rehearsal, year: int, shut: list[AbstractSet[date]]) -> Iterator[Cycle]:
    """Windows of seconds; those of them whose cut-off falls into the year."""
    step = timedelta(seconds=cycle.seconds)
    for place in range(cycle.windows):
        opens_at = cycle.begins_at + place * step
        day = (opens_at + step).astimezone(ZoneInfo(scheme.zone)).date()
        if day.year == year:
            yield Cycle(f"rehearsal-{place + 1}", opens_at, opens_at + step, *_dates(scheme, day, shut))


def _opening(scheme: Scheme, year: int) -> datetime | NoSuchTime:
    """Where the first window of a year opens: at the last cut-off before it; a list that names none before begins with the year."""
    if isinstance(scheme.cycle, Dates):
        before = max((day for day in scheme.cycle.days if day.year < year), default=None)
        if before is None:
            return instant(date(year, 1, 1), time(0), scheme.zone)
        return instant(before, scheme.cut_off, scheme.zone)
    assert isinstance(scheme.cycle, Recurrence)  # noqa: S101 - a rehearsal has its own windows
    return instant(_before(scheme.cycle, year), scheme.cut_off, scheme.zone)


def _before(cycle: Recurrence, year: int) -> date:
    """The day of the last cut-off before the year."""
    day = date(year, 1, 1) - DAY
    end = day - LOOK_BACK
    while day > end and not cycle.means(day):
        day -= DAY
    return day


def _codes(days: list[date]) -> Iterator[str]:
    """Year, month, and the place among the cut-offs of that month: `2027-01-2`."""
    count = 0
    for place, day in enumerate(days):
        count = count + 1 if place and days[place - 1].month == day.month else 1
        yield f"{day:%Y-%m}-{count}"
