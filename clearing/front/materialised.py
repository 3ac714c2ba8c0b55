"""A scheme's year as it is reviewed, signed and published: one document with the scheme and the windows that follow from it."""

from typing import Any

from clearing import errors
from clearing.front.shapes import instant
from clearing.rules.shapes import Fault
from settlement import holidays_of
from settlement.rules.calendar import Cycle, NoSuchTime, windows
from settlement.rules.scheme_json import read_scheme

YEARS = range(2000, 2100)


def calendar_of(scheme: object, year: int) -> dict[str, Any] | NoSuchTime:
    """The document of this year. Raises errors.ValidationFailed naming the path."""
    found = read_scheme(scheme)
    if isinstance(found, Fault):
        raise errors.ValidationFailed(f"{found.path}: {found.law}: {found.detail}")
    if year not in YEARS:
        raise errors.ValidationFailed(f"$.year: must be from {YEARS[0]} to {YEARS[-1]}")
    cycles = windows(found, year, holidays_of.closed(found.named, year))
    if isinstance(cycles, NoSuchTime):
        return cycles
    if not cycles:
        raise errors.ValidationFailed(f"$.cycle: no window closes in {year}")
    return {
        "scheme": scheme,
        "year": year,
        "opens_at": instant(cycles[0].opens_at),
        "windows": [_said(cycle) for cycle in cycles],
    }


def _said(cycle: Cycle) -> dict[str, Any]:
    return {
        "window": cycle.window,
        "cut_off_utc": instant(cycle.cut_off_utc),
        "advice_date": cycle.advice_date.isoformat(),
        "value_date": cycle.value_date.isoformat(),
    }
