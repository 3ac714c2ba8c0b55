"""The books as journals for other books: double-entry CSV for a general ledger, and beancount text for an independent judge. Pure.

One journal for each event of the log that booked something. It balances in every unit by itself. Amounts: plus is a debit. Points are
whole; value is in millionths of the common unit, written in CSV as a decimal of six places and in beancount as whole millionths, so that
no tolerance hides anything. What the house gained by an adjustment is no fee: it stands in a sub-account of `house.fee`, named by what it
is. The same books give the same bytes.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from io import StringIO
from typing import Any

from clearing.rules.postings import Account
from clearing.rules.shapes import Fault, Reader, record, several, text
from clearing.rules.shapes import one_of as word
from settlement.rules.money import major
from settlement.rules.waterfall import SHARE

COLUMNS = ("journal_id", "date", "account", "debit", "credit", "unit", "memo", "external_id", "reason", "reference")
TAX, INTEREST, SHARES, ADJUSTMENT = "tax", "interest", "share", "adjustment"
_WHATS = {"vat": TAX, INTEREST: INTEREST, SHARE: SHARES}
WHATS = (*_WHATS.values(), ADJUSTMENT)
"""What an adjustment is, and so the sub-accounts of `house.fee`: tax to be handed on, interest, shares by contracts, all others."""


def what_of(reason: str) -> str:
    """What an adjustment for this reason is, one of WHATS."""
    return _WHATS.get(reason, ADJUSTMENT)


@dataclass(frozen=True, slots=True)
class BookAccount:
    """An account of the books: whose it is and of what kind. `partner` is who may see it; None is the house."""

    number: int
    owner: str
    kind: Account
    unit: str
    partner: str | None

    @property
    def name(self) -> str:
        """As the house names it everywhere: `palm-hotels.outstanding`, `palm.position`, `house.fee`."""
        return f"{self.owner}.{self.kind.name.lower()}"

    @property
    def in_value(self) -> bool:
        """Whether it is kept in millionths of the common unit, not in points."""
        return self.kind >= Account.POSITION


@dataclass(frozen=True, slots=True)
class Journal:
    """What one event booked: lines of account and amount, plus is a debit. `what`, one of WHATS, where it is an adjustment.

    `reason` and `reference` are those of an adjustment, a payment or a movement of cover: `vat` and the invoice, as an example.
    """

    lane: int
    seq: int
    day: date
    memo: str
    lines: tuple[tuple[BookAccount, int], ...]
    what: str = ""
    reason: str = ""
    reference: str = ""

    @property
    def faults(self) -> tuple[str, ...]:
        """The units in which it does not balance. Law: none."""
        sums: dict[str, int] = {}
        for account, amount in self.lines:
            sums[_commodity(account)] = sums.get(_commodity(account), 0) + amount
        return tuple([unit for unit, amount in sums.items() if amount])


def stands_apart(account: BookAccount, what: str) -> bool:
    """Whether what was adjusted in this account has a sub-account of its own."""
    return bool(what) and account.kind is Account.FEE


def told(account: BookAccount, amount: int) -> str:
    """An amount of this account, outside: points whole, value as a decimal."""
    return major(amount) if account.in_value else str(amount)


# --- CSV

_FORMULA = frozenset({"=", "+", "-", "@", "\t", "\r"})


@dataclass(frozen=True, slots=True)
class Codes:
    """How another ledger calls our accounts: one by one, else by kind, else as we do; and the currency of value.

    A single account may be named with what was adjusted, `house.fee/tax`. What was adjusted in the house's fees goes by such a name only:
    who says where fees go has not said where tax goes, and a ledger that does not know `house.fee/tax` refuses it.
    """

    currency: str = "CU"
    accounts: Mapping[str, str] = field(default_factory=dict)
    kinds: Mapping[str, str] = field(default_factory=dict)

    def code(self, account: BookAccount, what: str = "") -> str:
        """The other ledger's code of this account, for what was adjusted."""
        name = f"{account.name}/{what}" if what else account.name
        if name in self.accounts:
            return self.accounts[name]
        if stands_apart(account, what):
            return name
        return self.accounts.get(account.name) or self.kinds.get(account.kind.name.lower()) or account.name


_CODE = text("the other ledger's code: 1 to 64 printable characters of ASCII", r"^[ -~]{1,64}(?![\s\S])")
_NAME = text(
    "an account as the house names it, CODE.KIND, or what was adjusted in it, as in house.fee/tax",
    rf"^[a-z0-9-]{{1,40}}\.[a-z_]{{1,20}}(?:/(?:{'|'.join(WHATS)}))?(?![\s\S])",
)
SHAPE = record(
    "How another ledger calls the accounts of the house.",
    "",
    currency=text("the currency that the common unit is; none: CU", r"^[A-Z]{2,12}(?![\s\S])"),
    accounts=several("Single accounts.", record("One.", "account code", account=_NAME, code=_CODE), 100_000),
    kinds=several(
        "All accounts of a kind.",
        record("One.", "kind code", kind=word("the kind", *(kind.name.lower() for kind in Account)), code=_CODE),
        len(Account),
    ),
)
_READER = Reader(SHAPE)


