"""A partner's statement: what was open, every line, the net, what was paid, what is open now. It adds up or it cannot be made.

Sign of every net figure: plus, the house owes the partner; minus, the partner owes the house. (The books have it the other way round.)
Laws, checked whenever a statement is made, also out of a file: every subtotal is that of its lines; the lines and the rounding are the
net; opening + net + what was settled = closing; a payment is the sum of its items, and converted it keeps to its rate.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import InitVar, dataclass, fields
from datetime import date, datetime
from itertools import compress, groupby, pairwise, starmap
from operator import attrgetter, gt

from clearing.rules.units import Ratio
from settlement.rules.money import MICRO_DIGITS
from settlement.rules.statement_lines import (
    ADJUSTMENTS,
    RETURNS,
    Line,
    LineKind,
    StatementError,
    order,
    require_code,
    require_instant,
    require_text,
    unit,
)
from settlement.rules.statement_shares import Drawn

SIGN_RULE = "plus: the clearing house owes the partner; minus: the partner owes the clearing house"
LINE_RULE = "lines have six digits and are never rounded; the net is rounded once; net of a line = credit - debit - fee - funding"


@dataclass(frozen=True, slots=True)
class Party:
    """Who is spoken of: a code, and a name for people."""

    code: str
    name: str

    def __post_init__(self) -> None:
        """Refuse what cannot be written."""
        require_code("party", self.code)
        require_text("party", self.name)


@dataclass(frozen=True, slots=True)
class Period:
    """A settlement window, by its code, from `opens_at` up to, and without, `closes_at`."""

    code: str
    opens_at: datetime
    closes_at: datetime

    def __post_init__(self) -> None:
        """Refuse a window that ends before it begins."""
        require_text("window", self.code)
        require_instant("opens_at", self.opens_at)
        require_instant("closes_at", self.closes_at)
        if self.closes_at <= self.opens_at:
            raise StatementError("closes_at", "is not after opens_at")


@dataclass(frozen=True, slots=True)
class Settled:
    """What was paid in the time of the statement for earlier nets, in smallest units: plus, the partner paid; minus, it was paid."""

    on: date
    reference: str
    amount: int

    def __post_init__(self) -> None:
        """Refuse what cannot be written."""
        require_text("reference", self.reference)


@dataclass(frozen=True, slots=True)
class Item:
    """One part of a payment: the net of a window, or what else goes with it."""

    what: str
    amount: int

    def __post_init__(self) -> None:
        """Refuse what cannot be written."""
        require_text("what", self.what)


@dataclass(frozen=True, slots=True)
class Conversion:
    """The payment in another currency, `amount` of its smallest units, at the rate of the run: units of it for one of the statement's."""

    currency: str
    digits: int
    amount: int
    rate: Ratio
    source: str

    def __post_init__(self) -> None:
        """Refuse what cannot be written."""
        require_currency(self.currency, self.digits)
        require_text("source", self.source)


@dataclass(frozen=True, slots=True)
class Payment:
    """What is paid for this statement: plus, to the partner; minus, by it. Law: the items add up to it.

    `other` is the other side where parties pay each other; none is said where the house stands between.
    """

    reference: str
    on: date
    amount: int
    items: tuple[Item, ...]
    converted: Conversion | None = None
    other: str = ""

    def __post_init__(self) -> None:
        """Refuse a payment that is not the sum of its items."""
        require_text("reference", self.reference)
        if self.other:
            require_code("other side", self.other)
        if sum(item.amount for item in self.items) != self.amount:
            raise StatementError("payment", "is not the sum of its items")


@dataclass(frozen=True, slots=True)
class Cover:
    """The funds that a partner has lodged with the house, in micros: none of it is in the net, nor in opening and closing of what is owed.

    Law: opening + lodged - withdrawn = closing, and none of the four is below zero.
    """

    opening: int
    lodged: int
    withdrawn: int
    closing: int

    def __post_init__(self) -> None:
        """Refuse what does not add up."""
        if min(self.opening, self.lodged, self.withdrawn, self.closing) < 0:
            raise StatementError("cover", "is not below zero")
        if self.opening + self.lodged - self.withdrawn != self.closing:
            raise StatementError("cover", "does not close at what was there, and came, less what went")


@dataclass(frozen=True, slots=True)
class Total:
    """The sums of some lines: of a counterparty, of a kind, of all."""

    name: str
    lines: int = 0
    sent: int = 0
    received: int = 0
    debit: int = 0
    credit: int = 0
    fee: int = 0
    funding: int = 0
    net: int = 0


