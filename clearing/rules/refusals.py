"""Expected refusals as values, in the order in which they are checked."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RefusalCode(StrEnum):
    """Why a well-formed and well-signed wish is not granted. Stable: partners branch on these."""

    # --- a quote
    UNKNOWN_PROGRAM = "unknown_program"
    """No program has this code."""
    UNKNOWN_ACCOUNT = "unknown_account"
    """No account has this token."""
    NOT_YOUR_MEMBER = "not_your_member"
    """The account belongs to a program that the caller does not sign for."""
    CONSENT_MISSING = "consent_missing"
    """The member's consent does not cover this caller and this kind of movement, or was withdrawn."""
    ACCOUNT_CLOSED = "account_closed"
    """The account was closed, merged into another, or erased."""
    NOT_LINKED = "not_linked"
    """The two accounts are not linked, and one of the programs wants that."""
    LINK_TOO_NEW = "link_too_new"
    """The link is younger than a program wants."""
    # --- a member, a link
    MEMBER_UNKNOWN = "member_unknown"
    """The program knows no such member."""
    MEMBER_NOT_ACTIVE = "member_not_active"
    """The program says that this member's account is frozen or closed."""
    NAME_MISMATCH = "name_mismatch"
    """The program says that the name does not match."""
    ACCOUNT_TOO_NEW = "account_too_new"
    """The member's account is younger than its program wants of accounts that are linked."""
    ALREADY_LINKED = "already_linked"
    """The account may be linked to one account of that program, and is."""
    LINK_ENDED = "link_ended"
    """The link has ended; a new one takes a new consent."""
    # --- a price
    KIND_MISMATCH = "kind_mismatch"
    """This kind of exchange does not lead from this program or account to that one."""
    CHANNEL_NOT_GRANTED = "channel_not_granted"
    """The program has not granted the caller the right to do this with its points."""
    OCCURRED_OUT_OF_RANGE = "occurred_out_of_range"
    """What points are issued for, spent on or claimed for lies in the future, or too long ago."""
    HOLD_NOT_OFFERED = "hold_not_offered"
    """The program does not hold points long enough for a capture later."""
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
    CHANNEL_CLOSED = "channel_closed"
    """The rate card is not open at this instant for the channel that asks."""
    RATE_MISSING = "rate_missing"
    """The rate card has no rate for this tier, card held and channel at this instant."""
    LIMIT_EXCEEDED = "limit_exceeded"
    """The amount is more than a limit leaves: of the rate card, for this exchange, day, month or year, or of the house."""
    # --- a submit
    QUOTE_EXPIRED = "quote_expired"
    """The quote has expired; ask for a new one."""
    QUOTE_USED = "quote_used"
    """The quote was used by another exchange."""
    IDEMPOTENCY_KEY_REUSED = "idempotency_key_reused"
    """This Idempotency-Key was used with another body."""
    NET_DEBIT_CAP_EXCEEDED = "net_debit_cap_exceeded"
    """What a partner that pays owes, with what is pending, would exceed its net debit cap."""
    CAMPAIGN_EXHAUSTED = "campaign_exhausted"
    """The budget of a campaign leaves no room for this bonus; ask for a new quote."""
    REFERENCE_USED = "reference_used"
    """This receipt number, or reference of a movement of cover, was used by another that stands."""
    # --- a cancellation, a reversal, a case
    TOO_LATE = "too_late"
    """The credit is on its way or done; a reversal is the way back."""
    NOT_HELD = "not_held"
    """No points are held for a capture: not yet, or not any more."""
    CAPTURE_EXCEEDS = "capture_exceeds"
    """More would be captured than is held."""
    CLAIM_CLOSED = "claim_closed"
    """The claim is decided: its receipt was paid."""
    BONUS_PENDING = "bonus_pending"
    """The bonus of this exchange is on its way; reverse it when that has arrived."""
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
    ADJUSTMENT_DIFFERS = "adjustment_differs"
    """An adjustment or payment of this id stands in the books with other words."""
    # --- an agreement, cover
    NOTICE_TOO_SHORT = "notice_too_short"
    """The version would begin before the notice that the agreement in force promises."""
    SECOND_KEY_NEEDED = "second_key_needed"
    """A change of terms or cover takes two live keys of two operators; this one alone does not confirm it."""
    VERSION_TAKEN = "version_taken"
    """Another version of these terms was published meanwhile; publish this one as the next."""
    SHORTFALL_NOT_OFFERED = "shortfall_not_offered"
    """A program of the partner takes no balance below zero, so its members cannot bear what a claw-back leaves."""
    COVER_NEEDED = "cover_needed"
    """What the partner owes, with what is pending, needs the cover that would leave."""
    # --- a campaign's budget
    BUDGET_PROMISED = "budget_promised"
    """More is promised already than the campaign could then spend."""
    BUDGET_CHANGED = "budget_changed"
    """The campaign's budget was changed since this was proposed; propose it anew."""

    # --- a settlement run
    WINDOW_NOT_SEALED = "window_not_sealed"
    """The window is still open: it can be settled once its cut-off has passed and it is sealed."""
    WINDOW_IN_RUN = "window_in_run"
    """The window is in another settlement run that was not aborted."""
    RUN_NOT_READY = "run_not_ready"
    """The settlement run is not in the state that this step needs."""
    RUN_DIFFERS = "run_differs"
    """The settlement run says something else than what is approved, or its books do by now."""
    RATES_NOT_IN_FORCE = "rates_not_in_force"
    """No rate set of this name is published, or it may not be gone by on a day on which the run pays."""
    RATES_NOT_OF_SCHEME = "rates_not_of_scheme"
    """The rate set does not give the scheme's currency, which is the common unit, as exactly 1."""
    TERMS_DIFFER = "terms_differ"
    """The draft of a run says other terms of a partner than its agreement does."""
    ONE_CURRENCY_NEEDED = "one_currency_needed"
    """Parties that pay each other, and not the house, are all paid in one currency."""
    TAX_UNKNOWN = "tax_unknown"
    """A fee is to be invoiced, and no tax table in force says how it is taxed."""


