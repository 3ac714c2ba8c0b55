"""What the house and a partner have agreed: prices, fees, funding shares, cap and cover, channel rights, who bears a shortfall.

An agreement is one dated version. It is never edited: a later version takes its place from its own date on. Value is in millionths of the
common unit; windows contain their beginning and not their end.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from clearing.rules.lifecycle import Kind
from clearing.rules.refusals import Refusal, RefusalCode
from clearing.rules.units import AMOUNT_MAX, Ratio

HOUSE = "house"  # as a funder; no partner has this code in an agreement
PARTS = 1_000_000  # shares are parts per million
BASIS = 10_000  # basis points in one
DAY_COUNTS = {"ACT/360": 360, "ACT/365": 365}


class Bearer(StrEnum):
    """Who bears what a claw-back cannot take because the member has spent it."""

    PARTNER = "partner"
    """The partner of this agreement pays for it, where it asks for the claw-back of what it had paid, or was paid."""
    PROGRAM = "program"
    """The program that issued the points pays for it."""
    MEMBER_NEGATIVE = "member_negative"
    """The member: the program, which is of the partner of this agreement, takes the balance below zero."""
    REFUSE = "refuse"
    """Nobody: the claw-back is refused."""


BEARERS = (Bearer.PARTNER, Bearer.PROGRAM, Bearer.MEMBER_NEGATIVE)
"""Those that leave a claw-back to be done although the points are spent."""


@dataclass(frozen=True, slots=True)
class Worth:
    """What a program is paid for each unit it issues, and pays for each point that leaves it."""

    program: str
    issue: Ratio
    redeem: Ratio


@dataclass(frozen=True, slots=True)
class Fee:
    """What the house takes of an event of one kind: basis points of the debit, never below `minimum` nor above `maximum`."""

    kind: Kind
    basis_points: int
    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Share:
    """A funder's share in parts per million."""

    funder: str
    ppm: int


@dataclass(frozen=True, slots=True)
class Funding:
    """Who pays for the bonus of a campaign. The shares add up to a million."""

    campaign: str
    shares: tuple[Share, ...]


@dataclass(frozen=True, slots=True)
class Postpaid:
    """The partner may owe so much, on its word."""

    granted: int


@dataclass(frozen=True, slots=True)
class Prepaid:
    """The partner may owe this part of the cover that it has lodged."""

    of_cover: Ratio


Credit = Postpaid | Prepaid


@dataclass(frozen=True, slots=True)
class Right:
    """What the partner may do with another partner's program: this kind, through these channels (None: any)."""

    program: str
    kind: Kind
    channels: tuple[str, ...] | None


@dataclass(frozen=True, slots=True)
class LateInterest:
    """What the partner owes on what it pays late: basis points a year, by the actual days of a year of so many (`ACT/360`, `ACT/365`)."""

    basis_points: int
    day_count: str

    @property
    def year_days(self) -> int:
        """Days of the year that interest is reckoned with."""
        return DAY_COUNTS[self.day_count]


@dataclass(frozen=True, slots=True)
class Agreement:
    """One version of what the house and a partner have agreed. `notice_days` is the notice that it promises for the version after it.

    Where it says no currency of payment, or no interest on late payments, the draft of a settlement run may say it.
    """

    partner: str
    version: int
    valid_from: datetime
    valid_to: datetime | None
    announced_at: datetime
    notice_days: int
    prices: tuple[Worth, ...]
    fees: tuple[Fee, ...]
    funding: tuple[Funding, ...]
    credit: Credit
    low_water: int
    rights: tuple[Right, ...]
    shortfall: Bearer
    payout_currency: str | None = None
    late_interest: LateInterest | None = None

    def worth(self, program: str) -> Worth | None:
        """The price of this program, if the agreement has one."""
        return next((worth for worth in self.prices if worth.program == program), None)


@dataclass(frozen=True, slots=True)
class Alert:
    """The room that is left is below the low water."""

    left: int
    low_water: int


@dataclass(frozen=True, slots=True)
class Change:
    """What differs between two versions: a place in the agreement, what was there, what will be. None: nothing."""

    path: str
    before: str | int | None
    after: str | int | None


def in_force(agreements: Iterable[Agreement], at: datetime) -> Agreement | None:
    """The version that began last, unless it has ended: an older one does not come back."""
    begun = [agreement for agreement in agreements if agreement.valid_from <= at]
    last = max(begun, key=lambda agreement: agreement.valid_from, default=None)
    return None if last is None or (last.valid_to is not None and last.valid_to <= at) else last


# --- cap and cover


def room(credit: Credit, cover: int) -> int:
    """The net debit cap: what was granted, or the agreed part of the cover, rounded down, at most what travels exactly."""
    if isinstance(credit, Postpaid):
        return credit.granted
    return min(credit.of_cover.floor(max(cover, 0)), AMOUNT_MAX)


