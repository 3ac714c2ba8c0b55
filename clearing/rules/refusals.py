"""Expected refusals as values, in the order in which they are checked."""

from dataclasses import dataclass
from enum import StrEnum


class RefusalCode(StrEnum):
    """Why a well-formed and well-signed wish is not granted. Stable: partners branch on these."""

    # --- a quote
    UNKNOWN_PROGRAM = "unknown_program"
    """No program has this code."""
    UNKNOWN_ACCOUNT = "unknown_account"
    """No account has this token."""
    NOT_YOUR_MEMBER = "not_your_member"
    """The source account belongs to a program that the caller does not sign for."""
    MEMBER_UNKNOWN = "member_unknown"
    """The program knows no such member."""
    MEMBER_NOT_ACTIVE = "member_not_active"
    """The program says that this member's account is frozen or closed."""
    NAME_MISMATCH = "name_mismatch"
    """The program says that the name does not match."""
    CORRIDOR_CLOSED = "corridor_closed"
    """No corridor is open from this program to that one at this instant."""
    PRICE_MISSING = "price_missing"
    """A program of this corridor has no price in force."""
    BELOW_MINIMUM = "below_minimum"
    """The amount is below the corridor's minimum."""
    ABOVE_MAXIMUM = "above_maximum"
    """The amount is above the corridor's maximum."""
    AMOUNT_OFF_STEP = "amount_off_step"
    """The amount is not on the corridor's step; it is refused, never trimmed."""
    UNFUNDED_VALUE = "unfunded_value"
    """The target would be owed more than the source pays, and nobody funds the difference."""
    # --- a submit
    QUOTE_EXPIRED = "quote_expired"
    """The quote has expired; ask for a new one."""
    QUOTE_USED = "quote_used"
    """The quote was used by another exchange."""
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    """This Idempotency-Key was used with another body."""
    NET_DEBIT_CAP_EXCEEDED = "net_debit_cap_exceeded"
    """What the source partner owes, with what is pending, would exceed its net debit cap."""
    # --- a cancellation, a reversal, a case
    TOO_LATE = "too_late"
    """The credit is on its way or done; a reversal is the way back."""
    NOT_COMPLETED = "not_completed"
    """Only a completed exchange can be reversed."""
    REVERSAL_IN_PROGRESS = "reversal_in_progress"
    """An earlier reversal of this exchange has not ended."""
    REVERSAL_EXCEEDS = "reversal_exceeds"
    """More would be reversed than the exchange moved."""
    REVERSAL_TOO_SMALL = "reversal_too_small"
    """The part to reverse is too small: it is worth no whole unit of the target."""
    NOT_REVERSIBLE = "not_reversible"
    """One of the two programs declares that it cannot reverse."""
    CASE_CLOSED = "case_closed"
    """The case is resolved already, or cannot take this decision."""
    # --- an agreement, cover
    NOTICE_TOO_SHORT = "notice_too_short"
    """The version would begin before the notice that the agreement in force promises."""
    SECOND_KEY_NEEDED = "second_key_needed"
    """A change of terms or cover takes two live keys of two operators; this one alone does not confirm it."""
    REFERENCE_USED = "reference_used"
    """Another movement of this partner's cover has this reference."""
    COVER_NEEDED = "cover_needed"
    """What the partner owes, with what is pending, needs the cover that would leave."""


STATUS: dict[RefusalCode, int] = {
    RefusalCode.UNKNOWN_PROGRAM: 404,
    RefusalCode.UNKNOWN_ACCOUNT: 404,
    RefusalCode.NOT_YOUR_MEMBER: 403,
    RefusalCode.TOO_LATE: 409,
    RefusalCode.NOT_COMPLETED: 409,
    RefusalCode.REVERSAL_IN_PROGRESS: 409,
    RefusalCode.QUOTE_USED: 409,
    RefusalCode.CASE_CLOSED: 409,
    RefusalCode.SECOND_KEY_NEEDED: 403,
    RefusalCode.REFERENCE_USED: 409,
}
"""HTTP status hints; every other refusal is 422."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A typed no: the code to branch on and a sentence for a person."""

    code: RefusalCode
    detail: str

    @property
    def status(self) -> int:
        """The HTTP status hint."""
        return STATUS.get(self.code, 422)