STATUS: dict[RefusalCode, int] = {
    RefusalCode.UNKNOWN_PROGRAM: 404,
    RefusalCode.UNKNOWN_ACCOUNT: 404,
    RefusalCode.NOT_YOUR_MEMBER: 403,
    RefusalCode.CONSENT_MISSING: 403,
    RefusalCode.CHANNEL_NOT_GRANTED: 403,
    RefusalCode.ACCOUNT_CLOSED: 409,
    RefusalCode.ALREADY_LINKED: 409,
    RefusalCode.LINK_ENDED: 409,
    RefusalCode.TOO_LATE: 409,
    RefusalCode.NOT_COMPLETED: 409,
    RefusalCode.REVERSAL_IN_PROGRESS: 409,
    RefusalCode.QUOTE_USED: 409,
    RefusalCode.REFERENCE_USED: 409,
    RefusalCode.NOT_HELD: 409,
    RefusalCode.CLAIM_CLOSED: 409,
    RefusalCode.BONUS_PENDING: 409,
    RefusalCode.CASE_CLOSED: 409,
    RefusalCode.ADJUSTMENT_DIFFERS: 409,
    RefusalCode.BUDGET_CHANGED: 409,
    RefusalCode.SECOND_KEY_NEEDED: 403,
    RefusalCode.VERSION_TAKEN: 409,
    RefusalCode.WINDOW_NOT_SEALED: 409,
    RefusalCode.WINDOW_IN_RUN: 409,
    RefusalCode.RUN_NOT_READY: 409,
    RefusalCode.RUN_DIFFERS: 409,
    RefusalCode.TAX_UNKNOWN: 409,
}
"""HTTP status hints; every other refusal is 422."""

REMEDY: dict[RefusalCode, str] = {
    RefusalCode.MEMBER_UNKNOWN: "Check the membership number.",
    RefusalCode.MEMBER_NOT_ACTIVE: "Ask the program to make the account active again.",
    RefusalCode.NAME_MISMATCH: "Make the name the same as in the account at the program, then link again.",
    RefusalCode.ACCOUNT_TOO_NEW: "Link again when the account is old enough; `fits_from` says when.",
    RefusalCode.ALREADY_LINKED: "Unlink the other account first.",
    RefusalCode.ACCOUNT_CLOSED: "Link an account that is open.",
    RefusalCode.LINK_ENDED: "Link the two accounts again.",
    RefusalCode.NOT_LINKED: "Link the two accounts first.",
    RefusalCode.LINK_TOO_NEW: "Ask again when the link is old enough; `fits_from` says when.",
    RefusalCode.CONSENT_MISSING: "Give consent, to this partner and for this, at the source's program.",
}
"""What the member can do about a refusal that the member can mend."""


@dataclass(frozen=True, slots=True)
class Refusal:
    """A typed no: the code to branch on and a sentence for a person.

    `side` is source or target where only one of the two stands in the way, `fits_from` the instant from which it will not.
    Where a rate card refuses, `rule` names the rule of the card and `next_valid` the nearest amounts that would fit, ascending.
    """

    code: RefusalCode
    detail: str
    side: str | None = None
    fits_from: datetime | None = None
    rule: str = ""
    next_valid: tuple[int, ...] = ()

    @property
    def status(self) -> int:
        """The HTTP status hint."""
        return STATUS.get(self.code, 422)
