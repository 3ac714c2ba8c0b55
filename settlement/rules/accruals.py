"""Month-end accruals: what was earned and owed by the end of a month and no frozen run had billed, as journals and their reversals. Pure.

For ledgers that book the house's invoices and runs. Amounts are millionths; plus was earned. An accrual is dated the last day of the month,
its reversal the first of the next, so that the invoice takes its place. The same books give the same bytes.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from settlement.rules.journal import COLUMNS, VALUE, Codes, records
from settlement.rules.money import major

FEE, INTEREST, ADJUSTMENT, BONUS = "fee", "interest", "adjustment", "bonus"
WHATS = (FEE, INTEREST, ADJUSTMENT, BONUS)
"""Fees of exchanges, interest of late payments, what else was adjusted, and the house's own shares of bonuses, which it owes."""


class Unbilled(NamedTuple):
    """What the house earned (plus) of a partner, or owes it (minus), and no frozen run had in it."""

    partner: str
    what: str
    amount: int


@dataclass(frozen=True, slots=True)
class Month:
    """A month in UTC."""

    year: int
    month: int

    @property
    def ends_at(self) -> datetime:
        """The instant that is not in it any more."""
        return datetime(self.year + self.month // 12, self.month % 12 + 1, 1, tzinfo=UTC)

    @property
    def last(self) -> date:
        """Its last day."""
        return (self.ends_at - timedelta(days=1)).date()

    @property
    def after(self) -> date:
        """The first day of the next."""
        return self.ends_at.date()

    def __str__(self) -> str:
        return f"{self.year:04}-{self.month:02}"


def accruals_csv(month: Month, unbilled: Iterable[Unbilled], codes: Codes) -> str:
    """The journals as double-entry CSV, in the columns of all journals."""
    lines: list[tuple[str, ...]] = [COLUMNS]
    for one in unbilled:
        for name, day, amount in _twice(month, one):
            memo = f"accrual of {one.what} {month}" + (", reversal" if day == month.after else "")
            for account, side in ((_partners(one), amount), (_houses(one), -amount)):
                sides = (major(side), "") if side > 0 else ("", major(-side))
                code = codes.accounts.get(account, account)
                lines.append(
                    (name, day.isoformat(), code, *sides, codes.currency, memo, f"clearing-{name}", one.what, "")
                )
    return records(lines)


def accruals_bean(month: Month, unbilled: Iterable[Unbilled]) -> str:
    """The journals as beancount text in whole millionths. It asserts what is accrued at the end of the month, and that nothing is left."""
    known = list(unbilled)
    balances: dict[str, int] = {}
    for one in known:
        for account, amount in ((_bean(_partners(one)), one.amount), (_bean(_houses(one)), -one.amount)):
            balances[account] = balances.get(account, 0) + amount
    text = [f'option "title" "clearing accruals {month}"', 'option "tolerance_multiplier" "0"', ""]
    text += [f"{month.last.isoformat()} open {account} {VALUE}" for account in sorted(balances)]
    for one in known:
        for name, day, amount in _twice(month, one):
            text += ["", f'{day.isoformat()} * "accrual of {one.what} {month}" ^clearing-{name}']
            text += [f"  {_bean(_partners(one))}  {amount} {VALUE}", f"  {_bean(_houses(one))}  {-amount} {VALUE}"]
    text.append("")
    for day, holds in ((month.after, 1), (month.after + timedelta(days=1), 0)):
        text += [
            f"{day.isoformat()} balance {account} {balances[account] * holds} {VALUE}" for account in sorted(balances)
        ]
    return "\n".join([*text, ""])


def _twice(month: Month, one: Unbilled) -> Iterator[tuple[str, date, int]]:
    name = f"accrual-{month}-{one.partner}-{one.what}"
    yield name, month.last, one.amount
    yield f"{name}-reversal", month.after, -one.amount


def _partners(one: Unbilled) -> str:
    """The account of what is not billed yet, as a mapping may name it."""
    return f"{one.partner}.unbilled"


def _houses(one: Unbilled) -> str:
    return f"house.accrued_{one.what}"


def _bean(account: str) -> str:
    owner, _, kind = account.partition(".")
    if kind == "unbilled":
        return f"Assets:Unbilled:{owner.title()}"
    return f"{'Expenses' if kind.endswith(BONUS) else 'Income'}:House:{kind.title().replace('_', '-')}"
