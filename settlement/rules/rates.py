"""A named set of rates: what one unit of each currency is worth in the settlement currency, exactly."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from fractions import Fraction

from clearing.rules.units import Ratio
from settlement.rules.money import Reason, Refused

ONE = Ratio(1, 1)


@dataclass(frozen=True, slots=True)
class RateSet:
    """Rates of one source and day. `values` has every currency that may be converted; the settlement currency's is 1.

    `on` is the day that the source gives them for, `published_at` the instant it did; None: the source does not say.
    """

    currency: str
    values: Mapping[str, Ratio]
    source: str = ""
    on: date | None = None
    published_at: datetime | None = None

    def missing(self, currencies: Iterable[str]) -> Refused | None:
        """The first currency, by name, that this set has no rate for."""
        for currency in sorted(set(currencies)):
            if currency not in self.values:
                named = f" of {self.source}" if self.source else ""
                return Refused(Reason.RATE_MISSING, f"the rates{named} have none for {currency}")
        return None

    def cross(self, source: str, target: str) -> Fraction:
        """What one unit of `source` is worth in `target`, through the settlement currency. Raises KeyError where a rate is missing."""
        there, back = self.values[source], self.values[target]
        return Fraction(there.num * back.den, there.den * back.num)

    def converted(self, amount: int, currency: str) -> Fraction:
        """Micros of `currency` in micros of the settlement currency: exact, to be rounded once, at a net."""
        value = self.values[currency]
        return Fraction(amount * value.num, value.den)


def only(currency: str) -> RateSet:
    """The set for a settlement in which nothing is converted."""
    return RateSet(currency, {currency: ONE})
