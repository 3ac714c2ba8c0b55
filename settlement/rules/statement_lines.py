"""The lines of a statement, and the one way in which a line is written: what the seal commits to, byte for byte.

Money inside is whole millionths ("micros") of the major unit; written, it is a decimal number of major units with six digits.
"""

import json
import re
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from operator import attrgetter
from typing import Any

from clearing.rules.units import AMOUNT_MAX, MICRO
from settlement.rules.money import MICRO_DIGITS, written

TEXT_MAX = 140

_CODE = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?")
_DECIMAL = re.compile(r"-?(?:0|[1-9][0-9]{0,24})(?:\.[0-9]{1,6})?")
_FORMULA = frozenset("=+-@")  # a text that begins so is a formula to a spreadsheet
_encoded = json.JSONEncoder(ensure_ascii=False, sort_keys=True, separators=(",", ":")).encode
_quoted = json.encoder.encode_basestring
_codes: set[str] = set()
"""Codes that were found to be ones: a statement of a million lines has some hundred counterparties."""
_CODES_MAX = 100_000


class StatementError(ValueError):
    """A figure of a statement that cannot be. `figure` names it."""

    def __init__(self, figure: str, detail: str) -> None:
        super().__init__(f"{figure}: {detail}")
        self.figure = figure


class LineKind(StrEnum):
    """What a line is for: the kinds of exchange, what undoes them, and what the house itself books in a window."""

    EXCHANGE = "exchange"
    TRANSFER = "transfer"
    GIFT = "gift"
    DONATION = "donation"
    CASH_BACK = "cash_back"
    ACCRUAL = "accrual"
    PURCHASE = "purchase"
    REDEMPTION = "redemption"
    REVERSAL = "reversal"
    """Of points that went from one program to another."""
    CLAWBACK = "clawback"
    """Of points that were issued."""
    REFUND = "refund"
    """Of points that were spent."""
    FEE = "fee"
    """What the agreement charges for a window and not for an exchange."""
    SHARE = "share"
    """A share of revenue, or of what a campaign cost."""
    INTEREST = "interest"
    """On what was paid late."""
    ADJUSTMENT = "adjustment"
    """A correction of an earlier window; windows themselves never change."""


RETURNS = frozenset({LineKind.REVERSAL, LineKind.CLAWBACK, LineKind.REFUND})
ADJUSTMENTS = frozenset({LineKind.INTEREST, LineKind.ADJUSTMENT})


@dataclass(frozen=True, slots=True)
class Line:
    """One line. Law: it moves what the house owes the partner by credit - debit - fee - funding; none of the four contains another.

    `debit` and `credit` are never negative; `fee` and `funding` are negative where they are given back.
    """

    kind: LineKind
    at: datetime
    counterparty: str
    debit: int = 0
    credit: int = 0
    fee: int = 0
    funding: int = 0
    sent: int = 0
    received: int = 0
    exchange: str = ""
    reference: str = ""

    def __post_init__(self) -> None:
        """Refuse a line that cannot be written, or not in one way only."""
        if self.counterparty not in _codes:
            _keep_code(self.counterparty)
        require_instant("at", self.at)
        require_text("exchange", self.exchange)
        require_text("reference", self.reference)
        if not (
            0 <= self.debit <= AMOUNT_MAX
            and 0 <= self.credit <= AMOUNT_MAX
            and 0 <= self.sent <= AMOUNT_MAX
            and 0 <= self.received <= AMOUNT_MAX
            and -AMOUNT_MAX <= self.fee <= AMOUNT_MAX
            and -AMOUNT_MAX <= self.funding <= AMOUNT_MAX
        ):
            self._refuse_amount()

    def _refuse_amount(self) -> None:
        """Say which amount cannot be."""
        for name in ("debit", "credit", "sent", "received"):
            if not 0 <= getattr(self, name) <= AMOUNT_MAX:
                raise StatementError(name, f"is from 0 to {AMOUNT_MAX}")
        for name in ("fee", "funding"):
            if abs(getattr(self, name)) > AMOUNT_MAX:
                raise StatementError(name, f"is at most {AMOUNT_MAX} either way")

    @property
    def net(self) -> int:
        """What the line adds to what the house owes the partner."""
        return self.credit - self.debit - self.fee - self.funding


COLUMNS = (
    "line", "kind", "at", "exchange", "counterparty", "sent", "received", "debit", "credit", "fee", "funding", "reference",
)  # fmt: skip
"""The columns of a line, in the order in which files show them. The order is a contract: another order is another schema."""
MONEY = ("debit", "credit", "fee", "funding")
POINTS = ("sent", "received")

order = attrgetter("counterparty", "at", "kind", "exchange", "reference", *MONEY, *POINTS)
"""The order of lines: by counterparty, then by time."""