def alert(position: int, pending: int, granted: int, low_water: int) -> Alert | None:
    """An alert when less than `low_water` is left of the cap; exactly the low water is no alert."""
    left = granted - position - pending
    return Alert(left, low_water) if left < low_water else None


# --- fees, funding, rights


def fee_of(agreement: Agreement, kind: Kind, debit: int) -> int:
    """The house's fee for an event of this kind, rounded up to a whole millionth, then held between its bounds; no fee agreed: 0."""
    for fee in agreement.fees:
        if fee.kind is kind:
            return min(max(Ratio(fee.basis_points, BASIS).ceil(debit), fee.minimum), fee.maximum)
    return 0


def funding_of(agreements: Mapping[str, Agreement], campaign: str) -> Funding | Refusal:
    """Who pays for this campaign, out of the agreements in force by partner. Nobody is bound by another's agreement:

    each partner among the funders must have agreed to exactly these shares, or the bonus is refused as `unfunded_value`.
    """
    said = [one for name in sorted(agreements) for one in agreements[name].funding if one.campaign == campaign]
    if not said:
        return Refusal(RefusalCode.UNFUNDED_VALUE, f"nobody has agreed to fund the campaign {campaign}")
    for share in said[0].shares:
        agreement = agreements.get(share.funder)
        if share.funder != HOUSE and (agreement is None or said[0] not in agreement.funding):
            return Refusal(RefusalCode.UNFUNDED_VALUE, f"{share.funder} has not agreed to its share of {campaign}")
    return said[0]


def may(agreement: Agreement, program: str, kind: Kind, channel: str | None) -> bool:
    """Whether the partner may do this with another partner's program; without a channel only where any channel will do."""
    return any(
        right.program == program and right.kind is kind and (right.channels is None or channel in right.channels)
        for right in agreement.rights
    )


def bearer_of(asks: Agreement | None, program: Agreement | None, *, below_zero: bool) -> Bearer | None:
    """Who bears what the claw-back of the partner that asks cannot take at a program; None: nobody, it is refused.

    Nobody is bound by another's agreement: members by that of the program's partner, if it takes balances below zero; the partner that
    asks by its own; the program only where both say so.
    """
    mine, theirs = (Bearer.REFUSE if one is None else one.shortfall for one in (asks, program))
    if theirs is Bearer.MEMBER_NEGATIVE and below_zero:
        return theirs
    if mine is Bearer.PARTNER or mine is theirs is Bearer.PROGRAM:
        return mine
    return None


# --- what changes


def changes(before: Agreement | None, after: Agreement) -> tuple[Change, ...]:
    """Everything that differs between two versions, by place; with no version before, everything that is agreed."""
    was, will = {} if before is None else _terms(before), _terms(after)
    places = sorted(was.keys() | will.keys())
    return tuple([Change(path, was.get(path), will.get(path)) for path in places if was.get(path) != will.get(path)])


def _terms(agreement: Agreement) -> dict[str, str | int | None]:
    """All that is agreed, each place by name."""
    said: dict[str, str | int | None] = {
        "valid_to": None if agreement.valid_to is None else agreement.valid_to.isoformat().replace("+00:00", "Z"),
        "notice_days": agreement.notice_days,
        "low_water": agreement.low_water,
        "shortfall": agreement.shortfall,
    }
    if agreement.payout_currency is not None:
        said["payout_currency"] = agreement.payout_currency
    if agreement.late_interest is not None:
        said["late_interest.basis_points"] = agreement.late_interest.basis_points
        said["late_interest.day_count"] = agreement.late_interest.day_count
    for worth in agreement.prices:
        said[f"prices.{worth.program}.issue"] = f"{worth.issue.num}/{worth.issue.den}"
        said[f"prices.{worth.program}.redeem"] = f"{worth.redeem.num}/{worth.redeem.den}"
    for fee in agreement.fees:
        said[f"fees.{fee.kind}.basis_points"] = fee.basis_points
        said[f"fees.{fee.kind}.minimum"] = fee.minimum
        said[f"fees.{fee.kind}.maximum"] = fee.maximum
    for funding in agreement.funding:
        said |= {f"funding.{funding.campaign}.{share.funder}": share.ppm for share in funding.shares}
    if isinstance(agreement.credit, Postpaid):
        said["cap.postpaid.granted"] = agreement.credit.granted
    else:
        said["cap.prepaid.of_cover"] = f"{agreement.credit.of_cover.num}/{agreement.credit.of_cover.den}"
    for right in agreement.rights:
        said[f"rights.{right.program}.{right.kind}"] = "any" if right.channels is None else ",".join(right.channels)
    return said
