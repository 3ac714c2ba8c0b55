"""The one table of everything the sandbox can be made to do wrong, and the amounts and scripts that aim it.

The last three digits of an amount choose the fault: `…901` and so on. Ordinary amounts end in 0 and hit nothing. The amount at the source
aims at the source program, the amount at the target at the target program. A script aims at a kind of operation instead.
"""

from dataclasses import dataclass
from enum import StrEnum

ALL = frozenset({"hold", "capture", "release", "debit", "credit", "reverse", "claw_back"})
ANY_REQUEST = ALL | {"look_up", "member", "lots"}  # what a script may aim a fault of the transport at
OUT = frozenset({"hold", "debit"})
MOVES = frozenset({"hold", "debit", "credit"})


class Level(StrEnum):
    """What a fault spoils."""

    TRANSPORT = "transport"  # the whole HTTP answer, and so every operation of the request
    ANSWER = "answer"  # what is said of the one operation; it is applied all the same
    COURSE = "course"  # when and how the one operation is decided
    DECLINE = "decline"  # the one operation is refused, for good


@dataclass(frozen=True, slots=True)
class Fault:
    """One row: the digits, the name, what it spoils, which operations it can hit, whether the request is applied first."""

    digits: int
    name: str
    level: Level
    operations: frozenset[str]
    applied: bool
    says: str


def _transport(digits: int, name: str, says: str, *, applied: bool) -> Fault:
    return Fault(digits, name, Level.TRANSPORT, ANY_REQUEST, applied, says)


def _answer(digits: int, name: str, says: str) -> Fault:
    return Fault(digits, name, Level.ANSWER, ALL, True, says)


def _course(digits: int, name: str, says: str, operations: frozenset[str] = ALL) -> Fault:
    return Fault(digits, name, Level.COURSE, operations, True, says)


def _decline(digits: int, name: str, operations: frozenset[str], says: str) -> Fault:
    return Fault(digits, name, Level.DECLINE, operations, False, says)


TABLE = (
    _transport(901, "timeout_applied", "everything is applied; then silence, and the connection is cut", applied=True),
    _transport(902, "timeout_not_applied", "nothing is applied; silence, and the connection is cut", applied=False),
    _transport(903, "error_not_applied", "status 500; nothing is applied", applied=False),
    _transport(904, "error_applied", "status 500; everything is applied", applied=True),
    _transport(905, "too_many", "status 429 with Retry-After: 1; nothing is applied", applied=False),
    _transport(
        906, "garbage", "status 200, well signed, and the body is not JSON; everything is applied", applied=True
    ),
    _transport(
        907, "wrong_signature", "the answer is signed by a key nobody knows; everything is applied", applied=True
    ),
    _transport(908, "unsigned", "the answer carries no signature; everything is applied", applied=True),
    _transport(909, "slow", "the right answer, late; everything is applied at once", applied=True),
    _answer(911, "other_amount", "the answer names an amount that is one higher"),
    _answer(912, "other_account", "the answer names another account"),
    _answer(913, "missing_answer", "the operation is left out of the answer"),
    _answer(914, "surplus_answer", "the answer also speaks of an operation that was never asked"),
    _answer(915, "doubled_answer", "the answer speaks of the operation twice"),
    _answer(916, "other_unit", "the answer names another unit"),
    _answer(917, "other_operation", "the answer names another kind of operation"),
    _course(921, "pending_then_done", "pending; applied and done after the deciding time"),
    _course(922, "pending_then_declined", "pending; declined as `refused` after the deciding time"),
    _course(923, "pending_stuck", "pending, and never decided"),
    _course(924, "late_success", "declined as `refused`, and signed; after the deciding time applied all the same"),
    _course(925, "applied_late", "silence; unknown to look-ups until the deciding time, then applied"),
    _decline(931, "insufficient_points", OUT, "the member does not have the points"),
    _decline(932, "account_unknown", MOVES, "no member is known under this token"),
    _decline(933, "account_frozen", MOVES, "the account is frozen"),
    _decline(934, "account_closed", MOVES, "the account is closed"),
    _decline(935, "hold_expired", frozenset({"capture"}), "the hold runs out just before it is captured"),
    _decline(936, "hold_unknown", frozenset({"capture", "release"}), "no such hold is known"),
    _decline(937, "points_spent", frozenset({"reverse"}), "the credited points were spent"),
    _decline(938, "limit_exceeded", MOVES, "a limit of the program is exceeded"),
    _decline(939, "amount_off_step", MOVES, "the amount is not a multiple of the program's step"),
    _decline(941, "not_reversible", frozenset({"reverse"}), "the operation cannot be reversed"),
    _decline(942, "id_reused", MOVES, "the id was used before for something else"),
    _decline(943, "refused", MOVES, "refused for a reason the program does not name"),
    _decline(944, "capture_refused", frozenset({"capture"}), "refused (reason `refused`), on capture alone"),
)

BY_NAME = {fault.name: fault for fault in TABLE}
BY_DIGITS = {fault.digits: fault for fault in TABLE}
LOWEST = min(BY_DIGITS)


def of_amount(amount: int, operation: str) -> Fault | None:
    """The fault that the last three digits of this amount ask for, if it can hit this kind of operation."""
    digits = amount % 1000
    if digits < LOWEST:
        return None
    fault = BY_DIGITS.get(digits)
    return fault if fault is not None and operation in fault.operations else None


@dataclass(slots=True)
class Script:
    """A fault aimed at the next `times` operations of a kind or of any it can hit, of one account or of any."""

    fault: Fault
    operation: str | None
    account: str | None
    times: int

    def hits(self, operation: str, account: str) -> bool:
        """Whether this script is aimed at such an operation."""
        meant = self.operation == operation or (self.operation is None and operation in ALL & self.fault.operations)
        return meant and self.times > 0 and self.account in (None, account)


def script(fault: str, operation: str | None = None, account: str | None = None, times: int = 1) -> Script:
    """A script from plain words. Raises ValueError for a fault, an operation or a number that does not exist."""
    row = BY_NAME.get(fault)
    if row is None:
        message = f"no such fault: {fault}"
        raise ValueError(message)
    if operation is not None and operation not in row.operations:
        message = f"{fault} cannot hit {operation}"
        raise ValueError(message)
    if type(times) is not int or not 1 <= times <= 1_000_000:
        message = "times is a whole number from 1 to 1000000"
        raise ValueError(message)
    return Script(row, operation, account, times)
