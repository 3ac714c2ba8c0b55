"""A settlement run: a pure function of sealed windows, versions of contracts and a rate set. The same inputs give the same bytes.

Amounts inside are millionths of the common unit; a net is plus where the house owes the partner. Each net is turned into its partner's
payout currency at the named rates, exactly, and rounded to minor units once, by largest remainder, together with the house's side of that
currency, so that the amounts of a currency still add up to zero. What the house loses or gains by it is less than one minor unit.

So far the house stands between all parties (`multilateral`). In the other models of `netting` parties pay each other, in one currency,
and the house is a party like others (`direct`).
"""

import hashlib
import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import date, datetime
from fractions import Fraction
from typing import Any

from clearing.rules.units import Ratio
from settlement.rules import rates as converting
from settlement.rules.direct import Transfer, between, moved, payments_told
from settlement.rules.flows import HOUSE, Flow, merged, nets
from settlement.rules.interest import DayCount, Late
from settlement.rules.money import MICRO_DIGITS, minor, nearest, to_minor
from settlement.rules.netting import Model
from settlement.rules.waterfall import NOTHING, Sharing, sharing_document, sharing_of, told

SCHEMA = "run-1"
COMMON = "common unit"  # no currency has this code
PAY_IN, PAY_OUT = "pay_in", "pay_out"


@dataclass(frozen=True, slots=True, order=True)
class SealedWindow:
    """A window as one lane sealed it: how many events the log had, and the root over all of them."""

    number: int
    code: str
    lane: int
    size: int
    root: str


@dataclass(frozen=True, slots=True, order=True)
class Counted:
    """How many exchanges of a kind posted in the window, and how many that gave one back."""

    kind: str
    posted: int
    given_back: int


@dataclass(frozen=True, slots=True, order=True)
class Contract:
    """The version of a partner's agreement that was in force at the last cut-off; its digest is what two keys signed."""

    partner: str
    version: int
    digest: str


@dataclass(frozen=True, slots=True, order=True)
class Rate:
    """What one unit of a currency is worth in the common unit, num/den, and how many digits its minor unit has."""

    currency: str
    num: int
    den: int
    digits: int


@dataclass(frozen=True, slots=True)
class RateSet:
    """Rates by name: who published them, for which day, and when; `until` is the last day on which a payment may go by them."""

    source: str
    date: str
    published_at: str
    rates: tuple[Rate, ...]
    name: str = ""
    until: str = "9999-12-31"

    def in_force(self, day: str) -> bool:
        """Whether a payment of this day may be converted by them."""
        return self.date <= day <= self.until

    def gives(self, unit: str) -> bool:
        """Whether one unit of this currency is exactly one common unit by them."""
        return any(rate.currency == unit and rate.num == rate.den for rate in self.rates)

    @property
    def named(self) -> converting.RateSet:
        """The same as settlement converts by: the common unit is what all of them are worth."""
        values = {rate.currency: Ratio(rate.num, rate.den) for rate in self.rates}
        published = datetime.fromisoformat(self.published_at)
        return converting.RateSet(
            COMMON, {**values, COMMON: converting.ONE}, self.source, date.fromisoformat(self.date), published
        )

    @property
    def digits(self) -> dict[str, int]:
        """The decimals of each currency."""
        return {rate.currency: rate.digits for rate in self.rates}


@dataclass(frozen=True, slots=True, order=True)
class Terms:
    """How a partner is paid, and what it pays when it is late: basis points a year over a year of `year_days` days (360 or 365)."""

    partner: str
    currency: str
    interest_basis_points: int
    year_days: int

    @property
    def late(self) -> Late:
        """What a late pay-in owes the house."""
        days = DayCount.ACT_360 if self.year_days == DayCount.ACT_360.year else DayCount.ACT_365
        return Late(self.interest_basis_points, days, HOUSE)


@dataclass(frozen=True, slots=True, order=True)
class PaymentDates:
    """When a payment is advised and due."""

    payer: str
    payee: str
    advice_date: str
    value_date: str


