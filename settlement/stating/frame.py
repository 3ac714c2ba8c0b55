"""What a run and the books say of a party beside its lines: windows, what was open before, what was paid meanwhile, and the payment."""

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from clearing import errors, partners
from clearing.rules.postings import HOUSE as HOUSE_NUMBER
from clearing.rules.postings import Account, account_number
from clearing.rules.units import Ratio
from settlement.rules.direct import owed_of
from settlement.rules.flows import HOUSE, Flow
from settlement.rules.flows import nets as nets_of
from settlement.rules.netting import Model
from settlement.rules.run import Inputs, inputs_of, settle
from settlement.rules.statement import Conversion, Cover, Item, Party, Payment, Period, Settled
from settlement.rules.statement_booked import told
from settlement.run import InstructionRow, instructions
from settlement.stating.shares import Shares, shares_of
from settlement.stating.store import Connection, Row, rows

NUMBERS_EACH = 16  # the number of an account is its owner's times this, plus its kind
HOUSE_PARTY = Party(HOUSE, "clearing house")
HOUSE_ACCOUNTS = tuple(
    [
        account_number(HOUSE_NUMBER, kind)
        for kind in (Account.POSITION, Account.REMAINDER, Account.CASH, Account.FEE, Account.ROUNDING)
    ]
)
NO_CURRENCY = "XXX"
"""What ISO 4217 calls none: the common unit, where no scheme names it and no currency of the rate set is worth exactly one of it."""


@dataclass(frozen=True, slots=True)
class Frame:
    """A frozen run, ready to be stated. Amounts by the number of the party; the house has number 0. Plus: the house owes the party."""

    run: str
    lane: int
    made_at: datetime
    currency: str
    windows: Mapping[int, Period]
    first: int
    until: int
    parties: Mapping[int, Party]
    opening: Mapping[int, int]
    settled: Mapping[int, tuple[Settled, ...]]
    carried: Mapping[str, tuple[Item, ...]]
    instructions: Mapping[str, Sequence[InstructionRow]]
    owed: Mapping[tuple[str, str], int]
    inputs: Inputs
    shares: Shares
    covers: Mapping[int, Cover]
    parts: Mapping[int, int]
    """What the house took in each event that booked a captured part of an exchange."""

    def payment(self, partner: str, nets: Mapping[int, int]) -> Payment | None:
        """What a multilateral run pays for these nets of its windows, and what else is in it; None where nothing is paid."""
        if self.inputs.model is not Model.MULTILATERAL:
            return None
        paid = [self._payment(one, partner, self._parts(partner, nets)) for one in self.instructions.get(partner, ())]
        return next(iter(paid), None)

    def payments(self, partner: str, nets: Mapping[int, int]) -> tuple[Payment, ...]:
        """What a run pays between this party and others where they pay each other, and what is in each payment."""
        if self.inputs.model is Model.MULTILATERAL:
            return ()
        found = []
        for one in self.instructions.get(partner, ()):
            other = one.payee if one.payer == partner else one.payer
            if self.inputs.model is Model.FEWEST:
                items = self._parts(partner, nets)
                rest = _amount(one, partner) - sum(item.amount for item in items)
                items += [Item("in other payments", rest)] if rest else []
            else:
                items = self._pair(one, partner, other)
            found.append(self._payment(one, partner, items, other))
        return tuple(found)

    def _parts(self, partner: str, nets: Mapping[int, int]) -> list[Item]:
        """What a party's net of the run is made of."""
        items = [Item(f"net of {self.windows[window].code}", nets[window]) for window in self.windows]
        return [*items, *self.shares.items.get(partner, ()), *self.carried.get(partner, ())]

    def _pair(self, one: InstructionRow, partner: str, other: str) -> list[Item]:
        """What a payment of two parties is made of: what each owes the other, of which gross pays one and bilateral the difference."""
        ours, theirs = (self.owed.get(pair, 0) for pair in ((partner, other), (other, partner)))
        if self.inputs.model is Model.GROSS:
            ours, theirs = (ours, 0) if one.payer == partner else (0, theirs)
        items = (Item(f"owed by {other}", theirs), Item(f"owed to {other}", -ours))
        return [item for item in items if item.amount]

    def _payment(self, one: InstructionRow, partner: str, items: Sequence[Item], other: str = "") -> Payment:
        rate = next(rate for rate in self.inputs.rates.rates if rate.currency == one.currency)
        source = told(f"{self.inputs.rates.source} {self.inputs.rates.date}")
        minor = one.minor if one.payee == partner else -one.minor
        said = Conversion(one.currency, rate.digits, minor, Ratio(rate.den, rate.num), source)
        return Payment(one.instruction, one.value_date, _amount(one, partner), tuple(items), said, other)


def _amount(one: InstructionRow, partner: str) -> int:
    """What a payment clears of a party's position: plus, it receives."""
    return one.received if one.payee == partner else -one.paid