def codes_of(document: Any) -> Codes | Fault:
    """The mapping that a document states, or the first thing that is wrong with it."""
    for fault in _READER.departures(document):
        return fault
    accounts = {one["account"]: one["code"] for one in document.get("accounts", ())}
    kinds = {one["kind"]: one["code"] for one in document.get("kinds", ())}
    return Codes(document.get("currency", Codes().currency), accounts, kinds)


def csv_head() -> str:
    """The first record: the names of the columns."""
    return records([COLUMNS])


def csv_of(journal: Journal, codes: Codes) -> str:
    """The records of a journal (RFC 4180), one a line of it. The same external id on all: imported twice, it is there once."""
    name = f"{journal.lane}-{journal.seq}"
    lines = []
    for account, amount in journal.lines:
        sides = (told(account, amount), "") if amount > 0 else ("", told(account, -amount))
        unit = codes.currency if account.in_value else account.unit
        day = journal.day.isoformat()
        code, said = codes.code(account, journal.what), (text_cell(journal.reason), text_cell(journal.reference))
        lines.append((name, day, code, *sides, unit, journal.memo, f"clearing-{name}", *said))
    return records(lines)


def text_cell(said: str) -> str:
    """A text as a cell: behind an apostrophe where a spreadsheet would take it for a formula."""
    return f"'{said}" if said[:1] in _FORMULA else said


def records(lines: Iterable[Sequence[str]]) -> str:
    """Lines as records of CSV (RFC 4180)."""
    page = StringIO()
    csv.writer(page, lineterminator="\r\n").writerows(lines)
    return page.getvalue()


# --- beancount

Held = tuple[BookAccount, str, int]
"""An account, what stands apart in it (one of WHATS; empty: all that does not), and an amount."""
VALUE = "CU.U"
"""Whole millionths of the common unit, as a commodity."""


def _commodity(account: BookAccount) -> str:
    return VALUE if account.in_value else f"{account.owner.upper()}.PTS"


def _currency(account: BookAccount) -> str:
    """The commodity, as beancount may spell it: it begins with a letter. No code has a full stop, so no two become one."""
    name = _commodity(account)
    return name if name[0].isalpha() else f"P.{name}"


def bean_account(account: BookAccount, what: str = "") -> str:
    """The account's name in beancount. Codes are in small letters, so what capitals make of two of them stays two.

    Tax is a liability: the house has it to hand on.
    """
    if stands_apart(account, what):
        return f"{'Liabilities' if what == TAX else 'Income'}:{account.owner.title()}:{what.title()}"
    owner, kind = account.owner.title(), account.kind.name.title().replace("_", "-")
    if account.kind is Account.COVER:
        return f"Liabilities:Partners:{owner}:{kind}"
    if account.kind in {Account.CASH, Account.FUNDS}:
        return f"Assets:{owner}:{kind}"
    if account.partner is None:
        return f"Income:{owner}:{kind}"
    return f"Assets:Partners:{owner}:{kind}" if account.in_value else f"Equity:Programs:{owner}:{kind}"


def bean_head(title: str, opened: date, accounts: Iterable[BookAccount]) -> str:
    """Options and an `open` directive for every account, with the one commodity that it may hold."""
    lines = [f'option "title" "{title}"', 'option "tolerance_multiplier" "0"', ""]
    lines += [
        f"{opened.isoformat()} open {bean_account(one, what)} {_currency(one)}"
        for one in accounts
        for what in ("", *(WHATS if one.kind is Account.FEE else ()))
    ]
    return "\n".join([*lines, "", ""])


def bean_of(journal: Journal) -> str:
    """A journal as a transaction, linked by its place in the log; why an adjustment was booked is its narration and its metadata."""
    said = {name: value for name in ("reason", "reference") if (value := getattr(journal, name))}
    narration = f"{journal.memo}: {' '.join(said.values())}" if said else journal.memo
    head = f"{bean_text(narration)} ^clearing-{journal.lane}-{journal.seq}"
    metadata = [f"  {name}: {bean_text(value)}" for name, value in said.items()]
    return _transaction(journal.day, "\n".join([head, *metadata]), _held(journal.lines, journal.what))


def bean_text(said: str) -> str:
    """A text as beancount writes it."""
    return '"' + said.replace("\\", "\\\\").replace('"', '\\"') + '"'


def bean_opening(day: date, balances: Sequence[Held]) -> str:
    """What accounts held before. Needs no counter-account: the books add up to zero in every unit."""
    held = [one for one in balances if one[2]]
    return _transaction(day, '"opening balances"', held) if held else ""


def bean_balances(day: date, balances: Iterable[Held]) -> Iterator[str]:
    """An assertion for every account: what the house keeps as its sum, at the beginning of this day."""
    for account, what, amount in balances:
        yield f"{day.isoformat()} balance {bean_account(account, what)} {amount} {_currency(account)}\n"


def _held(lines: Iterable[tuple[BookAccount, int]], what: str) -> Iterator[Held]:
    return ((account, what, amount) for account, amount in lines)


def _transaction(day: date, told_of: str, lines: Iterable[Held]) -> str:
    postings = [f"  {bean_account(account, what)}  {amount} {_currency(account)}" for account, what, amount in lines]
    return "\n".join([f"{day.isoformat()} * {told_of}", *postings, "", ""])
