"""Sealed windows as the inputs of a run: set-based sums out of the books, checked against the positions that are kept beside them."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

from clearing import errors, partners
from clearing.partners import Directory
from clearing.rules.agreements import Agreement
from clearing.rules.postings import HOUSE as HOUSE_NUMBER
from clearing.rules.refusals import Refusal, RefusalCode
from settlement import holidays_of
from settlement.rules.calendar import Scheme, payment_dates
from settlement.rules.flows import HOUSE, Flow, Sum, flows, imbalance
from settlement.rules.netting import Model
from settlement.rules.run import (
    Contract,
    Counted,
    Inputs,
    PaymentDates,
    RateSet,
    SealedWindow,
    Terms,
    UnsettleableError,
    settle,
)
from settlement.rules.scheme_json import read_scheme
from settlement.rules.terms import SaidTerms, terms_of
from settlement.run.sharing import read_sharing, settled_before
from settlement.run.store import Connection, rows, tuples
from settlement.run.window import Window

NUMBERS_EACH = 16  # the number of an account is its owner's times this, plus its kind


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an operator asks to be settled: windows by their codes, at these rates, and paid on this day.

    Whose agreement and `terms` say nothing is paid in `currency` and owes no interest. `suspended` partners' flows are parked. The day is
    that of the last window in the scheme's calendar; it is said here only where no scheme gives one, or to be sure that it is the same.
    `model` says who pays whom.
    """

    windows: tuple[str, ...]
    rates: RateSet
    currency: str
    terms: tuple[SaidTerms | Terms, ...]
    suspended: tuple[str, ...]
    value_date: str | None = None
    model: Model = Model.MULTILATERAL


@dataclass(frozen=True, slots=True)
class Parked:
    """Flows that an earlier run kept back, and by which run they were resumed."""

    run: str
    flow: Flow


@dataclass(frozen=True, slots=True)
class Read:
    """The inputs of a run; why its books are not in balance, if they are not; and what it would resume."""

    inputs: Inputs
    numbers: tuple[int, ...]
    imbalance: str | None
    resumes: tuple[Parked, ...]


async def read_inputs(connection: Connection, lane: int, wanted: Wanted, run: str | None = None) -> Read | Refusal:
    """What this run is made of. `run` is the one that already resumed what it names.

    Raises errors.NotFound for an unknown window, errors.ValidationFailed for a value date that is missing or not the calendar's.
    """
    async with connection.transaction():
        await rows(connection, "run_patience")
        windows = await sealed(connection, lane, wanted.windows)
        if isinstance(windows, Refusal):
            return windows
        advice_date, value_date = _dates(windows[-1], wanted)
        if refusal := out_of_force(wanted.rates, [value_date]) or await _other_units(connection, windows, wanted.rates):
            return refusal
        directory = await partners.load(connection)
        sums, slices = await _booked(connection, lane, windows, directory)
        counts = await _counted(connection, lane, windows)
        sharing = await read_sharing(connection, lane, windows)
        if isinstance(sharing, Refusal):
            return sharing
        parked = await _parked(connection, run, wanted.suspended)
        before = await settled_before(connection, lane, windows)
        found, resumed = flows([*sums, *before]), tuple(sorted(one.flow for one in parked))
        moved = (*found, *sharing.flows(), *resumed)
        parties = {party for flow in moved for party in (flow.debtor, flow.creditor)} - {HOUSE}
        agreed = _agreed(directory, max(window.closes_at for window in windows))
        contracts = await _contracts(connection, [agreed[party] for party in sorted(parties & agreed.keys())])
        terms = _terms(wanted, parties, agreed)
        if isinstance(terms, Refusal):
            return terms
        undated = Inputs(
            tuple(SealedWindow(one.number, one.code, lane, one.until, one.root.hex()) for one in windows),
            found,
            resumed,
            counts,
            contracts,
            wanted.rates,
            terms,
            tuple(sorted(wanted.suspended)),
            advice_date,
            value_date,
            (),
            sharing,
            wanted.model,
        )
        dates = await _payment_dates(connection, windows[-1], undated)
    inputs = replace(undated, dates=tuple(sorted(dates)))
    return Read(inputs, tuple(one.number for one in windows), imbalance(sums, slices), tuple(parked))


