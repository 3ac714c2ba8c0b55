"""Members and links: how old is old enough, whom a program lets link, what a consent covers, one card per account."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from uuid import UUID

from clearing.rules.refusals import Refusal, RefusalCode

DAY = timedelta(days=1)


class Side(StrEnum):
    """The two ends of a link: points leave the source and arrive at the target."""

    SOURCE = "source"
    TARGET = "target"


class Scope(StrEnum):
    """What a member lets others do with the points of the source."""

    EXCHANGE = "exchange"
    REDEMPTION = "redemption"
    ACCRUAL = "accrual"


class Ended(StrEnum):
    """Why a link is no more."""

    UNLINKED = "unlinked"
    """Somebody who may took it apart."""
    ACCOUNT_CLOSED = "account_closed"
    """A program reported that one of its accounts is closed."""
    ACCOUNT_ERASED = "account_erased"
    """One of the members asked to be forgotten."""
    ALREADY_LINKED = "already_linked"
    """Its account was merged into one that has this link, or the one card that it may have."""


@dataclass(frozen=True, slots=True)
class Consent:
    """A member's word that others may move points of the source, signed by the partner of the source's program.

    `channels` are the codes of the partners through whom; `evidence_id` is the signed request that said so.
    """

    scope: tuple[str, ...]
    channels: tuple[str, ...]
    partner: str
    key_id: str
    evidence_id: UUID
    given_at: datetime
    withdrawn_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Link:
    """Two accounts of one member in two programs. `consent` is the latest that was given, whether or not it still holds."""

    lane: int
    link: UUID
    source_program: str
    source_account: UUID
    target_program: str
    target_account: UUID
    one_card: bool  # the rule of this pair of programs when the link was made
    linked_at: datetime
    moved_at: datetime | None = None
    ended_at: datetime | None = None
    ended_reason: str | None = None
    consent: Consent | None = None

    @property
    def live(self) -> bool:
        """Whether it has not ended."""
        return self.ended_at is None

    def across(self, account: UUID) -> tuple[str, UUID]:
        """Program and account at the other end, seen from `account`."""
        if account == self.source_account:
            return self.target_program, self.target_account
        return self.source_program, self.source_account

    def covers(self, scope: Scope, channel: str) -> bool:
        """Whether `channel` may do this now: the link lives, and so does a consent that names both."""
        consent = self.consent
        if not self.live or consent is None or consent.withdrawn_at is not None:
            return False
        return scope in consent.scope and channel in consent.channels


# --- age


def whole_days(since: datetime, at: datetime) -> int:
    """How many whole days have passed; below zero while `since` is still to come."""
    return (at - since) // DAY


def fits_from(since: datetime, days: int) -> datetime:
    """The first instant at which `whole_days(since, at) >= days`."""
    return since + days * DAY


def age_refusal(code: RefusalCode, what: str, since: datetime, days: int, at: datetime) -> Refusal | None:
    """Refuse with `code` what is younger than so many days, and say from when on it will fit."""
    if whole_days(since, at) >= days:
        return None
    then = fits_from(since, days)
    return Refusal(code, f"{what} must be {days} days old, which it is from {then.isoformat()} on", fits_from=then)


# --- linking


def member_refusal(status: str, name_match: str | None) -> Refusal | None:
    """Whether a program's word on its member stands against a link. In order: unknown, not active, another name."""
    if status == "unknown":
        return Refusal(RefusalCode.MEMBER_UNKNOWN, "the program knows no such member")
    if status != "active":
        return Refusal(RefusalCode.MEMBER_NOT_ACTIVE, "the program says that this account is frozen or closed")
    if name_match == "mismatch":
        return Refusal(RefusalCode.NAME_MISMATCH, "the program says that the name does not match")
    return None


