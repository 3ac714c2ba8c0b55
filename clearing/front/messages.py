"""What travels on the wire: frozen models, nothing unknown, whole numbers only. Changing a name here changes signed bytes."""

from datetime import UTC, datetime
from typing import Annotated, Any, Literal, Self
from uuid import UUID

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from clearing.rules.agreements import Bearer
from clearing.rules.kinds import Nature
from clearing.rules.lifecycle import Kind, Path, State
from clearing.rules.units import AMOUNT_MAX


def _uuid(value: object) -> object:
    """Only the form that we write ourselves: 36 characters, lower case."""
    if isinstance(value, str):
        try:
            found = UUID(value)
        except ValueError:
            return None
        return found if str(found) == value else None
    return value


def _instant(value: object) -> object:
    """In UTC, where it must be a date too: the database would keep the last day of the year 0, and never give it back."""
    if isinstance(value, str):
        try:
            found = datetime.fromisoformat(value)
            return found if found.tzinfo is None else found.astimezone(UTC)
        except (ValueError, OverflowError):
            return None
    return value


Amount = Annotated[
    int, Field(gt=0, le=AMOUNT_MAX, strict=True, description="whole units of the program, 1 to 2^53 - 1")
]
Micro = Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="millionths of the common unit")]
Total = Annotated[str, Field(pattern=r"^-?[0-9]{1,19}$", description="millionths of the common unit; may pass 2^53")]
Token = Annotated[UUID, BeforeValidator(_uuid)]
Code = Annotated[str, Field(min_length=1, max_length=64)]
Next = Annotated[str | None, Field(description="what the next page is `after`; null: this is the last one")]
Instant = Annotated[AwareDatetime, BeforeValidator(_instant), Field(description="RFC 3339, with its zone")]


class Wish(BaseModel):
    """What a caller may send."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Said(BaseModel):
    """What the house answers."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class AccountWish(Wish):
    """Link a member: the program is asked once, and the membership number travels as a token from then on."""

    program: Code
    member: Annotated[
        str, Field(min_length=1, max_length=64, description="the membership number; sealed at rest, never logged")
    ]
    name: Annotated[str, Field(min_length=1, max_length=200)] | None = None


class AccountSaid(Said):
    """The token of a linked member, and what the program says of the member."""

    account: Token
    program: Code
    masked: str
    status: str
    name_match: str | None
    tier: str | None
    balance: int | None


QuotedKind = Literal["exchange", "transfer", "gift", "donation", "cash_back"]


class QuoteWish(Wish):
    """What would it cost? Either the points to send, or the units that should arrive."""

    source_account: Token
    target_account: Token
    kind: Annotated[
        QuotedKind,
        Field(
            description="exchange: for the same member; transfer, gift (within a program): for another; donation: to a "
            "program of a charity; cash_back: to a program of money"
        ),
    ] = "exchange"
    sent: Amount | None = None
    received: Amount | None = None
    tier: Code | None = None
    card: Annotated[str, Field(min_length=1, max_length=64, description="the card that the member holds")] | None = None
    channel: Code | None = None
    segments: Annotated[tuple[Code, ...], Field(strict=False, max_length=20)] = ()

    @model_validator(mode="after")
    def _one_amount(self) -> Self:
        if (self.sent is None) == (self.received is None):
            raise ValueError("say sent or received, one of them")
        return self


class Side(Said):
    """One side of an exchange."""

    program: Code
    account: Token
    amount: Annotated[int, Field(ge=0, le=AMOUNT_MAX)]


class Arrival(Said):
    """How long it will probably take; a promise of nothing."""

    estimate_seconds: int


class NewExpiry(Said):
    """What becomes of an expiry: the target's rule for new units, counted from the quote."""

    expires_at: Annotated[Instant | None, Field(description="null: never")]
    months: Annotated[int, Field(ge=0, description="months of the calendar that a new unit lives; 0: for ever")]


class ExpirySaid(Said):
    """So many of the points to send, when they expire now, and when the units do that they become."""

    amount: Amount
    expires_at: Annotated[Instant | None, Field(description="null: never")]
    becomes: Annotated[NewExpiry | None, Field(description="null: the target does not tell how long its units live")]


class BonusSaid(Said):
    """What one funder pays of a bonus."""

    campaign: str
    funder: str
    units: Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
    value: Micro


class FeeSaid(Said):
    """A fee that the rate card charges the member beside the points sent: points that its program keeps, or value."""

    rule: str
    points: Annotated[int, Field(ge=0, le=AMOUNT_MAX)]
    value: Micro
    collected_by: Annotated[Code, Field(description="the partner that takes it from its member; the house never does")]
    to_house: Annotated[
        bool, Field(description="that partner owes the value to the house, as a part of `debit` and `fee`")
    ]


class ChargeSaid(FeeSaid):
    """The same in a quote, with why it is less than its rate."""

    capped: bool
    waived: bool


class QuoteSaid(Said):
    """Exact terms, as a signed token. Used once, honoured until it expires."""

    quote: Annotated[str, Field(description="the token to submit (JWS)")]
    quote_id: Token
    kind: Kind
    source: Side
    target: Side
    debit: Micro
    credit: Micro
    fee: Micro
    rounding: Micro
    expires_at: Instant
    arrival: Arrival
    terms_version: str
    base: Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="units that the points give, without any bonus")]
    bonus: list[BonusSaid]
    bonus_after_days: Annotated[int, Field(ge=0, description="0: with the base")]
    remainder: Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="points off the step that stay with the member")]
    charges: list[ChargeSaid]
    expiry: Annotated[
        list[ExpirySaid] | None,
        Field(
            description="the lots that would be used, oldest first, adding up to the amount of the source; no promise. null: the source "
            "program tells no lots, or too few for this amount, or did not answer within a second"
        ),
    ]