def of_another_unit(rates: RateSet, unit: str | None) -> Refusal | None:
    """Why these rates do not convert what is counted in this currency; None where they do, and where no scheme says what is."""
    if unit is None or rates.gives(unit):
        return None
    told = f"{rates.name}: one {unit} is the common unit, by the published scheme, and the set does not give it as exactly 1"
    return Refusal(RefusalCode.RATES_NOT_OF_SCHEME, told)


async def _other_units(connection: Connection, windows: Iterable[Window], rates: RateSet) -> Refusal | None:
    for version in sorted({one.scheme_version for one in windows}, key=lambda one: one or 0):
        if refusal := of_another_unit(rates, await partners.unit_of(connection, version)):
            return refusal
    return None


def out_of_force(rates: RateSet, days: Iterable[str]) -> Refusal | None:
    """Why payments of these days may not go by these rates; None where they may."""
    day = next((one for one in sorted(days) if not rates.in_force(one)), None)
    told = f"{rates.name} is in force from {rates.date} to {rates.until}, not on {day}"
    return None if day is None else Refusal(RefusalCode.RATES_NOT_IN_FORCE, told)


async def sealed(connection: Connection, lane: int, codes: Iterable[str]) -> list[Window] | Refusal:
    """These windows, if the lane has sealed all of them. Raises errors.NotFound."""
    wanted = sorted(set(codes))
    found = await rows(connection, "run_windows", lane=lane, codes=wanted)
    if not wanted or len(found) != len(wanted):
        raise errors.NotFound("there is no such window")
    for one in found:
        if one["sealed_size"] is None:
            return Refusal(RefusalCode.WINDOW_NOT_SEALED, f"window {one['code']} is not sealed")
    return [Window(*one.values()) for one in found]


def _dates(last: Window, wanted: Wanted) -> tuple[str | None, str]:
    """The advice and the value date of a run: those of its last window, where a scheme published them."""
    if last.value_date is None or last.advice_date is None:
        if wanted.value_date is None:
            raise errors.ValidationFailed(f"value_date: no scheme gives one for {last.code}, so the draft says it")
        return None, wanted.value_date
    published = last.value_date.isoformat()
    if wanted.value_date not in {None, published}:
        raise errors.ValidationFailed(f"value_date: that of {last.code} is {published}, by the published calendar")
    return last.advice_date.isoformat(), published


async def _payment_dates(connection: Connection, last: Window, inputs: Inputs) -> list[PaymentDates]:
    """The dates of each payment by the calendars of payer, payee and currency, where they are not the window's.

    Only a scheme that names calendars of parties or currencies gives any: all others are in the published windows.
    """
    document = await _scheme_of(connection, last)
    scheme = None if document is None else read_scheme(document["scheme"])
    if document is None or not isinstance(scheme, Scheme) or not (scheme.parties or scheme.currencies):
        return []
    cut_off = _cut_off(document, last)
    closed = holidays_of.closed(scheme.named, cut_off.astimezone(ZoneInfo(scheme.zone)).year)
    found = []
    known: dict[frozenset[str], tuple[date, date]] = {}  # pairs are many, sets of calendars few
    for payer, payee, currency in _ways(inputs):
        calendars = scheme.of_payment(payer, payee, currency)
        if calendars not in known:
            known[calendars] = payment_dates(scheme, cut_off, payer, payee, currency, closed)
        dates = known[calendars]
        if dates != (last.advice_date, last.value_date):
            found.append(PaymentDates(payer, payee, *(day.isoformat() for day in dates)))
    return found


def _ways(inputs: Inputs) -> list[tuple[str, str, str]]:
    """Payer, payee and currency of what may be paid: through the house by every partner either way, else what parties pay each other."""
    if inputs.model is Model.MULTILATERAL:
        ways = (
            (one, payer, payee) for one in inputs.terms for payer, payee in ((one.partner, HOUSE), (HOUSE, one.partner))
        )
        return [(payer, payee, one.currency) for one, payer, payee in ways]
    try:
        return [(one.payer, one.payee, one.currency) for one in settle(inputs).transfers]
    except UnsettleableError:
        return []  # the draft says so


