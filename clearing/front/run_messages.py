"""What travels about settlement runs: frozen models like those of `messages`. Money outside is decimal text in major units."""

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import ConfigDict, Field

from clearing.front.messages import Code, Instant, Said, Total, Wish
from clearing.front.statement_messages import Digest, StatementSaid

Currency = Annotated[str, Field(pattern="^[A-Z]{3}$", description="ISO 4217")]
Day = Annotated[str, Field(pattern="^[0-9]{4}-[0-9]{2}-[0-9]{2}$", description="a date, as ISO 8601 writes it")]
Decimal = Annotated[
    str, Field(pattern=r"^[0-9]{1,13}(\.[0-9]{1,12})?$", description="a decimal in major units, without a sign")
]
Named = Annotated[str, Field(pattern=r"^[!-~](?:[ -~]{0,98}[!-~])?$")]
Party = Annotated[str, Field(pattern="^[!-~]{1,64}$", description="the code of a partner, or of a window")]
Direction = Literal["pay_in", "pay_out", "direct"]
State = Literal["held", "drafted", "previewed", "approved", "frozen", "instructed", "paying", "settled", "aborted"]


class TermsWish(Wish):
    """How a partner is paid, and what it owes when it pays late: basis points a year, over 360 or 365 days.

    What its agreement says of that holds, and something else is refused. Where neither says it, it is paid in the run's currency and owes
    nothing.
    """

    partner: Party
    currency: Currency | None = None
    interest_basis_points: Annotated[int | None, Field(ge=0, le=10_000)] = None
    year_days: Literal[360, 365] | None = None


class RunWish(Wish):
    """Settle these sealed windows. Who has terms neither in an agreement nor here is paid in `currency`; what touches a suspended one is
    parked.

    `value_date` is the published calendar's for the last window: it is needed where no scheme gives one, and a different one is refused.
    `model` says who pays whom: everybody the house, or parties each other, of whom all are then paid in one currency.
    """

    windows: Annotated[tuple[Party, ...], Field(strict=False, min_length=1, max_length=60)]
    value_date: Day | None = None
    currency: Currency
    rates: Annotated[
        str, Field(pattern="^[!-~]{1,64}$", description="name of a published rate set, in force on the value date")
    ]
    terms: Annotated[tuple[TermsWish, ...], Field(strict=False, max_length=150)] = ()
    suspended: Annotated[tuple[Party, ...], Field(strict=False, max_length=100)] = ()
    model: Literal["multilateral", "bilateral", "gross", "fewest"] = "multilateral"


class ApproveWish(Wish):
    """Approve exactly this result: the first key's word is the preview, another operator's key approves."""

    result_sha256: Digest


class FreezeWish(Wish):
    """Make an approved run final and instruct its payments."""


class AbortWish(Wish):
    """End a run that is not frozen."""

    reason: Annotated[str, Field(min_length=1, max_length=200)]


class BookedWish(Wish):
    """One payment as the bank booked it. `bank_reference` is the bank's own name for the booking."""

    instruction: Annotated[str, Field(pattern="^[A-Z0-9]{1,35}$")]
    direction: Direction
    currency: Currency
    amount: Decimal
    booked_on: Day
    bank_reference: Named


class ConfirmationsWish(Wish):
    """What the bank's file says of a run's payments."""

    confirmations: Annotated[tuple[BookedWish, ...], Field(strict=False, min_length=1, max_length=150)]


class OverdueWish(Wish):
    """Book the interest of every payment of a partner that is overdue today, from where it was accrued to before."""


class AccruedSaid(Said):
    """Interest of one payment, from one day up to another, in millionths of the common unit: `partner` owes it to `payee`."""

    run: str
    instruction: str
    partner: Code
    payee: Code
    since: Day
    until: Day
    interest: Total


class OverdueSaid(Said):
    """What was accrued now: nothing where it was accrued today before."""

    accrued: list[AccruedSaid]


class WarningSaid(Said):
    """Who could not be paid what the run owes it, as bank details stand now."""

    partner: Code
    detail: str


class RunSaid(Said):
    """A run as it stands. `result_sha256` is what is approved; a held run has none and says why. `warnings` are no part of it."""

    run: str
    state: State
    held_because: str | None
    value_date: Day
    inputs_sha256: Digest
    result_sha256: Digest | None
    created_at: Instant
    created_by: str
    previewed_by: str | None
    approved_by: str | None
    warnings: list[WarningSaid]


class EventSaid(Said):
    """A step that was taken, by whose key and by which kept request."""

    number: int
    at: Instant
    step: str
    key_id: str | None
    evidence: UUID | None
    detail: str | None


class WholeRunSaid(RunSaid):
    """A run with its result, its history and its statements, which are there once it is frozen.

    `replays` says whether the kept inputs give the kept result again, byte by byte.
    """

    result: dict[str, Any] | None
    replays: bool
    events: list[EventSaid]
    statements: list[StatementSaid]


class InputsSaid(Said):
    """What a run was made of, sorted and without white space: these bytes have the SHA-256 that the result names. `docs/settlement.md`."""

    model_config = ConfigDict(frozen=True, extra="allow")
    windows: Annotated[list[Any], Field(description="number, code, lane, events of the log, root")]
    flows: Annotated[list[Any], Field(description="debtor, creditor, millionths")]
    contracts: Annotated[list[Any], Field(description="partner, version of its agreement, digest")]
    rates: dict[str, Any]
    terms: Annotated[list[Any], Field(description="partner, currency, basis points of interest, days of its year")]
    suspended: list[str]
    value_date: Day


class ListedSaid(Said):
    """A line of the list."""

    run: str
    state: State
    held_because: str | None
    result_sha256: Digest | None
    value_date: Day
    created_at: Instant


class RunsSaid(Said):
    """All runs, the newest first."""

    runs: list[ListedSaid]


class InstructionSaid(Said):
    """One payment. What goes out is `waiting` until all that comes in is settled; `differs` says what the bank says otherwise.

    `overdue`: a partner is to pay it, its day has passed and nobody has confirmed it. `accrued`: the interest booked for that, in
    millionths. `partner` is the payer or, where the house pays, the payee; `settles` is what is taken of what it owes, in millionths,
    and of a payment between partners `settles_of_payee` is what is taken of what the payee owes.
    """

    instruction: str
    partner: Code
    direction: Direction
    payer: Code
    payee: Code
    currency: Currency
    amount: str
    settles: Total
    settles_of_payee: Total | None
    value_date: Day
    overdue: bool
    accrued: Total
    state: Literal["waiting", "due", "differs", "rejected", "confirmed", "settled"]
    bank_reference: str | None
    booked_on: Day | None
    differs: str | None
    message: Annotated[
        Literal["first", "own"] | None,
        Field(
            description="which pain.001 carries it: the run's, or one of its own that `again` asks for; null: none (yet)"
        ),
    ]
    waits: Annotated[str | None, Field(description="why no bank can pay it now")]


class InstructionsSaid(Said):
    """All payments of a run."""

    run: str
    state: State
    instructions: list[InstructionSaid]


class ConfirmedSaid(Said):
    """What became of one confirmation."""

    instruction: str
    outcome: Literal["confirmed", "again", "differs", "unknown", "rejected", "pending"]
    differs: str | None


class ConfirmationsSaid(Said):
    """What became of each, and where the run is now. Of a bank's file also whether it is blocked, and so confirmed nothing, and why."""

    run: str
    state: State
    confirmations: list[ConfirmedSaid]
    blocked: bool = False
    findings: Annotated[list[str], Field(default_factory=list)]
    unknown: Annotated[int, Field(description="payments in the file that are not this run's")] = 0
