"""Reads the document of a settlement scheme: a parsed JSON value becomes a scheme, or the first reason why it is none."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, time
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from clearing.rules.card_shape import TEXT, ZONE
from clearing.rules.shapes import (
    CODE,
    END_OF_TEXT,
    INSTANT,
    Fault,
    Law,
    Reader,
    Shape,
    either,
    one_of,
    record,
    several,
    text,
    whole,
)
from settlement.rules.calendar import Roll, Scheme
from settlement.rules.recurrence import LAST, PATTERN, WEEKDAYS, Dates, Recurrence, Rehearsal, read_rule

FORMAT = "settlement-scheme/1"
LAG_MAX = 60
REHEARSAL_SECONDS_MAX = 3_600
REHEARSAL_WINDOWS_MAX = 60
LAST_DAY = "last"
REHEARSAL = "rehearsal"
DATES_MOST = 400
OWN_MOST = 1_000

Document = dict[str, Any]

_DAY = either(
    "A day that every month has: 1 to 28, or last.",
    whole("A day of the month.", 1, 28),
    one_of("The last day of the month.", LAST_DAY),
)
_CALENDAR = text(
    "TARGET, FED, SIFMA or another market's code, or a country with or without subdivision, as DE-HE.",
    rf"^[A-Z]{{2,8}}(?:-[A-Za-z0-9]{{1,16}})?{END_OF_TEXT}",
)


def _calendars(about: str, least: int = 0) -> Shape:
    return several(about, _CALENDAR, 20, least) | {"uniqueItems": True}


_CURRENCY = rf"^[A-Z]{{3}}{END_OF_TEXT}"
_DATE = rf"^20[0-9]{{2}}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12][0-9]|3[01]){END_OF_TEXT}"

SCHEMA: Shape = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "$id": "urn:clearing:settlement-scheme:1",
    "title": "Settlement scheme",
    **record(
        "How a scheme settles: when its windows close, and when what they come to is advised and due.",
        "format code currency zone cycle cut_off advice_lag value_lag roll calendars",
        format=one_of("The format of this document.", FORMAT),
        note=text("For people.", TEXT),
        code=text("The code of the scheme.", CODE),
        currency=text("The currency in which it settles, ISO 4217.", _CURRENCY),
        zone=text("The zone of the cut-offs, an IANA name.", ZONE),
        cycle=record(
            "The days on which windows close, business days or not.",
            "",
            ("four_a_month", "weekly", "monthly", "custom", "dates", REHEARSAL),
            four_a_month=several("Four days of each month.", _DAY, 4, 4) | {"uniqueItems": True},
            weekly=several("Days of each week.", one_of("A weekday.", *WEEKDAYS), 7, 1) | {"uniqueItems": True},
            monthly=_DAY | {"description": "One day of each month: 1 to 28, or last."},
            custom=text(
                "An RFC 5545 rule of FREQ (DAILY, WEEKLY, MONTHLY), BYMONTH, BYMONTHDAY and BYDAY, as FREQ=MONTHLY;BYDAY=-1FR.",
                PATTERN,
            ),
            dates=several(
                "The very days, one after another, as 2027-01-05: those of a year are its windows.",
                text("A day.", _DATE),
                DATES_MOST,
                1,
            )
            | {"uniqueItems": True},
            rehearsal=record(
                "For sandboxes alone: so many windows of so many seconds, from an instant on. It ends the window that is open then.",
                "begins_at seconds windows",
                begins_at=text("Where the first of them opens.", INSTANT),
                seconds=whole("How long each of them is.", 1, REHEARSAL_SECONDS_MAX),
                windows=whole("How many there are.", 1, REHEARSAL_WINDOWS_MAX),
            ),
        ),
        cut_off=text(
            "The local time at which windows close, to the minute; 00:00 is where the day begins.",
            rf"^(?:[01][0-9]|2[0-3]):[0-5][0-9]{END_OF_TEXT}",
        ),
        advice_lag=whole("Business days from the cut-off to the advice.", 0, LAG_MAX),
        value_lag=whole("Business days from the cut-off to the value date, not fewer.", 0, LAG_MAX),
        roll=one_of("Where the day of a cut-off that is no business day goes before the lags count.", *Roll),
        calendars=record(
            "A business day is one on which none of these is closed.",
            "currency",
            currency=_calendars("Those of the currency.", 1),
            payer=_calendars("Those of the countries of who pays; absent: none."),
            payee=_calendars("Those of the countries of who is paid; absent: none."),
            parties=several(
                "Calendars of single parties, the house among them: for their payments they take the place of payer and payee.",
                record(
                    "Those of one party.",
                    "party calendars",
                    party=text("A partner's code, or house.", CODE),
                    calendars=_calendars("Its own.", 1),
                ),
                OWN_MOST,
            ),
            currencies=several(
                "Calendars of other currencies in which partners are paid: for those payments they take the place of currency.",
                record(
                    "Those of one currency.",
                    "currency calendars",
                    currency=text("ISO 4217.", _CURRENCY),
                    calendars=_calendars("Its own.", 1),
                ),
                OWN_MOST,
            ),
        ),
    ),
}
"""JSON Schema 2020-12 of the document."""
_READER = Reader(SCHEMA)


def read_scheme(value: Any) -> Scheme | Fault:
    """The scheme of this document. Never raises, whatever JSON value is given.

    1. the shape, which JSON Schema states too; 2. a zone that there is; 3. days that there are; 4. nobody named twice; 5. dates that do
    not precede their cause.
    """
    for look in (
        _READER.departures,
        _zones,
        _rules,
        _own,
        _lags,
    ):  # each begins to look only when those before it found nothing
        if fault := next(look(value), None):
            return fault
    return _scheme(value)


def _zones(document: Document) -> Iterator[Fault]:
    try:
        ZoneInfo(document["zone"])
    except (ZoneInfoNotFoundError, ValueError, OSError):
        yield Fault("$.zone", Law.ZONE, "there is no such time zone")


def _rules(document: Document) -> Iterator[Fault]:
    if "custom" in document["cycle"] and isinstance(said := read_rule(document["cycle"]["custom"]), str):
        yield Fault("$.cycle.custom", Law.RULE, said)
    days = document["cycle"].get("dates", [])
    for place, said in enumerate(days):
        if _date(said) is None:
            yield Fault(f"$.cycle.dates[{place}]", Law.NO_INSTANT, "no calendar has this date")
    if days != sorted(days):
        yield Fault("$.cycle.dates", Law.RULE, "are one after another")
    if REHEARSAL in document["cycle"] and _instant(document["cycle"][REHEARSAL]["begins_at"]) is None:
        yield Fault("$.cycle.rehearsal.begins_at", Law.NO_INSTANT, "no calendar has this date")


def _own(document: Document) -> Iterator[Fault]:
    for name, what in (("parties", "party"), ("currencies", "currency")):
        known: set[str] = set()
        for place, one in enumerate(document["calendars"].get(name, [])):
            if one[what] in known:
                yield Fault(f"$.calendars.{name}[{place}]", Law.TWICE, f"{one[what]} is named twice")
            known.add(one[what])


def _lags(document: Document) -> Iterator[Fault]:
    if document["value_lag"] < document["advice_lag"]:
        yield Fault("$.value_lag", Law.CONTRADICTION, "is before the advice")
    if document["roll"] == Roll.MODIFIED_FOLLOWING and not document["advice_lag"]:
        yield Fault(
            "$.advice_lag", Law.CONTRADICTION, "with MODIFIED_FOLLOWING and no lag, an advice could precede its cut-off"
        )


def _scheme(document: Document) -> Scheme:
    hours, minutes = document["cut_off"].split(":")
    calendars = document["calendars"]
    return Scheme(
        document["code"],
        document["currency"],
        document["zone"],
        _cycle(document["cycle"]),
        time(int(hours), int(minutes)),
        document["advice_lag"],
        document["value_lag"],
        Roll(document["roll"]),
        frozenset(calendars["currency"]),
        frozenset(calendars.get("payer", ())),
        frozenset(calendars.get("payee", ())),
        {one["party"]: frozenset(one["calendars"]) for one in calendars.get("parties", ())},
        {one["currency"]: frozenset(one["calendars"]) for one in calendars.get("currencies", ())},
    )


def _date(said: str) -> date | None:
    try:
        return date.fromisoformat(said)
    except ValueError:
        return None


def _instant(said: str) -> datetime | None:
    try:
        return datetime.fromisoformat(said).astimezone(UTC)
    except ValueError:
        return None


def _cycle(said: Document) -> Recurrence | Dates | Rehearsal:
    """The days of a cycle that was read: each kind is a rule, but a list of days, and a rehearsal, which is a span."""
    if "dates" in said:
        return Dates(frozenset(map(date.fromisoformat, said["dates"])))
    if REHEARSAL in said and (begins_at := _instant(said[REHEARSAL]["begins_at"])):
        return Rehearsal(begins_at, said[REHEARSAL]["seconds"], said[REHEARSAL]["windows"])
    if "weekly" in said:
        return Recurrence(weekdays=frozenset((0, WEEKDAYS.index(name)) for name in said["weekly"]))
    if "custom" in said:
        rule = read_rule(said["custom"])
        return rule if isinstance(rule, Recurrence) else Recurrence()
    days = said["four_a_month"] if "four_a_month" in said else [said["monthly"]]
    return Recurrence(days=frozenset(LAST if day == LAST_DAY else day for day in days))
