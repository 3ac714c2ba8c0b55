"""What a program and the house say to each other: operations, results, and every reason for a refusal with its sentence."""

from dataclasses import dataclass
from enum import StrEnum

AMOUNT_HIGHEST = 2**53 - 1


class Reason(StrEnum):
    """Why an operation is declined. A decline is final: the same id gets the same answer for ever."""

    INSUFFICIENT_POINTS = "insufficient_points"  # The member does not have the points, or they are held.
    ACCOUNT_UNKNOWN = "account_unknown"  # No member is known under this token.
    ACCOUNT_FROZEN = "account_frozen"  # The account may not move points now.
    ACCOUNT_CLOSED = "account_closed"  # The account was closed.
    HOLD_EXPIRED = "hold_expired"  # The hold ran out before it was captured; the points are the member's again.
    HOLD_UNKNOWN = "hold_unknown"  # No hold of this account and unit is known under the id referred to.
    HOLD_ENDED = "hold_ended"  # The hold was captured or released before.
    POINTS_SPENT = "points_spent"  # The credited points are no longer there to be taken back.
    LIMIT_EXCEEDED = "limit_exceeded"  # The program allows no operation of this size.
    ID_REUSED = "id_reused"  # This id was used before with other content; what was done then stands.
    AMOUNT_OFF_STEP = "amount_off_step"  # The amount is not a multiple of the program's step.
    AMOUNT_EXCEEDS_ORIGINAL = "amount_exceeds_original"  # More than what is left of the operation referred to.
    NOT_REVERSIBLE = (
        "not_reversible"  # What is referred to is no done capture, debit or credit, or is never reversed here.
    )
    UNIT_UNKNOWN = "unit_unknown"  # The program does not keep this unit.
    OPERATION_NOT_OFFERED = "operation_not_offered"  # The program does not know this kind of operation.
    REFUSED = "refused"  # The program refuses and does not say why.


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation as the house asks for it."""

    id: str
    operation: str
    account: str
    unit: str
    amount: int
    refers: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """What the program answers of one operation."""

    id: str
    operation: str
    account: str
    unit: str
    amount: int
    result: str
    reason: str | None = None
    lots: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True, slots=True)
class Terms:
    """What this program is: its unit, its capabilities, and its sizes. Times in milliseconds."""

    program: str
    unit: str
    hold_ms: int = 900_000  # 0: knows no holds
    idempotent: bool = True
    look_up: bool = True
    reversal: bool = True
    batch: int = 100
    step: int = 1
    limit: int = AMOUNT_HIGHEST
    balance: int = 1_000_000_000
    below_zero: bool = False  # claws back what was spent: the balance goes below zero
    decide_ms: int = 1_000
    fault_times: int = 1
    lot_months: int | None = None  # how long earned points live; 0: for ever; None: keeps no lots
    lots_wrong: str | None = None  # a mistake with lots that a check must find