def record(line: Line, number: int) -> dict[str, Any]:
    """The line as its columns say it: amounts as decimal text, points as whole numbers, `number` counted from 1."""
    return {
        "line": number,
        "kind": line.kind.value,
        "at": instant(line.at),
        "exchange": line.exchange,
        "counterparty": line.counterparty,
        "sent": line.sent,
        "received": line.received,
        "debit": decimal(line.debit),
        "credit": decimal(line.credit),
        "fee": decimal(line.fee),
        "funding": decimal(line.funding),
        "reference": line.reference,
    }


def cells(line: Line, number: int) -> tuple[str, ...]:
    """The values of a record as JSON writes them, by the names of the columns in their order: what `WRITTEN` puts together."""
    return (
        f'"{line.at.isoformat()[:-6]}Z"',
        f'"{line.counterparty}"',
        _amount(line.credit) if line.credit else _NOTHING,
        _amount(line.debit) if line.debit else _NOTHING,
        _quoted(line.exchange),
        _amount(line.fee) if line.fee else _NOTHING,
        _amount(line.funding) if line.funding else _NOTHING,
        _KINDS[line.kind],
        str(number),
        str(line.received),
        _quoted(line.reference) if line.reference else '""',
        str(line.sent),
    )


_NOTHING = '"0.000000"'


_KINDS = {kind: f'"{kind.value}"' for kind in LineKind}
CELLS = tuple(sorted(COLUMNS))
"""The columns in the order in which `cells` has them."""
WRITTEN = "{" + ",".join(f'"{name}":%s' for name in CELLS) + "}"
"""Law: `WRITTEN % cells(line, number)` are the bytes of `canonical(record(line, number))`, for a tenth of the work."""


def _amount(amount: int) -> str:
    return f'"{amount // MICRO}.{amount % MICRO:06}"' if amount > 0 else f'"{decimal(amount)}"'


def canonical(said: Any) -> bytes:
    """The one way to write it: JSON in UTF-8, names sorted, no spaces (RFC 8785, for texts, whole numbers and lists of them)."""
    return _encoded(said).encode(errors="surrogatepass")  # what strangers wrote is hashed, never refused here


def read_record(said: dict[str, Any]) -> Line:
    """The line of a record. Raises StatementError for what is no line; that it is written in the one way is for its reader to see."""
    if set(said) != set(COLUMNS):
        raise StatementError("line", "a line has other columns")
    for name, value in said.items():
        wanted = int if name in POINTS or name == "line" else str
        if type(value) is not wanted:
            raise StatementError(name, "is of another type")
    if said["kind"] not in list(LineKind):
        raise StatementError("kind", "no such kind")
    return Line(
        kind=LineKind(said["kind"]),
        at=read_instant("at", said["at"]),
        counterparty=said["counterparty"],
        exchange=said["exchange"],
        reference=said["reference"],
        sent=said["sent"],
        received=said["received"],
        **{name: scaled(name, said[name], MICRO_DIGITS) for name in MONEY},
    )


# --- how figures are written


def decimal(amount: int, digits: int = MICRO_DIGITS) -> str:
    """`amount` units of 10^-digits as a decimal number; zero has no sign."""
    return written(amount, digits)


def scaled(figure: str, text: object, digits: int) -> int:
    """The units of 10^-digits of a decimal number; only what `decimal` writes is one."""
    if isinstance(text, str) and _DECIMAL.fullmatch(text):
        whole, _, rest = text.partition(".")
        found = int(whole + rest)
        if len(rest) == digits and decimal(found, digits) == text:
            return found
    raise StatementError(figure, f"is not a decimal number with {digits} digits")


def unit(digits: int) -> int:
    """The micros in the smallest unit of a currency with so many digits."""
    return MICRO // int(10**digits)


def instant(at: datetime) -> str:
    """An instant as RFC 3339 writes it, in UTC."""
    return at.isoformat().removesuffix("+00:00") + "Z"


def read_instant(figure: str, text: object) -> datetime:
    """The instant that `instant` wrote so."""
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else None
    except ValueError:
        found = None
    if found is None or found.utcoffset() is None or instant(found.astimezone(UTC)) != text:
        raise StatementError(figure, "is not an instant in UTC")
    return found.astimezone(UTC)


def _keep_code(text: str) -> None:
    require_code("counterparty", text)
    if len(_codes) < _CODES_MAX:
        _codes.add(text)


def require_code(figure: str, text: str) -> None:
    """A code: small letters, digits, hyphens."""
    if _CODE.fullmatch(text) is None:
        raise StatementError(figure, "is not a code")


def require_text(figure: str, text: str) -> None:
    """A text that every format can carry: printable, no spaces around it, not too long, and no spreadsheet takes it for a formula."""
    if text and (len(text) > TEXT_MAX or not text.isprintable() or text.strip() != text or text[0] in _FORMULA):
        raise StatementError(
            figure, f"is printable text of at most {TEXT_MAX} characters that does not begin like a formula"
        )


def require_instant(figure: str, at: datetime) -> None:
    """An instant with its zone, which is UTC."""
    if at.tzinfo is not UTC:
        raise StatementError(figure, "is not an instant in UTC")