@dataclass(frozen=True, slots=True)
class Inputs:
    """Everything that a run is made of. Two runs with equal inputs have equal results, byte by byte.

    `dates` are those of payments whose calendars give others than the run's own; of a multilateral run also of payments that it might
    make and does not. `model` says who pays whom.
    """

    windows: tuple[SealedWindow, ...]
    flows: tuple[Flow, ...]
    resumed: tuple[Flow, ...]
    counts: tuple[Counted, ...]
    contracts: tuple[Contract, ...]
    rates: RateSet
    terms: tuple[Terms, ...]
    suspended: tuple[str, ...]
    advice_date: str | None
    value_date: str
    dates: tuple[PaymentDates, ...] = ()
    sharing: Sharing = NOTHING
    model: Model = Model.MULTILATERAL


@dataclass(frozen=True, slots=True)
class Net:
    """What a party receives (plus) or pays (minus): exactly, and rounded to the minor units of its currency."""

    party: str
    currency: str
    micros: int
    minor: int


@dataclass(frozen=True, slots=True)
class Result:
    """What is settled: one net a party, the house once for each currency, the matrix behind them, what is kept back, and who pays whom."""

    nets: tuple[Net, ...]
    bilateral: tuple[Flow, ...]
    parked: tuple[Flow, ...]
    transfers: tuple[Transfer, ...]


class NotInputsError(Exception):
    """These bytes are not the inputs of a run as it keeps them. Says why."""


class UnsettleableError(Exception):
    """These inputs cannot be settled: something that a net needs is not said. Names it."""


class TwoCurrenciesError(UnsettleableError):
    """Parties that are to pay each other are paid in different currencies. Names them."""


def settle(inputs: Inputs) -> Result:
    """The run. Flows that touch a suspended partner are parked whole, on both sides, so that nobody pays for them meanwhile.

    Laws: micros add up to zero over all nets, and minor units over those of each currency. The transfers of a partner clear its net, to the
    millionth, and make its minor units. Raises UnsettleableError.
    """
    barred = set(inputs.suspended)
    due = merged((*inputs.flows, *inputs.sharing.flows(), *inputs.resumed))
    parked = tuple([flow for flow in due if flow.debtor in barred or flow.creditor in barred])
    settled = tuple([flow for flow in due if flow.debtor not in barred and flow.creditor not in barred])
    exact, terms = nets(settled), {one.partner: one for one in inputs.terms}
    by_currency: dict[str, list[str]] = defaultdict(list)
    for party in sorted(exact.keys() - {HOUSE}):
        if party not in terms:
            raise UnsettleableError(f"nothing says in which currency {party} is paid")
        if terms[party].currency not in inputs.rates.digits:
            raise UnsettleableError(f"the rate set has no rate of {terms[party].currency}")
        by_currency[terms[party].currency].append(party)
    if inputs.model is Model.MULTILATERAL:
        found = [net for one in sorted(by_currency) for net in _rounded(inputs.rates, one, by_currency[one], exact)]
        return Result(tuple(found), settled, parked, tuple([_through_house(net) for net in found if _moves(net)]))
    if len(by_currency) > 1:
        told = " and ".join(f"{parties[0]} in {currency}" for currency, parties in sorted(by_currency.items()))
        raise TwoCurrenciesError(
            f"{inputs.model}: no house stands between that could convert, and {told} would be paid"
        )
    return _direct(inputs, next(iter(by_currency), ""), settled, parked)


def _rounded(rates: RateSet, currency: str, parties: Iterable[str], exact: Mapping[str, int]) -> list[Net]:
    """The nets of one currency with the house's side of it, rounded together."""
    lines = [(party, exact[party]) for party in parties]
    lines.append((HOUSE, -sum(micros for _, micros in lines)))
    worth, digits = rates.named.cross(COMMON, currency), rates.digits[currency]
    rounded = to_minor({party: minor(micros * worth, digits) for party, micros in lines})
    return [Net(party, currency, micros, rounded[party]) for party, micros in lines]