async def frame_of(connection: Connection, lane: int, run: str) -> Frame:
    """The run beside its lines. Raises errors.NotFound for a run that is not frozen."""
    found = await rows(connection, "state_run", run=run)
    if not found:
        raise errors.NotFound("there is no such run, or it is not frozen")
    inputs = inputs_of(json.loads(found[0]["inputs"]))
    windows = await rows(connection, "state_windows", lane=lane, run=run)
    first, until = min(one["first"] for one in windows), max(one["until"] for one in windows)
    directory = await partners.load(connection)
    parties = {one.number: Party(one.code, told(one.name) or one.code) for one in directory.partners.values()}
    accounts = [*HOUSE_ACCOUNTS, *(account_number(number, Account.POSITION) for number in parties)]
    span: dict[str, Any] = {"lane": lane, "first": first, "until": until, "accounts": accounts}
    numbers = [one["window_id"] for one in windows]
    opening: dict[int, int] = defaultdict(int)
    for row in await rows(connection, "state_openings", **span, windows=numbers):
        opening[row["account"] // NUMBERS_EACH] -= row["balance"]
    frozen_at = found[0]["frozen_at"].astimezone(UTC)
    shared = {"lane": lane, "until": until, "accounts": accounts, "windows": numbers, "at": frozen_at}
    for row in await rows(connection, "state_shared", **shared):
        opening[row["account"] // NUMBERS_EACH] -= row["balance"]
    return Frame(
        run,
        lane,
        frozen_at,
        _common_unit(inputs, await partners.unit_of(connection, windows[-1]["scheme_version"])),
        {one["window_id"]: _period(one) for one in windows},
        first,
        until,
        {HOUSE_NUMBER: HOUSE_PARTY, **dict(sorted(parties.items()))},
        opening,
        _settled(await rows(connection, "state_settled", **span)),
        _carried(await rows(connection, "state_carried", run=run)),
        _of_parties(await instructions(connection, run)),
        owed_of(settle(inputs).bilateral),
        inputs,
        await shares_of(connection, lane, run, inputs.sharing),
        await _covers(connection, span | {"accounts": [account_number(number, Account.COVER) for number in parties]}),
        await _parts(connection, {"lane": lane, "first": first, "until": until, "windows": numbers}),
    )


async def _covers(connection: Connection, span: Mapping[str, Any]) -> dict[int, Cover]:
    """What partners had lodged when the windows began, what came and went meanwhile, and what is there when they end."""
    opening: dict[int, int] = defaultdict(int)
    moved: dict[int, list[int]] = defaultdict(list)
    for row in await rows(connection, "state_openings", **span, windows=[]):
        opening[row["account"] // NUMBERS_EACH] -= row["balance"]
    for row in await rows(connection, "state_settled", **span):
        moved[row["account"] // NUMBERS_EACH].append(-row["amount"])
    found = {}
    for number in sorted({*opening, *moved}):
        lodged = sum(amount for amount in moved[number] if amount > 0)
        withdrawn = -sum(amount for amount in moved[number] if amount < 0)
        if opening[number] or moved[number]:
            found[number] = Cover(opening[number], lodged, withdrawn, opening[number] + lodged - withdrawn)
    return found


def _of_parties(found: Iterable[InstructionRow]) -> dict[str, list[InstructionRow]]:
    """The payments that each partner is a side of."""
    said: dict[str, list[InstructionRow]] = defaultdict(list)
    for one in found:
        for party in {one.payer, one.payee} - {HOUSE}:
            said[party].append(one)
    return said


async def _parts(connection: Connection, asked: Mapping[str, object]) -> dict[int, int]:
    async with connection.transaction():
        await rows(connection, "run_patience")
        return {row["seq"]: row["earned"] for row in await rows(connection, "state_parts", **asked)}


def _common_unit(inputs: Inputs, unit: str | None) -> str:
    """What the common unit is called: the scheme's currency; without one, that which is worth exactly one of it, the first by name."""
    if unit is not None and inputs.rates.gives(unit):
        return unit
    same = sorted([one.currency for one in inputs.rates.rates if one.num == one.den])
    return same[0] if same else NO_CURRENCY


def _period(row: Row) -> Period:
    return Period(row["code"], row["opens_at"].astimezone(UTC), row["closes_at"].astimezone(UTC))


def _settled(found: Iterable[Row]) -> dict[int, tuple[Settled, ...]]:
    """Money that moved meanwhile: what took from a party's debt was paid by it."""
    said: dict[int, list[Settled]] = defaultdict(list)
    for row in found:
        day = row["at"].astimezone(UTC).date()
        said[row["account"] // NUMBERS_EACH].append(Settled(day, told(row["reference"]), -row["amount"]))
    return {number: tuple(paid) for number, paid in said.items()}


def _carried(found: Sequence[Row]) -> dict[str, tuple[Item, ...]]:
    """What else is in a payment than the windows' nets: less what was parked, plus what was resumed."""
    said: dict[str, list[Item]] = defaultdict(list)
    for what, is_parked, sign in (("parked by this run", True, -1), ("resumed from earlier runs", False, 1)):
        flows = [Flow(one["debtor"], one["creditor"], one["micros"]) for one in found if one["is_parked"] is is_parked]
        for party, micros in sorted(nets_of(flows).items()):
            if micros:
                said[party].append(Item(what, sign * micros))
    return {party: tuple(items) for party, items in said.items()}