@dataclass(frozen=True, slots=True)
class Steps:
    """How the lines become the net, in micros: what a waterfall shows. Returns and adjustments stand apart from what they correct."""

    points_in: int
    points_out: int
    funding: int
    fees: int
    returns: int
    adjustments: int
    rounding: int
    shares: int = 0
    """By contracts. It is told only where there is something: statements that were made before there were contracts have no such step."""

    def parts(self) -> tuple[tuple[str, int], ...]:
        """Each step with its name."""
        said = [(part.name, getattr(self, part.name)) for part in fields(self)]
        return tuple(said if self.shares else said[:-1])


@dataclass(frozen=True, slots=True)
class Figures:
    """Everything that follows from the rest of a statement."""

    total: Total
    by_counterparty: tuple[Total, ...]
    by_kind: tuple[Total, ...]
    steps: Steps
    closing: int


@dataclass(frozen=True, slots=True)
class Statement:
    """Frozen. `opening` and `closing` in micros, `net` and what is paid in smallest units of the currency, which has `digits`."""

    reference: str
    partner: Party
    counterparties: tuple[Party, ...]
    periods: tuple[Period, ...]
    currency: str
    digits: int
    made_at: datetime
    opening: int
    lines: tuple[Line, ...]
    net: int
    figures: Figures
    settled: tuple[Settled, ...] = ()
    payment: Payment | None = None
    cover: Cover | None = None
    """None where there is none: such a statement says nothing of it."""
    payments: tuple[Payment, ...] = ()
    """Where parties pay each other: one for each other side and direction. Then there is no `payment`."""
    waterfalls: tuple[Drawn, ...] = ()
    """By the contracts that the partner is a party of. Law: what they come to for it is the step `shares`."""
    worked_out: InitVar[Figures | None] = None
    """What follows from the lines, by whoever has just put them in order and added them up; else it is worked out here."""

    def __post_init__(self, worked_out: Figures | None) -> None:
        """1. what it says of itself; 2. its lines are in order, each with a known counterparty; 3. every figure is what follows."""
        require_text("reference", self.reference)  # 1
        require_currency(self.currency, self.digits)
        require_instant("made_at", self.made_at)
        if not self.periods or any(one.closes_at > other.opens_at for one, other in pairwise(self.periods)):
            raise StatementError("windows", "there is one at least, and they follow one another")
        if worked_out is None and any(starmap(gt, pairwise(map(order, self.lines)))):  # 2
            raise StatementError("lines", "are by counterparty, then by time")
        found = worked_out or _figures(self.lines, self.opening, self.net, self.digits, self.settled)
        if [one.name for one in found.by_counterparty] != [party.code for party in self.counterparties]:
            raise StatementError("counterparties", "are those of the lines, in order")
        for part in fields(Figures):  # 3
            if getattr(found, part.name) != getattr(self.figures, part.name):
                raise StatementError(part.name, "is not what the lines add up to")
        if abs(found.steps.rounding) >= unit(self.digits):
            raise StatementError("net", "differs from the lines by a whole unit or more")
        if self.waterfalls and sum(one.net(self.partner.code) for one in self.waterfalls) != found.steps.shares:
            raise StatementError("waterfalls", "are not what the lines say was shared")
        if self.payment is not None and self.payments:
            raise StatementError("payments", "are with the house or with each other")
        for one in self.paid:
            if bool(one.other) is not bool(self.payments):
                raise StatementError("payments", "say with whom where they are not with the house")
            if one.converted is not None:
                _require_rate(one, self.digits, one.converted)

    @property
    def paid(self) -> tuple[Payment, ...]:
        """All that is paid for this statement."""
        return self.payments if self.payment is None else (self.payment,)

    @property
    def net_micros(self) -> int:
        """The net in micros."""
        return self.net * unit(self.digits)