def _moves(net: Net) -> bool:
    return net.party != HOUSE and net.micros != 0


def _through_house(net: Net) -> Transfer:
    """What a partner pays the house, or is paid by it, for its net."""
    payer, payee = (net.party, HOUSE) if net.micros < 0 else (HOUSE, net.party)
    return Transfer(payer, payee, net.currency, abs(net.minor), abs(net.micros), abs(net.micros))


def _direct(inputs: Inputs, currency: str, settled: tuple[Flow, ...], parked: tuple[Flow, ...]) -> Result:
    """The run in which parties pay each other, all of them in this currency."""
    if not settled:
        return Result((), settled, parked, ())
    minors, transfers = between(settled, inputs.rates.named, currency, inputs.rates.digits[currency], inputs.model)
    exact = nets(settled)
    parties = [*sorted(exact.keys() - {HOUSE}), HOUSE]
    found = [Net(party, currency, exact.get(party, 0), minors.get(party, 0)) for party in parties]
    return Result(tuple(found), settled, parked, transfers)


def value_of(rates: RateSet, currency: str, amount: int) -> int:
    """What so many minor units of a currency are worth, in millionths of the common unit, to the nearest."""
    major = Fraction(amount, 10 ** rates.digits[currency])
    return nearest(major * 10**MICRO_DIGITS * rates.named.cross(currency, COMMON))


# --- bytes


