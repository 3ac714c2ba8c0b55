"""What a bank's file says, in our words, and what of it does not hold by itself. Amounts are millionths of their currency."""

import hashlib
import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import date
from enum import StrEnum

from settlement.files.parties import Account
from settlement.rules import money


class Direction(StrEnum):
    """Whether money came to the account or left it, as the bank writes it (CdtDbtInd)."""

    CREDIT = "CRDT"
    DEBIT = "DBIT"

    def signed(self, amount: int) -> int:
        """The amount as the account feels it."""
        return amount if self is Direction.CREDIT else -amount


class Booking(StrEnum):
    """How far the bank is with an entry (Sts/Cd). Only what is booked moves a balance or confirms."""

    BOOKED = "BOOK"
    PENDING = "PDNG"
    FUTURE = "FUTR"
    INFORMATION = "INFO"


@dataclass(frozen=True, slots=True)
class Detail:
    """One payment in an entry. `end_to_end_id` is empty where the bank knows none; `amount` None where it says none."""

    end_to_end_id: str
    amount: int | None
    currency: str
    direction: Direction
    returned: bool
    reason: str  # why it was returned, as the bank's code; empty: not said
    payer: Account | None = None  # the debtor's; None: not said, or none that a bank could have


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an account: a payment, or a batch of them booked in one sum. Direction is that of the line, also of a reversal."""

    reference: str
    booking: Booking
    booking_date: date | None
    value_date: date | None
    amount: int
    currency: str
    direction: Direction
    reversal: bool
    charged: bool  # charges are told with it, so the sum may differ from its details
    details: tuple[Detail, ...]


@dataclass(frozen=True, slots=True)
class Balance:
    """What the account held before and after, signed; plus: the bank owes us."""

    opening: int
    closing: int
    currency: str


@dataclass(frozen=True, slots=True)
class Statement:
    """One account in one statement (with balances) or notification (without)."""

    id: str
    sequence: str
    account: Account
    balance: Balance | None
    entries: tuple[Entry, ...]

    @property
    def difference(self) -> int:
        """Closing less opening less what was booked: zero where the balances hold, and where there are none."""
        if self.balance is None:
            return 0
        booked = (entry for entry in self.entries if entry.booking is Booking.BOOKED)
        return self.balance.closing - self.balance.opening - sum(each.direction.signed(each.amount) for each in booked)

    @property
    def findings(self) -> tuple[str, ...]:
        """What of it does not hold by itself, one sentence each."""
        found = [sentence for place, entry in enumerate(self.entries, 1) for sentence in self._of(place, entry)]
        if self.balance is not None and self.difference:
            apart = plain(self.difference)
            found.append(
                f"statement {self.id}: opening + entries and closing are {apart} {self.balance.currency} apart"
            )
        return tuple(found)

    def _of(self, place: int, entry: Entry) -> list[str]:
        found = []
        if self.balance is not None and entry.currency != self.balance.currency:
            found.append(f"statement {self.id}: entry {place} is in {entry.currency}, not {self.balance.currency}")
        amounts = [(detail.amount, detail.direction, detail.currency) for detail in entry.details]
        told = amounts and not entry.charged and all(amount is not None for amount, _, _ in amounts)
        if told and all(currency == entry.currency for _, _, currency in amounts):
            whole = entry.direction.signed(entry.amount)
            apart = whole - sum(direction.signed(amount or 0) for amount, direction, _ in amounts)
            if apart:
                found.append(
                    f"statement {self.id}: entry {place} and its details are {plain(apart)} {entry.currency} apart"
                )
        return found


@dataclass(frozen=True, slots=True)
class Status:
    """What the bank says of one instruction, or of all under a name it was sent: the id of the message or of a batch."""

    name: str
    whole: bool  # of all under that name
    word: str  # ACTC, ACSC, PDNG, RJCT and the like
    reason: str
    amount: int | None = None
    currency: str = ""


@dataclass(frozen=True, slots=True)
class BankFile:
    """One message of a bank."""

    version: str
    message_id: str
    created_at: str  # as the bank wrote it
    statements: tuple[Statement, ...] = ()
    answered: str = ""  # the message that a pain.002 answers
    statuses: tuple[Status, ...] = ()

    @property
    def fingerprint(self) -> str:
        """Which file it is, however its bytes are laid out: message id, accounts, sequence."""
        accounts = [[each.account.id, each.id, each.sequence] for each in self.statements]
        return _digest([self.version, self.message_id, self.answered, accounts])

    @property
    def content(self) -> str:
        """What it says: two files of one fingerprint and different content are not the same file."""
        return _digest(asdict(self))

    @property
    def findings(self) -> tuple[str, ...]:
        """What of it does not hold by itself. A file with findings confirms nothing."""
        names = Counter((each.account.id, each.id) for each in self.statements)
        doubled = [f"statement {name} is there {times} times" for (_, name), times in names.items() if times > 1]
        return (*doubled, *(sentence for each in self.statements for sentence in each.findings))


def plain(amount: int) -> str:
    """Millionths as decimal text, with two digits at least."""
    return money.plain(amount, 2)


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said, default=str, sort_keys=True).encode()).hexdigest()