def state(
    *,
    reference: str,
    partner: Party,
    counterparties: Iterable[Party],
    periods: Sequence[Period],
    currency: str,
    digits: int,
    made_at: datetime,
    opening: int,
    lines: Iterable[Line],
    net: int,
    settled: Sequence[Settled] = (),
    payment: Payment | None = None,
    cover: Cover | None = None,
    payments: Sequence[Payment] = (),
    waterfalls: Sequence[Drawn] = (),
) -> Statement:
    """The statement of these lines, in whatever order they come; `net` was rounded by the run, over all partners at once."""
    sorted_lines = tuple(sorted(lines, key=order))
    found = _figures(sorted_lines, opening, net, digits, settled)
    met = {one.name for one in found.by_counterparty}
    return Statement(
        reference=reference,
        partner=partner,
        counterparties=tuple(
            sorted((party for party in counterparties if party.code in met), key=lambda one: one.code)
        ),
        periods=tuple(periods),
        currency=currency,
        digits=digits,
        made_at=made_at,
        opening=opening,
        lines=sorted_lines,
        net=net,
        figures=found,
        settled=tuple(settled),
        payment=payment,
        cover=cover,
        payments=tuple(payments),
        waterfalls=tuple(waterfalls),
        worked_out=found,
    )


def require_currency(currency: str, digits: int) -> None:
    """A currency of ISO 4217, or the common unit, and how many digits its smallest unit has."""
    if not (len(currency) == 3 and currency.isascii() and currency.isupper() and currency.isalpha()):
        raise StatementError("currency", "has three capital letters")
    if not 0 <= digits <= MICRO_DIGITS:
        raise StatementError("digits", f"are 0 to {MICRO_DIGITS}")


def _require_rate(payment: Payment, digits: int, other: Conversion) -> None:
    """Less than a unit away; of a part of a net, which was rounded to the statement's own smallest unit, by what that is worth besides."""
    smallest = int(10**other.digits) * other.rate.num
    size = other.rate.den * int(10**digits)
    if abs(other.amount * size - payment.amount * smallest) >= size + (smallest if payment.other else 0):
        raise StatementError("converted", "differs from the rate by a whole unit or more")


def _figures(lines: Sequence[Line], opening: int, net: int, digits: int, settled: Iterable[Settled]) -> Figures:
    """Lines are in order: those of a counterparty stand together. Columns are added up, never line by line: there may be a million."""
    columns, size = _columns(lines), unit(digits)
    kinds, total = [line.kind for line in lines], _total("all", columns)
    by_kind = [_total(kind.value, _of_kind(columns, kinds, kind)) for kind in sorted({*kinds})]
    return Figures(
        total=total,
        by_counterparty=tuple(_by_counterparty(lines, columns)),
        by_kind=tuple(by_kind),
        steps=_steps(by_kind, net * size - total.net),
        closing=opening + net * size + size * sum(paid.amount for paid in settled),
    )


_Columns = Sequence[Sequence[int]]
_summed = attrgetter("sent", "received", "debit", "credit", "fee", "funding")


def _columns(lines: Sequence[Line]) -> _Columns:
    """What is added up, column by column."""
    return list(zip(*map(_summed, lines), strict=True)) or [()] * 6


def _of_kind(columns: _Columns, kinds: Sequence[LineKind], kind: LineKind) -> _Columns:
    chosen = [one is kind for one in kinds]
    return columns if all(chosen) else [list(compress(column, chosen)) for column in columns]


def _by_counterparty(lines: Sequence[Line], columns: _Columns) -> Iterator[Total]:
    start = 0
    for name, own in groupby(map(attrgetter("counterparty"), lines)):
        end = start + sum(1 for _ in own)
        yield _total(name, [column[start:end] for column in columns])
        start = end


def _total(name: str, columns: _Columns) -> Total:
    sent, received, debit, credit, fee, funding = map(sum, columns)
    net = credit - debit - fee - funding  # of each line, and so of their sums
    return Total(name, len(columns[0]), sent, received, debit, credit, fee, funding, net)


def _steps(by_kind: Iterable[Total], rounding: int) -> Steps:
    """Steps are sums of kinds: every line of a kind is of one step."""
    plain, returned, adjusted, shared = [], 0, 0, 0
    for total in by_kind:
        kind = LineKind(total.name)
        if kind in RETURNS:
            returned += total.net
        elif kind in ADJUSTMENTS:
            adjusted += total.net
        elif kind is LineKind.SHARE:
            shared += total.net
        else:
            plain.append(total)
    return Steps(
        points_in=sum(one.credit for one in plain),
        points_out=-sum(one.debit for one in plain),
        funding=-sum(one.funding for one in plain),
        fees=-sum(one.fee for one in plain),
        returns=returned,
        adjustments=adjusted,
        rounding=rounding,
        shares=shared,
    )