Device = Annotated[
    str,
    Field(
        pattern=r"^[!-~](?:[ -~]{0,198}[!-~])?$",
        description="the caller's token of the device that asks; kept as a keyed hash, never shown or logged",
    ),
]


class ExchangeWish(Wish):
    """Do it, at the terms of this quote."""

    quote: Annotated[str, Field(min_length=1, max_length=8192)]
    device: Device | None = None


class CarriedSaid(Said):
    """A late item: it was accepted in one window, and is settled in a later one. A sealed window never changes."""

    window: Annotated[str, Field(description="the window that it was carried to, as the calendar names it")]
    accepted_in: Annotated[str, Field(description="the window whose cut-off it missed")]
    reason: Literal["credited_after_cut_off"]


class ExchangeSaid(Said):
    """An exchange of any kind, or a reversal of one, as the books have it now. The partner itself is the side that has no program."""

    exchange: Token
    kind: Kind
    path: Path
    original: Token | None
    state: State
    reason: str | None
    source: Annotated[Side | None, Field(description="null: the partner issues and pays")]
    target: Annotated[Side | None, Field(description="null: the points are spent at the partner, which is paid")]
    debit: Micro
    credit: Micro
    fee: Micro
    rounding: Micro
    occurred_at: Instant | None
    reference: Annotated[str | None, Field(description="the partner's receipt number")]
    capture_by: Annotated[Instant | None, Field(description="when points that are held are released by themselves")]
    held: Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="points that are held for a capture now")]
    captured: Annotated[int, Field(ge=0, le=AMOUNT_MAX, description="points of the hold that the partner captures")]
    reserved_at: Instant
    posted_at: Instant | None
    ended_at: Instant | None
    window: int | None
    carried_to: CarriedSaid | None
    reversed: Annotated[
        int,
        Field(
            ge=0, le=AMOUNT_MAX, description="points given back so far, counted as sent, or as issued if none were sent"
        ),
    ]
    shortfall: Annotated[
        int, Field(ge=0, le=AMOUNT_MAX, description="of a reversal: units that were spent, and that its `bearer` bears")
    ]
    bearer: Annotated[
        Bearer | None, Field(description="of a reversal: who bears what the target cannot take back, as agreed")
    ]
    charges: Annotated[
        list[FeeSaid], Field(description="what the member is charged beside the points; none of a reversal")
    ]
    terms_version: str
    receipt: Annotated[str, Field(description="signed receipt (JWS), provable offline")]


class CancelWish(Wish):
    """Stop it, if the target has not been asked yet."""


class ReversalWish(Wish):
    """Give points back, all that is left or a part, at the original terms."""

    sent: Annotated[
        Amount | None,
        Field(description="points to give back, counted as they were sent, or as they were issued if none were sent"),
    ] = None
    reason: Annotated[str, Field(min_length=1, max_length=200)]


class ProofSaid(Said):
    """What makes a receipt provable without us: the place in the log and the way to a signed root."""

    receipt: str
    index: int
    size: int
    path: list[str]
    checkpoint: Annotated[str, Field(description="signed note (C2SP)")]


class ConsistencySaid(Said):
    """What makes it provable that the log only grew: the way from an earlier head to the one that is signed here."""

    since: int
    size: int
    path: list[str]
    checkpoint: Annotated[str, Field(description="signed note (C2SP)")]


class PositionSaid(Said):
    """What a partner owes (plus) or is owed (minus), and how far it may go."""

    partner: Code
    granted: Total
    position: Total
    pending: Total
    unit: Literal["millionths"]


class ProgramSaid(Said):
    """A program and what it declares that it can do."""

    program: Code
    partner: Code
    name: str
    unit_name: str
    nature: Nature
    capabilities: dict[str, Any]


class ProgramsSaid(Said):
    """All programs of the scheme."""

    programs: list[ProgramSaid]


class KeyWish(Wish):
    """A public key, and a proof that the sender holds the private one."""

    jwk: dict[str, Any]
    purpose: Literal["requests", "answers"]
    proof: Annotated[str, Field(min_length=1, max_length=2048)]


class RevokeWish(Wish):
    """Take a key out of use, at once."""

    compromised_since: Instant | None = None


class KeySaid(Said):
    """A registered key."""

    key_id: str
    purpose: str
    environment: str
    alg: str
    jwk: dict[str, Any]
    registered_at: Instant
    not_before: Instant
    expires_at: Instant | None
    revoked_at: Instant | None
    compromised_since: Instant | None


class DoubtSaid(Said):
    """Something in the log that rests on a key which was in other hands."""

    seq: int
    exchange: UUID
    event: Literal["reserved", "reversal_reserved", "cancelled", "case_resolved"]
    at: Instant


class RevokedSaid(KeySaid):
    """A revoked key, and what it asked for or decided since it was compromised; `more`: these are only the first of them."""

    in_doubt: list[DoubtSaid]
    more: bool


class KeysSaid(Said):
    """The caller's keys."""

    keys: list[KeySaid]