def card_refusal(wanted: Link, live: Iterable[Link]) -> Refusal | None:
    """Whether one end of a link that is wanted has its one card already, among the live links of both ends.

    A link that was made under the rule keeps to it when the rule is gone.
    """
    known = [link for link in live if wanted.one_card or link.one_card]
    ends = (
        (Side.SOURCE, wanted.source_account, wanted.target_program, wanted.target_account),
        (Side.TARGET, wanted.target_account, wanted.source_program, wanted.source_account),
    )
    for side, account, program, other in ends:
        if any(is_other_card(link, account, program, other) for link in known):
            detail = f"the {side} account is linked to another account of {program}, and may have one"
            return Refusal(RefusalCode.ALREADY_LINKED, detail, side=side)
    return None


def is_other_card(link: Link, account: UUID, program: str, but: UUID) -> bool:
    """Whether this link ties `account` to an account of `program` other than `but`."""
    if account not in (link.source_account, link.target_account):
        return False
    there, other = link.across(account)
    return there == program and other != but


def fate_in_merger(link: Link, gone: UUID, into: UUID, held: Iterable[Link]) -> Ended | None:
    """What becomes of a live link of `gone`, merged into `into` that has the live links `held`: None moves it, else it ends.

    It ends if the surviving account has the same link, or under one-card-per-account a card of that program already.
    """
    program, other = link.across(gone)
    outward = link.source_account == gone
    for known in held:
        if known.across(into) == (program, other) and (known.source_account == into) == outward:
            return Ended.ALREADY_LINKED
        if (link.one_card or known.one_card) and is_other_card(known, into, program, other):
            return Ended.ALREADY_LINKED
    return None


# --- quoting


def consent_refusal(link: Link | None, caller: str, parties: frozenset[str]) -> Refusal | None:
    """Whether `caller`, who does not sign for the source, may exchange this member's points.

    Who was never named learns nothing of a consent: `not_your_member`. A party of the link, and whoever was named, is told that the
    consent is withdrawn, of another scope, or for other channels: `consent_missing`.
    """
    if link is None or link.consent is None or caller not in parties | {*link.consent.channels}:
        return Refusal(RefusalCode.NOT_YOUR_MEMBER, "the source account is not of a program of yours", side=Side.SOURCE)
    if not link.covers(Scope.EXCHANGE, caller):
        detail = "the member's consent does not cover exchanges through you, was withdrawn, or ended with the link"
        return Refusal(RefusalCode.CONSENT_MISSING, detail, side=Side.SOURCE)
    return None


def spending_refusal(links: Iterable[Link], account: UUID, caller: str) -> Refusal | None:
    """Whether `caller`, who does not sign for the program, may have this member's points spent at it.

    Asked only of those whom the program granted a channel. Any live link of the account may carry the consent.
    """
    if any(link.source_account == account and link.covers(Scope.REDEMPTION, caller) for link in links):
        return None
    detail = "no consent of the member covers redemptions through you"
    return Refusal(RefusalCode.CONSENT_MISSING, detail, side=Side.SOURCE)


def stands_refusal(
    links: Iterable[Link], ends: tuple[UUID | None, UUID | None], scope: Scope | None, caller: str
) -> Refusal | None:
    """Whether the consent by which `caller` was given a price has gone since: withdrawn, replaced, or ended with its link."""
    source, target = ends
    known = [link for link in links if link.source_account == source and target in {None, link.target_account}]
    if scope is None or any(link.covers(scope, caller) for link in known):
        return None
    return Refusal(RefusalCode.CONSENT_MISSING, "the member's consent has ended since", side=Side.SOURCE)


def link_refusal(link: Link | None, days: int, at: datetime) -> Refusal | None:
    """Whether the link is there, and as old as a rule wants. Asked only where a program has a rule of links."""
    if link is None or not link.live:
        return Refusal(RefusalCode.NOT_LINKED, "the two accounts are not linked, and one of the programs wants that")
    return age_refusal(RefusalCode.LINK_TOO_NEW, "the link", link.linked_at, days, at)