def canonical(document: Mapping[str, Any]) -> bytes:
    """The one way to write a document: sorted, without white space, ASCII, numbers of any size as text."""
    return json.dumps(document, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def sha256(content: bytes) -> str:
    """SHA-256, in hexadecimal."""
    return hashlib.sha256(content).hexdigest()


def inputs_document(inputs: Inputs) -> dict[str, Any]:
    """The inputs as they are kept and hashed."""
    return {
        "schema": SCHEMA,
        "windows": [[one.number, one.code, one.lane, one.size, one.root] for one in sorted(inputs.windows)],
        "flows": _told(inputs.flows),
        "resumed": _told(inputs.resumed),
        "counts": [[one.kind, one.posted, one.given_back] for one in sorted(inputs.counts)],
        "contracts": [[one.partner, one.version, one.digest] for one in sorted(inputs.contracts)],
        "rates": {
            "source": inputs.rates.source,
            "date": inputs.rates.date,
            "published_at": inputs.rates.published_at,
            "name": inputs.rates.name,
            "until": inputs.rates.until,
            "rates": [[one.currency, str(one.num), str(one.den), one.digits] for one in sorted(inputs.rates.rates)],
        },
        "terms": [
            [one.partner, one.currency, one.interest_basis_points, one.year_days] for one in sorted(inputs.terms)
        ],
        "suspended": sorted(inputs.suspended),
        "advice_date": inputs.advice_date,
        "value_date": inputs.value_date,
        **_dated(inputs.model, inputs.dates),
        **_modelled(inputs.model),
    } | ({"sharing": sharing_document(inputs.sharing)} if inputs.sharing.documents else {})


def inputs_of(document: Mapping[str, Any]) -> Inputs:
    """The inputs again. Law: `inputs_document(inputs_of(document)) == document`."""
    said, model = document["rates"], Model(document.get("model", Model.MULTILATERAL))
    return Inputs(
        tuple(SealedWindow(*one) for one in document["windows"]),
        _heard(document["flows"]),
        _heard(document["resumed"]),
        tuple(Counted(*one) for one in document["counts"]),
        tuple(Contract(*one) for one in document["contracts"]),
        RateSet(
            said["source"],
            said["date"],
            said["published_at"],
            tuple(Rate(currency, int(num), int(den), digits) for currency, num, den, digits in said["rates"]),
            said["name"],
            said["until"],
        ),
        tuple(Terms(*one) for one in document["terms"]),
        tuple(document["suspended"]),
        document["advice_date"],
        document["value_date"],
        tuple(_dates_of(model, *one) for one in document.get("dates", ())),
        sharing_of(document["sharing"]) if "sharing" in document else NOTHING,
        model,
    )


def result_document(inputs: Inputs, result: Result) -> dict[str, Any]:
    """The result as it is kept, approved and frozen. It names its inputs by their hash."""
    gross = sum(abs(flow.micros) for flow in result.bilateral)
    return {
        "schema": SCHEMA,
        "sign": "plus: the house owes the partner",
        "inputs_sha256": sha256(canonical(inputs_document(inputs))),
        "windows": sorted({one.code for one in inputs.windows}),
        "advice_date": inputs.advice_date,
        "value_date": inputs.value_date,
        **_dated(inputs.model, own_dates(inputs, result.transfers)),
        **_modelled(inputs.model),
        "rates": {"name": inputs.rates.name, "source": inputs.rates.source, "date": inputs.rates.date},
        "terms": [asdict(one) for one in sorted(inputs.terms)],
        "suspended": sorted(inputs.suspended),
        "counts": [
            {"kind": one.kind, "posted": one.posted, "given_back": one.given_back} for one in sorted(inputs.counts)
        ],
        "nets": [
            {"party": net.party, "currency": net.currency, "micros": str(net.micros), "minor": str(net.minor)}
            for net in result.nets
        ],
        "bilateral": _told(result.bilateral),
        "parked": _told(result.parked),
        "gross_micros": str(gross),
        "net_micros": str(moved(inputs.model, result.bilateral, result.transfers)),
        **({} if inputs.model is Model.MULTILATERAL else {"payments": payments_told(result.transfers)}),
    } | ({"waterfalls": told(inputs.sharing)} if inputs.sharing.documents else {})


def replayed(inputs: bytes) -> bytes:
    """The result's bytes, computed anew from the bytes of the inputs. Raises NotInputsError, UnsettleableError."""
    try:
        again = inputs_of(json.loads(inputs))
        if canonical(inputs_document(again)) != inputs:
            raise NotInputsError("not written as a run keeps its inputs")
        return canonical(result_document(again, settle(again)))
    except (ArithmeticError, AttributeError, LookupError, RecursionError, TypeError, ValueError):
        raise NotInputsError("not the inputs of a run") from None


def own_dates(inputs: Inputs, found: Iterable[Transfer]) -> list[PaymentDates]:
    """The dates of those of these payments that have their own."""
    ways = {(one.payer, one.payee) for one in found}
    return [one for one in inputs.dates if (one.payer, one.payee) in ways]


# A multilateral run does not name its model, and one without dates of its own tells none: what is usual is not said.


def _dated(model: Model, dates: Iterable[PaymentDates]) -> dict[str, list[list[str]]]:
    """The dates of payments, where there are any of their own: by partner and direction where the house is the other side of all."""
    told = sorted([*_ways(model, one), one.advice_date, one.value_date] for one in dates)
    return {"dates": told} if told else {}


def _ways(model: Model, one: PaymentDates) -> tuple[str, str]:
    if model is not Model.MULTILATERAL:
        return one.payer, one.payee
    return (one.payer, PAY_IN) if one.payee == HOUSE else (one.payee, PAY_OUT)


def _dates_of(model: Model, first: str, second: str, advice_date: str, value_date: str) -> PaymentDates:
    if model is Model.MULTILATERAL:
        first, second = (first, HOUSE) if second == PAY_IN else (HOUSE, first)
    return PaymentDates(first, second, advice_date, value_date)


def _modelled(model: Model) -> dict[str, str]:
    return {} if model is Model.MULTILATERAL else {"model": model.value}


def _told(found: Iterable[Flow]) -> list[list[str]]:
    return [[debtor, creditor, str(micros)] for debtor, creditor, micros in sorted(found)]


def _heard(told: Iterable[Sequence[str]]) -> tuple[Flow, ...]:
    return tuple(Flow(debtor, creditor, int(micros)) for debtor, creditor, micros in told)
