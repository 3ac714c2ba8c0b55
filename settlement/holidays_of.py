"""The days on which markets and countries are closed, out of the library `holidays`: data for the rules, which know no library.

A day is closed when the library calls it no working day: weekends as that country has them are in, and days worked in their stead are not.
A holiday on a Saturday is what the library says of that very calendar: the Fed does not move Saturday, 4 July 2026 to the Friday before,
the bond market (SIFMA) does.
"""

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from functools import lru_cache

import holidays

from clearing import errors

ALSO_CALLED: Mapping[str, str] = {"TARGET": "TAR"}
COUNTRY_LETTERS = 2


def closed(names: Iterable[str], year: int) -> dict[str, frozenset[date]]:
    """The closed days of these calendars in this year and the next. Raises errors.ValidationFailed for one that nobody keeps."""
    return {name: _closed(name, year) for name in sorted(names)}


@lru_cache(maxsize=256)
def _closed(name: str, year: int) -> frozenset[date]:
    years = range(year, year + 2)
    code, _, subdivision = name.partition("-")
    try:
        if len(code) == COUNTRY_LETTERS:
            kept: holidays.HolidayBase = holidays.country_holidays(code, subdiv=subdivision or None, years=years)
        else:  # no market has subdivisions: a name with one is nobody's
            kept = holidays.financial_holidays(ALSO_CALLED.get(name, name), years=years)
    except NotImplementedError:
        raise errors.ValidationFailed(f"$.calendars: no calendar is called {name}") from None
    first = date(year, 1, 1)
    days = (first + timedelta(days=count) for count in range((date(year + 2, 1, 1) - first).days))
    return frozenset(day for day in days if not kept.is_working_day(day))