async def _scheme_of(connection: Connection, window: Window) -> Mapping[str, Any] | None:
    """The published year that gave this window its dates."""
    filed = await partners.filed_calendars(connection)
    return next((one.document for one in filed if one.version == window.scheme_version), None)


def _cut_off(document: Mapping[str, Any], window: Window) -> datetime:
    """The cut-off as it was published: a later version may have ended the window before."""
    said = {one["window"]: one["cut_off_utc"] for one in document["windows"]}
    name = window.code.partition("-v")[0]  # a name that was there already has its version behind it
    return datetime.fromisoformat(said[name]) if name in said else window.closes_at


async def _booked(
    connection: Connection, lane: int, windows: Iterable[Window], directory: Directory
) -> tuple[list[Sum], dict[str, int]]:
    """The sums of each pair over all windows, and what the kept positions say of each party."""
    owners: dict[int | None, str | None] = {partner.number: partner.code for partner in directory.partners.values()}
    owners |= {HOUSE_NUMBER: HOUSE, None: None}
    sums: list[Sum] = []
    slices: dict[str, int] = defaultdict(int)
    for window in windows:
        asked: dict[str, Any] = {"lane": lane, "window_id": window.number}
        span = asked | {"first": window.first, "until": window.until}
        found = await tuples(connection, "run_sums", **span)
        sums += [Sum(owners[one[0]], owners[one[1]], None, one[2], one[3], one[4], 0) for one in found]
        if any(one[5] for one in found):  # somebody beside the two of a pair
            others = await tuples(connection, "run_others", **span)
            sums += [Sum(owners[one[0]], owners[one[1]], owners[one[2]], 0, 0, 0, one[3]) for one in others]
        for account, amount in await tuples(connection, "run_slices", **asked):
            slices[owners[account // NUMBERS_EACH] or HOUSE] += amount
    return sums, slices


async def _counted(connection: Connection, lane: int, windows: Iterable[Window]) -> tuple[Counted, ...]:
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0])
    for window in windows:
        for row in await rows(connection, "run_counts", lane=lane, window_id=window.number):
            counts[row["kind"]][0] += row["posted"]
            counts[row["kind"]][1] += row["given_back"]
    return tuple(Counted(kind, posted, back) for kind, (posted, back) in sorted(counts.items()))


async def _parked(connection: Connection, run: str | None, suspended: Iterable[str]) -> list[Parked]:
    """What waits to be resumed and touches nobody who is suspended still."""
    barred = set(suspended)
    found = await rows(connection, "run_parked_open", run=run)
    parked = [Parked(one["run"], Flow(one["debtor"], one["creditor"], one["micros"])) for one in found]
    return [one for one in parked if not barred & {one.flow.debtor, one.flow.creditor}]


def _agreed(directory: Directory, at: datetime) -> dict[str, Agreement]:
    """The version in force with each partner in the last instant before the cut-off."""
    begun = {code: [one for one in series if one.valid_from < at] for code, series in directory.agreements.items()}
    return {code: max(found, key=lambda one: one.valid_from) for code, found in begun.items() if found}


async def _contracts(connection: Connection, agreed: Iterable[Agreement]) -> tuple[Contract, ...]:
    filed = {
        (one.agreement.partner, one.agreement.version): one for one in await partners.agreements_of(connection, None)
    }
    return tuple([Contract(one.partner, one.version, filed[one.partner, one.version].digest) for one in agreed])


def _terms(wanted: Wanted, parties: Iterable[str], agreed: Mapping[str, Agreement]) -> tuple[Terms, ...] | Refusal:
    """The terms of everybody whom this run touches or its draft names."""
    said = {party: SaidTerms(party) for party in parties} | {one.partner: one for one in wanted.terms}
    found = []
    for party, one in sorted(said.items()):
        terms = terms_of(one, agreed.get(party), wanted.currency)
        if isinstance(terms, Refusal):
            return terms
        found.append(terms)
    return tuple(found)
